package webhooks_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"waybill/functions/webhooks"
	"waybill/infra/dynamolocal/testtable"
	"waybill/shared/access"
	"waybill/shared/delivery"
	"waybill/shared/event"
	"waybill/shared/gateway"
	"waybill/shared/ident"
	"waybill/shared/outbound"
	"waybill/shared/table"
)

// staff are the tokens that stand for somebody: a role's name is one.
type staff struct{}

func (staff) Verify(_ context.Context, token string) (access.Principal, error) {
	return access.Principal{ID: token, Roles: []access.Role{access.Role(token)}}, nil
}

// names resolve to a public address, but for one.
type names struct{}

func (names) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	if host == "inside.example" {
		return []netip.Addr{netip.MustParseAddr("10.0.0.1")}, nil
	}
	return []netip.Addr{netip.MustParseAddr("93.184.215.14")}, nil
}

// front is the function on a table of its own, with a receiver, and what it logs.
type front struct {
	t        testing.TB
	h        http.Handler
	db       *table.DB
	ids      ident.Source
	at       atomic.Int64
	log      bytes.Buffer
	out      *outbound.Client
	receiver *httptest.Server
	got      atomic.Int64
	status   atomic.Int64
}

func newFront(t testing.TB) *front {
	t.Helper()
	client, name := testtable.New(t)
	f := &front{t: t}
	f.at.Store(time.Date(2026, 11, 23, 9, 30, 0, 0, time.UTC).UnixMilli())
	now := func() time.Time { return time.UnixMilli(f.at.Load()).UTC() }
	f.ids, f.db = ident.At(now), table.New(client, name, now)
	f.status.Store(http.StatusOK)
	f.receiver = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		f.got.Add(1)
		w.WriteHeader(int(f.status.Load()))
	}))
	t.Cleanup(f.receiver.Close)
	f.out = outbound.New([]string{f.receiver.Listener.Addr().String()}, names{}, nil)
	h, err := webhooks.New(f.out)(gateway.Edge{Tokens: staff{}, Records: f.db, Log: slog.New(slog.NewJSONHandler(&f.log, nil)), Now: now})
	if err != nil {
		t.Fatal(err)
	}
	f.h = h
	return f
}

func (f *front) pass(d time.Duration) { f.at.Add(d.Milliseconds()) }

// answer is what the function answered.
type answer struct {
	status int
	etag   string
	header http.Header
	body   map[string]any
	text   string
}

func (f *front) ask(method, path, body string, headers ...string) answer {
	f.t.Helper()
	r := httptest.NewRequestWithContext(f.t.Context(), method, path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer manager")
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	f.h.ServeHTTP(w, r)
	a := answer{status: w.Code, etag: w.Header().Get("ETag"), header: w.Header(), text: w.Body.String()}
	if w.Body.Len() > 0 {
		if err := json.Unmarshal(w.Body.Bytes(), &a.body); err != nil {
			f.t.Fatalf("%s %s: %s", method, path, a.text)
		}
	}
	return a
}

func (f *front) want(a answer, status int, code string) {
	f.t.Helper()
	if a.status != status || code != "" && a.body["code"] != code {
		f.t.Errorf("%d %s, want %d %s", a.status, a.text, status, code)
	}
}

func (f *front) happens(id string, seq int64, what event.Type, at time.Time) event.Event {
	f.t.Helper()
	e := event.Event{
		ID: f.ids.IDAt(at), Subject: event.Subject{Kind: event.Order, ID: id}, Seq: seq, Type: what, At: at, Actor: "ann", Data: map[string]any{"total": int64(100)},
	}
	tx := &table.Tx{}
	tx.Event(e)
	if err := f.db.Commit(f.t.Context(), tx); err != nil {
		f.t.Fatal(err)
	}
	return e
}

const endpoints = "/v1/webhook-endpoints"

func TestASecretIsShownWhenItIsNewAndNowhereElse(t *testing.T) {
	t.Parallel()
	f := newFront(t)
	body := `{"url":"https://erp.example/waybill","types":["order.*"],"description":"ERP"}`
	made := f.ask("POST", endpoints, body, "Idempotency-Key", "k1")
	secret, _ := made.body["secret"].(string)
	if made.status != 201 || !strings.HasPrefix(secret, "whsec_") || len(secret) != 50 || made.etag != `"1"` || made.body["status"] != "active" {
		t.Fatalf("%d %s %s", made.status, made.etag, made.text)
	}
	again := f.ask("POST", endpoints, body, "Idempotency-Key", "k1")
	if again.status != 201 || again.body["secret"] != secret || again.body["id"] != made.body["id"] || again.header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("again: %d %s", again.status, again.text)
	}
	f.want(f.ask("POST", endpoints, `{"url":"https://other.example/"}`, "Idempotency-Key", "k1"), 422, "idempotency_key_reused")
	path := fmt.Sprint(endpoints, "/", made.body["id"])
	rotated := f.ask("POST", path+"/rotate-secret", "", "Idempotency-Key", "k2")
	next, _ := rotated.body["secret"].(string)
	if rotated.status != 200 || next == secret || next == "" || rotated.etag != `"2"` {
		t.Errorf("rotated: %d %s", rotated.status, rotated.text)
	}
	edited := f.ask("PATCH", path, `{"description":"new"}`, "If-Match", `"2"`)
	f.want(edited, 200, "")
	said := edited.text + f.ask("GET", endpoints, "").text + f.ask("GET", path, "").text + f.log.String()
	for e := range 3 {
		x, err := f.db.EventAt(t.Context(), event.Subject{Kind: event.Endpoint, ID: fmt.Sprint(made.body["id"])}, int64(e+1))
		if err != nil {
			t.Fatal(err)
		}
		said += fmt.Sprintf("%+v", x)
	}
	for _, s := range []string{secret, next} {
		if strings.Contains(said, strings.TrimPrefix(s, "whsec_")) {
			t.Errorf("a secret is told in %s", said)
		}
	}
}

