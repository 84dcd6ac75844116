// Package billing is what happens with an order's money: payments that are
// recorded, asked for, captured and given up, refunds, what Stripe tells of
// them, and the end of orders that nobody paid.
//
// Each function is one business fact in one transaction, or several when Stripe
// is called: what Stripe is to do is written down first, as pending and under
// the order's condition, then Stripe is called, then what came of it is taken
// in. Whoever finds something pending goes on with it: Perform, which the
// caller's own request, the consumer `settle` and the scheduled `sweep` all
// end in. What Stripe says is taken in by the same few functions whichever way
// it came, and they only move things forward (package payment).
//
// The actions of each fact, of the 100 a transaction takes (money is order,
// payments, ≤ 40 of the order's invoices that come to be paid or open, credit):
//
//	Record, Reverse, Refund, Capture, Void   money, event, mark, entries, id of a payment, unsettled
//	Checkout, Intent                         money, event, ids of payment, session and intent, time to pay
//	Hear                                     money, event, Stripe's event, entries, ids, unsettled, or a review
//	Expire                                   money, event, time to pay, ≤ 90 stock items
package billing

import (
	"cmp"
	"context"
	"time"

	"waybill/shared/access"
	"waybill/shared/event"
	"waybill/shared/ident"
	"waybill/shared/order"
	"waybill/shared/payment"
	"waybill/shared/refusal"
	"waybill/shared/table"
)

// A Processor is Stripe, as package stripepay has it. What fails returns a
// refusal when nothing was done, and *payment.ErrUnknown when that is not known.
type Processor interface {
	Live(ctx context.Context) (bool, error)
	NewSession(ctx context.Context, r payment.SessionRequest) (payment.Session, error)
	Session(ctx context.Context, id string) (payment.Session, error)
	// ExpireSession ends a session, or returns it as it is when it is over already.
	ExpireSession(ctx context.Context, id string) (payment.Session, error)
	NewIntent(ctx context.Context, r payment.IntentRequest) (payment.Intent, error)
	Intent(ctx context.Context, id string) (payment.Intent, error)
	// Capture and CancelIntent return an intent as it is when it is past that.
	Capture(ctx context.Context, id, currency string, amount int64, key string) (payment.Intent, error)
	CancelIntent(ctx context.Context, id, key string) (payment.Intent, error)
	Refund(ctx context.Context, r payment.RefundRequest) (payment.StripeRefund, error)
	Refunds(ctx context.Context, intent string) ([]payment.StripeRefund, error)
	Events(ctx context.Context, since time.Time, undelivered bool) ([]payment.StripeEvent, error)
	Payable(currency string, amount int64) error
}

// Books does the facts of money. It keeps no state.
type Books struct {
	DB     *table.DB
	IDs    ident.Source
	Stripe Processor

	Courtesy time.Duration // how long an event that says enough waits for what would be nice to know; 0 is half a second
}

// By is who asks, how a retry is known, and which version they saw.
type By = table.By

var (
	// system is who settles, expires and sweeps, in the orders' timelines.
	system = access.Principal{ID: "system", Scopes: []access.Permission{access.OrdersAll}}
	// stripe is who tells what Stripe tells.
	stripe = access.Principal{ID: "stripe", Scopes: []access.Permission{access.OrdersAll}}
)

// LookOrder reads an order that p may see, and its payments; to others it does not exist.
func (b *Books) LookOrder(ctx context.Context, p access.Principal, id string) (order.Order, payment.Account, error) {
	o, a, err := b.DB.OrderAndAccount(ctx, id)
	if err != nil {
		return o, a, err
	}
	ok, err := o.SeenBy(p, func() (string, error) { return b.DB.CustomerOwner(ctx, o.CustomerID) })
	if err != nil || !ok {
		return order.Order{}, payment.Account{}, cmp.Or(err, error(refusal.Missing("order", id)))
	}
	return o, a, nil
}

// Look reads a payment of an order that p may see.
func (b *Books) Look(ctx context.Context, p access.Principal, id string) (table.PaymentOf, error) {
	orderID, err := b.DB.PaymentOrder(ctx, id)
	if err != nil {
		return table.PaymentOf{}, err
	}
	_, a, err := b.LookOrder(ctx, p, orderID)
	if err != nil {
		return table.PaymentOf{}, err
	}
	found := a.Payment(id)
	if found == nil {
		return table.PaymentOf{}, refusal.Missing("payment", id)
	}
	return table.PaymentOf{Payment: *found, OrderID: orderID}, nil
}

