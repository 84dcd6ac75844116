package table

import (
	"cmp"
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"waybill/shared/product"
	"waybill/shared/stock"
)

// A Level is how a SKU's available units stood against its reorder point when
// they were last looked at. Seq counts how often they fell to it; together with
// Low it names one state of the level and no other.
type Level struct {
	Low bool
	Seq int64
}

type levelRecord struct {
	PK  string `dynamodbav:"pk"`
	SK  string `dynamodbav:"sk"`
	Low bool   `dynamodbav:"low"`
	Seq int64  `dynamodbav:"seq"`
}

// A Shelf is what says whether a SKU is low.
type Shelf struct {
	Level   Level            // of one that was never low a zero Level
	Product *product.Product // nil when it does not exist
	Stock   []stock.Item     // at every location; what is on its way between two is at none
}

// Watched returns those of some SKUs whose level may have to change: their
// product has a reorder point, or they were low when they were last looked at.
func (db *DB) Watched(ctx context.Context, skus []string) (map[string]bool, error) {
	var keys []key
	for _, sku := range skus {
		keys = append(keys, levelKey(sku), productKey(sku))
	}
	found, err := db.getAll(ctx, keys)
	if err != nil {
		return nil, err
	}
	watched := map[string]bool{}
	for _, sku := range skus {
		level, err := decode[levelRecord](found[levelKey(sku)])
		if err != nil {
			return nil, err
		}
		p, err := decode[productRecord](found[productKey(sku)])
		if err != nil {
			return nil, err
		}
		watched[sku] = level.Low || p.ReorderPoint != nil
	}
	return watched, nil
}

// Shelf reads what says whether a SKU is low, in one go and strongly
// consistent. Where the locations that this process saw last are no longer the
// ones there are, it reads again.
func (db *DB) Shelf(ctx context.Context, sku string) (Shelf, error) {
	for {
		seen := db.seen.Load()
		at := places([]string{sku}, seen.Codes())
		keys := []key{locationsKey(), levelKey(sku), productKey(sku)}
		for _, p := range at {
			keys = append(keys, stockKey(p))
		}
		found, err := db.getAll(ctx, keys)
		if err != nil {
			return Shelf{}, err
		}
		l, err := locationsOf(found[locationsKey()])
		if err != nil {
			return Shelf{}, err
		}
		if l.Version == seen.Version {
			return shelfOf(sku, at, found)
		}
		db.seen.Store(&l)
	}
}

func shelfOf(sku string, at []stock.Place, found map[key]item) (Shelf, error) {
	var s Shelf
	if i := found[levelKey(sku)]; i != nil {
		r, err := decode[levelRecord](i)
		if err != nil {
			return s, err
		}
		s.Level = Level{Low: r.Low, Seq: r.Seq}
	}
	if i := found[productKey(sku)]; i != nil {
		p, err := productOf(i)
		if err != nil {
			return s, err
		}
		s.Product = &p
	}
	for _, p := range at {
		i, err := stockOf(p, found[stockKey(p)])
		if err != nil {
			return s, err
		}
		s.Stock = append(s.Stock, i)
	}
	return s, nil
}

// SaveLevel adds the change of a SKU's level, which must still be what it was.
func (tx *Tx) SaveLevel(sku string, l, was Level) {
	k := levelKey(sku)
	r := levelRecord{PK: k.pk, SK: k.sk, Low: l.Low, Seq: l.Seq}
	refused := func(item) error { return stale("the level of", sku) }
	if was.Seq == 0 {
		tx.create(r, refused)
		return
	}
	tx.put(r, "seq = :seq AND low = :low", item{":seq": number(was.Seq), ":low": &types.AttributeValueMemberBOOL{Value: was.Low}}, refused)
}

// mostHeld is how many stock items a transaction can hold still beside what it writes.
const mostHeld = 90

// Hold adds that the stock items and the product must still be as they were
// read, so that what is concluded from them is true when it is written. Of
// more items than a transaction takes, those where goods were come first.
func (tx *Tx) Hold(p product.Product, items []stock.Item) {
	tx.require(productKey(p.SKU), "version = :was", item{":was": number(p.Version)}, func(item) error { return stale("product", p.SKU) })
	items = slices.Clone(items)
	slices.SortFunc(items, func(a, b stock.Item) int { return cmp.Compare(b.Version, a.Version) })
	for _, i := range items[:min(len(items), mostHeld)] {
		refused := func(item) error { return stale("the stock of", i.SKU) }
		if i.Version == 0 {
			tx.require(stockKey(i.Place), "attribute_not_exists(pk)", nil, refused)
			continue
		}
		tx.require(stockKey(i.Place), "version = :was", item{":was": number(i.Version)}, refused)
	}
}
