package warehouse_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"waybill/infra/fault"
	"waybill/shared/event"
	"waybill/shared/product"
	"waybill/shared/table"
	"waybill/shared/warehouse"
)

// tended counts who was tended, with whether units were free.
type tended struct {
	mu   sync.Mutex
	skus map[string]int
	free map[string]bool
}

func (d *tended) tend(_ context.Context, sku string, free bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.skus == nil {
		d.skus, d.free = map[string]int{}, map[string]bool{}
	}
	d.skus[sku]++
	d.free[sku] = d.free[sku] || free
}

// pages adds so many products that a run has two pages, and returns all SKUs.
func (h hall) pages() []string {
	h.t.Helper()
	skus := []string{"MUG", "CUP"}
	old := h.IDs.Now().Add(-time.Hour)
	for n := 0; n < 110; {
		tx := &table.Tx{}
		for ; n < 110 && tx.Size() < 100; n++ {
			sku := fmt.Sprint("OLD-", n)
			skus = append(skus, sku)
			tx.NewProduct(product.Product{SKU: sku, ListID: h.IDs.IDAt(old.Add(time.Duration(n) * time.Second)), Version: 1, CreatedAt: old, UpdatedAt: old})
		}
		if err := h.DB.Commit(h.t.Context(), tx); err != nil {
			h.t.Fatal(err)
		}
	}
	return skus
}

func (h hall) audit(due time.Time, tend warehouse.Tend) warehouse.Proof {
	h.t.Helper()
	run, err := h.Audit(h.t.Context(), due, h.IDs.Now().Add(time.Hour), tend)
	if err != nil {
		h.t.Fatal(err)
	}
	return run
}

func proven(run, checked int64) string {
	return fmt.Sprintf("stock/proof %d system stock.proven map[checked:%d drift:[] drifts:0 orders:0 unsettled:0]", run, checked)
}

func (h hall) wantRuns(want ...string) {
	h.t.Helper()
	if got := h.happened(event.StockProven, event.StockDrift); !slices.Equal(got, want) {
		h.t.Errorf("events %q, want %q", got, want)
	}
}

func TestARunProvesTendsAndSaysSoOnce(t *testing.T) {
	t.Parallel()
	h := newHall(t, "MUG", "CUP")
	skus := h.pages()
	h.move(receipt("MUG", 5, 100), false)
	h.move(receipt("CUP", 5, 100), false)
	h.move(adjustment("CUP", -5), false)
	due := h.IDs.Now()
	var d tended
	if run := h.audit(due, d.tend); !run.Complete || run.Checked != 2 || run.Run != 1 {
		t.Errorf("the run is %+v", run)
	}
	if len(d.skus) != len(skus) || !d.free["MUG"] || d.free["CUP"] || d.free["OLD-7"] {
		t.Errorf("%d of %d were tended", len(d.skus), len(skus))
	}
	h.wantRuns(proven(1, 2))

	// The same call once more is a repetition; a later one is the next run.
	if run := h.audit(due, func(context.Context, string, bool) { t.Error("tended again") }); run.Run != 1 || !run.Complete {
		t.Errorf("the repetition is %+v", run)
	}
	h.wantRuns(proven(1, 2))
	h.audit(h.IDs.Now().Add(time.Millisecond), nil)
	h.wantRuns(proven(1, 2), proven(2, 2))
}

func TestARunWhoseTimeIsUpGoesOnWithTheNextCall(t *testing.T) {
	t.Parallel()
	h := newHall(t, "MUG", "CUP")
	skus := h.pages()
	h.move(receipt("MUG", 5, 100), false)
	due := h.IDs.Now()
	var d tended
	for call := 1; ; call++ {
		run, err := h.Audit(t.Context(), due, due, d.tend) // the time is up after each page
		if err != nil {
			t.Fatal(err)
		}
		if run.Complete != (call == 2) {
			t.Fatalf("call %d of two pages: %+v", call, run)
		}
		if run.Complete {
			break
		}
		h.wantRuns()
	}
	h.wantRuns(proven(1, 1))
	if len(d.skus) != len(skus) || slices.Max(slices.Collect(maps.Values(d.skus))) != 1 {
		t.Errorf("%d of %d were tended, or some twice", len(d.skus), len(skus))
	}
}

