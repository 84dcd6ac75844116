// Package expire is called by the clock. It ends prepaid orders that nobody
// paid in time, so that their stock can be sold to somebody else.
package expire

import (
	"context"
	"log/slog"
	"time"

	"waybill/shared/billing"
	"waybill/shared/consumer"
)

// An Expirer ends what nobody paid.
type Expirer interface {
	Expire(ctx context.Context, until time.Time) (int, error)
}

// Expire is the function.
type Expire struct {
	Books Expirer
	Log   *slog.Logger
	Now   func() time.Time
}

// An Event is what the schedule in template.yaml sends; nothing depends on it.
type Event struct{}

// New returns what builds the function's handler, with Stripe.
func New(stripe billing.Processor) func(consumer.Edge) consumer.Handler[Event, struct{}] {
	return func(edge consumer.Edge) consumer.Handler[Event, struct{}] {
		e := &Expire{Books: &billing.Books{DB: edge.Records, IDs: edge.IDs(), Stripe: stripe}, Log: edge.Log, Now: edge.Now}
		return e.Handle
	}
}

const (
	// margin is what is left of an invocation's time when no further order is begun.
	margin = 30 * time.Second
	// workTime is for a context without a deadline.
	workTime = 5 * time.Minute
)

// Handle ends what is due, as far as the time goes; the next call goes on.
func (e *Expire) Handle(ctx context.Context, _ Event) (struct{}, error) {
	until := consumer.Until(ctx, e.Now(), margin, workTime)
	ended, err := e.Books.Expire(ctx, until)
	e.Log.InfoContext(ctx, "unpaid orders ended", "orders", ended)
	return struct{}{}, err
}
