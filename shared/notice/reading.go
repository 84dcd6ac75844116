package notice

import "slices"

// mostSingle is how many lines somebody can have read out of turn.
const mostSingle = 200

// Reading is what somebody has read of the feed in the app: everything up to a
// place, and single lines after it.
type Reading struct {
	UpTo    string
	Single  []string // in their order
	Version int64
}

// Has reports whether the line at a place was read.
func (r Reading) Has(place string) bool {
	_, single := slices.BinarySearch(r.Single, place)
	return place <= r.UpTo || single
}

// Take notes that everything up to a place was read ("" for none), and the
// lines at others. What is read stays read. Who reads more than 200 lines out
// of turn has read what stands before them too.
func (r *Reading) Take(upTo string, places ...string) {
	r.UpTo = max(r.UpTo, upTo)
	all := slices.Concat(r.Single, places)
	slices.Sort(all)
	all = slices.Compact(all)
	if more := len(all) - mostSingle; more > 0 {
		r.UpTo = max(r.UpTo, all[more-1])
	}
	r.Single = slices.DeleteFunc(all, func(place string) bool { return place <= r.UpTo })
}
