package tracking_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	functions "waybill/functions/tracking"
	"waybill/infra/dynamolocal"
	"waybill/infra/dynamolocal/testtable"
	"waybill/infra/fault"
	"waybill/infra/stripe"
	"waybill/shared/access"
	"waybill/shared/company"
	"waybill/shared/customer"
	"waybill/shared/fulfilment"
	"waybill/shared/gateway"
	"waybill/shared/ident"
	"waybill/shared/order"
	"waybill/shared/ordering"
	"waybill/shared/product"
	"waybill/shared/stock"
	"waybill/shared/stripepay"
	"waybill/shared/table"
	"waybill/shared/tracking"
)

var manager = table.By{Principal: access.Principal{ID: "max", Roles: []access.Role{access.Manager}}}

type guests map[string]access.Principal

func (g guests) Verify(_ context.Context, token string) (access.Principal, error) {
	p, ok := g[token]
	if !ok {
		return p, gateway.ErrUnauthenticated
	}
	return p, nil
}

// A shop has a customer with an order, and a handler whose calls of the table are counted.
type shop struct {
	http.Handler
	t      testing.TB
	db     *table.DB
	desk   *ordering.Desk
	dock   *fulfilment.Dock
	window *tracking.Window
	buyer  string
	order  order.Order
	token  string
	log    *strings.Builder

	mu    sync.Mutex
	calls []string
}

// Secrets of the customer's, which nobody without a login is to see.
var secrets = []string{"Gute", "Secret Street", "42420", "claire@example.com", "+13105550100", "A secret note", "A secret reason", "ann", "max"}

