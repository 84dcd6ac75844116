package bulletin_test

import (
	"encoding/json"
	"testing"
	"time"

	"waybill/shared/bulletin"
	"waybill/shared/event"
)

func TestAMessageSaysWhatHappenedInWholeNumbers(t *testing.T) {
	t.Parallel()
	e := event.Event{
		ID: "01JD9Z3M8Q4T5V6W7X8Y9Z0A1B", Subject: event.Subject{Kind: event.Order, ID: "01JD9Z3M8Q4T5V6W7X8Y9Z0A1C"}, Seq: 3,
		Type: event.OrderConfirmed, At: time.Date(2026, 11, 23, 9, 30, 0, 0, time.UTC), Actor: "sally",
		Data: map[string]any{"total": int64(9007199254740993)},
	}
	text, err := bulletin.Encode(e)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"version":1,"id":"01JD9Z3M8Q4T5V6W7X8Y9Z0A1B","type":"order.confirmed","subject":"order/01JD9Z3M8Q4T5V6W7X8Y9Z0A1C","seq":3,` +
		`"at":"2026-11-23T09:30:00Z","actor":"sally","data":{"total":9007199254740993}}`
	if string(text) != want {
		t.Errorf("it is %s", text)
	}
	m, err := bulletin.Decode(text)
	if err != nil || m.About() != e.Subject || m.Seq != 3 || m.Data["total"] != json.Number("9007199254740993") {
		t.Errorf("%+v, %v", m, err)
	}
}

func TestWhatNamesNoEventIsNoMessage(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "{}", "[]", `{"version":1,"subject":"order","seq":1}`, `{"version":1,"subject":"order/A","seq":0}`, `{"subject":"order/A","seq":1}`} {
		if m, err := bulletin.Decode([]byte(text)); err == nil {
			t.Errorf("%s is %+v", text, m)
		}
	}
}

func TestWhatPeopleWroteInTheirOwnWordsDoesNotLeave(t *testing.T) {
	t.Parallel()
	e := event.Event{Data: map[string]any{
		"reason": "call Mrs Gute", "hold_reason": "approval", "note": "+49 30 123", "number": "SO-1",
		"lines": []any{map[string]any{"sku": "MUG", "reason": "Claire broke it"}},
	}}
	text, err := json.Marshal(bulletin.Of(e).Data)
	if want := `{"hold_reason":"approval","lines":[{"sku":"MUG"}],"number":"SO-1"}`; err != nil || string(text) != want {
		t.Errorf("%s leaves, %v", text, err)
	}
	if e.Data["reason"] != "call Mrs Gute" {
		t.Error("the event itself was changed")
	}
}
