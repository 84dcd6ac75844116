// Package event says what happened: one event for each change of anything,
// written in the transaction that made the change. An order's events are its
// timeline; all of them together are the audit trail.
package event

import (
	"strings"
	"time"
)

// An Event is a fact. Seq counts the events of its subject from 1 and equals
// the subject's version after it, so that a hole would show.
type Event struct {
	ID      string
	Subject Subject
	Seq     int64
	Type    Type
	At      time.Time
	Actor   string
	Data    map[string]any // strings, int64s, bools, and lists and maps of them
}

// A Subject is what an event is about.
type Subject struct {
	Kind Kind
	ID   string
}

// String is kind and id, as the audit trail shows them.
func (s Subject) String() string { return string(s.Kind) + "/" + s.ID }

// A Kind is a sort of subject.
type Kind string

// The sorts of subjects.
const (
	Order    Kind = "order"
	Product  Kind = "product"
	Customer Kind = "customer"
	Location Kind = "location"
	Settings Kind = "settings"
	Stock    Kind = "stock"
	Transfer Kind = "transfer"
	Count    Kind = "count"
	Review   Kind = "review"
	Proof    Kind = "proof"
	Access   Kind = "access"

	Tracking    Kind = "tracking"    // an order's link for its customer
	Preferences Kind = "preferences" // of a customer
	Endpoint    Kind = "webhook_endpoint"
	DeadLetters Kind = "dead_letters"
	Report      Kind = "report"
)

// A Type names what happened, <kind>.<what>.
type Type string

// The types of events.
const (
	OrderCreated   Type = "order.created"   // entered as a draft
	OrderConfirmed Type = "order.confirmed" // stock reserved, whether placed at once or later
	OrderEdited    Type = "order.edited"
	OrderHeld      Type = "order.held"
	OrderReleased  Type = "order.released"
	OrderCancelled Type = "order.cancelled"
	OrderClosed    Type = "order.closed" // the rest of a partly shipped order was cancelled
	OrderCompleted Type = "order.completed"
	OrderImported  Type = "order.imported"
	OrderServed    Type = "order.served" // goods came in for what it waited for

	ShipmentCreated   Type = "shipment.created"
	ShipmentEdited    Type = "shipment.edited"
	ShipmentDelivered Type = "shipment.delivered"
	ShipmentUndone    Type = "shipment.undone"
	ReturnCreated     Type = "return.created"

	OrderExpired Type = "order.expired" // cancelled because nobody paid in time

	PaymentRequested    Type = "payment.requested" // a customer was asked to pay at Stripe
	PaymentProcessing   Type = "payment.processing"
	PaymentAuthorized   Type = "payment.authorized"
	PaymentReceived     Type = "payment.received"
	PaymentFailed       Type = "payment.failed"
	PaymentCapturing    Type = "payment.capturing" // Stripe is to take what was authorised
	PaymentVoiding      Type = "payment.voiding"   // it is to be given up
	PaymentCancelled    Type = "payment.cancelled"
	PaymentReversed     Type = "payment.reversed"
	PaymentDisputed     Type = "payment.disputed"
	PaymentDisputeWon   Type = "payment.dispute_won"
	PaymentDisputeLost  Type = "payment.dispute_lost"
	PaymentReview       Type = "payment.review" // what Stripe sent does not match
	PaymentReviewClosed Type = "payment.reviewed"
	RefundRequested     Type = "refund.requested"
	RefundSucceeded     Type = "refund.succeeded"
	RefundFailed        Type = "refund.failed"
	InvoiceIssued       Type = "invoice.issued"
	CreditNoteIssued    Type = "credit_note.issued"

	ProductCreated  Type = "product.created"
	ProductEdited   Type = "product.edited"
	CustomerCreated Type = "customer.created"
	CustomerEdited  Type = "customer.edited"
	LocationCreated Type = "location.created"
	LocationEdited  Type = "location.edited"
	SettingsEdited  Type = "settings.edited"

	StockLow    Type = "stock.low"    // what is available fell to the reorder point
	StockProven Type = "stock.proven" // a run of the proof found that the ledger explains every balance
	StockDrift  Type = "stock.drift"  // a run of the proof found balances that it does not
	MoneyDrift  Type = "money.drift"  // the same of orders' money

	TransferSent     Type = "transfer.sent"
	TransferReceived Type = "transfer.received"
	CountOpened      Type = "count.opened"
	CountEntered     Type = "count.entered"
	CountPosting     Type = "count.posting" // the first of several steps that post it
	CountPosted      Type = "count.posted"
	CountCancelled   Type = "count.cancelled"

	InvoiceDueSoon Type = "invoice.due_soon" // in three days, and something is open
	InvoiceOverdue Type = "invoice.overdue"

	TrackingMade       Type = "tracking.made"
	TrackingRevoked    Type = "tracking.revoked"
	PreferencesEdited  Type = "preferences.edited"
	EndpointCreated    Type = "webhook_endpoint.created"
	EndpointEdited     Type = "webhook_endpoint.edited"
	EndpointDeleted    Type = "webhook_endpoint.deleted"
	EndpointSecret     Type = "webhook_endpoint.secret_rotated"
	EndpointOff        Type = "webhook_endpoint.switched_off" // after three days without an answer
	DeadLettersWaiting Type = "dead_letters.waiting"
	DeadLettersHandled Type = "dead_letters.handled"
	ReportReady        Type = "report.ready"

	AccessDenied Type = "access.denied"
)

// money lists the keys of Data that hold amounts.
var money = map[string]bool{
	"total": true, "was_total": true, "currency": true, "discount_bp": true, "credit_limit": true, "prices": true, "terms": true,
	"amount": true, "balance": true, "payment_status": true,
}

// aboutMoney are the kinds of types whose events say of an order but that there was one.
var aboutMoney = []string{"payment.", "refund.", "invoice.", "credit_note."}

// WithoutMoney returns the event's data without amounts, for those who see no prices.
func (e Event) WithoutMoney() map[string]any {
	out := map[string]any{}
	for k, v := range e.Data {
		if !money[k] {
			out[k] = v
		}
	}
	for _, kind := range aboutMoney {
		if strings.HasPrefix(string(e.Type), kind) {
			return map[string]any{"number": e.Data["number"], "status": e.Data["status"]}
		}
	}
	return out
}
