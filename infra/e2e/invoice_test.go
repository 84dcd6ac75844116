package e2e

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"slices"
	"testing"
)

// salesOrder is an order of three MUGs on net terms that a salesperson entered for a customer of their own.
func (s shop) salesOrder(t testing.TB, user string) string {
	t.Helper()
	seller := s.as(t, "sales", user)
	c := seller.post("/v1/customers", obj{"name": "Darrin Van Huff", "terms": obj{"kind": "net", "days": 30}}).want(t, 201)
	body := s.order("MUG", 3)
	body["customer_id"] = c["id"]
	return str(seller.post("/v1/orders", body).want(t, 201)["id"])
}

// invoice issues an invoice of an order as finance.
func (s shop) invoice(t testing.TB, orderID string, lines ...any) obj {
	t.Helper()
	var body any
	if len(lines) > 0 {
		body = obj{"lines": picks(lines...)}
	}
	return s.as(t, "finance", "").post("/v1/orders/"+orderID+"/invoices", body).want(t, 201)
}

// field collects a field of a list's items.
func field(t testing.TB, list obj, name string) []string {
	t.Helper()
	items, _ := list["items"].([]any)
	out := []string{}
	for _, i := range items {
		row, _ := i.(obj)
		out = append(out, fmt.Sprint(row[name]))
	}
	return out
}

func TestFinanceIssuesInvoicesSalesReadsItsOwnAndTheWarehouseNone(t *testing.T) {
	t.Parallel()
	s := newShop(t, map[string]int64{"MUG": 10})
	id := s.salesOrder(t, "ann")
	path := "/v1/orders/" + id + "/invoices"
	for _, role := range []string{"sales", "warehouse"} {
		s.as(t, role, "").post(path, nil).refused(t, 403, "forbidden")
	}
	i := s.invoice(t, id)
	invoice := "/v1/invoices/" + str(i["id"])
	s.as(t, "sales", "ann").post(invoice+"/credit-notes", obj{"reason": "mine"}).refused(t, 403, "forbidden")
	note := s.as(t, "finance", "").post(invoice+"/credit-notes", obj{"reason": "chipped", "lines": picks("MUG", 1)}).want(t, 201)
	credit := "/v1/credit-notes/" + str(note["id"])

	single := []string{path, invoice, invoice + "/invoice.pdf", invoice + "/credit-notes", credit, credit + "/credit-note.pdf"}
	for _, p := range append([]string{"/v1/invoices", "/v1/invoices.csv", "/v1/invoices.xlsx", "/v1/receivables"}, single...) {
		s.as(t, "warehouse", "").get(p).refused(t, 403, "forbidden")
		for _, a := range []actor{s.as(t, "sales", "ann"), s.as(t, "finance", ""), s.manager} {
			if r := a.get(p); r.status != 200 {
				t.Errorf("%s: %d %s", p, r.status, r.raw)
			}
		}
	}
	stranger := s.as(t, "sales", "bea")
	for _, p := range single {
		stranger.get(p).refused(t, 404, "not_found")
	}
	if got := field(t, stranger.get("/v1/invoices").want(t, 200), "number"); len(got) != 0 {
		t.Errorf("a stranger lists %v", got)
	}
	if got := field(t, stranger.get("/v1/receivables").want(t, 200), "open"); len(got) != 0 {
		t.Errorf("a stranger sees what is owed: %v", got)
	}
	if got := field(t, s.as(t, "sales", "ann").get("/v1/invoices?status=open").want(t, 200), "number"); !slices.Equal(got, []string{str(i["number"])}) {
		t.Errorf("the salesperson lists %v", got)
	}
}

func TestAnInvoiceIsIssuedOnceHoweverOftenItIsAskedFor(t *testing.T) {
	t.Parallel()
	s := newShop(t, map[string]int64{"MUG": 10}).onTerms(t)
	id := s.placed(t, "MUG", 5)
	finance, path := s.as(t, "finance", ""), "/v1/orders/"+id+"/invoices"
	finance.post(path, nil, "If-Match", `"9"`).refused(t, 412, "stale")
	body := obj{"lines": picks("MUG", 2), "note": "Thank you"}
	replies := make([]reply, 10)
	together(len(replies), func(i int) { replies[i] = finance.post(path, body, "Idempotency-Key", "k1") })
	wantTally(t, replies, map[int]int{201: 10})
	numbers := map[string]bool{}
	for _, r := range replies {
		numbers[str(r.body(t)["number"])] = true
	}
	if len(numbers) != 1 {
		t.Errorf("%d invoices: %v", len(numbers), numbers)
	}
	first := replies[0].body(t)
	if num(t, first["total"]) != 2*1999 || num(t, first["open"]) != 2*1999 || first["status"] != "open" || first["note"] != "Thank you" {
		t.Errorf("%v", first)
	}
	finance.post(path, obj{}, "Idempotency-Key", "k1").refused(t, 422, "idempotency_key_reused")
	if p := firstError(t, finance.post(path, obj{"lines": picks("MUG", 4)}).refused(t, 409, "more_than_invoiceable")); num(t, p["available"]) != 3 {
		t.Errorf("3 are on no invoice yet: %v", p)
	}
	finance.post(path, nil).want(t, 201)
	finance.post(path, nil).refused(t, 409, "nothing_to_invoice")
	if got := field(t, finance.get(path).want(t, 200), "total"); !slices.Equal(got, []string{"5997", "3998"}) {
		t.Errorf("the invoices come to %v", got)
	}
	l := s.manager.get("/v1/orders/"+id).want(t, 200)
	if num(t, l["balance"]) != 5*1999 {
		t.Errorf("invoices change no balance: %v", l["balance"])
	}
}

