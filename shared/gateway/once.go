package gateway

import (
	"context"
	"errors"
	"time"

	"waybill/shared/refusal"
	"waybill/shared/table"
)

// Once runs a mutation that keeps mark in its transaction, and makes it safe to
// retry: when an earlier attempt did the work, it answers with what that made,
// as load reads it now, and replayed is true.
//
// A refusal may be the echo of the caller's own earlier success (the stock it
// took, the version it raised), so the mark is looked up before a refusal is believed.
func Once[T any](ctx context.Context, e Edge, mark *table.Mark, do func() (T, error), load func(ref string) (T, error)) (v T, replayed bool, err error) {
	v, err = do()
	if err == nil || mark == nil {
		return v, false, err
	}
	var before *table.Replay
	if !errors.As(err, &before) {
		if errors.Is(err, table.ErrKeyReused) {
			return v, false, err
		}
		var refused *refusal.Error
		if errors.As(err, &refused) && refused.Kind == refusal.Unavailable {
			return v, false, err
		}
		remembered := e.Records.Remembered(ctx, mark)
		if remembered == nil {
			return v, false, err
		}
		if !errors.As(remembered, &before) {
			return v, false, remembered
		}
	}
	v, err = load(before.Ref)
	return v, true, err
}

// Leased runs work of several steps under a lease of its mark, and keeps its
// result for retries; replayed is true when that is what it answers. Without a
// mark it just runs. Work that fails gives the lease back, for a retry to resume.
func Leased(ctx context.Context, e Edge, mark *table.Mark, work func() ([]byte, error)) (result []byte, replayed bool, err error) {
	if mark == nil {
		result, err = work()
		return result, false, err
	}
	lease, result, err := e.Records.Lease(ctx, mark)
	if err != nil || lease == nil {
		return result, err == nil, err
	}
	if result, err = work(); err == nil {
		return result, false, e.Records.Finish(ctx, lease, result)
	}
	// The request's own time may be what ran out.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), giveBackTime)
	defer cancel()
	return nil, false, errors.Join(err, e.Records.GiveBack(ctx, lease))
}

const giveBackTime = 2 * time.Second
