package product_test

import (
	"errors"
	"testing"

	"waybill/shared/product"
	"waybill/shared/refusal"
)

func TestAProductIsPricedInCurrenciesAndTaxedByClassesThereAre(t *testing.T) {
	classes := map[string]int64{"standard": 72_500}
	for _, c := range []struct {
		name string
		p    product.Product
		want map[string]string // code by field
	}{
		{"untaxed and unpriced", product.Product{}, nil},
		{"as it should be", product.Product{Prices: map[string]int64{"USD": 1, "JPY": 2, "BHD": 3}, TaxClass: "standard"}, nil},
		{"all wrong", product.Product{Prices: map[string]int64{"USD": 1, "XXX": 2, "jpy": 3}, TaxClass: "luxury"}, map[string]string{
			"prices.XXX": "unknown_currency", "prices.jpy": "unknown_currency", "tax_class": "unknown_tax_class",
		}},
	} {
		err := c.p.Check(classes)
		var refused *refusal.Error
		if !errors.As(err, &refused) {
			if c.want != nil || err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
			continue
		}
		if len(refused.Items) != len(c.want) {
			t.Errorf("%s: %v", c.name, refused)
		}
		for _, i := range refused.Items {
			if c.want[i.Field] != i.Code {
				t.Errorf("%s: %s is refused as %s", c.name, i.Field, i.Code)
			}
		}
	}
}
