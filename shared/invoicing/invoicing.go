// Package invoicing is what finance does beside payments: invoices are issued,
// credit notes take something off them, and what customers owe is counted by
// age. Each fact is one transaction.
//
// The actions of each fact, of the 100 a transaction takes:
//
//	Issue   order, invoice, its number, the counter, event, mark, entry among the receivables
//	Credit  order, credit note, its pointer, the counter, event, mark, credit of the customer, entries of ≤ 50 receivables
package invoicing

import (
	"cmp"
	"context"
	"time"

	"waybill/shared/access"
	"waybill/shared/event"
	"waybill/shared/ident"
	"waybill/shared/invoice"
	"waybill/shared/order"
	"waybill/shared/refusal"
	"waybill/shared/table"
)

// A Book does the facts of invoices and credit notes.
type Book struct {
	DB  *table.DB
	IDs ident.Source

	// Turn is taken by whoever draws a number, one at a time, when it is set. The
	// table alone sees to it that no number is drawn twice, whoever draws it; this
	// only spares those of one process that all but one start over.
	Turn chan struct{}
}

// NewBook is a Book whose callers take turns.
func NewBook(db *table.DB, ids ident.Source) *Book {
	return &Book{DB: db, IDs: ids, Turn: make(chan struct{}, 1)}
}

// take waits for the caller's turn, and returns what ends it.
func (b *Book) take(ctx context.Context) (end func(), err error) {
	if b.Turn == nil {
		return func() {}, nil
	}
	select {
	case b.Turn <- struct{}{}:
		return func() { <-b.Turn }, nil
	case <-ctx.Done():
		return nil, refusal.New(refusal.Conflict, "busy", "Others kept drawing the next number; try again.")
	}
}

// By is who asks, how a retry is known, and which version they saw.
type By = table.By

// LookOrder reads an order that is p's own, or any for who sees all: who sees an
// order only because it is to be shipped knows of no invoice. To others it does not exist.
func (b *Book) LookOrder(ctx context.Context, p access.Principal, id string) (order.Order, error) {
	o, err := b.DB.Order(ctx, id)
	if err != nil {
		return o, err
	}
	ok, err := o.ChangedBy(p, func() (string, error) { return b.DB.CustomerOwner(ctx, o.CustomerID) })
	if err != nil || !ok {
		return order.Order{}, cmp.Or(err, error(refusal.Missing("order", id)))
	}
	return o, nil
}

// Look reads an invoice of an order that p may see, as it stands.
func (b *Book) Look(ctx context.Context, p access.Principal, id string) (invoice.Bill, error) {
	i, err := b.DB.Invoice(ctx, id)
	if err != nil {
		return invoice.Bill{}, err
	}
	o, err := b.LookOrder(ctx, p, i.OrderID)
	if refusal.Is(err, "not_found") {
		return invoice.Bill{}, refusal.Missing("invoice", id)
	}
	if err != nil {
		return invoice.Bill{}, err
	}
	return i.In(o, b.IDs.Now()), nil
}

// LookCreditNote reads a credit note of an order that p may see.
func (b *Book) LookCreditNote(ctx context.Context, p access.Principal, id string) (invoice.CreditNote, error) {
	c, err := b.DB.CreditNote(ctx, id)
	if err != nil {
		return c, err
	}
	if _, err := b.LookOrder(ctx, p, c.OrderID); err != nil {
		if refusal.Is(err, "not_found") {
			err = refusal.Missing("credit note", id)
		}
		return invoice.CreditNote{}, err
	}
	return c, nil
}

// OfOrder lists an order's invoices, the newest first.
func (b *Book) OfOrder(ctx context.Context, p access.Principal, orderID string) ([]invoice.Bill, error) {
	o, err := b.LookOrder(ctx, p, orderID)
	if err != nil {
		return nil, err
	}
	ids := make([]string, len(o.Invoices))
	for n, i := range o.Invoices {
		ids[n] = i.ID
	}
	found, err := b.DB.InvoicesOf(ctx, ids)
	if err != nil {
		return nil, err
	}
	now := b.IDs.Now()
	out := make([]invoice.Bill, len(found))
	for n, i := range found {
		out[n] = i.In(o, now)
	}
	return out, nil
}

// CreditNotesOf lists the credit notes of an invoice, the newest first.
func (b *Book) CreditNotesOf(ctx context.Context, p access.Principal, invoiceID string) ([]invoice.CreditNote, error) {
	if _, err := b.Look(ctx, p, invoiceID); err != nil {
		return nil, err
	}
	return b.DB.CreditNotesOf(ctx, invoiceID)
}

