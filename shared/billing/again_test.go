package billing_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"waybill/infra/stripe"
	"waybill/shared/fulfilment"
	"waybill/shared/gateway"
	"waybill/shared/order"
	"waybill/shared/ordering"
	"waybill/shared/payment"
	"waybill/shared/table"
)

func TestWhatStripeRefusesForGoodIsNotAskedForeverAgain(t *testing.T) {
	t.Parallel()
	s := newShop(t, holds)
	o := s.order(3, func(in *ordering.New) { in.Currency = "BHD" })
	s.deliver(s.do(s.checkout(o.ID).Session, "succeed", 0)...)
	s.record(o.ID, 5) // what is left is no amount of Stripe's
	must(s.dock.Ship(t.Context(), manager, o.ID, fulfilment.New{}))(t)
	s.tend(o.ID)
	if o, a := s.account(o.ID); a.Payments[0].In() != 15_350 || o.Balance() != 5 {
		t.Errorf("taken are %d, %d are left", a.Payments[0].In(), o.Balance())
	}

	id, p := s.authorized()
	must(s.Cancel(t.Context(), manager, id, "no"))(t)
	s.openStripe() // another account, which does not know the payment
	s.books.Stripe = s.client
	broken := func() {
		for range 3 {
			if err := s.books.Tend(t.Context(), id); err != nil {
				t.Fatal(err)
			}
			_ = s.books.Perform(t.Context(), id)
		}
	}
	broken()
	before := len(s.timeline(id))
	broken()
	if after := len(s.timeline(id)); after != before {
		t.Errorf("the timeline of %s goes on and on: %v", p.ID, s.timeline(id))
	}
}

func TestARetryIsToldOfTheSameFailureAsTheFirstTry(t *testing.T) {
	t.Parallel()
	s := newShop(t, nil)
	o := s.order(1, nil)
	p := s.checkout(o.ID)
	s.do(p.Session, "succeed", 0) // nobody has heard of it yet
	by := finance
	by.Mark = &table.Mark{Principal: "fiona", Operation: "void", Key: "k", Hash: "h"}
	for range 2 {
		_, _, err := gateway.Once(t.Context(), gateway.Edge{Records: s.DB}, by.Mark,
			func() (table.PaymentOf, error) { return s.books.Void(t.Context(), by, p.ID, "") },
			func(id string) (table.PaymentOf, error) { return s.books.Voided(t.Context(), by, id) })
		wantCode(t, err, "payment_succeeded")
	}
	s.want(o.ID, "confirmed paid", payment.Sums{Paid: 1000})
}

func TestWhatIsAuthorisedWhileItsAskIsWithdrawnStands(t *testing.T) {
	t.Parallel()
	s := newShop(t, holds)
	o := s.order(1, nil)
	p, _, err := s.books.Intent(t.Context(), sales, o.ID)
	if err != nil {
		t.Fatal(err)
	}
	s.pass(2 * time.Hour)
	// Stripe answers a look, and fails when the intent is to be cancelled.
	s.stripe.set(func(r *http.Request) stripe.Fault {
		if strings.HasSuffix(r.URL.Path, "/cancel") {
			return stripe.Refuse
		}
		return stripe.None
	})
	if ended, err := s.books.ExpireOrder(t.Context(), o.ID); ended || err == nil {
		t.Errorf("ended is %v, %v", ended, err)
	}
	s.stripe.set(nil)
	s.deliver(s.do(p.Intent, "succeed", 0)...)
	s.settle()
	if ended, err := s.books.ExpireOrder(t.Context(), o.ID); ended || err != nil {
		t.Errorf("ended is %v, %v", ended, err)
	}
	s.want(o.ID, "confirmed authorized", payment.Sums{Authorized: 1000})
}

func TestAnOrderThatIsToBePaidAgainIsGivenTimeAndThenExpires(t *testing.T) {
	t.Parallel()
	s := newShop(t, nil)
	o := s.order(1, nil)
	s.price(o.ID, 10_000) // free for a while
	s.pass(2 * time.Hour)
	expire := func() int {
		t.Helper()
		return must(s.books.Expire(t.Context(), s.IDs.Now().Add(time.Hour)))(t)
	}
	if n := expire(); n != 0 {
		t.Errorf("%d ended while they were free", n)
	}
	s.price(o.ID, 0)
	if n := expire(); n != 0 {
		t.Errorf("%d ended at once", n)
	}
	s.pass(25 * time.Hour)
	if n := expire(); n != 1 {
		t.Errorf("%d ended a day later", n)
	}
	s.want(o.ID, "cancelled unpaid", payment.Sums{})
	s.wantReserved(0)
}

