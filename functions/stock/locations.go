package stock

import (
	"context"

	"waybill/shared/api"
	"waybill/shared/gateway"
	"waybill/shared/masterdata"
	"waybill/shared/refusal"
	"waybill/shared/stock"
)

// CreateLocation implements createLocation.
func (h *Stock) CreateLocation(ctx context.Context, req *api.NewLocation, params api.CreateLocationParams) (*api.LocationHeaders, error) {
	l := stock.Location{Code: string(req.Location), Name: req.Name, Priority: req.Priority.Or(100)}
	by := masterdata.By{Principal: gateway.Principal(ctx), Mark: gateway.Mark(ctx, params.IdempotencyKey)}
	return h.onceLocation(ctx, by, func() (stock.Location, error) { return h.keeper.CreateLocation(ctx, by, l) })
}

// EditLocation implements editLocation.
func (h *Stock) EditLocation(ctx context.Context, req *api.LocationEdit, params api.EditLocationParams) (*api.LocationHeaders, error) {
	expect, err := gateway.Match(params.IfMatch, true)
	if err != nil {
		return nil, err
	}
	by := masterdata.By{Principal: gateway.Principal(ctx), Mark: gateway.Mark(ctx, params.IdempotencyKey), Expect: expect}
	return h.onceLocation(ctx, by, func() (stock.Location, error) {
		return h.keeper.EditLocation(ctx, by, string(params.Location), func(l *stock.Location) {
			l.Name, l.Priority = req.Name.Or(l.Name), req.Priority.Or(l.Priority)
		})
	})
}

// GetLocation implements getLocation.
func (h *Stock) GetLocation(ctx context.Context, params api.GetLocationParams) (*api.LocationHeaders, error) {
	l, err := h.location(ctx, string(params.Location))
	return answerLocation(l, false, err)
}

// ListLocations implements listLocations.
func (h *Stock) ListLocations(ctx context.Context) (*api.LocationList, error) {
	all, err := h.db.Locations(ctx)
	if err != nil {
		return nil, err
	}
	out := &api.LocationList{Items: make([]api.Location, 0, len(all.List)), NextCursor: gateway.Next("")}
	for _, l := range all.List {
		out.Items = append(out.Items, shownLocation(l))
	}
	return out, nil
}

func (h *Stock) location(ctx context.Context, code string) (stock.Location, error) {
	all, err := h.db.Locations(ctx)
	if err != nil {
		return stock.Location{}, err
	}
	l, ok := all.Find(code)
	if !ok {
		return l, refusal.Missing("location", code)
	}
	return l, nil
}

func (h *Stock) onceLocation(ctx context.Context, by masterdata.By, do func() (stock.Location, error)) (*api.LocationHeaders, error) {
	l, replayed, err := gateway.Once(ctx, h.edge, by.Mark, do, func(code string) (stock.Location, error) { return h.location(ctx, code) })
	return answerLocation(l, replayed, err)
}

func answerLocation(l stock.Location, replayed bool, err error) (*api.LocationHeaders, error) {
	if err != nil {
		return nil, err
	}
	return &api.LocationHeaders{
		ETag:                api.NewOptString(gateway.ETag(l.Version)),
		IdempotencyReplayed: api.OptBool{Value: true, Set: replayed},
		Response:            shownLocation(l),
	}, nil
}

func shownLocation(l stock.Location) api.Location {
	return api.Location{Location: api.LocationCode(l.Code), Name: l.Name, Priority: l.Priority, Version: l.Version}
}
