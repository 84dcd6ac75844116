package warehouse_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"waybill/infra/fault"
	"waybill/shared/event"
	"waybill/shared/order"
	"waybill/shared/ordering"
	"waybill/shared/refusal"
	"waybill/shared/stock"
	"waybill/shared/table"
	"waybill/shared/warehouse"
)

func (h hall) open() stock.Count {
	h.t.Helper()
	c, err := h.Open(h.t.Context(), asManager, "MAIN", "aisle A")
	if err != nil {
		h.t.Fatal(err)
	}
	return c
}

// counted makes entries of SKUs and quantities; nil takes one back.
func counted(lines ...any) []stock.Entry {
	var out []stock.Entry
	for i := 0; i+1 < len(lines); i += 2 {
		e := stock.Entry{SKU: lines[i].(string)}
		if n, ok := lines[i+1].(int); ok {
			quantity := int64(n)
			e.Counted = &quantity
		}
		out = append(out, e)
	}
	return out
}

func (h hall) enter(c stock.Count, lines ...any) stock.Count {
	h.t.Helper()
	for chunk := range slices.Chunk(counted(lines...), stock.MostEntered) {
		var err error
		if c, err = h.Enter(h.t.Context(), expecting(c.Version), c.ID, chunk); err != nil {
			h.t.Fatal(err)
		}
	}
	return c
}

func (h hall) post(c stock.Count, release bool) stock.Count {
	h.t.Helper()
	c, err := h.Post(h.t.Context(), asManager, c.ID, release)
	if err != nil {
		h.t.Fatal(err)
	}
	return c
}

// count reads what is stored.
func (h hall) count(id string) stock.Count {
	h.t.Helper()
	c, err := h.DB.Count(h.t.Context(), id)
	if err != nil {
		h.t.Fatal(err)
	}
	return c
}

// wantLines compares the stored lines, each as "SKU counted/expected" and * when it was posted.
func (h hall) wantLines(id string, want ...string) {
	h.t.Helper()
	var got []string
	for _, l := range h.count(id).Lines {
		s := fmt.Sprintf("%s %d/%d", l.SKU, l.Counted, l.Expected)
		if l.Movement != "" {
			s += "*"
		}
		got = append(got, s)
	}
	if !slices.Equal(got, want) {
		h.t.Errorf("lines %q, want %q", got, want)
	}
}

func (h hall) wantStatus(id string, want stock.CountStatus) {
	h.t.Helper()
	if c := h.count(id); c.Status != want {
		h.t.Errorf("the count is %s, want %s", c.Status, want)
	}
}

func TestADifferenceStandsWhateverMovesBeforeItIsPosted(t *testing.T) {
	t.Parallel()
	h := newHall(t, "MUG", "CUP", "POT")
	h.move(receipt("MUG", 10, 800), false)
	h.move(receipt("CUP", 5, 100), false)
	c := h.enter(h.open(), "MUG", 8, "CUP", 5, "POT", 3)
	h.move(receipt("MUG", 5, 1100), false) // 15 worth 13500, 900 each
	h.move(adjustment("MUG", -3), false)
	h.move(adjustment("CUP", -1), false)
	o := h.sell("MUG", 4)
	posted := h.post(c, false)
	h.wantItem("MUG", "MAIN", 10, 4, 9000)
	h.wantItem("CUP", "MAIN", 4, 0, 400)
	h.wantItem("POT", "MAIN", 3, 0, 0)
	h.wantOrder(o, 1, 4, 0, "")
	h.wantLines(c.ID, "CUP 5/5", "MUG 8/10*", "POT 3/0*")
	h.wantMovements("CUP", 2) // nothing differed, nothing was booked
	h.wantNoDrift()

	stored := h.count(c.ID)
	if fmt.Sprint(stored.Lines) != fmt.Sprint(posted.Lines) || stored.Status != stock.CountPosted || stored.PostedBy != "max" || stored.PostedAt == nil || stored.Version != 3 {
		t.Errorf("stored is %+v, answered %+v", stored, posted)
	}
	m, err := h.DB.Movement(t.Context(), "MUG", stored.Lines[1].Movement)
	if err != nil || m.Kind != stock.Adjust || m.Quantity != -2 || m.Value != -1800 || m.Reference != "count/"+c.ID || m.Reason != "stocktake: 8 counted, 10 expected" || m.Actor != "max" {
		t.Errorf("the movement is %+v, %v", m, err)
	}
	h.wantEvents(event.Count, c.ID, event.CountOpened, event.CountEntered, event.CountPosted)
	l, err := h.DB.Audit(t.Context(), table.AuditFilter{Type: event.CountPosted}, table.Page{Limit: 1})
	if err != nil || fmt.Sprint(l.Items[0].Data) != "map[differences:2 lines:3 location:MAIN units_down:2 units_up:3]" {
		t.Errorf("the event says %v, %v", l.Items, err)
	}
}

