package e2e

import (
	"bytes"
	"fmt"
	"testing"
)

// onTerms makes the shop's customer pay later, so that its orders leave unpaid.
func (s shop) onTerms(t testing.TB) shop {
	t.Helper()
	c := s.manager.post("/v1/customers", obj{"name": "Darrin Van Huff", "terms": obj{"kind": "net", "days": 30}}).want(t, 201)
	s.customer = str(c["id"])
	return s
}

// placed enters a confirmed order and returns its id.
func (s shop) placed(t testing.TB, lines ...any) string {
	t.Helper()
	return str(s.manager.post("/v1/orders", s.order(lines...)).want(t, 201)["id"])
}

func picks(lines ...any) []obj {
	var out []obj
	for i := 0; i+1 < len(lines); i += 2 {
		out = append(out, obj{"sku": lines[i], "quantity": lines[i+1]})
	}
	return out
}

// ship ships lines of an order as a warehouse clerk.
func (s shop) ship(t testing.TB, id string, lines ...any) reply {
	t.Helper()
	return s.as(t, "warehouse", "").post("/v1/orders/"+id+"/shipments", obj{"lines": picks(lines...)})
}

// line is an order's line as it is stored.
func (s shop) line(t testing.TB, id, sku string) obj {
	t.Helper()
	lines, _ := s.manager.get("/v1/orders/"+id).want(t, 200)["lines"].([]any)
	for _, l := range lines {
		if l, _ := l.(obj); l["sku"] == sku {
			return l
		}
	}
	t.Fatalf("order %s has no line of %s", id, sku)
	return nil
}

// wantLine compares quantities of a line: "reserved 2 shipped 4".
func (s shop) wantLine(t testing.TB, id, sku string, want map[string]int64) {
	t.Helper()
	l := s.line(t, id, sku)
	for field, n := range want {
		if got := num(t, l[field]); got != n {
			t.Errorf("%s of %s is %d, want %d: %v", field, sku, got, n, l)
		}
	}
}

func (s shop) wantStatus(t testing.TB, id, status string) {
	t.Helper()
	if got := s.manager.get("/v1/orders/"+id).want(t, 200)["status"]; got != status {
		t.Errorf("the order is %v, want %s", got, status)
	}
}

// firstError is the first entry of a problem.
func firstError(t testing.TB, p obj) obj {
	t.Helper()
	items, _ := p["errors"].([]any)
	if len(items) == 0 {
		t.Fatalf("the problem names nothing: %v", p)
	}
	first, _ := items[0].(obj)
	return first
}

func TestAnOrderLeavesInPartsAndNeverMoreThanIsOpen(t *testing.T) {
	t.Parallel()
	s := newShop(t, map[string]int64{"MUG": 20}).onTerms(t)
	clerk, id := s.as(t, "warehouse", ""), s.placed(t, "MUG", 10)

	first := clerk.post("/v1/orders/"+id+"/shipments", obj{"lines": picks("MUG", 4), "carrier": "sf express", "tracking_number": "SF123"}).want(t, 201)
	s.wantStatus(t, id, "partially_shipped")
	s.wantStock(t, "MUG", levels{16, 6, 10})
	if first["carrier"] != "SF Express" || first["tracking_url"] == nil || first["location"] != "MAIN" {
		t.Errorf("shipment: %v", first)
	}

	p := firstError(t, s.ship(t, id, "MUG", 7).refused(t, 409, "more_than_open"))
	if p["sku"] != "MUG" || num(t, p["available"]) != 6 {
		t.Errorf("the refusal must say that 6 are open: %v", p)
	}
	s.wantStock(t, "MUG", levels{16, 6, 10})

	second := clerk.post("/v1/orders/"+id+"/shipments", obj{"carrier": "DHL", "tracking_number": "JJD 4&5"}).want(t, 201)
	s.wantStatus(t, id, "shipped")
	s.wantStock(t, "MUG", levels{10, 0, 10})
	s.wantLine(t, id, "MUG", map[string]int64{"quantity": 10, "shipped": 10, "reserved": 0})
	s.ship(t, id, "MUG", 1).refused(t, 409, "wrong_status")

	found, _ := clerk.get("/v1/orders/"+id+"/shipments").want(t, 200)["items"].([]any)
	if len(found) != 2 || first["number"] == second["number"] {
		t.Fatalf("%d shipments: %v", len(found), found)
	}
	for _, sh := range []obj{first, second} {
		note := clerk.get("/v1/shipments/" + str(sh["id"]) + "/delivery-note.pdf")
		if note.status != 200 || note.header.Get("Content-Type") != "application/pdf" || !bytes.HasPrefix(note.raw, []byte("%PDF-")) {
			t.Errorf("delivery note: %d %s", note.status, note.header.Get("Content-Type"))
		}
	}
	byNumber, _ := clerk.get("/v1/shipments?number="+str(second["number"])).want(t, 200)["items"].([]any)
	if len(byNumber) != 1 {
		t.Errorf("%d shipments have the number %v", len(byNumber), second["number"])
	}
	s.wantProof(t)
}

