package stockwatch_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"waybill/functions/stockwatch"
)

// shelf notes what is asked of it, and fails or panics for some SKUs.
type shelf struct {
	mu      sync.Mutex
	asked   []string
	failing map[string]func() error
}

func (s *shelf) ask(what, sku string) error {
	s.mu.Lock()
	s.asked = append(s.asked, what+" "+sku)
	s.mu.Unlock()
	if fail := s.failing[what+" "+sku]; fail != nil {
		return fail()
	}
	return nil
}

func (s *shelf) Serve(_ context.Context, sku string) error { return s.ask("serve", sku) }
func (s *shelf) Watched(_ context.Context, skus []string) (map[string]bool, error) {
	all := map[string]bool{}
	for _, sku := range skus {
		all[sku] = sku != "UNWATCHED"
	}
	return all, nil
}

func (s *shelf) WatchLevel(_ context.Context, sku string) error { return s.ask("watch", sku) }

// handle gives the batch to the function and returns what was asked, by name, what failed, and the log.
func (s *shelf) handle(ctx context.Context, t *testing.T, batch events.DynamoDBEvent) (failed []string, log string) {
	t.Helper()
	var out bytes.Buffer
	w := &stockwatch.Stockwatch{Orders: s, Levels: s, Log: slog.New(slog.NewJSONHandler(&out, nil))}
	answer, err := w.Handle(ctx, batch)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range answer.BatchItemFailures {
		failed = append(failed, f.ItemIdentifier)
	}
	slices.Sort(s.asked)
	return failed, out.String()
}

func (s *shelf) wantAsked(t *testing.T, want ...string) {
	t.Helper()
	if !slices.Equal(s.asked, want) {
		t.Errorf("asked for %v, want %v", s.asked, want)
	}
}

func sample(t *testing.T) events.DynamoDBEvent {
	t.Helper()
	text, err := os.ReadFile("testdata/stream.json")
	if err != nil {
		t.Fatal(err)
	}
	var e events.DynamoDBEvent
	if err := json.Unmarshal(text, &e); err != nil {
		t.Fatal(err)
	}
	return e
}

// record is a stock item's change from one number of available units to another; below 0 there is no item.
func record(sequence int, pk, sk string, was, is int) events.DynamoDBEventRecord {
	image := func(n int) map[string]events.DynamoDBAttributeValue {
		if n < 0 {
			return nil
		}
		return map[string]events.DynamoDBAttributeValue{"available": events.NewNumberAttribute(fmt.Sprint(n))}
	}
	return events.DynamoDBEventRecord{Change: events.DynamoDBStreamRecord{
		SequenceNumber: fmt.Sprint(sequence), OldImage: image(was), NewImage: image(is),
		Keys: map[string]events.DynamoDBAttributeValue{"pk": events.NewStringAttribute(pk), "sk": events.NewStringAttribute(sk)},
	}}
}

func batch(records ...events.DynamoDBEventRecord) events.DynamoDBEvent {
	return events.DynamoDBEvent{Records: records}
}

func TestARealBatchIsFollowedOncePerSKU(t *testing.T) {
	t.Parallel()
	s := &shelf{}
	if failed, log := s.handle(t.Context(), t, sample(t)); len(failed) > 0 || log != "" {
		t.Errorf("failed %v, log %s", failed, log)
	}
	s.wantAsked(t, "serve MUG", "watch MUG")
}

func TestOrdersAreServedOnlyWhereUnitsBecameFree(t *testing.T) {
	t.Parallel()
	s := &shelf{}
	s.handle(t.Context(), t, batch(
		record(1, "STOCK#FELL", "LOCATION#MAIN", 5, 4),
		record(2, "STOCK#NEW", "LOCATION#MAIN", -1, 4),
		record(3, "STOCK#EMPTY", "LOCATION#MAIN", -1, 0),
		record(4, "STOCK#GONE", "LOCATION#MAIN", 4, -1),
		record(5, "STOCK#MOVED", "LOCATION#MAIN", 5, 0),
		record(6, "STOCK#MOVED", "LOCATION#EAST", 0, 5),
		record(7, "STOCK#ROSE", "LOCATION#MAIN", 0, 1),
		record(8, "STOCK#ROSE", "LOCATION#MAIN", 1, 0),
		record(9, "STOCK#UNWATCHED", "LOCATION#MAIN", 0, 1),
		record(10, "STOCK#UNWATCHED", "LOCATION#EAST", 1, 0),
		record(11, "STOCK#WANTED", "WAITS#1#2", -1, 0),
		record(12, "STOCK#SERVED", "WAITS#1#2", 0, -1),
	))
	s.wantAsked(t, "serve MOVED", "serve NEW", "serve ROSE", "serve UNWATCHED", "serve WANTED",
		"watch EMPTY", "watch FELL", "watch GONE", "watch MOVED", "watch NEW", "watch ROSE", "watch WANTED")
}