func TestEntriesAreReplacedAndTakenBack(t *testing.T) {
	t.Parallel()
	h := newHall(t, "MUG", "CUP")
	h.move(receipt("MUG", 10, 800), false)
	c := h.enter(h.open(), "MUG", 8, "CUP", 1)
	h.wantLines(c.ID, "CUP 1/0", "MUG 8/10")
	h.move(receipt("MUG", 5, 800), false)
	c = h.enter(c, "MUG", 15, "CUP", nil)
	h.wantLines(c.ID, "MUG 15/15")
	if c.Entered != 1 || h.count(c.ID).Entered != 1 {
		t.Errorf("entered are %d, stored %d", c.Entered, h.count(c.ID).Entered)
	}
	h.post(c, false)
	h.wantItem("MUG", "MAIN", 15, 0, 12_000)
	h.wantMovements("CUP", 0)
}

// Just before each call that entering makes, goods come in: what is expected is
// what was on hand when the line was stored, never what was read before.
func TestALineExpectsWhatWasOnHandWhenItWasEntered(t *testing.T) {
	t.Parallel()
	for call := int64(1); ; call++ {
		h := newHall(t, "MUG", "CUP")
		h.move(receipt("MUG", 10, 800), false)
		c := h.open()
		f, hit := h.at(call, func() {
			h.move(receipt("MUG", 1, 800), false)
			h.move(receipt("CUP", 1, 800), false) // the first there is
		})
		if _, err := f.Enter(t.Context(), asManager, c.ID, counted("MUG", 8, "CUP", 0)); err != nil {
			t.Fatal(err)
		}
		if !hit.Load() {
			h.wantLines(c.ID, "CUP 0/0", "MUG 8/10")
			return
		}
		h.wantLines(c.ID, "CUP 0/1", "MUG 8/11")
		h.post(c, false)
		h.wantItem("MUG", "MAIN", 8, 0, 6400)
		h.wantItem("CUP", "MAIN", 0, 0, 0)
		h.wantNoDrift()
	}
}

func TestOfTwoClerksWhoSawTheSameOneEnters(t *testing.T) {
	t.Parallel()
	h := newHall(t, "MUG", "CUP")
	c := h.open()
	errs := make([]error, 2)
	var wg sync.WaitGroup
	for i, sku := range []string{"MUG", "CUP"} {
		wg.Go(func() { _, errs[i] = h.Enter(t.Context(), expecting(c.Version), c.ID, counted(sku, 1)) })
	}
	wg.Wait()
	if (errs[0] == nil) == (errs[1] == nil) {
		t.Fatalf("entered: %v", errs)
	}
	won := slices.Index(errs, nil)
	wantCode(t, errs[1-won], "stale")
	h.wantLines(c.ID, []string{"MUG", "CUP"}[won]+" 1/0")
	h.wantEvents(event.Count, c.ID, event.CountOpened, event.CountEntered)
}

