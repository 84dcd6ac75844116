package table

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"waybill/shared/event"
	"waybill/shared/ident"
	"waybill/shared/refusal"
	"waybill/shared/webhook"
)

// Endpoints are all endpoints there are, in one item: what every event is held
// against. Version counts the changes.
type Endpoints struct {
	List    []Listed
	Version int64
}

// Listed is what the list knows of an endpoint.
type Listed struct {
	ID      string   `dynamodbav:"id"`
	Types   []string `dynamodbav:"types"`
	Enabled bool     `dynamodbav:"enabled"`
}

type endpointsRecord struct {
	PK      string   `dynamodbav:"pk"`
	SK      string   `dynamodbav:"sk"`
	List    []Listed `dynamodbav:"list"`
	Version int64    `dynamodbav:"version"`
}

// Endpoints reads the list of all endpoints, oldest first.
func (db *DB) Endpoints(ctx context.Context) (Endpoints, error) {
	i, err := db.get(ctx, endpointsKey())
	if err != nil || i == nil {
		return Endpoints{}, err
	}
	r, err := decode[endpointsRecord](i)
	return Endpoints{List: r.List, Version: r.Version}, err
}

// Set adds or changes what the list knows of an endpoint.
func (e *Endpoints) Set(l Listed) {
	if n := e.find(l.ID); n >= 0 {
		e.List[n] = l
		return
	}
	e.List = append(e.List, l)
}

// Remove takes an endpoint off the list.
func (e *Endpoints) Remove(id string) {
	if n := e.find(id); n >= 0 {
		e.List = slices.Delete(e.List, n, n+1)
	}
}

func (e *Endpoints) find(id string) int {
	return slices.IndexFunc(e.List, func(l Listed) bool { return l.ID == id })
}

// SaveEndpoints adds the change of the list, which must still have the version it was read with.
func (tx *Tx) SaveEndpoints(e Endpoints) {
	k := endpointsKey()
	r := endpointsRecord{PK: k.pk, SK: k.sk, List: e.List, Version: e.Version + 1}
	if e.Version == 0 {
		tx.create(r, func(item) error { return stale("the", "webhook endpoints") })
		return
	}
	tx.replace(r, e.Version, "the", "webhook endpoints")
}

type endpointRecord struct {
	PK            string   `dynamodbav:"pk"`
	SK            string   `dynamodbav:"sk"`
	ID            string   `dynamodbav:"id"`
	URL           string   `dynamodbav:"url"`
	Types         []string `dynamodbav:"types"`
	Description   string   `dynamodbav:"description,omitempty"`
	Secret        string   `dynamodbav:"secret"`
	Previous      string   `dynamodbav:"previous,omitempty"`
	PreviousUntil int64    `dynamodbav:"previous_until,omitempty"`
	Enabled       bool     `dynamodbav:"enabled"`
	CreatedAt     int64    `dynamodbav:"created_at"`
	Version       int64    `dynamodbav:"version"`
}

// courierRecord is who sends to an endpoint, and how that goes. It is apart from
// the endpoint, for people change the one and couriers the other.
type courierRecord struct {
	PK           string `dynamodbav:"pk"`
	SK           string `dynamodbav:"sk"`
	Holder       string `dynamodbav:"holder,omitempty"`
	Lease        int64  `dynamodbav:"lease"` // unix milliseconds; 0 when nobody sends
	Failures     int64  `dynamodbav:"failures"`
	FailingSince int64  `dynamodbav:"failing_since"`
	NextAttempt  int64  `dynamodbav:"next_attempt"`
	Reason       string `dynamodbav:"reason,omitempty"`
}

func (r courierRecord) health() webhook.Health {
	return webhook.Health{Failures: r.Failures, FailingSince: instant(r.FailingSince), NextAttempt: instant(r.NextAttempt), Reason: r.Reason}
}

// instant is a moment of the table, where 0 is none.
func instant(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return moment(ms)
}

func millisecondsOf(at time.Time) int64 {
	if at.IsZero() {
		return 0
	}
	return at.UnixMilli()
}

func recordOfEndpoint(e webhook.Endpoint) endpointRecord {
	k := endpointKey(e.ID)
	return endpointRecord{
		PK: k.pk, SK: k.sk, ID: e.ID, URL: e.URL, Types: e.Types, Description: e.Description, Secret: string(e.Secret),
		Previous: string(e.Previous), PreviousUntil: millisecondsOf(e.PreviousUntil), Enabled: e.Enabled,
		CreatedAt: e.CreatedAt.UnixMilli(), Version: e.Version,
	}
}

