package invoice

import (
	"fmt"
	"slices"

	"waybill/shared/money"
	"waybill/shared/order"
	"waybill/shared/refusal"
)

// Wish is what is to be credited: some units, or an amount, or, with neither,
// all that is left.
type Wish struct {
	Picks  []order.Pick
	Amount int64 // 0: none
}

// A rest is what is left of an invoice's line after earlier credit notes. Base
// is what is left of the price of its units, which contains the tax or not.
type rest struct {
	Line
	base int64
}

// Credit returns the lines of a new credit note, given the earlier ones. Units
// take their part of what is left of their line, the last ones all of it; an
// amount is spread over what is left in proportion to it. More than is left is
// refused (`more_than_invoiced`).
func (i Invoice) Credit(earlier []CreditNote, w Wish) ([]Line, error) {
	left := i.left(earlier)
	switch {
	case w.Amount > 0 && len(w.Picks) > 0:
		return nil, refusal.Field("amount", "invalid", "Name lines or an amount, not both.")
	case w.Amount > 0:
		return i.creditAmount(left, w.Amount)
	case len(w.Picks) > 0:
		return i.creditUnits(left, w.Picks)
	}
	var out []Line
	for _, r := range left {
		if r.Quantity > 0 || r.Total > 0 {
			out = append(out, r.Line)
		}
	}
	if len(out) == 0 {
		return nil, i.beyond(refusal.Item{Code: "more_than_invoiced", Detail: "Everything is credited.", Available: new(int64)})
	}
	return out, nil
}

// Units are those that lines of a credit note take off the order's.
func Units(lines []Line) []order.Pick {
	var out []order.Pick
	for _, l := range lines {
		if l.Quantity > 0 {
			out = append(out, order.Pick{SKU: l.SKU, Quantity: l.Quantity})
		}
	}
	return out
}

// left is what earlier credit notes left of each line.
func (i Invoice) left(earlier []CreditNote) []rest {
	out := make([]rest, len(i.Lines))
	at := map[string]*rest{}
	for n, l := range i.Lines {
		out[n].Line = l
		at[l.SKU] = &out[n]
	}
	for _, c := range earlier {
		for _, l := range c.Lines {
			r := at[l.SKU]
			r.Quantity -= l.Quantity
			r.Net -= l.Net
			r.Tax -= l.Tax
			r.Total -= l.Total
		}
	}
	for n := range out {
		r := &out[n]
		r.base = r.Net
		if i.TaxInclusive {
			r.base = r.Total
		}
		r.Discount = max(0, r.Quantity*r.UnitPrice-r.base)
	}
	return out
}

func (i Invoice) creditUnits(left []rest, picks []order.Pick) ([]Line, error) {
	wanted, err := unitsOf(picks, left)
	if err != nil {
		return nil, err
	}
	var out []Line
	var beyond []refusal.Item
	for _, r := range left {
		n := wanted[r.SKU]
		switch {
		case n == 0:
			continue
		case n > r.Quantity:
			beyond = append(beyond, refusal.Item{
				SKU: r.SKU, Code: "more_than_invoiced", Detail: fmt.Sprintf("%d are invoiced and not credited.", r.Quantity), Available: &r.Quantity,
			})
			continue
		}
		l, err := r.units(n, i.TaxInclusive)
		if err != nil {
			return nil, err
		}
		out = append(out, l)
	}
	if len(beyond) > 0 {
		return nil, i.beyond(beyond...)
	}
	return out, nil
}

// unitsOf adds up picks by SKU, and refuses SKUs that the invoice has not.
func unitsOf(picks []order.Pick, left []rest) (map[string]int64, error) {
	units := map[string]int64{}
	var unknown []refusal.Item
	for n, p := range picks {
		units[p.SKU] += p.Quantity
		if !slices.ContainsFunc(left, func(r rest) bool { return r.SKU == p.SKU }) {
			unknown = append(unknown, refusal.Item{
				Field: fmt.Sprintf("lines[%d].sku", n), SKU: p.SKU, Code: "unknown_sku", Detail: "The invoice has no such line.",
			})
		}
	}
	if len(unknown) > 0 {
		return nil, refusal.Fields(unknown...)
	}
	return units, nil
}

// units is what n units of the rest come to.
func (r rest) units(n int64, inclusive bool) (Line, error) {
	if n == r.Quantity {
		return r.Line, nil
	}
	l := r.Line
	l.Quantity, l.Tax = n, 0
	base, err := money.Portion(r.base, n, r.Quantity)
	if err != nil {
		return l, err
	}
	if r.base > 0 {
		if l.Tax, err = money.Portion(r.Tax, base, r.base); err != nil {
			return l, err
		}
	}
	l.Discount, l.Net = max(0, n*l.UnitPrice-base), base
	if inclusive {
		l.Net -= l.Tax
	}
	l.Total = l.Net + l.Tax
	return l, nil
}

// creditAmount spreads an amount, tax included, over what is left.
func (i Invoice) creditAmount(left []rest, amount int64) ([]Line, error) {
	weights := make([]int64, len(left))
	var whole int64
	for n, r := range left {
		weights[n] = r.Total
		whole += r.Total
	}
	if amount > whole {
		return nil, i.beyond(refusal.Item{
			Field: "amount", Code: "more_than_invoiced", Detail: fmt.Sprintf("%d are invoiced and not credited.", whole), Available: &whole,
		})
	}
	parts, err := money.Spread(amount, weights)
	if err != nil {
		return nil, err
	}
	var out []Line
	for n, r := range left {
		if parts[n] == 0 {
			continue
		}
		l := r.Line
		l.Quantity, l.Discount, l.Total = 0, 0, parts[n]
		if l.Tax, err = money.Portion(r.Tax, l.Total, r.Total); err != nil {
			return nil, err
		}
		l.Net = l.Total - l.Tax
		out = append(out, l)
	}
	return out, nil
}

func (i Invoice) beyond(items ...refusal.Item) error {
	return &refusal.Error{
		Kind: refusal.Conflict, Code: "more_than_invoiced",
		Detail: fmt.Sprintf("More than is left of invoice %s; errors says what is.", i.Number), Items: items,
	}
}
