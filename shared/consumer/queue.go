package consumer

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/events"
)

// A Wake is what starts a function that both a queue and the clock start:
// messages, or, without any, the moment of a schedule.
type Wake = events.SQSEvent

// messagesAtOnce is how many messages of a batch are worked on at a time.
const messagesAtOnce = 8

// tries is how often a message is tried before the queue is to bring it again,
// which it does after the time-out of its visibility only: minutes.
const tries = 3

// persist does something that may be done again, up to three times. What panics
// has had its chance.
func persist(ctx context.Context, do func() error) (err error) {
	for try := range tries {
		if try > 0 && (Edge{}).Pause(ctx, time.Duration(try)*time.Second/2) != nil {
			return err
		}
		err = Safely(do)
		var panicked *Panicked
		if err == nil || errors.As(err, &panicked) {
			return err
		}
	}
	return err
}

// Messages does something for each message of a batch and answers with those
// that failed, or that were not come to before margin was left of the time: the
// queue brings them again. A panic is the failure of its message.
func Messages(ctx context.Context, log *slog.Logger, records []events.SQSMessage, margin time.Duration, do func(context.Context, events.SQSMessage) error) events.SQSEventResponse {
	work := ctx
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		work, cancel = context.WithDeadline(ctx, deadline.Add(-margin))
		defer cancel()
	}
	failed := make([]bool, len(records))
	var wg sync.WaitGroup
	next := make(chan int)
	for range min(messagesAtOnce, len(records)) {
		wg.Go(func() {
			for n := range next {
				err := work.Err()
				if err == nil {
					err = persist(work, func() error { return do(work, records[n]) })
				}
				if err != nil {
					failed[n] = true
					LogFailure(ctx, log, "a message failed", err, "message", records[n].MessageId)
				}
			}
		})
	}
	for n := range records {
		next <- n
	}
	close(next)
	wg.Wait()
	answer := events.SQSEventResponse{BatchItemFailures: []events.SQSBatchItemFailure{}}
	for n, r := range records {
		if failed[n] {
			answer.BatchItemFailures = append(answer.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: r.MessageId})
		}
	}
	return answer
}
