package invoicing_test

import (
	"sync"
	"testing"
	"time"

	"waybill/shared/event"
	"waybill/shared/order"
	"waybill/shared/ordering"
	"waybill/shared/table"
)

// reminded are the reminders among an order's events.
func (f office) reminded(orderID string) map[event.Type]int {
	f.t.Helper()
	l, err := f.DB.Timeline(f.t.Context(), orderID, table.Page{Limit: 100})
	if err != nil {
		f.t.Fatal(err)
	}
	out := map[event.Type]int{}
	for _, e := range l.Items {
		if e.Type == event.InvoiceDueSoon || e.Type == event.InvoiceOverdue {
			out[e.Type]++
			if e.Data["invoice"] == "" || e.Data["invoice_number"] == "" || e.Data["amount"] == nil || e.Data["due_at"] == nil {
				f.t.Errorf("the reminder says %v", e.Data)
			}
		}
	}
	return out
}

func (f office) remind() {
	f.t.Helper()
	if _, err := f.Remind(f.t.Context(), f.clock.now().Add(time.Minute)); err != nil {
		f.t.Fatal(err)
	}
}

func (f office) wantReminded(o order.Order, soon, late int) {
	f.t.Helper()
	if got := f.reminded(o.ID); got[event.InvoiceDueSoon] != soon || got[event.InvoiceOverdue] != late {
		f.t.Errorf("at %s the customer was reminded %v, want %d times before and %d after", f.clock.now(), got, soon, late)
	}
}

func TestAnInvoiceIsRemindedOfOnceBeforeAndOnceAfterItIsDue(t *testing.T) {
	t.Parallel()
	f := newOffice(t)
	o := f.place(2, nil)
	f.issue(o.ID, 0) // due at the end of 23 December
	for _, c := range []struct {
		at         string
		soon, late int
	}{
		{"2026-12-01T09:00:00Z", 0, 0}, {"2026-12-20T23:00:00Z", 0, 0}, {"2026-12-21T00:00:00Z", 1, 0}, {"2026-12-21T01:00:00Z", 1, 0},
		{"2026-12-23T23:00:00Z", 1, 0}, {"2026-12-24T00:00:00Z", 1, 1}, {"2026-12-24T01:00:00Z", 1, 1}, {"2027-01-24T01:00:00Z", 1, 1},
	} {
		f.clock.set(t, c.at)
		f.remind()
		f.wantReminded(o, c.soon, c.late)
	}
}

func TestRemindersAtTheSameTimeAreOne(t *testing.T) {
	t.Parallel()
	f := newOffice(t)
	o := f.place(2, nil)
	f.issue(o.ID, 0)
	f.remind() // what is older than the first look by a day is left alone
	f.clock.set(t, "2026-12-22T00:00:00Z")
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(f.remind)
	}
	wg.Wait()
	f.wantReminded(o, 1, 0)
}

func TestNobodyIsRemindedOfWhatIsPaidOrJustInvoiced(t *testing.T) {
	t.Parallel()
	f := newOffice(t)
	paid := f.place(2, nil)
	f.issue(paid.ID, 0)
	f.pay(paid.ID, paid.Totals.Total)
	short := f.place(1, func(n *ordering.New) {
		terms := order.Order{}.Terms
		terms.Kind, terms.Days = "net", 2
		n.Terms = &terms
	})
	f.issue(short.ID, 0)
	f.clock.set(t, "2026-11-24T09:00:00Z")
	f.remind()
	f.wantReminded(short, 0, 0)
	f.clock.set(t, "2026-12-25T09:00:00Z")
	f.remind()
	f.wantReminded(short, 0, 1)
	f.wantReminded(paid, 0, 0)
	f.pay(paid.ID, 0) // its money went back
	f.remind()
	f.wantReminded(paid, 0, 0)
	f.clock.set(t, "2026-12-26T00:10:00Z")
	f.remind()
	f.wantReminded(paid, 0, 1)
}

func TestARestoredTableRemindsNobodyOfWhatWasDueBefore(t *testing.T) {
	t.Parallel()
	f := newOffice(t)
	o := f.place(2, nil)
	f.issue(o.ID, 0)
	f.clock.set(t, "2026-12-22T00:00:00Z")
	if err := f.DB.Restored(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.clock.set(t, "2026-12-22T01:00:00Z")
	f.remind()
	f.wantReminded(o, 0, 0)
	f.clock.set(t, "2026-12-24T01:00:00Z")
	f.remind()
	f.wantReminded(o, 0, 1)
}

func TestWhatATimeWasTooShortForIsRemindedOfNext(t *testing.T) {
	t.Parallel()
	f := newOffice(t)
	o := f.place(2, nil)
	f.issue(o.ID, 0)
	f.clock.set(t, "2026-12-24T01:00:00Z")
	if _, err := f.Remind(t.Context(), f.clock.now()); err == nil {
		t.Error("a run without time says that it is done")
	}
	f.wantReminded(o, 0, 0)
	f.remind()
	f.wantReminded(o, 0, 1)
}
