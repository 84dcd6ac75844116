package e2e

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"waybill/infra/dynamolocal/testtable"
	"waybill/infra/local"
	"waybill/infra/outbox"
	"waybill/shared/notice"
)

// sent are the messages of an event to somebody, the oldest first.
func (s shop) sent(event, to string) []outbox.Item {
	var out []outbox.Item
	for _, i := range s.Outbox().Items(10_000) {
		if i.Event == event && i.To == to {
			out = append(out, i)
		}
	}
	slices.Reverse(out)
	return out
}

// A buyer is a shop's customer who can be reached, and has something to buy.
type buyer struct{ mail, phone, sku string }

// buyer gives the shop another customer, the nth, with goods of their own.
func (s *shop) buyer(t testing.TB, n int, more obj) buyer {
	t.Helper()
	b := buyer{fmt.Sprintf("claire%d@example.com", n), fmt.Sprintf("+1415555267%d", n), fmt.Sprintf("MUG-%d", n)}
	c := obj{"name": "Claire Gute", "email": b.mail, "phone": b.phone, "shipping_address": obj{"name": "Claire Gute", "line1": "1 Secret Street", "city": "Henderson"}}
	for k, v := range more {
		c[k] = v
	}
	s.customer = str(s.manager.post("/v1/customers", c).want(t, 201)["id"])
	s.product(t, b.sku, obj{})
	s.receive(t, b.sku, "MAIN", 10)
	return b
}

func (s shop) waitFor(t testing.TB, event, to string, n int) []outbox.Item {
	t.Helper()
	eventually(t, event+" to "+to, n, func() int { return len(s.sent(event, to)) })
	return s.sent(event, to)
}

var trackLink = regexp.MustCompile(`http://\S+?/v1/track/([0-9A-Za-z]+)`)

// One system for all of these: DynamoDB Local slows down with each table that has a stream.
func TestWhatHappensIsTold(t *testing.T) {
	t.Parallel()
	r := newReceiver(t)
	s := furnish(t, startDriven(t, func(c *local.Config) { c.Outbox.Webhooks = []string{strings.TrimPrefix(r.URL, "http://")} }), nil)
	t.Run("all", func(t *testing.T) {
		t.Run("AnOrdersLifeToItsCustomerAndToStaff", func(t *testing.T) { t.Parallel(); anOrdersLife(t, s) })
		t.Run("WrongRevokedAndGuessedLinksAreTheSame404", func(t *testing.T) { t.Parallel(); wrongLinks(t, s) })
		t.Run("NotWhoOptedOutBehindTheLinkInAMail", func(t *testing.T) { t.Parallel(); optingOut(t, s) })
		t.Run("AnEndpointSignedAndInOrder", func(t *testing.T) { t.Parallel(); anEndpoint(t, s, r) })
		t.Run("ThoughARecordIsPoisoned", func(t *testing.T) { t.Parallel(); aPoisonedRecord(t, s) })
	})
}

