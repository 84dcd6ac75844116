package wording

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"waybill/shared/company"
	"waybill/shared/event"
	"waybill/shared/invoice"
	"waybill/shared/money"
	"waybill/shared/notice"
	"waybill/shared/order"
	"waybill/shared/shipment"
)

// aboutOf is what words can say of a fact. What may be missing is "" where it
// is; anything else that is not known is not there, and words that say it fail.
func aboutOf(f notice.Facts, lang string, to notice.Audience) (map[string]string, error) {
	about := map[string]string{
		"Company": oneLine(f.Settings.Name), "TrackURL": f.TrackURL, "ShortURL": f.ShortURL, "ConsoleURL": f.ConsoleURL,
		"Name": "", "Buyer": "—", "Number": "", "Hold": "—",
		"Carrier": said(f.Event, "carrier"), "TrackingNumber": said(f.Event, "tracking_number"),
		"Failure": said(f.Event, "failure"), "Report": said(f.Event, "report"), "Host": said(f.Event, "host"),
		"Refunding": flag(f.Event, "refunding"), "Refused": flag(f.Event, "refused"),
		"PayBy": "", "ToPay": "", "Credit": "", "InvoiceOpen": "",
	}
	if f.Customer != nil && f.Customer.Name != "" {
		about["Name"], about["Buyer"] = oneLine(f.Customer.Name), oneLine(f.Customer.Name)
	}
	for word, key := range map[string]string{
		"Number": "number", "SKU": "sku", "Quantity": "quantity", "Available": "available", "ReorderPoint": "reorder_point",
		"Shipment": "shipment_number", "Return": "return_number", "Problem": "problem", "Letters": "letters", "Drifts": "drifts",
	} {
		if text := said(f.Event, key); text != "" {
			about[word] = text
		}
	}
	if drift, ok := f.Event.Data["drift"].([]any); ok && about["Drifts"] == "" {
		about["Drifts"] = strconv.Itoa(len(drift))
	}
	if at, err := time.Parse(time.RFC3339, said(f.Event, "since")); err == nil {
		about["Since"] = Moment(at, place(f), lang)
	}
	if f.Order != nil {
		ofOrder(about, f, lang)
	}
	ofShipment(about, f.Shipment)
	ofInvoice(about, f.Invoice, lang)
	if err := held(about, f, lang); err != nil {
		return nil, err
	}
	if to == notice.Warehouse {
		for _, word := range amounts {
			delete(about, word)
		}
	}
	return about, nil
}

// amounts are the words that the warehouse is not to hear.
var amounts = []string{"Total", "Amount", "ToPay", "Credit", "Open", "InvoiceOpen"}

func ofOrder(about map[string]string, f notice.Facts, lang string) {
	o := *f.Order
	about["Number"] = o.Number
	about["Total"] = Amount(o.Totals.Total, o.Currency)
	about["Lines"] = strconv.Itoa(len(o.Lines))
	var units int64
	for _, l := range o.Lines {
		units += l.Quantity - l.Cancelled
	}
	about["Units"] = strconv.FormatInt(units, 10)
	if owed := o.Owed() - o.Authorized; owed > 0 && o.Status != order.Draft {
		about["ToPay"] = Amount(owed, o.Currency)
		if o.PayBy != nil {
			about["PayBy"] = Moment(*o.PayBy, place(f), lang)
		}
	}
	if o.Status == order.Cancelled && o.Paid > o.Refunded {
		about["Credit"] = Amount(o.Paid-o.Refunded, o.Currency)
	}
	if amount, ok := f.Event.Data["amount"].(int64); ok {
		about["Amount"] = Amount(amount, o.Currency)
	}
}

func ofShipment(about map[string]string, s *shipment.Shipment) {
	if s == nil {
		return
	}
	about["Shipment"], about["Carrier"], about["TrackingNumber"] = s.Number, oneLine(s.Carrier), oneLine(s.TrackingNumber)
}

func ofInvoice(about map[string]string, b *invoice.Bill, lang string) {
	if b == nil {
		return
	}
	about["Invoice"], about["Open"] = b.Number, Amount(b.Open, b.Currency)
	about["DueOn"] = day(b.DueAt, company.Zone(b.TimeZone), lang) // its days are the company's
	if b.Open > 0 {
		about["InvoiceOpen"] = about["Open"]
	}
}

// held says why the order is on hold: for a reason of the system's, or in a person's words.
func held(about map[string]string, f notice.Facts, lang string) (err error) {
	reason := said(f.Event, "hold_reason")
	if reason == "" {
		reason = said(f.Event, "reason")
	}
	switch reason {
	case "":
	case order.HoldApproval, order.HoldStock, order.HoldDispute:
		about["Hold"], err = Say(lang, "hold."+reason, nil)
	default:
		about["Hold"], err = Say(lang, "hold.said", map[string]string{"HoldReason": reason})
	}
	return err
}

// place is where the customer's clocks are; the company's where nothing says so.
func place(f notice.Facts) *time.Location {
	if f.Customer != nil && f.Customer.TimeZone != "" {
		return company.Zone(f.Customer.TimeZone)
	}
	return f.Settings.Zone()
}

// said is what the event says under a key, "" for nothing.
func said(e event.Event, key string) string {
	switch v := e.Data[key].(type) {
	case string:
		return oneLine(v)
	case int64:
		return strconv.FormatInt(v, 10)
	default:
		return ""
	}
}

func flag(e event.Event, key string) string {
	if on, _ := e.Data[key].(bool); on {
		return "yes"
	}
	return ""
}

// Amount writes minor units of a currency with its code, USD 1,234.50, as it
// stands on invoices. A currency that is not known has no decimals.
func Amount(n int64, currency string) string {
	digits, _ := money.Digits(currency)
	text, sign := strconv.FormatInt(n, 10), ""
	if n < 0 {
		text, sign = text[1:], "-"
	}
	if short := digits + 1 - len(text); short > 0 {
		text = strings.Repeat("0", short) + text
	}
	whole, rest := text[:len(text)-digits], text[len(text)-digits:]
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if rest != "" {
		rest = "." + rest
	}
	return fmt.Sprintf("%s %s%s%s", currency, sign, whole, rest)
}

// day writes a day as readers of a language, en or zh, do.
func day(at time.Time, in *time.Location, lang string) string {
	if lang == "zh" {
		return at.In(in).Format("2006年1月2日")
	}
	return at.In(in).Format("2 January 2006")
}

// Moment writes a moment by the clocks of a place as readers of a language, en or zh, do.
func Moment(at time.Time, in *time.Location, lang string) string {
	if lang == "zh" {
		return at.In(in).Format("2006年1月2日 15:04")
	}
	return at.In(in).Format("2 January 2006, 15:04")
}
