package stripe_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"waybill/infra/stripe"
	"waybill/shared/payment"
	"waybill/shared/stripepay"
)

const secret = "whsec_test"

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// A shop is a stand-in with a webhook that verifies what it is sent.
type shop struct {
	*stripe.Server
	t    *testing.T
	api  *httptest.Server
	hook *httptest.Server

	mu   sync.Mutex
	now  time.Time
	next []int // statuses that the webhook answers with, and then 200
	got  []payment.StripeEvent
	bad  []error
}

func open(t *testing.T, change func(*shop, *stripe.Config)) *shop {
	t.Helper()
	s := &shop{t: t, now: noon}
	s.hook = httptest.NewServer(http.HandlerFunc(s.receive))
	t.Cleanup(s.hook.Close)
	cfg := stripe.Config{
		Key: "sk_test_x", WebhookSecret: secret, WebhookURL: func() string { return s.hook.URL }, URL: "http://shop.test",
		Now: s.clock, Backoff: []time.Duration{time.Millisecond}, Late: 20 * time.Millisecond,
	}
	if change != nil {
		change(s, &cfg)
	}
	server, err := stripe.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	s.Server, s.api = server, httptest.NewServer(server.API())
	t.Cleanup(s.api.Close)
	return s
}

func (s *shop) clock() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

func (s *shop) set(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = now
}

func (s *shop) receive(w http.ResponseWriter, r *http.Request) {
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	e, err := stripepay.Verify(raw, r.Header.Get("Stripe-Signature"), []string{secret}, s.clock())
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil || e.APIVersion != stripe.APIVersion {
		s.bad = append(s.bad, fmt.Errorf("%s: %w", raw, err))
	}
	s.got = append(s.got, e)
	status := http.StatusOK
	if len(s.next) > 0 {
		status, s.next = s.next[0], s.next[1:]
	}
	w.WriteHeader(status)
}

// types are the types of what the webhook was sent since it was last asked.
func (s *shop) types() []string {
	s.t.Helper()
	if err := s.Idle(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, err := range s.bad {
		s.t.Error(err)
	}
	var found []string
	for _, e := range s.got {
		found = append(found, e.Type)
	}
	s.got = nil
	return found
}

func (s *shop) expect(doing string, want ...string) {
	s.t.Helper()
	if got := s.types(); !slices.Equal(got, want) {
		s.t.Errorf("%s:\n%v, want\n%v", doing, got, want)
	}
}

type object map[string]any

// call asks the API with the form "a=1&b=2" and returns the status with the answer.
func (s *shop) call(method, path, key, form string) (int, object) {
	s.t.Helper()
	if method == http.MethodGet && form != "" {
		path, form = path+"?"+form, ""
	}
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.api.URL+path, strings.NewReader(form))
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer sk_test_x")
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if key != "" {
		r.Header.Set("Idempotency-Key", key)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, nil
	}
	defer answer.Body.Close()
	var o object
	if err := json.NewDecoder(answer.Body).Decode(&o); err != nil {
		s.t.Fatal(err)
	}
	return answer.StatusCode, o
}

func (s *shop) post(path, form string) object {
	s.t.Helper()
	status, o := s.call(http.MethodPost, path, "", form)
	if status != http.StatusOK {
		s.t.Fatalf("POST %s: %d %v", path, status, o)
	}
	return o
}

func (s *shop) get(path string) object {
	s.t.Helper()
	status, o := s.call(http.MethodGet, path, "", "")
	if status != http.StatusOK {
		s.t.Fatalf("GET %s: %d %v", path, status, o)
	}
	return o
}

// refuses asks for what must fail with a code.
func (s *shop) refuses(path, form string, status int, code string) {
	s.t.Helper()
	got, o := s.call(http.MethodPost, path, "", form)
	problem, _ := o["error"].(map[string]any)
	said, _ := problem["code"].(string)
	if got != status || said != code {
		s.t.Errorf("POST %s: %d %v, want %d %s", path, got, o, status, code)
	}
}

