package ordering_test

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"testing"
	"time"

	"waybill/infra/dynamolocal/testtable"
	"waybill/shared/access"
	"waybill/shared/company"
	"waybill/shared/customer"
	"waybill/shared/event"
	"waybill/shared/ident"
	"waybill/shared/order"
	"waybill/shared/ordering"
	"waybill/shared/product"
	"waybill/shared/refusal"
	"waybill/shared/stock"
	"waybill/shared/table"
)

var (
	sales   = ordering.By{Principal: access.Principal{ID: "ann", Roles: []access.Role{access.Sales}}}
	manager = ordering.By{Principal: access.Principal{ID: "max", Roles: []access.Role{access.Manager}}}
)

// shop is a desk with a customer of ann's, on a table of the test's own.
type shop struct {
	*ordering.Desk
	t     testing.TB
	buyer string
}

func newShop(t testing.TB) shop {
	t.Helper()
	client, name := testtable.New(t)
	ids := ident.New()
	now := ids.Now
	s := shop{&ordering.Desk{DB: table.New(client, name, now), IDs: ids}, t, ids.ID()}
	s.commit(func(tx *table.Tx) {
		tx.NewCustomer(customer.Customer{
			ID: s.buyer, Name: "Claire Gute", Locale: "en", Owner: "ann", Terms: customer.Terms{Kind: customer.Net, Days: 30},
			Billing: &customer.Address{City: "Henderson"}, Version: 1, CreatedAt: now(), UpdatedAt: now(),
		})
		settings := company.Default()
		settings.TaxRates = map[string]int64{"standard": 72_500}
		settings.Version = 2
		tx.SaveSettings(settings, 1)
		tx.SaveLocations(table.Locations{List: []stock.Location{
			{Code: "MAIN", Name: "Main", Priority: 1, Version: 1}, {Code: "EAST", Name: "East", Priority: 2, Version: 1},
		}}, 0)
	})
	return s
}

func (s shop) commit(compose func(*table.Tx)) {
	s.t.Helper()
	tx := &table.Tx{}
	compose(tx)
	if err := s.DB.Commit(s.t.Context(), tx); err != nil {
		s.t.Fatal(err)
	}
}

// product adds an active product at 10.00 USD, unless change says otherwise.
func (s shop) product(sku string, change func(*product.Product)) {
	s.t.Helper()
	p := product.Product{
		SKU: sku, Name: "The " + sku, Unit: "pcs", Prices: map[string]int64{"USD": 1000}, TaxClass: "standard", Active: true,
		ListID: s.IDs.ID(), Version: 1, CreatedAt: s.IDs.Now(), UpdatedAt: s.IDs.Now(),
	}
	if change != nil {
		change(&p)
	}
	s.commit(func(tx *table.Tx) { tx.NewProduct(p) })
}

func (s shop) changeProduct(sku string, change func(*product.Product)) {
	s.t.Helper()
	p, err := s.DB.Product(s.t.Context(), sku)
	if err != nil {
		s.t.Fatal(err)
	}
	change(&p)
	p.Version++
	s.commit(func(tx *table.Tx) { tx.SaveProduct(p, p.Version-1) })
}

func (s shop) receive(sku, location string, n int64) {
	s.t.Helper()
	s.commit(func(tx *table.Tx) {
		tx.Move(stock.Change{Place: stock.Place{SKU: sku, Location: location}, OnHand: n}, 0, nil)
	})
}

// stocked adds a product with n units at MAIN.
func (s shop) stocked(sku string, n int64) {
	s.t.Helper()
	s.product(sku, nil)
	s.receive(sku, "MAIN", n)
}

func wish(sku string, n int64) order.Wish { return order.Wish{SKU: sku, Quantity: n} }

func off(bp int64) order.Discount { return order.Discount{ByRate: true, Rate: bp} }

// order is one of the buyer's, to be confirmed at once.
func (s shop) order(wishes ...order.Wish) ordering.New {
	return ordering.New{CustomerID: s.buyer, Currency: "USD", Confirm: true, Wishes: wishes}
}

func (s shop) place(by ordering.By, in ordering.New) order.Order {
	s.t.Helper()
	o, err := s.Place(s.t.Context(), by, in)
	if err != nil {
		s.t.Fatal(err)
	}
	return o
}

