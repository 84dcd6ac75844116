package paper_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"waybill/shared/paper"
)

// bill is an invoice of n lines in English, with two rates of tax.
func bill(n int) paper.Invoice {
	note := inEnglish(n)
	d := paper.Invoice{
		Locale: "en-GB", Company: note.Company, Number: "INV-2026-000042", Order: note.Order, Reference: note.Reference, BillTo: note.ShipTo,
		IssuedAt: shipped, DueAt: shipped.AddDate(0, 0, 30), Currency: "USD", Digits: 2, Note: "Thank you for your order.",
		Bank: "Harbour Bank, London\nIBAN GB33 BUKB 2020 1555 5555 55\nBIC BUKBGB22", PayURL: "https://shop.example.com/pay/SO-2611-7K3M9Q",
		Footer: "Waybill Trading Ltd, registered in England, No. 01234567. Goods remain ours until they are paid.",
	}
	d.Taxes = []paper.TaxPart{{Rate: 0}, {Rate: 72_500}}
	for i, l := range note.Lines {
		c := paper.Charge{SKU: l.SKU, Name: l.Name, Unit: l.Unit, Quantity: l.Quantity, UnitPrice: 1999 + int64(i)*10_050, Discount: int64(i%2) * 150}
		c.Amount = c.Quantity*c.UnitPrice - c.Discount
		p := &d.Taxes[i%2]
		c.TaxRate = p.Rate
		p.Net += c.Amount
		d.Lines = append(d.Lines, c)
		d.Net += c.Amount
	}
	d.Taxes[1].Tax = d.Taxes[1].Net * 725 / 10_000
	d.Total = d.Net + d.Taxes[1].Tax
	d.Open = d.Total
	return d
}

func billInChinese(n int) paper.Invoice {
	d, note := bill(n), inChinese(n)
	d.Locale, d.Company, d.BillTo, d.Currency, d.TaxInclusive = "zh-CN", note.Company, note.ShipTo, "CNY", true
	d.Bank, d.Footer, d.Note = "中国工商银行上海市分行\n账号 1001 2345 6789 0123 456", "本发票由上海运单贸易有限公司开具。", "感谢惠顾。"
	d.Paid = d.Total / 2
	d.Open = d.Total - d.Paid
	for i := range d.Lines {
		d.Lines[i].Name, d.Lines[i].Unit = note.Lines[i].Name, note.Lines[i].Unit
	}
	return d
}

// credited is a credit note of n lines, the last of which is an amount.
func credited(n int) paper.CreditNote {
	i := bill(n)
	d := paper.CreditNote{
		Locale: i.Locale, Company: i.Company, Number: "CN-2026-000007", Invoice: i.Number, Order: i.Order, Reference: i.Reference, BillTo: i.BillTo,
		IssuedAt: shipped, Currency: i.Currency, Digits: i.Digits, Lines: i.Lines, Taxes: i.Taxes, Net: i.Net, Total: i.Total,
		Reason: "Two came back chipped, and the rest was late", Footer: i.Footer,
	}
	if n > 0 {
		l := &d.Lines[n-1]
		l.Quantity, l.Discount = 0, 0
	}
	return d
}

func TestAnInvoiceSaysWhatIsToBePaidUntilWhenAndHow(t *testing.T) {
	d := bill(2)
	d.Credited, d.Paid, d.Open = 1_00, 2_00, d.Total-3_00
	p := printed(t, d)[0]
	for _, want := range []string{
		"Invoice", d.Number, "Bill to", "Gute & Söhne GmbH", "Tax ID GB 123 4567 89", "23 November 2026", "23 December 2026",
		d.Order, d.Reference, "19.99", "120.49", "1.50", "0 %", "7.25 %",
		// 1 × 19.99, and 38 × 120.49 − 1.50 with 7.25 % tax.
		"4,577.12", "4,597.11", "Tax 7.25 % on 4,577.12", "331.84", "Total USD", "4,928.95", "-1.00", "-2.00", "To pay USD", "4,925.95",
		"IBAN GB33 BUKB 2020 1555 5555 55", d.PayURL, "Payment of " + d.Number, "Page 1 of 1",
	} {
		if !p.has(want) {
			t.Errorf("%q is not in\n%s", want, p)
		}
	}
}

func TestACreditNoteSaysWhatItTakesOffWhichInvoice(t *testing.T) {
	p := printed(t, credited(2))[0]
	for _, want := range []string{"Credit note", "CN-2026-000007", "Of invoice", "INV-2026-000042", "Total USD", "4,928.95"} {
		if !p.has(want) {
			t.Errorf("%q is not in\n%s", want, p)
		}
	}
	if p.has("120.49") || p.has("Scan to pay") {
		t.Errorf("an amount has no unit price, and nothing is to be paid:\n%s", p)
	}
}

func TestCodesOfInvoicesCanBeScanned(t *testing.T) {
	link := bill(1)
	plain := bill(1)
	plain.PayURL = ""
	note := credited(1)
	want := [][]string{{link.Number, link.PayURL}, {plain.Number}, {note.Number}}
	for i, pages := range readAt(t, 1, render(t, link), render(t, plain), render(t, note)) {
		var got []string
		for _, p := range pages {
			got = append(got, p.Codes...)
		}
		slices.Sort(got)
		slices.Sort(want[i])
		if !slices.Equal(got, want[i]) {
			t.Errorf("a scanner reads %q, want %q", got, want[i])
		}
	}
}

