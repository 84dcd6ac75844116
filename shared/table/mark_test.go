package table_test

import (
	"errors"
	"testing"
	"time"

	"waybill/shared/table"
)

var key = table.Mark{Principal: "ann", Operation: "importOrders", Key: "k", Hash: "h"}

func other(change func(*table.Mark)) *table.Mark {
	m := key
	change(&m)
	return &m
}

func (s store) mark(t testing.TB, m table.Mark, ref string) error {
	t.Helper()
	tx := &table.Tx{}
	tx.Mark(&m, ref, s.now())
	return s.Commit(t.Context(), tx)
}

func TestAMarkIsRememberedForTwoDays(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	if err := s.mark(t, key, "first"); err != nil {
		t.Fatal(err)
	}
	replayed := func(want string) {
		t.Helper()
		for _, err := range []error{s.Remembered(t.Context(), &key), s.mark(t, key, "again")} {
			var replay *table.Replay
			if !errors.As(err, &replay) || replay.Ref != want {
				t.Errorf("at %v: %v, want a replay of %s", s.now(), err, want)
			}
		}
	}
	replayed("first")
	s.advance(48 * time.Hour)
	replayed("first")

	// It is too old now, though the table still has it.
	s.advance(time.Second)
	if err := s.Remembered(t.Context(), &key); err != nil {
		t.Errorf("after two days: %v", err)
	}
	if err := s.mark(t, *other(func(m *table.Mark) { m.Hash = "another" }), "second"); err != nil {
		t.Errorf("another request after two days: %v", err)
	}
	if err := s.Remembered(t.Context(), &key); !errors.Is(err, table.ErrKeyReused) {
		t.Errorf("the old request after the key's second use: %v", err)
	}
}

func TestAKeyIsOfOnePrincipalAndOperationAndRequest(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	if err := s.mark(t, key, "first"); err != nil {
		t.Fatal(err)
	}
	reused := other(func(m *table.Mark) { m.Hash = "another" })
	if err := s.Remembered(t.Context(), reused); !errors.Is(err, table.ErrKeyReused) {
		t.Errorf("another request: %v", err)
	}
	if err := s.mark(t, *reused, "second"); !errors.Is(err, table.ErrKeyReused) {
		t.Errorf("another request: %v", err)
	}
	for name, m := range map[string]*table.Mark{
		"principal": other(func(m *table.Mark) { m.Principal = "bob" }),
		"operation": other(func(m *table.Mark) { m.Operation = "placeOrder" }),
		"key":       other(func(m *table.Mark) { m.Key = "l" }),
		"split":     other(func(m *table.Mark) { m.Principal, m.Operation = "annimport", "Orders" }),
	} {
		if err := s.Remembered(t.Context(), m); err != nil {
			t.Errorf("another %s: %v", name, err)
		}
		if err := s.mark(t, *m, name); err != nil {
			t.Errorf("another %s: %v", name, err)
		}
	}
}

func TestALeaseKeepsOthersOutForAMinute(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	lease := func(m *table.Mark) (string, error) {
		_, result, err := s.Lease(t.Context(), m)
		return string(result), err
	}
	if _, err := lease(&key); err != nil {
		t.Fatal(err)
	}
	if _, err := lease(&key); codeOf(err) != "in_progress" {
		t.Errorf("at once: %v", err)
	}
	s.advance(60 * time.Second)
	if _, err := lease(&key); codeOf(err) != "in_progress" {
		t.Errorf("after a minute: %v", err)
	}
	if _, err := lease(other(func(m *table.Mark) { m.Hash = "another" })); !errors.Is(err, table.ErrKeyReused) {
		t.Errorf("another request: %v", err)
	}
	if _, err := lease(other(func(m *table.Mark) { m.Principal = "bob" })); err != nil {
		t.Errorf("another principal: %v", err)
	}

	s.advance(time.Millisecond)
	if _, err := lease(other(func(m *table.Mark) { m.Hash = "another" })); !errors.Is(err, table.ErrKeyReused) {
		t.Errorf("another request after the lease is over: %v", err)
	}
	if _, err := lease(&key); err != nil {
		t.Errorf("a retry must take over: %v", err)
	}
	if _, err := lease(&key); codeOf(err) != "in_progress" {
		t.Errorf("while the retry is at work: %v", err)
	}
}

func TestTheResultOfALeaseIsKeptForTwoDays(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	held, _, err := s.Lease(t.Context(), &key)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Finish(t.Context(), held, []byte("done")); err != nil {
		t.Fatal(err)
	}
	for _, wait := range []time.Duration{0, 61 * time.Second, 47 * time.Hour} {
		s.advance(wait)
		if _, result, err := s.Lease(t.Context(), &key); err != nil || string(result) != "done" {
			t.Errorf("after %v: %q, %v", wait, result, err)
		}
	}
	if _, _, err := s.Lease(t.Context(), other(func(m *table.Mark) { m.Hash = "another" })); !errors.Is(err, table.ErrKeyReused) {
		t.Errorf("another request: %v", err)
	}
	s.advance(time.Hour)
	if _, result, err := s.Lease(t.Context(), &key); err != nil || result != nil {
		t.Errorf("after two days: %q, %v; want the lease", result, err)
	}
}

func TestALeaseThatWasTakenOverCannotBeFinished(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	slow, _, err := s.Lease(t.Context(), &key)
	if err != nil {
		t.Fatal(err)
	}
	s.advance(61 * time.Second)
	quick, _, err := s.Lease(t.Context(), &key)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Finish(t.Context(), slow, []byte("stale")); codeOf(err) != "in_progress" {
		t.Errorf("finished by the one that lost it: %v", err)
	}
	if err := s.Finish(t.Context(), quick, []byte("done")); err != nil {
		t.Fatal(err)
	}
	if err := s.GiveBack(t.Context(), slow); codeOf(err) != "in_progress" {
		t.Errorf("given back by the one that lost it: %v", err)
	}
	if _, result, err := s.Lease(t.Context(), &key); err != nil || string(result) != "done" {
		t.Errorf("%q, %v", result, err)
	}
}

func TestALeaseThatIsGivenBackIsFreeAtOnce(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	held, _, err := s.Lease(t.Context(), &key)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.GiveBack(t.Context(), held); err != nil {
		t.Fatal(err)
	}
	if next, _, err := s.Lease(t.Context(), &key); err != nil || next == nil {
		t.Errorf("taken again: %v", err)
	}
}
