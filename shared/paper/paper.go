// Package paper renders what goes with goods and with money on paper: delivery
// notes, pick lists, invoices and credit notes, as PDF on A4. Rendering is a
// pure function: the same document gives the same bytes, whenever and wherever
// it is rendered.
//
// Any text may be of any length and hold any character. What is too long wraps,
// what would then fill a page ends in …, and what the font does not have is
// printed as 〓. Numbers that are too long are printed smaller.
package paper

import (
	"slices"
	"strings"
	"time"
)

// A Company is whose paper it is. Every part may be empty.
type Company struct {
	Name, Email, Phone, TaxID string
	Address                   []string // its lines
}

// A DeliveryNote goes with the goods. What is empty or 0 is left out.
type DeliveryNote struct {
	Locale                         string // BCP 47: "zh…" is Chinese, anything else English
	Company                        Company
	Number                         string // of the note: in the bar code
	Order                          string // the order's number
	Reference                      string // the customer's own
	ShipTo                         []string
	Location                       string         // code or name of the place that it leaves from
	ShippedAt                      time.Time      // shown as a date
	Zone                           *time.Location // of the date; nil is UTC
	Carrier, Tracking, TrackingURL string         // the URL is in a QR code
	Packages                       int
	WeightGrams                    int64
	Shipper                        string // who packed
	Lines                          []Line
	Note                           string
}

// A Line of a delivery note: Quantity units go with it, of Ordered on the
// order's line, and Remaining are still to come. With an Ordered of 0 neither is shown.
type Line struct {
	SKU, Name, Unit    string
	Quantity           int64
	Ordered, Remaining int64
}

// A PickList is what is to be fetched for an order at one location. What is
// empty is left out.
type PickList struct {
	Locale   string // BCP 47: "zh…" is Chinese, anything else English
	Company  Company
	Order    string // its number: in the bar code
	Location string
	Printed  time.Time      // shown with its time of day
	Zone     *time.Location // of Printed; nil is UTC
	Customer string         // whom it is for
	Due      string         // what must not be overlooked, such as a hold
	Lines    []Pick
	Note     string
}

// A Pick is how many units of a SKU are to be fetched from a bin.
type Pick struct {
	Bin, SKU, Name, Unit string
	Quantity             int64
}

// PDF renders the delivery note. It fails only if the PDF can't be written.
func (d DeliveryNote) PDF() ([]byte, error) {
	t := textsOf(d.Locale)
	s := newSheet(t, t.deliveryNote, d.Number, d.ShippedAt)
	s.heading(d.Company)
	s.facts(t.shipTo, d.ShipTo, []fact{
		{t.date, day(d.ShippedAt, d.Zone, t.day)},
		{t.order, d.Order},
		{t.reference, d.Reference},
		{t.from, d.Location},
		{t.carrier, d.Carrier},
		{t.tracking, d.Tracking},
		{t.packages, positive(int64(d.Packages), count)},
		{t.weight, positive(d.WeightGrams, weight)},
		{t.shipper, d.Shipper},
	}, d.TrackingURL)
	s.note(d.Note)

	rows := make([][]string, len(d.Lines))
	var total int64
	for i, l := range d.Lines {
		total += l.Quantity
		rows[i] = []string{count(int64(i) + 1), l.SKU, l.Name, l.Unit, count(l.Quantity), "", ""}
		if l.Ordered != 0 {
			rows[i][5], rows[i][6] = t.of+" "+count(l.Ordered), count(l.Remaining)
		}
	}
	columns := across(
		column{width: 26, style: faint},
		column{title: t.sku, width: 92},
		column{title: t.name},
		column{title: t.unit, width: 40},
		column{title: t.quantity, width: 56, right: true, style: strong},
		column{title: t.ordered, width: 66, right: true},
		column{title: t.remaining, width: 58, right: true},
	)
	s.table(columns, rows, totalHeight+signatureHeight)
	s.total(columns, 4, count(total))
	s.signature()
	return s.bytes()
}

// PDF renders the pick list, its lines in the order of a walk along the bins:
// A-2 comes before A-10, and what has no bin comes last, by SKU. It fails only
// if the PDF can't be written.
func (p PickList) PDF() ([]byte, error) {
	t := textsOf(p.Locale)
	s := newSheet(t, t.pickList, p.Order, p.Printed)
	s.heading(p.Company)
	s.facts(t.customer, []string{p.Customer}, []fact{
		{t.from, p.Location},
		{t.printed, day(p.Printed, p.Zone, t.minute)},
	}, "")
	s.warning(p.Due)
	s.note(p.Note)

	walk := slices.Clone(p.Lines)
	slices.SortStableFunc(walk, byBin)
	rows := make([][]string, len(walk))
	var total int64
	for i, l := range walk {
		total += l.Quantity
		rows[i] = []string{"", l.Bin, l.SKU, l.Name, count(l.Quantity), l.Unit}
	}
	columns := across(
		column{width: 26, box: true},
		column{title: t.bin, width: 76, style: strong},
		column{title: t.sku, width: 96},
		column{title: t.name},
		column{title: t.quantity, width: 64, right: true, style: strong},
		column{title: t.unit, width: 48},
	)
	s.table(columns, rows, totalHeight)
	s.total(columns, 4, count(total))
	return s.bytes()
}

// positive writes n, or nothing where it isn't said.
func positive(n int64, write func(int64) string) string {
	if n <= 0 {
		return ""
	}
	return write(n)
}

// day writes an instant as its zone's calendar has it; nothing for the zero time.
func day(at time.Time, zone *time.Location, layout string) string {
	if at.IsZero() {
		return ""
	}
	if zone == nil {
		zone = time.UTC
	}
	return at.In(zone).Format(layout)
}

func byBin(a, b Pick) int {
	aBin, bBin := strings.TrimSpace(a.Bin), strings.TrimSpace(b.Bin)
	switch {
	case aBin == "" && bBin != "":
		return 1
	case aBin != "" && bBin == "":
		return -1
	case natural(aBin, bBin) != 0:
		return natural(aBin, bBin)
	default:
		return natural(a.SKU, b.SKU)
	}
}
