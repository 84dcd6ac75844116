package order_test

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"waybill/shared/customer"
	"waybill/shared/order"
)

var due = time.Date(2026, 12, 23, 23, 59, 59, 0, time.UTC)

// Rapid prints the seed of orders and splits that fail.
func TestTheInvoicesOfAnOrderAddUpToItHoweverItIsSplit(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		o := drawOrder(r)
		if err := o.Price(); err != nil {
			r.Skip("amounts that do not fit are refused before")
		}
		o.Status = order.Confirmed
		for n := range o.Lines {
			o.Lines[n].SKU = fmt.Sprint("SKU-", n)
		}
		got := make(map[string]order.Billed)
		var total int64
		for n := 1; len(o.Invoices) < order.MaxInvoices; n++ {
			var picks []order.Pick
			if len(o.Invoices) < order.MaxInvoices-1 && rapid.Bool().Draw(r, "in part") {
				picks = drawPicks(r, o)
			}
			lines, err := o.Invoice(fmt.Sprint(n), due, picks, false)
			if code(err) == "nothing_to_invoice" {
				break
			}
			if err != nil {
				r.Fatal(err)
			}
			for _, l := range lines {
				wantPaperArithmetic(r, l, o.TaxInclusive)
				sum := got[l.SKU]
				sum.Discount, sum.Tax, sum.Total, sum.Quantity = sum.Discount+l.Discount, sum.Tax+l.Tax, sum.Total+l.Total, sum.Quantity+l.Quantity
				got[l.SKU] = sum
			}
			total += o.Invoices[n-1].Total
		}
		for _, l := range o.Lines {
			if g := got[l.SKU]; g.Quantity != l.Quantity || g.Discount != l.Discount || g.Tax != l.Tax || g.Total != l.Total {
				r.Errorf("line %s: %d at %d off, %d tax, %d in all were invoiced of %+v", l.SKU, g.Quantity, g.Discount, g.Tax, g.Total, l)
			}
		}
		if total != o.Totals.Total {
			r.Errorf("%d invoices come to %d, the order to %d", len(o.Invoices), total, o.Totals.Total)
		}
	})
}

// drawPicks draws some of what is on no invoice yet.
func drawPicks(r *rapid.T, o order.Order) []order.Pick {
	var picks []order.Pick
	for _, l := range o.Lines {
		if left := l.Invoiceable(false); left > 0 {
			if n := rapid.Int64Range(0, left).Draw(r, l.SKU); n > 0 {
				picks = append(picks, order.Pick{SKU: l.SKU, Quantity: n})
			}
		}
	}
	return picks
}

// wantPaperArithmetic checks a line as its reader would.
func wantPaperArithmetic(r *rapid.T, l order.Billed, inclusive bool) {
	base := l.Quantity*l.UnitPrice - l.Discount
	printed := l.Net
	if inclusive {
		printed = l.Total
	}
	if base != printed || l.Net+l.Tax != l.Total || min(l.Discount, l.Net, l.Tax, l.Total) < 0 {
		r.Errorf("a line that does not add up: %+v", l)
	}
}

func TestOnlyWhatLeftIsInvoicedWhereTheSettingsSaySo(t *testing.T) {
	o := ten(0, "MAIN", 10)
	if _, err := o.Invoice("i1", due, nil, true); code(err) != "nothing_to_invoice" {
		t.Fatalf("nothing has left: %v", err)
	}
	for n, units := range []int64{4, 6} {
		if _, err := o.Ship("s", "MAIN", []order.Pick{{SKU: "MUG", Quantity: units}}); err != nil {
			t.Fatal(err)
		}
		lines, err := o.Invoice(fmt.Sprint(n), due, nil, true)
		if err != nil || lines[0].Quantity != units || o.Invoices[n].Total != units*1000 {
			t.Errorf("invoiced %v of %d that left, %v", lines, units, err)
		}
	}
	if l := o.Lines[0]; l.Invoiced != 10 {
		t.Errorf("the line has %d invoiced", l.Invoiced)
	}
}

