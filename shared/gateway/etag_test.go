package gateway_test

import (
	"context"
	"net/http"
	"testing"

	"waybill/shared/api"
	"waybill/shared/gateway"
	"waybill/shared/refusal"
)

func TestAVersionThatTheCallerDidNotSeeIsStale(t *testing.T) {
	none := api.OptString{}
	for _, c := range []struct {
		name     string
		header   api.OptString
		required bool
		code     string // of the refusal of version 3
	}{
		{"not sent and not needed", none, false, ""},
		{"not sent", none, true, "if_match_required"},
		{"the version", api.NewOptString(`"3"`), true, ""},
		{"another", api.NewOptString(`"2"`), true, "stale"},
		{"another where none is needed", api.NewOptString(`"2"`), false, "stale"},
		{"one of several", api.NewOptString(`"1", "2" ,"3"`), true, ""},
		{"none of several", api.NewOptString(`"1","30"`), true, "stale"},
		{"any", api.NewOptString("*"), true, ""},
		{"weak, which never matches", api.NewOptString(`W/"3"`), true, "stale"},
		{"without quotes", api.NewOptString("3"), true, "stale"},
		{"empty", api.NewOptString(""), true, "stale"},
	} {
		expect, err := gateway.Match(c.header, c.required)
		if err == nil {
			err = expect(3)
		}
		if (c.code == "" && err != nil) || (c.code != "" && !refusal.Is(err, c.code)) {
			t.Errorf("%s: %v, want %q", c.name, err, c.code)
		}
	}
}

func TestWhatTheClientHasIsNotSentAgain(t *testing.T) {
	t.Parallel()
	f := newFront(t, counter{
		get: func(context.Context) (*api.OrderHeaders, error) {
			return &api.OrderHeaders{ETag: api.NewOptString(gateway.ETag(3))}, nil
		},
		place: func(context.Context, *api.NewOrder, api.PlaceOrderParams) (*api.OrderHeaders, error) {
			return &api.OrderHeaders{ETag: api.NewOptString(gateway.ETag(3))}, nil
		},
	})
	for _, c := range []struct {
		has    string
		status int
	}{
		{`"3"`, 304},
		{`W/"3"`, 304}, // weakly compared, unlike If-Match
		{`"1", W/"3"`, 304},
		{"*", 304},
		{`"2"`, 200},
		{"3", 200},
	} {
		w := f.do(http.MethodGet, orderPath, "", "If-None-Match", c.has)
		if w.Code != c.status || w.Header().Get("ETag") != `"3"` {
			t.Errorf("%s: %d with ETag %s", c.has, w.Code, w.Header().Get("ETag"))
		}
		if empty := w.Body.Len() == 0 && w.Header().Get("Content-Type") == ""; empty != (c.status == 304) {
			t.Errorf("%s: %d with %s %q", c.has, w.Code, w.Header().Get("Content-Type"), w.Body)
		}
	}
	if w := f.do(http.MethodPost, "/v1/orders", newOrder, "If-None-Match", `"3"`); w.Code != http.StatusCreated || w.Body.Len() == 0 {
		t.Errorf("what was just made: %d %q", w.Code, w.Body)
	}
}
