// Package notify tells people what happened: a queue brings it events, and the
// clock has it try what waits.
package notify

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"waybill/shared/bulletin"
	"waybill/shared/consumer"
	"waybill/shared/event"
	"waybill/shared/notice"
	"waybill/shared/telling"
	"waybill/shared/tracking"
	"waybill/shared/wording"
)

// A Teller tells people.
type Teller interface {
	Tell(ctx context.Context, s event.Subject, seq int64) error
	Due(ctx context.Context, until time.Time) (int, error)
	Unanswered(ctx context.Context, until time.Time) (int, error)
}

// Notify is the function.
type Notify struct {
	Teller Teller
	Log    *slog.Logger
	Now    func() time.Time
}

// New returns what builds the function's handler, with a sender for each
// channel that is switched on, and with where messages lead to.
func New(senders map[notice.Channel]telling.Sender, links telling.Links) func(consumer.Edge) consumer.Handler[consumer.Wake, events.SQSEventResponse] {
	return func(edge consumer.Edge) consumer.Handler[consumer.Wake, events.SQSEventResponse] {
		window := &tracking.Window{DB: edge.Records, IDs: edge.IDs()}
		n := &Notify{Log: edge.Log, Now: edge.Now, Teller: &telling.Teller{
			DB: edge.Records, IDs: edge.IDs(), Senders: senders, Links: links,
			Rules: notice.For, Words: wording.Compose, Track: window.Ensure,
		}}
		return n.Handle
	}
}

const (
	// margin is what is left of an invocation's time when nothing further is begun:
	// what a sender may take, and writing down what it answered.
	margin = 20 * time.Second
	// workTime is for a context without a deadline.
	workTime = 30 * time.Second
)

// Handle tells of the events that messages name, or, called by the clock, tries
// what is due.
func (n *Notify) Handle(ctx context.Context, in consumer.Wake) (events.SQSEventResponse, error) {
	if len(in.Records) == 0 {
		return events.SQSEventResponse{}, n.tick(ctx)
	}
	return consumer.Messages(ctx, n.Log, in.Records, margin, func(ctx context.Context, r events.SQSMessage) error {
		m, err := bulletin.Decode([]byte(r.Body))
		if err != nil {
			return err
		}
		return n.Teller.Tell(ctx, m.About(), m.Seq)
	}), nil
}

// tick finds what got no answer, and then tries what is due.
func (n *Notify) tick(ctx context.Context) error {
	until := consumer.Until(ctx, n.Now(), margin, workTime)
	lost, err := n.Teller.Unanswered(ctx, until)
	tried, failed := n.Teller.Due(ctx, until)
	n.Log.InfoContext(ctx, "notifications that were due", "tried", tried, "unanswered", lost)
	return errors.Join(err, failed)
}
