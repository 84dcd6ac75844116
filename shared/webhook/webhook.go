// Package webhook has the rules of where events are sent: which an endpoint
// takes, how they are signed, and how long one that fails is tried.
package webhook

import (
	"slices"
	"strings"
	"time"

	"waybill/shared/event"
)

// An Endpoint is where events are sent. Version counts the changes that people
// make, and the one that switches it off; how the sending goes is apart from it.
type Endpoint struct {
	ID            string
	URL           string
	Types         []string // filters: *, order.*, payment.received
	Description   string
	Secret        Secret
	Previous      Secret // what Secret replaced; signed with as well until PreviousUntil
	PreviousUntil time.Time
	Enabled       bool
	CreatedAt     time.Time // what happened before is not sent
	Version       int64
	Health
}

// Health is how the sending goes; the zero value is that of one to which nothing failed.
type Health struct {
	Failures     int64 // in a row
	FailingSince time.Time
	NextAttempt  time.Time // nothing is sent before
	Reason       string    // of the last failure, in a few words
}

// A Status is what an endpoint is shown as.
type Status string

// The statuses of an endpoint.
const (
	Active      Status = "active"
	Failing     Status = "failing" // the last attempt failed; all waits for the next
	SwitchedOff Status = "switched_off"
)

// Status follows from whether it is enabled and how the sending goes.
func (e Endpoint) Status() Status {
	switch {
	case !e.Enabled:
		return SwitchedOff
	case e.Failures > 0:
		return Failing
	default:
		return Active
	}
}

// Takes reports whether one of the filters takes a type of event.
func Takes(filters []string, t event.Type) bool {
	return slices.ContainsFunc(filters, func(f string) bool {
		if prefix, ok := strings.CutSuffix(f, "*"); ok {
			return strings.HasPrefix(string(t), prefix)
		}
		return f == string(t)
	})
}

// Patience is how long an endpoint that fails is tried before it is switched off.
const Patience = 72 * time.Hour

// How long after each failure in a row the next attempt is; the last for all that follow.
var waits = []time.Duration{
	5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, 30 * time.Minute,
	time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour,
}

// Fail notes a failed attempt, and answers whether it was the last: the
// endpoint failed for three days, or said that it is gone. jitter, of [0, 1), makes the
// wait up to a tenth longer, so that endpoints which failed together are not tried together.
func (h *Health) Fail(reason string, gone bool, at time.Time, jitter float64) (last bool) {
	if h.Failures == 0 {
		h.FailingSince = at
	}
	h.Failures++
	h.Reason = reason
	end := h.FailingSince.Add(Patience)
	if gone || !at.Before(end) {
		h.NextAttempt = time.Time{}
		return true
	}
	wait := waits[min(int(h.Failures), len(waits))-1]
	h.NextAttempt = at.Add(wait + time.Duration(jitter*float64(wait)/10)).Truncate(time.Millisecond)
	if h.NextAttempt.After(end) {
		h.NextAttempt = end
	}
	return false
}

// An Attempt is one try to send an event, and what came of it.
type Attempt struct {
	ID         string
	EventID    string
	Type       event.Type
	Subject    event.Subject
	Seq        int64
	Status     int    // of the answer; 0 when there was none
	Failure    string // why there was none, in a word
	Duration   time.Duration
	Redelivery bool // somebody asked for it
	At         time.Time
}

// OK reports whether the endpoint took it. A redirection is not followed and takes nothing.
func (a Attempt) OK() bool { return a.Status >= 200 && a.Status < 300 }

// Unreachable says why nothing was answered, in a word that is fit to be shown:
// no address, no secret.
type Unreachable struct {
	Why   string // timeout, refused, private_address, tls, dns, connection …
	Cause error
}

func (u *Unreachable) Error() string { return "the endpoint did not answer: " + u.Why }

// Unwrap is the cause, which may name the address.
func (u *Unreachable) Unwrap() error { return u.Cause }
