package money_test

import (
	"errors"
	"math"
	"math/big"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"waybill/shared/money"
)

const most = math.MaxInt64

func TestSumsThatDoNotFitAreRefused(t *testing.T) {
	for _, c := range []struct {
		a, b, want int64
		fits       bool
	}{
		{0, 0, 0, true},
		{2, -5, -3, true},
		{most, 0, most, true},
		{most - 1, 1, most, true},
		{most, 1, 0, false},
		{most, most, 0, false},
		{math.MinInt64, -1, 0, false},
		{math.MinInt64, math.MinInt64, 0, false},
		{math.MinInt64, most, -1, true},
	} {
		got, err := money.Add(c.a, c.b)
		if got != c.want || errors.Is(err, money.ErrOverflow) == c.fits {
			t.Errorf("%d + %d = %d, %v; want %d, fits %v", c.a, c.b, got, err, c.want, c.fits)
		}
	}
}

func TestProductsThatDoNotFitAreRefused(t *testing.T) {
	for _, c := range []struct {
		a, b, want int64
		fits       bool
	}{
		{0, most, 0, true},
		{3, 1999, 5997, true},
		{1, most, most, true},
		{1 << 31, 1 << 31, 1 << 62, true},
		{1 << 32, 1 << 31, 0, false}, // 2^63, one more than fits
		{most, most, 0, false},
		{-1, 5, 0, false},
		{5, -1, 0, false},
	} {
		got, err := money.Times(c.a, c.b)
		if got != c.want || errors.Is(err, money.ErrOverflow) == c.fits {
			t.Errorf("%d × %d = %d, %v; want %d, fits %v", c.a, c.b, got, err, c.want, c.fits)
		}
	}
}

func TestPortionRoundsHalfUp(t *testing.T) {
	for _, c := range []struct {
		amount, part, whole, want int64
		fits                      bool
	}{
		{1, 1, 2, 1, true},                          // 0.5
		{1, 49, 100, 0, true},                       // 0.49
		{25, 1, 10, 3, true},                        // 2.5
		{24, 1, 10, 2, true},                        // 2.4
		{10, 1, 3, 3, true},                         // 3.33: an odd whole has no half
		{11, 1, 3, 4, true},                         // 3.67
		{1999, 72_500, money.Millionths, 145, true}, // 144.9275
		{1005, 1000, money.BasisPoints, 101, true},  // 100.5
		{0, 5, 7, 0, true},
		{5, 0, 7, 0, true},
		{most, most, most, most, true}, // the product has 126 bits
		{most, 1, 1, most, true},
		{most, 1, 2, most/2 + 1, true}, // ….5
		{most, 2, 1, 0, false},
		{most, 3, 2, 0, false},
		{most, most, 1, 0, false},
		{1, 1, 0, 0, false},
		{1, 1, -1, 0, false},
		{-1, 1, 2, 0, false},
		{1, -1, 2, 0, false},
	} {
		got, err := money.Portion(c.amount, c.part, c.whole)
		if got != c.want || errors.Is(err, money.ErrOverflow) == c.fits {
			t.Errorf("%d × %d ÷ %d = %d, %v; want %d, fits %v", c.amount, c.part, c.whole, got, err, c.want, c.fits)
		}
	}
}

func TestPortionIsTheNearestIntegerOfTheFraction(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		amount, part := amounts().Draw(r, "amount"), amounts().Draw(r, "part")
		whole := amounts().Filter(func(n int64) bool { return n > 0 }).Draw(r, "whole")
		// floor((2 × amount × part + whole) ÷ (2 × whole)) is rounding half up.
		want := new(big.Int).Mul(big.NewInt(amount), big.NewInt(part))
		want.Lsh(want, 1).Add(want, big.NewInt(whole))
		want.Div(want, new(big.Int).Lsh(big.NewInt(whole), 1))
		got, err := money.Portion(amount, part, whole)
		if !want.IsInt64() {
			if !errors.Is(err, money.ErrOverflow) {
				r.Fatalf("%v does not fit; got %d, %v", want, got, err)
			}
			return
		}
		if err != nil || got != want.Int64() {
			r.Fatalf("got %d, %v; want %v", got, err, want)
		}
	})
}

// amounts are small ones and ones of every size, up to the largest.
func amounts() *rapid.Generator[int64] {
	return rapid.OneOf(rapid.Int64Range(0, 1000), rapid.Int64Range(0, most), rapid.Int64Range(most-9, most))
}

