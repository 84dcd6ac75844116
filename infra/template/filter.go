package template

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// A Filter is a pattern for records of a stream, as far as it is used here: a
// tree of names with lists at its ends, of texts that are to be equal,
// prefixes and whether there is any, one of which must fit.
type Filter struct {
	below map[string]Filter
	oneOf []test
}

type test struct {
	text   string
	prefix bool // any text has the empty prefix: that is how exists is kept
}

func parseFilter(pattern string) (Filter, error) {
	var v any
	if err := json.Unmarshal([]byte(pattern), &v); err != nil {
		return Filter{}, err
	}
	if _, ok := v.(map[string]any); !ok {
		return Filter{}, errors.New("a pattern is an object")
	}
	return newFilter(v)
}

func newFilter(v any) (Filter, error) {
	switch v := v.(type) {
	case map[string]any:
		f := Filter{below: map[string]Filter{}}
		for name, inner := range v {
			var err error
			if f.below[name], err = newFilter(inner); err != nil {
				return f, fmt.Errorf("%s: %w", name, err)
			}
		}
		return f, nil
	case []any:
		var f Filter
		for _, one := range v {
			t, err := newTest(one)
			if err != nil {
				return f, err
			}
			f.oneOf = append(f.oneOf, t)
		}
		return f, nil
	default:
		return Filter{}, errors.New("a name has an object or a list")
	}
}

func newTest(v any) (test, error) {
	if text, ok := v.(string); ok {
		return test{text: text}, nil
	}
	if object, ok := v.(map[string]any); ok && len(object) == 1 {
		if prefix, ok := object["prefix"].(string); ok {
			return test{text: prefix, prefix: true}, nil
		}
	}
	if object, ok := v.(map[string]any); ok && len(object) == 1 && object["exists"] == true {
		return test{prefix: true}, nil
	}
	return test{}, fmt.Errorf("only texts, prefixes and exists can be read, not %v", v)
}

func (f Filter) fits(v any) bool {
	if f.below == nil {
		text, ok := v.(string)
		for _, t := range f.oneOf {
			if ok && (text == t.text || t.prefix && strings.HasPrefix(text, t.text)) {
				return true
			}
		}
		return false
	}
	object, _ := v.(map[string]any) // anything else has none of the names
	for name, inner := range f.below {
		if !inner.fits(object[name]) {
			return false
		}
	}
	return true
}
