package warehouse

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"waybill/shared/order"
	"waybill/shared/refusal"
	"waybill/shared/stock"
	"waybill/shared/table"
)

// A Proof recomputes every balance from what made it: on_hand and value from
// the movements, reserved from the allocations of open orders.
type Proof struct {
	Run       int64 // counts the runs that were stored, from 1
	Complete  bool
	Checked   int64 // stock items
	Orders    int64 // open orders
	Unsettled int64 // stock items that changed at every look
	Drift     []Drift
	At        time.Time
	After     string // where an incomplete run goes on
	Untended  bool   `json:",omitempty"` // SKUs were passed by somebody who does not tend them

	version int64 // of what is stored of the run
}

// A Drift is a balance that its entries do not explain.
type Drift struct {
	SKU, Location   string
	Field           string // on_hand, reserved, available, value; order: an order's own quantities; waiting: its place in a queue
	Expected, Found int64
	Order           string // for order and waiting: its number
}

// How long a request may work on the proof, and how many stock items are few
// enough to recompute at every look.
const (
	proofTime  = 8 * time.Second
	smallTable = 20_000
)

// mostDrifts is how many drifts a proof names; a table with more needs a look at more than names.
const mostDrifts = 1000

// looks is how often a drifting SKU is read again before its drift counts:
// reads are not snapshots, and the index of open orders lags.
const looks = 4

// Prove recomputes all balances while the table is small, and returns the last
// stored run when it is not; a refusal of kind NotFound when there is none. A
// run that this call has no time for, of a table that has more by now than the
// stored one, is returned as far as it came.
func (f *Floor) Prove(ctx context.Context) (Proof, error) {
	last, err := f.lastProof(ctx)
	if err != nil {
		return Proof{}, err
	}
	if last.Checked <= smallTable {
		run, err := f.run(ctx, Proof{}, f.IDs.Now().Add(proofTime), nil, keep)
		// A table that grew since the last run is not proven by it.
		grown := !last.At.IsZero() && run.Checked > last.Checked
		if err != nil || run.Complete || grown {
			return run, err
		}
	}
	if last.At.IsZero() {
		return Proof{}, refusal.New(refusal.NotFound, "no_proof", "The table is large and no run of the proof was stored yet; POST starts one.")
	}
	return last, nil
}

// RunProof starts a run of the proof, or goes on with the one that was not
// finished, and stores how far it comes.
func (f *Floor) RunProof(ctx context.Context) (Proof, error) {
	return f.goOn(ctx, f.IDs.Now().Add(proofTime), nil)
}

// goOn goes on with the stored run, or starts the next one, and stores it
// after every page. Where somebody else goes on with the same run, the one who
// is first does, and the other returns what is stored.
func (f *Floor) goOn(ctx context.Context, until time.Time, tend Tend) (Proof, error) {
	run, err := f.lastProof(ctx)
	if err != nil {
		return Proof{}, err
	}
	if run.Complete || run.At.IsZero() {
		run = Proof{Run: run.Run + 1, version: run.version}
	}
	done, err := f.run(ctx, run, until, tend, f.saveProof)
	if refusal.Is(err, "stale") {
		return f.lastProof(ctx)
	}
	return done, err
}

// lastProof is the stored run; a zero Proof before the first.
func (f *Floor) lastProof(ctx context.Context) (Proof, error) {
	var p Proof
	stored, version, err := f.DB.Proof(ctx)
	if err != nil || stored == nil {
		return p, err
	}
	if err := json.Unmarshal(stored, &p); err != nil {
		return p, fmt.Errorf("decode a proof: %w", err)
	}
	p.version = version
	return p, nil
}

// saveProof stores how far a run came, with its event in the same transaction when it is complete.
func (f *Floor) saveProof(ctx context.Context, run *Proof) error {
	stored, err := json.Marshal(run)
	if err != nil {
		return fmt.Errorf("encode a proof: %w", err)
	}
	tx := &table.Tx{}
	tx.SaveProof(stored, run.version)
	if run.Complete {
		tx.Event(f.proofEvent(*run))
	}
	if err := f.DB.Commit(ctx, tx); err != nil {
		return err
	}
	run.version++
	return nil
}

// keep stores nothing.
func keep(context.Context, *Proof) error { return nil }

// run goes on with a run until every SKU was checked or the time is up, and saves it after each page.
func (f *Floor) run(ctx context.Context, run Proof, until time.Time, tend Tend, save func(context.Context, *Proof) error) (Proof, error) {
	held, err := f.held(ctx)
	if err != nil {
		return run, err
	}
	if run.After == "" {
		run.Drift = append(run.Drift, held.unsound...)
	}
	run.Orders = held.orders
	for {
		page, err := f.DB.Products(ctx, table.ProductFilter{}, table.Page{Limit: 100, After: run.After})
		if err != nil {
			return run, err
		}
		skus := make([]string, len(page.Items))
		for i, p := range page.Items {
			skus[i] = p.SKU
		}
		free, err := f.check(ctx, &run, skus, held)
		if err != nil {
			return run, err
		}
		if err := tend.all(ctx, skus, free); err != nil {
			return run, err
		}
		run.Untended = run.Untended || tend == nil
		run.Drift = run.Drift[:min(len(run.Drift), mostDrifts)]
		run.After, run.At, run.Complete = page.Next, f.IDs.Now(), page.Next == ""
		if err := save(ctx, &run); err != nil {
			return run, err
		}
		if run.Complete || !run.At.Before(until) {
			return run, nil
		}
	}
}

