// Package recovery is what becomes of what could not be done: consumers leave
// it here as dead letters, and people have it done again or discard it.
package recovery

import (
	"context"
	"errors"
	"time"

	"waybill/shared/access"
	"waybill/shared/deadletter"
	"waybill/shared/event"
	"waybill/shared/ident"
	"waybill/shared/refusal"
	"waybill/shared/table"
)

// A Desk keeps the dead letters. It keeps no state.
type Desk struct {
	DB  *table.DB
	IDs ident.Source
}

// A Failure is what a consumer gave up.
type Failure struct {
	Source  string        // who
	What    string        // in words, without a person's data
	Item    table.Item    // what it was about; zero where nothing is known
	Subject event.Subject // of the event, if it was one
	Reason  string
	At      time.Time // when what it is about happened; the id of its letter follows from this, source and item
}

// Bury makes a dead letter of a failure, or adds to the one there is.
func (d *Desk) Bury(ctx context.Context, f Failure) error {
	id := ident.Derived(f.At, f.Source, f.Item.PK, f.Item.SK)
	if f.Item == (table.Item{}) {
		id = ident.Derived(f.At, f.Source, f.What)
	}
	return d.DB.Settle(ctx, func(ctx context.Context) (*table.Tx, error) {
		l, err := d.DB.Letter(ctx, id)
		now := d.IDs.Now()
		if refusal.Is(err, "not_found") {
			l, err = deadletter.Letter{
				ID: id, Source: f.Source, What: f.What, Subject: f.Subject, Item: deadletter.Item(f.Item), Since: now,
			}, nil
		}
		if err != nil {
			return nil, err
		}
		was := l.Version
		l.Fail(short(f.Reason), false, now)
		tx := &table.Tx{}
		tx.SaveLetter(l, was)
		return tx, nil
	})
}

// short cuts a reason to what a person reads.
func short(reason string) string {
	const most = 500
	runes := []rune(reason)
	if len(runes) <= most {
		return reason
	}
	return string(runes[:most]) + " …"
}

// An Action is what a person wants done with dead letters.
type Action struct {
	Discard bool // or else they are sent again
	IDs     []string
	All     bool   // instead of IDs: all that wait, but those that may have been done
	Reason  string // of discarding
}

// mostHandled is how many letters one request handles.
const mostHandled = 100

// Handle does it, letter by letter, and returns them as they are then; left says
// that All found more than it handles at once. A letter that does not wait is
// left as it is. It fails with the first that can't be handled, and is resumed
// by doing it again.
func (d *Desk) Handle(ctx context.Context, p access.Principal, a Action) (done []deadletter.Letter, left bool, err error) {
	if err := a.check(); err != nil {
		return nil, false, err
	}
	if a.All {
		if a.IDs, left, err = d.waiting(ctx); err != nil {
			return nil, false, err
		}
	}
	done = make([]deadletter.Letter, len(a.IDs))
	err = table.Each(ctx, len(a.IDs), func(ctx context.Context, n int) error {
		var err error
		done[n], err = d.handle(ctx, p, a, a.IDs[n])
		var refused *refusal.Error
		if a.All && errors.As(err, &refused) && refused.Kind != refusal.Unavailable {
			done[n], err = d.DB.Letter(ctx, a.IDs[n]) // it waits on, to be discarded
		}
		return err
	})
	return done, left, err
}

func (a Action) check() error {
	var wrong []refusal.Item
	if a.All == (len(a.IDs) > 0) {
		wrong = append(wrong, refusal.Item{Field: "ids", Code: "invalid", Detail: "Name letters, or say all."})
	}
	if a.Discard && a.Reason == "" {
		wrong = append(wrong, refusal.Item{Field: "reason", Code: "required", Detail: "Discarding needs a reason."})
	}
	if len(wrong) > 0 {
		return refusal.Fields(wrong...)
	}
	return nil
}

// waiting are the ids of the letters that wait, without those that may have been done.
func (d *Desk) waiting(ctx context.Context) (ids []string, left bool, err error) {
	page := table.Page{Limit: mostHandled}
	for {
		l, err := d.DB.Letters(ctx, deadletter.Waiting, page)
		if err != nil {
			return nil, false, err
		}
		for _, letter := range l.Items {
			switch {
			case letter.Unknown:
			case len(ids) == mostHandled:
				return ids, true, nil
			default:
				ids = append(ids, letter.ID)
			}
		}
		if page.After = l.Next; page.After == "" {
			return ids, false, nil
		}
	}
}

