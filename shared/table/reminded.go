package table

import (
	"context"
	"time"

	"waybill/shared/invoice"
)

// BillsDue reads every invoice of which something is open and that is due from
// one moment until before another, in no particular order.
func (db *DB) BillsDue(ctx context.Context, from, till, now time.Time) ([]invoice.Bill, error) {
	rows, err := db.open(ctx, walk{index: recentIndex, partitions: allShards(receivablesList), from: from, till: till}, "", mostKeys)
	if err != nil {
		return nil, err
	}
	var out []invoice.Bill
	for {
		chunk, err := rows.take(ctx, mostKeys)
		if err != nil || len(chunk) == 0 {
			return out, err
		}
		found, err := db.standing(ctx, chunk, now)
		if err != nil {
			return nil, err
		}
		for _, s := range found {
			if s.Open > 0 {
				out = append(out, s.Bill)
			}
		}
	}
}

type remindedRecord struct {
	PK    string `dynamodbav:"pk"`
	SK    string `dynamodbav:"sk"`
	Until int64  `dynamodbav:"until"`
}

// RemindedUntil is the moment until which reminders were looked for; zero at the beginning.
func (db *DB) RemindedUntil(ctx context.Context) (time.Time, error) {
	i, err := db.get(ctx, remindedKey())
	if err != nil || i == nil {
		return time.Time{}, err
	}
	r, err := decode[remindedRecord](i)
	return moment(r.Until), err
}

// RemindUntil adds that moment. Of two that look at once either may win: what
// is looked at twice is told once.
func (tx *Tx) RemindUntil(at time.Time) {
	k := remindedKey()
	tx.put(remindedRecord{PK: k.pk, SK: k.sk, Until: at.UnixMilli()}, "", nil, nil)
}
