// Package products is the HTTP edge of products.
package products

import (
	"context"
	"net/http"

	"waybill/shared/access"
	"waybill/shared/api"
	"waybill/shared/gateway"
	"waybill/shared/masterdata"
	"waybill/shared/product"
	"waybill/shared/table"
)

// Products implements the operations of the contract's group Products.
type Products struct {
	edge   gateway.Edge
	keeper *masterdata.Keeper
}

var _ api.ProductsHandler = (*Products)(nil)

// New returns the function's handler.
func New(edge gateway.Edge) (http.Handler, error) {
	p := &Products{edge: edge, keeper: &masterdata.Keeper{DB: edge.Records, IDs: edge.IDs()}}
	type rest struct{ api.UnimplementedHandler }
	return edge.Handler(api.ProductsGroup, struct {
		*Products
		rest
	}{Products: p})
}

// CreateProduct implements createProduct.
func (h *Products) CreateProduct(ctx context.Context, req *api.NewProduct, params api.CreateProductParams) (*api.ProductHeaders, error) {
	p := product.Product{
		SKU: string(req.Sku), Name: req.Name, Names: req.Names.Or(nil), Unit: req.Unit.Or("pcs"), Category: req.Category.Or(""),
		Prices: req.Prices.Or(nil), TaxClass: req.TaxClass.Or(""), Backorder: req.Backorder.Or(false),
		Active: req.Active.Or(true), Attributes: req.Attributes.Or(nil), Bins: req.Bins.Or(nil),
	}
	if n, ok := req.ReorderPoint.Get(); ok {
		p.ReorderPoint = &n
	}
	by := masterdata.By{Principal: gateway.Principal(ctx), Mark: gateway.Mark(ctx, params.IdempotencyKey)}
	return h.once(ctx, by, func() (product.Product, error) { return h.keeper.CreateProduct(ctx, by, p) })
}

// EditProduct implements editProduct.
func (h *Products) EditProduct(ctx context.Context, req *api.ProductEdit, params api.EditProductParams) (*api.ProductHeaders, error) {
	expect, err := gateway.Match(params.IfMatch, true)
	if err != nil {
		return nil, err
	}
	by := masterdata.By{Principal: gateway.Principal(ctx), Mark: gateway.Mark(ctx, params.IdempotencyKey), Expect: expect}
	return h.once(ctx, by, func() (product.Product, error) {
		return h.keeper.EditProduct(ctx, by, string(params.Sku), func(p *product.Product) { edit(p, req) })
	})
}

// GetProduct implements getProduct.
func (h *Products) GetProduct(ctx context.Context, params api.GetProductParams) (*api.ProductHeaders, error) {
	p, err := h.keeper.DB.Product(ctx, string(params.Sku))
	return answer(ctx, p, false, err)
}

// ListProducts implements listProducts.
func (h *Products) ListProducts(ctx context.Context, params api.ListProductsParams) (*api.ProductList, error) {
	f := table.ProductFilter{Category: params.Category.Or("")}
	if active, ok := params.Active.Get(); ok {
		f.Active = &active
	}
	l, err := h.keeper.DB.Products(ctx, f, gateway.PageOf(params.Limit, params.Cursor))
	if err != nil {
		return nil, err
	}
	out := &api.ProductList{Items: make([]api.Product, 0, len(l.Items)), NextCursor: gateway.Next(l.Next)}
	for _, p := range l.Items {
		out.Items = append(out.Items, shown(p, gateway.Principal(ctx)))
	}
	return out, nil
}

func (h *Products) once(ctx context.Context, by masterdata.By, do func() (product.Product, error)) (*api.ProductHeaders, error) {
	p, replayed, err := gateway.Once(ctx, h.edge, by.Mark, do, func(sku string) (product.Product, error) {
		return h.keeper.DB.Product(ctx, sku)
	})
	return answer(ctx, p, replayed, err)
}

func answer(ctx context.Context, p product.Product, replayed bool, err error) (*api.ProductHeaders, error) {
	if err != nil {
		return nil, err
	}
	return &api.ProductHeaders{
		ETag:                api.NewOptString(gateway.ETag(p.Version)),
		IdempotencyReplayed: api.OptBool{Value: true, Set: replayed},
		Response:            shown(p, gateway.Principal(ctx)),
	}, nil
}

// edit applies what a client wants changed.
func edit(p *product.Product, req *api.ProductEdit) {
	p.Name = req.Name.Or(p.Name)
	p.Unit = req.Unit.Or(p.Unit)
	p.Names = req.Names.Or(p.Names)
	p.Prices = req.Prices.Or(p.Prices)
	p.Attributes = req.Attributes.Or(p.Attributes)
	p.Backorder = req.Backorder.Or(p.Backorder)
	p.Active = req.Active.Or(p.Active)
	p.Bins = req.Bins.Or(p.Bins)
	if req.Category.Set {
		p.Category = req.Category.Value // empty when null
	}
	if req.TaxClass.Set {
		p.TaxClass = req.TaxClass.Value
	}
	if req.ReorderPoint.Set {
		p.ReorderPoint = nil
		if n, ok := req.ReorderPoint.Get(); ok {
			p.ReorderPoint = &n
		}
	}
}

// shown is the product as far as the caller may see it.
func shown(p product.Product, by access.Principal) api.Product {
	v := api.Product{
		Sku: api.SKU(p.SKU), Name: p.Name, Unit: p.Unit, Category: gateway.Text(p.Category),
		TaxClass: gateway.Text(p.TaxClass), Backorder: p.Backorder, Active: p.Active,
		Attributes: gateway.Attributes(p.Attributes), Version: p.Version, CreatedAt: p.CreatedAt, UpdatedAt: p.UpdatedAt,
	}
	if p.Bins != nil {
		v.Bins = api.NewOptProductBins(p.Bins)
	}
	if p.Names != nil {
		v.Names = api.NewOptNames(p.Names)
	}
	if by.May(access.PricesRead) {
		prices := p.Prices
		if prices == nil {
			prices = map[string]int64{}
		}
		v.Prices = api.NewOptPrices(prices)
	}
	if p.ReorderPoint != nil {
		v.ReorderPoint = api.NewOptInt64(*p.ReorderPoint)
	}
	return v
}
