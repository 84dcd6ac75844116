package billing_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"waybill/infra/fault"
	"waybill/infra/stripe"
	"waybill/shared/billing"
	"waybill/shared/company"
	"waybill/shared/gateway"
	"waybill/shared/payment"
)

// An errand is something that takes several calls, of the table and of Stripe.
type errand struct {
	name     string
	settings func(*company.Settings)
	ready    func(s *shop) string                                                  // makes an order ready for it
	run      func(ctx context.Context, s *shop, b *billing.Books, id string) error // does it, or does it again
	done     func(s *shop, id string)                                              // asserts that it was done once
	skew     time.Duration                                                         // how much later it is here than at Stripe
}

// late is when an order of a shop's is not paid in time, though its session is still open at Stripe.
const late = 75 * time.Minute

func holds(c *company.Settings) { c.CaptureOnShipment = true }

// authorized is an order of 10.00 that is authorised, and its payment.
func (s *shop) authorized() (string, payment.Payment) {
	s.t.Helper()
	o := s.order(1, nil)
	p := s.checkout(o.ID)
	s.deliver(s.do(p.Session, "succeed", 0)...)
	_, a := s.want(o.ID, "confirmed authorized", payment.Sums{Authorized: 1000})
	return o.ID, a.Payments[0]
}

// only is the one payment of an order.
func (s *shop) only(id string) payment.Payment {
	s.t.Helper()
	_, a := s.account(id)
	if len(a.Payments) != 1 {
		s.t.Fatalf("the order has %d payments", len(a.Payments))
	}
	return a.Payments[0]
}

// once does what a client repeats with its Idempotency-Key until it is answered.
func once[T any](ctx context.Context, s *shop, b *billing.Books, name, id string, do func(billing.By) (T, error), again func(ref string) (T, error)) error {
	by := finance
	by.Mark = mark(name, id)
	_, _, err := gateway.Once(ctx, gateway.Edge{Records: b.DB}, by.Mark, func() (T, error) { return do(by) }, again)
	return err
}

