package order_test

import (
	"errors"
	"math/big"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"waybill/shared/money"
	"waybill/shared/order"
	"waybill/shared/refusal"
)

// rate is 7.25 %: on top of a price 0.0725 of it, within one 72500 ÷ 1072500 = 29 ÷ 429 of it.
const rate = 72_500

func amount(n int64) order.Discount    { return order.Discount{Amount: n} }
func percent(bp int64) order.Discount  { return order.Discount{ByRate: true, Rate: bp} }
func gross(l order.Line) int64         { return l.Quantity * l.UnitPrice }
func item(err error) refusal.Item      { return refused(err).Items[0] }
func refused(err error) *refusal.Error { var e *refusal.Error; errors.As(err, &e); return e }

// paid is what a line comes to: what is off it, its tax, and what it costs.
type paid struct{ discount, tax, total int64 }

// Amounts are in minor units: cents, whole yen, thousandths of a dinar (fils).
var examples = []struct {
	name      string
	inclusive bool
	lines     []order.Line
	discount  order.Discount
	want      []paid
	totals    order.Totals
}{
	{
		// 2 × 10.00 = 20.00; tax 1.45.
		name:  "USD, nothing off",
		lines: []order.Line{{Quantity: 2, UnitPrice: 1000, TaxRate: rate}},
		want:  []paid{{0, 145, 2145}}, totals: order.Totals{Subtotal: 2000, Tax: 145, Total: 2145},
	},
	{
		// Within 20.00 are 20.00 × 29 ÷ 429 = 1.3520 of tax.
		name: "USD inclusive, nothing off", inclusive: true,
		lines: []order.Line{{Quantity: 2, UnitPrice: 1000, TaxRate: rate}},
		want:  []paid{{0, 135, 2000}}, totals: order.Totals{Subtotal: 2000, Tax: 135, Total: 2000},
	},
	{
		// 2.00 × 0.0725 = 0.145, half a cent: up.
		name:  "USD, half a cent of tax",
		lines: []order.Line{{Quantity: 1, UnitPrice: 200, TaxRate: rate}},
		want:  []paid{{0, 15, 215}}, totals: order.Totals{Subtotal: 200, Tax: 15, Total: 215},
	},
	{
		// 20.00 − 3.00 = 17.00; tax 1.2325.
		name:  "USD, an amount off the line",
		lines: []order.Line{{Quantity: 2, UnitPrice: 1000, Own: amount(300), TaxRate: rate}},
		want:  []paid{{300, 123, 1823}}, totals: order.Totals{Subtotal: 2000, Discount: 300, Tax: 123, Total: 1823},
	},
	{
		// 12.5 % of 20.00 are 2.50, so 17.50; tax 1.26875.
		name:  "USD, a percentage off the line",
		lines: []order.Line{{Quantity: 2, UnitPrice: 1000, Own: percent(1250), TaxRate: rate}},
		want:  []paid{{250, 127, 1877}}, totals: order.Totals{Subtotal: 2000, Discount: 250, Tax: 127, Total: 1877},
	},
	{
		// As off the line: 17.00; within it 17.00 × 29 ÷ 429 = 1.1492.
		name: "USD inclusive, an amount off the order", inclusive: true, discount: amount(300),
		lines:  []order.Line{{Quantity: 2, UnitPrice: 1000, TaxRate: rate}},
		want:   []paid{{300, 115, 1700}},
		totals: order.Totals{Subtotal: 2000, Discount: 300, OrderDiscount: 300, Tax: 115, Total: 1700},
	},
	{
		// 17.50; within it 1.1830.
		name: "USD inclusive, a percentage off the order", inclusive: true, discount: percent(1250),
		lines:  []order.Line{{Quantity: 2, UnitPrice: 1000, TaxRate: rate}},
		want:   []paid{{250, 118, 1750}},
		totals: order.Totals{Subtotal: 2000, Discount: 250, OrderDiscount: 250, Tax: 118, Total: 1750},
	},
	{
		// 3 × 19.99 = 59.97, 10 % off are 5.997 → 6.00, left 53.97
		// 2 ×  5.01 = 10.02,              off   1.00, left  9.02
		// 1 ×  0.99 =  0.99,                          left  0.99
		//      together 63.98, 5 % of it are 3.199 → 3.20 off the order, which are spread:
		//      3.20 × 53.97 ÷ 63.98 = 2.6993 → 2.69 and 0.0093 → 2.70 (second largest remainder)
		//      3.20 ×  9.02 ÷ 63.98 = 0.4511 → 0.45 and 0.0011 → 0.45
		//      3.20 ×  0.99 ÷ 63.98 = 0.0495 → 0.04 and 0.0095 → 0.05 (largest remainder)
		// Taxed are 51.27, 8.57 and 0.94: 3.7171 → 3.72, 0.6213 → 0.62, 0.0682 → 0.07.
		name: "USD, all together", discount: percent(500),
		lines: []order.Line{
			{Quantity: 3, UnitPrice: 1999, Own: percent(1000), TaxRate: rate},
			{Quantity: 2, UnitPrice: 501, Own: amount(100), TaxRate: rate},
			{Quantity: 1, UnitPrice: 99, TaxRate: rate},
		},
		want: []paid{{870, 372, 5499}, {145, 62, 919}, {5, 7, 101}},
		// 70.98 − 10.20 + 4.41 = 65.19
		totals: order.Totals{Subtotal: 7098, Discount: 1020, OrderDiscount: 320, Tax: 441, Total: 6519},
	},
	{
		// The same: within 51.27, 8.57 and 0.94 are 3.4658, 0.5793 and 0.0635.
		name: "USD inclusive, all together", inclusive: true, discount: percent(500),
		lines: []order.Line{
			{Quantity: 3, UnitPrice: 1999, Own: percent(1000), TaxRate: rate},
			{Quantity: 2, UnitPrice: 501, Own: amount(100), TaxRate: rate},
			{Quantity: 1, UnitPrice: 99, TaxRate: rate},
		},
		want: []paid{{870, 347, 5127}, {145, 58, 857}, {5, 6, 94}},
		// 70.98 − 10.20 = 60.78
		totals: order.Totals{Subtotal: 7098, Discount: 1020, OrderDiscount: 320, Tax: 411, Total: 6078},
	},
	{
		// 3 × 333 = 999, 5 % off are 49.95 → 50, left  949
		// 1 × 1250,             off           125, left 1125
		//     together 2074, 300 off the order:
		//     300 ×  949 ÷ 2074 = 137.27 → 137
		//     300 × 1125 ÷ 2074 = 162.73 → 163 (the larger remainder)
		// Taxed are 812 and 962: 58.87 → 59, 69.745 → 70.
		name: "JPY", discount: amount(300),
		lines: []order.Line{
			{Quantity: 3, UnitPrice: 333, Own: percent(500), TaxRate: rate},
			{Quantity: 1, UnitPrice: 1250, Own: amount(125), TaxRate: rate},
		},
		want: []paid{{187, 59, 871}, {288, 70, 1032}},
		// 2249 − 475 + 129 = 1903
		totals: order.Totals{Subtotal: 2249, Discount: 475, OrderDiscount: 300, Tax: 129, Total: 1903},
	},
	{
		// The same: within 812 and 962 are 54.89 and 65.03.
		name: "JPY inclusive", inclusive: true, discount: amount(300),
		lines: []order.Line{
			{Quantity: 3, UnitPrice: 333, Own: percent(500), TaxRate: rate},
			{Quantity: 1, UnitPrice: 1250, Own: amount(125), TaxRate: rate},
		},
		want:   []paid{{187, 55, 812}, {288, 65, 962}},
		totals: order.Totals{Subtotal: 2249, Discount: 475, OrderDiscount: 300, Tax: 120, Total: 1774},
	},
	{
		// 7 × 1.255 = 8.785, 12.5 % off are 1.098125 → 1.098, left 7.687
		// 1 × 0.005                                          left 0.005
		//     together 7.692, 3.33 % of it are 0.25614 → 0.256 off the order:
		//     0.256 × 7.687 ÷ 7.692 = 0.25583 → 0.256 (the larger remainder)
		//     0.256 × 0.005 ÷ 7.692 = 0.00017 → 0.000
		// Taxed are 7.431 and 0.005: 0.53875 → 0.539, 0.00036 → 0.000.
		name: "BHD", discount: percent(333),
		lines: []order.Line{
			{Quantity: 7, UnitPrice: 1255, Own: percent(1250), TaxRate: rate},
			{Quantity: 1, UnitPrice: 5, TaxRate: rate},
		},
		want: []paid{{1354, 539, 7970}, {0, 0, 5}},
		// 8.790 − 1.354 + 0.539 = 7.975
		totals: order.Totals{Subtotal: 8790, Discount: 1354, OrderDiscount: 256, Tax: 539, Total: 7975},
	},
	{
		// The same: within 7.431 and 0.005 are 0.50233 and 0.00034.
		name: "BHD inclusive", inclusive: true, discount: percent(333),
		lines: []order.Line{
			{Quantity: 7, UnitPrice: 1255, Own: percent(1250), TaxRate: rate},
			{Quantity: 1, UnitPrice: 5, TaxRate: rate},
		},
		want:   []paid{{1354, 502, 7431}, {0, 0, 5}},
		totals: order.Totals{Subtotal: 8790, Discount: 1354, OrderDiscount: 256, Tax: 502, Total: 7436},
	},
	{
		// A gift: all of it off, no tax on nothing; the other line is taxed at another rate, 16 % of 5.00.
		name: "USD, one line for nothing",
		lines: []order.Line{
			{Quantity: 1, UnitPrice: 999, Own: percent(10_000), TaxRate: rate},
			{Quantity: 1, UnitPrice: 500, TaxRate: 160_000},
		},
		want:   []paid{{999, 0, 0}, {0, 80, 580}},
		totals: order.Totals{Subtotal: 1499, Discount: 999, Tax: 80, Total: 580},
	},
}

