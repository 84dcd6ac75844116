//go:build sam

package main

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"waybill/infra/issuer"
	"waybill/infra/template"
	"waybill/shared/access"
)

// What the containers print is the only trace of what went wrong in them.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

func TestOrdersArePlacedEditedAndCancelledInContainers(t *testing.T) {
	file, err := template.Find(".")
	if err != nil {
		t.Fatal(err)
	}
	var printed output
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("sam local printed:\n%s", printed.String())
		}
	})
	s, err := start(t.Context(), filepath.Dir(file), 0, &printed)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.stop)
	manager := caller{t: t, url: s.url, token: tokenOf(t, s, access.Manager)}
	anybody := caller{t: t, url: s.url}

	// Without a login, and off the paths.
	anybody.call("GET", "/v1/orders", nil, nil).problem(401)
	forger := caller{t: t, url: s.url, token: manager.token[:len(manager.token)-8] + "AAAAAAAA"}
	forger.call("GET", "/v1/orders", nil, nil).problem(401)
	manager.call("GET", "/v1/nowhere", nil, nil).problem(404)
	manager.call("PUT", "/v1/orders", nil, nil).problem(405)
	if contract := anybody.call("GET", "/openapi.yaml", nil, nil).want(200); !bytes.HasPrefix(contract.body, []byte("openapi:")) {
		t.Errorf("GET /openapi.yaml answers %.80q", contract.body)
	}

	// Goods on the shelf.
	manager.call("POST", "/v1/products", nil, fields{"sku": "MUG-BLUE", "name": "Blue mug", "prices": fields{"USD": 1999}}).want(201)
	manager.call("POST", "/v1/stock/movements", nil, fields{"kind": "receive", "sku": "MUG-BLUE", "location": "MAIN", "quantity": 5, "unit_cost": 850}).want(201)
	customer := manager.call("POST", "/v1/customers", nil, fields{"name": "Claire Gute", "email": "claire@example.com"}).want(201).text("id")
	warehouse := caller{t: t, url: s.url, token: tokenOf(t, s, access.Warehouse)}
	order := func(quantity int) fields {
		return fields{"customer_id": customer, "currency": "USD", "confirm": true, "lines": []fields{{"sku": "MUG-BLUE", "quantity": quantity}}}
	}
	warehouse.call("POST", "/v1/orders", nil, order(1)).problem(403)
	manager.wantAvailable(5)

	// Placed once, however often it is sent.
	key := http.Header{"Idempotency-Key": {rand.Text()}}
	placed := manager.call("POST", "/v1/orders", key, order(2)).want(201)
	id := placed.text("id")
	again := manager.call("POST", "/v1/orders", key, order(2)).want(201)
	if again.text("id") != id || again.header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("the same order sent again is %s (replayed %q), want %s", again.text("id"), again.header.Get("Idempotency-Replayed"), id)
	}
	manager.call("POST", "/v1/orders", key, order(3)).problem(422)
	manager.wantAvailable(3)

	// More than there is: refused, and nothing changes.
	refused := manager.call("POST", "/v1/orders", nil, order(4)).problem(409)
	if !strings.Contains(string(refused.body), "MUG-BLUE") {
		t.Errorf("the refusal names no SKU: %s", refused.body)
	}
	path, version := "/v1/orders/"+id, http.Header{"If-Match": {placed.header.Get("ETag")}}
	manager.call("PATCH", path, nil, fields{"lines": order(4)["lines"]}).problem(428)
	manager.call("PATCH", path, version, fields{"lines": order(6)["lines"]}).problem(409)
	manager.wantAvailable(3)

	// Edited once: the second editor had read an older order.
	manager.call("PATCH", path, version, fields{"lines": order(4)["lines"]}).want(200)
	manager.wantAvailable(1)
	manager.call("PATCH", path, version, fields{"lines": order(1)["lines"]}).problem(412)
	manager.wantAvailable(1)

	// Paid by hand and invoiced: functions that link Stripe and print paper start too.
	manager.call("POST", path+"/payments", nil, fields{"method": "cash", "amount": 1_000_000}).problem(409)
	manager.call("POST", path+"/payments", nil, fields{"method": "cash", "amount": 1999}).want(201)
	invoice := manager.call("POST", path+"/invoices", nil, fields{}).want(201)
	if got := invoice.text("number"); !strings.HasSuffix(got, "-000001") {
		t.Errorf("the first invoice is %s", got)
	}
	if pdf := manager.call("GET", "/v1/invoices/"+invoice.text("id")+"/invoice.pdf", nil, nil).want(200); !bytes.HasPrefix(pdf.body, []byte("%PDF")) {
		t.Errorf("the invoice is %.80q", pdf.body)
	}

	// Cancelled: everything is free again, once. What is invoiced is credited first.
	manager.call("POST", path+"/cancel", nil, fields{"reason": "Too early"}).problem(409)
	manager.call("POST", "/v1/invoices/"+invoice.text("id")+"/credit-notes", nil, fields{"reason": "Changed their mind"}).want(201)
	cancelled := manager.call("POST", path+"/cancel", nil, fields{"reason": "Changed their mind"}).want(200)
	if got := cancelled.text("status"); got != "cancelled" {
		t.Errorf("the cancelled order is %s", got)
	}
	manager.wantAvailable(5)
	manager.call("POST", path+"/cancel", nil, fields{"reason": "Again"}).problem(409)
	manager.wantAvailable(5)
	if proof := manager.call("GET", "/v1/stock/proof", nil, nil).want(200); !bytes.Contains(proof.body, []byte(`"drift":[]`)) {
		t.Errorf("the proof finds %s", proof.body)
	}
}

