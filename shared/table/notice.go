package table

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"waybill/shared/access"
	"waybill/shared/deadletter"
	"waybill/shared/event"
	"waybill/shared/ident"
	"waybill/shared/notice"
	"waybill/shared/refusal"
)

type noticeRecord struct {
	PK       string            `dynamodbav:"pk"`
	SK       string            `dynamodbav:"sk"`
	At       string            `dynamodbav:"at,omitempty"`     // its place in the list that it is in
	Recent   string            `dynamodbav:"recent,omitempty"` // which is none for what is over
	Kind     event.Kind        `dynamodbav:"kind"`
	Subject  string            `dynamodbav:"subject"`
	Event    string            `dynamodbav:"event"`
	Seq      int64             `dynamodbav:"seq"`
	Type     event.Type        `dynamodbav:"type"`
	Words    string            `dynamodbav:"words"`
	Channel  notice.Channel    `dynamodbav:"channel"`
	To       string            `dynamodbav:"to,omitempty"`
	Audience notice.Audience   `dynamodbav:"audience"`
	Language string            `dynamodbav:"language,omitempty"`
	Status   notice.Status     `dynamodbav:"status"`
	Reason   string            `dynamodbav:"reason,omitempty"`
	Attempts int64             `dynamodbav:"attempts,omitempty"`
	Parts    int64             `dynamodbav:"parts,omitempty"`
	Title    map[string]string `dynamodbav:"title,omitempty"`
	Text     map[string]string `dynamodbav:"text,omitempty"`
	Happened int64             `dynamodbav:"happened"`
	DueAt    int64             `dynamodbav:"due_at,omitempty"`
	SentAt   int64             `dynamodbav:"sent_at,omitempty"`
	Claim    string            `dynamodbav:"claim,omitempty"`
	Counted  string            `dynamodbav:"counted,omitempty"`
	AskedAt  int64             `dynamodbav:"asked_at,omitempty"`
	Place    string            `dynamodbav:"place,omitempty"`
	Version  int64             `dynamodbav:"version"`
}

// ErrNoticeTaken says that somebody else made a notification, or took it to send it.
var ErrNoticeTaken = refusal.New(refusal.Stale, "stale", "Somebody else has just seen to this notification; look at it again.")

// SaveNotice adds a notification that has the version was, or is new if that is
// 0: of those who would send one, one can. Its refusal is ErrNoticeTaken.
func (tx *Tx) SaveNotice(n notice.Notice, was int64) {
	n.Version = was + 1
	condition, values := "version = :was", item{":was": number(was)}
	if was == 0 {
		condition, values = "attribute_not_exists(pk)", nil
	}
	tx.put(recordOfNotice(n), condition, values, func(item) error { return ErrNoticeTaken })
}

// RetryNotice adds that a person has a notification sent once more, now. The
// function notify finds it as due.
func (tx *Tx) RetryNotice(n notice.Notice, now time.Time) {
	was := n.Version
	if err := n.Again(now); err != nil {
		tx.never(err)
		return
	}
	tx.SaveNotice(n, was)
}

// DiscardNotice adds that a person gave a notification up.
func (tx *Tx) DiscardNotice(n notice.Notice) {
	was := n.Version
	if err := n.Discard(); err != nil {
		tx.never(err)
		return
	}
	tx.SaveNotice(n, was)
}

// NoticeItem is the item that a notification is, as a dead letter names it.
func NoticeItem(n notice.Notice) deadletter.Item {
	k := noticeKey(n.Subject, n.ID)
	return deadletter.Item{PK: k.pk, SK: k.sk}
}

// NoticeOf reads the notification that an item is.
func (db *DB) NoticeOf(ctx context.Context, i deadletter.Item) (notice.Notice, error) {
	found, err := db.get(ctx, key{i.PK, i.SK})
	if err != nil {
		return notice.Notice{}, err
	}
	if found == nil || !strings.HasPrefix(i.SK, noticePrefix) {
		return notice.Notice{}, refusal.Missing("notification", strings.TrimPrefix(i.SK, noticePrefix))
	}
	return noticeOf(found)
}

// Noticed reads those of a subject's notifications that are there, by their ids.
func (db *DB) Noticed(ctx context.Context, s event.Subject, ids []string) (map[string]notice.Notice, error) {
	return byID(ctx, db, ids, func(id string) key { return noticeKey(s, id) }, noticeOf)
}

