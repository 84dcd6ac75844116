package table

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"waybill/shared/event"
	"waybill/shared/ident"
	"waybill/shared/refusal"
)

// An Item is the key of something in the table, as its stream names it.
type Item struct{ PK, SK string }

// IsEvent reports whether the item is an event: one with a place in its subject's
// sequence, which a denial has not.
func (i Item) IsEvent() bool {
	place, ok := strings.CutPrefix(i.SK, eventPrefix)
	return ok && len(place) == len(sequence(0))
}

// Subject is what the item is an event of, if that can be told by its key.
func (i Item) Subject() (event.Subject, bool) {
	if !i.IsEvent() {
		return event.Subject{}, false
	}
	for _, kind := range []event.Kind{event.Order, event.Product, event.Customer} {
		if id, ok := strings.CutPrefix(i.PK, eventPartition(event.Subject{Kind: kind})); ok {
			return event.Subject{Kind: kind, ID: id}, true
		}
	}
	kind, id, ok := strings.Cut(strings.TrimPrefix(i.PK, eventsPK), "/")
	return event.Subject{Kind: event.Kind(kind), ID: id}, ok
}

// A FoundEvent is an item that should be an event, and what was found of it.
type FoundEvent struct {
	event.Event
	Item      Item
	Published bool
	Err       error // it is there and can't be read, now or ever
}

// EventsOf reads the events that items are, in their order; those that are not
// there are left out. One that can't be read does not hold up the others.
func (db *DB) EventsOf(ctx context.Context, items []Item) ([]FoundEvent, error) {
	keys := make([]key, len(items))
	for n, i := range items {
		keys[n] = key{i.PK, i.SK}
	}
	found, err := db.getAll(ctx, keys)
	if err != nil {
		return nil, err
	}
	var out []FoundEvent
	for n, k := range keys {
		i, ok := found[k]
		if !ok {
			continue
		}
		e, err := eventOf(i)
		if err == nil && eventKey(e) != k {
			err = fmt.Errorf("%s of %s says that it is another event", k.sk, k.pk)
		}
		_, published := i["published"]
		out = append(out, FoundEvent{Event: e, Item: items[n], Published: published, Err: err})
	}
	return out, nil
}

// ItemOf is the item that an event is.
func ItemOf(e event.Event) Item {
	k := eventKey(e)
	return Item{k.pk, k.sk}
}

// MarkPublished notes that an event was published; doing it again changes nothing.
func (db *DB) MarkPublished(ctx context.Context, e event.Event) error {
	_, err := db.client.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &db.name, Key: eventKey(e).attributes(),
		UpdateExpression:          aws.String("SET published = :at"),
		ConditionExpression:       aws.String("attribute_exists(pk) AND attribute_not_exists(published)"),
		ExpressionAttributeValues: item{":at": text(ident.At(db.now).ID())},
	})
	var done *types.ConditionalCheckFailedException
	if errors.As(err, &done) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("mark an event as published: %w", outage(err))
	}
	return nil
}

// EventAt reads an event by its place in its subject's sequence.
func (db *DB) EventAt(ctx context.Context, s event.Subject, seq int64) (event.Event, error) {
	i, err := db.get(ctx, eventKey(event.Event{Subject: s, Seq: seq}))
	if err != nil {
		return event.Event{}, err
	}
	if i == nil {
		return event.Event{}, refusal.Missing("event", fmt.Sprintf("%d of %s", seq, s))
	}
	return eventOf(i)
}

