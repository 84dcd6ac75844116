package collect_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"waybill/functions/collect"
	"waybill/shared/consumer"
	"waybill/shared/recovery"
	"waybill/shared/table"
)

// letters notes what is buried.
type letters struct {
	mu     sync.Mutex
	buried []recovery.Failure
	broken bool
}

func (l *letters) Bury(_ context.Context, f recovery.Failure) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.broken {
		return errors.New("no table")
	}
	l.buried = append(l.buried, f)
	return nil
}

// stream has the same records in every range, or none of them any more.
type stream []table.Changed

func (s stream) Items(context.Context, table.Range) ([]table.Changed, bool, error) {
	return s, len(s) > 0, nil
}

func handle(t *testing.T, s stream, messages ...events.SQSMessage) (buried []recovery.Failure, failed int) {
	t.Helper()
	l := &letters{}
	c := &collect.Collect{Letters: l, Stream: s, Log: slog.New(slog.DiscardHandler)}
	out, err := c.Handle(t.Context(), consumer.Wake{Records: messages})
	if err != nil {
		t.Fatal(err)
	}
	return l.buried, len(out.BatchItemFailures)
}

const given = `{"requestContext":{"requestId":"r-1","functionArn":"arn:aws:lambda:eu-central-1:123456789012:function:waybill-dev-%sFunction-1AB2CD","condition":"RetryAttemptsExhausted","approximateInvokeCount":11},` +
	`"version":"1.0","DDBStreamBatchInfo":{"shardId":"shardId-1","startSequenceNumber":"100","endSequenceNumber":"300","approximateArrivalOfFirstRecord":"2026-11-23T09:00:00Z","batchSize":2,"streamArn":"arn:aws:dynamodb:eu-central-1:123456789012:table/t/stream/1"}}`

func TestARecordThatWasGivenUpIsNamedWithItsFunctionAndReason(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	s := stream{
		{Item: table.Item{PK: "ORDER#A", SK: "ORDER"}, At: at},
		{Item: table.Item{PK: "ORDER#A", SK: "EVENT#0000000002"}, At: at},
		{Item: table.Item{PK: "STOCK#MUG", SK: "LOCATION#MAIN"}, At: at},
	}
	for name, want := range map[string]string{"Settle": "settle ORDER#A EVENT#0000000002 order/A", "Stockwatch": "stockwatch STOCK#MUG LOCATION#MAIN /"} {
		buried, failed := handle(t, s, events.SQSMessage{MessageId: "m", Body: fmt.Sprintf(given, name)})
		if len(buried) != 1 || failed > 0 {
			t.Errorf("%s: %+v", name, buried)
			continue
		}
		f := buried[0]
		if got := fmt.Sprintf("%s %s %s %s", f.Source, f.Item.PK, f.Item.SK, f.Subject); got != want || !f.At.Equal(at) {
			t.Errorf("%s: %s at %s", name, got, f.At)
		}
		if !strings.Contains(f.Reason, "RetryAttemptsExhausted after 11 tries") || !strings.Contains(f.Reason, "r-1") {
			t.Errorf("%s: because %s", name, f.Reason)
		}
	}
}

func TestWhatWasNotPublishedIsLeftToTheSweep(t *testing.T) {
	t.Parallel()
	s := stream{{Item: table.Item{PK: "ORDER#A", SK: "EVENT#0000000002"}, At: time.Unix(1, 0)}}
	if buried, failed := handle(t, s, events.SQSMessage{MessageId: "m", Body: fmt.Sprintf(given, "Publish")}); len(buried) > 0 || failed > 0 {
		t.Errorf("%+v", buried)
	}
}

func TestRecordsThatTheStreamHasNoMoreAreALetterAllTheSame(t *testing.T) {
	t.Parallel()
	buried, _ := handle(t, nil, events.SQSMessage{MessageId: "m", Body: fmt.Sprintf(given, "Settle")})
	if len(buried) != 1 || buried[0].Item != (table.Item{}) || !strings.Contains(buried[0].What, "2 records") || buried[0].Source != "settle" {
		t.Errorf("%+v", buried)
	}
}

func TestAMessageThatWasGivenUpIsNamedByItsEvent(t *testing.T) {
	t.Parallel()
	m := events.SQSMessage{
		MessageId: "m", EventSourceARN: "arn:aws:sqs:eu-central-1:123456789012:waybill-dev-NotifyDead-9XY8Z",
		Body:       `{"version":1,"id":"01JD9Z3M8Q4T5V6W7X8Y9Z0A1B","type":"order.confirmed","subject":"order/A","seq":2,"at":"2026-11-23T09:00:00Z","actor":"sally","data":{}}`,
		Attributes: map[string]string{"ApproximateReceiveCount": "7", "SentTimestamp": "1795424400000"},
	}
	other := events.SQSMessage{MessageId: "n", EventSourceARN: "arn:aws:sqs:local:000000000000:local-DeliverDead-0", Body: "poison"}
	buried, failed := handle(t, nil, m, other)
	if len(buried) != 2 || failed > 0 {
		t.Fatalf("%+v", buried)
	}
	for _, f := range buried {
		switch f.Source {
		case "notify":
			if f.Item != (table.Item{PK: "ORDER#A", SK: "EVENT#0000000002"}) || f.What != "order.confirmed, order/A" || !strings.Contains(f.Reason, "7 times") {
				t.Errorf("%+v", f)
			}
		case "deliver":
			if f.Item != (table.Item{}) || !strings.Contains(f.What, "names no event") || strings.Contains(f.What, "poison") {
				t.Errorf("%+v", f)
			}
		default:
			t.Errorf("%+v", f)
		}
	}
}

func TestWhatCouldNotBeBuriedStaysInItsQueue(t *testing.T) {
	t.Parallel()
	c := &collect.Collect{Letters: &letters{broken: true}, Stream: stream{}, Log: slog.New(slog.DiscardHandler)}
	out, err := c.Handle(t.Context(), consumer.Wake{Records: []events.SQSMessage{{MessageId: "m", Body: "poison"}}})
	if err != nil || len(out.BatchItemFailures) != 1 || out.BatchItemFailures[0].ItemIdentifier != "m" {
		t.Errorf("%+v, %v", out, err)
	}
}
