package orders

import (
	"waybill/shared/access"
	"waybill/shared/api"
	"waybill/shared/event"
	"waybill/shared/gateway"
	"waybill/shared/order"
	"waybill/shared/ordering"
	"waybill/shared/refusal"
)

// newOrder reads what a client asks for.
func newOrder(req *api.NewOrder) (ordering.New, error) {
	discount, err := discountOf(req.OrderDiscount, req.OrderDiscountBp, "order_discount")
	if err != nil {
		return ordering.New{}, err
	}
	wishes, err := wishesOf(req.Lines)
	return ordering.New{
		CustomerID: string(req.CustomerID), Currency: string(req.Currency.Or("")), Confirm: req.Confirm.Or(false),
		Wishes: wishes, Discount: discount, Reference: req.Reference.Or(""), Note: req.Note.Or(""),
		Terms: gateway.TermsOf(req.Terms), Billing: gateway.AddressOf(req.BillingAddress), Shipping: gateway.AddressOf(req.ShippingAddress),
		Attributes: req.Attributes.Or(nil),
	}, err
}

// orderEdit reads what a client wants changed.
func orderEdit(req *api.OrderEdit) (ordering.Edit, error) {
	in := ordering.Edit{
		Terms: gateway.TermsOf(req.Terms), Billing: gateway.AddressOf(req.BillingAddress), Shipping: gateway.AddressOf(req.ShippingAddress),
		Attributes: req.Attributes.Or(nil),
	}
	if id, ok := req.CustomerID.Get(); ok {
		s := string(id)
		in.CustomerID = &s
	}
	if s, ok := req.Reference.Get(); ok {
		in.Reference = &s
	}
	if s, ok := req.Note.Get(); ok {
		in.Note = &s
	}
	if req.OrderDiscount.Set || req.OrderDiscountBp.Set {
		d, err := discountOf(req.OrderDiscount, req.OrderDiscountBp, "order_discount")
		if err != nil {
			return in, err
		}
		in.Discount = &d
	}
	var err error
	if req.Lines != nil {
		in.Wishes, err = wishesOf(req.Lines)
	}
	return in, err
}

func wishesOf(lines []api.NewLine) ([]order.Wish, error) {
	wishes := make([]order.Wish, len(lines))
	for i, l := range lines {
		d, err := discountOf(l.Discount, l.DiscountBp, "lines.discount")
		if err != nil {
			return nil, err
		}
		wishes[i] = order.Wish{SKU: string(l.Sku), Quantity: int64(l.Quantity), Discount: d}
		if price, ok := l.UnitPrice.Get(); ok {
			p := int64(price)
			wishes[i].UnitPrice = &p
		}
	}
	return wishes, nil
}

// discountOf reads a discount that is an amount or a percentage, not both.
func discountOf(amount api.OptAmount, rate api.OptBasisPoints, field string) (order.Discount, error) {
	if amount.Set && rate.Set {
		return order.Discount{}, refusal.Field(field, "invalid", "Give an amount or basis points, not both.")
	}
	if rate.Set {
		return order.Discount{ByRate: true, Rate: int64(rate.Value)}, nil
	}
	return order.Discount{Amount: int64(amount.Or(0))}, nil
}

// shown is the order as far as p may see it.
func shown(o order.Order, p access.Principal) api.Order {
	money := p.May(access.PricesRead)
	v := api.Order{
		ID: api.ID(o.ID), Number: o.Number, Version: o.Version, Status: api.OrderStatus(o.Status),
		OnHold: o.OnHold, HoldReason: gateway.Text(o.HoldReason), Attributes: gateway.Attributes(o.Attributes),
		CustomerID: api.ID(o.CustomerID), Owner: o.Owner, EnteredBy: o.EnteredBy,
		Subtotal: gateway.Money(o.Totals.Subtotal, money), Discount: gateway.Money(o.Totals.Discount, money),
		OrderDiscount: gateway.Money(o.Totals.OrderDiscount, money), Tax: gateway.Money(o.Totals.Tax, money),
		Total: gateway.Money(o.Totals.Total, money), Paid: gateway.Money(o.Paid, money), Refunded: gateway.Money(o.Refunded, money),
		Credited: gateway.Money(o.Credited(), money), Authorized: gateway.Money(o.Authorized, money), Balance: gateway.Money(o.Balance(), money),
		Reference: gateway.Text(o.Reference), Note: gateway.Text(o.Note),
		BillingAddress: gateway.Address(o.Billing), ShippingAddress: gateway.Address(o.Shipping),
		CancelReason: gateway.Text(o.CancelReason), CreatedAt: o.CreatedAt, UpdatedAt: o.UpdatedAt,
		Lines: make([]api.Line, len(o.Lines)),
	}
	if money {
		v.PaymentStatus = api.NewOptPaymentStatus(api.PaymentStatus(o.PaymentStatus()))
		v.Currency = api.NewOptCurrency(api.Currency(o.Currency))
		v.TaxInclusive = api.NewOptBool(o.TaxInclusive)
		v.OrderDiscountBp = gateway.Money(o.Discount.Rate, o.Discount.ByRate)
		if o.Terms.Kind != "" {
			v.Terms = api.NewOptTerms(gateway.Terms(o.Terms))
		}
	}
	if o.PayBy != nil && money {
		v.PayBy = api.NewOptDateTime(*o.PayBy)
	}
	if o.PlacedAt != nil {
		v.PlacedAt = api.NewOptDateTime(*o.PlacedAt)
	}
	for i, l := range o.Lines {
		v.Lines[i] = api.Line{
			Sku: api.SKU(l.SKU), Name: l.Name, Quantity: l.Quantity,
			UnitPrice: gateway.Money(l.UnitPrice, money), Discount: gateway.Money(l.Discount, money),
			DiscountBp: gateway.Money(l.Own.Rate, money && l.Own.ByRate), Tax: gateway.Money(l.Tax, money),
			TaxRatePpm: gateway.Money(l.TaxRate, money), Total: gateway.Money(l.Total, money),
			Reserved: l.Reserved(), Backordered: l.Backordered, Shipped: l.Shipped, Cancelled: l.Cancelled, Returned: l.Returned,
		}
		for _, a := range l.Allocations {
			v.Lines[i].Allocations = append(v.Lines[i].Allocations, api.LineAllocationsItem{Location: api.LocationCode(a.Location), Quantity: a.Quantity})
		}
	}
	return v
}

// shownEvent is the event as far as p may see it.
func shownEvent(e event.Event, p access.Principal) (api.Event, error) {
	data := e.Data
	if !p.May(access.PricesRead) {
		data = e.WithoutMoney()
	}
	encoded, err := gateway.EventData(data)
	return api.Event{Seq: e.Seq, Type: string(e.Type), At: e.At, Actor: e.Actor, Data: encoded}, err
}
