package billing

import (
	"context"
	"errors"
	"time"

	"waybill/shared/event"
	"waybill/shared/order"
	"waybill/shared/payment"
	"waybill/shared/refusal"
	"waybill/shared/table"
)

// Stripe lets a session live for half an hour to a day. The order's stock stays
// reserved for a while longer, in which what was paid at the last moment arrives.
const (
	shortestSession = 31 * time.Minute
	longestSession  = 24*time.Hour - 5*time.Minute // Stripe counts by a clock of its own
	afterSession    = 10 * time.Minute
	// An ask that is about to end is not worth giving to anybody.
	worthAsking = 5 * time.Minute
	// How often an order may change under an ask before it is given up.
	mostAsks = 5
)

// A Visit is where a customer comes back to from Stripe's page.
type Visit struct{ SuccessURL, CancelURL string }

// Checkout has the customer pay what is left of an order at Stripe: the session
// that is open for that amount already, or a new one. It refuses an order with
// nothing left to pay, one that is not confirmed, and what Stripe can't represent.
// When Stripe fails, nothing was changed.
func (b *Books) Checkout(ctx context.Context, by By, orderID string, v Visit) (payment.Payment, error) {
	return b.ask(ctx, by, orderID, func(p payment.Payment) bool { return p.Session != "" },
		func(ctx context.Context, o order.Order, c table.Catalog, p *payment.Payment) (func(context.Context), error) {
			r := payment.SessionRequest{
				OrderID: o.ID, OrderNumber: o.Number, PaymentID: p.ID, Currency: p.Currency, Amount: p.Amount, Hold: p.Hold,
				ExpiresAt: sessionEnd(o, p.CreatedAt), SuccessURL: v.SuccessURL, CancelURL: v.CancelURL, Key: o.ID + "-checkout-" + p.ID,
			}
			if c.Customer != nil {
				r.Email, r.Locale = c.Customer.Email, c.Customer.Locale
			}
			for _, l := range o.Lines {
				if l.Total > 0 {
					r.Items = append(r.Items, payment.Item{Name: l.Name, Quantity: l.Quantity - l.Cancelled, Amount: l.Total})
				}
			}
			s, err := b.Stripe.NewSession(ctx, r)
			p.Session, p.Intent, p.URL, p.ExpiresAt = s.ID, s.Intent, s.URL, &r.ExpiresAt
			return func(ctx context.Context) { _, _ = b.Stripe.ExpireSession(ctx, s.ID) }, err // nobody has its address: it ends by itself too
		})
}

// Intent is Checkout for clients with a page of their own. It returns the secret
// that the customer's page needs, which is stored nowhere.
func (b *Books) Intent(ctx context.Context, by By, orderID string) (p payment.Payment, secret string, err error) {
	p, err = b.ask(ctx, by, orderID, func(p payment.Payment) bool { return p.Session == "" },
		func(ctx context.Context, o order.Order, c table.Catalog, p *payment.Payment) (func(context.Context), error) {
			r := payment.IntentRequest{
				OrderID: o.ID, OrderNumber: o.Number, PaymentID: p.ID, Currency: p.Currency, Amount: p.Amount, Hold: p.Hold, Key: o.ID + "-intent-" + p.ID,
			}
			if c.Customer != nil {
				r.Email = c.Customer.Email
			}
			i, err := b.Stripe.NewIntent(ctx, r)
			p.Intent, secret = i.ID, i.ClientSecret
			return func(ctx context.Context) { _, _ = b.Stripe.CancelIntent(ctx, i.ID, r.Key+"-cancel") }, err
		})
	if err == nil && secret == "" {
		secret, err = b.Secret(ctx, p)
	}
	return p, secret, err
}

// Secret is what the customer's page needs for a payment's intent.
func (b *Books) Secret(ctx context.Context, p payment.Payment) (string, error) {
	i, err := b.Stripe.Intent(ctx, p.Intent)
	return i.ClientSecret, answered(err)
}

// sessionEnd is until when an order can be paid at a session: as long as its
// stock is reserved, within what Stripe allows.
func sessionEnd(o order.Order, now time.Time) time.Time {
	end := now.Add(longestSession)
	if o.PayBy != nil && o.PayBy.Before(end) {
		end = *o.PayBy
	}
	if end.Before(now.Add(shortestSession)) {
		end = now.Add(shortestSession)
	}
	return end
}