// List lists the payments that p may see, newest first.
func (b *Books) List(ctx context.Context, p access.Principal, f table.PaymentFilter, page table.Page) (table.Listing[table.PaymentOf], error) {
	l, err := b.DB.Payments(ctx, f, page)
	if err != nil || p.Sight() == access.SeesAll {
		return l, err
	}
	all := l.Items
	l.Items = nil
	for _, x := range all {
		switch _, _, err := b.LookOrder(ctx, p, x.OrderID); {
		case err == nil:
			l.Items = append(l.Items, x)
		case !refusal.Is(err, "not_found"):
			return l, err
		}
	}
	return l, nil
}

// changing is an order and its payments while a fact is planned.
type changing struct {
	was, next order.Order
	before    payment.Account
	account   payment.Account
	now       time.Time
	tx        *table.Tx
	happened  event.Type // "": nothing about the order, which stays as it is
	data      map[string]any
	ref       string // what a retry is answered with
	by        access.Principal
}

func (c *changing) entered() payment.Entered {
	return payment.Entered{By: c.by.ID, At: c.now}
}

// change is the shape of every fact about an order's money: read both, check
// the caller, apply the rule, and commit what follows from it.
func (b *Books) change(ctx context.Context, by By, orderID string, apply func(ctx context.Context, c *changing) error) error {
	return b.DB.Settle(ctx, func(ctx context.Context) (*table.Tx, error) {
		o, a, err := b.DB.OrderAndAccount(ctx, orderID)
		if err != nil {
			return nil, err
		}
		ok, err := o.ChangedBy(by.Principal, func() (string, error) { return b.DB.CustomerOwner(ctx, o.CustomerID) })
		if err != nil || !ok {
			return nil, cmp.Or(err, error(refusal.Missing("order", orderID)))
		}
		if err := by.Expects(o.Version); err != nil {
			return nil, err
		}
		c := &changing{was: o, next: o, before: a, account: a.Clone(), now: b.IDs.Now(), tx: &table.Tx{}, data: map[string]any{}, by: by.Principal}
		c.next.Lines = append([]order.Line(nil), o.Lines...)
		if err := apply(ctx, c); err != nil {
			return nil, err
		}
		if c.happened != "" {
			b.save(c)
		}
		c.tx.Mark(by.Mark, c.ref, c.now)
		return c.tx, nil
	})
}

// save adds the order and its payments as they have become, and the event.
func (b *Books) save(c *changing) {
	c.takeMoney()
	c.next.AskAgain(c.was, c.now)
	c.next.Version, c.next.UpdatedAt = c.was.Version+1, c.now
	c.tx.SaveOrder(c.next, c.was)
	if len(c.account.Payments) > 0 {
		c.tx.SaveAccount(c.next.ID, c.before, c.account, c.now)
	}
	c.data["number"], c.data["status"], c.data["payment_status"] = c.next.Number, string(c.next.Status), string(c.next.PaymentStatus())
	c.data["currency"], c.data["balance"] = c.next.Currency, c.next.Balance()
	if c.next.OnHold {
		c.data["hold_reason"] = c.next.HoldReason
	} else if c.next.IsOpen() && c.next.Covered() && !c.was.Covered() {
		c.data["to_ship"] = true
	}
	c.tx.Event(event.Event{
		ID: b.IDs.IDAt(c.now), Subject: event.Subject{Kind: event.Order, ID: c.next.ID}, Seq: c.next.Version,
		Type: c.happened, At: c.now, Actor: c.by.ID, Data: c.data,
	})
}

// takeMoney sets what the order's payments come to. A dispute that nobody heard
// of until it was lost was open once, and holds the order like any other.
func (c *changing) takeMoney() {
	sums := order.Money(c.account.Sums())
	if lost := sums.Lost - c.before.Sums().Lost; lost > 0 && c.was.Disputed == 0 {
		opened := sums
		opened.Disputed += lost
		c.next.TakeMoney(opened)
	}
	c.next.TakeMoney(sums)
}

// told adds to the event which payment it is about.
func (c *changing) told(p payment.Payment, amount int64) {
	c.data["payment"], c.data["method"], c.data["amount"] = p.ID, string(p.Method), amount
	if p.Via != "" {
		c.data["via"] = p.Via
	}
}
