package ordering_test

import (
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"waybill/infra/dynamolocal"
	"waybill/infra/dynamolocal/testtable"
	"waybill/infra/fault"
	"waybill/shared/customer"
	"waybill/shared/event"
	"waybill/shared/ident"
	"waybill/shared/order"
	"waybill/shared/ordering"
	"waybill/shared/product"
	"waybill/shared/stock"
	"waybill/shared/table"
)

// queue is a product that n orders wait for, one unit each, entered in an order
// that is not the one in which they were confirmed.
type queue struct {
	shop
	name   string // of the table
	client *dynamodb.Client
	orders []string // first come first
}

func newQueue(t testing.TB, n int) queue {
	t.Helper()
	client, name := testtable.New(t)
	ids := ident.New()
	q := queue{shop: shop{&ordering.Desk{DB: table.New(client, name, ids.Now), IDs: ids}, t, ids.ID()}, name: name, client: client}
	q.commit(func(tx *table.Tx) {
		tx.NewCustomer(customer.Customer{ID: q.buyer, Name: "Claire Gute", Locale: "en", Owner: "ann", Terms: customer.Terms{Kind: customer.Net}, Version: 1})
		tx.SaveLocations(table.Locations{List: []stock.Location{
			{Code: "MAIN", Name: "Main", Priority: 1, Version: 1}, {Code: "EAST", Name: "East", Priority: 2, Version: 1},
		}}, 0)
	})
	q.product("MUG", func(p *product.Product) { p.Backorder, p.TaxClass = true, "" })
	clock := time.Now().UTC().Truncate(time.Millisecond)
	q.IDs.Now = func() time.Time { return clock }
	drafts := make([]string, n)
	for i := range drafts {
		in := q.order(wish("MUG", 1))
		in.Confirm = false
		clock = clock.Add(time.Millisecond)
		drafts[i] = q.place(manager, in).ID
	}
	// The last one entered is the first one confirmed.
	for i := n - 1; i >= 0; i-- {
		clock = clock.Add(time.Millisecond)
		if _, err := q.Confirm(t.Context(), manager, drafts[i]); err != nil {
			t.Fatal(err)
		}
		q.orders = append(q.orders, drafts[i])
	}
	return q
}

// served counts who was served, and fails the test unless those are the first ones.
func (q queue) served() int {
	q.t.Helper()
	n, ended := 0, false
	for i, id := range q.orders {
		o, err := q.DB.Order(q.t.Context(), id)
		if err != nil || !o.Sound() {
			q.t.Fatalf("%+v, %v", o, err)
		}
		if o.Waits() {
			ended = true
			continue
		}
		if ended {
			q.t.Errorf("order %d was served before its turn", i)
		}
		n++
	}
	return n
}

// dying is the queue's desk on a table that dies at its call-th call.
func (q queue) dying(call int) (*ordering.Desk, *bool) {
	q.t.Helper()
	var mu sync.Mutex
	calls, hit := 0, false
	client := testtable.Client(q.t, &fault.Transport{Next: dynamolocal.NewTransport(), Decide: func(string) fault.Mode {
		mu.Lock()
		defer mu.Unlock()
		if calls++; calls == call {
			hit = true
			return []fault.Mode{fault.Dead, fault.Unanswered}[call%2]
		}
		return fault.None
	}})
	broken := dynamodb.New(client.Options(), func(o *dynamodb.Options) {
		o.Retryer = retry.NewStandard(func(s *retry.StandardOptions) { s.MaxAttempts, s.MaxBackoff = 2, time.Millisecond })
	})
	return &ordering.Desk{DB: table.New(broken, q.name, q.IDs.Now), IDs: q.IDs}, &hit
}

func TestGoodsThatComeInServeTheFirstInTheQueue(t *testing.T) {
	t.Parallel()
	q := newQueue(t, 20)
	q.receive("MUG", "MAIN", 4)
	q.receive("MUG", "EAST", 3)
	for range 2 { // the second run finds nothing to do
		if err := q.Serve(t.Context(), "MUG"); err != nil {
			t.Fatal(err)
		}
		if n := q.served(); n != 7 {
			t.Errorf("%d of 7 units were given out", n)
		}
	}
	q.wantReserved("MUG", 4, 3)
	q.wantEvents(q.orders[6], event.OrderServed, event.OrderConfirmed, event.OrderCreated)
	waiting, err := q.DB.Waiting(t.Context(), "MUG")
	if err != nil || len(waiting) != 13 || waiting[0] != q.orders[7] {
		t.Errorf("%d still wait, %v", len(waiting), err)
	}
}

func TestServingGoesOnHoweverOftenItIsKilled(t *testing.T) {
	t.Parallel()
	q := newQueue(t, 20)
	q.receive("MUG", "MAIN", 7)
	for call := 1; ; call++ {
		desk, hit := q.dying(call)
		// A reply that is lost may be asked for again: not every fault is an error.
		if err := desk.Serve(t.Context(), "MUG"); err != nil && !*hit {
			t.Errorf("before call %d: %v", call, err)
		}
		if n := q.served(); n > 7 {
			t.Fatalf("%d of 7 units were given out", n)
		}
		if !*hit {
			break
		}
	}
	if n := q.served(); n != 7 {
		t.Errorf("%d of 7 units were given out", n)
	}
	q.wantReserved("MUG", 7, 0)
}

