package e2e

import (
	"fmt"
	"slices"
	"testing"
)

// uncounted is a count that was opened.
func uncounted(_ *testing.T, s shop) reply {
	return s.manager.post("/v1/counts", obj{"location": "MAIN"})
}

// counted is a count that finds seven MUGs and a CUP fewer than there are, of
// which an order has reserved some.
func counted(t *testing.T, s shop) reply {
	t.Helper()
	s.manager.post("/v1/orders", s.order("MUG", 16)).want(t, 201)
	id := str(uncounted(t, s).want(t, 201)["id"])
	return s.manager.patch("/v1/counts/"+id, "*", obj{"lines": []obj{{"sku": "MUG", "counted": 13}, {"sku": "CUP", "counted": 19}}})
}

// shownLines is what an answer shows of a count's lines.
func shownLines(v obj) []string {
	var out []string
	lines, _ := v["lines"].([]any)
	for _, l := range lines {
		l, _ := l.(obj)
		out = append(out, fmt.Sprint(l["sku"], " ", l["counted"], " ", l["expected"], " ", l["difference"], " ", has(l, "movement")))
	}
	return out
}

func TestAStocktakeIsEnteredAndPosted(t *testing.T) {
	t.Parallel()
	s := newShop(t, map[string]int64{"MUG": 10, "CUP": 5, "POT": 5})
	w := s.as(t, "warehouse", "")
	opened := w.post("/v1/counts", obj{"location": "MAIN", "note": "Aisle A"})
	v := opened.want(t, 201)
	if v["status"] != "open" || opened.etag() != `"1"` || !has(v, "lines") {
		t.Errorf("opened: %s", opened.raw)
	}
	path := "/v1/counts/" + str(v["id"])
	enter := func(lines ...obj) obj { return obj{"lines": lines} }
	w.do("PATCH", path, enter(obj{"sku": "MUG", "counted": 8})).refused(t, 428, "if_match_required")
	first := w.patch(path, `"1"`, enter(obj{"sku": "POT", "counted": 5}, obj{"sku": "MUG", "counted": 8}, obj{"sku": "CUP", "counted": 1}), "Idempotency-Key", "e")
	first.want(t, 200)
	w.patch(path, `"1"`, enter(obj{"sku": "CUP", "counted": 9})).refused(t, 412, "stale")
	if r := w.patch(path, `"1"`, enter(obj{"sku": "POT", "counted": 5}, obj{"sku": "MUG", "counted": 8}, obj{"sku": "CUP", "counted": 1}), "Idempotency-Key", "e"); r.want(t, 200)["version"] == nil || r.header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("entered again: %s", r.raw)
	}
	second := w.patch(path, first.etag(), enter(obj{"sku": "CUP", "counted": nil}))
	if got := shownLines(second.want(t, 200)); !slices.Equal(got, []string{"MUG 8 10 -2 false", "POT 5 5 0 false"}) {
		t.Errorf("entered: %s", second.raw)
	}
	w.patch(path, "*", enter(obj{"sku": "MUG", "counted": 8}, obj{"sku": "MUG", "counted": 9})).refused(t, 422, "rejected")
	w.patch(path, "*", enter(obj{"sku": "NONE", "counted": 8})).refused(t, 422, "rejected")

	// Goods go on moving: what is posted is the difference.
	s.receive(t, "MUG", "MAIN", 5)
	order := str(s.manager.post("/v1/orders", s.order("MUG", 15)).want(t, 201)["id"])
	w.post(path+"/post", nil, "If-Match", `"2"`).refused(t, 412, "stale")
	refused := w.post(path+"/post", nil)
	errs, _ := refused.refused(t, 409, "insufficient_stock")["errors"].([]any)
	if len(errs) != 2 || num(t, errs[0].(obj)["available"]) != 0 || errs[1].(obj)["code"] != "reserved" {
		t.Errorf("refused: %s", refused.raw)
	}
	s.wantStock(t, "MUG", levels{15, 15, 0})
	if r := w.get(path); r.want(t, 200)["status"] != "open" || r.etag() != second.etag() {
		t.Errorf("a refused posting left: %s", r.raw)
	}
	posted := w.post(path+"/post", obj{"release": true}, "If-Match", second.etag())
	v = posted.want(t, 200)
	if got := shownLines(v); v["status"] != "posted" || v["posted_by"] == nil || !slices.Equal(got, []string{"MUG 8 10 -2 true", "POT 5 5 0 false"}) {
		t.Errorf("posted: %s", posted.raw)
	}
	s.wantStock(t, "MUG", levels{13, 13, 0})
	if o := s.manager.get("/v1/orders/"+order).want(t, 200); o["hold_reason"] != "stock" {
		t.Errorf("the order that gave way: %v", o)
	}
	movements := w.get("/v1/stock/MUG/movements").want(t, 200)
	if m, _ := movements["items"].([]any)[0].(obj); m["kind"] != "adjust" || num(t, m["quantity"]) != -2 || m["reference"] != "count/"+str(v["id"]) {
		t.Errorf("the movement: %v", m)
	}
	for _, field := range moneyFields {
		if has(v, field) || has(movements, field) {
			t.Errorf("the warehouse sees %s", field)
		}
	}
	w.patch(path, "*", enter(obj{"sku": "MUG", "counted": 8})).refused(t, 409, "wrong_status")
	w.post(path+"/cancel", nil).refused(t, 409, "wrong_status")
	s.wantProof(t)
}

func TestCountsAreListedWithoutTheirLines(t *testing.T) {
	t.Parallel()
	s := newShop(t, map[string]int64{"MUG": 10})
	var ids []string
	for range 3 {
		ids = append([]string{str(s.manager.post("/v1/counts", obj{"location": "MAIN"}).want(t, 201)["id"])}, ids...)
	}
	s.manager.patch("/v1/counts/"+ids[1], "*", obj{"lines": []obj{{"sku": "MUG", "counted": 9}}}).want(t, 200)
	s.manager.post("/v1/counts/"+ids[2]+"/cancel", nil).want(t, 200)
	s.manager.post("/v1/counts/"+ids[1]+"/post", nil).want(t, 200)
	for query, want := range map[string][]string{"": ids, "?status=open": ids[:1], "?status=posted": ids[1:2], "?status=cancelled": ids[2:]} {
		list := s.manager.get("/v1/counts"+query).want(t, 200)
		var got []string
		for _, i := range list["items"].([]any) {
			got = append(got, str(i.(obj)["id"]))
		}
		if !slices.Equal(got, want) || has(list, "lines") {
			t.Errorf("counts%s: %v, want %v", query, list, want)
		}
	}
	page := s.manager.get("/v1/counts?limit=2").want(t, 200)
	rest := s.manager.get("/v1/counts?limit=2&cursor="+str(page["next_cursor"])).want(t, 200)
	if items, _ := rest["items"].([]any); len(items) != 1 || items[0].(obj)["id"] != ids[2] {
		t.Errorf("the second page: %v", rest)
	}
	s.manager.get("/v1/counts/01KAQ3V7Z8M4T6W2Y9X1C5B3N7").refused(t, 404, "not_found")
	s.manager.post("/v1/counts", obj{"location": "MOON"}).refused(t, 422, "rejected")
}
