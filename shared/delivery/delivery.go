// Package delivery sends events to webhook endpoints: at least once, and in
// order per subject.
//
// An event that is told of (Wake) is first noted: its subject waits for the
// endpoints whose filter takes it. Then the endpoint is held, by one courier at a
// time, who goes through the subjects that wait and sends each one's events from
// where it was left, as the table has them; what it was told of in which order
// does not matter. A subject waits no more when its courier saw its last event,
// unless it was told of another meanwhile.
//
// What keeps the order is the cursor of endpoint and subject, which moves only
// from the place where it was read: of two couriers at one endpoint, one whose lease
// ran out and one who took over, both may send the same event, but only who
// moved the cursor goes on to the next. An attempt that fails pauses the whole
// endpoint. Whatever is left, by a pause, a crash or the end of an
// invocation's time, the clock finds (Tick).
//
// The actions of each fact, of the 100 a transaction takes:
//
//	sent                      cursor, attempt, and how the sending goes where it failed before
//	failed                    attempt, how the sending goes
//	switched off              endpoint, list of endpoints, event, attempt, how the sending goes
//	Create, Edit, Rotate      endpoint, list of endpoints, how the sending goes, event, mark
//	Delete                    the same
package delivery

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"waybill/shared/event"
	"waybill/shared/ident"
	"waybill/shared/table"
	"waybill/shared/webhook"
)

const (
	// attemptLimit is how long an endpoint has to answer.
	attemptLimit = 10 * time.Second
	// settleLimit is how long it may take to write down what came of an attempt,
	// also when the invocation's own time is up.
	settleLimit = 5 * time.Second
	// leaseLife is how long an endpoint is held at a time. No attempt begins that could outlast it.
	leaseLife = time.Minute
	// subjectsAtOnce is how many subjects' events are sent to an endpoint at a time.
	subjectsAtOnce = 8
)

// Reserve is how much of an invocation's time is to be left when an attempt begins.
const Reserve = attemptLimit + settleLimit

// A Poster posts to an endpoint. It returns the status of the answer, whichever
// it is, and *webhook.Unreachable where there was none within the time of ctx.
type Poster interface {
	Post(ctx context.Context, address string, headers map[string]string, body []byte) (status int, err error)
}

// A Courier sends events to endpoints. It keeps no state.
type Courier struct {
	DB  *table.DB
	IDs ident.Source
	Out Poster
}

// Wake has an event sent to the endpoints whose filter takes its type, with
// whatever else waits for them, and begins nothing after until. When it fails before
// all was noted that waits, it must be called again; doing so twice is no harm.
func (c *Courier) Wake(ctx context.Context, s event.Subject, seq int64, t event.Type, until time.Time) error {
	all, err := c.DB.Endpoints(ctx)
	if err != nil {
		return err
	}
	due := make([]string, len(all.List))
	err = table.Each(ctx, len(all.List), func(ctx context.Context, n int) error {
		l := all.List[n]
		if l.Enabled && t == event.EndpointEdited && l.ID == s.ID {
			due[n] = l.ID // it may have been switched on
		}
		if !webhook.Takes(l.Types, t) {
			return nil
		}
		if sent, begun, err := c.DB.SentUntil(ctx, l.ID, s); err != nil || begun && sent >= seq {
			return err
		}
		if l.Enabled {
			due[n] = l.ID
		}
		return c.DB.Await(ctx, l.ID, s, c.IDs.ID())
	})
	if err != nil {
		return err
	}
	if err := c.deliver(ctx, due, until); err != nil || t != event.EndpointDeleted {
		return err
	}
	return c.DB.ForgetEndpoint(ctx, s.ID)
}

// Tick has everything sent that waits and is due, and begins nothing after until.
func (c *Courier) Tick(ctx context.Context, until time.Time) error {
	all, err := c.DB.Endpoints(ctx)
	if err != nil {
		return err
	}
	var due []string
	for _, l := range all.List {
		if l.Enabled {
			due = append(due, l.ID)
		}
	}
	return c.deliver(ctx, due, until)
}

// deliver sends to several endpoints at once, so that none waits for another. Empty ids are passed over.
func (c *Courier) deliver(ctx context.Context, endpoints []string, until time.Time) error {
	errs := make([]error, len(endpoints))
	var wg sync.WaitGroup
	for n, id := range endpoints {
		if id != "" {
			wg.Go(func() { errs[n] = safely(func() error { return c.Deliver(ctx, id, until) }) })
		}
	}
	wg.Wait()
	return errors.Join(errs...)
}

// safely turns a panic into an error: in a goroutine of its own it would end the process.
func safely(do func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v\n%s", v, debug.Stack())
		}
	}()
	return do()
}
