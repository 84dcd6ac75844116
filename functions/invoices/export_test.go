package invoices

import (
	"bytes"
	"encoding/csv"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"

	"waybill/shared/customer"
	"waybill/shared/invoice"
	"waybill/shared/order"
)

// bills are three invoices in currencies of different digits, one of them with
// words that a spreadsheet would take for a formula.
func bills() []invoice.Bill {
	bill := func(number, currency, zone, buyer, reference string, net, tax, open int64) invoice.Bill {
		return invoice.Bill{
			Invoice: invoice.Invoice{
				Number: number, OrderNumber: "SO-2611-7K3M9Q", CustomerID: "01KB", Currency: currency, TimeZone: zone,
				Buyer: invoice.Party{Name: buyer}, Reference: reference, Sums: invoice.Sums{Net: net, Tax: tax, Total: net + tax},
				IssuedAt: time.Date(2026, 11, 23, 17, 30, 0, 0, time.UTC), DueAt: time.Date(2026, 12, 23, 15, 59, 59, 0, time.UTC),
			},
			Credited: net + tax - open, Open: open, Status: invoice.Open,
		}
	}
	return []invoice.Bill{
		bill("INV-2026-000003", "USD", "UTC", "Gute & Söhne, Łódź", `a "quoted" line`, 399_800, 28_986, 5),
		bill("INV-2026-000002", "JPY", "Asia/Shanghai", `=HYPERLINK("http://example.com")`, "@SUM(1)", 1_234_567, 0, 0),
		bill("INV-2026-000001", "BHD", "UTC", "-1+1", "+49 30 1234", 1_999, 99, 2_098),
	}
}

func TestACSVIsReadBackAsItWasMeant(t *testing.T) {
	var b bytes.Buffer
	if err := writeCSV(&b, bills()); err != nil {
		t.Fatal(err)
	}
	text, ok := strings.CutPrefix(b.String(), "\uFEFF")
	if !ok {
		t.Errorf("it begins with %q", b.String()[:10])
	}
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"number|status|issued|due|order_number|customer_id|customer|reference|currency|net|tax|total|credited|open",
		`INV-2026-000003|open|2026-11-23|2026-12-23|SO-2611-7K3M9Q|01KB|Gute & Söhne, Łódź|a "quoted" line|USD|3998.00|289.86|4287.86|4287.81|0.05`,
		`INV-2026-000002|open|2026-11-24|2026-12-23|SO-2611-7K3M9Q|01KB|'=HYPERLINK("http://example.com")|'@SUM(1)|JPY|1234567|0|1234567|1234567|0`,
		`INV-2026-000001|open|2026-11-23|2026-12-23|SO-2611-7K3M9Q|01KB|'-1+1|'+49 30 1234|BHD|1.999|0.099|2.098|0.000|2.098`,
	}
	if len(rows) != len(want) {
		t.Fatalf("%d rows", len(rows))
	}
	for n, row := range rows {
		if got := strings.Join(row, "|"); got != want[n] {
			t.Errorf("row %d\ngot  %s\nwant %s", n, got, want[n])
		}
	}
}

func TestNoCellOfACSVIsAFormula(t *testing.T) {
	for given, want := range map[string]string{
		"=1": "'=1", "+1": "'+1", "-1": "'-1", "@a": "'@a", "\t=1": "'\t=1", "\r=1": "'\r=1", "": "", "Mug": "Mug", "1=1": "1=1", "é": "é",
	} {
		if got := harmless(given); got != want {
			t.Errorf("%q became %q, want %q", given, got, want)
		}
	}
}

func TestDecimalsAreThoseOfTheCurrency(t *testing.T) {
	for _, c := range []struct {
		n      int64
		digits int
		want   string
	}{{0, 2, "0.00"}, {5, 2, "0.05"}, {-5, 2, "-0.05"}, {123, 0, "123"}, {1_999, 3, "1.999"}, {1, 3, "0.001"}, {-123_456, 2, "-1234.56"}} {
		if got := decimal(c.n, c.digits); got != c.want {
			t.Errorf("%d with %d digits is %s, want %s", c.n, c.digits, got, c.want)
		}
	}
}

func TestASheetHasTypedCellsUnderAHeadingThatStays(t *testing.T) {
	var b bytes.Buffer
	if err := writeXLSX(&b, bills()); err != nil {
		t.Fatal(err)
	}
	f, err := excelize.OpenReader(&b)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for cell, want := range map[string]string{
		"A1": "number", "N1": "open", "A2": "INV-2026-000003", "C2": "2026-11-23", "D2": "2026-12-23", "C3": "2026-11-24",
		"G3": `=HYPERLINK("http://example.com")`, "L2": "4,287.86", "L3": "1,234,567", "L4": "2.098", "N2": "0.05", "A5": "",
	} {
		if got, err := f.GetCellValue("Invoices", cell); err != nil || got != want {
			t.Errorf("%s shows %q, want %q, %v", cell, got, want, err)
		}
	}
	for cell, want := range map[string]string{"L2": "4287.86", "L3": "1234567", "C2": "46349", "D2": "46379"} {
		if got, err := f.GetCellValue("Invoices", cell, excelize.Options{RawCellValue: true}); err != nil || got != want {
			t.Errorf("%s holds %q, want %q, %v", cell, got, want, err)
		}
	}
	if formula, err := f.GetCellFormula("Invoices", "G3"); err != nil || formula != "" {
		t.Errorf("a customer's name became the formula %q, %v", formula, err)
	}
	panes, err := f.GetPanes("Invoices")
	if err != nil || !panes.Freeze || panes.YSplit != 1 {
		t.Errorf("%+v, %v", panes, err)
	}
	if width, err := f.GetColWidth("Invoices", "F"); err != nil || width != 30 {
		t.Errorf("the column is %f wide, %v", width, err)
	}
	style, err := f.GetCellStyle("Invoices", "A1")
	if err != nil {
		t.Fatal(err)
	}
	if s, err := f.GetStyle(style); err != nil || s.Font == nil || !s.Font.Bold {
		t.Errorf("the heading is not bold: %+v, %v", s, err)
	}
}

func TestAnAddresseeIsNamedOnce(t *testing.T) {
	town := &customer.Address{PostalCode: "90-926", City: "Łódź"}
	named := &customer.Address{Company: "Gute & Söhne", City: "Łódź"}
	for want, p := range map[string]invoice.Party{
		"Claire Gute|90-926 Łódź": {Name: "Claire Gute", Address: town},
		"Gute & Söhne|Łódź":       {Name: "Claire Gute", Address: named},
		"Claire Gute":             {Name: "Claire Gute"},
		"":                        {},
	} {
		if got := strings.Join(addressee(p), "|"); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestChargesShowWhatTheirPricesContain(t *testing.T) {
	lines := []invoice.Line{{Billed: order.Billed{SKU: "MUG", Quantity: 1, UnitPrice: 119, Net: 100, TaxRate: 190_000, Tax: 19, Total: 119}}}
	if got := charges(lines, true)[0].Amount; got != 119 {
		t.Errorf("with tax in the price: %d", got)
	}
	if got := charges(lines, false)[0].Amount; got != 100 {
		t.Errorf("with tax on top: %d", got)
	}
	if got := taxes(lines); len(got) != 1 || got[0].Net != 100 || got[0].Tax != 19 {
		t.Errorf("%+v", got)
	}
}
