package delivery

import (
	"cmp"
	"context"
	"slices"
	"time"

	"waybill/shared/event"
	"waybill/shared/ident"
	"waybill/shared/refusal"
	"waybill/shared/table"
	"waybill/shared/webhook"
)

// mostEndpoints is how many endpoints there may be: every event is held against each.
const mostEndpoints = 20

// By is who asks, how a retry is known, and which version they saw.
type By = table.By

// A Guard refuses addresses that nothing may be sent to.
type Guard interface {
	Check(ctx context.Context, address string) error
}

// A Keeper keeps the endpoints. It keeps no state of its own.
type Keeper struct {
	DB    *table.DB
	IDs   ident.Source
	Guard Guard
}

// New is an endpoint to create. Without types it takes all.
type New struct {
	URL         string
	Types       []string
	Description string
}

// Create adds an endpoint, with a secret of its own.
func (k *Keeper) Create(ctx context.Context, by By, in New) (webhook.Endpoint, error) {
	var e webhook.Endpoint
	if err := k.Guard.Check(ctx, in.URL); err != nil {
		return e, err
	}
	secret, err := webhook.NewSecret(k.IDs.Random)
	if err != nil {
		return e, err
	}
	err = k.fact(ctx, by, func(_ context.Context, tx *table.Tx, all *table.Endpoints, now time.Time) (event.Event, error) {
		if len(all.List) >= mostEndpoints {
			return event.Event{}, refusal.New(refusal.Conflict, "too_many_endpoints", "There may be %d endpoints.", mostEndpoints)
		}
		e = webhook.Endpoint{
			ID: k.IDs.IDAt(now), URL: in.URL, Types: in.Types, Description: in.Description,
			Secret: secret, Enabled: true, CreatedAt: now, Version: 1,
		}
		if len(e.Types) == 0 {
			e.Types = []string{"*"}
		}
		tx.NewEndpoint(e)
		all.Set(listed(e))
		return told(event.EndpointCreated, e), nil
	})
	return e, err
}

// A Change is what to change of an endpoint; what is nil stays.
type Change struct {
	URL, Description *string
	Types            []string
	Enabled          *bool
}

// Edit changes an endpoint. One that is sent elsewhere, or said to be enabled,
// whether it was or not, is tried at once as if nothing had failed, from where each subject stood.
func (k *Keeper) Edit(ctx context.Context, by By, id string, c Change) (webhook.Endpoint, error) {
	return k.change(ctx, by, id, event.EndpointEdited, func(ctx context.Context, e *webhook.Endpoint, _ time.Time) (forgiven bool, err error) {
		if c.URL != nil && *c.URL != e.URL {
			if err := k.Guard.Check(ctx, *c.URL); err != nil {
				return false, err
			}
			e.URL, forgiven = *c.URL, true
		}
		if c.Description != nil {
			e.Description = *c.Description
		}
		if len(c.Types) > 0 {
			e.Types = c.Types
		}
		if c.Enabled != nil {
			e.Enabled, forgiven = *c.Enabled, forgiven || *c.Enabled
		}
		return forgiven, nil
	})
}

// Rotate gives an endpoint a new secret; events are signed with both for a day.
// What it refused for its signature is tried again at once.
func (k *Keeper) Rotate(ctx context.Context, by By, id string) (webhook.Endpoint, error) {
	secret, err := webhook.NewSecret(k.IDs.Random)
	if err != nil {
		return webhook.Endpoint{}, err
	}
	return k.change(ctx, by, id, event.EndpointSecret, func(_ context.Context, e *webhook.Endpoint, now time.Time) (bool, error) {
		e.Rotate(secret, now)
		return true, nil
	})
}

// Delete removes an endpoint, which is sent nothing any more.
func (k *Keeper) Delete(ctx context.Context, by By, id string) error {
	return k.fact(ctx, by, func(ctx context.Context, tx *table.Tx, all *table.Endpoints, _ time.Time) (event.Event, error) {
		e, err := k.DB.Endpoint(ctx, id)
		if err != nil {
			return event.Event{}, err
		}
		tx.RemoveEndpoint(id, e.Version)
		all.Remove(id)
		e.Enabled, e.Version = false, e.Version+1
		return told(event.EndpointDeleted, e), nil
	})
}

// mostCounted is how far waiting subjects are counted.
const mostCounted = 100

// Known is an endpoint, and how many subjects wait for it, counted up to 100.
type Known struct {
	webhook.Endpoint
	Pending int64
}

// Look reads an endpoint.
func (k *Keeper) Look(ctx context.Context, id string) (Known, error) {
	e, err := k.DB.Endpoint(ctx, id)
	if err != nil {
		return Known{}, err
	}
	n, err := k.DB.CountAwaited(ctx, id, mostCounted)
	return Known{e, n}, err
}

// All reads all endpoints, newest first.
func (k *Keeper) All(ctx context.Context) ([]Known, error) {
	all, err := k.DB.Endpoints(ctx)
	if err != nil {
		return nil, err
	}
	found := make([]Known, len(all.List))
	err = table.Each(ctx, len(found), func(ctx context.Context, n int) error {
		var err error
		if found[n], err = k.Look(ctx, all.List[n].ID); refusal.Is(err, "not_found") {
			return nil // deleted since the list was read
		}
		return err
	})
	found = slices.DeleteFunc(found, func(e Known) bool { return e.ID == "" })
	slices.SortFunc(found, func(a, b Known) int { return cmp.Compare(b.ID, a.ID) })
	return found, err
}

// change applies a change to an endpoint; whoever is sending to it looks at it anew.
func (k *Keeper) change(ctx context.Context, by By, id string, happened event.Type, apply func(context.Context, *webhook.Endpoint, time.Time) (forgiven bool, err error)) (webhook.Endpoint, error) {
	var e webhook.Endpoint
	err := k.fact(ctx, by, func(ctx context.Context, tx *table.Tx, all *table.Endpoints, now time.Time) (event.Event, error) {
		was, err := k.DB.Endpoint(ctx, id)
		if err != nil {
			return event.Event{}, err
		}
		if err := by.Expects(was.Version); err != nil {
			return event.Event{}, err
		}
		e = was
		forgiven, err := apply(ctx, &e, now)
		if err != nil {
			return event.Event{}, err
		}
		if forgiven {
			e.Health = webhook.Health{}
		}
		e.Version++
		tx.SaveEndpoint(e, was.Version, forgiven)
		all.Set(listed(e))
		return told(happened, e), nil
	})
	return e, err
}

// fact commits what plan adds to a transaction and changes of the list, with its event and mark.
func (k *Keeper) fact(ctx context.Context, by By, plan func(context.Context, *table.Tx, *table.Endpoints, time.Time) (event.Event, error)) error {
	return k.DB.Settle(ctx, func(ctx context.Context) (*table.Tx, error) {
		all, err := k.DB.Endpoints(ctx)
		if err != nil {
			return nil, err
		}
		tx, now := &table.Tx{}, k.IDs.Now()
		e, err := plan(ctx, tx, &all, now)
		if err != nil {
			return nil, err
		}
		e.ID, e.At, e.Actor = k.IDs.IDAt(now), now, by.Principal.ID
		tx.SaveEndpoints(all)
		tx.Event(e)
		tx.Mark(by.Mark, e.Subject.ID, now)
		return tx, nil
	})
}

// listed is what the list of all endpoints knows of one.
func listed(e webhook.Endpoint) table.Listed {
	return table.Listed{ID: e.ID, Types: e.Types, Enabled: e.Enabled}
}
