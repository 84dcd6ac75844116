package fulfilment

import (
	"context"
	"fmt"
	"strings"

	"waybill/shared/event"
	"waybill/shared/order"
	"waybill/shared/refusal"
	"waybill/shared/shipment"
	"waybill/shared/stock"
)

// NewReturn is a return as a client asks for it.
type NewReturn struct {
	Location string // of restocked goods; "": where the last shipment left from
	Lines    []shipment.Returned
	Reason   string // for lines without one
	Note     string
}

// Return takes goods of an order back, never more than left and did not come
// back (`more_than_shipped`). Restocked ones are on hand again at what they had
// cost when they left; scrapped ones are not.
func (d *Dock) Return(ctx context.Context, by By, orderID string, in NewReturn) (shipment.Return, error) {
	lines, picks, err := reasoned(in)
	if err != nil {
		return shipment.Return{}, err
	}
	var done shipment.Return
	err = d.change(ctx, by, orderID, func(ctx context.Context, c *changing) error {
		if err := by.Expects(c.was.Version); err != nil {
			return err
		}
		location, err := d.returnTo(ctx, c.was, in.Location)
		if err != nil {
			return err
		}
		done = shipment.Return{
			ID: d.IDs.IDAt(c.now), Number: shipment.ReturnNumberOf(c.was.Number, len(c.was.Returns)+1),
			OrderID: c.was.ID, OrderNumber: c.was.Number, CustomerID: c.was.CustomerID, Location: location,
			Lines: append([]shipment.Returned(nil), lines...), Note: in.Note, Actor: by.Principal.ID, At: c.now,
		}
		costs, err := c.next.Return(done.ID, picks)
		if err != nil {
			return err
		}
		for i := range done.Lines {
			done.Lines[i].Name, done.Lines[i].Cost = c.next.Line(lines[i].SKU).Name, costs[i]
		}
		if err := d.restock(ctx, c, done); err != nil {
			return err
		}
		c.tx.NewReturn(done)
		c.happened, c.ref = event.ReturnCreated, done.ID
		c.data["return"], c.data["return_number"], c.data["location"], c.data["lines"] = done.ID, done.Number, location, toldLines(done)
		return nil
	})
	return done, err
}

// reasoned gives every line its reason, and refuses a line without and too many SKUs.
func reasoned(in NewReturn) ([]shipment.Returned, []order.Pick, error) {
	var wrong []refusal.Item
	lines, picks := append([]shipment.Returned(nil), in.Lines...), make([]order.Pick, len(in.Lines))
	for i := range lines {
		if l := &lines[i]; strings.TrimSpace(l.Reason) == "" {
			l.Reason = in.Reason
		}
		if strings.TrimSpace(lines[i].Reason) == "" {
			wrong = append(wrong, refusal.Item{Field: fmt.Sprintf("lines[%d].reason", i), SKU: lines[i].SKU, Code: "required", Detail: "Say why it came back."})
		}
		picks[i] = order.Pick{SKU: lines[i].SKU, Quantity: lines[i].Quantity}
	}
	if len(wrong) > 0 {
		return nil, nil, refusal.Fields(wrong...)
	}
	if len(merged(picks)) > shipment.MostLines {
		return nil, nil, tooMany()
	}
	return lines, picks, nil
}

// returnTo is where the goods come back to.
func (d *Dock) returnTo(ctx context.Context, o order.Order, wanted string) (string, error) {
	all, err := d.DB.Locations(ctx)
	if err != nil {
		return "", err
	}
	if wanted != "" {
		if _, ok := all.Find(wanted); !ok {
			return "", refusal.Field("location", "unknown_location", "There is no location %s.", wanted)
		}
		return wanted, nil
	}
	shipments, err := d.DB.ShipmentsOf(ctx, o.Shipments)
	for _, s := range shipments {
		if s.Status != shipment.Undone {
			return s.Location, err
		}
	}
	return all.List[0].Code, err
}

// restock adds the goods that are fit to be sold again, one movement a SKU.
// Those of an order that left before it was imported enter at today's average:
// nobody knows what they had cost.
func (d *Dock) restock(ctx context.Context, c *changing, r shipment.Return) error {
	at := map[string]int{}
	var back []stock.Movement
	for _, l := range r.Lines {
		if !l.Restock {
			continue
		}
		i, ok := at[l.SKU]
		if !ok {
			i = len(back)
			at[l.SKU] = i
			back = append(back, stock.Movement{
				ID: d.IDs.IDAt(c.now), Kind: stock.Return, Place: stock.Place{SKU: l.SKU, Location: r.Location},
				Reference: r.Number, Reason: l.Reason, Actor: r.Actor, At: c.now,
			})
		}
		back[i].Quantity += l.Quantity
		back[i].Value += l.Cost
	}
	items := map[stock.Place]stock.Item{}
	unknown := len(c.was.Shipments) == 0
	if unknown {
		places := make([]stock.Place, len(back))
		for i, m := range back {
			places[i] = m.Place
		}
		var err error
		if items, err = d.DB.Stock(ctx, places); err != nil {
			return err
		}
	}
	for _, m := range back {
		var before *stock.Item
		if unknown {
			item := items[m.Place]
			before = &item
			var err error
			if m, err = m.Valued(item); err != nil {
				return err
			}
		}
		c.tx.Move(m.Changes()[0], 0, before)
		c.tx.Movement(m)
	}
	return nil
}

// toldLines is what the event says of a return's lines.
func toldLines(r shipment.Return) []any {
	out := make([]any, len(r.Lines))
	for i, l := range r.Lines {
		out[i] = map[string]any{"sku": l.SKU, "quantity": l.Quantity, "restock": l.Restock, "reason": l.Reason}
	}
	return out
}