func anOrdersLife(t *testing.T, s shop) {
	b := s.buyer(t, 1, obj{"locale": "zh-CN"})
	sally := s.as(t, "sales", "")
	o := sally.post("/v1/orders", s.order(b.sku, 2)).want(t, 201)
	id, number := str(o["id"]), str(o["number"])

	mail := s.waitFor(t, "order.confirmed", b.mail, 1)[0]
	sms := s.waitFor(t, "order.confirmed", b.phone, 1)[0]
	if mail.Channel != "email" || mail.OrderID != id || !strings.Contains(mail.Text, number) || !strings.Contains(mail.HTML, number) || !strings.Contains(mail.Subject, number) {
		t.Errorf("the mail is %+v", mail)
	}
	if !regexp.MustCompile(`\p{Han}`).MatchString(mail.Subject) {
		t.Errorf("a Chinese customer reads %s", mail.Subject)
	}
	if sms.Channel != "sms" || sms.Parts != 1 || utf8.RuneCountInString(sms.Text) > 70 || !strings.Contains(sms.Text, number) {
		t.Errorf("the SMS is %+v", sms)
	}

	link := trackLink.FindStringSubmatch(mail.Text)
	if link == nil {
		t.Fatalf("the mail has no link: %s", mail.Text)
	}
	anybody := actor{t: t, url: s.URL()}
	page := anybody.get("/v1/track/" + link[1])
	seen := page.want(t, 200)
	if seen["number"] != number || seen["first_name"] != "Claire" || seen["city"] != "Henderson" || num(t, seen["balance"]) != 3998 || seen["pay_url"] == nil {
		t.Errorf("tracking shows %s", page.raw)
	}
	for _, secret := range []string{"Gute", "Secret", "claire@", b.phone[2:]} {
		html := anybody.do("GET", "/v1/track/"+link[1], nil, "Accept", "text/html")
		if bytes.Contains(page.raw, []byte(secret)) || html.status != 200 || bytes.Contains(html.raw, []byte(secret)) {
			t.Errorf("whoever has the link learns %s", secret)
		}
	}
	if again := anybody.do("GET", "/v1/track/"+link[1], nil, "If-None-Match", page.etag()); again.status != 304 {
		t.Errorf("asking again is a %d", again.status)
	}
	noFollow := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	short := regexp.MustCompile(`/t/[0-9A-Za-z]+`).FindString(sms.Text)
	to, err := noFollow.Get(s.URL() + short)
	if err != nil {
		t.Fatal(err)
	}
	to.Body.Close()
	if to.StatusCode != http.StatusFound || !strings.HasSuffix(to.Header.Get("Location"), "/v1/track/"+link[1]) {
		t.Errorf("%s leads with %d to %s", short, to.StatusCode, to.Header.Get("Location"))
	}
	pay, err := noFollow.Post(s.URL()+"/v1/track/"+link[1]+"/pay", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	pay.Body.Close()
	if pay.StatusCode != http.StatusSeeOther || !strings.Contains(pay.Header.Get("Location"), "/dev/stripe/") {
		t.Errorf("paying leads with %d to %s", pay.StatusCode, pay.Header.Get("Location"))
	}

	s.as(t, "finance", "").post("/v1/orders/"+id+"/payments", obj{"method": "bank_transfer", "amount": 3998}).want(t, 201)
	s.waitFor(t, "payment.received", b.mail, 1)
	staff := s.waitFor(t, "payment.received", "role:warehouse", 1)[0]
	if !strings.Contains(staff.Subject, number) || strings.Contains(staff.Text, "39.98") || strings.Contains(staff.Text, "19.99") || staff.HTML != "" {
		t.Errorf("the warehouse reads %s", staff.Text)
	}
	s.as(t, "warehouse", "").post("/v1/orders/"+id+"/shipments", obj{"lines": []obj{{"sku": b.sku, "quantity": 2}}, "carrier": "DHL", "tracking_number": "00340434161094042557"}).want(t, 201)
	shipped := s.waitFor(t, "shipment.created", b.mail, 1)[0]
	if !strings.Contains(shipped.Text, "00340434161094042557") {
		t.Errorf("the customer can't follow the parcel: %s", shipped.Text)
	}
	s.waitFor(t, "shipment.created", b.phone, 1)

	feed := s.as(t, "warehouse", "").get("/v1/notifications").want(t, 200)
	if num(t, feed["unread"]) < 1 {
		t.Errorf("the warehouse's feed is %v", feed)
	}
	list := sally.get("/v1/orders/"+id+"/notifications").want(t, 200)
	if items, _ := list["items"].([]any); len(items) < 6 {
		t.Errorf("the order's messages are %v", list)
	}
	events := s.manager.get("/v1/orders/"+id+"/events").want(t, 200)
	eventually(t, "every event published", 0, func() int { return s.unpublished(t, len(events["items"].([]any)), id) })
}

// unpublished counts an order's events without a mark of publication.
func (s shop) unpublished(t testing.TB, n int, orderID string) (left int) {
	t.Helper()
	client := testtable.Client(t, nil)
	out, err := client.Query(t.Context(), &dynamodb.QueryInput{
		TableName: &s.table, KeyConditionExpression: aws.String("pk = :pk AND begins_with(sk, :sk)"),
		ExpressionAttributeValues: map[string]types.AttributeValue{
			":pk": &types.AttributeValueMemberS{Value: "ORDER#" + orderID}, ":sk": &types.AttributeValueMemberS{Value: "EVENT#"},
		},
	})
	if err != nil || len(out.Items) != n {
		t.Fatalf("%d events, want %d, %v", len(out.Items), n, err)
	}
	for _, i := range out.Items {
		if i["published"] == nil {
			left++
		}
	}
	return left
}

func wrongLinks(t *testing.T, s shop) {
	b := s.buyer(t, 2, nil)
	o := s.manager.post("/v1/orders", s.order(b.sku, 1)).want(t, 201)
	path := "/v1/orders/" + str(o["id"]) + "/tracking"
	mail := s.waitFor(t, "order.confirmed", b.mail, 1)[0]
	old := trackLink.FindStringSubmatch(mail.Text)[1]
	renewed := s.manager.post(path, nil).want(t, 201)
	anybody := actor{t: t, url: s.URL()}
	anybody.get("/v1/track/"+str(renewed["token"])).want(t, 200)
	s.manager.do("DELETE", path, nil).want(t, 204)
	var bodies []string
	for _, token := range []string{old, str(renewed["token"]), "0000000000000000", "x", strings.Repeat("A", 200), url.PathEscape("ORDER#" + str(o["id"]))} {
		for _, accept := range []string{"application/json", "text/html"} {
			r := anybody.do("GET", "/v1/track/"+token, nil, "Accept", accept)
			r.refused(t, 404, "not_found")
			bodies = append(bodies, regexp.MustCompile(`"instance":"[^"]*"|"request_id":"[^"]*"`).ReplaceAllString(string(r.raw), ""))
		}
	}
	if slices.Sort(bodies); bodies[0] != bodies[len(bodies)-1] {
		t.Errorf("they differ: %s, %s", bodies[0], bodies[len(bodies)-1])
	}
}

func optingOut(t *testing.T, s shop) {
	b := s.buyer(t, 3, nil)
	s.manager.post("/v1/orders", s.order(b.sku, 1)).want(t, 201)
	mail := s.waitFor(t, "order.confirmed", b.mail, 1)[0]
	if !strings.Contains(mail.HTML, mail.Unsubscribe) || mail.Unsubscribe == "" {
		t.Fatalf("no way out of %+v", mail)
	}
	if r, err := http.Get(mail.Unsubscribe); err != nil || r.StatusCode != http.StatusOK {
		t.Fatalf("the page: %v, %v", r, err)
	}
	var form bytes.Buffer
	parts := multipart.NewWriter(&form)
	if err := errors.Join(parts.WriteField("List-Unsubscribe", "One-Click"), parts.Close()); err != nil {
		t.Fatal(err)
	}
	r, err := http.Post(mail.Unsubscribe, parts.FormDataContentType(), &form)
	if err != nil || r.StatusCode != http.StatusOK {
		t.Fatalf("one click: %v, %v", r, err)
	}
	o := s.manager.post("/v1/orders", s.order(b.sku, 1)).want(t, 201)
	s.waitFor(t, "order.confirmed", b.phone, 2)
	if n := len(s.sent("order.confirmed", b.mail)); n != 1 {
		t.Errorf("%d mails to a customer who wants none", n)
	}
	eventually(t, "why there is no mail", "skipped opted_out", func() string {
		for _, i := range s.manager.get("/v1/orders/"+str(o["id"])+"/notifications").want(t, 200)["items"].([]any) {
			if i := i.(obj); i["channel"] == "email" {
				return str(i["status"]) + " " + str(i["reason"])
			}
		}
		return ""
	})
}

// A receiver takes webhooks and notes which event of which subject came, and whether it was signed.
type receiver struct {
	*httptest.Server
	secret atomic.Value
	down   atomic.Bool

	mu   sync.Mutex
	seqs map[string][]int64
	bad  int
}

func newReceiver(t testing.TB) *receiver {
	t.Helper()
	r := &receiver{seqs: map[string][]int64{}}
	r.secret.Store("")
	r.Server = httptest.NewServer(http.HandlerFunc(r.take))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) take(w http.ResponseWriter, q *http.Request) {
	if r.down.Load() {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	raw, _ := io.ReadAll(q.Body)
	key, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(r.secret.Load().(string), "whsec_"))
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "%s.%s.%s", q.Header.Get("webhook-id"), q.Header.Get("webhook-timestamp"), raw)
	var body struct {
		Type string
		Data struct {
			Subject string
			Seq     int64
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := json.Unmarshal(raw, &body); err != nil || q.Header.Get("webhook-signature") != "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)) || body.Data.Subject == "" {
		r.bad++
		return
	}
	r.seqs[body.Data.Subject] = append(r.seqs[body.Data.Subject], body.Data.Seq)
}

func (r *receiver) got(subject string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return fmt.Sprint(r.seqs[subject])
}

func anEndpoint(t *testing.T, s shop, r *receiver) {
	b := s.buyer(t, 4, nil)
	e := s.manager.post("/v1/webhook-endpoints", obj{"url": r.URL + "/hook", "types": []string{"order.*"}}).want(t, 201)
	r.secret.Store(str(e["secret"]))
	if listed := s.manager.get("/v1/webhook-endpoints"); strings.Contains(string(listed.raw), "whsec_") {
		t.Errorf("the list has a secret: %s", listed.raw)
	}
	o := s.manager.post("/v1/orders", s.order(b.sku, 1)).want(t, 201)
	id := str(o["id"])
	for _, action := range []string{"hold", "release"} {
		body := obj{}
		if action == "hold" {
			body["reason"] = "call first"
		}
		s.manager.post("/v1/orders/"+id+"/"+action, body).want(t, 200)
	}
	s.manager.post("/v1/orders/"+id+"/cancel", obj{}).want(t, 200)
	version := num(t, s.manager.get("/v1/orders/"+id).want(t, 200)["version"])
	var want []int64
	for n := range version {
		want = append(want, n+1)
	}
	eventually(t, "the order's events", fmt.Sprint(want), func() string { return r.got("order/" + id) })
	if r.bad > 0 {
		t.Errorf("%d were badly signed", r.bad)
	}
	var attempts []any
	for _, a := range s.manager.get("/v1/webhook-endpoints/"+str(e["id"])+"/attempts?limit=100").want(t, 200)["items"].([]any) {
		if a.(obj)["subject"] == "order/"+id {
			attempts = append(attempts, a)
		}
	}
	if len(attempts) != len(want) {
		t.Errorf("%d attempts are logged, want %d", len(attempts), len(want))
	}
	again := s.manager.post("/v1/webhook-endpoints/"+str(e["id"])+"/redeliver", obj{"attempt": attempts[0].(obj)["id"]}).want(t, 200)
	if again["ok"] != true {
		t.Errorf("sent once more: %v", again)
	}
	s.as(t, "sales", "").get("/v1/webhook-endpoints").refused(t, 403, "forbidden")
}

func TestAnEndpointThatIsNoPublicAddressIsRefused(t *testing.T) {
	t.Parallel()
	s := start(t)
	m := s.as(t, "manager", "")
	for _, target := range []string{
		"https://127.0.0.1/", "https://169.254.169.254/latest/meta-data", "https://[::1]/", "https://localhost/", "https://10.0.0.1/", "https://192.168.1.1/",
		"https://[::ffff:127.0.0.1]/", "https://0.0.0.0/", "https://2130706433/", "https://0x7f.1/", "https://[fd00::1]/", "https://100.64.0.1/", "http://example.com/",
	} {
		if r := m.post("/v1/webhook-endpoints", obj{"url": target}); r.status != 422 {
			t.Errorf("%s is a %d: %s", target, r.status, r.raw)
		}
	}
	if items := m.get("/v1/webhook-endpoints").want(t, 200)["items"].([]any); len(items) != 0 {
		t.Errorf("there are %v", items)
	}
}

func TestWhatASenderRefusesIsADeadLetterThatCanBeSentAgain(t *testing.T) {
	t.Parallel()
	var refusing, hanging atomic.Bool
	refusing.Store(true)
	s := furnish(t, startDriven(t, func(c *local.Config) {
		c.Outbox.Intercept = func(_ context.Context, m notice.Message) error {
			switch {
			case m.Channel == notice.SMS && refusing.Load():
				return &notice.Refusal{Reason: "the number is no mobile phone's", Final: true}
			case m.Channel == notice.Email && hanging.Load():
				return context.DeadlineExceeded
			}
			return nil
		}
	}), nil)
	b := s.buyer(t, 6, nil)
	letters := func() []any { return s.manager.get("/v1/dead-letters").want(t, 200)["items"].([]any) }
	o := s.manager.post("/v1/orders", s.order(b.sku, 1)).want(t, 201)
	eventually(t, "dead letters", 1, func() int { return len(letters()) })
	letter := letters()[0].(obj)
	if letter["source"] != "notify" || letter["order_id"] != o["id"] || !strings.Contains(str(letter["reason"]), "no mobile") || strings.Contains(fmt.Sprint(letter), b.phone[2:]) {
		t.Errorf("the letter is %v", letter)
	}
	refusing.Store(false)
	done := s.manager.post("/v1/dead-letters", obj{"action": "send_again", "ids": []any{letter["id"]}}).want(t, 200)
	if state := done["items"].([]any)[0].(obj)["state"]; state != "sent_again" {
		t.Errorf("it is %v", state)
	}

	hanging.Store(true)
	s.manager.post("/v1/orders", s.order(b.sku, 1)).want(t, 201)
	eventually(t, "a letter of what may have been sent", "true", func() string {
		for _, l := range letters() {
			if l.(obj)["unknown"] == true {
				return "true"
			}
		}
		return ""
	})
	hanging.Store(false)
	s.manager.post("/v1/dead-letters", obj{"action": "send_again", "all": true}).want(t, 200)
	for _, l := range letters() {
		if l.(obj)["unknown"] != true {
			t.Errorf("not sent again: %v", l)
		}
	}
	s.as(t, "finance", "").get("/v1/dead-letters").refused(t, 403, "forbidden")
	s.manager.post("/v1/dead-letters", obj{"action": "discard", "all": true}).refused(t, 422, "rejected")
}

func aPoisonedRecord(t *testing.T, s shop) {
	b := s.buyer(t, 5, nil)
	client := testtable.Client(t, nil)
	if _, err := client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &s.table, Item: map[string]types.AttributeValue{
		"pk": &types.AttributeValueMemberS{Value: "ORDER#POISON"}, "sk": &types.AttributeValueMemberS{Value: "EVENT#0000000001"},
		"at": &types.AttributeValueMemberS{Value: "no time"}, "data": &types.AttributeValueMemberS{Value: "no data"},
	}}); err != nil {
		t.Fatal(err)
	}
	s.manager.post("/v1/orders", s.order(b.sku, 1)).want(t, 201)
	s.waitFor(t, "order.confirmed", b.mail, 1)
	eventually(t, "dead letters", 1, func() int { return len(s.manager.get("/v1/dead-letters").want(t, 200)["items"].([]any)) })
	letter := s.manager.get("/v1/dead-letters").want(t, 200)["items"].([]any)[0].(obj)
	if letter["source"] != "publish" || !strings.Contains(str(letter["reason"]), "decode") {
		t.Errorf("the letter is %v", letter)
	}
}
