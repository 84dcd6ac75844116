// Package contract holds the parts of the repository against each other:
// template.yaml against the contract in shared/api/openapi.yaml, and the
// packages' imports against the layers of the design.
package contract

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"waybill/infra/template"
	"waybill/shared/access"
)

const (
	templateFile = "../../template.yaml"
	contractFile = "../../shared/api/openapi.yaml"
)

func TestEachOperationIsRoutedOnceToTheFunctionOfItsGroup(t *testing.T) {
	operations := readContract(t).operations()
	routed := map[string]bool{}
	for _, route := range readRoutes(t) {
		key := route.Key()
		if key == "$default" {
			continue
		}
		if routed[key] {
			t.Errorf("%s is routed twice", key)
		}
		routed[key] = true
		op, ok := operations[key]
		if !ok {
			t.Errorf("%s is routed to %s, but is no operation of the contract", key, route.Function)
			continue
		}
		if want := op.Group + "Function"; route.Function != want {
			t.Errorf("%s (%s) is routed to %s, want %s", key, op.ID, route.Function, want)
		}
	}
	for key, op := range operations {
		if !routed[key] {
			t.Errorf("%s (%s) is not routed; give it to %sFunction in template.yaml", key, op.ID, op.Group)
		}
	}
}

func TestEveryOtherPathHasOneFunctionThatAnswersProblems(t *testing.T) {
	var answering []string
	for _, route := range readRoutes(t) {
		if route.Key() == "$default" {
			answering = append(answering, route.Function)
		}
	}
	if !slices.Equal(answering, []string{"SystemFunction"}) {
		t.Errorf("$default is routed to %v, want [SystemFunction]", answering)
	}
}

func TestExactlyThePublicOperationsNeedNoToken(t *testing.T) {
	contract := readContract(t)
	operations := contract.operations()
	for _, route := range readRoutes(t) {
		op, ok := operations[route.Key()]
		if !ok {
			continue // $default answers problems only; anything else is the routing test's business
		}
		if public := contract.public(op); public != route.Public {
			t.Errorf("%s: public in the contract is %t, in the template %t", route.Key(), public, route.Public)
		}
	}
}

func TestSomethingStartsEveryFunction(t *testing.T) {
	loaded, err := template.Load(templateFile)
	if err != nil {
		t.Fatal(err)
	}
	started := map[string]bool{}
	for _, r := range loaded.Routes() {
		started[r.Function] = true
	}
	for _, s := range loaded.Streams() {
		started[s.Function] = true
		if s.Retries < 0 || !s.Bisect || len(s.Filters) == 0 {
			t.Errorf("%s of %s: one record that fails for good would hold up its shard for a day, or everything invokes it: %+v", s.Name, s.Function, s)
		}
	}
	for _, s := range loaded.Schedules() {
		started[s.Function] = true
	}
	emptied := map[string]bool{}
	for _, c := range loaded.Consumers() {
		started[c.Function], emptied[c.Queue] = true, true
	}
	for _, id := range loaded.Functions() {
		if !started[id] {
			t.Errorf("%s is started by nothing", id)
		}
	}
	for _, q := range loaded.Queues() {
		if !emptied[q.Name] {
			t.Errorf("nobody takes what is in %s: it would be lost when it is old", q.Name)
		}
	}
}

func TestWhatFailsInAQueueIsKept(t *testing.T) {
	loaded, err := template.Load(templateFile)
	if err != nil {
		t.Fatal(err)
	}
	queues, timeout := map[string]template.Queue{}, map[string]time.Duration{}
	for _, q := range loaded.Queues() {
		queues[q.Name] = q
	}
	for _, c := range loaded.Consumers() {
		timeout[c.Queue] = c.Timeout
	}
	for _, s := range loaded.Subscriptions() {
		q := queues[s.Queue]
		if q.Dead == "" || queues[q.Dead].Name == "" || queues[q.Dead].Dead != "" {
			t.Errorf("%s has no queue of dead letters", s.Queue)
		}
		if q.Visibility < 6*timeout[s.Queue] {
			t.Errorf("%s shows a message again after %v, while its function may work %v, in batches", s.Queue, q.Visibility, timeout[s.Queue])
		}
	}
	for _, s := range loaded.Streams() {
		if queues[s.Failures].Name == "" {
			t.Errorf("what %s gives up is told to nobody", s.Function)
		}
	}
}

