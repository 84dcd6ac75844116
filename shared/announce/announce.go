// Package announce publishes what happened: every event of the table to a topic
// that wakes whoever is concerned, at least once, and marks it.
//
// Topics neither order nor remember. Whoever is woken reads the table, and a
// sweep publishes again what has no mark.
package announce

import (
	"context"
	"slices"
	"time"

	"waybill/shared/access"
	"waybill/shared/bulletin"
	"waybill/shared/event"
	"waybill/shared/money"
	"waybill/shared/notice"
	"waybill/shared/table"
)

// A Topic takes messages and hands them to all who subscribed.
type Topic interface {
	// PublishBatch publishes up to ten entries and returns an error for each that was not taken, in their order.
	PublishBatch(ctx context.Context, entries []bulletin.Entry) []error
}

// A Crier publishes. It keeps no state.
type Crier struct {
	DB    *table.DB
	Topic Topic
	Now   func() time.Time
}

// How many messages a topic takes at once, and how many bytes of bodies: with
// what else they have, less than SNS's 256 KiB.
const (
	mostEntries = 10
	mostBytes   = 200 << 10
)

type span struct{ from, to int }

// batched cuts entries into what a topic takes at once.
func batched(entries []bulletin.Entry) []span {
	var out []span
	bytes := 0
	for n, e := range entries {
		if last := len(out) - 1; last >= 0 && n-out[last].from < mostEntries && bytes+len(e.Body) <= mostBytes {
			out[last].to, bytes = n+1, bytes+len(e.Body)
			continue
		}
		out, bytes = append(out, span{n, n + 1}), len(e.Body)
	}
	return out
}

// A Want is an item of the stream that may be an event to publish. Again has it
// published even if it was before.
type Want struct {
	Item  table.Item
	Again bool
}

// A Failure is an event that was not published. Poison never will be: it can't be read.
type Failure struct {
	Item   table.Item
	Event  event.Event // as far as it could be read
	Err    error
	Poison bool
}

// Publish publishes the events that items are, and marks them. What was
// published before, or happened before the data was restored, is left alone.
// The error is about all of them.
func (c *Crier) Publish(ctx context.Context, wants []Want) ([]Failure, error) {
	again := map[table.Item]bool{}
	var items []table.Item
	for _, w := range wants {
		if !slices.Contains(items, w.Item) {
			items = append(items, w.Item)
		}
		again[w.Item] = again[w.Item] || w.Again
	}
	found, err := c.DB.EventsOf(ctx, items)
	if err != nil {
		return nil, err
	}
	_, failures, err := c.publish(ctx, found, func(f table.FoundEvent) bool { return again[f.Item] })
	return failures, err
}

// publish returns how many were published too.
func (c *Crier) publish(ctx context.Context, found []table.FoundEvent, again func(table.FoundEvent) bool) (published int, failures []Failure, err error) {
	restored, err := c.DB.RestoredAt(ctx)
	if err != nil {
		return 0, nil, err
	}
	var due []table.FoundEvent
	var entries []bulletin.Entry
	for _, f := range found {
		if f.Err != nil {
			failures = append(failures, Failure{Item: f.Item, Event: f.Event, Err: f.Err, Poison: true})
			continue
		}
		if !again(f) && (f.Published || f.At.Before(restored)) {
			continue
		}
		e, err := EntryOf(f.Event)
		if err != nil {
			failures = append(failures, Failure{Item: f.Item, Event: f.Event, Err: err, Poison: true})
			continue
		}
		due, entries = append(due, f), append(entries, e)
	}
	batches := batched(entries)
	outcomes := make([]error, len(entries))
	_ = table.Each(ctx, len(batches), func(ctx context.Context, n int) error {
		from, to := batches[n].from, batches[n].to
		copy(outcomes[from:to], c.Topic.PublishBatch(ctx, entries[from:to]))
		return nil // each event's failure is its own
	})
	if err := ctx.Err(); err != nil {
		return 0, nil, err // some may not even have been tried
	}
	_ = table.Each(ctx, len(due), func(ctx context.Context, n int) error {
		if outcomes[n] == nil {
			outcomes[n] = c.DB.MarkPublished(ctx, due[n].Event)
		}
		return nil
	})
	if err := ctx.Err(); err != nil {
		return 0, nil, err
	}
	for n, f := range due {
		if outcomes[n] != nil {
			failures = append(failures, Failure{Item: f.Item, Event: f.Event, Err: outcomes[n]})
			continue
		}
		published++
	}
	return published, failures, nil
}

