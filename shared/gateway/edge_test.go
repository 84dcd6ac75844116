package gateway_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"waybill/infra/dynamolocal/testtable"
	"waybill/infra/fault"
	"waybill/shared/access"
	"waybill/shared/api"
	"waybill/shared/event"
	"waybill/shared/gateway"
	"waybill/shared/refusal"

	"waybill/shared/table"
)

// A counter is who answers the contract's operations in these tests: with what
// its functions say, and a 500 for all others.
type counter struct {
	api.UnimplementedHandler
	get   func(context.Context) (*api.OrderHeaders, error)
	place func(context.Context, *api.NewOrder, api.PlaceOrderParams) (*api.OrderHeaders, error)
}

// every is all of the contract's operations.
func every(o api.OperationName) api.Operation {
	for _, g := range []api.Group{api.CustomersGroup, api.OrdersGroup, api.ProductsGroup, api.ShipmentsGroup, api.StockGroup, api.SystemGroup} {
		if operation := g(o); operation != nil {
			return operation
		}
	}
	return nil
}

func (c counter) GetOrder(ctx context.Context, _ api.GetOrderParams) (*api.OrderHeaders, error) {
	return c.get(ctx)
}

func (c counter) PlaceOrder(ctx context.Context, req *api.NewOrder, params api.PlaceOrderParams) (*api.OrderHeaders, error) {
	return c.place(ctx, req, params)
}

// guests are the tokens that stand for somebody.
type guests map[string]access.Principal

func (g guests) Verify(_ context.Context, token string) (access.Principal, error) {
	switch p, ok := g[token]; {
	case ok:
		return p, nil
	case token == "unasked":
		return p, gateway.ErrIssuerUnavailable
	default:
		return p, gateway.ErrUnauthenticated
	}
}

const orderPath = "/v1/orders/01ARZ3NDEKTSV4RRFFQ69G5FAV"

// front is the HTTP side of a function, and what it logs.
type front struct {
	http.Handler
	edge gateway.Edge
	log  *bytes.Buffer
}

func newFront(t testing.TB, c counter) front {
	t.Helper()
	client, name := testtable.New(t)
	log := &bytes.Buffer{}
	edge := gateway.Edge{
		Tokens: guests{
			"manager":   {ID: "max", Roles: []access.Role{access.Manager}},
			"warehouse": {ID: "wanda", Roles: []access.Role{access.Warehouse}},
			"stranger":  {ID: "eve"},
		},
		Records: table.New(client, name, time.Now), Log: slog.New(slog.NewJSONHandler(log, nil)), Now: time.Now,
	}
	h, err := edge.Handler(every, c)
	if err != nil {
		t.Fatal(err)
	}
	return front{h, edge, log}
}

// do serves a request with a JSON body ("" for none) by the manager. Headers come in pairs.
func (f front) do(method, path, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer manager")
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	f.ServeHTTP(w, r)
	return w
}

// problemOf reads the problem document of an answer.
func problemOf(t testing.TB, w *httptest.ResponseRecorder) gateway.Problem {
	t.Helper()
	var p gateway.Problem
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || w.Header().Get("Content-Type") != "application/problem+json" || p.Status != w.Code {
		t.Errorf("%d is no problem document: %s, %v", w.Code, w.Body, err)
	}
	return p
}

// audited reads who was denied what.
func (f front) audited(t testing.TB) []string {
	t.Helper()
	l, err := f.edge.Records.Audit(t.Context(), table.AuditFilter{Type: event.AccessDenied}, table.Page{Limit: 10})
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range l.Items {
		out = append(out, e.Actor+" "+e.Subject.ID)
	}
	return out
}

