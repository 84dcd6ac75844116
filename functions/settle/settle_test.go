package settle_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"waybill/functions/settle"
	"waybill/shared/event"
)

// books note what is asked of them, and fail or panic for some orders.
type books struct {
	asked   []string
	failing map[string]func() error
}

func (b *books) ask(what, orderID string) error {
	b.asked = append(b.asked, what+" "+orderID)
	if fail := b.failing[what+" "+orderID]; fail != nil {
		return fail()
	}
	return nil
}

func (b *books) Tend(_ context.Context, orderID string) error    { return b.ask("tend", orderID) }
func (b *books) Perform(_ context.Context, orderID string) error { return b.ask("perform", orderID) }

// handle gives a batch to the function and returns what failed, and the log.
func (b *books) handle(t *testing.T, records ...events.DynamoDBEventRecord) (failed []string, log string) {
	t.Helper()
	var out bytes.Buffer
	s := &settle.Settle{Books: b, Log: slog.New(slog.NewJSONHandler(&out, nil))}
	answer, err := s.Handle(t.Context(), events.DynamoDBEvent{Records: records})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range answer.BatchItemFailures {
		failed = append(failed, f.ItemIdentifier)
	}
	return failed, out.String()
}

func (b *books) wantAsked(t *testing.T, want ...string) {
	t.Helper()
	if !slices.Equal(b.asked, want) {
		t.Errorf("asked for %v, want %v", b.asked, want)
	}
}

// record is what the stream says of an event of an order.
func record(sequence int, orderID string, happened event.Type) events.DynamoDBEventRecord {
	return events.DynamoDBEventRecord{EventName: "INSERT", Change: events.DynamoDBStreamRecord{
		SequenceNumber: fmt.Sprint(sequence),
		Keys: map[string]events.DynamoDBAttributeValue{
			"pk": events.NewStringAttribute("ORDER#" + orderID), "sk": events.NewStringAttribute(fmt.Sprintf("EVENT#%010d", sequence)),
		},
		NewImage: map[string]events.DynamoDBAttributeValue{"type": events.NewStringAttribute(string(happened))},
	}}
}

func TestAnOrderIsTendedOnceForAllThatHappenedToIt(t *testing.T) {
	t.Parallel()
	b := &books{}
	failed, log := b.handle(t,
		record(1, "A", event.ShipmentCreated), record(2, "B", event.OrderCancelled), record(3, "A", event.RefundRequested),
		record(4, "B", event.OrderCancelled), record(5, "C", event.OrderExpired),
	)
	if len(failed) > 0 || log != "" {
		t.Errorf("failed %v, log %s", failed, log)
	}
	b.wantAsked(t, "tend A", "perform A", "tend B", "perform B", "tend C", "perform C")
}

func TestOnlyWhatStripeMayHaveToFollowIsFollowed(t *testing.T) {
	t.Parallel()
	var records []events.DynamoDBEventRecord
	for _, happened := range []event.Type{
		event.OrderCreated, event.OrderConfirmed, event.OrderHeld, event.OrderReleased, event.OrderCompleted, event.ShipmentDelivered,
		event.PaymentRequested, event.PaymentCancelled, event.PaymentDisputed, event.RefundSucceeded, event.InvoiceIssued,
	} {
		records = append(records, record(len(records)+1, "A", happened))
	}
	b := &books{}
	if failed, log := b.handle(t, records...); len(failed) > 0 || log != "" {
		t.Errorf("failed %v, log %s", failed, log)
	}
	b.wantAsked(t)
	for _, happened := range []event.Type{
		event.ShipmentCreated, event.OrderEdited, event.OrderCancelled, event.OrderClosed, event.OrderExpired, event.PaymentReceived,
		event.PaymentAuthorized, event.PaymentFailed, event.PaymentCapturing, event.PaymentVoiding, event.RefundRequested, event.CreditNoteIssued,
	} {
		b := &books{}
		b.handle(t, record(1, "A", happened))
		b.wantAsked(t, "tend A", "perform A")
	}
}

func TestWhatIsNoEventOfAnOrderIsPassedOver(t *testing.T) {
	t.Parallel()
	changed := record(1, "A", event.OrderCancelled)
	changed.EventName = "MODIFY"
	gone := record(2, "A", event.OrderCancelled)
	gone.EventName, gone.Change.NewImage = "REMOVE", nil
	review := record(3, "A", event.OrderCancelled)
	review.Change.Keys["pk"] = events.NewStringAttribute("REVIEW#A")
	itself := record(4, "A", event.OrderCancelled)
	itself.Change.Keys["sk"] = events.NewStringAttribute("ORDER")
	nameless := record(5, "", event.OrderCancelled)
	counted := record(6, "A", event.OrderCancelled)
	counted.Change.NewImage["type"] = events.NewNumberAttribute("1")
	keyless := record(7, "A", event.OrderCancelled)
	keyless.Change.Keys = nil
	b := &books{}
	if failed, log := b.handle(t, changed, gone, review, itself, nameless, counted, keyless); len(failed) > 0 || log != "" {
		t.Errorf("failed %v, log %s", failed, log)
	}
	b.wantAsked(t)
}

func TestAnOrderThatCanNotBeTendedIsReportedByItsFirstRecord(t *testing.T) {
	t.Parallel()
	b := &books{failing: map[string]func() error{
		"tend B": func() error { return errors.New("no") },
		"tend C": func() error { panic("never") },
	}}
	failed, log := b.handle(t,
		record(1, "A", event.OrderEdited), record(2, "B", event.OrderEdited), record(3, "C", event.OrderEdited),
		record(4, "B", event.OrderCancelled), record(5, "D", event.OrderEdited),
	)
	if want := []string{"2", "3"}; !slices.Equal(failed, want) {
		t.Errorf("failed are %v, want %v", failed, want)
	}
	b.wantAsked(t, "tend A", "perform A", "tend B", "tend C", "tend D", "perform D")
	if !strings.Contains(log, `"order":"B"`) || !strings.Contains(log, "never") || !strings.Contains(log, "stack") {
		t.Errorf("the log says %s", log)
	}
}

func TestWhatStripeDoesNotDoIsLeftForTheSweep(t *testing.T) {
	t.Parallel()
	b := &books{failing: map[string]func() error{
		"perform A": func() error { return errors.New("down") },
		"perform B": func() error { panic("never") },
	}}
	failed, log := b.handle(t, record(1, "A", event.RefundRequested), record(2, "B", event.RefundRequested), record(3, "C", event.RefundRequested))
	if len(failed) > 0 || strings.Count(log, "left for the sweep") != 2 {
		t.Errorf("failed %v, log %s", failed, log)
	}
	b.wantAsked(t, "tend A", "perform A", "tend B", "perform B", "tend C", "perform C")
}

func TestABatchThatOutlastsItsTimeComesAgain(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	b := &books{}
	s := &settle.Settle{Books: b, Log: slog.New(slog.DiscardHandler)}
	out, err := s.Handle(ctx, events.DynamoDBEvent{Records: []events.DynamoDBEventRecord{record(1, "A", event.OrderEdited), record(2, "B", event.OrderEdited)}})
	if err != nil || len(out.BatchItemFailures) != 1 || out.BatchItemFailures[0].ItemIdentifier != "1" {
		t.Errorf("%+v, %v", out, err)
	}
	b.wantAsked(t)
}