func TestPricesAreWhatAPencilGets(t *testing.T) {
	for _, c := range examples {
		t.Run(c.name, func(t *testing.T) {
			o := order.Order{TaxInclusive: c.inclusive, Lines: c.lines, Discount: c.discount}
			for range 2 { // pricing again changes nothing
				if err := o.Price(); err != nil {
					t.Fatal(err)
				}
				for i, l := range o.Lines {
					if got := (paid{l.Discount, l.Tax, l.Total}); got != c.want[i] {
						t.Errorf("line %d is %+v, want %+v", i, got, c.want[i])
					}
				}
				if o.Totals != c.totals {
					t.Errorf("totals are %+v, want %+v", o.Totals, c.totals)
				}
			}
		})
	}
}

func TestDiscountsAboveWhatTheyAreTakenFromAreRefused(t *testing.T) {
	line := order.Line{Quantity: 2, UnitPrice: 500}
	with := func(d order.Discount) order.Line { l := line; l.Own = d; return l }
	for _, c := range []struct {
		name  string
		order order.Order
		field string // "" when it is fine
	}{
		{"all of a line", order.Order{Lines: []order.Line{with(amount(1000))}}, ""},
		{"more than a line", order.Order{Lines: []order.Line{line, with(amount(1001))}}, "lines[1].discount"},
		{"all of an order", order.Order{Lines: []order.Line{line, line}, Discount: amount(2000)}, ""},
		{"more than an order", order.Order{Lines: []order.Line{line, line}, Discount: amount(2001)}, "order_discount"},
		{"more than the lines left", order.Order{Lines: []order.Line{with(amount(1000))}, Discount: amount(1)}, "order_discount"},
		{"off nothing", order.Order{Lines: []order.Line{{Quantity: 1}}, Discount: amount(1)}, "order_discount"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := c.order.Price()
			switch {
			case c.field == "" && err != nil:
				t.Error(err)
			case c.field != "" && (err == nil || item(err).Field != c.field || item(err).Code != "discount_too_large"):
				t.Errorf("got %v, want discount_too_large at %s", err, c.field)
			}
		})
	}
}