func TestInvoicesIssuedAtOnceAreNumberedWithoutGaps(t *testing.T) {
	t.Parallel()
	s := newShop(t, map[string]int64{"MUG": 100}).onTerms(t)
	const n = 20
	ids := make([]string, n)
	for i := range ids {
		ids[i] = s.placed(t, "MUG", 1)
	}
	finance, replies := s.as(t, "finance", ""), make([]reply, n)
	together(n, func(i int) { replies[i] = finance.post("/v1/orders/"+ids[i]+"/invoices", nil) })
	wantTally(t, replies, map[int]int{201: n})
	var got []string
	for _, r := range replies {
		number := str(r.body(t)["number"])
		got = append(got, number[len(number)-6:])
	}
	slices.Sort(got)
	for i, number := range got {
		if want := fmt.Sprintf("%06d", i+1); number != want {
			t.Fatalf("the numbers are %v", got)
		}
	}
}

func TestWhatIsShippedIsInvoicedWhereTheSettingsSaySo(t *testing.T) {
	t.Parallel()
	s := newShop(t, map[string]int64{"MUG": 10}).onTerms(t)
	s.manager.patch("/v1/settings", `"1"`, obj{"invoices": obj{"from": "shipped", "series": "RE", "credit_series": "GS"}}).want(t, 200)
	id := s.placed(t, "MUG", 5)
	s.as(t, "finance", "").post("/v1/orders/"+id+"/invoices", nil).refused(t, 409, "nothing_to_invoice")
	s.ship(t, id, "MUG", 2).want(t, 201)
	i := s.invoice(t, id)
	if number := str(i["number"]); num(t, i["total"]) != 2*1999 || number[:3] != "RE-" {
		t.Errorf("%v", i)
	}
}

func TestACreditNoteTakesNoMoreThanIsInvoiced(t *testing.T) {
	t.Parallel()
	s := newShop(t, map[string]int64{"MUG": 10}).onTerms(t)
	id := s.placed(t, "MUG", 3)
	i, finance := s.invoice(t, id), s.as(t, "finance", "")
	path := "/v1/invoices/" + str(i["id"])
	body := obj{"reason": "came back", "lines": picks("MUG", 2)}
	first := finance.post(path+"/credit-notes", body, "Idempotency-Key", "k").want(t, 201)
	again := finance.post(path+"/credit-notes", body, "Idempotency-Key", "k")
	if again.want(t, 201)["id"] != first["id"] || again.header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("the retry made another: %s", again.raw)
	}
	if num(t, first["total"]) != 2*1999 || first["invoice_number"] != i["number"] {
		t.Errorf("%v", first)
	}
	for _, more := range []obj{{"reason": "no", "lines": picks("MUG", 2)}, {"reason": "no", "amount": 2000}} {
		finance.post(path+"/credit-notes", more).refused(t, 409, "more_than_invoiced")
	}
	finance.post(path+"/credit-notes", obj{"reason": "no", "amount": 1, "lines": picks("MUG", 1)}).refused(t, 422, "rejected")
	finance.post(path+"/credit-notes", obj{"lines": picks("MUG", 1)}).want(t, 400)
	if v := finance.get(path).want(t, 200); num(t, v["credited"]) != 2*1999 || num(t, v["open"]) != 1999 || v["status"] != "open" {
		t.Errorf("%v", v)
	}
	o := s.manager.get("/v1/orders/"+id).want(t, 200)
	if num(t, o["balance"]) != 1999 {
		t.Errorf("%v is to pay of one mug", o["balance"])
	}
	finance.post(path+"/credit-notes", obj{"reason": "the rest"}).want(t, 201)
	if v := finance.get(path).want(t, 200); v["status"] != "credited" || num(t, v["open"]) != 0 {
		t.Errorf("%v", v)
	}
	if got := field(t, finance.get(path+"/credit-notes").want(t, 200), "total"); !slices.Equal(got, []string{"1999", "3998"}) {
		t.Errorf("the credit notes come to %v", got)
	}
	events := field(t, s.manager.get("/v1/orders/"+id+"/events").want(t, 200), "type")
	if !slices.Equal(events[:3], []string{"credit_note.issued", "credit_note.issued", "invoice.issued"}) {
		t.Errorf("the timeline tells %v", events)
	}
}

