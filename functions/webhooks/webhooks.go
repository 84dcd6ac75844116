// Package webhooks is the HTTP edge of what other programs are told: the
// endpoints that events are sent to, their log, and the replay of everything that
// happened for programs that ask.
package webhooks

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"waybill/shared/api"
	"waybill/shared/delivery"
	"waybill/shared/gateway"
	"waybill/shared/webhook"
)

// Webhooks implements the operations of the contract's group Webhooks.
type Webhooks struct {
	edge    gateway.Edge
	keeper  *delivery.Keeper
	courier *delivery.Courier
}

var _ api.WebhooksHandler = (*Webhooks)(nil)

// Outside is what stands beyond: it judges addresses, and posts to them.
type Outside interface {
	delivery.Guard
	delivery.Poster
}

// New returns what builds the function's handler.
func New(out Outside) func(gateway.Edge) (http.Handler, error) {
	return func(edge gateway.Edge) (http.Handler, error) {
		w := &Webhooks{
			edge:    edge,
			keeper:  &delivery.Keeper{DB: edge.Records, IDs: edge.IDs(), Guard: out},
			courier: &delivery.Courier{DB: edge.Records, IDs: edge.IDs(), Out: out},
		}
		type rest struct{ api.UnimplementedHandler }
		return edge.Handler(api.WebhooksGroup, struct {
			*Webhooks
			rest
		}{Webhooks: w})
	}
}

// CreateWebhookEndpoint implements createWebhookEndpoint.
func (h *Webhooks) CreateWebhookEndpoint(ctx context.Context, req *api.NewWebhookEndpoint, params api.CreateWebhookEndpointParams) (*api.WebhookEndpointHeaders, error) {
	in := delivery.New{URL: string(req.URL), Types: req.Types, Description: req.Description.Or("")}
	return h.act(ctx, params.IdempotencyKey, nil, true, func(by delivery.By) (webhook.Endpoint, error) {
		return h.keeper.Create(ctx, by, in)
	})
}

// EditWebhookEndpoint implements editWebhookEndpoint.
func (h *Webhooks) EditWebhookEndpoint(ctx context.Context, req *api.WebhookEndpointEdit, params api.EditWebhookEndpointParams) (*api.WebhookEndpointHeaders, error) {
	expect, err := match(params.IfMatch)
	if err != nil {
		return nil, err
	}
	c := delivery.Change{Types: req.Types}
	if v, ok := req.URL.Get(); ok {
		address := string(v)
		c.URL = &address
	}
	if v, ok := req.Description.Get(); ok {
		c.Description = &v
	}
	if v, ok := req.Enabled.Get(); ok {
		c.Enabled = &v
	}
	return h.act(ctx, params.IdempotencyKey, expect, false, func(by delivery.By) (webhook.Endpoint, error) {
		return h.keeper.Edit(ctx, by, string(params.ID), c)
	})
}

// RotateWebhookSecret implements rotateWebhookSecret.
func (h *Webhooks) RotateWebhookSecret(ctx context.Context, params api.RotateWebhookSecretParams) (*api.WebhookEndpointHeaders, error) {
	return h.act(ctx, params.IdempotencyKey, nil, true, func(by delivery.By) (webhook.Endpoint, error) {
		return h.keeper.Rotate(ctx, by, string(params.ID))
	})
}

// DeleteWebhookEndpoint implements deleteWebhookEndpoint.
func (h *Webhooks) DeleteWebhookEndpoint(ctx context.Context, params api.DeleteWebhookEndpointParams) error {
	return h.keeper.Delete(ctx, delivery.By{Principal: gateway.Principal(ctx)}, string(params.ID))
}

// GetWebhookEndpoint implements getWebhookEndpoint.
func (h *Webhooks) GetWebhookEndpoint(ctx context.Context, params api.GetWebhookEndpointParams) (*api.GetWebhookEndpointOKHeaders, error) {
	e, err := h.keeper.Look(ctx, string(params.ID))
	if err != nil {
		return nil, err
	}
	v := shown(e, false)
	tag, err := etag(v)
	return &api.GetWebhookEndpointOKHeaders{ETag: api.NewOptString(tag), Response: v}, err
}

// ListWebhookEndpoints implements listWebhookEndpoints.
func (h *Webhooks) ListWebhookEndpoints(ctx context.Context) (*api.WebhookEndpointList, error) {
	all, err := h.keeper.All(ctx)
	if err != nil {
		return nil, err
	}
	out := &api.WebhookEndpointList{Items: make([]api.WebhookEndpoint, len(all)), NextCursor: gateway.Next("")}
	for i, e := range all {
		out.Items[i] = shown(e, false)
	}
	return out, nil
}

// ListWebhookAttempts implements listWebhookAttempts.
func (h *Webhooks) ListWebhookAttempts(ctx context.Context, params api.ListWebhookAttemptsParams) (*api.WebhookAttemptList, error) {
	if _, err := h.keeper.DB.Endpoint(ctx, string(params.ID)); err != nil {
		return nil, err
	}
	l, err := h.keeper.DB.Attempts(ctx, string(params.ID), gateway.PageOf(params.Limit, params.Cursor))
	if err != nil {
		return nil, err
	}
	out := &api.WebhookAttemptList{Items: make([]api.WebhookAttempt, len(l.Items)), NextCursor: gateway.Next(l.Next)}
	for i, a := range l.Items {
		out.Items[i] = shownAttempt(a)
	}
	return out, nil
}

// RedeliverWebhook implements redeliverWebhook.
func (h *Webhooks) RedeliverWebhook(ctx context.Context, req *api.Redelivery, params api.RedeliverWebhookParams) (*api.WebhookAttempt, error) {
	id := string(params.ID)
	result, _, err := gateway.Leased(ctx, h.edge, gateway.Mark(ctx, params.IdempotencyKey), func() ([]byte, error) {
		a, err := h.courier.Redeliver(ctx, id, string(req.Attempt))
		if err != nil {
			return nil, err
		}
		return json.Marshal(a.ID)
	})
	if err != nil {
		return nil, err
	}
	var attempt string
	if err := json.Unmarshal(result, &attempt); err != nil {
		return nil, fmt.Errorf("decode what was redelivered: %w", err)
	}
	a, err := h.keeper.DB.Attempt(ctx, id, attempt)
	if err != nil {
		return nil, err
	}
	v := shownAttempt(a)
	return &v, nil
}

// act does a fact about an endpoint, or answers with what an earlier attempt made of it.
// Who makes a secret is shown it, also by a retry: nothing else tells it.
func (h *Webhooks) act(ctx context.Context, key api.OptString, expect func(int64) error, secret bool, do func(delivery.By) (webhook.Endpoint, error)) (*api.WebhookEndpointHeaders, error) {
	by := delivery.By{Principal: gateway.Principal(ctx), Mark: gateway.Mark(ctx, key), Expect: expect}
	e, replayed, err := gateway.Once(ctx, h.edge, by.Mark,
		func() (webhook.Endpoint, error) { return do(by) },
		func(id string) (webhook.Endpoint, error) { return h.keeper.DB.Endpoint(ctx, id) })
	if err != nil {
		return nil, err
	}
	k, err := h.keeper.Look(ctx, e.ID)
	if err != nil {
		return nil, err
	}
	k.Endpoint = e
	v := shown(k, secret)
	tag, err := etag(v)
	if err != nil {
		return nil, err
	}
	return &api.WebhookEndpointHeaders{
		ETag: api.NewOptString(tag), IdempotencyReplayed: api.OptBool{Value: true, Set: replayed}, Response: v,
	}, nil
}
