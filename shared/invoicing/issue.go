package invoicing

import (
	"context"
	"time"

	"waybill/shared/company"
	"waybill/shared/customer"
	"waybill/shared/event"
	"waybill/shared/invoice"
	"waybill/shared/order"
	"waybill/shared/product"
	"waybill/shared/table"
)

// New is an invoice as a client asks for it.
type New struct {
	Picks []order.Pick // nil: everything that is on no invoice yet
	Note  string
}

// Issue issues an invoice of what was ordered or, if the settings say so, of
// what has left: the invoice, its number, what the order's lines have invoiced
// and the event are one transaction.
func (b *Book) Issue(ctx context.Context, by By, orderID string, in New) (invoice.Bill, error) {
	var done invoice.Bill
	err := b.change(ctx, by, orderID, event.InvoiceIssued, func(ctx context.Context, c *changing) error {
		catalog, err := b.DB.Catalog(ctx, c.was.CustomerID, skus(c.was), nil)
		if err != nil {
			return err
		}
		zone := catalog.Settings.Zone()
		i := newInvoice(by, c, in, catalog)
		i.ID, i.DueAt = b.IDs.IDAt(c.now), invoice.DueOn(c.was.Terms, c.now, zone)
		billed, err := c.next.Invoice(i.ID, i.DueAt, in.Picks, catalog.Settings.Invoicing.FromShipped)
		if err != nil {
			return err
		}
		i.Lines = named(billed, catalog.Products, i.Locale)
		i.Sums = invoice.SumsOf(i.Lines)
		if i.Number, err = b.number(ctx, c, catalog.Settings.Invoicing.Series, zone); err != nil {
			return err
		}
		c.tx.NewInvoice(i)
		c.data["invoice"], c.data["invoice_number"], c.data["amount"] = i.ID, i.Number, i.Sums.Total
		c.data["due_at"] = i.DueAt.Format(time.RFC3339)
		c.ref, done = i.ID, i.In(c.next, c.now)
		return nil
	})
	return done, err
}

// newInvoice is the invoice but for its lines and its number.
func newInvoice(by By, c *changing, in New, catalog table.Catalog) invoice.Invoice {
	i := invoice.Invoice{
		OrderID: c.was.ID, OrderNumber: c.was.Number, CustomerID: c.was.CustomerID, Owner: c.was.Owner,
		Currency: c.was.Currency, TaxInclusive: c.was.TaxInclusive, Seller: seller(catalog.Settings),
		Buyer: invoice.Party{Address: c.was.Billing}, Locale: "en", TimeZone: catalog.Settings.TimeZone,
		Reference: c.was.Reference, Note: in.Note, IssuedAt: c.now, IssuedBy: by.Principal.ID,
	}
	if catalog.Customer != nil {
		i.Locale, i.Buyer = catalog.Customer.Locale, buyer(*catalog.Customer, c.was.Billing)
	}
	return i
}

func seller(s company.Settings) invoice.Party {
	return invoice.Party{Name: s.Name, Email: s.Email, Phone: s.Phone, TaxID: s.TaxID, Address: s.Address}
}

func buyer(c customer.Customer, billing *customer.Address) invoice.Party {
	if billing == nil {
		billing = c.Billing
	}
	return invoice.Party{Name: c.Name, Email: c.Email, Phone: c.Phone, Address: billing}
}

// named gives lines the names and units that their products have in a language.
func named(billed []order.Billed, products map[string]product.Product, locale string) []invoice.Line {
	out := make([]invoice.Line, len(billed))
	for n, b := range billed {
		p := products[b.SKU]
		b.Name = p.NameIn(locale, b.Name)
		out[n] = invoice.Line{Billed: b, Unit: p.Unit}
	}
	return out
}

func skus(o order.Order) []string {
	out := make([]string, len(o.Lines))
	for i, l := range o.Lines {
		out[i] = l.SKU
	}
	return out
}