func TestAmountsThatDoNotFitAreRefused(t *testing.T) {
	const most = 1<<63 - 1
	for name, lines := range map[string][]order.Line{
		"a line":            {{Quantity: 2, UnitPrice: most}},
		"the subtotal":      {{Quantity: 1, UnitPrice: most}, {Quantity: 1, UnitPrice: 1}},
		"a line with tax":   {{Quantity: 1, UnitPrice: most, TaxRate: rate}},
		"the total with it": {{Quantity: 1, UnitPrice: most / 2, TaxRate: rate}, {Quantity: 1, UnitPrice: most / 2, TaxRate: rate}},
	} {
		o := order.Order{Lines: lines}
		if err := o.Price(); err == nil || item(err).Code != "amount_too_large" || o.Totals != (order.Totals{}) {
			t.Errorf("%s: %v, totals %+v", name, err, o.Totals)
		}
	}
}

func drawDiscount(r *rapid.T, most int64, what string) order.Discount {
	if rapid.Bool().Draw(r, what+" by rate") {
		return percent(rapid.Int64Range(0, 10_000).Draw(r, what+" rate"))
	}
	return amount(rapid.Int64Range(0, most).Draw(r, what+" amount"))
}

func drawOrder(r *rapid.T) order.Order {
	o := order.Order{TaxInclusive: rapid.Bool().Draw(r, "inclusive")}
	var left int64
	for range rapid.IntRange(1, 12).Draw(r, "lines") {
		l := order.Line{
			Quantity:  rapid.Int64Range(1, 50).Draw(r, "quantity"),
			UnitPrice: rapid.OneOf(rapid.Int64Range(0, 20), rapid.Int64Range(0, 1_000_000_000)).Draw(r, "price"),
			TaxRate:   rapid.SampledFrom([]int64{0, rate, 160_000, 333_333, 1_000_000}).Draw(r, "rate"),
		}
		l.Own = drawDiscount(r, gross(l), "line")
		o.Lines = append(o.Lines, l)
		left += gross(l) - off(l.Own, gross(l))
	}
	o.Discount = drawDiscount(r, left, "order")
	return o
}

