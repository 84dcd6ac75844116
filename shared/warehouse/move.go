// Package warehouse is what is done with goods: received, adjusted,
// transferred, counted, and the proof that the ledger explains every balance.
//
// The actions of each fact, of the 100 a transaction takes:
//
//	Move: receive, adjust   stock item, movement, mark
//	Move: transfer    two stock items, movement, mark
//	Move: adjust, orders giving way   the same and, for each order, the order and its event
//	Send              transfer, event, mark, ≤ 20 × (two stock items, movement)
//	Receive           transfer, event, mark, ≤ 20 × (two stock items, two movements)
//	Open, Cancel      count, event, mark
//	Enter             count, event, mark, ≤ 45 × (line, condition on the stock item)
//	Post, each step   count, event, mark, lines × (line, stock item, movement), and for each order that gives way the same as above
package warehouse

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"waybill/shared/event"
	"waybill/shared/ident"
	"waybill/shared/order"
	"waybill/shared/refusal"
	"waybill/shared/stock"
	"waybill/shared/table"
)

// A Floor does the facts of goods. It keeps no state.
type Floor struct {
	DB    *table.DB
	IDs   ident.Source
	Pause func(context.Context, time.Duration) error // between two looks of the proof
}

// By is who asks, how a retry is known, and which version they saw.
type By = table.By

// mostYielding is how many orders may give way to one adjustment: each is three
// actions of the transaction, for it waits for its goods then.
const mostYielding = 32

// mostNamed is how many orders a refusal names.
const mostNamed = 20

// Move does a receipt, an adjustment or a transfer: the change of stock and its
// entry in the ledger in one transaction. What leaves must be free; otherwise
// it is refused (`insufficient_stock`) with the newest orders that hold it
// named, or with release those give way, the newest first, and go on hold.
func (f *Floor) Move(ctx context.Context, by By, m stock.Movement, release bool) (stock.Movement, error) {
	if err := m.Check(); err != nil {
		return m, err
	}
	if release && m.Kind != stock.Adjust {
		return m, refusal.Field("release", "invalid", "Orders give way to an adjustment only.")
	}
	var done stock.Movement
	err := f.again(ctx, func() error {
		return f.DB.Settle(ctx, func(ctx context.Context) (tx *table.Tx, err error) {
			done, tx, err = f.plan(ctx, by, m, release)
			return tx, err
		})
	})
	return done, err
}

// errMoving says that stock is reserved by orders that are just changing: the
// index of open orders may be a moment behind the reservation.
var errMoving = refusal.New(refusal.Conflict, "busy", "The orders that hold this stock are just changing; try again.")

// again does what found orders changing a few times more.
func (f *Floor) again(ctx context.Context, do func() error) error {
	for try := 1; ; try++ {
		err := do()
		if !errors.Is(err, errMoving) || try == looks || f.Pause(ctx, time.Duration(try)*20*time.Millisecond) != nil {
			return err
		}
	}
}

// plan composes the transaction of a movement from fresh reads.
func (f *Floor) plan(ctx context.Context, by By, m stock.Movement, release bool) (stock.Movement, *table.Tx, error) {
	extra := []stock.Place{m.Place}
	if m.ToLocation != "" {
		extra = append(extra, stock.Place{SKU: m.SKU, Location: m.ToLocation})
	}
	c, err := f.DB.Catalog(ctx, "", []string{m.SKU}, extra)
	if err != nil {
		return m, nil, err
	}
	if err := known(m, c); err != nil {
		return m, nil, err
	}
	before := c.Stock[m.Place]
	if m, err = m.Valued(before); err != nil {
		return m, nil, refusal.Field("unit_cost", "amount_too_large", "The goods come to more than can be counted.")
	}
	now := f.IDs.Now()
	m.ID, m.Actor, m.At = f.IDs.IDAt(now), by.Principal.ID, now
	tx := &table.Tx{}
	var yielded int64
	if out := leaving(m); out > before.Available {
		if m.Kind != stock.Adjust || !release || out > before.OnHand {
			return m, nil, f.lacking(ctx, m, before)
		}
		if yielded, err = f.yield(ctx, tx, by, m.Place, out-before.Available, now); err != nil {
			return m, nil, err
		}
	}
	for _, change := range m.Changes() {
		at := &before
		if change.Place != m.Place || m.UnitCost != nil {
			at = nil // its value does not depend on what was there
		}
		if change.Place == m.Place {
			tx.Move(change, yielded, at)
		} else {
			tx.Move(change, 0, at)
		}
	}
	tx.Movement(m)
	tx.Mark(by.Mark, m.SKU+"/"+m.ID, now)
	return m, tx, nil
}

