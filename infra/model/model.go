// Package model is a small model of stock and orders, written apart from the
// code that it checks: what every operation must do, or why it must be refused.
// Its tests run thousands of random operations against both, with faults, and
// compare.
package model

import "slices"

// A Place is a SKU at a location.
type Place struct{ SKU, Location string }

// An Order as the model sees it.
type Order struct {
	Status   string // draft, confirmed, cancelled
	Hold     string // the reason, "" when not on hold
	Lines    []Line
	Reserved map[Place]int64
	Waiting  map[string]int64 // backordered, by SKU
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
		left := l.Quantity
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
	o := &Order{Status: "draft", Lines: lines, Reserved: map[Place]int64{}, Waiting: map[string]int64{}}
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
	return ""
}

// Edit replaces the lines.
func (w *World) Edit(o *Order, lines []Line) string {
	switch o.Status {
	case "draft":
		o.Lines = lines
		return ""
	case "confirmed":
		next, waiting := w.plan(o, lines)
		if next == nil {
			return "insufficient_stock"
		}
		o.Lines, o.Reserved, o.Waiting = lines, next, waiting
		return ""
	default:
		return "wrong_status"
	}
}

// Cancel gives everything back.
func (w *World) Cancel(o *Order) string {
	if o.Status == "cancelled" {
		return "wrong_status"
	}
	o.Status, o.Hold, o.Reserved, o.Waiting = "cancelled", "", nil, nil
	return ""
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
	if o.Status == "confirmed" {
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
