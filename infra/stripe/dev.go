package stripe

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

//go:embed panel.html pay.html
var pages embed.FS

// Dev is the control panel and the page where sessions are paid, below /dev/stripe.
func (s *Server) Dev() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /dev/stripe/{object}/{action}", s.serveAction)
	mux.HandleFunc("GET /dev/stripe/events", s.serveEvents)
	mux.HandleFunc("POST /dev/stripe/events/{id}/deliver", s.serveDeliver)
	mux.HandleFunc("GET /dev/stripe/pay/{session}", s.servePay)
	mux.HandleFunc("POST /dev/stripe/pay/{session}", s.servePaid)
	mux.HandleFunc("GET /dev/stripe/{$}", s.servePanel)
	mux.Handle("GET /dev/stripe", http.RedirectHandler("/dev/stripe/", http.StatusSeeOther))
	return mux
}

// Do is the customer or the bank: it succeeds, declines, cancels, processes,
// fails, disputes, wins or loses a session, an intent, a charge, a refund or a
// dispute, whichever makes sense, and returns the events that came of it. A
// dispute is about an amount in Stripe's units; 0 is all that is left.
func (s *Server) Do(object, action string, amount int64, d Delivery) ([]string, error) {
	var p *problem
	ids := s.do(d, func() { p = s.act(object, action, amount) })
	if p != nil {
		return nil, p
	}
	return ids, nil
}

// Pay has the customer pay a session or an intent, and waits until its events
// have been delivered once.
func (s *Server) Pay(ctx context.Context, object string) error {
	if _, err := s.Do(object, "succeed", 0, Now); err != nil {
		return err
	}
	return s.Idle(ctx)
}

func (s *Server) act(object, action string, amount int64) *problem {
	if r := find(s.state.Refunds, func(r *refund) bool { return r.ID == object }); r != nil {
		switch action {
		case "succeed":
			return s.settleRefund(r, succeeded)
		case "fail", "decline":
			return s.settleRefund(r, failed)
		case "cancel":
			return s.settleRefund(r, canceled)
		}
		return unknownAction(action, "a refund")
	}
	if d := s.disputeByID(object); d != nil {
		return s.judge(d, action)
	}
	c := s.sessionByID(object)
	if c != nil && c.Status == open {
		return s.onPage(c, action)
	}
	i := s.intentByID(object)
	switch {
	case c != nil:
		i = s.intentOf(c)
	case i == nil:
		if charged := s.chargeByID(object); charged != nil {
			i = s.intentByID(charged.PaymentIntent)
		}
	}
	switch {
	case i == nil && c == nil:
		return missing("object", object)
	case i == nil:
		return &problem{Status: http.StatusConflict, Type: "invalid_request_error", Message: "The session is " + c.Status + " and was never paid."}
	}
	return s.actOnIntent(i, action, amount)
}

// onPage is what the customer does on an open session's page.
func (s *Server) onPage(c *session, action string) *problem {
	switch action {
	case "succeed":
		return s.pay(s.paying(c))
	case "process":
		if c.hidden.Capture == "manual" {
			return &problem{Status: http.StatusConflict, Type: "invalid_request_error", Message: "A debit can't be authorised first."}
		}
		return s.process(s.paying(c))
	case "decline", "fail":
		return s.decline(s.paying(c))
	case "cancel":
		s.expireSession(c)
		return nil
	}
	return unknownAction(action, "an open session")
}

func (s *Server) actOnIntent(i *intent, action string, amount int64) *problem {
	switch action {
	case "succeed":
		return s.pay(i)
	case "process":
		return s.process(i)
	case "decline", "fail":
		return s.decline(i)
	case "cancel":
		return s.cancelIntent(i, "requested_by_customer")
	case "dispute":
		return s.disputed(i, amount)
	case "win", "lose":
		return s.judge(find(s.state.Disputes, func(d *dispute) bool { return d.PaymentIntent == i.ID }), action)
	}
	return unknownAction(action, "a payment")
}

