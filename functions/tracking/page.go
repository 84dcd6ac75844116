package tracking

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"strconv"
	"strings"
	"time"

	"waybill/shared/order"
	"waybill/shared/tracking"
	"waybill/shared/wording"
)

//go:embed order.html.tmpl preferences.html.tmpl
var files embed.FS

// pages are the customers' pages, in the words of package wording.
var pages = template.Must(template.ParseFS(files, "*.tmpl"))

// style is the pages' own; the browser takes no other, and holds this against its hash.
//
//go:embed page.css
var style string

var styleHash = func() string {
	sum := sha256.Sum256([]byte(style))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}()

// sheet is the style as a page has it: what html/template would make of it has another hash.
func sheet() template.CSS { return template.CSS(style) } //nolint:gosec // it is ours

type orderSheet struct {
	Lang                           string
	Style                          template.CSS
	Company, Title, Status, For    string
	Placed, ToPay, Total, PayURL   string
	Due, Settled                   bool
	Shipments                      []parcel
	Lines                          []good
	Timeline                       []moment
	LabelToPay, LabelTotal, Pay    string
	Paid, History, Goods, Shipping string
	Carrier                        string
}

type parcel struct{ Status, Carrier, Number, URL, Left, Arrived string }

type good struct{ Name, Quantity string }

type moment struct{ Text, At string }

// orderPage is the page of an order.
func orderPage(v tracking.View, payPath string) ([]byte, error) {
	w := words{lang: v.Language}
	s := orderSheet{
		Lang: tag(v.Language), Style: sheet(), Company: v.Company, Title: w.say("page.order", "Number", v.Number), Status: w.say("status." + string(v.Status)),
		ToPay: wording.Amount(v.ToPay, v.Currency), Total: wording.Amount(v.Total, v.Currency), Due: v.ToPay > 0,
		Settled:    v.ToPay == 0 && v.Status != order.Draft && v.Status != order.Cancelled,
		LabelToPay: w.say("page.to_pay"), LabelTotal: w.say("page.total"), Pay: w.say("page.pay"), Paid: w.say("page.paid"),
		History: w.say("page.history"), Goods: w.say("page.goods"), Shipping: w.say("page.shipments"), Carrier: w.say("page.carrier"),
	}
	if v.Payable > 0 {
		s.PayURL = payPath
	}
	if who := strings.Trim(v.FirstName+" · "+v.City, " ·"); who != "" {
		s.For = w.say("page.for", "For", who)
	}
	at := func(t time.Time) string { return wording.Moment(t, v.Zone, v.Language) }
	if v.PlacedAt != nil {
		s.Placed = w.say("page.placed", "PlacedAt", at(*v.PlacedAt))
	}
	for _, p := range v.Shipments {
		one := parcel{
			Status: w.say("status." + string(p.Status)), Carrier: p.Carrier, Number: p.TrackingNumber, URL: p.TrackingURL,
			Left: w.say("page.left", "ShippedAt", at(p.ShippedAt)),
		}
		if p.DeliveredAt != nil {
			one.Arrived = w.say("page.arrived", "DeliveredAt", at(*p.DeliveredAt))
		}
		s.Shipments = append(s.Shipments, one)
	}
	for _, l := range v.Lines {
		s.Lines = append(s.Lines, good{l.Name, w.say("page.quantity", "Quantity", strconv.FormatInt(l.Quantity, 10), "Shipped", strconv.FormatInt(l.Shipped, 10))})
	}
	for _, m := range v.Timeline {
		s.Timeline = append(s.Timeline, moment{m.Text, at(m.At)})
	}
	if w.err != nil {
		return nil, w.err
	}
	return render("order.html.tmpl", s)
}

func render(name string, about any) ([]byte, error) {
	var out bytes.Buffer
	if err := pages.ExecuteTemplate(&out, name, about); err != nil {
		return nil, fmt.Errorf("make a page: %w", err)
	}
	return out.Bytes(), nil
}

// tag is a language as a page names it.
func tag(lang string) string {
	if lang == "zh" {
		return "zh-Hans"
	}
	return lang
}

// words say what a page does, and keep what first went wrong.
type words struct {
	lang string
	err  error
}

// say takes pairs of what the words are about.
func (w *words) say(key string, pairs ...string) string {
	about := map[string]string{}
	for i := 0; i+1 < len(pairs); i += 2 {
		about[pairs[i]] = pairs[i+1]
	}
	text, err := wording.Say(w.lang, key, about)
	if w.err == nil {
		w.err = err
	}
	return text
}
