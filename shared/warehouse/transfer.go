package warehouse

import (
	"context"
	"fmt"
	"time"

	"waybill/shared/event"
	"waybill/shared/refusal"
	"waybill/shared/stock"
	"waybill/shared/table"
)

// Send puts goods into transit from one location to another. Each SKU must be
// free where it leaves; otherwise nothing is sent, and the refusal
// (`insufficient_stock`) names all that are short.
func (f *Floor) Send(ctx context.Context, by By, t stock.TransferOrder) (stock.TransferOrder, error) {
	if err := t.Plan(); err != nil {
		return t, err
	}
	var done stock.TransferOrder
	err := f.DB.Settle(ctx, func(ctx context.Context) (tx *table.Tx, err error) {
		done, tx, err = f.send(ctx, by, t)
		return tx, err
	})
	return done, err
}

// send composes the transaction that sends a transfer from fresh reads.
func (f *Floor) send(ctx context.Context, by By, t stock.TransferOrder) (stock.TransferOrder, *table.Tx, error) {
	places := make([]stock.Place, len(t.Lines))
	for i, l := range t.Lines {
		places[i] = stock.Place{SKU: l.SKU, Location: t.From}
	}
	c, err := f.DB.Goods(ctx, places)
	if err != nil {
		return t, nil, err
	}
	if err := sendable(t, c); err != nil {
		return t, nil, err
	}
	now := f.IDs.Now()
	t.ID, t.Version, t.Status, t.SentBy, t.SentAt = f.IDs.IDAt(now), 1, stock.TransferSent, by.Principal.ID, now
	lines, tx := make([]stock.TransferLine, len(t.Lines)), &table.Tx{}
	for i, l := range t.Lines {
		before := c.Stock[places[i]]
		m, err := t.Leave(l, before)
		if err != nil {
			return t, nil, uncountable()
		}
		f.book(tx, by, &before, []stock.Movement{m}, now)
		l.Value = -m.Value
		lines[i] = l
	}
	t.Lines = lines
	tx.NewTransfer(t)
	tx.Event(f.transferEvent(event.TransferSent, t, by, now))
	tx.Mark(by.Mark, t.ID, now)
	return t, tx, nil
}

// sendable refuses products and locations that do not exist, and then goods that are not free.
func sendable(t stock.TransferOrder, c table.Catalog) error {
	var wrong, short []refusal.Item
	for _, at := range []struct{ field, code string }{{"from", t.From}, {"to", t.To}} {
		if _, ok := c.Locations.Find(at.code); !ok {
			wrong = append(wrong, unknownLocation(at.field, at.code))
		}
	}
	for _, l := range t.Lines {
		if _, ok := c.Products[l.SKU]; !ok {
			wrong = append(wrong, unknownSKU(l.SKU))
		}
		if n := c.Free(stock.Place{SKU: l.SKU, Location: t.From}); n < l.Quantity {
			short = append(short, refusal.Item{SKU: l.SKU, Code: "insufficient_stock", Detail: fmt.Sprintf("%d available.", n), Available: &n})
		}
	}
	if len(wrong) > 0 {
		return refusal.Fields(wrong...)
	}
	if len(short) > 0 {
		return &refusal.Error{
			Kind: refusal.Conflict, Code: "insufficient_stock",
			Detail: "Not everything is free at " + t.From + "; errors names what is short.", Items: short,
		}
	}
	return nil
}

// Receive takes the goods of a transfer out of transit: what arrived to its
// destination, and what is missing, or too much, by an adjustment with the
// reason. Arrivals name the SKUs of which something else arrived than was sent.
func (f *Floor) Receive(ctx context.Context, by By, id string, arrivals []stock.Arrival, reason string) (stock.TransferOrder, error) {
	var done stock.TransferOrder
	err := f.DB.Settle(ctx, func(ctx context.Context) (tx *table.Tx, err error) {
		done, tx, err = f.receive(ctx, by, id, arrivals, reason)
		return tx, err
	})
	return done, err
}

// receive composes the transaction that receives a transfer from fresh reads.
func (f *Floor) receive(ctx context.Context, by By, id string, arrivals []stock.Arrival, reason string) (stock.TransferOrder, *table.Tx, error) {
	t, err := f.DB.Transfer(ctx, id)
	if err != nil {
		return t, nil, err
	}
	if err := by.Expects(t.Version); err != nil {
		return t, nil, err
	}
	was, now := t.Version, f.IDs.Now()
	if err := t.Receive(arrivals, reason); err != nil {
		return t, nil, err
	}
	t.Version, t.ReceivedBy, t.ReceivedAt = was+1, by.Principal.ID, &now
	places := make([]stock.Place, len(t.Lines))
	for i, l := range t.Lines {
		places[i] = stock.Place{SKU: l.SKU, Location: t.To}
	}
	items, err := f.DB.Stock(ctx, places)
	if err != nil {
		return t, nil, err
	}
	tx := &table.Tx{}
	for i, l := range t.Lines {
		there := items[places[i]]
		movements, err := t.Arrive(l, there)
		if err != nil {
			return t, nil, uncountable()
		}
		var before *stock.Item
		if l.Difference() > 0 {
			before = &there // what is too much was valued by it
		}
		f.book(tx, by, before, movements, now)
	}
	tx.SaveTransfer(t, was)
	tx.Event(f.transferEvent(event.TransferReceived, t, by, now))
	tx.Mark(by.Mark, t.ID, now)
	return t, tx, nil
}

// book adds movements and what they do together to each stock item. Unless
// before is nil, that item must not have moved since it was read so.
func (f *Floor) book(tx *table.Tx, by By, before *stock.Item, movements []stock.Movement, now time.Time) {
	for _, change := range stock.Sum(movements...) {
		if before != nil && change.Place == before.Place {
			tx.Move(change, 0, before)
		} else {
			tx.Move(change, 0, nil)
		}
	}
	for _, m := range movements {
		m.ID, m.Actor, m.At = f.IDs.IDAt(now), by.Principal.ID, now
		tx.Movement(m)
	}
}

func (f *Floor) transferEvent(kind event.Type, t stock.TransferOrder, by By, now time.Time) event.Event {
	var lines []any
	for _, l := range t.Lines {
		line := map[string]any{"sku": l.SKU, "quantity": l.Quantity}
		if t.Status == stock.TransferReceived {
			line["received"] = l.Received
		}
		lines = append(lines, line)
	}
	data := map[string]any{"from": t.From, "to": t.To, "lines": lines}
	if t.Reason != "" {
		data["reason"] = t.Reason
	}
	return event.Event{
		ID: f.IDs.IDAt(now), Subject: event.Subject{Kind: event.Transfer, ID: t.ID}, Seq: t.Version,
		Type: kind, At: now, Actor: by.Principal.ID, Data: data,
	}
}

func unknownSKU(sku string) refusal.Item {
	return refusal.Item{SKU: sku, Code: "unknown_sku", Detail: "There is no such product."}
}

func unknownLocation(field, code string) refusal.Item {
	return refusal.Item{Field: field, Code: "unknown_location", Detail: "There is no location " + code + "."}
}

func uncountable() error {
	return refusal.Field("lines", "amount_too_large", "The goods come to more than can be counted.")
}
