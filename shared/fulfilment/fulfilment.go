// Package fulfilment is what the warehouse does with orders: goods leave on
// shipments, arrive, are taken back as a mistake, and come back as returns. Each
// function is one business fact in one transaction.
//
// The actions of each fact, of the 100 a transaction takes:
//
//	Ship             order, shipment, event, mark, ≤ 45 × (stock item, movement), stock items given back elsewhere
//	Undo             order, shipment, event, mark, ≤ 45 × (stock item, movement)
//	Deliver, Correct order, shipment, event, mark
//	Return           order, return, event, mark, ≤ 45 × (stock item, movement)
package fulfilment

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"waybill/shared/access"
	"waybill/shared/event"
	"waybill/shared/ident"
	"waybill/shared/order"
	"waybill/shared/refusal"
	"waybill/shared/shipment"
	"waybill/shared/table"
)

// A Dock does the facts of shipments and returns. It keeps no state.
type Dock struct {
	DB  *table.DB
	IDs ident.Source
}

// By is who asks, how a retry is known, and which version they saw.
type By = table.By

// LookOrder reads an order that p may see; to others it does not exist.
func (d *Dock) LookOrder(ctx context.Context, p access.Principal, id string) (order.Order, error) {
	o, err := d.DB.Order(ctx, id)
	if err != nil {
		return o, err
	}
	ok, err := o.SeenBy(p, func() (string, error) { return d.DB.CustomerOwner(ctx, o.CustomerID) })
	if err != nil || !ok {
		return order.Order{}, cmp.Or(err, error(refusal.Missing("order", id)))
	}
	return o, nil
}

// Look reads a shipment of an order that p may see.
func (d *Dock) Look(ctx context.Context, p access.Principal, id string) (shipment.Shipment, error) {
	s, err := d.DB.Shipment(ctx, id)
	if err != nil {
		return s, err
	}
	if p.Sight() != access.SeesOwn {
		return s, nil
	}
	if _, err := d.LookOrder(ctx, p, s.OrderID); err != nil {
		if refusal.Is(err, "not_found") {
			return shipment.Shipment{}, refusal.Missing("shipment", id)
		}
		return shipment.Shipment{}, err
	}
	return s, nil
}

// LookReturn reads a return of an order that p may see.
func (d *Dock) LookReturn(ctx context.Context, p access.Principal, id string) (shipment.Return, error) {
	r, err := d.DB.Return(ctx, id)
	if err != nil {
		return r, err
	}
	if _, err := d.LookOrder(ctx, p, r.OrderID); err != nil {
		return shipment.Return{}, err
	}
	return r, nil
}

// ShipmentsOf lists an order's shipments, the newest first.
func (d *Dock) ShipmentsOf(ctx context.Context, p access.Principal, orderID string) ([]shipment.Shipment, error) {
	o, err := d.LookOrder(ctx, p, orderID)
	if err != nil {
		return nil, err
	}
	return d.DB.ShipmentsOf(ctx, o.Shipments)
}

// ReturnsOf lists an order's returns, the newest first.
func (d *Dock) ReturnsOf(ctx context.Context, p access.Principal, orderID string) ([]shipment.Return, error) {
	o, err := d.LookOrder(ctx, p, orderID)
	if err != nil {
		return nil, err
	}
	return d.DB.ReturnsOf(ctx, o.Returns)
}

// List lists the shipments that p may see, newest first.
func (d *Dock) List(ctx context.Context, p access.Principal, f table.ShipmentFilter, page table.Page) (table.Listing[shipment.Shipment], error) {
	if p.Sight() == access.SeesOwn {
		f.Owner = p.ID
	}
	return d.DB.Shipments(ctx, f, page)
}

// ByNumber finds the shipment with a number, among those that p may see; the list has at most one.
func (d *Dock) ByNumber(ctx context.Context, p access.Principal, number string) ([]shipment.Shipment, error) {
	of, n, ok := shipment.OrderOf(number)
	if !ok {
		return nil, nil
	}
	ids, err := d.DB.OrderIDs(ctx, []string{of})
	if err != nil || ids[of] == "" {
		return nil, err
	}
	o, err := d.DB.Order(ctx, ids[of])
	if err != nil || n > len(o.Shipments) {
		return nil, err
	}
	s, err := d.Look(ctx, p, o.Shipments[n-1])
	if refusal.Is(err, "not_found") {
		return nil, nil
	}
	return []shipment.Shipment{s}, err
}

// change is the shape of every fact about an order that exists: read it, check
// the caller, apply the rule, which adds what the fact does beside the order,
// and commit. ref, which the rule may set, is what a retry is answered with.
func (d *Dock) change(ctx context.Context, by By, id string, apply func(ctx context.Context, c *changing) error) error {
	return d.DB.Settle(ctx, func(ctx context.Context) (*table.Tx, error) {
		was, err := d.LookOrder(ctx, by.Principal, id)
		if err != nil {
			return nil, err
		}
		c := &changing{was: was, next: was, now: d.IDs.Now(), tx: &table.Tx{}, data: map[string]any{}}
		c.next.Lines = append([]order.Line(nil), was.Lines...)
		if err := apply(ctx, c); err != nil {
			return nil, err
		}
		c.next.AskAgain(was, c.now)
		c.next.Version, c.next.UpdatedAt = was.Version+1, c.now
		c.tx.SaveOrder(c.next, was)
		c.data["number"], c.data["status"] = c.next.Number, string(c.next.Status)
		c.tx.Event(event.Event{
			ID: d.IDs.IDAt(c.now), Subject: event.Subject{Kind: event.Order, ID: c.next.ID}, Seq: c.next.Version,
			Type: c.happened, At: c.now, Actor: by.Principal.ID, Data: c.data,
		})
		c.tx.Mark(by.Mark, c.ref, c.now)
		return c.tx, nil
	})
}

// changing is an order while a fact is planned.
type changing struct {
	was, next order.Order
	now       time.Time
	tx        *table.Tx
	happened  event.Type
	data      map[string]any // of the event
	ref       string
}

// told adds to the event what a shipment is.
func (c *changing) told(s shipment.Shipment) {
	c.data["shipment"], c.data["shipment_number"], c.data["location"] = s.ID, s.Number, s.Location
	for k, v := range map[string]string{"carrier": s.Carrier, "tracking_number": s.TrackingNumber, "tracking_url": s.TrackingURL} {
		if v != "" {
			c.data[k] = v
		}
	}
	lines := make([]any, len(s.Lines))
	for i, l := range s.Lines {
		lines[i] = map[string]any{"sku": l.SKU, "quantity": l.Quantity}
	}
	c.data["lines"] = lines
}

func tooMany() error {
	return refusal.New(refusal.Rejected, "too_many_items", "A shipment or a return has at most %d SKUs.", shipment.MostLines)
}

// merged adds up picks of the same SKU, in the place of the first.
func merged(picks []order.Pick) []order.Pick {
	at := map[string]int{}
	var out []order.Pick
	for _, p := range picks {
		if i, ok := at[p.SKU]; ok {
			out[i].Quantity += p.Quantity
			continue
		}
		at[p.SKU] = len(out)
		out = append(out, p)
	}
	return out
}

// lacking refuses what is not there, naming each SKU with what is.
func lacking(items []refusal.Item, where string) error {
	return &refusal.Error{Kind: refusal.Conflict, Code: "insufficient_stock", Detail: fmt.Sprintf("Not enough stock %s; errors names each SKU with what is there.", where), Items: items}
}
