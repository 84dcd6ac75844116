package order

import (
	"fmt"
	"time"

	"waybill/shared/money"
	"waybill/shared/refusal"
	"waybill/shared/stock"
)

// MaxPapers is how many shipments, and how many returns, an order may have: it
// names them all.
const MaxPapers = 100

// A Pick is a number of units of one SKU that leave or come back together.
type Pick struct {
	SKU      string
	Quantity int64
}

// A Leaving is a pick that leaves, with how many of its units the order had
// reserved at the place they leave from. The others must be free there.
type Leaving struct {
	Pick
	Reserved int64
}

// Open is how many units of the line are still to leave.
func (l Line) Open() int64 { return l.Quantity - l.Cancelled - l.Shipped }

// charged is how many units of the line the customer pays for.
func (l Line) charged() int64 { return l.Quantity - l.Cancelled }

// costOf is what n of the units that are out had cost, in proportion and
// rounded half up; the last ones take all that is left.
func (l Line) costOf(n int64) int64 {
	out := l.Shipped - l.Returned
	if n >= out {
		return l.Cost - l.CostBack
	}
	v, err := money.Portion(l.Cost-l.CostBack, n, out)
	if err != nil {
		return 0
	}
	return v
}

// Line returns the order's line of a SKU, nil when it has none.
func (o *Order) Line(sku string) *Line {
	for i := range o.Lines {
		if o.Lines[i].SKU == sku {
			return &o.Lines[i]
		}
	}
	return nil
}

// PicksAt is everything that the order has reserved at a location.
func (o Order) PicksAt(location string) []Pick {
	var picks []Pick
	for _, l := range o.Lines {
		if n := stock.ReservedAt(l.Allocations, location); n > 0 {
			picks = append(picks, Pick{SKU: l.SKU, Quantity: n})
		}
	}
	return picks
}

// MayShip refuses a shipment of an order that is not to leave now. With unpaid
// it may leave though it is prepaid and nobody paid.
func (o Order) MayShip(unpaid bool) error {
	switch {
	case !o.IsOpen():
		return o.wrongStatus("shipped")
	case o.OnHold:
		return o.held()
	case o.Disputed > 0:
		return refusal.New(refusal.Conflict, "disputed", "A payment of order %s is disputed.", o.Number)
	case !unpaid && !o.Covered():
		return refusal.New(refusal.Conflict, "payment_required", "Order %s is prepaid and neither paid nor authorised in full.", o.Number)
	case len(o.Shipments) >= MaxPapers:
		return refusal.New(refusal.Rejected, "too_many_items", "An order has at most %d shipments.", MaxPapers)
	}
	return nil
}

// Ship takes units out of a location: those reserved there first. What is
// beyond them is taken from what is free there, for units that waited, and then
// in place of units reserved elsewhere, which are given back. It refuses a SKU
// that the order has not, and more than is open (`more_than_open`). The order
// notes the shipment's id.
func (o *Order) Ship(id, location string, picks []Pick) ([]Leaving, error) {
	if err := o.MayLeave(picks); err != nil {
		return nil, err
	}
	out := make([]Leaving, len(picks))
	for i, p := range picks {
		l := o.Line(p.SKU)
		here := min(stock.ReservedAt(l.Allocations, location), p.Quantity)
		waited := min(p.Quantity-here, l.Backordered)
		l.Allocations = stock.Take(l.Allocations, location, here)
		l.Allocations = stock.GiveBack(l.Allocations, p.Quantity-here-waited)
		l.Backordered -= waited
		l.Shipped += p.Quantity
		out[i] = Leaving{Pick: p, Reserved: here}
	}
	o.Shipments = append(o.Shipments[:len(o.Shipments):len(o.Shipments)], id)
	o.Undelivered++
	o.progress()
	return out, nil
}

// MayLeave refuses picks of SKUs that the order has not, and of more than is still to leave.
func (o *Order) MayLeave(picks []Pick) error {
	return o.check(picks, "more_than_open", "%d are still to leave.", Line.Open)
}

