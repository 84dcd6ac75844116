// Package deliver is woken by the messages of what happened, and by the clock.
// It has events sent to the webhook endpoints that take them.
package deliver

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"waybill/shared/bulletin"
	"waybill/shared/consumer"
	"waybill/shared/delivery"
	"waybill/shared/event"
)

const (
	// margin is what is kept of an invocation's time to answer in.
	margin = 2 * time.Second
	// otherwise is how long it works without a deadline.
	otherwise = 30 * time.Second
)

// A Courier sends events to endpoints.
type Courier interface {
	Wake(ctx context.Context, s event.Subject, seq int64, t event.Type, until time.Time) error
	Tick(ctx context.Context, until time.Time) error
}

// Deliver is the function.
type Deliver struct {
	Courier Courier
	Log     *slog.Logger
	Now     func() time.Time
}

// New returns what builds the function's handler, with what posts to endpoints.
func New(out delivery.Poster) func(consumer.Edge) consumer.Handler[consumer.Wake, events.SQSEventResponse] {
	return func(edge consumer.Edge) consumer.Handler[consumer.Wake, events.SQSEventResponse] {
		d := &Deliver{Courier: &delivery.Courier{DB: edge.Records, IDs: edge.IDs(), Out: out}, Log: edge.Log, Now: edge.Now}
		return d.Handle
	}
}

// Handle has sent what messages tell of, or, woken by the clock, what is due.
// Only events that were not noted, or that can't be sent through a mistake of our
// own, make a message come again: an endpoint that fails does not.
func (d *Deliver) Handle(ctx context.Context, in consumer.Wake) (events.SQSEventResponse, error) {
	until := consumer.Until(ctx, d.Now(), delivery.Reserve+margin, otherwise)
	if len(in.Records) == 0 {
		return events.SQSEventResponse{BatchItemFailures: []events.SQSBatchItemFailure{}}, d.Courier.Tick(ctx, until)
	}
	return consumer.Messages(ctx, d.Log, in.Records, margin, func(ctx context.Context, r events.SQSMessage) error {
		m, err := bulletin.Decode([]byte(r.Body))
		if err != nil {
			return err
		}
		if err := d.Courier.Wake(ctx, m.About(), m.Seq, m.Type, until); err != nil {
			return fmt.Errorf("deliver event %d of %s: %w", m.Seq, m.Subject, err)
		}
		return nil
	}), nil
}
