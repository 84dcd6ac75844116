// Package model is a small model of stock and orders, written apart from the
// code that it checks: what every operation must do, or why it must be refused.
// Its tests run thousands of random operations against both, with faults, and
// compare.
package model

import "slices"

// A Place is a SKU at a location.
type Place struct{ SKU, Location string }

// An Order as the model sees it. What is counted by SKU is in maps.
type Order struct {
	Status                       string // draft, confirmed, partially_shipped, shipped, cancelled
	Hold                         string // the reason, "" when not on hold
	Lines                        []Line
	Placed                       int // when it was confirmed, counted from 1
	Reserved                     map[Place]int64
	Waiting                      map[string]int64 // backordered
	Shipped, Cancelled, Returned map[string]int64
	Parcels                      []*Parcel
}

// A Parcel is units of one SKU that left.
type Parcel struct {
	Place
	Quantity int64
	Status   string // shipped, delivered, undone
}

// quantity is how many of a SKU were ordered; there tells whether the order has a line of it.
func (o *Order) quantity(sku string) (n int64, there bool) {
	for _, l := range o.Lines {
		if l.SKU == sku {
			return l.Quantity, true
		}
	}
	return 0, false
}

// open is how many of a SKU are still to leave.
func (o *Order) open(sku string) int64 {
	n, _ := o.quantity(sku)
	return n - o.Cancelled[sku] - o.Shipped[sku]
}

func (o *Order) isOpen() bool { return o.Status == "confirmed" || o.Status == "partially_shipped" }

// progress is the status that follows from what has left.
func (o *Order) progress() {
	left, open := false, false
	for _, l := range o.Lines {
		left, open = left || o.Shipped[l.SKU] > 0, open || o.open(l.SKU) > 0
	}
	switch {
	case open && left:
		o.Status = "partially_shipped"
	case open:
		o.Status = "confirmed"
	case left:
		o.Status = "shipped"
	default:
		o.Status = "cancelled"
	}
}

// A Line is a SKU and how many of it.
type Line struct {
	SKU      string
	Quantity int64
}

// World is everything that the model knows.
type World struct {
	Locations []string // the one that is taken from first at the front
	Backorder map[string]bool
	OnHand    map[Place]int64
	Orders    []*Order // the oldest first
	placed    int      // how many were ever confirmed
}

// Reserved is what all orders have reserved at a place.
func (w *World) Reserved(p Place) int64 {
	var n int64
	for _, o := range w.Orders {
		n += o.Reserved[p]
	}
	return n
}

// Free is what can still be reserved at a place.
func (w *World) Free(p Place) int64 { return w.OnHand[p] - w.Reserved(p) }

// plan finds stock for the lines given what the order has: what it keeps and
// takes, and what waits; nil when a SKU that may not wait is short.
func (w *World) plan(o *Order, lines []Line) (map[Place]int64, map[string]int64) {
	next, waiting := map[Place]int64{}, map[string]int64{}
	for _, l := range lines {
		left := l.Quantity - o.Cancelled[l.SKU] - o.Shipped[l.SKU]
		for _, loc := range w.Locations { // keep first, from the front
			p := Place{l.SKU, loc}
			keep := min(o.Reserved[p], left)
			next[p] += keep
			left -= keep
		}
		for _, loc := range w.Locations {
			p := Place{l.SKU, loc}
			take := min(w.Free(p), left)
			next[p] += take
			left -= take
		}
		if left > 0 && !w.Backorder[l.SKU] && left > o.Waiting[l.SKU] {
			return nil, nil
		}
		waiting[l.SKU] = left
	}
	return next, waiting
}

// Place enters an order; the result is nil when stock is short.
func (w *World) Place(lines []Line, confirm bool) *Order {
	o := &Order{
		Status: "draft", Lines: lines, Reserved: map[Place]int64{}, Waiting: map[string]int64{},
		Shipped: map[string]int64{}, Cancelled: map[string]int64{}, Returned: map[string]int64{},
	}
	if confirm && w.Confirm(o) != "" {
		return nil
	}
	w.Orders = append(w.Orders, o)
	return o
}

// Confirm reserves a draft's stock. It and the operations below return the
// code of the refusal, "" when it was done.
func (w *World) Confirm(o *Order) string {
	if o.Status != "draft" {
		return "wrong_status"
	}
	if o.Hold != "" {
		return "on_hold"
	}
	next, waiting := w.plan(o, o.Lines)
	if next == nil {
		return "insufficient_stock"
	}
	o.Status, o.Reserved, o.Waiting = "confirmed", next, waiting
	w.placed++
	o.Placed = w.placed
	return ""
}

// Edit replaces the lines.
func (w *World) Edit(o *Order, lines []Line) string {
	if o.Status == "draft" {
		o.Lines = lines
		return ""
	}
	if !o.isOpen() {
		return "wrong_status"
	}
	next := *o
	next.Lines, next.Cancelled = lines, map[string]int64{}
	for _, l := range lines {
		if was, _ := o.quantity(l.SKU); was == l.Quantity {
			next.Cancelled[l.SKU] = o.Cancelled[l.SKU]
		}
	}
	for sku, n := range o.Shipped {
		if quantity, _ := next.quantity(sku); quantity < n {
			return "below_shipped"
		}
	}
	reserved, waiting := w.plan(&next, lines)
	if reserved == nil {
		return "insufficient_stock"
	}
	next.Reserved, next.Waiting = reserved, waiting
	next.progress()
	*o = next
	return ""
}