func TestScopesArePermissions(t *testing.T) {
	var permissions []string
	for _, p := range access.Permissions {
		permissions = append(permissions, string(p))
	}
	slices.Sort(permissions)
	contract := readContract(t)

	declared := map[string]bool{}
	for _, scheme := range contract.Components.SecuritySchemes {
		for _, flow := range scheme.Flows {
			for scope := range flow.Scopes {
				declared[scope] = true
			}
		}
	}
	if got := slices.Sorted(maps.Keys(declared)); !slices.Equal(got, permissions) {
		t.Errorf("the contract declares the scopes\n%v, want the permissions of shared/access\n%v", got, permissions)
	}
	if got := resourceServerScopes(t); !slices.Equal(got, permissions) {
		t.Errorf("the ResourceServer has the scopes\n%v, want the permissions of shared/access\n%v", got, permissions)
	}
	for key, op := range contract.operations() {
		for _, requirement := range contract.requirements(op) {
			for _, scopes := range requirement {
				for _, scope := range scopes {
					if !declared[scope] {
						t.Errorf("%s needs the scope %s, which nobody can be given", key, scope)
					}
				}
			}
		}
	}
}

// A document is as much of an OpenAPI file as routing depends on.
type document struct {
	Security   []requirement       `yaml:"security"`
	Paths      map[string]pathItem `yaml:"paths"`
	Components struct {
		SecuritySchemes map[string]struct {
			Flows map[string]struct {
				Scopes map[string]string `yaml:"scopes"`
			} `yaml:"flows"`
		} `yaml:"securitySchemes"`
		Schemas map[string]struct {
			Properties map[string]yaml.Node `yaml:"properties"`
		} `yaml:"schemas"`
	} `yaml:"components"`
}

type requirement map[string][]string

type operation struct {
	ID       string         `yaml:"operationId"`
	Group    string         `yaml:"x-ogen-operation-group"`
	Security *[]requirement `yaml:"security"` // nil: the document's
}

// A pathItem has the operations of a path by their method in lower case.
type pathItem map[string]operation

// UnmarshalYAML leaves out what a path has beside its operations: parameters, a summary.
func (p *pathItem) UnmarshalYAML(node *yaml.Node) error {
	var members map[string]yaml.Node
	if err := node.Decode(&members); err != nil {
		return err
	}
	*p = pathItem{}
	for _, method := range []string{"get", "put", "post", "delete", "options", "head", "patch", "trace"} {
		member, ok := members[method]
		if !ok {
			continue
		}
		var op operation
		if err := member.Decode(&op); err != nil {
			return err
		}
		(*p)[method] = op
	}
	return nil
}

// operations returns the operations by route key, "GET /v1/orders".
func (d *document) operations() map[string]operation {
	found := map[string]operation{}
	for path, item := range d.Paths {
		for method, op := range item {
			found[strings.ToUpper(method)+" "+path] = op
		}
	}
	return found
}

func (d *document) requirements(op operation) []requirement {
	if op.Security != nil {
		return *op.Security
	}
	return d.Security
}

func (d *document) public(op operation) bool { return len(d.requirements(op)) == 0 }

func readContract(t *testing.T) *document {
	t.Helper()
	var d document
	decodeFile(t, contractFile, &d)
	if len(d.operations()) == 0 {
		t.Fatalf("%s has no operations", contractFile)
	}
	return &d
}

func readRoutes(t *testing.T) []template.Route {
	t.Helper()
	loaded, err := template.Load(templateFile)
	if err != nil {
		t.Fatal(err)
	}
	return loaded.Routes()
}

func resourceServerScopes(t *testing.T) []string {
	t.Helper()
	var file struct {
		Resources struct {
			ResourceServer struct {
				Properties struct {
					Scopes []struct {
						ScopeName string `yaml:"ScopeName"`
					} `yaml:"Scopes"`
				} `yaml:"Properties"`
			} `yaml:"ResourceServer"`
		} `yaml:"Resources"`
	}
	decodeFile(t, templateFile, &file)
	var names []string
	for _, scope := range file.Resources.ResourceServer.Properties.Scopes {
		names = append(names, scope.ScopeName)
	}
	slices.Sort(names)
	return names
}

func decodeFile(t *testing.T, path string, into any) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}
