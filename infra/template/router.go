package template

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// Router picks the route of a request the way an API Gateway HTTP API does:
// of all routes that fit both the path and the method, the one with the most
// specific path wins (a literal segment before {name}, that before {name+}),
// then the one that names the method before ANY, then $default.
type Router struct {
	routes   []pattern // most specific first
	fallback *Route
}

type pattern struct {
	Route
	segments []segment
}

type segment struct {
	kind segmentKind
	text string // the literal, or the parameter's name
}

type segmentKind int

const (
	literal segmentKind = iota
	parameter
	greedy
)

// Match is a request's route and what its path held.
type Match struct {
	Route      Route
	Parameters map[string]string // decoded path parameters; nil without any
}

// NewRouter prepares the routes for matching. It fails on a route that stands
// there twice or has a malformed path.
func NewRouter(routes []Route) (*Router, error) {
	r := &Router{}
	seen := map[string]string{}
	for _, route := range routes {
		if other, ok := seen[route.Key()]; ok {
			return nil, fmt.Errorf("route %s goes to both %s and %s", route.Key(), other, route.Function)
		}
		seen[route.Key()] = route.Function
		if route.Path == catchAll {
			r.fallback = &route
			continue
		}
		segments, err := parsePath(route.Path)
		if err != nil {
			return nil, fmt.Errorf("route %s: %w", route.Key(), err)
		}
		r.routes = append(r.routes, pattern{route, segments})
	}
	slices.SortStableFunc(r.routes, moreSpecific)
	return r, nil
}

// Match returns the route for a method and an escaped path (url.URL.EscapedPath),
// and false when there is none, not even $default.
func (r *Router) Match(method, escapedPath string) (Match, bool) {
	segments := strings.Split(strings.TrimPrefix(escapedPath, "/"), "/")
	for _, p := range r.routes {
		if p.Method != method && p.Method != anyMethod {
			continue
		}
		if parameters, ok := p.match(segments); ok {
			return Match{p.Route, parameters}, true
		}
	}
	if r.fallback != nil {
		return Match{Route: *r.fallback}, true
	}
	return Match{}, false
}

func (p pattern) match(path []string) (map[string]string, bool) {
	var parameters map[string]string
	bind := func(name, escaped string) bool {
		value, err := url.PathUnescape(escaped)
		if err != nil || value == "" {
			return false
		}
		if parameters == nil {
			parameters = map[string]string{}
		}
		parameters[name] = value
		return true
	}
	for i, s := range p.segments {
		if i >= len(path) {
			return nil, false
		}
		switch s.kind {
		case greedy:
			ok := bind(s.text, strings.Join(path[i:], "/"))
			return parameters, ok
		case parameter:
			if !bind(s.text, path[i]) {
				return nil, false
			}
		case literal:
			// An escaped letter is still that letter.
			if text, err := url.PathUnescape(path[i]); err != nil || text != s.text {
				return nil, false
			}
		}
	}
	return parameters, len(path) == len(p.segments)
}

func parsePath(path string) ([]segment, error) {
	if !strings.HasPrefix(path, "/") {
		return nil, fmt.Errorf("path %q doesn't start with /", path)
	}
	parts := strings.Split(path[1:], "/")
	segments := make([]segment, len(parts))
	for i, part := range parts {
		name, isParameter := strings.CutPrefix(part, "{")
		if !isParameter {
			if strings.ContainsAny(part, "{}") {
				return nil, fmt.Errorf("a parameter must fill its whole segment, not %q", part)
			}
			segments[i] = segment{literal, part}
			continue
		}
		name, closed := strings.CutSuffix(name, "}")
		name, isGreedy := strings.CutSuffix(name, "+")
		switch {
		case !closed || name == "" || strings.ContainsAny(name, "{}+"):
			return nil, fmt.Errorf("malformed parameter %q", part)
		case isGreedy && i != len(parts)-1:
			return nil, fmt.Errorf("%q must be the last segment", part)
		case isGreedy:
			segments[i] = segment{greedy, name}
		default:
			segments[i] = segment{parameter, name}
		}
	}
	return segments, nil
}

// moreSpecific orders patterns so that the first that fits is the right one.
func moreSpecific(a, b pattern) int {
	for i := range min(len(a.segments), len(b.segments)) {
		if d := int(a.segments[i].kind) - int(b.segments[i].kind); d != 0 {
			return d
		}
	}
	if d := len(b.segments) - len(a.segments); d != 0 {
		return d
	}
	switch {
	case a.Method == b.Method:
		return 0
	case a.Method == anyMethod:
		return 1
	case b.Method == anyMethod:
		return -1
	default:
		return 0
	}
}
