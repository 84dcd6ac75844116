package payments

import (
	"time"

	"waybill/shared/api"
	"waybill/shared/billing"
	"waybill/shared/gateway"
	"waybill/shared/payment"
	"waybill/shared/table"
)

// newPayment reads what a client records.
func newPayment(req *api.NewPayment) billing.NewPayment {
	in := billing.NewPayment{
		Method: payment.Method(req.Method), Amount: int64(req.Amount), Currency: string(req.Currency.Or("")),
		Reference: req.Reference.Or(""), Note: req.Note.Or(""), Overpay: req.AllowOverpayment.Or(false),
	}
	if at, ok := req.ReceivedAt.Get(); ok {
		in.ReceivedAt = &at
	}
	return in
}

// newRefund reads what a client wants paid back.
func newRefund(req *api.NewRefund, paymentID string) billing.Refund {
	return billing.Refund{PaymentID: paymentID, Amount: int64(req.Amount.Or(0)), Reason: req.Reason, Reference: req.Reference.Or("")}
}

// shown is a payment as the contract has it.
func shown(p table.PaymentOf) api.Payment {
	v := api.Payment{
		ID: api.ID(p.ID), OrderID: api.ID(p.OrderID), Method: api.PaymentMethod(p.Method), Via: gateway.Text(p.Via),
		Amount: p.Amount, Currency: api.Currency(p.Currency), Status: api.PaymentState(p.Status),
		Received: p.In(), Refunded: p.Refunded(), Refundable: p.Refundable(), Disputed: gateway.Money(p.Disputed(), p.Disputed() > 0),
		Reference: gateway.Text(p.Reference), Note: gateway.Text(p.Note), Failure: gateway.Text(p.Failure),
		By: gateway.Text(p.By), Refunds: make([]api.Refund, len(p.Refunds)), ReceivedAt: moment(p.ReceivedAt), CreatedAt: p.CreatedAt,
	}
	if p.Status == payment.Reversed {
		v.ReverseReason = gateway.Text(p.Reason)
	}
	if p.Status == payment.Pending {
		v.URL, v.ExpiresAt = gateway.Text(p.URL), moment(p.ExpiresAt)
	}
	for i, r := range p.Refunds {
		v.Refunds[i] = shownRefund(billing.RefundOf{Refund: r, PaymentID: p.ID, OrderID: p.OrderID, Currency: p.Currency})
	}
	return v
}

func shownRefund(r billing.RefundOf) api.Refund {
	return api.Refund{
		ID: api.ID(r.ID), PaymentID: api.ID(r.PaymentID), OrderID: api.ID(r.OrderID), Amount: r.Amount, Currency: api.Currency(r.Currency),
		Status: api.RefundStatus(r.Status), Reason: gateway.Text(r.Reason), Reference: gateway.Text(r.Reference),
		Failure: gateway.Text(r.Failure), By: gateway.Text(r.By), CreatedAt: r.At,
	}
}

func shownReview(r table.Review) api.PaymentReview {
	return api.PaymentReview{
		ID: api.ID(r.ID), Event: r.Event, Type: r.Type, Object: r.Object, OrderID: api.OptID{Value: api.ID(r.OrderID), Set: r.OrderID != ""},
		Problem: r.Problem, Resolved: r.Resolved, Note: gateway.Text(r.Note), ResolvedBy: gateway.Text(r.ResolvedBy), At: r.At,
	}
}

func moment(at *time.Time) api.OptDateTime {
	if at == nil {
		return api.OptDateTime{}
	}
	return api.NewOptDateTime(*at)
}
