package table_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"waybill/shared/customer"
	"waybill/shared/event"
	"waybill/shared/order"
	"waybill/shared/refusal"
	"waybill/shared/stock"
	"waybill/shared/table"
)

// pages reads a list to its end, limit rows at a time.
func pages[T any](t testing.TB, limit int, read func(table.Page) (table.Listing[T], error)) []T {
	t.Helper()
	var all []T
	for p := (table.Page{Limit: limit}); ; {
		l, err := read(p)
		if err != nil {
			t.Fatal(err)
		}
		if len(l.Items) > limit {
			t.Fatalf("a page of %d has %d rows", limit, len(l.Items))
		}
		all = append(all, l.Items...)
		if p.After = l.Next; l.Next == "" {
			return all
		}
	}
}

func numbers(orders []order.Order) []string {
	out := []string{}
	for _, o := range orders {
		out = append(out, o.Number)
	}
	return out
}

// list reads all orders that pass a filter, a few at a time.
func (s store) list(t testing.TB, f table.OrderFilter) []string {
	t.Helper()
	return numbers(pages(t, 4, func(p table.Page) (table.Listing[order.Order], error) { return s.Orders(t.Context(), f, p) }))
}

func (s store) wantList(t testing.TB, f table.OrderFilter, want ...string) {
	t.Helper()
	if got := s.list(t, f); !slices.Equal(got, append([]string{}, want...)) {
		t.Errorf("%+v lists %v, want %v", f, got, want)
	}
}

// orders enters n orders, an hour apart, that differ in everything there is a
// filter for, and returns them, the newest first.
func (s store) orders(t testing.TB, n int) []order.Order {
	t.Helper()
	var all []order.Order
	for i := range n {
		o := s.entered(fmt.Sprintf("SO-%02d", i))
		o.Status = order.Statuses[i%4]
		o.CustomerID = fmt.Sprint("C", i%3)
		o.Owner = []string{"ann", "bob"}[i/2%2]
		o.EnteredBy = []string{"ann", "cat"}[i/3%2]
		o.OnHold = i%5 == 0
		s.commit(t, func(tx *table.Tx) { tx.NewOrder(o) })
		all = append(all, o)
		s.advance(time.Hour)
	}
	slices.Reverse(all)
	return all
}

func TestFiltersCombine(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	all := s.orders(t, 24)
	yes := true
	var tried int
	for _, status := range []order.Status{"", order.Confirmed} {
		for _, customerID := range []string{"", "C1"} {
			for _, owner := range []string{"", "ann", "cat"} {
				for _, among := range [][]order.Status{nil, order.Open} {
					f := table.OrderFilter{Status: status, CustomerID: customerID, Owner: owner, Statuses: among}
					if tried++; tried%2 == 0 {
						f.OnHold = &yes
					}
					if tried%3 == 0 {
						f.From, f.Till = all[19].CreatedAt, all[4].CreatedAt
					}
					want := []string{}
					for i, o := range all {
						if (status == "" || o.Status == status) && (customerID == "" || o.CustomerID == customerID) &&
							(owner == "" || o.Owner == owner || o.EnteredBy == owner) && (f.OnHold == nil || o.OnHold) &&
							(among == nil || o.IsOpen()) && (f.From.IsZero() || (i > 4 && i <= 19)) {
							want = append(want, o.Number)
						}
					}
					s.wantList(t, f, want...)
				}
			}
		}
	}
}

func TestARangeOfDatesIncludesItsBeginningAndNotItsEnd(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	all := s.orders(t, 4) // SO-03 at 12:00 … SO-00 at 9:00
	ten, eleven := all[2].CreatedAt, all[1].CreatedAt
	const ms = time.Millisecond
	s.wantList(t, table.OrderFilter{From: ten}, "SO-03", "SO-02", "SO-01")
	s.wantList(t, table.OrderFilter{From: ten.Add(ms)}, "SO-03", "SO-02")
	s.wantList(t, table.OrderFilter{Till: eleven}, "SO-01", "SO-00")
	s.wantList(t, table.OrderFilter{Till: eleven.Add(ms)}, "SO-02", "SO-01", "SO-00")
	s.wantList(t, table.OrderFilter{From: ten, Till: eleven}, "SO-01")
	s.wantList(t, table.OrderFilter{From: ten, Till: ten.Add(ms)}, "SO-01")
	s.wantList(t, table.OrderFilter{From: ten, Till: ten})
	s.wantList(t, table.OrderFilter{From: eleven, Till: ten})
	s.wantList(t, table.OrderFilter{From: time.Unix(-1, 0), Till: time.Unix(0, 0)})

	// A cursor from before the range has nothing after it.
	l, err := s.Orders(t.Context(), table.OrderFilter{}, table.Page{Limit: 3})
	if err != nil {
		t.Fatal(err)
	}
	l, err = s.Orders(t.Context(), table.OrderFilter{From: eleven}, table.Page{Limit: 3, After: l.Next})
	if err != nil || len(l.Items) != 0 || l.Next != "" {
		t.Errorf("after the range: %v, %v", numbers(l.Items), err)
	}
}

