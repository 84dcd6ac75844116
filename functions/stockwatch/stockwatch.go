// Package stockwatch is fed by the table's stream and follows the stock items:
// where units became free it serves the orders that wait for them, and it
// watches every SKU's level.
//
// A record only says that something changed: what is done is decided by fresh
// reads, so that records may come twice, late and in any order.
package stockwatch

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"waybill/shared/consumer"
	"waybill/shared/ordering"
	"waybill/shared/table"
	"waybill/shared/warehouse"
)

// A Server gives what is free of a SKU to the orders that wait for it.
type Server interface {
	Serve(ctx context.Context, sku string) error
}

// A Watcher raises the event that a SKU is low; Watched says for which there may be one.
type Watcher interface {
	Watched(ctx context.Context, skus []string) (map[string]bool, error)
	WatchLevel(ctx context.Context, sku string) error
}

// Stockwatch is the function.
type Stockwatch struct {
	Orders Server
	Levels Watcher
	Log    *slog.Logger
}

// New returns the function's handler.
func New(edge consumer.Edge) consumer.Handler[events.DynamoDBEvent, events.DynamoDBEventResponse] {
	ids := edge.IDs()
	s := &Stockwatch{
		Orders: &ordering.Desk{DB: edge.Records, IDs: ids},
		Levels: &warehouse.Floor{DB: edge.Records, IDs: ids, Pause: edge.Pause},
		Log:    edge.Log,
	}
	return s.Handle
}

// margin is what is left of an invocation's time to answer what was not done.
const margin = 3 * time.Second

// Handle does what the records of a batch call for, SKU by SKU, and answers
// with the first record of each SKU that failed or was not come to: from the
// lowest of them the stream goes on.
func (s *Stockwatch) Handle(ctx context.Context, batch events.DynamoDBEvent) (events.DynamoDBEventResponse, error) {
	work := ctx
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		work, cancel = context.WithDeadline(ctx, deadline.Add(-margin))
		defer cancel()
	}
	changes := s.changes(ctx, batch.Records)
	s.watch(work, changes)
	var mu sync.Mutex
	done := map[string]bool{}
	// Each ends early only when the time is up: a SKU's failure is its own.
	_ = table.Each(work, len(changes), func(ctx context.Context, i int) error {
		if err := consumer.Safely(func() error { return s.follow(ctx, changes[i]) }); err != nil {
			consumer.LogFailure(ctx, s.Log, "a SKU was not followed", err, "sku", changes[i].sku, "sequence", changes[i].first)
			return nil
		}
		mu.Lock()
		defer mu.Unlock()
		done[changes[i].sku] = true
		return nil
	})
	answer := events.DynamoDBEventResponse{BatchItemFailures: []events.DynamoDBBatchItemFailure{}}
	for _, c := range changes {
		if !done[c.sku] {
			answer.BatchItemFailures = append(answer.BatchItemFailures, events.DynamoDBBatchItemFailure{ItemIdentifier: c.first})
		}
	}
	return answer, nil
}

// watch marks the changes whose SKU has a level to watch: all of them, when that can't be told.
func (s *Stockwatch) watch(ctx context.Context, changes []change) {
	skus := make([]string, len(changes))
	for i, c := range changes {
		skus[i] = c.sku
	}
	watched, err := s.Levels.Watched(ctx, skus)
	for i := range changes {
		changes[i].watched = err != nil || watched[changes[i].sku]
	}
}

// follow serves first: what those who wait take is not free for long.
func (s *Stockwatch) follow(ctx context.Context, c change) error {
	if c.rose {
		if err := s.Orders.Serve(ctx, c.sku); err != nil {
			return fmt.Errorf("serve the orders that wait for %s: %w", c.sku, err)
		}
	}
	if !c.watched {
		return nil
	}
	if err := s.Levels.WatchLevel(ctx, c.sku); err != nil {
		return fmt.Errorf("watch the level of %s: %w", c.sku, err)
	}
	return nil
}

// A change is what a batch says of a SKU.
type change struct {
	sku   string
	first string // sequence number of its first record
	rose  bool   // units became free at a location, or somebody came to wait

	watched bool // its level is
}

// changes groups the stock items' records by SKU, in the order of their first
// ones. Other records are none of this function's business; one that can't be
// read will not be readable the next time either, and is left behind.
func (s *Stockwatch) changes(ctx context.Context, records []events.DynamoDBEventRecord) []change {
	var all []change
	at := map[string]int{}
	for _, r := range records {
		pk, sk := text(r.Change.Keys["pk"]), text(r.Change.Keys["sk"])
		place, ok := table.PlaceOf(pk, sk)
		waits := false
		if !ok {
			// Who comes to wait may find units free elsewhere, or that became free meanwhile.
			if place.SKU, waits = table.WaitsFor(pk, sk); !waits || len(r.Change.NewImage) == 0 {
				continue
			}
		}
		rose, err := rose(r.Change)
		if waits {
			rose, err = true, nil
		}
		if err != nil {
			s.Log.ErrorContext(ctx, "a record was skipped", "sequence", r.Change.SequenceNumber, "sku", place.SKU, "error", err.Error())
			continue
		}
		i, known := at[place.SKU]
		if !known {
			i = len(all)
			at[place.SKU] = i
			all = append(all, change{sku: place.SKU, first: r.Change.SequenceNumber})
		}
		all[i].rose = all[i].rose || rose
	}
	return all
}

// rose compares what was available with what is now; what a person wants done
// again counts as risen.
func rose(c events.DynamoDBStreamRecord) (bool, error) {
	was, err := available(c.OldImage)
	if err != nil {
		return false, fmt.Errorf("old image: %w", err)
	}
	is, err := available(c.NewImage)
	if err != nil {
		return false, fmt.Errorf("new image: %w", err)
	}
	return is > was || text(c.NewImage[table.Again]) != text(c.OldImage[table.Again]), nil
}

// available is 0 of an item that is not there.
func available(image map[string]events.DynamoDBAttributeValue) (int64, error) {
	if len(image) == 0 {
		return 0, nil
	}
	v, ok := image[table.StockAvailable]
	if !ok || v.DataType() != events.DataTypeNumber {
		return 0, fmt.Errorf("%s is no number", table.StockAvailable)
	}
	return v.Integer()
}

// text is the text of a key's attribute; a key of anything else is no key of ours.
func text(v events.DynamoDBAttributeValue) string {
	if v.DataType() != events.DataTypeString {
		return ""
	}
	return v.String()
}
