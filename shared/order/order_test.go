package order_test

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"waybill/shared/order"
	"waybill/shared/stock"
)

var now = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)

var actions = map[string]func(*order.Order) error{
	"confirm":  func(o *order.Order) error { return o.Confirm(now) },
	"edit":     func(o *order.Order) error { return o.MayEdit() },
	"cancel":   func(o *order.Order) error { return o.Cancel("changed my mind") },
	"complete": (*order.Order).Complete,
	"hold":     func(o *order.Order) error { return o.Hold("call first") },
	"release":  (*order.Order).Release,
}

// transitions says what an action makes of an order: its status and, after a
// slash, that it is on hold; or the code that it is refused with.
var transitions = map[string]map[string]string{
	"draft": {
		"confirm": "confirmed", "edit": "draft", "cancel": "cancelled",
		"complete": "wrong_status", "hold": "draft/held", "release": "not_on_hold",
	},
	"draft/held": {
		"confirm": "on_hold", "edit": "draft/held", "cancel": "cancelled",
		"complete": "wrong_status", "hold": "on_hold", "release": "draft",
	},
	"confirmed": {
		"confirm": "wrong_status", "edit": "confirmed", "cancel": "cancelled",
		"complete": "wrong_status", "hold": "confirmed/held", "release": "not_on_hold",
	},
	"confirmed/held": {
		"confirm": "wrong_status", "edit": "confirmed/held", "cancel": "cancelled",
		"complete": "wrong_status", "hold": "on_hold", "release": "confirmed",
	},
	"partially_shipped": {
		"confirm": "wrong_status", "edit": "partially_shipped", "cancel": "shipped",
		"complete": "wrong_status", "hold": "partially_shipped/held", "release": "not_on_hold",
	},
	"partially_shipped/held": {
		"confirm": "wrong_status", "edit": "partially_shipped/held", "cancel": "shipped",
		"complete": "wrong_status", "hold": "on_hold", "release": "partially_shipped",
	},
	"shipped": {
		"confirm": "wrong_status", "edit": "wrong_status", "cancel": "wrong_status",
		"complete": "completed", "hold": "shipped/held", "release": "not_on_hold",
	},
	"shipped/held": {
		"confirm": "wrong_status", "edit": "wrong_status", "cancel": "wrong_status",
		"complete": "on_hold", "hold": "on_hold", "release": "shipped",
	},
	"completed": {
		"confirm": "wrong_status", "edit": "wrong_status", "cancel": "wrong_status",
		"complete": "wrong_status", "hold": "wrong_status", "release": "not_on_hold",
	},
	"cancelled": {
		"confirm": "wrong_status", "edit": "wrong_status", "cancel": "wrong_status",
		"complete": "wrong_status", "hold": "wrong_status", "release": "not_on_hold",
	},
}

func state(o order.Order) string {
	if o.OnHold {
		return string(o.Status) + "/held"
	}
	return string(o.Status)
}

// inState is an order whose lines are what its status demands.
func inState(s order.Status, held bool) order.Order {
	l := order.Line{SKU: "MUG", Quantity: 5}
	switch s {
	case order.Confirmed:
		l.Allocations, l.Backordered = []stock.Allocation{{Location: "MAIN", Quantity: 3}}, 2
	case order.PartiallyShipped:
		l.Allocations, l.Backordered, l.Shipped = []stock.Allocation{{Location: "MAIN", Quantity: 2}}, 1, 2
	case order.Shipped, order.Completed:
		l.Shipped = 5
	case order.Draft, order.Cancelled: // nothing is reserved
	}
	o := order.Order{Number: "SO-2611-7K3M9Q", Status: s, Lines: []order.Line{l}, OnHold: held}
	if held {
		o.HoldReason = "fraud check"
	}
	return o
}

func TestEveryStatusAllowsWhatItShould(t *testing.T) {
	seen := 0
	for _, s := range order.Statuses {
		for _, held := range []bool{false, true} {
			was := inState(s, held)
			want, ok := transitions[state(was)]
			if !ok {
				continue // what is over can't be held
			}
			seen++
			for name, act := range actions {
				t.Run(fmt.Sprintf("%s/%s", state(was), name), func(t *testing.T) {
					o := inState(s, held)
					err := act(&o)
					got := state(o)
					if err != nil {
						got = refused(err).Code
						if !reflect.DeepEqual(o, was) {
							t.Errorf("refused, and yet it is %+v", o)
						}
					}
					if got != want[name] {
						t.Errorf("got %s (%v), want %s", got, err, want[name])
					}
					// Confirm leaves the allocation to its caller.
					if name != "confirm" && !o.Sound() {
						t.Errorf("its quantities don't add up: %+v", o.Lines)
					}
				})
			}
		}
	}
	if seen != len(transitions) {
		t.Errorf("%d of %d rows of the table were tried", seen, len(transitions))
	}
}