func TestWhoIsNobodyIsAskedForAToken(t *testing.T) {
	t.Parallel()
	f := newFront(t, counter{get: func(context.Context) (*api.OrderHeaders, error) { return &api.OrderHeaders{}, nil }})
	for _, c := range []struct {
		authorization string
		status        int
		code          string
	}{
		{"", 401, "unauthenticated"},
		{"Bearer", 401, "unauthenticated"},
		{"Bearer forged", 401, "unauthenticated"},
		{"Basic manager", 401, "unauthenticated"},
		{"Bearer unasked", 503, "unavailable"}, // the token may well be good
		{"Bearer stranger", 403, "forbidden"},
		{"Bearer manager", 200, ""},
	} {
		w := f.do(http.MethodGet, orderPath, "", "Authorization", c.authorization)
		if w.Code != c.status {
			t.Errorf("%q: %d, want %d", c.authorization, w.Code, c.status)
		}
		if c.status >= 400 && problemOf(t, w).Code != c.code {
			t.Errorf("%q: %s", c.authorization, w.Body)
		}
		if challenge := w.Header().Get("WWW-Authenticate"); (challenge != "") != (c.status == 401) {
			t.Errorf("%q: WWW-Authenticate %q", c.authorization, challenge)
		}
	}
}

func TestDenialsAreWrittenDown(t *testing.T) {
	t.Parallel()
	f := newFront(t, counter{place: func(context.Context, *api.NewOrder, api.PlaceOrderParams) (*api.OrderHeaders, error) {
		return nil, refusal.New(refusal.Denied, "forbidden", "Not at this price.")
	}})
	if p := problemOf(t, f.do(http.MethodPost, "/v1/orders", newOrder, "Authorization", "Bearer warehouse")); p.Status != 403 || !strings.Contains(p.Detail, "orders.write") {
		t.Errorf("denied by the contract: %+v", p)
	}
	if got := f.audited(t); !slices.Equal(got, []string{"wanda placeOrder"}) {
		t.Errorf("written down are %v", got)
	}
	if p := problemOf(t, f.do(http.MethodPost, "/v1/orders", newOrder)); p.Status != 403 || p.Detail != "Not at this price." {
		t.Errorf("denied by the operation: %+v", p)
	}
	if got := f.audited(t); len(got) != 2 || !slices.Contains(got, "max placeOrder") {
		t.Errorf("written down are %v", got)
	}
}

func TestADenialStandsThoughItCanNotBeWrittenDown(t *testing.T) {
	t.Parallel()
	f := newFront(t, counter{})
	_, name := testtable.New(t)
	broken := testtable.Client(t, &fault.Transport{Decide: func(string) fault.Mode { return fault.Dead }})
	f.edge.Records = table.New(broken, name, time.Now)
	h, err := f.edge.Handler(every, counter{})
	if err != nil {
		t.Fatal(err)
	}
	f.Handler = h
	if w := f.do(http.MethodPost, "/v1/orders", newOrder, "Authorization", "Bearer warehouse"); w.Code != 403 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if !strings.Contains(f.log.String(), "denial not written down") {
		t.Errorf("logged: %s", f.log)
	}
}

const newOrder = `{"customer_id":"01ARZ3NDEKTSV4RRFFQ69G5FAV","lines":[{"sku":"MUG","quantity":1}]}`

func TestAMarkTellsRequestsApart(t *testing.T) {
	t.Parallel()
	var mark *table.Mark
	f := newFront(t, counter{place: func(ctx context.Context, _ *api.NewOrder, params api.PlaceOrderParams) (*api.OrderHeaders, error) {
		if gateway.Principal(ctx).ID != "max" {
			t.Errorf("placed by %+v", gateway.Principal(ctx))
		}
		if _, limited := ctx.Deadline(); !limited {
			t.Error("it may take for ever")
		}
		mark = gateway.Mark(ctx, params.IdempotencyKey)
		return &api.OrderHeaders{}, nil
	}})
	marked := func(body string, headers ...string) *table.Mark {
		t.Helper()
		if w := f.do(http.MethodPost, "/v1/orders", body, headers...); w.Code != http.StatusCreated {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		return mark
	}
	if m := marked(newOrder); m != nil {
		t.Errorf("without a key: %+v", m)
	}
	first := *marked(newOrder, "Idempotency-Key", "k")
	if first.Principal != "max" || first.Operation != "placeOrder" || first.Key != "k" || first.Hash == "" {
		t.Errorf("with a key: %+v", first)
	}
	if again := *marked(newOrder, "Idempotency-Key", "k"); again != first {
		t.Errorf("the same again: %+v, %+v", again, first)
	}
	other := *marked(strings.Replace(newOrder, "1}", "2}", 1), "Idempotency-Key", "k")
	if other.Hash == first.Hash {
		t.Error("another body has the same hash")
	}
}
