package table

import (
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"waybill/shared/ident"
	"waybill/shared/refusal"
)

// A Page is which part of a list is wanted: at most Limit rows (1 to 100)
// after the cursor After, or from the newest.
type Page struct {
	Limit int
	After string
}

// A Listing is a page of a list; Next is the cursor of the page after it, "" at the end.
type Listing[T any] struct {
	Items []T
	Next  string
}

// mostRows is how many rows one page may look at: a filter that few rows pass
// answers with a short page and a cursor rather than late.
const mostRows = 1000

// A walk goes through partitions of an index as one list, newest first,
// between two moments (zero: no bound).
type walk struct {
	index      index
	partitions []string
	from, till time.Time
}

// list reads a page of a walk: the index gives keys, home the item that a key
// stands for, and the items themselves are read strongly consistent, so that
// what the index has late is judged by what is true.
func list[T any](ctx context.Context, db *DB, w walk, p Page, home func(key) key, parse func(item) (T, error), passes func(T) bool) (Listing[T], error) {
	var out Listing[T]
	after, err := position(p.After)
	if err != nil {
		return out, err
	}
	rows, err := db.open(ctx, w, after, p.Limit)
	if err != nil {
		return out, err
	}
	last := ""
	for looked := 0; looked < mostRows; {
		chunk, err := rows.take(ctx, min(p.Limit, mostKeys))
		if err != nil {
			return out, err
		}
		if len(chunk) == 0 {
			return out, nil
		}
		looked += len(chunk)
		keys := make([]key, len(chunk))
		for i, r := range chunk {
			keys[i] = home(r.key)
		}
		found, err := db.getAll(ctx, keys)
		if err != nil {
			return out, err
		}
		for i, r := range chunk {
			stored, ok := found[keys[i]]
			if !ok {
				continue
			}
			v, err := parse(stored)
			if err != nil {
				return out, err
			}
			if !passes(v) {
				continue
			}
			out.Items = append(out.Items, v)
			if len(out.Items) == p.Limit {
				if i < len(chunk)-1 || !rows.done() {
					out.Next = cursor(r.at)
				}
				return out, nil
			}
		}
		if rows.done() {
			return out, nil
		}
		last = chunk[len(chunk)-1].at
	}
	out.Next = cursor(last)
	return out, nil
}

// A row is what an index holds of an item.
type row struct {
	key key
	at  string
}

// rows merges the partitions of a walk.
type rows struct {
	streams []*stream
	last    string
}

// A stream is one partition, read page by page.
type stream struct {
	db      *DB
	input   dynamodb.QueryInput
	buffer  []row
	started bool
}

// open starts the walk after a position, reading the first page of every partition at once.
func (db *DB) open(ctx context.Context, w walk, after string, limit int) (*rows, error) {
	low, high := "0", "~" // before and after every ULID
	if !w.from.IsZero() {
		low = ident.First(w.from)
	}
	if !w.till.IsZero() {
		high = ident.First(w.till)
	}
	if after != "" {
		high = min(high, after)
	}
	if high < low {
		return &rows{}, nil // a range that ends before it begins, which BETWEEN refuses
	}
	// A page comes from all partitions about evenly; a few more save a second look.
	share := limit/len(w.partitions) + 8
	rs := &rows{}
	for _, partition := range w.partitions {
		rs.streams = append(rs.streams, &stream{db: db, input: dynamodb.QueryInput{
			TableName: &db.name, IndexName: aws.String(w.index.name),
			// BETWEEN includes high itself, which take leaves out.
			KeyConditionExpression:   aws.String("#hash = :hash AND #at BETWEEN :low AND :high"),
			ExpressionAttributeNames: map[string]string{"#hash": w.index.hash, "#at": "at"},
			ExpressionAttributeValues: map[string]types.AttributeValue{
				":hash": text(partition), ":low": text(low), ":high": text(high),
			},
			ScanIndexForward: aws.Bool(false), Limit: aws.Int32(int32(share)), //nolint:gosec // a page has at most 100 rows
		}})
	}
	rs.last = high
	err := each(ctx, len(rs.streams), func(ctx context.Context, i int) error { return rs.streams[i].fill(ctx) })
	return rs, err
}