// check refuses picks of SKUs that the order has not, and of more than it has of something.
func (o *Order) check(picks []Pick, code, detail string, has func(Line) int64) error {
	var unknown, beyond []refusal.Item
	sum := map[string]int64{}
	for i, p := range picks {
		l := o.Line(p.SKU)
		if l == nil {
			unknown = append(unknown, refusal.Item{
				Field: fmt.Sprintf("lines[%d].sku", i), SKU: p.SKU, Code: "unknown_sku", Detail: "The order has no such line.",
			})
			continue
		}
		before := sum[p.SKU]
		sum[p.SKU] += p.Quantity
		if n := has(*l); sum[p.SKU] > n && before <= n {
			beyond = append(beyond, refusal.Item{SKU: p.SKU, Code: code, Detail: fmt.Sprintf(detail, n), Available: &n})
		}
	}
	if len(unknown) > 0 {
		return refusal.Fields(unknown...)
	}
	if len(beyond) > 0 {
		return &refusal.Error{Kind: refusal.Conflict, Code: code, Detail: "More than there is; errors names each SKU with what there is.", Items: beyond}
	}
	return nil
}

// progress sets the status of an order by what has left of it.
func (o *Order) progress() {
	left, open := false, false
	for _, l := range o.Lines {
		left = left || l.Shipped > 0
		open = open || l.Open() > 0
	}
	switch {
	case open && left:
		o.Status = PartiallyShipped
	case open:
		o.Status = Confirmed
	case left:
		o.Status = Shipped
	default:
		o.Status = Cancelled
	}
}

// Progress sets the status of an open order after an edit of its lines: what is
// left may have left already.
func (o *Order) Progress() {
	if o.IsOpen() {
		o.progress()
	}
}

// Undo takes back a shipment that was a mistake: its units are reserved again
// at the location that they had left. Given what each pick had cost, it returns
// what comes back of that: all of it, unless a return took a part already. It
// refuses when some of the units were returned.
func (o *Order) Undo(location string, picks []Pick, costs []int64) ([]int64, error) {
	if !o.IsOpen() && o.Status != Shipped {
		return nil, o.wrongStatus("changed by undoing a shipment")
	}
	if err := o.check(picks, "returned", "%d have left and not come back.", func(l Line) int64 { return l.Shipped - l.Returned }); err != nil {
		return nil, err
	}
	places := o.Allocations()
	values := make([]int64, len(picks))
	for i, p := range picks {
		l := o.Line(p.SKU)
		values[i] = min(costs[i], l.Cost-l.CostBack)
		if l.Shipped-l.Returned == p.Quantity {
			values[i] = l.Cost - l.CostBack
		}
		l.Cost -= values[i]
		l.Shipped -= p.Quantity
		l.Allocations = stock.Put(l.Allocations, location, p.Quantity)
		places[stock.Place{SKU: p.SKU, Location: location}] = 1
	}
	if len(places) > MaxStockItems {
		return nil, refusal.New(refusal.Rejected, "too_many_items", "The order would have stock at more than %d places.", MaxStockItems)
	}
	o.Undelivered--
	o.progress()
	return values, nil
}

// Delivered notes that a shipment arrived.
func (o *Order) Delivered() {
	o.Undelivered--
	o.CompleteIfDone()
}

// CompleteIfDone completes an order that has left, arrived and been paid in full.
func (o *Order) CompleteIfDone() {
	if o.Status == Shipped && !o.OnHold && o.Undelivered == 0 && len(o.Shipments) > 0 && o.Settled() {
		o.Status = Completed
	}
}

// Return notes that units came back, and returns what each pick of them had
// cost when it left. It refuses more than left and did not come back (`more_than_shipped`).
func (o *Order) Return(id string, picks []Pick) ([]int64, error) {
	if o.Status == Draft || o.Status == Cancelled {
		return nil, o.wrongStatus("returned")
	}
	if len(o.Returns) >= MaxPapers {
		return nil, refusal.New(refusal.Rejected, "too_many_items", "An order has at most %d returns.", MaxPapers)
	}
	if err := o.check(picks, "more_than_shipped", "%d have left and not come back.", func(l Line) int64 { return l.Shipped - l.Returned }); err != nil {
		return nil, err
	}
	costs := make([]int64, len(picks))
	for i, p := range picks {
		l := o.Line(p.SKU)
		costs[i] = l.costOf(p.Quantity)
		l.CostBack += costs[i]
		l.Returned += p.Quantity
	}
	o.Returns = append(o.Returns[:len(o.Returns):len(o.Returns)], id)
	return costs, nil
}

