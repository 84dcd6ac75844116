package e2e

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"waybill/infra/dynamolocal/testtable"
	"waybill/infra/local"
	"waybill/infra/stripe"
	"waybill/infra/template"
)

// money compares an order's payment fields, such as "paid 4000 refunded 0 balance -2 is paid".
func (s shop) wantMoney(t testing.TB, id string, paid, refunded, balance int64, status string) {
	t.Helper()
	o := s.manager.get("/v1/orders/"+id).want(t, 200)
	if num(t, o["paid"]) != paid || num(t, o["refunded"]) != refunded || num(t, o["balance"]) != balance || o["payment_status"] != status {
		t.Errorf("paid %v, refunded %v, balance %v, %v; want %d, %d, %d, %s", o["paid"], o["refunded"], o["balance"], o["payment_status"], paid, refunded, balance, status)
	}
}

// checkout has the order's customer asked, and returns the session.
func (s shop) checkout(t testing.TB, id string) obj {
	t.Helper()
	return s.as(t, "sales", "").asked(t, "/v1/orders/"+id+"/checkout")
}

func (a actor) asked(t testing.TB, path string) obj {
	t.Helper()
	return a.post(path, obj{}).want(t, 201)
}

// pays has the customer pay, and waits until Waybill was told.
func (s shop) pays(t testing.TB, object any) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := s.Stripe().Pay(ctx, str(object)); err != nil {
		t.Fatal(err)
	}
}

func (s shop) orderOf(t testing.TB, more obj, lines ...any) string {
	t.Helper()
	body := s.order(lines...)
	for k, v := range more {
		body[k] = v
	}
	return str(s.as(t, "sales", "").post("/v1/orders", body).want(t, 201)["id"])
}

func TestACustomerPaysAndTheGoodsMayLeave(t *testing.T) {
	t.Parallel()
	s := newShop(t, map[string]int64{"MUG": 10})
	id := s.orderOf(t, nil, "MUG", 2)
	s.ship(t, id, "MUG", 2).refused(t, 409, "payment_required")

	session := s.checkout(t, id)
	if num(t, session["amount"]) != 3998 || !strings.Contains(str(session["url"]), str(session["session"])) {
		t.Fatalf("checkout: %v", session)
	}
	if again := s.checkout(t, id); again["session"] != session["session"] || again["payment_id"] != session["payment_id"] {
		t.Errorf("a second checkout made another session: %v", again)
	}
	s.wantMoney(t, id, 0, 0, 3998, "unpaid")
	s.pays(t, session["session"])
	s.wantMoney(t, id, 3998, 0, 0, "paid")
	s.as(t, "sales", "").post("/v1/orders/"+id+"/checkout", obj{}).refused(t, 409, "nothing_to_pay")

	shipment := s.ship(t, id, "MUG", 2).want(t, 201)
	s.as(t, "warehouse", "").post("/v1/shipments/"+str(shipment["id"])+"/deliver", nil).want(t, 200)
	s.wantStatus(t, id, "completed")
	s.wantProof(t)
}

func TestAPageOfOnesOwnPaysToo(t *testing.T) {
	t.Parallel()
	s := newShop(t, map[string]int64{"MUG": 10})
	id := s.orderOf(t, nil, "MUG", 1)
	sales := s.as(t, "sales", "")
	intent := sales.asked(t, "/v1/orders/"+id+"/payment-intents")
	again := sales.asked(t, "/v1/orders/"+id+"/payment-intents")
	if str(intent["client_secret"]) == "" || again["payment_intent"] != intent["payment_intent"] || again["client_secret"] != intent["client_secret"] {
		t.Errorf("%v, then %v", intent, again)
	}
	s.pays(t, intent["payment_intent"])
	s.wantMoney(t, id, 1999, 0, 0, "paid")
}

