package model

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"pgregory.net/rapid"

	"waybill/infra/dynamolocal"
	"waybill/infra/dynamolocal/testtable"
	"waybill/infra/fault"
	"waybill/shared/access"
	"waybill/shared/billing"
	"waybill/shared/customer"
	"waybill/shared/fulfilment"
	"waybill/shared/gateway"
	"waybill/shared/ident"
	"waybill/shared/order"
	"waybill/shared/ordering"
	"waybill/shared/product"
	"waybill/shared/refusal"
	"waybill/shared/shipment"
	"waybill/shared/stock"
	"waybill/shared/table"
	"waybill/shared/warehouse"
)

// Sequential runs are 85 lives of about 120 operations each, unless flags say otherwise.
func TestMain(m *testing.M) {
	for name, value := range map[string]string{"rapid.checks": "85", "rapid.steps": "100"} {
		if err := flag.Set(name, value); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	flag.Parse()
	os.Exit(m.Run())
}

var (
	seedFlag   = flag.Uint64("model.seed", 0, "seed of the concurrent runs; 0 draws one")
	minuteFlag = flag.Duration("model.minute", time.Minute, "how long the busy minute is")
)

var (
	skus      = []string{"A", "B", "C", "D", "WAITS"} // the last may be backordered
	locations = []string{"MAIN", "EAST"}
	prepaid   = &customer.Terms{Kind: customer.Prepaid}
	manager   = access.Principal{ID: "manager", Roles: []access.Role{access.Manager}}
)

// week is longer than an order waits to be paid.
const week = 7 * 24 * time.Hour

// bench is the system under test: once healthy, to look at what is stored, and once with faults.
type bench struct {
	t       testing.TB
	skus    []string
	healthy *table.DB
	desk    *ordering.Desk // through faults
	dock    *fulfilment.Dock
	floor   *warehouse.Floor
	books   *billing.Books // so late that nobody pays any more
	edge    gateway.Edge
	proofs  *warehouse.Floor // healthy
	ids     ident.Source
	buyer   string
	mu      sync.Mutex
	keys    int
}

// newBench makes a table with products and locations. Each call to the table
// fails as decide says.
func newBench(t testing.TB, skus []string, decide func(operation string) fault.Mode) *bench {
	t.Helper()
	client, name := testtable.New(t)
	ids := ident.New()
	transport := &fault.Transport{Next: dynamolocal.NewTransport(), Decide: decide}
	broken := dynamodb.New(testtable.Client(t, transport).Options(), func(o *dynamodb.Options) {
		o.Retryer = retry.NewStandard(func(s *retry.StandardOptions) { s.MaxAttempts, s.MaxBackoff = 2, time.Millisecond })
	})
	healthy, faulty := table.New(client, name, ids.Now), table.New(broken, name, ids.Now)
	noPause := func(context.Context, time.Duration) error { return nil }
	b := &bench{
		t: t, skus: skus, healthy: healthy, ids: ids,
		desk:   &ordering.Desk{DB: faulty, IDs: ids},
		dock:   &fulfilment.Dock{DB: faulty, IDs: ids},
		floor:  &warehouse.Floor{DB: faulty, IDs: ids, Pause: noPause},
		books:  &billing.Books{DB: faulty, IDs: ident.At(func() time.Time { return time.Now().Add(week) })},
		edge:   gateway.Edge{Records: faulty},
		proofs: &warehouse.Floor{DB: healthy, IDs: ids, Pause: noPause},
		buyer:  ids.ID(),
	}
	tx := &table.Tx{}
	tx.SaveLocations(table.Locations{List: []stock.Location{
		{Code: "MAIN", Name: "Main", Priority: 1, Version: 1}, {Code: "EAST", Name: "East", Priority: 2, Version: 1},
	}}, 0)
	tx.NewCustomer(customer.Customer{ID: b.buyer, Name: "Buyer", Locale: "en", Terms: customer.Terms{Kind: customer.Net}, Version: 1})
	for _, sku := range skus {
		tx.NewProduct(product.Product{
			SKU: sku, Name: sku, Unit: "pcs", Prices: map[string]int64{"USD": 100}, Active: true,
			Backorder: sku == "WAITS", ListID: ids.ID(), Version: 1,
		})
	}
	if err := healthy.Commit(t.Context(), tx); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *bench) mark(operation string) *table.Mark {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.keys++
	return &table.Mark{Principal: manager.ID, Operation: operation, Key: fmt.Sprint(b.keys), Hash: operation}
}

// settled does an operation, again and again with the same key while its
// outcome is unknown, as a careful client does. The code of a refusal comes back.
func settled[T any](b *bench, mark *table.Mark, do func(context.Context) (T, error), load func(context.Context, string) (T, error)) (T, string) {
	for {
		v, _, err := gateway.Once(context.Background(), b.edge, mark,
			func() (T, error) { return do(context.Background()) },
			func(ref string) (T, error) { return load(context.Background(), ref) })
		var refused *refusal.Error
		switch {
		case err == nil:
			return v, ""
		case !errors.As(err, &refused):
			b.t.Errorf("%s: %v", mark.Operation, err)
			return v, "internal"
		case refused.Kind == refusal.Unavailable || refused.Code == "busy":
			continue
		default:
			return v, refused.Code
		}
	}
}

func (b *bench) order(mark *table.Mark, do func(context.Context, ordering.By) (order.Order, error)) (order.Order, string) {
	return settled(b, mark, func(ctx context.Context) (order.Order, error) {
		return do(ctx, ordering.By{Principal: manager, Mark: mark})
	}, func(ctx context.Context, id string) (order.Order, error) { return b.healthy.Order(ctx, id) })
}

func (b *bench) move(m stock.Movement, release bool) (stock.Movement, string) {
	mark := b.mark(string(m.Kind))
	return settled(b, mark, func(ctx context.Context) (stock.Movement, error) {
		return b.floor.Move(ctx, warehouse.By{Principal: manager, Mark: mark}, m, release)
	}, func(context.Context, string) (stock.Movement, error) { return m, nil })
}

// parcel does a fact about a shipment.
func (b *bench) parcel(name string, do func(context.Context, fulfilment.By) (shipment.Shipment, error)) (shipment.Shipment, string) {
	mark := b.mark(name)
	return settled(b, mark, func(ctx context.Context) (shipment.Shipment, error) {
		return do(ctx, fulfilment.By{Principal: manager, Mark: mark})
	}, func(ctx context.Context, id string) (shipment.Shipment, error) { return b.healthy.Shipment(ctx, id) })
}

func (b *bench) ship(id string, p stock.Place, n int64) (shipment.Shipment, string) {
	return b.parcel("ship", func(ctx context.Context, by fulfilment.By) (shipment.Shipment, error) {
		return b.dock.Ship(ctx, by, id, fulfilment.New{Location: p.Location, Picks: []order.Pick{{SKU: p.SKU, Quantity: n}}})
	})
}

func (b *bench) undo(id string) (shipment.Shipment, string) {
	return b.parcel("undo", func(ctx context.Context, by fulfilment.By) (shipment.Shipment, error) {
		return b.dock.Undo(ctx, by, id, "mistake")
	})
}

func (b *bench) deliver(id string) (shipment.Shipment, string) {
	return b.parcel("deliver", func(ctx context.Context, by fulfilment.By) (shipment.Shipment, error) {
		return b.dock.Deliver(ctx, by, id, nil)
	})
}

func (b *bench) giveBack(id string, p stock.Place, n int64, restock bool) (shipment.Return, string) {
	mark := b.mark("return")
	return settled(b, mark, func(ctx context.Context) (shipment.Return, error) {
		return b.dock.Return(ctx, fulfilment.By{Principal: manager, Mark: mark}, id, fulfilment.NewReturn{
			Location: p.Location, Reason: "no good", Lines: []shipment.Returned{{SKU: p.SKU, Quantity: n, Restock: restock}},
		})
	}, func(ctx context.Context, id string) (shipment.Return, error) { return b.healthy.Return(ctx, id) })
}

// serve serves who waits, again and again until it went through, as a queue does.
func (b *bench) serve(sku string) {
	b.mark("serve")
	for {
		err := b.desk.Serve(context.Background(), sku)
		var refused *refusal.Error
		if err == nil {
			return
		}
		if !errors.As(err, &refused) || (refused.Kind != refusal.Unavailable && refused.Code != "busy") {
			b.t.Errorf("serve: %v", err)
			return
		}
	}
}

// expire ends an order that nobody paid in time, again and again until it went through, as the clock does.
func (b *bench) expire(id string) (ended bool) {
	b.mark("expire")
	for {
		done, err := b.books.ExpireOrder(context.Background(), id)
		ended = ended || done
		var refused *refusal.Error
		if err == nil {
			return ended
		}
		if !errors.As(err, &refused) || (refused.Kind != refusal.Unavailable && refused.Code != "busy") {
			b.t.Errorf("expire: %v", err)
			return ended
		}
	}
}

// place enters an order on terms, nil for the buyer's, which are net.
func (b *bench) place(lines []Line, confirm bool, terms *customer.Terms) (order.Order, string) {
	return b.order(b.mark("place"), func(ctx context.Context, by ordering.By) (order.Order, error) {
		return b.desk.Place(ctx, by, ordering.New{CustomerID: b.buyer, Currency: "USD", Confirm: confirm, Wishes: wishes(lines), Terms: terms})
	})
}

func wishes(lines []Line) []order.Wish {
	var out []order.Wish
	for _, l := range lines {
		out = append(out, order.Wish{SKU: l.SKU, Quantity: l.Quantity})
	}
	return out
}

// proven fails the test unless the ledger explains every balance.
func (b *bench) proven() {
	b.t.Helper()
	p, err := b.proofs.Prove(context.Background())
	if err != nil || !p.Complete || len(p.Drift) > 0 || p.Unsettled > 0 {
		b.t.Fatalf("proof: %+v, %v", p, err)
	}
}

func (b *bench) stocked() map[stock.Place]stock.Item {
	b.t.Helper()
	var places []stock.Place
	for _, sku := range b.skus {
		for _, l := range locations {
			places = append(places, stock.Place{SKU: sku, Location: l})
		}
	}
	items, err := b.healthy.Stock(context.Background(), places)
	if err != nil {
		b.t.Fatal(err)
	}
	for p, i := range items {
		if i.OnHand < 0 || i.Reserved < 0 || i.Available != i.OnHand-i.Reserved || i.Available < 0 {
			b.t.Fatalf("%v: %+v", p, i)
		}
	}
	return items
}

// orders reads every order there is.
func (b *bench) orders() map[string]order.Order {
	b.t.Helper()
	all := map[string]order.Order{}
	for page := (table.Page{Limit: 100}); ; {
		l, err := b.healthy.Orders(context.Background(), table.OrderFilter{CustomerID: b.buyer}, page)
		if err != nil {
			b.t.Fatal(err)
		}
		for _, o := range l.Items {
			all[o.ID] = o
		}
		if page.After = l.Next; l.Next == "" {
			return all
		}
	}
}

// dice decides which calls fail: about a tenth, and all modes but death.
func dice(r *rand.Rand) func(string) fault.Mode {
	var mu sync.Mutex
	return func(operation string) fault.Mode {
		mu.Lock()
		defer mu.Unlock()
		if r.IntN(10) > 0 {
			return fault.None
		}
		if operation == "TransactWriteItems" {
			return []fault.Mode{fault.Lost, fault.Unanswered, fault.Conflict, fault.Throttle}[r.IntN(4)]
		}
		return []fault.Mode{fault.Lost, fault.Throttle}[r.IntN(2)]
	}
}

// One after the other: after every step the table is what the model says.
func TestModelAndTableAgreeAfterEveryStep(t *testing.T) {
	t.Parallel()
	steps := 0
	rapid.Check(t, func(r *rapid.T) {
		b := newBench(t, skus, dice(rand.New(rand.NewPCG(rapid.Uint64().Draw(r, "faults"), 1))))
		defer func() { steps += b.keys }()
		s := &sequence{bench: b, world: &World{
			Locations: locations, Backorder: map[string]bool{"WAITS": true}, OnHand: map[Place]int64{},
		}}
		r.Repeat(map[string]func(*rapid.T){
			"":         s.compare,
			"place":    s.place,
			"confirm":  s.act("confirm", (*ordering.Desk).Confirm, (*World).Confirm),
			"cancel":   s.act("cancel", cancel, (*World).Cancel),
			"hold":     s.act("hold", hold, (*World).Hold),
			"release":  s.act("release", (*ordering.Desk).Release, (*World).Release),
			"edit":     s.edit,
			"give up":  s.act("give up", giveUp, (*World).CancelBackorders),
			"ship":     s.ship,
			"undo":     s.parcelled((*bench).undo, (*World).Undo),
			"deliver":  s.parcelled((*bench).deliver, (*World).Deliver),
			"return":   s.giveBack,
			"serve":    s.serve,
			"receive":  s.receive,
			"adjust":   s.adjust,
			"transfer": s.transfer,
		})
		b.proven()
	})
	t.Logf("%d operations", steps)
}

// sequence drives the model and the system side by side.
type sequence struct {
	*bench
	world   *World
	ids     []string   // of the world's orders
	parcels [][]string // ids of their shipments
}

func cancel(d *ordering.Desk, ctx context.Context, by ordering.By, id string) (order.Order, error) { //nolint:revive // the receiver comes first, as in a method expression
	return d.Cancel(ctx, by, id, "")
}

func hold(d *ordering.Desk, ctx context.Context, by ordering.By, id string) (order.Order, error) { //nolint:revive // as above
	return d.Hold(ctx, by, id, "wait")
}

func giveUp(d *ordering.Desk, ctx context.Context, by ordering.By, id string) (order.Order, error) { //nolint:revive // as above
	return d.CancelBackorders(ctx, by, id, "")
}

func drawLines(r *rapid.T) []Line {
	var lines []Line
	for _, sku := range rapid.SliceOfNDistinct(rapid.SampledFrom(skus), 1, 3, rapid.ID).Draw(r, "skus") {
		lines = append(lines, Line{sku, rapid.Int64Range(1, 9).Draw(r, "quantity")})
	}
	return lines
}

func drawPlace(r *rapid.T) Place {
	return Place{rapid.SampledFrom(skus).Draw(r, "sku"), rapid.SampledFrom(locations).Draw(r, "location")}
}

func (p Place) stock() stock.Place { return stock.Place(p) }

func (s *sequence) agree(r *rapid.T, what, got, want string) {
	if got != want {
		r.Fatalf("%s: the system says %q, the model %q", what, got, want)
	}
}

func (s *sequence) place(r *rapid.T) {
	lines, confirm := drawLines(r), rapid.Bool().Draw(r, "confirm")
	want := ""
	if s.world.Place(lines, confirm) == nil {
		want = "insufficient_stock"
	}
	o, code := s.bench.place(lines, confirm, nil)
	s.agree(r, "place", code, want)
	if code == "" {
		s.ids, s.parcels = append(s.ids, o.ID), append(s.parcels, nil)
	}
}

// pick draws one of the orders there are; the step is skipped when there is none.
func (s *sequence) pick(r *rapid.T) int {
	if len(s.ids) == 0 {
		r.Skip("no order yet")
	}
	return rapid.IntRange(0, len(s.ids)-1).Draw(r, "order")
}

func (s *sequence) act(name string, do func(*ordering.Desk, context.Context, ordering.By, string) (order.Order, error), say func(*World, *Order) string) func(*rapid.T) {
	return func(r *rapid.T) {
		i := s.pick(r)
		want := say(s.world, s.world.Orders[i])
		_, code := s.order(s.mark(name), func(ctx context.Context, by ordering.By) (order.Order, error) {
			return do(s.desk, ctx, by, s.ids[i])
		})
		s.agree(r, name, code, want)
	}
}

func (s *sequence) edit(r *rapid.T) {
	i, lines := s.pick(r), drawLines(r)
	want := s.world.Edit(s.world.Orders[i], lines)
	_, code := s.order(s.mark("edit"), func(ctx context.Context, by ordering.By) (order.Order, error) {
		return s.desk.Edit(ctx, by, s.ids[i], ordering.Edit{Wishes: wishes(lines)})
	})
	s.agree(r, "edit", code, want)
}

// ship takes goods of an order that is open, if there is one, and mostly of a SKU that it has.
func (s *sequence) ship(r *rapid.T) {
	i := s.pick(r)
	p, n := drawPlace(r), rapid.Int64Range(1, 9).Draw(r, "quantity")
	if lines := s.world.Orders[i].Lines; rapid.IntRange(0, 9).Draw(r, "of its own") > 0 {
		p.SKU = rapid.SampledFrom(lines).Draw(r, "line").SKU
	}
	want := s.world.Ship(s.world.Orders[i], p, n)
	sh, code := s.bench.ship(s.ids[i], p.stock(), n)
	s.agree(r, "ship", code, want)
	if code == "" {
		s.parcels[i] = append(s.parcels[i], sh.ID)
	}
}

// parcelled does something to a shipment of an order.
func (s *sequence) parcelled(do func(*bench, string) (shipment.Shipment, string), say func(*World, *Order, *Parcel) string) func(*rapid.T) {
	return func(r *rapid.T) {
		i := s.pick(r)
		if len(s.parcels[i]) == 0 {
			r.Skip("nothing has left")
		}
		j := rapid.IntRange(0, len(s.parcels[i])-1).Draw(r, "parcel")
		want := say(s.world, s.world.Orders[i], s.world.Orders[i].Parcels[j])
		_, code := do(s.bench, s.parcels[i][j])
		s.agree(r, "parcel", code, want)
	}
}

func (s *sequence) giveBack(r *rapid.T) {
	i, n, restock := s.pick(r), rapid.Int64Range(1, 5).Draw(r, "quantity"), rapid.Bool().Draw(r, "restock")
	p := drawPlace(r)
	p.SKU = rapid.SampledFrom(s.world.Orders[i].Lines).Draw(r, "line").SKU
	want := s.world.Return(s.world.Orders[i], p, n, restock)
	_, code := s.bench.giveBack(s.ids[i], p.stock(), n, restock)
	s.agree(r, "return", code, want)
}

func (s *sequence) serve(r *rapid.T) {
	sku := rapid.SampledFrom(skus).Draw(r, "sku")
	s.world.Serve(sku)
	s.bench.serve(sku)
}

func (s *sequence) receive(r *rapid.T) {
	p, n := drawPlace(r), rapid.Int64Range(1, 20).Draw(r, "quantity")
	s.world.Adjust(p, n, false)
	m := stock.Movement{Kind: stock.Receive, Place: p.stock(), Quantity: n}
	if rapid.Bool().Draw(r, "priced") {
		cost := rapid.Int64Range(0, 999).Draw(r, "cost")
		m.UnitCost = &cost
	}
	_, code := s.move(m, false)
	s.agree(r, "receive", code, "")
}

func (s *sequence) adjust(r *rapid.T) {
	p, n, release := drawPlace(r), rapid.Int64Range(-12, 12).Filter(func(n int64) bool { return n != 0 }).Draw(r, "quantity"), rapid.Bool().Draw(r, "release")
	want := s.world.Adjust(p, n, release)
	_, code := s.move(stock.Movement{Kind: stock.Adjust, Place: p.stock(), Quantity: n, Reason: "count"}, release)
	s.agree(r, "adjust", code, want)
}

func (s *sequence) transfer(r *rapid.T) {
	sku, n := rapid.SampledFrom(skus).Draw(r, "sku"), rapid.Int64Range(1, 9).Draw(r, "quantity")
	from, to := Place{sku, "MAIN"}, Place{sku, "EAST"}
	if rapid.Bool().Draw(r, "back") {
		from, to = to, from
	}
	want := s.world.Transfer(from, to, n)
	_, code := s.move(stock.Movement{Kind: stock.Transfer, Place: from.stock(), Quantity: n, ToLocation: to.Location}, false)
	s.agree(r, "transfer", code, want)
}

// compare holds the whole table against the model.
func (s *sequence) compare(r *rapid.T) {
	for p, i := range s.stocked() {
		at := Place(p)
		if i.OnHand != s.world.OnHand[at] || i.Reserved != s.world.Reserved(at) {
			r.Fatalf("%v: table %d on hand and %d reserved, model %d and %d", p, i.OnHand, i.Reserved, s.world.OnHand[at], s.world.Reserved(at))
		}
	}
	stored := s.orders()
	if len(stored) != len(s.ids) {
		r.Fatalf("%d orders in the table, %d in the model", len(stored), len(s.ids))
	}
	for i, want := range s.world.Orders {
		got := stored[s.ids[i]]
		if string(got.Status) != want.Status || got.HoldReason != want.Hold || !got.Sound() {
			r.Fatalf("order %d: table %s %q, model %s %q", i, got.Status, got.HoldReason, want.Status, want.Hold)
		}
		reserved := map[Place]int64{}
		for p, n := range got.Allocations() {
			reserved[Place(p)] = n
		}
		expected := maps.Clone(want.Reserved)
		maps.DeleteFunc(expected, func(_ Place, n int64) bool { return n == 0 })
		if !maps.Equal(reserved, expected) {
			r.Fatalf("order %d: reserved in the table %v, in the model %v", i, reserved, expected)
		}
		for _, l := range got.Lines {
			for _, n := range []struct {
				what        string
				got, expect int64
			}{
				{"wait", l.Backordered, want.Waiting[l.SKU]}, {"have left", l.Shipped, want.Shipped[l.SKU]},
				{"are cancelled", l.Cancelled, want.Cancelled[l.SKU]}, {"came back", l.Returned, want.Returned[l.SKU]},
			} {
				if n.got != n.expect {
					r.Fatalf("order %d: %d of %s %s in the table, %d in the model", i, n.got, l.SKU, n.what, n.expect)
				}
			}
		}
	}
}

// Eight at once, on the same orders and stock: whenever they pause, every
// balance is what the operations that succeeded make it.
func TestBalancesAddUpAtEveryPause(t *testing.T) {
	t.Parallel()
	c := newCrowd(t, skus)
	for range 20 {
		c.work(8, func(done int) bool { return done < 63 })
		c.addsUp()
	}
	t.Logf("%d operations, %d orders, of which %d expired", c.keys, len(c.seen), c.expired)
}

// Sixteen for a minute on twenty SKUs, which is a warehouse's busy day.
func TestBalancesAddUpThroughABusyMinute(t *testing.T) {
	t.Parallel()
	many := slices.Clone(skus)
	for len(many) < 20 {
		many = append(many, fmt.Sprint("SKU-", len(many)))
	}
	c := newCrowd(t, many)
	const pauses = 5
	for range pauses {
		end := time.Now().Add(*minuteFlag / pauses)
		c.work(16, func(int) bool { return time.Now().Before(end) })
		c.addsUp()
	}
	t.Logf("%d operations, %d orders, of which %d expired", c.keys, len(c.seen), c.expired)
}

// crowd is workers on one table, and what they were told.
type crowd struct {
	*bench
	t      *testing.T
	skus   []string
	seed   uint64
	worker uint64 // how many there were so far: each has dice of its own

	mu      sync.Mutex
	seen    map[string]order.Order // the newest version that anybody was told of
	parcels []string               // ids of shipments, the oldest first
	onHand  map[stock.Place]int64
	expired int
}

func newCrowd(t *testing.T, skus []string) *crowd {
	t.Helper()
	seed := *seedFlag
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("seed %d (again with -model.seed)", seed)
	return &crowd{
		bench: newBench(t, skus, dice(rand.New(rand.NewPCG(seed, 0)))), t: t, skus: skus, seed: seed,
		seen: map[string]order.Order{}, onHand: map[stock.Place]int64{},
	}
}

// work has workers do random operations while more says so of what each of them did.
func (c *crowd) work(workers int, more func(done int) bool) {
	var wg sync.WaitGroup
	for range workers {
		c.worker++
		r := rand.New(rand.NewPCG(c.seed, c.worker))
		wg.Go(func() {
			for n := 0; more(n); n++ {
				c.random(r)
			}
		})
	}
	wg.Wait()
}

// addsUp fails the test unless the table is what the operations came to.
func (c *crowd) addsUp() {
	c.t.Helper()
	reserved, missing := map[stock.Place]int64{}, maps.Clone(c.seen)
	for id, stored := range c.orders() {
		// An adjustment, a shipment or a return changes orders without telling of them.
		o := c.seen[id]
		if stored.Version < o.Version || (stored.Version == o.Version && stored.Status != o.Status) || !stored.Sound() {
			c.t.Fatalf("order %s: told of version %d %s, stored is %d %s", id, o.Version, o.Status, stored.Version, stored.Status)
		}
		for p, n := range stored.Allocations() {
			reserved[p] += n
		}
		delete(missing, id)
	}
	if len(missing) > 0 {
		c.t.Fatalf("orders that were told of and are not there: %v", missing)
	}
	for p, i := range c.stocked() {
		if i.OnHand != c.onHand[p] || i.Reserved != reserved[p] {
			c.t.Fatalf("%v: table %d on hand and %d reserved, operations come to %d and %d", p, i.OnHand, i.Reserved, c.onHand[p], reserved[p])
		}
	}
	c.proven()
}

func (c *crowd) told(o order.Order, code string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if code == "" && c.seen[o.ID].Version < o.Version {
		c.seen[o.ID] = o
	}
}

func (c *crowd) moved(m stock.Movement, code string) {
	if code != "" {
		return
	}
	for _, change := range m.Changes() {
		c.add(change.Place, change.OnHand)
	}
}

func (c *crowd) add(p stock.Place, n int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.onHand[p] += n
}

// came counts the goods of a shipment that came back (or left, for a negative sign).
func (c *crowd) came(s shipment.Shipment, sign int64) {
	for _, l := range s.Lines {
		c.add(stock.Place{SKU: l.SKU, Location: s.Location}, sign*l.Quantity)
	}
}

// recent draws one of the newest of sorted ids, so that workers meet.
func recent(r *rand.Rand, ids []string) string {
	return ids[len(ids)-1-r.IntN(min(len(ids), 12))]
}

// random does one random operation.
func (c *crowd) random(r *rand.Rand) {
	place := Place{c.skus[r.IntN(len(c.skus))], locations[r.IntN(2)]}.stock()
	n := 1 + r.Int64N(9)
	lines := []Line{{place.SKU, n}}
	if other := c.skus[r.IntN(len(c.skus))]; other != place.SKU {
		lines = append(lines, Line{other, 1 + r.Int64N(5)})
	}
	c.mu.Lock()
	ids, parcels := slices.Sorted(maps.Keys(c.seen)), slices.Clone(c.parcels)
	c.mu.Unlock()
	kind := r.IntN(15)
	switch {
	case kind < 3 || len(ids) == 0:
		c.told(c.place(lines, kind > 0, []*customer.Terms{nil, nil, prepaid}[r.IntN(3)]))
	case kind == 3:
		c.moved(c.move(stock.Movement{Kind: stock.Receive, Place: place, Quantity: 3 * n}, false))
	case kind == 4:
		c.moved(c.move(stock.Movement{Kind: stock.Adjust, Place: place, Quantity: []int64{-n, n}[r.IntN(2)], Reason: "count"}, r.IntN(2) == 0))
	case kind == 5:
		to := locations[0]
		if to == place.Location {
			to = locations[1]
		}
		c.moved(c.move(stock.Movement{Kind: stock.Transfer, Place: place, Quantity: n, ToLocation: to}, false))
	case kind < 9:
		c.fulfil(r, recent(r, ids), parcels)
	case kind == 9:
		c.serve(place.SKU)
	case kind == 10:
		if c.expire(recent(r, ids)) {
			c.mu.Lock()
			c.expired++
			c.mu.Unlock()
		}
	default:
		c.told(c.order(c.mark("change"), c.change(r, recent(r, ids), lines)))
	}
}

// fulfil ships, takes back or returns something of an order.
func (c *crowd) fulfil(r *rand.Rand, id string, parcels []string) {
	c.mu.Lock()
	lines := c.seen[id].Lines
	c.mu.Unlock()
	p := stock.Place{SKU: lines[r.IntN(len(lines))].SKU, Location: locations[r.IntN(2)]}
	n := 1 + r.Int64N(5)
	switch kind := r.IntN(6); {
	case kind < 3:
		if s, code := c.ship(id, p, n); code == "" {
			c.came(s, -1)
			c.mu.Lock()
			c.parcels = append(c.parcels, s.ID)
			c.mu.Unlock()
		}
	case kind == 3:
		if b, code := c.giveBack(id, p, n, r.IntN(2) == 0); code == "" {
			for _, l := range b.Lines {
				if l.Restock {
					c.add(stock.Place{SKU: l.SKU, Location: b.Location}, l.Quantity)
				}
			}
		}
	case len(parcels) == 0:
	case kind == 4:
		if s, code := c.undo(recent(r, parcels)); code == "" {
			c.came(s, 1)
		}
	default:
		c.deliver(recent(r, parcels))
	}
}

// change is a random change of an order. Many are cancels, so that open orders,
// which adjustments walk, stay few.
func (c *crowd) change(r *rand.Rand, id string, lines []Line) func(context.Context, ordering.By) (order.Order, error) {
	return []func(context.Context, ordering.By) (order.Order, error){
		func(ctx context.Context, by ordering.By) (order.Order, error) { return c.desk.Cancel(ctx, by, id, "") },
		func(ctx context.Context, by ordering.By) (order.Order, error) { return c.desk.Cancel(ctx, by, id, "") },
		func(ctx context.Context, by ordering.By) (order.Order, error) {
			return c.desk.CancelBackorders(ctx, by, id, "")
		},
		func(ctx context.Context, by ordering.By) (order.Order, error) { return c.desk.Confirm(ctx, by, id) },
		func(ctx context.Context, by ordering.By) (order.Order, error) {
			return c.desk.Hold(ctx, by, id, "wait")
		},
		func(ctx context.Context, by ordering.By) (order.Order, error) { return c.desk.Release(ctx, by, id) },
		func(ctx context.Context, by ordering.By) (order.Order, error) {
			return c.desk.Edit(ctx, by, id, ordering.Edit{Wishes: wishes(lines)})
		},
	}[r.IntN(7)]
}
