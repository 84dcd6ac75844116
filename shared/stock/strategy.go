package stock

import "slices"

// A Strategy is how an order finds the locations that it takes its stock from.
type Strategy string

// The strategies.
const (
	// ByPriority takes each line from the locations in their order, split where one is short.
	ByPriority Strategy = "priority"
	// FewestShipments takes the whole order from as few locations as can be.
	FewestShipments Strategy = "fewest_shipments"
)

// A Demand is how many more units of a SKU an order needs than it has reserved.
type Demand struct {
	SKU      string
	Quantity int64
}

// mostTried is how many locations beyond those in use are tried in every
// combination; with more, the next one is always the one that serves most.
const mostTried = 3

// Locations returns the locations in the order in which they are to be taken
// from. For FewestShipments those that the order uses already come first, then
// the smallest set that completes the demand, of equal ones the one earlier in
// the given order, then the others. Demand that nobody can serve is left out of account.
func (s Strategy) Locations(demand []Demand, used, locations []string, free Levels) []string {
	if s != FewestShipments || len(locations) < 2 {
		return locations
	}
	c := cover{demand: servable(demand, locations, free), free: free}
	chosen := slices.DeleteFunc(slices.Clone(locations), func(l string) bool { return !slices.Contains(used, l) })
	others := slices.DeleteFunc(slices.Clone(locations), func(l string) bool { return slices.Contains(used, l) })
	for !c.complete(chosen) && len(others) > 0 {
		if set := c.smallest(chosen, others); set != nil {
			chosen = append(chosen, set...)
			break
		}
		best := slices.MaxFunc(others, func(a, b string) int {
			return int(min(max(c.served(append(slices.Clone(chosen), a))-c.served(append(slices.Clone(chosen), b)), -1), 1))
		})
		chosen = append(chosen, best)
		others = slices.DeleteFunc(others, func(l string) bool { return l == best })
	}
	for _, l := range locations {
		if !slices.Contains(chosen, l) {
			chosen = append(chosen, l)
		}
	}
	return chosen
}

// servable is the demand as far as all locations together can serve it.
func servable(demand []Demand, locations []string, free Levels) []Demand {
	out := make([]Demand, len(demand))
	for i, d := range demand {
		var there int64
		for _, l := range locations {
			there += max(free(Place{d.SKU, l}), 0)
		}
		out[i] = Demand{d.SKU, min(d.Quantity, there)}
	}
	return out
}

// cover tells what sets of locations serve.
type cover struct {
	demand []Demand
	free   Levels
}

// served is how many units of the demand a set of locations can serve.
func (c cover) served(set []string) int64 {
	var n int64
	for _, d := range c.demand {
		var there int64
		for _, l := range set {
			there += max(c.free(Place{d.SKU, l}), 0)
		}
		n += min(d.Quantity, there)
	}
	return n
}

func (c cover) complete(set []string) bool {
	var want int64
	for _, d := range c.demand {
		want += d.Quantity
	}
	return c.served(set) == want
}

// smallest is the first of the smallest sets that complete what chosen serves, nil when it takes more than mostTried.
func (c cover) smallest(chosen, others []string) []string {
	for n := 1; n <= min(mostTried, len(others)); n++ {
		if set := c.search(chosen, nil, others, n); set != nil {
			return set
		}
	}
	return nil
}

func (c cover) search(chosen, set, others []string, n int) []string {
	if n == 0 {
		if c.complete(append(slices.Clone(chosen), set...)) {
			return set
		}
		return nil
	}
	for i := range others {
		if found := c.search(chosen, append(slices.Clone(set), others[i]), others[i+1:], n-1); found != nil {
			return found
		}
	}
	return nil
}
