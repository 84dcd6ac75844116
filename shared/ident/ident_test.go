package ident_test

import (
	"bytes"
	"errors"
	"regexp"
	"testing"
	"testing/iotest"
	"time"

	"pgregory.net/rapid"

	"waybill/shared/ident"
)

func TestIDsSortByTheirTime(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		ids := ident.New()
		at := time.UnixMilli(rapid.Int64Range(1, 1<<47).Draw(r, "milliseconds")).UTC()
		id, before := ids.IDAt(at), ids.IDAt(at.Add(-time.Millisecond))
		if before >= id {
			r.Errorf("%s is not before %s", before, id)
		}
		if first := ident.First(at); first > id || first <= before {
			r.Errorf("%s does not part %s from %s", first, before, id)
		}
		if got, err := ident.Time(id); err != nil || !got.Equal(at) || got.Location() != time.UTC {
			r.Errorf("the time of %s is %v, %v; want %v", id, got, err, at)
		}
	})
}

func TestIDsOfOneMomentDiffer(t *testing.T) {
	ids, seen := ident.New(), map[string]bool{}
	at := ids.Now()
	for range 10_000 {
		id := ids.IDAt(at)
		if seen[id] {
			t.Fatalf("%s came twice", id)
		}
		seen[id] = true
	}
}

func TestWhatIsNoIDHasNoTime(t *testing.T) {
	for _, id := range []string{"", "x", "01ARZ3NDEKTSV4RRFFQ69G5FA", "01ARZ3NDEKTSV4RRFFQ69G5FAVV", "01ARZ3NDEKTSV4RRFFQ69G5FA!", "81ARZ3NDEKTSV4RRFFQ69G5FAV"} {
		if at, err := ident.Time(id); err == nil {
			t.Errorf("%q is of %v", id, at)
		}
	}
}

func TestTheFirstIDBeforeTimeBeganIsTheLeast(t *testing.T) {
	if got := ident.First(time.Date(1950, 1, 1, 0, 0, 0, 0, time.UTC)); got != "00000000000000000000000000" {
		t.Error(got)
	}
}

func TestOrderNumbersHaveTheirMonthAndSixClearSymbols(t *testing.T) {
	// 31, 32 and 63 end in the same five bits or in none.
	src := ident.Source{
		Now:    func() time.Time { return time.Date(2026, 11, 30, 23, 30, 0, 0, time.FixedZone("", -3600)) }, // December in UTC
		Random: bytes.NewReader([]byte{0, 9, 10, 31, 32, 63}),
	}
	if got := src.OrderNumber(); got != "SO-2612-09AZ0Z" {
		t.Error(got)
	}
	form := regexp.MustCompile(`^SO-\d{4}-[0-9A-HJKMNP-TV-Z]{6}$`)
	for range 1000 {
		if n := ident.New().OrderNumber(); !form.MatchString(n) {
			t.Fatal(n)
		}
	}
}

func TestWithoutRandomnessThereAreNoNumbers(t *testing.T) {
	src := ident.Source{Now: time.Now, Random: iotest.ErrReader(errors.New("no entropy"))}
	for name, draw := range map[string]func() string{"number": src.OrderNumber, "id": src.ID} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("a %s was made of nothing", name)
				}
			}()
			draw()
		}()
	}
}

func TestADerivedIDFollowsFromItsPartsAlone(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	id := ident.Derived(at, "a", "b")
	if again := ident.Derived(at, "a", "b"); again != id {
		t.Errorf("%s and %s", id, again)
	}
	if when, err := ident.Time(id); err != nil || !when.Equal(at) {
		t.Errorf("%v, %v", when, err)
	}
	for _, other := range []string{ident.Derived(at, "ab"), ident.Derived(at, "a", "c"), ident.Derived(at.Add(time.Millisecond), "a", "b"), ident.Derived(time.Time{}, "a", "b")} {
		if other == id {
			t.Errorf("%s is another's too", other)
		}
	}
}