// NewEndpoint adds an endpoint.
func (tx *Tx) NewEndpoint(e webhook.Endpoint) {
	tx.create(recordOfEndpoint(e), exists("webhook endpoint", e.ID))
	tx.refresh(e.ID)
}

// SaveEndpoint adds a person's change of an endpoint that must still have version
// was. Whoever is sending to it stops, and looks at it anew; forgiven, it is as if nothing had failed.
func (tx *Tx) SaveEndpoint(e webhook.Endpoint, was int64, forgiven bool) {
	tx.replace(recordOfEndpoint(e), was, "webhook endpoint", e.ID)
	if forgiven {
		tx.refresh(e.ID)
		return
	}
	tx.update(courierKey(e.ID), "SET lease = :none", "", item{":none": number(0)}, nil)
}

// SwitchOff adds that an endpoint which must still have version was is enabled
// no more, by its courier, who must still be that: its refusal is ErrNotHeld.
func (tx *Tx) SwitchOff(e webhook.Endpoint, was int64, holder string, failures int64) {
	tx.replace(recordOfEndpoint(e), was, "webhook endpoint", e.ID)
	tx.Health(e.ID, holder, failures, e.Health)
}

// RemoveEndpoint adds the deletion of an endpoint that must still have version was.
// What it leaves behind ForgetEndpoint removes.
func (tx *Tx) RemoveEndpoint(id string, was int64) {
	tx.remove(endpointKey(id))
	last := &tx.parts[len(tx.parts)-1]
	last.write.Delete.ConditionExpression = aws.String("version = :was")
	last.write.Delete.ExpressionAttributeValues = item{":was": number(was)}
	last.refused = func(item) error { return stale("webhook endpoint", id) }
	tx.remove(courierKey(id))
}

// refresh has whoever sends to an endpoint stop, and forgets its failures.
func (tx *Tx) refresh(id string) {
	k := courierKey(id)
	tx.put(courierRecord{PK: k.pk, SK: k.sk}, "", nil, nil)
}

// Endpoint reads an endpoint, and how the sending goes.
func (db *DB) Endpoint(ctx context.Context, id string) (webhook.Endpoint, error) {
	found, err := db.getAll(ctx, []key{endpointKey(id), courierKey(id)})
	if err != nil {
		return webhook.Endpoint{}, err
	}
	i, ok := found[endpointKey(id)]
	if !ok {
		return webhook.Endpoint{}, refusal.Missing("webhook endpoint", id)
	}
	e, err := endpointOf(i)
	if err != nil {
		return e, err
	}
	c, err := decode[courierRecord](found[courierKey(id)])
	e.Health = c.health()
	return e, err
}

func endpointOf(i item) (webhook.Endpoint, error) {
	r, err := decode[endpointRecord](i)
	return webhook.Endpoint{
		ID: r.ID, URL: r.URL, Types: r.Types, Description: r.Description, Secret: webhook.Secret(r.Secret),
		Previous: webhook.Secret(r.Previous), PreviousUntil: instant(r.PreviousUntil), Enabled: r.Enabled,
		CreatedAt: moment(r.CreatedAt), Version: r.Version,
	}, err
}

// ErrNotHeld says that somebody else sends to the endpoint now, or a person changed it.
var ErrNotHeld = errors.New("the endpoint is not held any more")

// HoldEndpoint gives the right to send to an endpoint, and prolongs it for its
// holder; false when another has it, or when nothing is to be sent yet. Its
// holder returns how the sending goes as of then.
func (db *DB) HoldEndpoint(ctx context.Context, id, holder string, until time.Time) (h webhook.Health, held bool, err error) {
	now := db.now().UnixMilli()
	out, err := db.client.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &db.name, Key: courierKey(id).attributes(), ReturnValues: types.ReturnValueAllNew,
		UpdateExpression: aws.String("SET holder = :me, lease = :until"),
		ConditionExpression: aws.String("attribute_exists(pk) AND next_attempt <= :now AND " +
			"(lease < :now OR holder = :me)"),
		ExpressionAttributeValues: item{":me": text(holder), ":until": number(until.UnixMilli()), ":now": number(now)},
	})
	var taken *types.ConditionalCheckFailedException
	if errors.As(err, &taken) {
		return h, false, nil
	}
	if err != nil {
		return h, false, fmt.Errorf("hold a webhook endpoint: %w", outage(err))
	}
	r, err := decode[courierRecord](out.Attributes)
	return r.health(), err == nil, err
}