func newShop(t testing.TB, home string) *shop {
	t.Helper()
	client, name := testtable.New(t)
	noon := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	now := func() time.Time { return noon }
	ids := ident.At(now)
	s := &shop{t: t, db: table.New(client, name, now), buyer: ids.ID(), log: &strings.Builder{}}
	s.desk, s.dock = &ordering.Desk{DB: s.db, IDs: ids}, &fulfilment.Dock{DB: s.db, IDs: ids}
	s.window = &tracking.Window{DB: s.db, IDs: ids}
	settings := company.Default()
	settings.Name, settings.Version = "Waybill & Sons", 2
	tx := &table.Tx{}
	tx.SaveSettings(settings, 1)
	tx.NewCustomer(customer.Customer{
		ID: s.buyer, Name: "Claire Gute", Email: "claire@example.com", Phone: "+13105550100", Locale: "zh-CN", TimeZone: "Asia/Shanghai", Owner: "ann",
		Terms: customer.Terms{Kind: customer.Prepaid}, Version: 1, CreatedAt: noon, UpdatedAt: noon,
		Shipping: &customer.Address{Name: "Claire Gute", Line1: "1 Secret Street", City: "Henderson <b>", PostalCode: "42420", Phone: "+13105550100"},
	})
	tx.NewProduct(product.Product{
		SKU: "MUG", Name: "Mug <script>alert(1)</script>", Unit: "pcs", Prices: map[string]int64{"USD": 1000, "BHD": 5123}, Active: true,
		ListID: ids.ID(), Version: 1, CreatedAt: noon, UpdatedAt: noon,
	})
	tx.Move(stock.Change{Place: stock.Place{SKU: "MUG", Location: "MAIN"}, OnHand: 100}, 0, nil)
	if err := s.db.Commit(t.Context(), tx); err != nil {
		t.Fatal(err)
	}
	var err error
	s.order, err = s.desk.Place(t.Context(), manager, ordering.New{
		CustomerID: s.buyer, Currency: "USD", Confirm: true, Note: "A secret note", Wishes: []order.Wish{{SKU: "MUG", Quantity: 3}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if s.token, err = s.window.Ensure(t.Context(), s.order.ID); err != nil {
		t.Fatal(err)
	}
	counted := testtable.Client(t, &fault.Transport{Next: dynamolocal.NewTransport(), Decide: func(operation string) fault.Mode {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.calls = append(s.calls, operation)
		return fault.None
	}})
	s.Handler, err = functions.New(standIn(t, now), home)(gateway.Edge{
		Tokens: guests{
			"manager": manager.Principal, "sales": {ID: "ann", Roles: []access.Role{access.Sales}},
			"stranger": {ID: "sam", Roles: []access.Role{access.Sales}}, "warehouse": {ID: "wanda", Roles: []access.Role{access.Warehouse}},
		},
		Records: table.New(counted, name, now), Log: slog.New(slog.NewJSONHandler(s.log, nil)), Now: now,
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// standIn is a client of Stripe's stand-in.
func standIn(t testing.TB, now func() time.Time) *stripepay.Client {
	t.Helper()
	server, err := stripe.New(stripe.Config{
		Key: "sk_test_tracking", WebhookSecret: "whsec_tracking", URL: "https://stripe.test", Now: now, WebhookURL: func() string { return "" },
	})
	if err != nil {
		t.Fatal(err)
	}
	api := httptest.NewServer(server.API())
	transport := &http.Transport{}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		api.Close()
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	return stripepay.New(func(context.Context) (stripepay.Secrets, error) {
		return stripepay.Secrets{Key: "sk_test_tracking", Webhook: []string{"whsec_tracking"}}, nil
	}, api.URL, transport)
}

// do serves a request, and notes which calls of the table it made. Headers come in pairs.
func (s *shop) do(method, path, body string, headers ...string) *httptest.ResponseRecorder {
	s.t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Host = "shop.test"
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	s.mu.Lock()
	s.calls = nil
	s.mu.Unlock()
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

func (s *shop) asked() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

const browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"

func (s *shop) path() string { return "/v1/track/" + s.token }

// ship has part of the order leave, and holds the rest.
func (s *shop) ship() {
	s.t.Helper()
	if _, err := s.dock.Ship(s.t.Context(), manager, s.order.ID, fulfilment.New{
		Picks: []order.Pick{{SKU: "MUG", Quantity: 2}}, Carrier: "DHL", TrackingNumber: "0034", Unpaid: true,
	}); err != nil {
		s.t.Fatal(err)
	}
	if _, err := s.desk.Hold(s.t.Context(), manager, s.order.ID, "A secret reason"); err != nil {
		s.t.Fatal(err)
	}
}

func TestACustomerSeesTheOrderAndNobodysSecrets(t *testing.T) {
	s := newShop(t, "")
	s.ship()
	w := s.do("GET", s.path(), "")
	var v struct {
		Number, Status, Company, City string
		First                         string `json:"first_name"`
		Total, Balance                int64
		PayURL                        string `json:"pay_url"`
		Timeline                      []struct{ Type, Text string }
		Lines                         []struct {
			Name              string
			Quantity, Shipped int64
		}
		Shipments []struct {
			Number string
			URL    string `json:"tracking_url"`
		}
	}
	if err := json.Unmarshal(w.Body.Bytes(), &v); err != nil || w.Code != http.StatusOK {
		t.Fatalf("%d, %v: %s", w.Code, err, w.Body)
	}
	if v.Number != s.order.Number || v.Status != "partially_shipped" || v.First != "Claire" || v.City != "Henderson <b>" || v.Company != "Waybill & Sons" ||
		v.Total != 3000 || v.Balance != 3000 || v.PayURL != "https://shop.test"+s.path()+"/pay" {
		t.Errorf("%+v", v)
	}
	if len(v.Lines) != 1 || v.Lines[0].Quantity != 3 || v.Lines[0].Shipped != 2 || len(v.Shipments) != 1 || !strings.HasPrefix(v.Shipments[0].URL, "https://www.dhl.com/") {
		t.Errorf("%+v", v)
	}
	if len(v.Timeline) != 2 || v.Timeline[0].Text != "已发货（DHL）" || v.Timeline[1].Type != "order.confirmed" {
		t.Errorf("timeline %+v", v.Timeline)
	}
	page := s.do("GET", s.path(), "", "Accept", browser)
	for form, body := range map[string]string{"JSON": w.Body.String(), "HTML": page.Body.String()} {
		for _, secret := range secrets {
			if regexp.MustCompile(`(^|[^A-Za-z0-9])` + regexp.QuoteMeta(secret) + `($|[^A-Za-z0-9-])`).MatchString(body) {
				t.Errorf("the %s says %q", form, secret)
			}
		}
		if !strings.Contains(body, "Claire") || !strings.Contains(body, "0034") {
			t.Errorf("the %s says too little: %s", form, body)
		}
	}
	if strings.Contains(s.log.String(), s.token) {
		t.Error("the token is in the log")
	}
}

func TestABrowserGetsAPageThatRunsNothing(t *testing.T) {
	s := newShop(t, "")
	w := s.do("GET", s.path(), "", "Accept", browser, "Accept-Language", "en-GB,en;q=0.9")
	page := w.Body.String()
	if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "text/html; charset=utf-8" {
		t.Fatalf("%d, %v", w.Code, w.Header())
	}
	for header, want := range map[string]string{"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex", "X-Content-Type-Options": "nosniff"} {
		if got := w.Header().Get(header); got != want {
			t.Errorf("%s is %q", header, got)
		}
	}
	style := page[strings.Index(page, "<style>")+len("<style>") : strings.Index(page, "</style>")]
	sum := sha256.Sum256([]byte(style))
	want := "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; form-action 'self' https:; base-uri 'none'; frame-ancestors 'none'"
	if policy := w.Header().Get("Content-Security-Policy"); policy != want {
		t.Errorf("the policy is %q, want %q", policy, want)
	}
	if strings.Contains(page, "<script") || strings.Contains(page, "<b>") || regexp.MustCompile(`\s(style|on[a-z]+)=`).MatchString(page) || strings.Contains(page, "<no value>") {
		t.Errorf("the page runs something, or has a hole: %s", page)
	}
	for _, text := range []string{`<html lang="en">`, "Order " + s.order.Number, "Confirmed", "USD 30.00", "Mug &lt;script&gt;", "For Claire · Henderson", "23 November 2026, 20:00", `action="` + s.path() + `/pay"`} {
		if !strings.Contains(page, text) {
			t.Errorf("the page lacks %q: %s", text, page)
		}
	}
	own := s.do("GET", s.path(), "", "Accept", browser).Body.String()
	if !strings.Contains(own, `<html lang="zh-Hans">`) || !strings.Contains(own, "订单 "+s.order.Number) || !strings.Contains(own, "2026年11月23日 20:00") {
		t.Errorf("it is not in the customer's own language: %s", own)
	}
}

func TestAskingAgainCostsTwoReadsAndA304(t *testing.T) {
	s := newShop(t, "")
	tags := map[string]string{}
	for name, headers := range map[string][]string{
		"JSON": nil, "page": {"Accept", browser}, "page in English": {"Accept", browser, "Accept-Language", "en"}, "page in Chinese": {"Accept", browser, "Accept-Language", "zh"},
	} {
		w := s.do("GET", s.path(), "", headers...)
		tag := w.Header().Get("ETag")
		if w.Code != http.StatusOK || tag == "" || tags[tag] != "" {
			t.Fatalf("%s: %d, %s as the %s", name, w.Code, tag, tags[tag])
		}
		tags[tag] = name
		again := s.do("GET", s.path(), "", append(headers, "If-None-Match", `"x", W/`+tag)...)
		if again.Code != http.StatusNotModified || again.Body.Len() != 0 || again.Header().Get("ETag") != tag {
			t.Errorf("%s again: %d, %d bytes, %v", name, again.Code, again.Body.Len(), again.Header())
		}
		if calls := s.asked(); !slices.Equal(calls, []string{"GetItem", "GetItem"}) {
			t.Errorf("%s again: the table was asked %v", name, calls)
		}
	}
	tag := s.do("GET", s.path(), "").Header().Get("ETag")
	s.ship()
	if w := s.do("GET", s.path(), "", "If-None-Match", tag); w.Code != http.StatusOK || w.Body.Len() == 0 || w.Header().Get("ETag") == tag {
		t.Errorf("after it changed: %d, %s", w.Code, w.Header().Get("ETag"))
	}
}

func TestALinkThatLeadsNowhereIsTheSame404WhateverItIs(t *testing.T) {
	s := newShop(t, "")
	revoked := s.token
	if w := s.do("POST", "/v1/orders/"+s.order.ID+"/tracking", "", "Authorization", "Bearer manager"); w.Code != http.StatusCreated {
		t.Fatalf("%d: %s", w.Code, w.Body)
	}
	var first *httptest.ResponseRecorder
	for _, token := range []string{revoked, "AAAAAAAAAAAAAAAA", revoked[:15], "a", strings.Repeat("a", 200), "%00", "..%2F..", s.order.ID, "<script>"} {
		for _, accept := range []string{"application/json", browser} {
			w := s.do("GET", "/v1/track/"+url.PathEscape(token), "", "Accept", accept)
			if calls := s.asked(); !slices.Equal(calls, []string{"GetItem"}) {
				t.Errorf("%q: the table was asked %v", token, calls)
			}
			if first == nil {
				first = w
			}
			w.Header().Del("X-Request-Id")
			if w.Code != http.StatusNotFound || w.Body.String() != first.Body.String() || len(w.Header()) != len(first.Header()) {
				t.Errorf("%q: %d, %s %v; others %s %v", token, w.Code, w.Body, w.Header(), first.Body, first.Header())
			}
		}
		if w := s.do("POST", "/v1/track/"+url.PathEscape(token)+"/pay", ""); w.Code != http.StatusNotFound || w.Body.String() != first.Body.String() {
			t.Errorf("paying at %q: %d, %s", token, w.Code, w.Body)
		}
	}
	if w := s.do("GET", "/v1/track/"+strings.Repeat("a", 201), ""); w.Code != http.StatusNotFound || w.Body.String() != first.Body.String() {
		t.Errorf("longer than any: %d, %s", w.Code, w.Body)
	}
}

func TestStaffMakeRenewAndRevokeLinks(t *testing.T) {
	s := newShop(t, "https://orders.example.com/")
	path := "/v1/orders/" + s.order.ID + "/tracking"
	get := s.do("GET", path, "", "Authorization", "Bearer sales")
	if get.Code != http.StatusOK || get.Header().Get("ETag") != `"1"` || !strings.Contains(get.Body.String(), `"url":"https://orders.example.com/v1/track/`+s.token+`"`) {
		t.Fatalf("%d, %v: %s", get.Code, get.Header(), get.Body)
	}
	if w := s.do("GET", path, "", "Authorization", "Bearer sales", "If-None-Match", `"1"`); w.Code != http.StatusNotModified {
		t.Errorf("the same: %d", w.Code)
	}
	if w := s.do("POST", path, "", "Authorization", "Bearer sales", "If-Match", `"7"`); w.Code != http.StatusPreconditionFailed {
		t.Errorf("another was seen: %d", w.Code)
	}
	made := s.do("POST", path, "", "Authorization", "Bearer sales", "If-Match", `"1"`, "Idempotency-Key", "k")
	again := s.do("POST", path, "", "Authorization", "Bearer sales", "If-Match", `"1"`, "Idempotency-Key", "k")
	if made.Code != http.StatusCreated || again.Code != http.StatusCreated || again.Body.String() != made.Body.String() || again.Header().Get("Idempotency-Replayed") != "true" {
		t.Errorf("%d %s\nagain %d %s", made.Code, made.Body, again.Code, again.Body)
	}
	if w := s.do("GET", s.path(), ""); w.Code != http.StatusNotFound {
		t.Errorf("the link of before: %d", w.Code)
	}
	for _, who := range []string{"stranger", "warehouse"} {
		want := map[string]int{"GET": http.StatusNotFound, "POST": http.StatusNotFound, "DELETE": http.StatusNotFound}
		if who == "warehouse" {
			want["POST"], want["DELETE"] = http.StatusForbidden, http.StatusForbidden
		}
		for method, code := range want {
			if w := s.do(method, path, "", "Authorization", "Bearer "+who); w.Code != code {
				t.Errorf("%s by the %s: %d", method, who, w.Code)
			}
		}
	}
	for range 2 {
		if w := s.do("DELETE", path, "", "Authorization", "Bearer sales"); w.Code != http.StatusNoContent {
			t.Errorf("revoked: %d, %s", w.Code, w.Body)
		}
	}
	if w := s.do("GET", path, "", "Authorization", "Bearer sales"); w.Code != http.StatusNotFound || !strings.Contains(w.Body.String(), `"not_tracked"`) {
		t.Errorf("after that: %d, %s", w.Code, w.Body)
	}
}

func TestTheShortWayLeadsToTheLongOne(t *testing.T) {
	s := newShop(t, "")
	for token, want := range map[string]string{s.token: s.path(), "a%2F%2Fevil.example": "/v1/track/a%2F%2Fevil.example", "x": "/v1/track/x"} {
		w := s.do("GET", "/t/"+token, "")
		if w.Code != http.StatusFound || w.Header().Get("Location") != "https://shop.test"+want {
			t.Errorf("%s: %d to %s", token, w.Code, w.Header().Get("Location"))
		}
		if calls := s.asked(); len(calls) != 0 {
			t.Errorf("%s: the table was asked %v", token, calls)
		}
	}
}

func TestWhatIsToPayIsPaidAtStripe(t *testing.T) {
	s := newShop(t, "")
	w := s.do("POST", s.path()+"/pay", "", "Accept", browser)
	if w.Code != http.StatusSeeOther || !strings.HasPrefix(w.Header().Get("Location"), "https://stripe.test/") {
		t.Fatalf("%d to %s: %s", w.Code, w.Header().Get("Location"), w.Body)
	}
	if again := s.do("POST", s.path()+"/pay", "", "Accept", browser); again.Header().Get("Location") != w.Header().Get("Location") {
		t.Errorf("a second press leads to another payment: %s", again.Header().Get("Location"))
	}
	a, err := s.db.Account(t.Context(), s.order.ID)
	if err != nil || len(a.Payments) != 1 || a.Payments[0].Amount != 3000 || a.Payments[0].By != "customer" {
		t.Errorf("%+v, %v", a.Payments, err)
	}
	if _, err := s.desk.Cancel(t.Context(), manager, s.order.ID, ""); err != nil {
		t.Fatal(err)
	}
	if w := s.do("GET", s.path(), ""); strings.Contains(w.Body.String(), "pay_url") {
		t.Errorf("a cancelled order asks to be paid: %s", w.Body)
	}
	if w := s.do("GET", s.path(), "", "Accept", browser); strings.Contains(w.Body.String(), "<form") {
		t.Errorf("the page of a cancelled order asks to be paid: %s", w.Body)
	}
	if w := s.do("POST", s.path()+"/pay", ""); w.Code != http.StatusConflict {
		t.Errorf("a program that pays it: %d", w.Code)
	}
	if w := s.do("POST", s.path()+"/pay", "", "Accept", browser); w.Code != http.StatusSeeOther || w.Header().Get("Location") != "https://shop.test"+s.path() {
		t.Errorf("a person who pays it: %d to %s", w.Code, w.Header().Get("Location"))
	}
}

// Stripe takes no dinars whose last digit is not 0.
func TestWhatStripeDoesNotTakeIsNotAskedForThere(t *testing.T) {
	s := newShop(t, "")
	o, err := s.desk.Place(t.Context(), manager, ordering.New{
		CustomerID: s.buyer, Currency: "BHD", Confirm: true, Wishes: []order.Wish{{SKU: "MUG", Quantity: 1}},
	})
	if err != nil {
		t.Fatal(err)
	}
	token, err := s.window.Ensure(t.Context(), o.ID)
	if err != nil {
		t.Fatal(err)
	}
	if w := s.do("GET", "/v1/track/"+token, ""); !strings.Contains(w.Body.String(), `"balance":5123`) || strings.Contains(w.Body.String(), "pay_url") {
		t.Errorf("%s", w.Body)
	}
	if w := s.do("GET", "/v1/track/"+token, "", "Accept", browser); !strings.Contains(w.Body.String(), "BHD 5.123") || strings.Contains(w.Body.String(), "<form") {
		t.Errorf("%s", w.Body)
	}
}

func TestACustomerChoosesWhatTheyAreTold(t *testing.T) {
	s := newShop(t, "")
	p, err := s.db.LinkPreferences(t.Context(), s.buyer, "9dKw02PqVb5xUy1N")
	if err != nil {
		t.Fatal(err)
	}
	path := "/v1/preferences/" + p.Token
	form := []string{"Content-Type", "application/x-www-form-urlencoded"}
	for _, c := range []struct {
		name, method, body string
		email, sms         bool
		version            int64
	}{
		{"looks", "GET", "", true, true, 0},
		{"wants no SMS", "POST", "email=on&sms=off", true, false, 1},
		{"says it again", "POST", "email=on&sms=off", true, false, 1},
		{"has the mail program end mail", "POST", "List-Unsubscribe=One-Click", false, false, 2},
		{"wants SMS again", "POST", "sms=on", false, true, 3},
	} {
		w := s.do(c.method, path, c.body, form...)
		got, err := s.db.Preferences(t.Context(), s.buyer)
		if w.Code != http.StatusOK || err != nil || got.Email != c.email || got.SMS != c.sms || got.Version != c.version {
			t.Errorf("%s: %d, %+v, %v", c.name, w.Code, got, err)
		}
		page := w.Body.String()
		checked := func(channel, value string) bool {
			return strings.Contains(page, `name="`+channel+`" value="`+value+`" checked`)
		}
		if checked("email", "on") != c.email || checked("email", "off") == c.email || checked("sms", "on") != c.sms || checked("sms", "off") == c.sms {
			t.Errorf("%s: the page shows something else: %s", c.name, page)
		}
		if !strings.Contains(page, "通知设置") || strings.Contains(page, "已保存") != (c.method == "POST") || strings.Contains(page, "Gute") || strings.Contains(page, "claire@") {
			t.Errorf("%s: %s", c.name, page)
		}
	}
	if w := s.do("POST", path, "email=perhaps", form...); w.Code != http.StatusBadRequest {
		t.Errorf("no choice: %d", w.Code)
	}
	var first string
	for _, token := range []string{"AAAAAAAAAAAAAAAA", s.token, "x"} {
		for _, method := range []string{"GET", "POST"} {
			w := s.do(method, "/v1/preferences/"+token, "email=off", form...)
			if first == "" {
				first = w.Body.String()
			}
			if calls := s.asked(); w.Code != http.StatusNotFound || w.Body.String() != first || !slices.Equal(calls, []string{"GetItem"}) {
				t.Errorf("%s %s: %d, %s, %v", method, token, w.Code, w.Body, calls)
			}
		}
	}
}

func TestAtHomeOnALaptopFormsMayLeadOverHTTP(t *testing.T) {
	s := newShop(t, "http://localhost:3000")
	w := s.do("GET", s.path(), "", "Accept", browser)
	if policy := w.Header().Get("Content-Security-Policy"); !strings.Contains(policy, "form-action 'self' https: http:;") {
		t.Errorf("the policy is %q", policy)
	}
	if w := s.do("GET", s.path(), ""); !strings.Contains(w.Body.String(), `"pay_url":"http://localhost:3000`+s.path()+`/pay"`) {
		t.Errorf("%s", w.Body)
	}
}
