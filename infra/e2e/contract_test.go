package e2e

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// raw makes a request with any body and headers.
func (a actor) raw(method, path, contentType, body string) reply {
	a.t.Helper()
	r, err := http.NewRequestWithContext(context.Background(), method, a.url+path, strings.NewReader(body))
	if err != nil {
		a.t.Fatal(err)
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	r.Header.Set("Authorization", "Bearer "+a.token)
	resp, err := client.Do(r)
	if err != nil {
		a.t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		a.t.Fatal(err)
	}
	return reply{resp.StatusCode, resp.Header, answer}
}

func TestBadInputGetsAProblemAndChangesNothing(t *testing.T) {
	t.Parallel()
	s := newShop(t, map[string]int64{"MUG": 5})
	const json = "application/json"
	order := func(line string) string {
		return `{"customer_id": "` + s.customer + `", "confirm": true, "lines": [` + line + `]}`
	}
	for _, c := range []struct {
		what, method, path, contentType, body string
		status                                int
		code, field                           string
	}{
		{"no JSON", "POST", "/v1/orders", json, `{"customer_id": `, 400, "malformed", ""},
		{"no body", "POST", "/v1/orders", json, "", 400, "malformed", ""},
		{"not an object", "POST", "/v1/orders", json, `[]`, 400, "malformed", ""},
		{"trailing data", "POST", "/v1/orders", json, order(`{"sku": "MUG", "quantity": 1}`) + "{}", 400, "malformed", ""},
		{"unknown field", "POST", "/v1/orders", json, order(`{"sku": "MUG", "quantity": 1, "total": 1}`), 400, "unknown_field", "lines.total"},
		{"wrong type", "POST", "/v1/orders", json, order(`{"sku": "MUG", "quantity": "1"}`), 400, "invalid", "lines.quantity"},
		{"a fraction", "POST", "/v1/orders", json, order(`{"sku": "MUG", "quantity": 1.5}`), 400, "invalid", "lines.quantity"},
		{"nothing wanted", "POST", "/v1/orders", json, order(`{"sku": "MUG", "quantity": 0}`), 400, "invalid", "lines[0].quantity"},
		{"too many wanted", "POST", "/v1/orders", json, order(`{"sku": "MUG", "quantity": 1000001}`), 400, "invalid", "lines[0].quantity"},
		{"too many together", "POST", "/v1/orders", json, order(`{"sku": "MUG", "quantity": 600000}, {"sku": "MUG", "quantity": 600000}`), 422, "rejected", "lines[0].quantity"},
		{"no lines", "POST", "/v1/orders", json, order(""), 400, "invalid", "lines"},
		{"unknown SKU", "POST", "/v1/orders", json, order(`{"sku": "CUP", "quantity": 1}`), 422, "rejected", "lines[0].sku"},
		{"two discounts", "POST", "/v1/orders", json, order(`{"sku": "MUG", "quantity": 1, "discount": 1, "discount_bp": 1}`), 422, "rejected", "lines.discount"},
		{"discount above the price", "POST", "/v1/orders", json, order(`{"sku": "MUG", "quantity": 1, "discount": 2000}`), 422, "rejected", "lines[0].discount"},
		{"no price in the currency", "POST", "/v1/orders", json, strings.Replace(order(`{"sku": "MUG", "quantity": 1}`), `"confirm"`, `"currency": "EUR", "confirm"`, 1), 422, "rejected", "lines[0].sku"},
		{"no such currency", "POST", "/v1/orders", json, strings.Replace(order(`{"sku": "MUG", "quantity": 1}`), `"confirm"`, `"currency": "XXX", "confirm"`, 1), 422, "rejected", "currency"},
		{"media type", "POST", "/v1/orders", "text/plain", order(`{"sku": "MUG", "quantity": 1}`), 415, "unsupported_media_type", ""},
		{"no media type", "POST", "/v1/orders", "", order(`{"sku": "MUG", "quantity": 1}`), 415, "unsupported_media_type", ""},
		{"too large", "POST", "/v1/orders", json, strings.Repeat(" ", 1<<20+1), 413, "too_large", ""},
		{"limit", "GET", "/v1/orders?limit=101", "", "", 400, "invalid", "limit"},
		{"cursor", "GET", "/v1/orders?cursor=%00", "", "", 400, "malformed", ""},
		{"date", "GET", "/v1/orders?from=yesterday", "", "", 400, "invalid", "from"},
		{"no such id", "GET", "/v1/orders/01KAQ3V7Z8M4T6W2Y9X1C5B3N7", "", "", 404, "not_found", ""},
		{"no id at all", "GET", "/v1/orders/nonsense", "", "", 404, "not_found", ""},
		{"empty id", "GET", "/v1/orders/", "", "", 404, "not_found", ""},
		{"unknown path", "GET", "/v1/nothing", "", "", 404, "not_found", ""},
		{"unknown method", "DELETE", "/v1/orders", "", "", 405, "method_not_allowed", ""},
		{"empty attribute", "POST", "/v1/customers", json, `{"name": "A", "attributes": {"": "x"}}`, 422, "rejected", "attributes."},
		{"phone", "POST", "/v1/customers", json, `{"name": "A", "phone": "call me"}`, 400, "invalid", "phone"},
		{"e-mail", "POST", "/v1/customers", json, `{"name": "A", "email": "nobody"}`, 400, "invalid", "email"},
		{"unknown tax class", "POST", "/v1/products", json, `{"sku": "CUP", "name": "Cup", "tax_class": "luxury"}`, 422, "rejected", "tax_class"},
		{"lower-case SKU", "POST", "/v1/products", json, `{"sku": "cup", "name": "Cup"}`, 400, "invalid", "sku"},
		{"nothing moved", "POST", "/v1/stock/movements", json, `{"kind": "receive", "sku": "MUG", "location": "MAIN", "quantity": 0}`, 422, "rejected", "quantity"},
		{"negative receipt", "POST", "/v1/stock/movements", json, `{"kind": "receive", "sku": "MUG", "location": "MAIN", "quantity": -1}`, 422, "rejected", "quantity"},
		{"adjusted for no reason", "POST", "/v1/stock/movements", json, `{"kind": "adjust", "sku": "MUG", "location": "MAIN", "quantity": -1}`, 422, "rejected", "reason"},
		{"unknown location", "POST", "/v1/stock/movements", json, `{"kind": "receive", "sku": "MUG", "location": "MOON", "quantity": 1}`, 422, "rejected", "location"},
		{"transfer to itself", "POST", "/v1/stock/movements", json, `{"kind": "transfer", "sku": "MUG", "location": "MAIN", "to_location": "MAIN", "quantity": 1}`, 422, "rejected", "to_location"},
	} {
		r := s.manager.raw(c.method, c.path, c.contentType, c.body)
		if r.status != c.status {
			t.Errorf("%s: status %d, want %d: %s", c.what, r.status, c.status, r.raw)
			continue
		}
		p := r.refused(t, c.status, c.code)
		if c.field == "" {
			continue
		}
		wrong, _ := p["errors"].([]any)
		if len(wrong) == 0 {
			t.Errorf("%s: no field is named: %s", c.what, r.raw)
			continue
		}
		if e, _ := wrong[0].(obj); e["field"] != c.field {
			t.Errorf("%s: field %v, want %s", c.what, e["field"], c.field)
		}
	}
	s.wantStock(t, "MUG", levels{5, 0, 5})
	if n := s.countOrders(t); n != 0 {
		t.Errorf("%d orders after refusals", n)
	}
}

func TestAVersionMustBeShownToBeChanged(t *testing.T) {
	t.Parallel()
	s := newShop(t, map[string]int64{"MUG": 5})
	placed := s.manager.post("/v1/orders", s.order("MUG", 1))
	order := "/v1/orders/" + str(placed.want(t, 201)["id"])
	for path, body := range map[string]obj{
		order:                         {"note": "new"},
		"/v1/products/MUG":            {"name": "New"},
		"/v1/customers/" + s.customer: {"name": "New"},
		"/v1/locations/MAIN":          {"name": "New"},
		"/v1/settings":                {"time_zone": "Asia/Shanghai"},
	} {
		before := s.manager.get(path)
		s.manager.do("PATCH", path, body).refused(t, 428, "if_match_required")
		s.manager.patch(path, `"99"`, body).refused(t, 412, "stale")
		s.manager.patch(path, "W/"+before.etag(), body).refused(t, 412, "stale")
		if again := s.manager.do("GET", path, nil, "If-None-Match", before.etag()); again.status != 304 || len(again.raw) != 0 {
			t.Errorf("%s: %d with the current version, want 304 and nothing", path, again.status)
		}
		changed := s.manager.patch(path, before.etag(), body)
		changed.want(t, 200)
		if changed.etag() == before.etag() {
			t.Errorf("%s: the version did not change", path)
		}
		s.manager.patch(path, before.etag(), body).refused(t, 412, "stale")
		if after := s.manager.get(path); after.etag() != changed.etag() || fmt.Sprint(after.body(t)) != fmt.Sprint(changed.body(t)) {
			t.Errorf("%s: answered %s, stored %s", path, changed.raw, after.raw)
		}
	}
	s.manager.post(order+"/hold", obj{"reason": "wait"}, "If-Match", placed.etag()).refused(t, 412, "stale")
	// 412 outranks 409.
	s.manager.patch(order, placed.etag(), obj{"lines": []obj{{"sku": "MUG", "quantity": 50}}}).refused(t, 412, "stale")
}

func TestAnOrdersLifeIsItsTimeline(t *testing.T) {
	t.Parallel()
	s := newShop(t, map[string]int64{"MUG": 5})
	draft := s.order("MUG", 2)
	draft["confirm"] = false
	o := s.manager.post("/v1/orders", draft).want(t, 201)
	order := "/v1/orders/" + str(o["id"])
	s.wantStock(t, "MUG", levels{5, 0, 5})
	s.manager.post(order+"/complete", nil).refused(t, 409, "wrong_status")
	s.manager.post(order+"/hold", obj{"reason": "Address unclear"}).want(t, 200)
	s.manager.post(order+"/confirm", nil).refused(t, 409, "on_hold")
	s.manager.post(order+"/release", nil).want(t, 200)
	s.manager.post(order+"/release", nil).refused(t, 409, "not_on_hold")
	s.manager.post(order+"/confirm", nil).want(t, 200)
	s.wantStock(t, "MUG", levels{5, 2, 3})
	edited := s.manager.patch(order, "*", obj{"lines": []obj{{"sku": "MUG", "quantity": 3}}}).want(t, 200)
	if num(t, edited["total"]) != 3*1999 {
		t.Errorf("total %v", edited["total"])
	}
	s.manager.post(order+"/cancel", obj{"reason": "Changed their mind"}).want(t, 200)
	s.manager.post(order+"/cancel", nil).refused(t, 409, "wrong_status")
	s.wantStock(t, "MUG", levels{5, 0, 5})

	items, _ := s.manager.get(order+"/events").want(t, 200)["items"].([]any)
	var types []string
	for i := range items {
		e, _ := items[len(items)-1-i].(obj)
		types = append(types, str(e["type"]))
		if num(t, e["seq"]) != int64(i+1) || e["actor"] != "maria" {
			t.Errorf("event %d: %v", i, e)
		}
	}
	if got := strings.Join(types, " "); got != "order.created order.held order.released order.confirmed order.edited order.cancelled" {
		t.Errorf("timeline: %s", got)
	}
	audit := string(s.manager.get("/v1/audit?limit=100").raw)
	for _, want := range []string{"order.cancelled", "stock.receive", "product.created", "customer.created"} {
		if !strings.Contains(audit, want) {
			t.Errorf("%s is not in the audit trail", want)
		}
	}
	s.wantProof(t)
}

func TestAdjustingBelowReservedNamesOrdersOrMakesTheNewestGiveWay(t *testing.T) {
	t.Parallel()
	s := newShop(t, map[string]int64{"MUG": 10})
	var numbers, ids []string
	for range 3 {
		o := s.manager.post("/v1/orders", s.order("MUG", 3)).want(t, 201)
		numbers, ids = append(numbers, str(o["number"])), append(ids, str(o["id"]))
	}
	adjust := obj{"kind": "adjust", "sku": "MUG", "location": "MAIN", "quantity": -5, "reason": "Broken"}
	r := s.manager.post("/v1/stock/movements", adjust)
	r.refused(t, 409, "insufficient_stock")
	for _, n := range numbers {
		if !strings.Contains(string(r.raw), n) {
			t.Errorf("order %s is not named: %s", n, r.raw)
		}
	}
	s.wantStock(t, "MUG", levels{10, 9, 1})
	adjust["release"] = true
	s.manager.post("/v1/stock/movements", adjust).want(t, 201)
	s.wantStock(t, "MUG", levels{5, 5, 0})
	for i, want := range []struct {
		reserved int64
		held     bool
	}{{3, false}, {2, true}, {0, true}} {
		o := s.manager.get("/v1/orders/"+ids[i]).want(t, 200)
		line, _ := o["lines"].([]any)[0].(obj)
		if num(t, line["reserved"]) != want.reserved || o["on_hold"] != want.held || (want.held && o["hold_reason"] != "stock") {
			t.Errorf("order %d: %v", i, o)
		}
	}
	s.manager.post("/v1/orders/"+ids[2]+"/release", nil).refused(t, 409, "insufficient_stock")
	s.receive(t, "MUG", "MAIN", 3)
	if o := s.manager.post("/v1/orders/"+ids[2]+"/release", nil).want(t, 200); o["on_hold"] != false {
		t.Errorf("released: %v", o)
	}
	s.wantStock(t, "MUG", levels{8, 8, 0})
	s.wantProof(t)
}

func TestPublicPathsNeedNoToken(t *testing.T) {
	t.Parallel()
	s := start(t)
	nobody := actor{t: t, url: s.URL()}
	if r := nobody.get("/openapi.yaml"); r.status != 200 || !strings.HasPrefix(string(r.raw), "openapi: 3.0.3") {
		t.Errorf("contract: %d", r.status)
	}
	if h := nobody.get("/healthz").want(t, 200); h["status"] != "ok" {
		t.Errorf("health: %v", h)
	}
	nobody.get("/v1/me").refused(t, 401, "unauthenticated")
	if me := s.as(t, "finance", "").get("/v1/me").want(t, 200); me["id"] != "fiona" {
		t.Errorf("me: %v", me)
	}
}

func TestStockThatCannotBeCountedIsRefused(t *testing.T) {
	t.Parallel()
	s := newShop(t, map[string]int64{"MUG": 1})
	dear := obj{"kind": "receive", "sku": "MUG", "location": "MAIN", "quantity": 1000000, "unit_cost": 1000000000000}
	refused := 0
	for range 12 {
		if r := s.manager.post("/v1/stock/movements", dear); r.status != 201 {
			r.refused(t, 422, "rejected")
			refused++
		}
	}
	if refused != 3 {
		t.Errorf("%d receipts refused, want the 3 that do not fit", refused)
	}
	s.wantStock(t, "MUG", levels{9000001, 0, 9000001})
	s.wantProof(t)
}