func TestTwoClerksShipTheLastSixAtOnce(t *testing.T) {
	t.Parallel()
	s := newShop(t, map[string]int64{"MUG": 10}).onTerms(t)
	id := s.placed(t, "MUG", 10)
	s.ship(t, id, "MUG", 4).want(t, 201)
	replies := make([]reply, 2)
	together(2, func(i int) { replies[i] = s.ship(t, id, "MUG", 6) })
	wantTally(t, replies, map[int]int{201: 1, 409: 1})
	s.wantStock(t, "MUG", levels{0, 0, 0})
	s.wantStatus(t, id, "shipped")
	s.wantProof(t)
}

func TestALineNeverFallsBelowWhatLeft(t *testing.T) {
	t.Parallel()
	s := newShop(t, map[string]int64{"MUG": 12, "CUP": 5}).onTerms(t)
	id := s.placed(t, "MUG", 10)
	s.ship(t, id, "MUG", 4).want(t, 201)
	edit := func(lines ...any) reply {
		return s.manager.patch("/v1/orders/"+id, s.manager.get("/v1/orders/"+id).etag(), obj{"lines": picks(lines...)})
	}
	before := s.manager.get("/v1/orders/" + id).raw
	edit("MUG", 3).refused(t, 409, "below_shipped")
	edit("CUP", 1).refused(t, 409, "below_shipped")
	if after := s.manager.get("/v1/orders/" + id).raw; !bytes.Equal(before, after) {
		t.Errorf("a refused edit changed the order: %s", after)
	}
	s.wantStock(t, "MUG", levels{8, 6, 2})

	edit("MUG", 6).want(t, 200)
	s.wantLine(t, id, "MUG", map[string]int64{"reserved": 2, "shipped": 4})
	s.wantStock(t, "MUG", levels{8, 2, 6})
	edit("MUG", 7, "CUP", 5).want(t, 200)
	s.wantStock(t, "MUG", levels{8, 3, 5})
	s.wantStock(t, "CUP", levels{5, 5, 0})
	s.wantStatus(t, id, "partially_shipped")

	// What is left has left already: nothing is to be shipped any more.
	edit("MUG", 4).want(t, 200)
	s.wantStatus(t, id, "shipped")
	s.wantStock(t, "CUP", levels{5, 0, 5})
	s.wantProof(t)
}

func TestClosingAnOrderReleasesTheRestOnce(t *testing.T) {
	t.Parallel()
	s := newShop(t, map[string]int64{"MUG": 10}).onTerms(t)
	body := s.order("MUG", 10)
	body["order_discount"] = 1000
	id := str(s.manager.post("/v1/orders", body).want(t, 201)["id"])
	s.ship(t, id, "MUG", 4).want(t, 201)
	replies := make([]reply, 8)
	together(len(replies), func(i int) { replies[i] = s.manager.post("/v1/orders/"+id+"/cancel", nil) })
	wantTally(t, replies, map[int]int{200: 1, 409: 7})
	s.wantStock(t, "MUG", levels{6, 0, 6})
	s.wantStatus(t, id, "shipped")
	s.wantLine(t, id, "MUG", map[string]int64{"quantity": 10, "shipped": 4, "cancelled": 6, "reserved": 0})
	// 4 × 19.99, and 4 tenths of the 10.00 off.
	if total := num(t, s.manager.get("/v1/orders/"+id).want(t, 200)["total"]); total != 4*1999-400 {
		t.Errorf("the customer pays %d for what left", total)
	}
	items, _ := s.manager.get("/v1/orders/"+id+"/events").want(t, 200)["items"].([]any)
	if first, _ := items[0].(obj); first["type"] != "order.closed" {
		t.Errorf("the last event is %v", first)
	}
	s.wantProof(t)
}