func TestAChangeNeedsTheVersionThatWasSeen(t *testing.T) {
	t.Parallel()
	f := newFront(t)
	made := f.ask("POST", endpoints, `{"url":"`+f.receiver.URL+`/hook"}`)
	path := fmt.Sprint(endpoints, "/", made.body["id"])
	f.want(f.ask("PATCH", path, `{"enabled":false}`), 428, "if_match_required")
	f.want(f.ask("PATCH", path, `{"enabled":false}`, "If-Match", `"7"`), 412, "stale")
	f.want(f.ask("GET", path, "", "If-None-Match", made.etag), 304, "")

	// How the sending goes is told in spite of what the client has, and does not stand against a change.
	f.status.Store(500)
	courier := &delivery.Courier{DB: f.db, IDs: f.ids, Out: f.out}
	e := f.happens("A", 1, event.OrderCreated, f.ids.Now())
	if err := courier.Wake(t.Context(), e.Subject, 1, e.Type, f.ids.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	got := f.ask("GET", path, "", "If-None-Match", made.etag)
	if got.status != 200 || got.body["status"] != "failing" || got.body["reason"] != "it answered 500" || fmt.Sprint(got.body["pending"]) != "1" || got.body["next_attempt_at"] == nil {
		t.Errorf("%d %s", got.status, got.text)
	}
	f.want(f.ask("GET", path, "", "If-None-Match", got.etag), 304, "")
	off := f.ask("PATCH", path, `{"enabled":false}`, "If-Match", got.etag)
	if off.status != 200 || off.body["status"] != "switched_off" || fmt.Sprint(off.body["version"]) != "2" {
		t.Errorf("%d %s", off.status, off.text)
	}
	f.want(f.ask("PATCH", path, `{"enabled":true}`, "If-Match", got.etag), 412, "stale")

	f.want(f.ask("DELETE", path, ""), 204, "")
	f.want(f.ask("DELETE", path, ""), 404, "not_found")
	f.want(f.ask("GET", path, ""), 404, "not_found")
	f.want(f.ask("GET", path+"/attempts", ""), 404, "not_found")
}

func TestPrivateAddressesAreNotRegistered(t *testing.T) {
	t.Parallel()
	f := newFront(t)
	for _, host := range []string{"127.0.0.1", "169.254.169.254", "[::1]", "inside.example", "localhost"} {
		a := f.ask("POST", endpoints, `{"url":"https://`+host+`/x"}`)
		f.want(a, 422, "private_address")
		if errors, _ := a.body["errors"].([]any); len(errors) != 1 {
			t.Errorf("%s: %s", host, a.text)
		}
	}
	f.want(f.ask("POST", endpoints, `{"url":"http://erp.example/x"}`), 422, "rejected")
	f.want(f.ask("POST", endpoints, `{"url":"https://erp.example/x","types":["order"]}`), 400, "invalid")
	if l := f.ask("GET", endpoints, ""); l.text != `{"items":[],"next_cursor":null}` {
		t.Error(l.text)
	}
}

func TestOnlyWhoMayKeepsEndpointsAndReadsEvents(t *testing.T) {
	t.Parallel()
	f := newFront(t)
	for _, role := range []string{"sales", "warehouse", "finance"} {
		as := []string{"Authorization", "Bearer " + role}
		f.want(f.ask("POST", endpoints, `{"url":"https://erp.example/x"}`, as...), 403, "")
		f.want(f.ask("GET", endpoints, "", as...), 403, "")
		f.want(f.ask("GET", "/v1/events", "", as...), 403, "")
	}
}

func TestARetryOfARedeliverySendsNothingAgain(t *testing.T) {
	t.Parallel()
	f := newFront(t)
	made := f.ask("POST", endpoints, `{"url":"`+f.receiver.URL+`/hook"}`)
	path := fmt.Sprint(endpoints, "/", made.body["id"])
	courier := &delivery.Courier{DB: f.db, IDs: f.ids, Out: f.out}
	e := f.happens("A", 1, event.OrderCreated, f.ids.Now())
	if err := courier.Wake(t.Context(), e.Subject, 1, e.Type, f.ids.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	log := f.ask("GET", path+"/attempts", "")
	items, _ := log.body["items"].([]any)
	if len(items) != 1 || f.got.Load() != 1 {
		t.Fatal(log.text)
	}
	first, _ := items[0].(map[string]any)
	if first["ok"] != true || first["event_id"] != e.ID || first["subject"] != "order/A" || fmt.Sprint(first["status"]) != "200" {
		t.Errorf("%v", first)
	}
	f.status.Store(503)
	var texts []string
	for range 2 {
		a := f.ask("POST", path+"/redeliver", fmt.Sprintf(`{"attempt":%q}`, first["id"]), "Idempotency-Key", "k")
		f.want(a, 200, "")
		texts = append(texts, a.text)
		if a.body["redelivery"] != true || a.body["ok"] != false || a.body["event_id"] != e.ID {
			t.Error(a.text)
		}
	}
	if texts[0] != texts[1] || f.got.Load() != 2 {
		t.Errorf("%v, and %d posts", texts, f.got.Load())
	}
	f.want(f.ask("POST", path+"/redeliver", `{"attempt":"01ARZ3NDEKTSV4RRFFQ69G5FAV"}`), 404, "not_found")
}

// feed reads on from a cursor and returns the ids it got.
func (f *front) feed(query, cursor string) (ids []string, next string) {
	f.t.Helper()
	path := "/v1/events?limit=3" + query
	if cursor != "" {
		path += "&after=" + cursor
	}
	a := f.ask("GET", path, "")
	if a.status != 200 {
		f.t.Fatal(a.text)
	}
	items, _ := a.body["items"].([]any)
	for _, i := range items {
		e, _ := i.(map[string]any)
		ids = append(ids, fmt.Sprint(e["id"]))
	}
	next, _ = a.body["next_cursor"].(string)
	if next == "" {
		f.t.Errorf("%s has no next cursor: %s", path, a.text)
	}
	return ids, next
}

func TestALateCommitNeverHidesBehindACursor(t *testing.T) {
	t.Parallel()
	f := newFront(t)
	begin := f.ids.Now()
	var want, got []string
	cursor := ""
	// Each second something happens; every tenth transaction lands 59 s after its moment.
	late := map[int]time.Time{}
	for second := range 240 {
		if second < 100 {
			if second%10 == 5 {
				late[second+59] = f.ids.Now()
			} else {
				want = append(want, f.happens(fmt.Sprintf("O%d", second), 1, event.OrderCreated, f.ids.Now()).ID)
			}
		}
		if at, ok := late[second]; ok {
			want = append(want, f.happens(fmt.Sprintf("L%d", second), 1, event.OrderCreated, at).ID)
		}
		for ids := []string{""}; len(ids) > 0; {
			ids, cursor = f.feed("", cursor)
			got = append(got, ids...)
		}
		f.pass(time.Second)
	}
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("it got %d events, want %d in their order", len(got), len(want))
	}
	// One that is even later is not written at all.
	tx := &table.Tx{}
	tx.Event(event.Event{ID: f.ids.IDAt(begin), Subject: event.Subject{Kind: event.Order, ID: "X"}, Seq: 1, Type: event.OrderCreated, At: begin, Actor: "ann"})
	if err := f.db.Commit(t.Context(), tx); err == nil {
		t.Error("an event of four minutes ago was written")
	}
}

func TestTheReplayIsFilteredAndGoesOnForEver(t *testing.T) {
	t.Parallel()
	f := newFront(t)
	types := []event.Type{event.OrderCreated, event.PaymentReceived, event.OrderEdited}
	var orders, payments []string
	for n := range 30 {
		e := f.happens(fmt.Sprintf("O%d", n), 1, types[n%3], f.ids.Now())
		if n%3 == 1 {
			payments = append(payments, e.ID)
		} else {
			orders = append(orders, e.ID)
		}
		f.pass(time.Second)
	}
	if ids, _ := f.feed("", ""); len(ids) != 0 {
		t.Errorf("what is not settled is shown: %v", ids)
	}
	f.pass(2 * time.Minute)
	for query, want := range map[string][]string{"&type=order.*": orders, "&type=order": orders, "&type=payment.received": payments, "&type=refund.*": nil} {
		var got []string
		cursor := ""
		for range 12 {
			var ids []string
			ids, cursor = f.feed(query, cursor)
			got = append(got, ids...)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", query, got, want)
		}
		f.happens("N"+query, 1, event.OrderCreated, f.ids.Now())
	}
	if ids, _ := f.feed("&from=2026-11-24", ""); len(ids) != 0 {
		t.Errorf("from tomorrow: %v", ids)
	}
	if ids, _ := f.feed("&from=2026-11-23", ""); len(ids) != 3 {
		t.Errorf("from today: %v", ids)
	}
	f.want(f.ask("GET", "/v1/events?after=nonsense", ""), 400, "malformed")
	f.want(f.ask("GET", "/v1/events?type=no%20type", ""), 400, "invalid")
}
