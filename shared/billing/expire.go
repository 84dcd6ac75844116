package billing

import (
	"context"
	"errors"
	"time"

	"waybill/shared/event"
	"waybill/shared/payment"
	"waybill/shared/refusal"
	"waybill/shared/table"
)

// unpaidReason is why an order that nobody paid is cancelled.
const unpaidReason = "not paid in time"

// Expire ends the orders that nobody paid in time, until a moment at which no
// further one is begun; it returns how many it ended. An order that fails is
// left for the next call.
func (b *Books) Expire(ctx context.Context, until time.Time) (ended int, err error) {
	var failed []error
	err = b.DB.Unpaid(ctx, b.IDs.Now(), func(orderID string) bool {
		done, err := b.ExpireOrder(ctx, orderID)
		if err != nil {
			failed = append(failed, err)
		}
		if done {
			ended++
		}
		return b.IDs.Now().Before(until) && ctx.Err() == nil
	})
	return ended, errors.Join(append(failed, err)...)
}

// ExpireOrder ends an order if nobody paid it in time, and reports whether it
// did. First nobody can pay it any more: what is open at Stripe ends there. If
// that shows that it was paid, or that money is under way, the order stands.
// Then it is cancelled and its stock released, under the condition that nothing
// changed; money that comes all the same goes back.
func (b *Books) ExpireOrder(ctx context.Context, orderID string) (bool, error) {
	o, a, err := b.DB.OrderAndAccount(ctx, orderID)
	if err != nil {
		return false, err
	}
	if o.Expires(b.IDs.Now()) && len(a.Asks()) > 0 {
		if err := b.withdraw(ctx, By{Principal: system}, orderID, a.Asks(), unpaidReason); err != nil {
			return false, err
		}
	}
	if o.Expires(b.IDs.Now()) {
		if err := b.lookUnderway(ctx, orderID, a); err != nil {
			return false, err
		}
	}
	ended := false
	err = b.change(ctx, By{Principal: system}, orderID, func(_ context.Context, c *changing) error {
		ended = false
		switch {
		case !c.was.Expires(c.now):
			c.tx.OrderStands(c.was)
			if c.was.PayBy != nil && c.was.PayBy.After(c.now) && c.was.IsOpen() {
				c.tx.AwaitPayment(c.was) // it was given more time
			} else {
				c.tx.Patient(orderID)
			}
			return nil
		case len(c.account.Asks()) > 0 || c.account.Underway() > 0:
			return nil // it may still be paid
		}
		if err := c.next.Cancel(unpaidReason); err != nil {
			return err
		}
		c.tx.Reallocate(c.was.Allocations(), c.next.Allocations())
		c.tx.Patient(orderID)
		c.happened, c.data["reason"] = event.OrderExpired, unpaidReason
		ended = true
		return nil
	})
	return ended && err == nil, err
}

// lookUnderway looks how far the payments are that are under way: that one came
// to nothing may have been told before it was heard that it began.
func (b *Books) lookUnderway(ctx context.Context, orderID string, a payment.Account) error {
	for _, p := range a.Payments {
		if p.Status != payment.Processing || p.Intent == "" {
			continue
		}
		if err := b.lookAtIntent(ctx, orderID, p.Intent); err != nil && !refusal.Is(err, "stripe_refused") {
			return err
		}
	}
	return nil
}

// Tend writes down what Stripe is to do about what an order has become, for
// Perform: of one that is cancelled everything that did not
// come in is given up, of one whose goods have begun to leave what was
// authorised is taken, and what asks for another amount than is left to pay is given up.
func (b *Books) Tend(ctx context.Context, orderID string) error {
	return b.change(ctx, By{Principal: system}, orderID, func(_ context.Context, c *changing) error {
		owed := c.was.Owed()
		for i := range c.account.Payments {
			p := &c.account.Payments[i]
			if p.Method != payment.Stripe || !p.Status.Open() || p.Void || p.Capture > 0 || p.Status == payment.Processing || p.Refused {
				continue // it is left to come or to fail, or to a person
			}
			switch ask := owed - c.was.Authorized - c.account.Underway(); {
			case owed == 0 || (p.Status == payment.Pending && p.Amount != ask):
				p.Void, p.Reason, c.happened = true, "no longer owed", event.PaymentVoiding
			case p.Status == payment.Authorized && left(c):
				if p.Capture = b.capturable(p.Currency, min(p.Amount, owed)); p.Capture == 0 {
					continue
				}
				c.happened = event.PaymentCapturing
				owed -= p.Capture
			default:
				continue
			}
			c.told(*p, p.Amount)
		}
		return nil
	})
}

// capturable is as much of an amount as Stripe can take in the currency: some
// have minor units that it does not.
func (b *Books) capturable(currency string, amount int64) int64 {
	for _, coarse := range []int64{1, 10} {
		if n := amount - amount%coarse; n > 0 && b.Stripe.Payable(currency, n) == nil {
			return n
		}
	}
	return 0
}

// left reports whether goods of the order have begun to leave.
func left(c *changing) bool {
	for _, l := range c.was.Lines {
		if l.Shipped > 0 {
			return true
		}
	}
	return false
}

// late says that the time is nearly up: nothing further is begun.
func late(ctx context.Context) error {
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < margin {
		return context.DeadlineExceeded
	}
	return ctx.Err()
}

const (
	// margin is what is left of the time when a sweep ends.
	margin = 20 * time.Second
	// overlap is how far a sweep looks back before the last one: events may be listed late.
	overlap = 2 * time.Hour
	// deliveries is for how long Stripe tries to deliver an event.
	deliveries = 3 * 24 * time.Hour
	// listed is for how long Stripe lists it.
	listed = 30 * 24 * time.Hour
	// unsettledFor is how long something is left to whoever wrote it down.
	unsettledFor = time.Minute
)

// Swept is what a sweep found to do.
type Swept struct{ Events, Orders int }

// Sweep makes good what was missed: events of Stripe's that were not delivered,
// or not taken in, and what was written down to be done at Stripe and was not.
// What fails does not keep the rest; the next sweep begins at the first that did.
func (b *Books) Sweep(ctx context.Context) (Swept, error) {
	var done Swept
	now := b.IDs.Now()
	last, err := b.DB.Swept(ctx)
	if err != nil {
		return done, err
	}
	if last.Before(now.Add(-listed)) {
		last = now.Add(-listed)
	}
	var failed, unheard []error
	err = b.DB.Unsettled(ctx, now.Add(-unsettledFor), func(orderID string) bool {
		failed = append(failed, b.Perform(ctx, orderID))
		done.Orders++
		return late(ctx) == nil
	})
	if err != nil {
		return done, err
	}
	until := now
	for _, of := range []struct {
		since       time.Time
		undelivered bool
	}{{last.Add(-overlap), false}, {now.Add(-deliveries), true}} {
		events, err := b.Stripe.Events(ctx, of.since, of.undelivered)
		unheard = append(unheard, err)
		for _, e := range events {
			err := late(ctx)
			if err == nil {
				err = b.Hear(ctx, e)
				done.Events++
			}
			if unheard = append(unheard, err); err != nil && e.Created.Before(until) {
				until = e.Created // the next sweep begins here, and not where this one did
			}
		}
		if err != nil {
			until = last
		}
	}
	if until.After(last) {
		tx := &table.Tx{}
		tx.SweptUntil(until)
		failed = append(failed, b.DB.Commit(ctx, tx))
	}
	return done, errors.Join(append(failed, unheard...)...)
}
