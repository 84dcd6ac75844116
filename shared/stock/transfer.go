package stock

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"waybill/shared/refusal"
)

// A TransferStatus is whether transferred goods are under way or there.
type TransferStatus string

// A transfer is sent, and then received.
const (
	TransferSent     TransferStatus = "sent"
	TransferReceived TransferStatus = "received"
)

// MostTransferred is how many SKUs one transfer takes: each is up to four
// actions of the transaction that receives it.
const MostTransferred = 20

// A TransferOrder is goods that go from one location to another and are in
// transit between the two.
type TransferOrder struct {
	ID                      string
	Version                 int64 // counts its changes, and its events
	Status                  TransferStatus
	From, To                string
	Lines                   []TransferLine
	Reference, Note, Reason string // Reason: why there are differences
	SentBy                  string
	SentAt                  time.Time
	ReceivedBy              string
	ReceivedAt              *time.Time
}

// A TransferLine is one SKU of a transfer: how many were sent, what they were
// worth in the company's currency, and, once it is received, how many arrived.
type TransferLine struct {
	SKU                       string
	Quantity, Value, Received int64
}

// Difference is how many more arrived than were sent.
func (l TransferLine) Difference() int64 { return l.Received - l.Quantity }

// Ref is how movements name the transfer.
func (t TransferOrder) Ref() string { return "transfer/" + t.ID }

// Plan merges the lines by SKU, in the order in which those first stand, and
// refuses what is wrong with the transfer in itself.
func (t *TransferOrder) Plan() error {
	if t.From == t.To {
		return refusal.Field("to", "invalid", "A transfer goes from one location to another.")
	}
	var merged []TransferLine
	for i, l := range t.Lines {
		if l.Quantity <= 0 {
			return refusal.Field(fmt.Sprintf("lines[%d].quantity", i), "invalid", "A quantity must be positive.")
		}
		if at := slices.IndexFunc(merged, func(m TransferLine) bool { return m.SKU == l.SKU }); at >= 0 {
			merged[at].Quantity += l.Quantity
			continue
		}
		merged = append(merged, TransferLine{SKU: l.SKU, Quantity: l.Quantity})
	}
	if len(merged) == 0 {
		return refusal.Field("lines", "required", "A transfer needs a line.")
	}
	if len(merged) > MostTransferred {
		return refusal.New(refusal.Rejected, "too_many_items", "A transfer takes at most %d SKUs.", MostTransferred)
	}
	t.Lines = merged
	return nil
}

// Leave returns the movement that puts a line into transit, given the stock
// item that it leaves as it is before.
func (t TransferOrder) Leave(l TransferLine, before Item) (Movement, error) {
	return Movement{
		Kind: Transfer, Place: Place{l.SKU, t.From}, Quantity: l.Quantity, ToLocation: InTransit, Reference: t.Ref(),
	}.Valued(before)
}

// An Arrival is how many of a SKU arrived.
type Arrival struct {
	SKU      string
	Received int64
}

// Receive notes what arrived: all that was sent but for the arrivals that are
// named. Differences need a reason.
func (t *TransferOrder) Receive(arrivals []Arrival, reason string) error {
	if t.Status != TransferSent {
		return refusal.New(refusal.Conflict, "wrong_status", "Transfer %s is %s and can't be received.", t.ID, t.Status)
	}
	lines := slices.Clone(t.Lines)
	for i := range lines {
		lines[i].Received = lines[i].Quantity
	}
	named := map[string]bool{}
	var wrong []refusal.Item
	for i, a := range arrivals {
		at := slices.IndexFunc(lines, func(l TransferLine) bool { return l.SKU == a.SKU })
		item := refusal.Item{Field: fmt.Sprintf("lines[%d].sku", i), SKU: a.SKU}
		switch {
		case at < 0:
			item.Code, item.Detail = "unknown_sku", "The transfer has no such line."
		case named[a.SKU]:
			item.Code, item.Detail = "line_conflict", "The SKU stands twice."
		case a.Received < 0:
			item.Code, item.Detail = "invalid", "Nothing less than nothing arrives."
		default:
			named[a.SKU], lines[at].Received = true, a.Received
			continue
		}
		wrong = append(wrong, item)
	}
	if len(wrong) > 0 {
		return refusal.Fields(wrong...)
	}
	if slices.ContainsFunc(lines, func(l TransferLine) bool { return l.Difference() != 0 }) {
		if t.Reason = strings.TrimSpace(reason); t.Reason == "" {
			return refusal.Field("reason", "required", "Say why something else arrived than was sent.")
		}
	}
	t.Lines, t.Status = lines, TransferReceived
	return nil
}

// Arrive returns the movements that take a received line out of transit, given
// the stock item at the destination as it is before. What was sent leaves
// transit with the value that it brought, whatever else is under way; what is
// too much comes at the average of the destination with the goods that arrived.
func (t TransferOrder) Arrive(l TransferLine, there Item) ([]Movement, error) {
	load := Item{Place: Place{l.SKU, InTransit}, OnHand: l.Quantity, Value: l.Value}
	var out []Movement
	book := func(m Movement, from Item) error {
		m.Reference = t.Ref()
		m, err := m.Valued(from)
		out, load, there = append(out, m), load.after(m), there.after(m)
		return err
	}
	if n := min(l.Quantity, l.Received); n > 0 {
		if err := book(Movement{Kind: Transfer, Place: load.Place, Quantity: n, ToLocation: t.To}, load); err != nil {
			return nil, err
		}
	}
	switch d := l.Difference(); {
	case d < 0:
		return out, book(Movement{Kind: Adjust, Place: load.Place, Quantity: d, Reason: t.Reason}, load)
	case d > 0:
		return out, book(Movement{Kind: Adjust, Place: there.Place, Quantity: d, Reason: t.Reason}, there)
	default:
		return out, nil
	}
}

// after is the item with what a movement does to it.
func (i Item) after(m Movement) Item {
	for _, c := range m.Changes() {
		if c.Place == i.Place {
			i.OnHand += c.OnHand
			i.Value += c.Value
		}
	}
	return i
}

// Sum returns what several movements together do to each stock item: a
// transaction writes an item once.
func Sum(movements ...Movement) []Change {
	var sum []Change
	for _, m := range movements {
		for _, c := range m.Changes() {
			at := slices.IndexFunc(sum, func(s Change) bool { return s.Place == c.Place })
			if at < 0 {
				sum = append(sum, c)
				continue
			}
			sum[at].OnHand += c.OnHand
			sum[at].Value += c.Value
		}
	}
	return sum
}