// What follows prices an order with fractions, apart from package money.

// halfUp rounds a fraction that is not negative.
func halfUp(x *big.Rat) int64 {
	x = new(big.Rat).Add(x, big.NewRat(1, 2))
	return new(big.Int).Quo(x.Num(), x.Denom()).Int64()
}

func of(n, part, whole int64) *big.Rat {
	return new(big.Rat).Mul(big.NewRat(n, 1), big.NewRat(part, whole))
}

func off(d order.Discount, n int64) int64 {
	if d.ByRate {
		return halfUp(of(n, d.Rate, 10_000))
	}
	return d.Amount
}

// shares gives one unit after the other to whoever lacks most of its exact
// share; after the whole shares that is the largest remainder.
func shares(whole int64, net []int64, sum int64) []int64 {
	out := make([]int64, len(net))
	if sum == 0 {
		return out
	}
	lacks := make([]*big.Rat, len(net))
	left := whole
	for i, n := range net {
		exact := of(whole, n, sum)
		out[i] = new(big.Int).Quo(exact.Num(), exact.Denom()).Int64()
		lacks[i] = exact.Sub(exact, big.NewRat(out[i], 1))
		left -= out[i]
	}
	for ; left > 0; left-- {
		next := 0
		for i := range lacks {
			if lacks[i].Cmp(lacks[next]) > 0 {
				next = i
			}
		}
		out[next]++
		lacks[next].Sub(lacks[next], big.NewRat(1, 1))
	}
	return out
}

func reference(o order.Order) ([]paid, order.Totals) {
	net := make([]int64, len(o.Lines))
	lines := make([]paid, len(o.Lines))
	var t order.Totals
	var sum int64
	for i, l := range o.Lines {
		lines[i].discount = off(l.Own, gross(l))
		net[i] = gross(l) - lines[i].discount
		t.Subtotal += gross(l)
		sum += net[i]
	}
	t.OrderDiscount = off(o.Discount, sum)
	for i, share := range shares(t.OrderDiscount, net, sum) {
		l := o.Lines[i]
		base := net[i] - share
		lines[i].discount += share
		if o.TaxInclusive {
			lines[i].tax, lines[i].total = halfUp(of(base, l.TaxRate, 1_000_000+l.TaxRate)), base
		} else {
			lines[i].tax = halfUp(of(base, l.TaxRate, 1_000_000))
			lines[i].total = base + lines[i].tax
		}
		t.Discount += lines[i].discount
		t.Tax += lines[i].tax
		t.Total += lines[i].total
	}
	return lines, t
}