func (s shop) edit(by ordering.By, id string, in ordering.Edit) order.Order {
	s.t.Helper()
	o, err := s.Edit(s.t.Context(), by, id, in)
	if err != nil {
		s.t.Fatal(err)
	}
	return o
}

// wantOrder compares what is stored of an order with status, and after a slash its hold.
func (s shop) wantOrder(id string, version int64, state string) order.Order {
	s.t.Helper()
	o, err := s.DB.Order(s.t.Context(), id)
	if err != nil {
		s.t.Fatal(err)
	}
	got := string(o.Status)
	if o.OnHold {
		got += "/" + o.HoldReason
	}
	if got != state || o.Version != version || !o.Sound() {
		s.t.Errorf("order is %s in version %d, want %s in version %d: %+v", got, o.Version, state, version, o.Lines)
	}
	return o
}

func (s shop) wantReserved(sku string, atMain, atEast int64) {
	s.t.Helper()
	main, east := stock.Place{SKU: sku, Location: "MAIN"}, stock.Place{SKU: sku, Location: "EAST"}
	items, err := s.DB.Stock(s.t.Context(), []stock.Place{main, east})
	if err != nil {
		s.t.Fatal(err)
	}
	for p, n := range map[stock.Place]int64{main: atMain, east: atEast} {
		if i := items[p]; i.Reserved != n || i.Available != i.OnHand-n {
			s.t.Errorf("%+v, want %d reserved", i, n)
		}
	}
}

func (s shop) wantEvents(id string, newestFirst ...event.Type) {
	s.t.Helper()
	l, err := s.DB.Timeline(s.t.Context(), id, table.Page{Limit: 100})
	if err != nil {
		s.t.Fatal(err)
	}
	var got []event.Type
	for i, e := range l.Items {
		got = append(got, e.Type)
		if e.Seq != int64(len(l.Items)-i) {
			s.t.Errorf("event %s has number %d of %d", e.Type, e.Seq, len(l.Items))
		}
	}
	if !slices.Equal(got, newestFirst) {
		s.t.Errorf("events are %v, want %v", got, newestFirst)
	}
}

func (s shop) wantOrders(n int) {
	s.t.Helper()
	l, err := s.DB.Orders(s.t.Context(), table.OrderFilter{}, table.Page{Limit: 100})
	if err != nil || len(l.Items) != n {
		s.t.Errorf("%d orders, %v; want %d", len(l.Items), err, n)
	}
}

func wantCode(t testing.TB, err error, code string) {
	t.Helper()
	if !refusal.Is(err, code) {
		t.Errorf("got %v, want %s", err, code)
	}
}

func items(err error) []refusal.Item {
	var refused *refusal.Error
	if !errors.As(err, &refused) {
		return nil
	}
	return refused.Items
}

func TestADiscountAboveTheLimitWaitsForApproval(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.stocked("MUG", 10)
	in := s.order(wish("MUG", 4))
	in.Discount = off(1100)
	o := s.place(sales, in)
	s.wantOrder(o.ID, 1, "draft/approval")
	s.wantReserved("MUG", 0, 0)

	_, err := s.Confirm(t.Context(), sales, o.ID)
	wantCode(t, err, "on_hold")
	_, err = s.Release(t.Context(), sales, o.ID)
	wantCode(t, err, "forbidden")
	s.wantOrder(o.ID, 1, "draft/approval")

	if _, err := s.Release(t.Context(), manager, o.ID); err != nil {
		t.Fatal(err)
	}
	if o := s.wantOrder(o.ID, 2, "confirmed"); o.PlacedAt == nil {
		t.Error("it was not placed")
	}
	s.wantReserved("MUG", 4, 0)
	s.wantEvents(o.ID, event.OrderConfirmed, event.OrderCreated)
}

func TestAnApprovalThatLacksStockChangesNothing(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.stocked("MUG", 3)
	in := s.order(wish("MUG", 4))
	in.Discount = off(2000)
	o := s.place(sales, in)
	_, err := s.Release(t.Context(), manager, o.ID)
	wantCode(t, err, "insufficient_stock")
	s.wantOrder(o.ID, 1, "draft/approval")
	s.wantReserved("MUG", 0, 0)
}

