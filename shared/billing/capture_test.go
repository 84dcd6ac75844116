package billing_test

import (
	"testing"

	"waybill/shared/fulfilment"
	"waybill/shared/order"
	"waybill/shared/payment"
)

// tend does what follows from what an order has become, as the stream's consumer does, twice.
func (s *shop) tend(id string) {
	s.t.Helper()
	for range 2 {
		if err := s.books.Tend(s.t.Context(), id); err != nil {
			s.t.Fatal(err)
		}
		if err := s.books.Perform(s.t.Context(), id); err != nil {
			s.t.Fatal(err)
		}
	}
}

func TestWhatWasAuthorisedIsTakenWhenGoodsLeave(t *testing.T) {
	t.Parallel()
	s := newShop(t, holds)
	for _, c := range []struct {
		name    string
		change  func(id string) // before anything leaves
		shipped int64
		want    string
		taken   int64
	}{
		{"all of it", func(string) {}, 3, "shipped paid", 3000},
		{"all of it with the first parcel", func(string) {}, 1, "partially_shipped paid", 3000},
		{"no more than is owed", func(id string) { s.edit(id, 2) }, 2, "shipped paid", 2000},
		{"no more than was authorised", func(id string) { s.edit(id, 4) }, 0, "confirmed authorized", 0},
		{"what a transfer left", func(id string) { s.record(id, 1000) }, 3, "shipped paid", 2000},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := s.order(3, nil)
			s.deliver(s.do(s.checkout(o.ID).Session, "succeed", 0)...)
			c.change(o.ID)
			s.tend(o.ID)
			if _, a := s.account(o.ID); a.Payments[0].Status != payment.Authorized {
				t.Fatalf("before anything leaves: %+v", a.Payments)
			}
			in := fulfilment.New{Picks: []order.Pick{{SKU: "MUG", Quantity: c.shipped}}}
			if c.shipped == 0 {
				_, err := s.dock.Ship(t.Context(), manager, o.ID, fulfilment.New{})
				wantCode(t, err, "payment_required")
			} else {
				must(s.dock.Ship(t.Context(), manager, o.ID, in))(t)
			}
			s.tend(o.ID)
			o, a := s.account(o.ID)
			i := must(s.client.Intent(t.Context(), a.Payments[0].Intent))(t)
			if state(o) != c.want || a.Payments[0].In() != c.taken || i.Received != c.taken || a.Owing() {
				t.Errorf("it is %s, at Stripe %+v: %+v", state(o), i, a.Payments)
			}
		})
	}
}

func TestWhatWasAskedForIsGivenUpWithTheOrder(t *testing.T) {
	t.Parallel()
	s := newShop(t, holds)
	held, _ := s.authorized()
	waiting := s.order(1, nil)
	s.checkout(waiting.ID)
	for _, id := range []string{held, waiting.ID} {
		must(s.Cancel(t.Context(), manager, id, ""))(t)
		s.tend(id)
		_, a := s.want(id, "cancelled unpaid", payment.Sums{})
		if p := a.Payments[0]; p.Status != payment.Cancelled || a.Owing() {
			t.Errorf("%+v", p)
		}
	}
	_, a := s.account(waiting.ID)
	if is := s.shown("/v1/checkout/sessions/" + a.Payments[0].Session).Status; is != "expired" {
		t.Errorf("at Stripe the session is %s", is)
	}
	_, a = s.account(held)
	if is := s.shown("/v1/payment_intents/" + a.Payments[0].Intent).Status; is != "canceled" {
		t.Errorf("at Stripe the payment is %s", is)
	}
	s.wantReserved(0)
}

func TestAnAskForAnotherAmountThanIsLeftIsGivenUp(t *testing.T) {
	t.Parallel()
	s := newShop(t, nil)
	o := s.order(2, nil)
	p := s.checkout(o.ID)
	s.tend(o.ID)
	if _, a := s.account(o.ID); a.Payments[0].Status != payment.Pending {
		t.Errorf("one that fits is given up: %+v", a.Payments)
	}
	s.record(o.ID, 500)
	s.tend(o.ID)
	_, a := s.want(o.ID, "confirmed partially_paid", payment.Sums{Paid: 500})
	if is := s.shown("/v1/checkout/sessions/" + p.Session).Status; is != "expired" || a.Payments[0].Status != payment.Cancelled {
		t.Errorf("at Stripe the session is %s: %+v", is, a.Payments)
	}
	if next := s.checkout(o.ID); next.Amount != 1500 {
		t.Errorf("the next one is %+v", next)
	}
}

func TestMoneyForACancelledOrderGoesBack(t *testing.T) {
	t.Parallel()
	s := newShop(t, nil)
	o := s.order(1, nil)
	p := s.checkout(o.ID)
	must(s.Cancel(t.Context(), manager, o.ID, ""))(t)
	events := s.do(p.Session, "succeed", 0)
	s.deliver(events...)
	s.deliver(events...)
	s.settle()
	_, a := s.want(o.ID, "cancelled refunded", payment.Sums{Paid: 1000, Refunded: 1000})
	at := must(s.client.Refunds(t.Context(), a.Payments[0].Intent))(t)
	if len(at) != 1 || at[0].Amount != 1000 || a.Owing() {
		t.Errorf("at Stripe are %+v, stored %+v", at, a.Payments)
	}
	s.wantReserved(0)
}

func TestMoneyForACancelledOrderLeavesWhatWasThereToPeople(t *testing.T) {
	t.Parallel()
	s := newShop(t, nil)
	o := s.order(1, nil)
	cash := s.record(o.ID, 400)
	p := s.checkout(o.ID)
	must(s.Cancel(t.Context(), manager, o.ID, ""))(t)
	s.deliver(s.do(p.Session, "succeed", 0)...)
	s.settle()
	_, a := s.want(o.ID, "cancelled partially_refunded", payment.Sums{Paid: 1000, Refunded: 600})
	if len(a.Payment(cash.ID).Refunds) != 0 || len(a.Payment(p.ID).Refunds) != 1 {
		t.Errorf("%+v", a.Payments)
	}
}

func TestADebitUnderWayIsLeftToComeThoughTheOrderIsCancelled(t *testing.T) {
	t.Parallel()
	s := newShop(t, nil)
	for _, session := range []bool{true, false} {
		id, object := s.asked(session)
		s.deliver(s.do(object, "process", 0)...)
		must(s.Cancel(t.Context(), manager, id, ""))(t)
		before, _ := s.account(id)
		s.tend(id)
		if after, _ := s.account(id); after.Version != before.Version {
			t.Errorf("each look at it changes it: %v", s.timeline(id))
		}
		s.deliver(s.do(object, "succeed", 0)...)
		s.settle()
		s.want(id, "cancelled refunded", payment.Sums{Paid: 1000, Refunded: 1000})
	}
	s.wantReserved(0)
}
