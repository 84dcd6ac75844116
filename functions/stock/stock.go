// Package stock is the HTTP edge of stock: levels, movements, transfers,
// stocktakes, locations and the proof.
package stock

import (
	"context"
	"net/http"
	"strings"
	"time"

	"waybill/shared/access"
	"waybill/shared/api"
	"waybill/shared/gateway"
	"waybill/shared/masterdata"
	"waybill/shared/stock"
	"waybill/shared/table"
	"waybill/shared/warehouse"
)

// Stock implements the operations of the contract's group Stock.
type Stock struct {
	edge   gateway.Edge
	db     *table.DB
	floor  *warehouse.Floor
	keeper *masterdata.Keeper
}

var _ api.StockHandler = (*Stock)(nil)

// New returns the function's handler.
func New(edge gateway.Edge) (http.Handler, error) {
	ids := edge.IDs()
	s := &Stock{
		edge: edge, db: edge.Records,
		floor:  &warehouse.Floor{DB: edge.Records, IDs: ids, Pause: pause},
		keeper: &masterdata.Keeper{DB: edge.Records, IDs: ids},
	}
	type rest struct{ api.UnimplementedHandler }
	return edge.Handler(api.StockGroup, struct {
		*Stock
		rest
	}{Stock: s})
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// MoveStock implements moveStock.
func (h *Stock) MoveStock(ctx context.Context, req *api.NewMovement, params api.MoveStockParams) (*api.MovementHeaders, error) {
	m := stock.Movement{
		Kind: stock.Kind(req.Kind), Place: stock.Place{SKU: string(req.Sku), Location: string(req.Location)},
		Quantity: req.Quantity, ToLocation: string(req.ToLocation.Or("")), Reference: req.Reference.Or(""), Reason: req.Reason.Or(""),
	}
	if cost, ok := req.UnitCost.Get(); ok {
		n := int64(cost)
		m.UnitCost = &n
	}
	by := warehouse.By{Principal: gateway.Principal(ctx), Mark: gateway.Mark(ctx, params.IdempotencyKey)}
	m, replayed, err := gateway.Once(ctx, h.edge, by.Mark,
		func() (stock.Movement, error) { return h.floor.Move(ctx, by, m, req.Release.Or(false)) },
		func(ref string) (stock.Movement, error) {
			sku, id, _ := strings.Cut(ref, "/")
			return h.db.Movement(ctx, sku, id)
		})
	if err != nil {
		return nil, err
	}
	return &api.MovementHeaders{
		IdempotencyReplayed: api.OptBool{Value: true, Set: replayed},
		Response:            shownMovement(m, by.Principal),
	}, nil
}

// ListMovements implements listMovements.
func (h *Stock) ListMovements(ctx context.Context, params api.ListMovementsParams) (*api.MovementList, error) {
	if _, err := h.db.Product(ctx, string(params.Sku)); err != nil {
		return nil, err
	}
	l, err := h.db.Movements(ctx, string(params.Sku), gateway.PageOf(params.Limit, params.Cursor))
	if err != nil {
		return nil, err
	}
	out := &api.MovementList{Items: make([]api.Movement, 0, len(l.Items)), NextCursor: gateway.Next(l.Next)}
	for _, m := range l.Items {
		out.Items = append(out.Items, shownMovement(m, gateway.Principal(ctx)))
	}
	return out, nil
}

// GetStock implements getStock.
func (h *Stock) GetStock(ctx context.Context, params api.GetStockParams) (*api.Stock, error) {
	sku := string(params.Sku)
	if _, err := h.db.Product(ctx, sku); err != nil {
		return nil, err
	}
	levels, err := h.levels(ctx, []string{sku}, "")
	if err != nil {
		return nil, err
	}
	return &levels[0], nil
}

// ListStock implements listStock.
func (h *Stock) ListStock(ctx context.Context, params api.ListStockParams) (*api.StockList, error) {
	l, err := h.db.Products(ctx, table.ProductFilter{}, gateway.PageOf(params.Limit, params.Cursor))
	if err != nil {
		return nil, err
	}
	skus := make([]string, len(l.Items))
	for i, p := range l.Items {
		skus[i] = p.SKU
	}
	levels, err := h.levels(ctx, skus, string(params.Location.Or("")))
	return &api.StockList{Items: levels, NextCursor: gateway.Next(l.Next)}, err
}

// levels reads the stock of some SKUs at every location, or at one. What is in
// transit is at none of them.
func (h *Stock) levels(ctx context.Context, skus []string, only string) ([]api.Stock, error) {
	locations, err := h.db.Locations(ctx)
	if err != nil {
		return nil, err
	}
	var places, transit []stock.Place
	for _, sku := range skus {
		for _, code := range locations.Codes() {
			if only == "" || only == code {
				places = append(places, stock.Place{SKU: sku, Location: code})
			}
		}
		transit = append(transit, stock.Place{SKU: sku, Location: stock.InTransit})
	}
	items, err := h.db.Stock(ctx, append(transit, places...))
	if err != nil {
		return nil, err
	}
	costs := gateway.Principal(ctx).May(access.CostsRead)
	out := make([]api.Stock, 0, len(skus))
	for _, sku := range skus {
		v := api.Stock{
			Sku: api.SKU(sku), InTransit: items[stock.Place{SKU: sku, Location: stock.InTransit}].OnHand, Locations: []api.StockLocationsItem{},
		}
		for _, p := range places {
			i := items[p]
			if p.SKU != sku || (i.Version == 0 && only == "") {
				continue // nothing was ever there
			}
			v.OnHand, v.Reserved, v.Available = v.OnHand+i.OnHand, v.Reserved+i.Reserved, v.Available+i.Available
			v.Locations = append(v.Locations, api.StockLocationsItem{
				Location: api.LocationCode(p.Location), OnHand: i.OnHand, Reserved: i.Reserved, Available: i.Available,
				AverageCost: gateway.Money(i.AverageCost(), costs), Value: gateway.Money(i.Value, costs),
			})
		}
		out = append(out, v)
	}
	return out, nil
}

// GetProof implements getProof.
func (h *Stock) GetProof(ctx context.Context) (*api.Proof, error) {
	p, err := h.floor.Prove(ctx)
	return shownProof(p, err, gateway.Principal(ctx))
}

// RunProof implements runProof.
func (h *Stock) RunProof(ctx context.Context, _ api.RunProofParams) (*api.Proof, error) {
	p, err := h.floor.RunProof(ctx)
	return shownProof(p, err, gateway.Principal(ctx))
}

func shownProof(p warehouse.Proof, err error, by access.Principal) (*api.Proof, error) {
	if err != nil {
		return nil, err
	}
	v := &api.Proof{
		Status: api.ProofStatusRunning, Checked: p.Checked, Orders: api.NewOptInt64(p.Orders),
		Unsettled: api.NewOptInt64(p.Unsettled), Drift: []api.ProofDriftItem{}, At: p.At,
	}
	if p.Complete {
		v.Status = api.ProofStatusComplete
	}
	for _, d := range p.Drift {
		item := api.ProofDriftItem{
			Sku: d.SKU, Location: d.Location, Field: api.ProofDriftItemField(d.Field),
			Expected: d.Expected, Found: d.Found, Order: gateway.Text(d.Order),
		}
		if d.Field == "value" && !by.May(access.CostsRead) {
			item.Expected, item.Found = 0, 0 // that it drifts is no secret, how much it is worth is
		}
		v.Drift = append(v.Drift, item)
	}
	return v, nil
}

// shownMovement is the movement as far as the caller may see it.
func shownMovement(m stock.Movement, by access.Principal) api.Movement {
	costs := by.May(access.CostsRead)
	v := api.Movement{
		ID: api.ID(m.ID), Kind: api.MovementKind(m.Kind), Sku: api.SKU(m.SKU), Location: api.LocationCode(m.Location),
		Quantity: m.Quantity, Value: gateway.Money(m.Value, costs), Reference: gateway.Text(m.Reference), Reason: gateway.Text(m.Reason),
		ToLocation: api.OptLocationCode{Value: api.LocationCode(m.ToLocation), Set: m.ToLocation != ""}, Actor: m.Actor, At: m.At,
	}
	if m.UnitCost != nil {
		v.UnitCost = gateway.Money(*m.UnitCost, costs)
	}
	return v
}
