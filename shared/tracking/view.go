package tracking

import (
	"context"
	"time"

	"waybill/shared/company"
	"waybill/shared/customer"
	"waybill/shared/notice"
	"waybill/shared/order"
	"waybill/shared/shipment"
	"waybill/shared/table"
	"waybill/shared/wording"
)

// A Glance is as much as tells whether anything changed: two reads.
type Glance struct {
	Link  int64 // the link's version
	Order order.Order
}

// A View is what an order's customer sees. Of the customer it has a first name and a city, no more.
type View struct {
	Number, Company string
	FirstName, City string // "" where they are not known, or not a person's
	Status          order.Status
	PaymentStatus   order.PaymentStatus
	Currency        string
	Total           int64
	ToPay           int64 // what the customer still owes
	Payable         int64 // as much of it as can be asked for at Stripe now
	PlacedAt        *time.Time
	Timeline        []Moment // the newest first
	Lines           []Line
	Shipments       []Parcel       // the newest first
	Language        string         // en or zh
	Zone            *time.Location // of the customer's clocks
}

// A Moment is something that happened, in the customer's words.
type Moment struct {
	Type, Text string
	At         time.Time
}

// A Line is something that was ordered, by its name in the customer's language.
type Line struct {
	Name              string
	Quantity, Shipped int64
}

// A Parcel is a shipment as far as it is the customer's business.
type Parcel struct {
	Number                               string
	Status                               shipment.Status
	Carrier, TrackingNumber, TrackingURL string
	ShippedAt                            time.Time
	DeliveredAt                          *time.Time
}

// mostMoments is how long a timeline may get; what is older is left out.
const mostMoments = 100

// Look reads how the order behind a token stands. For a token that leads nowhere
// it is the same refusal after the same one read, whatever the token is.
func (w *Window) Look(ctx context.Context, token string) (Glance, error) {
	link, err := w.DB.Follow(ctx, token)
	if err != nil {
		return Glance{}, err
	}
	o, err := w.DB.Order(ctx, link.OrderID)
	return Glance{Link: link.Version, Order: o}, err
}

// Show reads the rest of what the customer sees. language is en or zh, or "" for the customer's own.
func (w *Window) Show(ctx context.Context, g Glance, language string) (View, error) {
	o := g.Order
	c, err := w.DB.Catalog(ctx, o.CustomerID, nil, nil)
	if err != nil {
		return View{}, err
	}
	who := customer.Customer{}
	if c.Customer != nil {
		who = *c.Customer
	}
	if language == "" {
		language = notice.Language(who.Locale)
	}
	v := View{
		Number: o.Number, Company: c.Settings.Name, FirstName: firstNameOf(o, who), City: cityOf(o, who),
		Status: o.Status, PaymentStatus: o.PaymentStatus(), Currency: o.Currency, Total: o.Totals.Total, ToPay: o.Owed(),
		PlacedAt: o.PlacedAt, Language: language, Zone: c.Settings.Zone(),
	}
	if who.TimeZone != "" {
		v.Zone = company.Zone(who.TimeZone)
	}
	if v.Payable, err = w.payable(ctx, o); err != nil {
		return v, err
	}
	locale := language
	if notice.Language(who.Locale) == language {
		locale = who.Locale // which may be closer: zh-Hant, en-GB
	}
	if v.Lines, err = w.lines(ctx, o, locale); err != nil {
		return v, err
	}
	if v.Shipments, err = w.shipments(ctx, o); err != nil {
		return v, err
	}
	v.Timeline, err = w.timeline(ctx, o, language)
	return v, err
}

// payable is what can be asked for at Stripe: nothing that is sure to come or under way already.
func (w *Window) payable(ctx context.Context, o order.Order) (int64, error) {
	if o.Status == order.Draft || o.Owed() <= o.Authorized {
		return 0, nil
	}
	a, err := w.DB.Account(ctx, o.ID)
	return max(0, o.Owed()-o.Authorized-a.Underway()), err
}

func (w *Window) lines(ctx context.Context, o order.Order, locale string) ([]Line, error) {
	skus := make([]string, len(o.Lines))
	for i, l := range o.Lines {
		skus[i] = l.SKU
	}
	products, err := w.DB.ProductsOf(ctx, skus)
	if err != nil {
		return nil, err
	}
	var out []Line
	for _, l := range o.Lines {
		if n := l.Quantity - l.Cancelled; n > 0 {
			out = append(out, Line{Name: products[l.SKU].NameIn(locale, l.Name), Quantity: n, Shipped: l.Shipped})
		}
	}
	return out, nil
}

// shipments are those of the order that were not undone.
func (w *Window) shipments(ctx context.Context, o order.Order) ([]Parcel, error) {
	all, err := w.DB.ShipmentsOf(ctx, o.Shipments)
	var out []Parcel
	for _, s := range all {
		if s.Status != shipment.Undone {
			out = append(out, Parcel{s.Number, s.Status, s.Carrier, s.TrackingNumber, s.TrackingURL, s.ShippedAt, s.DeliveredAt})
		}
	}
	return out, err
}

func (w *Window) timeline(ctx context.Context, o order.Order, language string) ([]Moment, error) {
	l, err := w.DB.Timeline(ctx, o.ID, table.Page{Limit: mostMoments})
	if err != nil {
		return nil, err
	}
	var out []Moment
	for _, e := range l.Items {
		text, err := wording.Track(e, language)
		if err != nil {
			return nil, err
		}
		if text != "" {
			out = append(out, Moment{Type: string(e.Type), Text: text, At: e.At})
		}
	}
	return out, nil
}

// Open reads which order is behind a token.
func (w *Window) Open(ctx context.Context, token string) (orderID string, err error) {
	link, err := w.DB.Follow(ctx, token)
	return link.OrderID, err
}