// judge ends a dispute.
func (s *Server) judge(d *dispute, action string) *problem {
	switch action {
	case "win":
		return s.settleDispute(d, won)
	case "lose":
		return s.settleDispute(d, lost)
	}
	return unknownAction(action, "a dispute")
}

func unknownAction(action, what string) *problem {
	return &problem{
		Status: http.StatusNotFound, Type: "invalid_request_error", Message: fmt.Sprintf("There is no %s for %s.", action, what),
	}
}

func (s *Server) serveAction(w http.ResponseWriter, r *http.Request) {
	d := Delivery(r.FormValue("deliver"))
	switch d {
	case "":
		d = Now
	case Now, Never, Twice, Afterward:
	default:
		write(w, invalid("deliver", "", "deliver is now, none, twice or late."))
		return
	}
	amount, p := number(r.Form, "amount", 0)
	if p != nil {
		write(w, p)
		return
	}
	object, action := r.PathValue("object"), r.PathValue("action")
	var found any
	ids := s.do(d, func() {
		if p = s.act(object, action, amount); p == nil {
			found = s.anything(object)
		}
	})
	if p != nil {
		write(w, p)
		return
	}
	s.durable(r.Context())
	if d == Now || d == Twice {
		s.settle(r.Context())
	}
	s.acted(w, r, map[string]any{"object": object, "action": action, "now": found, "events": ids})
}

// settle waits a while for the deliveries, so that whoever asked sees what came of them.
func (s *Server) settle(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, settleAtMost)
	defer cancel()
	// What isn't delivered by then is delivered later.
	_ = s.Idle(ctx)
}

// anything is a copy of the object of that id.
func (s *Server) anything(id string) any {
	for _, get := range []operation{s.getSession, s.getIntent, s.getRefund, s.getDispute} {
		if object, p := get(id, nil); p == nil {
			_, body := encode(object, nil)
			return json.RawMessage(body)
		}
	}
	_, body := encode(s.chargeByID(id), nil)
	return json.RawMessage(body)
}

// acted answers a program with JSON and a browser with the panel.
func (s *Server) acted(w http.ResponseWriter, r *http.Request, body any) {
	if strings.Contains(r.Header.Get("Accept"), "text/html") {
		http.Redirect(w, r, "/dev/stripe/", http.StatusSeeOther)
		return
	}
	_, text := encode(body, nil)
	send(w, http.StatusOK, text)
}

// An EventInfo is an event in the control panel.
type EventInfo struct {
	ID        string    `json:"id"`
	Type      string    `json:"type"`
	Object    string    `json:"object"`
	Created   time.Time `json:"created"`
	Delivered bool      `json:"delivered"`
	Attempts  int       `json:"attempts"`
}

// Events are the events, the newest first.
func (s *Server) Events() []EventInfo {
	s.mu.Lock()
	defer s.mu.Unlock()
	events := []EventInfo{}
	for _, e := range slices.Backward(s.state.Events) {
		var object struct{ ID string }
		// What we made ourselves can be read; an event without an object would show as one.
		_ = json.Unmarshal(e.Object, &object)
		events = append(events, EventInfo{
			ID: e.ID, Type: e.Type, Object: object.ID, Created: time.Unix(e.Created, 0).UTC(), Delivered: e.Delivered, Attempts: e.Attempts,
		})
	}
	return events
}

func (s *Server) serveEvents(w http.ResponseWriter, r *http.Request) {
	limit, p := number(r.URL.Query(), "limit", mostOnPage)
	if p == nil && limit < 1 {
		p = invalid("limit", "parameter_invalid_integer", "Invalid limit: %d", limit)
	}
	if p != nil {
		write(w, p)
		return
	}
	events := s.Events()
	_, text := encode(map[string]any{"items": events[:min(int(limit), len(events))]}, nil)
	send(w, http.StatusOK, text)
}