func TestWhoApprovesNeedsNoApproval(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.stocked("MUG", 10)
	in := s.order(wish("MUG", 4))
	in.Discount = off(10_000)
	s.wantOrder(s.place(manager, in).ID, 1, "confirmed")
	in.Discount = off(1000)
	s.wantOrder(s.place(sales, in).ID, 1, "confirmed")
	s.wantReserved("MUG", 8, 0)
}

func TestAnEditOfADraftBelowTheLimitEndsItsWaiting(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.stocked("MUG", 10)
	in := s.order(wish("MUG", 4))
	in.Discount = off(2000)
	o := s.place(sales, in)
	note := "call first"
	s.edit(sales, o.ID, ordering.Edit{Note: &note}) // touches no amount
	s.wantOrder(o.ID, 2, "draft/approval")
	less := off(1000)
	s.edit(sales, o.ID, ordering.Edit{Discount: &less})
	s.wantOrder(o.ID, 3, "draft")
	if _, err := s.Confirm(t.Context(), sales, o.ID); err != nil {
		t.Fatal(err)
	}
	s.wantReserved("MUG", 4, 0)
}

func TestAnEditAboveTheLimitHoldsAConfirmedOrder(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.stocked("MUG", 10)
	o := s.place(sales, s.order(wish("MUG", 4)))
	more := off(2000)
	s.edit(sales, o.ID, ordering.Edit{Discount: &more, Wishes: []order.Wish{wish("MUG", 5)}})
	s.wantOrder(o.ID, 2, "confirmed/approval")
	s.wantReserved("MUG", 5, 0)
	_, err := s.Release(t.Context(), sales, o.ID)
	wantCode(t, err, "forbidden")
	if _, err := s.Release(t.Context(), manager, o.ID); err != nil {
		t.Fatal(err)
	}
	s.wantOrder(o.ID, 3, "confirmed")
	s.wantReserved("MUG", 5, 0)
	s.wantEvents(o.ID, event.OrderReleased, event.OrderEdited, event.OrderConfirmed)
}

func TestAnotherHoldIsNoWayAroundApproval(t *testing.T) {
	t.Parallel()
	for _, confirm := range []bool{false, true} {
		s := newShop(t)
		s.stocked("MUG", 10)
		in := s.order(wish("MUG", 4))
		in.Confirm = confirm
		o := s.place(sales, in)
		if _, err := s.Hold(t.Context(), sales, o.ID, "wait"); err != nil {
			t.Fatal(err)
		}
		more := off(9000)
		s.edit(sales, o.ID, ordering.Edit{Discount: &more})
		_, err := s.Release(t.Context(), sales, o.ID)
		wantCode(t, err, "forbidden")
		_, err = s.Hold(t.Context(), sales, o.ID, order.HoldApproval)
		wantCode(t, err, "rejected")
		s.wantOrder(o.ID, 3, string(o.Status)+"/approval")
	}
}

func TestOfWhatIsNotSoldAnyMoreNoneIsAdded(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.stocked("MUG", 10)
	o := s.place(sales, s.order(wish("MUG", 3)))
	s.changeProduct("MUG", func(p *product.Product) { p.Active = false })
	_, err := s.Edit(t.Context(), sales, o.ID, ordering.Edit{Wishes: []order.Wish{wish("MUG", 4)}})
	wantCode(t, err, "rejected")
	s.edit(sales, o.ID, ordering.Edit{Wishes: []order.Wish{wish("MUG", 2)}})
	if got := s.wantOrder(o.ID, 2, "confirmed"); got.Lines[0].Reserved() != 2 {
		t.Errorf("%+v", got.Lines[0])
	}
}

func TestAHoldOutlivesAnApprovalThatIsNoLongerNeeded(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.stocked("MUG", 10)
	in := s.order(wish("MUG", 1))
	in.Confirm = false
	o := s.place(sales, in)
	if _, err := s.Hold(t.Context(), manager, o.ID, "fraud check"); err != nil {
		t.Fatal(err)
	}
	more, none := off(5000), order.Discount{}
	s.edit(sales, o.ID, ordering.Edit{Discount: &more})
	s.wantOrder(o.ID, 3, "draft/approval")
	s.edit(sales, o.ID, ordering.Edit{Discount: &none})
	s.wantOrder(o.ID, 4, "draft/fraud check")
}

