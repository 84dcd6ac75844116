package invoices

import (
	"bytes"
	"cmp"
	"context"
	"net/url"
	"strings"
	_ "time/tzdata" // the Lambda base image has no time zones

	"waybill/shared/api"
	"waybill/shared/company"
	"waybill/shared/gateway"
	"waybill/shared/invoice"
	"waybill/shared/money"
	"waybill/shared/order"
	"waybill/shared/paper"
)

// GetInvoicePdf implements getInvoicePdf. The invoice is as it was issued;
// where to pay, and what is still to pay, is as it is now.
func (h *Invoices) GetInvoicePdf(ctx context.Context, params api.GetInvoicePdfParams) (api.GetInvoicePdfOK, error) {
	b, err := h.book.Look(ctx, gateway.Principal(ctx), string(params.ID))
	if err != nil {
		return api.GetInvoicePdfOK{}, err
	}
	settings, err := h.book.DB.Settings(ctx)
	if err != nil {
		return api.GetInvoicePdfOK{}, err
	}
	bank, link, err := h.howToPay(ctx, b, settings)
	if err != nil {
		return api.GetInvoicePdfOK{}, err
	}
	pdf, err := paper.Invoice{
		Locale: b.Locale, Company: letterhead(b.Seller), Number: b.Number, Order: b.OrderNumber, Reference: b.Reference,
		BillTo: addressee(b.Buyer), IssuedAt: b.IssuedAt, DueAt: b.DueAt, Zone: company.Zone(b.TimeZone),
		Currency: b.Currency, Digits: digits(b.Currency), TaxInclusive: b.TaxInclusive,
		Lines: charges(b.Lines, b.TaxInclusive), Taxes: taxes(b.Lines), Net: b.Sums.Net, Total: b.Sums.Total,
		Credited: b.Credited, Paid: max(0, b.Sums.Total-b.Credited-b.Open), Open: b.Open,
		Note: b.Note, Bank: bank, PayURL: link, Footer: settings.Invoicing.Footer,
	}.PDF()
	return api.GetInvoicePdfOK{Data: bytes.NewReader(pdf)}, err
}

// GetCreditNotePdf implements getCreditNotePdf.
func (h *Invoices) GetCreditNotePdf(ctx context.Context, params api.GetCreditNotePdfParams) (api.GetCreditNotePdfOK, error) {
	c, err := h.book.LookCreditNote(ctx, gateway.Principal(ctx), string(params.ID))
	if err != nil {
		return api.GetCreditNotePdfOK{}, err
	}
	i, err := h.book.DB.Invoice(ctx, c.InvoiceID)
	if err != nil {
		return api.GetCreditNotePdfOK{}, err
	}
	settings, err := h.book.DB.Settings(ctx)
	if err != nil {
		return api.GetCreditNotePdfOK{}, err
	}
	pdf, err := paper.CreditNote{
		Locale: i.Locale, Company: letterhead(i.Seller), Number: c.Number, Invoice: i.Number, Order: i.OrderNumber, Reference: i.Reference,
		BillTo: addressee(i.Buyer), IssuedAt: c.IssuedAt, Zone: company.Zone(i.TimeZone),
		Currency: c.Currency, Digits: digits(c.Currency), TaxInclusive: c.TaxInclusive,
		Lines: charges(c.Lines, c.TaxInclusive), Taxes: taxes(c.Lines), Net: c.Sums.Net, Total: c.Sums.Total,
		Reason: c.Reason, Footer: settings.Invoicing.Footer,
	}.PDF()
	return api.GetCreditNotePdfOK{Data: bytes.NewReader(pdf)}, err
}

// howToPay is where an invoice can be paid, while something of it is open.
func (h *Invoices) howToPay(ctx context.Context, b invoice.Bill, s company.Settings) (bank, link string, err error) {
	if b.Open == 0 {
		return "", "", nil
	}
	o, err := h.book.DB.Order(ctx, b.OrderID)
	if err != nil {
		return "", "", err
	}
	link, err = h.payLink(ctx, o, s)
	return s.Invoicing.Bank, link, err
}

// payLink is where an order can be paid: at the checkout that is open for it,
// or on the company's own page; "" where it can't be paid online.
func (h *Invoices) payLink(ctx context.Context, o order.Order, s company.Settings) (string, error) {
	a, err := h.book.DB.Account(ctx, o.ID)
	if err != nil {
		return "", err
	}
	return cmp.Or(a.PayAt(h.edge.Now()), ownPage(o, s)), nil
}

// ownPage is the company's own page for paying an order.
func ownPage(o order.Order, s company.Settings) string {
	number := strings.ReplaceAll(url.QueryEscape(o.Number), "+", "%20") // which holds in a path and in a query
	return strings.ReplaceAll(s.Invoicing.PayURL, "{order}", number)
}

func charges(lines []invoice.Line, inclusive bool) []paper.Charge {
	out := make([]paper.Charge, len(lines))
	for n, l := range lines {
		out[n] = paper.Charge{
			SKU: l.SKU, Name: l.Name, Unit: l.Unit, Quantity: l.Quantity, UnitPrice: l.UnitPrice, Discount: l.Discount, TaxRate: l.TaxRate, Amount: l.Net,
		}
		if inclusive {
			out[n].Amount = l.Total
		}
	}
	return out
}

func taxes(lines []invoice.Line) []paper.TaxPart {
	var out []paper.TaxPart
	for _, t := range invoice.TaxesOf(lines) {
		out = append(out, paper.TaxPart(t))
	}
	return out
}

func letterhead(p invoice.Party) paper.Company {
	return paper.Company{Name: p.Name, Email: p.Email, Phone: p.Phone, TaxID: p.TaxID, Address: p.Address.Envelope()}
}

// addressee is who pays; a customer without a named address is named at least.
func addressee(p invoice.Party) []string { return p.Address.EnvelopeTo(p.Name) }

func digits(currency string) int {
	n, _ := money.Digits(currency)
	return n
}
