package billing_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"waybill/infra/dynamolocal"
	"waybill/infra/dynamolocal/testtable"
	"waybill/infra/fault"
	"waybill/infra/stripe"
	"waybill/shared/access"
	"waybill/shared/billing"
	"waybill/shared/company"
	"waybill/shared/customer"
	"waybill/shared/event"
	"waybill/shared/fulfilment"
	"waybill/shared/ident"
	"waybill/shared/order"
	"waybill/shared/ordering"
	"waybill/shared/payment"
	"waybill/shared/product"
	"waybill/shared/refusal"
	"waybill/shared/stock"
	"waybill/shared/stripepay"
	"waybill/shared/table"
)

var (
	sales   = billing.By{Principal: access.Principal{ID: "ann", Roles: []access.Role{access.Sales}}}
	finance = billing.By{Principal: access.Principal{ID: "fiona", Roles: []access.Role{access.Finance}}}
	manager = billing.By{Principal: access.Principal{ID: "max", Roles: []access.Role{access.Manager}}}

	visit = billing.Visit{SuccessURL: "https://shop.test/thanks", CancelURL: "https://shop.test/back"}
)

const (
	key    = "sk_test_billing"
	secret = "whsec_billing"
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

// A breaker breaks calls of Stripe while it is set.
type breaker struct {
	mu     sync.Mutex
	decide func(*http.Request) stripe.Fault
}

func (b *breaker) set(decide func(*http.Request) stripe.Fault) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.decide = decide
}

// intercept decides on one call after the other: those who decide may count.
func (b *breaker) intercept(r *http.Request) stripe.Fault {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.decide == nil {
		return stripe.None
	}
	return b.decide(r)
}

// A shop sells one thing at 10.00 to one customer, who pays at a stand-in of Stripe.
type shop struct {
	*ordering.Desk
	t       testing.TB
	books   *billing.Books
	dock    *fulfilment.Dock
	standIn *stripe.Server
	api     *httptest.Server
	client  *stripepay.Client
	clock   *clock // ours
	theirs  *clock // Stripe's
	stripe  *breaker
	webhook string // where Stripe delivers to; "" is nowhere
	table   string
	buyer   string
}

// newShop opens a shop with 1,000 mugs. Events of Stripe's stay there until they are taken.
func newShop(t testing.TB, change func(*company.Settings)) *shop {
	t.Helper()
	client, name := testtable.New(t)
	noon := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	s := &shop{t: t, clock: &clock{at: noon}, theirs: &clock{at: noon}, stripe: &breaker{}, table: name}
	ids := ident.At(s.clock.now)
	db := table.New(client, name, ids.Now)
	s.Desk, s.buyer = &ordering.Desk{DB: db, IDs: ids}, ids.ID()
	s.dock = &fulfilment.Dock{DB: db, IDs: ids}
	s.openStripe()
	s.books = &billing.Books{DB: db, IDs: ids, Stripe: s.client, Courtesy: time.Minute}
	settings := company.Default()
	settings.PaymentTime = time.Hour
	if change != nil {
		change(&settings)
	}
	settings.Version = 2
	s.commit(func(tx *table.Tx) {
		tx.NewCustomer(customer.Customer{
			ID: s.buyer, Name: "Claire Gute", Email: "claire@example.com", Locale: "en", Owner: "ann",
			Terms: customer.Terms{Kind: customer.Prepaid}, Version: 1, CreatedAt: ids.Now(), UpdatedAt: ids.Now(),
		})
		tx.SaveSettings(settings, 1)
		tx.NewProduct(product.Product{
			SKU: "MUG", Name: "Mug", Unit: "pcs", Prices: map[string]int64{"USD": 1000, "JPY": 1200, "BHD": 5120, "ISK": 900}, Active: true,
			ListID: ids.ID(), Version: 1, CreatedAt: ids.Now(), UpdatedAt: ids.Now(),
		})
		tx.Move(stock.Change{Place: mugs, OnHand: 1000}, 0, nil)
	})
	return s
}

var mugs = stock.Place{SKU: "MUG", Location: "MAIN"}