func TestEntriesThatMakeNoSenseAreRefused(t *testing.T) {
	t.Parallel()
	h := newHall(t, "MUG")
	c := h.open()
	for _, e := range []struct {
		name, code, item string
		entries          []stock.Entry
	}{
		{"a SKU twice", "rejected", "line_conflict", counted("MUG", 1, "MUG", nil)},
		{"less than nothing", "rejected", "invalid", counted("MUG", -1)},
		{"what is not sold", "rejected", "unknown_sku", counted("MUG", 1, "NONE", 1)},
		{"too many", "too_many_items", "", make([]stock.Entry, stock.MostEntered+1)},
	} {
		_, err := h.Enter(t.Context(), asManager, c.ID, e.entries)
		if refused := wantCode(t, err, e.code); e.item != "" && refused.Items[0].Code != e.item {
			t.Errorf("%s: %v", e.name, err)
		}
	}
	h.wantLines(c.ID)
	_, err := h.Open(t.Context(), asManager, "MOON", "")
	wantCode(t, err, "rejected")
}

func TestWhatIsOverStaysOver(t *testing.T) {
	t.Parallel()
	h := newHall(t, "MUG")
	h.move(receipt("MUG", 10, 800), false)
	cancelled := h.enter(h.open(), "MUG", 1)
	if _, err := h.Cancel(t.Context(), expecting(2), cancelled.ID); err != nil {
		t.Fatal(err)
	}
	posted := h.enter(h.open(), "MUG", 9)
	h.post(posted, false)
	for _, c := range []struct {
		id     string
		status stock.CountStatus
	}{{cancelled.ID, stock.CountCancelled}, {posted.ID, stock.CountPosted}} {
		_, err := h.Post(t.Context(), asManager, c.id, true)
		wantCode(t, err, "wrong_status")
		_, err = h.Cancel(t.Context(), asManager, c.id)
		wantCode(t, err, "wrong_status")
		_, err = h.Enter(t.Context(), asManager, c.id, counted("MUG", 5))
		wantCode(t, err, "wrong_status")
		h.wantStatus(c.id, c.status)
	}
	_, err := h.Post(t.Context(), expecting(2), posted.ID, false)
	wantCode(t, err, "stale") // outranks it
	h.wantItem("MUG", "MAIN", 9, 0, 7200)
	h.wantEvents(event.Count, cancelled.ID, event.CountOpened, event.CountEntered, event.CountCancelled)
}

func TestALossOfWhatIsReservedIsRefusedWithEverySKUAndItsOrders(t *testing.T) {
	t.Parallel()
	h := newHall(t, "MUG", "CUP", "POT")
	for _, sku := range []string{"MUG", "CUP", "POT"} {
		h.move(receipt(sku, 10, 800), false)
	}
	h.sell("POT", 1)
	older, cups, newer := h.sell("MUG", 4), h.sell("CUP", 8), h.sell("MUG", 2)
	c := h.enter(h.open(), "MUG", 5, "CUP", 7, "POT", 9)
	_, err := h.Post(t.Context(), asManager, c.ID, false)
	var got []string
	for _, i := range wantCode(t, err, "insufficient_stock").Items {
		s := i.SKU + " " + i.Order
		if i.Available != nil {
			s += fmt.Sprint(*i.Available)
		}
		got = append(got, s)
	}
	if want := []string{"MUG 4", "CUP 2", "MUG " + newer.Number, "CUP " + cups.Number, "MUG " + older.Number}; !slices.Equal(got, want) {
		t.Errorf("named are %q, want %q", got, want)
	}
	h.wantStatus(c.ID, stock.CountOpen)
	for _, sku := range []string{"MUG", "CUP", "POT"} {
		h.wantMovements(sku, 1)
	}
	h.wantLines(c.ID, "CUP 7/10", "MUG 5/10", "POT 9/10")

	h.post(c, true)
	h.wantItem("MUG", "MAIN", 5, 5, 4000)
	h.wantItem("CUP", "MAIN", 7, 7, 5600)
	h.wantItem("POT", "MAIN", 9, 1, 7200)
	h.wantOrder(newer, 2, 1, 1, order.HoldStock)
	h.wantOrder(older, 1, 4, 0, "")
	h.wantOrder(cups, 2, 7, 1, order.HoldStock)
	h.wantNoDrift()
}

