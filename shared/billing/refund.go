package billing

import (
	"context"
	"strings"

	"waybill/shared/event"
	"waybill/shared/payment"
	"waybill/shared/refusal"
	"waybill/shared/table"
)

// Refund is what to pay back of an order, or of one of its payments.
type Refund struct {
	PaymentID string // "": of the order, split over its payments
	Amount    int64  // 0: all that can go back
	Reason    string
	Reference string
}

// A RefundOf is a refund, its payment and its order.
type RefundOf struct {
	payment.Refund
	PaymentID, OrderID, Currency string
}

// Refund pays back what an order received, never more than is left of it
// (`exceeds_refundable`). What goes back through Stripe counts from when it is
// written down, is done now, and by the sweep when that fails.
func (b *Books) Refund(ctx context.Context, by By, orderID string, in Refund) ([]RefundOf, error) {
	if err := b.reachable(ctx, orderID, in); err != nil {
		return nil, err
	}
	var ref string
	err := b.change(ctx, by, orderID, func(_ context.Context, c *changing) error {
		shares, err := c.account.Split(in.Amount)
		if in.PaymentID != "" {
			shares, err = c.account.ShareOf(in.PaymentID, in.Amount)
		}
		if err != nil {
			return err
		}
		attempt := b.IDs.IDAt(c.now)
		c.happened = event.RefundSucceeded // by hand it is done
		var total int64
		var told []any
		for _, s := range shares {
			if p := c.account.Payment(s.PaymentID); p.Method == payment.Stripe {
				c.happened = event.RefundRequested
				if err := b.Stripe.Payable(p.Currency, s.Amount); err != nil {
					return err
				}
			}
			r := payment.Refund{ID: b.IDs.IDAt(c.now), Reason: in.Reason, Reference: in.Reference, Attempt: attempt}
			if err := c.account.Refund(s, r, c.entered()); err != nil {
				return err
			}
			total += s.Amount
			told = append(told, map[string]any{"refund": r.ID, "payment": s.PaymentID, "amount": s.Amount})
		}
		c.ref = refundRef(orderID, attempt)
		c.data["amount"], c.data["reason"], c.data["refunds"] = total, in.Reason, told
		ref = c.ref
		return nil
	})
	if err != nil {
		return nil, err
	}
	return b.Refunded(ctx, ref)
}

func refundRef(orderID, attempt string) string { return orderID + "/" + attempt }

// Refunded is what a refund came to, by what a retry is answered with; what is
// still to be done at Stripe is done first. What can't be done now is pending;
// it is a failure when Stripe refused all of it.
func (b *Books) Refunded(ctx context.Context, ref string) ([]RefundOf, error) {
	orderID, attempt, _ := strings.Cut(ref, "/")
	_ = b.Perform(ctx, orderID) // it stays written down, and the sweep does it
	a, err := b.DB.Account(ctx, orderID)
	if err != nil {
		return nil, err
	}
	var out []RefundOf
	failed := 0
	for _, p := range a.Payments {
		for _, r := range p.Refunds {
			if r.Attempt != attempt {
				continue
			}
			out = append(out, RefundOf{r, p.ID, orderID, p.Currency})
			if r.Status == payment.RefundFailed {
				failed++
			}
		}
	}
	if failed == len(out) {
		return nil, refusal.New(refusal.Upstream, "stripe_refused", "Stripe refused the refund; nothing goes back.")
	}
	return out, nil
}

// reachable refuses a refund through Stripe when Stripe does not answer, before anything is written down.
func (b *Books) reachable(ctx context.Context, orderID string, in Refund) error {
	a, err := b.DB.Account(ctx, orderID)
	if err != nil {
		return err
	}
	for _, p := range a.Payments {
		if p.Method == payment.Stripe && p.Refundable() > 0 && (in.PaymentID == "" || in.PaymentID == p.ID) {
			return b.reach(ctx, p)
		}
	}
	return nil
}

