// Package payments is the HTTP edge of money that comes in and goes back: it
// decodes what a client asks for and has package billing do it.
package payments

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"waybill/shared/api"
	"waybill/shared/billing"
	"waybill/shared/gateway"
	"waybill/shared/payment"
	"waybill/shared/table"
)

// Payments implements the operations of the contract's group Payments.
type Payments struct {
	edge  gateway.Edge
	books *billing.Books
	home  string
}

var _ api.PaymentsHandler = (*Payments)(nil)

// New returns what builds the function's handler: with Stripe, and with the
// address of the console, where customers come back to unless a client says otherwise.
func New(stripe billing.Processor, home string) func(gateway.Edge) (http.Handler, error) {
	return func(edge gateway.Edge) (http.Handler, error) {
		p := &Payments{
			edge: edge, home: strings.TrimSuffix(home, "/"),
			books: &billing.Books{DB: edge.Records, IDs: edge.IDs(), Stripe: stripe},
		}
		type rest struct{ api.UnimplementedHandler }
		return edge.Handler(api.PaymentsGroup, struct {
			*Payments
			rest
		}{Payments: p})
	}
}

// RecordPayment implements recordPayment.
func (h *Payments) RecordPayment(ctx context.Context, req *api.NewPayment, params api.RecordPaymentParams) (*api.PaymentHeaders, error) {
	expect, err := gateway.Match(params.IfMatch, false)
	if err != nil {
		return nil, err
	}
	in := newPayment(req)
	return h.act(ctx, params.IdempotencyKey, expect, h.look, func(by billing.By) (table.PaymentOf, error) {
		return h.books.Record(ctx, by, string(params.ID), in)
	})
}

// ReversePayment implements reversePayment.
func (h *Payments) ReversePayment(ctx context.Context, req *api.ReversePayment, params api.ReversePaymentParams) (*api.PaymentHeaders, error) {
	return h.act(ctx, params.IdempotencyKey, nil, h.look, func(by billing.By) (table.PaymentOf, error) {
		return h.books.Reverse(ctx, by, string(params.ID), req.Reason)
	})
}

// CapturePayment implements capturePayment.
func (h *Payments) CapturePayment(ctx context.Context, req api.OptCapture, params api.CapturePaymentParams) (*api.PaymentHeaders, error) {
	return h.act(ctx, params.IdempotencyKey, nil, h.books.Captured, func(by billing.By) (table.PaymentOf, error) {
		return h.books.Capture(ctx, by, string(params.ID), int64(req.Value.Amount.Or(0)))
	})
}

// VoidPayment implements voidPayment.
func (h *Payments) VoidPayment(ctx context.Context, req api.OptVoidPayment, params api.VoidPaymentParams) (*api.PaymentHeaders, error) {
	return h.act(ctx, params.IdempotencyKey, nil, h.books.Voided, func(by billing.By) (table.PaymentOf, error) {
		return h.books.Void(ctx, by, string(params.ID), req.Value.Reason.Or(""))
	})
}

// GetPayment implements getPayment.
func (h *Payments) GetPayment(ctx context.Context, params api.GetPaymentParams) (*api.Payment, error) {
	p, err := h.books.Look(ctx, gateway.Principal(ctx), string(params.ID))
	if err != nil {
		return nil, err
	}
	v := shown(p)
	return &v, nil
}

// ListOrderPayments implements listOrderPayments.
func (h *Payments) ListOrderPayments(ctx context.Context, params api.ListOrderPaymentsParams) (*api.PaymentList, error) {
	o, a, err := h.books.LookOrder(ctx, gateway.Principal(ctx), string(params.ID))
	if err != nil {
		return nil, err
	}
	out := &api.PaymentList{Items: make([]api.Payment, len(a.Payments)), NextCursor: gateway.Next("")}
	for i, p := range a.Payments {
		out.Items[len(a.Payments)-1-i] = shown(table.PaymentOf{Payment: p, OrderID: o.ID})
	}
	return out, nil
}

