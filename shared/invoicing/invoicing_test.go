package invoicing_test

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	_ "time/tzdata" // so that the zones are there wherever the tests run

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"waybill/infra/dynamolocal/testtable"
	"waybill/shared/access"
	"waybill/shared/company"
	"waybill/shared/customer"
	"waybill/shared/event"
	"waybill/shared/fulfilment"
	"waybill/shared/ident"
	"waybill/shared/invoice"
	"waybill/shared/invoicing"
	"waybill/shared/order"
	"waybill/shared/ordering"
	"waybill/shared/product"
	"waybill/shared/refusal"
	"waybill/shared/stock"
	"waybill/shared/table"
)

var (
	ann     = access.Principal{ID: "ann", Roles: []access.Role{access.Sales}}
	bea     = access.Principal{ID: "bea", Roles: []access.Role{access.Sales}}
	manager = access.Principal{ID: "max", Roles: []access.Role{access.Manager}}
	finance = invoicing.By{Principal: access.Principal{ID: "fiona", Roles: []access.Role{access.Finance}}}
)

// A clock stands still until it is set.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) set(t testing.TB, s string) {
	t.Helper()
	at, err := time.Parse(time.RFC3339, s)
	if err != nil {
		t.Fatal(err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = at
}

// office is a book on a table of the test's own, with a customer of ann's on
// net terms of 30 days and mugs at 10.00 with 7.25 % tax.
type office struct {
	*invoicing.Book
	t      testing.TB
	client *dynamodb.Client
	name   string
	clock  *clock
	buyer  string
}

func newOffice(t testing.TB) office {
	t.Helper()
	client, name := testtable.New(t)
	c := &clock{at: time.Date(2026, 11, 23, 9, 30, 0, 0, time.UTC)}
	ids := ident.At(c.now)
	f := office{&invoicing.Book{DB: table.New(client, name, ids.Now), IDs: ids}, t, client, name, c, ids.ID()}
	f.commit(func(tx *table.Tx) {
		tx.NewCustomer(customer.Customer{
			ID: f.buyer, Name: "Claire Gute", Locale: "de-DE", Owner: "ann", Terms: customer.Terms{Kind: customer.Net, Days: 30},
			Billing: &customer.Address{City: "Henderson"}, Version: 1, CreatedAt: ids.Now(), UpdatedAt: ids.Now(),
		})
		tx.NewProduct(product.Product{
			SKU: "MUG", Name: "Mug", Names: map[string]string{"de": "Becher"}, Unit: "pcs", Prices: map[string]int64{"USD": 1000}, TaxClass: "standard",
			Active: true, ListID: ids.ID(), Version: 1, CreatedAt: ids.Now(), UpdatedAt: ids.Now(),
		})
		tx.SaveLocations(table.Locations{List: []stock.Location{{Code: "MAIN", Name: "Main", Priority: 1, Version: 1}}}, 0)
		tx.Move(stock.Change{Place: stock.Place{SKU: "MUG", Location: "MAIN"}, OnHand: 10_000}, 0, nil)
	})
	f.settings(func(s *company.Settings) { s.Name, s.TaxRates = "Waybill Ltd", map[string]int64{"standard": 72_500} })
	return f
}

func (f office) commit(compose func(*table.Tx)) {
	f.t.Helper()
	tx := &table.Tx{}
	compose(tx)
	if err := f.DB.Commit(f.t.Context(), tx); err != nil {
		f.t.Fatal(err)
	}
}

func (f office) settings(change func(*company.Settings)) {
	f.t.Helper()
	s, err := f.DB.Settings(f.t.Context())
	if err != nil {
		f.t.Fatal(err)
	}
	was := s.Version
	change(&s)
	s.Version++
	f.commit(func(tx *table.Tx) { tx.SaveSettings(s, was) })
}

// place enters a confirmed order of n mugs as ann.
func (f office) place(n int64, change func(*ordering.New)) order.Order {
	f.t.Helper()
	in := ordering.New{CustomerID: f.buyer, Currency: "USD", Confirm: true, Wishes: []order.Wish{{SKU: "MUG", Quantity: n}}}
	if change != nil {
		change(&in)
	}
	desk := &ordering.Desk{DB: f.DB, IDs: f.IDs}
	o, err := desk.Place(f.t.Context(), ordering.By{Principal: ann}, in)
	if err != nil {
		f.t.Fatal(err)
	}
	return o
}

func mugs(n int64) []order.Pick { return []order.Pick{{SKU: "MUG", Quantity: n}} }

// issue issues an invoice of n mugs of an order, or with 0 of all that is left.
func (f office) issue(orderID string, n int64) invoice.Bill {
	f.t.Helper()
	in := invoicing.New{}
	if n > 0 {
		in.Picks = mugs(n)
	}
	b, err := f.Issue(f.t.Context(), finance, orderID, in)
	if err != nil {
		f.t.Fatal(err)
	}
	return b
}

func (f office) credit(invoiceID string, w invoice.Wish) invoice.CreditNote {
	f.t.Helper()
	c, err := f.Credit(f.t.Context(), finance, invoiceID, invoicing.NewCredit{Wish: w, Reason: "came back"})
	if err != nil {
		f.t.Fatal(err)
	}
	return c
}

// pay has an order be paid so much in all.
func (f office) pay(orderID string, paid int64) {
	f.t.Helper()
	was, err := f.DB.Order(f.t.Context(), orderID)
	if err != nil {
		f.t.Fatal(err)
	}
	next := was
	next.TakeMoney(order.Money{Paid: paid})
	next.Version++
	f.commit(func(tx *table.Tx) { tx.SaveOrder(next, was) })
}

func (f office) look(id string) invoice.Bill {
	f.t.Helper()
	b, err := f.Look(f.t.Context(), finance.Principal, id)
	if err != nil {
		f.t.Fatal(err)
	}
	return b
}

func (f office) wantBill(id string, status invoice.Status, credited, open int64) {
	f.t.Helper()
	if b := f.look(id); b.Status != status || b.Credited != credited || b.Open != open {
		f.t.Errorf("invoice %s is %s with %d credited and %d open, want %s, %d, %d", b.Number, b.Status, b.Credited, b.Open, status, credited, open)
	}
}

// listed returns the numbers of invoices that p lists, page by page.
func (f office) listed(p access.Principal, filter table.BillFilter) []string {
	f.t.Helper()
	out := []string{}
	for page := (table.Page{Limit: 2}); ; {
		l, err := f.List(f.t.Context(), p, filter, page)
		if err != nil {
			f.t.Fatal(err)
		}
		for _, b := range l.Items {
			out = append(out, b.Number)
		}
		if page.After = l.Next; l.Next == "" {
			return out
		}
	}
}

func (f office) wantListed(p access.Principal, filter table.BillFilter, want ...string) {
	f.t.Helper()
	if got := f.listed(p, filter); !slices.Equal(got, append([]string{}, want...)) {
		f.t.Errorf("%s lists %v of %+v, want %v", p.ID, got, filter, want)
	}
}

// lastEvent is the newest entry of an order's timeline, whose sequence is whole.
func (f office) lastEvent(orderID string) event.Event {
	f.t.Helper()
	l, err := f.DB.Timeline(f.t.Context(), orderID, table.Page{Limit: 100})
	if err != nil {
		f.t.Fatal(err)
	}
	for i, e := range l.Items {
		if e.Seq != int64(len(l.Items)-i) {
			f.t.Errorf("event %s has number %d of %d", e.Type, e.Seq, len(l.Items))
		}
	}
	return l.Items[0]
}

func wantCode(t testing.TB, err error, code string) {
	t.Helper()
	if !refusal.Is(err, code) {
		t.Errorf("got %v, want %s", err, code)
	}
}

func number(series string, n int) string { return invoice.NumberOf(series, 2026, int64(n)) }

func TestAnInvoiceIsIssuedWithItsNumberItsEventAndItsOrder(t *testing.T) {
	t.Parallel()
	f := newOffice(t)
	o := f.place(3, func(in *ordering.New) { in.Reference = "PO-1" })
	b, err := f.Issue(t.Context(), finance, o.ID, invoicing.New{Note: "Thank you"})
	if err != nil {
		t.Fatal(err)
	}
	if b.Number != number("INV", 1) || b.OrderNumber != o.Number || b.Reference != "PO-1" || b.Note != "Thank you" || b.IssuedBy != "fiona" ||
		b.Buyer.Name != "Claire Gute" || b.Buyer.Address.City != "Henderson" || b.Seller.Name != "Waybill Ltd" || b.Locale != "de-DE" {
		t.Errorf("%+v", b)
	}
	if l := b.Lines[0]; len(b.Lines) != 1 || l.Name != "Becher" || l.Unit != "pcs" || l.Quantity != 3 || l.Net != 3000 || l.Tax != 218 || l.Total != 3218 {
		t.Errorf("%+v", b.Lines)
	}
	if due := b.DueAt.Format(time.RFC3339); due != "2026-12-23T23:59:59Z" || b.Status != invoice.Open || b.Open != 3218 {
		t.Errorf("due %s, %s with %d open", due, b.Status, b.Open)
	}
	if stored := f.look(b.ID); !reflect.DeepEqual(stored, b) {
		t.Errorf("stored  %+v\nanswered %+v", stored, b)
	}
	if after, err := f.DB.Order(t.Context(), o.ID); err != nil || after.Version != o.Version+1 || after.Lines[0].Invoiced != 3 ||
		!reflect.DeepEqual(after.Invoices, []order.Issued{{ID: b.ID, Total: 3218, DueAt: b.DueAt}}) {
		t.Errorf("%+v, %v", after, err)
	}
	e := f.lastEvent(o.ID)
	if e.Type != event.InvoiceIssued || e.Data["invoice"] != b.ID || e.Data["invoice_number"] != b.Number || e.Data["number"] != o.Number ||
		e.Data["amount"] != int64(3218) || e.Data["currency"] != "USD" {
		t.Errorf("%+v", e)
	}
}

func TestARefusedInvoiceDrawsNoNumber(t *testing.T) {
	t.Parallel()
	f := newOffice(t)
	o := f.place(3, nil)
	draft := f.place(1, func(in *ordering.New) { in.Confirm = false })
	for _, c := range []struct {
		name, order, code string
		by                invoicing.By
		in                invoicing.New
	}{
		{"more than is ordered", o.ID, "more_than_invoiceable", finance, invoicing.New{Picks: mugs(4)}},
		{"a draft", draft.ID, "wrong_status", finance, invoicing.New{}},
		{"no order", f.IDs.ID(), "not_found", finance, invoicing.New{}},
		{"somebody else's order", o.ID, "not_found", invoicing.By{Principal: bea}, invoicing.New{}},
		{"another version", o.ID, "stale", invoicing.By{Principal: finance.Principal, Expect: func(int64) error {
			return refusal.New(refusal.Stale, "stale", "seen another")
		}}, invoicing.New{}},
	} {
		_, err := f.Issue(t.Context(), c.by, c.order, c.in)
		if !refusal.Is(err, c.code) {
			t.Errorf("%s: %v, want %s", c.name, err, c.code)
		}
	}
	if after, err := f.DB.Order(t.Context(), o.ID); err != nil || !reflect.DeepEqual(after, o) {
		t.Errorf("the order has changed to %+v, %v", after, err)
	}
	if b := f.issue(o.ID, 0); b.Number != number("INV", 1) {
		t.Errorf("the first invoice is %s", b.Number)
	}
	_, err := f.Issue(t.Context(), finance, o.ID, invoicing.New{})
	wantCode(t, err, "nothing_to_invoice")
}

func TestAnIssuedInvoiceNeverChanges(t *testing.T) {
	t.Parallel()
	f := newOffice(t)
	o := f.place(4, nil)
	b := f.issue(o.ID, 2)
	stored := f.stored(b.ID)
	desk := &ordering.Desk{DB: f.DB, IDs: f.IDs}
	price := int64(2000)
	if _, err := desk.Edit(t.Context(), ordering.By{Principal: manager}, o.ID, ordering.Edit{Wishes: []order.Wish{{SKU: "MUG", Quantity: 6, UnitPrice: &price}}}); err != nil {
		t.Fatal(err)
	}
	f.settings(func(s *company.Settings) { s.Name, s.TimeZone = "Another Ltd", "Asia/Shanghai" })
	f.pay(o.ID, 1000)
	f.credit(b.ID, invoice.Wish{Amount: 45})
	f.issue(o.ID, 0)
	f.wantStored(b.ID, stored)
	changed, tx := stored, &table.Tx{}
	changed.Note = "changed"
	tx.NewInvoice(changed)
	wantCode(t, f.DB.Commit(t.Context(), tx), "exists")
	f.wantStored(b.ID, stored)
}

func (f office) stored(id string) invoice.Invoice {
	f.t.Helper()
	i, err := f.DB.Invoice(f.t.Context(), id)
	if err != nil {
		f.t.Fatal(err)
	}
	return i
}

func (f office) wantStored(id string, was invoice.Invoice) {
	f.t.Helper()
	if is := f.stored(id); !reflect.DeepEqual(is, was) {
		f.t.Errorf("was %+v\nis  %+v", was, is)
	}
}

func TestWhatLeavesIsInvoicedShipmentByShipmentAndAddsUp(t *testing.T) {
	t.Parallel()
	f := newOffice(t)
	f.settings(func(s *company.Settings) { s.Invoicing.FromShipped = true })
	o := f.place(7, func(in *ordering.New) { in.Discount = order.Discount{Amount: 100} })
	_, err := f.Issue(t.Context(), finance, o.ID, invoicing.New{})
	wantCode(t, err, "nothing_to_invoice")
	dock := &fulfilment.Dock{DB: f.DB, IDs: f.IDs}
	var total int64
	for _, n := range []int64{2, 1, 4} {
		if _, err := dock.Ship(t.Context(), fulfilment.By{Principal: manager}, o.ID, fulfilment.New{Picks: mugs(n)}); err != nil {
			t.Fatal(err)
		}
		b := f.issue(o.ID, 0)
		if b.Lines[0].Quantity != n {
			t.Errorf("%d were invoiced of %d that left", b.Lines[0].Quantity, n)
		}
		total += b.Sums.Total
	}
	if total != o.Totals.Total {
		t.Errorf("the invoices come to %d, the order to %d", total, o.Totals.Total)
	}
	found, err := f.OfOrder(t.Context(), ann, o.ID)
	if err != nil || len(found) != 3 || found[0].Number != number("INV", 3) || found[2].Number != number("INV", 1) {
		t.Errorf("%+v, %v", found, err)
	}
}

func TestACreditNoteNeverTakesMoreThanIsLeft(t *testing.T) {
	t.Parallel()
	f := newOffice(t)
	o := f.place(3, nil)
	b := f.issue(o.ID, 0) // 32.18
	c := f.credit(b.ID, invoice.Wish{Picks: mugs(1)})
	if c.Number != number("CN", 1) || c.InvoiceNumber != b.Number || c.Sums.Total != 1073 || c.Reason != "came back" {
		t.Errorf("%+v", c)
	}
	f.wantBill(b.ID, invoice.Open, 1073, 2145)
	if stored, err := f.LookCreditNote(t.Context(), ann, c.ID); err != nil || !reflect.DeepEqual(stored, c) {
		t.Errorf("stored   %+v\nanswered %+v, %v", stored, c, err)
	}
	e := f.lastEvent(o.ID)
	if e.Type != event.CreditNoteIssued || e.Data["credit_note_number"] != c.Number || e.Data["amount"] != int64(1073) || e.Data["reason"] != "came back" {
		t.Errorf("%+v", e)
	}
	for _, w := range []invoice.Wish{{Picks: mugs(3)}, {Amount: 2146}} {
		_, err := f.Credit(t.Context(), finance, b.ID, invoicing.NewCredit{Wish: w, Reason: "no"})
		wantCode(t, err, "more_than_invoiced")
	}
	if n := f.credit(b.ID, invoice.Wish{Amount: 145}); n.Lines[0].Quantity != 0 || n.Sums.Total != 145 {
		t.Errorf("%+v", n)
	}
	if n := f.credit(b.ID, invoice.Wish{}); n.Number != number("CN", 3) || n.Sums.Total != 2000 || n.Lines[0].Quantity != 2 {
		t.Errorf("%+v", n)
	}
	f.wantBill(b.ID, invoice.Credited, 3218, 0)
	_, err := f.Credit(t.Context(), finance, b.ID, invoicing.NewCredit{Reason: "again"})
	wantCode(t, err, "more_than_invoiced")
	after, err := f.DB.Order(t.Context(), o.ID)
	if err != nil || after.Lines[0].Credited != 3 || after.Balance() != 0 {
		t.Errorf("%+v, %v", after, err)
	}
	notes, err := f.CreditNotesOf(t.Context(), ann, b.ID)
	if err != nil || len(notes) != 3 {
		t.Errorf("%+v, %v", notes, err)
	}
}

func TestOfManyWhoCreditTheSameAtOnceNoneTakesTooMuch(t *testing.T) {
	t.Parallel()
	f := newOffice(t)
	o := f.place(5, nil)
	b := f.issue(o.ID, 0)
	var wg sync.WaitGroup
	var mu sync.Mutex
	var done int
	for range 12 {
		wg.Go(func() {
			_, err := f.Credit(t.Context(), finance, b.ID, invoicing.NewCredit{Wish: invoice.Wish{Picks: mugs(1)}, Reason: "mine"})
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				done++
			} else if !refusal.Is(err, "more_than_invoiced") {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	notes, err := f.CreditNotesOf(t.Context(), finance.Principal, b.ID)
	if err != nil || done != 5 || len(notes) != 5 {
		t.Errorf("%d of 12 took one of 5 mugs, %d are stored, %v", done, len(notes), err)
	}
	f.wantBill(b.ID, invoice.Credited, b.Sums.Total, 0)
}

func TestAnEditBelowWhatIsInvoicedTakesACreditNoteFirst(t *testing.T) {
	t.Parallel()
	f := newOffice(t)
	o := f.place(5, nil)
	b := f.issue(o.ID, 0)
	desk := &ordering.Desk{DB: f.DB, IDs: f.IDs}
	edit := func(n int64) (order.Order, error) {
		return desk.Edit(t.Context(), ordering.By{Principal: ann}, o.ID, ordering.Edit{Wishes: []order.Wish{{SKU: "MUG", Quantity: n}}})
	}
	_, err := edit(3)
	wantCode(t, err, "below_invoiced")
	f.credit(b.ID, invoice.Wish{Picks: mugs(2)})
	after, err := edit(3)
	if err != nil || after.Lines[0].Invoiced != 3 || after.Lines[0].Credited != 0 {
		t.Fatalf("%+v, %v", after.Lines, err)
	}
	if open := f.look(b.ID).Open; after.Balance() != open || open != after.Totals.Total {
		t.Errorf("%d to pay, %d open of the invoice, %d in all", after.Balance(), open, after.Totals.Total)
	}
	if _, err := edit(4); err != nil {
		t.Fatal(err)
	}
	if b := f.issue(o.ID, 0); b.Lines[0].Quantity != 1 {
		t.Errorf("%d were invoiced of one that came to it", b.Lines[0].Quantity)
	}
}

func TestAnInvoiceIsDueWhereTheCompanyIs(t *testing.T) {
	t.Parallel()
	f := newOffice(t)
	f.settings(func(s *company.Settings) { s.TimeZone = "Asia/Shanghai" })
	f.clock.set(t, "2026-12-31T15:59:59Z")
	if b := f.issue(f.place(1, nil).ID, 0); b.Number != "INV-2026-000001" || b.DueAt.Format(time.RFC3339) != "2027-01-30T15:59:59Z" {
		t.Errorf("%s is due %s", b.Number, b.DueAt)
	}
	f.clock.set(t, "2026-12-31T16:00:00Z") // the new year has begun in Shanghai
	prepaid := f.place(1, func(in *ordering.New) { in.Terms = &customer.Terms{Kind: customer.Prepaid} })
	if b := f.issue(prepaid.ID, 0); b.Number != "INV-2027-000001" || b.DueAt.Format(time.RFC3339) != "2027-01-01T15:59:59Z" {
		t.Errorf("%s is due %s", b.Number, b.DueAt)
	}
	b := f.issue(f.place(1, nil).ID, 0)
	if c := f.credit(b.ID, invoice.Wish{}); b.Number != "INV-2027-000002" || c.Number != "CN-2027-000001" {
		t.Errorf("%s and %s", b.Number, c.Number)
	}
}

func TestListsFollowWhatIsPaid(t *testing.T) {
	t.Parallel()
	f := newOffice(t)
	first, second, third := f.place(1, nil), f.place(2, nil), f.place(3, nil)
	one := f.issue(first.ID, 0)
	f.clock.set(t, "2026-11-24T09:30:00Z")
	two := f.issue(second.ID, 0)
	f.clock.set(t, "2026-11-25T09:30:00Z")
	three := f.issue(third.ID, 0)
	all := []string{three.Number, two.Number, one.Number}
	f.wantListed(finance.Principal, table.BillFilter{}, all...)
	f.wantListed(finance.Principal, table.BillFilter{Status: invoice.Open}, all...)
	f.wantListed(ann, table.BillFilter{CustomerID: f.buyer}, all...)
	f.wantListed(bea, table.BillFilter{})
	f.wantListed(finance.Principal, table.BillFilter{From: two.IssuedAt.Add(-time.Hour), Till: two.IssuedAt.Add(time.Hour)}, two.Number)

	f.pay(first.ID, one.Sums.Total)
	f.pay(second.ID, 500)
	f.credit(three.ID, invoice.Wish{})
	f.clock.set(t, "2026-12-25T00:00:00Z") // the second one was due a second ago
	f.wantListed(finance.Principal, table.BillFilter{Status: invoice.Open})
	f.wantListed(finance.Principal, table.BillFilter{Status: invoice.Overdue}, two.Number)
	f.wantListed(ann, table.BillFilter{Status: invoice.Paid}, one.Number)
	f.wantListed(ann, table.BillFilter{Status: invoice.Credited, CustomerID: f.buyer}, three.Number)
	f.wantBill(two.ID, invoice.Overdue, 0, two.Sums.Total-500)

	// Money that goes back makes it open again.
	f.pay(first.ID, 0)
	f.wantListed(finance.Principal, table.BillFilter{Status: invoice.Overdue}, two.Number, one.Number)
	f.wantListed(ann, table.BillFilter{Status: invoice.Overdue}, two.Number, one.Number)
	f.wantListed(bea, table.BillFilter{Status: invoice.Overdue})
	if found, err := f.ByNumber(t.Context(), ann, two.Number); err != nil || len(found) != 1 || found[0].ID != two.ID {
		t.Errorf("%v, %v", found, err)
	}
	if found, err := f.ByNumber(t.Context(), bea, two.Number); err != nil || len(found) != 0 {
		t.Errorf("%v, %v", found, err)
	}
}

func TestReceivablesAgeAtTheDaysOfTheCalendar(t *testing.T) {
	t.Parallel()
	f := newOffice(t)
	f.settings(func(s *company.Settings) { s.TimeZone = "America/New_York" })
	late := f.issue(f.place(1, nil).ID, 0) // due on 23 December
	f.clock.set(t, "2026-11-24T04:30:00Z") // still the 23rd in New York
	same := f.issue(f.place(2, nil).ID, 0)
	if !same.DueAt.Equal(late.DueAt) {
		t.Fatalf("due %s and %s", late.DueAt, same.DueAt)
	}
	open := late.Open + same.Open
	for day, want := range map[string][5]int64{
		"2026-12-23": {open}, "2026-12-24": {0, open}, "2027-01-22": {0, open}, "2027-01-23": {0, 0, open}, "2027-02-21": {0, 0, open},
		"2027-02-22": {0, 0, 0, open}, "2027-03-23": {0, 0, 0, open}, "2027-03-24": {0, 0, 0, 0, open},
	} {
		r := f.receivables(finance.Principal, day)
		if len(r.Items) != 1 || len(r.Totals) != 1 || r.At.Format(time.DateOnly) != day {
			t.Fatalf("on %s: %+v", day, r)
		}
		a := r.Items[0]
		if got := [5]int64{a.NotDue, a.To30, a.To60, a.To90, a.Over90}; got != want || a.Open != open || a.Invoices != 2 || a.CustomerName != "Claire Gute" {
			t.Errorf("on %s: %+v, want %v", day, a, want)
		}
	}
	f.clock.set(t, "2026-12-24T04:59:59Z") // the last second of the 23rd
	if r, err := f.Receivables(t.Context(), ann, "", nil); err != nil || r.At.Format(time.DateOnly) != "2026-12-23" || r.Totals[0].NotDue != open {
		t.Errorf("%+v, %v", r, err)
	}
	if r := f.receivables(bea, "2026-12-24"); len(r.Items)+len(r.Totals) != 0 {
		t.Errorf("bea sees what ann's customers owe: %+v", r)
	}
	f.pay(late.OrderID, late.Open)
	if r := f.receivables(ann, "2026-12-24"); r.Totals[0].Open != same.Open || r.Totals[0].Invoices != 1 {
		t.Errorf("%+v", r)
	}
	f.credit(same.ID, invoice.Wish{})
	if r := f.receivables(finance.Principal, "2026-12-24"); len(r.Items) != 0 {
		t.Errorf("nothing is open any more: %+v", r)
	}
}

func (f office) receivables(p access.Principal, day string) invoice.Receivables {
	f.t.Helper()
	at, err := time.Parse(time.DateOnly, day)
	if err != nil {
		f.t.Fatal(err)
	}
	r, err := f.Receivables(f.t.Context(), p, f.buyer, &at)
	if err != nil {
		f.t.Fatal(err)
	}
	return r
}

func TestInvoicesAreOfThoseWhoSeeTheOrder(t *testing.T) {
	t.Parallel()
	f := newOffice(t)
	b := f.issue(f.place(2, nil).ID, 0)
	c := f.credit(b.ID, invoice.Wish{Picks: mugs(1)})
	for _, p := range []access.Principal{ann, manager, finance.Principal} {
		if _, err := f.Look(t.Context(), p, b.ID); err != nil {
			t.Errorf("%s: %v", p.ID, err)
		}
	}
	_, look := f.Look(t.Context(), bea, b.ID)
	_, note := f.LookCreditNote(t.Context(), bea, c.ID)
	_, notes := f.CreditNotesOf(t.Context(), bea, b.ID)
	_, of := f.OfOrder(t.Context(), bea, b.OrderID)
	_, credit := f.Credit(t.Context(), invoicing.By{Principal: bea}, b.ID, invoicing.NewCredit{Reason: "mine"})
	for _, err := range []error{look, note, notes, of, credit} {
		var refused *refusal.Error
		if !errors.As(err, &refused) || refused.Kind != refusal.NotFound || strings.Contains(refused.Detail, b.OrderID) && !errors.Is(err, of) {
			t.Errorf("to bea it does not exist: %v", err)
		}
	}
}

func TestTheInvoicesOfACustomerWhoWentToSomebodyElseAreSeenByBoth(t *testing.T) {
	t.Parallel()
	f := newOffice(t)
	b := f.issue(f.place(2, nil).ID, 0)
	c, err := f.DB.Customer(t.Context(), f.buyer)
	if err != nil {
		t.Fatal(err)
	}
	c.Owner, c.Version = "bea", c.Version+1
	f.commit(func(tx *table.Tx) { tx.SaveCustomer(c, c.Version-1) })
	for _, p := range []access.Principal{ann, bea} {
		if _, err := f.Look(t.Context(), p, b.ID); err != nil {
			t.Errorf("%s: %v", p.ID, err)
		}
		f.wantListed(p, table.BillFilter{CustomerID: f.buyer}, b.Number)
	}
	if r := f.receivables(bea, "2026-12-24"); len(r.Items) != 1 {
		t.Errorf("what bea's customer owes: %+v", r)
	}
	if r := f.receivables(ann, "2026-12-24"); len(r.Items) != 0 {
		t.Errorf("the customer is not ann's any more: %+v", r)
	}
}
