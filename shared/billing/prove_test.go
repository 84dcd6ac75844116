package billing_test

import (
	"testing"
	"time"

	"waybill/shared/event"
	"waybill/shared/payment"
	"waybill/shared/table"
)

func TestMoneyThatItsLedgerDoesNotExplainIsNamed(t *testing.T) {
	t.Parallel()
	s := newShop(t, nil)
	sound, _ := s.paid(1)
	wrong, _ := s.paid(2)
	until := s.IDs.Now().Add(time.Hour)
	prove := func() []string {
		t.Helper()
		var said []string
		found, err := s.books.Audit(t.Context(), until)
		if err != nil || found.Payments != 2 || !found.Complete {
			t.Errorf("the proof: %+v, %v", found, err)
		}
		for _, d := range found.Drift {
			if d.OrderID != wrong.ID {
				t.Errorf("it names %+v", d)
			}
			said = append(said, d.What)
		}
		return said
	}
	if said := prove(); said != nil {
		t.Errorf("of what is sound it says %v", said)
	}
	// Somebody writes behind everybody's back: an order that forgot what came in.
	o, a := s.account(wrong.ID)
	next := o
	next.Paid, next.Version = 0, o.Version+1
	s.commit(func(tx *table.Tx) { tx.SaveOrder(next, o) })
	if said := prove(); len(said) != 1 || said[0] != "paid" {
		t.Errorf("of an order that forgot it says %v", said)
	}
	// And payments that no entry explains.
	forged := a.Clone()
	forged.Payments[0].Received += 5
	s.commit(func(tx *table.Tx) { tx.SaveAccount(wrong.ID, a, forged, s.IDs.Now()) })
	if said := prove(); len(said) != 2 || said[1] != "paid in the ledger" {
		t.Errorf("of payments that nobody made it says %v", said)
	}
	l, err := s.DB.Audit(t.Context(), table.AuditFilter{Type: event.MoneyDrift}, table.Page{Limit: 10})
	if err != nil || len(l.Items) != 2 {
		t.Errorf("events %v, %v", l.Items, err)
	}
	s.want(sound.ID, "confirmed paid", payment.Sums{Paid: 1000})
}
