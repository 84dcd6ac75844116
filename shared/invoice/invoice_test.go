package invoice_test

import (
	"errors"
	"fmt"
	"testing"
	"time"
	_ "time/tzdata" // so that the zones are there wherever the tests run

	"pgregory.net/rapid"

	"waybill/shared/customer"
	"waybill/shared/invoice"
	"waybill/shared/order"
	"waybill/shared/refusal"
)

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func at(t testing.TB, s string) time.Time {
	t.Helper()
	when, err := time.Parse(time.RFC3339, s)
	if err != nil {
		t.Fatal(err)
	}
	return when
}

func TestNumbersSortAndSayTheirYear(t *testing.T) {
	for want, got := range map[string]string{
		"INV-2026-000001":  invoice.NumberOf("INV", 2026, 1),
		"CN-2027-1234567":  invoice.NumberOf("CN", 2027, 1_234_567),
		"INV2-2026-000042": invoice.NumberOf("INV2", 2026, 42),
	} {
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func TestAnInvoiceIsDueAtTheEndOfADayWhereTheCompanyIs(t *testing.T) {
	net := customer.Terms{Kind: customer.Net, Days: 30}
	for _, c := range []struct {
		name, zone, issued, due string
		terms                   customer.Terms
	}{
		{"net", "UTC", "2026-11-23T09:30:00Z", "2026-12-23T23:59:59Z", net},
		{"it is tomorrow already in Shanghai", "Asia/Shanghai", "2026-11-23T16:00:00Z", "2026-12-24T15:59:59Z", net},
		{"it is yesterday still in New York", "America/New_York", "2026-11-24T04:59:59Z", "2026-12-24T04:59:59Z", net},
		{"over the change of clocks", "Europe/Berlin", "2026-10-20T10:00:00Z", "2026-11-19T22:59:59Z", net},
		{"prepaid", "Europe/Berlin", "2026-11-23T09:30:00Z", "2026-11-23T22:59:59Z", customer.Terms{Kind: customer.Prepaid, Days: 30}},
		{"at once", "UTC", "2026-12-31T23:59:59Z", "2026-12-31T23:59:59Z", customer.Terms{Kind: customer.Net}},
	} {
		if got := invoice.DueOn(c.terms, at(t, c.issued), zone(t, c.zone)); got.Format(time.RFC3339) != c.due {
			t.Errorf("%s: %s, want %s", c.name, got.Format(time.RFC3339), c.due)
		}
	}
}

func TestAStatusFollowsFromTheMoneyOfTheOrder(t *testing.T) {
	due := at(t, "2026-12-23T23:59:59Z")
	for _, c := range []struct {
		name     string
		paid     int64
		credited int64
		now      time.Time
		want     invoice.Status
		open     int64
	}{
		{"nothing paid", 0, 0, due, invoice.Open, 1000},
		{"a second past", 0, 0, due.Add(time.Second), invoice.Overdue, 1000},
		{"partly paid and past", 999, 0, due.Add(time.Hour), invoice.Overdue, 1},
		{"paid", 1000, 0, due.Add(time.Hour), invoice.Paid, 0},
		{"partly credited, the rest paid", 600, 400, due, invoice.Paid, 0},
		{"partly credited", 0, 400, due, invoice.Open, 600},
		{"credited", 0, 1000, due.Add(time.Hour), invoice.Credited, 0},
		{"paid and credited", 1000, 1000, due, invoice.Credited, 0},
	} {
		i := invoice.Invoice{ID: "i2", DueAt: due, Sums: invoice.Sums{Total: 1000}}
		o := order.Order{Paid: 500 + c.paid, Invoices: []order.Issued{{ID: "i1", Total: 500}, {ID: "i2", Total: 1000, Credited: c.credited}}}
		if b := i.In(o, c.now); b.Status != c.want || b.Open != c.open || b.Credited != c.credited {
			t.Errorf("%s: %s with %d open and %d credited, want %s with %d", c.name, b.Status, b.Open, b.Credited, c.want, c.open)
		}
	}
	gift := invoice.Invoice{ID: "i1", DueAt: due}
	if b := gift.In(order.Order{Invoices: []order.Issued{{ID: "i1"}}}, due.Add(time.Hour)); b.Status != invoice.Paid {
		t.Errorf("an invoice of nothing is %s", b.Status)
	}
}

func TestTaxesAreSummedByRate(t *testing.T) {
	line := func(rate, net, tax int64) invoice.Line {
		return invoice.Line{Billed: order.Billed{TaxRate: rate, Net: net, Tax: tax, Total: net + tax}}
	}
	lines := []invoice.Line{line(200_000, 100, 20), line(0, 50, 0), line(200_000, 5, 1), line(50_000, 20, 1)}
	if got := fmt.Sprint(invoice.TaxesOf(lines)); got != "[{0 50 0} {50000 20 1} {200000 105 21}]" {
		t.Error(got)
	}
	if got := invoice.SumsOf(lines); got != (invoice.Sums{Net: 175, Tax: 22, Total: 197}) {
		t.Errorf("%+v", got)
	}
}

// drawInvoice draws an invoice of some lines, as an order makes one.
func drawInvoice(r *rapid.T) invoice.Invoice {
	i := invoice.Invoice{Number: "INV-2026-000001", TaxInclusive: rapid.Bool().Draw(r, "inclusive")}
	o := order.Order{Status: order.Confirmed, TaxInclusive: i.TaxInclusive}
	for n := range rapid.IntRange(1, 4).Draw(r, "lines") {
		l := order.Line{
			SKU: fmt.Sprint("SKU-", n), Quantity: rapid.Int64Range(1, 9).Draw(r, "quantity"), UnitPrice: rapid.Int64Range(0, 2000).Draw(r, "price"),
			TaxRate: rapid.SampledFrom([]int64{0, 72_500, 190_000, 1_500_000}).Draw(r, "rate"),
		}
		l.Own = order.Discount{ByRate: true, Rate: rapid.Int64Range(0, 10_000).Draw(r, "off")}
		o.Lines = append(o.Lines, l)
	}
	if err := o.Price(); err != nil {
		r.Fatal(err)
	}
	billed, err := o.Invoice("i1", time.Time{}, nil, false)
	if err != nil {
		r.Fatal(err)
	}
	for _, b := range billed {
		i.Lines = append(i.Lines, invoice.Line{Billed: b})
	}
	i.Sums = invoice.SumsOf(i.Lines)
	return i
}

// drawWish draws units that may be more than is left, an amount, or all that is left.
func drawWish(r *rapid.T, i invoice.Invoice) invoice.Wish {
	switch rapid.IntRange(0, 9).Draw(r, "what") {
	case 0:
		return invoice.Wish{}
	case 1, 2, 3:
		return invoice.Wish{Amount: rapid.Int64Range(1, max(1, i.Sums.Total)).Draw(r, "amount")}
	}
	l := rapid.SampledFrom(i.Lines).Draw(r, "line")
	return invoice.Wish{Picks: []order.Pick{{SKU: l.SKU, Quantity: rapid.Int64Range(1, l.Quantity).Draw(r, "units")}}}
}

func TestNoCreditTakesMoreThanIsLeftAndAllOfThemTakeAll(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		i := drawInvoice(r)
		var notes []invoice.CreditNote
		left, units := i.Sums, map[string]int64{}
		for n := rapid.IntRange(0, 12).Draw(r, "notes"); n >= 0; n-- {
			w := drawWish(r, i)
			if n == 0 {
				w = invoice.Wish{}
			}
			lines, err := i.Credit(notes, w)
			if code(err) == "more_than_invoiced" {
				continue
			}
			if err != nil {
				r.Fatal(err)
			}
			notes = append(notes, invoice.CreditNote{Lines: lines})
			s := invoice.SumsOf(lines)
			left = invoice.Sums{Net: left.Net - s.Net, Tax: left.Tax - s.Tax, Total: left.Total - s.Total}
			if w.Amount > 0 && s.Total != w.Amount {
				r.Errorf("%d was credited instead of %d", s.Total, w.Amount)
			}
			if min(left.Net, left.Tax, left.Total) < 0 {
				r.Fatalf("%+v is left after %+v of %+v", left, lines, i.Lines)
			}
			for _, l := range lines {
				units[l.SKU] += l.Quantity
				if l.Net+l.Tax != l.Total || min(l.Net, l.Tax, l.Total, l.Discount, l.Quantity) < 0 {
					r.Errorf("a line that does not add up: %+v", l)
				}
			}
		}
		for _, l := range i.Lines {
			if units[l.SKU] != l.Quantity {
				r.Errorf("%d of %d units are credited", units[l.SKU], l.Quantity)
			}
		}
		if left != (invoice.Sums{}) {
			r.Errorf("%+v is left when all is credited", left)
		}
		if _, err := i.Credit(notes, invoice.Wish{}); code(err) != "more_than_invoiced" {
			r.Errorf("when all is credited: %v", err)
		}
	})
}