func (s *shop) do(o, action string) {
	s.t.Helper()
	if _, err := s.Do(o, action, 0, stripe.Now); err != nil {
		s.t.Fatalf("%s %s: %v", action, o, err)
	}
}

func (s *shop) cannot(o, action string) {
	s.t.Helper()
	before := len(s.Events())
	if _, err := s.Do(o, action, 0, stripe.Now); err == nil {
		s.t.Errorf("%s %s was possible", action, o)
	}
	if len(s.Events()) != before {
		s.t.Errorf("%s %s was refused and made events", action, o)
	}
}

func (o object) id() string           { return o["id"].(string) }
func (o object) has(want object) bool { return reflect.DeepEqual(o.only(want), want) }
func (o object) only(names object) object {
	found := object{}
	for name := range names {
		found[name] = o[name]
	}
	return found
}

func (s *shop) is(path string, want object) {
	s.t.Helper()
	if o := s.get(path); !o.has(want) {
		s.t.Errorf("%s is %v, want %v", path, o.only(want), want)
	}
}

const sessions, intents, refunds = "/v1/checkout/sessions", "/v1/payment_intents", "/v1/refunds"

func sessionForm(more string) string {
	return url.Values{
		"mode": {"payment"}, "success_url": {"http://shop.test/paid?s={CHECKOUT_SESSION_ID}"}, "cancel_url": {"http://shop.test/left"},
		"expires_at":                                    {fmt.Sprint(noon.Add(time.Hour).Unix())},
		"line_items[0][quantity]":                       {"2"},
		"line_items[0][price_data][currency]":           {"usd"},
		"line_items[0][price_data][unit_amount]":        {"999"},
		"line_items[0][price_data][product_data][name]": {"Mug <b>"},
		"metadata[waybill_order]":                       {"O1"},
		"payment_intent_data[metadata][waybill_order]":  {"O1"},
	}.Encode() + more
}

func (s *shop) session(more string) string { return s.post(sessions, sessionForm(more)).id() }

func (s *shop) intent(more string) string {
	return s.post(intents, "amount=2000&currency=usd"+more).id()
}

func TestPayingASessionCompletesIt(t *testing.T) {
	s := open(t, nil)
	id := s.session("")
	s.is(sessions+"/"+id, object{"status": "open", "payment_status": "unpaid", "amount_total": 1998.0, "payment_intent": nil, "url": "http://shop.test/dev/stripe/pay/" + id})
	s.do(id, "decline")
	s.expect("declined", "payment_intent.created", "charge.failed", "payment_intent.payment_failed")
	s.is(sessions+"/"+id, object{"status": "open", "payment_status": "unpaid"})
	s.do(id, "succeed")
	s.expect("paid", "payment_intent.succeeded", "charge.succeeded", "checkout.session.completed")
	s.is(sessions+"/"+id, object{"status": "complete", "payment_status": "paid", "url": nil})
	intent, _ := s.get(sessions + "/" + id)["payment_intent"].(string)
	s.is(intents+"/"+intent, object{"status": "succeeded", "amount_received": 1998.0, "metadata": map[string]any{"waybill_order": "O1"}, "last_payment_error": nil})
	s.refuses(sessions+"/"+id+"/expire", "", http.StatusBadRequest, "")
	s.cannot(id, "succeed")
	s.cannot(id, "cancel")
	if charge, _ := s.get(intents + "/" + intent + "?expand[0]=latest_charge")["latest_charge"].(map[string]any); charge["amount_captured"] != 1998.0 {
		t.Errorf("the charge is %v", charge)
	}
}

