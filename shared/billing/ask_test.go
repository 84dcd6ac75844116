package billing_test

import (
	"context"
	"encoding/json"
	"net/http"
	"testing"

	"waybill/shared/order"
	"waybill/shared/ordering"
	"waybill/shared/payment"
	"waybill/shared/refusal"
)

// shown is an object at Stripe, in Stripe's own words.
func (s *shop) shown(path string) (object struct {
	AmountTotal int64  `json:"amount_total"`
	Amount      int64  `json:"amount"`
	Currency    string `json:"currency"`
	Status      string `json:"status"`
},
) {
	s.t.Helper()
	r := must(http.NewRequestWithContext(s.t.Context(), http.MethodGet, s.api.URL+path, http.NoBody))(s.t)
	r.Header.Set("Authorization", "Bearer "+key)
	answer := must(http.DefaultClient.Do(r))(s.t)
	defer answer.Body.Close()
	if err := json.NewDecoder(answer.Body).Decode(&object); err != nil {
		s.t.Fatal(err)
	}
	return object
}

func TestACheckoutIsOpenedOnceUntilTheTotalChanges(t *testing.T) {
	t.Parallel()
	s := newShop(t, nil)
	o := s.order(1, nil)
	first := s.checkout(o.ID)
	if again := s.checkout(o.ID); again.ID != first.ID || again.URL != first.URL {
		t.Errorf("the second checkout is %+v, the first %+v", again, first)
	}
	s.edit(o.ID, 2)
	other := s.checkout(o.ID)
	if other.Session == first.Session || other.Amount != 2000 {
		t.Errorf("after an edit it is %+v", other)
	}
	for session, want := range map[string]string{first.Session: "expired", other.Session: "open"} {
		if is := s.shown("/v1/checkout/sessions/" + session).Status; is != want {
			t.Errorf("session is %s at Stripe, want %s", is, want)
		}
	}
	_, a := s.want(o.ID, "confirmed unpaid", payment.Sums{})
	if len(a.Payments) != 2 || a.Payments[0].Status != payment.Cancelled || a.Payments[0].Reason != "replaced" || a.Owing() {
		t.Errorf("%+v", a.Payments)
	}
	if _, err := s.standIn.Do(first.Session, "succeed", 0, "none"); err == nil {
		t.Error("the first session can still be paid")
	}
	s.deliver(s.do(other.Session, "succeed", 0)...)
	s.want(o.ID, "confirmed paid", payment.Sums{Paid: 2000})
	_, err := s.books.Checkout(t.Context(), sales, o.ID, visit)
	wantCode(t, err, "nothing_to_pay")
}

func TestACheckoutOfAKnownVersionMayReplaceAnOlderOne(t *testing.T) {
	t.Parallel()
	s := newShop(t, nil)
	o := s.order(1, nil)
	first := s.checkout(o.ID)
	s.edit(o.ID, 2)
	edited, _ := s.account(o.ID)
	known := edited.Version
	by := sales
	by.Expect = func(version int64) error {
		if version != known {
			return refusal.New(refusal.Stale, "stale", "It is version %d.", version)
		}
		return nil
	}
	other, err := s.books.Checkout(t.Context(), by, o.ID, visit)
	if err != nil || other.Session == first.Session {
		t.Fatalf("%+v, %v", other, err)
	}
	_, err = s.books.Checkout(t.Context(), by, o.ID, visit)
	wantCode(t, err, "stale")
}

func TestManyCheckoutsAtOnceLeaveOneToPayBy(t *testing.T) {
	t.Parallel()
	s := newShop(t, nil)
	o := s.order(1, nil)
	asked := make(chan payment.Payment)
	for range 4 {
		go func() {
			// One that meets too many others is refused; what counts is what is left.
			p, _ := s.books.Checkout(context.WithoutCancel(t.Context()), sales, o.ID, visit)
			asked <- p
		}()
	}
	given := map[string]bool{}
	for range 4 {
		given[(<-asked).Session] = true
	}
	delete(given, "")
	_, a := s.want(o.ID, "confirmed unpaid", payment.Sums{})
	if len(a.Payments) != 1 || len(given) != 1 || !given[a.Payments[0].Session] {
		t.Errorf("given away were %v, stored are %+v", given, a.Payments)
	}
}

func TestAnIntentTakesTheWayOfACheckoutAndBack(t *testing.T) {
	t.Parallel()
	s := newShop(t, nil)
	o := s.order(1, nil)
	session := s.checkout(o.ID)
	p, secret, err := s.books.Intent(t.Context(), sales, o.ID)
	if err != nil || secret == "" || s.shown("/v1/checkout/sessions/"+session.Session).Status != "expired" {
		t.Fatalf("%+v, %v", p, err)
	}
	again, same, err := s.books.Intent(t.Context(), sales, o.ID)
	if err != nil || again.ID != p.ID || same != secret {
		t.Errorf("again it is %+v, %v", again, err)
	}
	s.checkout(o.ID)
	if is := s.shown("/v1/payment_intents/" + p.Intent); is.Status != "canceled" || is.Amount != 1000 {
		t.Errorf("at Stripe it is %+v", is)
	}
}

func TestAmountsAreStripesAtStripe(t *testing.T) {
	t.Parallel()
	s := newShop(t, nil)
	for currency, want := range map[string]struct{ here, there int64 }{
		"USD": {1000, 1000}, "JPY": {1200, 1200}, "BHD": {5120, 5120}, "ISK": {900, 90_000},
	} {
		o := s.order(1, func(in *ordering.New) { in.Currency = currency })
		p := s.checkout(o.ID)
		if is := s.shown("/v1/checkout/sessions/" + p.Session); is.AmountTotal != want.there || p.Amount != want.here {
			t.Errorf("%s: %d here, %d there; want %+v", currency, p.Amount, is.AmountTotal, want)
		}
		s.deliver(s.do(p.Session, "succeed", 0)...)
		s.want(o.ID, "confirmed paid", payment.Sums{Paid: want.here})
	}
}

func TestWhatStripeCantTakeIsNotAskedFor(t *testing.T) {
	t.Parallel()
	s := newShop(t, nil)
	price := int64(5123)
	o := s.order(1, func(in *ordering.New) {
		in.Currency, in.Wishes = "BHD", []order.Wish{{SKU: "MUG", Quantity: 1, UnitPrice: &price}}
	})
	_, err := s.books.Checkout(t.Context(), sales, o.ID, visit)
	wantCode(t, err, "amount_not_payable")
	_, _, err = s.books.Intent(t.Context(), sales, o.ID)
	wantCode(t, err, "amount_not_payable")
	if o, a := s.want(o.ID, "confirmed unpaid", payment.Sums{}); o.Version != 1 || len(a.Payments) != 0 || len(s.standIn.Events()) != 0 {
		t.Errorf("order in version %d, %+v", o.Version, a)
	}
}
