// Package customers is the HTTP edge of customers.
package customers

import (
	"context"
	"net/http"

	"waybill/shared/access"
	"waybill/shared/api"
	"waybill/shared/customer"
	"waybill/shared/gateway"
	"waybill/shared/masterdata"
	"waybill/shared/table"
)

// Customers implements the operations of the contract's group Customers.
type Customers struct {
	edge   gateway.Edge
	keeper *masterdata.Keeper
}

var _ api.CustomersHandler = (*Customers)(nil)

// New returns the function's handler.
func New(edge gateway.Edge) (http.Handler, error) {
	c := &Customers{edge: edge, keeper: &masterdata.Keeper{DB: edge.Records, IDs: edge.IDs()}}
	type rest struct{ api.UnimplementedHandler }
	return edge.Handler(api.CustomersGroup, struct {
		*Customers
		rest
	}{Customers: c})
}

// CreateCustomer implements createCustomer.
func (h *Customers) CreateCustomer(ctx context.Context, req *api.NewCustomer, params api.CreateCustomerParams) (*api.CustomerHeaders, error) {
	c := customer.Customer{
		Name: req.Name, Reference: req.Reference.Or(""), Email: string(req.Email.Or("")), Phone: string(req.Phone.Or("")),
		Locale: string(req.Locale.Or("en")), TimeZone: req.TimeZone.Or(""), Terms: customer.Terms{Kind: customer.Prepaid}, Owner: req.Owner.Or(""),
		Billing: gateway.AddressOf(req.BillingAddress), Shipping: gateway.AddressOf(req.ShippingAddress), Attributes: req.Attributes.Or(nil),
	}
	if t := gateway.TermsOf(req.Terms); t != nil {
		c.Terms = *t
	}
	if limit, ok := req.CreditLimit.Get(); ok {
		n := int64(limit)
		c.CreditLimit = &n
	}
	by := masterdata.By{Principal: gateway.Principal(ctx), Mark: gateway.Mark(ctx, params.IdempotencyKey)}
	return h.once(ctx, by, func() (customer.Customer, error) { return h.keeper.CreateCustomer(ctx, by, c) })
}

// EditCustomer implements editCustomer.
func (h *Customers) EditCustomer(ctx context.Context, req *api.CustomerEdit, params api.EditCustomerParams) (*api.CustomerHeaders, error) {
	expect, err := gateway.Match(params.IfMatch, true)
	if err != nil {
		return nil, err
	}
	by := masterdata.By{Principal: gateway.Principal(ctx), Mark: gateway.Mark(ctx, params.IdempotencyKey), Expect: expect}
	return h.once(ctx, by, func() (customer.Customer, error) {
		return h.keeper.EditCustomer(ctx, by, string(params.ID), touches(req), func(c *customer.Customer) { edit(c, req) })
	})
}

// touches names the permissions that the edit's fields need.
func touches(req *api.CustomerEdit) []access.Permission {
	var need []access.Permission
	if req.CreditLimit.Set {
		need = append(need, access.CustomersLimit)
	}
	if req.Owner.Set {
		need = append(need, access.CustomersOwner)
	}
	if req.Name.Set || req.Email.Set || req.Phone.Set || req.Locale.Set || req.TimeZone.Set || req.Terms.Set ||
		req.BillingAddress.Set || req.ShippingAddress.Set || req.Attributes.Set {
		need = append(need, access.CustomersEdit)
	}
	return need
}

// GetCustomer implements getCustomer.
func (h *Customers) GetCustomer(ctx context.Context, params api.GetCustomerParams) (*api.CustomerHeaders, error) {
	c, err := h.keeper.DB.Customer(ctx, string(params.ID))
	return answer(c, false, err)
}

// ListCustomers implements listCustomers.
func (h *Customers) ListCustomers(ctx context.Context, params api.ListCustomersParams) (*api.CustomerList, error) {
	f := table.CustomerFilter{Owner: params.Owner.Or(""), Reference: params.Reference.Or("")}
	l, err := h.keeper.DB.Customers(ctx, f, gateway.PageOf(params.Limit, params.Cursor))
	if err != nil {
		return nil, err
	}
	out := &api.CustomerList{Items: make([]api.Customer, 0, len(l.Items)), NextCursor: gateway.Next(l.Next)}
	for _, c := range l.Items {
		out.Items = append(out.Items, shown(c))
	}
	return out, nil
}

func (h *Customers) once(ctx context.Context, by masterdata.By, do func() (customer.Customer, error)) (*api.CustomerHeaders, error) {
	c, replayed, err := gateway.Once(ctx, h.edge, by.Mark, do, func(id string) (customer.Customer, error) {
		return h.keeper.DB.Customer(ctx, id)
	})
	return answer(c, replayed, err)
}

func answer(c customer.Customer, replayed bool, err error) (*api.CustomerHeaders, error) {
	if err != nil {
		return nil, err
	}
	return &api.CustomerHeaders{
		ETag:                api.NewOptString(gateway.ETag(c.Version)),
		IdempotencyReplayed: api.OptBool{Value: true, Set: replayed},
		Response:            shown(c),
	}, nil
}

// edit applies what a client wants changed; null clears, and arrives as the empty value.
func edit(c *customer.Customer, req *api.CustomerEdit) {
	c.Name = req.Name.Or(c.Name)
	c.Locale = string(req.Locale.Or(api.Locale(c.Locale)))
	c.Attributes = req.Attributes.Or(c.Attributes)
	if req.TimeZone.Set {
		c.TimeZone = req.TimeZone.Value
	}
	if req.Email.Set {
		c.Email = req.Email.Value
	}
	if req.Phone.Set {
		c.Phone = req.Phone.Value
	}
	if req.Owner.Set {
		c.Owner = req.Owner.Value
	}
	if t := gateway.TermsOf(req.Terms); t != nil {
		c.Terms = *t
	}
	if a := gateway.AddressOf(req.BillingAddress); a != nil {
		c.Billing = a
	}
	if a := gateway.AddressOf(req.ShippingAddress); a != nil {
		c.Shipping = a
	}
	if req.CreditLimit.Set {
		c.CreditLimit = nil
		if n, ok := req.CreditLimit.Get(); ok {
			c.CreditLimit = &n
		}
	}
}

func shown(c customer.Customer) api.Customer {
	v := api.Customer{
		ID: api.ID(c.ID), Name: c.Name, Reference: gateway.Text(c.Reference), Email: gateway.Text(c.Email), Phone: gateway.Text(c.Phone),
		Locale: c.Locale, TimeZone: gateway.Text(c.TimeZone), Terms: gateway.Terms(c.Terms), Owner: gateway.Text(c.Owner),
		BillingAddress: gateway.Address(c.Billing), ShippingAddress: gateway.Address(c.Shipping),
		Attributes: gateway.Attributes(c.Attributes), Version: c.Version, CreatedAt: c.CreatedAt, UpdatedAt: c.UpdatedAt,
	}
	if c.CreditLimit != nil {
		v.CreditLimit = api.NewOptInt64(*c.CreditLimit)
	}
	return v
}
