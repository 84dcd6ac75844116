package table

import (
	"context"
	"time"

	"waybill/shared/deadletter"
	"waybill/shared/event"
	"waybill/shared/refusal"
)

type letterRecord struct {
	PK       string           `dynamodbav:"pk"`
	SK       string           `dynamodbav:"sk"`
	At       string           `dynamodbav:"at"`
	Recent   string           `dynamodbav:"recent"`
	Source   string           `dynamodbav:"source"`
	What     string           `dynamodbav:"what"`
	Kind     event.Kind       `dynamodbav:"kind,omitempty"`
	Subject  string           `dynamodbav:"subject,omitempty"`
	ItemPK   string           `dynamodbav:"item_pk,omitempty"`
	ItemSK   string           `dynamodbav:"item_sk,omitempty"`
	Notice   bool             `dynamodbav:"notice,omitempty"`
	Unknown  bool             `dynamodbav:"unknown,omitempty"`
	Reason   string           `dynamodbav:"reason"`
	Failures int64            `dynamodbav:"failures"`
	State    deadletter.State `dynamodbav:"state"`
	Handled  int64            `dynamodbav:"handled,omitempty"`
	Note     string           `dynamodbav:"note,omitempty"`
	By       string           `dynamodbav:"by,omitempty"`
	Since    int64            `dynamodbav:"since"`
	LastAt   int64            `dynamodbav:"last_at"`
	Version  int64            `dynamodbav:"version"`
	Expires  int64            `dynamodbav:"expires,omitempty"` // unix seconds; of those that are done
}

// letterLife is how long a letter is kept that a person has seen to.
const letterLife = 90 * 24 * time.Hour

// SaveLetter adds a dead letter that has the version was, or is new if that is 0.
func (tx *Tx) SaveLetter(l deadletter.Letter, was int64) {
	k := letterKey(l.ID)
	r := letterRecord{
		PK: k.pk, SK: k.sk, At: l.ID, Recent: sharded(lettersList, l.ID), Source: l.Source, What: l.What,
		Kind: l.Subject.Kind, Subject: l.Subject.ID, ItemPK: l.Item.PK, ItemSK: l.Item.SK, Notice: l.Notice, Unknown: l.Unknown,
		Reason: l.Reason, Failures: l.Failures, State: l.State, Handled: l.Handled, Note: l.Note, By: l.By,
		Since: l.Since.UnixMilli(), LastAt: l.LastAt.UnixMilli(), Version: was + 1,
	}
	if l.State != deadletter.Waiting {
		r.Recent, r.Expires = sharded(lettersDoneList, l.ID), l.LastAt.Add(letterLife).Unix()
	}
	if was == 0 {
		tx.create(r, func(item) error { return stale("dead letter", l.ID) })
		return
	}
	tx.replace(r, was, "dead letter", l.ID)
}

// Letter reads a dead letter.
func (db *DB) Letter(ctx context.Context, id string) (deadletter.Letter, error) {
	i, err := db.get(ctx, letterKey(id))
	if err != nil {
		return deadletter.Letter{}, err
	}
	if i == nil {
		return deadletter.Letter{}, refusal.Missing("dead letter", id)
	}
	return letterOf(i)
}

// Letters lists the dead letters in a state, newest first.
func (db *DB) Letters(ctx context.Context, state deadletter.State, p Page) (Listing[deadletter.Letter], error) {
	name := lettersList
	if state != deadletter.Waiting {
		name = lettersDoneList
	}
	return list(ctx, db, walk{index: recentIndex, partitions: allShards(name)}, p, itself, letterOf,
		func(l deadletter.Letter) bool { return l.State == state })
}

func letterOf(i item) (deadletter.Letter, error) {
	r, err := decode[letterRecord](i)
	return deadletter.Letter{
		ID: r.At, Source: r.Source, What: r.What, Subject: event.Subject{Kind: r.Kind, ID: r.Subject},
		Item: deadletter.Item{PK: r.ItemPK, SK: r.ItemSK}, Notice: r.Notice, Unknown: r.Unknown, Reason: r.Reason, Failures: r.Failures,
		State: r.State, Handled: r.Handled, Note: r.Note, By: r.By, Since: time.UnixMilli(r.Since).UTC(), LastAt: time.UnixMilli(r.LastAt).UTC(), Version: r.Version,
	}, err
}

// Touch has the stream bring an item to its consumers once more. It refuses what is not there.
func (tx *Tx) Touch(i deadletter.Item, letter string, failures int64) {
	k := key{i.PK, i.SK}
	tx.update(k, "SET again = :again", "attribute_exists(pk)", item{":again": text(letter + "#" + sequence(failures))}, func(item) error {
		return refusal.New(refusal.Conflict, "not_repeatable", "What it was about is gone; discard it.")
	})
}

// Again is the attribute of an item that Touch writes.
const Again = "again"

// lettersRecord says when people were last told that dead letters wait.
type lettersRecord struct {
	PK     string `dynamodbav:"pk"`
	SK     string `dynamodbav:"sk"`
	ToldAt int64  `dynamodbav:"told_at"`
	Seq    int64  `dynamodbav:"version"`
}

// LettersTold is when people were last told that dead letters wait, and how often they were.
func (db *DB) LettersTold(ctx context.Context) (at time.Time, seq int64, err error) {
	i, err := db.get(ctx, lettersKey())
	if err != nil || i == nil {
		return time.Time{}, 0, err
	}
	r, err := decode[lettersRecord](i)
	return time.UnixMilli(r.ToldAt).UTC(), r.Seq, err
}

// TellLetters adds that they are told now, unless somebody else told them meanwhile.
func (tx *Tx) TellLetters(at time.Time, was int64) {
	k := lettersKey()
	r := lettersRecord{PK: k.pk, SK: k.sk, ToldAt: at.UnixMilli(), Seq: was + 1}
	if was == 0 {
		tx.create(r, func(item) error { return stale("the list of", "dead letters") })
		return
	}
	tx.replace(r, was, "the list of", "dead letters")
}
