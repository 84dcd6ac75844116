package stock

import (
	"context"
	"time"

	"waybill/shared/api"
	"waybill/shared/gateway"
	"waybill/shared/stock"
	"waybill/shared/warehouse"
)

// SendTransfer implements sendTransfer.
func (h *Stock) SendTransfer(ctx context.Context, req *api.NewTransfer, params api.SendTransferParams) (*api.TransferHeaders, error) {
	t := stock.TransferOrder{From: string(req.From), To: string(req.To), Reference: req.Reference.Or(""), Note: req.Note.Or("")}
	for _, l := range req.Lines {
		t.Lines = append(t.Lines, stock.TransferLine{SKU: string(l.Sku), Quantity: int64(l.Quantity)})
	}
	by := warehouse.By{Principal: gateway.Principal(ctx), Mark: gateway.Mark(ctx, params.IdempotencyKey)}
	return h.onceTransfer(ctx, by, func() (stock.TransferOrder, error) { return h.floor.Send(ctx, by, t) })
}

// ReceiveTransfer implements receiveTransfer.
func (h *Stock) ReceiveTransfer(ctx context.Context, req api.OptTransferReceipt, params api.ReceiveTransferParams) (*api.TransferHeaders, error) {
	expect, err := gateway.Match(params.IfMatch, false)
	if err != nil {
		return nil, err
	}
	var arrivals []stock.Arrival
	for _, l := range req.Value.Lines {
		arrivals = append(arrivals, stock.Arrival{SKU: string(l.Sku), Received: l.Received})
	}
	by := warehouse.By{Principal: gateway.Principal(ctx), Mark: gateway.Mark(ctx, params.IdempotencyKey), Expect: expect}
	return h.onceTransfer(ctx, by, func() (stock.TransferOrder, error) {
		return h.floor.Receive(ctx, by, string(params.ID), arrivals, req.Value.Reason.Or(""))
	})
}

// GetTransfer implements getTransfer.
func (h *Stock) GetTransfer(ctx context.Context, params api.GetTransferParams) (*api.TransferHeaders, error) {
	t, err := h.db.Transfer(ctx, string(params.ID))
	return answerTransfer(t, false, err)
}

// ListTransfers implements listTransfers.
func (h *Stock) ListTransfers(ctx context.Context, params api.ListTransfersParams) (*api.TransferList, error) {
	l, err := h.db.Transfers(ctx, stock.TransferStatus(params.Status.Or("")), gateway.PageOf(params.Limit, params.Cursor))
	if err != nil {
		return nil, err
	}
	out := &api.TransferList{Items: make([]api.Transfer, 0, len(l.Items)), NextCursor: gateway.Next(l.Next)}
	for _, t := range l.Items {
		out.Items = append(out.Items, shownTransfer(t))
	}
	return out, nil
}

func (h *Stock) onceTransfer(ctx context.Context, by warehouse.By, do func() (stock.TransferOrder, error)) (*api.TransferHeaders, error) {
	t, replayed, err := gateway.Once(ctx, h.edge, by.Mark, do, func(id string) (stock.TransferOrder, error) { return h.db.Transfer(ctx, id) })
	return answerTransfer(t, replayed, err)
}

func answerTransfer(t stock.TransferOrder, replayed bool, err error) (*api.TransferHeaders, error) {
	if err != nil {
		return nil, err
	}
	return &api.TransferHeaders{
		ETag:                api.NewOptString(gateway.ETag(t.Version)),
		IdempotencyReplayed: api.OptBool{Value: true, Set: replayed},
		Response:            shownTransfer(t),
	}, nil
}

func shownTransfer(t stock.TransferOrder) api.Transfer {
	v := api.Transfer{
		ID: api.ID(t.ID), Version: t.Version, Status: api.TransferStatus(t.Status),
		From: api.LocationCode(t.From), To: api.LocationCode(t.To), Lines: make([]api.TransferLinesItem, len(t.Lines)),
		Reference: gateway.Text(t.Reference), Note: gateway.Text(t.Note), Reason: gateway.Text(t.Reason),
		SentBy: t.SentBy, SentAt: t.SentAt, ReceivedBy: gateway.Text(t.ReceivedBy), ReceivedAt: moment(t.ReceivedAt),
	}
	received := t.Status == stock.TransferReceived
	for i, l := range t.Lines {
		v.Lines[i] = api.TransferLinesItem{
			Sku: api.SKU(l.SKU), Quantity: l.Quantity,
			Received: api.OptInt64{Value: l.Received, Set: received}, Difference: api.OptInt64{Value: l.Difference(), Set: received},
		}
	}
	return v
}

// moment shows a moment; absent when it has not come.
func moment(at *time.Time) api.OptDateTime {
	if at == nil {
		return api.OptDateTime{}
	}
	return api.NewOptDateTime(*at)
}