func TestAnApprovalIsForOneCustomer(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.stocked("MUG", 10)
	in := s.order(wish("MUG", 1))
	in.Discount = off(9000)
	o := s.place(sales, in)
	if _, err := s.Release(t.Context(), manager, o.ID); err != nil {
		t.Fatal(err)
	}
	s.edit(sales, o.ID, ordering.Edit{CustomerID: &o.CustomerID})
	s.wantOrder(o.ID, 3, "confirmed/approval")
}

func TestAnEditKeepsPriceAndTaxOfItsLines(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.stocked("MUG", 10)
	s.stocked("CUP", 10)
	o := s.place(sales, s.order(wish("MUG", 2)))
	for _, sku := range []string{"MUG", "CUP"} {
		s.changeProduct(sku, func(p *product.Product) {
			p.Prices, p.TaxClass, p.Name = map[string]int64{"USD": 5000}, "", "Renamed"
		})
	}
	s.edit(sales, o.ID, ordering.Edit{Wishes: []order.Wish{wish("MUG", 3), wish("CUP", 1)}})
	got := s.wantOrder(o.ID, 2, "confirmed")
	mug, cup := got.Lines[0], got.Lines[1]
	if mug.UnitPrice != 1000 || mug.TaxRate != 72_500 || mug.Name != "The MUG" || mug.Quantity != 3 {
		t.Errorf("the old line is %+v", mug)
	}
	if cup.UnitPrice != 5000 || cup.TaxRate != 0 || cup.Name != "Renamed" {
		t.Errorf("the new line is %+v", cup)
	}
	// 30.00 + 7.25 % of it (2.175) + 50.00
	if got.Totals.Total != 8218 {
		t.Errorf("total is %d", got.Totals.Total)
	}
	s.wantReserved("MUG", 3, 0)
	s.wantReserved("CUP", 1, 0)
}

func TestAnEditOfWordsNeedsNoStock(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.stocked("MUG", 4)
	o := s.place(sales, s.order(wish("MUG", 4)))
	s.changeProduct("MUG", func(p *product.Product) { p.Active = false })
	reference, to := "PO 17", &customer.Address{City: "Seattle"}
	s.edit(sales, o.ID, ordering.Edit{Reference: &reference, Shipping: to, Attributes: map[string]string{"region": "West"}})
	got := s.wantOrder(o.ID, 2, "confirmed")
	if got.Reference != "PO 17" || *got.Shipping != *to || got.Billing.City != "Henderson" || got.Attributes["region"] != "West" ||
		got.Totals != o.Totals || len(got.Lines) != 1 {
		t.Errorf("the order is %+v", got)
	}
	s.wantReserved("MUG", 4, 0)
}

func TestARefusedEditChangesNothing(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.stocked("MUG", 5)
	s.stocked("CUP", 1)
	o := s.place(sales, s.order(wish("MUG", 3)))
	_, err := s.Edit(t.Context(), sales, o.ID, ordering.Edit{Wishes: []order.Wish{wish("MUG", 6), wish("CUP", 2)}})
	wantCode(t, err, "insufficient_stock")
	for i, want := range []struct {
		sku       string
		available int64
	}{{"MUG", 2}, {"CUP", 1}} {
		if got := items(err)[i]; got.SKU != want.sku || *got.Available != want.available {
			t.Errorf("refusal %d is %+v, want %+v", i, got, want)
		}
	}
	s.wantOrder(o.ID, 1, "confirmed")
	s.wantReserved("MUG", 3, 0)
	s.wantReserved("CUP", 0, 0)
	s.wantEvents(o.ID, event.OrderConfirmed)
}