func TestPricesAgreeWithFractions(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		o := drawOrder(r)
		if err := o.Price(); err != nil {
			r.Fatal(err)
		}
		lines, totals := reference(o)
		if o.Totals != totals {
			r.Errorf("totals are %+v, want %+v", o.Totals, totals)
		}
		for i, l := range o.Lines {
			if got := (paid{l.Discount, l.Tax, l.Total}); got != lines[i] {
				r.Errorf("line %d is %+v, want %+v", i, got, lines[i])
			}
		}
	})
}

func TestTotalsAddUp(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		o := drawOrder(r)
		if err := o.Price(); err != nil {
			r.Fatal(err)
		}
		var sum order.Totals
		own := o.Totals.OrderDiscount
		for _, l := range o.Lines {
			sum.Subtotal += gross(l)
			sum.Discount += l.Discount
			sum.Tax += l.Tax
			sum.Total += l.Total
			own += off(l.Own, gross(l))
			if l.Discount < 0 || l.Discount > gross(l) || l.Tax < 0 {
				r.Errorf("line %+v", l)
			}
		}
		sum.OrderDiscount = o.Totals.OrderDiscount
		if sum != o.Totals || own != o.Totals.Discount {
			r.Errorf("the lines add up to %+v with %d off, the order says %+v", sum, own, o.Totals)
		}
		total := o.Totals.Subtotal - o.Totals.Discount
		if !o.TaxInclusive {
			total += o.Totals.Tax
		}
		if total != o.Totals.Total {
			r.Errorf("subtotal, discount and tax make %d, total is %d", total, o.Totals.Total)
		}
	})
}

func TestDiscountsAreHeldAgainstTheLimit(t *testing.T) {
	for _, c := range []struct {
		name     string
		lines    []order.Line
		discount order.Discount
		limit    int64
		want     bool
	}{
		{"nothing off, nothing allowed", []order.Line{{Quantity: 1, UnitPrice: 1000}}, amount(0), 0, false},
		{"one off, nothing allowed", []order.Line{{Quantity: 1, UnitPrice: 1000, Own: amount(1)}}, amount(0), 0, true},
		{"a line at the limit", []order.Line{{Quantity: 1, UnitPrice: 1000, Own: amount(100)}}, amount(0), 1000, false},
		{"a line one above", []order.Line{{Quantity: 1, UnitPrice: 1000, Own: amount(101)}}, amount(0), 1000, true},
		{"a line's rate at the limit", []order.Line{{Quantity: 1, UnitPrice: 100_000, Own: percent(1000)}}, amount(0), 1000, false},
		{"a line's rate one above", []order.Line{{Quantity: 1, UnitPrice: 100_000, Own: percent(1001)}}, amount(0), 1000, true},
		{"an order at the limit", []order.Line{{Quantity: 1, UnitPrice: 1000}}, amount(100), 1000, false},
		{"an order one above", []order.Line{{Quantity: 1, UnitPrice: 1000}}, amount(101), 1000, true},
		{"line and order together at it", []order.Line{{Quantity: 1, UnitPrice: 1000, Own: amount(50)}}, amount(50), 1000, false},
		{"line and order together above", []order.Line{{Quantity: 1, UnitPrice: 1000, Own: amount(50)}}, amount(51), 1000, true},
		// What is little off the order may be much off a line.
		{"one line above, the order below", []order.Line{{Quantity: 1, UnitPrice: 100, Own: amount(50)}, {Quantity: 9, UnitPrice: 1000}}, amount(0), 1000, true},
		// 10 % of 0.09 are 0.01, which fall on one of the lines of 0.03, where 10 % are nothing.
		{"a share rounded up", []order.Line{{Quantity: 1, UnitPrice: 3}, {Quantity: 1, UnitPrice: 3}, {Quantity: 1, UnitPrice: 3}}, percent(1000), 1000, false},
		// 10 % of 0.05 are 0.005 → 0.01 three times, and 10 % of 0.15 are 0.015 → 0.02.
		{"lines rounded up", []order.Line{{Quantity: 1, UnitPrice: 5, Own: percent(1000)}, {Quantity: 1, UnitPrice: 5, Own: percent(1000)}, {Quantity: 1, UnitPrice: 5, Own: percent(1000)}}, amount(0), 1000, false},
		{"everything, everything allowed", []order.Line{{Quantity: 3, UnitPrice: 333, Own: percent(5000)}}, percent(10_000), 10_000, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := order.Order{Lines: c.lines, Discount: c.discount}
			if err := o.Price(); err != nil {
				t.Fatal(err)
			}
			if got := o.Exceeds(c.limit); got != c.want {
				t.Errorf("off %d of %d at a limit of %d: exceeds is %v", o.Totals.Discount, o.Totals.Subtotal, c.limit, got)
			}
		})
	}
}