func TestConfirmationIsDated(t *testing.T) {
	o := inState(order.Draft, false)
	o.Lines = nil
	if err := o.Confirm(now); err != nil || o.PlacedAt == nil || !o.PlacedAt.Equal(now) {
		t.Errorf("placed at %v, %v", o.PlacedAt, err)
	}
}

func TestCancelGivesBackWhatHasNotLeft(t *testing.T) {
	for _, s := range []order.Status{order.Draft, order.Confirmed, order.PartiallyShipped} {
		o := inState(s, true)
		shipped := o.Lines[0].Shipped
		if err := o.Cancel("changed my mind"); err != nil {
			t.Fatal(err)
		}
		l := o.Lines[0]
		if len(o.Allocations()) != 0 || l.Backordered != 0 || l.Shipped != shipped || o.CancelReason != "changed my mind" || o.HoldReason != "" {
			t.Errorf("from %s: %+v", s, o)
		}
	}
}

func TestYieldTurnsReservedIntoWaiting(t *testing.T) {
	twoLines := func() order.Order {
		return order.Order{Status: order.Confirmed, Lines: []order.Line{
			{SKU: "CUP", Quantity: 4, Allocations: []stock.Allocation{{Location: "MAIN", Quantity: 4}}},
			{SKU: "MUG", Quantity: 7, Backordered: 1, Allocations: []stock.Allocation{{Location: "MAIN", Quantity: 4}, {Location: "EAST", Quantity: 2}}},
		}}
	}
	for _, c := range []struct {
		name        string
		at          string
		n           int64
		allocations []stock.Allocation
		waiting     int64
	}{
		{"some of it", "MAIN", 3, []stock.Allocation{{Location: "MAIN", Quantity: 1}, {Location: "EAST", Quantity: 2}}, 4},
		{"all of a place", "MAIN", 4, []stock.Allocation{{Location: "EAST", Quantity: 2}}, 5},
		{"of another place", "EAST", 1, []stock.Allocation{{Location: "MAIN", Quantity: 4}, {Location: "EAST", Quantity: 1}}, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			o, untouched := twoLines(), twoLines().Lines[0]
			o.Yield(stock.Place{SKU: "MUG", Location: c.at}, c.n)
			if !reflect.DeepEqual(o.Lines[1].Allocations, c.allocations) || o.Lines[1].Backordered != c.waiting {
				t.Errorf("left are %v with %d waiting", o.Lines[1].Allocations, o.Lines[1].Backordered)
			}
			if !reflect.DeepEqual(o.Lines[0], untouched) || !o.Sound() || !o.OnHold || o.HoldReason != order.HoldStock {
				t.Errorf("the order is %+v", o)
			}
		})
	}
	held := twoLines()
	held.OnHold, held.HoldReason = true, "fraud check"
	held.Yield(stock.Place{SKU: "MUG", Location: "MAIN"}, 1)
	if held.HoldReason != "fraud check" {
		t.Errorf("a hold that was there is now %q", held.HoldReason)
	}
}

func TestSoundSeesQuantitiesThatDoNotAddUp(t *testing.T) {
	reserved := []stock.Allocation{{Location: "MAIN", Quantity: 3}}
	for _, c := range []struct {
		name   string
		status order.Status
		line   order.Line
		sound  bool
	}{
		{"a draft", order.Draft, order.Line{Quantity: 5}, true},
		{"a draft that reserves", order.Draft, order.Line{Quantity: 3, Allocations: reserved}, false},
		{"a draft that waits", order.Draft, order.Line{Quantity: 3, Backordered: 3}, false},
		{"all reserved", order.Confirmed, order.Line{Quantity: 3, Allocations: reserved}, true},
		{"the rest waits", order.Confirmed, order.Line{Quantity: 5, Allocations: reserved, Backordered: 2}, true},
		{"some are nowhere", order.Confirmed, order.Line{Quantity: 5, Allocations: reserved, Backordered: 1}, false},
		{"more than ordered", order.Confirmed, order.Line{Quantity: 2, Allocations: reserved}, false},
		{"some have left", order.PartiallyShipped, order.Line{Quantity: 5, Allocations: reserved, Shipped: 2}, true},
		{"shipped counts double", order.PartiallyShipped, order.Line{Quantity: 3, Allocations: reserved, Shipped: 2}, false},
		{"less than nothing waits", order.Confirmed, order.Line{Quantity: 2, Allocations: reserved, Backordered: -1}, false},
		{"less than nothing shipped", order.Confirmed, order.Line{Quantity: 2, Allocations: reserved, Shipped: -1}, false},
		{"came back", order.Shipped, order.Line{Quantity: 5, Shipped: 5, Returned: 5}, true},
		{"more came back than left", order.Shipped, order.Line{Quantity: 5, Shipped: 4, Returned: 5}, false},
		{"cancelled and still reserves", order.Cancelled, order.Line{Quantity: 3, Allocations: reserved}, false},
	} {
		o := order.Order{Status: c.status, Lines: []order.Line{{SKU: "FINE"}, c.line}}
		if got := o.Sound(); got != c.sound {
			t.Errorf("%s: sound is %v", c.name, got)
		}
	}
}
