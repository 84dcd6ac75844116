package stock

import (
	"context"

	"waybill/shared/api"
	"waybill/shared/gateway"
	"waybill/shared/stock"
	"waybill/shared/warehouse"
)

// OpenCount implements openCount.
func (h *Stock) OpenCount(ctx context.Context, req *api.NewCount, params api.OpenCountParams) (*api.CountHeaders, error) {
	by := warehouse.By{Principal: gateway.Principal(ctx), Mark: gateway.Mark(ctx, params.IdempotencyKey)}
	return h.onceCount(ctx, by, func() (stock.Count, error) {
		return h.floor.Open(ctx, by, string(req.Location), req.Note.Or(""))
	})
}

// EnterCount implements enterCount.
func (h *Stock) EnterCount(ctx context.Context, req *api.CountEntry, params api.EnterCountParams) (*api.CountHeaders, error) {
	expect, err := gateway.Match(params.IfMatch, true)
	if err != nil {
		return nil, err
	}
	entries := make([]stock.Entry, len(req.Lines))
	for i, l := range req.Lines {
		entries[i].SKU = string(l.Sku)
		if n, ok := l.Counted.Get(); ok {
			entries[i].Counted = &n
		}
	}
	by := warehouse.By{Principal: gateway.Principal(ctx), Mark: gateway.Mark(ctx, params.IdempotencyKey), Expect: expect}
	return h.onceCount(ctx, by, func() (stock.Count, error) { return h.floor.Enter(ctx, by, string(params.ID), entries) })
}

// PostCount implements postCount.
func (h *Stock) PostCount(ctx context.Context, req api.OptCountPosting, params api.PostCountParams) (*api.CountHeaders, error) {
	expect, err := gateway.Match(params.IfMatch, false)
	if err != nil {
		return nil, err
	}
	by := warehouse.By{Principal: gateway.Principal(ctx), Mark: gateway.Mark(ctx, params.IdempotencyKey), Expect: expect}
	return h.onceCount(ctx, by, func() (stock.Count, error) {
		return h.floor.Post(ctx, by, string(params.ID), req.Value.Release.Or(false))
	})
}

// CancelCount implements cancelCount.
func (h *Stock) CancelCount(ctx context.Context, params api.CancelCountParams) (*api.CountHeaders, error) {
	expect, err := gateway.Match(params.IfMatch, false)
	if err != nil {
		return nil, err
	}
	by := warehouse.By{Principal: gateway.Principal(ctx), Mark: gateway.Mark(ctx, params.IdempotencyKey), Expect: expect}
	return h.onceCount(ctx, by, func() (stock.Count, error) { return h.floor.Cancel(ctx, by, string(params.ID)) })
}

// GetCount implements getCount.
func (h *Stock) GetCount(ctx context.Context, params api.GetCountParams) (*api.CountHeaders, error) {
	c, err := h.db.Count(ctx, string(params.ID))
	return answerCount(c, false, err)
}

// ListCounts implements listCounts.
func (h *Stock) ListCounts(ctx context.Context, params api.ListCountsParams) (*api.CountList, error) {
	l, err := h.db.Counts(ctx, stock.CountStatus(params.Status.Or("")), gateway.PageOf(params.Limit, params.Cursor))
	if err != nil {
		return nil, err
	}
	out := &api.CountList{Items: make([]api.Count, 0, len(l.Items)), NextCursor: gateway.Next(l.Next)}
	for _, c := range l.Items {
		out.Items = append(out.Items, shownCount(c))
	}
	return out, nil
}

func (h *Stock) onceCount(ctx context.Context, by warehouse.By, do func() (stock.Count, error)) (*api.CountHeaders, error) {
	c, replayed, err := gateway.Once(ctx, h.edge, by.Mark, do, func(id string) (stock.Count, error) { return h.db.Count(ctx, id) })
	return answerCount(c, replayed, err)
}

func answerCount(c stock.Count, replayed bool, err error) (*api.CountHeaders, error) {
	if err != nil {
		return nil, err
	}
	return &api.CountHeaders{
		ETag:                api.NewOptString(gateway.ETag(c.Version)),
		IdempotencyReplayed: api.OptBool{Value: true, Set: replayed},
		Response:            shownCount(c),
	}, nil
}

// shownCount is the count; in a list, where its lines were not read, without them.
func shownCount(c stock.Count) api.Count {
	v := api.Count{
		ID: api.ID(c.ID), Version: c.Version, Status: api.CountStatus(c.Status), Location: api.LocationCode(c.Location),
		Note: gateway.Text(c.Note), OpenedBy: c.OpenedBy, OpenedAt: c.OpenedAt,
		PostedBy: gateway.Text(c.PostedBy), PostedAt: moment(c.PostedAt), UpdatedAt: c.UpdatedAt,
	}
	if c.Lines != nil {
		v.Lines = make([]api.CountLinesItem, len(c.Lines))
	}
	for i, l := range c.Lines {
		v.Lines[i] = api.CountLinesItem{
			Sku: api.SKU(l.SKU), Counted: l.Counted, Expected: l.Expected, Difference: l.Difference(),
			Movement: api.OptID{Value: api.ID(l.Movement), Set: l.Movement != ""},
		}
	}
	return v
}
