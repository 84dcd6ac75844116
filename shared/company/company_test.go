package company_test

import (
	"errors"
	"strings"
	"testing"

	"waybill/shared/access"
	"waybill/shared/company"
	"waybill/shared/refusal"
)

func TestSettingsAreCheckedFieldByField(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*company.Settings)
		fields []string
	}{
		{"a fresh system's", func(*company.Settings) {}, nil},
		{"yen in Tokyo", func(s *company.Settings) { s.Currency, s.TimeZone = "JPY", "Asia/Tokyo" }, nil},
		{"an unknown currency", func(s *company.Settings) { s.Currency = "usd" }, []string{"currency"}},
		{"an unknown zone", func(s *company.Settings) { s.TimeZone = "Mars/Olympus" }, []string{"time_zone"}},
		{"no zone", func(s *company.Settings) { s.TimeZone = "" }, []string{"time_zone"}},
		{"the machine's own zone", func(s *company.Settings) { s.TimeZone = "Local" }, []string{"time_zone"}},
		{"a nameless tax class", func(s *company.Settings) { s.TaxRates = map[string]int64{"": 1} }, []string{"tax.classes."}},
		{"all wrong", func(s *company.Settings) {
			s.Currency, s.TimeZone, s.TaxRates = "", "x", map[string]int64{strings.Repeat("x", 41): 1}
		}, []string{"currency", "time_zone", "tax.classes." + strings.Repeat("x", 41)}},
	} {
		s := company.Default()
		c.change(&s)
		var refused *refusal.Error
		if err := s.Check(); !errors.As(err, &refused) && (c.fields != nil || err != nil) {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		var got []string
		if refused != nil {
			for _, i := range refused.Items {
				got = append(got, i.Field)
			}
		}
		if strings.Join(got, " ") != strings.Join(c.fields, " ") {
			t.Errorf("%s: refused are %v, want %v", c.name, got, c.fields)
		}
	}
}

func TestTheDiscountLimitIsThatOfTheBestRole(t *testing.T) {
	s := company.Default()
	s.DiscountLimits = map[access.Role]int64{access.Sales: 1000, access.Finance: 1500}
	for _, c := range []struct {
		p    access.Principal
		want int64
	}{
		{access.Principal{}, 0},
		{access.Principal{Roles: []access.Role{access.Warehouse}}, 0},
		{access.Principal{Roles: []access.Role{access.Sales}}, 1000},
		{access.Principal{Roles: []access.Role{access.Sales, access.Finance}}, 1500},
		{access.Principal{Roles: []access.Role{access.Manager}}, 10_000},
		{access.Principal{Scopes: []access.Permission{access.OrdersWrite}}, 0},
		{access.Principal{Scopes: []access.Permission{access.OrdersApprove}}, 10_000},
	} {
		if got := s.DiscountLimit(c.p); got != c.want {
			t.Errorf("%+v gives %d, want %d", c.p, got, c.want)
		}
	}
}
