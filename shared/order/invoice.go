package order

import (
	"slices"
	"time"

	"waybill/shared/money"
	"waybill/shared/refusal"
)

// Billed is what an invoice takes of a line of the order. Quantity × UnitPrice
// − Discount is Net, or Total where prices contain the tax.
type Billed struct {
	SKU, Name           string
	Quantity            int64
	UnitPrice, Discount int64
	Net, TaxRate        int64 // the rate in millionths
	Tax, Total          int64
}

// Invoiceable is how many units of the line are on no invoice yet, of what the
// customer pays for or of what has left.
func (l Line) Invoiceable(shipped bool) int64 {
	if shipped {
		return max(0, l.Shipped-l.Invoiced)
	}
	return max(0, l.charged()-l.Invoiced)
}

// Invoice takes units of the order onto an invoice with this id, due then: the
// picks, or all that is on no invoice yet if there are none. It refuses more
// than that (`more_than_invoiceable`), nothing (`nothing_to_invoice`), and
// drafts and cancelled orders.
//
// Each line's amounts are what its units up to now come to, less what those
// that were invoiced before came to, each rounded half up: however an order is
// split, its invoices add up to it.
func (o *Order) Invoice(id string, due time.Time, picks []Pick, shipped bool) ([]Billed, error) {
	if err := o.mayInvoice(); err != nil {
		return nil, err
	}
	picks = merged(picks)
	if len(picks) == 0 {
		picks = o.invoiceable(shipped)
	}
	if len(picks) == 0 {
		return nil, refusal.New(refusal.Conflict, "nothing_to_invoice", "Nothing of order %s is to be invoiced.", o.Number)
	}
	err := o.check(picks, "more_than_invoiceable", "%d are on no invoice yet.", func(l Line) int64 { return l.Invoiceable(shipped) })
	if err != nil {
		return nil, err
	}
	out := make([]Billed, len(picks))
	var total int64
	for i, p := range picks {
		l := o.Line(p.SKU)
		if out[i], err = l.bill(p.Quantity, o.TaxInclusive); err != nil {
			return nil, err
		}
		if total, err = money.Add(total, out[i].Total); err != nil {
			return nil, err
		}
		l.Invoiced += p.Quantity
	}
	o.Invoices = append(o.Invoices[:len(o.Invoices):len(o.Invoices)], Issued{ID: id, Total: total, DueAt: due})
	return out, nil
}

func (o Order) mayInvoice() error {
	switch {
	case o.Status == Draft || o.Status == Cancelled:
		return o.wrongStatus("invoiced")
	case len(o.Invoices) >= MaxInvoices:
		return refusal.New(refusal.Rejected, "too_many_items", "An order has at most %d invoices.", MaxInvoices)
	}
	return nil
}

// invoiceable is everything that is on no invoice yet.
func (o Order) invoiceable(shipped bool) []Pick {
	var picks []Pick
	for _, l := range o.Lines {
		if n := l.Invoiceable(shipped); n > 0 {
			picks = append(picks, Pick{SKU: l.SKU, Quantity: n})
		}
	}
	return picks
}

// merged adds up picks of the same SKU, in the place of the first.
func merged(picks []Pick) []Pick {
	var out []Pick
	for _, p := range picks {
		if i := slices.IndexFunc(out, func(q Pick) bool { return q.SKU == p.SKU }); i >= 0 {
			out[i].Quantity += p.Quantity
			continue
		}
		out = append(out, p)
	}
	return out
}

// bill is what the next n units of the line come to.
func (l Line) bill(n int64, inclusive bool) (Billed, error) {
	before, err := l.upTo(l.Invoiced)
	if err != nil {
		return Billed{}, err
	}
	after, err := l.upTo(l.Invoiced + n)
	if err != nil {
		return Billed{}, err
	}
	b := Billed{
		SKU: l.SKU, Name: l.Name, Quantity: n, UnitPrice: l.UnitPrice, TaxRate: l.TaxRate,
		Discount: after.discount - before.discount, Net: after.base - before.base, Tax: after.tax - before.tax,
	}
	if inclusive {
		b.Net -= b.Tax
	}
	b.Total = b.Net + b.Tax
	return b, nil
}

// A share is what some units of a line come to: base is what is left of their
// price, which contains the tax or not.
type share struct{ discount, base, tax int64 }

// upTo is what the first n units of the line come to: the discount in
// proportion to the units, the tax in proportion to what is left of the price.
func (l Line) upTo(n int64) (s share, err error) {
	gross, err := money.Times(n, l.UnitPrice)
	if err != nil || n == 0 {
		return s, err
	}
	if s.discount, err = money.Portion(l.Discount, n, l.charged()); err != nil {
		return s, err
	}
	s.base = gross - s.discount
	if whole := l.charged()*l.UnitPrice - l.Discount; whole > 0 {
		s.tax, err = money.Portion(l.Tax, s.base, whole)
	}
	return s, err
}

// Credit notes that a credit note takes so much, and these units, off an
// invoice. The invoice knows what may be credited of it.
func (o *Order) Credit(invoice string, total int64, picks []Pick) error {
	at := slices.IndexFunc(o.Invoices, func(i Issued) bool { return i.ID == invoice })
	if at < 0 {
		return refusal.Missing("invoice", invoice)
	}
	o.Invoices = slices.Clone(o.Invoices)
	o.Invoices[at].Credited += total
	for _, p := range picks {
		if l := o.Line(p.SKU); l != nil {
			l.Credited = min(l.Invoiced, l.Credited+p.Quantity)
		}
	}
	o.CompleteIfDone()
	return nil
}