// ListPayments implements listPayments.
func (h *Payments) ListPayments(ctx context.Context, params api.ListPaymentsParams) (*api.PaymentList, error) {
	f := table.PaymentFilter{Status: payment.Status(params.Status.Or("")), Method: payment.Method(params.Method.Or(""))}
	f.From, f.Till = gateway.Days(params.From, params.To)
	l, err := h.books.List(ctx, gateway.Principal(ctx), f, gateway.PageOf(params.Limit, params.Cursor))
	if err != nil {
		return nil, err
	}
	out := &api.PaymentList{Items: make([]api.Payment, len(l.Items)), NextCursor: gateway.Next(l.Next)}
	for i, p := range l.Items {
		out.Items[i] = shown(p)
	}
	return out, nil
}

// Checkout implements checkout.
func (h *Payments) Checkout(ctx context.Context, req api.OptNewCheckout, params api.CheckoutParams) (*api.CheckoutHeaders, error) {
	back := h.home + "/orders/" + string(params.ID)
	visit := billing.Visit{SuccessURL: req.Value.SuccessURL.Or(back), CancelURL: req.Value.CancelURL.Or(back)}
	p, replayed, err := h.asked(ctx, params.IdempotencyKey, params.IfMatch, func(by billing.By) (payment.Payment, error) {
		return h.books.Checkout(ctx, by, string(params.ID), visit)
	})
	if err != nil {
		return nil, err
	}
	out := &api.CheckoutHeaders{IdempotencyReplayed: api.OptBool{Value: true, Set: replayed}, Response: api.Checkout{
		PaymentID: api.ID(p.ID), URL: p.URL, Session: p.Session, Amount: p.Amount, Currency: api.Currency(p.Currency),
	}}
	if p.ExpiresAt != nil {
		out.Response.ExpiresAt = *p.ExpiresAt
	}
	return out, nil
}

// CreatePaymentIntent implements createPaymentIntent.
func (h *Payments) CreatePaymentIntent(ctx context.Context, _ *api.NewPaymentIntent, params api.CreatePaymentIntentParams) (*api.PaymentIntentHeaders, error) {
	secret := ""
	p, replayed, err := h.asked(ctx, params.IdempotencyKey, params.IfMatch, func(by billing.By) (p payment.Payment, err error) {
		p, secret, err = h.books.Intent(ctx, by, string(params.ID))
		return p, err
	})
	if err == nil && secret == "" {
		secret, err = h.books.Secret(ctx, p)
	}
	if err != nil {
		return nil, err
	}
	return &api.PaymentIntentHeaders{IdempotencyReplayed: api.OptBool{Value: true, Set: replayed}, Response: api.PaymentIntent{
		PaymentID: api.ID(p.ID), PaymentIntent: p.Intent, ClientSecret: secret, Amount: p.Amount, Currency: api.Currency(p.Currency),
	}}, nil
}

// asked has Stripe asked under a lease, and answers a retry with what was made of it.
func (h *Payments) asked(ctx context.Context, key, ifMatch api.OptString, ask func(billing.By) (payment.Payment, error)) (p payment.Payment, replayed bool, err error) {
	expect, err := gateway.Match(ifMatch, false)
	if err != nil {
		return p, false, err
	}
	by := billing.By{Principal: gateway.Principal(ctx), Mark: gateway.Mark(ctx, key), Expect: expect}
	result, replayed, err := gateway.Leased(ctx, h.edge, by.Mark, func() ([]byte, error) {
		if p, err = ask(by); err != nil {
			return nil, err
		}
		return json.Marshal(p.ID)
	})
	if err != nil || !replayed {
		return p, false, err
	}
	var id string
	if err := json.Unmarshal(result, &id); err != nil {
		return p, true, fmt.Errorf("decode what was asked for: %w", err)
	}
	found, err := h.books.Look(ctx, by.Principal, id)
	return found.Payment, true, err
}

// RefundOrder implements refundOrder.
func (h *Payments) RefundOrder(ctx context.Context, req *api.NewRefund, params api.RefundOrderParams) (*api.RefundListHeaders, error) {
	expect, err := gateway.Match(params.IfMatch, false)
	if err != nil {
		return nil, err
	}
	made, replayed, err := h.refund(ctx, params.IdempotencyKey, expect, string(params.ID), newRefund(req, ""))
	if err != nil {
		return nil, err
	}
	out := &api.RefundListHeaders{IdempotencyReplayed: api.OptBool{Value: true, Set: replayed}}
	out.Response.Items, out.Response.NextCursor = make([]api.Refund, len(made)), gateway.Next("")
	for i, r := range made {
		out.Response.Items[i] = shownRefund(r)
	}
	return out, nil
}