func tokenOf(t *testing.T, s *system, role access.Role) string {
	t.Helper()
	token, err := s.tokens.Token(issuer.Grant{Role: string(role)})
	if err != nil {
		t.Fatal(err)
	}
	return token
}

type fields map[string]any

// A caller makes requests one after another, as a warm container takes them.
type caller struct {
	t     *testing.T
	url   string
	token string
}

// An answer ends the test when it isn't the wanted one: later steps build on it.
type answer struct {
	t       *testing.T
	request string
	status  int
	header  http.Header
	body    []byte
}

func (c caller) call(method, path string, header http.Header, body fields) answer {
	c.t.Helper()
	var content io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			c.t.Fatal(err)
		}
		content = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(c.t.Context(), method, c.url+path, content)
	if err != nil {
		c.t.Fatal(err)
	}
	if header != nil {
		req.Header = header.Clone()
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if method == http.MethodPost && req.Header.Get("Idempotency-Key") == "" {
		req.Header.Set("Idempotency-Key", rand.Text())
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	read, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return answer{c.t, method + " " + path, resp.StatusCode, resp.Header, read}
}

func (c caller) wantAvailable(want int) {
	c.t.Helper()
	var stock struct{ Available int }
	a := c.call("GET", "/v1/stock/MUG-BLUE", nil, nil).want(200)
	if err := json.Unmarshal(a.body, &stock); err != nil || stock.Available != want {
		c.t.Fatalf("stock is %s (%v), want %d available", a.body, err, want)
	}
}

func (a answer) want(status int) answer {
	a.t.Helper()
	if a.status != status {
		a.t.Fatalf("%s answers %d, want %d: %s", a.request, a.status, status, a.body)
	}
	return a
}

// problem wants a problem document of the status.
func (a answer) problem(status int) answer {
	a.t.Helper()
	a.want(status)
	var document struct {
		Status int
		Code   string
	}
	if kind := a.header.Get("Content-Type"); !strings.HasPrefix(kind, "application/problem+json") {
		a.t.Errorf("%s answers %d as %q, want a problem document", a.request, a.status, kind)
	}
	if err := json.Unmarshal(a.body, &document); err != nil || document.Status != status || document.Code == "" {
		a.t.Errorf("%s answers %s (%v), want a problem with status %d and a code", a.request, a.body, err, status)
	}
	return a
}

func (a answer) text(field string) string {
	a.t.Helper()
	var body fields
	if err := json.Unmarshal(a.body, &body); err != nil {
		a.t.Fatalf("%s answers %s: %v", a.request, a.body, err)
	}
	text, ok := body[field].(string)
	if !ok {
		a.t.Fatalf("%s answers without %s: %s", a.request, field, a.body)
	}
	return text
}
