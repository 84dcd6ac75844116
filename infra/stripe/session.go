package stripe

import (
	"fmt"
	"net/url"
	"strings"
	"time"
)

// The statuses of sessions, and whether they are paid.
const (
	open     = "open"
	complete = "complete"
	expired  = "expired"
	paid     = "paid"
	unpaid   = "unpaid"
)

// How long a session may be open.
const (
	shortest = 30 * time.Minute
	longest  = 24 * time.Hour
)

func (s *Server) postSession(_ string, v url.Values) (any, *problem) {
	if v.Get("mode") != "payment" {
		return nil, invalid("mode", "", "Invalid mode: must be payment")
	}
	for _, param := range []string{"success_url", "cancel_url"} {
		if u, err := url.Parse(v.Get(param)); err != nil || u.Host == "" {
			return nil, invalid(param, "url_invalid", "Not a valid URL")
		}
	}
	if email := v.Get("customer_email"); email != "" && !strings.Contains(email, "@") {
		return nil, invalid("customer_email", "email_invalid", "Invalid email address")
	}
	now := s.now()
	expires, p := number(v, "expires_at", now+int64(longest.Seconds()))
	if p != nil {
		return nil, p
	}
	if expires < now+int64(shortest.Seconds()) || expires > now+int64(longest.Seconds()) {
		return nil, invalid("expires_at", "", "The expires_at timestamp must be 30 minutes to 24 hours from Checkout Session creation.")
	}
	lines, currency, total, p := readLines(v)
	if p != nil {
		return nil, p
	}
	id := newID("cs_test_a1", 56)
	c := &session{
		ID: id, Object: "checkout.session", AmountSubtotal: total, AmountTotal: total, CancelURL: v.Get("cancel_url"),
		ClientReferenceID: text(v.Get("client_reference_id")), Created: now, Currency: currency,
		CustomerEmail: text(v.Get("customer_email")), ExpiresAt: expires, Locale: text(v.Get("locale")),
		Metadata: pairs(v, "metadata"), Mode: "payment", PaymentMethods: []string{"card", "us_bank_account"},
		PaymentStatus: unpaid, Status: open, SuccessURL: v.Get("success_url"), URL: text(s.cfg.URL + "/dev/stripe/pay/" + id),
		hidden: sessionHidden{
			Lines: lines, Capture: capture(v.Get("payment_intent_data[capture_method]")),
			Metadata: pairs(v, "payment_intent_data[metadata]"),
		},
	}
	s.state.Sessions = append(s.state.Sessions, c)
	return c, nil
}

func readLines(v url.Values) (lines []line, currency string, total int64, _ *problem) {
	const maxLines = 100
	for i := 0; ; i++ {
		at := fmt.Sprintf("line_items[%d]", i)
		c := v.Get(at + "[price_data][currency]")
		if c == "" {
			break
		}
		if i >= maxLines {
			return nil, "", 0, invalid("line_items", "", "You may only specify up to %d line items.", maxLines)
		}
		if currency != "" && c != currency {
			return nil, "", 0, invalid(at, "", "All line items must be in one currency.")
		}
		currency = c
		unit, p := number(v, at+"[price_data][unit_amount]", -1)
		if p != nil {
			return nil, "", 0, p
		}
		quantity, p := number(v, at+"[quantity]", 0)
		if p != nil {
			return nil, "", 0, p
		}
		name := v.Get(at + "[price_data][product_data][name]")
		if name == "" || quantity < 1 || unit < 0 {
			return nil, "", 0, invalid(at, "parameter_missing", "Missing or invalid name, quantity or unit_amount.")
		}
		lines = append(lines, line{Name: name, Quantity: quantity, Unit: unit})
		total += quantity * unit
	}
	if len(lines) == 0 {
		return nil, "", 0, invalid("line_items", "parameter_missing", "The line_items parameter is required in payment mode.")
	}
	return lines, currency, total, checkAmount("line_items", currency, total)
}

func capture(method string) string {
	if method == "manual" {
		return method
	}
	return "automatic"
}

func (s *Server) getSession(id string, _ url.Values) (any, *problem) {
	c := s.sessionByID(id)
	if c == nil {
		return nil, missing("checkout.session", id)
	}
	return c, nil
}

func (s *Server) postExpire(id string, _ url.Values) (any, *problem) {
	c := s.sessionByID(id)
	if c == nil {
		return nil, missing("checkout.session", id)
	}
	if c.Status != open {
		return nil, unexpected("", "Only Checkout Sessions with a status in [\"open\"] can be expired. This Checkout Session has a status of `%s`.", c.Status)
	}
	s.expireSession(c)
	return c, nil
}

// expireSession ends a session, and the payment that was tried on it in vain.
func (s *Server) expireSession(c *session) {
	c.Status, c.URL = expired, nil
	if i := s.intentOf(c); i != nil {
		s.cancelled(i, "abandoned")
	}
	s.emit("checkout.session.expired", c)
}

// paying is the intent behind an open session: the first try to pay makes it.
func (s *Server) paying(c *session) *intent {
	if i := s.intentOf(c); i != nil {
		return i
	}
	i := s.newIntent(c.AmountTotal, c.Currency, c.hidden.Capture, c.hidden.Metadata)
	i.ReceiptEmail = c.CustomerEmail
	c.PaymentIntent = &i.ID
	return i
}

// advance has the session of an intent, if there is one, say what became of it.
func (s *Server) advance(i *intent) {
	c := find(s.state.Sessions, func(c *session) bool { return c.PaymentIntent != nil && *c.PaymentIntent == i.ID })
	if c == nil {
		return
	}
	wasOpen := c.Status == open
	switch i.Status {
	case succeeded:
		c.Status, c.PaymentStatus = complete, paid
	case requiresCapture, processing:
		c.Status = complete
	}
	switch {
	case wasOpen && c.Status == complete:
		c.URL = nil
		s.emit("checkout.session.completed", c)
	case !wasOpen && i.Status == succeeded && i.CaptureMethod != "manual":
		s.emit("checkout.session.async_payment_succeeded", c)
	case !wasOpen && i.Status == requiresMethod:
		s.emit("checkout.session.async_payment_failed", c)
	}
}

func (s *Server) sessionByID(id string) *session {
	return find(s.state.Sessions, func(c *session) bool { return c.ID == id })
}

func (s *Server) intentOf(c *session) *intent {
	if c.PaymentIntent == nil {
		return nil
	}
	return s.intentByID(*c.PaymentIntent)
}
