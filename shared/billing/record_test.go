package billing_test

import (
	"errors"
	"testing"
	"time"

	"waybill/shared/billing"
	"waybill/shared/payment"
	"waybill/shared/refusal"
)

func TestAnItemThatIsAddedAndRemovedAgainRefundsNothing(t *testing.T) {
	t.Parallel()
	s := newShop(t, nil)
	o, p := s.paid(2)
	s.edit(o.ID, 3)
	s.tend(o.ID)
	if o, _ = s.want(o.ID, "confirmed partially_paid", payment.Sums{Paid: 2000}); o.Balance() != 1000 {
		t.Errorf("the balance is %d", o.Balance())
	}
	s.edit(o.ID, 2)
	s.tend(o.ID)
	s.settle()
	o, a := s.want(o.ID, "confirmed paid", payment.Sums{Paid: 2000})
	if at := must(s.client.Refunds(t.Context(), p.Intent))(t); o.Balance() != 0 || len(at) != 0 || a.Entries != 1 {
		t.Errorf("the balance is %d, Stripe made %+v", o.Balance(), at)
	}
	s.wantReserved(2)
}

func TestMoreThanIsToPayIsTakenOnlyOnPurpose(t *testing.T) {
	t.Parallel()
	s := newShop(t, nil)
	o := s.order(1, nil)
	s.record(o.ID, 400)
	in := billing.NewPayment{Method: payment.Cash, Amount: 601}
	_, err := s.books.Record(t.Context(), finance, o.ID, in)
	var refused *refusal.Error
	if !errors.As(err, &refused) || refused.Code != "overpayment" || *refused.Items[0].Available != 600 {
		t.Errorf("got %v", err)
	}
	in.Overpay = true
	_, err = s.books.Record(t.Context(), sales, o.ID, in)
	wantCode(t, err, "forbidden")
	s.want(o.ID, "confirmed partially_paid", payment.Sums{Paid: 400})
	must(s.books.Record(t.Context(), finance, o.ID, in))(t)
	if o, _ = s.want(o.ID, "confirmed paid", payment.Sums{Paid: 1001}); o.Balance() != -1 {
		t.Errorf("the balance is %d", o.Balance())
	}
	s.wantReserved(1)
}

func TestAnOrderIsPaidInSeveralWaysAndAMistakeIsTakenBack(t *testing.T) {
	t.Parallel()
	s := newShop(t, nil)
	o := s.order(3, nil)
	before := s.clock.now().Add(-48 * time.Hour)
	for _, in := range []billing.NewPayment{
		{Method: payment.Cash, Amount: 1000, Currency: "USD"},
		{Method: payment.BankTransfer, Amount: 1500, Reference: "RF18", ReceivedAt: &before},
		{Method: payment.Cheque, Amount: 500},
	} {
		must(s.books.Record(t.Context(), finance, o.ID, in))(t)
	}
	_, a := s.want(o.ID, "confirmed paid", payment.Sums{Paid: 3000})
	transfer := a.Payments[1]
	if !transfer.ReceivedAt.Equal(before) || transfer.Reference != "RF18" || transfer.By != "fiona" {
		t.Errorf("%+v", transfer)
	}
	if p := must(s.books.Reverse(t.Context(), finance, transfer.ID, "another order's"))(t); p.Status != payment.Reversed {
		t.Errorf("%+v", p)
	}
	_, err := s.books.Reverse(t.Context(), finance, transfer.ID, "again")
	wantCode(t, err, "wrong_status")
	o, a = s.want(o.ID, "confirmed partially_paid", payment.Sums{Paid: 1500})
	if len(a.Payments) != 3 || a.Entries != 4 || o.Balance() != 1500 {
		t.Errorf("the balance is %d: %+v", o.Balance(), a)
	}
	s.wantReserved(3)
}

func TestAPaymentIsRecordedOnceThoughItIsAskedTwice(t *testing.T) {
	t.Parallel()
	s := newShop(t, nil)
	o := s.order(3, nil)
	for range 2 {
		err := once(t.Context(), s, s.books, "record", o.ID, func(by billing.By) (string, error) {
			p, err := s.books.Record(t.Context(), by, o.ID, billing.NewPayment{Method: payment.Cash, Amount: 1000})
			return p.ID, err
		}, func(ref string) (string, error) { return ref, nil })
		if err != nil {
			t.Fatal(err)
		}
	}
	s.want(o.ID, "confirmed partially_paid", payment.Sums{Paid: 1000})
}

func TestAPaymentThatCanNotBeIsRefused(t *testing.T) {
	t.Parallel()
	s := newShop(t, nil)
	o := s.order(1, nil)
	ahead, long := s.clock.now().Add(time.Hour), time.Unix(-1, 0)
	for name, in := range map[string]billing.NewPayment{
		"another currency": {Method: payment.Cash, Amount: 100, Currency: "EUR"},
		"the future":       {Method: payment.Cash, Amount: 100, ReceivedAt: &ahead},
		"long ago":         {Method: payment.Cash, Amount: 100, ReceivedAt: &long},
	} {
		_, err := s.books.Record(t.Context(), finance, o.ID, in)
		var refused *refusal.Error
		if !errors.As(err, &refused) || refused.Kind != refusal.Rejected {
			t.Errorf("%s: %v", name, err)
		}
	}
	cancelled := s.order(1, nil)
	must(s.Cancel(t.Context(), manager, cancelled.ID, ""))(t)
	_, err := s.books.Record(t.Context(), finance, cancelled.ID, billing.NewPayment{Method: payment.Cash, Amount: 1})
	wantCode(t, err, "overpayment")
	if o, a := s.want(o.ID, "confirmed unpaid", payment.Sums{}); o.Version != 1 || len(a.Payments) != 0 {
		t.Errorf("order in version %d, %+v", o.Version, a)
	}
}