func TestOnlyStockItemsAreLookedAt(t *testing.T) {
	t.Parallel()
	s := &shelf{}
	number := record(1, "STOCK#MUG", "LOCATION#MAIN", 0, 1)
	number.Change.Keys["sk"] = events.NewNumberAttribute("1")
	keyless := record(2, "", "", 0, 1)
	keyless.Change.Keys = nil
	failed, log := s.handle(t.Context(), t, batch(number, keyless,
		record(3, "STOCK#MUG", "MOVEMENT#1", 0, 1), record(4, "ORDER#1", "ORDER", 0, 1),
		record(5, "LOCATIONS", "LOCATIONS", 0, 1), record(6, "STOCK#", "LOCATION#MAIN", 0, 1),
	))
	if len(failed) > 0 || log != "" {
		t.Errorf("failed %v, log %s", failed, log)
	}
	s.wantAsked(t)
}

func TestAFailingSKUIsReportedByItsFirstRecordAndTheOthersAreDone(t *testing.T) {
	t.Parallel()
	s := &shelf{failing: map[string]func() error{
		"serve B": func() error { return errors.New("no") },
		"watch C": func() error { panic("never") },
	}}
	failed, log := s.handle(t.Context(), t, batch(
		record(1, "STOCK#A", "LOCATION#MAIN", 0, 1), record(2, "STOCK#B", "LOCATION#MAIN", 1, 0), record(3, "STOCK#C", "LOCATION#MAIN", 0, 1),
		record(4, "STOCK#B", "LOCATION#MAIN", 0, 1), record(5, "STOCK#D", "LOCATION#MAIN", 1, 0),
	))
	if want := []string{"2", "3"}; !slices.Equal(failed, want) {
		t.Errorf("failed are %v, want %v", failed, want)
	}
	s.wantAsked(t, "serve A", "serve B", "serve C", "watch A", "watch C", "watch D")
	if !strings.Contains(log, `"sku":"B"`) || !strings.Contains(log, "never") || !strings.Contains(log, "stack") {
		t.Errorf("the log says %s", log)
	}
}

func TestARecordThatCannotBeReadIsSkippedWithALine(t *testing.T) {
	t.Parallel()
	text := record(2, "STOCK#B", "LOCATION#MAIN", 0, 1)
	text.Change.NewImage["available"] = events.NewStringAttribute("many")
	none := record(3, "STOCK#C", "LOCATION#MAIN", 0, 1)
	delete(none.Change.OldImage, "available")
	none.Change.OldImage["other"] = events.NewNumberAttribute("1")
	fraction := record(4, "STOCK#D", "LOCATION#MAIN", 0, 1)
	fraction.Change.NewImage["available"] = events.NewNumberAttribute("x")
	s := &shelf{}
	failed, log := s.handle(t.Context(), t, batch(record(1, "STOCK#A", "LOCATION#MAIN", 0, 1), text, none, fraction, record(5, "STOCK#E", "LOCATION#MAIN", 1, 0)))
	if len(failed) > 0 || strings.Count(log, "skipped") != 3 {
		t.Errorf("failed %v, log %s", failed, log)
	}
	s.wantAsked(t, "serve A", "watch A", "watch E")
}

func TestWhatTheTimeDoesNotSufficeForIsReported(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second) // less than is left to answer in
	defer cancel()
	s := &shelf{}
	failed, _ := s.handle(ctx, t, batch(record(1, "STOCK#A", "LOCATION#MAIN", 0, 1), record(2, "STOCK#B", "LOCATION#MAIN", 0, 1)))
	if want := []string{"1", "2"}; !slices.Equal(failed, want) {
		t.Errorf("failed are %v, want %v", failed, want)
	}
	s.wantAsked(t)
}