func TestPagesStayWholeWhileRowsAreAdded(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	add := func(tx *table.Tx, number string) {
		s.advance(time.Second)
		o := s.entered(number)
		o.Status, o.EnteredBy = order.Confirmed, "cat"
		tx.NewOrder(o)
	}
	var first []string
	s.commit(t, func(tx *table.Tx) {
		for i := range 24 {
			first = append(first, fmt.Sprint("FIRST-", i))
			add(tx, first[i])
		}
	})
	slices.Reverse(first)
	for name, f := range map[string]table.OrderFilter{
		"all":         {},
		"by status":   {Status: order.Confirmed},
		"by customer": {CustomerID: "C1"},
		"by enterer":  {Owner: "cat"},
		"open":        {Statuses: order.Open},
	} {
		t.Run(name, func(t *testing.T) {
			// The writer adds an order while a page is read.
			turns, written := make(chan int, len(first)), make(chan error, 1)
			go func() {
				var err error
				for n := range turns {
					tx := &table.Tx{}
					add(tx, fmt.Sprintf("NEW-%s-%d", name, n))
					err = errors.Join(err, s.Commit(t.Context(), tx))
				}
				written <- err
			}()
			n := 0
			seen := numbers(pages(t, 5, func(p table.Page) (table.Listing[order.Order], error) {
				n++
				turns <- n
				return s.Orders(t.Context(), f, p)
			}))
			close(turns)
			if err := <-written; err != nil {
				t.Fatal(err)
			}
			got := slices.DeleteFunc(slices.Clone(seen), func(n string) bool { return strings.HasPrefix(n, "NEW-") })
			if !slices.Equal(got, first) {
				t.Errorf("of the first orders were seen %v", got)
			}
			slices.Sort(seen)
			if n := len(seen); len(slices.Compact(seen)) != n {
				t.Error("an order was seen twice")
			}
		})
	}
}

func TestAnOrderLeavesTheListsItNoLongerBelongsTo(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	was := s.entered("SO-1")
	was.Owner, was.EnteredBy = "ann", "cat"
	s.commit(t, func(tx *table.Tx) { tx.NewOrder(was) })
	o := was
	o.Version, o.Status, o.CustomerID, o.Owner = 2, order.Confirmed, "C2", "bob"
	s.commit(t, func(tx *table.Tx) { tx.SaveOrder(o, was) })
	for _, f := range []table.OrderFilter{
		{Status: order.Draft}, {CustomerID: "C1"}, {Owner: "ann"}, {CustomerID: "C2", Owner: "ann"}, {Status: order.Draft, Owner: "bob"},
	} {
		s.wantList(t, f)
	}
	for _, f := range []table.OrderFilter{
		{}, {Status: order.Confirmed}, {CustomerID: "C2"}, {Owner: "bob"}, {Owner: "cat"}, {Statuses: order.Open},
	} {
		s.wantList(t, f, "SO-1")
	}

	// It comes to who entered it, and stands there once.
	was = o
	o.Version, o.Owner = 3, "cat"
	s.commit(t, func(tx *table.Tx) { tx.SaveOrder(o, was) })
	s.wantList(t, table.OrderFilter{Owner: "cat"}, "SO-1")
	s.wantList(t, table.OrderFilter{Owner: "bob"})
}

func TestANumberFindsItsOrder(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	all := s.orders(t, 3)
	o := all[1]
	s.wantList(t, table.OrderFilter{Number: o.Number}, o.Number)
	s.wantList(t, table.OrderFilter{Number: o.Number, Status: o.Status, CustomerID: o.CustomerID, Owner: o.Owner}, o.Number)
	s.wantList(t, table.OrderFilter{Number: o.Number, Owner: "nobody"})
	s.wantList(t, table.OrderFilter{Number: o.Number, Status: order.Cancelled})
	s.wantList(t, table.OrderFilter{Number: "SO-99"})
	ids, err := s.OrderIDs(t.Context(), []string{all[0].Number, "SO-99", o.Number, o.Number})
	if err != nil || !reflect.DeepEqual(ids, map[string]string{all[0].Number: all[0].ID, o.Number: o.ID}) {
		t.Errorf("ids %v, %v", ids, err)
	}
}

func TestCursorsThatNoListGaveAreRefused(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	encode := base64.RawURLEncoding.EncodeToString
	for _, cursor := range []string{
		"%", "a", "====", encode([]byte("lower case")), encode([]byte("\x00")), encode([]byte("~")), encode([]byte(strings.Repeat("7", 65))),
	} {
		page := table.Page{Limit: 10, After: cursor}
		_, orders := s.Orders(t.Context(), table.OrderFilter{}, page)
		_, products := s.Products(t.Context(), table.ProductFilter{}, page)
		_, timeline := s.Timeline(t.Context(), "O1", page)
		_, movements := s.Movements(t.Context(), "MUG", page)
		for _, err := range []error{orders, products, timeline, movements} {
			var refused *refusal.Error
			if !errors.As(err, &refused) || refused.Kind != refusal.Malformed {
				t.Errorf("cursor %q: %v", cursor, err)
			}
		}
	}
}

