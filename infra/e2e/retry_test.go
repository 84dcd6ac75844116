package e2e

import (
	"fmt"
	"sync"
	"testing"

	"waybill/infra/dynamolocal/testtable"
	"waybill/infra/fault"
)

func TestFiftyIdenticalPostsMakeOneOrder(t *testing.T) {
	t.Parallel()
	s := newShop(t, map[string]int64{"MUG": 100})
	body := s.order("MUG", 2)
	replies := make([]reply, 50)
	together(len(replies), func(i int) { replies[i] = s.manager.post("/v1/orders", body, "Idempotency-Key", "k1") })
	wantTally(t, replies, map[int]int{201: 50})
	ids, fresh := map[string]bool{}, 0
	for _, r := range replies {
		ids[str(r.body(t)["id"])] = true
		if r.header.Get("Idempotency-Replayed") != "true" {
			fresh++
		}
	}
	if len(ids) != 1 || fresh != 1 {
		t.Errorf("%d different orders, %d of them said to be new; want one", len(ids), fresh)
	}
	s.wantStock(t, "MUG", levels{100, 2, 98})

	s.manager.post("/v1/orders", s.order("MUG", 3), "Idempotency-Key", "k1").refused(t, 422, "idempotency_key_reused")
	other := s.as(t, "sales", "").post("/v1/orders", body, "Idempotency-Key", "k1").want(t, 201)
	if ids[str(other["id"])] {
		t.Error("another principal with that key got the first one's order")
	}
	if n := s.countOrders(t); n != 2 {
		t.Errorf("%d orders, want 2", n)
	}
}

func TestARefusalIsNotRemembered(t *testing.T) {
	t.Parallel()
	s := newShop(t, map[string]int64{"MUG": 0})
	s.manager.post("/v1/orders", s.order("MUG", 1), "Idempotency-Key", "k").refused(t, 409, "insufficient_stock")
	s.receive(t, "MUG", "MAIN", 1)
	s.manager.post("/v1/orders", s.order("MUG", 1), "Idempotency-Key", "k").want(t, 201)
	// What the first attempt took is not held against its own retry.
	r := s.manager.post("/v1/orders", s.order("MUG", 1), "Idempotency-Key", "k")
	r.want(t, 201)
	if r.header.Get("Idempotency-Replayed") != "true" {
		t.Error("the retry is not said to be one")
	}
}

// A mutation is one request that must be safe to retry; done tells from what is
// stored how often it happened.
type mutation struct {
	name string
	do   func(a actor, s shop, id, etag, key string) reply
	done func(t *testing.T, s shop, id string) int
}

var mutations = []mutation{
	{
		"place", func(a actor, s shop, _, _, key string) reply {
			return a.post("/v1/orders", s.order("MUG", 2, "CUP", 1), "Idempotency-Key", key)
		},
		func(t *testing.T, s shop, _ string) int { return s.countOrders(t) - 1 },
	},
	{
		"edit", func(a actor, _ shop, id, etag, key string) reply {
			return a.patch("/v1/orders/"+id, etag, obj{"lines": []obj{{"sku": "MUG", "quantity": 5}}}, "Idempotency-Key", key)
		},
		func(t *testing.T, s shop, id string) int {
			return int(num(t, s.manager.get("/v1/orders/"+id).want(t, 200)["version"])) - 1
		},
	},
	{
		"cancel", func(a actor, _ shop, id, _, key string) reply {
			return a.post("/v1/orders/"+id+"/cancel", nil, "Idempotency-Key", key)
		},
		func(t *testing.T, s shop, id string) int {
			return int(num(t, s.manager.get("/v1/orders/"+id).want(t, 200)["version"])) - 1
		},
	},
	{
		"receive", func(a actor, _ shop, _, _, key string) reply {
			return a.post("/v1/stock/movements", obj{"kind": "receive", "sku": "MUG", "location": "MAIN", "quantity": 7}, "Idempotency-Key", key)
		},
		func(t *testing.T, s shop, _ string) int {
			items, _ := s.manager.get("/v1/stock/MUG/movements").want(t, 200)["items"].([]any)
			return len(items) - 1
		},
	},
	{
		"customer", func(a actor, _ shop, _, _, key string) reply {
			return a.post("/v1/customers", obj{"name": "Sean O'Donnell"}, "Idempotency-Key", key)
		},
		func(t *testing.T, s shop, _ string) int {
			items, _ := s.manager.get("/v1/customers").want(t, 200)["items"].([]any)
			return len(items) - 1
		},
	},
}

// Every mutation, every fault, at every call it makes of the table: after it,
// a retry with the same key against a healthy system ends in exactly one fact.
func TestARetryAfterAnyFaultEndsInOneFact(t *testing.T) {
	t.Parallel()
	for _, m := range mutations {
		for _, mode := range []fault.Mode{fault.Lost, fault.Unanswered, fault.Conflict, fault.Throttle, fault.Dead} {
			t.Run(fmt.Sprintf("%s/%s", m.name, mode), func(t *testing.T) {
				t.Parallel()
				for call := 1; ; call++ {
					if !faultAt(t, m, mode, call) {
						return
					}
				}
			})
		}
	}
}