func TestMoneyByHandIsSplitRefundedAndReversed(t *testing.T) {
	t.Parallel()
	s := newShop(t, map[string]int64{"MUG": 10})
	s.product(t, "ROUND", obj{"prices": obj{"USD": 10000}})
	s.receive(t, "ROUND", "MAIN", 5)
	id := s.orderOf(t, nil, "ROUND", 1)
	finance, sales := s.as(t, "finance", ""), s.as(t, "sales", "")
	pay := func(method string, amount int, more obj) reply {
		body := obj{"method": method, "amount": amount}
		for k, v := range more {
			body[k] = v
		}
		return finance.post("/v1/orders/"+id+"/payments", body)
	}
	transfer := pay("bank_transfer", 4000, obj{"reference": "TRX 1", "received_at": "2026-01-01T00:00:00Z"}).want(t, 201)
	s.wantMoney(t, id, 4000, 0, 6000, "partially_paid")
	if p := pay("cash", 6001, nil).refused(t, 409, "overpayment"); num(t, firstError(t, p)["available"]) != 6000 {
		t.Errorf("refused: %v", p)
	}
	session := s.checkout(t, id)
	s.pays(t, session["session"])
	s.wantMoney(t, id, 10000, 0, 0, "paid")

	refund := func(amount int) reply {
		return finance.post("/v1/orders/"+id+"/refunds", obj{"amount": amount, "reason": "came back"})
	}
	sales.post("/v1/orders/"+id+"/refunds", obj{"amount": 1, "reason": "please"}).refused(t, 403, "forbidden")
	items, _ := refund(7000).want(t, 201)["items"].([]any)
	if len(items) != 2 {
		t.Fatalf("a refund over two payments: %v", items)
	}
	s.wantMoney(t, id, 10000, 7000, 7000, "partially_refunded")
	if p := refund(4000).refused(t, 409, "exceeds_refundable"); num(t, firstError(t, p)["available"]) != 3000 {
		t.Errorf("refused: %v", p)
	}
	finance.post("/v1/payments/"+str(transfer["id"])+"/reverse", obj{"reason": "typo"})
	refund(3000).want(t, 201)
	s.wantMoney(t, id, 10000, 10000, 10000, "refunded")

	other := s.orderOf(t, nil, "MUG", 1)
	wrong := finance.post("/v1/orders/"+other+"/payments", obj{"method": "cheque", "amount": 1999}).want(t, 201)
	finance.post("/v1/payments/"+str(wrong["id"])+"/reverse", obj{"reason": "another order's"}).want(t, 200)
	s.wantMoney(t, other, 0, 0, 1999, "unpaid")
	list, _ := finance.get("/v1/orders/"+other+"/payments").want(t, 200)["items"].([]any)
	if p, _ := list[0].(obj); len(list) != 1 || p["status"] != "reversed" || p["reverse_reason"] != "another order's" {
		t.Errorf("payments: %v", list)
	}
	if all, _ := finance.get("/v1/payments").want(t, 200)["items"].([]any); len(all) != 3 {
		t.Errorf("%d payments in the list, want 3", len(all))
	}
	pays := finance.post("/v1/orders/"+other+"/payments", obj{"method": "cash", "amount": 2500, "allow_overpayment": true}).want(t, 201)
	s.wantMoney(t, other, 2500, 0, -501, "paid")
	if num(t, pays["refundable"]) != 2500 {
		t.Errorf("the payment: %v", pays)
	}
}

func TestWhatIsAddedAndTakenAwayMovesNoMoney(t *testing.T) {
	t.Parallel()
	s := newShop(t, map[string]int64{"MUG": 10, "CUP": 10})
	id := s.orderOf(t, nil, "MUG", 1)
	s.pays(t, s.checkout(t, id)["session"])
	edit := func(lines ...any) {
		s.manager.patch("/v1/orders/"+id, "*", obj{"lines": picks(lines...)}).want(t, 200)
	}
	edit("MUG", 1, "CUP", 1)
	s.wantMoney(t, id, 1999, 0, 1999, "partially_paid")
	edit("MUG", 1)
	s.wantMoney(t, id, 1999, 0, 0, "paid")
	list, _ := s.manager.get("/v1/orders/"+id+"/payments").want(t, 200)["items"].([]any)
	if p, _ := list[0].(obj); len(list) != 1 || num(t, p["refunded"]) != 0 {
		t.Errorf("payments: %v", list)
	}
}

