// Package sweep is called by the clock. It makes good what was missed: events
// that Stripe could not deliver, and what Stripe was to do and was not asked for.
package sweep

import (
	"context"
	"log/slog"

	"waybill/shared/billing"
	"waybill/shared/consumer"
)

// A Sweeper sweeps.
type Sweeper interface {
	Sweep(ctx context.Context) (billing.Swept, error)
}

// Sweep is the function.
type Sweep struct {
	Books Sweeper
	Log   *slog.Logger
}

// An Event is what the schedule in template.yaml sends; nothing depends on it.
type Event struct{}

// New returns what builds the function's handler, with Stripe.
func New(stripe billing.Processor) func(consumer.Edge) consumer.Handler[Event, struct{}] {
	return func(edge consumer.Edge) consumer.Handler[Event, struct{}] {
		s := &Sweep{Books: &billing.Books{DB: edge.Records, IDs: edge.IDs(), Stripe: stripe}, Log: edge.Log}
		return s.Handle
	}
}

// Handle sweeps once.
func (s *Sweep) Handle(ctx context.Context, _ Event) (struct{}, error) {
	done, err := s.Books.Sweep(ctx)
	s.Log.InfoContext(ctx, "swept", "events", done.Events, "orders", done.Orders)
	return struct{}{}, err
}