func TestAHeldPaymentIsCapturedOnceAndNoMoreThanItIs(t *testing.T) {
	s := open(t, nil)
	id := s.session("&payment_intent_data[capture_method]=manual")
	s.cannot(id, "process")
	s.do(id, "succeed")
	s.expect("authorised", "payment_intent.created", "charge.succeeded", "payment_intent.amount_capturable_updated", "checkout.session.completed")
	s.is(sessions+"/"+id, object{"status": "complete", "payment_status": "unpaid"})
	path := intents + "/" + s.get(sessions + "/" + id)["payment_intent"].(string)
	s.refuses(refunds, "payment_intent="+path[len(intents)+1:], http.StatusBadRequest, "payment_intent_unexpected_state")
	s.refuses(path+"/capture", "amount_to_capture=1999", http.StatusBadRequest, "amount_too_large")
	s.refuses(path+"/capture", "amount_to_capture=0", http.StatusBadRequest, "parameter_invalid_integer")
	s.is(path, object{"status": "requires_capture", "amount_capturable": 1998.0, "amount_received": 0.0})
	s.post(path+"/capture", "amount_to_capture=1500")
	s.expect("captured", "charge.captured", "payment_intent.succeeded")
	s.is(path, object{"status": "succeeded", "amount_capturable": 0.0, "amount_received": 1500.0})
	s.is(sessions+"/"+id, object{"payment_status": "paid"})
	s.refuses(path+"/capture", "", http.StatusBadRequest, "payment_intent_unexpected_state")
	s.refuses(path+"/cancel", "", http.StatusBadRequest, "payment_intent_unexpected_state")
	s.expect("refused")
}

func TestADebitComesInLaterOrNever(t *testing.T) {
	s := open(t, nil)
	in, out := s.session(""), s.session("")
	for _, id := range []string{in, out} {
		s.do(id, "process")
		s.expect("begun", "payment_intent.created", "payment_intent.processing", "charge.pending", "checkout.session.completed")
		s.is(sessions+"/"+id, object{"status": "complete", "payment_status": "unpaid"})
	}
	s.do(in, "succeed")
	s.expect("came in", "payment_intent.succeeded", "charge.succeeded", "checkout.session.async_payment_succeeded")
	s.is(sessions+"/"+in, object{"payment_status": "paid"})
	s.do(out, "fail")
	s.expect("came back", "charge.failed", "payment_intent.payment_failed", "checkout.session.async_payment_failed")
	s.is(sessions+"/"+out, object{"payment_status": "unpaid"})
}

func TestARefundOfADebitSettlesLaterAndMayFail(t *testing.T) {
	s := open(t, nil)
	intent := s.intent("")
	s.do(intent, "process")
	s.do(intent, "succeed")
	s.types()
	first := s.post(refunds, "payment_intent="+intent+"&amount=1200").id()
	s.expect("asked for", "refund.created", "charge.refunded")
	s.is(refunds+"/"+first, object{"status": "pending"})
	s.refuses(refunds, "payment_intent="+intent+"&amount=801", http.StatusBadRequest, "")
	s.do(first, "succeed")
	s.expect("settled", "refund.updated", "charge.refund.updated")
	s.do(first, "fail")
	s.expect("came back", "refund.updated", "charge.refund.updated", "refund.failed")
	s.is(refunds+"/"+first, object{"status": "failed", "failure_reason": "expired_or_canceled_card"})
	s.cannot(first, "succeed")
	s.cannot(first, "fail")
	second := s.post(refunds, "payment_intent="+intent).id()
	s.is(refunds+"/"+second, object{"amount": 2000.0})
	s.do(second, "cancel")
	s.is(refunds+"/"+second, object{"status": "canceled"})
}