// check compares the balances of some SKUs, and looks again at those that
// drift. It returns which of them have units that are free.
func (f *Floor) check(ctx context.Context, run *Proof, skus []string, held holdings) (map[string]bool, error) {
	var mu sync.Mutex
	var drifting []string
	free := map[string]bool{}
	err := table.Each(ctx, len(skus), func(ctx context.Context, i int) error {
		ledger, err := f.DB.Ledger(ctx, skus[i])
		if err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		run.Checked += int64(len(ledger.Items))
		if len(compare(skus[i], ledger, held)) > 0 {
			drifting = append(drifting, skus[i])
		}
		for _, item := range ledger.Items {
			if item.Available > 0 && item.Location != stock.InTransit {
				free[skus[i]] = true
			}
		}
		return nil
	})
	if err != nil || len(drifting) == 0 {
		return free, err
	}
	slices.Sort(drifting)
	return free, f.lookAgain(ctx, run, drifting)
}

// lookAgain settles which drifts are real: those that stand while no version
// of the SKU's stock items changed from before the orders were read until after.
func (f *Floor) lookAgain(ctx context.Context, run *Proof, skus []string) error {
	for look := range looks {
		if err := f.Pause(ctx, time.Duration(look)*300*time.Millisecond); err != nil {
			return err
		}
		before := map[string][]stock.Item{}
		for _, sku := range skus {
			ledger, err := f.DB.Ledger(ctx, sku)
			if err != nil {
				return err
			}
			before[sku] = ledger.Items
		}
		held, err := f.held(ctx)
		if err != nil {
			return err
		}
		var open []string
		for _, sku := range skus {
			ledger, err := f.DB.Ledger(ctx, sku)
			if err != nil {
				return err
			}
			drift := compare(sku, ledger, held)
			switch {
			case len(drift) == 0:
			case !slices.Equal(ledger.Items, before[sku]):
				open = append(open, sku)
			case look < looks-1:
				open = append(open, sku) // still standing: the index may lag, give it another look
			default:
				run.Drift = append(run.Drift, drift...)
			}
		}
		if skus = open; len(skus) == 0 {
			return nil
		}
	}
	run.Unsettled += int64(len(skus))
	return nil
}

// holdings is what open orders hold.
type holdings struct {
	reserved map[string]map[string]int64 // by SKU and location
	waiting  map[string][]waiter         // by SKU
	orders   int64
	unsound  []Drift
}

// A waiter is an order that waits for a SKU.
type waiter struct{ id, number string }

func (f *Floor) held(ctx context.Context) (holdings, error) {
	h := holdings{reserved: map[string]map[string]int64{}, waiting: map[string][]waiter{}}
	err := f.DB.OpenOrders(ctx, func(o order.Order) bool {
		h.orders++
		for p, n := range o.Allocations() {
			if h.reserved[p.SKU] == nil {
				h.reserved[p.SKU] = map[string]int64{}
			}
			h.reserved[p.SKU][p.Location] += n
		}
		for _, l := range o.Lines {
			if l.Backordered > 0 {
				h.waiting[l.SKU] = append(h.waiting[l.SKU], waiter{o.ID, o.Number})
			}
		}
		if !o.Sound() {
			h.unsound = append(h.unsound, Drift{Field: "order", Order: o.Number})
		}
		return true
	})
	return h, err
}

// compare names every balance of a SKU that its entries do not explain, and
// every order that waits for it without standing in the queue.
func compare(sku string, ledger table.Ledger, held holdings) []Drift {
	type sum struct{ onHand, value int64 }
	sums := map[string]sum{}
	for _, m := range ledger.Movements {
		for _, c := range m.Changes() {
			s := sums[c.Location]
			s.onHand += c.OnHand
			s.value += c.Value
			sums[c.Location] = s
		}
	}
	found := map[string]stock.Item{}
	for _, i := range ledger.Items {
		found[i.Location] = i
	}
	locations := map[string]bool{}
	for l := range sums {
		locations[l] = true
	}
	for l := range found {
		locations[l] = true
	}
	for l := range held.reserved[sku] {
		locations[l] = true
	}
	var drift []Drift
	for _, l := range slices.Sorted(maps.Keys(locations)) {
		i, reserved := found[l], held.reserved[sku][l]
		for _, d := range []Drift{
			{Field: "on_hand", Expected: sums[l].onHand, Found: i.OnHand},
			{Field: "value", Expected: sums[l].value, Found: i.Value},
			{Field: "reserved", Expected: reserved, Found: i.Reserved},
			{Field: "available", Expected: i.OnHand - i.Reserved, Found: i.Available},
		} {
			if d.Expected != d.Found {
				d.SKU, d.Location = sku, l
				drift = append(drift, d)
			}
		}
		for _, d := range []Drift{
			{Field: "on_hand", Found: i.OnHand}, {Field: "reserved", Found: i.Reserved}, {Field: "available", Found: i.Available},
		} {
			if d.Found < 0 {
				d.SKU, d.Location = sku, l
				drift = append(drift, d)
			}
		}
	}
	for _, w := range held.waiting[sku] {
		if !ledger.Waiting[w.id] {
			drift = append(drift, Drift{SKU: sku, Field: "waiting", Expected: 1, Order: w.number})
		}
	}
	return drift
}
