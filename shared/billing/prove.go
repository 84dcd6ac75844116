package billing

import (
	"context"
	"fmt"
	"time"

	"waybill/shared/event"
	"waybill/shared/order"
	"waybill/shared/payment"
	"waybill/shared/refusal"
	"waybill/shared/table"
)

// A Drift is something of an order's money that its payments, or the ledger's
// entries, do not explain. Amounts are minor units of the order's currency.
type Drift struct {
	OrderID         string
	What            string // paid, refunded, …; or "paid in the ledger"
	Expected, Found int64
}

// Proven is what a stretch of the proof found: how many payments it looked at,
// what does not agree, and whether it came to the end of them.
type Proven struct {
	Payments int64
	Drift    []Drift
	Complete bool
}

// mostProven is how many payments one stretch looks at.
const mostProven = 2000

// Audit proves the orders of the next payments, from where the last stretch
// ended, until a moment at which no further page is begun; after the last
// payment it begins anew. What it finds is an event `money.drift`.
func (b *Books) Audit(ctx context.Context, until time.Time) (Proven, error) {
	var out Proven
	after, err := b.DB.MoneyProven(ctx)
	if err != nil {
		return out, err
	}
	seen := map[string]bool{}
	for out.Payments < mostProven && b.IDs.Now().Before(until) && !out.Complete {
		page, err := b.DB.Payments(ctx, table.PaymentFilter{}, table.Page{Limit: 100, After: after})
		if err != nil {
			return out, err
		}
		for _, p := range page.Items {
			if seen[p.OrderID] {
				continue
			}
			seen[p.OrderID] = true
			drift, err := b.Prove(ctx, p.OrderID)
			if err != nil {
				return out, err
			}
			out.Drift = append(out.Drift, drift...)
		}
		out.Payments += int64(len(page.Items))
		after, out.Complete = page.Next, page.Next == ""
	}
	return out, b.proven(ctx, out, after)
}

// proven keeps how far the proof came, and tells what it found.
func (b *Books) proven(ctx context.Context, found Proven, after string) error {
	now := b.IDs.Now()
	tx := &table.Tx{}
	tx.MoneyProvenTo(after)
	if len(found.Drift) > 0 {
		var drift []any
		for _, d := range found.Drift {
			drift = append(drift, map[string]any{"order": d.OrderID, "what": d.What, "expected": d.Expected, "found": d.Found})
		}
		id := b.IDs.IDAt(now)
		tx.Event(event.Event{
			ID: id, Subject: event.Subject{Kind: event.Proof, ID: id}, Seq: 1, Type: event.MoneyDrift, At: now, Actor: system.ID,
			Data: map[string]any{"drift": drift[:min(len(drift), 100)]},
		})
	}
	return b.DB.Commit(ctx, tx)
}

// Prove holds an order's sums against its payments, and both against the
// entries of its ledger. Reads are no snapshot: where the order changed
// meanwhile, it looks again.
func (b *Books) Prove(ctx context.Context, orderID string) ([]Drift, error) {
	for {
		o, a, err := b.DB.OrderAndAccount(ctx, orderID)
		if refusal.Is(err, "not_found") {
			return []Drift{{OrderID: orderID, What: "an order of its payments", Expected: 1}}, nil
		}
		if err != nil {
			return nil, err
		}
		entries, err := b.DB.Entries(ctx, orderID)
		if err != nil {
			return nil, err
		}
		drift := compare(o, a, entries)
		if len(drift) == 0 {
			return nil, nil
		}
		again, account, err := b.DB.OrderAndAccount(ctx, orderID)
		if err != nil || (again.Version == o.Version && account.Version == a.Version) {
			return drift, err
		}
	}
}

func compare(o order.Order, a payment.Account, entries []payment.Entry) []Drift {
	var drift []Drift
	agree := func(what string, expected, found int64) {
		if expected != found {
			drift = append(drift, Drift{o.ID, what, expected, found})
		}
	}
	s := a.Sums()
	agree("paid", s.Paid, o.Paid)
	agree("refunded", s.Refunded, o.Refunded)
	agree("authorized", s.Authorized, o.Authorized)
	agree("disputed", s.Disputed, o.Disputed)
	var in, back int64
	for i, e := range entries {
		agree(fmt.Sprintf("number of entry %d", i+1), int64(i+1), e.Number)
		if e.Kind == payment.In || e.Kind == payment.Mistake {
			in += e.Amount
		} else {
			back -= e.Amount
		}
	}
	agree("entries", a.Entries, int64(len(entries)))
	agree("paid in the ledger", s.Paid, in)
	agree("refunded in the ledger", s.Refunded, back)
	return drift
}
