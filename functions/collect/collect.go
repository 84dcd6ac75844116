// Package collect makes dead letters of what queues hold that consumers gave
// up: queues can't be listed, and positions in a stream say little to a person.
package collect

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"waybill/shared/bulletin"
	"waybill/shared/consumer"
	"waybill/shared/event"
	"waybill/shared/ident"
	"waybill/shared/recovery"
	"waybill/shared/table"
)

// A Burier keeps what was given up for a person.
type Burier interface {
	Bury(ctx context.Context, f recovery.Failure) error
}

// A Stream reads what a part of the table's stream was about.
type Stream interface {
	Items(ctx context.Context, r table.Range) (items []table.Changed, whole bool, err error)
}

// Collect is the function.
type Collect struct {
	Letters Burier
	Stream  Stream
	Log     *slog.Logger
}

// New returns what builds the function's handler, with the stream.
func New(stream Stream) func(consumer.Edge) consumer.Handler[consumer.Wake, events.SQSEventResponse] {
	return func(edge consumer.Edge) consumer.Handler[consumer.Wake, events.SQSEventResponse] {
		c := &Collect{Letters: &recovery.Desk{DB: edge.Records, IDs: edge.IDs()}, Stream: stream, Log: edge.Log}
		return c.Handle
	}
}

// margin is what is left of an invocation's time to answer what was not done.
const margin = 5 * time.Second

// Handle keeps what each message says that somebody gave up.
func (c *Collect) Handle(ctx context.Context, in consumer.Wake) (events.SQSEventResponse, error) {
	return consumer.Messages(ctx, c.Log, in.Records, margin, func(ctx context.Context, m events.SQSMessage) error {
		failures, err := c.failures(ctx, m)
		for _, f := range failures {
			if err == nil {
				err = c.Letters.Bury(ctx, f)
			}
		}
		return err
	}), nil
}

// given is what Lambda says of records of a stream that a function did not take.
type given struct {
	Request struct {
		Function string `json:"functionArn"`
		Reason   string `json:"condition"`
		Tries    int    `json:"approximateInvokeCount"`
		ID       string `json:"requestId"`
	} `json:"requestContext"`
	Batch *struct {
		Shard  string    `json:"shardId"`
		From   string    `json:"startSequenceNumber"`
		To     string    `json:"endSequenceNumber"`
		First  time.Time `json:"approximateArrivalOfFirstRecord"`
		Size   int       `json:"batchSize"`
		Stream string    `json:"streamArn"`
	} `json:"DDBStreamBatchInfo"`
}

func (c *Collect) failures(ctx context.Context, m events.SQSMessage) ([]recovery.Failure, error) {
	var g given
	if err := json.Unmarshal([]byte(m.Body), &g); err == nil && g.Batch != nil {
		return c.records(ctx, g)
	}
	source := named(m.EventSourceARN, "Dead")
	f := recovery.Failure{
		Source: source, What: "a message that names no event", At: sentAt(m),
		Reason: fmt.Sprintf("tried %s times; the log of %s has the cause", cmp.Or(m.Attributes["ApproximateReceiveCount"], "several"), source),
	}
	if b, err := bulletin.Decode([]byte(m.Body)); err == nil {
		if at, err := ident.Time(b.ID); err == nil {
			f.At = at
		}
		f.What, f.Subject = string(b.Type)+", "+b.Subject, b.About()
		f.Item = table.ItemOf(event.Event{ID: b.ID, Subject: b.About(), Seq: b.Seq})
	} else {
		f.What += ", " + m.MessageId
	}
	return []recovery.Failure{f}, nil
}

// records are the items that the records of a batch were about. Of others that
// stand between them in the shard the function knows nothing.
func (c *Collect) records(ctx context.Context, g given) ([]recovery.Failure, error) {
	b := g.Batch
	source := named(g.Request.Function, "Function")
	reason := fmt.Sprintf("%s after %d tries; the log of %s has the cause, last under request %s", g.Request.Reason, g.Request.Tries, source, g.Request.ID)
	items, whole, err := c.Stream.Items(ctx, table.Range{Stream: b.Stream, Shard: b.Shard, From: b.From, To: b.To})
	if err != nil {
		return nil, err
	}
	var out []recovery.Failure
	for _, i := range items {
		// What was not published is published by the sweep, or given up there.
		if !concerns(source, i.Item) || source == "publish" {
			continue
		}
		f := recovery.Failure{Source: source, What: i.PK + ", " + i.SK, Item: i.Item, Reason: reason, At: i.At}
		if s, ok := i.Subject(); ok {
			f.Subject = s
		}
		out = append(out, f)
	}
	if !whole && source != "publish" {
		out = append(out, recovery.Failure{
			Source: source, Reason: reason, At: b.First,
			What: fmt.Sprintf("some of %d records of the stream from %s in %s, which it has no more", b.Size, b.From, b.Shard),
		})
	}
	return out, nil
}

// concerns reports whether a function that follows the stream is fed an item.
func concerns(source string, i table.Item) bool {
	if source != "stockwatch" {
		return i.IsEvent()
	}
	_, place := table.PlaceOf(i.PK, i.SK)
	_, waits := table.WaitsFor(i.PK, i.SK)
	return place || waits
}

// named is what the template calls a resource, without its kind, of whose name
// CloudFormation made an ARN.
func named(arn, kind string) string {
	name := regexp.MustCompile(`([A-Za-z0-9]+)` + kind + `(-[A-Za-z0-9]+)?(:[^:]*)?$`).FindStringSubmatch(arn)
	if name == nil {
		return "unknown"
	}
	return strings.ToLower(name[1])
}

// sentAt is when a message came into its first queue.
func sentAt(m events.SQSMessage) time.Time {
	ms, err := strconv.ParseInt(m.Attributes["SentTimestamp"], 10, 64)
	if err != nil {
		return time.UnixMilli(0).UTC()
	}
	return time.UnixMilli(ms).UTC()
}