func TestWhatMayBeBackorderedWaits(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.product("SOFA", func(p *product.Product) { p.Backorder = true })
	s.receive("SOFA", "EAST", 2)
	lines := func(id string, version, reserved, waiting int64) {
		t.Helper()
		l := s.wantOrder(id, version, "confirmed").Lines[0]
		if l.Reserved() != reserved || l.Backordered != waiting {
			t.Errorf("reserved are %d and %d wait, want %d and %d", l.Reserved(), l.Backordered, reserved, waiting)
		}
		s.wantReserved("SOFA", 0, reserved)
	}
	edit := func(id string, n int64) {
		t.Helper()
		s.edit(sales, id, ordering.Edit{Wishes: []order.Wish{wish("SOFA", n)}})
	}
	o := s.place(sales, s.order(wish("SOFA", 5)))
	lines(o.ID, 1, 2, 3)
	s.receive("SOFA", "EAST", 2)
	edit(o.ID, 6) // takes what has come
	lines(o.ID, 2, 4, 2)
	edit(o.ID, 3)
	lines(o.ID, 3, 3, 0)

	// A product that is not backordered any more: what waits may go on waiting, no more.
	edit(o.ID, 8)
	lines(o.ID, 4, 4, 4)
	s.changeProduct("SOFA", func(p *product.Product) { p.Backorder = false })
	edit(o.ID, 8)
	lines(o.ID, 5, 4, 4)
	_, err := s.Edit(t.Context(), sales, o.ID, ordering.Edit{Wishes: []order.Wish{wish("SOFA", 9)}})
	wantCode(t, err, "insufficient_stock")
	if got := items(err); len(got) != 1 || *got[0].Available != 0 || got[0].Detail != "1 wanted and 0 available." {
		t.Errorf("refused: %+v", got)
	}
	lines(o.ID, 5, 4, 4)
}

func TestAnOrderTouchesAtMostNinetyStockItems(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	var wishes []order.Wish
	for i := range 91 {
		sku := fmt.Sprintf("S%02d", i)
		wishes = append(wishes, wish(sku, 1))
		s.product(sku, nil)
		s.commit(func(tx *table.Tx) {
			for _, l := range []string{"MAIN", "EAST"} {
				tx.Move(stock.Change{Place: stock.Place{SKU: sku, Location: l}, OnHand: 3}, 0, nil)
			}
		})
	}
	// With everything else that a transaction may have to hold.
	by := manager // who is not the owner
	by.Mark = &table.Mark{Principal: "max", Operation: "placeOrder", Key: "k", Hash: "h"}
	most := s.place(by, s.order(wishes[:90]...))
	s.wantReserved("S89", 1, 0)
	_, err := s.Place(t.Context(), manager, s.order(wishes...))
	wantCode(t, err, "too_many_items")
	if _, err := s.Cancel(t.Context(), manager, most.ID, ""); err != nil {
		t.Errorf("cancel an order of 90: %v", err)
	}
	s.wantReserved("S00", 0, 0)

	// An edit counts what it leaves and what it takes.
	o := s.place(manager, s.order(wishes[:60]...))
	_, err = s.Edit(t.Context(), manager, o.ID, ordering.Edit{Wishes: wishes[60:]})
	wantCode(t, err, "too_many_items")
	s.wantOrder(o.ID, 1, "confirmed")
	s.wantReserved("S00", 1, 0)
	s.wantReserved("S90", 0, 0)
	s.edit(manager, o.ID, ordering.Edit{Wishes: wishes[60:90]})
	s.wantReserved("S00", 0, 0)
	s.wantReserved("S89", 1, 0)

	// A line that is split counts twice.
	var split []order.Wish
	for _, w := range wishes[:46] {
		split = append(split, wish(w.SKU, 5))
	}
	_, err = s.Place(t.Context(), manager, s.order(split...))
	wantCode(t, err, "too_many_items")
	s.place(manager, s.order(split[:45]...))
	s.wantReserved("S44", 3, 2)
	s.wantReserved("S45", 0, 0)
	s.wantOrders(3)
}

func TestEverythingWrongWithAnOrderIsNamed(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.stocked("MUG", 10)
	s.product("OLD", func(p *product.Product) { p.Active = false })
	s.product("YEN", func(p *product.Product) { p.Prices = map[string]int64{"JPY": 100} })
	s.product("ODD", func(p *product.Product) { p.TaxClass = "gone" })
	in := s.order(wish("MUG", 1), wish("OLD", 1), wish("YEN", 1), wish("NONE", 1), wish("ODD", 1))
	in.CustomerID = "nobody"
	_, err := s.Place(t.Context(), sales, in)
	var got []string
	for _, i := range items(err) {
		got = append(got, i.Field+" "+i.Code)
	}
	want := []string{
		"customer_id unknown_customer", "lines[1].sku inactive", "lines[2].sku no_price", "lines[3].sku unknown_sku", "lines[4].sku unknown_tax_class",
	}
	if !slices.Equal(got, want) {
		t.Errorf("refused: %v, want %v", got, want)
	}
	bad := s.order(wish("MUG", 1))
	bad.Currency = "XXX"
	_, err = s.Place(t.Context(), sales, bad)
	if got := items(err); len(got) == 0 || got[0].Code != "unknown_currency" {
		t.Errorf("an unknown currency: %v", err)
	}
	s.wantOrders(0)
	s.wantReserved("MUG", 0, 0)
}

