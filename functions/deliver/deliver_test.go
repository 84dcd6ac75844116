package deliver_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"waybill/functions/deliver"
	"waybill/shared/bulletin"
	"waybill/shared/consumer"
	"waybill/shared/event"
)

// A courier remembers what was asked of it.
type courier struct {
	mu     sync.Mutex
	woken  []string
	until  time.Time
	ticked int
}

func (c *courier) Wake(_ context.Context, s event.Subject, _ int64, t event.Type, until time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.woken, c.until = append(c.woken, s.String()+" "+string(t)), until
	if s.ID == "B" {
		return errors.New("no")
	}
	return nil
}

func (c *courier) Tick(_ context.Context, until time.Time) error {
	c.ticked, c.until = c.ticked+1, until
	return nil
}

func told(t *testing.T, id, order string) events.SQSMessage {
	t.Helper()
	body, err := bulletin.Encode(event.Event{
		ID: "E", Subject: event.Subject{Kind: event.Order, ID: order}, Seq: 1, Type: event.OrderCreated, At: time.Now(), Actor: "ann",
	})
	if err != nil {
		t.Fatal(err)
	}
	return events.SQSMessage{MessageId: id, Body: string(body)}
}

func TestMessagesWakeTheCourierAndThoseThatFailComeAgain(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	c := &courier{}
	d := &deliver.Deliver{Courier: c, Log: slog.New(slog.NewJSONHandler(&log, nil)), Now: time.Now}
	out, err := d.Handle(t.Context(), consumer.Wake{Records: []events.SQSMessage{
		told(t, "1", "A"), told(t, "2", "B"), {MessageId: "3", Body: "nonsense"}, told(t, "4", "C"),
	}})
	if err != nil || c.ticked != 0 {
		t.Fatal(err, c.ticked)
	}
	var failed []string
	for _, f := range out.BatchItemFailures {
		failed = append(failed, f.ItemIdentifier)
	}
	slices.Sort(c.woken) // what fails is tried more than once
	if !slices.Equal(failed, []string{"2", "3"}) || !slices.Equal(slices.Compact(c.woken), []string{"order/A order.created", "order/B order.created", "order/C order.created"}) {
		t.Errorf("failed are %v, woken %v", failed, c.woken)
	}
	if strings.Contains(log.String(), "nonsense") {
		t.Errorf("the log holds what came: %s", &log)
	}
}

func TestTheClockHasEverythingSentThatIsDue(t *testing.T) {
	t.Parallel()
	c := &courier{}
	now := time.Date(2026, 11, 23, 9, 30, 0, 0, time.UTC)
	d := &deliver.Deliver{Courier: c, Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return now }}
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	out, err := d.Handle(ctx, consumer.Wake{})
	if err != nil || c.ticked != 1 || out.BatchItemFailures == nil {
		t.Errorf("%+v, %v", out, err)
	}
	// It leaves time for an attempt that began last, and to write down what came of it.
	if left := now.Add(time.Hour).Sub(c.until); left < 15*time.Second {
		t.Errorf("the last attempt has %v", left)
	}
}
