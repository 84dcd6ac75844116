package e2e

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"waybill/infra/dynamolocal/testtable"
	"waybill/infra/fault"
	"waybill/infra/local"
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

// A mutation is one request that must be safe to retry. It is about the order,
// or whatever given makes, which has this id and ETag; count tells from what is
// stored how often it happened, in steps of each (1 when 0).
type mutation struct {
	name  string
	given func(t *testing.T, s shop) reply
	do    func(a actor, s shop, id, etag, key string) reply
	count func(t *testing.T, s shop, id string) int
	each  int
}

// placed is an order of three MUGs.
func placed(t *testing.T, s shop) reply {
	t.Helper()
	return s.manager.post("/v1/orders", s.order("MUG", 3))
}

func drafted(t *testing.T, s shop) reply {
	t.Helper()
	body := s.order("MUG", 3)
	body["confirm"] = false
	return s.manager.post("/v1/orders", body)
}

func held(t *testing.T, s shop) reply {
	t.Helper()
	id := str(placed(t, s).want(t, 201)["id"])
	return s.manager.post("/v1/orders/"+id+"/hold", obj{"reason": "wait"})
}

// left is an order that was shipped elsewhere, long ago.
func left(t *testing.T, s shop) reply {
	t.Helper()
	row := s.past("CA-0", 1)
	row["status"] = "shipped"
	s.manager.post("/v1/orders/import", obj{"orders": []obj{row}}).want(t, 200)
	found, _ := s.manager.get("/v1/orders?number=CA-0").want(t, 200)["items"].([]any)
	o, _ := found[0].(obj)
	return s.manager.get("/v1/orders/" + str(o["id"]))
}

// onTerms is an order of three MUGs that is paid later.
func onTerms(t *testing.T, s shop) reply {
	t.Helper()
	return s.manager.post("/v1/orders", s.onTerms(t).order("MUG", 3))
}

// leftInPart is such an order of which two have left.
func leftInPart(t *testing.T, s shop) reply {
	t.Helper()
	id := str(onTerms(t, s).want(t, 201)["id"])
	s.ship(t, id, "MUG", 2).want(t, 201)
	return s.manager.get("/v1/orders/" + id)
}

// sent is the shipment of such an order.
func sent(t *testing.T, s shop) reply {
	t.Helper()
	return s.ship(t, str(onTerms(t, s).want(t, 201)["id"]), "MUG", 2)
}

// waiting is an order that waits for some of its goods.
func waiting(t *testing.T, s shop) reply {
	t.Helper()
	s.product(t, "PEN", obj{"backorder": true})
	s.receive(t, "PEN", "MAIN", 1)
	return s.manager.post("/v1/orders", s.order("PEN", 3))
}

// parcel does something to the shipment.
func parcel(name string, body any) func(actor, shop, string, string, string) reply {
	return func(a actor, _ shop, id, _, key string) reply {
		return a.post("/v1/shipments/"+id+"/"+name, body, "Idempotency-Key", key)
	}
}

func parcelVersion(t *testing.T, s shop, id string) int {
	t.Helper()
	return int(num(t, s.manager.get("/v1/shipments/"+id).want(t, 200)["version"]))
}

// past is a row of an import.
func (s shop) past(number string, quantity int) obj {
	return obj{
		"number": number, "placed_at": "2016-11-08T12:00:00Z", "customer_id": s.customer, "currency": "USD",
		"lines": []obj{{"sku": "CUP", "quantity": quantity, "unit_price": 1999}},
	}
}

// act does something to the order.
func act(name string, body any) func(actor, shop, string, string, string) reply {
	return func(a actor, _ shop, id, _, key string) reply {
		return a.post("/v1/orders/"+id+"/"+name, body, "Idempotency-Key", key)
	}
}

// add posts something new.
func add(path string, body func(shop) obj) func(actor, shop, string, string, string) reply {
	return func(a actor, s shop, _, _, key string) reply { return a.post(path, body(s), "Idempotency-Key", key) }
}

func constant(body obj) func(shop) obj { return func(shop) obj { return body } }

// version counts the changes of the order.
func version(t *testing.T, s shop, id string) int {
	t.Helper()
	return int(num(t, s.manager.get("/v1/orders/"+id).want(t, 200)["version"]))
}

// received is a payment by hand of an order of three MUGs.
func received(t *testing.T, s shop) reply {
	t.Helper()
	id := str(placed(t, s).want(t, 201)["id"])
	return s.manager.post("/v1/orders/"+id+"/payments", obj{"method": "cash", "amount": 5997})
}