// RefundPayment implements refundPayment.
func (h *Payments) RefundPayment(ctx context.Context, req *api.NewRefund, params api.RefundPaymentParams) (*api.RefundHeaders, error) {
	found, err := h.books.Look(ctx, gateway.Principal(ctx), string(params.ID))
	if err != nil {
		return nil, err
	}
	made, replayed, err := h.refund(ctx, params.IdempotencyKey, nil, found.OrderID, newRefund(req, found.ID))
	if err != nil {
		return nil, err
	}
	return &api.RefundHeaders{IdempotencyReplayed: api.OptBool{Value: true, Set: replayed}, Response: shownRefund(made[0])}, nil
}

func (h *Payments) refund(ctx context.Context, key api.OptString, expect func(int64) error, orderID string, in billing.Refund) ([]billing.RefundOf, bool, error) {
	by := billing.By{Principal: gateway.Principal(ctx), Mark: gateway.Mark(ctx, key), Expect: expect}
	return gateway.Once(ctx, h.edge, by.Mark,
		func() ([]billing.RefundOf, error) { return h.books.Refund(ctx, by, orderID, in) },
		func(ref string) ([]billing.RefundOf, error) { return h.books.Refunded(ctx, ref) })
}

// ListPaymentReviews implements listPaymentReviews.
func (h *Payments) ListPaymentReviews(ctx context.Context, params api.ListPaymentReviewsParams) (*api.PaymentReviewList, error) {
	var open *bool
	if v, ok := params.Open.Get(); ok {
		open = &v
	}
	l, err := h.books.DB.Reviews(ctx, open, gateway.PageOf(params.Limit, params.Cursor))
	if err != nil {
		return nil, err
	}
	out := &api.PaymentReviewList{Items: make([]api.PaymentReview, len(l.Items)), NextCursor: gateway.Next(l.Next)}
	for i, r := range l.Items {
		out.Items[i] = shownReview(r)
	}
	return out, nil
}

// ResolvePaymentReview implements resolvePaymentReview.
func (h *Payments) ResolvePaymentReview(ctx context.Context, req *api.Resolution, params api.ResolvePaymentReviewParams) (*api.PaymentReviewHeaders, error) {
	by := billing.By{Principal: gateway.Principal(ctx), Mark: gateway.Mark(ctx, params.IdempotencyKey)}
	r, replayed, err := gateway.Once(ctx, h.edge, by.Mark,
		func() (table.Review, error) { return h.books.Resolve(ctx, by, string(params.ID), req.Note) },
		func(id string) (table.Review, error) { return h.books.DB.Review(ctx, id) })
	if err != nil {
		return nil, err
	}
	return &api.PaymentReviewHeaders{IdempotencyReplayed: api.OptBool{Value: true, Set: replayed}, Response: shownReview(r)}, nil
}

func (h *Payments) look(ctx context.Context, by billing.By, id string) (table.PaymentOf, error) {
	return h.books.Look(ctx, by.Principal, id)
}

// act does a fact about a payment, or answers with what an earlier attempt made of it.
func (h *Payments) act(ctx context.Context, key api.OptString, expect func(int64) error, again func(context.Context, billing.By, string) (table.PaymentOf, error), do func(billing.By) (table.PaymentOf, error)) (*api.PaymentHeaders, error) {
	by := billing.By{Principal: gateway.Principal(ctx), Mark: gateway.Mark(ctx, key), Expect: expect}
	p, replayed, err := gateway.Once(ctx, h.edge, by.Mark,
		func() (table.PaymentOf, error) { return do(by) },
		func(id string) (table.PaymentOf, error) { return again(ctx, by, id) })
	if err != nil {
		return nil, err
	}
	return &api.PaymentHeaders{IdempotencyReplayed: api.OptBool{Value: true, Set: replayed}, Response: shown(p)}, nil
}