// OrderNotices lists the messages that an order's events gave rise to, newest
// first. A page may hold fewer than its limit though more follow.
func (db *DB) OrderNotices(ctx context.Context, orderID string, p Page) (Listing[notice.Notice], error) {
	l, err := under(ctx, db, orderKey(orderID).pk, noticePrefix, p, noticeOf)
	l.Items = slices.DeleteFunc(l.Items, func(n notice.Notice) bool { return n.Channel == notice.App })
	return l, err
}

// NoticesDue reads the notifications that are to be tried at a moment, those
// that were due first: at most limit rows after one. last is where to go on, ""
// when there are no more.
func (db *DB) NoticesDue(ctx context.Context, after string, at time.Time, limit int) (due []notice.Notice, last string, err error) {
	return db.notices(ctx, noticesDueList, after, at.Add(time.Millisecond), limit, func(n notice.Notice) bool {
		return n.Status == notice.Waiting && n.DueAt != nil && !n.DueAt.After(at)
	})
}

// NoticesUnanswered reads those that were handed over before a moment, and of
// which nobody heard since. The rest is as with NoticesDue.
func (db *DB) NoticesUnanswered(ctx context.Context, after string, before time.Time, limit int) (lost []notice.Notice, last string, err error) {
	return db.notices(ctx, noticesSentList, after, before, limit, func(n notice.Notice) bool {
		return n.Status == notice.Sending && earlier(n.Claim, before)
	})
}