func TestAnOrderGivesWayForSeveralSKUsAtOnce(t *testing.T) {
	t.Parallel()
	h := newHall(t, "MUG", "CUP")
	h.move(receipt("MUG", 5, 800), false)
	h.move(receipt("CUP", 5, 800), false)
	o, err := h.desk.Place(t.Context(), ordering.By{Principal: manager}, ordering.New{
		CustomerID: h.buyer, Currency: "USD", Confirm: true, Wishes: []order.Wish{{SKU: "MUG", Quantity: 5}, {SKU: "CUP", Quantity: 4}},
	})
	if err != nil {
		t.Fatal(err)
	}
	h.post(h.enter(h.open(), "MUG", 3, "CUP", 1), true)
	h.wantOrder(o, 2, 3, 2, order.HoldStock)
	h.wantItem("MUG", "MAIN", 3, 3, 2400)
	h.wantItem("CUP", "MAIN", 1, 1, 800)
	l, err := h.DB.Timeline(t.Context(), o.ID, table.Page{Limit: 10})
	if err != nil || len(l.Items) != 2 || fmt.Sprint(l.Items[0].Data["lines"]) != "[map[location:MAIN quantity:3 sku:CUP] map[location:MAIN quantity:2 sku:MUG]]" {
		t.Errorf("timeline: %+v, %v", l.Items, err)
	}
	h.wantNoDrift()
}

func TestALossOfMoreThanIsOnHandIsRefusedEitherWay(t *testing.T) {
	t.Parallel()
	h := newHall(t, "MUG")
	h.move(receipt("MUG", 10, 800), false)
	c := h.enter(h.open(), "MUG", 2)
	h.move(adjustment("MUG", -5), false)
	for _, release := range []bool{false, true} {
		_, err := h.Post(t.Context(), asManager, c.ID, release)
		if i := wantCode(t, err, "insufficient_stock").Items[0]; i.SKU != "MUG" || *i.Available != 5 {
			t.Errorf("refused: %+v", i)
		}
	}
	h.wantStatus(c.ID, stock.CountOpen)
	h.wantItem("MUG", "MAIN", 5, 0, 4000)
	c = h.enter(c, "MUG", 5) // counted again
	h.post(c, false)
	h.wantItem("MUG", "MAIN", 5, 0, 4000)
}

func TestALargeCountIsPostedInSteps(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	skus := numbered(120)
	h.stock(skus, 10, 100)
	var lines []any
	for i, sku := range skus {
		lines = append(lines, sku, 5+i%11) // each eleventh is right
	}
	c := h.enter(h.open(), lines...)
	for i, sku := range skus[:6] { // losses that orders give way for
		h.sell(sku, int64(6+i%3))
	}
	_, err := h.Post(t.Context(), asManager, c.ID, false)
	wantCode(t, err, "insufficient_stock")
	h.wantStatus(c.ID, stock.CountOpen)
	h.post(c, true)
	for i, sku := range skus {
		if item := h.item(sku, "MAIN"); item.OnHand != int64(5+i%11) {
			t.Errorf("%s: %+v", sku, item)
		}
	}
	h.wantPostedOnce(c.ID, skus)
	h.wantEvents(event.Count, c.ID, event.CountOpened, event.CountEntered, event.CountEntered, event.CountEntered, event.CountPosting, event.CountPosted)
	h.wantNoDrift()
}

