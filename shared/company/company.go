// Package company is the settings: what stands on documents, the currency of
// costs, how tax is computed, and how much discount each role gives.
package company

import (
	"slices"
	"time"

	"waybill/shared/access"
	"waybill/shared/customer"
	"waybill/shared/money"
	"waybill/shared/refusal"
	"waybill/shared/shipment"
	"waybill/shared/stock"
)

// Settings of the company. Rates are millionths by tax class, limits basis points by role.
type Settings struct {
	Name, Email, Phone, TaxID string
	Address                   *customer.Address
	Currency                  string // of costs, values and credit limits
	TimeZone                  string // IANA
	TaxInclusive              bool   // whether unit prices contain the tax
	TaxRates                  map[string]int64
	DiscountLimits            map[access.Role]int64
	Allocation                stock.Strategy
	Carriers                  []shipment.Carrier
	ShipUnpaid                []access.Role // who may ship a prepaid order that nobody paid
	CaptureOnShipment         bool          // Stripe authorises first, and takes the money when goods leave
	PaymentTime               time.Duration // an unpaid prepaid order is cancelled after; 0: never
	Invoicing                 Invoicing
	Telling                   Telling
	Version                   int64
}

// Invoicing is how invoices are issued, and what stands on them.
type Invoicing struct {
	FromShipped          bool   // shipped quantities are invoiced, not ordered ones
	Series, CreditSeries string // what numbers begin with
	Bank                 string // where to pay to
	PayURL               string // with {order} in the place of the order's number
	Footer               string
}

// Telling is how customers and staff are told what happened.
type Telling struct {
	Language           string // of mail to staff: en or zh
	Email, SMS         bool   // whether customers get any
	EmailCap, SMSCap   int64  // most for one recipient a day
	QuietFrom, QuietTo string // HH:MM where the recipient is, when no SMS is sent; "" and "": never
}

// Default is what a fresh system has: no tax, and a tenth off at most without approval.
func Default() Settings {
	return Settings{
		Currency:       "USD",
		TimeZone:       "UTC",
		TaxRates:       map[string]int64{"standard": 0, "reduced": 0, "zero": 0, "exempt": 0},
		DiscountLimits: map[access.Role]int64{access.Sales: 1000},
		Allocation:     stock.ByPriority,
		Carriers:       shipment.Carriers(),
		ShipUnpaid:     []access.Role{access.Manager},
		PaymentTime:    72 * time.Hour,
		Invoicing:      Invoicing{Series: "INV", CreditSeries: "CN"},
		Telling:        Telling{Language: "en", Email: true, SMS: true, EmailCap: 50, SMSCap: 50},
		Version:        1,
	}
}

// Check refuses an unknown currency or time zone, and nameless tax classes.
func (s Settings) Check() error {
	var wrong []refusal.Item
	if _, ok := money.Digits(s.Currency); !ok {
		wrong = append(wrong, refusal.Item{Field: "currency", Code: "unknown_currency", Detail: "Not an ISO 4217 code."})
	}
	if _, err := time.LoadLocation(s.TimeZone); err != nil || s.TimeZone == "" || s.TimeZone == "Local" {
		wrong = append(wrong, refusal.Item{Field: "time_zone", Code: "invalid", Detail: "Not an IANA time zone."})
	}
	for class := range s.TaxRates {
		if class == "" || len(class) > 40 {
			wrong = append(wrong, refusal.Item{Field: "tax.classes." + class, Code: "invalid", Detail: "The name of a tax class has 1 to 40 bytes."})
		}
	}
	wrong = append(wrong, shipment.CheckCarriers(s.Carriers)...)
	if s.Invoicing.Series == s.Invoicing.CreditSeries {
		wrong = append(wrong, refusal.Item{Field: "invoices.credit_series", Code: "invalid", Detail: "Invoices and credit notes are numbered apart."})
	}
	if (s.Telling.QuietFrom == "") != (s.Telling.QuietTo == "") || s.Telling.QuietFrom != "" && s.Telling.QuietFrom == s.Telling.QuietTo {
		wrong = append(wrong, refusal.Item{Field: "notifications.sms.quiet_to", Code: "invalid", Detail: "Quiet hours have a beginning and another end, or neither."})
	}
	if len(wrong) > 0 {
		return refusal.Fields(wrong...)
	}
	return nil
}

// ShipsUnpaid reports whether one of p's roles may ship a prepaid order that nobody paid.
func (s Settings) ShipsUnpaid(p access.Principal) bool {
	return slices.ContainsFunc(p.Roles, func(r access.Role) bool { return slices.Contains(s.ShipUnpaid, r) })
}

// DiscountLimit is the discount in basis points that p gives without approval:
// the highest of its roles', everything for those who approve.
func (s Settings) DiscountLimit(p access.Principal) int64 {
	if p.May(access.OrdersApprove) {
		return money.BasisPoints
	}
	var limit int64
	for _, r := range p.Roles {
		limit = max(limit, s.DiscountLimits[r])
	}
	return limit
}

// Zone is where the company's days begin and end.
func (s Settings) Zone() *time.Location { return Zone(s.TimeZone) }

// Zone is an IANA time zone by its name; UTC for what is none, which settings
// are refused with.
func Zone(name string) *time.Location {
	at, err := time.LoadLocation(name)
	if err != nil {
		return time.UTC
	}
	return at
}
