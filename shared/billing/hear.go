package billing

import (
	"cmp"
	"context"
	"errors"
	"time"

	"waybill/shared/event"
	"waybill/shared/payment"
	"waybill/shared/refusal"
	"waybill/shared/table"
)

// Hear takes in an event of Stripe's: its effect and the memory that it was
// heard land together, so that a second delivery changes nothing and a failure
// on the way leaves everything for the next one. What does not match what was
// asked for waits for a person, and never makes an order paid. Events about
// nothing of Waybill's are passed over.
func (b *Books) Hear(ctx context.Context, e payment.StripeEvent) error {
	if e.Object() == "" {
		return nil
	}
	if heard, err := b.DB.WasHeard(ctx, e.ID); err != nil || heard {
		return err
	}
	orderID, err := b.orderOf(ctx, e)
	if err != nil || orderID == "" {
		return err
	}
	looks, err := b.looks(ctx, e, orderID)
	if err == nil {
		err = b.change(ctx, By{Principal: stripe}, orderID, func(_ context.Context, c *changing) error {
			c.tx.Heard(e, orderID, c.now)
			return b.take(c, looks...)
		})
	}
	var wrong *payment.Mismatch
	switch {
	case errors.Is(err, table.ErrHeard):
		return nil
	case errors.As(err, &wrong):
		return b.review(ctx, e, orderID, wrong.What)
	case refusal.Is(err, "not_found"):
		return b.review(ctx, e, orderID, "order: there is none with the id that it names")
	default:
		return err
	}
}

// orderOf is the order that an event is about: what the object names, or what
// it is known by here; "" when it is none of ours.
func (b *Books) orderOf(ctx context.Context, e payment.StripeEvent) (string, error) {
	var named, intent string
	switch {
	case e.Session != nil:
		named, intent = e.Session.OrderID, e.Session.ID
	case e.Intent != nil:
		named, intent = e.Intent.OrderID, e.Intent.ID
	case e.Refund != nil:
		named, intent = e.Refund.OrderID, e.Refund.Intent
	case e.Dispute != nil:
		intent = e.Dispute.Intent
	default:
		intent = e.Fetch
	}
	if intent == "" {
		return named, nil
	}
	known, err := b.DB.StripeOrder(ctx, intent)
	if err != nil || known != "" || named != "" {
		if known == "" {
			known = named
		}
		return known, err
	}
	if e.Session != nil || e.Intent != nil {
		return "", nil
	}
	// A refund or a dispute that comes before the payment which it is of.
	i, err := b.Stripe.Intent(ctx, intent)
	if refusal.Is(err, "stripe_refused") {
		return "", nil
	}
	return i.OrderID, err
}

// courtesy is that of Books: a webhook is to be answered within a second.
const courtesy = 500 * time.Millisecond

// looks are the observations that an event comes to. Where it is only a hint,
// the object is fetched.
func (b *Books) looks(ctx context.Context, e payment.StripeEvent, orderID string) ([]look, error) {
	live, err := b.Stripe.Live(ctx)
	if err != nil {
		return nil, err
	}
	if e.Live != live {
		return nil, &payment.Mismatch{What: "mode: a live and a test account"}
	}
	var looks []look
	intent := func(id string) error {
		if id == "" {
			return nil
		}
		i, err := b.Stripe.Intent(ctx, id)
		looks = append(looks, seeIntent(i, orderID))
		return err
	}
	switch {
	case e.Session != nil:
		s := *e.Session
		looks = append(looks, func(a *payment.Account, x payment.Entered) (payment.News, error) {
			if err := ours(s.Metadata, orderID); err != nil {
				return payment.Nothing, err
			}
			return a.SeeSession(s, e.AsyncFail, x)
		})
		if s.Status == "complete" && !s.Paid && s.Intent != "" && !e.AsyncFail {
			return looks, intent(s.Intent) // authorised, or still under way
		}
	case e.Intent != nil:
		switch e.Intent.Status {
		case "processing", "requires_payment_method":
			return looks, intent(e.Intent.ID) // one may follow the other more than once
		case "succeeded":
			// How it was paid stands in its charge only. That it was is known already, and does not wait for it.
			quickly, cancel := context.WithTimeout(ctx, cmp.Or(b.Courtesy, courtesy))
			defer cancel()
			if i, err := b.Stripe.Intent(quickly, e.Intent.ID); err == nil {
				looks = append(looks, seeIntent(i, orderID))
			}
		}
		looks = append(looks, seeIntent(*e.Intent, orderID))
	case e.Refund != nil:
		if err := intent(e.Refund.Intent); err != nil {
			return nil, err
		}
		looks = append(looks, b.seeRefund(*e.Refund, orderID))
	case e.Dispute != nil:
		if err := intent(e.Dispute.Intent); err != nil {
			return nil, err
		}
		d := *e.Dispute
		looks = append(looks, func(a *payment.Account, x payment.Entered) (payment.News, error) { return a.SeeDispute(d, x) })
	default:
		if err := intent(e.Fetch); err != nil {
			return nil, err
		}
		refunds, err := b.Stripe.Refunds(ctx, e.Fetch)
		for _, r := range refunds {
			looks = append(looks, b.seeRefund(r, orderID))
		}
		return looks, err
	}
	return looks, nil
}

func seeIntent(i payment.Intent, orderID string) look {
	return func(a *payment.Account, x payment.Entered) (payment.News, error) {
		if err := ours(i.Metadata, orderID); err != nil {
			return payment.Nothing, err
		}
		return a.SeeIntent(i, x)
	}
}

func (b *Books) seeRefund(r payment.StripeRefund, orderID string) look {
	id := b.IDs.ID()
	return func(a *payment.Account, x payment.Entered) (payment.News, error) {
		if err := ours(r.Metadata, orderID); err != nil {
			return payment.Nothing, err
		}
		return a.SeeRefund(r, id, x)
	}
}

// ours refuses an object that names another order than the one it is known to be of.
func ours(m payment.Metadata, orderID string) error {
	if m.OrderID != "" && m.OrderID != orderID {
		return &payment.Mismatch{What: "order: it names " + m.OrderID + " and belongs to " + orderID}
	}
	return nil
}

// review has a person look at an event, which counts as heard.
func (b *Books) review(ctx context.Context, e payment.StripeEvent, orderID, problem string) error {
	err := b.DB.Settle(ctx, func(context.Context) (*table.Tx, error) {
		now := b.IDs.Now()
		r := table.Review{
			ID: b.IDs.IDAt(now), Event: e.ID, Type: e.Type, Object: e.Object(), OrderID: orderID, Problem: problem, Version: 1, At: now,
		}
		tx := &table.Tx{}
		tx.Heard(e, orderID, now)
		tx.NewReview(r)
		tx.Event(event.Event{
			ID: b.IDs.IDAt(now), Subject: event.Subject{Kind: event.Review, ID: r.ID}, Seq: 1, Type: event.PaymentReview, At: now, Actor: stripe.ID,
			Data: map[string]any{"event": e.ID, "type": e.Type, "object": r.Object, "order": orderID, "problem": problem},
		})
		return tx, nil
	})
	if errors.Is(err, table.ErrHeard) {
		return nil
	}
	return err
}