func TestNoMoreIsRefundedThanWasCaptured(t *testing.T) {
	s := open(t, nil)
	intent := s.intent("")
	s.refuses(refunds, "payment_intent="+intent, http.StatusBadRequest, "payment_intent_unexpected_state")
	s.do(intent, "succeed")
	s.types()
	s.post(refunds, "payment_intent="+intent+"&amount=1500&metadata[waybill_refund]=R1")
	s.expect("refunded", "refund.created", "charge.refunded", "refund.updated", "charge.refund.updated")
	s.refuses(refunds, "payment_intent="+intent+"&amount=501", http.StatusBadRequest, "")
	s.refuses(refunds, "payment_intent="+intent+"&amount=0", http.StatusBadRequest, "parameter_invalid_integer")
	s.post(refunds, "payment_intent="+intent)
	s.refuses(refunds, "payment_intent="+intent, http.StatusBadRequest, "charge_already_refunded")
	s.refuses(refunds, "payment_intent=pi_none", http.StatusNotFound, "resource_missing")
	s.refuses(refunds, "", http.StatusBadRequest, "parameter_missing")
	all := s.get(refunds + "?payment_intent=" + intent)["data"].([]any)
	if len(all) != 2 || object(all[0].(map[string]any))["amount"] != 500.0 || !object(all[1].(map[string]any)).has(object{"amount": 1500.0, "metadata": map[string]any{"waybill_refund": "R1"}}) {
		t.Errorf("the refunds are %v", all)
	}
}

func TestADisputedChargeIsNotRefundedUntilItIsWon(t *testing.T) {
	for end, want := range map[string][]string{
		"win":  {"charge.dispute.closed", "charge.dispute.funds_reinstated"},
		"lose": {"charge.dispute.closed"},
	} {
		t.Run(end, func(t *testing.T) {
			s := open(t, nil)
			intent := s.intent("")
			s.cannot(intent, "dispute")
			s.do(intent, "succeed")
			s.post(refunds, "payment_intent="+intent+"&amount=500")
			s.types()
			s.cannot(intent, "win")
			s.do(intent, "dispute")
			s.expect("disputed", "charge.dispute.created", "charge.dispute.funds_withdrawn")
			s.cannot(intent, "dispute")
			s.refuses(refunds, "payment_intent="+intent, http.StatusBadRequest, "charge_disputed")
			d := object(s.get("/v1/disputes?payment_intent=" + intent)["data"].([]any)[0].(map[string]any))
			if !d.has(object{"amount": 1500.0, "status": "needs_response", "payment_intent": intent}) {
				t.Errorf("the dispute is %v", d)
			}
			s.do(d.id(), end)
			s.expect(end, want...)
			s.cannot(d.id(), end)
			if end == "lose" {
				s.is("/v1/disputes/"+d.id(), object{"status": "lost"})
				s.refuses(refunds, "payment_intent="+intent, http.StatusBadRequest, "charge_disputed")
				return
			}
			s.is("/v1/disputes/"+d.id(), object{"status": "won"})
			s.post(refunds, "payment_intent="+intent)
		})
	}
}

func TestASessionExpiresAtItsTime(t *testing.T) {
	s := open(t, nil)
	left, tried, closed := s.session(""), s.session(""), s.session("")
	s.do(tried, "decline")
	s.types()
	s.post(sessions+"/"+closed+"/expire", "")
	s.expect("closed", "checkout.session.expired")
	s.set(noon.Add(time.Hour - time.Second))
	s.is(sessions+"/"+left, object{"status": "open"})
	s.set(noon.Add(time.Hour))
	s.is(sessions+"/"+left, object{"status": "expired", "url": nil})
	s.is(sessions+"/"+tried, object{"status": "expired"})
	s.expect("expired", "checkout.session.expired", "payment_intent.canceled", "checkout.session.expired")
	s.cannot(left, "succeed")
	s.cannot(tried, "succeed")
	s.refuses(sessions+"/"+left+"/expire", "", http.StatusBadRequest, "")
}

