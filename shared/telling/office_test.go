package telling_test

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"
	_ "time/tzdata" // so that the zones are there wherever the tests run

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"waybill/infra/dynamolocal"
	"waybill/infra/dynamolocal/testtable"
	"waybill/infra/fault"
	"waybill/shared/access"
	"waybill/shared/company"
	"waybill/shared/customer"
	"waybill/shared/event"
	"waybill/shared/ident"
	"waybill/shared/notice"
	"waybill/shared/order"
	"waybill/shared/table"
	"waybill/shared/telling"
)

// A clock stands still until it is moved.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// An answer is what a sender does with a message.
type answer struct {
	takes   bool          // it goes out
	err     error         // what is answered
	hangs   bool          // no answer comes
	panics  bool          // whoever sends dies
	because func()        // done first
	wait    chan struct{} // waited for first
}

// A carrier takes messages and remembers what went out, by message.
type carrier struct {
	mu     sync.Mutex
	out    map[string]int
	sent   []notice.Message
	decide func(notice.Message) answer
}

func (c *carrier) Send(ctx context.Context, m notice.Message) error {
	a := answer{takes: true}
	c.mu.Lock()
	if c.decide != nil {
		a = c.decide(m)
	}
	c.mu.Unlock()
	if a.because != nil {
		a.because()
	}
	if a.wait != nil {
		<-a.wait
	}
	if a.takes {
		c.mu.Lock()
		c.out[m.ID]++
		c.sent = append(c.sent, m)
		c.mu.Unlock()
	}
	if a.panics {
		panic("killed")
	}
	if a.hangs {
		<-ctx.Done()
		return ctx.Err()
	}
	return a.err
}

func (c *carrier) answers(decide func(notice.Message) answer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.decide = decide
}

func (c *carrier) took() []notice.Message {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]notice.Message(nil), c.sent...)
}

// rules are what these tests tell of.
func rules(e event.Event) []notice.Rule {
	if e.Type != event.OrderConfirmed {
		return nil
	}
	return []notice.Rule{
		{Event: e.Type, To: notice.Customer, Channels: []notice.Channel{notice.Email, notice.SMS}, Words: "confirmed"},
		{Event: e.Type, To: notice.Warehouse, Channels: []notice.Channel{notice.App, notice.Staff}, Words: "to_ship"},
		{Event: e.Type, To: notice.Owner, Channels: []notice.Channel{notice.App}, Words: "yours"},
	}
}

// perEvent is how many notifications these rules make of an event.
const perEvent = 5

func words(r notice.Rule, ch notice.Channel, f notice.Facts, language string) (notice.Words, error) {
	if f.Order == nil {
		return notice.Words{}, fmt.Errorf("no order to speak of")
	}
	return notice.Words{Subject: r.Words + " " + language, Text: fmt.Sprintf("%s %s %s %s", r.Words, f.Order.Number, f.Order.Status, f.ShortURL)}, nil
}

// An office has one customer, in New York, and nobody who hears of anything but by a carrier.
type office struct {
	*telling.Teller
	t       testing.TB
	clock   *clock
	carrier *carrier
	table   string
	buyer   customer.Customer
}

func newOffice(t testing.TB) *office {
	t.Helper()
	client, name := testtable.New(t)
	o := &office{t: t, clock: &clock{at: time.Date(2026, 11, 23, 17, 0, 0, 0, time.UTC)}, carrier: &carrier{out: map[string]int{}}, table: name}
	ids := ident.At(o.clock.now)
	o.Teller = o.teller(table.New(client, name, ids.Now))
	o.buyer = customer.Customer{
		ID: ids.ID(), Name: "Claire Gute", Email: "claire@example.com", Phone: "+12025550143", Locale: "zh-CN", TimeZone: "America/New_York",
		Owner: "ann", Version: 1, CreatedAt: ids.Now(), UpdatedAt: ids.Now(),
	}
	o.commit(func(tx *table.Tx) { tx.NewCustomer(o.buyer) })
	return o
}

// teller is another process that tells, at the same table and carrier.
func (o *office) teller(db *table.DB) *telling.Teller {
	return &telling.Teller{
		DB: db, IDs: ident.At(o.clock.now),
		Senders:  map[notice.Channel]telling.Sender{notice.Email: o.carrier, notice.SMS: o.carrier, notice.Staff: o.carrier},
		Links:    telling.Links{Base: "https://w.example", Console: "https://console.example"},
		Rules:    rules,
		Words:    words,
		Track:    func(_ context.Context, orderID string) (string, error) { return "track-" + orderID, nil },
		Patience: 10 * time.Millisecond,
	}
}

