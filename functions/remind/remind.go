// Package remind is called by the clock. It reminds customers of
// invoices that come to be due, and staff of dead letters that wait.
package remind

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"time"

	"waybill/shared/consumer"
	"waybill/shared/invoicing"
	"waybill/shared/recovery"
)

// A Book reminds of invoices.
type Book interface {
	Remind(ctx context.Context, until time.Time) (int, error)
}

// Letters reminds of dead letters.
type Letters interface {
	Remind(ctx context.Context) (recovery.Backlog, error)
}

// Remind is the function.
type Remind struct {
	Book    Book
	Letters Letters
	Log     *slog.Logger
	Metrics io.Writer
	Now     func() time.Time
}

// An Event is what the schedule in template.yaml sends; nothing depends on it.
type Event struct{}

// New returns the function's handler.
func New(edge consumer.Edge) consumer.Handler[Event, struct{}] {
	r := &Remind{
		Book:    &invoicing.Book{DB: edge.Records, IDs: edge.IDs()},
		Letters: &recovery.Desk{DB: edge.Records, IDs: edge.IDs()},
		Log:     edge.Log, Metrics: edge.Metrics, Now: edge.Now,
	}
	return r.Handle
}

const (
	// margin is what is left of an invocation's time when no further invoice is begun.
	margin = 30 * time.Second
	// workTime is for a context without a deadline.
	workTime = 5 * time.Minute
)

// Handle reminds of both: neither waits for the other to work.
func (r *Remind) Handle(ctx context.Context, _ Event) (struct{}, error) {
	backlog, failed := r.Letters.Remind(ctx)
	if failed == nil {
		failed = consumer.Measure(r.Metrics, r.Now(), map[string]int64{"DeadLetters": backlog.Letters, "DeadLetterAgeSeconds": int64(backlog.Age / time.Second)})
	}
	invoices, err := r.Book.Remind(ctx, consumer.Until(ctx, r.Now(), margin, workTime))
	r.Log.InfoContext(ctx, "reminded", "invoices", invoices, "letters", backlog.Letters)
	return struct{}{}, errors.Join(failed, err)
}
