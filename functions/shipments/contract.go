package shipments

import (
	"time"

	"waybill/shared/access"
	"waybill/shared/api"
	"waybill/shared/fulfilment"
	"waybill/shared/gateway"
	"waybill/shared/order"
	"waybill/shared/shipment"
)

// newShipment reads what a client asks for.
func newShipment(req api.NewShipment) fulfilment.New {
	in := fulfilment.New{
		Location: string(req.Location.Or("")), Carrier: req.Carrier.Or(""), TrackingNumber: req.TrackingNumber.Or(""),
		Packages: int(req.Packages.Or(0)), WeightGrams: int64(req.WeightGrams.Or(0)), Note: req.Note.Or(""),
		ShippedAt: moment(req.ShippedAt), Unpaid: req.Unpaid.Or(false),
	}
	for _, l := range req.Lines {
		in.Picks = append(in.Picks, order.Pick{SKU: string(l.Sku), Quantity: int64(l.Quantity)})
	}
	return in
}

// correction reads what a client wants corrected; null clears.
func correction(req *api.ShipmentEdit) fulfilment.Correction {
	var in fulfilment.Correction
	if req.Carrier.Set {
		in.Carrier = &req.Carrier.Value // empty when null
	}
	if req.TrackingNumber.Set {
		in.TrackingNumber = &req.TrackingNumber.Value
	}
	if n, ok := req.Packages.Get(); ok {
		packages := int(n)
		in.Packages = &packages
	}
	if n, ok := req.WeightGrams.Get(); ok {
		grams := int64(n)
		in.WeightGrams = &grams
	}
	if s, ok := req.Note.Get(); ok {
		in.Note = &s
	}
	return in
}

// newReturn reads what a client says came back.
func newReturn(req *api.NewReturn) fulfilment.NewReturn {
	in := fulfilment.NewReturn{Location: string(req.Location.Or("")), Reason: req.Reason.Or(""), Note: req.Note.Or("")}
	for _, l := range req.Lines {
		in.Lines = append(in.Lines, shipment.Returned{
			SKU: string(l.Sku), Quantity: int64(l.Quantity), Restock: l.Restock.Or(true), Reason: l.Reason.Or(""),
		})
	}
	return in
}

func moment(at api.OptDateTime) *time.Time {
	if t, ok := at.Get(); ok {
		return &t
	}
	return nil
}

// shown is the shipment as far as p may see it.
func shown(s shipment.Shipment, p access.Principal) api.Shipment {
	costs := p.May(access.CostsRead)
	v := api.Shipment{
		ID: api.ID(s.ID), Number: s.Number, Version: s.Version, Status: api.ShipmentStatus(s.Status),
		OrderID: api.ID(s.OrderID), OrderNumber: s.OrderNumber, Location: api.LocationCode(s.Location),
		Lines:   make([]api.ShipmentLine, len(s.Lines)),
		Carrier: gateway.Text(s.Carrier), TrackingNumber: gateway.Text(s.TrackingNumber), TrackingURL: gateway.Text(s.TrackingURL),
		Packages:        api.OptPackages{Value: api.Packages(s.Packages), Set: s.Packages > 0},
		WeightGrams:     api.OptWeight{Value: api.Weight(s.WeightGrams), Set: s.WeightGrams > 0},
		Note:            gateway.Text(s.Note),
		ShippingAddress: gateway.Address(s.To), Shipper: s.Shipper, ShippedAt: s.ShippedAt,
		UndoReason: gateway.Text(s.UndoReason), CreatedAt: s.CreatedAt, UpdatedAt: s.UpdatedAt,
	}
	if s.DeliveredAt != nil {
		v.DeliveredAt = api.NewOptDateTime(*s.DeliveredAt)
	}
	for i, l := range s.Lines {
		v.Lines[i] = api.ShipmentLine{Sku: api.SKU(l.SKU), Name: l.Name, Quantity: l.Quantity, Cost: gateway.Money(l.Cost, costs)}
	}
	return v
}

// shownReturn is the return as far as p may see it.
func shownReturn(r shipment.Return, p access.Principal) api.Return {
	costs := p.May(access.CostsRead)
	v := api.Return{
		ID: api.ID(r.ID), Number: r.Number, OrderID: api.ID(r.OrderID), OrderNumber: r.OrderNumber, Location: api.LocationCode(r.Location),
		Lines: make([]api.ReturnLine, len(r.Lines)), Note: gateway.Text(r.Note), Actor: r.Actor, At: r.At,
	}
	for i, l := range r.Lines {
		v.Lines[i] = api.ReturnLine{
			Sku: api.SKU(l.SKU), Name: l.Name, Quantity: l.Quantity, Restock: l.Restock, Reason: l.Reason, Cost: gateway.Money(l.Cost, costs),
		}
	}
	return v
}