func TestNoChargeIsLostOverPagesAndTheTotalStaysWithTheLast(t *testing.T) {
	var pdfs [][]byte
	lengths := []int{1, 60, 100}
	for n := 8; n < 40; n++ {
		lengths = append(lengths, n)
	}
	for _, n := range lengths {
		pdfs = append(pdfs, render(t, bill(n)))
	}
	for at, pages := range read(t, pdfs...) {
		n, line := lengths[at], 0
		for i, p := range pages {
			lines, headings, totals := 0, 0, 0
			for _, d := range p.Texts {
				switch {
				case d.Text == "Description":
					headings++
				case d.Text == "Total USD":
					totals++
				case strings.HasPrefix(d.Text, "SKU-"):
					if d.Text != sku(line) {
						t.Fatalf("%d lines: %s comes after %d lines", n, d.Text, line)
					}
					line++
					lines++
				}
			}
			for _, wrong := range p.untidy() {
				t.Errorf("%d lines, page %d: %s", n, i+1, wrong)
			}
			if (lines > 0) != (headings == 1) || headings > 1 || totals == 1 && lines == 0 {
				t.Errorf("%d lines: page %d has %d of them, %d headings and %d totals", n, i+1, lines, headings, totals)
			}
			if want := fmt.Sprintf("Page %d of %d", i+1, len(pages)); !p.has(want) || !p.has("Invoice INV-2026-000042") {
				t.Errorf("%d lines: page %d does not say %q and what it is of", n, i+1, want)
			}
		}
		if line != n {
			t.Errorf("%d lines: %d were printed", n, line)
		}
	}
}

func TestNothingOnAnInvoiceIsDrawnOverAnythingElse(t *testing.T) {
	long := bill(12)
	long.Currency, long.Digits = "BHD", 3
	long.Bank, long.Footer = strings.Repeat("IBAN DE02 1203 0000 0000 2020 51 ", 20), strings.Repeat("registered in England ", 80)
	long.PayURL = "https://shop.example.com/pay/" + strings.Repeat("0a", 90)
	long.Total, long.Net, long.Credited, long.Paid, long.Open = 9e17, 8e17, 7e17, 6e17, 5e17
	for i := range long.Lines {
		l := &long.Lines[i]
		l.SKU, l.Unit = strings.Repeat("W", i+10), "Doppelzentnersäckchen"
		l.Quantity, l.UnitPrice, l.Discount, l.Amount, l.TaxRate = 1_000_000_000, 9e15, 8e15, 9e17, 123_456
	}
	note := credited(3)
	note.Reason = strings.Repeat("Two came back. 请在工作日送货。", 20)
	for i, pages := range read(t, render(t, long), render(t, note), render(t, billInChinese(9))) {
		for n, p := range pages {
			for _, wrong := range p.untidy() {
				t.Errorf("document %d, page %d: %s", i+1, n+1, wrong)
			}
		}
	}
}

func TestAmountsHaveTheDigitsOfTheirCurrency(t *testing.T) {
	for _, c := range []struct {
		digits int
		total  int64
		want   string
	}{
		{0, 1_234_567, "1,234,567"}, {2, 1_234_567, "12,345.67"}, {3, 1_234_567, "1,234.567"}, {2, 5, "0.05"}, {3, 12, "0.012"}, {2, -150, "-1.50"}, {0, 0, "0"},
	} {
		d := paper.Invoice{Number: "INV-1", Currency: "XXX", Digits: c.digits, Total: c.total}
		if p := printed(t, d)[0]; !p.has(c.want) {
			t.Errorf("%d with %d digits is not %q in\n%s", c.total, c.digits, c.want, p)
		}
	}
}

func TestDatesOfInvoicesAreOfTheZone(t *testing.T) {
	d := billInChinese(1)
	d.Zone = time.FixedZone("CST", 8*60*60)
	if p := printed(t, d)[0]; !p.has("2026年11月24日") || !p.has("2026年12月24日") {
		t.Errorf("the dates are not Shanghai's in\n%s", p)
	}
}

func TestTheSameInvoiceHasTheSameBytes(t *testing.T) {
	for name, d := range map[string]document{"invoice": billInChinese(30), "credit note": credited(9), "undated": paper.Invoice{}} {
		if one, two := render(t, d), render(t, d); !bytes.Equal(one, two) {
			t.Errorf("%s: another %d bytes instead of %d", name, len(two), len(one))
		}
	}
}

func TestAnyTextCanBePrintedOnAnInvoice(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.Just(strings.Repeat("好a ", 500)))
		d := paper.Invoice{
			Locale: text.Draw(r, "locale"), Number: text.Draw(r, "number"), PayURL: text.Draw(r, "url"), Bank: text.Draw(r, "bank"),
			Footer: text.Draw(r, "footer"), Note: text.Draw(r, "note"), Currency: text.Draw(r, "currency"),
			Digits: rapid.IntRange(-1, 4).Draw(r, "digits"), Total: rapid.Int64().Draw(r, "total"),
			Lines: []paper.Charge{{SKU: text.Draw(r, "sku"), Name: text.Draw(r, "name"), Amount: rapid.Int64().Draw(r, "amount"), TaxRate: rapid.Int64().Draw(r, "rate")}},
		}
		if pdf, err := d.PDF(); err != nil || !bytes.HasPrefix(pdf, []byte("%PDF-")) {
			r.Fatalf("%d bytes, %v", len(pdf), err)
		}
	})
}