func TestRoundingIsNotHeldAgainstARateWithinTheLimit(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		o := drawOrder(r)
		limit := rapid.Int64Range(0, money.BasisPoints).Draw(r, "limit")
		byLine := rapid.Bool().Draw(r, "by line")
		for i := range o.Lines {
			o.Lines[i].Own = order.Discount{}
			if byLine {
				o.Lines[i].Own = percent(limit)
			}
		}
		o.Discount = order.Discount{}
		if !byLine {
			o.Discount = percent(limit)
		}
		if err := o.Price(); err != nil {
			r.Fatal(err)
		}
		if o.Exceeds(limit) {
			r.Errorf("%d basis points exceed themselves: %+v", limit, o)
		}
	})
}

func TestWishesOfOneSKUBecomeOneLine(t *testing.T) {
	price := func(n int64) *int64 { return &n }
	got, err := order.Merge([]order.Wish{
		{SKU: "A", Quantity: 2, Discount: amount(10)},
		{SKU: "B", Quantity: 1, UnitPrice: price(500), Discount: percent(700)},
		{SKU: "A", Quantity: 3, Discount: amount(5)},
		{SKU: "B", Quantity: 4, UnitPrice: price(500), Discount: percent(700)},
	})
	want := []order.Wish{
		{SKU: "A", Quantity: 5, Discount: amount(15)},
		{SKU: "B", Quantity: 5, UnitPrice: price(500), Discount: percent(700)},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("merged are %+v, %v; want %+v", got, err, want)
	}
}

func TestWishesThatCannotBeOneLineAreRefused(t *testing.T) {
	price := func(n int64) *int64 { return &n }
	for _, c := range []struct {
		name   string
		second order.Wish
		code   string
	}{
		{"another price", order.Wish{SKU: "A", Quantity: 1, UnitPrice: price(2), Discount: percent(5)}, "line_conflict"},
		{"no price", order.Wish{SKU: "A", Quantity: 1, Discount: percent(5)}, "line_conflict"},
		{"another percentage", order.Wish{SKU: "A", Quantity: 1, UnitPrice: price(1), Discount: percent(6)}, "line_conflict"},
		{"an amount", order.Wish{SKU: "A", Quantity: 1, UnitPrice: price(1), Discount: amount(5)}, "line_conflict"},
		{"too many together", order.Wish{SKU: "A", Quantity: order.MaxQuantity, UnitPrice: price(1), Discount: percent(5)}, "invalid"},
	} {
		t.Run(c.name, func(t *testing.T) {
			first := order.Wish{SKU: "A", Quantity: 1, UnitPrice: price(1), Discount: percent(5)}
			got, err := order.Merge([]order.Wish{first, c.second})
			if err == nil || got != nil || item(err).Code != c.code || item(err).SKU != "A" {
				t.Errorf("got %v, %v; want %s of A", got, err, c.code)
			}
		})
	}
	if _, err := order.Merge([]order.Wish{{SKU: "A", Quantity: 1}, {SKU: "A", Quantity: order.MaxQuantity - 1}}); err != nil {
		t.Errorf("as many as a line may have: %v", err)
	}
}
