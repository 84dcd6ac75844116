package payment

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"waybill/shared/refusal"
)

// An Account is all payments of an order, the oldest first. What changes what
// came in or went back adds an entry to its ledger; entries are never changed,
// and their sums are what the account comes to.
type Account struct {
	Payments []Payment
	Version  int64   // counts its changes
	Entries  int64   // how many there are
	News     []Entry // those that are not stored yet
}

// A Kind is why an entry stands in the ledger.
type Kind string

// The kinds of entries: what came in, what was recorded by mistake, what goes
// back, and what did not go back after all.
const (
	In          Kind = "payment"
	Mistake     Kind = "reversal"
	Back        Kind = "refund"
	BackFailed  Kind = "refund_failed"
	ChargedBack Kind = "chargeback"
)

// An order's account is one item of the table, and what a fact changes of it one transaction.
const (
	MostPayments = 40
	MostRefunds  = 50 // of a payment
)

// An Entry is a change of what an order received: Amount is positive for money
// that comes in or stays, negative for money that goes.
type Entry struct {
	Number    int64
	Kind      Kind
	PaymentID string
	Of        string // the refund's id, or Stripe's of the dispute
	Amount    int64
	By        string
	At        time.Time
}

// Sums is what an account comes to.
type Sums struct{ Paid, Refunded, Authorized, Disputed, Lost int64 }

// Sums adds the payments up.
func (a Account) Sums() Sums {
	var s Sums
	for _, p := range a.Payments {
		s.Paid += p.In()
		s.Refunded += p.Refunded()
		s.Disputed += p.Disputed()
		s.Lost += p.disputes(DisputeLost)
		if p.Status == Authorized && !p.Void {
			s.Authorized += p.Amount
		}
	}
	return s
}

// Underway is what may still come in by itself: asked for and processing.
func (a Account) Underway() int64 {
	var n int64
	for _, p := range a.Payments {
		if p.Status == Processing {
			n += p.Amount
		}
	}
	return n
}

// Asks are the ids of the payments that a customer may still make at Stripe.
func (a Account) Asks() []string {
	var ids []string
	for _, p := range a.Payments {
		if p.Method == Stripe && p.Status == Pending {
			ids = append(ids, p.ID)
		}
	}
	return ids
}

// PayAt is the address of the page that is open to pay at, "" when there is none.
func (a Account) PayAt(now time.Time) string {
	for _, p := range a.Payments {
		if p.Status == Pending && !p.Void && p.URL != "" && p.ExpiresAt != nil && p.ExpiresAt.After(now) {
			return p.URL
		}
	}
	return ""
}

// Owing reports whether something is still to be done at Stripe.
func (a Account) Owing() bool {
	return slices.ContainsFunc(a.Payments, Payment.Owing)
}

// Payment returns the payment with an id, nil when there is none.
func (a *Account) Payment(id string) *Payment {
	return a.find(func(p Payment) bool { return p.ID == id && id != "" })
}

func (a *Account) find(is func(Payment) bool) *Payment {
	if i := slices.IndexFunc(a.Payments, is); i >= 0 {
		return &a.Payments[i]
	}
	return nil
}

// Clone is a copy that shares nothing.
func (a Account) Clone() Account {
	a.Payments = slices.Clone(a.Payments)
	for i := range a.Payments {
		a.Payments[i].Refunds = slices.Clone(a.Payments[i].Refunds)
		a.Payments[i].Disputes = slices.Clone(a.Payments[i].Disputes)
	}
	a.News = nil
	return a
}

// Entered says who enters something, and when.
type Entered struct {
	By string
	At time.Time
}

// change changes a payment and enters what that makes of its sums.
func (a *Account) change(p *Payment, e Entered, kind Kind, of string, do func(*Payment)) {
	in, back := p.In(), p.Refunded()
	do(p)
	enter := func(kind Kind, of string, amount int64) {
		if amount != 0 {
			a.Entries++
			a.News = append(a.News, Entry{Number: a.Entries, Kind: kind, PaymentID: p.ID, Of: of, Amount: amount, By: e.By, At: e.At})
		}
	}
	if diff := p.In() - in; diff < 0 {
		enter(Mistake, "", diff)
	} else {
		enter(In, "", diff)
	}
	enter(kind, of, back-p.Refunded())
}

// Add enters a payment: one that was asked for, or, when it is Succeeded, one
// that came in.
func (a *Account) Add(p Payment, e Entered) error {
	if len(a.Payments) >= MostPayments {
		a.forget()
	}
	if len(a.Payments) >= MostPayments {
		return refusal.New(refusal.Rejected, "too_many_items", "An order has at most %d payments.", MostPayments)
	}
	status := p.Status
	p.Status = Pending
	a.Payments = append(a.Payments, p)
	a.change(&a.Payments[len(a.Payments)-1], e, "", "", func(p *Payment) { p.Status = status })
	return nil
}

// forget makes room: the oldest ask that came to nothing goes. The timeline has it.
func (a *Account) forget() {
	i := slices.IndexFunc(a.Payments, func(p Payment) bool {
		return (p.Status == Cancelled || p.Status == Failed) && len(p.Refunds)+len(p.Disputes) == 0
	})
	if i >= 0 {
		a.Payments = slices.Delete(a.Payments, i, i+1)
	}
}

