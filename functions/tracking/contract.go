package tracking

import (
	"waybill/shared/api"
	"waybill/shared/gateway"
	"waybill/shared/tracking"
)

// tracked is what the customer sees as the contract has it; payURL is where a POST leads to Stripe.
func tracked(v tracking.View, payURL string) api.Tracked {
	out := api.Tracked{
		Number: v.Number, Company: v.Company, FirstName: gateway.Text(v.FirstName), City: gateway.Text(v.City),
		Status: api.OrderStatus(v.Status), PaymentStatus: api.PaymentStatus(v.PaymentStatus), Currency: api.Currency(v.Currency),
		Total: v.Total, Balance: v.ToPay, PayURL: api.OptString{Value: payURL, Set: v.Payable > 0},
		Timeline: make([]api.TrackedTimelineItem, len(v.Timeline)), Lines: make([]api.TrackedLinesItem, len(v.Lines)),
		Shipments: make([]api.TrackedShipmentsItem, len(v.Shipments)),
	}
	if v.PlacedAt != nil {
		out.PlacedAt = api.NewOptDateTime(*v.PlacedAt)
	}
	for i, m := range v.Timeline {
		out.Timeline[i] = api.TrackedTimelineItem(m)
	}
	for i, l := range v.Lines {
		out.Lines[i] = api.TrackedLinesItem(l)
	}
	for i, s := range v.Shipments {
		one := api.TrackedShipmentsItem{
			Number: s.Number, Status: api.TrackedShipmentsItemStatus(s.Status), Carrier: gateway.Text(s.Carrier),
			TrackingNumber: gateway.Text(s.TrackingNumber), TrackingURL: gateway.Text(s.TrackingURL), ShippedAt: s.ShippedAt,
		}
		if s.DeliveredAt != nil {
			one.DeliveredAt = api.NewOptDateTime(*s.DeliveredAt)
		}
		out.Shipments[i] = one
	}
	return out
}
