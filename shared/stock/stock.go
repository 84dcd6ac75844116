// Package stock has the rules of stock items: what a movement does to a
// balance and to the moving-average cost.
package stock

import (
	"fmt"
	"strings"
	"time"

	"waybill/shared/money"
	"waybill/shared/refusal"
)

// A Place is where a SKU is kept: the key of a stock item.
type Place struct {
	SKU, Location string
}

// An Item is a SKU at a location. At every instant Available = OnHand −
// Reserved and none of the three is negative.
type Item struct {
	Place
	OnHand, Reserved, Available int64
	// Value is the cost of all that is on hand, in minor units of the company's
	// currency. Keeping the sum rather than the average makes costing exact:
	// nothing is lost to rounding, and an empty item is worth 0.
	Value int64
	// Version counts every write of the item, Moves those that changed OnHand
	// or Value; a reservation leaves Moves as it is.
	Version, Moves int64
}

// AverageCost is the moving average of one unit, rounded half up; 0 when nothing is on hand.
func (i Item) AverageCost() int64 {
	if i.OnHand <= 0 {
		return 0
	}
	avg, err := money.Portion(i.Value, 1, i.OnHand)
	if err != nil {
		return 0
	}
	return avg
}

// ValueOf returns what n of the units on hand are worth at moving-average
// cost, rounded half up; the last unit takes all that is left.
func (i Item) ValueOf(n int64) int64 {
	if n <= 0 || i.OnHand <= 0 {
		return 0
	}
	if n >= i.OnHand {
		return i.Value
	}
	v, err := money.Portion(i.Value, n, i.OnHand)
	if err != nil {
		return 0
	}
	return v
}

// A Kind is what a movement does.
type Kind string

// The kinds of movements. Reservations are none: they are the orders' own allocations.
const (
	Receive  Kind = "receive"
	Adjust   Kind = "adjust"
	Ship     Kind = "ship"
	Return   Kind = "return"
	Transfer Kind = "transfer"
)

// A Movement is an entry of the ledger of on-hand stock. It never changes.
type Movement struct {
	ID   string
	Kind Kind
	Place
	// Quantity is how on-hand changed at Place; for a transfer how many left
	// Place for ToLocation, a positive number.
	Quantity   int64
	ToLocation string
	// UnitCost is the cost of one as it was given (nil: not given), and Value
	// how the value at Place changed, both in the company's currency. What a
	// transfer takes from Place it adds at ToLocation.
	UnitCost  *int64
	Value     int64
	Reference string
	Reason    string
	Actor     string
	At        time.Time
}

// Check refuses what is wrong with a receipt, an adjustment or a transfer, in itself.
func (m Movement) Check() error {
	if m.Quantity == 0 || (m.Quantity < 0 && m.Kind != Adjust) {
		return refusal.Field("quantity", "invalid", "A quantity must be positive; only an adjustment may be negative, and none may be 0.")
	}
	if m.Kind == Adjust && strings.TrimSpace(m.Reason) == "" {
		return refusal.Field("reason", "required", "An adjustment needs a reason.")
	}
	if m.Kind == Transfer && (m.ToLocation == "" || m.ToLocation == m.Location) {
		return refusal.Field("to_location", "required", "A transfer needs another location to go to.")
	}
	if m.Kind != Transfer && m.ToLocation != "" {
		return refusal.Field("to_location", "invalid", "Only a transfer has a location to go to.")
	}
	if m.Kind != Receive && m.UnitCost != nil {
		return refusal.Field("unit_cost", "invalid", "Only a receipt has a unit cost.")
	}
	return nil
}

// Valued returns m with its Value, given the stock item as it is before: a
// receipt enters at its unit cost or else at the average, everything else at the average.
func (m Movement) Valued(before Item) (Movement, error) {
	switch {
	case m.UnitCost != nil:
		v, err := money.Times(*m.UnitCost, m.Quantity)
		if err != nil {
			return m, err
		}
		m.Value = v
	case m.Kind == Transfer:
		m.Value = -before.ValueOf(m.Quantity)
	case m.Quantity < 0:
		m.Value = -before.ValueOf(-m.Quantity)
	case before.OnHand > 0:
		v, err := money.Portion(before.Value, m.Quantity, before.OnHand)
		if err != nil {
			return m, err
		}
		m.Value = v
	}
	return m, nil
}

// A Change is what a movement adds to the on-hand quantity and value of one stock item.
type Change struct {
	Place
	OnHand, Value int64
}

// Changes returns what the movement does to each stock item it touches: one, or two for a transfer.
func (m Movement) Changes() []Change {
	if m.Kind != Transfer {
		return []Change{{Place: m.Place, OnHand: m.Quantity, Value: m.Value}}
	}
	return []Change{
		{Place: m.Place, OnHand: -m.Quantity, Value: m.Value},
		{Place: Place{m.SKU, m.ToLocation}, OnHand: m.Quantity, Value: -m.Value},
	}
}

// A Shortage says that a SKU lacks stock: Wanted more were needed and
// Available were left, over all the locations that could serve it.
type Shortage struct {
	SKU               string
	Wanted, Available int64
}

func (s *Shortage) Error() string {
	return fmt.Sprintf("not enough stock of %s: %d wanted and %d available", s.SKU, s.Wanted, s.Available)
}

// A Location is a place where goods are kept. Orders take from the lowest
// Priority first; where it is the same, by Code.
type Location struct {
	Code, Name string
	Priority   int
	Version    int64
}

// InTransit is where goods are on their way between two locations: stock items
// as any other, but no location that anybody orders from, moves at, or may create.
const InTransit = "IN-TRANSIT"

// Main is the location a fresh system has.
var Main = Location{Code: "MAIN", Name: "Main warehouse", Priority: 1, Version: 1}
