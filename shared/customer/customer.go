// Package customer is who buys, how to reach them, and on which terms.
package customer

import (
	"strings"
	"time"

	"waybill/shared/attribute"
	"waybill/shared/refusal"
)

// A Customer buys. CreditLimit is in minor units of the company's currency.
type Customer struct {
	ID                string
	Reference         string // the company's own number for it; unique when set
	Name              string
	Email             string
	Phone             string // E.164
	Locale            string // BCP 47
	TimeZone          string // IANA; "": the company's
	Terms             Terms
	CreditLimit       *int64
	Owner             string // the responsible salesperson's principal id
	Billing, Shipping *Address
	Attributes        map[string]string
	Version           int64
	CreatedAt         time.Time
	UpdatedAt         time.Time
}

// Check refuses nameless attributes and a time zone that is none.
func (c Customer) Check() []refusal.Item {
	wrong := attribute.Check(c.Attributes)
	if _, err := time.LoadLocation(c.TimeZone); err != nil || c.TimeZone == "Local" {
		wrong = append(wrong, refusal.Item{Field: "time_zone", Code: "invalid", Detail: "Not an IANA time zone."})
	}
	return wrong
}

// TermsKind is when a customer pays.
type TermsKind string

// Prepaid orders ship when they are paid; net ones are due Days after the invoice.
const (
	Prepaid TermsKind = "prepaid"
	Net     TermsKind = "net"
)

// Terms of payment. Days count for net terms only.
type Terms struct {
	Kind TermsKind
	Days int
}

// An Address is postal; every part may be empty. Country is ISO 3166-1 alpha-2.
type Address struct {
	Name, Company, Line1, Line2, City, State, PostalCode, Country, Phone string
}

// Envelope is an address as it stands on an envelope, a line each; none for nil.
func (a *Address) Envelope() []string {
	if a == nil {
		return nil
	}
	var out []string
	town := strings.TrimSpace(a.PostalCode + " " + a.City)
	for _, s := range []string{a.Company, a.Name, a.Line1, a.Line2, town, a.State, a.Country, a.Phone} {
		if s != "" {
			out = append(out, s)
		}
	}
	return out
}

// EnvelopeTo is Envelope under the name of whom it goes to, where the address names nobody.
func (a *Address) EnvelopeTo(name string) []string {
	out := a.Envelope()
	if name != "" && (a == nil || (a.Name == "" && a.Company == "")) {
		out = append([]string{name}, out...)
	}
	return out
}
