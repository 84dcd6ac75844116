package customers

import (
	"context"

	"waybill/shared/api"
)

// GetCredit implements getCredit.
func (h *Customers) GetCredit(ctx context.Context, params api.GetCreditParams) (*api.Credit, error) {
	c, err := h.keeper.DB.Customer(ctx, string(params.ID))
	if err != nil {
		return nil, err
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
