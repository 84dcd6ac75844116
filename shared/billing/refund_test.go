package billing_test

import (
	"errors"
	"net/http"
	"sync"
	"testing"
	"time"

	"waybill/infra/stripe"
	"waybill/shared/billing"
	"waybill/shared/order"
	"waybill/shared/payment"
	"waybill/shared/refusal"
)

// bothWays is an order of 100.00, of which 60.00 came by card and 40.00 by
// transfer, and the two payments.
func (s *shop) bothWays(cardFirst bool) (o order.Order, card, transfer payment.Payment) {
	s.t.Helper()
	if cardFirst {
		o, card = s.paid(6)
		s.edit(o.ID, 10)
		transfer = s.record(o.ID, 4000)
	} else {
		o = s.order(10, nil)
		transfer = s.record(o.ID, 4000)
		s.deliver(s.do(s.checkout(o.ID).Session, "succeed", 0)...)
		_, a := s.account(o.ID)
		card = a.Payments[1]
	}
	o, _ = s.want(o.ID, "confirmed paid", payment.Sums{Paid: 10_000})
	return o, card, transfer
}

func TestARefundGoesBackAsItCameAndNeverMoreThanIsLeft(t *testing.T) {
	t.Parallel()
	s := newShop(t, nil)
	for _, c := range []struct {
		cardFirst              bool
		fromCard, fromTransfer int64
	}{{true, 3000, 4000}, {false, 6000, 1000}} {
		o, card, transfer := s.bothWays(c.cardFirst)
		made := must(s.books.Refund(t.Context(), finance, o.ID, billing.Refund{Amount: 7000, Reason: "broken"}))(t)
		back := map[string]int64{}
		for _, r := range made {
			back[r.PaymentID] += r.Amount
			if r.Status != payment.RefundSucceeded || r.Reason != "broken" {
				t.Errorf("%+v", r)
			}
		}
		if len(made) != 2 || back[card.ID] != c.fromCard || back[transfer.ID] != c.fromTransfer {
			t.Errorf("split into %+v", made)
		}
		_, err := s.books.Refund(t.Context(), finance, o.ID, billing.Refund{Amount: 4000})
		var refused *refusal.Error
		if !errors.As(err, &refused) || refused.Code != "exceeds_refundable" || *refused.Items[0].Available != 3000 {
			t.Errorf("40.00 more: %v", err)
		}
		o, _ = s.want(o.ID, "confirmed partially_refunded", payment.Sums{Paid: 10_000, Refunded: 7000})
		if at := must(s.client.Refunds(t.Context(), card.Intent))(t); len(at) != 1 || at[0].Amount != c.fromCard || o.Balance() != 7000 {
			t.Errorf("the balance is %d, Stripe made %+v", o.Balance(), at)
		}
	}
	s.wantReserved(20)
}

func TestARefundThatFailsLaterCanBeMadeAgain(t *testing.T) {
	t.Parallel()
	s := newShop(t, nil)
	o, card, _ := s.bothWays(true)
	must(s.books.Refund(t.Context(), finance, o.ID, billing.Refund{Amount: 7000}))(t)
	at := must(s.client.Refunds(t.Context(), card.Intent))(t)
	s.deliver(s.do(at[0].ID, "fail", 0)...)
	o, a := s.want(o.ID, "confirmed partially_refunded", payment.Sums{Paid: 10_000, Refunded: 4000})
	if o.Balance() != 4000 || a.Payment(card.ID).Refundable() != 6000 || a.Owing() {
		t.Errorf("the balance is %d: %+v", o.Balance(), a.Payments)
	}
	must(s.books.Refund(t.Context(), finance, o.ID, billing.Refund{PaymentID: card.ID}))(t)
	s.want(o.ID, "confirmed refunded", payment.Sums{Paid: 10_000, Refunded: 10_000})
	s.wantReserved(10)
}

func TestOfTwoRefundsAtOnceThatComeToTooMuchOneIsMade(t *testing.T) {
	t.Parallel()
	s := newShop(t, nil)
	o, p := s.paid(10)
	var work sync.WaitGroup
	failed := make([]error, 2)
	for i := range failed {
		work.Go(func() { _, failed[i] = s.books.Refund(t.Context(), finance, o.ID, billing.Refund{Amount: 7000}) })
	}
	work.Wait()
	if (failed[0] == nil) == (failed[1] == nil) || !refusal.Is(errors.Join(failed...), "exceeds_refundable") {
		t.Errorf("they came to %v", failed)
	}
	s.want(o.ID, "confirmed partially_refunded", payment.Sums{Paid: 10_000, Refunded: 7000})
	if at := must(s.client.Refunds(t.Context(), p.Intent))(t); len(at) != 1 || at[0].Amount != 7000 {
		t.Errorf("at Stripe are %+v", at)
	}
}

func TestARefundThatStripeRefusesHasFailed(t *testing.T) {
	t.Parallel()
	s := newShop(t, nil)
	o, p := s.paid(1)
	s.do(p.Intent, "dispute", 0) // which nobody here has heard of
	_, err := s.books.Refund(t.Context(), finance, o.ID, billing.Refund{Amount: 400})
	wantCode(t, err, "stripe_refused")
	_, a := s.want(o.ID, "confirmed paid", payment.Sums{Paid: 1000})
	if r := a.Payments[0].Refunds; len(r) != 1 || r[0].Status != payment.RefundFailed {
		t.Errorf("%+v", r)
	}
	if a.Owing() || a.Payments[0].Refundable() != 1000 {
		t.Errorf("%+v", a.Payments)
	}
}

func TestARefundWhoseAnswerIsLostIsFoundAndNotRepeated(t *testing.T) {
	t.Parallel()
	s := newShop(t, nil)
	o, p := s.paid(1)
	s.stripe.set(func(r *http.Request) stripe.Fault {
		if r.Method == http.MethodPost && r.URL.Path == "/v1/refunds" {
			return stripe.Lose
		}
		return stripe.None
	})
	made := must(s.books.Refund(t.Context(), finance, o.ID, billing.Refund{Amount: 400}))(t)
	if len(made) != 1 || made[0].Status != payment.RefundPending {
		t.Errorf("%+v", made)
	}
	s.stripe.set(nil)
	s.pass(25 * time.Hour) // by now Stripe has forgotten the key
	s.tend(o.ID)           // and nobody has heard of the refund
	s.settle()
	_, a := s.want(o.ID, "confirmed partially_refunded", payment.Sums{Paid: 1000, Refunded: 400})
	at := must(s.client.Refunds(t.Context(), p.Intent))(t)
	if r := a.Payments[0].Refunds; len(at) != 1 || len(r) != 1 || r[0].Stripe != at[0].ID || r[0].Status != payment.RefundSucceeded {
		t.Errorf("at Stripe are %+v, stored %+v", at, r)
	}
}