// wantPostedOnce fails the test unless each line that differs was booked by one movement.
func (h hall) wantPostedOnce(id string, skus []string) {
	h.t.Helper()
	c := h.count(id)
	if c.Status != stock.CountPosted || len(c.Lines) != len(skus) {
		h.t.Errorf("the count is %s with %d lines", c.Status, len(c.Lines))
	}
	err := table.Each(h.t.Context(), len(c.Lines), func(ctx context.Context, i int) error {
		l := c.Lines[i]
		movements, err := h.DB.Movements(ctx, l.SKU, table.Page{Limit: 100})
		var booked []string
		var sum int64
		for _, m := range movements.Items {
			if m.Reference == c.Ref() {
				booked, sum = append(booked, m.ID), sum+m.Quantity
			}
		}
		if sum != l.Difference() || len(booked) > 1 || (len(booked) == 1 && booked[0] != l.Movement) || (len(booked) == 0 && l.Movement != "") {
			h.t.Errorf("line %+v was booked by %v, %d units", l, booked, sum)
		}
		return err
	})
	if err != nil {
		h.t.Fatal(err)
	}
}

// How many lines are posted in two and in three steps.
const twoSteps, threeSteps = 36, 66

// lacking is a count of n SKUs, each of which lacks one.
func (h hall) lacking(n int) (stock.Count, []string) {
	h.t.Helper()
	skus := numbered(n)
	h.stock(skus, 100, 100)
	return h.lackOne(skus), skus
}

// lackOne enters of each SKU one less than there is.
func (h hall) lackOne(skus []string) stock.Count {
	h.t.Helper()
	var places []stock.Place
	for _, sku := range skus {
		places = append(places, stock.Place{SKU: sku, Location: "MAIN"})
	}
	items, err := h.DB.Stock(h.t.Context(), places)
	if err != nil {
		h.t.Fatal(err)
	}
	var lines []any
	for _, p := range places {
		lines = append(lines, p.SKU, int(items[p].OnHand)-1)
	}
	return h.enter(h.open(), lines...)
}

func TestAPostingThatIsKilledAnywhereIsFinishedByTheNext(t *testing.T) {
	t.Parallel()
	for mode, size := range map[fault.Mode]int{fault.Dead: threeSteps, fault.Unanswered: twoSteps} {
		t.Run(mode.String(), func(t *testing.T) {
			t.Parallel()
			h := newHall(t)
			c, skus := h.lacking(size)
			between := 0
			for call := int64(1); ; call++ {
				var calls atomic.Int64
				var hit atomic.Bool
				dying := h.failing(func(string) fault.Mode {
					if calls.Add(1) == call {
						hit.Store(true)
						return mode
					}
					return fault.None
				})
				mark := &table.Mark{Principal: "max", Operation: "postCount", Key: fmt.Sprint(call), Hash: "h"}
				by := expecting(c.Version)
				by.Mark = mark
				_, err := dying.Post(t.Context(), by, c.ID, false)
				if !hit.Load() {
					if err != nil {
						t.Fatal(err)
					}
					break
				}
				switch stored := h.count(c.ID); stored.Status {
				case stock.CountPosting:
					between++
					_, err := h.Cancel(t.Context(), asManager, c.ID)
					wantCode(t, err, "wrong_status")
					_, err = h.Enter(t.Context(), asManager, c.ID, counted(skus[0], 5))
					wantCode(t, err, "wrong_status")
					fallthrough
				case stock.CountOpen:
					if _, err := h.Post(t.Context(), by, c.ID, false); err != nil {
						t.Fatalf("call %d: %v", call, err)
					}
				case stock.CountPosted, stock.CountCancelled:
				}
				h.wantPostedOnce(c.ID, skus)
				if err := h.DB.Remembered(t.Context(), mark); err == nil {
					t.Errorf("call %d: no mark", call)
				}
				h.wantStatus(c.ID, stock.CountPosted)
				c = h.lackOne(skus)
			}
			if between == 0 {
				t.Error("no posting was ever interrupted between two steps")
			}
			h.wantNoDrift()
		})
	}
}

