package template_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"waybill/infra/template"
)

func load(t *testing.T, path string) *template.Template {
	t.Helper()
	tmpl, err := template.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	return tmpl
}

func TestRoutesAreReadWithTheirFunctionAndAuthorizer(t *testing.T) {
	want := []template.Route{
		{Method: "GET", Path: "/v1/orders", Function: "OrdersFunction"},
		{Method: "GET", Path: "/v1/orders/{id}", Function: "OrdersFunction"},
		{Method: "GET", Path: "/healthz", Function: "SystemFunction", Public: true},
		{Path: "$default", Function: "SystemFunction", Public: true},
	}
	tmpl := load(t, "testdata/template.yaml")
	if got := tmpl.Routes(); !slices.Equal(got, want) {
		t.Errorf("routes:\n%v\nwant:\n%v", got, want)
	}
	if got, want := tmpl.Functions(), []string{"OrdersFunction", "StockFunction", "ProofFunction", "PostFunction", "SystemFunction"}; !slices.Equal(got, want) {
		t.Errorf("functions: %v, want %v", got, want)
	}
}

func TestRouteWithoutPathAndMethodIsTheCatchAll(t *testing.T) {
	path := edited(t, "            Path: $default\n", "")
	routes := load(t, path).Routes()
	if last := routes[len(routes)-1]; last.Key() != "$default" || last.Function != "SystemFunction" {
		t.Errorf("the last route is %v, want the catch-all", last)
	}
}

func TestTableIsReadWithKeysIndexesStreamAndExpiry(t *testing.T) {
	table := load(t, "testdata/template.yaml").Table()
	if want := (template.Key{Hash: "pk", Range: "sk"}); table.Key != want {
		t.Errorf("key %v, want %v", table.Key, want)
	}
	if len(table.Attributes) != 7 || table.Attributes[0] != (template.Attribute{Name: "pk", Type: "S"}) {
		t.Errorf("attributes %v", table.Attributes)
	}
	var names []string
	for _, index := range table.Indexes {
		names = append(names, index.Name)
		if index.Key.Range != "at" || index.Projection != "KEYS_ONLY" {
			t.Errorf("index %v, want range key at and only keys projected", index)
		}
	}
	if want := []string{"recent", "status", "customer", "owner"}; !slices.Equal(names, want) {
		t.Errorf("indexes %v, want %v", names, want)
	}
	if table.Stream != "NEW_AND_OLD_IMAGES" || table.Expiry != "expires" {
		t.Errorf("stream %q, expiry %q", table.Stream, table.Expiry)
	}
}

func TestTemplateThatCannotBeUnderstoodIsRefusedSayingWhere(t *testing.T) {
	tests := map[string]struct{ old, replacement, want string }{
		"no table":              {"Type: AWS::DynamoDB::Table", "Type: AWS::SQS::Queue", "0 tables"},
		"path without method":   {"            Method: GET\n", "", "event Health: a route needs both"},
		"unknown kind of key":   {"- {AttributeName: sk, KeyType: RANGE}", "- {AttributeName: sk, KeyType: SORT}", "unknown KeyType"},
		"key without its hash":  {"- {AttributeName: pk, KeyType: HASH}\n        ", "", "needs a HASH"},
		"no resources":          {"Resources:", "Outputs:", "no Resources"},
		"not YAML":              {"Resources:", "\tResources:", "yaml:"},
		"unknown kind of event": {"Type: ScheduleV2", "Type: Kinesis", "event Often: of an unknown type"},
		"calendar":              {"rate(1 day)", "at(2026-11-23T09:00:00)", "event Nightly: \"at("},
		"rate of nothing":       {"rate(5 minutes)", "rate(0 minutes)", "event Often: \"rate(0 minutes)\""},
		"unreadable filter":     {`{"prefix": "LOCATION#"}`, `{"anything-but": "LOCATIONS"}`, "event Changes: filter"},
		"index of unknown kind": {"[{AttributeName: recent, KeyType: HASH}", "[{AttributeName: recent, KeyType: HUSH}", "index recent"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := template.Load(edited(t, tt.old, tt.replacement))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("error %v, want one with %q", err, tt.want)
			}
		})
	}
}

// The project's own template must be as the runner expects it.
func TestOwnTemplateRoutesWithoutConflict(t *testing.T) {
	path, err := template.Find(".")
	if err != nil {
		t.Fatal(err)
	}
	router, err := template.NewRouter(load(t, path).Routes())
	if err != nil {
		t.Fatal(err)
	}
	match, ok := router.Match("GET", "/no/such/page")
	if !ok || match.Route.Key() != "$default" {
		t.Errorf("an unknown path goes to %v, want the catch-all", match.Route)
	}
}

// edited writes the fixture to a new file with the first old replaced.
func edited(t *testing.T, old, replacement string) string {
	t.Helper()
	text, err := os.ReadFile("testdata/template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), old) {
		t.Fatalf("the fixture has no %q", old)
	}
	path := filepath.Join(t.TempDir(), "template.yaml")
	if err := os.WriteFile(path, []byte(strings.Replace(string(text), old, replacement, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
