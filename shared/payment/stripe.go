package payment

import "time"

// What Stripe is asked for and what it says, in Waybill's words: amounts are
// minor units as ISO 4217 has them, whatever Stripe's own are. Package
// stripepay translates; nothing else knows Stripe's API.

// A SessionRequest asks for a page of Stripe's where one order is paid.
type SessionRequest struct {
	OrderID, OrderNumber, PaymentID string
	Currency                        string
	Amount                          int64  // what all items come to
	Items                           []Item // what is shown
	Email, Locale                   string // of the customer; may be empty
	Hold                            bool   // authorise only
	ExpiresAt                       time.Time
	SuccessURL, CancelURL           string
	Key                             string // idempotency
}

// An Item is a row of what is paid. Amount is of all units, tax included.
type Item struct {
	Name     string
	Quantity int64
	Amount   int64
}

// An IntentRequest asks for a payment on a page of the client's own.
type IntentRequest struct {
	OrderID, OrderNumber, PaymentID string
	Currency                        string
	Amount                          int64
	Email                           string
	Hold                            bool
	Key                             string
}

// A RefundRequest asks for money to go back.
type RefundRequest struct {
	OrderID, PaymentID, RefundID string
	Intent                       string
	Currency                     string
	Amount                       int64
	Key                          string
}

// Metadata is what Waybill wrote on an object when it had Stripe make it; both
// are empty on objects that are not Waybill's.
type Metadata struct{ OrderID, PaymentID string }

// A Session is a Checkout Session.
type Session struct {
	Metadata
	ID        string
	Intent    string // "" until there is one
	Status    string // open, complete, expired
	Paid      bool   // payment_status is paid, or nothing was to pay
	Amount    int64
	Currency  string
	Live      bool
	URL       string
	ExpiresAt time.Time
}

// An Intent is a PaymentIntent.
type Intent struct {
	Metadata
	ID           string
	Status       string // Stripe's: requires_payment_method, processing, requires_capture, succeeded, canceled, …
	Amount       int64
	Received     int64 // came in
	Currency     string
	Live         bool
	Via          string // card, alipay, …; "" when not known
	Failure      string // code of the last failure
	ClientSecret string // never stored
}

// A StripeRefund is a Refund.
type StripeRefund struct {
	Metadata
	ID       string
	RefundID string // ours, from its metadata
	Intent   string
	Amount   int64
	Currency string
	Status   string // Stripe's: pending, requires_action, succeeded, failed, canceled
	Failure  string
}

// A StripeDispute is a Dispute.
type StripeDispute struct {
	ID       string
	Intent   string
	Amount   int64
	Currency string
	Live     bool
	Status   DisputeStatus // inquiries (warning_*) count as open, and as won when they are closed
	Reason   string
}

// A StripeEvent is a delivery of Stripe's: exactly one of the objects is set,
// none for kinds that mean nothing here. An event about a charge is a hint: it
// only names an intent to fetch.
type StripeEvent struct {
	ID, Type   string
	APIVersion string
	Live       bool
	Created    time.Time
	Session    *Session
	Intent     *Intent
	Refund     *StripeRefund
	Dispute    *StripeDispute
	Fetch      string // id of an intent whose refunds are to be fetched
	AsyncFail  bool   // the session's delayed payment failed
}

// Object is Stripe's id of what the event is about.
func (e StripeEvent) Object() string {
	switch {
	case e.Session != nil:
		return e.Session.ID
	case e.Intent != nil:
		return e.Intent.ID
	case e.Refund != nil:
		return e.Refund.ID
	case e.Dispute != nil:
		return e.Dispute.ID
	default:
		return e.Fetch
	}
}

// ErrUnknown says that Stripe was called and whether it did what it was asked is not known.
// Answered tells a failure that Stripe answered with from silence: what was
// answered is over, and a lookup tells whether it was done.
type ErrUnknown struct {
	Err      error
	Answered bool
}

func (e *ErrUnknown) Error() string { return "the outcome at Stripe is unknown: " + e.Err.Error() }

// Unwrap is the cause.
func (e *ErrUnknown) Unwrap() error { return e.Err }
