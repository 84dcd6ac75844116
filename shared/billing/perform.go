package billing

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"waybill/shared/event"
	"waybill/shared/order"
	"waybill/shared/payment"
	"waybill/shared/refusal"
)

// Perform does at Stripe what is written down for an order and not done yet:
// captures, what is to be given up, refunds. It first looks whether an earlier
// try did it: its outcome may have been lost. It goes on after a failure, and
// returns them all; what failed stays written down for the next try, but what
// Stripe refuses for good is entered as failed.
func (b *Books) Perform(ctx context.Context, orderID string) error {
	a, err := b.DB.Account(ctx, orderID)
	if err != nil {
		return err
	}
	var failed []error
	for _, p := range a.Payments {
		if !p.Owing() {
			continue
		}
		if p.Void {
			failed = append(failed, b.void(ctx, orderID, p))
		}
		if p.Capture > 0 {
			failed = append(failed, b.capture(ctx, orderID, p))
		}
		for _, r := range p.Refunds {
			if r.Status == payment.RefundPending {
				failed = append(failed, b.refund(ctx, orderID, p, r))
			}
		}
	}
	return answered(errors.Join(failed...))
}

// void gives a payment up: its session ends, or what was authorised goes back.
// What was only asked for, and turns out to have been paid, authorised or begun
// meanwhile, is taken in and kept.
func (b *Books) void(ctx context.Context, orderID string, p payment.Payment) error {
	if p.Session != "" && p.Status == payment.Pending {
		s, err := b.Stripe.ExpireSession(ctx, p.Session)
		if refusal.Is(err, "stripe_refused") {
			return b.gone(ctx, orderID, p.ID)
		}
		if err != nil {
			return err
		}
		if err := b.see(ctx, orderID, func(a *payment.Account, e payment.Entered) (payment.News, error) {
			return a.SeeSession(s, false, e)
		}); err != nil {
			return err
		}
		if s.Status == "complete" && !s.Paid {
			if err := b.lookAtIntent(ctx, orderID, s.Intent); err != nil {
				return err
			}
		}
		return b.keep(ctx, orderID, p.ID)
	}
	if p.Status == payment.Pending {
		i, err := b.Stripe.Intent(ctx, p.Intent)
		if refusal.Is(err, "stripe_refused") {
			return b.gone(ctx, orderID, p.ID)
		}
		if err != nil {
			return err
		}
		if i.Status == "processing" || i.Status == "requires_capture" || i.Status == "succeeded" {
			if err := b.see(ctx, orderID, seeIntent(i, orderID)); err != nil {
				return err
			}
			return b.keep(ctx, orderID, p.ID)
		}
	}
	if p.Intent != "" {
		i, err := b.Stripe.CancelIntent(ctx, p.Intent, fmt.Sprintf("%s-void-%s-%d", orderID, p.ID, p.Tries))
		if err != nil {
			return b.tried(ctx, orderID, p.ID, "", err)
		}
		if err := b.see(ctx, orderID, func(a *payment.Account, e payment.Entered) (payment.News, error) { return a.SeeIntent(i, e) }); err != nil {
			return err
		}
	}
	return b.keep(ctx, orderID, p.ID)
}

// keep enters that a payment which is still open is not to be given up after
// all. One that is authorised counts again.
func (b *Books) keep(ctx context.Context, orderID, id string) error {
	return b.change(ctx, By{Principal: system}, orderID, func(_ context.Context, c *changing) error {
		p := c.account.Payment(id)
		if p == nil || !p.Void || !p.Status.Open() {
			return nil
		}
		p.Void = false
		if c.account.Sums() != c.before.Sums() {
			c.happened = event.PaymentAuthorized
			c.told(*p, p.Amount)
			return nil
		}
		c.tx.SaveAccount(orderID, c.before, c.account, c.now)
		return nil
	})
}

