package invoice

import (
	"cmp"
	"slices"
	"time"

	"waybill/shared/money"
)

// An Ageing is what is open in one currency, of one customer or of all, by how
// many days it is past due.
type Ageing struct {
	CustomerID, CustomerName string // "" of all customers
	Currency                 string
	Invoices, Open           int64
	NotDue                   int64 // due that day or later
	To30, To60, To90, Over90 int64 // up to so many days past due, and more
}

// DaysPast is how many days of the zone's calendar a day is after the one that
// something is due on; negative before it. Of day only the date counts.
func DaysPast(due, day time.Time, zone *time.Location) int {
	return int(date(day).Sub(date(due.In(zone))).Hours()) / 24
}

// date is the midnight of a moment's date in UTC, where every day has 24 hours.
func date(at time.Time) time.Time {
	year, month, day := at.Date()
	return time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
}

// Add counts an invoice with so much open, so many days past due.
func (a *Ageing) Add(open int64, days int) error {
	bucket := &a.Over90
	switch {
	case days <= 0:
		bucket = &a.NotDue
	case days <= 30:
		bucket = &a.To30
	case days <= 60:
		bucket = &a.To60
	case days <= 90:
		bucket = &a.To90
	}
	sum, err := money.Add(a.Open, open)
	if err != nil {
		return err
	}
	a.Open = sum
	*bucket += open // which is a part of Open
	a.Invoices++
	return nil
}

// Receivables are what customers owe, counted to a day.
type Receivables struct {
	At     time.Time // its date
	Items  []Ageing  // by customer's name and currency
	Totals []Ageing  // by currency
}

// Age adds up bills by customer and currency, and by currency. Names are of customers by id.
func Age(bills []Bill, names map[string]string, day time.Time, zone *time.Location) (Receivables, error) {
	r := Receivables{At: date(day)}
	for _, b := range bills {
		days := DaysPast(b.DueAt, day, zone)
		of := Ageing{CustomerID: b.CustomerID, CustomerName: names[b.CustomerID], Currency: b.Currency}
		if err := in(&r.Items, of).Add(b.Open, days); err != nil {
			return r, err
		}
		if err := in(&r.Totals, Ageing{Currency: b.Currency}).Add(b.Open, days); err != nil {
			return r, err
		}
	}
	return r, nil
}

// in returns the entry of a customer and currency in a sorted list, which gets it where it is missing.
func in(list *[]Ageing, of Ageing) *Ageing {
	at, ok := slices.BinarySearchFunc(*list, of, func(a, b Ageing) int {
		return cmp.Or(cmp.Compare(a.CustomerName, b.CustomerName), cmp.Compare(a.CustomerID, b.CustomerID), cmp.Compare(a.Currency, b.Currency))
	})
	if !ok {
		*list = slices.Insert(*list, at, of)
	}
	return &(*list)[at]
}