// price gives a discount of so many basis points.
func (s *shop) price(id string, bp int64) {
	s.t.Helper()
	d := order.Discount{ByRate: true, Rate: bp}
	must(s.Edit(s.t.Context(), manager, id, ordering.Edit{Discount: &d}))(s.t)
}

func TestAnAskThatStripeDoesNotKnowAnyMoreIsGivenUp(t *testing.T) {
	t.Parallel()
	s := newShop(t, nil)
	o := s.order(1, nil)
	p := s.checkout(o.ID)
	s.openStripe() // another account: the session is not there
	s.books.Stripe = s.client
	s.pass(25 * time.Hour)
	if ended, err := s.books.ExpireOrder(t.Context(), o.ID); !ended || err != nil {
		t.Errorf("ended is %v, %v", ended, err)
	}
	if _, a := s.want(o.ID, "cancelled unpaid", payment.Sums{}); a.Payment(p.ID).Status != payment.Cancelled {
		t.Errorf("%+v", a.Payments)
	}
}

func TestADebitThatWasReturnedUnheardDoesNotKeepItsOrder(t *testing.T) {
	t.Parallel()
	s := newShop(t, nil)
	o := s.order(1, nil)
	p, _, err := s.books.Intent(t.Context(), sales, o.ID)
	if err != nil {
		t.Fatal(err)
	}
	s.deliver(s.do(p.Intent, "process", 0)...)
	s.do(p.Intent, "fail", 0) // nobody hears of it
	s.pass(25 * time.Hour)
	for range 2 { // once it is known that nothing comes, it is withdrawn
		if _, err := s.books.ExpireOrder(t.Context(), o.ID); err != nil {
			t.Fatal(err)
		}
	}
	s.want(o.ID, "cancelled unpaid", payment.Sums{})
}

func TestNobodyHoldsAnOrderForADisputeByHand(t *testing.T) {
	t.Parallel()
	s := newShop(t, nil)
	o := s.order(1, nil)
	_, err := s.Hold(t.Context(), manager, o.ID, order.HoldDispute)
	wantCode(t, err, "rejected")
	s.want(o.ID, "confirmed unpaid", payment.Sums{})
}

func TestWhatIsBeingGivenUpLetsNothingLeave(t *testing.T) {
	t.Parallel()
	s := newShop(t, holds)
	id, p := s.authorized()
	s.stripe.set(func(r *http.Request) stripe.Fault {
		if strings.HasSuffix(r.URL.Path, "/cancel") {
			return stripe.Refuse
		}
		return stripe.None
	})
	if _, err := s.books.Void(t.Context(), finance, p.ID, "wrong card"); err == nil {
		t.Fatal("it was given up though Stripe failed")
	}
	_, err := s.dock.Ship(t.Context(), manager, id, fulfilment.New{})
	wantCode(t, err, "payment_required")
	s.stripe.set(nil)
	s.settle()
	s.want(id, "confirmed unpaid", payment.Sums{})

	id, p = s.authorized()
	must(s.dock.Ship(t.Context(), manager, id, fulfilment.New{}))(t)
	_, err = s.books.Void(t.Context(), finance, p.ID, "too late")
	wantCode(t, err, "already_shipped")
	s.tend(id)
	s.want(id, "shipped paid", payment.Sums{Paid: 1000})
}

func TestAnAskThatCanNotBeEnteredIsUndoneAtStripe(t *testing.T) {
	t.Parallel()
	s := newShop(t, nil)
	o := s.order(10, nil)
	for range payment.MostPayments {
		s.record(o.ID, 1)
	}
	before := len(s.events(0))
	_, err := s.books.Checkout(t.Context(), sales, o.ID, visit)
	wantCode(t, err, "too_many_items")
	for _, id := range s.events(before) {
		if e := s.read(id); e.Type == "checkout.session.expired" {
			return
		}
	}
	t.Error("the session that nobody was given is open")
}
