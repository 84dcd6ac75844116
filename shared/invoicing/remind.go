package invoicing

import (
	"context"
	"errors"
	"slices"
	"time"

	"waybill/shared/access"
	"waybill/shared/event"
	"waybill/shared/invoice"
	"waybill/shared/order"
	"waybill/shared/table"
)

// system is who reminds, in orders' timelines.
var system = access.Principal{ID: "system", Scopes: []access.Permission{access.OrdersAll}}

// overlap is how far a run looks back before the last one: the index lags.
const overlap = time.Hour

// Remind finds invoices that come to be due within three days, and those that
// are overdue, and notes each once, as an event of the order that customers and
// finance are told of; it returns how many. It begins nothing further at until.
//
// A run looks at what came to be due since the last. The first of a day looks at
// everything that is overdue, for what was paid once and is open again.
func (b *Book) Remind(ctx context.Context, until time.Time) (told int, err error) {
	now := b.IDs.Now()
	last, err := b.DB.RemindedUntil(ctx)
	if err != nil {
		return 0, err
	}
	restored, err := b.DB.RestoredAt(ctx)
	if err != nil {
		return 0, err
	}
	bills, err := b.toRemind(ctx, last, now)
	if err != nil {
		return 0, err
	}
	var failed []error
	for _, bill := range bills {
		if !b.IDs.Now().Before(until) || ctx.Err() != nil {
			return told, errors.Join(append(failed, context.DeadlineExceeded)...)
		}
		did, err := b.remind(ctx, bill, restored)
		if failed = append(failed, err); did {
			told++
		}
	}
	if err := errors.Join(failed...); err != nil {
		return told, err // the next run looks at the same again
	}
	tx := &table.Tx{}
	tx.RemindUntil(now)
	return told, b.DB.Commit(ctx, tx)
}

// toRemind are the invoices that a run looks at.
func (b *Book) toRemind(ctx context.Context, last, now time.Time) ([]invoice.Bill, error) {
	from := last.Add(-overlap)
	if now.Truncate(24 * time.Hour).After(last) {
		from = time.Unix(0, 0)
	}
	late, err := b.DB.BillsDue(ctx, from, now, now)
	if err != nil {
		return nil, err
	}
	if from = from.Add(order.DueSoon); from.Before(now) {
		from = now
	}
	soon, err := b.DB.BillsDue(ctx, from, now.Add(order.DueSoon), now)
	return slices.Concat(late, soon), err
}

// remind notes that an invoice's customer is reminded, and reports whether that
// is so for the first time. What may have been told before the table was
// restored is left alone, and so is who got the invoice itself in those days.
func (b *Book) remind(ctx context.Context, bill invoice.Bill, restored time.Time) (bool, error) {
	happened, from := event.InvoiceOverdue, bill.DueAt
	if bill.Status != invoice.Overdue {
		happened, from = event.InvoiceDueSoon, bill.DueAt.Add(-order.DueSoon)
		if from.Before(bill.IssuedAt) {
			return false, nil
		}
	}
	if from.Before(restored) {
		return false, nil
	}
	err := b.change(ctx, By{Principal: system}, bill.OrderID, happened, func(_ context.Context, c *changing) error {
		soon, late := c.next.Remind(bill.ID, c.now)
		if happened == event.InvoiceDueSoon && !soon || happened == event.InvoiceOverdue && !late {
			return errNothing
		}
		c.data["invoice"], c.data["invoice_number"], c.data["amount"] = bill.ID, bill.Number, bill.In(c.next, c.now).Open
		c.data["due_at"] = bill.DueAt.Format(time.RFC3339)
		return nil
	})
	if errors.Is(err, errNothing) {
		return false, nil
	}
	return err == nil, err
}

// errNothing ends a change that has nothing to change.
var errNothing = errors.New("nothing to do")
