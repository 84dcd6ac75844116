package notice_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"waybill/shared/event"
	"waybill/shared/notice"
)

type data = map[string]any

// told is who is told what of an event: audience, words and channels.
func told(t event.Type, d data) []string {
	var out []string
	for _, r := range notice.For(event.Event{Type: t, Data: d}) {
		channels := make([]string, len(r.Channels))
		for i, ch := range r.Channels {
			channels[i] = string(ch)
		}
		out = append(out, fmt.Sprintf("%s %s %s", r.To, r.Words, strings.Join(channels, "+")))
	}
	slices.Sort(out)
	return out
}

func TestWhoIsToldOfWhat(t *testing.T) {
	for _, c := range []struct {
		name string
		of   event.Type
		data data
		want []string
	}{
		{"a draft", event.OrderCreated, data{"status": "draft"}, nil},
		{"a draft above the limit", event.OrderCreated, data{"status": "draft", "hold_reason": "approval"}, []string{"manager approval_asked app+staff_email"}},
		{"a confirmed order that is not paid", event.OrderConfirmed, data{"status": "confirmed"}, []string{
			"customer order_confirmed email+sms", "owner order_placed app",
		}},
		{"a confirmed order", event.OrderConfirmed, data{"status": "confirmed", "to_ship": true}, []string{
			"customer order_confirmed email+sms", "owner order_placed app", "warehouse order_to_ship app+staff_email",
		}},
		{"an order that a manager approved", event.OrderConfirmed, data{"status": "confirmed", "reason": "approval", "to_ship": true}, []string{
			"customer order_confirmed email+sms", "owner approval_given app", "warehouse order_to_ship app+staff_email",
		}},
		{"an open order that a manager approved", event.OrderReleased, data{"reason": "approval"}, []string{"owner approval_given app"}},
		{"an order that goes on", event.OrderReleased, data{"reason": "Address unclear"}, nil},
		{"an imported order", event.OrderImported, data{"status": "confirmed"}, nil},
		{"an edited draft", event.OrderEdited, data{"status": "draft", "changed": []any{"lines"}}, nil},
		{"other lines", event.OrderEdited, data{"status": "confirmed", "changed": []any{"note", "lines"}}, []string{
			"customer order_changed email", "warehouse order_to_ship_changed app",
		}},
		{"another note", event.OrderEdited, data{"status": "confirmed", "changed": []any{"note"}}, []string{"warehouse order_to_ship_changed app"}},
		{"another attribute", event.OrderEdited, data{"status": "confirmed", "changed": []any{"attributes"}}, nil},
		{"other terms", event.OrderEdited, data{"status": "shipped", "changed": []any{"terms"}}, []string{"customer order_changed email"}},
		{"backorders given up", event.OrderEdited, data{"status": "confirmed", "lines": []any{}}, []string{
			"customer order_changed email", "warehouse order_to_ship_changed app",
		}},
		{"an edit above the limit", event.OrderEdited, data{"status": "confirmed", "changed": []any{"discount"}, "hold_reason": "approval"}, []string{
			"customer order_changed email", "manager approval_asked app+staff_email",
		}},
		{"a cancelled order", event.OrderCancelled, data{"status": "cancelled", "was_status": "confirmed"}, []string{
			"customer order_cancelled email+sms", "warehouse order_not_to_ship app",
		}},
		{"a cancelled draft", event.OrderCancelled, data{"status": "cancelled", "was_status": "draft"}, nil},
		{"a cancellation of long ago", event.OrderCancelled, data{"status": "cancelled"}, []string{
			"customer order_cancelled email+sms", "warehouse order_not_to_ship app",
		}},
		{"a hold", event.OrderHeld, data{"hold_reason": "Address unclear"}, []string{"manager order_held app", "owner order_held app"}},
		{"a hold for stock", event.OrderHeld, data{"reason": "stock"}, []string{"manager order_held app", "owner order_held app"}},
		{"a payment that failed", event.PaymentFailed, data{"failure": "card_declined"}, []string{
			"customer payment_failed email+sms", "finance money_failed app", "owner money_failed app",
		}},
		{"a capture that Stripe refused", event.PaymentFailed, data{"refused": true}, []string{"finance money_failed app", "owner money_failed app"}},
		{"a dispute", event.PaymentDisputed, data{}, []string{"finance payment_disputed app+staff_email", "manager payment_disputed app+staff_email"}},
		{"a parcel", event.ShipmentCreated, data{}, []string{"customer shipped email+sms", "owner goods_left app"}},
		{"a debt", event.InvoiceOverdue, data{}, []string{
			"customer invoice_overdue email", "finance debt_overdue app+staff_email", "owner debt_overdue app",
		}},
		{"a shelf that runs empty", event.StockLow, data{}, []string{"manager stock_low app+staff_email", "warehouse stock_low app+staff_email"}},
	} {
		if got := told(c.of, c.data); !slices.Equal(got, c.want) {
			t.Errorf("%s:\n got %q\nwant %q", c.name, got, c.want)
		}
	}
}

