package notice

import (
	"fmt"
	"slices"

	"waybill/shared/event"
	"waybill/shared/order"
)

// What conditions ask of events' data.
var (
	forApproval    = Condition{Key: "hold_reason", Values: []string{order.HoldApproval}}
	notForApproval = Condition{Key: "hold_reason", Not: true, Values: []string{order.HoldApproval}}
	approved       = Condition{Key: "reason", Values: []string{order.HoldApproval}}
	notApproved    = Condition{Key: "reason", Not: true, Values: []string{order.HoldApproval}}
	placed         = Condition{Key: "status", Not: true, Values: []string{string(order.Draft)}}
	wasPlaced      = Condition{Key: "was_status", Not: true, Values: []string{string(order.Draft)}}
	toShip         = Condition{Key: "to_ship"}            // it is paid, authorised or on account
	byCustomer     = Condition{Key: "refused", Not: true} // not by Stripe, of what we asked it

	// Notes and attributes are the company's own business.
	soldOtherwise    = Condition{Key: "changed", Values: []string{"lines", "discount", "customer_id", "terms", "reference", "billing_address", "shipping_address"}}
	shippedOtherwise = Condition{Key: "changed", Values: []string{"lines", "note", "shipping_address"}}
	gaveUpBackorders = Condition{Key: "changed", Not: true}
)

