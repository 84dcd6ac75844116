package warehouse

import (
	"context"

	"waybill/shared/event"
	"waybill/shared/table"
)

// Watcher is the actor of what the system does by itself about stock.
const Watcher = "system"

// Watched returns those of some SKUs that WatchLevel may find something to do
// for. Most products have no reorder point, and every order moves some.
func (f *Floor) Watched(ctx context.Context, skus []string) (map[string]bool, error) {
	return f.DB.Watched(ctx, skus)
}

// WatchLevel compares what is available of a SKU, at all locations together,
// with the product's reorder point. Where it fell to it, one event stock.low is
// raised; another only after it was seen above in between.
//
// It may be called twice, late and by many at once: the level is an item that
// changes under the condition that it is as it was read, in the transaction of
// the event, while the stock and the product are as they were read. Whoever
// looked at something else looks again. A fall that was made good before
// anybody looked raises nothing.
func (f *Floor) WatchLevel(ctx context.Context, sku string) error {
	return f.DB.Settle(ctx, func(ctx context.Context) (*table.Tx, error) {
		shelf, err := f.DB.Shelf(ctx, sku)
		if err != nil {
			return nil, err
		}
		was, p := shelf.Level, shelf.Product
		var available int64
		for _, i := range shelf.Stock {
			available += i.Available
		}
		low := p != nil && p.ReorderPoint != nil && available <= *p.ReorderPoint
		tx := &table.Tx{}
		if low == was.Low {
			return tx, nil
		}
		next := table.Level{Low: low, Seq: was.Seq}
		if low {
			next.Seq++
			now := f.IDs.Now()
			tx.Event(event.Event{
				ID: f.IDs.IDAt(now), Subject: event.Subject{Kind: event.Stock, ID: sku}, Seq: next.Seq,
				Type: event.StockLow, At: now, Actor: Watcher,
				Data: map[string]any{"sku": sku, "available": available, "reorder_point": *p.ReorderPoint},
			})
		}
		tx.SaveLevel(sku, next, was)
		if p != nil {
			tx.Hold(*p, shelf.Stock)
		}
		return tx, nil
	})
}
