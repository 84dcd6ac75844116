package template_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"waybill/infra/template"
)

func routes(keys ...string) []template.Route {
	var out []template.Route
	for _, key := range keys {
		method, path, ok := strings.Cut(key, " ")
		if !ok {
			method, path = "", key
		}
		out = append(out, template.Route{Method: method, Path: path, Function: key})
	}
	return out
}

func TestMostSpecificRouteWins(t *testing.T) {
	keys := []string{
		"$default",
		"ANY /{all+}",
		"GET /v1/{all+}",
		"GET /v1/orders/{id}",
		"ANY /v1/orders/import",
		"POST /v1/orders/import",
		"GET /v1/orders",
		"POST /v1/orders",
		"POST /v1/orders/{id}/confirm",
		"GET /{kind}/orders/recent",
		"GET /a b",
	}
	tests := []struct {
		method, path string
		want         string
		parameters   map[string]string
	}{
		{"GET", "/v1/orders", "GET /v1/orders", nil},
		{"POST", "/v1/orders", "POST /v1/orders", nil},
		{"GET", "/v1/orders/17", "GET /v1/orders/{id}", map[string]string{"id": "17"}},
		{"POST", "/v1/orders/import", "POST /v1/orders/import", nil},
		{"GET", "/v1/orders/import", "ANY /v1/orders/import", nil},
		{"GET", "/v1/orders/recent", "GET /v1/orders/{id}", map[string]string{"id": "recent"}},
		{"GET", "/v2/orders/recent", "GET /{kind}/orders/recent", map[string]string{"kind": "v2"}},
		{"POST", "/v1/orders/17/confirm", "POST /v1/orders/{id}/confirm", map[string]string{"id": "17"}},
		{"GET", "/v1/orders/17/confirm", "GET /v1/{all+}", map[string]string{"all": "orders/17/confirm"}},
		{"PATCH", "/v1/orders/17", "ANY /{all+}", map[string]string{"all": "v1/orders/17"}},
		{"GET", "/v1/orders/a%2Fb%20c", "GET /v1/orders/{id}", map[string]string{"id": "a/b c"}},
		{"GET", "/v1/orders/", "GET /v1/{all+}", map[string]string{"all": "orders/"}},
		{"GET", "/v1/%6Frders", "GET /v1/orders", nil},
		{"GET", "/a%20b", "GET /a b", nil},
		{"GET", "/", "$default", nil},
		{"GET", "", "$default", nil},
	}
	// The order of the template must not matter.
	reversed := slices.Clone(keys)
	slices.Reverse(reversed)
	for _, order := range [][]string{keys, reversed} {
		router, err := template.NewRouter(routes(order...))
		if err != nil {
			t.Fatal(err)
		}
		for _, tt := range tests {
			got, ok := router.Match(tt.method, tt.path)
			if !ok || got.Route.Key() != tt.want || !maps.Equal(got.Parameters, tt.parameters) {
				t.Errorf("%s %s: %s %v, want %s %v", tt.method, tt.path, got.Route.Key(), got.Parameters, tt.want, tt.parameters)
			}
		}
	}
}

func TestWithoutCatchAllAnUnknownPathHasNoRoute(t *testing.T) {
	router, err := template.NewRouter(routes("GET /v1/orders"))
	if err != nil {
		t.Fatal(err)
	}
	for _, request := range [][2]string{{"GET", "/v1/order"}, {"GET", "/v1/orders/17"}, {"POST", "/v1/orders"}} {
		if got, ok := router.Match(request[0], request[1]); ok {
			t.Errorf("%v has route %s, want none", request, got.Route.Key())
		}
	}
}

func TestAmbiguousOrMalformedRoutesAreRefused(t *testing.T) {
	tests := map[string][]template.Route{
		"the same route twice":        routes("GET /a", "GET /a"),
		"two catch-alls":              routes("$default", "$default"),
		"no slash":                    routes("GET a"),
		"parameter with a suffix":     routes("GET /{id}.pdf"),
		"parameter with a prefix":     routes("GET /a{id}"),
		"parameter without a name":    routes("GET /{}"),
		"greedy parameter not at end": routes("GET /{all+}/x"),
	}
	for name, rs := range tests {
		if _, err := template.NewRouter(rs); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
