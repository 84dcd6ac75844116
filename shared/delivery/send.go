package delivery

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"waybill/shared/bulletin"
	"waybill/shared/event"
	"waybill/shared/refusal"
	"waybill/shared/table"
	"waybill/shared/webhook"
)

// send sends an event in its turn and writes down what came of it: the cursor
// moves from noted when the endpoint took it, and the endpoint is paused when it did
// not. It answers whether the next event may follow.
func (c *Courier) send(ctx context.Context, t *turn, e event.Event, noted int64) (bool, error) {
	if t.over.Load() || !c.IDs.Now().Before(t.end) {
		t.over.Store(true)
		return false, nil
	}
	held, err := c.DB.HoldsEndpoint(ctx, t.endpoint.ID, t.holder)
	if err != nil {
		return false, err
	}
	if !held {
		t.over.Store(true)
		return false, nil
	}
	a, err := c.attempt(ctx, t.endpoint, e, false)
	if err != nil {
		return false, err
	}
	ctx, cancel := settling(ctx)
	defer cancel()
	if !a.OK() {
		t.over.Store(true)
		return false, c.logged(ctx, t.endpoint.ID, a, c.failed(ctx, t, a))
	}
	tx := &table.Tx{}
	tx.Sent(t.endpoint.ID, e.Subject, noted, e.Seq)
	tx.Attempted(t.endpoint.ID, a)
	if t.endpoint.Failures > 0 { // it is alone in this turn
		tx.Health(t.endpoint.ID, t.holder, t.endpoint.Failures, webhook.Health{})
		t.over.Store(true)
	}
	err = c.DB.Commit(ctx, tx)
	return err == nil, c.logged(ctx, t.endpoint.ID, a, err)
}

// logged writes down an attempt of which nothing was, because another courier or a person was there first.
func (c *Courier) logged(ctx context.Context, endpointID string, a webhook.Attempt, err error) error {
	if err == nil || unlessLost(err) != nil {
		return err
	}
	tx := &table.Tx{}
	tx.Attempted(endpointID, a)
	return c.DB.Commit(ctx, tx)
}

// failed pauses the endpoint for a failed attempt, or switches it off when that was the last.
func (c *Courier) failed(ctx context.Context, t *turn, a webhook.Attempt) error {
	jitter, err := c.jitter()
	if err != nil {
		return err
	}
	health, was := t.endpoint.Health, t.endpoint.Failures
	if !health.Fail(reason(a), a.Status == http.StatusGone, c.IDs.Now(), jitter) {
		tx := &table.Tx{}
		tx.Attempted(t.endpoint.ID, a)
		tx.Health(t.endpoint.ID, t.holder, was, health)
		return c.DB.Commit(ctx, tx)
	}
	return c.DB.Settle(ctx, func(ctx context.Context) (*table.Tx, error) {
		all, err := c.DB.Endpoints(ctx)
		if err != nil {
			return nil, err
		}
		e, err := c.DB.Endpoint(ctx, t.endpoint.ID)
		if refusal.Is(err, "not_found") {
			return nil, table.ErrNotHeld
		}
		if err != nil {
			return nil, err
		}
		version := e.Version
		e.Enabled, e.Health, e.Version = false, health, version+1
		all.Set(listed(e))
		tx, now := &table.Tx{}, c.IDs.Now()
		tx.SwitchOff(e, version, t.holder, was)
		tx.SaveEndpoints(all)
		tx.Attempted(e.ID, a)
		happened := told(event.EndpointOff, e)
		happened.ID, happened.At, happened.Actor = c.IDs.IDAt(now), now, "system"
		happened.Data["reason"], happened.Data["since"] = health.Reason, health.FailingSince.Format(time.RFC3339)
		tx.Event(happened)
		return tx, nil
	})
}

// jitter draws a number of [0, 1).
func (c *Courier) jitter() (float64, error) {
	var b [2]byte
	if _, err := io.ReadFull(c.IDs.Random, b[:]); err != nil {
		return 0, fmt.Errorf("read randomness: %w", err)
	}
	return float64(int(b[0])<<8|int(b[1])) / (1 << 16), nil
}