// faultAt makes the call-th request to the table fail and reports whether there was one.
func faultAt(t *testing.T, m mutation, mode fault.Mode, call int) bool {
	t.Helper()
	s := newShop(t, map[string]int64{"MUG": 20, "CUP": 20})
	placed := s.manager.post("/v1/orders", s.order("MUG", 3))
	id := str(placed.want(t, 201)["id"])

	var mu sync.Mutex
	calls, hit := 0, false
	broken := startOn(t, faulty(t, func(string) fault.Mode {
		mu.Lock()
		defer mu.Unlock()
		if calls++; calls == call {
			hit = true
			return mode
		}
		return fault.None
	}), s.table)
	a := broken.as(t, "manager", "")
	first := m.do(a, s, id, placed.etag(), "the key")
	if !hit {
		return false
	}
	if first.status < 200 || (first.status >= 300 && first.status < 500) {
		t.Errorf("call %d: a fault must not look like the client's mistake: %d %s", call, first.status, first.raw)
	}
	again := m.do(s.manager, s, id, placed.etag(), "the key")
	if again.status < 200 || again.status >= 300 {
		t.Errorf("call %d: the retry answers %d: %s", call, again.status, again.raw)
	}
	if n := m.done(t, s, id); n != 1 {
		t.Errorf("call %d: done %d times", call, n)
	}
	s.wantProof(t)
	return true
}

func TestKeysAreOfOnePrincipalAndOperation(t *testing.T) {
	t.Parallel()
	client, table := testtable.New(t)
	s := furnish(t, startOn(t, client, table), map[string]int64{"MUG": 10})
	const key = "same everywhere"
	o := s.manager.post("/v1/orders", s.order("MUG", 1), "Idempotency-Key", key)
	id := str(o.want(t, 201)["id"])
	s.manager.post("/v1/orders/"+id+"/hold", obj{"reason": "wait"}, "Idempotency-Key", key).want(t, 200)
	s.manager.post("/v1/orders/"+id+"/release", nil, "Idempotency-Key", key).want(t, 200)
	// The same key for another order is another request.
	other := str(s.manager.post("/v1/orders", s.order("MUG", 1)).want(t, 201)["id"])
	s.manager.post("/v1/orders/"+other+"/hold", obj{"reason": "wait"}, "Idempotency-Key", key).refused(t, 422, "idempotency_key_reused")
}

func TestAnImportIsResumedAndReplayed(t *testing.T) {
	t.Parallel()
	s := newShop(t, map[string]int64{"MUG": 10})
	row := func(number string, quantity any) obj {
		return obj{
			"number": number, "placed_at": "2016-11-08T12:00:00Z", "customer_id": s.customer, "currency": "USD",
			"lines": []obj{{"sku": "MUG", "quantity": quantity, "unit_price": 1999, "discount": 1}},
		}
	}
	body := obj{"orders": []obj{row("CA-1", 2), row("CA-2", "two"), row("CA-3", 3), row("CA-4", 100)}}
	first := s.manager.post("/v1/orders/import", body, "Idempotency-Key", "file 1")
	report := first.want(t, 200)
	if num(t, report["created"]) != 2 || num(t, report["failed"]) != 2 {
		t.Fatalf("the broken rows must be left out and the rest go in: %s", first.raw)
	}
	rows, _ := report["rows"].([]any)
	for i, code := range map[int]string{1: "invalid", 3: "insufficient_stock"} {
		r, _ := rows[i].(obj)
		p, _ := r["problem"].(obj)
		if p["code"] != code || r["number"] != fmt.Sprintf("CA-%d", i+1) {
			t.Errorf("row %d: %v", i, r)
		}
	}
	s.wantStock(t, "MUG", levels{10, 5, 5})
	again := s.manager.post("/v1/orders/import", body, "Idempotency-Key", "file 1")
	if string(again.raw) != string(first.raw) || again.header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("not replayed: %s", again.raw)
	}
	without := s.manager.post("/v1/orders/import", body).want(t, 200)
	if num(t, without["existing"]) != 2 || num(t, without["created"]) != 0 {
		t.Errorf("a second run must change nothing: %v", without)
	}
	s.wantStock(t, "MUG", levels{10, 5, 5})
	o, _ := s.manager.get("/v1/orders?number=CA-1").want(t, 200)["items"].([]any)[0].(obj)
	if o["created_at"] != "2016-11-08T12:00:00Z" || num(t, o["total"]) != 3997 || o["status"] != "confirmed" {
		t.Errorf("imported: %v", o)
	}
	s.wantProof(t)
}
