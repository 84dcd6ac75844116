package billing_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"net/url"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"waybill/shared/billing"
	"waybill/shared/company"
	"waybill/shared/payment"
	"waybill/shared/stock"
)

// An ending is what is left of a payment's life, without ids and times.
type ending struct {
	State    string
	Sums     payment.Sums
	Payments []payment.Payment
	Ledger   []payment.Entry // sorted
	Reserved map[stock.Place]int64
}

func (s *shop) ending(id string) ending {
	s.t.Helper()
	o, a := s.account(id)
	e := ending{State: state(o), Sums: a.Sums(), Payments: a.Clone().Payments, Reserved: o.Allocations()}
	for i := range e.Payments {
		p := &e.Payments[i]
		p.ID, p.Session, p.Intent, p.ReceivedAt, p.ExpiresAt, p.CreatedAt = "", "", "", nil, nil, time.Time{}
		for i := range p.Refunds {
			r := &p.Refunds[i]
			r.ID, r.Stripe, r.Attempt, r.At = "", "", "", time.Time{}
		}
		slices.SortFunc(p.Refunds, func(a, b payment.Refund) int { return cmp.Compare(a.Amount, b.Amount) })
		for i := range p.Disputes {
			p.Disputes[i].Stripe = ""
		}
	}
	for _, x := range must(s.DB.Entries(s.t.Context(), id))(s.t) {
		e.Ledger = append(e.Ledger, payment.Entry{Kind: x.Kind, Amount: x.Amount})
	}
	slices.SortFunc(e.Ledger, func(a, b payment.Entry) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Amount, b.Amount))
	})
	return e
}

// live lets a payment of 30.00 live: it is declined, authorised, captured,
// refunded twice, of which one comes to nothing later, and disputed. Here are
// the captures and refunds that Waybill made, the others are made at Stripe itself.
func (s *shop) live(here bool, verdict string) (id string, events []string) {
	s.t.Helper()
	ctx, before := s.t.Context(), len(s.standIn.Events())
	o := s.order(3, nil)
	p := s.checkout(o.ID)
	s.do(p.Session, "decline", 0)
	s.do(p.Session, "succeed", 0)
	intent := must(s.client.Session(ctx, p.Session))(s.t).Intent
	var broken string
	if here {
		s.deliver(s.events(before)...)
		must(s.books.Capture(ctx, finance, p.ID, 0))(s.t)
		must(s.books.Refund(ctx, finance, o.ID, billing.Refund{Amount: 200}))(s.t)
		broken = must(s.books.Refund(ctx, finance, o.ID, billing.Refund{PaymentID: p.ID, Amount: 100}))(s.t)[0].Stripe
	} else {
		s.atStripe("/v1/payment_intents/"+intent+"/capture", nil)
		s.atStripe("/v1/refunds", url.Values{"payment_intent": {intent}, "amount": {"200"}})
		broken = s.atStripe("/v1/refunds", url.Values{"payment_intent": {intent}, "amount": {"100"}})
	}
	s.do(broken, "fail", 0)
	s.do(intent, "dispute", 300)
	s.do(intent, verdict, 0)
	return o.ID, s.events(before)
}

func TestAPaymentsLifeEndsTheSameInWhateverOrderStripeTellsIt(t *testing.T) {
	t.Parallel()
	const rounds = 5
	seed := seed(t)
	for _, life := range []struct {
		name    string
		here    bool
		verdict string
		want    string
		sums    payment.Sums
	}{
		{"won", true, "win", "confirmed partially_refunded", payment.Sums{Paid: 3000, Refunded: 200}},
		{"lost", true, "lose", "confirmed/dispute partially_refunded", payment.Sums{Paid: 3000, Refunded: 500, Lost: 300}},
		{"made at Stripe and won", false, "win", "confirmed partially_refunded", payment.Sums{Paid: 3000, Refunded: 200}},
		{"made at Stripe and lost", false, "lose", "confirmed/dispute partially_refunded", payment.Sums{Paid: 3000, Refunded: 500, Lost: 300}},
	} {
		t.Run(life.name, func(t *testing.T) {
			t.Parallel()
			s := newShop(t, func(c *company.Settings) { c.CaptureOnShipment = true })
			dice := rand.New(rand.NewPCG(seed, uint64(len(life.name))))
			id, events := s.live(life.here, life.verdict)
			s.deliver(events...)
			s.want(id, life.want, life.sums)
			straight := s.ending(id)
			for round := range rounds {
				// What was swept before is past.
				s.pass(4 * 24 * time.Hour)
				id, events := s.live(life.here, life.verdict)
				events = slices.Concat(events, events)
				dice.Shuffle(len(events), func(i, j int) { events[i], events[j] = events[j], events[i] })
				s.deliver(events[dice.IntN(len(events)):]...)
				s.sweep()
				if got := s.ending(id); !reflect.DeepEqual(got, straight) {
					t.Errorf("round %d: it ended as\n%+v, not as\n%+v", round, got, straight)
				}
			}
			if r := s.reviews(); len(r) > 0 {
				t.Errorf("somebody is to look at %v", r)
			}
			s.wantReserved(3 * (rounds + 1))
		})
	}
}

func TestWhatCameInOnceCountsOnceThoughItIsToldThreeTimesAtOnce(t *testing.T) {
	t.Parallel()
	s := newShop(t, nil)
	o := s.order(3, nil)
	p := s.checkout(o.ID)
	under, came := s.do(p.Session, "process", 0), s.do(p.Session, "succeed", 0)
	var work sync.WaitGroup
	failed := make([]error, 3*len(came))
	for i := range failed {
		e := s.read(came[i%len(came)])
		work.Go(func() { failed[i] = s.books.Hear(t.Context(), e) })
	}
	work.Wait()
	for _, err := range failed {
		if err != nil {
			t.Error(err)
		}
	}
	s.deliver(under...)
	s.sweep()
	o, a := s.want(o.ID, "confirmed paid", payment.Sums{Paid: 3000})
	if len(a.Payments) != 1 || a.Entries != 1 || a.Payments[0].Status != payment.Succeeded || o.Version != 3 {
		t.Errorf("version %d: %+v", o.Version, a)
	}
	if got, want := fmt.Sprint(s.timeline(o.ID)), "[order.confirmed payment.requested payment.received]"; got != want {
		t.Errorf("the timeline is %v, want %s", got, want)
	}
	s.wantReserved(3)
}

func TestHowItWasPaidIsKnownAndSoIsWhyItFailed(t *testing.T) {
	t.Parallel()
	s := newShop(t, nil)
	o := s.order(1, nil)
	p := s.checkout(o.ID)
	s.deliver(s.do(p.Session, "decline", 0)...)
	if _, a := s.want(o.ID, "confirmed unpaid", payment.Sums{}); a.Payments[0].Failure != "insufficient_funds" || a.Payments[0].Status != payment.Pending {
		t.Errorf("after a card that does not work: %+v", a.Payments)
	}
	s.deliver(s.do(p.Session, "succeed", 0)...)
	if _, a := s.want(o.ID, "confirmed paid", payment.Sums{Paid: 1000}); a.Payments[0].Failure != "" || a.Payments[0].Via != "card" {
		t.Errorf("after one that does: %+v", a.Payments)
	}
}