// posted sends raw bytes to the webhook.
func (s shop) posted(t testing.TB, raw []byte, signature string) reply {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL()+"/webhooks/stripe", bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	if signature != "" {
		r.Header.Set("Stripe-Signature", signature)
	}
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply{resp.StatusCode, resp.Header, body}
}

func TestTheWebhookBelievesOnlyWhatIsSigned(t *testing.T) {
	t.Parallel()
	db, table := testtable.New(t)
	var calls atomic.Int64
	s := furnish(t, startWith(t, local.Config{Client: db, Table: table, Stripe: local.Stripe{Intercept: func(*http.Request) stripe.Fault {
		calls.Add(1)
		return stripe.None
	}}}), map[string]int64{"MUG": 5})
	id := s.orderOf(t, nil, "MUG", 1)
	session := s.checkout(t, id)
	s.Stripe().Hold(true)
	if _, err := s.Stripe().Do(str(session["session"]), "succeed", 0, stripe.Never); err != nil {
		t.Fatal(err)
	}
	paid := ""
	for _, e := range s.Stripe().Events() {
		if e.Type == "checkout.session.completed" {
			paid = e.ID
		}
	}
	raw, signature, err := s.Stripe().Signed(paid)
	if err != nil {
		t.Fatal(err)
	}
	asked := calls.Load()
	for name, c := range map[string]struct {
		raw       []byte
		signature string
		status    int
	}{
		"nothing":       {nil, "", 400},
		"empty, signed": {nil, signature, 400},
		"unsigned":      {raw, "", 400},
		"forged":        {raw, signature[:len(signature)-4] + "0000", 400},
		"stale":         {raw, "t=1700000000,v1=" + signature[len(signature)-64:], 400},
		"re-serialised": {append(bytes.TrimSpace(raw), ' ', '\n'), signature, 400},
		"a byte more":   {bytes.Replace(raw, []byte("1999"), []byte("1998"), 1), signature, 400},
		"a megabyte":    {bytes.Repeat([]byte("a"), 1<<20+1), signature, 413},
	} {
		if r := s.posted(t, c.raw, c.signature); r.status != c.status {
			t.Errorf("%s: %d, want %d: %s", name, r.status, c.status, r.raw)
		}
	}
	s.wantMoney(t, id, 0, 0, 1999, "unpaid")
	if n := calls.Load(); n != asked {
		t.Errorf("Stripe was called %d times for what nobody signed", n-asked)
	}
	s.posted(t, raw, signature).want(t, 200)
	s.posted(t, raw, signature).want(t, 200)
	s.wantMoney(t, id, 1999, 0, 0, "paid")
	unknown, _ := s.manager.get("/v1/payment-reviews").want(t, 200)["items"].([]any)
	if len(unknown) != 0 {
		t.Errorf("reviews: %v", unknown)
	}
}

func TestAmountsAreStripesOwnInEachCurrency(t *testing.T) {
	t.Parallel()
	db, table := testtable.New(t)
	var amount atomic.Value
	s := furnish(t, startWith(t, local.Config{Client: db, Table: table, Stripe: local.Stripe{Intercept: func(r *http.Request) stripe.Fault {
		if v := r.FormValue("line_items[0][price_data][unit_amount]"); v != "" {
			amount.Store(v)
		}
		return stripe.None
	}}}), nil)
	s.product(t, "FISH", obj{"prices": obj{"JPY": 500, "ISK": 1500, "BHD": 5120, "USD": 1999}})
	s.product(t, "ODD", obj{"prices": obj{"BHD": 5123}})
	s.receive(t, "FISH", "MAIN", 10)
	s.receive(t, "ODD", "MAIN", 10)
	for currency, c := range map[string]struct {
		here  int64
		there string
	}{"JPY": {500, "500"}, "ISK": {1500, "150000"}, "BHD": {5120, "5120"}, "USD": {1999, "1999"}} {
		id := s.orderOf(t, obj{"currency": currency}, "FISH", 1)
		session := s.checkout(t, id)
		if num(t, session["amount"]) != c.here || amount.Load() != c.there {
			t.Errorf("%s: %v here and %v at Stripe, want %d and %s", currency, session["amount"], amount.Load(), c.here, c.there)
		}
		s.pays(t, session["session"])
		s.wantMoney(t, id, c.here, 0, 0, "paid")
	}
	odd := s.orderOf(t, obj{"currency": "BHD"}, "ODD", 1)
	s.as(t, "sales", "").post("/v1/orders/"+odd+"/checkout", obj{}).refused(t, 422, "amount_not_payable")
	if o := s.manager.get("/v1/orders/"+odd).want(t, 200); num(t, o["version"]) != 1 {
		t.Errorf("a refused checkout changed the order: %v", o)
	}
}