// through is a teller whose calls of the table come to what decide says.
func (o *office) through(decide func(operation string) fault.Mode) *telling.Teller {
	transport := &fault.Transport{Next: dynamolocal.NewTransport(), Decide: decide}
	return o.teller(o.over(transport))
}

func (o *office) over(transport http.RoundTripper) *table.DB {
	client := dynamodb.New(testtable.Client(o.t, transport).Options(), func(d *dynamodb.Options) {
		d.Retryer = retry.NewStandard(func(r *retry.StandardOptions) { r.MaxAttempts, r.MaxBackoff = 2, time.Millisecond })
	})
	return table.New(client, o.table, ident.At(o.clock.now).Now)
}

func (o *office) commit(compose func(*table.Tx)) {
	o.t.Helper()
	tx := &table.Tx{}
	compose(tx)
	if err := o.DB.Commit(o.t.Context(), tx); err != nil {
		o.t.Fatal(err)
	}
}

func (o *office) settings(change func(*company.Settings)) {
	o.t.Helper()
	s, err := o.DB.Settings(o.t.Context())
	if err != nil {
		o.t.Fatal(err)
	}
	was := s.Version
	change(&s)
	s.Version++
	o.commit(func(tx *table.Tx) { tx.SaveSettings(s, was) })
}

func (o *office) editBuyer(change func(*customer.Customer)) {
	o.t.Helper()
	was := o.buyer.Version
	change(&o.buyer)
	o.buyer.Version++
	o.commit(func(tx *table.Tx) { tx.SaveCustomer(o.buyer, was) })
}

// confirmed is an order that has just been confirmed, and that event.
func (o *office) confirmed() event.Event {
	o.t.Helper()
	now := o.IDs.Now()
	id := o.IDs.ID()
	e := event.Event{
		ID: o.IDs.ID(), Subject: event.Subject{Kind: event.Order, ID: id}, Seq: 1, Type: event.OrderConfirmed, At: now, Actor: "ann",
		Data: map[string]any{"status": "confirmed"},
	}
	o.commit(func(tx *table.Tx) {
		tx.NewOrder(order.Order{
			ID: id, Number: o.IDs.OrderNumber(), Version: 1, Status: order.Confirmed, CustomerID: o.buyer.ID, Owner: "ann", EnteredBy: "ann",
			Currency: "USD", CreatedAt: now, UpdatedAt: now, PlacedAt: &now,
		})
		tx.Event(e)
	})
	return e
}

func (o *office) tell(e event.Event) {
	o.t.Helper()
	if err := o.Tell(o.t.Context(), e.Subject, e.Seq); err != nil {
		o.t.Fatal(err)
	}
}

// noticed are an order's notifications but those in the app, by channel.
func (o *office) noticed(e event.Event) map[notice.Channel]notice.Notice {
	o.t.Helper()
	l, err := o.DB.OrderNotices(o.t.Context(), e.Subject.ID, table.Page{Limit: 100})
	if err != nil {
		o.t.Fatal(err)
	}
	out := map[notice.Channel]notice.Notice{}
	for _, n := range l.Items {
		if _, twice := out[n.Channel]; twice {
			o.t.Errorf("%s is told twice by %s", n.Audience, n.Channel)
		}
		out[n.Channel] = n
	}
	return out
}

// want asserts what became of a notification.
func (o *office) want(e event.Event, ch notice.Channel, status notice.Status, reason string) notice.Notice {
	o.t.Helper()
	n := o.noticed(e)[ch]
	if n.Status != status || n.Reason != reason {
		o.t.Errorf("%s is %q because of %q, want %q because of %q", ch, n.Status, n.Reason, status, reason)
	}
	return n
}

// due has the clock tell what is due, and find what was lost.
func (o *office) due() {
	o.t.Helper()
	until := o.clock.now().Add(time.Second)
	if _, err := o.Unanswered(o.t.Context(), until); err != nil {
		o.t.Error(err)
	}
	if _, err := o.Due(o.t.Context(), until); err != nil {
		o.t.Error(err)
	}
}

// letters are the dead letters that wait.
func (o *office) letters() int {
	o.t.Helper()
	n := 0
	for p := (table.Page{Limit: 100}); ; {
		l, err := o.DB.Letters(o.t.Context(), "waiting", p)
		if err != nil {
			o.t.Fatal(err)
		}
		n += len(l.Items)
		if p.After = l.Next; l.Next == "" {
			return n
		}
	}
}

func (o *office) feed(p access.Principal) []notice.Notice {
	o.t.Helper()
	l, err := o.DB.NoticeFeed(o.t.Context(), p, table.Page{Limit: 100})
	if err != nil {
		o.t.Fatal(err)
	}
	return l.Items
}
