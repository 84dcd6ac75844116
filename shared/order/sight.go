package order

import (
	"slices"

	"waybill/shared/access"
)

// SeenBy reports whether p may know of the order. customerOwner tells the
// salesperson of the order's customer, and is only asked when it matters.
func (o Order) SeenBy(p access.Principal, customerOwner func() (string, error)) (bool, error) {
	if p.Sight() == access.SeesFulfil && slices.Contains(ToFulfil, o.Status) {
		return true, nil
	}
	return o.ChangedBy(p, customerOwner)
}

// ChangedBy reports whether the order is p's own, or all are: seeing an order
// because it is to be shipped does not make it one's own.
func (o Order) ChangedBy(p access.Principal, customerOwner func() (string, error)) (bool, error) {
	if p.Sight() == access.SeesAll || o.Owner == p.ID || o.EnteredBy == p.ID {
		return true, nil
	}
	// The customer may have come to p since the order was entered.
	owner, err := customerOwner()
	return err == nil && owner == p.ID && owner != "", err
}
