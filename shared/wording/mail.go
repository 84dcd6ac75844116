package wording

import (
	"embed"
	"fmt"
	html "html/template"
	"strconv"
	"strings"
	"sync"
	text "text/template"

	"waybill/shared/event"
	"waybill/shared/notice"
	"waybill/shared/order"
)

//go:embed mail.html.tmpl mail.txt.tmpl
var layouts embed.FS

type layout struct {
	html *html.Template
	text *text.Template
}

// mails are the one layout that every mail to customers has.
var mails = sync.OnceValues(func() (layout, error) {
	h, err := html.ParseFS(layouts, "mail.html.tmpl")
	if err != nil {
		return layout{}, fmt.Errorf("read the layout of mail: %w", err)
	}
	t, err := text.ParseFS(layouts, "mail.txt.tmpl")
	if err != nil {
		return layout{}, fmt.Errorf("read the layout of mail: %w", err)
	}
	return layout{h, t}, nil
})

// A letter is what the layouts put into their places.
type letter struct {
	Lang, Subject, Company, Hello string
	Paragraphs                    []string
	Details                       []detail
	Item, Quantity, Price         string // above the rows; no Price for goods alone
	Rows                          []row
	Sums                          []sum
	Button, TrackURL              string
	Contact, Why                  string
	Choose, PreferencesURL        string
}

type detail struct{ Label, Value, URL string }

type row struct{ Name, Quantity, Price string }

type sum struct {
	Label, Value string
	Strong       bool
}

// mail puts words into the layout of mail, with what they are about.
func (s *speech) mail(words string, f notice.Facts) notice.Words {
	l := letter{
		Lang: s.lang, Subject: subject(s.say(words + ".subject")), Company: s.about["Company"], Hello: oneLine(s.say("mail.hello")),
		Why: s.say("mail.why"), Choose: s.say("mail.choose"), PreferencesURL: f.PreferencesURL,
		TrackURL: f.TrackURL, Button: s.say("mail.follow"),
	}
	for p := range strings.SplitSeq(s.say(words+".body"), "\n\n") {
		l.Paragraphs = append(l.Paragraphs, oneLine(p))
	}
	if contact := contact(f); contact != "" {
		s.about["Contact"] = contact
		l.Contact = s.say("mail.contact")
	}
	s.contents(&l, words, f)
	if s.err == nil && f.Order == nil {
		s.err = fmt.Errorf("say %s: nobody said of which order", words)
	}
	if s.err != nil {
		return notice.Words{}
	}
	if l.Lang == "zh" {
		l.Lang = "zh-Hans"
	}
	var out notice.Words
	out, s.err = l.render()
	return out
}

func contact(f notice.Facts) string {
	var ways []string
	for _, way := range []string{f.Settings.Email, f.Settings.Phone} {
		if way = oneLine(way); way != "" {
			ways = append(ways, way)
		}
	}
	return strings.Join(ways, " · ")
}

// asks are the mails that ask for money, whatever the order's terms.
var asks = map[string]bool{"payment_failed": true, "invoice_issued": true, "invoice_due_soon": true, "invoice_overdue": true}

// contents are what a mail shows beside its words: the order, the goods or the invoice that it is about.
func (s *speech) contents(l *letter, words string, f notice.Facts) {
	if f.Order == nil {
		return
	}
	o := *f.Order
	l.Details = append(l.Details, detail{Label: s.say("mail.order"), Value: o.Number})
	switch words {
	case "order_confirmed", "order_changed", "order_closed":
		s.orderContents(l, o, f)
	case "shipped", "delivered":
		s.shipmentContents(l, f)
	case "returned":
		s.goods(l)
		for _, piece := range pieces(f.Event) {
			l.Rows = append(l.Rows, row{Name: nameIn(o, piece.sku), Quantity: piece.quantity})
		}
	case "invoice_issued", "invoice_due_soon", "invoice_overdue":
		s.invoiceContents(l, f)
	}
	if s.about["ToPay"] != "" && (asks[words] || s.about["PayBy"] != "") {
		l.Button = s.say("mail.pay")
	}
}

func (s *speech) goods(l *letter) { l.Item, l.Quantity = s.say("mail.item"), s.say("mail.quantity") }

