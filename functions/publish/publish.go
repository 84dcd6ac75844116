// Package publish is fed by the table's stream and publishes what happened to a
// topic; the clock has it publish what was forgotten.
package publish

import (
	"context"
	"log/slog"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"waybill/shared/announce"
	"waybill/shared/consumer"
	"waybill/shared/recovery"
	"waybill/shared/table"
)

// A Crier publishes events.
type Crier interface {
	Publish(ctx context.Context, wants []announce.Want) ([]announce.Failure, error)
	Sweep(ctx context.Context, until time.Time, bury func(context.Context, announce.Failure) error) (published int, err error)
}

// A Burier keeps what can't be published for a person.
type Burier interface {
	Bury(ctx context.Context, f recovery.Failure) error
}

// Publish is the function.
type Publish struct {
	Crier   Crier
	Letters Burier
	Log     *slog.Logger
	Now     func() time.Time
}

// New returns what builds the function's handler, with the topic.
func New(topic announce.Topic) func(consumer.Edge) consumer.Handler[events.DynamoDBEvent, events.DynamoDBEventResponse] {
	return func(edge consumer.Edge) consumer.Handler[events.DynamoDBEvent, events.DynamoDBEventResponse] {
		p := &Publish{
			Crier:   &announce.Crier{DB: edge.Records, Topic: topic, Now: edge.IDs().Now},
			Letters: &recovery.Desk{DB: edge.Records, IDs: edge.IDs()},
			Log:     edge.Log, Now: edge.Now,
		}
		return p.Handle
	}
}

const (
	// margin is what is left of an invocation's time to answer what was not done.
	margin = 5 * time.Second
	// sweepTime is how long a sweep takes where nothing else says so.
	sweepTime = time.Minute
)

// Handle publishes the events of a batch, or sweeps where there is none, and answers with those that were not:
// they come again. An event that can't be read never will be: it goes to the
// dead letters, and the stream goes on.
func (p *Publish) Handle(ctx context.Context, in events.DynamoDBEvent) (events.DynamoDBEventResponse, error) {
	out := events.DynamoDBEventResponse{BatchItemFailures: []events.DynamoDBBatchItemFailure{}}
	if len(in.Records) == 0 {
		return out, p.sweep(ctx)
	}
	work := ctx
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		work, cancel = context.WithDeadline(ctx, deadline.Add(-margin))
		defer cancel()
	}
	first := map[table.Item]string{} // the sequence number by which it is reported
	var wants []announce.Want
	for _, r := range in.Records {
		want, ok := wantOf(r)
		if !ok {
			continue
		}
		if first[want.Item] == "" {
			first[want.Item] = r.Change.SequenceNumber
		}
		wants = append(wants, want)
	}
	failures, err := p.Crier.Publish(work, wants)
	if err != nil {
		return out, err
	}
	for _, f := range failures {
		consumer.LogFailure(ctx, p.Log, "an event was not published", f.Err, "event", f.Item.SK, "of", f.Item.PK)
		if f.Poison && p.bury(ctx, f) == nil {
			continue
		}
		out.BatchItemFailures = append(out.BatchItemFailures, events.DynamoDBBatchItemFailure{ItemIdentifier: first[f.Item]})
	}
	return out, nil
}

func (p *Publish) sweep(ctx context.Context) error {
	until := consumer.Until(ctx, p.Now(), margin, sweepTime)
	ctx, cancel := context.WithTimeout(ctx, until.Sub(p.Now())+margin/2)
	defer cancel()
	published, err := p.Crier.Sweep(ctx, until, p.bury)
	p.Log.InfoContext(ctx, "swept", "published", published)
	return err
}

func (p *Publish) bury(ctx context.Context, f announce.Failure) error {
	return p.Letters.Bury(ctx, recovery.Failure{
		Source: "publish", What: string(f.Event.Type) + ", " + f.Event.Subject.String(), Item: f.Item, Subject: f.Event.Subject,
		Reason: f.Err.Error(), At: f.Event.At,
	})
}

// wantOf is the event that a record brings: a new one, or one that a person wants published again.
func wantOf(r events.DynamoDBEventRecord) (announce.Want, bool) {
	i, ok := itemOf(r.Change.Keys)
	if !ok || !i.IsEvent() {
		return announce.Want{}, false
	}
	if r.EventName == string(events.DynamoDBOperationTypeInsert) {
		return announce.Want{Item: i}, true
	}
	again := r.EventName == string(events.DynamoDBOperationTypeModify) && text(r.Change.NewImage, table.Again) != text(r.Change.OldImage, table.Again)
	return announce.Want{Item: i, Again: again}, again
}

func itemOf(keys map[string]events.DynamoDBAttributeValue) (table.Item, bool) {
	i := table.Item{PK: text(keys, "pk"), SK: text(keys, "sk")}
	return i, i.PK != "" && i.SK != ""
}

func text(image map[string]events.DynamoDBAttributeValue, name string) string {
	v, ok := image[name]
	if !ok || v.DataType() != events.DataTypeString {
		return ""
	}
	return v.String()
}