// Wherever a call is cut short, by a killed process or by a lost request or
// reply, its repetition ends the run with everything checked and one event.
func TestARunThatIsCutShortAnywhereEndsWithOneEvent(t *testing.T) {
	t.Parallel()
	every := func(string) bool { return true }
	saves := func(operation string) bool { return operation == "TransactWriteItems" }
	for _, c := range []struct {
		mode   fault.Mode
		counts func(operation string) bool
		step   int // after the first calls of a run come many that are alike
	}{{fault.Dead, every, 40}, {fault.Dead, saves, 1}, {fault.Lost, saves, 1}, {fault.Unanswered, saves, 1}} {
		t.Run(fmt.Sprint(c.mode, c.step), func(t *testing.T) {
			t.Parallel()
			h := newHall(t, "MUG", "CUP")
			skus := h.pages()
			h.move(receipt("MUG", 5, 100), false)
			at := h.IDs.Now()
			h.IDs.Now = func() time.Time { return at }
			calls, cut := 0, 0
			f := func() *warehouse.Floor {
				calls = 0
				return h.broken(func(operation string) fault.Mode {
					if !c.counts(operation) {
						return fault.None
					}
					if calls++; calls == cut {
						return c.mode
					}
					return fault.None
				})
			}
			if _, err := f().Audit(t.Context(), at, at.Add(time.Hour), nil); err != nil {
				t.Fatal(err)
			}
			want := []string{proven(1, 1)}
			for all := calls; cut < all; {
				if cut++; cut > 8 {
					cut = min(cut+c.step-1, all)
				}
				at = at.Add(time.Second)
				var d tended
				if _, err := f().Audit(t.Context(), at, at.Add(time.Hour), d.tend); err == nil {
					t.Errorf("call %d of %d failed and nobody noticed", cut, all)
				}
				run := h.audit(at, d.tend)
				want = append(want, proven(int64(len(want)+1), 1))
				if !run.Complete || run.Checked != 1 || len(d.skus) != len(skus) {
					t.Errorf("cut at call %d of %d: %+v, %d of %d tended", cut, all, run, len(d.skus), len(skus))
				}
			}
			h.wantRuns(want...)
			if len(want) < 3 {
				t.Errorf("only %d runs were cut short", len(want)-1)
			}
		})
	}
}

func TestTwoWhoGoOnWithARunEndItOnce(t *testing.T) {
	t.Parallel()
	h := newHall(t, "MUG", "CUP")
	h.pages()
	h.move(receipt("MUG", 5, 100), false)
	due := h.IDs.Now()
	var wg sync.WaitGroup
	begin := make(chan struct{})
	for range 4 {
		wg.Go(func() {
			<-begin
			h.audit(due, func(context.Context, string, bool) {})
		})
	}
	close(begin)
	wg.Wait()
	if run := h.audit(due, func(context.Context, string, bool) {}); !run.Complete || run.Checked != 1 {
		t.Errorf("the run is %+v", run)
	}
	h.wantRuns(proven(1, 1))
}

func TestTheEventNamesTwentyDriftsAndNoValues(t *testing.T) {
	t.Parallel()
	h := newHall(t, "MUG", "CUP")
	skus := h.pages()[2:25]
	for _, sku := range skus {
		h.move(receipt(sku, 5, 100), false)
		h.plant("STOCK#"+sku, "LOCATION#MAIN", "stock_value", 1)
	}
	h.plant("STOCK#"+skus[0], "LOCATION#MAIN", "available", 1)
	run := h.audit(h.IDs.Now(), nil)
	if len(run.Drift) != 24 {
		t.Errorf("the run found %d drifts", len(run.Drift))
	}
	said := h.happened(event.StockProven, event.StockDrift)
	if len(said) != 1 || !strings.Contains(said[0], "stock.drift") || !strings.Contains(said[0], "drifts:24 ") {
		t.Fatalf("said is %q", said)
	}
	if n := strings.Count(said[0], "field:"); n != 20 {
		t.Errorf("%d drifts are named: %s", n, said[0])
	}
	if strings.Contains(said[0], "expected:500 ") || strings.Contains(said[0], "found:501 ") {
		t.Errorf("the value is told: %s", said[0])
	}
}

func TestAnAuditAndAProofOnDemandAreTheSameRun(t *testing.T) {
	t.Parallel()
	h := newHall(t, "MUG", "CUP")
	h.pages()
	h.move(receipt("MUG", 5, 100), false)
	due := h.IDs.Now()
	if run, err := h.Audit(t.Context(), due, due, nil); err != nil || run.Complete {
		t.Fatalf("the first page: %+v, %v", run, err)
	}
	if run, err := h.RunProof(t.Context()); err != nil || !run.Complete || run.Run != 1 {
		t.Errorf("on demand: %+v, %v", run, err)
	}
	h.wantRuns(proven(1, 1))
}

func TestATableThatGrewIsNotProvenByTheLastRun(t *testing.T) {
	t.Parallel()
	h := newHall(t, "MUG", "CUP")
	h.pages()
	h.audit(h.IDs.Now(), nil) // of nothing yet
	h.move(receipt("MUG", 5, 100), false)
	now := h.IDs.Now()
	h.IDs.Now = func() time.Time { now = now.Add(10 * time.Second); return now } // no time for the second page
	if p, err := h.Prove(t.Context()); err != nil || p.Complete || p.Checked != 1 {
		t.Errorf("the proof is %+v, %v", p, err)
	}
	h.audit(now, nil)
	if p, err := h.Prove(t.Context()); err != nil || !p.Complete || p.Checked != 1 || p.Run != 2 {
		t.Errorf("the proof is %+v, %v; want the last run", p, err)
	}
}

func TestAnAuditTendsThoughSomebodyElseHasJustProven(t *testing.T) {
	t.Parallel()
	h := newHall(t, "MUG", "CUP")
	due := h.IDs.Now()
	if run, err := h.RunProof(t.Context()); err != nil || !run.Complete {
		t.Fatalf("%+v, %v", run, err)
	}
	var d tended
	if run := h.audit(due, d.tend); run.Run != 2 || len(d.skus) != 2 {
		t.Errorf("%+v, %d tended", run, len(d.skus))
	}
	// Now it is a repetition.
	h.audit(due, func(context.Context, string, bool) { t.Error("tended again") })
}
