package billing

import (
	"context"
	"fmt"
	"time"

	"waybill/shared/access"
	"waybill/shared/event"
	"waybill/shared/order"
	"waybill/shared/payment"
	"waybill/shared/refusal"
	"waybill/shared/table"
)

// NewPayment is a payment that came in by hand, as a client records it.
type NewPayment struct {
	Method          payment.Method
	Amount          int64
	Currency        string // "": the order's; another is refused
	Reference, Note string
	ReceivedAt      *time.Time
	Overpay         bool // take more than is to pay
}

// Record enters a payment that came in by hand. More than is to pay is refused
// (`overpayment`) unless the caller may take it and says so; then it stands as
// the customer's credit.
func (b *Books) Record(ctx context.Context, by By, orderID string, in NewPayment) (table.PaymentOf, error) {
	if in.Overpay {
		if err := by.Principal.Require(access.PaymentsOver); err != nil {
			return table.PaymentOf{}, err
		}
	}
	var done table.PaymentOf
	err := b.change(ctx, by, orderID, func(_ context.Context, c *changing) error {
		if in.Currency != "" && in.Currency != c.was.Currency {
			return refusal.Field("currency", "wrong_currency", "Order %s is in %s.", c.was.Number, c.was.Currency)
		}
		at := c.now
		if in.ReceivedAt != nil {
			var err error
			if at, err = refusal.Past("received_at", *in.ReceivedAt, c.now); err != nil {
				return err
			}
		}
		if owed := c.was.Owed(); in.Amount > owed && !in.Overpay {
			return overpayment(owed)
		}
		p := payment.Payment{
			ID: b.IDs.IDAt(c.now), Method: in.Method, Currency: c.was.Currency, Amount: in.Amount, Received: in.Amount, Status: payment.Succeeded,
			Reference: in.Reference, Note: in.Note, By: by.Principal.ID, ReceivedAt: &at, CreatedAt: c.now,
		}
		if err := c.account.Add(p, c.entered()); err != nil {
			return err
		}
		c.happened, c.ref = event.PaymentReceived, p.ID
		c.told(p, p.Amount)
		done = table.PaymentOf{Payment: *c.account.Payment(p.ID), OrderID: orderID}
		return nil
	})
	return done, err
}

func overpayment(owed int64) error {
	return &refusal.Error{
		Kind: refusal.Conflict, Code: "overpayment", Detail: fmt.Sprintf("%d is still to pay.", owed),
		Items: []refusal.Item{{Field: "amount", Code: "overpayment", Detail: "More than is to pay.", Available: &owed}},
	}
}

// Reverse takes back a payment that was recorded by mistake. It stays in the ledger.
func (b *Books) Reverse(ctx context.Context, by By, id, reason string) (table.PaymentOf, error) {
	return b.onPayment(ctx, by, id, func(_ context.Context, c *changing) error {
		p := c.account.Payment(id)
		if p == nil {
			return refusal.Missing("payment", id)
		}
		c.told(*p, p.In())
		c.happened, c.data["reason"] = event.PaymentReversed, reason
		return c.account.Reverse(id, reason, c.entered())
	})
}

// onPayment is the shape of a fact about a payment that exists.
func (b *Books) onPayment(ctx context.Context, by By, id string, apply func(context.Context, *changing) error) (table.PaymentOf, error) {
	orderID, err := b.DB.PaymentOrder(ctx, id)
	if err != nil {
		return table.PaymentOf{}, err
	}
	var done table.PaymentOf
	err = b.change(ctx, by, orderID, func(ctx context.Context, c *changing) error {
		if err := apply(ctx, c); err != nil {
			return err
		}
		c.ref = id
		done = table.PaymentOf{Payment: *c.account.Payment(id), OrderID: orderID}
		return nil
	})
	if refusal.Is(err, "not_found") { // an order that the caller may not know of
		return table.PaymentOf{}, refusal.Missing("payment", id)
	}
	return done, err
}

// Resolve notes that somebody looked at what Stripe sent.
func (b *Books) Resolve(ctx context.Context, by By, id, note string) (table.Review, error) {
	var done table.Review
	err := b.DB.Settle(ctx, func(ctx context.Context) (*table.Tx, error) {
		r, err := b.DB.Review(ctx, id)
		if err != nil {
			return nil, err
		}
		if r.Resolved {
			return nil, refusal.New(refusal.Conflict, "resolved", "%s looked at it already.", r.ResolvedBy)
		}
		now := b.IDs.Now()
		was := r.Version
		r.Resolved, r.Note, r.ResolvedBy, r.Version = true, note, by.Principal.ID, was+1
		tx := &table.Tx{}
		tx.SaveReview(r, was)
		tx.Event(event.Event{
			ID: b.IDs.IDAt(now), Subject: event.Subject{Kind: event.Review, ID: r.ID}, Seq: r.Version, Type: event.PaymentReviewClosed,
			At: now, Actor: by.Principal.ID, Data: map[string]any{"note": note},
		})
		tx.Mark(by.Mark, r.ID, now)
		done = r
		return tx, nil
	})
	return done, err
}

// payable refuses asking for money that the order does not owe now.
func payable(o order.Order, a payment.Account) (int64, error) {
	if o.Status == order.Draft || o.Status == order.Cancelled {
		return 0, refusal.New(refusal.Conflict, "wrong_status", "Order %s is %s and can't be paid at Stripe.", o.Number, o.Status)
	}
	amount := o.Owed() - o.Authorized - a.Underway()
	if amount <= 0 {
		return 0, refusal.New(refusal.Conflict, "nothing_to_pay", "Nothing of order %s is left to pay.", o.Number)
	}
	return amount, nil
}
