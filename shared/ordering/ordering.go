// Package ordering is what sales does with orders. Each function is one
// business fact: it reads what the rules need, applies them, and commits one
// transaction that holds the order, its reservations, its event and the
// caller's idempotency mark.
//
// The actions of each fact, of the 100 a transaction takes:
//
//	Place, Import   order, number, event, mark, entry of who entered it, time to pay, credit, ≤ 90 stock items and SKUs waited for
//	Edit            order, event, mark, entry, time to pay, credit of two customers, ≤ 90 stock items that change and SKUs waited for
//	Confirm, Release, Cancel   order, event, mark, time to pay, credit, ≤ 90 stock items
//	Hold, Complete  order, event, mark
package ordering

import (
	"cmp"
	"context"
	"time"

	"waybill/shared/access"
	"waybill/shared/event"
	"waybill/shared/ident"
	"waybill/shared/order"
	"waybill/shared/refusal"
	"waybill/shared/table"
)

// A Desk does the facts of orders. It keeps no state.
type Desk struct {
	DB  *table.DB
	IDs ident.Source
}

// By is who asks, how a retry is known, and which version they saw.
type By = table.By

// Look reads an order that p may see; to others it does not exist.
func (d *Desk) Look(ctx context.Context, p access.Principal, id string) (order.Order, error) {
	o, err := d.DB.Order(ctx, id)
	if err != nil {
		return o, err
	}
	ok, err := d.sees(ctx, p, o)
	if err != nil {
		return order.Order{}, err
	}
	if !ok {
		return order.Order{}, refusal.Missing("order", id)
	}
	return o, nil
}

func (d *Desk) sees(ctx context.Context, p access.Principal, o order.Order) (bool, error) {
	return o.SeenBy(p, func() (string, error) { return d.DB.CustomerOwner(ctx, o.CustomerID) })
}

func (d *Desk) mayChange(ctx context.Context, p access.Principal, o order.Order) (bool, error) {
	return o.ChangedBy(p, func() (string, error) { return d.DB.CustomerOwner(ctx, o.CustomerID) })
}

// List lists the orders that p may see, newest first.
func (d *Desk) List(ctx context.Context, p access.Principal, f table.OrderFilter, page table.Page) (table.Listing[order.Order], error) {
	none := table.Listing[order.Order]{}
	switch p.Sight() {
	case access.SeesAll:
	case access.SeesFulfil:
		f.Statuses = order.ToFulfil
	default:
		if f.CustomerID != "" {
			owner, err := d.DB.CustomerOwner(ctx, f.CustomerID)
			if err != nil {
				return none, err
			}
			if owner == p.ID {
				break
			}
		}
		if f.Owner != "" && f.Owner != p.ID {
			return none, nil
		}
		f.Owner = p.ID
	}
	return d.DB.Orders(ctx, f, page)
}

// change is the shape of every fact about an order that exists: read it, check
// the caller, apply the rule, commit. The rule may change the order's
// allocations; the difference becomes reservations and releases.
func (d *Desk) change(ctx context.Context, by By, id string, kind event.Type, apply func(ctx context.Context, o *order.Order, now time.Time) (event.Type, map[string]any, error)) (order.Order, error) {
	var done order.Order
	err := d.DB.Settle(ctx, func(ctx context.Context) (*table.Tx, error) {
		was, err := d.DB.Order(ctx, id)
		if err != nil {
			return nil, err
		}
		if ok, err := d.mayChange(ctx, by.Principal, was); err != nil || !ok {
			return nil, cmp.Or(err, error(refusal.Missing("order", id)))
		}
		if err := by.Expects(was.Version); err != nil {
			return nil, err
		}
		next, now := was, d.IDs.Now()
		next.Lines = append([]order.Line(nil), was.Lines...)
		happened, data, err := apply(ctx, &next, now)
		if err != nil {
			return nil, err
		}
		if happened == "" {
			happened = kind
		}
		next.AskAgain(was, now)
		next.Version, next.UpdatedAt = was.Version+1, now
		tx := &table.Tx{}
		tx.SaveOrder(next, was)
		if err := reserve(tx, was, next); err != nil {
			return nil, err
		}
		tx.Event(d.event(happened, next, by, now, data))
		tx.Mark(by.Mark, next.ID, now)
		done = next
		return tx, d.onCredit(ctx, tx, was, next)
	})
	return done, err
}

// onCredit keeps a change that takes more of a customer's credit within its limit.
func (d *Desk) onCredit(ctx context.Context, tx *table.Tx, was, next order.Order) error {
	if next.OnAccount() == 0 || (next.OnAccount() <= was.OnAccount() && next.CustomerID == was.CustomerID) {
		return nil
	}
	c, err := d.DB.Catalog(ctx, next.CustomerID, nil, nil)
	if err != nil || c.Customer == nil {
		return err
	}
	return onCredit(tx, next, *c.Customer, c.Settings)
}

// reserve adds the net difference between two versions' allocations. What comes
// to wait counts like a stock item: each is an action of the transaction.
func reserve(tx *table.Tx, was, next order.Order) error {
	if tx.Reallocate(was.Allocations(), next.Allocations())+table.Waits(was, next) > order.MaxStockItems {
		return tooMany()
	}
	return nil
}

func tooMany() error {
	return refusal.New(refusal.Rejected, "too_many_items", "An order or an edit may touch at most %d stock items, those it leaves, those it takes and the SKUs it comes to wait for together.", order.MaxStockItems)
}

func (d *Desk) event(t event.Type, o order.Order, by By, now time.Time, data map[string]any) event.Event {
	if data == nil {
		data = map[string]any{}
	}
	data["number"], data["status"], data["total"], data["currency"] = o.Number, string(o.Status), o.Totals.Total, o.Currency
	if o.OnHold {
		data["hold_reason"] = o.HoldReason
	} else if t == event.OrderConfirmed && o.Covered() {
		data["to_ship"] = true
	}
	return event.Event{
		ID: d.IDs.IDAt(now), Subject: event.Subject{Kind: event.Order, ID: o.ID}, Seq: o.Version,
		Type: t, At: now, Actor: by.Principal.ID, Data: data,
	}
}