// EventsAfter reads a subject's events after a place, the oldest first, at most
// limit. It reads strongly: what a transaction wrote is there.
func (db *DB) EventsAfter(ctx context.Context, s event.Subject, seq int64, limit int) ([]event.Event, error) {
	out, err := db.client.Query(ctx, &dynamodb.QueryInput{
		TableName: &db.name, ConsistentRead: aws.Bool(true),
		KeyConditionExpression: aws.String("pk = :pk AND sk BETWEEN :low AND :high"),
		ExpressionAttributeValues: item{
			":pk": text(eventPartition(s)), ":low": text(eventPrefix + sequence(seq+1)), ":high": text(eventPrefix + "9999999999"),
		},
		Limit: aws.Int32(int32(limit)), //nolint:gosec // a page has at most 100 rows
	})
	if err != nil {
		return nil, fmt.Errorf("read the events of %s: %w", s, outage(err))
	}
	events := make([]event.Event, 0, len(out.Items))
	for _, i := range out.Items {
		e, err := eventOf(i)
		if err != nil {
			return nil, err
		}
		events = append(events, e)
	}
	return events, nil
}

// EventFeed reads what happened to anything, the oldest first: at most limit
// events after the one with the id after, or from a moment, and before till.
// last is where to go on: the id of the last row that was looked at.
func (db *DB) EventFeed(ctx context.Context, after string, from, till time.Time, limit int) (events []event.Event, last string, err error) {
	found, last, err := db.feed(ctx, after, from, till, limit)
	for _, f := range found {
		if f.Err == nil { // what can't be read is among the dead letters
			events = append(events, f.Event)
		}
	}
	return events, last, err
}

// FoundEvents is EventFeed with whether each was published, and with what can't be read.
func (db *DB) FoundEvents(ctx context.Context, after string, till time.Time, limit int) (found []FoundEvent, last string, err error) {
	return db.feed(ctx, after, time.Time{}, till, limit)
}

func (db *DB) feed(ctx context.Context, after string, from, till time.Time, limit int) ([]FoundEvent, string, error) {
	low, high := ident.First(from), ident.First(till)
	if after != "" {
		low = max(low, after)
	}
	if low >= high {
		return nil, after, nil
	}
	rows := make([][]row, shards)
	err := each(ctx, shards, func(ctx context.Context, n int) error {
		out, err := db.client.Query(ctx, &dynamodb.QueryInput{
			TableName: &db.name, IndexName: aws.String(recentIndex.name),
			KeyConditionExpression:   aws.String("#hash = :hash AND #at BETWEEN :low AND :high"),
			ExpressionAttributeNames: map[string]string{"#hash": recentIndex.hash, "#at": "at"},
			ExpressionAttributeValues: item{
				":hash": text(shard(eventsList, n)), ":low": text(low), ":high": text(high),
			},
			Limit: aws.Int32(int32(limit + 1)), //nolint:gosec // a page has at most 100 rows
		})
		if err != nil {
			return fmt.Errorf("read what happened: %w", outage(err))
		}
		for _, i := range out.Items {
			if at, ok := i["at"].(*types.AttributeValueMemberS); ok && at.Value != after && at.Value < high {
				rows[n] = append(rows[n], row{keyOf(i), at.Value})
			}
		}
		return nil
	})
	if err != nil {
		return nil, after, err
	}
	all := slices.Concat(rows...)
	slices.SortFunc(all, func(a, b row) int { return strings.Compare(a.at, b.at) })
	all = all[:min(limit, len(all))]
	var items []Item
	last := after
	for _, r := range all {
		last = r.at
		if i := (Item{r.key.pk, r.key.sk}); i.IsEvent() { // movements and denials stand in the same list
			items = append(items, i)
		}
	}
	found, err := db.EventsOf(ctx, items)
	return found, last, err
}

// earlier reports whether an id is of before a moment.
func earlier(id string, at time.Time) bool { return id < ident.First(at) }

// How far events were looked at for whether they were published.
type publishedRecord struct {
	PK    string `dynamodbav:"pk"`
	SK    string `dynamodbav:"sk"`
	Until string `dynamodbav:"until"` // the id of the last one
}

