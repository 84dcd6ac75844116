package gateway_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"waybill/shared/api"
	"waybill/shared/gateway"
	"waybill/shared/refusal"
)

func TestEveryKindOfRefusalHasItsStatus(t *testing.T) {
	t.Parallel()
	var answer error
	f := newFront(t, counter{get: func(context.Context) (*api.OrderHeaders, error) { return nil, answer }})
	for _, c := range []struct {
		kind   refusal.Kind
		status int
	}{
		{refusal.Malformed, 400},
		{refusal.Denied, 403},
		{refusal.NotFound, 404},
		{refusal.Conflict, 409},
		{refusal.Stale, 412},
		{refusal.Rejected, 422},
		{refusal.NoIfMatch, 428},
		{refusal.Unavailable, 503},
	} {
		left := int64(2)
		answer = fmt.Errorf("read an order of secret: %w", &refusal.Error{
			Kind: c.kind, Code: "some_code", Detail: "For people.",
			Items: []refusal.Item{{Field: "lines[0].sku", SKU: "MUG", Order: "SO-1", Code: "inactive", Detail: "Why.", Available: &left}},
		})
		w := f.do(http.MethodGet, orderPath, "")
		p := problemOf(t, w)
		if w.Code != c.status || p.Code != "some_code" || p.Detail != "For people." || p.Type != "about:blank" || p.Title != http.StatusText(c.status) {
			t.Errorf("kind %d: %d %+v", c.kind, w.Code, p)
		}
		if len(p.Errors) != 1 {
			t.Fatalf("kind %d: %+v", c.kind, p)
		}
		if e := p.Errors[0]; e.Field != "lines[0].sku" || e.SKU != "MUG" || e.Order != "SO-1" || e.Code != "inactive" || e.Detail != "Why." || *e.Available != 2 {
			t.Errorf("kind %d: %+v", c.kind, e)
		}
		if retry := w.Header().Get("Retry-After"); (retry != "") != (c.status == 503) {
			t.Errorf("kind %d: Retry-After %q", c.kind, retry)
		}
		if strings.Contains(w.Body.String(), "secret") {
			t.Errorf("kind %d tells what wraps it: %s", c.kind, w.Body)
		}
	}
}

func TestInternalsAreLoggedAndNotShown(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err    error
		status int
		code   string
	}{
		"an error nobody foresaw": {errors.New("secret: no such column"), 500, "internal"},
		"a deadline":              {fmt.Errorf("secret query: %w", context.DeadlineExceeded), 503, "unavailable"},
		"an outage":               {fmt.Errorf("secret host: %w", refusal.New(refusal.Unavailable, "unavailable", "Try again.")), 503, "unavailable"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFront(t, counter{get: func(context.Context) (*api.OrderHeaders, error) { return nil, c.err }})
			w := f.do(http.MethodGet, orderPath, "")
			if p := problemOf(t, w); w.Code != c.status || p.Code != c.code {
				t.Errorf("%d %+v", w.Code, p)
			}
			if strings.Contains(w.Body.String(), "secret") {
				t.Errorf("shown: %s", w.Body)
			}
			if log := f.log.String(); !strings.Contains(log, "secret") || !strings.Contains(log, w.Header().Get("X-Request-Id")) {
				t.Errorf("logged: %s", log)
			}
		})
	}
}