func TestManyWhoServeAtOnceGiveOutWhatIsThere(t *testing.T) {
	t.Parallel()
	q := newQueue(t, 20)
	q.receive("MUG", "MAIN", 7)
	errs := make([]error, 8)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() { errs[i] = q.Serve(t.Context(), "MUG") })
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			t.Error(err)
		}
	}
	if n := q.served(); n != 7 {
		t.Errorf("%d of 7 units were given out", n)
	}
	q.wantReserved("MUG", 7, 0)
}

func TestAPartIsServedAndTheRestWaitsOn(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.product("MUG", func(p *product.Product) { p.Backorder = true })
	first, second := s.place(sales, s.order(wish("MUG", 5))), s.place(sales, s.order(wish("MUG", 5)))
	s.receive("MUG", "MAIN", 3)
	for want := range []int64{3, 4} {
		if err := s.Serve(t.Context(), "MUG"); err != nil {
			t.Fatal(err)
		}
		s.wantLine(first.ID, 3+int64(want), 2-int64(want))
		s.wantLine(second.ID, 0, 5)
		s.receive("MUG", "MAIN", 1)
	}
	// What waits is given up; what is reserved stays.
	o, err := s.CancelBackorders(t.Context(), sales, first.ID, "no time")
	if err != nil || o.Status != order.Confirmed || o.Lines[0].Cancelled != 1 || o.Lines[0].Reserved() != 4 || o.Totals.Subtotal != 4000 {
		t.Errorf("%+v, %v", o, err)
	}
	o, err = s.CancelBackorders(t.Context(), sales, second.ID, "no time")
	if err != nil || o.Status != order.Cancelled {
		t.Errorf("an order of which nothing is left is %s, %v", o.Status, err)
	}
	if err := s.Serve(t.Context(), "MUG"); err != nil {
		t.Fatal(err)
	}
	if waiting, err := s.DB.Waiting(t.Context(), "MUG"); err != nil || len(waiting) != 0 {
		t.Errorf("%v still wait, %v", waiting, err)
	}
	s.wantEvents(second.ID, event.OrderCancelled, event.OrderConfirmed)
}

// wantLine compares what an order's only line has reserved and waits for.
func (s shop) wantLine(id string, reserved, waiting int64) {
	s.t.Helper()
	o, err := s.DB.Order(s.t.Context(), id)
	if err != nil {
		s.t.Fatal(err)
	}
	if l := o.Lines[0]; l.Reserved() != reserved || l.Backordered != waiting || !o.Sound() {
		s.t.Errorf("%d reserved and %d waiting, want %d and %d", l.Reserved(), l.Backordered, reserved, waiting)
	}
}

func TestAnOrderThatGaveWayGoesOnWhenItIsServed(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.stocked("MUG", 3)
	o := s.place(sales, s.order(wish("MUG", 3)))
	gave := o
	gave.Lines = append([]order.Line(nil), o.Lines...)
	gave.Yield(stock.Place{SKU: "MUG", Location: "MAIN"}, 2)
	gave.Version++
	s.commit(func(tx *table.Tx) {
		tx.SaveOrder(gave, o)
		tx.Reallocate(o.Allocations(), gave.Allocations())
	})
	if err := s.Serve(t.Context(), "MUG"); err != nil {
		t.Fatal(err)
	}
	served, err := s.DB.Order(t.Context(), o.ID)
	if err != nil || served.OnHold || served.Waits() {
		t.Errorf("%+v, %v", served, err)
	}
	s.wantReserved("MUG", 3, 0)
}

func TestWhatWasGivenUpStaysSoUntilAnotherQuantityIsWished(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.product("MUG", func(p *product.Product) { p.Backorder = true })
	s.stocked("CUP", 5)
	s.receive("MUG", "MAIN", 3)
	o := s.place(sales, s.order(wish("MUG", 5)))
	if _, err := s.CancelBackorders(t.Context(), sales, o.ID, ""); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		lines                        []order.Wish
		reserved, waiting, cancelled int64
	}{
		{[]order.Wish{wish("MUG", 5), wish("CUP", 1)}, 3, 0, 2},
		{[]order.Wish{wish("MUG", 6)}, 3, 3, 0},
		{[]order.Wish{wish("MUG", 2)}, 2, 0, 0},
	} {
		edited, err := s.Edit(t.Context(), sales, o.ID, ordering.Edit{Wishes: c.lines})
		if err != nil {
			t.Fatal(err)
		}
		l := edited.Lines[0]
		if l.Reserved() != c.reserved || l.Backordered != c.waiting || l.Cancelled != c.cancelled || !edited.Sound() {
			t.Errorf("%v: %+v", c.lines, l)
		}
	}
}