// PublishedUntil is the id up to which all events are known to be published, "" at the beginning.
func (db *DB) PublishedUntil(ctx context.Context) (string, error) {
	i, err := db.get(ctx, publishedKey())
	if err != nil || i == nil {
		return "", err
	}
	r, err := decode[publishedRecord](i)
	return r.Until, err
}

// SetPublishedUntil moves that on, never back.
func (db *DB) SetPublishedUntil(ctx context.Context, until string) error {
	k := publishedKey()
	i, err := encode(publishedRecord{PK: k.pk, SK: k.sk, Until: until})
	if err != nil {
		return err
	}
	_, err = db.client.PutItem(ctx, &dynamodb.PutItemInput{
		TableName: &db.name, Item: i,
		ConditionExpression:       aws.String("attribute_not_exists(pk) OR #until < :until"),
		ExpressionAttributeNames:  map[string]string{"#until": "until"},
		ExpressionAttributeValues: item{":until": text(until)},
	})
	var further *types.ConditionalCheckFailedException
	if err != nil && !errors.As(err, &further) {
		return fmt.Errorf("note how far events were published: %w", outage(err))
	}
	return nil
}

// homeRecord says which table the data is at home in: data that finds itself
// in another one was restored.
type homeRecord struct {
	PK    string `dynamodbav:"pk"`
	SK    string `dynamodbav:"sk"`
	Table string `dynamodbav:"table"`
	Since int64  `dynamodbav:"since,omitempty"` // unix milliseconds: before that nothing is told
}

// memory is how long the table's stream remembers. Data of which nobody has ever
// been told may be years old: what the stream would not have told is not told.
const memory = 24 * time.Hour

// RestoredAt is when the data was restored from a backup, or came to be followed
// at all. What happened before may have been told already, and is not told again.
//
// Whoever restores into a table of the same name writes Restored.
func (db *DB) RestoredAt(ctx context.Context) (time.Time, error) {
	i, err := db.get(ctx, homeKey())
	if err != nil {
		return time.Time{}, err
	}
	r, err := decode[homeRecord](i)
	if err != nil {
		return time.Time{}, err
	}
	if i != nil && r.Table == db.name {
		return since(r), nil
	}
	was := r.Table
	k := homeKey()
	r = homeRecord{PK: k.pk, SK: k.sk, Table: db.name, Since: db.now().UnixMilli()}
	if i == nil {
		r.Since = db.now().Add(-memory).UnixMilli()
	}
	settled, err := encode(r)
	if err != nil {
		return time.Time{}, err
	}
	_, err = db.client.PutItem(ctx, &dynamodb.PutItemInput{
		TableName: &db.name, Item: settled,
		ConditionExpression:       aws.String("attribute_not_exists(pk) OR #table = :was"),
		ExpressionAttributeNames:  map[string]string{"#table": "table"},
		ExpressionAttributeValues: item{":was": text(was)},
	})
	var moved *types.ConditionalCheckFailedException
	if errors.As(err, &moved) { // somebody else has just settled it
		if i, err = db.get(ctx, homeKey()); err != nil {
			return time.Time{}, err
		}
		if r, err = decode[homeRecord](i); err != nil {
			return time.Time{}, err
		}
		return since(r), nil
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("note where the data is: %w", outage(err))
	}
	return since(r), nil
}

func since(r homeRecord) time.Time {
	if r.Since == 0 {
		return time.Time{}
	}
	return time.UnixMilli(r.Since).UTC()
}

// Restored notes that the table's data has just come from a backup.
func (db *DB) Restored(ctx context.Context) error {
	k := homeKey()
	i, err := encode(homeRecord{PK: k.pk, SK: k.sk, Table: db.name, Since: db.now().UnixMilli()})
	if err != nil {
		return err
	}
	if _, err := db.client.PutItem(ctx, &dynamodb.PutItemInput{TableName: &db.name, Item: i}); err != nil {
		return fmt.Errorf("note the restore: %w", outage(err))
	}
	return nil
}
