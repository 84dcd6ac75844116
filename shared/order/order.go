// Package order has the rules of orders: what a status allows, what a line
// holds, and what an order costs.
package order

import (
	"slices"
	"time"

	"waybill/shared/customer"
	"waybill/shared/refusal"
	"waybill/shared/stock"
)

// A Status is how far an order is.
type Status string

// An order goes from draft to completed; draft and confirmed ones can be cancelled.
const (
	Draft            Status = "draft"
	Confirmed        Status = "confirmed"
	PartiallyShipped Status = "partially_shipped"
	Shipped          Status = "shipped"
	Completed        Status = "completed"
	Cancelled        Status = "cancelled"
)

// Statuses lists every status.
var Statuses = []Status{Draft, Confirmed, PartiallyShipped, Shipped, Completed, Cancelled}

// Open are the statuses whose orders hold reservations.
var Open = []Status{Confirmed, PartiallyShipped}

// ToFulfil are the statuses of orders that are to be shipped or shipped: what the warehouse sees.
var ToFulfil = []Status{Confirmed, PartiallyShipped, Shipped, Completed}

// Reasons of a hold that the system gives itself; any other is in a person's words.
const (
	HoldApproval = "approval" // the discount is above the limit of who gave it
	HoldStock    = "stock"    // it gave way to an adjustment of stock
	HoldDispute  = "dispute"  // a customer's bank wants the money back
)

// MaxStockItems is how many stock items an order or an edit may touch, those
// it leaves and those it takes together: with the order, its event, its number
// and its mark they must fit in one transaction of 100 actions.
const MaxStockItems = 90

// An Order is what a customer buys. Amounts are minor units of Currency.
type Order struct {
	ID, Number       string
	Version          int64 // counts its changes, and its events
	Status           Status
	OnHold           bool
	HoldReason       string
	HeldBefore       string // the reason of a hold that one for approval took the place of
	CustomerID       string
	Owner, EnteredBy string // principal ids
	Currency         string
	TaxInclusive     bool // unit prices contain the tax
	Lines            []Line
	Discount         Discount // on the order as a whole
	Totals           Totals
	Reference, Note  string
	Terms            customer.Terms
	Billing          *customer.Address
	Shipping         *customer.Address
	Attributes       map[string]string
	CancelReason     string
	Paid, Refunded   int64      // what came in and what went back of it; payments say so
	Authorized       int64      // what is sure to come in
	Disputed         int64      // what a customer's bank wants back
	Invoices         []Issued   // the oldest first
	CreditedOut      int64      // of invoices and their credit notes: units that were taken out of the order since
	PayBy            *time.Time // when a prepaid order is cancelled unless it is paid
	Shipments        []string   // ids, the oldest first; those that were undone too
	Undelivered      int64      // how many shipments are under way
	Returns          []string   // ids
	PlacedAt         *time.Time // when it was confirmed
	CreatedAt        time.Time  // its date: when it was entered, or its own date if imported
	UpdatedAt        time.Time
}

// A Line is one SKU of an order; a SKU stands on one line only. While the
// order is open, Quantity = reserved + Backordered + Shipped + Cancelled.
type Line struct {
	SKU, Name   string
	Quantity    int64
	UnitPrice   int64
	Own         Discount // given on the line itself
	Discount    int64    // all of it, the share of the order's included
	TaxRate     int64    // millionths
	Tax, Total  int64
	Allocations []stock.Allocation
	Backordered int64
	Shipped     int64
	Cancelled   int64 // ordered, and given up before it left: the customer does not pay for it
	Returned    int64
	Cost        int64 // of what has left, in the company's currency
	CostBack    int64 // of what came back
	Invoiced    int64 // on invoices
	Credited    int64 // on credit notes
}

// Reserved is how many units of the line are reserved in stock.
func (l Line) Reserved() int64 { return stock.Reserved(l.Allocations) }

// Totals of an order. Total is what it costs, tax included.
type Totals struct {
	Subtotal, Discount, OrderDiscount, Tax, Total int64
}

// IsOpen reports whether the order holds reservations.
func (o Order) IsOpen() bool { return o.Status == Confirmed || o.Status == PartiallyShipped }

// Confirm turns a draft into a confirmed order. Its lines must have been allocated.
func (o *Order) Confirm(at time.Time) error {
	if o.Status != Draft {
		return o.wrongStatus("confirmed")
	}
	if o.OnHold {
		return o.held()
	}
	o.Status, o.PlacedAt = Confirmed, &at
	return nil
}

// MayEdit refuses an edit of an order that is past changing.
func (o Order) MayEdit() error {
	if o.Status == Draft || o.IsOpen() {
		return nil
	}
	return o.wrongStatus("edited")
}

