package warehouse

import (
	"context"
	"time"

	"waybill/shared/event"
	"waybill/shared/table"
)

// Tend is what an audit does for each SKU that it passes; free says whether
// any of its units are. What fails is the tender's own business: it does not
// stop the proof.
type Tend func(ctx context.Context, sku string, free bool)

func (t Tend) all(ctx context.Context, skus []string, free map[string]bool) error {
	if t == nil {
		return nil
	}
	return table.Each(ctx, len(skus), func(ctx context.Context, i int) error {
		t(ctx, skus[i], free[skus[i]])
		return ctx.Err()
	})
}

// Audit is the run of the proof that was due at a moment. It goes on with an
// unfinished run or starts one, tends every SKU it passes, stores how far it
// came after every page of SKUs, and returns when the run is complete or the
// moment until has come.
//
// A run that is complete has one event, in the transaction that completed it.
// Where a run was completed since the moment it was due, nothing is left to do:
// the call is a repetition, and gets that run. One that somebody else took part
// in, who did not tend, is followed by another.
func (f *Floor) Audit(ctx context.Context, due, until time.Time, tend Tend) (Proof, error) {
	last, err := f.lastProof(ctx)
	if err != nil || last.Complete && !last.At.Before(due) && !last.Untended {
		return last, err
	}
	return f.goOn(ctx, until, tend)
}

// mostTold is how many drifts the event of a run names.
const mostTold = 20

// proofEvent is what a complete run found. What goods are worth is not told:
// whoever may read events need not see costs.
func (f *Floor) proofEvent(run Proof) event.Event {
	kind, told := event.StockProven, []any{}
	if len(run.Drift) > 0 {
		kind = event.StockDrift
	}
	for _, d := range run.Drift[:min(len(run.Drift), mostTold)] {
		one := map[string]any{"field": d.Field}
		for name, text := range map[string]string{"sku": d.SKU, "location": d.Location, "order": d.Order} {
			if text != "" {
				one[name] = text
			}
		}
		if d.Field != "value" && d.Field != "order" {
			one["expected"], one["found"] = d.Expected, d.Found
		}
		told = append(told, one)
	}
	return event.Event{
		ID: f.IDs.IDAt(run.At), Subject: event.Subject{Kind: event.Stock, ID: "proof"}, Seq: run.Run,
		Type: kind, At: run.At, Actor: Watcher,
		Data: map[string]any{
			"checked": run.Checked, "orders": run.Orders, "drifts": int64(len(run.Drift)),
			"unsettled": run.Unsettled, "drift": told,
		},
	}
}