func (s *Server) serveDeliver(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	times, err := strconv.Atoi(r.FormValue("times"))
	if err != nil || times < 1 {
		times = 1
	}
	statuses := []int{}
	for range min(times, mostOnPage) {
		status, err := s.Deliver(r.Context(), id)
		if p := new(problem); errors.As(err, &p) {
			write(w, p)
			return
		}
		statuses = append(statuses, status)
	}
	delivered := slices.ContainsFunc(s.Events(), func(e EventInfo) bool { return e.ID == id && e.Delivered })
	s.acted(w, r, map[string]any{"id": id, "delivered": delivered, "statuses": statuses})
}

var templates = template.Must(template.New("").Funcs(template.FuncMap{"money": money, "clock": clock}).ParseFS(pages, "*.html"))

// The currencies that Stripe doesn't count in hundredths.
var (
	zeroDecimal  = strings.Fields("BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF VND VUV XAF XOF XPF")
	threeDecimal = strings.Fields("BHD JOD KWD OMR TND")
)

// money is an amount in Stripe's units as people write it.
func money(amount int64, currency string) string {
	currency = strings.ToUpper(currency)
	digits := 2
	switch {
	case slices.Contains(zeroDecimal, currency):
		digits = 0
	case slices.Contains(threeDecimal, currency):
		digits = 3
	}
	text := fmt.Sprintf("%0*d", digits+1, amount)
	if digits == 0 {
		return currency + " " + text
	}
	return currency + " " + text[:len(text)-digits] + "." + text[len(text)-digits:]
}

func clock(t time.Time) string { return t.Format("2006-01-02 15:04:05") }

const mostOnPanel = 50

func (s *Server) servePanel(w http.ResponseWriter, _ *http.Request) {
	events := s.Events()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expire()
	s.hand(Now)
	render(w, http.StatusOK, "panel.html", map[string]any{
		"Sessions": latest(s.state.Sessions), "Intents": latest(s.state.Intents), "Refunds": latest(s.state.Refunds),
		"Disputes": latest(s.state.Disputes), "Events": events[:min(mostOnPanel, len(events))],
	})
}

func latest[T any](items []*T) []*T {
	newest := slices.Clone(items[max(0, len(items)-mostOnPanel):])
	slices.Reverse(newest)
	return newest
}

func (s *Server) servePay(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expire()
	s.hand(Now)
	c := s.sessionByID(r.PathValue("session"))
	if c == nil {
		render(w, http.StatusNotFound, "pay.html", map[string]any{"Trouble": "There is no such page."})
		return
	}
	shown := map[string]any{"Session": c, "Lines": c.hidden.Lines, "Manual": c.hidden.Capture == "manual"}
	switch c.Status {
	case complete:
		shown["Trouble"] = "This is paid, or on its way."
	case expired:
		shown["Trouble"] = "This page is no longer open."
	default:
		shown["Open"] = true
		if i := s.intentOf(c); i != nil && i.LastPaymentError != nil {
			shown["Declined"] = i.LastPaymentError.Message
		}
	}
	render(w, http.StatusOK, "pay.html", shown)
}

// servePaid is the customer who presses a button and is sent where the session says.
func (s *Server) servePaid(w http.ResponseWriter, r *http.Request) {
	id, action := r.PathValue("session"), r.FormValue("action")
	var success, abandoned string
	var p *problem
	s.do(Now, func() {
		c := s.sessionByID(id)
		if c == nil {
			p = missing("checkout.session", id)
			return
		}
		success, abandoned = strings.ReplaceAll(c.SuccessURL, "{CHECKOUT_SESSION_ID}", c.ID), c.CancelURL
		if action != "abandon" && c.Status == open {
			p = s.onPage(c, action)
		}
	})
	if p != nil {
		write(w, p)
		return
	}
	to := map[string]string{"abandon": abandoned, "decline": r.URL.Path}[action]
	if to == "" {
		to = success
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}

func render(w http.ResponseWriter, status int, name string, shown any) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	// The browser may be gone; nobody is left to tell.
	_ = templates.ExecuteTemplate(w, name, shown)
}
