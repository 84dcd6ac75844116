// Package warehouse is what is done with goods: received, adjusted,
// transferred, and the proof that the ledger explains every balance.
//
// The actions of each fact, of the 100 a transaction takes:
//
//	Receive, Adjust   stock item, movement, mark
//	Transfer          two stock items, movement, mark
//	Adjust, orders giving way   the same and, for each order, the order and its event
package warehouse

import (
	"context"
	"fmt"
	"time"

	"waybill/shared/access"
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

// By is who asks and how a retry is known.
type By struct {
	Principal access.Principal
	Mark      *table.Mark // nil without an Idempotency-Key
}

// mostYielding is how many orders may give way to one adjustment: each is two
// actions of the transaction.
const mostYielding = 45

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
	err := f.DB.Settle(ctx, func(ctx context.Context) (tx *table.Tx, err error) {
		done, tx, err = f.plan(ctx, by, m, release)
		return tx, err
	})
	return done, err
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
	left, orders := short, 0
	err := f.DB.OpenOrders(ctx, func(was order.Order) bool {
		n := min(was.ReservedAt(p), left)
		if n == 0 {
			return true
		}
		left -= n
		if orders++; orders > mostYielding {
			return false
		}
		next := was
		next.Lines = append([]order.Line(nil), was.Lines...)
		next.Yield(p, n)
		next.Version, next.UpdatedAt = was.Version+1, now
		tx.SaveOrder(next, was)
		tx.Event(event.Event{
			ID: f.IDs.IDAt(now), Subject: event.Subject{Kind: event.Order, ID: next.ID}, Seq: next.Version,
			Type: event.OrderHeld, At: now, Actor: by.Principal.ID,
			Data: map[string]any{"number": next.Number, "status": string(next.Status), "reason": order.HoldStock, "sku": p.SKU, "location": p.Location, "quantity": n},
		})
		return left > 0
	})
	switch {
	case err != nil:
		return 0, err
	case orders > mostYielding:
		return 0, refusal.New(refusal.Rejected, "too_many_items", "More than %d orders would have to give way; adjust in smaller steps.", mostYielding)
	case left > 0:
		// The index of open orders may be a moment behind the reservation.
		return 0, refusal.New(refusal.Conflict, "busy", "The orders that hold this stock are just changing; try again.")
	}
	return short, nil
}