func TestPricesAreSetByThoseWhoMay(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.stocked("MUG", 10)
	price := int64(1)
	cheap := order.Wish{SKU: "MUG", Quantity: 1, UnitPrice: &price}
	_, err := s.Place(t.Context(), sales, s.order(cheap))
	wantCode(t, err, "forbidden")
	o := s.place(sales, s.order(wish("MUG", 1)))
	_, err = s.Edit(t.Context(), sales, o.ID, ordering.Edit{Wishes: []order.Wish{cheap}})
	wantCode(t, err, "forbidden")
	if got := s.wantOrder(o.ID, 1, "confirmed"); got.Lines[0].UnitPrice != 1000 {
		t.Errorf("the price is %d", got.Lines[0].UnitPrice)
	}
	s.edit(manager, o.ID, ordering.Edit{Wishes: []order.Wish{cheap}})
	if got := s.wantOrder(o.ID, 2, "confirmed"); got.Lines[0].UnitPrice != 1 || got.Totals.Subtotal != 1 {
		t.Errorf("the price is %d", got.Lines[0].UnitPrice)
	}
}

// sixes gives the six bytes of order numbers from a list, and real randomness for ids.
type sixes struct {
	io.Reader
	next [][6]byte
}

func (s *sixes) Read(p []byte) (int, error) {
	if len(p) == 6 && len(s.next) > 0 {
		n := copy(p, s.next[0][:])
		s.next = s.next[1:]
		return n, nil
	}
	return s.Reader.Read(p)
}

func TestANumberThatIsTakenIsDrawnAgain(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.stocked("MUG", 10)
	a, b := [6]byte{1, 2, 3, 4, 5, 6}, [6]byte{6, 5, 4, 3, 2, 1}
	s.IDs.Random = &sixes{s.IDs.Random, [][6]byte{a, a, a, b}}
	month := s.IDs.Now().Format("0601")
	first, second := s.place(sales, s.order(wish("MUG", 2))), s.place(sales, s.order(wish("MUG", 3)))
	if first.Number != "SO-"+month+"-123456" || second.Number != "SO-"+month+"-654321" {
		t.Errorf("numbers %s and %s", first.Number, second.Number)
	}
	s.wantOrders(2)
	s.wantReserved("MUG", 5, 0)
	ids, err := s.DB.OrderIDs(t.Context(), []string{first.Number, second.Number})
	if err != nil || ids[first.Number] != first.ID || ids[second.Number] != second.ID {
		t.Errorf("the numbers stand for %v, %v", ids, err)
	}
}

func TestOfManyCancelsOneReleases(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.stocked("MUG", 10)
	s.place(sales, s.order(wish("MUG", 4)))
	o := s.place(sales, s.order(wish("MUG", 3)))
	errs := make([]error, 20)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() { _, errs[i] = s.Cancel(t.Context(), sales, o.ID, "changed my mind") })
	}
	wg.Wait()
	done := 0
	for _, err := range errs {
		if err == nil {
			done++
		} else if !refusal.Is(err, "wrong_status") {
			t.Error(err)
		}
	}
	if done != 1 {
		t.Errorf("%d cancels succeeded", done)
	}
	s.wantOrder(o.ID, 2, "cancelled")
	s.wantReserved("MUG", 4, 0)
	s.wantEvents(o.ID, event.OrderCancelled, event.OrderConfirmed)
}

