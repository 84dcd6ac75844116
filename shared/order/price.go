package order

import (
	"errors"
	"fmt"

	"waybill/shared/money"
	"waybill/shared/refusal"
)

// A Discount is an amount, or a percentage in basis points when ByRate is set.
type Discount struct {
	ByRate bool
	Amount int64
	Rate   int64
}

// of returns the discount on an amount, rounded half up, and refuses more than all of it.
func (d Discount) of(amount int64, field string) (int64, error) {
	off := d.Amount
	if d.ByRate {
		var err error
		if off, err = money.Portion(amount, d.Rate, money.BasisPoints); err != nil {
			return 0, err
		}
	}
	if off > amount {
		return 0, refusal.Field(field, "discount_too_large", "The discount is more than what it is taken from.")
	}
	return off, nil
}

// Price computes every amount of the order from its lines' quantities, unit
// prices, discounts and tax rates:
//
//  1. A line's gross is quantity × unit price. Its own discount comes off it.
//  2. The order's discount, taken of the sum of what is left, is spread over the
//     lines in proportion to it (money.Spread).
//  3. Tax is computed on each line and rounded half up to the minor unit, then
//     summed: base × rate on top of exclusive prices, base × rate ÷ (1 + rate)
//     within inclusive ones.
//
// The order's total is subtotal − discount, plus tax where prices are exclusive.
// Amounts that don't fit are refused.
func (o *Order) Price() error {
	err := o.price()
	if errors.Is(err, money.ErrOverflow) {
		return refusal.Field("lines", "amount_too_large", "The order comes to more than can be counted.")
	}
	return err
}

func (o *Order) price() error {
	gross := make([]int64, len(o.Lines))
	net := make([]int64, len(o.Lines))
	var subtotal, left int64
	var err error
	for i := range o.Lines {
		l := &o.Lines[i]
		if gross[i], err = money.Times(l.charged(), l.UnitPrice); err != nil {
			return err
		}
		if l.Discount, err = l.Own.of(gross[i], fmt.Sprintf("lines[%d].discount", i)); err != nil {
			return err
		}
		net[i] = gross[i] - l.Discount
		if subtotal, err = money.Add(subtotal, gross[i]); err != nil {
			return err
		}
		left += net[i] // not more than subtotal
	}
	whole, err := o.Discount.of(left, "order_discount")
	if err != nil {
		return err
	}
	shares, err := money.Spread(whole, net)
	if err != nil {
		return err
	}
	t := Totals{Subtotal: subtotal, OrderDiscount: whole}
	for i := range o.Lines {
		l := &o.Lines[i]
		l.Discount += shares[i]
		base := gross[i] - l.Discount
		if l.Tax, l.Total, err = tax(base, l.TaxRate, o.TaxInclusive); err != nil {
			return err
		}
		t.Discount += l.Discount
		t.Tax += l.Tax
		if t.Total, err = money.Add(t.Total, l.Total); err != nil {
			return err
		}
	}
	o.Totals = t
	return nil
}

// tax returns the tax of a line and what the line costs with it.
func tax(base, rate int64, inclusive bool) (tax, total int64, err error) {
	if inclusive {
		tax, err = money.Portion(base, rate, money.Millionths+rate)
		return tax, base, err
	}
	if tax, err = money.Portion(base, rate, money.Millionths); err != nil {
		return 0, 0, err
	}
	total, err = money.Add(base, tax)
	return tax, total, err
}

// Exceeds reports whether the discount of the order, or of any line of it, is
// more than limit basis points of what it comes off. Spreading and rounding
// may put a line one minor unit above its exact share; that is not held against it.
func (o Order) Exceeds(limit int64) bool {
	above := func(discount, gross, slack int64) bool {
		allowed, err := money.Portion(gross, limit, money.BasisPoints)
		return err != nil || discount > allowed+slack
	}
	var shared int64
	if o.Totals.OrderDiscount > 0 {
		shared = 1
	}
	for _, l := range o.Lines {
		if above(l.Discount, l.charged()*l.UnitPrice, shared) {
			return true
		}
	}
	return above(o.Totals.Discount, o.Totals.Subtotal, int64(len(o.Lines)-1))
}