// HoldsEndpoint reports whether an endpoint is still held: what its holder asks before each sending.
func (db *DB) HoldsEndpoint(ctx context.Context, id, holder string) (bool, error) {
	i, err := db.get(ctx, courierKey(id))
	if err != nil || i == nil {
		return false, err
	}
	r, err := decode[courierRecord](i)
	return r.Holder == holder && r.Lease > 0, err
}

// LetGo ends the right to send to an endpoint, where it is still held.
func (db *DB) LetGo(ctx context.Context, id, holder string) error {
	_, err := db.client.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &db.name, Key: courierKey(id).attributes(),
		UpdateExpression:          aws.String("SET lease = :none"),
		ConditionExpression:       aws.String("holder = :me"),
		ExpressionAttributeValues: item{":me": text(holder), ":none": number(0)},
	})
	var taken *types.ConditionalCheckFailedException
	if err != nil && !errors.As(err, &taken) {
		return fmt.Errorf("let go of a webhook endpoint: %w", outage(err))
	}
	return nil
}

// Health adds how the sending to an endpoint goes now, where it failed so often
// in a row before, and holder still holds it; otherwise it refuses with ErrNotHeld.
func (tx *Tx) Health(endpointID, holder string, was int64, h webhook.Health) {
	tx.update(courierKey(endpointID),
		"SET failures = :failures, failing_since = :since, next_attempt = :next, reason = :reason",
		"holder = :me AND lease > :none AND failures = :was",
		item{
			":failures": number(h.Failures), ":since": number(millisecondsOf(h.FailingSince)), ":next": number(millisecondsOf(h.NextAttempt)),
			":reason": text(h.Reason), ":me": text(holder), ":was": number(was), ":none": number(0),
		}, func(item) error { return ErrNotHeld })
}

// A Pending subject has events that an endpoint was not sent.
type Pending struct {
	Subject event.Subject
	Since   time.Time
	wake    string // differs after each event that was told of
}

type pendingRecord struct {
	PK      string     `dynamodbav:"pk"`
	SK      string     `dynamodbav:"sk"`
	Kind    event.Kind `dynamodbav:"kind"`
	Subject string     `dynamodbav:"subject"`
	Since   string     `dynamodbav:"since"` // id of the moment
	Wake    string     `dynamodbav:"wake"`
}

// Await notes that a subject has events which an endpoint is to be sent. wake
// must be a new id: by it Caught tells that there was another event meanwhile.
func (db *DB) Await(ctx context.Context, endpointID string, s event.Subject, wake string) error {
	_, err := db.client.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &db.name, Key: pendingKey(endpointID, s).attributes(),
		UpdateExpression: aws.String("SET kind = :kind, subject = :subject, since = if_not_exists(since, :wake), wake = :wake"),
		ExpressionAttributeValues: item{
			":kind": text(string(s.Kind)), ":subject": text(s.ID), ":wake": text(wake),
		},
	})
	if err != nil {
		return fmt.Errorf("note that %s waits: %w", s, outage(err))
	}
	return nil
}

// Caught takes a subject off those that wait, unless there was another event
// since it was read: then it answers false.
func (db *DB) Caught(ctx context.Context, endpointID string, p Pending) (bool, error) {
	_, err := db.client.DeleteItem(ctx, &dynamodb.DeleteItemInput{
		TableName: &db.name, Key: pendingKey(endpointID, p.Subject).attributes(),
		ConditionExpression:       aws.String("attribute_not_exists(pk) OR wake = :wake"),
		ExpressionAttributeValues: item{":wake": text(p.wake)},
	})
	var again *types.ConditionalCheckFailedException
	if errors.As(err, &again) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("note that %s waits no more: %w", p.Subject, outage(err))
	}
	return true, nil
}

// mostAwaited is how many waiting subjects are looked at to find those that wait longest.
const mostAwaited = 1000

