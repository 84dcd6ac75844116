package table

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/oklog/ulid/v2"

	"waybill/shared/refusal"
)

// DynamoDB's limits of a transaction and of an item.
const (
	maxActions  = 100
	maxBytes    = 4 << 20
	maxItem     = 400 << 10
	commitLimit = time.Minute // for any commit, however much time its context has
)

// A Tx is one business fact: parts that each know their condition and the
// error that its failure means. They land together or not at all.
type Tx struct {
	parts []part
	told  time.Time // the moment of its earliest event
	err   error
}

// A part is one write of a transaction.
type part struct {
	key     key
	write   types.TransactWriteItem
	refused func(was item) error // what a failed condition means, given the item as it is (nil: it is not there)
}

// Size is how many actions the transaction has.
func (tx *Tx) Size() int { return len(tx.parts) }

// A Refused transaction changed nothing; Errs are the meanings of every failed
// condition, in the order of the parts.
type Refused struct{ Errs []error }

func (r *Refused) Error() string { return errors.Join(r.Errs...).Error() }

// Unwrap gives errors.Is and errors.As each of the errors.
func (r *Refused) Unwrap() []error { return r.Errs }

// ErrTooLarge says that a fact has more actions than a transaction takes.
var ErrTooLarge = refusal.New(refusal.Rejected, "too_many_items", "This touches more rows than one transaction takes.")

// Commit writes the transaction. It returns *Refused when a condition failed,
// with all that failed, and a refusal of kind Conflict (`busy`) when others
// kept writing the same items until the deadline. When the outcome is unknown
// it returns a refusal of kind Unavailable.
//
// Conflicts and throttles are tried again, with jitter, inside the deadline of
// ctx. Each such try has a token of its own, under which the SDK's repetitions
// of it, after a lost reply, count once.
func (db *DB) Commit(ctx context.Context, tx *Tx) error {
	if err := tx.check(); err != nil || len(tx.parts) == 0 {
		return err // nothing to do is done
	}
	patience := commitLimit
	if !tx.told.IsZero() {
		patience = min(patience, tx.told.Add(FactLife).Sub(db.now()))
	}
	if patience <= 0 {
		return busy()
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	writes := make([]types.TransactWriteItem, len(tx.parts))
	for i, p := range tx.parts {
		writes[i] = p.write
		name(&writes[i], &db.name)
	}
	for try := 1; ; try++ {
		_, err := db.client.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{
			TransactItems: writes, ClientRequestToken: aws.String(ulid.Make().String()),
		})
		if err == nil {
			return nil
		}
		var cancelled *types.TransactionCanceledException
		if !errors.As(err, &cancelled) {
			return fmt.Errorf("commit: %w", outage(err))
		}
		refused, again, err := tx.reasons(cancelled.CancellationReasons)
		if err != nil {
			return err
		}
		if !again {
			return refused
		}
		if db.pause(ctx, backoff(try)) != nil {
			return busy()
		}
	}
}

// busy says that the time was up before the rows were free.
func busy() error {
	return refusal.New(refusal.Conflict, "busy", "Others kept changing the same rows; try again.")
}

// check refuses what DynamoDB would: too many actions or bytes, two on one item.
func (tx *Tx) check() error {
	if tx.err != nil {
		return tx.err
	}
	if len(tx.parts) > maxActions {
		return ErrTooLarge
	}
	seen := map[key]bool{}
	var bytes int
	for _, p := range tx.parts {
		n := p.bytes()
		if bytes += n; n > maxItem || bytes > maxBytes {
			return ErrTooLarge
		}
		if seen[p.key] {
			return fmt.Errorf("two actions on %s %s in one transaction", p.key.pk, p.key.sk)
		}
		seen[p.key] = true
	}
	return nil
}

// reasons reads a cancellation: what the failed conditions mean, or whether
// every reason was a conflict or a throttle, so that trying again makes sense.
func (tx *Tx) reasons(reasons []types.CancellationReason) (refused *Refused, again bool, err error) {
	refused = &Refused{}
	for i, r := range reasons {
		switch code := aws.ToString(r.Code); code {
		case "None":
		case "ConditionalCheckFailed":
			if i >= len(tx.parts) {
				return nil, false, fmt.Errorf("commit: a reason for action %d of %d", i+1, len(tx.parts))
			}
			var was item
			if len(r.Item) > 0 {
				was = r.Item
			}
			refused.Errs = append(refused.Errs, tx.parts[i].refused(was))
		case "TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded":
			again = true
		default:
			return nil, false, fmt.Errorf("commit: %s: %s", code, aws.ToString(r.Message))
		}
	}
	if len(refused.Errs) > 0 {
		return refused, false, nil
	}
	if !again {
		return nil, false, errors.New("commit: cancelled without a reason")
	}
	return nil, true, nil
}