func TestNoMoreComesBackThanLeft(t *testing.T) {
	t.Parallel()
	s := newShop(t, map[string]int64{"MUG": 10}).onTerms(t)
	id, clerk := s.placed(t, "MUG", 5), s.as(t, "warehouse", "")
	giveBack := func(n int, restock bool) reply {
		return clerk.post("/v1/orders/"+id+"/returns", obj{"lines": []obj{{"sku": "MUG", "quantity": n, "restock": restock}}, "reason": "chipped"})
	}
	giveBack(1, true).refused(t, 409, "more_than_shipped")
	s.ship(t, id, "MUG", 2).want(t, 201)
	if p := firstError(t, giveBack(3, true).refused(t, 409, "more_than_shipped")); num(t, p["available"]) != 2 {
		t.Errorf("the refusal must say that 2 left: %v", p)
	}
	clerk.post("/v1/orders/"+id+"/returns", obj{"lines": picks("MUG", 1)}).refused(t, 422, "rejected")
	giveBack(1, true).want(t, 201)
	s.wantStock(t, "MUG", levels{9, 3, 6})
	giveBack(1, false).want(t, 201)
	s.wantStock(t, "MUG", levels{9, 3, 6})
	giveBack(1, true).refused(t, 409, "more_than_shipped")
	s.wantLine(t, id, "MUG", map[string]int64{"shipped": 2, "returned": 2, "reserved": 3})
	found, _ := clerk.get("/v1/orders/"+id+"/returns").want(t, 200)["items"].([]any)
	if len(found) != 2 {
		t.Errorf("%d returns", len(found))
	}
	s.wantProof(t)
}

func TestAtOnceNoMoreComesBackThanLeft(t *testing.T) {
	t.Parallel()
	s := newShop(t, map[string]int64{"MUG": 10}).onTerms(t)
	id := s.placed(t, "MUG", 5)
	s.ship(t, id, "MUG", 5).want(t, 201)
	replies := make([]reply, 12)
	together(len(replies), func(i int) {
		replies[i] = s.manager.post("/v1/orders/"+id+"/returns", obj{"lines": picks("MUG", 2), "reason": "too many"})
	})
	wantTally(t, replies, map[int]int{201: 2, 409: 10})
	s.wantStock(t, "MUG", levels{9, 0, 9})
	s.wantProof(t)
}

func TestAPrepaidOrderLeavesWhenItIsPaid(t *testing.T) {
	t.Parallel()
	s := newShop(t, map[string]int64{"MUG": 10})
	id := s.placed(t, "MUG", 2)
	s.ship(t, id, "MUG", 2).refused(t, 409, "payment_required")
	unpaid := obj{"unpaid": true}
	s.as(t, "warehouse", "").post("/v1/orders/"+id+"/shipments", unpaid).refused(t, 403, "forbidden")
	s.wantStock(t, "MUG", levels{10, 2, 8})

	s.manager.patch("/v1/settings", `"1"`, obj{"ship_unpaid": []string{"warehouse"}}).want(t, 200)
	s.manager.post("/v1/orders/"+id+"/shipments", unpaid).refused(t, 403, "forbidden")
	s.as(t, "warehouse", "").post("/v1/orders/"+id+"/shipments", unpaid).want(t, 201)
	s.wantStatus(t, id, "shipped")
	items, _ := s.manager.get("/v1/orders/"+id+"/events").want(t, 200)["items"].([]any)
	first, _ := items[0].(obj)
	if data, _ := first["data"].(obj); data["unpaid"] != true {
		t.Errorf("the timeline must tell that it left unpaid: %v", first)
	}
}

