// Package settle follows the table's stream and has Stripe do what follows
// from what happened to orders: goods left, so what was authorised is taken; an
// order was cancelled, so what was asked for is given up; money is to go back.
package settle

import (
	"context"
	"log/slog"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"waybill/shared/billing"
	"waybill/shared/consumer"
	"waybill/shared/event"
	"waybill/shared/table"
)

// A Settler writes down what Stripe is to do about an order, and has it done.
type Settler interface {
	Tend(ctx context.Context, orderID string) error
	Perform(ctx context.Context, orderID string) error
}

// Settle is the function.
type Settle struct {
	Books Settler
	Log   *slog.Logger
}

// New returns what builds the function's handler, with Stripe.
func New(stripe billing.Processor) func(consumer.Edge) consumer.Handler[events.DynamoDBEvent, events.DynamoDBEventResponse] {
	return func(edge consumer.Edge) consumer.Handler[events.DynamoDBEvent, events.DynamoDBEventResponse] {
		s := &Settle{Books: &billing.Books{DB: edge.Records, IDs: edge.IDs(), Stripe: stripe}, Log: edge.Log}
		return s.Handle
	}
}

// matters are the types of events that Stripe may have to do something after.
var matters = map[event.Type]bool{
	event.ShipmentCreated: true, event.OrderEdited: true, event.OrderCancelled: true, event.OrderClosed: true, event.OrderExpired: true,
	event.PaymentReceived: true, event.PaymentAuthorized: true, event.RefundRequested: true,
	event.PaymentFailed: true, event.PaymentCapturing: true, event.PaymentVoiding: true, event.CreditNoteIssued: true,
}

// margin is what is left of an invocation's time when no further order is
// begun: more than one takes while Stripe is slow.
const margin = 40 * time.Second

// Handle tends each order of a batch once. What Stripe is to do is written down
// first; when Stripe does not do it now, the sweep has it done, and the stream
// goes on. An order of which that can't be written down is reported: its
// records come again, and doing it again changes nothing.
func (s *Settle) Handle(ctx context.Context, batch events.DynamoDBEvent) (events.DynamoDBEventResponse, error) {
	out := events.DynamoDBEventResponse{BatchItemFailures: []events.DynamoDBBatchItemFailure{}}
	tended := map[string]bool{}
	for _, r := range batch.Records {
		orderID, ok := order(r)
		if !ok || tended[orderID] {
			continue
		}
		tended[orderID] = true
		if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < margin {
			out.BatchItemFailures = append(out.BatchItemFailures, events.DynamoDBBatchItemFailure{ItemIdentifier: r.Change.SequenceNumber})
			break // the rest comes again with this one
		}
		if err := consumer.Safely(func() error { return s.Books.Tend(ctx, orderID) }); err != nil {
			consumer.LogFailure(ctx, s.Log, "what is to be settled was not written down", err, "order", orderID)
			out.BatchItemFailures = append(out.BatchItemFailures, events.DynamoDBBatchItemFailure{ItemIdentifier: r.Change.SequenceNumber})
			continue
		}
		if err := consumer.Safely(func() error { return s.Books.Perform(ctx, orderID) }); err != nil {
			consumer.LogFailure(ctx, s.Log, "an order's payments are left for the sweep", err, "order", orderID)
		}
	}
	return out, nil
}

// order is the order that a record is an event of, if it is one that matters.
func order(r events.DynamoDBEventRecord) (string, bool) {
	again := r.EventName == string(events.DynamoDBOperationTypeModify) && wanted(r.Change.NewImage) != wanted(r.Change.OldImage)
	if r.EventName != string(events.DynamoDBOperationTypeInsert) && !again {
		return "", false
	}
	pk, sk, kind := r.Change.Keys["pk"], r.Change.Keys["sk"], r.Change.NewImage[table.EventType]
	if pk.DataType() != events.DataTypeString || sk.DataType() != events.DataTypeString || kind.DataType() != events.DataTypeString {
		return "", false
	}
	orderID, ok := table.EventOrder(pk.String(), sk.String())
	return orderID, ok && matters[event.Type(kind.String())]
}

// wanted is when a person last wanted it done again.
func wanted(image map[string]events.DynamoDBAttributeValue) string {
	v, ok := image[table.Again]
	if !ok || v.DataType() != events.DataTypeString {
		return ""
	}
	return v.String()
}
