package payment

import (
	"cmp"
	"fmt"
	"slices"
)

// A Mismatch is something that Stripe says and that is not what it was asked
// for. Nothing is changed by it; a person must look.
type Mismatch struct{ What string }

func (m *Mismatch) Error() string { return m.What }

func mismatch(format string, args ...any) error { return &Mismatch{fmt.Sprintf(format, args...)} }

// A News is what an observation changed, "" when nothing.
type News string

// What observations change.
const (
	Nothing         News = ""
	NowProcessing   News = "processing"
	NowAuthorized   News = "authorized"
	NowReceived     News = "received"
	NowFailed       News = "failed" // this try, or the payment
	NowCancelled    News = "cancelled"
	NowRefunded     News = "refunded" // by somebody at Stripe itself
	RefundConfirmed News = "refund_succeeded"
	RefundBroke     News = "refund_failed"
	NowDisputed     News = "disputed"
	NowWon          News = "dispute_won"
	NowLost         News = "dispute_lost"
	NowKnown        News = "known" // an id of Stripe's, or how it was paid: nothing to tell anybody
)

var newsOf = map[Status]News{
	Processing: NowProcessing, Authorized: NowAuthorized, Succeeded: NowReceived, Failed: NowFailed, Cancelled: NowCancelled,
}

// advance moves a payment forward, never back, and enters what came in.
func (a *Account) advance(p *Payment, to Status, received int64, e Entered) News {
	if rank[to] <= rank[p.Status] {
		return Nothing
	}
	a.change(p, e, "", "", func(p *Payment) {
		p.Status = to
		if to != Processing && to != Failed {
			p.Failure = ""
		}
		if to == Succeeded {
			at := e.At
			p.Received, p.ReceivedAt = received, &at
		}
		p.Void, p.Refused = false, false // it was to be given up as it was then
		if !to.Open() {
			p.Capture, p.URL = 0, ""
		}
	})
	return newsOf[to]
}

// GiveUp ends a payment that was only asked for and that Stripe does not know.
func (a *Account) GiveUp(id string, e Entered) News {
	p := a.Payment(id)
	if p == nil || p.Status != Pending {
		return Nothing
	}
	return a.advance(p, Cancelled, 0, e)
}

// SeeSession takes in what Stripe says of a Checkout Session. asyncFail says
// that the delayed payment which it was completed with failed. A session whose
// intent must be looked at, because it was only to be authorised, says so by Nothing.
func (a *Account) SeeSession(s Session, asyncFail bool, e Entered) (News, error) {
	p := a.find(func(p Payment) bool { return p.Session == s.ID })
	if p == nil {
		return a.stranger(s.Paid, "session "+s.ID)
	}
	if err := p.matches(s.Metadata, s.Amount, s.Currency); err != nil {
		return Nothing, err
	}
	known := p.meet(s.Intent)
	switch {
	case s.Paid && !p.Hold:
		return cmp.Or(a.advance(p, Succeeded, s.Amount, e), known), nil
	case asyncFail:
		return cmp.Or(a.advance(p, Failed, 0, e), known), nil
	case s.Status == "complete" && !s.Paid && !p.Hold:
		return cmp.Or(a.advance(p, Processing, 0, e), known), nil
	case s.Status == "expired":
		return cmp.Or(a.advance(p, Cancelled, 0, e), known), nil
	}
	return known, nil
}

// SeeIntent takes in what Stripe says of a PaymentIntent.
func (a *Account) SeeIntent(i Intent, e Entered) (News, error) {
	p := a.of(i.ID, i.PaymentID)
	if p == nil {
		return a.stranger(i.Received > 0, "payment intent "+i.ID)
	}
	if err := p.matches(i.Metadata, i.Amount, i.Currency); err != nil {
		return Nothing, err
	}
	known := p.meet(i.ID)
	if i.Via != "" && i.Via != p.Via {
		p.Via, known = i.Via, NowKnown
	}
	switch i.Status {
	case "succeeded":
		if i.Received <= 0 || i.Received > p.Amount {
			return Nothing, mismatch("amount: %d came, %d was asked for", i.Received, p.Amount)
		}
		return cmp.Or(a.advance(p, Succeeded, i.Received, e), known), nil
	case "requires_capture":
		return cmp.Or(a.advance(p, Authorized, 0, e), known), nil
	case "processing":
		return cmp.Or(a.advance(p, Processing, 0, e), known), nil
	case "canceled":
		return cmp.Or(a.advance(p, Cancelled, 0, e), known), nil
	}
	if i.Failure != "" && p.failed(i.Failure) {
		return NowFailed, nil
	}
	return known, nil
}

// failed notes why a try to pay came to nothing, and reports whether that is new.
// A debit that the bank returns ends what a session was for; without one the
// customer may try another way.
func (p *Payment) failed(why string) bool {
	returned := p.Status == Processing && p.Session == ""
	if returned {
		p.Status = Pending
	}
	if !returned && (p.Failure == why || (p.Status != Pending && p.Status != Processing && p.Status != Failed)) {
		return false
	}
	p.Failure = why
	return true
}