func TestAnOutageOfStripeChangesNothing(t *testing.T) {
	t.Parallel()
	db, table := testtable.New(t)
	var down atomic.Bool
	s := furnish(t, startWith(t, local.Config{Client: db, Table: table, Stripe: local.Stripe{Intercept: func(*http.Request) stripe.Fault {
		if down.Load() {
			return stripe.Refuse
		}
		return stripe.None
	}}}), map[string]int64{"MUG": 5})
	paid, unpaid := s.orderOf(t, nil, "MUG", 1), s.orderOf(t, nil, "MUG", 1)
	s.pays(t, s.checkout(t, paid)["session"])
	both := func() string {
		return string(s.manager.get("/v1/orders/"+paid).raw) + string(s.manager.get("/v1/orders/"+unpaid).raw)
	}
	before := both()
	down.Store(true)
	finance := s.as(t, "finance", "")
	for _, r := range []reply{
		finance.post("/v1/orders/"+unpaid+"/checkout", obj{}), finance.post("/v1/orders/"+unpaid+"/payment-intents", obj{}),
		finance.post("/v1/orders/"+paid+"/refunds", obj{"reason": "no"}),
	} {
		if p := r.body(t); (r.status != 502 && r.status != 503) || !strings.HasPrefix(str(p["code"]), "stripe_") {
			t.Errorf("%d: %s", r.status, r.raw)
		}
	}
	if after := both(); after != before {
		t.Errorf("before %s, after %s", before, after)
	}
	down.Store(false)
	finance.post("/v1/orders/"+unpaid+"/checkout", obj{}).want(t, 201)
}

func TestOfTwoOrdersBeyondACustomersCreditOneIsConfirmed(t *testing.T) {
	t.Parallel()
	s := newShop(t, nil).onTerms(t)
	s.product(t, "DESK", obj{"prices": obj{"USD": 60000}})
	s.receive(t, "DESK", "MAIN", 10)
	s.as(t, "finance", "").patch("/v1/customers/"+s.customer, "*", obj{"credit_limit": 100000}).want(t, 200)
	var ids [2]string
	for i := range ids {
		ids[i] = s.orderOf(t, obj{"confirm": false}, "DESK", 1)
	}
	replies := make([]reply, 2)
	together(2, func(i int) { replies[i] = s.manager.post("/v1/orders/"+ids[i]+"/confirm", nil) })
	wantTally(t, replies, map[int]int{200: 1, 409: 1})
	for i, r := range replies {
		if r.status == 409 {
			p := r.refused(t, 409, "credit_limit")
			if num(t, firstError(t, p)["available"]) != 40000 {
				t.Errorf("refused: %v", p)
			}
			s.manager.get("/v1/orders/"+ids[i]).want(t, 200)
			ids[0], ids[1] = ids[1-i], ids[i]
			break
		}
	}
	s.wantStock(t, "DESK", levels{10, 1, 9})
	credit := func(used int64) {
		t.Helper()
		c := s.manager.get("/v1/customers/"+s.customer+"/credit").want(t, 200)
		if num(t, c["used"]) != used || num(t, c["available"]) != 100000-used {
			t.Errorf("credit: %v, want %d used", c, used)
		}
	}
	credit(60000)
	s.as(t, "finance", "").post("/v1/orders/"+ids[0]+"/payments", obj{"method": "bank_transfer", "amount": 30000}).want(t, 201)
	credit(30000)
	s.manager.post("/v1/orders/"+ids[1]+"/confirm", nil).want(t, 200)
	credit(90000)
	s.manager.post("/v1/orders/"+ids[1]+"/cancel", nil).want(t, 200)
	credit(30000)
}

