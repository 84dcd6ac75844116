// Package product is what is sold, and for how much.
package product

import (
	"strings"
	"time"

	"waybill/shared/attribute"
	"waybill/shared/money"
	"waybill/shared/refusal"
)

// A Product is known by its SKU. Prices are in minor units by currency.
type Product struct {
	SKU          string
	Name         string
	Names        map[string]string // by language
	Unit         string
	Category     string
	Prices       map[string]int64
	TaxClass     string // "" is untaxed
	Backorder    bool   // may be ordered beyond stock
	ReorderPoint *int64
	Bins         map[string]string // where it stands, by location
	Active       bool
	Attributes   map[string]string
	ListID       string // ULID that places it in lists
	Version      int64
	CreatedAt    time.Time
	UpdatedAt    time.Time
}

// NameIn is what the product is called in a language (BCP 47), or else otherwise.
func (p Product) NameIn(locale, otherwise string) string {
	language, _, _ := strings.Cut(locale, "-")
	for _, tag := range []string{locale, language} {
		if name := p.Names[tag]; name != "" {
			return name
		}
	}
	return otherwise
}

// Check refuses nameless attributes and languages, unknown currencies and tax classes; classes are those of the settings.
func (p Product) Check(classes map[string]int64) error {
	wrong := attribute.Check(p.Attributes)
	for language := range p.Names {
		if language == "" || len(language) > 35 {
			wrong = append(wrong, refusal.Item{Field: "names." + language, Code: "invalid", Detail: "Names go by BCP 47 language tags."})
		}
	}
	for currency := range p.Prices {
		if _, ok := money.Digits(currency); !ok {
			wrong = append(wrong, refusal.Item{Field: "prices." + currency, Code: "unknown_currency", Detail: "Not an ISO 4217 code."})
		}
	}
	if _, ok := classes[p.TaxClass]; !ok && p.TaxClass != "" {
		wrong = append(wrong, refusal.Item{Field: "tax_class", Code: "unknown_tax_class", Detail: "The settings have no such tax class."})
	}
	if len(wrong) > 0 {
		return refusal.Fields(wrong...)
	}
	return nil
}