func (s *shop) openStripe() {
	s.t.Helper()
	var err error
	s.standIn, err = stripe.New(stripe.Config{
		Key: key, WebhookSecret: secret, URL: "https://shop.test", Now: s.theirs.now, WebhookURL: func() string { return s.webhook }, Intercept: s.stripe.intercept,
		Late: 20 * time.Millisecond, Backoff: []time.Duration{20 * time.Millisecond},
	})
	if err != nil {
		s.t.Fatal(err)
	}
	s.standIn.Hold(true)
	s.api = httptest.NewServer(s.standIn.API())
	s.t.Cleanup(func() {
		s.api.Close()
		if err := s.standIn.Close(); err != nil {
			s.t.Error(err)
		}
	})
	transport := &http.Transport{MaxIdleConnsPerHost: 32}
	s.t.Cleanup(transport.CloseIdleConnections)
	s.client = stripepay.New(func(context.Context) (stripepay.Secrets, error) {
		return stripepay.Secrets{Key: key, Webhook: []string{secret}}, nil
	}, s.api.URL, transport)
}

// through are books whose calls of the table fail as decide says, and are not repeated.
func (s *shop) through(decide func(operation string) fault.Mode) *billing.Books {
	s.t.Helper()
	var mu sync.Mutex // those who decide may count
	transport := &fault.Transport{Next: dynamolocal.NewTransport(), Decide: func(operation string) fault.Mode {
		mu.Lock()
		defer mu.Unlock()
		return decide(operation)
	}}
	client := dynamodb.New(testtable.Client(s.t, transport).Options(), func(o *dynamodb.Options) {
		o.Retryer = retry.AddWithMaxAttempts(retry.NewStandard(), 1)
	})
	return &billing.Books{DB: table.New(client, s.table, s.IDs.Now), IDs: s.IDs, Stripe: s.client, Courtesy: time.Minute}
}

func (s *shop) commit(compose func(*table.Tx)) {
	s.t.Helper()
	tx := &table.Tx{}
	compose(tx)
	if err := s.DB.Commit(s.t.Context(), tx); err != nil {
		s.t.Fatal(err)
	}
}

// pass moves the clock, here and at Stripe.
func (s *shop) pass(d time.Duration) {
	s.clock.pass(d)
	s.theirs.pass(d)
}

// order places one of so many mugs.
func (s *shop) order(mugs int64, change func(*ordering.New)) order.Order {
	s.t.Helper()
	in := ordering.New{CustomerID: s.buyer, Currency: "USD", Confirm: true, Wishes: []order.Wish{{SKU: "MUG", Quantity: mugs}}}
	if change != nil {
		change(&in)
	}
	return must(s.Place(s.t.Context(), manager, in))(s.t)
}

func (s *shop) edit(id string, mugs int64) order.Order {
	s.t.Helper()
	return must(s.Edit(s.t.Context(), manager, id, ordering.Edit{Wishes: []order.Wish{{SKU: "MUG", Quantity: mugs}}}))(s.t)
}

// must is what a call returned, unless it failed.
func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func (s *shop) checkout(id string) payment.Payment {
	s.t.Helper()
	return must(s.books.Checkout(s.t.Context(), sales, id, visit))(s.t)
}

// do has the customer or the bank do something, and returns the events that came of it.
func (s *shop) do(object, action string, amount int64) []string {
	s.t.Helper()
	return must(s.standIn.Do(object, action, amount, stripe.Never))(s.t)
}

// read verifies an event as the webhook does.
func (s *shop) read(id string) payment.StripeEvent {
	s.t.Helper()
	body, signature, err := s.standIn.Signed(id)
	if err != nil {
		s.t.Fatal(err)
	}
	return must(stripepay.Verify(body, signature, []string{secret}, s.theirs.now()))(s.t)
}

// deliver has events heard.
func (s *shop) deliver(ids ...string) {
	s.t.Helper()
	for _, id := range ids {
		e := s.read(id)
		if err := s.books.Hear(s.t.Context(), e); err != nil {
			s.t.Fatalf("%s: %v", e.Type, err)
		}
	}
}

// events are the ids of all events there are, the oldest first, or those after the first ones.
func (s *shop) events(after int) []string {
	var ids []string
	for _, e := range slices.Backward(s.standIn.Events()) {
		ids = append(ids, e.ID)
	}
	return ids[after:]
}

// paid is an order of so many mugs that was paid at Stripe, and its payment.
func (s *shop) paid(mugs int64) (order.Order, payment.Payment) {
	s.t.Helper()
	o := s.order(mugs, nil)
	p := s.checkout(o.ID)
	s.deliver(s.do(p.Session, "succeed", 0)...)
	o, a := s.account(o.ID)
	return o, a.Payments[len(a.Payments)-1]
}

func (s *shop) record(id string, amount int64) payment.Payment {
	s.t.Helper()
	return must(s.books.Record(s.t.Context(), finance, id, billing.NewPayment{Method: payment.BankTransfer, Amount: amount}))(s.t).Payment
}

func (s *shop) sweep() billing.Swept {
	s.t.Helper()
	return must(s.books.Sweep(s.t.Context()))(s.t)
}