func code(err error) string {
	var refused *refusal.Error
	if !errors.As(err, &refused) {
		return ""
	}
	return refused.Code
}

// mugs is an invoice of three mugs at 10.00 with 20 % tax, 1.00 off.
func mugs() invoice.Invoice {
	return invoice.Invoice{Number: "INV-2026-000001", Lines: []invoice.Line{{Billed: order.Billed{
		SKU: "MUG", Name: "Mug", Quantity: 3, UnitPrice: 1000, Discount: 100, Net: 2900, TaxRate: 200_000, Tax: 580, Total: 3480,
	}}}}
}

func TestAnAmountIsCreditedWithItsPartOfTheTax(t *testing.T) {
	lines, err := mugs().Credit(nil, invoice.Wish{Amount: 1200})
	if err != nil || len(lines) != 1 {
		t.Fatalf("%v, %v", lines, err)
	}
	if l := lines[0]; l.Quantity != 0 || l.Discount != 0 || l.Net != 1000 || l.Tax != 200 || l.Total != 1200 {
		t.Errorf("%+v", l)
	}
}

func TestARefusedCreditSaysWhatIsLeft(t *testing.T) {
	first := []invoice.CreditNote{{Lines: []invoice.Line{{Billed: order.Billed{SKU: "MUG", Quantity: 2, Net: 1933, Tax: 387, Total: 2320}}}}}
	two := []order.Pick{{SKU: "MUG", Quantity: 1}, {SKU: "MUG", Quantity: 1}}
	for _, c := range []struct {
		name string
		wish invoice.Wish
		code string
		left int64
	}{
		{"an amount", invoice.Wish{Amount: 1161}, "more_than_invoiced", 1160},
		{"units", invoice.Wish{Picks: two}, "more_than_invoiced", 1},
		{"both", invoice.Wish{Picks: two, Amount: 1}, "rejected", -1},
		{"what is not on it", invoice.Wish{Picks: []order.Pick{{SKU: "CUP", Quantity: 1}}}, "rejected", -1},
	} {
		_, err := mugs().Credit(first, c.wish)
		var refused *refusal.Error
		if !errors.As(err, &refused) || refused.Code != c.code || len(refused.Items) != 1 {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if left := refused.Items[0].Available; c.left >= 0 && (left == nil || *left != c.left) {
			t.Errorf("%s: %v is left, want %d", c.name, left, c.left)
		}
	}
	if lines, err := mugs().Credit(first, invoice.Wish{Amount: 1160}); err != nil || lines[0].Total != 1160 {
		t.Errorf("all that is left: %v, %v", lines, err)
	}
}

func TestADebtAgesByTheDaysOfTheCalendar(t *testing.T) {
	berlin := zone(t, "Europe/Berlin")
	due := at(t, "2026-10-24T21:59:59Z") // the end of the 24th, the clocks go back on the 25th
	for day, want := range map[string]int{
		"2026-10-23": -1, "2026-10-24": 0, "2026-10-25": 1, "2026-10-26": 2, "2026-11-23": 30, "2026-11-24": 31, "2027-01-22": 90, "2027-01-23": 91,
	} {
		if got := invoice.DaysPast(due, at(t, day+"T00:00:00Z"), berlin); got != want {
			t.Errorf("on %s it is %d days past due, want %d", day, got, want)
		}
	}
	// What is the 24th in Berlin is the 25th already in Shanghai.
	if got := invoice.DaysPast(due, at(t, "2026-10-25T00:00:00Z"), zone(t, "Asia/Shanghai")); got != 0 {
		t.Errorf("in Shanghai it is %d days past due", got)
	}
}

func TestDebtsAreSummedByAgeCustomerAndCurrency(t *testing.T) {
	day := at(t, "2026-11-30T00:00:00Z")
	bill := func(customer, currency string, open int64, days int) invoice.Bill {
		return invoice.Bill{Open: open, Invoice: invoice.Invoice{
			CustomerID: customer, Currency: currency, DueAt: day.AddDate(0, 0, -days).Add(24*time.Hour - time.Second),
		}}
	}
	bills := []invoice.Bill{
		bill("c2", "USD", 1, -1), bill("c1", "USD", 2, 0), bill("c1", "USD", 4, 1), bill("c1", "USD", 8, 30), bill("c1", "USD", 16, 31),
		bill("c1", "USD", 32, 60), bill("c1", "USD", 64, 61), bill("c1", "USD", 128, 90), bill("c1", "USD", 256, 91), bill("c1", "EUR", 512, 5),
	}
	r, err := invoice.Age(bills, map[string]string{"c1": "Ada", "c2": "Bob"}, day, time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	want := "[{c1 Ada EUR 1 512 0 512 0 0 0} {c1 Ada USD 8 510 2 12 48 192 256} {c2 Bob USD 1 1 1 0 0 0 0}]" +
		"[{  EUR 1 512 0 512 0 0 0} {  USD 9 511 3 12 48 192 256}]"
	if got := fmt.Sprint(r.Items) + fmt.Sprint(r.Totals); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