// gone enters that a payment which was only asked for is not known at Stripe
// any more, such as after a change of the account: nobody can make it.
func (b *Books) gone(ctx context.Context, orderID, id string) error {
	return b.change(ctx, By{Principal: system}, orderID, func(_ context.Context, c *changing) error {
		if c.account.GiveUp(id, c.entered()) != payment.Nothing {
			c.happened, c.data["reason"] = event.PaymentCancelled, "unknown at Stripe"
			c.told(*c.account.Payment(id), 0)
		}
		return nil
	})
}

// lookAtIntent takes in what Stripe says of an intent now.
func (b *Books) lookAtIntent(ctx context.Context, orderID, id string) error {
	i, err := b.Stripe.Intent(ctx, id)
	if err != nil {
		return err
	}
	return b.see(ctx, orderID, seeIntent(i, orderID))
}

// capture takes what was authorised.
func (b *Books) capture(ctx context.Context, orderID string, p payment.Payment) error {
	i, err := b.Stripe.Intent(ctx, p.Intent)
	if err != nil {
		return err
	}
	if i.Status == "requires_capture" {
		i, err = b.Stripe.Capture(ctx, p.Intent, p.Currency, p.Capture, fmt.Sprintf("%s-capture-%s-%d", orderID, p.ID, p.Tries))
		if err != nil {
			return b.tried(ctx, orderID, p.ID, "", err)
		}
	}
	return b.see(ctx, orderID, func(a *payment.Account, e payment.Entered) (payment.News, error) { return a.SeeIntent(i, e) })
}

// refund has Stripe pay back.
func (b *Books) refund(ctx context.Context, orderID string, p payment.Payment, r payment.Refund) error {
	made, err := b.Stripe.Refunds(ctx, p.Intent)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(made, func(s payment.StripeRefund) bool { return s.ID == r.Stripe || s.RefundID == r.ID })
	var s payment.StripeRefund
	if i >= 0 {
		s = made[i]
	} else {
		s, err = b.Stripe.Refund(ctx, payment.RefundRequest{
			OrderID: orderID, PaymentID: p.ID, RefundID: r.ID, Intent: p.Intent, Currency: p.Currency, Amount: r.Amount,
			Key: fmt.Sprintf("%s-refund-%s-%d", orderID, r.ID, r.Tries),
		})
		if err != nil {
			return b.tried(ctx, orderID, p.ID, r.ID, err)
		}
	}
	return b.see(ctx, orderID, func(a *payment.Account, e payment.Entered) (payment.News, error) { return a.SeeRefund(s, "", e) })
}

// tried notes how a call failed. One that Stripe answered with a failure of its
// own is tried again under another key, for Stripe repeats its answer to the
// same one; a refund that Stripe refuses has failed.
func (b *Books) tried(ctx context.Context, orderID, paymentID, refundID string, err error) error {
	var unknown *payment.ErrUnknown
	if errors.As(err, &unknown) {
		if !unknown.Answered {
			return err
		}
		return errors.Join(err, b.note(ctx, orderID, func(a *payment.Account) bool {
			p := a.Payment(paymentID)
			i := slices.IndexFunc(p.Refunds, func(r payment.Refund) bool { return r.ID == refundID })
			if i >= 0 {
				p.Refunds[i].Tries++
			} else {
				p.Tries++
			}
			return true
		}))
	}
	if !refusal.Is(err, "stripe_refused") && !refusal.Is(err, "amount_not_payable") {
		return err
	}
	return errors.Join(err, b.change(ctx, By{Principal: system}, orderID, func(_ context.Context, c *changing) error {
		p := c.account.Payment(paymentID)
		if refundID == "" {
			if p.Capture == 0 && !p.Void {
				return nil
			}
			p.Capture, p.Void, p.Refused, p.Failure, c.happened = 0, false, true, "refused", event.PaymentFailed
			p.Tries++ // Stripe repeats its refusal to the same key too
			c.told(*p, p.Amount)
			c.data["refused"] = true
			return nil
		}
		before := c.account.Sums()
		c.account.FailRefund(paymentID, refundID, "refused", c.entered())
		if amount := before.Refunded - c.account.Sums().Refunded; amount > 0 {
			c.happened = event.RefundFailed
			c.told(*p, amount)
			c.data["refund"] = refundID
		}
		return nil
	}))
}

