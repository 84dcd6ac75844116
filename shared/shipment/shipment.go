// Package shipment has the rules of goods that leave on a delivery note, and of
// goods that come back.
package shipment

import (
	"strconv"
	"strings"
	"time"

	"waybill/shared/customer"
	"waybill/shared/refusal"
)

// MostLines is how many SKUs a shipment or a return may have: each is a stock
// item and a movement of the transaction.
const MostLines = 45

// A Status is how far a shipment is.
type Status string

// A shipment has left until it arrives, or is undone because it never should have.
const (
	Shipped   Status = "shipped"
	Delivered Status = "delivered"
	Undone    Status = "undone"
)

// A Shipment is goods that left one location on one delivery note.
type Shipment struct {
	ID, Number           string // Number is the order's and a count: SO-2611-7K3M9Q-1
	Version              int64
	Status               Status
	OrderID, OrderNumber string
	CustomerID           string
	Location             string
	Lines                []Line
	Carrier              string // as the settings name it; "" when it is not said
	TrackingNumber       string
	TrackingURL          string
	Packages             int   // 0: not said
	WeightGrams          int64 // 0: not said
	Note                 string
	To                   *customer.Address
	Shipper              string // principal id
	ShippedAt            time.Time
	DeliveredAt          *time.Time
	UndoReason           string
	CreatedAt, UpdatedAt time.Time
}

// A Line is what left of one SKU.
type Line struct {
	SKU, Name string
	Quantity  int64
	Ordered   int64 // of the order's line, and how many of it were still to leave after this
	Remaining int64
	Cost      int64 // of all of them at moving-average cost, minor units of the company's currency
}

// NumberOf is the number of an order's nth shipment, n counted from 1. The
// order's version makes sure that there is only one.
func NumberOf(order string, n int) string { return order + "-" + strconv.Itoa(n) }

// OrderOf splits a shipment's number into the order's and the count; ok is
// false for what is no shipment's number.
func OrderOf(number string) (order string, n int, ok bool) {
	i := strings.LastIndexByte(number, '-')
	if i <= 0 {
		return "", 0, false
	}
	n, err := strconv.Atoi(number[i+1:])
	return number[:i], n, err == nil && n > 0
}

// Deliver notes that the shipment arrived.
func (s *Shipment) Deliver(at time.Time) error {
	if s.Status != Shipped {
		return s.wrongStatus("delivered")
	}
	if at.Before(s.ShippedAt.Truncate(time.Second)) { // which is as exact as clients see it
		return refusal.Field("delivered_at", "invalid", "The shipment had not left then.")
	}
	s.Status, s.DeliveredAt = Delivered, &at
	return nil
}

// Undo takes the shipment back as a mistake.
func (s *Shipment) Undo(reason string) error {
	if s.Status != Shipped {
		return s.wrongStatus("undone")
	}
	if strings.TrimSpace(reason) == "" {
		return refusal.Field("reason", "required", "Undoing a shipment needs a reason.")
	}
	s.Status, s.UndoReason = Undone, reason
	return nil
}

// MayCorrect refuses to correct a shipment that never was.
func (s Shipment) MayCorrect() error {
	if s.Status == Undone {
		return s.wrongStatus("corrected")
	}
	return nil
}

// MayPrint refuses the delivery note of a shipment that never was.
func (s Shipment) MayPrint() error {
	if s.Status == Undone {
		return s.wrongStatus("printed")
	}
	return nil
}

func (s Shipment) wrongStatus(what string) error {
	return refusal.New(refusal.Conflict, "wrong_status", "Shipment %s is %s and can't be %s.", s.Number, s.Status, what)
}

// A Return is goods that came back. It never changes.
type Return struct {
	ID, Number           string // Number is the order's, R and a count: SO-2611-7K3M9Q-R1
	OrderID, OrderNumber string
	CustomerID           string
	Location             string // where restocked goods are
	Lines                []Returned
	Note                 string
	Actor                string
	At                   time.Time
}

// Returned is what came back of one SKU in one state.
type Returned struct {
	SKU, Name string
	Quantity  int64
	Restock   bool // on hand again; otherwise scrapped
	Reason    string
	Cost      int64 // of all of them when they left
}

// ReturnNumberOf is the number of an order's nth return.
func ReturnNumberOf(order string, n int) string { return order + "-R" + strconv.Itoa(n) }
