package table_test

import (
	"fmt"
	"testing"

	"waybill/shared/stock"
	"waybill/shared/table"
)

func TestTransfersAndCountsAreReadBack(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	ctx := t.Context()
	for _, received := range []bool{true, false} {
		want := full[stock.TransferOrder](t)
		want.ID = s.ids.ID()
		if !received {
			want.Reference, want.Note, want.Reason, want.ReceivedBy, want.ReceivedAt = "", "", "", "", nil
		}
		s.commit(t, func(tx *table.Tx) { tx.NewTransfer(want) })
		got, err := s.Transfer(ctx, want.ID)
		wantSame(t, got, want, err)
	}
	for _, posted := range []bool{true, false} {
		want := full[stock.Count](t)
		want.ID = s.ids.ID()
		want.Lines[0].SKU, want.Lines[1].SKU = "A", "B"
		if !posted {
			want.Note, want.PostedBy, want.PostedAt, want.Lines[0].Movement = "", "", nil, ""
		}
		s.commit(t, func(tx *table.Tx) {
			tx.NewCount(want)
			for _, l := range want.Lines {
				tx.EnterLine(want, l)
			}
		})
		got, err := s.Count(ctx, want.ID)
		wantSame(t, got, want, err)
		part := want
		part.Lines = want.Lines[1:]
		got, err = s.CountLines(ctx, want.ID, []string{"B", "C"})
		wantSame(t, got, part, err)
	}
}

func TestALineIsBookedOnce(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	c := stock.Count{ID: s.ids.ID(), Version: 1, Status: stock.CountOpen, Location: "MAIN", OpenedAt: s.now(), UpdatedAt: s.now()}
	l := stock.CountLine{SKU: "MUG", Counted: 1, Expected: 2}
	s.commit(t, func(tx *table.Tx) {
		tx.NewCount(c)
		tx.EnterLine(c, l)
	})
	book := func(sku, movement string) error {
		tx := &table.Tx{}
		tx.BookLine(c, stock.CountLine{SKU: sku, Counted: 1, Expected: 2, Movement: movement})
		return s.Commit(t.Context(), tx)
	}
	if err := book("MUG", "M1"); err != nil {
		t.Fatal(err)
	}
	for i, err := range []error{book("MUG", "M2"), book("CUP", "M3")} {
		if codeOf(err) != "stale" {
			t.Errorf("%d: %v", i, err)
		}
	}
	got, err := s.Count(t.Context(), c.ID)
	if err != nil || fmt.Sprint(got.Lines) != "[{MUG 1 2 M1}]" {
		t.Errorf("lines %v, %v", got.Lines, err)
	}
}