func TestARefusedInvoiceChangesNothing(t *testing.T) {
	full := ten(0, "MAIN", 10)
	for n := range order.MaxInvoices {
		full.Invoices = append(full.Invoices, order.Issued{ID: fmt.Sprint(n)})
	}
	done := ten(0, "MAIN", 10)
	if _, err := done.Invoice("i1", due, nil, false); err != nil {
		t.Fatal(err)
	}
	in := func(s order.Status) order.Order { o := ten(0, "MAIN", 10); o.Status = s; return o }
	mugs := func(n ...int64) (picks []order.Pick) {
		for _, q := range n {
			picks = append(picks, order.Pick{SKU: "MUG", Quantity: q})
		}
		return picks
	}
	for _, c := range []struct {
		name  string
		o     order.Order
		picks []order.Pick
		code  string
	}{
		{"a draft", in(order.Draft), nil, "wrong_status"},
		{"a cancelled order", in(order.Cancelled), nil, "wrong_status"},
		{"everything is invoiced", done, nil, "nothing_to_invoice"},
		{"one of what is invoiced", done, mugs(1), "more_than_invoiceable"},
		{"one too many", in(order.Confirmed), mugs(11), "more_than_invoiceable"},
		{"one too many, in two goes", in(order.Confirmed), mugs(6, 5), "more_than_invoiceable"},
		{"what is not ordered", in(order.Confirmed), []order.Pick{{SKU: "CUP", Quantity: 1}}, "rejected"},
		{"one invoice too many", full, nil, "too_many_items"},
	} {
		before := fmt.Sprintf("%+v", c.o)
		if _, err := c.o.Invoice("i9", due, c.picks, false); code(err) != c.code {
			t.Errorf("%s: %v, want %s", c.name, err, c.code)
		}
		if after := fmt.Sprintf("%+v", c.o); after != before {
			t.Errorf("%s: changed to %s", c.name, after)
		}
	}
}

func TestACreditNoteLowersWhatIsOwedAndMayEndTheOrder(t *testing.T) {
	o := ten(0, "MAIN", 10)
	if _, err := o.Ship("s1", "MAIN", o.PicksAt("MAIN")); err != nil {
		t.Fatal(err)
	}
	o.Delivered()
	for _, id := range []string{"i1", "i2"} {
		if _, err := o.Invoice(id, due, []order.Pick{{SKU: "MUG", Quantity: 5}}, false); err != nil {
			t.Fatal(err)
		}
	}
	o.TakeMoney(order.Money{Paid: 5000})
	before := o
	before.Lines = append([]order.Line(nil), o.Lines...)
	if err := o.Credit("i2", 2000, []order.Pick{{SKU: "MUG", Quantity: 2}}); err != nil {
		t.Fatal(err)
	}
	if o.Balance() != 3000 || o.Lines[0].Credited != 2 || fmt.Sprint(o.Open()) != "[0 3000]" || o.Status != order.Shipped {
		t.Errorf("%d to pay, %d credited, %v open, %s", o.Balance(), o.Lines[0].Credited, o.Open(), o.Status)
	}
	if before.Invoices[1].Credited != 0 {
		t.Errorf("the order as it was read has changed: %+v", before.Invoices)
	}
	if err := o.Credit("i2", 3000, nil); err != nil || o.Status != order.Completed {
		t.Errorf("with nothing left to pay the order is %s, %v", o.Status, err)
	}
	if err := o.Credit("i3", 1, nil); code(err) != "not_found" {
		t.Errorf("an invoice of another order: %v", err)
	}
}

