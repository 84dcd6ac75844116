package table_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"waybill/infra/dynamolocal"
	"waybill/infra/fault"
	"waybill/shared/event"
	"waybill/shared/refusal"
	"waybill/shared/stock"
	"waybill/shared/table"
)

func TestEveryFailedConditionIsReportedInOrder(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	o, mug := s.entered("SO-1"), s.mug()
	created := event.Event{ID: s.ids.ID(), Subject: event.Subject{Kind: event.Order, ID: o.ID}, Seq: 1, Type: event.OrderCreated, Actor: "ann"}
	mark := &table.Mark{Principal: "ann", Operation: "placeOrder", Key: "k", Hash: "h"}
	s.receive(t, "MUG", 1)
	s.receive(t, "CUP", 9)
	s.commit(t, func(tx *table.Tx) {
		tx.NewProduct(mug)
		tx.NewOrder(o)
		tx.Event(created)
		tx.Mark(mark, o.ID, s.now())
	})

	other := s.entered("SO-1") // its number is taken
	stale := o
	stale.Version = 7
	tx := &table.Tx{}
	tx.NewProduct(mug)
	tx.Reserve(at("MUG"), 3)
	tx.Reserve(at("CUP"), 2) // could be had
	tx.Reserve(at("POT"), 4) // never moved
	tx.NewOrder(other)
	tx.SaveOrder(stale, stale)
	tx.Event(created)
	tx.Mark(mark, other.ID, s.now())
	err := s.Commit(t.Context(), tx)

	var refused *table.Refused
	if !errors.As(err, &refused) || len(refused.Errs) != 7 {
		t.Fatalf("refused: %v", err)
	}
	var short, none *stock.Shortage
	var taken *table.NumberTaken
	var replay *table.Replay
	for i, ok := range []bool{
		codeOf(refused.Errs[0]) == "exists",
		errors.As(refused.Errs[1], &short) && *short == stock.Shortage{SKU: "MUG", Wanted: 3, Available: 1},
		errors.As(refused.Errs[2], &none) && *none == stock.Shortage{SKU: "POT", Wanted: 4},
		errors.As(refused.Errs[3], &taken) && taken.Number == "SO-1",
		codeOf(refused.Errs[4]) == "stale",
		codeOf(refused.Errs[5]) == "stale",
		errors.As(refused.Errs[6], &replay) && replay.Ref == o.ID,
	} {
		if !ok {
			t.Errorf("refusal %d is %v", i, refused.Errs[i])
		}
	}
	s.wantReserved(t, "CUP", 0)
	if _, err := s.Order(t.Context(), other.ID); codeOf(err) != "not_found" {
		t.Errorf("the refused order: %v", err)
	}
}

func TestConflictsAndThrottlesAreTriedAgain(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	s.receive(t, "MUG", 5)
	tries := 0
	db := s.faulty(t, func(n int) fault.Mode {
		tries = n
		return [...]fault.Mode{fault.Conflict, fault.Throttle, fault.Conflict, fault.None}[n-1]
	})
	tx := &table.Tx{}
	tx.Reserve(at("MUG"), 2)
	if err := db.Commit(t.Context(), tx); err != nil || tries != 4 {
		t.Errorf("after %d tries: %v", tries, err)
	}
	s.wantReserved(t, "MUG", 2)
}

func TestConflictsUntilTheEndOfTimeAreBusy(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	s.receive(t, "MUG", 5)
	ctx, cancel := context.WithCancel(t.Context())
	db := s.faulty(t, func(n int) fault.Mode {
		if n == 5 {
			cancel()
		}
		return fault.Conflict
	})
	tx := &table.Tx{}
	tx.Reserve(at("MUG"), 2)
	if err := db.Commit(ctx, tx); codeOf(err) != "busy" {
		t.Errorf("got %v, want busy", err)
	}
	s.wantReserved(t, "MUG", 0)
}

func TestAFailedConditionBesideAConflictIsFinal(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	answer := cancelled("TransactionConflict", "ConditionalCheckFailed")
	tx := &table.Tx{}
	tx.Reserve(at("MUG"), 1)
	tx.Reserve(at("CUP"), 2)
	err := s.over(t, answer).Commit(t.Context(), tx)
	var refused *table.Refused
	var short *stock.Shortage
	if !errors.As(err, &refused) || len(refused.Errs) != 1 || !errors.As(err, &short) || short.SKU != "CUP" {
		t.Errorf("got %v, want CUP short", err)
	}
	if answer.calls != 1 {
		t.Errorf("%d tries, want 1", answer.calls)
	}
}

func TestOtherReasonsOfACancellationAreNoRefusals(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	for _, codes := range [][]string{{"ValidationError"}, {"None"}, {"None", "ConditionalCheckFailed"}} {
		tx := &table.Tx{}
		tx.Reserve(at("MUG"), 1)
		answer := cancelled(codes...)
		err := s.over(t, answer).Commit(t.Context(), tx)
		var refused *table.Refused
		if err == nil || errors.As(err, &refused) || codeOf(err) != "" || answer.calls != 1 {
			t.Errorf("%v: %v after %d calls", codes, err, answer.calls)
		}
	}
}

// forgetful loses the reply of the first transaction, after it landed.
type forgetful struct{ calls int }

func (f *forgetful) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := dynamolocal.NewTransport().RoundTrip(r)
	if f.calls++; f.calls == 1 && err == nil {
		resp.Body.Close()
		return nil, fault.ErrBroken
	}
	return resp, err
}

