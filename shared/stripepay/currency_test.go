package stripepay_test

import (
	"math"
	"testing"

	"waybill/shared/payment"
	"waybill/shared/refusal"
	"waybill/shared/stripepay"
)

func TestAmountsReachStripeInItsUnitsAndComeBackExactly(t *testing.T) {
	for currency, c := range map[string]struct {
		ours   int64
		theirs string
	}{
		"USD": {1999, "1999"},
		"CNY": {12345, "12345"},
		"JPY": {500, "500"},
		"KRW": {15000, "15000"},
		"BHD": {5120, "5120"},
		"ISK": {500, "50000"},
		"UGX": {20000, "2000000"},
		"MGA": {12300, "123"},
		"HUF": {100050, "100050"},
		"TWD": {80045, "80045"},
		"IDR": {999_999_999_999, "999999999999"},
	} {
		t.Run(currency, func(t *testing.T) {
			p := start(t)
			i, err := p.NewIntent(t.Context(), payment.IntentRequest{Currency: currency, Amount: c.ours, Key: "k"})
			if err != nil || i.Amount != c.ours || i.Currency != currency {
				t.Fatalf("%+v, %v", i, err)
			}
			if got := p.asked().Get("amount"); got != c.theirs {
				t.Errorf("Stripe was asked for %s, want %s", got, c.theirs)
			}
			p.do(t, i.ID, "succeed")
			r, err := p.Refund(t.Context(), payment.RefundRequest{Intent: i.ID, Currency: currency, Amount: c.ours, Key: "r"})
			if err != nil || r.Amount != c.ours {
				t.Errorf("refunded: %+v, %v", r, err)
			}
		})
	}
}

func TestAmountsThatStripeHasNotAreNotPayable(t *testing.T) {
	for _, c := range []struct {
		currency string
		amount   int64
		payable  bool
	}{
		{"USD", 1, true},
		{"USD", 0, false},
		{"USD", -5, false},
		{"USD", 99_999_999, true},
		{"USD", 100_000_000, false},
		{"usd", 100, true},
		{"JPY", 99_999_999, true},
		{"JPY", 100_000_000, false},
		{"ISK", 999_999, true},
		{"ISK", 1_000_000, false}, // 100,000,000 of Stripe's
		{"UGX", math.MaxInt64, false},
		{"BHD", 5120, true},
		{"BHD", 5124, false},
		{"TND", 5, false},
		{"MGA", 150, false},
		{"INR", 999_999_999, true},
		{"INR", 1_000_000_000, false},
		{"COP", 9_999_999_999, true},
		{"LYD", 1000, false},
		{"XXX", 100, false},
		{"", 100, false},
		{"BIF CLP", 100, false},
	} {
		err := stripepay.Payable(c.currency, c.amount)
		if c.payable != (err == nil) || (err != nil && !refusal.Is(err, "amount_not_payable")) {
			t.Errorf("%d %s: %v, want payable %t", c.amount, c.currency, err, c.payable)
		}
	}
}

func TestAnAmountOfStripesThatIsNoneOfOursEqualsNothing(t *testing.T) {
	for _, c := range []struct {
		currency string
		units    string
		want     int64
	}{
		{"isk", "150", -1},
		{"isk", "200", 2},
		{"ugx", "1", -1},
		{"mga", "3", 300},
		{"mga", "92233720368547758070", -1}, // of no type that fits
		{"mga", "9223372036854775807", -1},
		{"bhd", "5124", 5124},
		{"usd", "-1", -1},
		{"xxx", "100", -1},
	} {
		e, err := verify(sign(event("payment_intent.succeeded",
			`{"id": "pi_1", "object": "payment_intent", "currency": "`+c.currency+`", "amount": `+c.units+`}`), noon, testSecret))
		switch {
		case refusal.Is(err, "bad_event") && len(c.units) > 19:
		case err != nil || e.Intent.Amount != c.want:
			t.Errorf("%s %s became %+v, %v", c.units, c.currency, e.Intent, err)
		}
	}
}
