package stripepay

import (
	"context"
	"crypto/hmac"
	"encoding/hex"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/stripe/stripe-go/v76"
	"github.com/stripe/stripe-go/v76/event"
	"github.com/stripe/stripe-go/v76/webhook"

	"waybill/shared/payment"
	"waybill/shared/refusal"
)

// tolerance is how far a signature's time may be from ours, either way.
const tolerance = 300 * time.Second

// readers have what an event of a type is about, read from its object.
var readers = map[stripe.EventType]func([]byte, *payment.StripeEvent) error{
	"checkout.session.completed":               readSession,
	"checkout.session.async_payment_succeeded": readSession,
	"checkout.session.async_payment_failed":    readFailedSession,
	"checkout.session.expired":                 readSession,
	"payment_intent.succeeded":                 readIntent,
	"payment_intent.payment_failed":            readIntent,
	"payment_intent.canceled":                  readIntent,
	"payment_intent.processing":                readIntent,
	"payment_intent.amount_capturable_updated": readIntent,
	"payment_intent.requires_action":           readIntent,
	"charge.refunded":                          readCharge,
	"charge.refund.updated":                    readRefund,
	"refund.created":                           readRefund,
	"refund.updated":                           readRefund,
	"refund.failed":                            readRefund,
	"charge.dispute.created":                   readDispute,
	"charge.dispute.updated":                   readDispute,
	"charge.dispute.closed":                    readDispute,
	"charge.dispute.funds_withdrawn":           readDispute,
	"charge.dispute.funds_reinstated":          readDispute,
}

// Verify reads an event from the body of a webhook, byte for byte as it came,
// and its Stripe-Signature header. It refuses one that none of the secrets
// signed, or not about now, and one that can't be read. That the event is of
// another version of Stripe's API is no error; which one it is of, it says.
func Verify(raw []byte, header string, secrets []string, now time.Time) (payment.StripeEvent, error) {
	if !signed(raw, header, secrets, now) {
		return payment.StripeEvent{}, refusal.New(refusal.Malformed, "bad_signature", "The signature is not one of Stripe's, or not of now.")
	}
	var e stripe.Event
	if err := json.Unmarshal(raw, &e); err != nil || e.ID == "" || e.Type == "" || e.Data == nil {
		return payment.StripeEvent{}, badEvent()
	}
	found := outline(&e)
	if read := readers[e.Type]; read != nil {
		if err := read(e.Data.Raw, &found); err != nil {
			return payment.StripeEvent{}, badEvent()
		}
	}
	return found, nil
}

func badEvent() error {
	return refusal.New(refusal.Malformed, "bad_event", "The event is signed and can't be read.")
}

// signed reports whether the header has a signature of these bytes by one of the secrets.
func signed(raw []byte, header string, secrets []string, now time.Time) bool {
	var at int64
	var signatures [][]byte
	for part := range strings.SplitSeq(header, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		switch name {
		case "t":
			seconds, err := strconv.ParseInt(value, 10, 64)
			if err != nil {
				return false
			}
			at = seconds
		case "v1":
			if signature, err := hex.DecodeString(value); err == nil {
				signatures = append(signatures, signature)
			}
		}
	}
	stamp := time.Unix(at, 0)
	if stamp.Before(now.Add(-tolerance)) || stamp.After(now.Add(tolerance)) {
		return false
	}
	found := false
	for _, secret := range secrets {
		if secret == "" {
			continue // anybody can sign with nothing
		}
		want := webhook.ComputeSignature(stamp, raw, secret)
		for _, signature := range signatures {
			found = hmac.Equal(want, signature) || found
		}
	}
	return found
}

// Events are the events since a moment that mean something here, the oldest
// first: all of them, or those that Stripe could not deliver to everybody. One
// that can't be read has no object.
func (c *Client) Events(ctx context.Context, since time.Time, undelivered bool) ([]payment.StripeEvent, error) {
	var types []*string
	for t := range readers {
		types = append(types, stripe.String(string(t)))
	}
	slices.SortFunc(types, func(a, b *string) int { return strings.Compare(*a, *b) })
	id := func(e *stripe.Event) string { return e.ID }
	found, err := pages(ctx, c, id, func(p stripe.ListParams, key string) ([]*stripe.Event, bool, error) {
		p2 := &stripe.EventListParams{
			ListParams:   p,
			CreatedRange: &stripe.RangeQueryParams{GreaterThanOrEqual: since.Unix()},
			Types:        types,
		}
		if undelivered {
			p2.DeliverySuccess = stripe.Bool(false)
		}
		list := event.Client{B: c.backend, Key: key}.List(p2)
		return list.EventList().Data, list.Meta().HasMore, list.Err()
	})
	if err != nil {
		return nil, err
	}
	var events []payment.StripeEvent
	for _, e := range slices.Backward(found) {
		read := outline(e)
		if f := readers[e.Type]; f != nil && e.Data != nil {
			// A half-read event would say less than none.
			if err := f(e.Data.Raw, &read); err != nil {
				read = outline(e)
			}
		}
		events = append(events, read)
	}
	slices.SortStableFunc(events, func(a, b payment.StripeEvent) int { return a.Created.Compare(b.Created) })
	return events, nil
}

func outline(e *stripe.Event) payment.StripeEvent {
	return payment.StripeEvent{
		ID: e.ID, Type: string(e.Type), APIVersion: e.APIVersion, Live: e.Livemode, Created: time.Unix(e.Created, 0).UTC(),
	}
}

var errGarbage = errors.New("not the object that the event's type promises")

func readSession(raw []byte, e *payment.StripeEvent) error {
	var s stripe.CheckoutSession
	if err := json.Unmarshal(raw, &s); err != nil || s.ID == "" || s.Object != "checkout.session" {
		return errGarbage
	}
	found := sessionOf(&s)
	e.Session = &found
	return nil
}

func readFailedSession(raw []byte, e *payment.StripeEvent) error {
	e.AsyncFail = true
	return readSession(raw, e)
}

func readIntent(raw []byte, e *payment.StripeEvent) error {
	var i stripe.PaymentIntent
	if err := json.Unmarshal(raw, &i); err != nil || i.ID == "" || i.Object != "payment_intent" {
		return errGarbage
	}
	found := intentOf(&i)
	e.Intent = &found
	return nil
}

// readCharge takes of a charge only which payment it is of. One that is of
// none is not Waybill's.
func readCharge(raw []byte, e *payment.StripeEvent) error {
	var c stripe.Charge
	if err := json.Unmarshal(raw, &c); err != nil || c.ID == "" || c.Object != "charge" {
		return errGarbage
	}
	if c.PaymentIntent != nil {
		e.Fetch = c.PaymentIntent.ID
	}
	return nil
}

func readRefund(raw []byte, e *payment.StripeEvent) error {
	var r stripe.Refund
	if err := json.Unmarshal(raw, &r); err != nil || r.ID == "" || r.Object != "refund" {
		return errGarbage
	}
	found := refundOf(&r)
	e.Refund = &found
	return nil
}

func readDispute(raw []byte, e *payment.StripeEvent) error {
	var d stripe.Dispute
	if err := json.Unmarshal(raw, &d); err != nil || d.ID == "" || d.Object != "dispute" {
		return errGarbage
	}
	found := disputeOf(&d)
	e.Dispute = &found
	return nil
}
