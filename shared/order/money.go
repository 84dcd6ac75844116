package order

import (
	"time"

	"waybill/shared/customer"
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
}

// MaxInvoices is how many invoices an order may have: it names them all.
const MaxInvoices = 50

// Credited is what credit notes took off what is owed. Those that only correct
// an invoice to what the order comes to by now took nothing off it.
func (o Order) Credited() int64 {
	var invoiced, credited int64
	for _, i := range o.Invoices {
		invoiced += i.Total
		credited += i.Credited
	}
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
// nobody paid: one that got money, if only a part, or whose goods have left, is for people.
func (o Order) Expires(at time.Time) bool {
	return o.Status == Confirmed && o.Terms.Kind == customer.Prepaid && o.PayBy != nil && !at.Before(*o.PayBy) &&
		o.Paid == 0 && o.Authorized == 0 && o.Balance() > 0
}

// AskAgain gives an order that lost all the money it had, paid or authorised,
// until a moment to be paid anew: its time may have been over while it was covered.
func (o *Order) AskAgain(was Order, until time.Time) {
	if was.Paid+was.Authorized > 0 && o.Paid+o.Authorized == 0 && o.PayBy != nil && o.IsOpen() && o.PayBy.Before(until) {
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

// KeepInvoiced refuses lines that fall below what is invoiced and not credited:
// a credit note comes first. What was credited and is not ordered any more is
// forgotten, so that it can be invoiced when it is ordered again.
func KeepInvoiced(o Order, next []Line) error {
	at := map[string]*Line{}
	for i := range next {
		at[next[i].SKU] = &next[i]
	}
	for _, was := range o.Lines {
		l := at[was.SKU]
		var quantity int64
		if l != nil {
			quantity = l.Quantity
		}
		gone := was.Invoiced - quantity
		if gone > was.Credited {
			return refusal.New(refusal.Conflict, "below_invoiced", "%d of %s are invoiced; issue a credit note first.", was.Invoiced-was.Credited, was.SKU)
		}
		if l != nil && gone > 0 {
			l.Invoiced, l.Credited = was.Invoiced-gone, was.Credited-gone
		}
	}
	return nil
}
