package event_test

import (
	"maps"
	"testing"

	"waybill/shared/event"
)

func TestWhoSeesNoPricesReadsNoneInATimeline(t *testing.T) {
	e := event.Event{Data: map[string]any{
		"number": "SO-1", "status": "confirmed", "reason": "stock",
		"total": int64(4288), "was_total": int64(1), "currency": "USD", "prices": map[string]any{"USD": int64(1)}, "credit_limit": int64(5), "terms": "net",
	}}
	before := maps.Clone(e.Data)
	got := e.WithoutMoney()
	if len(got) != 3 || got["number"] != "SO-1" || got["status"] != "confirmed" || got["reason"] != "stock" {
		t.Errorf("left are %v", got)
	}
	if len(e.Data) != len(before) {
		t.Error("the event itself was changed")
	}
}