// note changes something of the payments that is nobody's business: the order stays as it is.
func (b *Books) note(ctx context.Context, orderID string, do func(*payment.Account) bool) error {
	return b.change(ctx, By{Principal: system}, orderID, func(_ context.Context, c *changing) error {
		if do(&c.account) {
			c.tx.SaveAccount(orderID, c.before, c.account, c.now)
		}
		return nil
	})
}

// eventOf names what an observation changed.
var eventOf = map[payment.News]event.Type{
	payment.NowProcessing: event.PaymentProcessing, payment.NowAuthorized: event.PaymentAuthorized, payment.NowReceived: event.PaymentReceived,
	payment.NowFailed: event.PaymentFailed, payment.NowCancelled: event.PaymentCancelled, payment.NowRefunded: event.RefundSucceeded,
	payment.RefundConfirmed: event.RefundSucceeded, payment.RefundBroke: event.RefundFailed,
	payment.NowDisputed: event.PaymentDisputed, payment.NowWon: event.PaymentDisputeWon, payment.NowLost: event.PaymentDisputeLost,
}

// A look is an observation of one of Stripe's objects.
type look func(*payment.Account, payment.Entered) (payment.News, error)

// see takes in what Stripe says.
func (b *Books) see(ctx context.Context, orderID string, take look) error {
	return b.change(ctx, By{Principal: stripe}, orderID, func(_ context.Context, c *changing) error {
		return b.take(c, take)
	})
}

// take takes in what Stripe says while a fact is planned. Money that comes for
// an order which is cancelled goes back.
func (b *Books) take(c *changing, looks ...look) error {
	known := false
	for _, look := range looks {
		before := c.account.Clone()
		news, err := look(&c.account, c.entered())
		if err != nil {
			return err
		}
		known = known || news != payment.Nothing
		if t, tells := eventOf[news]; tells {
			c.happened = t
			c.toldWhat(before)
		}
		if news == payment.NowReceived && c.was.Status == order.Cancelled {
			if err := b.giveBack(c, before, "the order is cancelled"); err != nil {
				return err
			}
		}
	}
	if known && c.happened == "" {
		c.tx.SaveAccount(c.next.ID, c.before, c.account, c.now)
	}
	return nil
}

// giveBack writes down that what has just come in goes back. What came before
// was there when the order was cancelled, and is for people.
func (b *Books) giveBack(c *changing, before payment.Account, reason string) error {
	for _, p := range c.account.Payments {
		if was := before.Payment(p.ID); was == nil || p.In() <= was.In() || p.Refundable() == 0 {
			continue
		}
		shares, err := c.account.ShareOf(p.ID, 0)
		if err != nil {
			return err
		}
		r := payment.Refund{ID: b.IDs.IDAt(c.now), Reason: reason}
		if err := c.account.Refund(shares[0], r, payment.Entered{By: system.ID, At: c.now}); err != nil {
			return err
		}
		c.data["refunding"] = true
	}
	return nil
}

// toldWhat adds to the event the payment that is not as it was, and the amount that it is about.
func (c *changing) toldWhat(before payment.Account) {
	for i, p := range c.account.Payments {
		if i >= len(before.Payments) || same(before.Payments[i], p) {
			continue
		}
		was := before.Payments[i]
		amount := p.Amount
		for _, diff := range []int64{p.In() - was.In(), p.Refunded() - was.Refunded(), was.Refunded() - p.Refunded(), p.Disputed() - was.Disputed()} {
			if diff > 0 {
				amount = diff
				break
			}
		}
		c.told(p, amount)
		if p.Failure != "" {
			c.data["failure"] = p.Failure
		}
		return
	}
}

func same(a, b payment.Payment) bool {
	return a.Status == b.Status && a.Failure == b.Failure && slices.Equal(a.Refunds, b.Refunds) && slices.Equal(a.Disputes, b.Disputes)
}
