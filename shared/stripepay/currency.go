package stripepay

import (
	"strings"

	"waybill/shared/money"
	"waybill/shared/refusal"
)

// Stripe's units differ from ISO 4217's minor units in a few currencies:
// https://docs.stripe.com/currencies, minor units and special cases.
const (
	zeroDecimal  = "BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF VND VUV XAF XOF XPF"
	threeDecimal = "BHD JOD KWD OMR TND" // the last digit must be 0
	untaken      = "IQD LYD"             // Stripe charges nobody in them
)

// most is the largest amount in Stripe's units that every way to pay takes;
// mostOf lists the currencies where that is more than eight digits.
const most = 99_999_999

var mostOf = map[string]int64{"IDR": 999_999_999_999, "COP": 9_999_999_999, "INR": 999_999_999}

// Payable refuses an amount in minor units that Stripe can't be asked for:
// because its units are coarser, or because it takes no such amount. That it
// asks for at least about half a dollar only Stripe itself can say: its
// minimum hangs on the account.
func Payable(currency string, amount int64) error {
	_, err := toStripe(currency, amount)
	return err
}

// toStripe is an amount in Stripe's units.
func toStripe(currency string, amount int64) (int64, error) {
	up, down, ok := factors(currency)
	limit := int64(most)
	if l, more := mostOf[strings.ToUpper(currency)]; more {
		limit = l
	}
	switch {
	case !ok:
		return 0, notPayable("Stripe takes no payments in %s.", currency)
	case amount <= 0:
		return 0, notPayable("Stripe takes only amounts above 0.")
	case amount%down != 0:
		return 0, notPayable("Stripe can't take exactly %d minor units of %s.", amount, currency)
	case amount/down > limit/up:
		return 0, notPayable("Stripe takes no payment that large in %s.", currency)
	}
	units := amount / down * up
	if contains(threeDecimal, currency) && units%10 != 0 {
		return 0, notPayable("Stripe takes amounts in %s only when their last digit is 0.", currency)
	}
	return units, nil
}

// fromStripe is an amount of Stripe's in minor units, and -1, which equals
// nothing that was ever asked for, when it has none.
func fromStripe(currency string, units int64) int64 {
	up, down, ok := factors(currency)
	if !ok || units < 0 || units%up != 0 {
		return -1
	}
	amount, err := money.Times(units/up, down)
	if err != nil {
		return -1
	}
	return amount
}

// factors says that so many minor units (down) are so many of Stripe's (up);
// one of the two is 1.
func factors(currency string) (up, down int64, ok bool) {
	iso, ok := money.Digits(strings.ToUpper(currency))
	if !ok || contains(untaken, currency) {
		return 0, 0, false
	}
	theirs := 2 // ISK and UGX too, which have had no decimals for years
	switch {
	case contains(zeroDecimal, currency):
		theirs = 0
	case contains(threeDecimal, currency):
		theirs = 3
	}
	up, down = 1, 1
	for ; theirs > iso; theirs-- {
		up *= 10
	}
	for ; theirs < iso; theirs++ {
		down *= 10
	}
	return up, down, true
}

func contains(list, currency string) bool { return strings.Contains(list, strings.ToUpper(currency)) }

func notPayable(format string, args ...any) error {
	return refusal.New(refusal.Rejected, "amount_not_payable", format, args...)
}
