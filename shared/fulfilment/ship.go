package fulfilment

import (
	"context"
	"fmt"
	"time"

	"waybill/shared/event"
	"waybill/shared/order"
	"waybill/shared/refusal"
	"waybill/shared/shipment"
	"waybill/shared/stock"
	"waybill/shared/table"
)

// New is a shipment as a client asks for it.
type New struct {
	Location       string       // "": the first that serves
	Picks          []order.Pick // nil: everything that is reserved there
	Carrier        string
	TrackingNumber string
	Packages       int
	WeightGrams    int64
	Note           string
	ShippedAt      *time.Time // nil: now
	Unpaid         bool       // although it is prepaid and nobody paid
}

// Ship takes goods of an order out of one location: what is on hand and
// reserved there, the order and its status, the shipment and its event are one
// transaction. It refuses more than is open (`more_than_open`) and more than is
// there (`insufficient_stock`), orders on hold and prepaid ones that nobody paid.
func (d *Dock) Ship(ctx context.Context, by By, orderID string, in New) (shipment.Shipment, error) {
	in.Picks = merged(in.Picks)
	var done shipment.Shipment
	err := d.change(ctx, by, orderID, func(ctx context.Context, c *changing) error {
		if err := by.Expects(c.was.Version); err != nil {
			return err
		}
		catalog, err := d.DB.Catalog(ctx, "", skus(c.was), nil)
		if err != nil {
			return err
		}
		if err := mayShip(by, c, in, catalog); err != nil {
			return err
		}
		location, picks, err := choose(c.was, in, catalog)
		if err != nil {
			return err
		}
		if len(picks) > shipment.MostLines {
			return tooMany()
		}
		if done, err = d.newShipment(by, c, in, location, catalog); err != nil {
			return err
		}
		leaving, err := c.next.Ship(done.ID, location, picks)
		if err != nil {
			return err
		}
		if err := d.leave(c, &done, leaving, catalog); err != nil {
			return err
		}
		c.tx.NewShipment(done, c.was.Owner)
		c.happened, c.ref = event.ShipmentCreated, done.ID
		c.told(done)
		return nil
	})
	return done, err
}

// mayShip refuses what may not leave now. Shipping unpaid takes one of the
// roles that the settings let, and the timeline tells of it.
func mayShip(by By, c *changing, in New, catalog table.Catalog) error {
	unpaid := in.Unpaid && !c.was.Covered()
	if unpaid && !catalog.Settings.ShipsUnpaid(by.Principal) {
		return refusal.New(refusal.Denied, "forbidden", "The settings do not let your role ship a prepaid order that nobody paid.")
	}
	if unpaid {
		c.data["unpaid"] = true
	}
	return c.was.MayShip(unpaid)
}

// newShipment is the shipment as it will be, but for its lines.
func (d *Dock) newShipment(by By, c *changing, in New, location string, catalog table.Catalog) (shipment.Shipment, error) {
	at := c.now
	if in.ShippedAt != nil {
		var err error
		if at, err = refusal.Past("shipped_at", *in.ShippedAt, c.now); err != nil {
			return shipment.Shipment{}, err
		}
	}
	s := shipment.Shipment{
		ID: d.IDs.IDAt(at), Number: shipment.NumberOf(c.was.Number, len(c.was.Shipments)+1), Version: 1, Status: shipment.Shipped,
		OrderID: c.was.ID, OrderNumber: c.was.Number, CustomerID: c.was.CustomerID, Location: location,
		Packages: in.Packages, WeightGrams: in.WeightGrams, Note: in.Note, To: c.was.Shipping, Shipper: by.Principal.ID,
		ShippedAt: at, CreatedAt: c.now, UpdatedAt: c.now,
	}
	return s, s.Carry(catalog.Settings.Carriers, in.Carrier, in.TrackingNumber)
}

