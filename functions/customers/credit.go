package customers

import (
	"context"

	"waybill/shared/access"
	"waybill/shared/api"
	"waybill/shared/gateway"
	"waybill/shared/refusal"
)

// GetCredit implements getCredit.
func (h *Customers) GetCredit(ctx context.Context, params api.GetCreditParams) (*api.Credit, error) {
	c, err := h.keeper.DB.Customer(ctx, string(params.ID))
	if err != nil {
		return nil, err
	}
	if p := gateway.Principal(ctx); p.Sight() != access.SeesAll && c.Owner != p.ID {
		return nil, refusal.Missing("customer", c.ID) // its orders, which the credit is of, are others'
	}
	s, err := h.keeper.DB.Settings(ctx)
	if err != nil {
		return nil, err
	}
	used, err := h.keeper.DB.OnAccount(ctx, c.ID, s.Currency)
	if err != nil {
		return nil, err
	}
	v := &api.Credit{Currency: api.Currency(s.Currency), Used: used}
	if c.CreditLimit != nil {
		v.Limit, v.Available = api.NewOptInt64(*c.CreditLimit), api.NewOptInt64(max(0, *c.CreditLimit-used))
	}
	return v, nil
}
