package paper

import (
	"strings"
	"time"
)

// An Invoice says what is to be paid. Amounts are minor units of a currency
// that has so many decimal digits. What is empty or 0 is left out.
type Invoice struct {
	Locale             string // BCP 47: "zh…" is Chinese, anything else English
	Company            Company
	Number             string // of the invoice: in the bar code
	Order              string // the order's number
	Reference          string // the customer's own
	BillTo             []string
	IssuedAt, DueAt    time.Time      // shown as dates
	Zone               *time.Location // of the dates; nil is UTC
	Currency           string
	Digits             int
	TaxInclusive       bool // amounts of lines contain the tax
	Lines              []Charge
	Taxes              []TaxPart
	Net, Total         int64
	Credited, Paid     int64 // what is off the total
	Open               int64
	Note, Bank, Footer string
	PayURL             string // also in a QR code
}

// A CreditNote says what was taken off an invoice. What is empty or 0 is left out.
type CreditNote struct {
	Locale       string
	Company      Company
	Number       string // of the note: in the bar code
	Invoice      string // the invoice's number
	Order        string
	Reference    string
	BillTo       []string
	IssuedAt     time.Time
	Zone         *time.Location
	Currency     string
	Digits       int
	TaxInclusive bool
	Lines        []Charge
	Taxes        []TaxPart
	Net, Total   int64
	Reason       string
	Footer       string
}

// A Charge is a line of an invoice or a credit note. Without a Quantity it is
// a part of its amount that is credited. TaxRate is in millionths.
type Charge struct {
	SKU, Name, Unit     string
	Quantity            int64
	UnitPrice, Discount int64
	TaxRate, Amount     int64
}

// A TaxPart is the tax on Net at one rate, in millionths.
type TaxPart struct{ Rate, Net, Tax int64 }

// PDF renders the invoice. It fails only if the PDF can't be written.
func (d Invoice) PDF() ([]byte, error) {
	t := textsOf(d.Locale)
	s := newSheet(t, t.invoice, d.Number, d.IssuedAt)
	s.heading(d.Company)
	s.facts(t.billTo, d.BillTo, []fact{
		{t.issued, day(d.IssuedAt, d.Zone, t.day)},
		{t.due, day(d.DueAt, d.Zone, t.day)},
		{t.order, d.Order},
		{t.reference, d.Reference},
		{t.currency, d.Currency},
	}, "")
	s.note(d.Note)

	m := minor(d.Digits)
	sums := m.sums(t, d.Currency, d.Net, d.Total, d.Taxes)
	if d.Credited != 0 || d.Paid != 0 {
		sums = append(sums,
			sum{label: t.takenOff, amount: m.offAmount(d.Credited)},
			sum{label: t.paid, amount: m.offAmount(d.Paid)},
			sum{t.open + " " + d.Currency, m.amount(d.Open), true})
	}
	s.charges(d.Lines, m, d.TaxInclusive, sums)
	s.payment(d.Bank, d.PayURL, d.Number)
	s.foot(d.Footer)
	return s.bytes()
}

// PDF renders the credit note. It fails only if the PDF can't be written.
func (d CreditNote) PDF() ([]byte, error) {
	t := textsOf(d.Locale)
	s := newSheet(t, t.correction, d.Number, d.IssuedAt)
	s.heading(d.Company)
	s.facts(t.billTo, d.BillTo, []fact{
		{t.issued, day(d.IssuedAt, d.Zone, t.day)},
		{t.ofInvoice, d.Invoice},
		{t.order, d.Order},
		{t.reference, d.Reference},
		{t.currency, d.Currency},
		{t.reason, d.Reason},
	}, "")
	m := minor(d.Digits)
	s.charges(d.Lines, m, d.TaxInclusive, m.sums(t, d.Currency, d.Net, d.Total, d.Taxes))
	s.foot(d.Footer)
	return s.bytes()
}

// charges draws the lines and under them what they add up to, which stays with
// the last of them on a page.
func (s *sheet) charges(lines []Charge, m minor, inclusive bool, sums []sum) {
	t := s.t
	rows := make([][]string, len(lines))
	for i, l := range lines {
		rows[i] = []string{count(int64(i) + 1), l.SKU, l.Name, "", l.Unit, "", "", percent(l.TaxRate), m.amount(l.Amount)}
		if l.Quantity != 0 {
			rows[i][3], rows[i][5] = count(l.Quantity), m.amount(l.UnitPrice)
		}
		if l.Discount != 0 {
			rows[i][6] = m.amount(l.Discount)
		}
	}
	amount := t.amount
	if inclusive {
		amount = t.amountWithTax
	}
	s.table(across(
		column{width: 24, style: faint},
		column{title: t.sku, width: 76},
		column{title: t.name},
		column{title: t.quantity, width: 48, right: true, style: strong},
		column{title: t.unit, width: 34},
		column{title: t.unitPrice, width: 62, right: true},
		column{title: t.discount, width: 52, right: true},
		column{title: t.tax, width: 42, right: true},
		column{title: amount, width: 76, right: true},
	), rows, sumsHeight(sums))
	s.sums(sums)
}

// A sum stands under the amounts of a table.
type sum struct {
	label, amount string
	bold          bool
}

// sums are what lines come to without tax, the tax by rate, and with it.
func (m minor) sums(t texts, currency string, net, total int64, taxes []TaxPart) []sum {
	out := []sum{{label: t.net, amount: m.amount(net)}}
	for _, p := range taxes {
		out = append(out, sum{label: t.tax + " " + percent(p.Rate) + " " + t.on + " " + m.amount(p.Net), amount: m.amount(p.Tax)})
	}
	return append(out, sum{t.sum + " " + currency, m.amount(total), true})
}

func sumsHeight(sums []sum) float64 { return 7 + float64(len(sums))*(normal.leading()+3) }

// sums draws the sums that have an amount, their right ends under the table's.
func (s *sheet) sums(sums []sum) {
	const amounts = 110.0
	s.y += 7
	for _, line := range sums {
		if line.amount == "" {
			continue
		}
		label, number := normal, normal
		if line.bold {
			label, number = strong, style{size: 10, bold: true}
		}
		s.textRight(right-amounts, inner-amounts, label, line.label)
		s.textRight(right, amounts-cellGap, number, line.amount)
		s.y += normal.leading() + 3
	}
}

// payment draws where to pay to, and a link with its QR code. It stays on one page.
func (s *sheet) payment(bank, url, number string) {
	if strings.TrimSpace(bank+url) == "" {
		return
	}
	const height = qrSize + 40
	s.y += 14
	s.need(height)
	s.rule(false)
	s.y += 10
	begin, width := s.y, inner-qrSize-24
	if s.square(url, right-qrSize, begin) {
		s.y = begin + qrSize + 2
		caption := s.width(s.t.scanToPay, faint)
		s.text(right-(qrSize+caption)/2, caption, faint, s.t.scanToPay)
		s.y = begin
	}
	s.text(left, width, faint, s.t.payment+" "+number)
	s.y += faint.leading() + 2
	s.block(left, width, normal, bank, 5)
	if url != "" {
		s.y += 4
		s.block(left, width, faint, url, 3)
	}
	s.y = max(s.y, begin+height-20)
}

// foot draws the company's own words at the end.
func (s *sheet) foot(text string) {
	lines := s.lines(text, inner, faint, 8)
	s.y += 12
	s.need(float64(len(lines)) * faint.leading())
	for _, line := range lines {
		s.text(left, inner, faint, line)
		s.y += faint.leading()
	}
}