func (s *speech) orderContents(l *letter, o order.Order, f notice.Facts) {
	if o.PlacedAt != nil {
		l.Details = append(l.Details, detail{Label: s.say("mail.placed"), Value: Moment(*o.PlacedAt, place(f), s.lang)})
	}
	s.goods(l)
	l.Price = s.say("mail.price")
	for _, line := range o.Lines {
		n := line.Quantity - line.Cancelled
		if n == 0 {
			continue
		}
		l.Rows = append(l.Rows, row{Name: oneLine(line.Name), Quantity: strconv.FormatInt(n, 10), Price: Amount(line.Total, o.Currency)})
	}
	t := o.Totals
	if t.Discount > 0 {
		s.sum(l, "mail.subtotal", Amount(t.Subtotal, o.Currency), false)
		s.sum(l, "mail.discount", Amount(-t.Discount, o.Currency), false)
	}
	if t.Tax > 0 {
		s.sum(l, taxLabel(o.TaxInclusive), Amount(t.Tax, o.Currency), false)
	}
	s.sum(l, "mail.total", Amount(t.Total, o.Currency), true)
	if paid := o.Paid - o.Refunded; paid > 0 {
		s.sum(l, "mail.paid", Amount(paid, o.Currency), false)
		s.sum(l, "mail.to_pay", Amount(o.Owed(), o.Currency), true)
	}
}

func taxLabel(included bool) string {
	if included {
		return "mail.tax_included"
	}
	return "mail.tax"
}

func (s *speech) sum(l *letter, label, value string, strong bool) {
	l.Sums = append(l.Sums, sum{Label: s.say(label), Value: value, Strong: strong})
}

func (s *speech) shipmentContents(l *letter, f notice.Facts) {
	if f.Shipment == nil {
		s.err = fmt.Errorf("say what left of order %s: nobody said which shipment", f.Order.Number)
		return
	}
	p := *f.Shipment
	if p.Carrier != "" {
		l.Details = append(l.Details, detail{Label: s.say("mail.carrier"), Value: oneLine(p.Carrier)})
	}
	if p.TrackingNumber != "" {
		l.Details = append(l.Details, detail{Label: s.say("mail.tracking"), Value: oneLine(p.TrackingNumber), URL: p.TrackingURL})
	}
	l.Details = append(l.Details, detail{Label: s.say("mail.left"), Value: Moment(p.ShippedAt, place(f), s.lang)})
	s.goods(l)
	for _, line := range p.Lines {
		l.Rows = append(l.Rows, row{Name: oneLine(line.Name), Quantity: strconv.FormatInt(line.Quantity, 10)})
	}
}

func (s *speech) invoiceContents(l *letter, f notice.Facts) {
	if f.Invoice == nil {
		return // the words that say its number fail
	}
	b := *f.Invoice
	l.Details = append(l.Details, detail{Label: s.say("mail.invoice"), Value: b.Number}, detail{Label: s.say("mail.due"), Value: s.about["DueOn"]})
	s.goods(l)
	l.Price = s.say("mail.price")
	for _, line := range b.Lines {
		l.Rows = append(l.Rows, row{Name: oneLine(line.Name), Quantity: strconv.FormatInt(line.Quantity, 10), Price: Amount(line.Total, b.Currency)})
	}
	if b.Sums.Tax > 0 {
		s.sum(l, "mail.net", Amount(b.Sums.Net, b.Currency), false)
		s.sum(l, "mail.tax", Amount(b.Sums.Tax, b.Currency), false)
	}
	s.sum(l, "mail.total", Amount(b.Sums.Total, b.Currency), true)
	if b.Open != b.Sums.Total {
		s.sum(l, "mail.to_pay", Amount(b.Open, b.Currency), true)
	}
}

type piece struct{ sku, quantity string }

// pieces are the lines that an event names.
func pieces(e event.Event) []piece {
	var out []piece
	list, _ := e.Data["lines"].([]any)
	for _, one := range list {
		line, _ := one.(map[string]any)
		sku, _ := line["sku"].(string)
		quantity, _ := line["quantity"].(int64)
		out = append(out, piece{sku, strconv.FormatInt(quantity, 10)})
	}
	return out
}

func nameIn(o order.Order, sku string) string {
	if l := o.Line(sku); l != nil {
		return oneLine(l.Name)
	}
	return sku
}

func (l letter) render() (notice.Words, error) {
	m, err := mails()
	if err != nil {
		return notice.Words{}, err
	}
	var h, t strings.Builder
	if err := m.html.Execute(&h, l); err != nil {
		return notice.Words{}, fmt.Errorf("put mail into its layout: %w", err)
	}
	if err := m.text.Execute(&t, l); err != nil {
		return notice.Words{}, fmt.Errorf("put mail into its layout: %w", err)
	}
	return notice.Words{Subject: l.Subject, Text: t.String(), HTML: h.String()}, nil
}