// notices reads a list by the moments that it is sorted by, the oldest first.
// The index says where to look, and the items, read strongly, what is true.
func (db *DB) notices(ctx context.Context, list, after string, till time.Time, limit int, passes func(notice.Notice) bool) ([]notice.Notice, string, error) {
	rows := make([][]row, shards)
	low, high := max(after, "0"), ident.First(till)
	if low >= high {
		return nil, "", nil
	}
	err := each(ctx, shards, func(ctx context.Context, n int) error {
		out, err := db.client.Query(ctx, &dynamodb.QueryInput{
			TableName: &db.name, IndexName: aws.String(recentIndex.name),
			KeyConditionExpression:    aws.String("#hash = :hash AND #at BETWEEN :low AND :high"),
			ExpressionAttributeNames:  map[string]string{"#hash": recentIndex.hash, "#at": "at"},
			ExpressionAttributeValues: item{":hash": text(shard(list, n)), ":low": text(low), ":high": text(high)},
			Limit:                     aws.Int32(int32(limit + 1)), //nolint:gosec // a page has at most 100 rows
		})
		if err != nil {
			return fmt.Errorf("read the notifications of %s: %w", list, outage(err))
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
	last := ""
	if len(all) > limit {
		all = all[:limit]
		last = all[limit-1].at
	}
	keys := make([]key, len(all))
	for n, r := range all {
		keys[n] = r.key
	}
	found, err := db.getAll(ctx, keys)
	if err != nil {
		return nil, after, err
	}
	var out []notice.Notice
	for _, k := range keys {
		i, ok := found[k]
		if !ok {
			continue
		}
		n, err := noticeOf(i)
		if err == nil && passes(n) { // one that can't be read is not to hold up the others
			out = append(out, n)
		}
	}
	return out, last, nil
}

// A CapReached says that a recipient got as much on a day as the settings allow.
type CapReached struct{ Most int64 }

func (c *CapReached) Error() string { return fmt.Sprintf("the recipient has got %d today", c.Most) }

// capLife is how long it is remembered what somebody got on a day.
const capLife = 7 * 24 * time.Hour

// CountTold counts one message to a recipient by a channel on a day, of which
// there may be so many. Its refusal is *CapReached.
func (tx *Tx) CountTold(ch notice.Channel, to, day string, most int64, now time.Time) {
	refused := func(item) error { return &CapReached{most} }
	if most <= 0 {
		tx.never(refused(nil))
		return
	}
	tx.update(capKey(string(ch), digest(strings.ToLower(to)), day), "SET expires = :expires ADD told :one", "attribute_not_exists(told) OR told < :most",
		item{":expires": number(now.Add(capLife).Unix()), ":one": number(1), ":most": number(most)}, refused)
}

// UncountTold takes that back: the message did not go out. It must be counted
// and must be saved in the same transaction.
func (tx *Tx) UncountTold(ch notice.Channel, to, day string, now time.Time) {
	tx.update(capKey(string(ch), digest(strings.ToLower(to)), day), "SET expires = :expires ADD told :back", "",
		item{":expires": number(now.Add(capLife).Unix()), ":back": number(-1)}, nil)
}

// Told reads how many messages a recipient got by a channel on a day.
func (db *DB) Told(ctx context.Context, ch notice.Channel, to, day string) (int64, error) {
	i, err := db.get(ctx, capKey(string(ch), digest(strings.ToLower(to)), day))
	return attribute(i, "told"), err
}

// digest is the SHA-256 of s in hexadecimal digits, for keys that name nobody.
func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

// NoticeFeed lists what somebody is told in the app, by when it came there, newest first.
func (db *DB) NoticeFeed(ctx context.Context, p access.Principal, page Page) (Listing[notice.Notice], error) {
	w := walk{index: recentIndex, partitions: feeds(p)}
	return list(ctx, db, w, page, itself, noticeOf, func(n notice.Notice) bool { return n.Status == notice.Sent })
}

// mostUnread is how far unread lines are counted.
const mostUnread = 100

// Unread counts the lines of somebody's feed that they have not read, up to 100.
func (db *DB) Unread(ctx context.Context, p access.Principal, r notice.Reading) (int64, error) {
	w := walk{index: recentIndex, partitions: feeds(p)}
	if at, err := timeOf(r.UpTo); err == nil {
		w.from = at
	}
	rows, err := db.open(ctx, w, "", mostUnread)
	if err != nil {
		return 0, err
	}
	for n := int64(0); ; {
		some, err := rows.take(ctx, mostUnread)
		if err != nil || len(some) == 0 {
			return n, err
		}
		for _, row := range some {
			if !r.Has(row.at) {
				n++
			}
			if n == mostUnread {
				return n, nil
			}
		}
	}
}

// feeds are the partitions of what somebody is told: in their roles, and by themselves.
func feeds(p access.Principal) []string {
	lists := []string{feedOfPerson(p.ID)}
	for _, r := range p.Roles {
		if l := feedOfRole(r); !slices.Contains(lists, l) {
			lists = append(lists, l)
		}
	}
	return allShards(lists...)
}

func recordOfNotice(n notice.Notice) noticeRecord {
	k := noticeKey(n.Subject, n.ID)
	r := noticeRecord{
		PK: k.pk, SK: k.sk, Kind: n.Subject.Kind, Subject: n.Subject.ID, Event: n.Event, Seq: n.Seq, Type: n.Type, Words: n.Words,
		Channel: n.Channel, To: n.To, Audience: n.Audience, Language: n.Language, Status: n.Status, Reason: n.Reason, Attempts: n.Attempts,
		Parts: n.Parts, Title: n.Title, Text: n.Text, Happened: n.At.UnixMilli(), DueAt: optional(n.DueAt), SentAt: optional(n.SentAt),
		Claim: n.Claim, Counted: n.Counted, AskedAt: optional(n.AskedAt), Place: n.Place, Version: n.Version,
	}
	switch {
	case n.Status == notice.Waiting && n.DueAt != nil:
		r.Recent, r.At = sharded(noticesDueList, n.ID), ident.Derived(*n.DueAt, n.ID)
	case n.Status == notice.Sending:
		r.Recent, r.At = sharded(noticesSentList, n.ID), n.Claim
	case n.Status == notice.Sent && n.Channel == notice.App:
		feed := feedOfRole(access.Role(n.To))
		if n.Audience == notice.Owner {
			feed = feedOfPerson(n.To)
		}
		r.Recent, r.At = sharded(feed, n.ID), n.Place
	}
	return r
}

func noticeOf(i item) (notice.Notice, error) {
	r, err := decode[noticeRecord](i)
	return notice.Notice{
		ID: strings.TrimPrefix(r.SK, noticePrefix), Subject: event.Subject{Kind: r.Kind, ID: r.Subject}, Event: r.Event, Seq: r.Seq, Type: r.Type,
		Words: r.Words, Channel: r.Channel, To: r.To, Audience: r.Audience, Language: r.Language, Status: r.Status, Reason: r.Reason,
		Attempts: r.Attempts, Parts: r.Parts, Title: r.Title, Text: r.Text, At: moment(r.Happened), DueAt: momentIf(r.DueAt), SentAt: momentIf(r.SentAt),
		Claim: r.Claim, Counted: r.Counted, AskedAt: momentIf(r.AskedAt), Place: r.Place, Version: r.Version,
	}, err
}