// Rules say who is told of what. At most one rule of an event speaks to an
// audience by a channel: a notice is one message. Nobody is told of imported
// orders, and the warehouse reads no amounts.
var Rules = []Rule{
	{Event: event.OrderCreated, When: []Condition{forApproval}, To: Manager, Channels: []Channel{App, Staff}, Words: "approval_asked"},
	{Event: event.OrderEdited, When: []Condition{forApproval}, To: Manager, Channels: []Channel{App, Staff}, Words: "approval_asked"},
	{Event: event.OrderHeld, When: []Condition{forApproval}, To: Manager, Channels: []Channel{App, Staff}, Words: "approval_asked"},
	{Event: event.OrderConfirmed, When: []Condition{approved}, To: Owner, Channels: []Channel{App}, Words: "approval_given"},
	{Event: event.OrderReleased, When: []Condition{approved}, To: Owner, Channels: []Channel{App}, Words: "approval_given"},

	{Event: event.OrderConfirmed, To: Customer, Channels: []Channel{Email, SMS}, Words: "order_confirmed"},
	{Event: event.OrderConfirmed, When: []Condition{toShip}, To: Warehouse, Channels: []Channel{App, Staff}, Words: "order_to_ship"},
	{Event: event.PaymentReceived, When: []Condition{toShip}, To: Warehouse, Channels: []Channel{App, Staff}, Words: "order_to_ship"},
	{Event: event.PaymentAuthorized, When: []Condition{toShip}, To: Warehouse, Channels: []Channel{App, Staff}, Words: "order_to_ship"},
	{Event: event.OrderConfirmed, When: []Condition{notApproved}, To: Owner, Channels: []Channel{App}, Words: "order_placed"},
	{Event: event.OrderEdited, When: []Condition{placed, soldOtherwise}, To: Customer, Channels: []Channel{Email}, Words: "order_changed"},
	{Event: event.OrderEdited, When: []Condition{placed, gaveUpBackorders}, To: Customer, Channels: []Channel{Email}, Words: "order_changed"},
	{Event: event.OrderEdited, When: []Condition{placed, shippedOtherwise}, To: Warehouse, Channels: []Channel{App}, Words: "order_to_ship_changed"},
	{Event: event.OrderEdited, When: []Condition{placed, gaveUpBackorders}, To: Warehouse, Channels: []Channel{App}, Words: "order_to_ship_changed"},
	{Event: event.OrderCancelled, When: []Condition{wasPlaced}, To: Customer, Channels: []Channel{Email, SMS}, Words: "order_cancelled"},
	{Event: event.OrderCancelled, When: []Condition{wasPlaced}, To: Warehouse, Channels: []Channel{App}, Words: "order_not_to_ship"},
	{Event: event.OrderExpired, To: Customer, Channels: []Channel{Email}, Words: "order_expired"},
	{Event: event.OrderExpired, To: Warehouse, Channels: []Channel{App}, Words: "order_not_to_ship"},
	{Event: event.OrderClosed, To: Customer, Channels: []Channel{Email}, Words: "order_closed"},
	{Event: event.OrderClosed, To: Warehouse, Channels: []Channel{App}, Words: "order_rest_not_to_ship"},
	{Event: event.OrderHeld, When: []Condition{notForApproval}, To: Owner, Channels: []Channel{App}, Words: "order_held"},
	{Event: event.OrderHeld, When: []Condition{notForApproval}, To: Manager, Channels: []Channel{App}, Words: "order_held"},
	{Event: event.OrderServed, To: Warehouse, Channels: []Channel{App}, Words: "order_served"},

	{Event: event.PaymentReceived, To: Customer, Channels: []Channel{Email}, Words: "payment_received"},
	{Event: event.PaymentReceived, To: Finance, Channels: []Channel{App}, Words: "money_in"},
	{Event: event.PaymentFailed, When: []Condition{byCustomer}, To: Customer, Channels: []Channel{Email, SMS}, Words: "payment_failed"},
	{Event: event.PaymentFailed, To: Finance, Channels: []Channel{App}, Words: "money_failed"},
	{Event: event.PaymentFailed, To: Owner, Channels: []Channel{App}, Words: "money_failed"},
	{Event: event.RefundSucceeded, To: Customer, Channels: []Channel{Email}, Words: "refund_made"},
	{Event: event.RefundSucceeded, To: Finance, Channels: []Channel{App}, Words: "money_back"},
	{Event: event.RefundFailed, To: Finance, Channels: []Channel{App, Staff}, Words: "refund_failed"},
	{Event: event.PaymentDisputed, To: Finance, Channels: []Channel{App, Staff}, Words: "payment_disputed"},
	{Event: event.PaymentDisputed, To: Manager, Channels: []Channel{App, Staff}, Words: "payment_disputed"},
	{Event: event.PaymentDisputeWon, To: Finance, Channels: []Channel{App}, Words: "dispute_won"},
	{Event: event.PaymentDisputeWon, To: Manager, Channels: []Channel{App}, Words: "dispute_won"},
	{Event: event.PaymentDisputeLost, To: Finance, Channels: []Channel{App, Staff}, Words: "dispute_lost"},
	{Event: event.PaymentDisputeLost, To: Manager, Channels: []Channel{App, Staff}, Words: "dispute_lost"},
	{Event: event.PaymentReview, To: Finance, Channels: []Channel{App, Staff}, Words: "payment_review"},

	{Event: event.ShipmentCreated, To: Customer, Channels: []Channel{Email, SMS}, Words: "shipped"},
	{Event: event.ShipmentCreated, To: Owner, Channels: []Channel{App}, Words: "goods_left"},
	{Event: event.ShipmentDelivered, To: Customer, Channels: []Channel{Email}, Words: "delivered"},
	{Event: event.ShipmentDelivered, To: Owner, Channels: []Channel{App}, Words: "goods_arrived"},
	{Event: event.ReturnCreated, To: Customer, Channels: []Channel{Email}, Words: "returned"},
	{Event: event.ReturnCreated, To: Finance, Channels: []Channel{App}, Words: "goods_back"},

	{Event: event.InvoiceIssued, To: Customer, Channels: []Channel{Email}, Words: "invoice_issued"},
	{Event: event.InvoiceDueSoon, To: Customer, Channels: []Channel{Email}, Words: "invoice_due_soon"},
	{Event: event.InvoiceOverdue, To: Customer, Channels: []Channel{Email}, Words: "invoice_overdue"},
	{Event: event.InvoiceOverdue, To: Finance, Channels: []Channel{App, Staff}, Words: "debt_overdue"},
	{Event: event.InvoiceOverdue, To: Owner, Channels: []Channel{App}, Words: "debt_overdue"},

	{Event: event.StockLow, To: Warehouse, Channels: []Channel{App, Staff}, Words: "stock_low"},
	{Event: event.StockLow, To: Manager, Channels: []Channel{App, Staff}, Words: "stock_low"},
	{Event: event.StockDrift, To: Manager, Channels: []Channel{App, Staff}, Words: "stock_drift"},
	{Event: event.MoneyDrift, To: Manager, Channels: []Channel{App, Staff}, Words: "money_drift"},
	{Event: event.DeadLettersWaiting, To: Manager, Channels: []Channel{App, Staff}, Words: "dead_letters"},
	{Event: event.EndpointOff, To: Manager, Channels: []Channel{App, Staff}, Words: "endpoint_off"},
	{Event: event.ReportReady, To: Manager, Channels: []Channel{App, Staff}, Words: "report_ready"},
}

// For returns the rules that an event matches.
func For(e event.Event) []Rule {
	var out []Rule
	for _, r := range Rules {
		if r.Matches(e) {
			out = append(out, r)
		}
	}
	return out
}

// Matches reports whether the rule is about the event.
func (r Rule) Matches(e event.Event) bool {
	return r.Event == e.Type && !slices.ContainsFunc(r.When, func(c Condition) bool { return !c.holds(e.Data) })
}

// holds reports whether the condition is met. Of a list one element is enough.
func (c Condition) holds(data map[string]any) bool {
	v, there := data[c.Key]
	if len(c.Values) > 0 {
		there = slices.ContainsFunc(elements(v), func(one string) bool { return slices.Contains(c.Values, one) })
	}
	return there != c.Not
}

func elements(v any) []string {
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	out := make([]string, len(list))
	for i, one := range list {
		out[i] = fmt.Sprint(one)
	}
	return out
}
