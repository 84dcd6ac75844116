// Package e2e tests the promises of the whole system, over HTTP, against
// real DynamoDB Local: what is answered and what is stored.
package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"waybill/infra/dynamolocal"
	"waybill/infra/dynamolocal/testtable"
	"waybill/infra/fault"
	"waybill/infra/local"
	"waybill/infra/template"
)

// system is a running Waybill on a table of its own.
type system struct {
	*local.System
	table string
}

// start runs the system on a new table.
func start(t testing.TB) system {
	t.Helper()
	client, table := testtable.New(t)
	return startOn(t, client, table)
}

// startOn runs another system, such as one with faults, on a table that is there.
func startOn(t testing.TB, client *dynamodb.Client, table string) system {
	t.Helper()
	return startAt(t, client, table, nil)
}

// startAt is startOn with a clock of its own.
func startAt(t testing.TB, client *dynamodb.Client, table string, now func() time.Time) system {
	t.Helper()
	path, err := template.Find(".")
	if err != nil {
		t.Fatal(err)
	}
	s, err := local.Start(t.Context(), local.Config{Template: path, Client: client, Table: table, Log: io.Discard, Now: now, Patience: 2 * time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return system{System: s, table: table}
}

// faulty is a client of the test database that fails as decide says, and whose SDK does not wait long.
func faulty(t testing.TB, decide func(operation string) fault.Mode) *dynamodb.Client {
	t.Helper()
	client := testtable.Client(t, &fault.Transport{Next: dynamolocal.NewTransport(), Decide: decide})
	return dynamodb.New(client.Options(), func(o *dynamodb.Options) {
		o.Retryer = retry.NewStandard(func(s *retry.StandardOptions) {
			s.MaxAttempts, s.MaxBackoff = 2, 5*time.Millisecond
		})
	})
}

// An actor makes requests as somebody.
type actor struct {
	t     testing.TB
	url   string
	token string
}

// as returns an actor with a role; user "" is the role's demo user.
func (s system) as(t testing.TB, role, user string) actor {
	t.Helper()
	token, err := s.Token(role, user)
	if err != nil {
		t.Fatal(err)
	}
	return actor{t: t, url: s.URL(), token: token}
}

// A reply is what came back. The zero status is a connection that broke.
type reply struct {
	status int
	header http.Header
	raw    []byte
}

type obj = map[string]any

var client = &http.Client{
	Transport: &http.Transport{MaxIdleConnsPerHost: 256},
	Timeout:   2 * time.Minute,
}

// do makes a request with a JSON body, or none for nil. Headers come in pairs.
func (a actor) do(method, path string, body any, headers ...string) reply {
	a.t.Helper()
	var in io.Reader
	if body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			a.t.Fatal(err)
		}
		in = bytes.NewReader(encoded)
	}
	r, err := http.NewRequestWithContext(context.Background(), method, a.url+path, in)
	if err != nil {
		a.t.Fatal(err)
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if a.token != "" {
		r.Header.Set("Authorization", "Bearer "+a.token)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	resp, err := client.Do(r)
	if err != nil {
		return reply{}
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return reply{}
	}
	return reply{resp.StatusCode, resp.Header, raw}
}

func (a actor) get(path string) reply { a.t.Helper(); return a.do("GET", path, nil) }

func (a actor) post(path string, body any, headers ...string) reply {
	a.t.Helper()
	return a.do("POST", path, body, headers...)
}

// patch edits a resource that the caller last saw with this ETag.
func (a actor) patch(path, etag string, body any, headers ...string) reply {
	a.t.Helper()
	return a.do("PATCH", path, body, append(headers, "If-Match", etag)...)
}

// want fails the test unless the reply has the status, and returns its body.
func (r reply) want(t testing.TB, status int) obj {
	t.Helper()
	if r.status != status {
		t.Fatalf("status %d, want %d: %s", r.status, status, r.raw)
	}
	return r.body(t)
}

func (r reply) body(t testing.TB) obj {
	t.Helper()
	var v obj
	if len(r.raw) > 0 {
		d := json.NewDecoder(bytes.NewReader(r.raw))
		d.UseNumber()
		if err := d.Decode(&v); err != nil {
			t.Fatalf("decode %s: %v", r.raw, err)
		}
	}
	return v
}

// refused fails the test unless the reply is a problem with this status and code.
func (r reply) refused(t testing.TB, status int, code string) obj {
	t.Helper()
	p := r.want(t, status)
	if p["code"] != code || r.header.Get("Content-Type") != "application/problem+json" {
		t.Fatalf("code %v as %s, want %s: %s", p["code"], r.header.Get("Content-Type"), code, r.raw)
	}
	return p
}

func (r reply) etag() string { return r.header.Get("ETag") }

func num(t testing.TB, v any) int64 {
	t.Helper()
	n, ok := v.(json.Number)
	if !ok {
		t.Fatalf("%v is no number", v)
	}
	i, err := n.Int64()
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func str(v any) string { s, _ := v.(string); return s }

// shop is what most tests need: a manager, a customer and some products in stock at MAIN.
type shop struct {
	system
	manager  actor
	customer string
}

func newShop(t testing.TB, stock map[string]int64) shop {
	t.Helper()
	return furnish(t, start(t), stock)
}

func furnish(t testing.TB, s system, stock map[string]int64) shop {
	t.Helper()
	m := s.as(t, "manager", "")
	c := m.post("/v1/customers", obj{"name": "Claire Gute"}).want(t, 201)
	sh := shop{s, m, str(c["id"])}
	for sku, n := range stock {
		sh.product(t, sku, obj{})
		if n > 0 {
			sh.receive(t, sku, "MAIN", n)
		}
	}
	return sh
}

// product creates a product at 19.99 USD with more fields.
func (s shop) product(t testing.TB, sku string, more obj) {
	t.Helper()
	p := obj{"sku": sku, "name": "Product " + sku, "prices": obj{"USD": 1999}}
	for k, v := range more {
		p[k] = v
	}
	s.manager.post("/v1/products", p).want(t, 201)
}

func (s shop) receive(t testing.TB, sku, location string, n int64) {
	t.Helper()
	s.manager.post("/v1/stock/movements", obj{"kind": "receive", "sku": sku, "location": location, "quantity": n, "unit_cost": 800}).want(t, 201)
}

// order is the body of an order that is to be confirmed at once.
func (s shop) order(lines ...any) obj {
	o := obj{"customer_id": s.customer, "currency": "USD", "confirm": true}
	var list []obj
	for i := 0; i+1 < len(lines); i += 2 {
		list = append(list, obj{"sku": lines[i], "quantity": lines[i+1]})
	}
	o["lines"] = list
	return o
}

type levels struct{ onHand, reserved, available int64 }

func (s shop) stock(t testing.TB, sku string) levels {
	t.Helper()
	v := s.manager.get("/v1/stock/"+sku).want(t, 200)
	return levels{num(t, v["on_hand"]), num(t, v["reserved"]), num(t, v["available"])}
}

func (s shop) wantStock(t testing.TB, sku string, want levels) {
	t.Helper()
	if got := s.stock(t, sku); got != want {
		t.Errorf("stock of %s is %+v, want %+v", sku, got, want)
	}
}

// wantProof fails the test unless the ledger explains every balance.
func (s shop) wantProof(t testing.TB) {
	t.Helper()
	p := s.manager.get("/v1/stock/proof").want(t, 200)
	if drift, _ := p["drift"].([]any); len(drift) > 0 || p["status"] != "complete" || num(t, p["unsettled"]) != 0 {
		t.Errorf("proof: %v", p)
	}
}

// countOrders counts all orders, page by page.
func (s shop) countOrders(t testing.TB) int {
	t.Helper()
	n, cursor := 0, ""
	for {
		page := s.manager.get("/v1/orders?limit=100"+cursor).want(t, 200)
		items, _ := page["items"].([]any)
		n += len(items)
		if page["next_cursor"] == nil {
			return n
		}
		cursor = "&cursor=" + str(page["next_cursor"])
	}
}

// together runs do n times at once, all starting at the same moment.
func together(n int, do func(i int)) {
	var ready, done sync.WaitGroup
	begin := make(chan struct{})
	for i := range n {
		ready.Add(1)
		done.Go(func() {
			ready.Done()
			<-begin
			do(i)
		})
	}
	ready.Wait()
	close(begin)
	done.Wait()
}

// tally counts replies by status.
func tally(replies []reply) map[int]int {
	m := map[int]int{}
	for _, r := range replies {
		m[r.status]++
	}
	return m
}

func wantTally(t testing.TB, replies []reply, want map[int]int) {
	t.Helper()
	if got := tally(replies); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("replies %v, want %v", got, want)
	}
}