// settle makes good what was left undone, twice, as the sweep does a while later.
func (s *shop) settle() {
	s.t.Helper()
	for range 2 {
		s.pass(2 * time.Minute)
		s.sweep()
	}
}

// account reads what is stored of an order's money, and fails the test unless
// the order, its payments, its ledger and its timeline agree.
func (s *shop) account(id string) (order.Order, payment.Account) {
	s.t.Helper()
	ctx := s.t.Context()
	o, a, err := s.DB.OrderAndAccount(ctx, id)
	if err != nil {
		s.t.Fatal(err)
	}
	entries := must(s.DB.Entries(ctx, id))(s.t)
	var in, back int64
	for i, e := range entries {
		if e.Number != int64(i+1) || a.Payment(e.PaymentID) == nil {
			s.t.Errorf("entry %d: %+v", i+1, e)
		}
		if e.Kind == payment.In || e.Kind == payment.Mistake {
			in += e.Amount
		} else {
			back -= e.Amount
		}
	}
	sums := a.Sums()
	if in != sums.Paid || back != sums.Refunded || int64(len(entries)) != a.Entries {
		s.t.Errorf("the ledger comes to %d in and %d back in %d entries, the payments to %+v in %d", in, back, len(entries), sums, a.Entries)
	}
	if stored := (payment.Sums{Paid: o.Paid, Refunded: o.Refunded, Authorized: o.Authorized, Disputed: o.Disputed, Lost: sums.Lost}); stored != sums {
		s.t.Errorf("the order says %+v, its payments %+v", stored, sums)
	}
	if int64(len(s.timeline(id))) != min(o.Version, 100) || !o.Sound() {
		s.t.Errorf("order in version %d has %d events: %+v", o.Version, len(s.timeline(id)), o.Lines)
	}
	return o, a
}

// timeline is the types of an order's events, the oldest first.
func (s *shop) timeline(id string) []event.Type {
	s.t.Helper()
	l := must(s.DB.Timeline(s.t.Context(), id, table.Page{Limit: 100}))(s.t)
	var types []event.Type
	for _, e := range slices.Backward(l.Items) {
		types = append(types, e.Type)
	}
	return types
}

// state is an order's status, after a slash its hold, and its payment status.
func state(o order.Order) string {
	status := string(o.Status)
	if o.OnHold {
		status += "/" + o.HoldReason
	}
	return status + " " + string(o.PaymentStatus())
}

// want compares what is stored of an order with its state and what its payments come to.
func (s *shop) want(id, wanted string, sums payment.Sums) (order.Order, payment.Account) {
	s.t.Helper()
	o, a := s.account(id)
	if state(o) != wanted || a.Sums() != sums {
		s.t.Errorf("stored is %s with %+v, want %s with %+v", state(o), a.Sums(), wanted, sums)
	}
	return o, a
}

func (s *shop) wantReserved(n int64) {
	s.t.Helper()
	items := must(s.DB.Stock(s.t.Context(), []stock.Place{mugs}))(s.t)
	if i := items[mugs]; i.Reserved != n || i.Available != i.OnHand-n {
		s.t.Errorf("%+v, want %d reserved", i, n)
	}
}

// reviews are the problems that wait for a person.
func (s *shop) reviews() []string {
	s.t.Helper()
	l := must(s.DB.Reviews(s.t.Context(), nil, table.Page{Limit: 100}))(s.t)
	var out []string
	for _, r := range l.Items {
		out = append(out, r.Problem)
	}
	return out
}

func wantCode(t testing.TB, err error, codes ...string) {
	t.Helper()
	if !slices.ContainsFunc(codes, func(code string) bool { return refusal.Is(err, code) }) {
		t.Errorf("got %v, want %v", err, codes)
	}
}

func mark(operation, key string) *table.Mark {
	return &table.Mark{Principal: "fiona", Operation: operation, Key: key, Hash: operation}
}

// atStripe does something at Stripe itself, past Waybill, and returns the object's id.
func (s *shop) atStripe(path string, form url.Values) string {
	s.t.Helper()
	r := must(http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.api.URL+path, strings.NewReader(form.Encode())))(s.t)
	r.Header.Set("Authorization", "Bearer "+key)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer := must(http.DefaultClient.Do(r))(s.t)
	defer answer.Body.Close()
	body := must(io.ReadAll(answer.Body))(s.t)
	var object struct{ ID string }
	if err := json.Unmarshal(body, &object); err != nil || answer.StatusCode != http.StatusOK {
		s.t.Fatalf("%s: %s", answer.Status, body)
	}
	return object.ID
}
