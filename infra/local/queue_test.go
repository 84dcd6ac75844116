package local

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"waybill/infra/template"
	"waybill/shared/bulletin"
)

func queuesIn(t *testing.T, dir string) map[string]*queue {
	t.Helper()
	queues, err := openQueues([]template.Queue{
		{Name: "Q", Visibility: time.Minute, Receives: 2, Dead: "D"}, {Name: "D", Visibility: time.Minute},
	}, dir)
	if err != nil {
		t.Fatal(err)
	}
	return queues
}

func take(t *testing.T, q *queue) []events.SQSMessage {
	t.Helper()
	taken, _, err := q.receive(10)
	if err != nil {
		t.Fatal(err)
	}
	return taken
}

func TestMessagesOutliveTheProcessUntilTheyAreDone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	q := queuesIn(t, dir)["Q"]
	f := &fan{queues: []*queue{q}}
	for _, err := range f.PublishBatch(t.Context(), []bulletin.Entry{{Body: []byte("a")}, {Body: []byte("b")}, {Body: []byte("c")}}) {
		if err != nil {
			t.Fatal(err)
		}
	}
	taken := take(t, q)
	if len(taken) != 3 || len(take(t, q)) != 0 {
		t.Fatalf("taken are %v, and then others", taken)
	}
	if err := q.settle(taken, map[string]bool{taken[1].MessageId: true}); err != nil {
		t.Fatal(err)
	}
	file, err := os.OpenFile(filepath.Join(dir, "queue-Q.jsonl"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.WriteString(`{"id":"cut sho`); err != nil {
		t.Fatal(err)
	}
	left := take(t, queuesIn(t, dir)["Q"])
	if len(left) != 1 || left[0].Body != "b" || left[0].MessageId != taken[1].MessageId {
		t.Errorf("after a kill there is %v", left)
	}
}

func TestAMessageThatKeepsFailingGoesToTheDeadLetters(t *testing.T) {
	t.Parallel()
	queues := queuesIn(t, "")
	q := queues["Q"]
	if err := q.send("poison"); err != nil {
		t.Fatal(err)
	}
	for try := 1; try <= 2; try++ {
		taken := take(t, q)
		if len(taken) != 1 || taken[0].Attributes["ApproximateReceiveCount"] != fmt.Sprint(try) {
			t.Fatalf("try %d: %v", try, taken)
		}
		if err := q.settle(taken, map[string]bool{taken[0].MessageId: true}); err != nil {
			t.Fatal(err)
		}
		q.messages[0].visible = time.Time{} // the wait is over
	}
	if taken := take(t, q); len(taken) != 0 || q.size() != 0 {
		t.Errorf("a third time: %v", taken)
	}
	if dead := take(t, queues["D"]); len(dead) != 1 || dead[0].Body != "poison" {
		t.Errorf("the dead letters are %v", dead)
	}
}

func TestAFunctionIsFedUntilEachMessageIsDone(t *testing.T) {
	t.Parallel()
	queues := queuesIn(t, "")
	q := queues["Q"]
	var mu sync.Mutex
	tries := map[string]int{}
	done := make(chan struct{})
	handler := func(_ context.Context, e events.SQSEvent) (out events.SQSEventResponse, err error) {
		mu.Lock()
		defer mu.Unlock()
		for _, m := range e.Records {
			tries[m.Body]++
			if m.Body == "twice" && tries[m.Body] == 1 {
				out.BatchItemFailures = append(out.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: m.MessageId})
			}
			if m.Body == "panics" && tries[m.Body] == 1 {
				err = errors.New("it broke")
			}
		}
		if tries["twice"] >= 2 && tries["panics"] >= 2 && len(tries) == 22 {
			select {
			case <-done:
			default:
				close(done)
			}
		}
		return out, err
	}
	for n := range 20 {
		if err := q.send(fmt.Sprint(n)); err != nil {
			t.Fatal(err)
		}
	}
	for _, body := range []string{"twice", "panics"} {
		if err := q.send(body); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	d := &drain{consumer: template.Consumer{Queue: "Q", BatchSize: 1, Timeout: time.Minute}, queue: q, function: perCall(handler), log: slog.New(slog.DiscardHandler)}
	running.Go(func() { d.run(ctx) })
	select {
	case <-done:
	case <-time.After(time.Minute):
		t.Error("something was not done")
	}
	cancel()
	running.Wait()
	if len(slices.Collect(maps.Keys(tries))) != 22 || tries["7"] != 1 {
		t.Errorf("tried %v", tries)
	}
}

func TestWhatAStreamGivesUpIsToldWhereItStands(t *testing.T) {
	t.Parallel()
	failures := queuesIn(t, "")["D"]
	g := &given{fail: func([]string) ([]string, error) { return nil, errors.New("poison") }}
	feeding(t, g, func(f *feed) { f.failures, f.shard, f.stream.Function = failures, "shard-7", "SettleFunction" })
	told := take(t, failures)
	if len(told) == 0 {
		t.Fatal("nobody is told")
	}
	for _, part := range []string{`"shardId":"shard-7"`, `SettleFunction-0`, `"condition":"RetryAttemptsExhausted"`, `"startSequenceNumber":"1"`} {
		if !strings.Contains(told[0].Body, part) {
			t.Errorf("%s does not say %s", told[0].Body, part)
		}
	}
}
