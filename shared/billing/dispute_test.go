package billing_test

import (
	"fmt"
	"testing"

	"waybill/shared/order"
	"waybill/shared/ordering"
	"waybill/shared/payment"
)

func TestADisputeHoldsAnOrderUntilItIsWon(t *testing.T) {
	t.Parallel()
	s := newShop(t, nil)
	o, p := s.paid(1)
	s.deliver(s.do(p.Intent, "dispute", 0)...)
	o, _ = s.want(o.ID, "confirmed/dispute disputed", payment.Sums{Paid: 1000, Disputed: 1000})
	wantCode(t, o.MayShip(true), "on_hold")
	_, err := s.Release(t.Context(), manager, o.ID)
	wantCode(t, err, "disputed")
	s.deliver(s.do(p.Intent, "win", 0)...)
	o, _ = s.want(o.ID, "confirmed paid", payment.Sums{Paid: 1000})
	if err := o.MayShip(false); err != nil {
		t.Error(err)
	}
	if got, want := fmt.Sprint(s.timeline(o.ID)), "[order.confirmed payment.requested payment.received payment.disputed payment.dispute_won]"; got != want {
		t.Errorf("the timeline is %v, want %s", got, want)
	}
	s.wantReserved(1)
}

func TestADisputeThatIsLostTakesTheMoneyAndLeavesTheOrderToAPerson(t *testing.T) {
	t.Parallel()
	s := newShop(t, nil)
	o, p := s.paid(1)
	s.deliver(s.do(p.Intent, "dispute", 0)...)
	s.deliver(s.do(p.Intent, "lose", 0)...)
	o, _ = s.want(o.ID, "confirmed/dispute refunded", payment.Sums{Paid: 1000, Refunded: 1000, Lost: 1000})
	if o.Balance() != 1000 {
		t.Errorf("the balance is %d", o.Balance())
	}
	s.wantReserved(1)
	must(s.Release(t.Context(), manager, o.ID))(t)
	s.want(o.ID, "confirmed refunded", payment.Sums{Paid: 1000, Refunded: 1000, Lost: 1000})
}

func TestALateDisputeDoesNotReviveACancelledOrder(t *testing.T) {
	t.Parallel()
	s := newShop(t, nil)
	for _, verdict := range []string{"win", "lose"} {
		o, p := s.paid(1)
		must(s.Cancel(t.Context(), manager, o.ID, "changed their mind"))(t)
		s.deliver(s.do(p.Intent, "dispute", 0)...)
		o, _ = s.want(o.ID, "cancelled disputed", payment.Sums{Paid: 1000, Disputed: 1000})
		wantCode(t, o.MayShip(true), "wrong_status")
		s.deliver(s.do(p.Intent, verdict, 0)...)
		if o, _ = s.account(o.ID); o.Status != order.Cancelled || o.OnHold || o.Disputed != 0 {
			t.Errorf("after %s it is %s", verdict, state(o))
		}
	}
	s.wantReserved(0)
}

func TestADisputeDoesNotReplaceAnApproval(t *testing.T) {
	t.Parallel()
	tooMuch := order.Discount{ByRate: true, Rate: 2000}
	for _, disputedFirst := range []bool{true, false} {
		for verdict, after := range map[string]string{"win": "confirmed/approval paid", "lose": "confirmed/approval refunded"} {
			t.Run(fmt.Sprintf("disputed first %v, %s", disputedFirst, verdict), func(t *testing.T) {
				t.Parallel()
				s := newShop(t, nil)
				o, p := s.paid(1)
				if disputedFirst {
					s.deliver(s.do(p.Intent, "dispute", 0)...)
				}
				must(s.Edit(t.Context(), sales, o.ID, ordering.Edit{Discount: &tooMuch}))(t)
				if !disputedFirst {
					s.deliver(s.do(p.Intent, "dispute", 0)...)
				}
				s.want(o.ID, "confirmed/approval disputed", payment.Sums{Paid: 1000, Disputed: 1000})
				_, err := s.Release(t.Context(), sales, o.ID)
				wantCode(t, err, "forbidden")
				s.deliver(s.do(p.Intent, verdict, 0)...)
				if o, _ = s.account(o.ID); state(o) != after {
					t.Errorf("after %s it is %s, want %s", verdict, state(o), after)
				}
				_, err = s.Release(t.Context(), sales, o.ID)
				wantCode(t, err, "forbidden")
			})
		}
	}
}

func TestAnApprovalDoesNotEndADispute(t *testing.T) {
	t.Parallel()
	s := newShop(t, nil)
	o, p := s.paid(1)
	must(s.Edit(t.Context(), sales, o.ID, ordering.Edit{Discount: &order.Discount{ByRate: true, Rate: 2000}}))(t)
	s.deliver(s.do(p.Intent, "dispute", 0)...)
	must(s.Release(t.Context(), manager, o.ID))(t)
	s.want(o.ID, "confirmed/dispute disputed", payment.Sums{Paid: 1000, Disputed: 1000})
	s.deliver(s.do(p.Intent, "win", 0)...)
	s.want(o.ID, "confirmed paid", payment.Sums{Paid: 1000})
	s.wantReserved(1)
}
