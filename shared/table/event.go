package table

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"waybill/shared/event"
	"waybill/shared/ident"
)

type eventRecord struct {
	PK      string         `dynamodbav:"pk"`
	SK      string         `dynamodbav:"sk"`
	At      string         `dynamodbav:"at"`
	Recent  string         `dynamodbav:"recent"`
	Kind    event.Kind     `dynamodbav:"kind"`
	Subject string         `dynamodbav:"subject"`
	Seq     int64          `dynamodbav:"seq,omitempty"`
	Type    event.Type     `dynamodbav:"type"`
	Actor   string         `dynamodbav:"actor"`
	Data    map[string]any `dynamodbav:"data,omitempty"`

	Published string `dynamodbav:"published,omitempty"` // id of the moment at which it was published; the rest never changes
}

// FactLife is how long after the moment that an event names its transaction may
// still be written; what takes longer is refused. Who reads events by their time
// waits for twice as long, and none appears behind them.
const FactLife = time.Minute

// Event adds what happened. Its place in the subject's sequence must be free.
func (tx *Tx) Event(e event.Event) {
	if tx.told.IsZero() || e.At.Before(tx.told) {
		tx.told = e.At
	}
	tx.create(recordOfEvent(e), func(item) error { return stale(string(e.Subject.Kind), e.Subject.ID) })
}

// Denied writes down that somebody was denied something: a fact by itself, without a transaction.
func (db *DB) Denied(ctx context.Context, actor, operation, reason string) error {
	i, err := encode(recordOfEvent(event.Event{
		ID: ident.At(db.now).ID(), Subject: event.Subject{Kind: event.Access, ID: operation}, Type: event.AccessDenied, Actor: actor,
		Data: map[string]any{"reason": reason},
	}))
	if err != nil {
		return err
	}
	if _, err := db.client.PutItem(ctx, &dynamodb.PutItemInput{TableName: &db.name, Item: i}); err != nil {
		return fmt.Errorf("write down a denial: %w", outage(err))
	}
	return nil
}

// Timeline lists an order's events, newest first.
func (db *DB) Timeline(ctx context.Context, orderID string, p Page) (Listing[event.Event], error) {
	return under(ctx, db, orderKey(orderID).pk, eventPrefix, p, eventOf)
}

// An AuditFilter narrows the audit trail; zero fields do not.
type AuditFilter struct {
	Actor      string
	Type       event.Type
	From, Till time.Time
}

// Audit lists every change and denial, newest first.
func (db *DB) Audit(ctx context.Context, f AuditFilter, p Page) (Listing[event.Event], error) {
	w := walk{index: recentIndex, partitions: allShards(eventsList), from: f.From, till: f.Till}
	return list(ctx, db, w, p, itself, auditOf, func(e event.Event) bool {
		return (f.Actor == "" || e.Actor == f.Actor) && (f.Type == "" || e.Type == f.Type)
	})
}

// auditOf reads an event, or a movement as one.
func auditOf(i item) (event.Event, error) {
	if strings.HasPrefix(keyOf(i).sk, movementPrefix) {
		m, err := movementOf(i)
		return movementEvent(m), err
	}
	return eventOf(i)
}

func recordOfEvent(e event.Event) eventRecord {
	k := eventKey(e)
	return eventRecord{
		PK: k.pk, SK: k.sk, At: e.ID, Recent: sharded(eventsList, e.ID),
		Kind: e.Subject.Kind, Subject: e.Subject.ID, Seq: e.Seq, Type: e.Type, Actor: e.Actor, Data: e.Data,
	}
}

func eventOf(i item) (event.Event, error) {
	r, err := decode[eventRecord](i)
	if err != nil {
		return event.Event{}, err
	}
	for k, v := range r.Data {
		if r.Data[k], err = whole(v); err != nil {
			return event.Event{}, fmt.Errorf("decode %s: %w", keyOf(i).sk, err)
		}
	}
	at, err := timeOf(r.At)
	return event.Event{
		ID: r.At, Subject: event.Subject{Kind: r.Kind, ID: r.Subject}, Seq: r.Seq, Type: r.Type, At: at, Actor: r.Actor, Data: r.Data,
	}, err
}

// whole turns the numbers of an event's data into int64s: amounts are never floats.
func whole(v any) (any, error) {
	var err error
	switch v := v.(type) {
	case attributevalue.Number:
		return v.Int64()
	case []any:
		for i := range v {
			if v[i], err = whole(v[i]); err != nil {
				return nil, err
			}
		}
	case map[string]any:
		for k := range v {
			if v[k], err = whole(v[k]); err != nil {
				return nil, err
			}
		}
	}
	return v, nil
}
