// Package audit is called by the clock. It proves that the ledgers explain
// every balance, of stock and of money, and on its way does for each SKU what a record of the stream
// should have had done: so a record that was lost is made good.
package audit

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"time"

	"waybill/shared/billing"
	"waybill/shared/consumer"
	"waybill/shared/ordering"
	"waybill/shared/warehouse"
)

// A Prover runs the proof, and tends each SKU on the way.
type Prover interface {
	Audit(ctx context.Context, due, until time.Time, tend warehouse.Tend) (warehouse.Proof, error)
	WatchLevel(ctx context.Context, sku string) error
}

// A Bookkeeper proves orders' money.
type Bookkeeper interface {
	Audit(ctx context.Context, until time.Time) (billing.Proven, error)
}

// A Server gives what is free of a SKU to the orders that wait for it.
type Server interface {
	Serve(ctx context.Context, sku string) error
}

// Audit is the function.
type Audit struct {
	Floor   Prover
	Orders  Server
	Books   Bookkeeper
	Log     *slog.Logger
	Metrics io.Writer
	Now     func() time.Time
}

// New returns the function's handler.
func New(edge consumer.Edge) consumer.Handler[Event, struct{}] {
	ids := edge.IDs()
	a := &Audit{
		Floor:  &warehouse.Floor{DB: edge.Records, IDs: ids, Pause: edge.Pause},
		Orders: &ordering.Desk{DB: edge.Records, IDs: ids},
		Books:  &billing.Books{DB: edge.Records, IDs: ids},
		Log:    edge.Log, Metrics: edge.Metrics, Now: edge.Now,
	}
	return a.Handle
}

// An Event is what the schedule in template.yaml sends: the moment that the
// call was due, the same one when it is repeated. Without one it is due now.
type Event struct {
	Scheduled time.Time `json:"scheduled"`
}

const (
	// margin is what is left of an invocation's time when no further page of
	// SKUs is begun: more than a page takes. What is cut short nevertheless is
	// done again from the last page that was stored.
	margin = 2 * time.Minute
	// workTime is for a context without a deadline.
	workTime = 10 * time.Minute
)

// Handle goes on with the run that is under way, or starts one, until it is
// complete or the time is up; then the next call goes on.
func (a *Audit) Handle(ctx context.Context, e Event) (struct{}, error) {
	until := consumer.Until(ctx, a.Now(), margin, workTime)
	due := e.Scheduled
	if due.IsZero() {
		due = a.Now()
	}
	run, err := a.Floor.Audit(ctx, due, until, a.tend)
	if err != nil {
		return struct{}{}, fmt.Errorf("prove the stock: %w", err)
	}
	if err := a.money(ctx, until); err != nil {
		return struct{}{}, err
	}
	if !run.Complete {
		a.Log.InfoContext(ctx, "the proof goes on with the next call", "run", run.Run, "checked", run.Checked)
		return struct{}{}, nil
	}
	return struct{}{}, a.tell(ctx, run)
}

// money proves a stretch of what orders were paid.
func (a *Audit) money(ctx context.Context, until time.Time) error {
	found, err := a.Books.Audit(ctx, until)
	if err != nil {
		return fmt.Errorf("prove the money: %w", err)
	}
	if found.Payments == 0 {
		return nil // nobody paid anything yet
	}
	level, message := slog.LevelInfo, "the money is proven"
	if len(found.Drift) > 0 {
		level, message = slog.LevelError, "the money drifts"
	}
	a.Log.Log(ctx, level, message, "payments", found.Payments, "drifts", len(found.Drift), "complete", found.Complete)
	return consumer.Measure(a.Metrics, a.Now(), map[string]int64{"PaymentsChecked": found.Payments, "MoneyDrift": int64(len(found.Drift))})
}

// tend makes good what a lost record of the stream left undone.
func (a *Audit) tend(ctx context.Context, sku string, free bool) {
	if free {
		a.try(ctx, sku, "waiting orders were not served", a.Orders.Serve)
	}
	a.try(ctx, sku, "a level was not watched", a.Floor.WatchLevel)
}

func (a *Audit) try(ctx context.Context, sku, failure string, do func(context.Context, string) error) {
	if err := consumer.Safely(func() error { return do(ctx, sku) }); err != nil {
		consumer.LogFailure(ctx, a.Log, failure, err, "sku", sku)
	}
}

// tell says what a complete run found, in the log and as metrics to raise alarms by.
func (a *Audit) tell(ctx context.Context, run warehouse.Proof) error {
	level, message := slog.LevelInfo, "the stock is proven"
	if len(run.Drift) > 0 {
		level, message = slog.LevelError, "the stock drifts"
	}
	a.Log.Log(ctx, level, message, "run", run.Run, "checked", run.Checked, "orders", run.Orders, "drifts", len(run.Drift), "unsettled", run.Unsettled)
	return consumer.Measure(a.Metrics, run.At, map[string]int64{
		"StockItemsChecked": run.Checked, "StockDrift": int64(len(run.Drift)), "ProofUnsettled": run.Unsettled,
	})
}
