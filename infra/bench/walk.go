package main

import (
	"fmt"

	"waybill/shared/order"
	"waybill/shared/table"
)

// A walk checks one reading of a list: of what stood when it began nothing is
// skipped, and nothing at all comes twice.
type walk struct {
	wanted map[string]bool
	seen   map[string]bool
}

func newWalk(stood []order.Order, f table.OrderFilter) *walk {
	w := &walk{wanted: map[string]bool{}, seen: map[string]bool{}}
	for _, o := range stood {
		if belongs(o, f) {
			w.wanted[o.ID] = true
		}
	}
	return w
}

// belongs says apart from the code under test which orders a list has.
func belongs(o order.Order, f table.OrderFilter) bool {
	switch {
	case f.Status != "":
		return o.Status == f.Status
	case f.Owner != "":
		return o.Owner == f.Owner || o.EnteredBy == f.Owner
	case f.CustomerID != "":
		return o.CustomerID == f.CustomerID
	default:
		return true
	}
}

// see takes the orders of a page.
func (w *walk) see(page []order.Order) error {
	for _, o := range page {
		if w.seen[o.ID] {
			return fmt.Errorf("order %s came twice", o.ID)
		}
		w.seen[o.ID] = true
	}
	return nil
}

// end is called after the last page.
func (w *walk) end() error {
	for id := range w.wanted {
		if !w.seen[id] {
			return fmt.Errorf("order %s was skipped", id)
		}
	}
	return nil
}