func TestAnIntentIsCancelledUnlessItIsPaid(t *testing.T) {
	s := open(t, nil)
	for _, path := range []string{"", "succeed"} {
		intent := s.intent("&capture_method=manual")
		if path != "" {
			s.do(intent, path)
		}
		s.types()
		s.post(intents+"/"+intent+"/cancel", "cancellation_reason=abandoned")
		s.expect("cancelled", "payment_intent.canceled")
		s.is(intents+"/"+intent, object{"status": "canceled", "amount_capturable": 0.0, "cancellation_reason": "abandoned", "canceled_at": float64(noon.Unix())})
		s.refuses(intents+"/"+intent+"/cancel", "", http.StatusBadRequest, "payment_intent_unexpected_state")
		s.refuses(intents+"/"+intent+"/capture", "", http.StatusBadRequest, "payment_intent_unexpected_state")
		s.cannot(intent, "succeed")
	}
	id := s.session("")
	s.do(id, "decline")
	s.refuses(intents+"/"+s.get(sessions + "/" + id)["payment_intent"].(string)+"/cancel", "", http.StatusBadRequest, "payment_intent_unexpected_state")
}

func TestWhatStripeDoesNotTakeIsRefused(t *testing.T) {
	s := open(t, nil)
	for form, code := range map[string]string{
		"amount=49&currency=usd":        "amount_too_small",
		"amount=100000000&currency=usd": "amount_too_large",
		"amount=1.5&currency=usd":       "parameter_invalid_integer",
		"amount=5124&currency=bhd":      "parameter_invalid_integer",
		"amount=150&currency=isk":       "parameter_invalid_integer",
		"amount=500":                    "parameter_missing",
	} {
		s.refuses(intents, form, http.StatusBadRequest, code)
	}
	for change, code := range map[string]string{
		"mode=subscription":   "",
		"success_url=nowhere": "url_invalid",
		"customer_email=x":    "email_invalid",
		"expires_at=" + fmt.Sprint(noon.Add(29*time.Minute).Unix()): "",
		"expires_at=" + fmt.Sprint(noon.Add(25*time.Hour).Unix()):   "",
		"line_items[0][quantity]=0":                                 "parameter_missing",
		"line_items[0][price_data][currency]=":                      "parameter_missing",
	} {
		form, err := url.ParseQuery(sessionForm(""))
		if err != nil {
			t.Fatal(err)
		}
		name, value, _ := strings.Cut(change, "=")
		form.Set(name, value)
		s.refuses(sessions, form.Encode(), http.StatusBadRequest, code)
	}
	if status, _ := s.call(http.MethodGet, "/v1/customers", "", ""); status != http.StatusNotFound {
		t.Errorf("an unknown path: %d", status)
	}
	r := httptest.NewRequest(http.MethodGet, "/v1/events", nil)
	r.Header.Set("Authorization", "Bearer sk_test_y")
	w := httptest.NewRecorder()
	if s.API().ServeHTTP(w, r); w.Code != http.StatusUnauthorized {
		t.Errorf("another key: %d", w.Code)
	}
	if len(s.Events()) != 0 {
		t.Errorf("events came of refusals: %v", s.Events())
	}
}

func TestAKeyIsAnsweredOnceForADay(t *testing.T) {
	s := open(t, nil)
	ask := func(key, amount string) (int, object) {
		return s.call(http.MethodPost, intents, key, "currency=usd&amount="+amount)
	}
	status, first := ask("k", "500")
	if status != http.StatusOK {
		t.Fatal(status, first)
	}
	if _, again := ask("k", "500"); again.id() != first.id() {
		t.Error("asked again, it made another")
	}
	if status, o := ask("k", "501"); status != http.StatusBadRequest || o["error"].(map[string]any)["type"] != "idempotency_error" {
		t.Errorf("with other parameters: %d %v", status, o)
	}
	if status, _ := ask("early", "1"); status != http.StatusBadRequest {
		t.Error(status)
	}
	if status, _ := ask("early", "500"); status != http.StatusOK {
		t.Errorf("a key whose request was invalid can't be used: %d", status)
	}
	s.set(noon.Add(24 * time.Hour))
	if _, next := ask("k", "500"); next.id() == first.id() {
		t.Error("a day later it is still the first")
	}
}