// reason is why an attempt failed, as people read it.
func reason(a webhook.Attempt) string {
	if a.Failure != "" {
		return a.Failure
	}
	return fmt.Sprintf("it answered %d", a.Status)
}

// attempt tries once to send an event. It fails only when nothing is known of
// the endpoint: because ctx ended, or by a mistake of our own.
func (c *Courier) attempt(ctx context.Context, to webhook.Endpoint, e event.Event, redelivery bool) (webhook.Attempt, error) {
	body, err := payload(e)
	if err != nil {
		return webhook.Attempt{}, err
	}
	begun := c.IDs.Now()
	headers, err := to.Headers(e.ID, body, begun)
	if err != nil {
		return webhook.Attempt{}, err
	}
	a := webhook.Attempt{
		ID: c.IDs.IDAt(begun), EventID: e.ID, Type: e.Type, Subject: e.Subject, Seq: e.Seq, Redelivery: redelivery, At: begun,
	}
	limited, cancel := context.WithTimeout(ctx, attemptLimit)
	defer cancel()
	a.Status, err = c.Out.Post(limited, to.URL, headers, body)
	a.Duration = c.IDs.Now().Sub(begun)
	if err == nil {
		return a, nil
	}
	if ctx.Err() != nil {
		return a, ctx.Err()
	}
	a.Status, a.Failure = 0, "failed"
	var unreachable *webhook.Unreachable
	if errors.As(err, &unreachable) {
		a.Failure = unreachable.Why
	}
	return a, nil
}

// Redeliver sends the event of an attempt once more, at once and out of its
// order. How it goes changes nothing but the log, where it is returned from.
func (c *Courier) Redeliver(ctx context.Context, endpointID, attemptID string) (webhook.Attempt, error) {
	to, err := c.DB.Endpoint(ctx, endpointID)
	if err != nil {
		return webhook.Attempt{}, err
	}
	before, err := c.DB.Attempt(ctx, endpointID, attemptID)
	if err != nil {
		return before, err
	}
	e, err := c.DB.EventAt(ctx, before.Subject, before.Seq)
	if err != nil {
		return before, err
	}
	a, err := c.attempt(ctx, to, e, true)
	if err != nil {
		return a, err
	}
	ctx, cancel := settling(ctx)
	defer cancel()
	tx := &table.Tx{}
	tx.Attempted(endpointID, a)
	return a, c.DB.Commit(ctx, tx)
}

// mostPosted is how large a body may be, in bytes: what the scheme advises.
const mostPosted = 20 << 10

// payload is the body that an event is sent as: the same at every attempt. The
// data of one that is too large is left out; the receiver reads it by the API.
func payload(e event.Event) ([]byte, error) {
	m := bulletin.Of(e)
	body, err := wrapped(m)
	if err == nil && len(body) > mostPosted {
		m.Data = map[string]any{"too_large": true}
		body, err = wrapped(m)
	}
	return body, err
}

func wrapped(m bulletin.Message) ([]byte, error) {
	body, err := json.Marshal(struct {
		Type      event.Type       `json:"type"`
		Timestamp time.Time        `json:"timestamp"`
		Data      bulletin.Message `json:"data"`
	}{m.Type, m.At, m})
	if err != nil {
		return nil, fmt.Errorf("encode event %s: %w", m.ID, err)
	}
	return body, nil
}

// told is an event of an endpoint. It names the host; the address may hold a token.
func told(t event.Type, e webhook.Endpoint) event.Event {
	types := make([]any, len(e.Types))
	for i, x := range e.Types {
		types[i] = x
	}
	host := ""
	if u, err := url.Parse(e.URL); err == nil {
		host = u.Host
	}
	return event.Event{
		Subject: event.Subject{Kind: event.Endpoint, ID: e.ID}, Seq: e.Version, Type: t,
		Data: map[string]any{"host": host, "types": types, "enabled": e.Enabled},
	}
}