// Cancel gives everything back; of an order that left in part, the rest.
func (w *World) Cancel(o *Order) string {
	switch o.Status {
	case "partially_shipped":
		for _, l := range o.Lines {
			o.Cancelled[l.SKU] += o.open(l.SKU)
		}
		o.Status = "shipped"
	case "draft", "confirmed":
		o.Status = "cancelled"
	default:
		return "wrong_status"
	}
	o.Hold, o.Reserved, o.Waiting = "", map[Place]int64{}, map[string]int64{}
	return ""
}

// CancelBackorders gives up what waits.
func (w *World) CancelBackorders(o *Order) string {
	if !o.isOpen() {
		return "wrong_status"
	}
	var n int64
	for sku, waits := range o.Waiting {
		o.Cancelled[sku] += waits
		n += waits
	}
	if n == 0 {
		return "nothing_backordered"
	}
	o.Waiting = map[string]int64{}
	if o.progress(); !o.isOpen() || o.Hold == "stock" {
		o.Hold = ""
	}
	return ""
}

// Ship takes units of a SKU out of a place.
func (w *World) Ship(o *Order, p Place, n int64) string {
	_, there := o.quantity(p.SKU)
	switch here := min(o.Reserved[p], n); {
	case !o.isOpen():
		return "wrong_status"
	case o.Hold != "":
		return "on_hold"
	case !there:
		return "rejected"
	case n > o.open(p.SKU):
		return "more_than_open"
	case n-here > w.Free(p):
		return "insufficient_stock"
	default:
		o.Reserved[p] -= here
		left := n - here
		waited := min(o.Waiting[p.SKU], left)
		o.Waiting[p.SKU] -= waited
		left -= waited
		for _, l := range slices.Backward(w.Locations) {
			elsewhere := Place{p.SKU, l}
			back := min(o.Reserved[elsewhere], left)
			o.Reserved[elsewhere] -= back
			left -= back
		}
	}
	w.OnHand[p] -= n
	o.Shipped[p.SKU] += n
	o.Parcels = append(o.Parcels, &Parcel{p, n, "shipped"})
	o.progress()
	return ""
}

// Undo takes a parcel back that should not have left.
func (w *World) Undo(o *Order, parcel *Parcel) string {
	if parcel.Status != "shipped" || (!o.isOpen() && o.Status != "shipped") {
		return "wrong_status"
	}
	if o.Shipped[parcel.SKU]-o.Returned[parcel.SKU] < parcel.Quantity {
		return "returned"
	}
	parcel.Status = "undone"
	o.Shipped[parcel.SKU] -= parcel.Quantity
	o.Reserved[parcel.Place] += parcel.Quantity
	w.OnHand[parcel.Place] += parcel.Quantity
	o.progress()
	return ""
}

// Deliver notes that a parcel arrived.
func (w *World) Deliver(_ *Order, parcel *Parcel) string {
	if parcel.Status != "shipped" {
		return "wrong_status"
	}
	parcel.Status = "delivered"
	return ""
}

// Return takes units back, to a place or to the bin.
func (w *World) Return(o *Order, p Place, n int64, restock bool) string {
	_, there := o.quantity(p.SKU)
	switch {
	case o.Status == "draft" || o.Status == "cancelled":
		return "wrong_status"
	case !there:
		return "rejected"
	case n > o.Shipped[p.SKU]-o.Returned[p.SKU]:
		return "more_than_shipped"
	}
	o.Returned[p.SKU] += n
	if restock {
		w.OnHand[p] += n
	}
	return ""
}

// Serve gives what is free of a SKU to those who wait for it, the first come first.
func (w *World) Serve(sku string) {
	queue := slices.Clone(w.Orders)
	slices.SortFunc(queue, func(a, b *Order) int { return a.Placed - b.Placed })
	for _, o := range queue {
		if o.Waiting[sku] == 0 {
			continue
		}
		for _, l := range w.Locations {
			p := Place{sku, l}
			n := min(w.Free(p), o.Waiting[sku])
			o.Reserved[p] += n
			o.Waiting[sku] -= n
		}
		if o.Waiting[sku] > 0 {
			return
		}
		if o.Hold == "stock" && !o.waits() {
			o.Hold = ""
		}
	}
}

func (o *Order) waits() bool {
	for _, n := range o.Waiting {
		if n > 0 {
			return true
		}
	}
	return false
}

// Hold stops an order.
func (w *World) Hold(o *Order) string {
	if o.Status == "cancelled" {
		return "wrong_status"
	}
	if o.Hold != "" {
		return "on_hold"
	}
	o.Hold = "wait"
	return ""
}

// Release lets it go on, if what it lost to adjustments is there again.
func (w *World) Release(o *Order) string {
	if o.Hold == "" {
		return "not_on_hold"
	}
	if o.isOpen() {
		without := *o
		without.Waiting = nil
		next, waiting := w.plan(&without, o.Lines)
		if next == nil {
			return "insufficient_stock"
		}
		o.Reserved, o.Waiting = next, waiting
	}
	o.Hold = ""
	return ""
}

// Adjust adds n units at a place, or takes −n; with release the newest orders give way.
func (w *World) Adjust(p Place, n int64, release bool) string {
	short := -n - w.Free(p)
	if n < 0 && short > 0 {
		if !release || -n > w.OnHand[p] {
			return "insufficient_stock"
		}
		for _, o := range slices.Backward(w.Orders) {
			give := min(o.Reserved[p], short)
			if give == 0 {
				continue
			}
			short -= give
			o.Reserved[p] -= give
			o.Waiting[p.SKU] += give
			if o.Hold == "" {
				o.Hold = "stock"
			}
		}
	}
	w.OnHand[p] += n
	return ""
}

// Transfer moves free units.
func (w *World) Transfer(from, to Place, n int64) string {
	if w.Free(from) < n {
		return "insufficient_stock"
	}
	w.OnHand[from] -= n
	w.OnHand[to] += n
	return ""
}
