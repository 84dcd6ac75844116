// Package orders is the HTTP edge of orders: it decodes what a client asks for,
// has package ordering do it, and shows the order as far as the caller may see it.
package orders

import (
	"context"
	"net/http"

	"waybill/shared/api"
	"waybill/shared/gateway"
	"waybill/shared/order"
	"waybill/shared/ordering"
	"waybill/shared/table"
)

// Orders implements the operations of the contract's group Orders.
type Orders struct {
	edge gateway.Edge
	desk *ordering.Desk
}

var _ api.OrdersHandler = (*Orders)(nil)

// New returns the function's handler.
func New(edge gateway.Edge) (http.Handler, error) {
	o := &Orders{edge: edge, desk: &ordering.Desk{DB: edge.Records, IDs: edge.IDs()}}
	type rest struct{ api.UnimplementedHandler }
	return edge.Handler(api.OrdersGroup, struct {
		*Orders
		rest
	}{Orders: o})
}

// PlaceOrder implements placeOrder.
func (h *Orders) PlaceOrder(ctx context.Context, req *api.NewOrder, params api.PlaceOrderParams) (*api.OrderHeaders, error) {
	in, err := newOrder(req)
	if err != nil {
		return nil, err
	}
	by := ordering.By{Principal: gateway.Principal(ctx), Mark: gateway.Mark(ctx, params.IdempotencyKey)}
	return h.once(ctx, by, func() (order.Order, error) { return h.desk.Place(ctx, by, in) })
}

// ListOrders implements listOrders.
func (h *Orders) ListOrders(ctx context.Context, params api.ListOrdersParams) (*api.OrderList, error) {
	p := gateway.Principal(ctx)
	f := table.OrderFilter{
		Status: order.Status(params.Status.Or("")), CustomerID: string(params.CustomerID.Or("")),
		Owner: params.Owner.Or(""), Number: params.Number.Or(""),
	}
	if held, ok := params.OnHold.Get(); ok {
		f.OnHold = &held
	}
	f.From, f.Till = gateway.Days(params.From, params.To)
	l, err := h.desk.List(ctx, p, f, gateway.PageOf(params.Limit, params.Cursor))
	if err != nil {
		return nil, err
	}
	out := &api.OrderList{Items: make([]api.Order, 0, len(l.Items)), NextCursor: gateway.Next(l.Next)}
	for _, o := range l.Items {
		out.Items = append(out.Items, shown(o, p))
	}
	return out, nil
}

// GetOrder implements getOrder.
func (h *Orders) GetOrder(ctx context.Context, params api.GetOrderParams) (*api.OrderHeaders, error) {
	o, err := h.desk.Look(ctx, gateway.Principal(ctx), string(params.ID))
	return answer(ctx, o, false, err)
}

// EditOrder implements editOrder.
func (h *Orders) EditOrder(ctx context.Context, req *api.OrderEdit, params api.EditOrderParams) (*api.OrderHeaders, error) {
	in, err := orderEdit(req)
	if err != nil {
		return nil, err
	}
	return h.act(ctx, params.IdempotencyKey, params.IfMatch, true, func(by ordering.By) (order.Order, error) {
		return h.desk.Edit(ctx, by, string(params.ID), in)
	})
}

// ConfirmOrder implements confirmOrder.
func (h *Orders) ConfirmOrder(ctx context.Context, params api.ConfirmOrderParams) (*api.OrderHeaders, error) {
	return h.act(ctx, params.IdempotencyKey, params.IfMatch, false, func(by ordering.By) (order.Order, error) {
		return h.desk.Confirm(ctx, by, string(params.ID))
	})
}

// CancelOrder implements cancelOrder.
func (h *Orders) CancelOrder(ctx context.Context, req api.OptCancellation, params api.CancelOrderParams) (*api.OrderHeaders, error) {
	return h.act(ctx, params.IdempotencyKey, params.IfMatch, false, func(by ordering.By) (order.Order, error) {
		cancel := h.desk.Cancel
		if req.Value.Backordered.Or(false) {
			cancel = h.desk.CancelBackorders
		}
		return cancel(ctx, by, string(params.ID), req.Value.Reason.Or(""))
	})
}

// CompleteOrder implements completeOrder.
func (h *Orders) CompleteOrder(ctx context.Context, params api.CompleteOrderParams) (*api.OrderHeaders, error) {
	return h.act(ctx, params.IdempotencyKey, params.IfMatch, false, func(by ordering.By) (order.Order, error) {
		return h.desk.Complete(ctx, by, string(params.ID))
	})
}

// HoldOrder implements holdOrder.
func (h *Orders) HoldOrder(ctx context.Context, req *api.Hold, params api.HoldOrderParams) (*api.OrderHeaders, error) {
	return h.act(ctx, params.IdempotencyKey, params.IfMatch, false, func(by ordering.By) (order.Order, error) {
		return h.desk.Hold(ctx, by, string(params.ID), req.Reason)
	})
}

// ReleaseOrder implements releaseOrder.
func (h *Orders) ReleaseOrder(ctx context.Context, params api.ReleaseOrderParams) (*api.OrderHeaders, error) {
	return h.act(ctx, params.IdempotencyKey, params.IfMatch, false, func(by ordering.By) (order.Order, error) {
		return h.desk.Release(ctx, by, string(params.ID))
	})
}

// ListOrderEvents implements listOrderEvents.
func (h *Orders) ListOrderEvents(ctx context.Context, params api.ListOrderEventsParams) (*api.EventList, error) {
	p := gateway.Principal(ctx)
	l, err := h.desk.Timeline(ctx, p, string(params.ID), gateway.PageOf(params.Limit, params.Cursor))
	if err != nil {
		return nil, err
	}
	out := &api.EventList{Items: make([]api.Event, 0, len(l.Items)), NextCursor: gateway.Next(l.Next)}
	for _, e := range l.Items {
		shown, err := shownEvent(e, p)
		if err != nil {
			return nil, err
		}
		out.Items = append(out.Items, shown)
	}
	return out, nil
}

// act does a fact about an order that exists.
func (h *Orders) act(ctx context.Context, key, ifMatch api.OptString, required bool, do func(ordering.By) (order.Order, error)) (*api.OrderHeaders, error) {
	expect, err := gateway.Match(ifMatch, required)
	if err != nil {
		return nil, err
	}
	by := ordering.By{Principal: gateway.Principal(ctx), Mark: gateway.Mark(ctx, key), Expect: expect}
	return h.once(ctx, by, func() (order.Order, error) { return do(by) })
}

// once does a fact, or answers with the order that an earlier attempt made or changed.
func (h *Orders) once(ctx context.Context, by ordering.By, do func() (order.Order, error)) (*api.OrderHeaders, error) {
	o, replayed, err := gateway.Once(ctx, h.edge, by.Mark, do, func(id string) (order.Order, error) {
		return h.desk.Look(ctx, by.Principal, id)
	})
	return answer(ctx, o, replayed, err)
}

func answer(ctx context.Context, o order.Order, replayed bool, err error) (*api.OrderHeaders, error) {
	if err != nil {
		return nil, err
	}
	return &api.OrderHeaders{
		ETag:                api.NewOptString(gateway.ETag(o.Version)),
		IdempotencyReplayed: api.OptBool{Value: true, Set: replayed},
		Response:            shown(o, gateway.Principal(ctx)),
	}, nil
}