// Cancel ends an order and gives back every allocation it still has. An order
// of which part has left is closed instead: what left stays sold, and the rest
// is not charged.
func (o *Order) Cancel(reason string) error {
	switch o.Status {
	case Draft, Confirmed:
		if err := o.uninvoiced(); err != nil {
			return err
		}
		o.Status = Cancelled
		for i := range o.Lines {
			o.Lines[i].Allocations, o.Lines[i].Backordered = nil, 0
		}
	case PartiallyShipped:
		if err := o.giveUp(Line.Open); err != nil {
			return err
		}
		o.progress()
	default:
		return o.wrongStatus("cancelled")
	}
	o.CancelReason = reason
	o.endHold()
	o.CompleteIfDone()
	return nil
}

// Complete ends a shipped order by hand.
func (o *Order) Complete() error {
	if o.Status != Shipped {
		return o.wrongStatus("completed")
	}
	if o.OnHold {
		return o.held()
	}
	o.Status = Completed
	return nil
}

// Hold stops an order where it is; it keeps its reservations.
func (o *Order) Hold(reason string) error {
	if o.Status == Completed || o.Status == Cancelled {
		return o.wrongStatus("put on hold")
	}
	if o.OnHold {
		return refusal.New(refusal.Conflict, "on_hold", "Order %s is on hold already: %s.", o.Number, o.HoldReason)
	}
	o.OnHold, o.HoldReason = true, reason
	return nil
}

// Release lets a held order go on.
func (o *Order) Release() error {
	if !o.OnHold {
		return refusal.New(refusal.Conflict, "not_on_hold", "Order %s is not on hold.", o.Number)
	}
	if o.HoldReason == HoldDispute && o.Disputed > 0 {
		return refusal.New(refusal.Conflict, "disputed", "A payment of order %s is disputed; it goes on when that is decided.", o.Number)
	}
	o.unhold()
	o.CompleteIfDone()
	return nil
}

// AwaitApproval holds an order until its discount is approved. Approval
// outranks every other hold, for releasing those takes no approval.
func (o *Order) AwaitApproval() {
	if o.OnHold && o.HoldReason != HoldApproval {
		o.HeldBefore = o.HoldReason
	}
	o.OnHold, o.HoldReason = true, HoldApproval
}

// WaiveApproval ends a draft's waiting for approval; a hold that was there before stands again.
func (o *Order) WaiveApproval() {
	if o.Status == Draft && o.HoldReason == HoldApproval {
		o.OnHold, o.HoldReason, o.HeldBefore = o.HeldBefore != "", o.HeldBefore, ""
	}
}

// Yield gives back n reserved units of a SKU at a location to an adjustment:
// the line waits for them as backordered and the order is held.
func (o *Order) Yield(p stock.Place, n int64) {
	for i := range o.Lines {
		l := &o.Lines[i]
		if l.SKU != p.SKU {
			continue
		}
		l.Allocations = stock.Take(l.Allocations, p.Location, n)
		l.Backordered += n
	}
	if !o.OnHold {
		o.OnHold, o.HoldReason = true, HoldStock
	}
}

// ReservedAt is how many units the order has reserved at a place.
func (o Order) ReservedAt(p stock.Place) int64 {
	return o.Allocations()[p]
}

// Allocations returns what the order has reserved, by place.
func (o Order) Allocations() map[stock.Place]int64 {
	m := map[stock.Place]int64{}
	for _, l := range o.Lines {
		for _, a := range l.Allocations {
			m[stock.Place{SKU: l.SKU, Location: a.Location}] += a.Quantity
		}
	}
	return m
}

// Waits reports whether a line waits for goods.
func (o Order) Waits() bool {
	return slices.ContainsFunc(o.Lines, func(l Line) bool { return l.Backordered > 0 })
}

// Sound reports whether each line's quantities add up as its status demands.
func (o Order) Sound() bool {
	for _, l := range o.Lines {
		if l.Backordered < 0 || l.Shipped < 0 || l.Cancelled < 0 || l.Returned < 0 || l.Returned > l.Shipped || l.Open() < 0 {
			return false
		}
		if o.IsOpen() && l.Reserved()+l.Backordered != l.Open() {
			return false
		}
		if !o.IsOpen() && (l.Reserved() != 0 || l.Backordered != 0) {
			return false
		}
	}
	return true
}

func (o Order) wrongStatus(what string) error {
	return refusal.New(refusal.Conflict, "wrong_status", "Order %s is %s and can't be %s.", o.Number, o.Status, what)
}

func (o Order) held() error {
	return refusal.New(refusal.Conflict, "on_hold", "Order %s is on hold: %s.", o.Number, o.HoldReason)
}
