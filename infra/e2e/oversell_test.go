package e2e

import (
	"sync"
	"testing"
)

func TestOneUnitGoesToOneOfAHundredBuyers(t *testing.T) {
	t.Parallel()
	s := newShop(t, map[string]int64{"LAST": 1})
	replies := make([]reply, 100)
	together(len(replies), func(i int) { replies[i] = s.manager.post("/v1/orders", s.order("LAST", 1)) })
	wantTally(t, replies, map[int]int{201: 1, 409: 99})
	for _, r := range replies {
		if r.status != 409 {
			continue
		}
		p := r.refused(t, 409, "insufficient_stock")
		wrong, _ := p["errors"].([]any)
		if len(wrong) != 1 {
			t.Fatalf("errors: %v", p)
		}
		e, _ := wrong[0].(obj)
		if e["sku"] != "LAST" || num(t, e["available"]) != 0 {
			t.Fatalf("the refusal must name the SKU and what is left: %v", e)
		}
	}
	s.wantStock(t, "LAST", levels{1, 1, 0})
	if n := s.countOrders(t); n != 1 {
		t.Errorf("%d orders, want 1", n)
	}
	s.wantProof(t)
}

func TestFiftyUnitsOverTwoLocationsAreNeverOversold(t *testing.T) {
	t.Parallel()
	s := newShop(t, map[string]int64{"HOT": 20})
	s.manager.post("/v1/locations", obj{"location": "EAST", "name": "East", "priority": 2}).want(t, 201)
	s.receive(t, "HOT", "EAST", 30)

	var sold int64
	var mu sync.Mutex
	stop, watched := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(watched)
		for {
			select {
			case <-stop:
				return
			default:
			}
			v := s.manager.get("/v1/stock/HOT").body(t)
			locations, _ := v["locations"].([]any)
			for _, l := range locations {
				at, _ := l.(obj)
				onHand, reserved, available := num(t, at["on_hand"]), num(t, at["reserved"]), num(t, at["available"])
				if onHand < 0 || reserved < 0 || available < 0 || available != onHand-reserved {
					t.Errorf("seen while selling: %v", at)
				}
			}
		}
	}()
	together(200, func(i int) {
		n := int64(1 + i%3)
		if r := s.manager.post("/v1/orders", s.order("HOT", n)); r.status == 201 {
			mu.Lock()
			sold += n
			mu.Unlock()
		} else if r.status != 409 {
			t.Errorf("status %d: %s", r.status, r.raw)
		}
	})
	close(stop)
	<-watched
	if sold != 50 {
		t.Errorf("%d units sold, want 50", sold)
	}
	s.wantStock(t, "HOT", levels{50, 50, 0})
	s.wantProof(t)
}

func TestLinesOfOneSKUAreCheckedTogether(t *testing.T) {
	t.Parallel()
	s := newShop(t, map[string]int64{"MUG": 5})
	s.manager.post("/v1/orders", s.order("MUG", 3, "MUG", 3)).refused(t, 409, "insufficient_stock")
	s.wantStock(t, "MUG", levels{5, 0, 5})
	o := s.manager.post("/v1/orders", s.order("MUG", 3, "MUG", 2)).want(t, 201)
	if lines, _ := o["lines"].([]any); len(lines) != 1 {
		t.Errorf("lines are not merged: %v", lines)
	}
	s.wantStock(t, "MUG", levels{5, 5, 0})
}

func TestARefusalNamesEverySKUThatIsShort(t *testing.T) {
	t.Parallel()
	s := newShop(t, map[string]int64{"A": 1, "B": 10, "C": 0})
	p := s.manager.post("/v1/orders", s.order("A", 2, "B", 2, "C", 2)).refused(t, 409, "insufficient_stock")
	left := map[string]int64{}
	wrong, _ := p["errors"].([]any)
	for _, e := range wrong {
		item, _ := e.(obj)
		left[str(item["sku"])] = num(t, item["available"])
	}
	if len(left) != 2 || left["A"] != 1 || left["C"] != 0 {
		t.Errorf("short are A with 1 and C with 0 left, the refusal says %v", left)
	}
	s.wantStock(t, "B", levels{10, 0, 10})
	if n := s.countOrders(t); n != 0 {
		t.Errorf("%d orders after a refusal", n)
	}
}

func TestEditBeyondStockChangesNothing(t *testing.T) {
	t.Parallel()
	s := newShop(t, map[string]int64{"MUG": 5})
	placed := s.manager.post("/v1/orders", s.order("MUG", 3))
	id := str(placed.want(t, 201)["id"])
	movements := string(s.manager.get("/v1/stock/MUG/movements").raw)

	p := s.manager.patch("/v1/orders/"+id, placed.etag(), obj{"lines": []obj{{"sku": "MUG", "quantity": 6}}}).refused(t, 409, "insufficient_stock")
	wrong, _ := p["errors"].([]any)
	if e, _ := wrong[0].(obj); e["sku"] != "MUG" || num(t, e["available"]) != 2 {
		t.Errorf("errors: %v", wrong)
	}
	if after := s.manager.get("/v1/orders/" + id); string(after.raw) != string(placed.raw) || after.etag() != placed.etag() {
		t.Errorf("the order changed:\n%s\n%s", placed.raw, after.raw)
	}
	if after := string(s.manager.get("/v1/stock/MUG/movements").raw); after != movements {
		t.Errorf("the ledger changed: %s", after)
	}
	s.wantStock(t, "MUG", levels{5, 3, 2})
	s.wantProof(t)
}

func TestOfTwoEditorsOneWins(t *testing.T) {
	t.Parallel()
	s := newShop(t, map[string]int64{"MUG": 50})
	placed := s.manager.post("/v1/orders", s.order("MUG", 3))
	id := str(placed.want(t, 201)["id"])
	replies := make([]reply, 2)
	together(2, func(i int) {
		replies[i] = s.manager.patch("/v1/orders/"+id, placed.etag(), obj{"lines": []obj{{"sku": "MUG", "quantity": 10 + i}}})
	})
	wantTally(t, replies, map[int]int{200: 1, 412: 1})
	var won int64
	for i, r := range replies {
		if r.status == 200 {
			won = int64(10 + i)
		} else {
			r.refused(t, 412, "stale")
		}
	}
	s.wantStock(t, "MUG", levels{50, won, 50 - won})
	s.wantProof(t)
}
