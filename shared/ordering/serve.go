package ordering

import (
	"context"

	"waybill/shared/access"
	"waybill/shared/event"
	"waybill/shared/order"
	"waybill/shared/refusal"
	"waybill/shared/stock"
	"waybill/shared/table"
)

// system is who serves waiting orders, in their timelines.
var system = access.Principal{ID: "system"}

// Serve gives units of a SKU that are free to the orders that wait for it, the
// first come first, each in a transaction of its own. It goes by what is
// stored, so that it may run twice, at once, or be killed and run again: the
// next run goes on where the last one stopped.
func (d *Desk) Serve(ctx context.Context, sku string) error {
	ids, err := d.DB.Waiting(ctx, sku)
	if err != nil || len(ids) == 0 {
		return err
	}
	for _, id := range ids {
		served, err := d.serve(ctx, sku, id)
		if err != nil || !served {
			return err
		}
	}
	return nil
}

// serve gives an order what is free of a SKU, and reports whether the next one
// may have its turn: not while this one still waits.
func (d *Desk) serve(ctx context.Context, sku, id string) (next bool, err error) {
	err = d.DB.Settle(ctx, func(ctx context.Context) (*table.Tx, error) {
		next = true
		was, err := d.DB.Order(ctx, id)
		if refusal.Is(err, "not_found") {
			return &table.Tx{}, nil
		}
		if err != nil {
			return nil, err
		}
		c, err := d.DB.Catalog(ctx, "", []string{sku}, nil)
		if err != nil {
			return nil, err
		}
		now := was
		now.Lines = append([]order.Line(nil), was.Lines...)
		var got int64
		for _, location := range locationsFor(was, c) {
			p := stock.Place{SKU: sku, Location: location}
			if len(now.Allocations()) >= order.MaxStockItems && now.ReservedAt(p) == 0 {
				continue // an order at more places could not be changed in one transaction
			}
			got += now.Serve(p, c.Free(p))
		}
		l := now.Line(sku)
		next = l == nil || !now.IsOpen() || l.Backordered == 0
		if got == 0 {
			tx := &table.Tx{}
			if next { // it waits no longer, and its entry is left over
				tx.OrderStands(was)
				tx.NoLongerWaits(sku, was)
			}
			return tx, nil
		}
		at := d.IDs.Now()
		now.Version, now.UpdatedAt = was.Version+1, at
		tx := &table.Tx{}
		tx.SaveOrder(now, was)
		if next {
			tx.NoLongerWaits(sku, was)
		}
		tx.Reallocate(was.Allocations(), now.Allocations())
		tx.Event(d.event(event.OrderServed, now, By{Principal: system}, at, map[string]any{"sku": sku, "quantity": got}))
		return tx, nil
	})
	return next, err
}
