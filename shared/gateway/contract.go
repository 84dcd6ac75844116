package gateway

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/go-faster/jx"

	"waybill/shared/api"
	"waybill/shared/customer"
	"waybill/shared/table"
)

// What several functions translate between the contract and the nouns.

// Text is an optional string of the contract; "" is absent.
func Text(s string) api.OptString {
	return api.OptString{Value: s, Set: s != ""}
}

// Money is an amount that is shown to those who may see it.
func Money(n int64, visible bool) api.OptInt64 {
	return api.OptInt64{Value: n, Set: visible}
}

// PageOf reads the parameters of a list.
func PageOf(limit api.OptInt, cursor api.OptString) table.Page {
	return table.Page{Limit: limit.Or(50), After: cursor.Or("")}
}

// Next is the cursor of a list's next page; null at the end.
func Next(cursor string) api.NilString {
	return api.NilString{Value: cursor, Null: cursor == ""}
}

// Days turns two dates, both inclusive, into moments: from inclusive, till exclusive.
func Days(from, to api.OptDate) (since, till time.Time) {
	if d, ok := from.Get(); ok {
		since = time.Date(d.Year(), d.Month(), d.Day(), 0, 0, 0, 0, time.UTC)
	}
	if d, ok := to.Get(); ok {
		till = time.Date(d.Year(), d.Month(), d.Day()+1, 0, 0, 0, 0, time.UTC)
	}
	return since, till
}

// AddressOf reads an address; nil when it is absent.
func AddressOf(a api.OptAddress) *customer.Address {
	v, ok := a.Get()
	if !ok {
		return nil
	}
	return &customer.Address{
		Name: v.Name.Or(""), Company: v.Company.Or(""), Line1: v.Line1.Or(""), Line2: v.Line2.Or(""),
		City: v.City.Or(""), State: v.State.Or(""), PostalCode: v.PostalCode.Or(""), Country: v.Country.Or(""),
		Phone: string(v.Phone.Or("")),
	}
}

// Address shows an address; absent when it is nil.
func Address(a *customer.Address) api.OptAddress {
	if a == nil {
		return api.OptAddress{}
	}
	return api.NewOptAddress(api.Address{
		Name: Text(a.Name), Company: Text(a.Company), Line1: Text(a.Line1), Line2: Text(a.Line2),
		City: Text(a.City), State: Text(a.State), PostalCode: Text(a.PostalCode), Country: Text(a.Country),
		Phone: api.OptPhone{Value: api.Phone(a.Phone), Set: a.Phone != ""},
	})
}

// TermsOf reads terms; nil when they are absent.
func TermsOf(t api.OptTerms) *customer.Terms {
	v, ok := t.Get()
	if !ok {
		return nil
	}
	terms := customer.Terms{Kind: customer.TermsKind(v.Kind)}
	if terms.Kind == customer.Net {
		terms.Days = v.Days.Or(0)
	}
	return &terms
}

// Terms shows terms.
func Terms(t customer.Terms) api.Terms {
	return api.Terms{Kind: api.TermsKind(t.Kind), Days: api.NewOptInt(t.Days)}
}

// Attributes shows attributes; none are an empty object.
func Attributes(m map[string]string) api.Attributes {
	if m == nil {
		return api.Attributes{}
	}
	return m
}

// EventData shows what an event says.
func EventData(data map[string]any) (api.EventData, error) {
	out := api.EventData{}
	for k, v := range data {
		raw, err := json.Marshal(v)
		if err != nil {
			return nil, fmt.Errorf("encode event data %s: %w", k, err)
		}
		out[k] = jx.Raw(raw)
	}
	return out, nil
}