// reach looks a payment up, for what is refused while Stripe does not answer.
func (b *Books) reach(ctx context.Context, p payment.Payment) error {
	var err error
	switch {
	case p.Intent != "":
		_, err = b.Stripe.Intent(ctx, p.Intent)
	case p.Session != "":
		_, err = b.Stripe.Session(ctx, p.Session)
	}
	if refusal.Is(err, "stripe_refused") {
		return nil // it answers, and does not know it
	}
	return answered(err)
}

// Capture takes what was authorised, or a part of it; the rest goes back to the customer.
func (b *Books) Capture(ctx context.Context, by By, id string, amount int64) (table.PaymentOf, error) {
	err := b.atStripe(ctx, by, id, func(c *changing, p *payment.Payment) error {
		c.happened = event.PaymentCapturing
		if amount > 0 {
			if err := b.Stripe.Payable(p.Currency, amount); err != nil {
				return err
			}
		}
		return c.account.AskCapture(id, amount)
	})
	if err != nil {
		return table.PaymentOf{}, err
	}
	return b.Captured(ctx, by, id)
}

// Captured is what a capture came to, also for a retry; what is still to be
// done about it is done first.
func (b *Books) Captured(ctx context.Context, by By, id string) (table.PaymentOf, error) {
	done, err := b.settled(ctx, by, id)
	switch {
	case err != nil || done.Status == payment.Succeeded:
		return done, err
	case done.Refused:
		return done, refusal.New(refusal.Upstream, "stripe_refused", "Stripe refused to capture payment %s.", id)
	default:
		return done, refusal.New(refusal.Conflict, "wrong_status", "Payment %s is %s by now.", id, done.Status)
	}
}

// Void gives up a payment that has not come in.
func (b *Books) Void(ctx context.Context, by By, id, reason string) (table.PaymentOf, error) {
	err := b.atStripe(ctx, by, id, func(c *changing, p *payment.Payment) error {
		if p.Status == payment.Authorized && left(c) && c.was.Owed() > 0 {
			return refusal.New(refusal.Conflict, "already_shipped", "Goods of order %s have left on payment %s; it is taken.", c.was.Number, id)
		}
		c.happened, c.data["reason"] = event.PaymentVoiding, reason
		return c.account.AskVoid(id, reason)
	})
	if err != nil {
		return table.PaymentOf{}, err
	}
	return b.Voided(ctx, by, id)
}

// Voided is what giving up came to, also for a retry; what is still to be done
// about it is done first.
func (b *Books) Voided(ctx context.Context, by By, id string) (table.PaymentOf, error) {
	done, err := b.settled(ctx, by, id)
	switch {
	case err != nil:
		return done, err
	case done.Status == payment.Succeeded:
		return done, refusal.New(refusal.Conflict, "payment_succeeded", "Payment %s came in meanwhile; it can be refunded.", id)
	case done.Refused:
		return done, refusal.New(refusal.Upstream, "stripe_refused", "Stripe refused to give up payment %s.", id)
	case done.Status.Open():
		return done, refusal.New(refusal.Conflict, "wrong_status", "Payment %s is %s by now.", id, done.Status)
	}
	return done, nil
}

// atStripe writes down what Stripe is to do about a payment. Nothing is written
// down when Stripe does not answer.
func (b *Books) atStripe(ctx context.Context, by By, id string, ask func(*changing, *payment.Payment) error) error {
	found, err := b.Look(ctx, by.Principal, id)
	if err != nil {
		return err
	}
	if err := b.reach(ctx, found.Payment); err != nil {
		return err
	}
	_, err = b.onPayment(ctx, by, id, func(_ context.Context, c *changing) error {
		p := c.account.Payment(id)
		if p == nil {
			return refusal.Missing("payment", id)
		}
		c.told(*p, p.Amount)
		return ask(c, p)
	})
	return err
}

// settled is a payment after what was written down about it was done at Stripe.
func (b *Books) settled(ctx context.Context, by By, id string) (table.PaymentOf, error) {
	found, err := b.Look(ctx, by.Principal, id)
	if err != nil {
		return found, err
	}
	failed := b.Perform(ctx, found.OrderID)
	if found, err = b.Look(ctx, by.Principal, id); err == nil && found.Owing() {
		err = failed // it is not done yet, and this is why
	}
	return found, err
}
