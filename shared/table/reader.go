package table

import (
	"context"

	"waybill/shared/notice"
)

type readerRecord struct {
	PK      string   `dynamodbav:"pk"`
	SK      string   `dynamodbav:"sk"`
	UpTo    string   `dynamodbav:"up_to,omitempty"`
	Single  []string `dynamodbav:"single,omitempty"`
	Version int64    `dynamodbav:"version"`
}

// Reading reads what somebody has read of the feed in the app.
func (db *DB) Reading(ctx context.Context, principal string) (notice.Reading, error) {
	i, err := db.get(ctx, readerKey(principal))
	if err != nil || i == nil {
		return notice.Reading{}, err
	}
	r, err := decode[readerRecord](i)
	return notice.Reading{UpTo: r.UpTo, Single: r.Single, Version: r.Version}, err
}

// SaveReading adds what somebody has read, which must still have the version was.
func (tx *Tx) SaveReading(principal string, r notice.Reading, was int64) {
	k := readerKey(principal)
	record := readerRecord{PK: k.pk, SK: k.sk, UpTo: r.UpTo, Single: r.Single, Version: was + 1}
	if was == 0 {
		tx.create(record, func(item) error { return stale("what was read by", principal) })
		return
	}
	tx.replace(record, was, "what was read by", principal)
}
