package order

import (
	"slices"
	"time"

	"waybill/shared/customer"
	"waybill/shared/money"
	"waybill/shared/refusal"
)

// A PaymentStatus follows from an order's payments.
type PaymentStatus string

// The payment statuses.
const (
	Unpaid            PaymentStatus = "unpaid"
	PaymentAuthorized PaymentStatus = "authorized"
	PartiallyPaid     PaymentStatus = "partially_paid"
	Paid              PaymentStatus = "paid"
	PartiallyRefunded PaymentStatus = "partially_refunded"
	Refunded          PaymentStatus = "refunded"
	Disputed          PaymentStatus = "disputed"
)

// Issued is an invoice of the order, as far as the order's money goes.
type Issued struct {
	ID       string
	Total    int64
	Credited int64 // by credit notes
	DueAt    time.Time
	ToldSoon bool // that it is due soon
	ToldLate bool // that it is overdue
}

// MaxInvoices is how many invoices an order may have: it names them all.
const MaxInvoices = 40

// Credited is what credit notes took off what is owed. Those that only correct
// an invoice to what the order comes to by now took nothing off it, nor do
// those of units that left the order since, with their invoice.
func (o Order) Credited() int64 {
	var invoiced, credited int64
	for _, i := range o.Invoices {
		invoiced += i.Total
		credited += i.Credited
	}
	invoiced, credited = invoiced-o.CreditedOut, credited-o.CreditedOut
	return max(0, credited-max(0, invoiced-o.Totals.Total))
}

// Balance is what is still to pay; negative is the customer's credit:
// total − credited − paid + refunded.
func (o Order) Balance() int64 { return o.Totals.Total - o.Credited() - o.Paid + o.Refunded }

// Owed is what the customer may be asked for: nothing of a cancelled order.
func (o Order) Owed() int64 {
	if o.Status == Cancelled {
		return 0
	}
	return max(0, o.Balance())
}

// PaymentStatus says how far the order is paid.
func (o Order) PaymentStatus() PaymentStatus {
	switch {
	case o.Disputed > 0:
		return Disputed
	case o.Refunded > 0 && o.Refunded >= o.Paid:
		return Refunded
	case o.Refunded > 0:
		return PartiallyRefunded
	case o.Balance() <= 0:
		return Paid
	case o.Paid > 0:
		return PartiallyPaid
	case o.Authorized > 0:
		return PaymentAuthorized
	default:
		return Unpaid
	}
}

// Covered reports whether the order may leave as far as money goes: prepaid
// ones are paid or authorised in full.
func (o Order) Covered() bool {
	return o.Terms.Kind != customer.Prepaid || o.Balance() <= o.Authorized
}

// Settled reports whether nothing is left to pay.
func (o Order) Settled() bool { return o.Balance() <= 0 }

// OnAccount is what the order takes of its customer's credit: what is still to
// pay of one on net terms, from when it is confirmed.
func (o Order) OnAccount() int64 {
	if o.Terms.Kind != customer.Net || o.Status == Draft {
		return 0
	}
	return o.Owed()
}

// Open is what is still to pay of each invoice, the oldest first: what was
// paid goes to the oldest.
func (o Order) Open() []int64 {
	left := max(0, o.Paid-o.Refunded)
	open := make([]int64, len(o.Invoices))
	for n, i := range o.Invoices {
		owed := max(0, i.Total-i.Credited)
		part := min(left, owed)
		open[n], left = owed-part, left-part
	}
	return open
}

// DueSoon is how long before an invoice is due its customer is reminded.
const DueSoon = 3 * 24 * time.Hour

// Remind notes that the customer is told that an invoice is due soon, or is
// overdue; what is true for the first time. It is neither for one that is
// paid, or of which that was told.
func (o *Order) Remind(invoice string, now time.Time) (soon, late bool) {
	open := o.Open()
	at := slices.IndexFunc(o.Invoices, func(i Issued) bool { return i.ID == invoice })
	if at < 0 || open[at] == 0 {
		return false, false
	}
	i := o.Invoices[at]
	late = now.After(i.DueAt) && !i.ToldLate
	soon = !now.After(i.DueAt) && !now.Before(i.DueAt.Add(-DueSoon)) && !i.ToldSoon
	o.Invoices = slices.Clone(o.Invoices)
	o.Invoices[at].ToldSoon, o.Invoices[at].ToldLate = i.ToldSoon || soon, i.ToldLate || late
	return soon, late
}

