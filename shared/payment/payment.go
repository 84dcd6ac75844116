// Package payment has the rules of money that comes in and goes back: what is
// asked for, what came, what went back, and what may still go back. What Stripe
// says enters as observations, in any order and any number of times, and only
// ever moves things forward.
package payment

import (
	"slices"
	"time"
)

// A Method is how money comes in.
type Method string

// The methods. All but Stripe are recorded by hand.
const (
	Stripe       Method = "stripe"
	BankTransfer Method = "bank_transfer"
	Cash         Method = "cash"
	Cheque       Method = "cheque"
	OnAccount    Method = "on_account"
)

// A Status is how far a payment is. It only moves forward, see rank.
type Status string

// The statuses of payments.
const (
	Pending    Status = "pending"    // asked for, nothing came
	Processing Status = "processing" // under way, such as a bank debit
	Authorized Status = "authorized" // sure to come, to be captured
	Failed     Status = "failed"     // will not come
	Cancelled  Status = "cancelled"  // given up
	Succeeded  Status = "succeeded"  // came in
	Reversed   Status = "reversed"   // recorded by mistake
)

// rank orders what Stripe can say of a payment: an observation of a lower rank
// is a late one. What came in has come in, whatever else is said.
var rank = map[Status]int{Pending: 0, Processing: 1, Authorized: 2, Failed: 3, Cancelled: 3, Succeeded: 4, Reversed: 5}

// Open reports whether money may still come by itself or be captured.
func (s Status) Open() bool { return rank[s] < rank[Failed] }

// A Payment is money that comes in for an order by one way. Amounts are minor
// units of the order's currency.
type Payment struct {
	ID         string
	Method     Method
	Via        string // at Stripe: card, alipay, …
	Currency   string
	Amount     int64 // asked for, or recorded
	Received   int64 // came in
	Status     Status
	Reference  string
	Note       string
	By         string // who recorded it or asked for it
	Attempt    string // what a retry of the request that made it is known by
	Failure    string // why the last try failed
	Reason     string // why it was reversed or given up
	Hold       bool   // to be authorised first and captured later
	Session    string // Stripe's ids
	Intent     string
	URL        string // where it is paid, while it is pending
	ExpiresAt  *time.Time
	Capture    int64 // to be captured, written down before Stripe is called
	Void       bool  // to be given up, likewise
	Refused    bool  // Stripe refused the last capture or void; people are to see to it
	Tries      int64 // calls of Stripe that it answered with a failure of its own
	Refunds    []Refund
	Disputes   []Dispute
	ReceivedAt *time.Time
	CreatedAt  time.Time
}

// A RefundStatus is how far a refund is.
type RefundStatus string

// The statuses of refunds. One that succeeded may still fail.
const (
	RefundPending   RefundStatus = "pending"
	RefundSucceeded RefundStatus = "succeeded"
	RefundFailed    RefundStatus = "failed"
)

var refundRank = map[RefundStatus]int{RefundPending: 0, RefundSucceeded: 1, RefundFailed: 2}

// A Refund is money that goes back by the way it came.
type Refund struct {
	ID        string
	Amount    int64
	Status    RefundStatus
	Reason    string
	Reference string
	Failure   string
	By        string
	Attempt   string
	Stripe    string // Stripe's id; "" until it is known there
	Tries     int64  // calls that Stripe answered with a failure of its own
	At        time.Time
}

// counts reports whether the refund is taken off what was paid: from when it is asked for.
func (r Refund) counts() bool { return r.Status != RefundFailed }

// A DisputeStatus is how far a dispute is.
type DisputeStatus string

// The statuses of disputes.
const (
	DisputeOpen DisputeStatus = "open"
	DisputeWon  DisputeStatus = "won"
	DisputeLost DisputeStatus = "lost"
)

// A Dispute is money that the customer's bank wants back.
type Dispute struct {
	Stripe string
	Amount int64
	Status DisputeStatus
	Reason string
}

// In is what came in: nothing until it did, or if it was recorded by mistake.
func (p Payment) In() int64 {
	if p.Status != Succeeded {
		return 0
	}
	return p.Received
}

// Refunded is what went back or is to go back, disputes that were lost
// included, as far as there was something left for them to take.
func (p Payment) Refunded() int64 {
	var back int64
	for _, r := range p.Refunds {
		if r.counts() {
			back += r.Amount
		}
	}
	return back + min(p.disputes(DisputeLost), max(0, p.In()-back))
}

// Disputed is what open disputes are about.
func (p Payment) Disputed() int64 {
	return min(p.disputes(DisputeOpen), max(0, p.In()-p.Refunded()))
}

func (p Payment) disputes(s DisputeStatus) int64 {
	var n int64
	for _, d := range p.Disputes {
		if d.Status == s {
			n += d.Amount
		}
	}
	return n
}

// Refundable is what may still go back: not what is disputed, for the bank decides on that.
func (p Payment) Refundable() int64 { return max(0, p.In()-p.Refunded()-p.Disputed()) }

// Owing reports whether something is still to be done about the payment at Stripe.
func (p Payment) Owing() bool {
	if p.Method != Stripe {
		return false
	}
	return p.Capture > 0 || p.Void || slices.ContainsFunc(p.Refunds, func(r Refund) bool { return r.Status == RefundPending })
}
