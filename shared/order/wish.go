package order

import (
	"fmt"

	"waybill/shared/refusal"
)

// A Wish is a line as a client asks for it. UnitPrice is nil unless it was given.
type Wish struct {
	SKU       string
	Quantity  int64
	UnitPrice *int64
	Discount  Discount
}

// Merge puts wishes for the same SKU together, in the place of the first:
// quantities and discount amounts add up. Wishes of one SKU that name different
// prices or percentages are refused, for there is no line that honours both.
func Merge(wishes []Wish) ([]Wish, error) {
	at := map[string]int{}
	var merged []Wish
	for i, w := range wishes {
		j, seen := at[w.SKU]
		if !seen {
			at[w.SKU] = len(merged)
			merged = append(merged, w)
			continue
		}
		m := &merged[j]
		if !samePrice(m.UnitPrice, w.UnitPrice) || m.Discount.ByRate != w.Discount.ByRate || m.Discount.Rate != w.Discount.Rate {
			return nil, refusal.Fields(refusal.Item{
				Field: fmt.Sprintf("lines[%d]", i), SKU: w.SKU, Code: "line_conflict",
				Detail: "Lines of one SKU are merged; these have different prices or discount percentages.",
			})
		}
		m.Quantity += w.Quantity
		m.Discount.Amount += w.Discount.Amount
	}
	for i, m := range merged {
		if m.Quantity > MaxQuantity {
			return nil, refusal.Fields(refusal.Item{
				Field: fmt.Sprintf("lines[%d].quantity", i), SKU: m.SKU, Code: "invalid",
				Detail: fmt.Sprintf("The lines of this SKU come to more than %d.", MaxQuantity),
			})
		}
	}
	return merged, nil
}

// MaxQuantity is the most units a line may have.
const MaxQuantity = 1_000_000

func samePrice(a, b *int64) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}
