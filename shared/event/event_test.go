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

func TestWhoSeesNoPricesReadsOfMoneyOnlyThatThereWasSome(t *testing.T) {
	for _, kind := range []event.Type{event.PaymentReceived, event.RefundRequested, event.InvoiceIssued, event.CreditNoteIssued} {
		e := event.Event{Type: kind, Data: map[string]any{"number": "SO-1", "status": "confirmed", "method": "cash", "refunds": []any{map[string]any{"amount": int64(5)}}}}
		if got := e.WithoutMoney(); len(got) != 2 || got["number"] != "SO-1" || got["status"] != "confirmed" {
			t.Errorf("of %s are left %v", kind, got)
		}
	}
}
