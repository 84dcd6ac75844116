package stripe

import (
	"net/url"
	"path"
	"slices"
)

func (s *Server) getEvent(id string, _ url.Values) (any, *problem) {
	e := s.eventByID(id)
	if e == nil {
		return nil, missing("event", id)
	}
	return e.shown(), nil
}

// listEvents filters by created[gte], type or types, and delivery_success.
func (s *Server) listEvents(_ string, v url.Values) (any, *problem) {
	since, p := number(v, "created[gte]", 0)
	if p != nil {
		return nil, p
	}
	const mostTypes = 20
	types := these(v, "types")
	if len(types) > mostTypes {
		return nil, invalid("types", "", "You may only specify up to %d types.", mostTypes)
	}
	if one := v.Get("type"); one != "" {
		types = append(types, one)
	}
	fits := func(kind string) bool {
		return len(types) == 0 || slices.ContainsFunc(types, func(pattern string) bool {
			ok, err := path.Match(pattern, kind)
			return ok && err == nil
		})
	}
	delivered := v.Get("delivery_success")
	var found []*event
	for _, e := range s.state.Events {
		if e.Created < since || !fits(e.Type) || (delivered == "true" && !e.Delivered) || (delivered == "false" && e.Delivered) {
			continue
		}
		found = append(found, e)
	}
	return page(found, func(e *event) string { return e.ID }, (*event).shown, "/v1/events", v)
}

func (s *Server) eventByID(id string) *event {
	return find(s.state.Events, func(e *event) bool { return e.ID == id })
}