// List lists the invoices that p may see, newest first; those that are open or
// overdue by when they are due, the latest first.
func (b *Book) List(ctx context.Context, p access.Principal, f table.BillFilter, page table.Page) (table.Listing[invoice.Bill], error) {
	if p.Sight() != access.SeesAll {
		owner, err := "", error(nil)
		if f.CustomerID != "" {
			owner, err = b.DB.CustomerOwner(ctx, f.CustomerID)
		}
		if err != nil {
			return table.Listing[invoice.Bill]{}, err
		}
		if owner != p.ID { // of their own customer they see every order
			f.Owner = p.ID
		}
	}
	return b.DB.Bills(ctx, f, b.IDs.Now(), page)
}

// ByNumber finds the invoice with a number, among those that p may see; the list has at most one.
func (b *Book) ByNumber(ctx context.Context, p access.Principal, number string) ([]invoice.Bill, error) {
	id, err := b.DB.InvoiceID(ctx, number)
	if err != nil || id == "" {
		return nil, err
	}
	i, err := b.Look(ctx, p, id)
	if refusal.Is(err, "not_found") {
		return nil, nil
	}
	return []invoice.Bill{i}, err
}

// Receivables adds up what is open, of one customer or (with "") of all, by
// age on a day; nil is today. A salesperson sees what their own customers owe.
func (b *Book) Receivables(ctx context.Context, p access.Principal, customerID string, day *time.Time) (invoice.Receivables, error) {
	settings, err := b.DB.Settings(ctx)
	if err != nil {
		return invoice.Receivables{}, err
	}
	zone, now := settings.Zone(), b.IDs.Now()
	if day == nil {
		today := now.In(zone)
		day = &today
	}
	open, err := b.DB.OpenBills(ctx, table.BillFilter{CustomerID: customerID}, now)
	if err != nil {
		return invoice.Receivables{}, err
	}
	var ids []string
	for _, i := range open {
		ids = append(ids, i.CustomerID)
	}
	customers, err := b.DB.CustomersOf(ctx, ids)
	if err != nil {
		return invoice.Receivables{}, err
	}
	names := map[string]string{}
	var seen []invoice.Bill
	for _, i := range open {
		c := customers[i.CustomerID]
		names[i.CustomerID] = c.Name
		if p.Sight() == access.SeesAll || c.Owner == p.ID {
			seen = append(seen, i)
		}
	}
	return invoice.Age(seen, names, *day, zone)
}

// A changing is an order while a fact about it is planned.
type changing struct {
	was, next order.Order
	now       time.Time
	tx        *table.Tx
	data      map[string]any // of the event
	ref       string         // what a retry is answered with
}

// change is the shape of every fact: read the order, check the caller, apply
// the rule, which adds what the fact does beside the order, and commit. The
// order's version keeps two facts about its invoices apart.
func (b *Book) change(ctx context.Context, by By, orderID string, happened event.Type, apply func(context.Context, *changing) error) error {
	end, err := b.take(ctx)
	if err != nil {
		return err
	}
	defer end()
	return b.DB.Settle(ctx, func(ctx context.Context) (*table.Tx, error) {
		was, err := b.LookOrder(ctx, by.Principal, orderID)
		if err != nil {
			return nil, err
		}
		if err := by.Expects(was.Version); err != nil {
			return nil, err
		}
		c := &changing{was: was, next: was, now: b.IDs.Now(), tx: &table.Tx{}, data: map[string]any{}}
		c.next.Lines = append([]order.Line(nil), was.Lines...)
		if err := apply(ctx, c); err != nil {
			return nil, err
		}
		c.next.AskAgain(was, c.now)
		c.next.Version, c.next.UpdatedAt = was.Version+1, c.now
		c.tx.SaveOrder(c.next, was)
		c.data["number"], c.data["status"], c.data["currency"] = c.next.Number, string(c.next.Status), c.next.Currency
		c.tx.Event(event.Event{
			ID: b.IDs.IDAt(c.now), Subject: event.Subject{Kind: event.Order, ID: c.next.ID}, Seq: c.next.Version,
			Type: happened, At: c.now, Actor: by.Principal.ID, Data: c.data,
		})
		c.tx.Mark(by.Mark, c.ref, c.now)
		return c.tx, nil
	})
}

// number draws the next number of a series, in the year that it is where the
// company is. It is read last, so that as few as possible draw it meanwhile.
func (b *Book) number(ctx context.Context, c *changing, series string, zone *time.Location) (string, error) {
	year := c.now.In(zone).Year()
	last, err := b.DB.LastNumber(ctx, series, year)
	if err != nil {
		return "", err
	}
	c.tx.NextNumber(series, year, last)
	return invoice.NumberOf(series, year, last+1), nil
}
