package stock

import "slices"

// A Levels answers how many of a SKU are free at a location.
type Levels func(Place) int64

// An Allocation is how many units of a SKU an order has reserved at a location.
type Allocation struct {
	Location string
	Quantity int64
}

// Reserved is the sum of the allocations.
func Reserved(allocations []Allocation) int64 {
	var n int64
	for _, a := range allocations {
		n += a.Quantity
	}
	return n
}

// Allocate plans how an order comes to have want units of sku reserved, when
// it has those of held: it keeps what it has, takes more from the locations in
// their order, split where one is short, and gives back from the last ones
// first. It returns the new allocations, in the order of the locations, and
// how many units found no stock.
func Allocate(sku string, want int64, held []Allocation, locations []string, free Levels) (next []Allocation, short int64) {
	have := map[string]int64{}
	var total int64
	for _, a := range held {
		have[a.Location] += a.Quantity
		total += a.Quantity
	}
	order := append([]string(nil), locations...)
	for _, a := range held {
		if !slices.Contains(order, a.Location) {
			order = append(order, a.Location)
		}
	}
	for i := len(order) - 1; i >= 0 && total > want; i-- {
		back := min(have[order[i]], total-want)
		have[order[i]] -= back
		total -= back
	}
	for _, l := range locations {
		if total >= want {
			break
		}
		take := min(max(free(Place{sku, l}), 0), want-total)
		have[l] += take
		total += take
	}
	for _, l := range order {
		if have[l] > 0 {
			next = append(next, Allocation{Location: l, Quantity: have[l]})
		}
	}
	return next, want - total
}

// ReservedAt is how many units the allocations have at a location.
func ReservedAt(allocations []Allocation, location string) int64 {
	var n int64
	for _, a := range allocations {
		if a.Location == location {
			n += a.Quantity
		}
	}
	return n
}

// Take returns the allocations with n fewer units at a location, which must have them.
func Take(allocations []Allocation, location string, n int64) []Allocation {
	var kept []Allocation
	for _, a := range allocations {
		if a.Location == location {
			a.Quantity -= n
		}
		if a.Quantity > 0 {
			kept = append(kept, a)
		}
	}
	return kept
}

// GiveBack returns the allocations with n fewer units, from the last ones first.
func GiveBack(allocations []Allocation, n int64) []Allocation {
	kept := slices.Clone(allocations)
	for i := len(kept) - 1; i >= 0 && n > 0; i-- {
		back := min(kept[i].Quantity, n)
		kept[i].Quantity -= back
		n -= back
	}
	return slices.DeleteFunc(kept, func(a Allocation) bool { return a.Quantity == 0 })
}

// Put returns the allocations with n more units at a location.
func Put(allocations []Allocation, location string, n int64) []Allocation {
	more := slices.Clone(allocations)
	for i := range more {
		if more[i].Location == location {
			more[i].Quantity += n
			return more
		}
	}
	return append(more, Allocation{Location: location, Quantity: n})
}