// bytes is about how much of the limits a part takes: names and values.
func (p part) bytes() int {
	var n int
	if p.write.Put != nil {
		for name, v := range p.write.Put.Item {
			n += len(name) + bytesOf(v)
		}
	}
	if p.write.Update != nil {
		for name, v := range p.write.Update.ExpressionAttributeValues {
			n += len(name) + bytesOf(v)
		}
	}
	return n
}

func bytesOf(v types.AttributeValue) int {
	switch v := v.(type) {
	case *types.AttributeValueMemberS:
		return len(v.Value)
	case *types.AttributeValueMemberN:
		return len(v.Value)
	case *types.AttributeValueMemberB:
		return len(v.Value)
	case *types.AttributeValueMemberL:
		n := 3
		for _, e := range v.Value {
			n += 1 + bytesOf(e)
		}
		return n
	case *types.AttributeValueMemberM:
		n := 3
		for name, e := range v.Value {
			n += 1 + len(name) + bytesOf(e)
		}
		return n
	default:
		return 1
	}
}

// put adds the writing of a whole item.
func (tx *Tx) put(record any, condition string, values item, refused func(item) error) {
	i, err := encode(record)
	if err != nil {
		tx.err = errors.Join(tx.err, err)
		return
	}
	p := &types.Put{Item: i, ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld}
	if condition != "" {
		p.ConditionExpression = &condition
	}
	if len(values) > 0 {
		p.ExpressionAttributeValues = values
	}
	tx.parts = append(tx.parts, part{key: keyOf(i), write: types.TransactWriteItem{Put: p}, refused: refused})
}

// create adds the writing of an item that must be new.
func (tx *Tx) create(record any, refused func(item) error) {
	tx.put(record, "attribute_not_exists(pk)", nil, refused)
}

// replace adds the writing of an item that must still have the version it was read with.
func (tx *Tx) replace(record any, was int64, what, id string) {
	tx.put(record, "version = :was", item{":was": number(was)}, func(item) error { return stale(what, id) })
}

// update adds a change of some attributes of an item.
func (tx *Tx) update(k key, expression, condition string, values item, refused func(item) error) {
	u := &types.Update{
		Key: k.attributes(), UpdateExpression: &expression, ExpressionAttributeValues: values,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	}
	if condition != "" {
		u.ConditionExpression = &condition
	}
	tx.parts = append(tx.parts, part{key: k, write: types.TransactWriteItem{Update: u}, refused: refused})
}

// remove adds the deletion of an item.
func (tx *Tx) remove(k key) {
	tx.parts = append(tx.parts, part{key: k, write: types.TransactWriteItem{Delete: &types.Delete{Key: k.attributes()}}})
}

// require adds a condition on an item that the transaction does not write.
func (tx *Tx) require(k key, condition string, values item, refused func(item) error) {
	c := &types.ConditionCheck{
		Key: k.attributes(), ConditionExpression: &condition,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	}
	if len(values) > 0 {
		c.ExpressionAttributeValues = values
	}
	tx.parts = append(tx.parts, part{key: k, write: types.TransactWriteItem{ConditionCheck: c}, refused: refused})
}

// stale says that somebody else changed it first.
func stale(what, id string) error {
	return refusal.New(refusal.Stale, "stale", "Somebody else changed %s %s meanwhile; read it again.", what, id)
}

// exists says that something which must be new is there already.
func exists(what, id string) func(item) error {
	return func(item) error {
		return refusal.New(refusal.Conflict, "exists", "There is a %s %s already.", what, id)
	}
}

func name(w *types.TransactWriteItem, table *string) {
	switch {
	case w.Put != nil:
		w.Put.TableName = table
	case w.Update != nil:
		w.Update.TableName = table
	case w.Delete != nil:
		w.Delete.TableName = table
	case w.ConditionCheck != nil:
		w.ConditionCheck.TableName = table
	}
}

func number(n int64) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: fmt.Sprint(n)}
}

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }
