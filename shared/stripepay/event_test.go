package stripepay_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stripe/stripe-go/v76/webhook"

	"waybill/shared/payment"
	"waybill/shared/refusal"
	"waybill/shared/stripepay"
)

func event(kind, object string) string {
	return fmt.Sprintf(`{"id": "evt_1", "object": "event", "api_version": "2099-01-01", "created": %d, "livemode": true, "type": %q, "data": {"object": %s}}`,
		noon.Unix(), kind, object)
}

func sign(body string, at time.Time, secret string) ([]byte, string) {
	p := webhook.GenerateTestSignedPayload(&webhook.UnsignedPayload{Payload: []byte(body), Secret: secret, Timestamp: at})
	return p.Payload, p.Header
}

func verify(raw []byte, header string) (payment.StripeEvent, error) {
	return stripepay.Verify(raw, header, []string{"whsec_other", testSecret}, noon)
}

func TestOnlyWhatStripeSignedAboutNowIsTaken(t *testing.T) {
	body := event("ping", `{"id": "x"}`)
	header := func(at time.Time, secret string) string { _, h := sign(body, at, secret); return h }
	good := header(noon, testSecret)
	both := good + strings.TrimPrefix(header(noon, "whsec_new"), fmt.Sprintf("t=%d", noon.Unix()))
	var compact bytes.Buffer
	if err := json.Compact(&compact, []byte(body)); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		body, header string
		secrets      []string
		taken        bool
	}{
		"signed":                       {body, good, []string{testSecret}, true},
		"the second secret":            {body, good, []string{"whsec_new", testSecret}, true},
		"the first secret":             {body, good, []string{testSecret, "whsec_old"}, true},
		"two signatures":               {body, both, []string{"whsec_new"}, true},
		"spaces in the header":         {body, strings.ReplaceAll(good, ",", ", "), []string{testSecret}, true},
		"another scheme beside it":     {body, good + ",v0=abc", []string{testSecret}, true},
		"as old as it may be":          {body, header(noon.Add(-300*time.Second), testSecret), []string{testSecret}, true},
		"too old":                      {body, header(noon.Add(-301*time.Second), testSecret), []string{testSecret}, false},
		"as early as it may be":        {body, header(noon.Add(300*time.Second), testSecret), []string{testSecret}, true},
		"from the future":              {body, header(noon.Add(301*time.Second), testSecret), []string{testSecret}, false},
		"another secret":               {body, header(noon, "whsec_forged"), []string{testSecret, "whsec_new"}, false},
		"no header":                    {body, "", []string{testSecret}, false},
		"no time":                      {body, strings.SplitN(good, ",", 2)[1], []string{testSecret}, false},
		"no signature":                 {body, strings.SplitN(good, ",", 2)[0], []string{testSecret}, false},
		"cut at the comma":             {body, fmt.Sprintf("t=%d", noon.Unix()), []string{testSecret}, false},
		"a time that is none":          {body, strings.Replace(good, "t=", "t=x", 1), []string{testSecret}, false},
		"not hexadecimal":              {body, fmt.Sprintf("t=%d,v1=zz", noon.Unix()), []string{testSecret}, false},
		"an empty signature":           {body, fmt.Sprintf("t=%d,v1=", noon.Unix()), []string{testSecret}, false},
		"half a signature":             {body, good[:len(good)-2], []string{testSecret}, false},
		"only in the old scheme":       {body, strings.Replace(good, "v1=", "v0=", 1), []string{testSecret}, false},
		"another time than was signed": {body, strings.Replace(good, "t=", "t=1,t=", 1) + ",t=" + fmt.Sprint(noon.Unix()+1), []string{testSecret}, false},
		"serialised again":             {compact.String(), good, []string{testSecret}, false},
		"a newline more":               {body + "\n", good, []string{testSecret}, false},
		"an empty body":                {"", good, []string{testSecret}, false},
		"no secrets":                   {body, good, nil, false},
		"an empty secret":              {body, header(noon, ""), []string{""}, false},
	} {
		t.Run(name, func(t *testing.T) {
			e, err := stripepay.Verify([]byte(c.body), c.header, c.secrets, noon)
			if c.taken {
				if err != nil || e.ID != "evt_1" || e.APIVersion != "2099-01-01" || !e.Live || !e.Created.Equal(noon) {
					t.Errorf("%+v, %v", e, err)
				}
				return
			}
			if !refusal.Is(err, "bad_signature") || !reflect.DeepEqual(e, payment.StripeEvent{}) {
				t.Errorf("%+v, %v", e, err)
			}
		})
	}
}

