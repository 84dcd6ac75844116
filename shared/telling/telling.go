// Package telling tells people what happened. Each message is a notification
// in the table: it is claimed there before it is handed to a sender, by one
// conditional write, and what the sender answered is written down after it. So
// a doubled event rings once, and of a message that got no answer everybody
// knows that it may have been sent: a person decides, nothing is repeated by itself.
//
// The actions of each write, of the 100 a transaction takes:
//
//	skip, wait, a line in the app  the notification
//	claim                          the notification, the recipient's count of the day, the customer's preferences
//	settle                         the notification, the count given back, a dead letter
package telling

import (
	"context"
	"errors"
	"fmt"
	"time"

	"waybill/shared/event"
	"waybill/shared/ident"
	"waybill/shared/notice"
	"waybill/shared/refusal"
	"waybill/shared/table"
)

// A Sender hands a message to whoever carries it. It returns nil when it was
// taken and *notice.Refusal when it certainly was not; any other error leaves
// open whether it was. It gives up when ctx ends. No error of a sender names the
// recipient: staff reads them who may not know the customer.
type Sender interface {
	Send(ctx context.Context, m notice.Message) error
}

// Links are where messages lead to, without a slash at the end.
type Links struct {
	Base    string // the API
	Console string
}

// A Teller tells. It keeps no state.
type Teller struct {
	DB      *table.DB
	IDs     ident.Source
	Senders map[notice.Channel]Sender // a channel without one is switched off
	Links   Links

	Rules func(event.Event) []notice.Rule // who is told of an event
	Words func(notice.Rule, notice.Channel, notice.Facts, string) (notice.Words, error)
	Track func(ctx context.Context, orderID string) (token string, err error) // of an order's page; "" if it has none

	Patience time.Duration // how long a sender has; 0 is ten seconds
}

const (
	patience = 10 * time.Second // of a sender
	settling = 5 * time.Second  // for writing down what it answered
	lostFor  = 2 * time.Minute  // after which nobody will write that down any more
)

func (t *Teller) patience() time.Duration {
	if t.Patience > 0 {
		return t.Patience
	}
	return patience
}

// Tell tells of an event whoever is to be told. What was told before, or is
// being told by somebody else, is left alone: events come doubled, late and in
// any order. What fails here comes again with the event.
func (t *Teller) Tell(ctx context.Context, s event.Subject, seq int64) error {
	e, err := t.DB.EventAt(ctx, s, seq)
	if refusal.Is(err, "not_found") {
		return nil // a table that was restored knows nothing of what happened after its backup
	}
	if err != nil {
		return err
	}
	rules := t.Rules(e)
	if len(rules) == 0 {
		return nil
	}
	c, err := t.look(ctx, e)
	if err != nil {
		return err
	}
	drafts := c.drafts(rules)
	ids := make([]string, len(drafts))
	for n, d := range drafts {
		ids[n] = d.ID
	}
	before, err := t.DB.Noticed(ctx, s, ids)
	if err != nil {
		return err
	}
	var failed []error
	for _, d := range drafts {
		if _, told := before[d.ID]; !told {
			failed = append(failed, t.see(ctx, c, d))
		}
	}
	return errors.Join(failed...)
}

// drafts are the notifications that rules make of an event.
func (c *occasion) drafts(rules []notice.Rule) []draft {
	var out []draft
	for _, r := range rules {
		for _, ch := range r.Channels {
			to, language, ok := c.recipient(r.To, ch)
			if !ok {
				continue
			}
			e := c.facts.Event
			out = append(out, draft{rule: r, Notice: notice.Notice{
				ID:      ident.Derived(e.At, e.ID, r.Words, string(r.To), string(ch)),
				Subject: e.Subject, Event: e.ID, Seq: e.Seq, Type: e.Type, Words: r.Words,
				Channel: ch, To: to, Audience: r.To, Language: language, At: e.At,
			}})
		}
	}
	return out
}

// A draft is a notification and the rule that it follows.
type draft struct {
	notice.Notice
	rule notice.Rule
}

// see brings a notification on: it is new, or it waits and is due.
func (t *Teller) see(ctx context.Context, c *occasion, d draft) error {
	now := t.IDs.Now()
	reason, until := t.obstacle(c, d, now)
	switch {
	case reason != "" && until.IsZero():
		return t.write(ctx, d.Notice, func(n *notice.Notice) { n.Skip(reason) })
	case reason != "":
		return t.write(ctx, d.Notice, func(n *notice.Notice) { n.Wait(reason, until) })
	case d.Channel == notice.App:
		return t.post(ctx, c, d, now)
	default:
		return t.send(ctx, c, d)
	}
}

// post puts a line into the app, in both languages.
func (t *Teller) post(ctx context.Context, c *occasion, d draft, now time.Time) error {
	titles, texts := map[string]string{}, map[string]string{}
	for _, language := range []string{"en", "zh"} {
		w, err := t.Words(d.rule, d.Channel, c.facts, language)
		if err != nil {
			return fmt.Errorf("word %s for the app: %w", d.Words, err)
		}
		titles[language], texts[language] = w.Subject, w.Text
	}
	return t.write(ctx, d.Notice, func(n *notice.Notice) {
		n.Title, n.Text, n.Place = titles, texts, t.IDs.IDAt(now)
		n.Arrive(now)
	})
}

// write saves a change of a notification, unless somebody else came first.
func (t *Teller) write(ctx context.Context, n notice.Notice, change func(*notice.Notice)) error {
	was := n.Version
	change(&n)
	tx := &table.Tx{}
	tx.SaveNotice(n, was)
	return taken(t.DB.Commit(ctx, tx))
}

// taken turns the news that somebody else saw to a notification into none.
func taken(err error) error {
	if errors.Is(err, table.ErrNoticeTaken) {
		return nil
	}
	return err
}