func TestFaultsBreakTheAnswerAndNotTheRules(t *testing.T) {
	fault := stripe.None
	s := open(t, func(s *shop, cfg *stripe.Config) {
		cfg.Intercept = func(*http.Request) stripe.Fault { s.mu.Lock(); defer s.mu.Unlock(); return fault }
	})
	breaks := func(f stripe.Fault) { s.mu.Lock(); defer s.mu.Unlock(); fault = f }
	ask := func() (int, object) { return s.call(http.MethodPost, intents, "k", "currency=usd&amount=500") }
	breaks(stripe.Refuse)
	if status, _ := ask(); status != http.StatusInternalServerError || len(s.Events()) != 0 {
		t.Errorf("refused: %d, %v", status, s.Events())
	}
	breaks(stripe.Lose)
	if status, _ := ask(); status != 0 {
		t.Errorf("lost: %d", status)
	}
	breaks(stripe.Late)
	if status, _ := ask(); status != http.StatusOK || len(s.Events()) != 1 {
		t.Errorf("late: %d, %v", status, s.Events())
	}
}

func TestAWebhookThatFailsIsTriedAgain(t *testing.T) {
	s := open(t, func(s *shop, _ *stripe.Config) { s.next = []int{500, 302, 404} })
	s.intent("")
	s.until(func() bool { return s.Events()[0].Delivered })
	if e := s.Events()[0]; e.Attempts != 4 {
		t.Errorf("%+v, want four attempts", e)
	}
	s.expect("in the end", "payment_intent.created", "payment_intent.created", "payment_intent.created", "payment_intent.created")
	if all := s.get("/v1/events?delivery_success=false")["data"].([]any); len(all) != 0 {
		t.Errorf("undelivered: %v", all)
	}
}

// until waits for something that happens by itself.
func (s *shop) until(done func() bool) {
	s.t.Helper()
	ticker := time.NewTicker(time.Millisecond)
	defer ticker.Stop()
	for !done() {
		select {
		case <-ticker.C:
		case <-s.t.Context().Done():
			s.t.Fatal("it never happened")
		}
	}
}

func TestEventsComeTwiceLateOrNotAtAll(t *testing.T) {
	s := open(t, nil)
	order := []string{"payment_intent.succeeded", "charge.succeeded"}
	for delivery, want := range map[stripe.Delivery][]string{
		stripe.Now: order, stripe.Never: nil, stripe.Twice: append(order, order...), stripe.Afterward: {order[1], order[0]},
	} {
		intent := s.intent("")
		s.types()
		ids, err := s.Do(intent, "succeed", 0, delivery)
		if err != nil || len(ids) != 2 {
			t.Fatal(ids, err)
		}
		if delivery == stripe.Afterward {
			s.until(func() bool { return s.Events()[0].Delivered && s.Events()[1].Delivered })
		}
		s.expect(string(delivery), want...)
		if delivered := s.Events()[0].Delivered; delivered != (delivery != stripe.Never) {
			t.Errorf("%s: delivered is %t", delivery, delivered)
		}
		if delivery != stripe.Never {
			continue
		}
		missed := s.get("/v1/events?delivery_success=false&types[0]=charge.*")["data"].([]any)
		if len(missed) != 1 || object(missed[0].(map[string]any))["pending_webhooks"] != 1.0 {
			t.Errorf("missed: %v", missed)
		}
		// Out of order, and one of them again.
		for _, id := range []string{ids[1], ids[0], ids[1]} {
			if status, err := s.Deliver(t.Context(), id); status != http.StatusOK || err != nil {
				t.Error(status, err)
			}
		}
		s.expect("by hand", order[1], order[0], order[1])
	}
}

func TestHeldEventsWaitToBeAskedFor(t *testing.T) {
	s := open(t, nil)
	s.Hold(true)
	intent := s.intent("")
	s.do(intent, "succeed")
	s.expect("held")
	s.Hold(false)
	s.post(refunds, "payment_intent="+intent)
	s.expect("let go", "refund.created", "charge.refunded", "refund.updated", "charge.refund.updated")
	body, signature, err := s.Signed(s.Events()[5].ID)
	e, verified := stripepay.Verify(body, signature, []string{secret}, noon)
	if err != nil || verified != nil || e.Intent == nil || e.Intent.ID != intent || e.Intent.Received != 2000 {
		t.Errorf("%s: %+v, %v, %v", s.Events()[5].Type, e, err, verified)
	}
	if _, _, err := s.Signed("evt_none"); err == nil {
		t.Error("an event that isn't there is signed")
	}
}