// take returns the next n rows, fewer only at the end. Rows of the same moment
// are one: an order stands twice in a list of owner and enterer that are the same.
func (rs *rows) take(ctx context.Context, n int) ([]row, error) {
	var out []row
	for len(out) < n {
		var next *stream
		for _, s := range rs.streams {
			if err := s.fill(ctx); err != nil {
				return nil, err
			}
			if len(s.buffer) > 0 && (next == nil || s.buffer[0].at > next.buffer[0].at) {
				next = s
			}
		}
		if next == nil {
			break
		}
		r := next.buffer[0]
		next.buffer = next.buffer[1:]
		if r.at >= rs.last {
			continue
		}
		rs.last = r.at
		out = append(out, r)
	}
	return out, nil
}

// done reports whether nothing more will come.
func (rs *rows) done() bool {
	return !slices.ContainsFunc(rs.streams, func(s *stream) bool {
		return len(s.buffer) > 0 || !s.started || len(s.input.ExclusiveStartKey) > 0
	})
}

// fill reads the next page of the partition when the last one is used up.
func (s *stream) fill(ctx context.Context) error {
	for len(s.buffer) == 0 && (!s.started || len(s.input.ExclusiveStartKey) > 0) {
		out, err := s.db.client.Query(ctx, &s.input)
		if err != nil {
			return fmt.Errorf("list %s: %w", aws.ToString(s.input.IndexName), outage(err))
		}
		s.started, s.input.ExclusiveStartKey = true, out.LastEvaluatedKey
		for _, i := range out.Items {
			if at, ok := i["at"].(*types.AttributeValueMemberS); ok {
				s.buffer = append(s.buffer, row{keyOf(i), at.Value})
			}
		}
	}
	return nil
}

// under lists the items of one partition of the table whose sort key begins with a prefix, the last first.
func under[T any](ctx context.Context, db *DB, partition, prefix string, p Page, parse func(item) (T, error)) (Listing[T], error) {
	var out Listing[T]
	after, err := position(p.After)
	if err != nil {
		return out, err
	}
	high := prefix + "~"
	if after != "" {
		high = prefix + after
	}
	in := dynamodb.QueryInput{
		TableName: &db.name, ConsistentRead: aws.Bool(true),
		KeyConditionExpression:    aws.String("pk = :pk AND sk BETWEEN :low AND :high"),
		ExpressionAttributeValues: item{":pk": text(partition), ":low": text(prefix), ":high": text(high)},
		ScanIndexForward:          aws.Bool(false), Limit: aws.Int32(int32(p.Limit + 2)), //nolint:gosec // a page has at most 100 rows
	}
	got, err := db.client.Query(ctx, &in)
	if err != nil {
		return out, fmt.Errorf("list %s: %w", prefix, outage(err))
	}
	for _, i := range got.Items {
		sk := keyOf(i).sk
		if after != "" && sk == high {
			continue
		}
		if len(out.Items) == p.Limit {
			return out, nil
		}
		v, err := parse(i)
		if err != nil {
			return out, err
		}
		out.Items, out.Next = append(out.Items, v), cursor(sk[len(prefix):])
	}
	if len(got.LastEvaluatedKey) == 0 {
		out.Next = ""
	}
	return out, nil
}

// cursor makes a position opaque, so that clients keep their hands off it.
func cursor(at string) string { return base64.RawURLEncoding.EncodeToString([]byte(at)) }

func position(cursor string) (string, error) {
	if cursor == "" {
		return "", nil
	}
	at, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil || len(at) == 0 || len(at) > 64 || slices.ContainsFunc(at, func(b byte) bool { return b < '0' || b > 'Z' }) {
		return "", refusal.New(refusal.Malformed, "malformed", "The cursor is not one that a list gave.")
	}
	return string(at), nil
}