// SeeRefund takes in what Stripe says of a refund; id is for one that somebody
// made at Stripe itself.
func (a *Account) SeeRefund(s StripeRefund, id string, e Entered) (News, error) {
	p := a.of(s.Intent, s.PaymentID)
	if p == nil {
		return a.stranger(true, "refund "+s.ID)
	}
	if s.Currency != p.Currency {
		return Nothing, mismatch("currency: %s went back, %s was asked for", s.Currency, p.Currency)
	}
	i := slices.IndexFunc(p.Refunds, func(r Refund) bool { return r.Stripe == s.ID || (r.Stripe == "" && r.ID == s.RefundID) })
	news := Nothing
	if i < 0 {
		if s.Amount <= 0 {
			return Nothing, mismatch("amount: %d went back", s.Amount)
		}
		r := Refund{ID: id, Amount: s.Amount, Status: RefundPending, Reason: "made at Stripe", By: e.By, Stripe: s.ID, At: e.At}
		a.change(p, e, Back, r.ID, func(p *Payment) { p.Refunds = append(p.Refunds, r) })
		i, news = len(p.Refunds)-1, NowRefunded
	}
	r := &p.Refunds[i]
	if r.Amount != s.Amount {
		return Nothing, mismatch("amount: %d went back, %d was asked for", s.Amount, r.Amount)
	}
	if r.Stripe == "" {
		r.Stripe, news = s.ID, NowKnown
	}
	to := map[string]RefundStatus{"succeeded": RefundSucceeded, "failed": RefundFailed, "canceled": RefundFailed}[s.Status]
	if to == "" || refundRank[to] <= refundRank[r.Status] {
		return news, nil
	}
	a.change(p, e, BackFailed, r.ID, func(*Payment) { r.Status, r.Failure = to, s.Failure })
	if to == RefundFailed {
		return RefundBroke, nil
	}
	if news == NowRefunded {
		return news, nil
	}
	return RefundConfirmed, nil
}

// SeeDispute takes in what Stripe says of a dispute. One that is decided stays decided.
func (a *Account) SeeDispute(s StripeDispute, e Entered) (News, error) {
	p := a.of(s.Intent, "")
	if p == nil {
		return a.stranger(true, "dispute "+s.ID)
	}
	if s.Currency != p.Currency {
		return Nothing, mismatch("currency: %s is disputed, %s was asked for", s.Currency, p.Currency)
	}
	if s.Amount <= 0 {
		return Nothing, mismatch("amount: %d is disputed", s.Amount)
	}
	i := slices.IndexFunc(p.Disputes, func(d Dispute) bool { return d.Stripe == s.ID })
	switch {
	case i < 0:
		a.change(p, e, ChargedBack, s.ID, func(p *Payment) {
			p.Disputes = append(p.Disputes, Dispute{Stripe: s.ID, Amount: s.Amount, Status: s.Status, Reason: s.Reason})
		})
	case p.Disputes[i].Status == DisputeOpen && s.Status != DisputeOpen:
		a.change(p, e, ChargedBack, s.ID, func(p *Payment) { p.Disputes[i].Status = s.Status })
	default:
		return Nothing, nil
	}
	return map[DisputeStatus]News{DisputeOpen: NowDisputed, DisputeWon: NowWon, DisputeLost: NowLost}[s.Status], nil
}

// of finds the payment that an intent belongs to.
func (a *Account) of(intent, paymentID string) *Payment {
	if p := a.find(func(p Payment) bool { return p.Intent == intent && intent != "" }); p != nil {
		return p
	}
	return a.find(func(p Payment) bool { return p.ID == paymentID && p.Intent == "" && paymentID != "" })
}

// meet learns the id of a payment's intent.
func (p *Payment) meet(intent string) News {
	if p.Intent != "" || intent == "" {
		return Nothing
	}
	p.Intent = intent
	return NowKnown
}

func (p Payment) matches(m Metadata, amount int64, currency string) error {
	switch {
	case m.PaymentID != "" && m.PaymentID != p.ID:
		return mismatch("payment: it names %s, and was made for %s", m.PaymentID, p.ID)
	case amount != p.Amount:
		return mismatch("amount: %d is named, %d was asked for", amount, p.Amount)
	case currency != p.Currency:
		return mismatch("currency: %s is named, %s was asked for", currency, p.Currency)
	}
	return nil
}

// stranger is what to make of an object that no payment of the order knows:
// money is a mismatch; one that never came to be used means nothing.
func (a *Account) stranger(money bool, what string) (News, error) {
	if money {
		return Nothing, mismatch("payment: the order has none that %s belongs to", what)
	}
	return Nothing, nil
}