func (d *Desk) handle(ctx context.Context, p access.Principal, a Action, id string) (deadletter.Letter, error) {
	var done deadletter.Letter
	err := d.DB.Settle(ctx, func(ctx context.Context) (*table.Tx, error) {
		l, err := d.DB.Letter(ctx, id)
		if err != nil {
			return nil, err
		}
		if done = l; l.State != deadletter.Waiting {
			return &table.Tx{}, nil
		}
		now, was := d.IDs.Now(), l.Version
		tx := &table.Tx{}
		if a.Discard {
			err = l.Discard(p.ID, a.Reason)
		} else {
			err = l.SendAgain(p.ID)
		}
		if err != nil {
			return nil, err
		}
		l.LastAt = now
		if err := d.item(ctx, tx, l, now); err != nil {
			return nil, err
		}
		tx.SaveLetter(l, was)
		tx.Event(event.Event{
			ID: d.IDs.IDAt(now), Subject: event.Subject{Kind: event.DeadLetters, ID: l.ID}, Seq: l.Handled,
			Type: event.DeadLettersHandled, At: now, Actor: p.ID,
			Data: map[string]any{"source": l.Source, "state": string(l.State), "failures": l.Failures},
		})
		done = l
		return tx, nil
	})
	if refusal.Is(err, "wrong_state") { // somebody else may have seen to it between two reads
		if l, again := d.DB.Letter(ctx, id); again == nil && l.State != deadletter.Waiting {
			return l, nil
		}
	}
	return done, err
}

// item has what a letter is about done again, or given up.
func (d *Desk) item(ctx context.Context, tx *table.Tx, l deadletter.Letter, now time.Time) error {
	if !l.Notice {
		if l.State == deadletter.SentAgain {
			tx.Touch(l.Item, l.ID, l.Failures)
		}
		return nil
	}
	n, err := d.DB.NoticeOf(ctx, l.Item)
	if err != nil {
		return err
	}
	if l.State == deadletter.SentAgain {
		tx.RetryNotice(n, now)
	} else {
		tx.DiscardNotice(n)
	}
	return nil
}

const (
	// patience is how long a letter waits before people are told.
	patience = 15 * time.Minute
	// remindEvery is how long they are left in peace then.
	remindEvery = 24 * time.Hour
)

// A Backlog is what waits.
type Backlog struct {
	Letters int64 // counted up to 1,000
	Age     time.Duration
}

// Remind looks at what waits, and tells people once a day by the event
// dead_letters.waiting when something has waited for a while.
func (d *Desk) Remind(ctx context.Context) (Backlog, error) {
	b, oldest, err := d.backlog(ctx)
	if err != nil || b.Letters == 0 || b.Age < patience {
		return b, err
	}
	err = d.DB.Settle(ctx, func(ctx context.Context) (*table.Tx, error) {
		told, seq, err := d.DB.LettersTold(ctx)
		now := d.IDs.Now()
		if err != nil || seq > 0 && now.Sub(told) < remindEvery {
			return &table.Tx{}, err
		}
		tx := &table.Tx{}
		tx.TellLetters(now, seq)
		tx.Event(event.Event{
			ID: d.IDs.IDAt(now), Subject: event.Subject{Kind: event.DeadLetters, ID: "waiting"}, Seq: seq + 1,
			Type: event.DeadLettersWaiting, At: now, Actor: "system",
			Data: map[string]any{"letters": b.Letters, "since": oldest.Format(time.RFC3339)},
		})
		return tx, nil
	})
	return b, err
}

func (d *Desk) backlog(ctx context.Context) (b Backlog, oldest time.Time, err error) {
	const most = 1000
	now := d.IDs.Now()
	oldest = now
	page := table.Page{Limit: 100}
	for b.Letters < most {
		l, err := d.DB.Letters(ctx, deadletter.Waiting, page)
		if err != nil {
			return b, oldest, err
		}
		for _, letter := range l.Items {
			b.Letters++
			if letter.Since.Before(oldest) {
				oldest = letter.Since
			}
		}
		if page.After = l.Next; page.After == "" {
			break
		}
	}
	b.Age = now.Sub(oldest)
	return b, oldest, nil
}
