// Package stripewebhook is where Stripe tells what happened. It believes
// nothing that is not signed, over the very bytes that came, and answers once
// what it was told is stored together with its effect.
package stripewebhook

import (
	"context"
	"fmt"
	"io"
	"net/http"

	"waybill/shared/api"
	"waybill/shared/billing"
	"waybill/shared/gateway"
	"waybill/shared/stripepay"
)

// Webhook implements the operation of the contract's group Stripewebhook.
type Webhook struct {
	edge  gateway.Edge
	books *billing.Books
	keys  stripepay.Keys
}

var _ api.StripewebhookHandler = (*Webhook)(nil)

// New returns what builds the function's handler: with Stripe, for what an
// event only hints at, and with the secrets that events are signed with.
func New(stripe billing.Processor, keys stripepay.Keys) func(gateway.Edge) (http.Handler, error) {
	return func(edge gateway.Edge) (http.Handler, error) {
		h := &Webhook{edge: edge, keys: keys, books: &billing.Books{DB: edge.Records, IDs: edge.IDs(), Stripe: stripe}}
		type rest struct{ api.UnimplementedHandler }
		return edge.Handler(api.StripewebhookGroup, struct {
			*Webhook
			rest
		}{Webhook: h})
	}
}

// HearStripe implements hearStripe.
func (h *Webhook) HearStripe(ctx context.Context, req *api.HearStripeReqWithContentType, params api.HearStripeParams) (*api.Heard, error) {
	raw, err := io.ReadAll(req.Content)
	if err != nil {
		return nil, fmt.Errorf("read an event: %w", err)
	}
	secrets, err := h.keys(ctx)
	if err != nil {
		return nil, err
	}
	e, err := stripepay.Verify(raw, params.StripeSignature.Or(""), secrets.Webhook, h.edge.Now())
	if err != nil {
		return nil, err
	}
	if e.APIVersion != stripepay.APIVersion {
		h.edge.Log.WarnContext(ctx, "the webhook endpoint has another version of Stripe's API", "request_id", gateway.RequestID(ctx), "version", e.APIVersion, "want", stripepay.APIVersion)
	}
	if err := h.books.Hear(ctx, e); err != nil {
		return nil, err
	}
	return &api.Heard{Received: true}, nil
}
