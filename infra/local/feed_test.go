package local

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"

	"waybill/infra/template"
)

// given notes what a function is given, and fails as it is told.
type given struct {
	batches [][]string
	fail    func(batch []string) (failed []string, err error)
}

func (g *given) handle(_ context.Context, e events.DynamoDBEvent) (events.DynamoDBEventResponse, error) {
	var batch []string
	for _, r := range e.Records {
		batch = append(batch, r.Change.SequenceNumber)
	}
	g.batches = append(g.batches, batch)
	var answer events.DynamoDBEventResponse
	if g.fail == nil {
		return answer, nil
	}
	failed, err := g.fail(batch)
	for _, x := range failed {
		answer.BatchItemFailures = append(answer.BatchItemFailures, events.DynamoDBBatchItemFailure{ItemIdentifier: x})
	}
	return answer, err
}

func numbered(numbers ...int) []events.DynamoDBEventRecord {
	var records []events.DynamoDBEventRecord
	for _, n := range numbers {
		records = append(records, events.DynamoDBEventRecord{Change: events.DynamoDBStreamRecord{SequenceNumber: fmt.Sprint(n)}})
	}
	return records
}

// feeding gives records to a function in batches of three, with two retries and no waiting.
func feeding(t *testing.T, g *given, edit func(*feed)) (log string) {
	t.Helper()
	var out bytes.Buffer
	f := &feed{
		stream:   template.Stream{Function: "F", BatchSize: 3, Retries: 2, Bisect: true, Timeout: time.Minute},
		function: lambda.NewHandler(g.handle), log: slog.New(slog.NewJSONHandler(&out, nil)),
		pause: func(ctx context.Context, _ time.Duration) error { return ctx.Err() },
	}
	if edit != nil {
		edit(f)
	}
	if err := f.give(t.Context(), numbered(1, 2, 3, 4, 5)); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func wantBatches(t *testing.T, g *given, want string) {
	t.Helper()
	var got []string
	for _, b := range g.batches {
		got = append(got, strings.Join(b, ""))
	}
	if strings.Join(got, " ") != want {
		t.Errorf("batches %v, want %s", got, want)
	}
}

func TestRecordsComeInBatches(t *testing.T) {
	t.Parallel()
	g := &given{}
	feeding(t, g, nil)
	wantBatches(t, g, "123 45")
}

func TestTheLowestFailedRecordIsWhereItGoesOn(t *testing.T) {
	t.Parallel()
	g := &given{}
	g.fail = func([]string) ([]string, error) {
		if len(g.batches) == 1 {
			return []string{"3", "2"}, nil
		}
		return nil, nil
	}
	feeding(t, g, nil)
	wantBatches(t, g, "123 23 45")
}

func TestARecordThatFailsTooOftenIsDroppedAndTheOthersAreNot(t *testing.T) {
	t.Parallel()
	g := &given{fail: func(batch []string) ([]string, error) {
		if slices.Contains(batch, "2") {
			return []string{"2"}, nil
		}
		return nil, nil
	}}
	log := feeding(t, g, nil)
	wantBatches(t, g, "123 23 23 3 45")
	if strings.Count(log, "given up") != 1 || !strings.Contains(log, `"sequence":"2"`) {
		t.Errorf("the log says %s", log)
	}
}

func TestABatchThatFailsAsAWholeIsHalved(t *testing.T) {
	t.Parallel()
	g := &given{fail: func(batch []string) ([]string, error) {
		if slices.Contains(batch, "3") {
			return nil, errors.New("not this one")
		}
		return nil, nil
	}}
	log := feeding(t, g, nil)
	wantBatches(t, g, "123 1 23 2 3 3 3 45")
	if strings.Count(log, "given up") != 1 {
		t.Errorf("the log says %s", log)
	}
}

func TestAFailureThatIsNotOfTheBatchFailsAllOfIt(t *testing.T) {
	t.Parallel()
	g := &given{}
	g.fail = func([]string) ([]string, error) {
		if len(g.batches) == 1 {
			return []string{"17"}, nil
		}
		return nil, nil
	}
	feeding(t, g, nil)
	wantBatches(t, g, "123 123 45")
}

func TestWhatTheFilterKeepsIsNotGiven(t *testing.T) {
	t.Parallel()
	g := &given{}
	feeding(t, g, func(f *feed) {
		tmpl, err := template.Load("../template/testdata/template.yaml")
		if err != nil {
			t.Fatal(err)
		}
		f.stream.Filters = tmpl.Streams()[0].Filters
	})
	wantBatches(t, g, "")
}

func TestNothingIsDroppedWhenTheSystemStops(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	g := &given{}
	g.fail = func([]string) ([]string, error) {
		cancel()
		return []string{"1"}, nil
	}
	f := &feed{stream: template.Stream{BatchSize: 3, Timeout: time.Minute}, function: lambda.NewHandler(g.handle), log: slog.New(slog.DiscardHandler), pause: pause}
	if err := f.give(ctx, numbered(1)); !errors.Is(err, context.Canceled) {
		t.Errorf("it counts as done: %v", err)
	}
}

func TestMarksOutliveTheProcessAndNotTheTable(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first, err := openMarks(dir, "arn:1")
	if err != nil {
		t.Fatal(err)
	}
	for shard, mark := range map[string]string{"a": "17", "b": markDone} {
		if err := first.set("E", shard, mark); err != nil {
			t.Fatal(err)
		}
	}
	for stream, want := range map[string]string{"arn:1": "17 done", "arn:2": " "} {
		m, err := openMarks(dir, stream)
		if err != nil {
			t.Fatal(err)
		}
		if got := m.at("E", "a") + " " + m.at("E", "b"); got != want {
			t.Errorf("the marks of %s are %q, want %q", stream, got, want)
		}
	}
	first.keep("E", map[string]bool{"b": true})
	if first.at("E", "a") != "" || first.at("E", "b") != markDone {
		t.Error("what is gone was kept, or what is there was not")
	}
}

func TestAScheduleCallsWithTheMomentItWasDue(t *testing.T) {
	t.Parallel()
	tmpl, err := template.Load("../template/testdata/template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	called := make(chan string, 1)
	at := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	c := &clock{
		schedule: tmpl.Schedules()[1], now: func() time.Time { return at }, log: slog.New(slog.DiscardHandler),
		function: lambda.NewHandler(func(_ context.Context, in json.RawMessage) error {
			called <- string(in)
			cancel()
			return nil
		}),
	}
	c.run(ctx)
	var got struct{ Scheduled time.Time }
	if err := json.Unmarshal([]byte(<-called), &got); err != nil || !got.Scheduled.Equal(at) {
		t.Errorf("called with %v, %v", got, err)
	}
}