// invoiced is the invoice of such an order.
func invoiced(t *testing.T, s shop) reply {
	t.Helper()
	id := str(placed(t, s).want(t, 201)["id"])
	return s.manager.post("/v1/orders/"+id+"/invoices", obj{})
}

// payments counts those of the order.
func payments(t *testing.T, s shop, id string) int {
	t.Helper()
	return rows("/v1/orders/"+id+"/payments")(t, s, "")
}

// paymentsThat counts those of a status.
func paymentsThat(status string) func(*testing.T, shop, string) int {
	return rows("/v1/payments?status=" + status)
}

// refunds counts those of the payment.
func refunds(t *testing.T, s shop, id string) int {
	t.Helper()
	of, _ := s.manager.get("/v1/payments/"+id).want(t, 200)["refunds"].([]any)
	return len(of)
}

func orders(t *testing.T, s shop, _ string) int { t.Helper(); return s.countOrders(t) }

// rows counts the rows of a short list.
func rows(path string) func(*testing.T, shop, string) int {
	return func(t *testing.T, s shop, _ string) int {
		t.Helper()
		items, _ := s.manager.get(path).want(t, 200)["items"].([]any)
		return len(items)
	}
}

var mutations = []mutation{
	{name: "place", count: orders, do: add("/v1/orders", func(s shop) obj { return s.order("MUG", 2, "CUP", 1) })},
	{name: "import", count: orders, each: 2, do: add("/v1/orders/import", func(s shop) obj {
		return obj{"orders": []obj{s.past("CA-1", 1), s.past("CA-2", 2)}}
	})},
	{name: "confirm", given: drafted, count: version, do: act("confirm", nil)},
	{name: "edit", given: placed, count: version, do: func(a actor, _ shop, id, etag, key string) reply {
		return a.patch("/v1/orders/"+id, etag, obj{"lines": []obj{{"sku": "MUG", "quantity": 5}}}, "Idempotency-Key", key)
	}},
	{name: "ship", given: onTerms, count: version, do: act("shipments", obj{"lines": []obj{{"sku": "MUG", "quantity": 2}}})},
	{name: "correct", given: sent, count: parcelVersion, do: func(a actor, _ shop, id, etag, key string) reply {
		return a.patch("/v1/shipments/"+id, etag, obj{"tracking_number": "1Z9"}, "Idempotency-Key", key)
	}},
	{name: "deliver", given: sent, count: parcelVersion, do: parcel("deliver", nil)},
	{name: "undo", given: sent, count: parcelVersion, do: parcel("undo", obj{"reason": "mistake"})},
	{name: "return", given: leftInPart, count: version, do: act("returns", obj{
		"lines": []obj{{"sku": "MUG", "quantity": 1}, {"sku": "MUG", "quantity": 1, "restock": false}}, "reason": "chipped",
	})},
	{name: "give up", given: waiting, count: version, do: act("cancel", obj{"backordered": true})},
	{name: "cancel", given: placed, count: version, do: act("cancel", nil)},
	{name: "hold", given: placed, count: version, do: act("hold", obj{"reason": "wait"})},
	{name: "release", given: held, count: version, do: act("release", nil)},
	{name: "complete", given: left, count: version, do: act("complete", nil)},
	{name: "record a payment", given: placed, count: payments, do: act("payments", obj{"method": "cash", "amount": 1999})},
	{name: "reverse a payment", given: received, count: paymentsThat("reversed"), do: at("/v1/payments/", "reverse", obj{"reason": "typo"})},
	{name: "refund a payment", given: received, count: refunds, do: at("/v1/payments/", "refunds", obj{"amount": 500, "reason": "chipped"})},
	{name: "ask for a payment", given: placed, count: payments, do: act("checkout", obj{})},
	{name: "invoice", given: placed, count: rows("/v1/invoices"), do: act("invoices", obj{})},
	{name: "credit", given: invoiced, count: rows("/v1/audit?type=credit_note.issued"), do: at("/v1/invoices/", "credit-notes", obj{"reason": "gone"})},
	{name: "receive", count: rows("/v1/stock/MUG/movements"), do: add("/v1/stock/movements", constant(obj{
		"kind": "receive", "sku": "MUG", "location": "MAIN", "quantity": 7,
	}))},
	{name: "adjust", given: placed, count: rows("/v1/stock/MUG/movements"), do: add("/v1/stock/movements", constant(obj{
		"kind": "adjust", "sku": "MUG", "location": "MAIN", "quantity": -18, "reason": "broken", "release": true,
	}))},
	{name: "transfer", count: rows("/v1/stock/MUG/movements"), do: add("/v1/stock/movements", constant(obj{
		"kind": "transfer", "sku": "MUG", "location": "MAIN", "to_location": "EAST", "quantity": 4,
	}))},
	{name: "send a transfer", count: rows("/v1/transfers"), do: add("/v1/transfers", constant(obj{
		"from": "MAIN", "to": "EAST", "lines": []obj{{"sku": "MUG", "quantity": 4}, {"sku": "CUP", "quantity": 1}},
	}))},
	{name: "receive a transfer", given: underWay, count: versionAt("/v1/transfers/"), do: at("/v1/transfers/", "receive", obj{
		"lines": []obj{{"sku": "MUG", "received": 3}}, "reason": "one broke",
	})},
	{name: "open a count", count: rows("/v1/counts"), do: add("/v1/counts", constant(obj{"location": "MAIN"}))},
	{name: "enter a count", given: uncounted, count: versionAt("/v1/counts/"), do: func(a actor, _ shop, id, etag, key string) reply {
		return a.patch("/v1/counts/"+id, etag, obj{"lines": []obj{{"sku": "MUG", "counted": 9}}}, "Idempotency-Key", key)
	}},
	{name: "post a count", given: counted, count: versionAt("/v1/counts/"), do: at("/v1/counts/", "post", obj{"release": true})},
	{name: "cancel a count", given: counted, count: versionAt("/v1/counts/"), do: at("/v1/counts/", "cancel", nil)},
	{name: "product", count: rows("/v1/products"), do: add("/v1/products", constant(obj{"sku": "NEW", "name": "New"}))},
	{name: "customer", count: rows("/v1/customers"), do: add("/v1/customers", constant(obj{"name": "Sean O'Donnell", "reference": "SO-1"}))},
	{name: "location", count: rows("/v1/locations"), do: add("/v1/locations", constant(obj{"location": "WEST", "name": "West", "priority": 3}))},
	{
		name: "settings", count: rows("/v1/audit?type=settings.edited"),
		given: func(_ *testing.T, s shop) reply { return s.manager.get("/v1/settings") },
		do: func(a actor, _ shop, _, etag, key string) reply {
			return a.patch("/v1/settings", etag, obj{"currency": "EUR"}, "Idempotency-Key", key)
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
	s.manager.post("/v1/locations", obj{"location": "EAST", "name": "East", "priority": 2}).want(t, 201)
	var id, etag string
	if m.given != nil {
		about := m.given(t, s)
		id, etag = str(about.body(t)["id"]), about.etag()
	}
	before := m.count(t, s, id)

	var mu sync.Mutex
	calls, hit := 0, false
	broken := startWith(t, local.Config{Table: s.table, Stripe: local.Stripe{Of: s.System}, Client: faulty(t, func(operation string) fault.Mode {
		mu.Lock()
		defer mu.Unlock()
		if !matters(mode, operation) {
			return fault.None
		}
		if calls++; calls == call {
			hit = true
			return mode
		}
		return fault.None
	})})
	first := m.do(broken.as(t, "manager", ""), s, id, etag, "the key")
	if !hit {
		first.succeeded(t)
		return false
	}
	if first.status < 200 || (first.status >= 300 && first.status < 500) {
		t.Errorf("call %d: a fault must not look like the client's mistake: %d %s", call, first.status, first.raw)
	}
	again := m.do(s.manager, s, id, etag, "the key")
	if again.status == 409 && again.body(t)["code"] == "in_progress" {
		// Work of several steps whose process died: its lease is over after a minute.
		later := startWith(t, local.Config{
			Client: testtable.Client(t, nil), Table: s.table, Stripe: local.Stripe{Of: s.System}, Now: func() time.Time { return time.Now().Add(61 * time.Second) },
		})
		again = m.do(later.as(t, "manager", ""), s, id, etag, "the key")
	}
	if !again.succeeded(t) {
		t.Errorf("call %d: the retry failed", call)
	}
	if n := m.count(t, s, id) - before; n != max(m.each, 1) {
		t.Errorf("call %d: %d more are stored, want %d", call, n, max(m.each, 1))
	}
	s.wantProof(t)
	return true
}

// matters reports whether a fault does anything to a call: a read meets no
// conflict, and is merely repeated when its reply is lost.
func matters(mode fault.Mode, operation string) bool {
	switch mode {
	case fault.Conflict:
		return operation == "TransactWriteItems"
	case fault.Unanswered:
		return operation == "TransactWriteItems" || operation == "PutItem"
	default:
		return true
	}
}

func (r reply) succeeded(t *testing.T) bool {
	t.Helper()
	if r.status < 200 || r.status >= 300 {
		t.Errorf("answered %d: %s", r.status, r.raw)
		return false
	}
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
