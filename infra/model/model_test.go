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
	"waybill/shared/customer"
	"waybill/shared/gateway"
	"waybill/shared/ident"
	"waybill/shared/order"
	"waybill/shared/ordering"
	"waybill/shared/product"
	"waybill/shared/refusal"
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

var seedFlag = flag.Uint64("model.seed", 0, "seed of the concurrent run; 0 draws one")

var (
	skus      = []string{"A", "B", "C", "D", "WAITS"} // the last may be backordered
	locations = []string{"MAIN", "EAST"}
	manager   = access.Principal{ID: "manager", Roles: []access.Role{access.Manager}}
)

// bench is the system under test: once healthy, to look at what is stored, and once with faults.
type bench struct {
	t       testing.TB
	healthy *table.DB
	desk    *ordering.Desk // through faults
	floor   *warehouse.Floor
	edge    gateway.Edge
	proofs  *warehouse.Floor // healthy
	ids     ident.Source
	buyer   string
	mu      sync.Mutex
	keys    int
}

// newBench makes a table with products and locations. Each call to the table
// fails as decide says.
func newBench(t testing.TB, decide func(operation string) fault.Mode) *bench {
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
		t: t, healthy: healthy, ids: ids,
		desk:   &ordering.Desk{DB: faulty, IDs: ids},
		floor:  &warehouse.Floor{DB: faulty, IDs: ids, Pause: noPause},
		edge:   gateway.Edge{Records: faulty},
		proofs: &warehouse.Floor{DB: healthy, IDs: ids, Pause: noPause},
		buyer:  ids.ID(),
	}
	tx := &table.Tx{}
	tx.SaveLocations(table.Locations{List: []stock.Location{
		{Code: "MAIN", Name: "Main", Priority: 1, Version: 1}, {Code: "EAST", Name: "East", Priority: 2, Version: 1},
	}}, 0)
	tx.NewCustomer(customer.Customer{ID: b.buyer, Name: "Buyer", Locale: "en", Terms: customer.Terms{Kind: customer.Prepaid}, Version: 1})
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