// Just before each call that a posting makes, something else is done from
// beginning to end; won tells that it posted the count.
func TestWhateverHappensDuringAPostingEachLineIsPostedOnce(t *testing.T) {
	t.Parallel()
	another := func(h hall, f *warehouse.Floor, c stock.Count) (won bool) {
		_, err := f.Post(h.t.Context(), asManager, c.ID, false)
		if err != nil && !refusal.Is(err, "wrong_status") && !refusal.Is(err, "unavailable") {
			h.t.Error(err)
		}
		return err == nil
	}
	for name, c := range map[string]struct {
		lines     int
		meanwhile func(h hall, c stock.Count, sku string) (won bool)
	}{
		"another posting": {twoSteps, func(h hall, c stock.Count, _ string) bool { return another(h, h.Floor, c) }},
		"a step of another posting": {threeSteps, func(h hall, c stock.Count, _ string) bool {
			var steps atomic.Int64
			return another(h, h.failing(func(operation string) fault.Mode {
				if operation == "TransactWriteItems" && steps.Add(1) == 2 {
					return fault.Dead
				}
				return fault.None
			}), c)
		}},
		"goods that come and go": {twoSteps, func(h hall, _ stock.Count, sku string) bool {
			h.move(receipt(sku, 3, 500), false)
			h.move(adjustment(sku, -2), false)
			return false
		}},
		"a sale": {twoSteps, func(h hall, _ stock.Count, sku string) bool {
			h.sell(sku, 1)
			return false
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHall(t)
			count, skus := h.lacking(c.lines)
			for call := int64(1); ; call++ {
				won := false
				f, hit := h.at(call, func() { won = c.meanwhile(h, count, skus[int(call)%len(skus)]) })
				_, err := f.Post(t.Context(), asManager, count.ID, false)
				if won {
					wantCode(t, err, "wrong_status")
				} else if err != nil {
					t.Fatalf("call %d: %v", call, err)
				}
				h.wantPostedOnce(count.ID, skus)
				if !hit.Load() {
					break
				}
				count = h.lackOne(skus)
			}
			h.wantNoDrift()
		})
	}
}

func TestWhatIsEnteredWhileAPostingBeginsIsPostedToo(t *testing.T) {
	t.Parallel()
	for call := int64(1); ; call++ {
		h := newHall(t, "MUG", "CUP")
		h.move(receipt("MUG", 10, 800), false)
		h.move(receipt("CUP", 10, 800), false)
		c := h.enter(h.open(), "MUG", 9)
		f, hit := h.at(call, func() { h.enter(c, "CUP", 7, "MUG", 8) })
		if _, err := f.Post(t.Context(), asManager, c.ID, false); err != nil {
			t.Fatal(err)
		}
		if !hit.Load() {
			return
		}
		h.wantPostedOnce(c.ID, []string{"CUP", "MUG"})
		h.wantItem("MUG", "MAIN", 8, 0, 6400)
		h.wantItem("CUP", "MAIN", 7, 0, 5600)
		h.wantNoDrift()
	}
}

func TestALineThatAnotherPosterBookedIsNoShortage(t *testing.T) {
	t.Parallel()
	for call := int64(1); ; call++ {
		h := newHall(t, "MUG")
		h.move(receipt("MUG", 5, 800), false)
		c := h.enter(h.open(), "MUG", 0)
		f, hit := h.at(call, func() { h.post(c, false) })
		_, err := f.Post(t.Context(), asManager, c.ID, false)
		if !hit.Load() {
			if err != nil {
				t.Fatal(err)
			}
			return
		}
		wantCode(t, err, "wrong_status")
		h.wantItem("MUG", "MAIN", 0, 0, 0)
	}
}

