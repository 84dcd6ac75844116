package notice

import (
	"time"

	"waybill/shared/event"
	"waybill/shared/refusal"
)

// backOff is how long a message that was refused waits before each further try.
var backOff = []time.Duration{
	5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour,
}

// MostAttempts is how often a message is tried before a person has to see to it.
var MostAttempts = int64(len(backOff) + 1)

// HandOver begins an attempt; claim is a new id of this moment, which tells
// whoever made it from everybody else.
func (n *Notice) HandOver(claim string) {
	n.Status, n.Reason, n.Claim, n.DueAt = Sending, "", claim, nil
	n.Attempts++
}

// Arrive notes that a sender took it.
func (n *Notice) Arrive(at time.Time) { n.Status, n.Reason, n.DueAt, n.SentAt = Sent, "", nil, &at }

// Refuse notes that a sender did not take it: it waits for the next attempt, or
// has failed when there is none.
func (n *Notice) Refuse(r *Refusal, at time.Time) {
	if r.Final || n.Attempts >= MostAttempts {
		n.GiveUp(r.Reason)
		return
	}
	n.Wait(r.Reason, at.Add(backOff[max(0, n.Attempts-1)]))
}

// Wait puts the next attempt off.
func (n *Notice) Wait(reason string, until time.Time) {
	n.Status, n.Reason, n.DueAt = Waiting, reason, &until
}

// Skip notes that it is not to be sent.
func (n *Notice) Skip(reason string) { n.Status, n.Reason, n.DueAt = Skipped, reason, nil }

// GiveUp notes that it was not sent and is for a person.
func (n *Notice) GiveUp(reason string) { n.Status, n.Reason, n.DueAt = Failed, reason, nil }

// Lose notes that nobody knows whether it was sent: that is for a person.
func (n *Notice) Lose(reason string) { n.Status, n.Reason, n.DueAt = Unknown, reason, nil }

// Again has it sent once more because a person asked for it, whether or not it
// may have been sent before.
func (n *Notice) Again(at time.Time) error {
	if !n.waitsForPerson() {
		return n.wrongState("sent again")
	}
	n.AskedAt = &at
	n.Wait("", at)
	return nil
}

// Discard gives it up for good.
func (n *Notice) Discard() error {
	if !n.waitsForPerson() {
		return n.wrongState("discarded")
	}
	n.Status = Discarded
	return nil
}

// OrderID is the order that it is about; "" for none.
func (n Notice) OrderID() string {
	if n.Subject.Kind != event.Order {
		return ""
	}
	return n.Subject.ID
}

func (n Notice) waitsForPerson() bool { return n.Status == Failed || n.Status == Unknown }

func (n Notice) wrongState(what string) error {
	return refusal.New(refusal.Conflict, "wrong_state", "Notification %s is %s and can't be %s.", n.ID, n.Status, what)
}