func TestAnOrderOfACustomerWhoWentToSomebodyElseIsSeenByBoth(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.stocked("MUG", 10)
	o := s.place(sales, s.order(wish("MUG", 1)))
	bob, cat := access.Principal{ID: "bob", Roles: []access.Role{access.Sales}}, access.Principal{ID: "cat", Roles: []access.Role{access.Sales}}
	_, err := s.Look(t.Context(), bob, o.ID)
	wantCode(t, err, "not_found")

	c, err := s.DB.Customer(t.Context(), s.buyer)
	if err != nil {
		t.Fatal(err)
	}
	c.Owner, c.Version = "bob", 2
	s.commit(func(tx *table.Tx) { tx.SaveCustomer(c, 1) })
	for _, p := range []access.Principal{bob, sales.Principal} {
		if _, err := s.Look(t.Context(), p, o.ID); err != nil {
			t.Errorf("%s looks: %v", p.ID, err)
		}
		l, err := s.List(t.Context(), p, table.OrderFilter{CustomerID: s.buyer}, table.Page{Limit: 10})
		if err != nil || len(l.Items) != 1 {
			t.Errorf("%s lists %d orders of the customer, %v", p.ID, len(l.Items), err)
		}
	}
	_, err = s.Look(t.Context(), cat, o.ID)
	wantCode(t, err, "not_found")
	if l, err := s.List(t.Context(), cat, table.OrderFilter{CustomerID: s.buyer}, table.Page{Limit: 10}); err != nil || len(l.Items) != 0 {
		t.Errorf("cat lists %d orders, %v", len(l.Items), err)
	}
}

func past(s shop, number string, status order.Status, at time.Time) ordering.Past {
	price := int64(1999)
	return ordering.Past{
		Number: number, PlacedAt: at, Status: status, CustomerID: s.buyer, Currency: "USD",
		Wishes: []order.Wish{{SKU: "MUG", Quantity: 2, UnitPrice: &price, Discount: order.Discount{Amount: 1}}},
	}
}

func TestAnImportedOrderIsWhatItWas(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.stocked("MUG", 10)
	s.changeProduct("MUG", func(p *product.Product) { p.Active = false }) // it was sold once
	at := time.Date(2016, 11, 8, 12, 0, 0, 0, time.UTC)
	statuses := []order.Status{order.Draft, order.Confirmed, order.Shipped, order.Completed, order.Cancelled}
	var rows []ordering.Past
	for _, status := range statuses {
		rows = append(rows, past(s, "CA-"+string(status), status, at))
	}
	out, err := s.Import(t.Context(), manager, rows)
	if err != nil {
		t.Fatal(err)
	}
	for i, status := range statuses {
		if out[i].Err != nil || out[i].Exists {
			t.Fatalf("%s: %+v", status, out[i])
		}
		o := s.wantOrder(out[i].ID, 1, string(status))
		l := o.Lines[0]
		shipped := map[order.Status]int64{order.Shipped: 2, order.Completed: 2}[status]
		reserved := map[order.Status]int64{order.Confirmed: 2}[status]
		placed := status != order.Draft && status != order.Cancelled
		if !o.CreatedAt.Equal(at) || (o.PlacedAt != nil) != placed || (placed && !o.PlacedAt.Equal(at)) || l.Shipped != shipped ||
			l.Reserved() != reserved || o.Totals.Total != 3997 || o.Totals.Tax != 0 || o.Owner != "ann" || o.EnteredBy != "max" {
			t.Errorf("%s: %+v", status, o)
		}
		s.wantEvents(o.ID, event.OrderImported)
	}
	s.wantReserved("MUG", 2, 0)

	again, err := s.Import(t.Context(), manager, rows)
	if err != nil {
		t.Fatal(err)
	}
	for i := range again {
		if !again[i].Exists || again[i].ID != out[i].ID {
			t.Errorf("again: %+v, want %s", again[i], out[i].ID)
		}
	}
	s.wantOrders(len(statuses))
	s.wantReserved("MUG", 2, 0)
}