func (b *bench) place(lines []Line, confirm bool) (order.Order, string) {
	return b.order(b.mark("place"), func(ctx context.Context, by ordering.By) (order.Order, error) {
		return b.desk.Place(ctx, by, ordering.New{CustomerID: b.buyer, Currency: "USD", Confirm: confirm, Wishes: wishes(lines)})
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
	for _, sku := range skus {
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
		b := newBench(t, dice(rand.New(rand.NewPCG(rapid.Uint64().Draw(r, "faults"), 1))))
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
	world *World
	ids   []string // of the world's orders
}

func cancel(d *ordering.Desk, ctx context.Context, by ordering.By, id string) (order.Order, error) { //nolint:revive // the receiver comes first, as in a method expression
	return d.Cancel(ctx, by, id, "")
}

func hold(d *ordering.Desk, ctx context.Context, by ordering.By, id string) (order.Order, error) { //nolint:revive // as above
	return d.Hold(ctx, by, id, "wait")
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
	o, code := s.bench.place(lines, confirm)
	s.agree(r, "place", code, want)
	if code == "" {
		s.ids = append(s.ids, o.ID)
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
			if l.Backordered != want.Waiting[l.SKU] {
				r.Fatalf("order %d: %d of %s wait in the table, %d in the model", i, l.Backordered, l.SKU, want.Waiting[l.SKU])
			}
		}
	}
}

// Eight at once, on the same orders and stock: whenever they pause, every
// balance is what the operations that succeeded make it.
func TestBalancesAddUpAtEveryPause(t *testing.T) {
	t.Parallel()
	const workers, pauses, perPause = 8, 20, 63
	seed := *seedFlag
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("seed %d (again with -model.seed)", seed)
	b := newBench(t, dice(rand.New(rand.NewPCG(seed, 0))))
	onHand := map[stock.Place]int64{}
	seen := map[string]order.Order{} // the newest version that anybody was told of
	var mu sync.Mutex
	told := func(o order.Order) {
		mu.Lock()
		defer mu.Unlock()
		if seen[o.ID].Version < o.Version {
			seen[o.ID] = o
		}
	}
	moved := func(m stock.Movement, code string) {
		if code != "" {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		for _, c := range m.Changes() {
			onHand[c.Place] += c.OnHand
		}
	}
	for pause := range pauses {
		var wg sync.WaitGroup
		for w := range workers {
			r := rand.New(rand.NewPCG(seed, uint64(1+pause*workers+w)))
			wg.Go(func() {
				for range perPause {
					b.random(r, seen, &mu, told, moved)
				}
			})
		}
		wg.Wait()
		reserved, missing := map[stock.Place]int64{}, maps.Clone(seen)
		for id, stored := range b.orders() {
			// An adjustment changes orders without telling their ids.
			o := seen[id]
			if stored.Version < o.Version || (stored.Version == o.Version && stored.Status != o.Status) || !stored.Sound() {
				t.Fatalf("order %s: told of version %d %s, stored is %d %s", id, o.Version, o.Status, stored.Version, stored.Status)
			}
			for p, n := range stored.Allocations() {
				reserved[p] += n
			}
			delete(missing, id)
		}
		if len(missing) > 0 {
			t.Fatalf("orders that were told of and are not there: %v", missing)
		}
		for p, i := range b.stocked() {
			if i.OnHand != onHand[p] || i.Reserved != reserved[p] {
				t.Fatalf("pause %d, %v: table %d on hand and %d reserved, operations come to %d and %d", pause, p, i.OnHand, i.Reserved, onHand[p], reserved[p])
			}
		}
		b.proven()
	}
	t.Logf("%d operations, %d orders", b.keys, len(seen))
}

// random does one random operation.
func (b *bench) random(r *rand.Rand, seen map[string]order.Order, mu *sync.Mutex, told func(order.Order), moved func(stock.Movement, string)) {
	place := Place{skus[r.IntN(len(skus))], locations[r.IntN(2)]}.stock()
	n := 1 + r.Int64N(9)
	lines := []Line{{skus[r.IntN(len(skus))], n}}
	if other := skus[r.IntN(len(skus))]; other != lines[0].SKU {
		lines = append(lines, Line{other, 1 + r.Int64N(5)})
	}
	mu.Lock()
	ids := slices.Sorted(maps.Keys(seen))
	mu.Unlock()
	tell := func(o order.Order, code string) {
		if code == "" {
			told(o)
		}
	}
	kind := r.IntN(10)
	switch {
	case kind < 3 || len(ids) == 0:
		tell(b.place(lines, kind > 0))
	case kind == 3:
		moved(b.move(stock.Movement{Kind: stock.Receive, Place: place, Quantity: 3 * n}, false))
	case kind == 4:
		moved(b.move(stock.Movement{Kind: stock.Adjust, Place: place, Quantity: []int64{-n, n}[r.IntN(2)], Reason: "count"}, r.IntN(2) == 0))
	case kind == 5:
		to := locations[0]
		if to == place.Location {
			to = locations[1]
		}
		moved(b.move(stock.Movement{Kind: stock.Transfer, Place: place, Quantity: n, ToLocation: to}, false))
	default:
		// The newest orders, so that workers meet.
		id := ids[len(ids)-1-r.IntN(min(len(ids), 12))]
		// Many cancels, so that open orders, which adjustments walk, stay few.
		do := []func(context.Context, ordering.By) (order.Order, error){
			func(ctx context.Context, by ordering.By) (order.Order, error) { return b.desk.Cancel(ctx, by, id, "") },
			func(ctx context.Context, by ordering.By) (order.Order, error) { return b.desk.Cancel(ctx, by, id, "") },
			func(ctx context.Context, by ordering.By) (order.Order, error) { return b.desk.Cancel(ctx, by, id, "") },
			func(ctx context.Context, by ordering.By) (order.Order, error) { return b.desk.Confirm(ctx, by, id) },
			func(ctx context.Context, by ordering.By) (order.Order, error) {
				return b.desk.Hold(ctx, by, id, "wait")
			},
			func(ctx context.Context, by ordering.By) (order.Order, error) { return b.desk.Release(ctx, by, id) },
			func(ctx context.Context, by ordering.By) (order.Order, error) {
				return b.desk.Edit(ctx, by, id, ordering.Edit{Wishes: wishes(lines)})
			},
			func(ctx context.Context, by ordering.By) (order.Order, error) {
				return b.desk.Edit(ctx, by, id, ordering.Edit{Wishes: wishes(lines)})
			},
		}[r.IntN(8)]
		tell(b.order(b.mark("change"), do))
	}
}