func TestSpreadGivesWhatIsLeftToTheLargestRemainders(t *testing.T) {
	for _, c := range []struct {
		name   string
		amount int64
		over   []int64
		want   []int64
	}{
		{"even", 90, []int64{1, 1, 1}, []int64{30, 30, 30}},
		{"ties go to the earlier", 100, []int64{1, 1, 1}, []int64{34, 33, 33}},
		{"two left of three that tie", 5, []int64{1, 1, 1}, []int64{2, 2, 1}},
		// 10 × 1÷6 = 1.67, 10 × 2÷6 = 3.33, 10 × 3÷6 = 5
		{"the largest remainder first", 10, []int64{1, 2, 3}, []int64{2, 3, 5}},
		// 0.499 and 0.501
		{"the later with the larger remainder", 1, []int64{499, 501}, []int64{0, 1}},
		{"nothing for a weight of nothing", 7, []int64{0, 3, 0, 4}, []int64{0, 3, 0, 4}},
		{"less than there are parts", 1, []int64{5, 5, 5}, []int64{1, 0, 0}},
		{"nothing", 0, []int64{5, 0}, []int64{0, 0}},
		{"nothing over nothing", 0, []int64{0, 0}, []int64{0, 0}},
		{"nothing over nobody", 0, nil, []int64{}},
		{"all there is", most, []int64{most}, []int64{most}},
		{"half of all each", most - 1, []int64{most / 2, most / 2}, []int64{most / 2, most / 2}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := money.Spread(c.amount, c.over)
			if err != nil || !slices.Equal(got, c.want) {
				t.Errorf("%d over %v is %v, %v; want %v", c.amount, c.over, got, err, c.want)
			}
		})
	}
}

func TestWhatCannotBeSpreadIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		amount int64
		over   []int64
	}{
		"over nobody":               {1, nil},
		"over weights of nothing":   {1, []int64{0, 0}},
		"a negative amount":         {-1, []int64{1}},
		"weights that don't add up": {1, []int64{most, 1}},
	} {
		if got, err := money.Spread(c.amount, c.over); !errors.Is(err, money.ErrOverflow) {
			t.Errorf("%s: %v, %v; want it refused", name, got, err)
		}
	}
}

func TestSpreadAddsUpAndStraysLessThanOneFromTheShare(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		weights := rapid.SliceOfN(rapid.OneOf(rapid.Int64Range(0, 9), rapid.Int64Range(0, most/20)), 1, 20).Draw(r, "weights")
		var whole int64
		for _, w := range weights {
			whole += w
		}
		amount := amounts().Draw(r, "amount")
		if whole == 0 {
			amount = 0
		}
		parts, err := money.Spread(amount, weights)
		if err != nil {
			r.Fatal(err)
		}
		var sum int64
		for i, p := range parts {
			sum += p
			// |part − amount × weight ÷ whole| < 1
			off := new(big.Int).Mul(big.NewInt(amount), big.NewInt(weights[i]))
			off.Sub(off, new(big.Int).Mul(big.NewInt(p), big.NewInt(whole)))
			if p < 0 || (whole > 0 && off.CmpAbs(big.NewInt(whole)) >= 0) || (weights[i] == 0 && p != 0) {
				r.Fatalf("part %d of %v is %d", i, weights, p)
			}
			if i > 0 && weights[i] == weights[i-1] && p > parts[i-1] {
				r.Fatalf("of two equal weights the later got more: %v", parts)
			}
		}
		if sum != amount {
			r.Fatalf("the parts %v add up to %d", parts, sum)
		}
	})
}

func TestMinorUnitsAreThoseOfISO4217(t *testing.T) {
	for code, want := range map[string]int{"USD": 2, "EUR": 2, "CNY": 2, "JPY": 0, "KRW": 0, "BHD": 3, "KWD": 3} {
		if got, ok := money.Digits(code); !ok || got != want {
			t.Errorf("%s has %d digits, %v; want %d", code, got, ok, want)
		}
	}
	for _, code := range []string{"", "usd", "US", "XXX", "XAU", "DEM", "USD "} {
		if n, ok := money.Digits(code); ok {
			t.Errorf("%q is taken for a currency of %d digits", code, n)
		}
	}
}
