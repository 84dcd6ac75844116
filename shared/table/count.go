package table

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"waybill/shared/refusal"
	"waybill/shared/stock"
)

// countRecord is a stocktake without its lines, which are items of their own:
// a thousand of them would cost too much to write with each change.
type countRecord struct {
	PK        string            `dynamodbav:"pk"`
	SK        string            `dynamodbav:"sk"`
	At        string            `dynamodbav:"at"`
	Recent    string            `dynamodbav:"recent"`
	Version   int64             `dynamodbav:"version"`
	Status    stock.CountStatus `dynamodbav:"status"`
	Location  string            `dynamodbav:"location"`
	Note      string            `dynamodbav:"note,omitempty"`
	Entered   int64             `dynamodbav:"entered"`
	OpenedBy  string            `dynamodbav:"opened_by"`
	OpenedAt  int64             `dynamodbav:"opened_at"`
	UpdatedAt int64             `dynamodbav:"updated_at"`
	PostedBy  string            `dynamodbav:"posted_by,omitempty"`
	PostedAt  int64             `dynamodbav:"posted_at,omitempty"`
}

type countLineRecord struct {
	PK       string `dynamodbav:"pk"`
	SK       string `dynamodbav:"sk"`
	Counted  int64  `dynamodbav:"counted"`
	Expected int64  `dynamodbav:"expected"`
	Movement string `dynamodbav:"movement,omitempty"`
}

// NewCount adds a count, which must be new and has no lines yet.
func (tx *Tx) NewCount(c stock.Count) {
	tx.create(recordOfCount(c), exists("count", c.ID))
}

// SaveCount adds the change of a count, without its lines, that must still have version was.
func (tx *Tx) SaveCount(c stock.Count, was int64) {
	tx.replace(recordOfCount(c), was, "count", c.ID)
}

// KeepCount adds the condition that a count still has this version.
func (tx *Tx) KeepCount(c stock.Count) {
	tx.require(countKey(c.ID), "version = :was", item{":was": number(c.Version)}, func(item) error { return stale("count", c.ID) })
}

// EnterLine adds a line of an open count, or its change. What guards it is the count's version.
func (tx *Tx) EnterLine(c stock.Count, l stock.CountLine) {
	tx.put(recordOfCountLine(c, l), "", nil, nil)
}

// RemoveLine adds the taking back of a line of an open count.
func (tx *Tx) RemoveLine(c stock.Count, sku string) {
	tx.remove(countLineKey(c.ID, sku))
}

// BookLine adds to a line the movement that it is posted by. It must not have
// been posted before: the refusal is `stale`.
func (tx *Tx) BookLine(c stock.Count, l stock.CountLine) {
	tx.put(recordOfCountLine(c, l), "attribute_exists(pk) AND attribute_not_exists(movement)", nil,
		func(item) error { return stale("line", l.SKU) })
}

// Unmoved adds the condition that a stock item has not moved since it was read:
// the refusal is *Moved. A reservation is no movement.
func (tx *Tx) Unmoved(i stock.Item) {
	refused := func(item) error { return &Moved{i.Place} }
	if i.Moves == 0 {
		tx.require(stockKey(i.Place), "attribute_not_exists(pk)", nil, refused)
		return
	}
	tx.require(stockKey(i.Place), "moves = :moves", item{":moves": number(i.Moves)}, refused)
}

// Fits reports whether the transaction has no more actions than one takes.
func (tx *Tx) Fits() bool { return len(tx.parts) <= maxActions }

// Count reads a count with all its lines; a refusal of kind NotFound when there
// is none. The count itself is read before its lines, so that lines which are
// newer than it fail on its version.
func (db *DB) Count(ctx context.Context, id string) (stock.Count, error) {
	k := countKey(id)
	in := dynamodb.QueryInput{
		TableName: &db.name, ConsistentRead: aws.Bool(true),
		KeyConditionExpression: aws.String("pk = :pk"), ExpressionAttributeValues: item{":pk": text(k.pk)},
	}
	var c stock.Count
	lines := []stock.CountLine{}
	for {
		out, err := db.client.Query(ctx, &in)
		if err != nil {
			return c, fmt.Errorf("read a count: %w", outage(err))
		}
		for _, i := range out.Items {
			if keyOf(i) == k {
				c, err = countOf(i)
			} else {
				var l stock.CountLine
				l, err = countLineOf(i)
				lines = append(lines, l)
			}
			if err != nil {
				return c, err
			}
		}
		if len(out.LastEvaluatedKey) == 0 {
			break
		}
		in.ExclusiveStartKey = out.LastEvaluatedKey
	}
	if c.ID == "" {
		return c, refusal.Missing("count", id)
	}
	c.Lines = lines
	return c, nil
}

// CountLines reads a count with only the lines of these SKUs.
func (db *DB) CountLines(ctx context.Context, id string, skus []string) (stock.Count, error) {
	keys := []key{countKey(id)}
	for _, sku := range skus {
		keys = append(keys, countLineKey(id, sku))
	}
	found, err := db.getAll(ctx, keys)
	if err != nil {
		return stock.Count{}, err
	}
	if found[keys[0]] == nil {
		return stock.Count{}, refusal.Missing("count", id)
	}
	c, err := countOf(found[keys[0]])
	for _, k := range keys[1:] {
		if i := found[k]; i != nil && err == nil {
			var l stock.CountLine
			l, err = countLineOf(i)
			c.Lines = append(c.Lines, l)
		}
	}
	return c, err
}

// Counts lists counts without their lines, newest first, of one status or, for "", of any.
func (db *DB) Counts(ctx context.Context, status stock.CountStatus, p Page) (Listing[stock.Count], error) {
	w := walk{index: recentIndex, partitions: allShards(countsList)}
	return list(ctx, db, w, p, itself, countOf, func(c stock.Count) bool { return status == "" || c.Status == status })
}

func recordOfCount(c stock.Count) countRecord {
	k := countKey(c.ID)
	r := countRecord{
		PK: k.pk, SK: k.sk, At: c.ID, Recent: sharded(countsList, c.ID), Version: c.Version, Status: c.Status,
		Location: c.Location, Note: c.Note, Entered: c.Entered, OpenedBy: c.OpenedBy, OpenedAt: c.OpenedAt.UnixMilli(),
		UpdatedAt: c.UpdatedAt.UnixMilli(), PostedBy: c.PostedBy,
	}
	if c.PostedAt != nil {
		r.PostedAt = c.PostedAt.UnixMilli()
	}
	return r
}

func countOf(i item) (stock.Count, error) {
	r, err := decode[countRecord](i)
	c := stock.Count{
		ID: r.At, Version: r.Version, Status: r.Status, Location: r.Location, Note: r.Note, Entered: r.Entered,
		OpenedBy: r.OpenedBy, OpenedAt: moment(r.OpenedAt), UpdatedAt: moment(r.UpdatedAt), PostedBy: r.PostedBy,
	}
	if r.PostedAt != 0 {
		at := moment(r.PostedAt)
		c.PostedAt = &at
	}
	return c, err
}

func recordOfCountLine(c stock.Count, l stock.CountLine) countLineRecord {
	k := countLineKey(c.ID, l.SKU)
	return countLineRecord{PK: k.pk, SK: k.sk, Counted: l.Counted, Expected: l.Expected, Movement: l.Movement}
}

func countLineOf(i item) (stock.CountLine, error) {
	r, err := decode[countLineRecord](i)
	if err != nil {
		return stock.CountLine{}, err
	}
	return stock.CountLine{SKU: r.SK[len(linePrefix):], Counted: r.Counted, Expected: r.Expected, Movement: r.Movement}, nil
}