const (
	// grace is how old an event is before the sweep takes it for forgotten: so old
	// that none can land anymore that is older (table.FactLife).
	grace = 2 * table.FactLife
	// hopeless is how old one is that the sweep gives up.
	hopeless = 24 * time.Hour
	page     = 100
)

// Sweep publishes what has no mark of publication, until a moment. It comes by
// each event once, when that is older than any transaction can still take, and
// returns how many it published. Those that it gives up, because they can't be
// read or were tried for a day, it hands to bury, and does not come by again
// once that has them.
func (c *Crier) Sweep(ctx context.Context, until time.Time, bury func(context.Context, Failure) error) (published int, err error) {
	after, err := c.DB.PublishedUntil(ctx)
	if err != nil {
		return 0, err
	}
	holds := false // something before must be looked at again
	for c.Now().Before(until) {
		now := c.Now()
		found, last, err := c.DB.FoundEvents(ctx, after, now.Add(-grace), page)
		if err != nil || last == after {
			return published, err
		}
		n, failures, err := c.publish(ctx, found, func(table.FoundEvent) bool { return false })
		if err != nil {
			return published, err
		}
		published += n
		for _, f := range failures {
			if !f.Poison && now.Sub(f.Event.At) <= hopeless {
				holds = true
			} else if err := bury(ctx, f); err != nil {
				return published, err
			}
		}
		after = last
		if !holds {
			if err := c.DB.SetPublishedUntil(ctx, last); err != nil {
				return published, err
			}
		}
	}
	return published, nil
}

// EntryOf is an event as the topic takes it. Subscribers filter by type, kind,
// order, roles (whom it concerns) and amount_class (of the order's total, in
// the currency's units: none, lt_100, lt_1000, lt_10000 or ge_10000).
func EntryOf(e event.Event) (bulletin.Entry, error) {
	body, err := bulletin.Encode(e)
	if err != nil {
		return bulletin.Entry{}, err
	}
	entry := bulletin.Entry{
		ID: e.ID, Body: body,
		Attributes: map[string]string{"type": string(e.Type), "kind": string(e.Subject.Kind), "amount_class": amountClass(e)},
		Lists:      map[string][]string{},
	}
	if e.Subject.Kind == event.Order {
		entry.Attributes["order"] = e.Subject.ID
	}
	if roles := concerned(e); len(roles) > 0 {
		entry.Lists["roles"] = roles
	}
	return entry, nil
}

// concerned are the roles that a rule tells of the event.
func concerned(e event.Event) []string {
	var roles []string
	for _, rule := range notice.For(e) {
		role := access.Role(rule.To)
		if rule.To == notice.Owner {
			role = access.Sales
		}
		if slices.Contains(access.Roles, role) && !slices.Contains(roles, string(role)) {
			roles = append(roles, string(role))
		}
	}
	return roles
}

func amountClass(e event.Event) string {
	total, ok := e.Data["total"].(int64)
	currency, _ := e.Data["currency"].(string)
	digits, known := money.Digits(currency)
	if !ok || !known {
		return "none"
	}
	for range digits {
		total /= 10
	}
	switch {
	case total < 100:
		return "lt_100"
	case total < 1000:
		return "lt_1000"
	case total < 10000:
		return "lt_10000"
	default:
		return "ge_10000"
	}
}