// Awaited lists the subjects that have events which an endpoint is to be sent,
// those that wait longest first. It reads strongly: what Await wrote is there.
func (db *DB) Awaited(ctx context.Context, endpointID string) ([]Pending, error) {
	out, err := db.client.Query(ctx, &dynamodb.QueryInput{
		TableName: &db.name, ConsistentRead: aws.Bool(true),
		KeyConditionExpression:    aws.String("pk = :pk AND begins_with(sk, :prefix)"),
		ExpressionAttributeValues: item{":pk": text(endpointKey(endpointID).pk), ":prefix": text(pendingPrefix)},
		Limit:                     aws.Int32(mostAwaited),
	})
	if err != nil {
		return nil, fmt.Errorf("list what waits: %w", outage(err))
	}
	list := make([]Pending, 0, len(out.Items))
	for _, i := range out.Items {
		if p, err := pendingOf(i); err == nil { // one that can't be read is not to hold up the others
			list = append(list, p)
		}
	}
	slices.SortStableFunc(list, func(a, b Pending) int { return a.Since.Compare(b.Since) })
	return list, nil
}

// AwaitedOf reads whether a subject waits, nil when it does not.
func (db *DB) AwaitedOf(ctx context.Context, endpointID string, s event.Subject) (*Pending, error) {
	i, err := db.get(ctx, pendingKey(endpointID, s))
	if err != nil || i == nil {
		return nil, err
	}
	p, err := pendingOf(i)
	return &p, err
}

func pendingOf(i item) (Pending, error) {
	r, err := decode[pendingRecord](i)
	if err != nil {
		return Pending{}, err
	}
	since, err := timeOf(r.Since)
	return Pending{Subject: event.Subject{Kind: r.Kind, ID: r.Subject}, Since: since, wake: r.Wake}, err
}

// CountAwaited counts the subjects that wait, up to most.
func (db *DB) CountAwaited(ctx context.Context, endpointID string, most int32) (int64, error) {
	out, err := db.client.Query(ctx, &dynamodb.QueryInput{
		TableName: &db.name, ConsistentRead: aws.Bool(true), Select: types.SelectCount,
		KeyConditionExpression:    aws.String("pk = :pk AND begins_with(sk, :prefix)"),
		ExpressionAttributeValues: item{":pk": text(endpointKey(endpointID).pk), ":prefix": text(pendingPrefix)},
		Limit:                     &most,
	})
	if err != nil {
		return 0, fmt.Errorf("count what waits: %w", outage(err))
	}
	return int64(out.Count), nil
}

type cursorRecord struct {
	PK  string `dynamodbav:"pk"`
	SK  string `dynamodbav:"sk"`
	Seq int64  `dynamodbav:"seq"`
}

// ErrSent says that an endpoint was sent more, or less, than was read.
var ErrSent = errors.New("somebody else sent it meanwhile")

// SentUntil is the place in a subject's sequence up to which an endpoint was
// sent its events; false when it was sent none yet.
func (db *DB) SentUntil(ctx context.Context, endpointID string, s event.Subject) (int64, bool, error) {
	i, err := db.get(ctx, cursorKey(endpointID, s))
	if err != nil || i == nil {
		return 0, false, err
	}
	r, err := decode[cursorRecord](i)
	return r.Seq, true, err
}

// Sent adds that an endpoint was sent a subject's events up to a place, and up
// to was before, -1 for none; it refuses with ErrSent when that changed.
func (tx *Tx) Sent(endpointID string, s event.Subject, was, seq int64) {
	k := cursorKey(endpointID, s)
	r := cursorRecord{PK: k.pk, SK: k.sk, Seq: seq}
	refused := func(item) error { return ErrSent }
	if was < 0 {
		tx.create(r, refused)
		return
	}
	tx.put(r, "seq = :was", item{":was": number(was)}, refused)
}

// attemptLife is how long attempts are kept.
const attemptLife = 30 * 24 * time.Hour

type attemptRecord struct {
	PK         string     `dynamodbav:"pk"`
	SK         string     `dynamodbav:"sk"`
	ID         string     `dynamodbav:"id"`
	EventID    string     `dynamodbav:"event"`
	Type       event.Type `dynamodbav:"type"`
	Kind       event.Kind `dynamodbav:"kind"`
	Subject    string     `dynamodbav:"subject"`
	Seq        int64      `dynamodbav:"seq"`
	Status     int        `dynamodbav:"status,omitempty"`
	Failure    string     `dynamodbav:"failure,omitempty"`
	Duration   int64      `dynamodbav:"duration"` // milliseconds
	Redelivery bool       `dynamodbav:"redelivery,omitempty"`
	Expires    int64      `dynamodbav:"expires"` // unix seconds
}