func TestListsGoOnWhereTheyEnded(t *testing.T) {
	s := open(t, nil)
	for range 5 {
		s.intent("")
	}
	var ids []string
	after := ""
	for more := true; more; {
		list := s.get("/v1/events?limit=2" + after)
		for _, e := range list["data"].([]any) {
			ids = append(ids, object(e.(map[string]any)).id())
		}
		after = "&starting_after=" + ids[len(ids)-1]
		more = list["has_more"].(bool)
	}
	var want []string
	for _, e := range s.Events() {
		want = append(want, e.ID)
	}
	if len(ids) != 5 || !slices.Equal(ids, want) {
		t.Errorf("%v, want %v", ids, want)
	}
	s.is("/v1/events/"+ids[0], object{"id": ids[0], "type": "payment_intent.created", "api_version": stripe.APIVersion})
	for _, bad := range []string{"limit=0", "limit=101", "limit=x", "starting_after=evt_none", "created[gte]=x"} {
		if status, _ := s.call(http.MethodGet, "/v1/events", "", bad); status/100 != 4 {
			t.Errorf("%s: %d", bad, status)
		}
	}
}

func TestEverythingIsThereAfterARestart(t *testing.T) {
	file := filepath.Join(t.TempDir(), "deep", "stripe.json")
	keep := func(_ *shop, cfg *stripe.Config) { cfg.File = file }
	s := open(t, keep)
	id, intent := s.session("&payment_intent_data[capture_method]=manual"), s.intent("")
	s.do(intent, "succeed")
	s.do(intent, "dispute")
	_, made := s.call(http.MethodPost, intents, "k", "currency=usd&amount=500")
	s.types()
	s.mu.Lock()
	s.next = slices.Repeat([]int{500}, 1000)
	s.mu.Unlock()
	undelivered := s.intent("")
	held, err := s.Do(undelivered, "decline", 0, stripe.Never)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	again := open(t, keep)
	again.expect("what was not delivered", "payment_intent.created")
	if again.got = nil; len(again.Events()) != len(s.Events()) {
		t.Errorf("%d events, want %d", len(again.Events()), len(s.Events()))
	}
	if _, o := again.call(http.MethodPost, intents, "k", "currency=usd&amount=500"); o.id() != made.id() {
		t.Error("a key is forgotten")
	}
	again.is(intents+"/"+intent, object{"status": "succeeded"})
	again.refuses(refunds, "payment_intent="+intent, http.StatusBadRequest, "charge_disputed")
	again.do(intent, "win")
	again.do(id, "succeed")
	again.is(sessions+"/"+id, object{"status": "complete", "payment_status": "unpaid"}) // still to be captured
	again.types()
	if _, err := again.Deliver(t.Context(), held[0]); err != nil {
		t.Error(err)
	}
	again.expect("held before", "charge.failed")
}

func TestABrokenFileIsSaidAndNotOverwritten(t *testing.T) {
	file := filepath.Join(t.TempDir(), "stripe.json")
	write(t, file, "{broken")
	if _, err := stripe.New(stripe.Config{File: file}); err == nil || !strings.Contains(err.Error(), file) {
		t.Error(err)
	}
	if got := read(t, file); got != "{broken" {
		t.Errorf("the file is now %s", got)
	}
}

func TestAProblemHasAMessage(t *testing.T) {
	s := open(t, nil)
	_, err := s.Do("pi_none", "succeed", 0, stripe.Now)
	if err == nil || err.Error() != "No such object: 'pi_none'" || errors.Unwrap(err) != nil {
		t.Error(err)
	}
}
