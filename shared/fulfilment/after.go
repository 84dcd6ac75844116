package fulfilment

import (
	"context"
	"time"

	"waybill/shared/event"
	"waybill/shared/order"
	"waybill/shared/refusal"
	"waybill/shared/shipment"
	"waybill/shared/stock"
)

// Correction is what to correct of a shipment; nil fields stay as they are.
type Correction struct {
	Carrier, TrackingNumber *string // "" clears
	Packages                *int
	WeightGrams             *int64
	Note                    *string
}

// Correct corrects what stands on a shipment beside its goods.
func (d *Dock) Correct(ctx context.Context, by By, id string, in Correction) (shipment.Shipment, error) {
	return d.after(ctx, by, id, event.ShipmentEdited, func(ctx context.Context, s *shipment.Shipment, _ *changing) error {
		if err := s.MayCorrect(); err != nil {
			return err
		}
		set(&s.Packages, in.Packages)
		set(&s.WeightGrams, in.WeightGrams)
		set(&s.Note, in.Note)
		if in.Carrier == nil && in.TrackingNumber == nil {
			return nil
		}
		carrier, number := s.Carrier, s.TrackingNumber
		set(&carrier, in.Carrier)
		set(&number, in.TrackingNumber)
		settings, err := d.DB.Settings(ctx)
		if err != nil {
			return err
		}
		err = s.Carry(settings.Carriers, carrier, number)
		if in.Carrier == nil && refusal.Is(err, "rejected") {
			s.Carrier = carrier // the settings forgot it since; where it tells of shipments is not known any more
			return nil
		}
		return err
	})
}

func set[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}

// Deliver notes that a shipment arrived, at the moment given or now. The last
// one completes an order that is paid in full.
func (d *Dock) Deliver(ctx context.Context, by By, id string, at *time.Time) (shipment.Shipment, error) {
	return d.after(ctx, by, id, event.ShipmentDelivered, func(_ context.Context, s *shipment.Shipment, c *changing) error {
		when := c.now
		if at != nil {
			var err error
			if when, err = refusal.Past("delivered_at", *at, c.now); err != nil {
				return err
			}
		}
		if err := s.Deliver(when); err != nil {
			return err
		}
		c.next.Delivered()
		return nil
	})
}

// Undo takes back a shipment that was a mistake: its goods are on hand again
// where they were, at what they had cost, reserved for the order.
func (d *Dock) Undo(ctx context.Context, by By, id, reason string) (shipment.Shipment, error) {
	return d.after(ctx, by, id, event.ShipmentUndone, func(_ context.Context, s *shipment.Shipment, c *changing) error {
		if err := s.Undo(reason); err != nil {
			return err
		}
		picks, costs := make([]order.Pick, len(s.Lines)), make([]int64, len(s.Lines))
		for i, l := range s.Lines {
			picks[i], costs[i] = order.Pick{SKU: l.SKU, Quantity: l.Quantity}, l.Cost
		}
		values, err := c.next.Undo(s.Location, picks, costs)
		if err != nil {
			return err
		}
		c.data["reason"] = reason
		for i, l := range s.Lines {
			m := stock.Movement{
				ID: d.IDs.IDAt(c.now), Kind: stock.Ship, Place: stock.Place{SKU: l.SKU, Location: s.Location}, Quantity: l.Quantity,
				Value: values[i], Reference: s.Number, Reason: reason, Actor: by.Principal.ID, At: c.now,
			}
			c.tx.Move(m.Changes()[0], -l.Quantity, nil)
			c.tx.Movement(m)
		}
		return nil
	})
}

// after is the shape of every fact about a shipment that exists.
func (d *Dock) after(ctx context.Context, by By, id string, happened event.Type, apply func(context.Context, *shipment.Shipment, *changing) error) (shipment.Shipment, error) {
	found, err := d.Look(ctx, by.Principal, id)
	if err != nil {
		return found, err
	}
	var done shipment.Shipment
	err = d.change(ctx, by, found.OrderID, func(ctx context.Context, c *changing) error {
		s, err := d.DB.Shipment(ctx, id)
		if err != nil {
			return err
		}
		if err := by.Expects(s.Version); err != nil {
			return err
		}
		was := s.Version
		if err := apply(ctx, &s, c); err != nil {
			return err
		}
		s.Version, s.UpdatedAt = was+1, c.now
		c.tx.SaveShipment(s, c.was.Owner, was)
		c.happened, c.ref = happened, s.ID
		c.told(s)
		done = s
		return nil
	})
	return done, err
}