func TestOfManyPostersOneIsTold(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	c, skus := h.lacking(threeSteps)
	var posted atomic.Int64
	var wg sync.WaitGroup
	for range 6 {
		wg.Go(func() {
			_, err := h.Post(t.Context(), asManager, c.ID, false)
			if err == nil {
				posted.Add(1)
			} else if !refusal.Is(err, "wrong_status") && !refusal.Is(err, "busy") {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if posted.Load() != 1 {
		t.Errorf("%d were told that they posted it", posted.Load())
	}
	h.wantPostedOnce(c.ID, skus)
	h.wantNoDrift()
}

func TestWhoMustGiveWayIsSpreadOverSteps(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	skus := numbered(8)
	h.stock(skus, 5, 100)
	var lines []any
	for _, sku := range skus {
		lines = append(lines, sku, 0)
		for range 5 {
			h.sell(sku, 1) // forty orders: too many for one transaction
		}
	}
	c := h.enter(h.open(), lines...)
	h.post(c, true)
	h.wantPostedOnce(c.ID, skus)
	for _, sku := range skus {
		h.wantItem(sku, "MAIN", 0, 0, 0)
	}
	h.wantNoDrift()
}

// The truth is what lies on the shelf. Clerks count it while nobody touches
// the shelf; posting, selling, receiving and taking away go on beside each
// other. Thieves take without telling. In the end the ledger says the truth.
func TestStocktakesFindTheTruthWhileTradeGoesOn(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	skus := []string{"CUP", "MUG", "POT"}
	h := newHall(t, skus...)
	shelf := map[string]int64{}
	var touching sync.Mutex
	touch := func(sku string, n int64, do func() error) {
		touching.Lock()
		defer touching.Unlock()
		err := do()
		if err == nil {
			shelf[sku] += n
		} else if !refusal.Is(err, "insufficient_stock") && !refusal.Is(err, "busy") {
			t.Error(err)
		}
	}
	for _, sku := range skus {
		touch(sku, 500, func() error { return h.try(receipt(sku, 500, 100), false) })
	}
	var wg sync.WaitGroup
	for w := range uint64(4) {
		random := rand.New(rand.NewPCG(seed, w))
		wg.Go(func() { // trade
			for range 12 {
				sku, n := skus[random.IntN(3)], int64(1+random.IntN(4))
				switch random.IntN(3) {
				case 0:
					touch(sku, n, func() error { return h.try(receipt(sku, n, 50+random.Int64N(100)), false) })
				case 1:
					touch(sku, -n, func() error { return h.try(adjustment(sku, -n), false) })
				default:
					_, err := h.desk.Place(t.Context(), ordering.By{Principal: manager}, ordering.New{
						CustomerID: h.buyer, Currency: "USD", Confirm: true, Wishes: []order.Wish{{SKU: sku, Quantity: n}},
					})
					if err != nil && !refusal.Is(err, "busy") {
						t.Error(err)
					}
				}
			}
		})
	}
	stocktake := func(random *rand.Rand, by warehouse.By) {
		c := h.open()
		for _, sku := range skus {
			touching.Lock()
			shelf[sku] -= int64(random.IntN(4)) // stolen
			n := shelf[sku]
			c = h.enter(c, sku, int(n))
			touching.Unlock()
		}
		for {
			_, err := h.Post(t.Context(), by, c.ID, true)
			if err == nil {
				h.wantPostedOnce(c.ID, skus)
				return
			}
			if !refusal.Is(err, "busy") {
				t.Error(err)
				return
			}
		}
	}
	wg.Go(func() {
		random := rand.New(rand.NewPCG(seed, 99))
		for range 5 {
			stocktake(random, asManager)
		}
	})
	wg.Wait()
	for _, sku := range skus {
		if i := h.item(sku, "MAIN"); i.OnHand != shelf[sku] {
			t.Errorf("%s: %d on hand, and %d on the shelf", sku, i.OnHand, shelf[sku])
		}
	}
	h.wantNoDrift()
}
