// Package shipments is the HTTP edge of what leaves and what comes back: it
// decodes what a client asks for, has package fulfilment do it, and prints the
// papers that go with it.
package shipments

import (
	"context"
	"net/http"

	"waybill/shared/api"
	"waybill/shared/fulfilment"
	"waybill/shared/gateway"
	"waybill/shared/shipment"
	"waybill/shared/table"
)

// Shipments implements the operations of the contract's group Shipments.
type Shipments struct {
	edge gateway.Edge
	dock *fulfilment.Dock
}

var _ api.ShipmentsHandler = (*Shipments)(nil)

// New returns the function's handler.
func New(edge gateway.Edge) (http.Handler, error) {
	s := &Shipments{edge: edge, dock: &fulfilment.Dock{DB: edge.Records, IDs: edge.IDs()}}
	type rest struct{ api.UnimplementedHandler }
	return edge.Handler(api.ShipmentsGroup, struct {
		*Shipments
		rest
	}{Shipments: s})
}

// ShipOrder implements shipOrder.
func (h *Shipments) ShipOrder(ctx context.Context, req api.OptNewShipment, params api.ShipOrderParams) (*api.ShipmentHeaders, error) {
	in := newShipment(req.Value)
	return h.act(ctx, params.IdempotencyKey, params.IfMatch, false, func(by fulfilment.By) (shipment.Shipment, error) {
		return h.dock.Ship(ctx, by, string(params.ID), in)
	})
}

// EditShipment implements editShipment.
func (h *Shipments) EditShipment(ctx context.Context, req *api.ShipmentEdit, params api.EditShipmentParams) (*api.ShipmentHeaders, error) {
	in := correction(req)
	return h.act(ctx, params.IdempotencyKey, params.IfMatch, true, func(by fulfilment.By) (shipment.Shipment, error) {
		return h.dock.Correct(ctx, by, string(params.ID), in)
	})
}

// DeliverShipment implements deliverShipment.
func (h *Shipments) DeliverShipment(ctx context.Context, req api.OptDelivery, params api.DeliverShipmentParams) (*api.ShipmentHeaders, error) {
	return h.act(ctx, params.IdempotencyKey, params.IfMatch, false, func(by fulfilment.By) (shipment.Shipment, error) {
		return h.dock.Deliver(ctx, by, string(params.ID), moment(req.Value.DeliveredAt))
	})
}

// UndoShipment implements undoShipment.
func (h *Shipments) UndoShipment(ctx context.Context, req *api.Undo, params api.UndoShipmentParams) (*api.ShipmentHeaders, error) {
	return h.act(ctx, params.IdempotencyKey, params.IfMatch, false, func(by fulfilment.By) (shipment.Shipment, error) {
		return h.dock.Undo(ctx, by, string(params.ID), req.Reason)
	})
}

// GetShipment implements getShipment.
func (h *Shipments) GetShipment(ctx context.Context, params api.GetShipmentParams) (*api.ShipmentHeaders, error) {
	s, err := h.dock.Look(ctx, gateway.Principal(ctx), string(params.ID))
	return answer(ctx, s, false, err)
}

// ListOrderShipments implements listOrderShipments.
func (h *Shipments) ListOrderShipments(ctx context.Context, params api.ListOrderShipmentsParams) (*api.ShipmentList, error) {
	found, err := h.dock.ShipmentsOf(ctx, gateway.Principal(ctx), string(params.ID))
	return page(ctx, found, "", err)
}

// ListShipments implements listShipments.
func (h *Shipments) ListShipments(ctx context.Context, params api.ListShipmentsParams) (*api.ShipmentList, error) {
	p := gateway.Principal(ctx)
	if number, ok := params.Number.Get(); ok {
		found, err := h.dock.ByNumber(ctx, p, number)
		return page(ctx, found, "", err)
	}
	f := table.ShipmentFilter{Status: shipment.Status(params.Status.Or("")), Location: string(params.Location.Or(""))}
	f.From, f.Till = gateway.Days(params.From, params.To)
	l, err := h.dock.List(ctx, p, f, gateway.PageOf(params.Limit, params.Cursor))
	return page(ctx, l.Items, l.Next, err)
}

// ReturnOrder implements returnOrder.
func (h *Shipments) ReturnOrder(ctx context.Context, req *api.NewReturn, params api.ReturnOrderParams) (*api.ReturnHeaders, error) {
	expect, err := gateway.Match(params.IfMatch, false)
	if err != nil {
		return nil, err
	}
	by := fulfilment.By{Principal: gateway.Principal(ctx), Mark: gateway.Mark(ctx, params.IdempotencyKey), Expect: expect}
	in := newReturn(req)
	r, replayed, err := gateway.Once(ctx, h.edge, by.Mark,
		func() (shipment.Return, error) { return h.dock.Return(ctx, by, string(params.ID), in) },
		func(id string) (shipment.Return, error) { return h.dock.LookReturn(ctx, by.Principal, id) })
	if err != nil {
		return nil, err
	}
	return &api.ReturnHeaders{IdempotencyReplayed: api.OptBool{Value: true, Set: replayed}, Response: shownReturn(r, by.Principal)}, nil
}

// ListOrderReturns implements listOrderReturns.
func (h *Shipments) ListOrderReturns(ctx context.Context, params api.ListOrderReturnsParams) (*api.ReturnList, error) {
	p := gateway.Principal(ctx)
	found, err := h.dock.ReturnsOf(ctx, p, string(params.ID))
	if err != nil {
		return nil, err
	}
	out := &api.ReturnList{Items: make([]api.Return, 0, len(found)), NextCursor: gateway.Next("")}
	for _, r := range found {
		out.Items = append(out.Items, shownReturn(r, p))
	}
	return out, nil
}

// act does a fact about a shipment, or answers with what an earlier attempt made of it.
func (h *Shipments) act(ctx context.Context, key, ifMatch api.OptString, required bool, do func(fulfilment.By) (shipment.Shipment, error)) (*api.ShipmentHeaders, error) {
	expect, err := gateway.Match(ifMatch, required)
	if err != nil {
		return nil, err
	}
	by := fulfilment.By{Principal: gateway.Principal(ctx), Mark: gateway.Mark(ctx, key), Expect: expect}
	s, replayed, err := gateway.Once(ctx, h.edge, by.Mark,
		func() (shipment.Shipment, error) { return do(by) },
		func(id string) (shipment.Shipment, error) { return h.dock.Look(ctx, by.Principal, id) })
	return answer(ctx, s, replayed, err)
}

func answer(ctx context.Context, s shipment.Shipment, replayed bool, err error) (*api.ShipmentHeaders, error) {
	if err != nil {
		return nil, err
	}
	return &api.ShipmentHeaders{
		ETag:                api.NewOptString(gateway.ETag(s.Version)),
		IdempotencyReplayed: api.OptBool{Value: true, Set: replayed},
		Response:            shown(s, gateway.Principal(ctx)),
	}, nil
}

func page(ctx context.Context, found []shipment.Shipment, next string, err error) (*api.ShipmentList, error) {
	if err != nil {
		return nil, err
	}
	p := gateway.Principal(ctx)
	out := &api.ShipmentList{Items: make([]api.Shipment, 0, len(found)), NextCursor: gateway.Next(next)}
	for _, s := range found {
		out.Items = append(out.Items, shown(s, p))
	}
	return out, nil
}
