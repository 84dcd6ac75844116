package stripepay

import (
	"context"

	"github.com/stripe/stripe-go/v76"
	"github.com/stripe/stripe-go/v76/dispute"
	"github.com/stripe/stripe-go/v76/refund"

	"waybill/shared/payment"
)

// Refund has Stripe send money back.
func (c *Client) Refund(ctx context.Context, r payment.RefundRequest) (payment.StripeRefund, error) {
	amount, err := toStripe(r.Currency, r.Amount)
	if err != nil {
		return payment.StripeRefund{}, err
	}
	var made payment.StripeRefund
	err = c.call(ctx, writes, func(ctx context.Context, key string) error {
		found, err := refund.Client{B: c.backend, Key: key}.New(&stripe.RefundParams{
			Params:        params(ctx, r.Key),
			PaymentIntent: stripe.String(r.Intent),
			Amount:        stripe.Int64(amount),
			Metadata:      map[string]string{metaOrder: r.OrderID, metaPayment: r.PaymentID, metaRefund: r.RefundID},
		})
		if err == nil {
			made = refundOf(found)
		}
		return err
	})
	return made, err
}

// Refunds are all refunds of a payment, the newest first.
func (c *Client) Refunds(ctx context.Context, intent string) ([]payment.StripeRefund, error) {
	id := func(r *stripe.Refund) string { return r.ID }
	found, err := pages(ctx, c, id, func(p stripe.ListParams, key string) ([]*stripe.Refund, bool, error) {
		list := refund.Client{B: c.backend, Key: key}.List(&stripe.RefundListParams{ListParams: p, PaymentIntent: stripe.String(intent)})
		return list.RefundList().Data, list.Meta().HasMore, list.Err()
	})
	var refunds []payment.StripeRefund
	for _, r := range found {
		refunds = append(refunds, refundOf(r))
	}
	return refunds, err
}

// Disputes are all disputes of a payment, the newest first.
func (c *Client) Disputes(ctx context.Context, intent string) ([]payment.StripeDispute, error) {
	id := func(d *stripe.Dispute) string { return d.ID }
	found, err := pages(ctx, c, id, func(p stripe.ListParams, key string) ([]*stripe.Dispute, bool, error) {
		list := dispute.Client{B: c.backend, Key: key}.List(&stripe.DisputeListParams{ListParams: p, PaymentIntent: stripe.String(intent)})
		return list.DisputeList().Data, list.Meta().HasMore, list.Err()
	})
	var disputes []payment.StripeDispute
	for _, d := range found {
		disputes = append(disputes, disputeOf(d))
	}
	return disputes, err
}

func refundOf(r *stripe.Refund) payment.StripeRefund {
	found := payment.StripeRefund{
		Metadata: metadataOf(r.Metadata),
		ID:       r.ID,
		RefundID: r.Metadata[metaRefund],
		Amount:   fromStripe(string(r.Currency), r.Amount),
		Currency: iso(r.Currency),
		Status:   string(r.Status),
		Failure:  string(r.FailureReason),
	}
	if r.PaymentIntent != nil {
		found.Intent = r.PaymentIntent.ID
	}
	return found
}

func disputeOf(d *stripe.Dispute) payment.StripeDispute {
	found := payment.StripeDispute{
		ID:       d.ID,
		Amount:   fromStripe(string(d.Currency), d.Amount),
		Currency: iso(d.Currency),
		Live:     d.Livemode,
		Status:   disputeStatus(d.Status),
		Reason:   string(d.Reason),
	}
	if d.PaymentIntent != nil {
		found.Intent = d.PaymentIntent.ID
	}
	return found
}

// disputeStatus is what a dispute has come to. An inquiry that was closed, and
// a dispute that ended because the money had gone back anyway, cost nothing.
func disputeStatus(s stripe.DisputeStatus) payment.DisputeStatus {
	const refunded, prevented stripe.DisputeStatus = "charge_refunded", "prevented"
	switch s {
	case stripe.DisputeStatusLost:
		return payment.DisputeLost
	case stripe.DisputeStatusWon, stripe.DisputeStatusWarningClosed, refunded, prevented:
		return payment.DisputeWon
	default:
		return payment.DisputeOpen
	}
}