// leave adds the change of stock: what was reserved there, what is free there,
// and what is given back elsewhere.
func (d *Dock) leave(c *changing, s *shipment.Shipment, leaving []order.Leaving, catalog table.Catalog) error {
	elsewhere := c.was.Allocations()
	var short []refusal.Item
	for _, l := range leaving {
		p := stock.Place{SKU: l.SKU, Location: s.Location}
		item := catalog.Stock[p]
		if more := l.Quantity - l.Reserved; more > item.Available {
			there := item.Available + l.Reserved
			short = append(short, refusal.Item{SKU: l.SKU, Code: "insufficient_stock", Detail: fmt.Sprintf("%d to ship and %d there.", l.Quantity, there), Available: &there})
			continue
		}
		m, err := stock.Movement{
			ID: d.IDs.IDAt(c.now), Kind: stock.Ship, Place: p, Quantity: -l.Quantity, Reference: s.Number, Actor: s.Shipper, At: c.now,
		}.Valued(item)
		if err != nil {
			return err
		}
		line := c.next.Line(l.SKU)
		line.Cost -= m.Value
		s.Lines = append(s.Lines, shipment.Line{
			SKU: l.SKU, Name: line.Name, Quantity: l.Quantity, Ordered: line.Quantity, Remaining: line.Open(), Cost: -m.Value,
		})
		c.tx.Move(m.Changes()[0], l.Reserved, &item)
		c.tx.Movement(m)
		elsewhere[p] -= l.Reserved
	}
	if len(short) > 0 {
		return lacking(short, "at "+s.Location)
	}
	c.tx.Reallocate(elsewhere, c.next.Allocations())
	return nil
}

// choose finds where to ship from, and what, when the client did not say.
func choose(o order.Order, in New, c table.Catalog) (string, []order.Pick, error) {
	if in.Location != "" {
		if _, ok := c.Locations.Find(in.Location); !ok {
			return "", nil, refusal.Field("location", "unknown_location", "There is no location %s.", in.Location)
		}
		if len(in.Picks) > 0 {
			return in.Location, in.Picks, nil
		}
		if picks := o.PicksAt(in.Location); len(picks) > 0 {
			return in.Location, picks, nil
		}
		return "", nil, nothingReserved(o)
	}
	if len(in.Picks) == 0 {
		for _, code := range c.Locations.Codes() {
			if picks := o.PicksAt(code); len(picks) > 0 {
				return code, picks, nil
			}
		}
		return "", nil, nothingReserved(o)
	}
	if err := o.MayLeave(in.Picks); err != nil {
		return "", nil, err
	}
	for _, free := range []stock.Levels{func(stock.Place) int64 { return 0 }, c.Free} {
		for _, code := range c.Locations.Codes() {
			if serves(o, in.Picks, code, free) {
				return code, in.Picks, nil
			}
		}
	}
	return "", nil, lacking(most(o, in.Picks, c), "at any one location; ship in parts")
}

func nothingReserved(o order.Order) error {
	return refusal.New(refusal.Conflict, "nothing_reserved", "Nothing of order %s is reserved there.", o.Number)
}

// there is how many units of a SKU a location has for the order.
func there(o order.Order, p stock.Place, free stock.Levels) int64 {
	return stock.ReservedAt(o.Line(p.SKU).Allocations, p.Location) + free(p)
}

func serves(o order.Order, picks []order.Pick, location string, free stock.Levels) bool {
	for _, p := range picks {
		if there(o, stock.Place{SKU: p.SKU, Location: location}, free) < p.Quantity {
			return false
		}
	}
	return true
}

// most names each SKU with the most of it that one location has for the order.
func most(o order.Order, picks []order.Pick, c table.Catalog) []refusal.Item {
	items := make([]refusal.Item, len(picks))
	for i, p := range picks {
		var best int64
		for _, code := range c.Locations.Codes() {
			best = max(best, there(o, stock.Place{SKU: p.SKU, Location: code}, c.Free))
		}
		items[i] = refusal.Item{SKU: p.SKU, Code: "insufficient_stock", Detail: fmt.Sprintf("%d to ship and %d at one location.", p.Quantity, best), Available: &best}
	}
	return items
}

func skus(o order.Order) []string {
	out := make([]string, len(o.Lines))
	for i, l := range o.Lines {
		out[i] = l.SKU
	}
	return out
}