func TestAHoldStopsShippingNotReading(t *testing.T) {
	t.Parallel()
	s := newShop(t, map[string]int64{"MUG": 10}).onTerms(t)
	id := s.placed(t, "MUG", 2)
	s.manager.post("/v1/orders/"+id+"/hold", obj{"reason": "call first"}).want(t, 200)
	s.ship(t, id, "MUG", 2).refused(t, 409, "on_hold")
	if list := s.as(t, "warehouse", "").get("/v1/orders/" + id + "/pick-list.pdf"); list.status != 200 || !bytes.HasPrefix(list.raw, []byte("%PDF-")) {
		t.Errorf("pick list: %d %s", list.status, list.raw)
	}
	s.wantStock(t, "MUG", levels{10, 2, 8})
}

func TestGoodsLeaveFromAnotherLocationAndTheReservationMoves(t *testing.T) {
	t.Parallel()
	s := newShop(t, map[string]int64{"MUG": 6}).onTerms(t)
	s.manager.post("/v1/locations", obj{"location": "EAST", "name": "East", "priority": 2}).want(t, 201)
	s.receive(t, "MUG", "EAST", 5)
	id := s.placed(t, "MUG", 6) // all at MAIN
	from := func(location string, n int) reply {
		return s.as(t, "warehouse", "").post("/v1/orders/"+id+"/shipments", obj{"location": location, "lines": picks("MUG", n)})
	}
	if p := firstError(t, from("EAST", 6).refused(t, 409, "insufficient_stock")); num(t, p["available"]) != 5 {
		t.Errorf("5 are at EAST: %v", p)
	}
	from("WEST", 1).refused(t, 422, "rejected")
	from("EAST", 4).want(t, 201)
	l := s.line(t, id, "MUG")
	if fmt.Sprint(l["allocations"]) != "[map[location:MAIN quantity:2]]" {
		t.Errorf("2 of 6 are still reserved at MAIN: %v", l)
	}
	s.wantStock(t, "MUG", levels{7, 2, 5})
	s.wantProof(t)
}

func TestAShipmentThatWasAMistakeIsUndone(t *testing.T) {
	t.Parallel()
	s := newShop(t, map[string]int64{"MUG": 10}).onTerms(t)
	id, clerk := s.placed(t, "MUG", 6), s.as(t, "warehouse", "")
	sh := s.ship(t, id, "MUG", 2).want(t, 201)
	rest := s.ship(t, id, "MUG", 4).want(t, 201) // so that undoing the first one twice would find something
	path := "/v1/shipments/" + str(sh["id"])
	clerk.post(path+"/undo", obj{}).want(t, 400)
	replies := make([]reply, 5)
	together(len(replies), func(i int) { replies[i] = clerk.post(path+"/undo", obj{"reason": "wrong pallet"}) })
	wantTally(t, replies, map[int]int{200: 1, 409: 4})
	s.wantStatus(t, id, "partially_shipped")
	s.wantStock(t, "MUG", levels{6, 2, 4})
	s.wantLine(t, id, "MUG", map[string]int64{"shipped": 4, "reserved": 2})
	clerk.post("/v1/shipments/"+str(rest["id"])+"/undo", obj{"reason": "that one too"}).want(t, 200)
	clerk.get("/v1/shipments/"+str(rest["id"])+"/delivery-note.pdf").refused(t, 409, "wrong_status")
	s.wantStatus(t, id, "confirmed")
	s.wantStock(t, "MUG", levels{10, 6, 4})
	s.wantProof(t)

	again := s.ship(t, id, "MUG", 4).want(t, 201)
	if again["number"] == sh["number"] {
		t.Errorf("two shipments have the number %v", sh["number"])
	}
	path = "/v1/shipments/" + str(again["id"])
	clerk.post("/v1/orders/"+id+"/returns", obj{"lines": picks("MUG", 1), "reason": "refused"}).want(t, 201)
	clerk.post(path+"/undo", obj{"reason": "too late"}).refused(t, 409, "returned")
	clerk.post(path+"/deliver", nil).want(t, 200)
	clerk.post(path+"/deliver", nil).refused(t, 409, "wrong_status")
	clerk.post(path+"/undo", obj{"reason": "too late"}).refused(t, 409, "wrong_status")
	s.wantProof(t)
}

