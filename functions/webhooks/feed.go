package webhooks

import (
	"context"
	"encoding/base64"
	"strings"

	"waybill/shared/api"
	"waybill/shared/bulletin"
	"waybill/shared/event"
	"waybill/shared/gateway"
	"waybill/shared/ident"
	"waybill/shared/refusal"
	"waybill/shared/table"
	"waybill/shared/webhook"
)

const (
	// settled is how old an event is when it is shown: twice as long as a transaction
	// may take, so that none is written behind a cursor, and the index has what was.
	settled = 2 * table.FactLife
	// rowsAtOnce is how many rows are read at a time, and mostRows how many one page may look at.
	rowsAtOnce = 100
	mostRows   = 1000
)

// ListEvents implements listEvents.
func (h *Webhooks) ListEvents(ctx context.Context, params api.ListEventsParams) (*api.EventFeed, error) {
	from, _ := gateway.Days(params.From, api.OptDate{})
	after := ident.First(from)
	if cursor, ok := params.After.Get(); ok {
		at, err := base64.RawURLEncoding.DecodeString(cursor)
		if err == nil {
			_, err = ident.Time(string(at))
		}
		if err != nil {
			return nil, refusal.New(refusal.Malformed, "malformed", "The cursor is not one that a list gave.")
		}
		after = string(at)
	}
	limit, filter := params.Limit.Or(50), params.Type.Or("*")
	if filter != "*" && !strings.Contains(filter, ".") {
		filter += ".*" // a kind by itself
	}
	till := h.edge.Now().Add(-settled)
	out := &api.EventFeed{Items: []api.PublishedEvent{}}
	for looked := 0; looked < mostRows && len(out.Items) < limit; looked += rowsAtOnce {
		events, last, err := h.keeper.DB.EventFeed(ctx, after, from, till, rowsAtOnce)
		if err != nil {
			return nil, err
		}
		if last == after {
			break
		}
		after = last
		for _, e := range events {
			if !webhook.Takes([]string{filter}, e.Type) {
				continue
			}
			v, err := shownEvent(e)
			if err != nil {
				return nil, err
			}
			if out.Items = append(out.Items, v); len(out.Items) == limit {
				after = e.ID
				break
			}
		}
	}
	out.NextCursor = base64.RawURLEncoding.EncodeToString([]byte(after))
	return out, nil
}

// shownEvent is an event as it is published, sent and replayed.
func shownEvent(e event.Event) (api.PublishedEvent, error) {
	m := bulletin.Of(e)
	data, err := gateway.EventData(m.Data)
	return api.PublishedEvent{
		Version: m.Version, ID: api.ID(m.ID), Type: string(m.Type), Subject: m.Subject, Seq: m.Seq, At: m.At, Actor: m.Actor, Data: data,
	}, err
}
