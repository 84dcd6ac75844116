package notify_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"waybill/functions/notify"
	"waybill/shared/bulletin"
	"waybill/shared/consumer"
	"waybill/shared/event"
)

// A teller notes what it is to tell of, and fails or dies of some.
type teller struct {
	mu    sync.Mutex
	asked []string
	until time.Time
}

func (t *teller) ask(what string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.asked = append(t.asked, what)
}

func (t *teller) Tell(_ context.Context, s event.Subject, seq int64) error {
	t.ask(s.String())
	switch s.ID {
	case "FAILS":
		return errors.New("no")
	case "DIES":
		panic("killed")
	}
	if seq != 3 {
		return errors.New("another event")
	}
	return nil
}

func (t *teller) Due(_ context.Context, until time.Time) (int, error) {
	t.ask("due")
	t.until = until
	return 1, nil
}

func (t *teller) Unanswered(context.Context, time.Time) (int, error) {
	t.ask("unanswered")
	return 0, errors.New("no")
}

func function(t *teller) *notify.Notify {
	return &notify.Notify{Teller: t, Log: slog.New(slog.NewJSONHandler(io.Discard, nil)), Now: time.Now}
}

func message(t *testing.T, id string) events.SQSMessage {
	t.Helper()
	body, err := bulletin.Encode(event.Event{ID: "01KAQ3V7Z8M4T6W2Y9X1C5B3N7", Subject: event.Subject{Kind: event.Order, ID: id}, Seq: 3, Type: event.OrderConfirmed})
	if err != nil {
		t.Fatal(err)
	}
	return events.SQSMessage{MessageId: id, Body: string(body)}
}

func TestWhatFailsOfABatchComesAgainAndNothingElse(t *testing.T) {
	t.Parallel()
	teller := &teller{}
	in := consumer.Wake{Records: []events.SQSMessage{
		message(t, "A"), message(t, "FAILS"), message(t, "B"), message(t, "DIES"), {MessageId: "POISON", Body: "?"}, message(t, "C"),
	}}
	answer, err := function(teller).Handle(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	var failed []string
	for _, f := range answer.BatchItemFailures {
		failed = append(failed, f.ItemIdentifier)
	}
	if !slices.Equal(failed, []string{"FAILS", "DIES", "POISON"}) {
		t.Errorf("%v are to come again", failed)
	}
	slices.Sort(teller.asked) // what fails is tried more than once
	if !slices.Equal(slices.Compact(teller.asked), []string{"order/A", "order/B", "order/C", "order/DIES", "order/FAILS"}) {
		t.Errorf("told of %v", teller.asked)
	}
}

func TestTheClockFindsWhatWasLostAndTriesWhatIsDueThoughOneFails(t *testing.T) {
	t.Parallel()
	teller := &teller{}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	if _, err := function(teller).Handle(ctx, consumer.Wake{}); err == nil {
		t.Error("the failure is not told")
	}
	if !slices.Equal(teller.asked, []string{"unanswered", "due"}) {
		t.Errorf("asked for %v", teller.asked)
	}
	if deadline, _ := ctx.Deadline(); !teller.until.Before(deadline) {
		t.Error("nothing of the time is left")
	}
}