func TestAnOrderThatArrivedAndIsSettledIsCompleted(t *testing.T) {
	t.Parallel()
	s := newShop(t, map[string]int64{"MUG": 10}).onTerms(t)
	body := s.order("MUG", 2)
	body["order_discount_bp"] = 10_000 // a gift: nothing is left to pay
	gift, paid := str(s.manager.post("/v1/orders", body).want(t, 201)["id"]), s.placed(t, "MUG", 2)
	for id, want := range map[string]string{gift: "completed", paid: "shipped"} {
		one, two := s.ship(t, id, "MUG", 1).want(t, 201), s.ship(t, id, "MUG", 1).want(t, 201)
		for _, sh := range []obj{one, two} {
			s.wantStatus(t, id, "shipped")
			s.manager.post("/v1/shipments/"+str(sh["id"])+"/deliver", nil).want(t, 200)
		}
		s.wantStatus(t, id, want)
	}
	s.manager.post("/v1/orders/"+paid+"/complete", nil).want(t, 200)
	s.wantStatus(t, paid, "completed")
}

func TestTrackingIsCorrectedAfterwards(t *testing.T) {
	t.Parallel()
	s := newShop(t, map[string]int64{"MUG": 10}).onTerms(t)
	clerk := s.as(t, "warehouse", "")
	made := clerk.post("/v1/orders/"+s.placed(t, "MUG", 2)+"/shipments", obj{"carrier": "UPS", "tracking_number": "1Z9", "packages": 2, "weight_grams": 900})
	path := "/v1/shipments/" + str(made.want(t, 201)["id"])
	clerk.patch(path, made.etag(), obj{"carrier": "Pigeon"}).refused(t, 422, "rejected")
	clerk.do("PATCH", path, obj{"tracking_number": "1Z8"}).refused(t, 428, "if_match_required")
	fixed := clerk.patch(path, made.etag(), obj{"tracking_number": "1Z8"}).want(t, 200)
	if fixed["tracking_url"] != "https://www.ups.com/track?tracknum=1Z8" || num(t, fixed["packages"]) != 2 {
		t.Errorf("corrected: %v", fixed)
	}
	clerk.patch(path, made.etag(), obj{"tracking_number": "1Z7"}).refused(t, 412, "stale")
	cleared := clerk.patch(path, `"2"`, obj{"carrier": nil, "tracking_number": nil}).want(t, 200)
	if cleared["carrier"] != nil || cleared["tracking_url"] != nil {
		t.Errorf("cleared: %v", cleared)
	}
}

func TestTheWarehouseShipsAndSeesNoMoneyAndFinanceDoesNotShip(t *testing.T) {
	t.Parallel()
	s := newShop(t, map[string]int64{"MUG": 10}).onTerms(t)
	id := s.placed(t, "MUG", 2)
	for _, role := range []string{"finance", "sales"} {
		s.as(t, role, "").post("/v1/orders/"+id+"/shipments", nil).refused(t, 403, "forbidden")
		s.as(t, role, "").post("/v1/orders/"+id+"/returns", obj{"lines": picks("MUG", 1)}).refused(t, 403, "forbidden")
	}
	made := s.ship(t, id, "MUG", 1)
	made.want(t, 201)
	s.as(t, "warehouse", "").post("/v1/orders/"+id+"/returns", obj{"lines": picks("MUG", 1), "reason": "no"}).want(t, 201)
	for _, path := range []string{"", "/shipments", "/returns", "/events"} {
		raw := s.as(t, "warehouse", "").get("/v1/orders/" + id + path).raw
		for _, field := range []string{"total", "price", "cost", "paid", "balance", "value", "margin", "currency"} {
			if bytes.Contains(raw, []byte(`"`+field)) || bytes.Contains(raw, []byte(field+`"`)) {
				t.Errorf("%s shows the warehouse %s: %s", path, field, raw)
			}
		}
	}
	// A salesperson sees the shipments of their own orders only.
	s.as(t, "sales", "stranger").get("/v1/orders/"+id+"/shipments").refused(t, 404, "not_found")
	s.as(t, "sales", "stranger").get("/v1/shipments/"+str(made.body(t)["id"])).refused(t, 404, "not_found")
	s.as(t, "sales", "stranger").get("/v1/shipments/"+str(made.body(t)["id"])+"/delivery-note.pdf").refused(t, 404, "not_found")
	if items, _ := s.as(t, "sales", "stranger").get("/v1/shipments").want(t, 200)["items"].([]any); len(items) != 0 {
		t.Errorf("a stranger lists %v", items)
	}
}

