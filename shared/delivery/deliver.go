package delivery

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"waybill/shared/event"
	"waybill/shared/refusal"
	"waybill/shared/table"
	"waybill/shared/webhook"
)

// pageOfEvents is how many events of a subject are read at once.
const pageOfEvents = 25

// A turn is a courier's at an endpoint, while it is held.
type turn struct {
	endpoint webhook.Endpoint // as it was when it was held
	holder   string
	restored time.Time   // what happened before may have been sent before the restore
	end      time.Time   // no attempt begins after
	over     atomic.Bool // or when nothing more is to be sent for another reason
}

// Deliver sends an endpoint what waits for it, unless it is paused, switched off
// or held by somebody else, until nothing waits any more. It begins nothing after until.
//
// Who is told of an event notes that its subject waits before finding the
// endpoint held. So it is enough that its holder, after letting go, looks once more.
func (c *Courier) Deliver(ctx context.Context, endpointID string, until time.Time) error {
	holder := c.IDs.ID()
	failed := map[event.Subject]error{} // not tried again by this call, so that they hold up no others
	for c.IDs.Now().Before(until) {
		if n, err := c.DB.CountAwaited(ctx, endpointID, 1); err != nil || n == 0 {
			return errors.Join(append(reasons(failed), err)...)
		}
		t, err := c.hold(ctx, endpointID, holder, until)
		if err != nil {
			return err
		}
		if t == nil {
			break
		}
		sent, err := c.turn(ctx, t, failed)
		settling, cancel := settling(ctx)
		gone := c.DB.LetGo(settling, endpointID, holder)
		cancel()
		if err := cmp.Or(err, gone, ctx.Err()); err != nil {
			return err
		}
		if !sent {
			break
		}
	}
	return errors.Join(reasons(failed)...)
}

func reasons(failed map[event.Subject]error) []error {
	return slices.Collect(maps.Values(failed))
}

// hold begins a turn, nil when there is nothing to be sent to the endpoint now.
func (c *Courier) hold(ctx context.Context, endpointID, holder string, until time.Time) (*turn, error) {
	restored, err := c.DB.RestoredAt(ctx)
	if err != nil {
		return nil, err
	}
	lease := c.IDs.Now().Add(leaseLife)
	health, held, err := c.DB.HoldEndpoint(ctx, endpointID, holder, lease)
	if err != nil || !held {
		return nil, err
	}
	t := &turn{holder: holder, restored: restored, end: lease.Add(-Reserve)}
	if until.Before(t.end) {
		t.end = until
	}
	// What is read now may be changed by a person, who then takes the endpoint from its holder.
	if t.endpoint, err = c.DB.Endpoint(ctx, endpointID); err == nil && t.endpoint.Enabled {
		t.endpoint.Health = health
		return t, nil
	}
	if refusal.Is(err, "not_found") {
		err = nil
	}
	settling, cancel := settling(ctx)
	defer cancel()
	return nil, errors.Join(err, c.DB.LetGo(settling, endpointID, holder))
}

// turn sends what waits, those subjects first that wait longest, and notes which
// failed for reasons of our own; it answers whether there were others. An endpoint that
// failed before is sent one event, and the turn is over: if it takes that, the next turn sends it all.
func (c *Courier) turn(ctx context.Context, t *turn, failed map[event.Subject]error) (bool, error) {
	waiting, err := c.DB.Awaited(ctx, t.endpoint.ID)
	if err != nil {
		return false, err
	}
	waiting = slices.DeleteFunc(waiting, func(p table.Pending) bool { return failed[p.Subject] != nil })
	couriers := min(subjectsAtOnce, len(waiting))
	if t.endpoint.Failures > 0 {
		couriers = 1
	}
	errs := make([]error, len(waiting))
	var next atomic.Int64
	var wg sync.WaitGroup
	for range couriers {
		wg.Go(func() {
			for n := int(next.Add(1)) - 1; n < len(waiting) && !t.over.Load() && ctx.Err() == nil; n = int(next.Add(1)) - 1 {
				errs[n] = safely(func() error { return c.subject(ctx, t, waiting[n]) })
			}
		})
	}
	wg.Wait()
	for n, err := range errs {
		if err != nil {
			failed[waiting[n].Subject] = err
		}
	}
	return len(waiting) > 0, nil
}

// subject sends an endpoint the events of a subject, in their order, until it
// has the last or the turn is over.
func (c *Courier) subject(ctx context.Context, t *turn, p table.Pending) error {
	id, s := t.endpoint.ID, p.Subject
	noted, begun, err := c.DB.SentUntil(ctx, id, s) // the cursor as it is stored
	if err != nil {
		return err
	}
	at := noted // and as it will be: what the filter does not take is passed over
	if !begun {
		noted = -1
		if at, err = c.beginning(ctx, t.endpoint, s); err != nil {
			return err
		}
	}
	for {
		events, err := c.after(ctx, s, at)
		if err != nil {
			return err
		}
		for _, e := range events {
			if t.takes(e) {
				sent, err := c.send(ctx, t, e, noted)
				if err != nil || !sent {
					return err
				}
				noted = e.Seq
			}
			at = e.Seq
		}
		if len(events) == pageOfEvents {
			continue
		}
		if at > max(noted, 0) {
			tx := &table.Tx{}
			tx.Sent(id, s, noted, at)
			if err := c.DB.Commit(ctx, tx); err != nil {
				return unlessLost(err)
			}
			noted = at
		}
		caught, err := c.DB.Caught(ctx, id, p)
		if err != nil || caught {
			return err
		}
		again, err := c.DB.AwaitedOf(ctx, id, s)
		if err != nil || again == nil {
			return err
		}
		p = *again
	}
}

// takes reports whether an event is to be sent in this turn's endpoint's way.
func (t *turn) takes(e event.Event) bool {
	return webhook.Takes(t.endpoint.Types, e.Type) && !e.At.Before(t.restored)
}

// beginning is the place after which an endpoint that was sent nothing of a
// subject begins: that of the last event before the endpoint was created.
func (c *Courier) beginning(ctx context.Context, e webhook.Endpoint, s event.Subject) (int64, error) {
	var before int64
	for {
		events, err := c.after(ctx, s, before)
		if err != nil {
			return 0, err
		}
		for _, x := range events {
			if !x.At.Before(e.CreatedAt) {
				return before, nil
			}
			before = x.Seq
		}
		if len(events) < pageOfEvents {
			return before, nil
		}
	}
}

// after reads a page of a subject's events. A query may run past an event that
// is being written and find the next one: where a place is missing, it is read
// again, until it is missing twice, in which case it is missing for good.
func (c *Courier) after(ctx context.Context, s event.Subject, seq int64) ([]event.Event, error) {
	missed := map[int64]bool{}
	for {
		events, err := c.DB.EventsAfter(ctx, s, seq, pageOfEvents)
		if err != nil {
			return nil, err
		}
		want, again := seq, false
		for _, e := range events {
			for want++; want < e.Seq; want++ {
				again = again || !missed[want]
				missed[want] = true
			}
		}
		if !again {
			return events, nil
		}
	}
}

// unlessLost passes over that another courier, or a person, was there first.
func unlessLost(err error) error {
	if errors.Is(err, table.ErrSent) || errors.Is(err, table.ErrNotHeld) {
		return nil
	}
	return err
}

// settling is a context in which to write down what happened, whatever became of ctx.
func settling(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), settleLimit)
}