// ask has Stripe make something to pay an order by, and enters it; there is at
// most one for a customer to choose. Until it is entered nobody knows of it, so
// that whatever happens on the way leaves nothing behind but one at Stripe that ends unused.
func (b *Books) ask(ctx context.Context, by By, orderID string, fits func(payment.Payment) bool,
	produce func(context.Context, order.Order, table.Catalog, *payment.Payment) (undo func(context.Context), err error),
) (payment.Payment, error) {
	for try := range mostAsks {
		o, a, err := b.LookOrder(ctx, by.Principal, orderID)
		if err == nil && try == 0 { // what follows an own withdrawal is what the client does not know
			err = by.Expects(o.Version)
		}
		if err != nil {
			return payment.Payment{}, err
		}
		amount, err := payable(o, a)
		if err == nil {
			err = b.Stripe.Payable(o.Currency, amount)
		}
		if err != nil {
			return payment.Payment{}, err
		}
		now := b.IDs.Now()
		if open := a.Asks(); len(open) > 0 {
			p := *a.Payment(open[len(open)-1])
			if len(open) == 1 && fits(p) && p.Amount == amount && !p.Void && (p.ExpiresAt == nil || p.ExpiresAt.After(now.Add(worthAsking))) {
				return p, nil
			}
			if err := b.reach(ctx, p); err != nil {
				return payment.Payment{}, err
			}
			if err := b.withdraw(ctx, by, orderID, open, "replaced"); err != nil {
				return payment.Payment{}, err
			}
			continue
		}
		c, err := b.DB.Catalog(ctx, o.CustomerID, nil, nil)
		if err != nil {
			return payment.Payment{}, err
		}
		p := payment.Payment{
			ID: b.IDs.IDAt(now), Method: payment.Stripe, Currency: o.Currency, Amount: amount, Status: payment.Pending,
			Hold: c.Settings.CaptureOnShipment && o.IsOpen(), By: by.Principal.ID, CreatedAt: now,
		}
		undo, err := produce(ctx, o, c, &p)
		if err != nil {
			return payment.Payment{}, answered(err)
		}
		err = b.asked(ctx, by, o, p)
		if err == nil || b.entered(ctx, orderID, p.ID) {
			return p, nil
		}
		var refused *refusal.Error
		if errors.As(err, &refused) && refused.Kind == refusal.Unavailable {
			return payment.Payment{}, err // it may be entered yet
		}
		undo(context.WithoutCancel(ctx))
		if !refusal.Is(err, "changed") {
			return payment.Payment{}, err
		}
	}
	return payment.Payment{}, refusal.New(refusal.Conflict, "busy", "The order kept changing; try again.")
}

// asked enters what Stripe made, unless the order changed meanwhile (`changed`).
func (b *Books) asked(ctx context.Context, by By, o order.Order, p payment.Payment) error {
	return b.change(ctx, By{Principal: by.Principal}, o.ID, func(_ context.Context, c *changing) error {
		if c.was.Version != o.Version {
			return refusal.New(refusal.Conflict, "changed", "Order %s changed meanwhile.", o.Number)
		}
		if c.next.PayBy != nil && p.ExpiresAt != nil {
			if until := p.ExpiresAt.Add(afterSession); until.After(*c.next.PayBy) {
				c.next.PayBy = &until
			}
		}
		c.happened = event.PaymentRequested
		c.told(p, p.Amount)
		return c.account.Add(p, c.entered())
	})
}

// entered looks whether a payment was entered though no answer said so.
func (b *Books) entered(ctx context.Context, orderID, id string) bool {
	a, err := b.DB.Account(ctx, orderID)
	return err == nil && a.Payment(id) != nil
}

// withdraw gives up what a customer could pay by.
func (b *Books) withdraw(ctx context.Context, by By, orderID string, ids []string, reason string) error {
	err := b.change(ctx, By{Principal: by.Principal}, orderID, func(_ context.Context, c *changing) error {
		for _, id := range ids {
			if p := c.account.Payment(id); p != nil && p.Status == payment.Pending && !p.Void {
				p.Void, p.Reason, c.happened = true, reason, event.PaymentVoiding
				c.told(*p, p.Amount)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return b.Perform(ctx, orderID)
}

// answered turns an outcome that is not known into what a client is told.
func answered(err error) error {
	var unknown *payment.ErrUnknown
	var refused *refusal.Error
	if errors.As(err, &unknown) && !errors.As(err, &refused) {
		return errors.Join(refusal.New(refusal.Unavailable, "stripe_outcome_unknown", "Stripe did not say whether it was done; it is looked up. Try again with the same Idempotency-Key."), err)
	}
	return err
}
