package invoicing

import (
	"context"

	"waybill/shared/event"
	"waybill/shared/invoice"
)

// NewCredit is a credit note as a client asks for it.
type NewCredit struct {
	invoice.Wish
	Reason string
}

// Credit issues a credit note against an invoice: all that is left of it, some
// units, or an amount. It lowers what the customer owes and moves no money.
// What is left of the invoice is read under the order's version, so that two
// credit notes never take the same.
func (b *Book) Credit(ctx context.Context, by By, invoiceID string, in NewCredit) (invoice.CreditNote, error) {
	i, err := b.Look(ctx, by.Principal, invoiceID)
	if err != nil {
		return invoice.CreditNote{}, err
	}
	var done invoice.CreditNote
	err = b.change(ctx, by, i.OrderID, event.CreditNoteIssued, func(ctx context.Context, c *changing) error {
		earlier, err := b.DB.CreditNotesOf(ctx, invoiceID)
		if err != nil {
			return err
		}
		settings, err := b.DB.Settings(ctx)
		if err != nil {
			return err
		}
		note := invoice.CreditNote{
			ID: b.IDs.IDAt(c.now), InvoiceID: i.ID, InvoiceNumber: i.Number, OrderID: i.OrderID, OrderNumber: i.OrderNumber,
			CustomerID: i.CustomerID, Currency: i.Currency, TaxInclusive: i.TaxInclusive,
			Reason: in.Reason, IssuedAt: c.now, IssuedBy: by.Principal.ID,
		}
		if note.Lines, err = i.Credit(earlier, in.Wish); err != nil {
			return err
		}
		note.Sums = invoice.SumsOf(note.Lines)
		if err := c.next.Credit(i.ID, note.Sums.Total, invoice.Units(note.Lines)); err != nil {
			return err
		}
		if note.Number, err = b.number(ctx, c, settings.Invoicing.CreditSeries, settings.Zone()); err != nil {
			return err
		}
		c.tx.NewCreditNote(note)
		c.data["credit_note"], c.data["credit_note_number"], c.data["reason"] = note.ID, note.Number, note.Reason
		c.data["invoice"], c.data["invoice_number"], c.data["amount"] = i.ID, i.Number, note.Sums.Total
		c.ref, done = note.ID, note
		return nil
	})
	return done, err
}
