package billing_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"waybill/shared/company"
	"waybill/shared/payment"
)

func TestWhatDoesNotMatchWaitsForAPersonAndNeverPays(t *testing.T) {
	t.Parallel()
	s := newShop(t, nil)
	other := s.order(1, nil)
	for _, c := range []struct {
		name, problem string
		change        func(e *payment.StripeEvent)
	}{
		{"amount", "amount", func(e *payment.StripeEvent) { e.Intent.Amount, e.Intent.Received = 900, 900 }},
		{"more than was asked for", "amount", func(e *payment.StripeEvent) { e.Intent.Received = 1001 }},
		{"currency", "currency", func(e *payment.StripeEvent) { e.Intent.Currency = "EUR" }},
		{"mode", "mode", func(e *payment.StripeEvent) { e.Live = true }},
		{"another order", "order", func(e *payment.StripeEvent) { e.Intent.OrderID = other.ID }},
		{"another payment", "payment", func(e *payment.StripeEvent) { e.Intent.PaymentID = s.IDs.ID() }},
	} {
		t.Run(c.name, func(t *testing.T) {
			s.pass(time.Second)
			id, object := s.asked(false)
			_, before := s.account(id)
			e := s.read(s.find(s.do(object, "succeed", 0), "payment_intent.succeeded"))
			e.ID = "evt_" + s.IDs.ID()
			c.change(&e)
			known := len(s.reviews())
			for range 2 {
				if err := s.books.Hear(t.Context(), e); err != nil {
					t.Fatal(err)
				}
			}
			if r := s.reviews(); len(r) != known+1 || !strings.HasPrefix(r[0], c.problem) {
				t.Errorf("somebody is to look at %v", r)
			}
			if _, a := s.want(id, "confirmed unpaid", payment.Sums{}); a.Version != before.Version {
				t.Errorf("the payments are in version %d, were in %d", a.Version, before.Version)
			}
		})
	}
	s.want(other.ID, "confirmed unpaid", payment.Sums{})
}

// find is the one of some events that has a type.
func (s *shop) find(events []string, kind string) string {
	s.t.Helper()
	for _, e := range s.standIn.Events() {
		for _, id := range events {
			if e.ID == id && e.Type == kind {
				return id
			}
		}
	}
	s.t.Fatalf("no event is a %s", kind)
	return ""
}

func TestMoneyThatNobodyAskedForWaitsForAPerson(t *testing.T) {
	t.Parallel()
	s := newShop(t, nil)
	o := s.order(1, nil)
	p := s.checkout(o.ID)
	for what, metadata := range map[string][2]string{
		"a payment that there is not": {o.ID, s.IDs.ID()},
		"another amount":              {o.ID, p.ID},
		"an order that there is not":  {s.IDs.ID(), p.ID},
	} {
		before, known := len(s.standIn.Events()), len(s.reviews())
		intent := s.atStripe("/v1/payment_intents", url.Values{
			"amount": {"2000"}, "currency": {"usd"}, "metadata[waybill_order]": {metadata[0]}, "metadata[waybill_payment]": {metadata[1]},
		})
		s.do(intent, "succeed", 0)
		s.deliver(s.events(before)...)
		if len(s.reviews()) != known+1 {
			t.Errorf("%s: somebody is to look at %v", what, s.reviews())
		}
	}
	s.want(o.ID, "confirmed unpaid", payment.Sums{})
	// What was reviewed is not heard again, and the customer may still pay.
	known := len(s.reviews())
	s.sweep()
	s.deliver(s.do(p.Session, "succeed", 0)...)
	s.want(o.ID, "confirmed paid", payment.Sums{Paid: 1000})
	if r := s.reviews(); len(r) != known {
		t.Errorf("somebody is to look at %v", r)
	}
}

func TestWhatIsNotOursIsPassedOver(t *testing.T) {
	t.Parallel()
	s := newShop(t, nil)
	o, p := s.paid(1)
	version := o.Version
	before := len(s.standIn.Events())
	intent := s.atStripe("/v1/payment_intents", url.Values{"amount": {"1000"}, "currency": {"usd"}})
	s.do(intent, "decline", 0)
	s.do(intent, "succeed", 0)
	s.atStripe("/v1/refunds", url.Values{"payment_intent": {intent}, "amount": {"300"}})
	s.do(intent, "dispute", 0)
	s.do(intent, "lose", 0)
	foreign := s.events(before)
	s.deliver(foreign...)
	unknown := payment.StripeEvent{ID: "evt_unknown", Type: "customer.created"}
	if err := s.books.Hear(t.Context(), unknown); err != nil {
		t.Error(err)
	}
	s.sweep()
	for _, id := range append(foreign, unknown.ID) {
		if must(s.DB.WasHeard(t.Context(), id))(t) {
			t.Errorf("%s is kept", id)
		}
	}
	if o, _ = s.want(o.ID, "confirmed paid", payment.Sums{Paid: 1000}); o.Version != version || len(s.reviews()) > 0 {
		t.Errorf("order in version %d, was in %d; somebody is to look at %v; payment %s", o.Version, version, s.reviews(), p.ID)
	}
}

func TestASweepAfterALongSilenceFindsWhatWasMissed(t *testing.T) {
	t.Parallel()
	s := newShop(t, func(c *company.Settings) { c.PaymentTime = 0 })
	s.sweep()
	for _, silence := range []time.Duration{time.Minute, 20 * 24 * time.Hour} {
		o := s.order(1, nil)
		s.do(s.checkout(o.ID).Session, "succeed", 0)
		s.pass(silence)
		s.sweep()
		s.want(o.ID, "confirmed paid", payment.Sums{Paid: 1000})
	}
	if found := s.sweep(); found.Orders != 0 || len(s.reviews()) != 0 {
		t.Errorf("there is still %+v, and %v", found, s.reviews())
	}
}
