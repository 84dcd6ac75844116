package local

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"

	"waybill/infra/template"
)

// A feed gives a function the records of a stream, as Lambda does: in batches,
// those that its filter passes, again from the first that failed, and so often
// at most as the template says.
type feed struct {
	stream   template.Stream
	function lambda.Handler
	failures *queue // told what was given up; nil: nobody is
	shard    string // that the records are of
	log      *slog.Logger
	pause    func(context.Context, time.Duration) error
}

// mostRetries is where Lambda would go on for ever.
const mostRetries = 20

// give passes records on, in their order, and returns when each is done or
// given up, or with the error of ctx when that ends.
func (f *feed) give(ctx context.Context, records []events.DynamoDBEventRecord) error {
	var batch []events.DynamoDBEventRecord
	for _, r := range records {
		text, err := json.Marshal(r)
		if err != nil {
			return fmt.Errorf("encode record %s: %w", r.EventID, err)
		}
		passes, err := f.stream.Passes(text)
		if err != nil {
			return err
		}
		if !passes {
			continue
		}
		if batch = append(batch, r); len(batch) == f.stream.BatchSize {
			if err := f.deliver(ctx, batch); err != nil {
				return err
			}
			batch = nil
		}
	}
	return f.deliver(ctx, batch)
}

// deliver invokes the function until no record of the batch is left. What is
// tried as often as it may be and fails still goes to the stream's destination
// for failures.
func (f *feed) deliver(ctx context.Context, batch []events.DynamoDBEventRecord) error {
	retries := f.stream.Retries
	if retries < 0 {
		retries = mostRetries
	}
	for failures := 0; len(batch) > 0; {
		done, err := f.invoke(ctx, batch)
		if done > 0 {
			batch, failures = batch[done:], 0
		}
		if len(batch) == 0 {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil && f.stream.Bisect && len(batch) > 1 {
			half := len(batch) / 2
			return errors.Join(f.deliver(ctx, batch[:half]), f.deliver(ctx, batch[half:]))
		}
		if failures++; failures > retries {
			f.log.ErrorContext(ctx, "a record was given up", "function", f.stream.Function,
				"sequence", batch[0].Change.SequenceNumber, "event", batch[0].EventID, "failures", failures)
			if err := f.giveUp(batch[0], failures); err != nil {
				return err
			}
			batch, failures = batch[1:], 0
			continue
		}
		if err := f.pause(ctx, min(100*time.Millisecond<<min(failures, 6), 5*time.Second)); err != nil {
			return err
		}
	}
	return nil
}

// giveUp tells the queue of failures where a record stands, in Lambda's words.
func (f *feed) giveUp(r events.DynamoDBEventRecord, tries int) error {
	if f.failures == nil {
		return nil
	}
	name := strings.TrimSuffix(f.stream.Function, "Function")
	text, err := json.Marshal(map[string]any{
		"version": "1.0", "timestamp": r.Change.ApproximateCreationDateTime.Time,
		"requestContext": map[string]any{
			"requestId": r.EventID, "functionArn": "arn:aws:lambda:local:000000000000:function:local-" + name + "Function-0",
			"condition": "RetryAttemptsExhausted", "approximateInvokeCount": tries,
		},
		"DDBStreamBatchInfo": map[string]any{
			"shardId": f.shard, "batchSize": 1, "streamArn": r.EventSourceArn,
			"startSequenceNumber": r.Change.SequenceNumber, "endSequenceNumber": r.Change.SequenceNumber,
			"approximateArrivalOfFirstRecord": r.Change.ApproximateCreationDateTime.Time,
			"approximateArrivalOfLastRecord":  r.Change.ApproximateCreationDateTime.Time,
		},
	})
	if err != nil {
		return fmt.Errorf("encode what was given up: %w", err)
	}
	return f.failures.send(string(text))
}

// invoke calls the function once and returns how many records are done: all
// before the first that it names as failed.
func (f *feed) invoke(ctx context.Context, batch []events.DynamoDBEventRecord) (done int, err error) {
	in, err := json.Marshal(events.DynamoDBEvent{Records: batch})
	if err != nil {
		return 0, fmt.Errorf("encode a batch: %w", err)
	}
	out, err := invoke(ctx, f.function, f.stream.Timeout, in)
	if err != nil {
		return 0, err
	}
	var answer events.DynamoDBEventResponse
	if err := json.Unmarshal(out, &answer); err != nil {
		return 0, fmt.Errorf("decode an answer: %w", err)
	}
	if len(answer.BatchItemFailures) == 0 {
		return len(batch), nil
	}
	failed := map[string]bool{}
	for _, x := range answer.BatchItemFailures {
		failed[x.ItemIdentifier] = true
	}
	for i, r := range batch {
		if failed[r.Change.SequenceNumber] {
			return i, nil
		}
	}
	return 0, nil // what is named is not of this batch: all of it failed
}

// invoke calls a function as Lambda does: with a time limit and a request id.
func invoke(ctx context.Context, function lambda.Handler, timeout time.Duration, in []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return function.Invoke(lambdacontext.NewContext(ctx, &lambdacontext.LambdaContext{AwsRequestID: rand.Text()}), in)
}

// pause waits, unless ctx ends first.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