func TestAFilterThatFewPassAnswersShortAndGoesOn(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	for batch := range 11 {
		s.commit(t, func(tx *table.Tx) {
			for i := range 100 {
				p := s.mug()
				p.SKU = fmt.Sprintf("S%d-%d", batch, i)
				if batch == 0 && i == 0 {
					p.Category = "rare"
				}
				s.advance(time.Millisecond)
				tx.NewProduct(p)
			}
		})
	}
	f := table.ProductFilter{Category: "rare"}
	l, err := s.Products(t.Context(), f, table.Page{Limit: 100})
	if err != nil || len(l.Items) != 0 || l.Next == "" {
		t.Fatalf("the first page has %d rows and goes on at %q, %v", len(l.Items), l.Next, err)
	}
	l, err = s.Products(t.Context(), f, table.Page{Limit: 100, After: l.Next})
	if err != nil || len(l.Items) != 1 || l.Next != "" {
		t.Errorf("the second page has %d rows and goes on at %q, %v", len(l.Items), l.Next, err)
	}
}

func TestCustomersAreListedByOwnerAndReference(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	var annes []string
	for i := range 9 {
		c := customer.Customer{ID: s.ids.ID(), Name: fmt.Sprint("Customer ", i), Locale: "en", Version: 1, CreatedAt: s.now(), UpdatedAt: s.now()}
		if i%2 == 0 {
			c.Owner = "ann"
			annes = append([]string{c.Name}, annes...)
		}
		if i == 4 {
			c.Reference = "CG-12520"
		}
		s.commit(t, func(tx *table.Tx) { tx.NewCustomer(c) })
		s.advance(time.Second)
	}
	list := func(f table.CustomerFilter) []string {
		var names []string
		for _, c := range pages(t, 2, func(p table.Page) (table.Listing[customer.Customer], error) { return s.Customers(t.Context(), f, p) }) {
			names = append(names, c.Name)
		}
		return names
	}
	if got := list(table.CustomerFilter{}); len(got) != 9 || got[0] != "Customer 8" || got[8] != "Customer 0" {
		t.Errorf("all: %v", got)
	}
	if got := list(table.CustomerFilter{Owner: "ann"}); !slices.Equal(got, annes) {
		t.Errorf("ann's: %v, want %v", got, annes)
	}
	if got := list(table.CustomerFilter{Reference: "CG-12520"}); !slices.Equal(got, []string{"Customer 4"}) {
		t.Errorf("by reference: %v", got)
	}
	if got := list(table.CustomerFilter{Reference: "CG-12520", Owner: "bob"}); len(got) != 0 {
		t.Errorf("bob sees by reference: %v", got)
	}
}

func TestTimelineAndAuditTellEverythingNewestFirst(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	id := s.ids.ID()
	for n := range int64(12) {
		s.advance(time.Second)
		e := event.Event{ID: s.ids.ID(), Subject: event.Subject{Kind: event.Order, ID: id}, Seq: n + 1, Type: event.OrderEdited, Actor: "ann"}
		s.commit(t, func(tx *table.Tx) { tx.Event(e) })
	}
	for _, limit := range []int{1, 4, 5, 12, 100} {
		timeline := pages(t, limit, func(p table.Page) (table.Listing[event.Event], error) { return s.Timeline(t.Context(), id, p) })
		for i, e := range timeline {
			if e.Seq != int64(12-i) {
				t.Errorf("event %d of the timeline, by %d, is number %d", i, limit, e.Seq)
			}
		}
		if len(timeline) != 12 {
			t.Errorf("%d events by %d", len(timeline), limit)
		}
	}

	s.advance(time.Second)
	denied := s.now()
	if err := s.Denied(t.Context(), "bob", "editSettings", "needs settings.write"); err != nil {
		t.Fatal(err)
	}
	s.advance(time.Second)
	m := stock.Movement{ID: s.ids.ID(), Kind: stock.Adjust, Place: at("MUG"), Quantity: -2, Reason: "broken", Actor: "bob"}
	s.commit(t, func(tx *table.Tx) { tx.Movement(m) })
	audit := func(f table.AuditFilter) (types []event.Type) {
		t.Helper()
		for _, e := range pages(t, 5, func(p table.Page) (table.Listing[event.Event], error) { return s.Audit(t.Context(), f, p) }) {
			types = append(types, e.Type)
		}
		return types
	}
	if got := audit(table.AuditFilter{}); len(got) != 14 || got[0] != "stock.adjust" || got[1] != event.AccessDenied || got[13] != event.OrderEdited {
		t.Errorf("audit: %v", got)
	}
	if got := audit(table.AuditFilter{Actor: "bob"}); !slices.Equal(got, []event.Type{"stock.adjust", event.AccessDenied}) {
		t.Errorf("bob's: %v", got)
	}
	if got := audit(table.AuditFilter{Type: event.AccessDenied}); len(got) != 1 {
		t.Errorf("denials: %v", got)
	}
	if got := audit(table.AuditFilter{From: denied, Till: denied.Add(time.Second)}); !slices.Equal(got, []event.Type{event.AccessDenied}) {
		t.Errorf("within the second of the denial: %v", got)
	}
}