// Reverse takes back a payment that was recorded by mistake.
func (a *Account) Reverse(id, reason string, e Entered) error {
	p := a.Payment(id)
	switch {
	case p == nil:
		return refusal.Missing("payment", id)
	case p.Method == Stripe:
		return refusal.New(refusal.Conflict, "wrong_method", "What came in through Stripe is refunded, not reversed.")
	case p.Status != Succeeded:
		return p.wrongStatus("reversed")
	case p.Refunded() > 0:
		return refusal.New(refusal.Conflict, "refunded", "Some of payment %s went back already.", id)
	}
	a.change(p, e, "", "", func(p *Payment) { p.Status, p.Reason = Reversed, reason })
	return nil
}

func (p Payment) wrongStatus(what string) error {
	return refusal.New(refusal.Conflict, "wrong_status", "Payment %s is %s and can't be %s.", p.ID, p.Status, what)
}

// AskCapture writes down that Stripe is to take what was authorised, or less of
// it; 0 is all.
func (a *Account) AskCapture(id string, amount int64) error {
	p := a.Payment(id)
	switch {
	case p == nil:
		return refusal.Missing("payment", id)
	case p.Status == Succeeded && p.Hold:
		return refusal.New(refusal.Conflict, "payment_succeeded", "Payment %s is captured already.", id)
	case p.Status != Authorized || p.Void:
		return p.wrongStatus("captured")
	case amount > p.Amount:
		return refusal.Field("amount", "more_than_authorized", "%d are authorised.", p.Amount)
	case p.Capture > 0:
		return refusal.New(refusal.Conflict, "in_progress", "Payment %s is being captured.", id)
	}
	p.Capture, p.Refused = cmp.Or(amount, p.Amount), false
	return nil
}

// AskVoid writes down that a payment is to be given up.
func (a *Account) AskVoid(id, reason string) error {
	p := a.Payment(id)
	switch {
	case p == nil:
		return refusal.Missing("payment", id)
	case p.Method != Stripe:
		return refusal.New(refusal.Conflict, "wrong_method", "A payment that was recorded by hand is reversed.")
	case p.Status == Succeeded:
		return refusal.New(refusal.Conflict, "payment_succeeded", "Payment %s came in; it can be refunded.", id)
	case !p.Status.Open():
		return p.wrongStatus("voided")
	case p.Capture > 0:
		return refusal.New(refusal.Conflict, "in_progress", "Payment %s is being captured.", id)
	}
	p.Void, p.Refused, p.Reason = true, false, reason
	return nil
}

// A Share is a part of a refund.
type Share struct {
	PaymentID string
	Amount    int64
}

// Split says which payments an amount goes back to: the newest first. 0 is all
// that can go back. It refuses more than that (`exceeds_refundable`).
func (a Account) Split(amount int64) ([]Share, error) {
	var left int64
	for _, p := range a.Payments {
		left += p.Refundable()
	}
	if amount == 0 {
		amount = left
	}
	if amount > left || left == 0 {
		return nil, exceeds(left)
	}
	var shares []Share
	for _, p := range slices.Backward(a.Payments) {
		if n := min(amount, p.Refundable()); n > 0 {
			shares = append(shares, Share{p.ID, n})
			amount -= n
		}
	}
	return shares, nil
}

// ShareOf is the part of a refund that goes back to one payment.
func (a *Account) ShareOf(id string, amount int64) ([]Share, error) {
	p := a.Payment(id)
	if p == nil {
		return nil, refusal.Missing("payment", id)
	}
	left := p.Refundable()
	if amount == 0 {
		amount = left
	}
	if amount > left || left == 0 {
		return nil, exceeds(left)
	}
	return []Share{{id, amount}}, nil
}

func exceeds(left int64) error {
	return &refusal.Error{
		Kind: refusal.Conflict, Code: "exceeds_refundable", Detail: fmt.Sprintf("%d can still be refunded.", left),
		Items: []refusal.Item{{Field: "amount", Code: "exceeds_refundable", Detail: "More than can go back.", Available: &left}},
	}
}

// Refund enters that a share goes back: by hand at once, through Stripe when
// Stripe has done it. r has its id, reason and who asked.
func (a *Account) Refund(s Share, r Refund, e Entered) error {
	p := a.Payment(s.PaymentID)
	if len(p.Refunds) >= MostRefunds {
		return refusal.New(refusal.Rejected, "too_many_items", "A payment has at most %d refunds.", MostRefunds)
	}
	r.Amount, r.Status, r.At, r.By = s.Amount, RefundSucceeded, e.At, e.By
	if p.Method == Stripe {
		r.Status = RefundPending
	}
	a.change(p, e, Back, r.ID, func(p *Payment) { p.Refunds = append(p.Refunds, r) })
	return nil
}

// FailRefund enters that a refund did not happen: what it took counts again.
func (a *Account) FailRefund(paymentID, refundID, why string, e Entered) {
	p := a.Payment(paymentID)
	if p == nil {
		return
	}
	a.change(p, e, BackFailed, refundID, func(p *Payment) {
		for i := range p.Refunds {
			if r := &p.Refunds[i]; r.ID == refundID && r.Status == RefundPending {
				r.Status, r.Failure = RefundFailed, why
			}
		}
	})
}
