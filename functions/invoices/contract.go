package invoices

import (
	"time"

	"waybill/shared/api"
	"waybill/shared/gateway"
	"waybill/shared/invoice"
	"waybill/shared/order"
)

func picks(lines []api.PickLine) []order.Pick {
	var out []order.Pick
	for _, l := range lines {
		out = append(out, order.Pick{SKU: string(l.Sku), Quantity: int64(l.Quantity)})
	}
	return out
}

func date(d api.OptDate) *time.Time {
	if day, ok := d.Get(); ok {
		return &day
	}
	return nil
}

func shown(b invoice.Bill) api.Invoice {
	return api.Invoice{
		ID: api.ID(b.ID), Number: b.Number, OrderID: api.ID(b.OrderID), OrderNumber: b.OrderNumber, CustomerID: api.ID(b.CustomerID),
		Currency: api.Currency(b.Currency), TaxInclusive: api.NewOptBool(b.TaxInclusive), Lines: shownLines(b.Lines), Taxes: shownTaxes(b.Lines),
		Net: b.Sums.Net, Tax: b.Sums.Tax, Total: b.Sums.Total, Credited: b.Credited, Open: b.Open,
		IssuedAt: b.IssuedAt, DueAt: b.DueAt, Status: api.InvoiceStatus(b.Status), BillingAddress: gateway.Address(b.Buyer.Address),
		Reference: gateway.Text(b.Reference), Note: gateway.Text(b.Note), IssuedBy: gateway.Text(b.IssuedBy),
	}
}

func shownNote(c invoice.CreditNote) api.CreditNote {
	return api.CreditNote{
		ID: api.ID(c.ID), Number: c.Number, InvoiceID: api.ID(c.InvoiceID), InvoiceNumber: c.InvoiceNumber,
		OrderID: api.ID(c.OrderID), CustomerID: api.ID(c.CustomerID), Currency: api.Currency(c.Currency),
		Lines: shownLines(c.Lines), Taxes: shownTaxes(c.Lines), Net: c.Sums.Net, Tax: c.Sums.Tax, Total: c.Sums.Total,
		Reason: c.Reason, IssuedAt: c.IssuedAt, IssuedBy: gateway.Text(c.IssuedBy),
	}
}

func shownLines(lines []invoice.Line) []api.InvoiceLine {
	out := make([]api.InvoiceLine, len(lines))
	for i, l := range lines {
		out[i] = api.InvoiceLine{
			Sku: api.SKU(l.SKU), Name: l.Name, Quantity: l.Quantity, UnitPrice: l.UnitPrice, Discount: l.Discount,
			Net: l.Net, TaxRatePpm: l.TaxRate, Tax: l.Tax, Total: l.Total,
		}
	}
	return out
}

func shownTaxes(lines []invoice.Line) []api.TaxPart {
	taxes := invoice.TaxesOf(lines)
	out := make([]api.TaxPart, len(taxes))
	for i, t := range taxes {
		out[i] = api.TaxPart{RatePpm: t.Rate, Net: t.Net, Tax: t.Tax}
	}
	return out
}

func shownAges(ages []invoice.Ageing) []api.Ageing {
	out := make([]api.Ageing, len(ages))
	for i, a := range ages {
		out[i] = api.Ageing{
			CustomerID:   api.OptID{Value: api.ID(a.CustomerID), Set: a.CustomerID != ""},
			CustomerName: gateway.Text(a.CustomerName), Currency: api.Currency(a.Currency),
			Invoices: a.Invoices, Open: a.Open, NotDue: a.NotDue, Days030: a.To30, Days3160: a.To60, Days6190: a.To90, DaysOver90: a.Over90,
		}
	}
	return out
}