func TestWhatPeopleMustLearnHasARule(t *testing.T) {
	for _, k := range []event.Type{
		event.OrderConfirmed, event.OrderEdited, event.OrderCancelled, event.OrderExpired, event.OrderClosed, event.OrderHeld,
		event.PaymentReceived, event.PaymentFailed, event.RefundSucceeded, event.RefundFailed, event.PaymentDisputed,
		event.PaymentDisputeWon, event.PaymentDisputeLost, event.PaymentReview,
		event.ShipmentCreated, event.ShipmentDelivered, event.ReturnCreated, event.InvoiceIssued, event.InvoiceDueSoon, event.InvoiceOverdue,
		event.StockLow, event.StockDrift, event.MoneyDrift, event.DeadLettersWaiting, event.EndpointOff, event.ReportReady,
	} {
		if !slices.ContainsFunc(notice.Rules, func(r notice.Rule) bool { return r.Event == k }) {
			t.Errorf("nobody is told of %s", k)
		}
	}
}

// A notice is one message: a second rule for the same people and channel would ring twice.
func TestNobodyIsToldTwiceOfOneEventByOneChannel(t *testing.T) {
	values := map[string][]any{
		"status": {nil, "draft", "confirmed", "cancelled"}, "was_status": {nil, "draft", "confirmed"},
		"hold_reason": {nil, "approval", "Address unclear"}, "reason": {nil, "approval", "stock"}, "refused": {nil, true},
		"changed": {nil, []any{}, []any{"lines"}, []any{"note"}, []any{"attributes", "note", "shipping_address"}},
	}
	all := []data{{}}
	for key, choices := range values {
		var more []data
		for _, d := range all {
			for _, v := range choices {
				one := data{}
				for k, was := range d {
					one[k] = was
				}
				if v != nil {
					one[key] = v
				}
				more = append(more, one)
			}
		}
		all = more
	}
	for _, r := range notice.Rules {
		for _, d := range all {
			seen := map[string]string{}
			for _, m := range notice.For(event.Event{Type: r.Event, Data: d}) {
				for _, ch := range m.Channels {
					at := string(m.To) + " by " + string(ch)
					if seen[at] != "" {
						t.Fatalf("%s %v: %s is told %s and %s", r.Event, d, at, seen[at], m.Words)
					}
					seen[at] = m.Words
				}
			}
		}
	}
}

func TestEachAudienceHasItsChannels(t *testing.T) {
	for _, r := range notice.Rules {
		for _, ch := range r.Channels {
			forCustomers := ch == notice.Email || ch == notice.SMS
			if forCustomers != (r.To == notice.Customer) || (r.To == notice.Owner && ch != notice.App) {
				t.Errorf("%s tells %s by %s", r.Event, r.To, ch)
			}
		}
	}
}
