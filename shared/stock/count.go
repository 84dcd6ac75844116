package stock

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"waybill/shared/refusal"
)

// A CountStatus is how far a stocktake is.
type CountStatus string

// A count is open until it is posted or cancelled. It is posting between the
// steps of a posting that one transaction does not hold.
const (
	CountOpen      CountStatus = "open"
	CountPosting   CountStatus = "posting"
	CountPosted    CountStatus = "posted"
	CountCancelled CountStatus = "cancelled"
)

// How many lines a count has, and how many are entered at once: each is two
// actions of the transaction.
const (
	MostCounted = 1000
	MostEntered = 45
)

// A Count is a stocktake of one location. Goods go on moving meanwhile: what is
// posted is the difference of the moment at which a line was entered.
type Count struct {
	ID                  string
	Version             int64 // counts its changes, and its events
	Status              CountStatus
	Location, Note      string
	Lines               []CountLine // by SKU; nil where only the count itself was read
	Entered             int64       // how many lines there are
	OpenedBy, PostedBy  string
	OpenedAt, UpdatedAt time.Time
	PostedAt            *time.Time
}

// A CountLine is how many of a SKU were counted, how many were on hand at that
// moment, and the movement that booked the difference, once it is posted.
type CountLine struct {
	SKU               string
	Counted, Expected int64
	Movement          string
}

// Difference is how many more were there than the ledger said.
func (l CountLine) Difference() int64 { return l.Counted - l.Expected }

// Ref is how movements name the count.
func (c Count) Ref() string { return "count/" + c.ID }

// Place is where a SKU of the count is kept.
func (c Count) Place(sku string) Place { return Place{sku, c.Location} }

// Adjustment is the movement that books the difference of a line.
func (c Count) Adjustment(l CountLine) Movement {
	return Movement{
		Kind: Adjust, Place: c.Place(l.SKU), Quantity: l.Difference(), Reference: c.Ref(),
		Reason: fmt.Sprintf("stocktake: %d counted, %d expected", l.Counted, l.Expected),
	}
}

// An Entry is how many of a SKU were counted; nil takes the line back.
type Entry struct {
	SKU     string
	Counted *int64
}

// CheckEntries refuses what is wrong with entries in themselves.
func CheckEntries(entries []Entry) error {
	if len(entries) > MostEntered {
		return refusal.New(refusal.Rejected, "too_many_items", "At most %d lines are entered at once.", MostEntered)
	}
	seen := map[string]bool{}
	var wrong []refusal.Item
	for i, e := range entries {
		if seen[e.SKU] {
			wrong = append(wrong, refusal.Item{Field: fmt.Sprintf("lines[%d].sku", i), SKU: e.SKU, Code: "line_conflict", Detail: "The SKU stands twice."})
		}
		if e.Counted != nil && *e.Counted < 0 {
			wrong = append(wrong, refusal.Item{Field: fmt.Sprintf("lines[%d].counted", i), SKU: e.SKU, Code: "invalid", Detail: "Nobody counts less than nothing."})
		}
		seen[e.SKU] = true
	}
	if len(wrong) > 0 {
		return refusal.Fields(wrong...)
	}
	return nil
}

// Enter sets the lines of the entries, given how many of each SKU are on hand.
func (c *Count) Enter(entries []Entry, onHand func(sku string) int64) error {
	if c.Status != CountOpen {
		return c.wrongStatus("entered into")
	}
	lines := slices.Clone(c.Lines)
	for _, e := range entries {
		lines = slices.DeleteFunc(lines, func(l CountLine) bool { return l.SKU == e.SKU })
		if e.Counted != nil {
			lines = append(lines, CountLine{SKU: e.SKU, Counted: *e.Counted, Expected: onHand(e.SKU)})
		}
	}
	if len(lines) > MostCounted {
		return refusal.New(refusal.Rejected, "too_many_items", "A count has at most %d lines; open another one.", MostCounted)
	}
	slices.SortFunc(lines, func(a, b CountLine) int { return cmp.Compare(a.SKU, b.SKU) })
	c.Lines, c.Entered = lines, int64(len(lines))
	return nil
}

// MayPost refuses the posting of a count that was posted or cancelled.
func (c Count) MayPost() error {
	if c.Status != CountOpen && c.Status != CountPosting {
		return c.wrongStatus("posted")
	}
	return nil
}

// Unposted returns the lines whose difference is still to be booked. The
// greatest losses come first: only they can be refused, and that should be
// known before much is booked.
func (c Count) Unposted() []CountLine {
	lines := slices.DeleteFunc(slices.Clone(c.Lines), func(l CountLine) bool { return l.Difference() == 0 || l.Movement != "" })
	slices.SortStableFunc(lines, func(a, b CountLine) int { return cmp.Compare(a.Difference(), b.Difference()) })
	return lines
}

// Book notes the movements that lines were posted by.
func (c *Count) Book(lines []CountLine) {
	for _, l := range lines {
		if at, ok := slices.BinarySearchFunc(c.Lines, l.SKU, func(x CountLine, sku string) int { return cmp.Compare(x.SKU, sku) }); ok {
			c.Lines[at].Movement = l.Movement
		}
	}
}

// Cancel gives an open count up.
func (c *Count) Cancel() error {
	if c.Status != CountOpen {
		return c.wrongStatus("cancelled")
	}
	c.Status = CountCancelled
	return nil
}

// Summary is what a count comes to: its lines, how many of them differ, and the
// units that are added and taken away.
func (c Count) Summary() (lines, differences, up, down int64) {
	for _, l := range c.Lines {
		lines++
		switch d := l.Difference(); {
		case d > 0:
			differences++
			up += d
		case d < 0:
			differences++
			down -= d
		}
	}
	return lines, differences, up, down
}

func (c Count) wrongStatus(what string) error {
	return refusal.New(refusal.Conflict, "wrong_status", "Count %s is %s and can't be %s.", c.ID, c.Status, what)
}