func TestAnEventHasTheObjectOfItsType(t *testing.T) {
	const meta = `"metadata": {"waybill_order": "O1", "waybill_payment": "P1", "waybill_refund": "R1", "other": "x"}`
	const session = `{"id": "cs_1", "object": "checkout.session", "status": "complete", "payment_status": "paid", "amount_total": 500,
		"currency": "jpy", "payment_intent": "pi_1", "livemode": true, "expires_at": 1772452800, "url": null, ` + meta + `}`
	const intent = `{"id": "pi_1", "object": "payment_intent", "status": "requires_payment_method", "amount": 500, "amount_received": 0, "currency": "usd",
		"payment_method_types": ["alipay"], "last_payment_error": {"code": "card_declined", "decline_code": "lost_card", "type": "card_error"}, ` + meta + `}`
	const refund = `{"id": "re_1", "object": "refund", "status": "failed", "failure_reason": "lost_or_stolen_card", "amount": 100, "currency": "usd",
		"payment_intent": "pi_1", "charge": "ch_1", ` + meta + `}`
	const dispute = `{"id": "du_1", "object": "dispute", "status": %q, "amount": 100, "currency": "usd", "payment_intent": "pi_1", "reason": "fraudulent"}`
	const charge = `{"id": "ch_1", "object": "charge", "payment_intent": "pi_1", "amount_refunded": 100}`
	ours := payment.Metadata{OrderID: "O1", PaymentID: "P1"}
	wantSession := &payment.Session{
		Metadata: ours, ID: "cs_1", Intent: "pi_1", Status: "complete", Paid: true, Amount: 500, Currency: "JPY", Live: true, ExpiresAt: noon,
	}
	wantIntent := &payment.Intent{
		Metadata: ours, ID: "pi_1", Status: "requires_payment_method", Amount: 500, Currency: "USD", Via: "alipay", Failure: "lost_card",
	}
	wantRefund := &payment.StripeRefund{
		Metadata: ours, ID: "re_1", RefundID: "R1", Intent: "pi_1", Amount: 100, Currency: "USD", Status: "failed", Failure: "lost_or_stolen_card",
	}
	wantDispute := func(s payment.DisputeStatus) *payment.StripeDispute {
		return &payment.StripeDispute{ID: "du_1", Intent: "pi_1", Amount: 100, Currency: "USD", Status: s, Reason: "fraudulent"}
	}
	for _, c := range []struct {
		kinds, object string
		want          payment.StripeEvent
	}{
		{"checkout.session.completed checkout.session.async_payment_succeeded checkout.session.expired", session, payment.StripeEvent{Session: wantSession}},
		{"checkout.session.async_payment_failed", session, payment.StripeEvent{Session: wantSession, AsyncFail: true}},
		{"checkout.session.completed", strings.Replace(session, `"paid"`, `"no_payment_required"`, 1), payment.StripeEvent{Session: wantSession}},
		{"payment_intent.succeeded payment_intent.payment_failed payment_intent.canceled payment_intent.processing " +
			"payment_intent.amount_capturable_updated payment_intent.requires_action", intent, payment.StripeEvent{Intent: wantIntent}},
		{"charge.refunded", charge, payment.StripeEvent{Fetch: "pi_1"}},
		{"charge.refunded", `{"id": "ch_1", "object": "charge", "payment_intent": null}`, payment.StripeEvent{}},
		{"charge.refund.updated refund.created refund.updated refund.failed", refund, payment.StripeEvent{Refund: wantRefund}},
		{"charge.dispute.created charge.dispute.updated charge.dispute.funds_withdrawn", fmt.Sprintf(dispute, "needs_response"), payment.StripeEvent{Dispute: wantDispute(payment.DisputeOpen)}},
		{"charge.dispute.created", fmt.Sprintf(dispute, "warning_under_review"), payment.StripeEvent{Dispute: wantDispute(payment.DisputeOpen)}},
		{"charge.dispute.created", fmt.Sprintf(dispute, "something_new"), payment.StripeEvent{Dispute: wantDispute(payment.DisputeOpen)}},
		{"charge.dispute.closed", fmt.Sprintf(dispute, "lost"), payment.StripeEvent{Dispute: wantDispute(payment.DisputeLost)}},
		{"charge.dispute.closed charge.dispute.funds_reinstated", fmt.Sprintf(dispute, "won"), payment.StripeEvent{Dispute: wantDispute(payment.DisputeWon)}},
		{"charge.dispute.closed", fmt.Sprintf(dispute, "warning_closed"), payment.StripeEvent{Dispute: wantDispute(payment.DisputeWon)}},
		{"customer.created charge.succeeded", `{"id": "x", "object": "whatever"}`, payment.StripeEvent{}},
	} {
		for kind := range strings.FieldsSeq(c.kinds) {
			want := c.want
			want.ID, want.Type, want.APIVersion, want.Live, want.Created = "evt_1", kind, "2099-01-01", true, noon
			if got, err := verify(sign(event(kind, c.object), noon, testSecret)); err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("%s is\n%+v, %v, want\n%+v", kind, got, err, want)
			}
		}
	}
}

func TestGarbageIsRefusedThoughItIsSigned(t *testing.T) {
	for _, body := range []string{
		``, `null`, `[]`, `{}`, `garbage`, `{"id": "evt_1"}`,
		`{"id": "evt_1", "type": "payment_intent.succeeded"}`,
		`{"id": "evt_1", "type": "payment_intent.succeeded", "data": null}`,
		`{"id": "evt_1", "type": "payment_intent.succeeded", "data": {}}`,
		`{"type": "payment_intent.succeeded", "data": {"object": {"id": "pi_1", "object": "payment_intent"}}}`,
		event("payment_intent.succeeded", `{}`),
		event("payment_intent.succeeded", `[]`),
		event("payment_intent.succeeded", `"pi_1"`),
		event("payment_intent.succeeded", `{"id": "pi_1", "object": "charge"}`),
		event("payment_intent.succeeded", `{"id": "pi_1", "object": "payment_intent", "amount": "five"}`),
		event("payment_intent.succeeded", `{"object": "payment_intent"}`),
		event("checkout.session.completed", `{"id": "cs_1"}`),
		event("charge.refunded", `{"id": "re_1", "object": "refund"}`),
		event("refund.updated", `{"id": "re_1", "object": "charge"}`),
		event("charge.dispute.closed", `{"id": "du_1"}`),
	} {
		e, err := verify(sign(body, noon, testSecret))
		if !refusal.Is(err, "bad_event") || !reflect.DeepEqual(e, payment.StripeEvent{}) {
			t.Errorf("%s: %+v, %v", body, e, err)
		}
	}
}