var errands = []errand{
	{
		name:  "checkout",
		ready: func(s *shop) string { return s.order(1, nil).ID },
		run: func(ctx context.Context, s *shop, b *billing.Books, id string) error {
			p, err := b.Checkout(ctx, sales, id, visit)
			if err == nil {
				_, err = s.standIn.Do(p.Session, "decline", 0, stripe.Never) // the session is open, for a card that works
			}
			return err
		},
		done: func(s *shop, id string) {
			p := s.checkout(id)
			s.deliver(s.do(p.Session, "succeed", 0)...)
			s.want(id, "confirmed paid", payment.Sums{Paid: 1000})
		},
	},
	{
		name: "webhook",
		ready: func(s *shop) string {
			o := s.order(1, nil)
			s.do(s.checkout(o.ID).Session, "succeed", 0)
			return o.ID
		},
		run: func(ctx context.Context, s *shop, b *billing.Books, id string) error {
			for _, event := range s.recent() {
				if err := b.Hear(ctx, s.read(event)); err != nil {
					return err
				}
			}
			return nil
		},
		done: func(s *shop, id string) {
			s.want(id, "confirmed paid", payment.Sums{Paid: 1000})
		},
	},
	{
		name:  "refund",
		ready: func(s *shop) string { o, _ := s.paid(1); return o.ID },
		run: func(ctx context.Context, s *shop, b *billing.Books, id string) error {
			return once(ctx, s, b, "refund", id,
				func(by billing.By) ([]billing.RefundOf, error) {
					return b.Refund(ctx, by, id, billing.Refund{Amount: 400})
				},
				func(ref string) ([]billing.RefundOf, error) { return b.Refunded(ctx, ref) })
		},
		done: func(s *shop, id string) {
			_, a := s.want(id, "confirmed partially_refunded", payment.Sums{Paid: 1000, Refunded: 400})
			made := must(s.client.Refunds(s.t.Context(), a.Payments[0].Intent))(s.t)
			if r := a.Payments[0].Refunds; len(made) != 1 || made[0].Amount != 400 || len(r) != 1 || r[0].Status != payment.RefundSucceeded || r[0].Stripe != made[0].ID {
				s.t.Errorf("Stripe has made %+v, stored are %+v", made, r)
			}
		},
	},
	{
		name: "capture", settings: holds,
		ready: func(s *shop) string { id, _ := s.authorized(); return id },
		run: func(ctx context.Context, s *shop, b *billing.Books, id string) error {
			return settled(ctx, s, b, "capture", id, func(by billing.By, p string) (payment.Payment, error) {
				done, err := b.Capture(ctx, by, p, 700)
				return done.Payment, err
			})
		},
		done: func(s *shop, id string) {
			_, a := s.want(id, "confirmed partially_paid", payment.Sums{Paid: 700})
			if i := must(s.client.Intent(s.t.Context(), a.Payments[0].Intent))(s.t); i.Status != "succeeded" || i.Received != 700 {
				s.t.Errorf("at Stripe it is %+v", i)
			}
		},
	},
	{
		name: "void", settings: holds,
		ready: func(s *shop) string { id, _ := s.authorized(); return id },
		run: func(ctx context.Context, s *shop, b *billing.Books, id string) error {
			return settled(ctx, s, b, "void", id, func(by billing.By, p string) (payment.Payment, error) {
				done, err := b.Void(ctx, by, p, "wrong card")
				return done.Payment, err
			})
		},
		done: func(s *shop, id string) {
			_, a := s.want(id, "confirmed unpaid", payment.Sums{})
			if i := must(s.client.Intent(s.t.Context(), a.Payments[0].Intent))(s.t); i.Status != "canceled" || a.Payments[0].Status != payment.Cancelled {
				s.t.Errorf("at Stripe it is %+v, stored is %+v", i, a.Payments)
			}
		},
	},
	{
		name: "expire", skew: late,
		ready: func(s *shop) string {
			o := s.order(1, nil)
			s.checkout(o.ID)
			s.clock.pass(late)
			return o.ID
		},
		run: func(ctx context.Context, s *shop, b *billing.Books, id string) error {
			_, err := b.ExpireOrder(ctx, id)
			return err
		},
		done: func(s *shop, id string) {
			_, a := s.want(id, "cancelled unpaid", payment.Sums{})
			session := must(s.client.Session(s.t.Context(), a.Payments[0].Session))(s.t)
			if session.Status != "expired" || a.Payments[0].Status != payment.Cancelled || a.Owing() {
				s.t.Errorf("at Stripe it is %+v, stored is %+v", session, a.Payments)
			}
		},
	},
}

// settled is once for what is done to an order's only payment.
func settled(ctx context.Context, s *shop, b *billing.Books, name, id string, do func(billing.By, string) (payment.Payment, error)) error {
	p := s.only(id).ID
	return once(ctx, s, b, name, id,
		func(by billing.By) (payment.Payment, error) { return do(by, p) },
		func(ref string) (payment.Payment, error) {
			again := b.Voided
			if name == "capture" {
				again = b.Captured
			}
			done, err := again(ctx, finance, ref)
			return done.Payment, err
		})
}

// recent are the ids of the events of today, the oldest first.
func (s *shop) recent() []string {
	all := s.standIn.Events()
	n := 0
	for n < len(all) && all[n].Created.After(s.theirs.now().Add(-24*time.Hour)) {
		n++
	}
	return s.events(len(all) - n)
}

// attempt makes an order ready, has the errand cut off, and does again what is
// done again: by whoever asked, by Stripe, by the sweep.
func (s *shop) attempt(e errand, what string, books *billing.Books, cut func() (mend func())) {
	s.t.Helper()
	s.pass(4 * 24 * time.Hour) // what was before does not matter any more
	id := e.ready(s)
	mend := cut()
	err := e.run(s.t.Context(), s, books, id)
	mend()
	if err != nil {
		if err := e.run(s.t.Context(), s, s.books, id); err != nil {
			s.t.Errorf("%s: cut off, and then %v", what, err)
		}
	}
	s.deliver(s.recent()...)
	s.settle()
	e.done(s, id)
	s.theirs.pass(e.skew)
	if s.t.Failed() {
		s.t.Fatalf("%s: cut off by %v", what, err)
	}
}

