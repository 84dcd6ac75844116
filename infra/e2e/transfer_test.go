package e2e

import (
	"slices"
	"testing"
)

// east is the second location.
func (s shop) east(t testing.TB) {
	t.Helper()
	s.manager.post("/v1/locations", obj{"location": "EAST", "name": "East", "priority": 2}).want(t, 201)
}

// underWay is a transfer that was sent.
func underWay(t *testing.T, s shop) reply {
	t.Helper()
	return s.manager.post("/v1/transfers", obj{"from": "MAIN", "to": "EAST", "lines": []obj{{"sku": "MUG", "quantity": 4}}})
}

// at does something to what is at a path, as the caller saw it.
func at(path, name string, body any) func(actor, shop, string, string, string) reply {
	return func(a actor, _ shop, id, etag, key string) reply {
		return a.post(path+id+"/"+name, body, "Idempotency-Key", key, "If-Match", etag)
	}
}

// versionAt counts the changes of what is at a path.
func versionAt(path string) func(*testing.T, shop, string) int {
	return func(t *testing.T, s shop, id string) int {
		t.Helper()
		return int(num(t, s.manager.get(path+id).want(t, 200)["version"]))
	}
}

func TestGoodsGoFromOneLocationToAnother(t *testing.T) {
	t.Parallel()
	s := newShop(t, map[string]int64{"MUG": 10, "CUP": 1})
	s.east(t)
	w := s.as(t, "warehouse", "")
	body := obj{"from": "MAIN", "to": "EAST", "reference": "Van 3", "lines": []obj{{"sku": "MUG", "quantity": 4}}}
	sent := w.post("/v1/transfers", body, "Idempotency-Key", "van")
	v := sent.want(t, 201)
	path := "/v1/transfers/" + str(v["id"])
	if v["status"] != "sent" || sent.etag() != `"1"` || v["reference"] != "Van 3" {
		t.Errorf("sent: %s", sent.raw)
	}
	again := w.post("/v1/transfers", body, "Idempotency-Key", "van")
	if again.want(t, 201)["id"] != v["id"] || again.header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("sent again: %s", again.raw)
	}

	s.wantStock(t, "MUG", levels{6, 0, 6})
	for _, level := range []obj{s.manager.get("/v1/stock/MUG").want(t, 200), s.manager.get("/v1/stock?location=EAST").want(t, 200)} {
		if items, ok := level["items"].([]any); ok {
			level = items[slices.IndexFunc(items, func(i any) bool { return i.(obj)["sku"] == "MUG" })].(obj)
		}
		if num(t, level["in_transit"]) != 4 {
			t.Errorf("in transit: %v", level)
		}
		for _, l := range level["locations"].([]any) {
			if l.(obj)["location"] == "IN-TRANSIT" {
				t.Errorf("transit is shown as a location: %v", level)
			}
		}
	}
	s.manager.post("/v1/orders", s.order("MUG", 7)).refused(t, 409, "insufficient_stock")

	short := w.post("/v1/transfers", obj{"from": "MAIN", "to": "EAST", "lines": []obj{{"sku": "CUP", "quantity": 2}, {"sku": "MUG", "quantity": 7}}})
	if errs, _ := short.refused(t, 409, "insufficient_stock")["errors"].([]any); len(errs) != 2 {
		t.Errorf("both are short: %s", short.raw)
	}

	w.post(path+"/receive", obj{"lines": []obj{{"sku": "MUG", "received": 3}}}).refused(t, 422, "rejected")
	w.post(path+"/receive", nil, "If-Match", `"9"`).refused(t, 412, "stale")
	receipt := obj{"lines": []obj{{"sku": "MUG", "received": 3}}, "reason": "One broke"}
	received := w.post(path+"/receive", receipt, "If-Match", `"1"`)
	line := received.want(t, 200)["lines"].([]any)[0].(obj)
	if num(t, line["received"]) != 3 || num(t, line["difference"]) != -1 || received.etag() != `"2"` {
		t.Errorf("received: %s", received.raw)
	}
	w.post(path+"/receive", receipt).refused(t, 409, "wrong_status")
	s.wantStock(t, "MUG", levels{9, 0, 9})
	if v := s.manager.get("/v1/stock/MUG").want(t, 200); num(t, v["in_transit"]) != 0 {
		t.Errorf("still in transit: %v", v)
	}
	s.wantProof(t)

	other := str(w.post("/v1/transfers", obj{"from": "EAST", "to": "MAIN", "lines": []obj{{"sku": "MUG", "quantity": 1}}}).want(t, 201)["id"])
	for query, want := range map[string][]string{"": {other, str(v["id"])}, "?status=sent": {other}, "?status=received": {str(v["id"])}} {
		list := w.get("/v1/transfers"+query).want(t, 200)
		var got []string
		for _, i := range list["items"].([]any) {
			got = append(got, str(i.(obj)["id"]))
		}
		if !slices.Equal(got, want) {
			t.Errorf("transfers%s: %v, want %v", query, got, want)
		}
		for _, field := range moneyFields {
			if has(list, field) {
				t.Errorf("the warehouse sees %s: %v", field, list)
			}
		}
	}
	w.get("/v1/transfers/01KAQ3V7Z8M4T6W2Y9X1C5B3N7").refused(t, 404, "not_found")
}