// Attempted adds an attempt to an endpoint's log.
func (tx *Tx) Attempted(endpointID string, a webhook.Attempt) {
	k := attemptKey(endpointID, a.ID)
	tx.put(attemptRecord{
		PK: k.pk, SK: k.sk, ID: a.ID, EventID: a.EventID, Type: a.Type, Kind: a.Subject.Kind, Subject: a.Subject.ID, Seq: a.Seq,
		Status: a.Status, Failure: a.Failure, Duration: a.Duration.Milliseconds(), Redelivery: a.Redelivery,
		Expires: a.At.Add(attemptLife).Unix(),
	}, "", nil, nil)
}

// Attempt reads an attempt of an endpoint.
func (db *DB) Attempt(ctx context.Context, endpointID, id string) (webhook.Attempt, error) {
	i, err := db.get(ctx, attemptKey(endpointID, id))
	if err != nil {
		return webhook.Attempt{}, err
	}
	if i == nil {
		return webhook.Attempt{}, refusal.Missing("attempt", id)
	}
	return attemptOf(i)
}

// Attempts lists an endpoint's attempts, newest first.
func (db *DB) Attempts(ctx context.Context, endpointID string, p Page) (Listing[webhook.Attempt], error) {
	return under(ctx, db, endpointKey(endpointID).pk, attemptPrefix, p, attemptOf)
}

func attemptOf(i item) (webhook.Attempt, error) {
	r, err := decode[attemptRecord](i)
	if err != nil {
		return webhook.Attempt{}, err
	}
	at, err := ident.Time(r.ID)
	return webhook.Attempt{
		ID: r.ID, EventID: r.EventID, Type: r.Type, Subject: event.Subject{Kind: r.Kind, ID: r.Subject}, Seq: r.Seq,
		Status: r.Status, Failure: r.Failure, Duration: time.Duration(r.Duration) * time.Millisecond, Redelivery: r.Redelivery, At: at,
	}, err
}

// mostRemoved is how many items a batch may remove.
const mostRemoved = 25

// ForgetEndpoint removes what a deleted endpoint left behind. It can be done again.
func (db *DB) ForgetEndpoint(ctx context.Context, id string) error {
	for {
		out, err := db.client.Query(ctx, &dynamodb.QueryInput{
			TableName: &db.name, ConsistentRead: aws.Bool(true),
			KeyConditionExpression:    aws.String("pk = :pk"),
			ProjectionExpression:      aws.String("pk, sk"),
			ExpressionAttributeValues: item{":pk": text(endpointKey(id).pk)},
			Limit:                     aws.Int32(mostRows),
		})
		if err != nil {
			return fmt.Errorf("list what an endpoint left: %w", outage(err))
		}
		var left []types.WriteRequest
		for _, i := range out.Items {
			k := keyOf(i)
			if k == endpointKey(id) {
				return fmt.Errorf("webhook endpoint %s is not deleted", id)
			}
			left = append(left, types.WriteRequest{DeleteRequest: &types.DeleteRequest{Key: k.attributes()}})
		}
		if len(left) == 0 {
			return nil
		}
		for chunk := range slices.Chunk(left, mostRemoved) {
			if err := db.removeBatch(ctx, chunk); err != nil {
				return err
			}
		}
	}
}

// removeBatch removes up to 25 items, asking again for what a busy table left.
func (db *DB) removeBatch(ctx context.Context, batch []types.WriteRequest) error {
	for try := 0; len(batch) > 0; try++ {
		if try > 0 {
			if err := db.pause(ctx, backoff(try)); err != nil {
				return err
			}
		}
		out, err := db.client.BatchWriteItem(ctx, &dynamodb.BatchWriteItemInput{
			RequestItems: map[string][]types.WriteRequest{db.name: batch},
		})
		if err != nil {
			return fmt.Errorf("remove %d items: %w", len(batch), outage(err))
		}
		batch = out.UnprocessedItems[db.name]
	}
	return nil
}
