package billing_test

import "testing"

// The memory that an event was heard lands with its effect, and none without.
func TestWhatWasHeardIsKnownByItsEvent(t *testing.T) {
	t.Parallel()
	s := newShop(t, nil)
	o := s.order(1, nil)
	told := s.do(s.checkout(o.ID).Session, "succeed", 0)
	known := func(id string) bool { return must(s.DB.WasHeard(t.Context(), id))(t) }
	for _, id := range told {
		if known(id) {
			t.Errorf("%s is known before it came", id)
		}
		e := s.read(id)
		if err := s.books.Hear(t.Context(), e); err != nil {
			t.Fatal(err)
		}
		if means := e.Object() != ""; known(id) != means {
			t.Errorf("%s (%s): known is %v", id, e.Type, !means)
		}
	}
}
