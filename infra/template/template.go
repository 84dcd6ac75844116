// Package template reads the SAM template as far as a laptop needs it: which
// path goes to which function, what else starts functions, and what the table
// looks like. The runner and the tests build it all from template.yaml, so
// none of it can drift from what is deployed.
//
// CloudFormation's functions (!Ref, !Sub, !GetAtt, !If) are let through
// unresolved: nothing read here may depend on a parameter or a condition, but
// for schedules, where a parameter stands for its default.
package template

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// Template is a SAM template that was read and checked.
type Template struct {
	functions []string
	routes    []Route
	streams   []Stream
	schedules []Schedule
	consumers []Consumer
	queues    []Queue
	fans      []Subscription
	table     TableDefinition
}

// Route says which function answers a method and path of the HTTP API.
type Route struct {
	Method   string // upper case; ANY for every method; empty for the catch-all
	Path     string // with {name} and {name+} segments; $default for the catch-all
	Function string // logical id of the function
	Public   bool   // needs no token: its authorizer is NONE
}

// Key returns the route key as API Gateway reports it in an event: "GET /v1/orders/{id}" or "$default".
func (r Route) Key() string {
	if r.Path == catchAll {
		return catchAll
	}
	return r.Method + " " + r.Path
}

const (
	catchAll  = "$default"
	anyMethod = "ANY"
)

// Load reads the template at path. It fails when the file isn't a SAM template
// with exactly one table, or has a route, another event or a table property it
// can't understand.
func Load(path string) (*Template, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the template: %w", err)
	}
	t, err := parse(text)
	if err != nil {
		return nil, fmt.Errorf("template %s: %w", filepath.Base(path), err)
	}
	return t, nil
}

// Find returns the path of the template.yaml that stands beside go.mod in dir
// or the nearest folder above it.
func Find(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("find the repository: %w", err)
	}
	for d := dir; ; d = filepath.Dir(d) {
		if _, err := os.Stat(filepath.Join(d, "go.mod")); err == nil {
			return filepath.Join(d, "template.yaml"), nil
		}
		if d == filepath.Dir(d) {
			return "", fmt.Errorf("find the repository: no go.mod in %s or above", dir)
		}
	}
}

// Functions returns the logical ids of the template's functions in their order there.
func (t *Template) Functions() []string { return slices.Clone(t.functions) }

// Routes returns the routes of the HTTP API in the order of the template.
func (t *Template) Routes() []Route { return slices.Clone(t.routes) }

// Table returns the definition of the one DynamoDB table.
func (t *Template) Table() TableDefinition { return t.table }

func parse(text []byte) (*Template, error) {
	var doc struct {
		Parameters map[string]struct {
			Default string `yaml:"Default"`
		} `yaml:"Parameters"`
		Globals struct {
			Function struct {
				Timeout int `yaml:"Timeout"`
			} `yaml:"Function"`
		} `yaml:"Globals"`
		Resources yaml.Node `yaml:"Resources"`
	}
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return nil, err
	}
	if doc.Resources.Kind != yaml.MappingNode {
		return nil, errors.New("no Resources")
	}
	parameters := map[string]string{}
	for name, p := range doc.Parameters {
		parameters[name] = p.Default
	}
	t := &Template{}
	tables := 0
	for id, node := range pairs(&doc.Resources) {
		var resource struct {
			Type       string    `yaml:"Type"`
			Properties yaml.Node `yaml:"Properties"`
		}
		if err := node.Decode(&resource); err != nil {
			return nil, fmt.Errorf("%s: %w", id, err)
		}
		switch resource.Type {
		case "AWS::Serverless::Function":
			routes, err := parseRoutes(id, &resource.Properties)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", id, err)
			}
			if err := t.triggers(id, &resource.Properties, doc.Globals.Function.Timeout, parameters); err != nil {
				return nil, fmt.Errorf("%s: %w", id, err)
			}
			t.functions = append(t.functions, id)
			t.routes = append(t.routes, routes...)
		case "AWS::SQS::Queue":
			q := Queue{Name: id}
			if err := q.read(&resource.Properties); err != nil {
				return nil, fmt.Errorf("%s: %w", id, err)
			}
			t.queues = append(t.queues, q)
		case "AWS::SNS::Subscription":
			fan, err := parseSubscription(&resource.Properties)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", id, err)
			}
			t.fans = append(t.fans, fan)
		case "AWS::DynamoDB::Table":
			def, err := parseTable(&resource.Properties)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", id, err)
			}
			t.table = def
			tables++
		}
	}
	if tables != 1 {
		return nil, fmt.Errorf("%d tables, want 1", tables)
	}
	return t, nil
}

func parseRoutes(function string, properties *yaml.Node) ([]Route, error) {
	var p struct {
		Events yaml.Node `yaml:"Events"`
	}
	if err := properties.Decode(&p); err != nil {
		return nil, err
	}
	var routes []Route
	for name, node := range pairs(&p.Events) {
		// Other kinds of event have properties that don't fit these.
		var kind struct {
			Type string `yaml:"Type"`
		}
		if err := node.Decode(&kind); err != nil {
			return nil, fmt.Errorf("event %s: %w", name, err)
		}
		if kind.Type != "HttpApi" {
			continue
		}
		var event struct {
			Properties struct {
				Path   string `yaml:"Path"`
				Method string `yaml:"Method"`
				Auth   struct {
					Authorizer string `yaml:"Authorizer"`
				} `yaml:"Auth"`
			} `yaml:"Properties"`
		}
		if err := node.Decode(&event); err != nil {
			return nil, fmt.Errorf("event %s: %w", name, err)
		}
		http := event.Properties
		route := Route{Path: http.Path, Function: function, Public: http.Auth.Authorizer == "NONE"}
		switch {
		case http.Path == catchAll, http.Path == "" && http.Method == "":
			route.Path = catchAll
		case http.Path == "" || http.Method == "":
			return nil, fmt.Errorf("event %s: a route needs both Path and Method", name)
		default:
			route.Method = strings.ToUpper(http.Method)
			if route.Method == "X-AMAZON-APIGATEWAY-ANY-METHOD" {
				route.Method = anyMethod
			}
		}
		routes = append(routes, route)
	}
	return routes, nil
}

// pairs walks a mapping in the order of the file; anything else has no pairs.
func pairs(mapping *yaml.Node) func(yield func(string, *yaml.Node) bool) {
	return func(yield func(string, *yaml.Node) bool) {
		if mapping.Kind != yaml.MappingNode {
			return
		}
		for i := 0; i+1 < len(mapping.Content); i += 2 {
			if !yield(mapping.Content[i].Value, mapping.Content[i+1]) {
				return
			}
		}
	}
}