func TestADisputeHoldsTheOrderUntilItIsDecided(t *testing.T) {
	t.Parallel()
	s := newShop(t, map[string]int64{"MUG": 10})
	for verdict, want := range map[string]struct {
		refunded int64
		status   string
		held     bool
	}{"win": {0, "paid", false}, "lose": {1999, "refunded", true}} {
		id := s.orderOf(t, nil, "MUG", 1)
		session := s.checkout(t, id)
		s.pays(t, session["session"])
		dev := func(action string) {
			t.Helper()
			(actor{t: t, url: s.URL()}).post(fmt.Sprintf("/dev/stripe/%s/%s?deliver=twice", session["session"], action), nil).want(t, 200)
		}
		dev("dispute")
		s.wantMoney(t, id, 1999, 0, 0, "disputed")
		s.ship(t, id, "MUG", 1).refused(t, 409, "on_hold")
		s.manager.post("/v1/orders/"+id+"/release", nil).refused(t, 409, "disputed")
		dev(verdict)
		s.wantMoney(t, id, 1999, want.refunded, want.refunded, want.status)
		if o := s.manager.get("/v1/orders/"+id).want(t, 200); o["on_hold"] != want.held {
			t.Errorf("%s: on hold is %v", verdict, o["on_hold"])
		}
	}
	s.wantStock(t, "MUG", levels{10, 2, 8})
}

// What was authorised is taken when goods leave, by a consumer of the stream.
func TestWhatIsAuthorisedIsTakenWhenGoodsLeave(t *testing.T) {
	t.Parallel()
	db, table := testtable.NewStreaming(t)
	s := furnish(t, startWith(t, local.Config{Client: db, Table: table, Drive: true}), map[string]int64{"MUG": 10})
	settings := s.manager.get("/v1/settings")
	s.manager.patch("/v1/settings", settings.etag(), obj{"payments": obj{"capture": "on_shipment", "expire_after_minutes": 60}}).want(t, 200)
	shipped, cancelled := s.orderOf(t, nil, "MUG", 1), s.orderOf(t, nil, "MUG", 2)
	for _, id := range []string{shipped, cancelled} {
		s.pays(t, s.checkout(t, id)["session"])
		if o := s.manager.get("/v1/orders/"+id).want(t, 200); o["payment_status"] != "authorized" || num(t, o["authorized"]) != num(t, o["total"]) {
			t.Fatalf("authorised: %v", o)
		}
	}
	s.ship(t, shipped, "MUG", 1).want(t, 201)
	s.manager.post("/v1/orders/"+cancelled+"/cancel", nil).want(t, 200)
	eventually(t, "the payment of what left", "paid", func() string { return str(s.manager.get("/v1/orders/" + shipped).body(t)["payment_status"]) })
	eventually(t, "the payment of what was cancelled", "cancelled", func() string {
		list, _ := s.manager.get("/v1/orders/" + cancelled + "/payments").body(t)["items"].([]any)
		p, _ := list[0].(obj)
		return str(p["status"])
	})
	s.wantMoney(t, shipped, 1999, 0, 0, "paid")
}

// startWith runs a system that is configured.
func startWith(t testing.TB, cfg local.Config) system {
	t.Helper()
	path, err := template.Find(".")
	if err != nil {
		t.Fatal(err)
	}
	cfg.Template, cfg.Log, cfg.Patience = path, io.Discard, 2*time.Minute
	s, err := local.Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return system{System: s, table: cfg.Table}
}
