package topic_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"waybill/shared/bulletin"
	"waybill/shared/notice"
	"waybill/shared/topic"
)

// A service stands in for SNS: it keeps what it is asked for.
type service struct {
	mu     sync.Mutex
	asked  []url.Values
	status int
	body   string
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	form, _ := url.ParseQuery(string(body))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, form)
	w.Header().Set("Content-Type", "text/xml")
	w.WriteHeader(s.status)
	fmt.Fprint(w, s.body)
}

func (s *service) env(t *testing.T) func(string) string {
	t.Helper()
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return func(name string) string {
		return map[string]string{
			"AWS_REGION": "eu-central-1", "AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_ENDPOINT_URL_SNS": server.URL,
			"TOPIC_ARN": "arn:events", "STAFF_TOPICS": "sales=arn:sales, warehouse=arn:warehouse",
		}[name]
	}
}

const published = `<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishResult><MessageId>m</MessageId></PublishResult></PublishResponse>`

func refused(code string) string {
	return `<ErrorResponse><Error><Type>Sender</Type><Code>` + code + `</Code><Message>+12025550143 says no</Message></Error></ErrorResponse>`
}

// attributes are the message attributes of a request, from some prefix on.
func attributes(form url.Values, prefix string) map[string]string {
	out := map[string]string{}
	for n := 1; ; n++ {
		entry := fmt.Sprintf("%sMessageAttributes.entry.%d.", prefix, n)
		name := form.Get(entry + "Name")
		if name == "" {
			return out
		}
		out[name] = form.Get(entry+"Value.DataType") + " " + form.Get(entry+"Value.StringValue")
	}
}

func TestEventsArePublishedWithWhatSubscribersFilterBy(t *testing.T) {
	t.Parallel()
	s := &service{status: 200, body: `<PublishBatchResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishBatchResult>
		<Successful><member><Id>e0</Id><MessageId>m</MessageId></member></Successful>
		<Failed><member><Id>e1</Id><Code>InternalError</Code><SenderFault>false</SenderFault></member></Failed></PublishBatchResult></PublishBatchResponse>`}
	events, err := topic.Open(s.env(t))
	if err != nil {
		t.Fatal(err)
	}
	failed := events.PublishBatch(t.Context(), []bulletin.Entry{
		{ID: "A", Body: []byte(`{"a":1}`), Attributes: map[string]string{"type": "order.confirmed"}, Lists: map[string][]string{"roles": {"sales", "finance"}}},
		{ID: "B", Body: []byte(`{"b":1}`)},
		{ID: "C", Body: []byte(`{"c":1}`)},
	})
	if len(failed) != 3 || failed[0] != nil || failed[1] == nil || failed[2] == nil || !strings.Contains(failed[1].Error(), "InternalError") {
		t.Errorf("the answers are %v", failed)
	}
	form, member := s.asked[0], "PublishBatchRequestEntries.member.1."
	if form.Get("TopicArn") != "arn:events" || form.Get(member+"Message") != `{"a":1}` {
		t.Errorf("asked for %v", form)
	}
	got := attributes(form, member)
	if got["type"] != "String order.confirmed" || got["roles"] != `String.Array ["sales","finance"]` {
		t.Errorf("attributes: %v", got)
	}
}

func TestWhereTheTopicDoesNotAnswerNoEventWasPublished(t *testing.T) {
	t.Parallel()
	s := &service{status: 403, body: refused("AuthorizationError")}
	events, err := topic.Open(s.env(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range events.PublishBatch(t.Context(), []bulletin.Entry{{ID: "A", Body: []byte("{}")}, {ID: "B", Body: []byte("{}")}}) {
		if err == nil {
			t.Error("an event counts as published")
		}
	}
}

func TestStaffMailGoesToTheTopicOfItsRole(t *testing.T) {
	t.Parallel()
	s := &service{status: 200, body: published}
	staff, err := topic.OpenStaff(s.env(t))
	if err != nil {
		t.Fatal(err)
	}
	m := notice.Message{To: "warehouse", Type: "order.confirmed", Words: notice.Words{Subject: "To ship:\nSO-1", Text: "Two mugs."}}
	if err := staff.Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	m.Subject = "待发货"
	if err := staff.Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	form := s.asked[0]
	if form.Get("TopicArn") != "arn:warehouse" || form.Get("Subject") != "To ship: SO-1" || form.Get("Message") != "Two mugs." {
		t.Errorf("asked for %v", form)
	}
	if got := attributes(form, ""); got["type"] != "String order.confirmed" || got["role"] != "String warehouse" {
		t.Errorf("attributes: %v", got)
	}
	if form := s.asked[1]; form.Get("Subject") != "Waybill: order.confirmed" || !strings.HasPrefix(form.Get("Message"), "待发货\n\n") {
		t.Errorf("a subject that SNS does not take became %v", form)
	}
	m.To = "manager"
	var no *notice.Refusal
	if err := staff.Send(t.Context(), m); !errors.As(err, &no) || !no.Final {
		t.Errorf("a role without a topic is answered %v", err)
	}
}

func TestAnSMSIsTransactionalAndAskedForOnce(t *testing.T) {
	t.Parallel()
	s := &service{status: 200, body: published}
	sms, err := topic.OpenSMS(s.env(t))
	if err != nil {
		t.Fatal(err)
	}
	m := notice.Message{To: "+12025550143", Words: notice.Words{Text: "SO-1"}}
	if err := sms.Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	form := s.asked[0]
	if form.Get("PhoneNumber") != m.To || form.Get("Message") != "SO-1" || attributes(form, "")["AWS.SNS.SMS.SMSType"] != "String Transactional" {
		t.Errorf("asked for %v", form)
	}
	for _, c := range []struct {
		status         int
		code           string
		refused, final bool
	}{
		{400, "InvalidParameter", true, true}, {400, "OptedOut", true, true}, {400, "Throttled", true, false}, {429, "Throttled", true, false},
		{403, "AuthorizationError", true, false}, {503, "ServiceUnavailable", true, false}, {500, "InternalError", false, false},
	} {
		s.status, s.body, s.asked = c.status, refused(c.code), nil
		err := sms.Send(t.Context(), m)
		var no *notice.Refusal
		if err == nil || errors.As(err, &no) != c.refused || no != nil && (no.Final != c.final || no.Reason != c.code) {
			t.Errorf("%d %s is answered %v", c.status, c.code, err)
		}
		if strings.Contains(fmt.Sprint(err), m.To) {
			t.Errorf("the error names the recipient: %v", err)
		}
		if len(s.asked) != 1 {
			t.Errorf("%s: it was asked for %d times", c.code, len(s.asked))
		}
	}
}

func TestAConfigurationThatIsNoneIsRefused(t *testing.T) {
	t.Parallel()
	region := func(topics string) func(string) string {
		return func(name string) string {
			return map[string]string{"AWS_REGION": "eu-central-1", "STAFF_TOPICS": topics}[name]
		}
	}
	for _, topics := range []string{"", "sales", "sales=", "everybody=arn"} {
		if _, err := topic.OpenStaff(region(topics)); err == nil {
			t.Errorf("STAFF_TOPICS %q is taken", topics)
		}
	}
	if _, err := topic.Open(region("")); err == nil {
		t.Error("events have a topic without one")
	}
}