// known refuses products and locations that do not exist.
func known(m stock.Movement, c table.Catalog) error {
	var wrong []refusal.Item
	if _, ok := c.Products[m.SKU]; !ok {
		wrong = append(wrong, refusal.Item{Field: "sku", SKU: m.SKU, Code: "unknown_sku", Detail: "There is no such product."})
	}
	for _, at := range []struct{ field, code string }{{"location", m.Location}, {"to_location", m.ToLocation}} {
		if _, ok := c.Locations.Find(at.code); !ok && at.code != "" {
			wrong = append(wrong, refusal.Item{Field: at.field, Code: "unknown_location", Detail: "There is no location " + at.code + "."})
		}
	}
	if len(wrong) > 0 {
		return refusal.Fields(wrong...)
	}
	return nil
}

// leaving is how many units a movement takes from its place.
func leaving(m stock.Movement) int64 {
	if m.Kind == stock.Transfer {
		return m.Quantity
	}
	return max(-m.Quantity, 0)
}

// lacking refuses a movement of more than is free, and names the newest orders that hold the rest.
func (f *Floor) lacking(ctx context.Context, m stock.Movement, before stock.Item) error {
	available := before.Available
	e := &refusal.Error{
		Kind: refusal.Conflict, Code: "insufficient_stock",
		Detail: fmt.Sprintf("%d of %s are to leave %s, where %d are on hand and %d of them reserved.", leaving(m), m.SKU, m.Location, before.OnHand, before.Reserved),
		Items:  []refusal.Item{{SKU: m.SKU, Code: "insufficient_stock", Detail: fmt.Sprintf("%d available.", available), Available: &available}},
	}
	if before.Reserved == 0 {
		return e
	}
	err := f.DB.OpenOrders(ctx, func(o order.Order) bool {
		if n := o.ReservedAt(m.Place); n > 0 {
			e.Items = append(e.Items, refusal.Item{SKU: m.SKU, Order: o.Number, Code: "reserved", Detail: fmt.Sprintf("%d reserved.", n)})
		}
		return len(e.Items) <= mostNamed
	})
	if err != nil {
		return err
	}
	return e
}

// yield adds the giving way of the newest orders that hold a place, until
// short units are free, and returns how many gave way.
func (f *Floor) yield(ctx context.Context, tx *table.Tx, by By, p stock.Place, short int64, now time.Time) (int64, error) {
	orders, enough, err := f.holders(ctx, map[stock.Place]int64{p: short}, mostYielding)
	if err != nil {
		return 0, err
	}
	if !enough {
		return 0, refusal.New(refusal.Rejected, "too_many_items", "More than %d orders would have to give way; adjust in smaller steps.", mostYielding)
	}
	for _, o := range orders {
		f.giveWay(tx, by, o, now)
	}
	return short, nil
}

// A holder is an order that is to give way, and with how many units of each place.
type holder struct {
	order.Order
	units map[stock.Place]int64
}

// holders returns the newest orders that hold the places, each with what it has
// to give until nothing is short any more; enough is false when it takes more
// than most orders.
func (f *Floor) holders(ctx context.Context, short map[stock.Place]int64, most int) (orders []holder, enough bool, err error) {
	left, open := maps.Clone(short), len(short)
	if open == 0 {
		return nil, true, nil
	}
	err = f.DB.OpenOrders(ctx, func(o order.Order) bool {
		units := map[stock.Place]int64{}
		for p, held := range o.Allocations() {
			if n := min(held, left[p]); n > 0 {
				units[p] = n
				if left[p] -= n; left[p] == 0 {
					open--
				}
			}
		}
		if len(units) > 0 {
			orders = append(orders, holder{o, units})
		}
		return open > 0 && len(orders) <= most
	})
	switch {
	case err != nil:
		return nil, false, err
	case len(orders) > most:
		return nil, false, nil
	case open > 0:
		return nil, false, errMoving
	}
	return orders, true, nil
}

// giveWay adds the giving way of one order.
func (f *Floor) giveWay(tx *table.Tx, by By, h holder, now time.Time) {
	next := h.Order
	next.Lines = append([]order.Line(nil), h.Lines...)
	next.Version, next.UpdatedAt = h.Version+1, now
	var one map[string]any
	var all []any
	for _, p := range slices.SortedFunc(maps.Keys(h.units), func(a, b stock.Place) int { return cmp.Compare(a.SKU, b.SKU) }) {
		next.Yield(p, h.units[p])
		one = map[string]any{"sku": p.SKU, "location": p.Location, "quantity": h.units[p]}
		all = append(all, one)
	}
	data := map[string]any{"number": next.Number, "status": string(next.Status), "reason": order.HoldStock}
	if len(all) == 1 {
		maps.Copy(data, one)
	} else {
		data["lines"] = all
	}
	tx.SaveOrder(next, h.Order)
	tx.Event(event.Event{
		ID: f.IDs.IDAt(now), Subject: event.Subject{Kind: event.Order, ID: next.ID}, Seq: next.Version,
		Type: event.OrderHeld, At: now, Actor: by.Principal.ID, Data: data,
	})
}