func TestAnEditKeepsWhatIsInvoicedAndNotCredited(t *testing.T) {
	o := ten(0, "MAIN", 10)
	o.Terms = customer.Terms{Kind: customer.Net, Days: 30}
	if _, err := o.Invoice("i1", due, nil, false); err != nil {
		t.Fatal(err)
	}
	next := func(n int64) []order.Line { return []order.Line{{SKU: "MUG", Quantity: n, Invoiced: 10}} }
	if err := o.KeepInvoiced(next(8)); code(err) != "below_invoiced" {
		t.Errorf("8 of 10 that are invoiced: %v", err)
	}
	if err := o.Credit("i1", 2000, []order.Pick{{SKU: "MUG", Quantity: 2}}); err != nil {
		t.Fatal(err)
	}
	lines := next(8)
	if err := o.KeepInvoiced(lines); err != nil || lines[0].Invoiced != 8 || lines[0].Credited != 0 {
		t.Errorf("%+v, %v", lines[0], err)
	}
	if n := lines[0].Invoiceable(false); n != 0 {
		t.Errorf("%d of 8 would be invoiced again", n)
	}
}

// edited is the order with another quantity, as an edit makes it.
func edited(t *testing.T, o *order.Order, quantity int64) {
	t.Helper()
	lines := append([]order.Line(nil), o.Lines...)
	lines[0].Quantity = quantity
	if err := o.KeepInvoiced(lines); err != nil {
		t.Fatal(err)
	}
	o.Lines = lines
	if err := o.Price(); err != nil {
		t.Fatal(err)
	}
}

func TestUnitsThatWereCreditedAndOrderedAgainAreOwedAgain(t *testing.T) {
	for name, c := range map[string]struct {
		invoiced, credited, less, more  int64
		owedLess, owedMore, invoiceable int64
	}{
		"all invoiced":            {10, 4, 6, 10, 6000, 10_000, 4},
		"some invoiced, credited": {6, 6, 4, 4, 4000, 4000, 4},
		"half of them taken out":  {10, 4, 8, 8, 6000, 6000, 0}, // two more are credited, and still ordered
	} {
		o := ten(0, "MAIN", 10)
		if _, err := o.Invoice("i1", due, []order.Pick{{SKU: "MUG", Quantity: c.invoiced}}, false); err != nil {
			t.Fatal(err)
		}
		if err := o.Credit("i1", c.credited*1000, []order.Pick{{SKU: "MUG", Quantity: c.credited}}); err != nil {
			t.Fatal(err)
		}
		if want := 10_000 - c.credited*1000; o.Balance() != want {
			t.Errorf("%s: %d to pay after the credit note, want %d", name, o.Balance(), want)
		}
		edited(t, &o, c.less)
		if o.Balance() != c.owedLess {
			t.Errorf("%s: %d to pay of %d, want %d", name, o.Balance(), c.less, c.owedLess)
		}
		edited(t, &o, c.more)
		if n := o.Lines[0].Invoiceable(false); o.Balance() != c.owedMore || n != c.invoiceable {
			t.Errorf("%s: %d to pay of %d and %d to invoice, want %d and %d", name, o.Balance(), c.more, n, c.owedMore, c.invoiceable)
		}
	}
}

func TestAnInvoicedOrderEndsOnlyWithACreditNote(t *testing.T) {
	o := ten(0, "MAIN", 10)
	o.Terms, o.PayBy = customer.Terms{Kind: customer.Prepaid}, &due
	if !o.Expires(due) {
		t.Fatalf("it is not to expire: %+v", o)
	}
	if _, err := o.Invoice("i1", due, nil, false); err != nil {
		t.Fatal(err)
	}
	if err := o.Cancel("no"); code(err) != "invoiced" || o.Expires(due) {
		t.Errorf("cancelled: %v; expires: %v", err, o.Expires(due))
	}
	if err := o.Credit("i1", 10_000, []order.Pick{{SKU: "MUG", Quantity: 10}}); err != nil {
		t.Fatal(err)
	}
	if err := o.Cancel("no"); err != nil || o.Status != order.Cancelled {
		t.Errorf("%s, %v", o.Status, err)
	}
}