func TestAnEditBelowWhatIsInvoicedIsRefused(t *testing.T) {
	t.Parallel()
	s := newShop(t, map[string]int64{"MUG": 10}).onTerms(t)
	id := s.placed(t, "MUG", 3)
	i := s.invoice(t, id)
	edit := func() reply {
		return s.manager.patch("/v1/orders/"+id, s.manager.get("/v1/orders/"+id).etag(), obj{"lines": picks("MUG", 2)})
	}
	edit().refused(t, 409, "below_invoiced")
	s.wantStock(t, "MUG", levels{10, 3, 7})
	s.as(t, "finance", "").post("/v1/invoices/"+str(i["id"])+"/credit-notes", obj{"reason": "one less", "lines": picks("MUG", 1)}).want(t, 201)
	edit().want(t, 200)
	s.wantStock(t, "MUG", levels{10, 2, 8})
}

func TestInvoicesAreListedPrintedAndTakenAway(t *testing.T) {
	t.Parallel()
	s := newShop(t, map[string]int64{"MUG": 10}).onTerms(t)
	one, two := s.invoice(t, s.placed(t, "MUG", 1)), s.invoice(t, s.placed(t, "MUG", 2))
	finance := s.as(t, "finance", "")
	newest := []string{str(two["number"]), str(one["number"])}
	for query, want := range map[string][]string{
		"": newest, "?status=paid": {}, "?status=overdue": {}, "?customer_id=" + s.customer: newest,
		"?number=" + newest[1]: newest[1:], "?number=INV-1999-000001": {}, "?to=2001-01-01": {}, "?from=2001-01-01": newest,
	} {
		if got := field(t, finance.get("/v1/invoices"+query).want(t, 200), "number"); !slices.Equal(got, want) {
			t.Errorf("%q lists %v, want %v", query, got, want)
		}
	}
	if got := field(t, finance.get("/v1/invoices?status=open").want(t, 200), "number"); len(got) != 2 { // due the same second
		t.Errorf("open are %v, want %v", got, newest)
	}
	page := finance.get("/v1/invoices?limit=1").want(t, 200)
	rest := finance.get("/v1/invoices?limit=1&cursor="+str(page["next_cursor"])).want(t, 200)
	if got := append(field(t, page, "number"), field(t, rest, "number")...); !slices.Equal(got, newest) {
		t.Errorf("page by page: %v", got)
	}
	note := finance.post("/v1/invoices/"+str(one["id"])+"/credit-notes", obj{"reason": "late", "amount": 100}).want(t, 201)
	for path, begin := range map[string]string{
		"/v1/invoices/" + str(one["id"]) + "/invoice.pdf":          "%PDF-",
		"/v1/credit-notes/" + str(note["id"]) + "/credit-note.pdf": "%PDF-",
		"/v1/invoices.xlsx": "PK",
	} {
		if r := finance.get(path); r.status != 200 || !bytes.HasPrefix(r.raw, []byte(begin)) {
			t.Errorf("%s: %d %s", path, r.status, r.header.Get("Content-Type"))
		}
	}
	text, ok := bytes.CutPrefix(finance.get("/v1/invoices.csv").raw, []byte("\uFEFF"))
	rows, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
	if err != nil || !ok || len(rows) != 3 || rows[2][0] != newest[1] {
		t.Fatalf("%v, %v", rows, err)
	}
	if last := rows[2]; !slices.Equal(last[len(last)-5:], []string{"19.99", "0.00", "19.99", "1.00", "18.99"}) {
		t.Errorf("%v", last)
	}
}

func TestReceivablesCountWhatIsOpenByAge(t *testing.T) {
	t.Parallel()
	s := newShop(t, map[string]int64{"MUG": 10}).onTerms(t)
	i := s.invoice(t, s.placed(t, "MUG", 2))
	s.invoice(t, s.placed(t, "MUG", 1))
	finance := s.as(t, "finance", "")
	finance.post("/v1/invoices/"+str(i["id"])+"/credit-notes", obj{"reason": "late", "amount": 998}).want(t, 201)
	r := finance.get("/v1/receivables?customer_id="+s.customer).want(t, 200)
	items, _ := r["items"].([]any)
	totals, _ := r["totals"].([]any)
	if len(items) != 1 || len(totals) != 1 {
		t.Fatalf("%v", r)
	}
	row, _ := items[0].(obj)
	if row["customer_name"] != "Darrin Van Huff" || num(t, row["invoices"]) != 2 || num(t, row["open"]) != 3*1999-998 || num(t, row["not_due"]) != 3*1999-998 {
		t.Errorf("%v", row)
	}
	later := finance.get("/v1/receivables?at=2200-01-01").want(t, 200)
	if got := field(t, later, "days_over_90"); !slices.Equal(got, []string{fmt.Sprint(3*1999 - 998)}) || later["at"] != "2200-01-01" {
		t.Errorf("%v", later)
	}
}
