package billing_test

import (
	"flag"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"waybill/infra/fault"
	"waybill/infra/stripe"
	"waybill/shared/billing"
	"waybill/shared/order"
	"waybill/shared/payment"
	"waybill/shared/stripepay"
)

var (
	racesFlag = flag.Int("billing.races", 48, "how many orders are paid and expire at once; in full 1000")
	seedFlag  = flag.Uint64("billing.seed", 0, "seed of the races and of the orders of events; 0 draws one")
)

// seed is where a test's dice start.
func seed(t *testing.T) uint64 {
	s := *seedFlag
	if s == 0 {
		s = rand.Uint64()
	}
	t.Logf("seed %d (again with -billing.seed)", s)
	return s
}

// lot is dice that many may throw.
type lot struct {
	mu   sync.Mutex
	dice *rand.Rand
}

func (l *lot) of(n int) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.dice.IntN(n)
}

// table breaks one call of the table in twenty.
func (l *lot) table(operation string) fault.Mode {
	if l.of(20) > 0 {
		return fault.None
	}
	if operation != "TransactWriteItems" {
		return fault.Lost
	}
	return []fault.Mode{fault.Lost, fault.Unanswered, fault.Conflict, fault.Throttle}[l.of(4)]
}

// stripe breaks one call of Stripe in twenty.
func (l *lot) stripe(*http.Request) stripe.Fault {
	if l.of(20) > 0 {
		return stripe.None
	}
	return []stripe.Fault{stripe.Refuse, stripe.Lose}[l.of(2)]
}

// listen has a webhook take Stripe's events with these books.
func (s *shop) listen(books *billing.Books) {
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		e, err := stripepay.Verify(raw, r.Header.Get("Stripe-Signature"), []string{secret}, s.theirs.now())
		if err == nil {
			err = books.Hear(r.Context(), e)
		}
		if err != nil {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	s.t.Cleanup(hook.Close)
	s.webhook = hook.URL
	s.standIn.Hold(false)
}

// asked is an order that its customer may pay at a session or with an intent.
func (s *shop) asked(session bool) (id, object string) {
	o := s.order(1, nil)
	if session {
		return o.ID, s.checkout(o.ID).Session
	}
	p, _, err := s.books.Intent(s.t.Context(), sales, o.ID)
	if err != nil {
		s.t.Fatal(err)
	}
	return o.ID, p.Intent
}

// customer pays in one of the ways that there are, or finds the page closed.
func (s *shop) customer(object string, l *lot) {
	delivery := []stripe.Delivery{stripe.Now, stripe.Twice, stripe.Afterward, stripe.Never}[l.of(4)]
	for _, action := range [][]string{
		{"succeed"}, {"succeed"}, {"decline", "succeed"}, {"process", "succeed"}, {"process", "decline"},
	}[l.of(5)] {
		if _, err := s.standIn.Do(object, action, 0, delivery); err != nil {
			return
		}
	}
}

func TestEveryOrderThatIsPaidWhileItExpiresIsOneOfTheTwo(t *testing.T) {
	t.Parallel()
	s := newShop(t, nil)
	l := &lot{dice: rand.New(rand.NewPCG(seed(t), 1))}
	books := s.through(l.table)
	s.listen(books)
	const atOnce = 48
	came := map[string]int{}
	for left := *racesFlag; left > 0 && !t.Failed(); left -= atOnce {
		s.pass(4 * 24 * time.Hour) // what was before is swept no more
		orders := map[string]string{}
		for n := range min(left, atOnce) {
			id, object := s.asked(n%2 == 0)
			orders[id] = object
		}
		s.clock.pass(late)
		s.stripe.set(l.stripe)
		s.race(books, l, orders)
		s.stripe.set(nil)
		if err := s.standIn.Idle(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.comeToRest()
		for id := range orders {
			came[s.settled(id)]++
		}
		s.theirs.pass(late)
		s.wantReserved(int64(came["confirmed paid"]))
	}
	t.Logf("%v", came)
	if r := s.reviews(); len(r) > 0 {
		t.Errorf("somebody is to look at %v", r)
	}
}

// race has every order paid and expire, by eight at once.
func (s *shop) race(books *billing.Books, l *lot, orders map[string]string) {
	tasks := make(chan func())
	var work sync.WaitGroup
	for range 8 {
		work.Go(func() {
			for do := range tasks {
				do()
			}
		})
	}
	for id, object := range orders {
		// What fails here is done again later; only what is left in the end counts.
		both := []func(){
			func() { _, _ = books.ExpireOrder(s.t.Context(), id) },
			func() { s.customer(object, l) },
		}
		first := l.of(2)
		tasks <- both[first]
		tasks <- both[1-first]
		if l.of(8) == 0 {
			tasks <- func() { _, _ = books.Expire(s.t.Context(), s.clock.now().Add(time.Minute)) }
		}
	}
	close(tasks)
	work.Wait()
}

// comeToRest does what the clock brings about, until there is nothing left to do.
func (s *shop) comeToRest() {
	s.t.Helper()
	for range 3 {
		s.pass(2 * time.Minute)
		s.sweep()
		if _, err := s.books.Expire(s.t.Context(), s.clock.now().Add(time.Minute)); err != nil {
			s.t.Fatal(err)
		}
	}
	s.pass(2 * time.Minute)
	s.sweep()
}

// settled is how an order ended: paid, or expired and with what came for it sent back.
func (s *shop) settled(id string) string {
	s.t.Helper()
	o, a := s.account(id)
	p := a.Payments[0]
	var back int64
	if p.Intent != "" {
		for _, r := range must(s.client.Refunds(s.t.Context(), p.Intent))(s.t) {
			back += r.Amount
		}
	}
	ok := len(a.Payments) == 1 && !a.Owing() && back == o.Refunded
	switch o.Status {
	case order.Confirmed:
		ok = ok && o.Paid == 1000 && back == 0
	case order.Cancelled:
		ok = ok && back == o.Paid && len(o.Allocations()) == 0
		if o.Paid == 0 {
			ok = ok && p.Status != payment.Succeeded && !s.cameIn(p)
		}
	default:
		ok = false
	}
	if !ok {
		s.t.Errorf("order %s is %s, %d went back at Stripe: %+v", id, state(o), back, a)
	}
	return state(o)
}

// cameIn asks Stripe whether a payment came in.
func (s *shop) cameIn(p payment.Payment) bool {
	return p.Intent != "" && must(s.client.Intent(s.t.Context(), p.Intent))(s.t).Received > 0
}

func TestADebitThatTheBankReturnsLeavesTheOrderToBePaidAnew(t *testing.T) {
	t.Parallel()
	s := newShop(t, nil)
	for _, backwards := range []bool{false, true} {
		for _, session := range []bool{true, false} {
			id, object := s.asked(session)
			events := append(s.do(object, "process", 0), s.do(object, "decline", 0)...)
			for i := range events {
				if backwards {
					i = len(events) - 1 - i
				}
				s.deliver(events[i])
			}
			_, a := s.want(id, "confirmed unpaid", payment.Sums{})
			if p := a.Payments[0]; a.Underway() != 0 || p.Failure != "payment_method_provider_decline" {
				t.Errorf("session %v, backwards %v: %+v", session, backwards, p)
			}
			again := s.checkout(id)
			s.deliver(s.do(again.Session, "succeed", 0)...)
			_, a = s.want(id, "confirmed paid", payment.Sums{Paid: 1000})
			if p := a.Payments[0]; p.Status.Open() || s.cameIn(p) {
				t.Errorf("the first try is still open: %+v", p)
			}
		}
	}
}
