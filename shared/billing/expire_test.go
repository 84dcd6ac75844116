package billing_test

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"waybill/infra/stripe"
	"waybill/shared/customer"
	"waybill/shared/event"
	"waybill/shared/order"
	"waybill/shared/ordering"
	"waybill/shared/payment"
)

// expire ends what is due, and returns how many orders that were.
func (s *shop) expire() int {
	s.t.Helper()
	return must(s.books.Expire(s.t.Context(), s.clock.now().Add(time.Minute)))(s.t)
}

// due are the ids of the orders that are looked at when their time to be paid is over.
func (s *shop) due() []string {
	s.t.Helper()
	var ids []string
	if err := s.DB.Unpaid(s.t.Context(), s.clock.now(), func(id string) bool { ids = append(ids, id); return true }); err != nil {
		s.t.Fatal(err)
	}
	return ids
}

func TestAnOrderThatNobodyPaysEndsAndItsStockIsFree(t *testing.T) {
	t.Parallel()
	s := newShop(t, nil)
	o := s.order(3, nil)
	s.pass(time.Hour - time.Second)
	if n := s.expire(); n != 0 {
		t.Errorf("%d ended too early", n)
	}
	s.wantReserved(3)
	s.pass(time.Second)
	if n, again := s.expire(), s.expire(); n != 1 || again != 0 {
		t.Errorf("%d ended, and then %d", n, again)
	}
	o, _ = s.want(o.ID, "cancelled unpaid", payment.Sums{})
	if o.CancelReason == "" || !slices.Equal(s.timeline(o.ID), []event.Type{event.OrderConfirmed, event.OrderExpired}) || len(s.due()) != 0 {
		t.Errorf("%q, %v, due are %v", o.CancelReason, s.timeline(o.ID), s.due())
	}
	s.wantReserved(0)
}

func TestOnlyAnOrderThatNothingCameForExpires(t *testing.T) {
	t.Parallel()
	s := newShop(t, holds)
	standing := map[string]string{}
	partly := s.order(2, nil)
	s.record(partly.ID, 500)
	standing[partly.ID] = "confirmed partially_paid"
	held, _ := s.authorized()
	standing[held] = "confirmed authorized"
	net := s.order(1, func(in *ordering.New) { in.Terms = &customer.Terms{Kind: customer.Net, Days: 30} })
	standing[net.ID] = "confirmed unpaid"
	draft := s.order(1, func(in *ordering.New) { in.Confirm = false })
	standing[draft.ID] = "draft unpaid"
	price := int64(1000)
	imported := must(s.Import(t.Context(), manager, []ordering.Past{{
		Number: "OLD-1", PlacedAt: s.clock.now().Add(-24 * time.Hour), Status: order.Confirmed, CustomerID: s.buyer, Currency: "USD",
		Wishes: []order.Wish{{SKU: "MUG", Quantity: 1, UnitPrice: &price}},
	}}))(t)
	if imported[0].Err != nil {
		t.Fatal(imported[0].Err)
	}
	standing[imported[0].ID] = "confirmed unpaid"
	s.pass(48 * time.Hour)
	if n := s.expire(); n != 0 {
		t.Errorf("%d ended", n)
	}
	for id, want := range standing {
		if o, _ := s.account(id); state(o) != want {
			t.Errorf("it is %s, want %s", state(o), want)
		}
	}
	if ids := s.due(); len(ids) != 0 {
		t.Errorf("%v are looked at again and again", ids)
	}
	s.wantReserved(5)
}

func TestAnOrderWhoseMoneyIsUnderWayStandsUntilItComesToNothing(t *testing.T) {
	t.Parallel()
	s := newShop(t, nil)
	for _, session := range []bool{true, false} {
		id, object := s.asked(session)
		under := s.do(object, "process", 0)
		s.pass(48 * time.Hour)
		// Nobody has heard of it yet.
		if n := s.expire(); n != 0 {
			t.Errorf("%d ended", n)
		}
		if _, a := s.want(id, "confirmed unpaid", payment.Sums{}); a.Underway() != 1000 || a.Owing() {
			t.Errorf("%+v", a.Payments)
		}
		s.deliver(under...)
		if n := s.expire(); n != 0 {
			t.Errorf("%d ended", n)
		}
		s.deliver(s.do(object, "decline", 0)...)
		if n := s.expire(); n != 1 {
			t.Errorf("%d ended after it came to nothing", n)
		}
		s.want(id, "cancelled unpaid", payment.Sums{})
	}
	s.wantReserved(0)
}

func TestAnOrderThatWasPaidUnheardStands(t *testing.T) {
	t.Parallel()
	s := newShop(t, nil)
	for _, session := range []bool{true, false} {
		id, object := s.asked(session)
		s.do(object, "succeed", 0)
		s.pass(48 * time.Hour)
		if n := s.expire(); n != 0 {
			t.Errorf("%d ended", n)
		}
		s.want(id, "confirmed paid", payment.Sums{Paid: 1000})
		s.expire()
		if len(s.due()) != 0 {
			t.Errorf("due are %v", s.due())
		}
	}
	s.wantReserved(2)
}

func TestACheckoutGivesAnOrderTheTimeThatItsSessionTakes(t *testing.T) {
	t.Parallel()
	s := newShop(t, nil)
	o := s.order(1, nil)
	s.pass(50 * time.Minute)
	p := s.checkout(o.ID)
	o, _ = s.account(o.ID)
	if o.PayBy == nil || !o.PayBy.After(*p.ExpiresAt) {
		t.Fatalf("it is to be paid by %v, the session ends at %v", o.PayBy, p.ExpiresAt)
	}
	s.pass(15 * time.Minute)
	if n := s.expire(); n != 0 {
		t.Errorf("%d ended while the session was open", n)
	}
	s.want(o.ID, "confirmed unpaid", payment.Sums{})
	s.pass(o.PayBy.Sub(s.clock.now()))
	if n := s.expire(); n != 1 {
		t.Errorf("%d ended, due are %v", n, s.due())
	}
	s.want(o.ID, "cancelled unpaid", payment.Sums{})
	s.wantReserved(0)
}

func TestNobodyCanPayAnOrderAnyMoreBeforeItEnds(t *testing.T) {
	t.Parallel()
	s := newShop(t, nil)
	for _, session := range []bool{true, false} {
		id, object := s.asked(session)
		s.clock.pass(late)
		s.stripe.set(func(r *http.Request) stripe.Fault {
			if r.Method == http.MethodPost {
				return stripe.Refuse
			}
			return stripe.None
		})
		if ended, err := s.books.ExpireOrder(t.Context(), id); ended || err == nil {
			t.Errorf("ended %v, %v, though Stripe is down", ended, err)
		}
		if n, err := s.books.Expire(t.Context(), s.clock.now().Add(time.Minute)); n != 0 || err == nil {
			t.Errorf("%d ended, %v, though Stripe is down", n, err)
		}
		s.want(id, "confirmed unpaid", payment.Sums{})
		s.wantReserved(1)
		s.stripe.set(nil)
		if n := s.expire(); n != 1 {
			t.Errorf("%d ended", n)
		}
		s.want(id, "cancelled unpaid", payment.Sums{})
		if _, err := s.standIn.Do(object, "succeed", 0, stripe.Never); err == nil {
			t.Error("it can still be paid at Stripe")
		}
		s.theirs.pass(late)
	}
	s.wantReserved(0)
}
