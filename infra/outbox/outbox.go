// Package outbox stands for the senders of mail and SMS on a laptop: what would
// be sent is kept, shown, and passed on to a mail server where there is one.
package outbox

import (
	"cmp"
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"waybill/shared/notice"
)

// An Item is a message that was sent. Channel is email or sms.
type Item struct {
	ID      string    `json:"id"`
	Channel string    `json:"channel"`
	To      string    `json:"to"` // an address, a number, or role:<role> for a topic of staff
	Event   string    `json:"event"`
	Subject string    `json:"subject"`
	Text    string    `json:"text"`
	HTML    string    `json:"html,omitempty"`
	OrderID string    `json:"order_id,omitempty"`
	Parts   int64     `json:"parts,omitempty"` // of an SMS
	At      time.Time `json:"at"`

	// Unsubscribe is where the recipient of a mail opts out, as its header says.
	Unsubscribe string `json:"unsubscribe,omitempty"`
}

// Config says what the outbox does beside keeping.
type Config struct {
	Now func() time.Time
	// Intercept breaks sending, for tests: what it returns is the sender's answer.
	Intercept func(context.Context, notice.Message) error
	// Forward passes a message on, to where somebody reads it.
	Forward func(context.Context, notice.Message) error
}

// most is how many messages are kept.
const most = 20_000

// Outbox keeps what was sent, newest last.
type Outbox struct {
	cfg Config

	mu    sync.Mutex
	items []Item
}

// New returns an empty outbox.
func New(cfg Config) *Outbox { return &Outbox{cfg: cfg} }

// Send keeps a message, as the sender of each channel.
func (o *Outbox) Send(ctx context.Context, m notice.Message) error {
	if o.cfg.Intercept != nil {
		if err := o.cfg.Intercept(ctx, m); err != nil {
			return err
		}
	}
	if o.cfg.Forward != nil {
		if err := o.cfg.Forward(ctx, m); err != nil {
			return err
		}
	}
	i := Item{
		ID: m.ID, Channel: string(m.Channel), To: m.To, Event: string(m.Type), Subject: m.Subject, Text: m.Text, HTML: m.HTML,
		OrderID: m.OrderID, Parts: m.Parts, Unsubscribe: m.Unsubscribe, At: o.cfg.Now().UTC(),
	}
	if m.Channel == notice.Staff {
		i.Channel, i.To = string(notice.Email), "role:"+m.To
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.items = append(o.items, i)
	if len(o.items) > most {
		o.items = slices.Clone(o.items[len(o.items)-most:])
	}
	return nil
}

// Items are the newest messages, newest first.
func (o *Outbox) Items(limit int) []Item {
	o.mu.Lock()
	defer o.mu.Unlock()
	out := append([]Item{}, o.items[max(0, len(o.items)-limit):]...) // none is an empty list in JSON
	slices.Reverse(out)
	return out
}

const defaultLimit = 100

//go:embed outbox.html
var files embed.FS

var page = template.Must(template.ParseFS(files, "outbox.html"))

// ServeHTTP answers /dev/outbox as JSON, or as a page to a browser, and
// /dev/outbox/{id} with a mail as its recipient sees it.
func (o *Outbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET")
		http.Error(w, "This is for looking only.", http.StatusMethodNotAllowed)
		return
	}
	if id := strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, "/dev/outbox"), "/"); id != "" {
		o.mail(w, r, id)
		return
	}
	limit, err := strconv.Atoi(cmp.Or(r.URL.Query().Get("limit"), strconv.Itoa(defaultLimit)))
	if err != nil || limit < 1 || limit > most {
		http.Error(w, fmt.Sprintf("limit is a number from 1 to %d.", most), http.StatusBadRequest)
		return
	}
	items := o.Items(limit)
	w.Header().Set("Cache-Control", "no-store")
	if !strings.Contains(r.Header.Get("Accept"), "text/html") {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"items": items}) // nobody is left to tell when it fails
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
	_ = page.Execute(w, items)
}

// mail shows a mail by itself; what stands in it runs no script.
func (o *Outbox) mail(w http.ResponseWriter, r *http.Request, id string) {
	for _, i := range o.Items(most) {
		if i.ID == id && i.HTML != "" {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			w.Header().Set("Content-Security-Policy", "sandbox allow-popups allow-top-navigation-by-user-activation; default-src 'none'; style-src 'unsafe-inline'; img-src data: https:")
			_, _ = w.Write([]byte(i.HTML))
			return
		}
	}
	http.NotFound(w, r)
}