func TestNobodyReachesIntoTransit(t *testing.T) {
	t.Parallel()
	s := newShop(t, map[string]int64{"MUG": 10})
	s.east(t)
	s.manager.post("/v1/locations", obj{"location": "IN-TRANSIT", "name": "On the road"}).refused(t, 422, "rejected")
	s.manager.post("/v1/transfers", obj{"from": "MAIN", "to": "EAST", "lines": []obj{{"sku": "MUG", "quantity": 4}}}).want(t, 201)
	for _, body := range []obj{
		{"kind": "receive", "sku": "MUG", "location": "IN-TRANSIT", "quantity": 1},
		{"kind": "adjust", "sku": "MUG", "location": "IN-TRANSIT", "quantity": -1, "reason": "lost"},
		{"kind": "transfer", "sku": "MUG", "location": "IN-TRANSIT", "to_location": "EAST", "quantity": 1},
		{"kind": "transfer", "sku": "MUG", "location": "MAIN", "to_location": "IN-TRANSIT", "quantity": 1},
	} {
		s.manager.post("/v1/stock/movements", body).refused(t, 422, "rejected")
	}
	s.manager.post("/v1/transfers", obj{"from": "IN-TRANSIT", "to": "MAIN", "lines": []obj{{"sku": "MUG", "quantity": 1}}}).refused(t, 422, "rejected")
	s.manager.post("/v1/counts", obj{"location": "IN-TRANSIT"}).refused(t, 422, "rejected")
	s.wantStock(t, "MUG", levels{6, 0, 6})
	s.wantProof(t)
}

func TestTransfersAndCountsAreTheWarehouses(t *testing.T) {
	t.Parallel()
	s := newShop(t, map[string]int64{"MUG": 10})
	s.east(t)
	sent := "/v1/transfers/" + str(s.manager.post("/v1/transfers", obj{"from": "MAIN", "to": "EAST", "lines": []obj{{"sku": "MUG", "quantity": 4}}}).want(t, 201)["id"])
	count := "/v1/counts/" + str(s.manager.post("/v1/counts", obj{"location": "MAIN"}).want(t, 201)["id"])
	for _, role := range []string{"sales", "finance"} {
		a := s.as(t, role, "")
		a.post("/v1/transfers", obj{"from": "MAIN", "to": "EAST", "lines": []obj{{"sku": "MUG", "quantity": 1}}}).refused(t, 403, "forbidden")
		a.post(sent+"/receive", nil).refused(t, 403, "forbidden")
		a.get(sent).refused(t, 403, "forbidden")
		a.get("/v1/transfers").refused(t, 403, "forbidden")
		a.post("/v1/counts", obj{"location": "MAIN"}).refused(t, 403, "forbidden")
		a.patch(count, "*", obj{"lines": []obj{{"sku": "MUG", "counted": 1}}}).refused(t, 403, "forbidden")
		a.post(count+"/post", nil).refused(t, 403, "forbidden")
		a.post(count+"/cancel", nil).refused(t, 403, "forbidden")
		a.get(count).refused(t, 403, "forbidden")
		a.get("/v1/counts").refused(t, 403, "forbidden")
	}
	s.wantStock(t, "MUG", levels{6, 0, 6})
	w := s.as(t, "warehouse", "")
	w.post(sent+"/receive", nil).want(t, 200)
	w.patch(count, `"1"`, obj{"lines": []obj{{"sku": "MUG", "counted": 5}}}).want(t, 200)
	w.post(count+"/post", nil).want(t, 200)
	s.wantStock(t, "MUG", levels{9, 0, 9})
}
