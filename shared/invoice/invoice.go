// Package invoice has the rules of invoices and credit notes: how they are
// numbered, when they are due, what may be credited, and how old a debt is.
// Neither ever changes once it is issued.
package invoice

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"waybill/shared/customer"
	"waybill/shared/order"
)

// An Invoice says what the customer owes for units of an order. What it was
// issued with stands on it for good: who sold, who bought, and what things were called.
type Invoice struct {
	ID, Number           string
	OrderID, OrderNumber string
	CustomerID           string
	Owner                string // of the order when it was issued
	Currency             string
	TaxInclusive         bool // unit prices contain the tax
	Lines                []Line
	Sums                 Sums
	Seller, Buyer        Party
	Locale               string // BCP 47, of the customer
	TimeZone             string // IANA, of the company: its days are meant
	Reference, Note      string
	IssuedAt, DueAt      time.Time
	IssuedBy             string // principal id
}

// A Line is units of one SKU, named in the customer's language.
type Line struct {
	order.Billed
	Unit string
}

// A Party sells or buys. Every part may be empty.
type Party struct {
	Name, Email, Phone, TaxID string
	Address                   *customer.Address
}

// Sums of lines, in minor units. Total is Net and Tax.
type Sums struct{ Net, Tax, Total int64 }

// A TaxPart is what is taxed at one rate, in millionths.
type TaxPart struct{ Rate, Net, Tax int64 }

// A CreditNote takes something off an invoice.
type CreditNote struct {
	ID, Number               string
	InvoiceID, InvoiceNumber string
	OrderID, OrderNumber     string
	CustomerID               string
	Currency                 string
	TaxInclusive             bool
	Lines                    []Line // without a quantity where an amount was credited
	Sums                     Sums
	Reason                   string
	IssuedAt                 time.Time
	IssuedBy                 string
}

// A Status is how an invoice stands. It follows from the order's money.
type Status string

// The statuses.
const (
	Open     Status = "open"    // to be paid
	Overdue  Status = "overdue" // past its day
	Paid     Status = "paid"
	Credited Status = "credited" // credit notes took all of it
)

// A Bill is an invoice as it stands: with what was credited, and what is still to pay.
type Bill struct {
	Invoice
	Credited, Open int64
	Status         Status
}

// In is how the invoice stands in its order at a moment.
func (i Invoice) In(o order.Order, now time.Time) Bill {
	b := Bill{Invoice: i}
	open := o.Open()
	for n, issued := range o.Invoices {
		if issued.ID == i.ID {
			b.Credited, b.Open = issued.Credited, open[n]
		}
	}
	switch {
	case b.Credited > 0 && b.Credited >= i.Sums.Total:
		b.Status = Credited
	case b.Open == 0:
		b.Status = Paid
	case now.After(i.DueAt):
		b.Status = Overdue
	default:
		b.Status = Open
	}
	return b
}

// NumberOf is the nth number of a series in a year: INV-2026-000001.
func NumberOf(series string, year int, n int64) string {
	return fmt.Sprintf("%s-%d-%06d", series, year, n)
}

// DueOn is the end of the day by which an invoice of these terms is to be paid:
// that many days later on net terms, the same day otherwise.
func DueOn(terms customer.Terms, issued time.Time, zone *time.Location) time.Time {
	days := 0
	if terms.Kind == customer.Net {
		days = terms.Days
	}
	year, month, day := issued.In(zone).Date()
	return time.Date(year, month, day+days+1, 0, 0, 0, 0, zone).Add(-time.Second).UTC()
}

// SumsOf adds up lines. They are parts of sums that fit.
func SumsOf(lines []Line) Sums {
	var s Sums
	for _, l := range lines {
		s.Net += l.Net
		s.Tax += l.Tax
		s.Total += l.Total
	}
	return s
}

// TaxesOf adds up lines by their rates, the lowest first.
func TaxesOf(lines []Line) []TaxPart {
	var parts []TaxPart
	for _, l := range lines {
		at, ok := slices.BinarySearchFunc(parts, l.TaxRate, func(p TaxPart, rate int64) int { return cmp.Compare(p.Rate, rate) })
		if !ok {
			parts = slices.Insert(parts, at, TaxPart{Rate: l.TaxRate})
		}
		parts[at].Net += l.Net
		parts[at].Tax += l.Tax
	}
	return parts
}
