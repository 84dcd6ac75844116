package table

import (
	"context"
	"errors"

	"waybill/shared/refusal"
	"waybill/shared/stock"
)

// Settle plans a fact and commits it until it is done, refused for good, or
// out of time. A plan that failed for reasons which a second look may mend — a
// location ran short, a row changed, a number was taken — is made again from
// fresh reads; what the plan itself refuses is final. Of a failed commit,
// *Replay, ErrKeyReused and ErrHeard come first: the fact was there before.
func (db *DB) Settle(ctx context.Context, plan func(context.Context) (*Tx, error)) error {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, commitLimit)
		defer cancel()
	}
	for try := 1; ; try++ {
		tx, err := plan(ctx)
		if err != nil {
			return err
		}
		if err = db.Commit(ctx, tx); err == nil {
			return nil
		}
		if final := verdict(err); final != nil {
			return final
		}
		// Somebody else got on. Losers that come back all at once would meet again:
		// the more who draw one number, the further apart.
		wait := backoff(try)
		if drawn := (*NumberDrawn)(nil); errors.As(err, &drawn) {
			wait = spread(try)
		}
		if db.pause(ctx, wait) != nil {
			return busy()
		}
	}
}

// verdict returns what a failed commit means for the caller, or nil when a new plan may help.
func verdict(err error) error {
	var refused *Refused
	if !errors.As(err, &refused) {
		return err
	}
	mendable, stale, overdrawn := true, false, false
	for _, e := range refused.Errs {
		var replay *Replay
		if errors.As(e, &replay) || errors.Is(e, ErrKeyReused) || errors.Is(e, ErrHeard) {
			return e
		}
		var short *stock.Shortage
		var taken *NumberTaken
		var moved *Moved
		var drawn *NumberDrawn
		var over *Overdrawn
		switch {
		case refusal.Is(e, "stale"):
			stale = true
		case errors.As(e, &over):
			overdrawn = true
		case errors.As(e, &short), errors.As(e, &taken), errors.As(e, &moved), errors.As(e, &drawn):
		default:
			mendable = false
		}
	}
	// What is given back twice was given back by whoever changed the row; by itself it is a drift.
	if mendable && (stale || !overdrawn) {
		return nil
	}
	return err
}