func TestWhatTheContractRefusesIsNamed(t *testing.T) {
	t.Parallel()
	f := newFront(t, counter{place: func(context.Context, *api.NewOrder, api.PlaceOrderParams) (*api.OrderHeaders, error) {
		return nil, errors.New("it must not come so far")
	}})
	const id = `"customer_id":"01ARZ3NDEKTSV4RRFFQ69G5FAV"`
	const line = `"lines":[{"sku":"A","quantity":1}]`
	post := func(body string, headers ...string) []string {
		return append([]string{http.MethodPost, "/v1/orders", body}, headers...)
	}
	get := func(path string) []string { return []string{http.MethodGet, path, ""} }
	for _, c := range []struct {
		name    string
		request []string
		status  int
		code    string
		fields  string // those named, a space between
	}{
		{"no body", post(""), 400, "malformed", ""},
		{"half a body", post(`{"lines":`), 400, "malformed", ""},
		{"no object", post(`[]`), 400, "malformed", ""},
		{"more than a body", post(`{` + id + `,` + line + `} and more`), 400, "malformed", ""},
		{"everything missing", post(`{}`), 400, "invalid", "customer_id lines"},
		{"an unknown field", post(`{` + id + `,` + line + `,"colour":1}`), 400, "unknown_field", "colour"},
		{"an unknown field below", post(`{` + id + `,` + line + `,"billing_address":{"planet":"Mars"}}`), 400, "unknown_field", "billing_address.planet"},
		// The decoder doesn't tell the number of the line.
		{"an unknown field of a line", post(`{` + id + `,"lines":[{"sku":"A","quantity":1,"colour":1}]}`), 400, "unknown_field", "lines.colour"},
		{"a wrong type", post(`{"customer_id":5,` + line + `}`), 400, "invalid", "customer_id"},
		{"words for a quantity", post(`{` + id + `,"lines":[{"sku":"A","quantity":"two"}]}`), 400, "invalid", "lines.quantity"},
		{"a fraction", post(`{` + id + `,"lines":[{"sku":"A","quantity":1.5}]}`), 400, "invalid", "lines.quantity"},
		{"missing below", post(`{` + id + `,"lines":[{"sku":"A"}]}`), 400, "invalid", "lines.quantity"},
		{"two out of bounds", post(`{` + id + `,"lines":[{"sku":"A","quantity":1},{"sku":"a b","quantity":0}]}`), 400, "invalid", "lines[1].sku lines[1].quantity"},
		{"no lines", post(`{` + id + `,"lines":[]}`), 400, "invalid", "lines"},
		{"a country of three letters", post(`{` + id + `,` + line + `,"billing_address":{"country":"usa"}}`), 400, "invalid", "billing_address.country"},
		{"a key that is too long", post(`{`+id+`,`+line+`}`, "Idempotency-Key", strings.Repeat("k", 256)), 400, "invalid", "Idempotency-Key"},
		{"more than a megabyte", post(`{` + id + `,` + line + `,"note":"` + strings.Repeat("x", 1<<20) + `"}`), 413, "too_large", ""},
		{"text", post(`{}`, "Content-Type", "text/plain"), 415, "unsupported_media_type", ""},
		{"of no type", post(`{}`, "Content-Type", ""), 415, "unsupported_media_type", ""},
		{"a page of nothing", get("/v1/orders?limit=0"), 400, "invalid", "limit"},
		{"a page of words", get("/v1/orders?limit=many"), 400, "invalid", "limit"},
		{"a month that is none", get("/v1/orders?from=2026-13-01"), 400, "invalid", "from"},
		{"an id that is none", get("/v1/orders/1"), 404, "not_found", ""},
		{"no id", get("/v1/orders/"), 404, "not_found", ""},
		{"no such path", get("/v1/nothing"), 404, "not_found", ""},
		{"no such method", []string{http.MethodDelete, "/v1/orders", ""}, 405, "method_not_allowed", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := f.do(c.request[0], c.request[1], c.request[2], c.request[3:]...)
			p := problemOf(t, w)
			var fields []string
			for _, e := range p.Errors {
				fields = append(fields, e.Field)
			}
			if w.Code != c.status || p.Code != c.code || strings.Join(fields, " ") != c.fields {
				t.Errorf("%d %s of %v, want %d %s of %s", w.Code, p.Code, fields, c.status, c.code, c.fields)
			}
			if allow := w.Header().Get("Allow"); (allow != "") != (c.status == 405) {
				t.Errorf("Allow: %q", allow)
			}
		})
	}
}

func TestProblemsOfRowsAreThoseOfRequests(t *testing.T) {
	t.Parallel()
	p := gateway.ProblemOf(fmt.Errorf("row 7: %w", refusal.Field("placed_at", "invalid", "It lies in the past.")))
	if p.Status != 422 || p.Code != "rejected" || len(p.Errors) != 1 || p.Errors[0].Field != "placed_at" {
		t.Errorf("%+v", p)
	}
}