// AwaitPayment gives a prepaid order that has been confirmed so much time to be
// paid from a moment on; 0 gives it any.
func (o *Order) AwaitPayment(from time.Time, patience time.Duration) {
	o.PayBy = nil
	if o.Terms.Kind == customer.Prepaid && patience > 0 && o.IsOpen() {
		at := from.Add(patience)
		o.PayBy = &at
	}
}

// Expires reports whether the order is to be cancelled at a moment because
// nobody paid: one that got money, if only a part, whose goods have left or
// which is invoiced, is for people.
func (o Order) Expires(at time.Time) bool {
	return o.Status == Confirmed && o.Terms.Kind == customer.Prepaid && o.PayBy != nil && !at.Before(*o.PayBy) &&
		o.Paid == 0 && o.Authorized == 0 && o.Balance() > 0 && o.uninvoiced() == nil
}

// secondChance is how long an order has that is to be paid again.
const secondChance = 24 * time.Hour

// AskAgain gives an order that is to be paid again time from now on: its own
// may have been over while it was paid, authorised, shipped or free.
func (o *Order) AskAgain(was Order, now time.Time) {
	if o.PayBy == nil || was.PayBy == nil || !o.PayBy.Equal(*was.PayBy) || was.Expires(*was.PayBy) || !o.Expires(*o.PayBy) {
		return
	}
	if until := now.Add(secondChance); o.PayBy.Before(until) {
		o.PayBy = &until
	}
}

// Money is what an order's payments come to. Lost are disputes that went against us.
type Money struct{ Paid, Refunded, Authorized, Disputed, Lost int64 }

// TakeMoney sets what the order's payments come to. A dispute that opens holds
// the order, and the hold ends when all are won; a lost one leaves it on hold
// for a person.
func (o *Order) TakeMoney(m Money) {
	began, ended := o.Disputed == 0 && m.Disputed > 0, o.Disputed > 0 && m.Disputed == 0
	o.Paid, o.Refunded, o.Authorized, o.Disputed = m.Paid, m.Refunded, m.Authorized, m.Disputed
	if began && !o.OnHold && o.Status != Cancelled {
		o.OnHold, o.HoldReason = true, HoldDispute
	}
	if ended && m.Lost == 0 && o.HoldReason == HoldDispute {
		o.unhold()
	}
	o.CompleteIfDone()
}

// uninvoiced refuses the end of an order that its customer was told to pay: a
// credit note comes first.
func (o *Order) uninvoiced() error {
	for _, l := range o.Lines {
		if l.Invoiced > l.Credited {
			return refusal.New(refusal.Conflict, "invoiced", "Order %s is invoiced; issue a credit note first.", o.Number)
		}
	}
	return nil
}

// KeepInvoiced refuses lines that fall below what is invoiced and not credited:
// a credit note comes first. Units that were credited and are taken out now
// are forgotten with their invoice, so that they can be ordered and invoiced again.
func (o *Order) KeepInvoiced(next []Line) error {
	at := map[string]*Line{}
	for i := range next {
		at[next[i].SKU] = &next[i]
	}
	var out int64
	for _, was := range o.Lines {
		l, quantity := at[was.SKU], int64(0)
		if l != nil {
			quantity = l.Quantity
		}
		if quantity < was.Invoiced-was.Credited {
			return refusal.New(refusal.Conflict, "below_invoiced", "%d of %s are invoiced; issue a credit note first.", was.Invoiced-was.Credited, was.SKU)
		}
		gone := min(was.Credited, was.Quantity-quantity)
		if gone <= 0 {
			continue
		}
		if l != nil {
			l.Invoiced, l.Credited = was.Invoiced-gone, was.Credited-gone
		}
		amount, err := money.Portion(was.Total, gone, max(was.charged(), gone))
		if err != nil {
			return err
		}
		out += amount
	}
	var credited int64
	for _, i := range o.Invoices {
		credited += i.Credited
	}
	o.CreditedOut = min(o.CreditedOut+out, credited)
	return nil
}
