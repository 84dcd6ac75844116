package telling

import (
	"cmp"
	"context"
	"crypto/rand"
	"time"

	"waybill/shared/event"
	"waybill/shared/invoice"
	"waybill/shared/notice"
	"waybill/shared/order"
	"waybill/shared/refusal"
)

// An occasion is an event with everything that a message about it can need, as
// it is now: what waited says what is true when it is sent.
type occasion struct {
	facts    notice.Facts
	restored time.Time // of before, nothing is sent
}

// look reads what an event is about. What is gone by now is nil.
func (t *Teller) look(ctx context.Context, e event.Event) (*occasion, error) {
	c := &occasion{facts: notice.Facts{Event: e, ConsoleURL: t.Links.Console}}
	f := &c.facts
	var err error
	if c.restored, err = t.DB.RestoredAt(ctx); err != nil {
		return nil, err
	}
	if f.Settings, err = t.DB.Settings(ctx); err != nil {
		return nil, err
	}
	if e.Subject.Kind != event.Order {
		return c, nil
	}
	if f.ConsoleURL != "" {
		f.ConsoleURL += "/orders/" + e.Subject.ID
	}
	o, err := t.DB.Order(ctx, e.Subject.ID)
	if refusal.Is(err, "not_found") {
		return c, nil
	}
	if err != nil {
		return nil, err
	}
	f.Order = &o
	if id, _ := e.Data["shipment"].(string); id != "" {
		s, err := t.DB.Shipment(ctx, id)
		if err == nil {
			f.Shipment = &s
		} else if !refusal.Is(err, "not_found") {
			return nil, err
		}
	}
	if id, _ := e.Data["invoice"].(string); id != "" {
		i, err := t.DB.Invoice(ctx, id)
		if err == nil {
			bill := i.In(o, t.IDs.Now())
			f.Invoice = &bill
		} else if !refusal.Is(err, "not_found") {
			return nil, err
		}
	}
	buyer, err := t.DB.Customer(ctx, o.CustomerID)
	if err == nil {
		f.Customer = &buyer
	} else if !refusal.Is(err, "not_found") {
		return nil, err
	}
	return c, nil
}

// recipient is where somebody is told by a channel, and in which language; ""
// where it is not known. It is not ok where there is nobody to be told.
func (c *occasion) recipient(who notice.Audience, ch notice.Channel) (to, language string, ok bool) {
	f := c.facts
	switch {
	case who == notice.Customer && f.Customer == nil:
		return "", "", f.Order != nil && (ch == notice.Email || ch == notice.SMS)
	case who == notice.Customer && ch == notice.Email:
		return f.Customer.Email, notice.Language(f.Customer.Locale), true
	case who == notice.Customer && ch == notice.SMS:
		return f.Customer.Phone, notice.Language(f.Customer.Locale), true
	case who == notice.Owner && ch == notice.App:
		if f.Order != nil {
			to = f.Order.Owner
		}
		if f.Customer != nil {
			to = cmp.Or(to, f.Customer.Owner)
		}
		return to, "", to != ""
	case who == notice.Customer || who == notice.Owner:
		return "", "", false
	case ch == notice.App:
		return string(who), "", true
	case ch == notice.Staff:
		return string(who), notice.Language(f.Settings.Telling.Language), true
	}
	return "", "", false
}

// late is how old an event is when what it says may no longer be so.
const late = 10 * time.Minute

// obstacle says why a notification is not to be sent now; with until, it is to
// be sent then.
func (t *Teller) obstacle(c *occasion, d draft, now time.Time) (reason string, until time.Time) {
	f, asked := c.facts, d.AskedAt != nil && !d.AskedAt.Before(c.restored)
	switch {
	case d.At.Before(c.restored) && !asked:
		return notice.Restored, until
	case d.Channel == notice.App:
		return "", until
	case !c.offered(d.Channel) || t.Senders[d.Channel] == nil:
		return notice.SwitchedOff, until
	case d.To == "":
		return notice.NoAddress, until
	case d.Channel == notice.SMS && !isNumber(d.To):
		return notice.BadNumber, until
	case (d.Version > 0 || now.Sub(d.At) > late) && outdated(f):
		return notice.Outdated, until
	case d.Channel == notice.SMS:
		zone := f.Settings.TimeZone
		if f.Customer != nil {
			zone = cmp.Or(f.Customer.TimeZone, zone)
		}
		if end, quiet := notice.QuietUntil(now, zone, f.Settings.Telling.QuietFrom, f.Settings.Telling.QuietTo); quiet {
			return notice.QuietHours, end
		}
	}
	return "", until
}

// offered reports whether the settings have customers told by a channel.
func (c *occasion) offered(ch notice.Channel) bool {
	telling := c.facts.Settings.Telling
	return ch != notice.Email && ch != notice.SMS || ch == notice.Email && telling.Email || ch == notice.SMS && telling.SMS
}

// most is how much one recipient may get by a channel on a day; counted is
// false where nobody counts.
func (c *occasion) most(ch notice.Channel) (most int64, counted bool) {
	switch ch {
	case notice.Email:
		return c.facts.Settings.Telling.EmailCap, true
	case notice.SMS:
		return c.facts.Settings.Telling.SMSCap, true
	default:
		return 0, false
	}
}

// outdated reports whether what a message that waited was to say is no longer so.
func outdated(f notice.Facts) bool {
	o := f.Order
	if o == nil {
		return false
	}
	switch f.Event.Type {
	case event.OrderConfirmed, event.OrderEdited, event.OrderHeld:
		return o.Status == order.Cancelled
	case event.PaymentFailed:
		return o.Owed() == 0
	case event.InvoiceDueSoon, event.InvoiceOverdue:
		return f.Invoice != nil && (f.Invoice.Status == invoice.Paid || f.Invoice.Status == invoice.Credited)
	default:
		return false
	}
}

// links adds where the customer's message leads to, and returns the
// preferences that its claim depends on.
func (t *Teller) links(ctx context.Context, f *notice.Facts) (notice.Preferences, error) {
	p, err := t.DB.LinkPreferences(ctx, f.Customer.ID, rand.Text())
	if err != nil {
		return p, err
	}
	f.PreferencesURL = t.Links.Base + "/v1/preferences/" + p.Token
	if t.Track == nil {
		return p, nil
	}
	token, err := t.Track(ctx, f.Order.ID)
	if err == nil && token != "" {
		f.TrackURL, f.ShortURL = t.Links.Base+"/v1/track/"+token, t.Links.Base+"/t/"+token
	}
	return p, err
}