// CancelBackorders gives up what the lines wait for. An order of which nothing
// is left then is cancelled, or shipped if part of it has left.
func (o *Order) CancelBackorders(reason string) error {
	if !o.IsOpen() {
		return o.wrongStatus("relieved of its backorders")
	}
	if !o.Waits() {
		return refusal.New(refusal.Conflict, "nothing_backordered", "Nothing of order %s waits for goods.", o.Number)
	}
	if err := o.giveUp(func(l Line) int64 { return l.Backordered }); err != nil {
		return err
	}
	o.progress()
	if o.Status == Cancelled {
		if err := o.uninvoiced(); err != nil {
			return err
		}
	}
	if !o.IsOpen() {
		o.CancelReason = reason
		o.endHold()
	}
	o.noLongerShort()
	o.CompleteIfDone()
	return nil
}

// giveUp cancels units of lines that have not left. Discounts that were given
// as amounts shrink in proportion, rounded half up, and the order is priced anew.
func (o *Order) giveUp(units func(Line) int64) error {
	before := o.Totals.Subtotal - (o.Totals.Discount - o.Totals.OrderDiscount)
	for i := range o.Lines {
		l := &o.Lines[i]
		n := units(*l)
		if n == 0 {
			continue
		}
		if !l.Own.ByRate && l.Own.Amount > 0 {
			amount, err := money.Portion(l.Own.Amount, l.charged()-n, l.charged())
			if err != nil {
				return err
			}
			l.Own.Amount = amount
		}
		l.Cancelled += n
		l.Backordered -= min(n, l.Backordered)
		l.Allocations = stock.GiveBack(l.Allocations, stock.Reserved(l.Allocations)+l.Backordered-l.Open())
	}
	if !o.Discount.ByRate && o.Discount.Amount > 0 {
		whole := *o
		whole.Lines = append([]Line(nil), o.Lines...)
		whole.Discount = Discount{}
		if err := whole.Price(); err != nil {
			return err
		}
		var err error
		after := whole.Totals.Subtotal - whole.Totals.Discount
		if o.Discount.Amount, err = money.Portion(o.Discount.Amount, after, max(before, 1)); err != nil {
			return err
		}
	}
	return o.Price()
}

// WaitingSince is when the order's lines began to wait for goods: first come, first served.
func (o Order) WaitingSince() time.Time {
	if o.PlacedAt != nil {
		return *o.PlacedAt
	}
	return o.CreatedAt
}

// Serve reserves up to n units of a SKU at a location for a line that waits,
// and returns how many. A hold that the order has because it gave way to an
// adjustment ends when nothing waits any more.
func (o *Order) Serve(p stock.Place, n int64) int64 {
	l := o.Line(p.SKU)
	if l == nil || !o.IsOpen() {
		return 0
	}
	n = min(n, l.Backordered)
	if n <= 0 {
		return 0
	}
	l.Backordered -= n
	l.Allocations = stock.Put(l.Allocations, p.Location, n)
	o.noLongerShort()
	return n
}

// noLongerShort ends the hold of an order that gave way, once nothing waits.
func (o *Order) noLongerShort() {
	if o.HoldReason == HoldStock && !o.Waits() {
		o.unhold()
	}
}

// endHold ends the hold of an order that has come to its end, but not one for
// approval of a discount that is still charged: that takes an approval.
func (o *Order) endHold() {
	if o.Status == Cancelled || o.HoldReason != HoldApproval {
		o.unhold()
	}
}

// unhold ends a hold; a dispute that is open outlives every other.
func (o *Order) unhold() {
	o.OnHold, o.HoldReason, o.HeldBefore = false, "", ""
	if o.Disputed > 0 && o.Status != Cancelled {
		o.OnHold, o.HoldReason = true, HoldDispute
	}
}
