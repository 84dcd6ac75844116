// Package stripepay talks to Stripe: it asks for payments, captures, refunds
// and what became of them, and checks what Stripe's webhooks say. Nothing else
// imports Stripe's SDK or knows that its amounts, names and errors are not
// Waybill's.
//
// A call fails in one of three ways: as a refusal, after which nothing was done
// at Stripe; as a payment.ErrUnknown, when it may have been done all the same;
// or with the error of its context, wrapped in one of these. No error holds a
// key, a message of Stripe's or anything of the customer's.
package stripepay

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/stripe/stripe-go/v76"

	"waybill/shared/refusal"
)

// DefaultTimeout is how long a call takes at most, its repetition included.
const DefaultTimeout = 8 * time.Second

// A Client calls Stripe. It is safe for concurrent use.
type Client struct {
	Timeout time.Duration
	keys    Keys
	backend stripe.Backend
}

// New returns a client of Stripe at an address ("" is Stripe's own) through a
// transport (nil is the standard one).
func New(keys Keys, address string, transport http.RoundTripper) *Client {
	if transport == nil {
		transport = http.DefaultTransport
	}
	config := &stripe.BackendConfig{
		HTTPClient: &http.Client{
			Transport: watched{transport},
			// Stripe sends nobody elsewhere, and the key goes nowhere else.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		EnableTelemetry:   stripe.Bool(false),
		LeveledLogger:     &stripe.LeveledLogger{Level: stripe.LevelNull}, // it would log bodies
		MaxNetworkRetries: stripe.Int64(1),
	}
	if address != "" {
		config.URL = stripe.String(address)
	}
	return &Client{Timeout: DefaultTimeout, keys: keys, backend: stripe.GetBackendWithConfig(stripe.APIBackend, config)}
}

// Live reports whether the account's key moves real money.
func (c *Client) Live(ctx context.Context) (bool, error) {
	key, err := c.key(ctx)
	return strings.HasPrefix(key, "sk_live_") || strings.HasPrefix(key, "rk_live_"), err
}

func (c *Client) key(ctx context.Context) (string, error) {
	secrets, err := c.keys(ctx)
	switch {
	case err != nil:
		return "", failure{unavailable("The key of Stripe can't be had."), err}
	case secrets.Key == "":
		return "", unavailable("There is no key of Stripe.")
	}
	return secrets.Key, nil
}

// reads and writes say what a call that failed half-way leaves behind.
const (
	reads  = false
	writes = true
)

// call has f call Stripe once, within the time-out, and says what its failure
// means. What is f's context and key is for its one request.
func (c *Client) call(ctx context.Context, does bool, f func(ctx context.Context, key string) error) error {
	key, err := c.key(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	seen := &attempts{}
	if err := f(seen.watch(ctx), key); err != nil {
		return explain(err, does, seen)
	}
	return nil
}

// params are what every request has. Without a key of its own a request that
// changes something gets one from the SDK, for its repetition.
func params(ctx context.Context, key string) stripe.Params {
	p := stripe.Params{Context: ctx}
	if key != "" {
		p.IdempotencyKey = stripe.String(key)
	}
	return p
}

// pages collects all pages of a list. Each is a call of its own.
func pages[T any](ctx context.Context, c *Client, id func(T) string, page func(p stripe.ListParams, key string) ([]T, bool, error)) ([]T, error) {
	const pageSize = 100
	var all []T
	for more := true; more; {
		p := stripe.ListParams{Limit: stripe.Int64(pageSize), Single: true}
		if len(all) > 0 {
			p.StartingAfter = stripe.String(id(all[len(all)-1]))
		}
		err := c.call(ctx, reads, func(ctx context.Context, key string) error {
			p.Context = ctx
			items, rest, err := page(p, key)
			all, more = append(all, items...), rest && len(items) > 0
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

func unavailable(detail string) *refusal.Error {
	return refusal.New(refusal.Unavailable, "stripe_unavailable", "%s", detail)
}
