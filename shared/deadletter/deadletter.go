// Package deadletter has the rules of what could not be done: what a consumer
// gave up waits for a person, who has it done again or discards it.
package deadletter

import (
	"time"

	"waybill/shared/event"
	"waybill/shared/refusal"
)

// A State is what became of a letter.
type State string

// A letter waits until a person sees to it; one that was sent again in vain waits again.
const (
	Waiting   State = "waiting"
	SentAgain State = "sent_again"
	Discarded State = "discarded"
)

// A Letter is something that a consumer could not do.
type Letter struct {
	ID       string
	Source   string        // who gave it up: notify, publish, stockwatch …
	What     string        // in words
	Subject  event.Subject // what it was about; zero where that is unknown
	Item     Item          // what is to be done again: the item that woke the consumer
	Notice   bool          // Item is a notification
	Unknown  bool          // it may have been done: doing it again is for a person to decide
	Reason   string
	Failures int64
	State    State
	Handled  int64 // how often a person saw to it
	Note, By string
	Since    time.Time
	LastAt   time.Time
	Version  int64
}

// An Item is a key of the table; zero where nothing is known but that something failed.
type Item struct{ PK, SK string }

// SendAgain has what failed done again.
func (l *Letter) SendAgain(by string) error {
	if l.State != Waiting {
		return l.wrongState()
	}
	if l.Item == (Item{}) {
		return refusal.New(refusal.Conflict, "not_repeatable", "What it was about is no longer known; discard it.")
	}
	l.State, l.By, l.Handled = SentAgain, by, l.Handled+1
	return nil
}

// Discard gives it up for good.
func (l *Letter) Discard(by, note string) error {
	if l.State != Waiting {
		return l.wrongState()
	}
	l.State, l.By, l.Note, l.Handled = Discarded, by, note, l.Handled+1
	return nil
}

// Fail notes that it failed once more.
func (l *Letter) Fail(reason string, unknown bool, at time.Time) {
	l.Failures++
	l.State, l.Reason, l.Unknown, l.LastAt = Waiting, reason, unknown, at
}

func (l Letter) wrongState() error {
	return refusal.New(refusal.Conflict, "wrong_state", "Dead letter %s is %s already.", l.ID, l.State)
}