func TestWhateverIsCutOffAtTheTableIsDoneOnceInTheEnd(t *testing.T) {
	t.Parallel()
	for _, e := range errands {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			s := newShop(t, e.settings)
			var calls []string
			s.attempt(e, "nothing", s.through(func(operation string) fault.Mode {
				calls = append(calls, operation)
				return fault.None
			}), func() func() { return func() {} })
			t.Logf("%d calls", len(calls))
			for at, operation := range calls {
				modes := []fault.Mode{fault.Lost}
				if operation == "TransactWriteItems" {
					modes = []fault.Mode{fault.Lost, fault.Unanswered, fault.Dead}
				}
				for _, mode := range modes {
					n := 0
					books := s.through(func(string) fault.Mode {
						if n++; n == at+1 {
							return mode
						}
						return fault.None
					})
					s.attempt(e, fmt.Sprintf("call %d, %s %s", at+1, operation, mode), books, func() func() { return func() {} })
				}
			}
		})
	}
}

func TestWhateverIsCutOffAtStripeIsDoneOnceInTheEnd(t *testing.T) {
	t.Parallel()
	for _, e := range errands {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			s := newShop(t, e.settings)
			watch := func(decide func(call string) stripe.Fault) func() func() {
				return func() func() {
					s.stripe.set(func(r *http.Request) stripe.Fault { return decide(r.Method + " " + r.URL.Path) })
					return func() { s.stripe.set(nil) }
				}
			}
			calls := 0
			s.attempt(e, "nothing", s.books, watch(func(string) stripe.Fault { calls++; return stripe.None }))
			t.Logf("%d calls", calls)
			for at := range calls {
				for _, f := range []stripe.Fault{stripe.Refuse, stripe.Lose} {
					n, broken := 0, ""
					// The same call fails again: the client's repetition makes it no better.
					s.attempt(e, fmt.Sprintf("call %d, fault %d", at+1, f), s.books, watch(func(call string) stripe.Fault {
						if n++; n == at+1 {
							broken = call
						}
						if call == broken {
							return f
						}
						return stripe.None
					}))
				}
			}
		})
	}
}

func TestARefundThatNobodyAsksForAgainIsMadeByTheSweep(t *testing.T) {
	t.Parallel()
	s := newShop(t, nil)
	o, p := s.paid(1)
	s.stripe.set(func(r *http.Request) stripe.Fault {
		if r.Method == http.MethodPost {
			return stripe.Refuse
		}
		return stripe.None
	})
	made, err := s.books.Refund(t.Context(), finance, o.ID, billing.Refund{Amount: 400})
	if err != nil || len(made) != 1 || made[0].Status != payment.RefundPending {
		t.Fatalf("%+v, %v", made, err)
	}
	s.want(o.ID, "confirmed partially_refunded", payment.Sums{Paid: 1000, Refunded: 400})
	s.pass(2 * time.Minute)
	if _, err := s.books.Sweep(t.Context()); err == nil {
		t.Error("a sweep that can't make the refund is content")
	}
	s.stripe.set(nil)
	s.settle()
	_, a := s.want(o.ID, "confirmed partially_refunded", payment.Sums{Paid: 1000, Refunded: 400})
	if at := must(s.client.Refunds(t.Context(), p.Intent))(t); len(at) != 1 || a.Owing() || a.Payments[0].Refunds[0].Status != payment.RefundSucceeded {
		t.Errorf("at Stripe are %+v, stored %+v", at, a.Payments)
	}
}

func TestACommandThatIsGivenUpHalfWayLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	s := newShop(t, nil)
	o, p := s.paid(1)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.books.Refund(ctx, finance, o.ID, billing.Refund{Amount: 400}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	s.want(o.ID, "confirmed paid", payment.Sums{Paid: 1000})
	if at := must(s.client.Refunds(t.Context(), p.Intent))(t); len(at) != 0 {
		t.Errorf("at Stripe are %+v", at)
	}
}