func TestTheWholeOrderComesFromOnePlaceWhenTheSettingsSaySo(t *testing.T) {
	t.Parallel()
	s := newShop(t, map[string]int64{"MUG": 5, "CUP": 1}).onTerms(t)
	s.manager.post("/v1/locations", obj{"location": "EAST", "name": "East", "priority": 2}).want(t, 201)
	s.receive(t, "MUG", "EAST", 3)
	s.receive(t, "CUP", "EAST", 5)
	split := s.placed(t, "MUG", 2, "CUP", 3) // both from MAIN first, and two cups from EAST
	if got := fmt.Sprint(s.line(t, split, "CUP")["allocations"]); got != "[map[location:MAIN quantity:1] map[location:EAST quantity:2]]" {
		t.Errorf("by priority: %s", got)
	}
	s.manager.post("/v1/orders/"+split+"/cancel", nil).want(t, 200)
	s.manager.patch("/v1/settings", `"1"`, obj{"allocation": "fewest_shipments"}).want(t, 200)
	one := s.placed(t, "MUG", 2, "CUP", 3)
	for _, sku := range []string{"MUG", "CUP"} {
		l := s.line(t, one, sku)
		if got := fmt.Sprint(l["allocations"]); got != fmt.Sprintf("[map[location:EAST quantity:%v]]", l["quantity"]) {
			t.Errorf("%s comes from %s", sku, got)
		}
	}
	s.ship(t, one, "MUG", 2, "CUP", 3).want(t, 201)
	s.wantStatus(t, one, "shipped")
	s.wantProof(t)
}

// 45 SKUs are what a shipment takes: one more is a clear refusal that changes nothing.
func TestAShipmentOfTooManySKUsIsRefusedWhole(t *testing.T) {
	t.Parallel()
	s := newShop(t, nil).onTerms(t)
	var lines, most []any
	for i := range 46 {
		sku := fmt.Sprintf("SKU-%02d", i)
		s.product(t, sku, nil)
		s.receive(t, sku, "MAIN", 1)
		lines = append(lines, sku, 1)
	}
	most = lines[:90]
	id := s.placed(t, lines...)
	s.ship(t, id, lines...).refused(t, 422, "too_many_items")
	s.wantStatus(t, id, "confirmed")
	s.wantStock(t, "SKU-00", levels{1, 1, 0})
	s.ship(t, id, most...).want(t, 201)
	s.wantStatus(t, id, "partially_shipped")
	back := func(lines []any) reply {
		return s.manager.post("/v1/orders/"+id+"/returns", obj{"lines": picks(lines...), "reason": "all of it"})
	}
	s.ship(t, id, lines[90:]...).want(t, 201)
	back(lines).refused(t, 422, "too_many_items")
	back(most).want(t, 201)
	s.wantProof(t)
}

func TestADiscountOnWhatLeftAndArrivedWaitsForApproval(t *testing.T) {
	t.Parallel()
	s := newShop(t, map[string]int64{"MUG": 10}).onTerms(t)
	seller := s.as(t, "sales", "")
	body := s.order("MUG", 4)
	placed := seller.post("/v1/orders", body)
	id := str(placed.want(t, 201)["id"])
	sh := s.ship(t, id, "MUG", 2).want(t, 201)
	s.manager.post("/v1/shipments/"+str(sh["id"])+"/deliver", nil).want(t, 200)
	o := seller.patch("/v1/orders/"+id, "*", obj{"lines": []obj{{"sku": "MUG", "quantity": 2, "discount_bp": 10_000}}}).want(t, 200)
	if o["status"] != "shipped" || o["hold_reason"] != "approval" {
		t.Errorf("a gift that nobody approved is %v, on hold for %v", o["status"], o["hold_reason"])
	}
	seller.post("/v1/orders/"+id+"/complete", nil).refused(t, 409, "on_hold")
	s.manager.post("/v1/orders/"+id+"/release", nil).want(t, 200)
	s.wantStatus(t, id, "completed")
}
