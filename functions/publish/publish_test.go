package publish_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"waybill/functions/publish"
	"waybill/shared/announce"
	"waybill/shared/recovery"
	"waybill/shared/table"
)

// crier notes what it is to publish, and fails as it is told.
type crier struct {
	wants    []announce.Want
	failures []announce.Failure
	err      error
	swept    int
}

func (c *crier) Publish(_ context.Context, wants []announce.Want) ([]announce.Failure, error) {
	c.wants = append(c.wants, wants...)
	return c.failures, c.err
}

func (c *crier) Sweep(ctx context.Context, _ time.Time, bury func(context.Context, announce.Failure) error) (int, error) {
	c.swept++
	for _, f := range c.failures {
		if err := bury(ctx, f); err != nil {
			return 0, err
		}
	}
	return 0, c.err
}

type letters struct {
	buried []recovery.Failure
	err    error
}

func (l *letters) Bury(_ context.Context, f recovery.Failure) error {
	l.buried = append(l.buried, f)
	return l.err
}

func record(n int, name, pk, sk string, more ...string) events.DynamoDBEventRecord {
	r := events.DynamoDBEventRecord{EventName: name, Change: events.DynamoDBStreamRecord{
		SequenceNumber: fmt.Sprint(n),
		Keys:           map[string]events.DynamoDBAttributeValue{"pk": events.NewStringAttribute(pk), "sk": events.NewStringAttribute(sk)},
		NewImage:       map[string]events.DynamoDBAttributeValue{}, OldImage: map[string]events.DynamoDBAttributeValue{},
	}}
	for i, again := range more {
		[]map[string]events.DynamoDBAttributeValue{r.Change.OldImage, r.Change.NewImage}[i][table.Again] = events.NewStringAttribute(again)
	}
	return r
}

func handle(t *testing.T, c *crier, l *letters, records ...events.DynamoDBEventRecord) (failed []string, err error) {
	t.Helper()
	p := &publish.Publish{Crier: c, Letters: l, Log: slog.New(slog.DiscardHandler), Now: time.Now}
	out, err := p.Handle(t.Context(), events.DynamoDBEvent{Records: records})
	for _, f := range out.BatchItemFailures {
		failed = append(failed, f.ItemIdentifier)
	}
	return failed, err
}

const first = "EVENT#0000000001"

func TestNewEventsAndThoseAPersonWantsAgainArePublished(t *testing.T) {
	t.Parallel()
	c := &crier{}
	failed, err := handle(t, c, &letters{},
		record(1, "INSERT", "ORDER#A", first),
		record(2, "INSERT", "ORDER#A", "ORDER"),
		record(3, "INSERT", "EVENTS#access/x#01JD9Z3M8Q4T5V6W7X8Y9Z0A1B", "EVENT#01JD9Z3M8Q4T5V6W7X8Y9Z0A1B"), // a denial
		record(4, "MODIFY", "ORDER#B", first, "", "L#1"),
		record(5, "MODIFY", "ORDER#C", first, "L#1", "L#1"), // its mark of publication
		record(6, "REMOVE", "ORDER#D", first, "L#1", ""))
	want := []announce.Want{{Item: table.Item{PK: "ORDER#A", SK: first}}, {Item: table.Item{PK: "ORDER#B", SK: first}, Again: true}}
	if err != nil || failed != nil || !slices.Equal(c.wants, want) {
		t.Errorf("published %v, failed %v, %v", c.wants, failed, err)
	}
}

func TestWhatWasNotPublishedComesAgain(t *testing.T) {
	t.Parallel()
	i := table.Item{PK: "ORDER#A", SK: first}
	c := &crier{failures: []announce.Failure{{Item: i, Err: errors.New("throttled")}}}
	failed, err := handle(t, c, &letters{}, record(7, "INSERT", "ORDER#A", first), record(8, "INSERT", "ORDER#B", first))
	if err != nil || !slices.Equal(failed, []string{"7"}) {
		t.Errorf("failed %v, %v", failed, err)
	}
	if _, err := handle(t, &crier{err: errors.New("no table")}, &letters{}, record(7, "INSERT", "ORDER#A", first)); err == nil {
		t.Error("nobody noticed that the table is away")
	}
}

func TestAPoisonedRecordIsADeadLetterAndItsShardGoesOn(t *testing.T) {
	t.Parallel()
	i := table.Item{PK: "ORDER#A", SK: first}
	poison := []announce.Failure{{Item: i, Err: errors.New("can't be read"), Poison: true}}
	l := &letters{}
	failed, err := handle(t, &crier{failures: poison}, l, record(7, "INSERT", "ORDER#A", first))
	if err != nil || failed != nil || len(l.buried) != 1 || l.buried[0].Item != i || l.buried[0].Reason != "can't be read" {
		t.Errorf("failed %v, buried %+v, %v", failed, l.buried, err)
	}
	failed, _ = handle(t, &crier{failures: poison}, &letters{err: errors.New("no table")}, record(7, "INSERT", "ORDER#A", first))
	if !slices.Equal(failed, []string{"7"}) {
		t.Errorf("what could not be buried is %v", failed)
	}
}

func TestTheClockSweeps(t *testing.T) {
	t.Parallel()
	c, l := &crier{failures: []announce.Failure{{Err: errors.New("refused")}}}, &letters{}
	if _, err := handle(t, c, l); err != nil || c.swept != 1 || len(c.wants) != 0 || len(l.buried) != 1 {
		t.Errorf("%+v, %+v, %v", c, l, err)
	}
}
