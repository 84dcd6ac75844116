package stock_test

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"waybill/shared/stock"
)

func TestFewestShipmentsTakesEverythingFromAsFewPlacesAsCanBe(t *testing.T) {
	free := map[stock.Place]int64{
		{SKU: "MUG", Location: "MAIN"}: 5, {SKU: "CUP", Location: "MAIN"}: 1,
		{SKU: "MUG", Location: "EAST"}: 3, {SKU: "CUP", Location: "EAST"}: 9,
		{SKU: "MUG", Location: "WEST"}: 9, {SKU: "CUP", Location: "WEST"}: 4,
	}
	for _, c := range []struct {
		name   string
		demand []stock.Demand
		used   []string
		want   string
	}{
		{"the first has everything", []stock.Demand{{SKU: "MUG", Quantity: 5}, {SKU: "CUP", Quantity: 1}}, nil, "[MAIN EAST WEST]"},
		{"one of them has everything", []stock.Demand{{SKU: "MUG", Quantity: 3}, {SKU: "CUP", Quantity: 5}}, nil, "[EAST MAIN WEST]"},
		{"only the last has everything", []stock.Demand{{SKU: "MUG", Quantity: 8}, {SKU: "CUP", Quantity: 2}}, nil, "[WEST MAIN EAST]"},
		{"two are needed, the earlier ones", []stock.Demand{{SKU: "MUG", Quantity: 8}, {SKU: "CUP", Quantity: 10}}, nil, "[MAIN EAST WEST]"},
		{"what is in use stays", []stock.Demand{{SKU: "MUG", Quantity: 4}, {SKU: "CUP", Quantity: 4}}, []string{"EAST"}, "[EAST MAIN WEST]"},
		{"what nobody has does not count", []stock.Demand{{SKU: "PEN", Quantity: 4}, {SKU: "CUP", Quantity: 4}}, nil, "[EAST MAIN WEST]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := stock.FewestShipments.Locations(c.demand, c.used, []string{"MAIN", "EAST", "WEST"}, func(p stock.Place) int64 { return free[p] })
			if fmt.Sprint(got) != c.want {
				t.Errorf("from %v, want %s", got, c.want)
			}
			got = stock.ByPriority.Locations(c.demand, c.used, []string{"MAIN", "EAST", "WEST"}, func(p stock.Place) int64 { return free[p] })
			if fmt.Sprint(got) != "[MAIN EAST WEST]" {
				t.Errorf("by priority from %v", got)
			}
		})
	}
}

// Each location comes once, and no smaller set of them would do.
func TestNoSmallerSetOfLocationsWouldDo(t *testing.T) {
	locations := []string{"A", "B", "C", "D", "E"}
	rapid.Check(t, func(r *rapid.T) {
		free := map[stock.Place]int64{}
		demand := []stock.Demand{}
		for _, sku := range []string{"MUG", "CUP"} {
			demand = append(demand, stock.Demand{SKU: sku, Quantity: rapid.Int64Range(1, 12).Draw(r, "wanted")})
			for _, l := range locations {
				free[stock.Place{SKU: sku, Location: l}] = rapid.Int64Range(0, 6).Draw(r, "free")
			}
		}
		levels := func(p stock.Place) int64 { return free[p] }
		got := stock.FewestShipments.Locations(demand, nil, locations, levels)
		seen := map[string]bool{}
		for _, l := range got {
			seen[l] = true
		}
		if len(got) != len(locations) || len(seen) != len(locations) {
			r.Fatalf("locations %v", got)
		}
		served := func(set []string) int64 {
			var n int64
			for _, d := range demand {
				var there int64
				for _, l := range set {
					there += free[stock.Place{SKU: d.SKU, Location: l}]
				}
				n += min(there, d.Quantity)
			}
			return n
		}
		all, need := served(locations), 0
		for served(got[:need]) < all {
			need++
		}
		for bits := range 1 << len(locations) {
			var set []string
			for i, l := range locations {
				if bits>>i&1 == 1 {
					set = append(set, l)
				}
			}
			if len(set) < need && served(set) == all {
				r.Fatalf("%v would do, and %v is taken", set, got[:need])
			}
		}
	})
}