func TestALostReplyCountsOnce(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	s.receive(t, "MUG", 5)
	lossy := &forgetful{}
	tx := &table.Tx{}
	tx.Reserve(at("MUG"), 2)
	if err := s.over(t, lossy).Commit(t.Context(), tx); err != nil || lossy.calls != 2 {
		t.Errorf("after %d calls: %v", lossy.calls, err)
	}
	s.wantReserved(t, "MUG", 2)
}

func TestAnUnknownOutcomeIsUnavailable(t *testing.T) {
	t.Parallel()
	for mode, landed := range map[fault.Mode]int64{fault.Lost: 0, fault.Unanswered: 2, fault.Dead: 0} {
		t.Run(mode.String(), func(t *testing.T) {
			t.Parallel()
			s := newStore(t)
			s.receive(t, "MUG", 5)
			tx := &table.Tx{}
			tx.Reserve(at("MUG"), 2)
			db := s.faulty(t, func(int) fault.Mode { return mode })
			if err := db.Commit(t.Context(), tx); !unavailable(err) || !errors.Is(err, fault.ErrBroken) {
				t.Errorf("got %v, want unavailable because the connection broke", err)
			}
			s.wantReserved(t, "MUG", landed)
		})
	}
}

func TestWhatATransactionCannotHoldIsNotSent(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	noted := func(tx *table.Tx, number string, bytes int) {
		o := s.entered(number)
		o.Note = strings.Repeat("x", bytes)
		tx.NewOrder(o)
	}
	for name, c := range map[string]struct {
		compose func(*table.Tx)
		code    string
	}{
		"101 actions": {func(tx *table.Tx) {
			for i := range 101 {
				tx.Reserve(at(fmt.Sprint("S", i)), 1)
			}
		}, "too_many_items"},
		"an item above 400 KB": {func(tx *table.Tx) { noted(tx, "SO-1", 400<<10) }, "too_many_items"},
		"4 MB together": {func(tx *table.Tx) {
			for i := range 11 {
				noted(tx, fmt.Sprint("SO-", i), 390<<10)
			}
		}, "too_many_items"},
		// A mistake in the program, not in a request.
		"two actions on one item": {func(tx *table.Tx) {
			tx.Reserve(at("MUG"), 1)
			tx.Reserve(at("CUP"), 1)
			tx.Move(stock.Change{Place: at("MUG"), OnHand: 1}, 0, nil)
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tx := &table.Tx{}
			c.compose(tx)
			sent := &answering{}
			if err := s.over(t, sent).Commit(t.Context(), tx); err == nil || codeOf(err) != c.code {
				t.Errorf("got %v, want code %q", err, c.code)
			}
			if sent.calls != 0 {
				t.Errorf("%d calls were sent", sent.calls)
			}
		})
	}
}

func TestATransactionHoldsAHundredActions(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	s.commit(t, func(tx *table.Tx) {
		for i := range 100 {
			tx.Move(stock.Change{Place: at(fmt.Sprint("S", i)), OnHand: 1}, 0, nil)
		}
		if tx.Size() != 100 {
			t.Errorf("size %d", tx.Size())
		}
	})
	if n := s.stock(t, "S99").OnHand; n != 1 {
		t.Errorf("%d on hand", n)
	}
}

func TestAPlanIsMadeAgainWhileThatMayHelp(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	s.receive(t, "MUG", 1)
	plans := 0
	err := s.Settle(t.Context(), func(context.Context) (*table.Tx, error) {
		if plans++; plans == 3 {
			s.receive(t, "MUG", 1)
		}
		tx := &table.Tx{}
		tx.Reserve(at("MUG"), 2)
		return tx, nil
	})
	if err != nil || plans != 3 {
		t.Errorf("after %d plans: %v", plans, err)
	}
	s.wantReserved(t, "MUG", 2)
}

func TestWhatAPlanRefusesIsFinal(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	plans := 0
	no := refusal.New(refusal.Conflict, "insufficient_stock", "None.")
	err := s.Settle(t.Context(), func(context.Context) (*table.Tx, error) { plans++; return nil, no })
	if !errors.Is(err, no) || plans != 1 {
		t.Errorf("after %d plans: %v", plans, err)
	}
}

func TestAPlanThatNeverSucceedsIsBusy(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	plans := 0
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	err := s.Settle(ctx, func(context.Context) (*table.Tx, error) {
		plans++
		tx := &table.Tx{}
		tx.Reserve(at("MUG"), 1)
		return tx, nil
	})
	// The time may also run out in the middle of a call, whose outcome is unknown then.
	if code := codeOf(err); (code != "busy" && code != "unavailable") || plans < 2 {
		t.Errorf("after %d plans: %v", plans, err)
	}
}

func TestReplayOutranksEveryOtherRefusal(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	mug := s.mug()
	mark := table.Mark{Principal: "ann", Operation: "createProduct", Key: "k", Hash: "h"}
	s.commit(t, func(tx *table.Tx) {
		tx.NewProduct(mug)
		tx.Mark(&mark, mug.SKU, s.now())
	})
	again := func(m table.Mark) error {
		return s.Settle(t.Context(), func(context.Context) (*table.Tx, error) {
			tx := &table.Tx{}
			tx.NewProduct(mug) // final by itself
			tx.Reserve(at("MUG"), 1)
			tx.Mark(&m, mug.SKU, s.now())
			return tx, nil
		})
	}
	var replay *table.Replay
	if err := again(mark); !errors.As(err, &replay) || replay.Ref != "MUG" {
		t.Errorf("the same request: %v", err)
	}
	mark.Hash = "another"
	if err := again(mark); !errors.Is(err, table.ErrKeyReused) {
		t.Errorf("another request: %v", err)
	}
	mark.Key = "another"
	if err := again(mark); codeOf(err) != "exists" {
		t.Errorf("another key: %v", err)
	}
}