func TestWrongRowsOfAnImportAreLeftOut(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.stocked("MUG", 3)
	now := s.IDs.Now()
	row := func(change func(*ordering.Past)) ordering.Past {
		p := past(s, "", order.Completed, now.Add(-time.Hour))
		change(&p)
		return p
	}
	cases := []struct {
		name, code string // no code: it goes in
		row        ordering.Past
	}{
		{"in order", "", row(func(*ordering.Past) {})},
		{"tomorrow", "invalid", row(func(p *ordering.Past) { p.PlacedAt = now.AddDate(0, 0, 1) })},
		{"before 1970", "invalid", row(func(p *ordering.Past) { p.PlacedAt = time.Date(1969, 12, 31, 23, 59, 59, 0, time.UTC) })},
		{"in 1970", "", row(func(p *ordering.Past) { p.PlacedAt = time.Date(1970, 1, 1, 0, 0, 1, 0, time.UTC) })},
		{"of nobody", "unknown_customer", row(func(p *ordering.Past) { p.CustomerID = "nobody" })},
		{"of an unknown reference", "unknown_customer", row(func(p *ordering.Past) { p.CustomerID, p.CustomerReference = "", "CG-1" })},
		{"unknown product", "unknown_sku", row(func(p *ordering.Past) { p.Wishes[0].SKU = "NONE" })},
		{"unknown currency", "unknown_currency", row(func(p *ordering.Past) { p.Currency = "XXX" })},
		{"beyond stock", "insufficient_stock", row(func(p *ordering.Past) { p.Status, p.Wishes[0].Quantity = order.Confirmed, 4 })},
		{"the discount too large", "discount_too_large", row(func(p *ordering.Past) { p.Wishes[0].Discount.Amount = 3999 })},
	}
	var rows []ordering.Past
	in := 0
	for i := range cases {
		cases[i].row.Number = fmt.Sprint("CA-", i)
		rows = append(rows, cases[i].row)
		if cases[i].code == "" {
			in++
		}
	}
	out, err := s.Import(t.Context(), manager, rows)
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range cases {
		var code string
		if found := items(out[i].Err); len(found) > 0 {
			code = found[0].Code
		}
		if code != c.code || (c.code == "") != (out[i].Err == nil) {
			t.Errorf("%s: %+v, want code %q", c.name, out[i], c.code)
		}
	}
	s.wantOrders(in)
	s.wantReserved("MUG", 0, 0)
}

func TestANumberTwiceInOneImportIsOneOrder(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.stocked("MUG", 100)
	rows := make([]ordering.Past, 12)
	for i := range rows {
		rows[i] = past(s, "CA-1", order.Confirmed, s.IDs.Now().Add(-time.Hour))
	}
	out, err := s.Import(t.Context(), manager, rows)
	if err != nil {
		t.Fatal(err)
	}
	created := 0
	for _, o := range out {
		if o.Err != nil || o.ID != out[0].ID {
			t.Errorf("%+v", o)
		}
		if !o.Exists {
			created++
		}
	}
	if created != 1 {
		t.Errorf("%d were created", created)
	}
	s.wantOrders(1)
	s.wantReserved("MUG", 2, 0)
}

func TestOfManyCancelsOfTheOnlyOrderOneReleases(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.stocked("MUG", 3)
	o := s.place(sales, s.order(wish("MUG", 3)))
	errs := make([]error, 20)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() { _, errs[i] = s.Cancel(t.Context(), sales, o.ID, "") })
	}
	wg.Wait()
	done := 0
	for _, err := range errs {
		if err == nil {
			done++
		} else if !refusal.Is(err, "wrong_status") {
			t.Error(err)
		}
	}
	if done != 1 {
		t.Errorf("%d cancels succeeded", done)
	}
	s.wantReserved("MUG", 0, 0)
}

func TestAnOrderAtManyPlacesCanStillBeHeld(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	at := s.IDs.Now()
	o := order.Order{
		ID: s.IDs.ID(), Number: "SO-1", Version: 1, Status: order.Confirmed, CustomerID: s.buyer, Owner: "ann", EnteredBy: "ann",
		Currency: "USD", PlacedAt: &at, CreatedAt: at, UpdatedAt: at,
	}
	for i := range 46 { // more places than one change of stock may touch
		o.Lines = append(o.Lines, order.Line{
			SKU: fmt.Sprint("SKU-", i), Quantity: 2, Allocations: []stock.Allocation{{Location: "MAIN", Quantity: 1}, {Location: "EAST", Quantity: 1}},
		})
	}
	s.commit(func(tx *table.Tx) { tx.NewOrder(o) })
	if _, err := s.Hold(t.Context(), sales, o.ID, "wait"); err != nil {
		t.Error(err)
	}
	if _, err := s.Release(t.Context(), sales, o.ID); err != nil {
		t.Error(err)
	}
}
