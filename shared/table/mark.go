package table

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"waybill/shared/refusal"
)

// A Mark makes a mutation safe to retry: it is written in the fact's own
// transaction, so that the fact and the memory of it can't come apart.
type Mark struct {
	Principal, Operation, Key string // the scope of the key
	Hash                      string // of the request, to tell a retry from a misuse of the key
}

// MarkLife is how long a mark is kept at least.
const MarkLife = 48 * time.Hour

// leaseLife is how long one attempt at work of several steps keeps others out.
const leaseLife = 60 * time.Second

type markRecord struct {
	PK      string `dynamodbav:"pk"`
	SK      string `dynamodbav:"sk"`
	Hash    string `dynamodbav:"hash"`
	Ref     string `dynamodbav:"ref,omitempty"`
	Result  []byte `dynamodbav:"result,omitempty"`
	Lease   int64  `dynamodbav:"lease,omitempty"` // unix milliseconds; 0 when the work is done
	Holder  string `dynamodbav:"holder,omitempty"`
	Expires int64  `dynamodbav:"expires"` // unix seconds, DynamoDB's TTL, which is days late
}

func (m Mark) key() key {
	sum := sha256.Sum256([]byte(strings.Join([]string{m.Principal, m.Operation, m.Key}, "\x00")))
	return markKey(hex.EncodeToString(sum[:]))
}

// Replay says that an earlier attempt with the same key did the work already;
// Ref names what it made.
type Replay struct{ Ref string }

func (r *Replay) Error() string { return "done before: " + r.Ref }

// ErrKeyReused says that a key came back with another request.
var ErrKeyReused = refusal.New(refusal.Rejected, "idempotency_key_reused", "This Idempotency-Key was used with another request; take a new one.")

// Mark adds the memory of a mutation: nothing for a nil mark. Its refusal is
// *Replay, or ErrKeyReused.
func (tx *Tx) Mark(m *Mark, ref string, now time.Time) {
	if m == nil {
		return
	}
	k := m.key()
	tx.put(markRecord{PK: k.pk, SK: k.sk, Hash: m.Hash, Ref: ref, Expires: now.Add(MarkLife).Unix()},
		"attribute_not_exists(pk) OR expires < :now", item{":now": number(now.Unix())},
		func(was item) error {
			r, err := decode[markRecord](was)
			if err != nil {
				return err
			}
			return r.replay(m)
		})
}

func (r markRecord) replay(m *Mark) error {
	if r.Hash != m.Hash {
		return ErrKeyReused
	}
	return &Replay{Ref: r.Ref}
}

// Remembered looks whether an earlier attempt left this mark. It returns nil
// when there is none, and otherwise *Replay or ErrKeyReused.
func (db *DB) Remembered(ctx context.Context, m *Mark) error {
	i, err := db.get(ctx, m.key())
	if err != nil || i == nil {
		return err
	}
	r, err := decode[markRecord](i)
	if err != nil {
		return err
	}
	if r.Expires < db.now().Unix() {
		return nil
	}
	return r.replay(m)
}

// A Lease is the right to do work of several steps under a mark.
type Lease struct {
	mark   *Mark
	holder string // tells this attempt from one that took over
}

// Lease takes the right to do work of several steps. It returns no lease but
// the result when the work was done before, ErrKeyReused, or a refusal of kind
// Conflict (`in_progress`) while another attempt has the lease. After a minute
// without a result a retry takes over, and must find what is done already.
func (db *DB) Lease(ctx context.Context, m *Mark) (lease *Lease, result []byte, err error) {
	now := db.now()
	lease = &Lease{mark: m, holder: rand.Text()}
	// The holder's own name among the conditions is for the SDK's repetition after a lost reply.
	was, err := db.write(ctx, lease, markRecord{Lease: now.Add(leaseLife).UnixMilli()},
		"attribute_not_exists(pk) OR expires < :second OR holder = :holder OR (#hash = :hash AND lease > :zero AND lease < :now)",
		item{":second": number(now.Unix()), ":now": number(now.UnixMilli()), ":zero": number(0), ":hash": text(m.Hash)},
		map[string]string{"#hash": "hash"})
	if err != nil || was == nil {
		return lease, nil, err
	}
	switch {
	case was.Hash != m.Hash:
		return nil, nil, ErrKeyReused
	case was.Lease != 0:
		return nil, nil, refusal.New(refusal.Conflict, "in_progress", "An earlier attempt with this Idempotency-Key is still at work.")
	default:
		return nil, was.Result, nil
	}
}

// Finish stores the result of the work, unless another attempt took over meanwhile.
func (db *DB) Finish(ctx context.Context, l *Lease, result []byte) error {
	return db.ifHeld(ctx, l, markRecord{Result: result})
}

// GiveBack ends a lease without a result, so that a retry need not wait for its end.
func (db *DB) GiveBack(ctx context.Context, l *Lease) error {
	return db.ifHeld(ctx, l, markRecord{Lease: 1}) // long over
}

func (db *DB) ifHeld(ctx context.Context, l *Lease, r markRecord) error {
	was, err := db.write(ctx, l, r, "holder = :holder", item{}, nil)
	if err == nil && was != nil {
		return refusal.New(refusal.Conflict, "in_progress", "Another attempt with this Idempotency-Key took over.")
	}
	return err
}

// write puts the mark of a lease under a condition, and returns what is there when it fails.
func (db *DB) write(ctx context.Context, l *Lease, r markRecord, condition string, values item, names map[string]string) (*markRecord, error) {
	k := l.mark.key()
	r.PK, r.SK, r.Hash, r.Holder, r.Expires = k.pk, k.sk, l.mark.Hash, l.holder, db.now().Add(MarkLife).Unix()
	i, err := encode(r)
	if err != nil {
		return nil, err
	}
	values[":holder"] = text(l.holder)
	_, err = db.client.PutItem(ctx, &dynamodb.PutItemInput{
		TableName: &db.name, Item: i,
		ConditionExpression: &condition, ExpressionAttributeNames: names, ExpressionAttributeValues: values,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	})
	var taken *types.ConditionalCheckFailedException
	if !errors.As(err, &taken) {
		return nil, outage(err)
	}
	was, err := decode[markRecord](taken.Item)
	return &was, err
}
