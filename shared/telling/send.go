package telling

import (
	"context"
	"errors"
	"fmt"
	"time"

	"waybill/shared/deadletter"
	"waybill/shared/ident"
	"waybill/shared/notice"
	"waybill/shared/refusal"
	"waybill/shared/table"
)

// errUnanswered is why nobody knows whether a message was sent, when whoever sent it is gone.
var errUnanswered = errors.New("no answer was written down")

// send words a notification, claims it, hands it over and writes down what the
// sender answered.
func (t *Teller) send(ctx context.Context, c *occasion, d draft) error {
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < t.patience()+time.Second {
		return context.DeadlineExceeded // what is begun has the time that it needs
	}
	for {
		facts := c.facts
		var preferences notice.Preferences
		if d.Audience == notice.Customer {
			var err error
			if preferences, err = t.links(ctx, &facts); err != nil {
				return err
			}
			if !preferences.Allow(d.Channel) {
				return t.write(ctx, d.Notice, func(n *notice.Notice) { n.Skip(notice.OptedOut) })
			}
		}
		words, err := t.Words(d.rule, d.Channel, facts, d.Language)
		if err != nil {
			return t.giveUp(ctx, d.Notice, "it can't be put into words: "+err.Error())
		}
		m := message(d, facts, words)
		claimed, err := t.claim(ctx, c, d, m.Parts, preferences)
		var capped *table.CapReached
		switch {
		case errors.As(err, &capped):
			return t.write(ctx, d.Notice, func(n *notice.Notice) { n.Skip(notice.DailyCap) })
		case errors.Is(err, table.ErrNoticeTaken):
			return nil
		case refusal.Is(err, "stale"):
			continue // the customer has just chosen
		case err != nil:
			return err
		}
		return t.settle(ctx, claimed, t.handOver(ctx, m))
	}
}

func message(d draft, f notice.Facts, words notice.Words) notice.Message {
	m := notice.Message{
		ID: d.ID, Channel: d.Channel, To: d.To, Words: words, Unsubscribe: f.PreferencesURL, Type: d.Type, OrderID: d.OrderID(),
	}
	if d.Channel == notice.SMS {
		m.Parts = int64(notice.Parts(words.Text))
	}
	return m
}

// claim takes a notification to send it: nobody else can have it after that,
// whatever becomes of this process. It returns the notification as it is then.
func (t *Teller) claim(ctx context.Context, c *occasion, d draft, parts int64, preferences notice.Preferences) (notice.Notice, error) {
	now := t.IDs.Now()
	n, was, tx := d.Notice, d.Version, &table.Tx{}
	n.HandOver(t.IDs.IDAt(now))
	n.Parts, n.Counted = parts, ""
	if most, counted := c.most(n.Channel); counted {
		n.Counted = now.In(c.facts.Settings.Zone()).Format(time.DateOnly)
		tx.CountTold(n.Channel, n.To, n.Counted, most, now)
	}
	tx.SaveNotice(n, was)
	if n.Audience == notice.Customer {
		tx.PreferencesStand(preferences)
	}
	err := t.DB.Commit(ctx, tx)
	n.Version = was + 1
	var refused *refusal.Error
	if !errors.As(err, &refused) || refused.Kind != refusal.Unavailable {
		return n, err
	}
	// The reply was lost. If the claim landed all the same it is ours: nobody else knows its id.
	stored, lost := t.DB.NoticeOf(ctx, table.NoticeItem(n))
	if lost == nil && stored.Status == notice.Sending && stored.Claim == n.Claim {
		return stored, nil
	}
	return n, err
}

// handOver gives a message to the sender of its channel, for as long as it has.
func (t *Teller) handOver(ctx context.Context, m notice.Message) error {
	ctx, cancel := context.WithTimeout(ctx, t.patience())
	defer cancel()
	return t.Senders[m.Channel].Send(ctx, m)
}

// settle writes down what a sender answered. It has time of its own for it:
// what is not written down is unknown in the end.
func (t *Teller) settle(ctx context.Context, n notice.Notice, answer error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settling)
	defer cancel()
	var err error
	for range 3 {
		var tx *table.Tx
		if tx, err = t.answered(ctx, n, answer); err == nil {
			err = t.DB.Commit(ctx, tx)
		}
		// It is no longer ours once it was written: by a try whose reply was lost, or by the clock.
		if err == nil || errors.Is(err, table.ErrNoticeTaken) {
			return nil
		}
	}
	return fmt.Errorf("write down what became of notification %s: %w", n.ID, err)
}

// answered is the transaction of what became of an attempt. What certainly was
// not sent is not counted as something that the recipient got.
func (t *Teller) answered(ctx context.Context, n notice.Notice, answer error) (*table.Tx, error) {
	now, was, tx := t.IDs.Now(), n.Version, &table.Tx{}
	var refused *notice.Refusal
	switch {
	case answer == nil:
		n.Arrive(now)
	case errors.As(answer, &refused):
		n.Refuse(refused, now)
		if n.Counted != "" {
			tx.UncountTold(n.Channel, n.To, n.Counted, now)
			n.Counted = ""
		}
	default:
		n.Lose(answer.Error())
	}
	tx.SaveNotice(n, was)
	return tx, t.letter(ctx, tx, n, now)
}

// giveUp leaves to a person what can't be sent.
func (t *Teller) giveUp(ctx context.Context, n notice.Notice, reason string) error {
	was, tx := n.Version, &table.Tx{}
	n.GiveUp(reason)
	tx.SaveNotice(n, was)
	if err := t.letter(ctx, tx, n, t.IDs.Now()); err != nil {
		return err
	}
	return taken(t.DB.Commit(ctx, tx))
}

// letter adds the dead letter of a notification that is for a person now. It
// names nobody: who may know the recipient reads the notification.
func (t *Teller) letter(ctx context.Context, tx *table.Tx, n notice.Notice, now time.Time) error {
	if n.Status != notice.Failed && n.Status != notice.Unknown {
		return nil
	}
	l, err := t.DB.Letter(ctx, ident.Derived(n.At, "notify", n.ID))
	switch {
	case refusal.Is(err, "not_found"):
		l = deadletter.Letter{
			ID: ident.Derived(n.At, "notify", n.ID), Source: "notify", What: fmt.Sprintf("%s of %s, %s", n.Channel, n.Type, n.Subject),
			Subject: n.Subject, Item: table.NoticeItem(n), Notice: true, Since: now,
		}
	case err != nil:
		return err
	}
	was := l.Version
	l.Fail(n.Reason, n.Status == notice.Unknown, now)
	tx.SaveLetter(l, was)
	return nil
}
