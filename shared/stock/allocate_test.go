package stock_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"waybill/shared/stock"
)

type at = stock.Allocation

func TestAllocationKeepsWhatItHasAndTakesByPriority(t *testing.T) {
	free := map[string]int64{"MAIN": 5, "EAST": 3, "WEST": 10}
	for _, c := range []struct {
		name  string
		want  int64
		held  []at
		free  map[string]int64
		next  []at
		short int64
	}{
		{"the first that has it", 4, nil, free, []at{{"MAIN", 4}}, 0},
		{"all of the first", 5, nil, free, []at{{"MAIN", 5}}, 0},
		{"split where one is short", 9, nil, free, []at{{"MAIN", 5}, {"EAST", 3}, {"WEST", 1}}, 0},
		{"over an empty one", 4, nil, map[string]int64{"MAIN": 2, "WEST": 9}, []at{{"MAIN", 2}, {"WEST", 2}}, 0},
		{"more than there is", 20, nil, free, []at{{"MAIN", 5}, {"EAST", 3}, {"WEST", 10}}, 2},
		{"nothing there", 3, nil, nil, nil, 3},
		{"less than nothing is free", 3, nil, map[string]int64{"MAIN": -4, "EAST": 2}, []at{{"EAST", 2}}, 1},
		{"nothing wanted", 0, nil, free, nil, 0},
		{"keeps what it has", 3, []at{{"WEST", 3}}, free, []at{{"WEST", 3}}, 0},
		{"keeps it and takes the rest from the first", 7, []at{{"WEST", 3}}, free, []at{{"MAIN", 4}, {"WEST", 3}}, 0},
		{"takes more where it is", 6, []at{{"MAIN", 2}}, free, []at{{"MAIN", 6}}, 0},
		{"gives back from the last", 4, []at{{"MAIN", 3}, {"EAST", 2}, {"WEST", 2}}, free, []at{{"MAIN", 3}, {"EAST", 1}}, 0},
		{"gives back part of the last", 6, []at{{"MAIN", 3}, {"WEST", 4}}, free, []at{{"MAIN", 3}, {"WEST", 3}}, 0},
		{"gives back everything", 0, []at{{"MAIN", 3}, {"WEST", 4}}, free, nil, 0},
		{"an unknown location is given back first", 3, []at{{"GONE", 2}, {"MAIN", 3}}, free, []at{{"MAIN", 3}}, 0},
		{"an unknown location is kept while it is needed", 8, []at{{"GONE", 2}, {"MAIN", 3}}, free, []at{{"MAIN", 6}, {"GONE", 2}}, 0},
		{"nothing is taken from an unknown location", 3, nil, map[string]int64{"GONE": 9, "MAIN": 1}, []at{{"MAIN", 1}}, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			next, short := stock.Allocate("MUG", c.want, c.held, []string{"MAIN", "EAST", "WEST"}, func(p stock.Place) int64 {
				if p.SKU != "MUG" {
					t.Errorf("asked for %s", p.SKU)
				}
				return c.free[p.Location]
			})
			if !slices.Equal(next, c.next) || short != c.short {
				t.Errorf("allocated %v and %d short, want %v and %d", next, short, c.next, c.short)
			}
		})
	}
}

func TestAllocationNeverTakesMoreThanIsFree(t *testing.T) {
	locations := []string{"MAIN", "EAST", "WEST"}
	rapid.Check(t, func(r *rapid.T) {
		n := rapid.Int64Range(0, 9)
		free, had := map[string]int64{}, map[string]int64{}
		var held []at
		var total, possible int64
		for _, l := range append(locations, "GONE") {
			free[l], had[l] = n.Draw(r, "free"), n.Draw(r, "held")
			if had[l] > 0 {
				held = append(held, at{l, had[l]})
			}
			total += had[l]
			if l != "GONE" {
				possible += free[l]
			}
		}
		want := rapid.Int64Range(0, 60).Draw(r, "want")
		next, short := stock.Allocate("MUG", want, held, locations, func(p stock.Place) int64 { return free[p.Location] })
		if stock.Reserved(next)+short != want || short != max(0, want-total-possible) {
			r.Fatalf("%v and %d short of %d", next, short, want)
		}
		now := map[string]int64{}
		for _, a := range next {
			if a.Quantity <= 0 || now[a.Location] != 0 {
				r.Fatalf("allocations %v", next)
			}
			now[a.Location] = a.Quantity
		}
		for l := range free {
			took := now[l] - had[l]
			if (l == "GONE" && took > 0) || took > free[l] || (want >= total && took < 0) || (want <= total && took > 0) {
				r.Fatalf("took %d at %s of %d free: %v", took, l, free[l], next)
			}
		}
	})
}
