package stripepay_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"waybill/infra/stripe"
	"waybill/shared/payment"
	"waybill/shared/refusal"
	"waybill/shared/stripepay"
)

const (
	testKey    = "sk_test_key"
	testSecret = "whsec_test"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// A place is a stand-in of Stripe and a client of it.
type place struct {
	*stripepay.Client
	stripe *stripe.Server
	mu     sync.Mutex
	now    time.Time
	forms  []url.Values // what Stripe was asked with
}

func start(t *testing.T) *place {
	t.Helper()
	p := &place{now: noon}
	clock := func() time.Time { p.mu.Lock(); defer p.mu.Unlock(); return p.now }
	s, err := stripe.New(stripe.Config{
		Key: testKey, WebhookSecret: testSecret, URL: "http://shop.test", Now: clock,
		Intercept: func(r *http.Request) stripe.Fault {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.forms = append(p.forms, r.Form)
			return stripe.None
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	api := httptest.NewServer(s.API())
	t.Cleanup(api.Close)
	p.stripe, p.Client = s, stripepay.New(keys(testKey), api.URL, nil)
	return p
}

func keys(key string) stripepay.Keys {
	return func(context.Context) (stripepay.Secrets, error) { return stripepay.Secrets{Key: key}, nil }
}

func (p *place) asked() url.Values {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.forms[len(p.forms)-1]
}

func (p *place) do(t *testing.T, object, action string) {
	t.Helper()
	if _, err := p.stripe.Do(object, action, 0, stripe.Now); err != nil {
		t.Fatalf("%s %s: %v", action, object, err)
	}
}

func request() payment.SessionRequest {
	return payment.SessionRequest{
		OrderID: "O1", OrderNumber: "SO-2603-AAAAAA", PaymentID: "P1", Currency: "USD", Amount: 6096,
		Items: []payment.Item{{Name: "Mug", Quantity: 3, Amount: 5997}, {Name: "Card", Quantity: 2, Amount: 99}},
		Email: "ann@example.com", Locale: "zh-CN", ExpiresAt: noon.Add(time.Hour),
		SuccessURL: "http://shop.test/paid", CancelURL: "http://shop.test/left", Key: "k1",
	}
}

func TestASessionShowsTheItemsAndComesToTheAmount(t *testing.T) {
	p := start(t)
	s, err := p.NewSession(t.Context(), request())
	if err != nil {
		t.Fatal(err)
	}
	want := payment.Session{
		Metadata: payment.Metadata{OrderID: "O1", PaymentID: "P1"}, ID: s.ID, Status: "open", Amount: 6096, Currency: "USD",
		URL: "http://shop.test/dev/stripe/pay/" + s.ID, ExpiresAt: noon.Add(time.Hour),
	}
	if s != want || s.ID == "" {
		t.Errorf("the session is\n%+v, want\n%+v", s, want)
	}
	for name, want := range map[string]string{
		"line_items[0][price_data][product_data][name]":  "Mug",
		"line_items[0][quantity]":                        "3",
		"line_items[0][price_data][unit_amount]":         "1999",
		"line_items[1][price_data][product_data][name]":  "2 × Card",
		"line_items[1][quantity]":                        "1",
		"line_items[1][price_data][unit_amount]":         "99",
		"client_reference_id":                            "O1",
		"customer_email":                                 "ann@example.com",
		"locale":                                         "zh",
		"payment_intent_data[metadata][waybill_order]":   "O1",
		"payment_intent_data[metadata][waybill_payment]": "P1",
		"payment_intent_data[capture_method]":            "",
		"payment_method_types[0]":                        "",
	} {
		if got := p.asked().Get(name); got != want {
			t.Errorf("%s was %q, want %q", name, got, want)
		}
	}
	again, err := p.NewSession(t.Context(), request())
	if err != nil || again != s {
		t.Errorf("asked again with the same key: %+v, %v", again, err)
	}
	if found, err := p.Session(t.Context(), s.ID); err != nil || found != s {
		t.Errorf("looked up: %+v, %v", found, err)
	}
}

func TestItemsThatDontComeToTheAmountBecomeOneRow(t *testing.T) {
	many := make([]payment.Item, 101)
	for i := range many {
		many[i] = payment.Item{Name: "Pin", Quantity: 1, Amount: 100}
	}
	for name, change := range map[string]func(*payment.SessionRequest){
		"less": func(r *payment.SessionRequest) { r.Amount = 6095 },
		"more": func(r *payment.SessionRequest) { r.Amount = 6097 },
		"none": func(r *payment.SessionRequest) { r.Items = nil },
		"a discount": func(r *payment.SessionRequest) {
			r.Items = append(r.Items, payment.Item{Name: "Off", Quantity: 1, Amount: -1})
			r.Amount--
		},
		"too many": func(r *payment.SessionRequest) { r.Items, r.Amount = many, 10100 },
		"a coarser currency": func(r *payment.SessionRequest) {
			r.Currency, r.Amount, r.Items = "BHD", 2000, []payment.Item{{Name: "A", Quantity: 1, Amount: 995}, {Name: "B", Quantity: 1, Amount: 1005}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			p, r := start(t), request()
			change(&r)
			s, err := p.NewSession(t.Context(), r)
			if err != nil || s.Amount != r.Amount {
				t.Fatalf("%+v, %v", s, err)
			}
			form := p.asked()
			if form.Get("line_items[0][price_data][product_data][name]") != "SO-2603-AAAAAA" || form.Has("line_items[1][quantity]") {
				t.Errorf("the rows are %v", form)
			}
		})
	}
}

func TestALanguageThatStripeLacksIsLeftToIt(t *testing.T) {
	p := start(t)
	for ours, want := range map[string]string{
		"": "auto", "zh-CN": "zh", "zh-Hant-TW": "zh-TW", "zh_HK": "zh-HK", "en-US": "en", "pt-br": "pt-BR", "no": "nb", "ar": "auto", "de": "de",
	} {
		r := request()
		r.Locale, r.Key = ours, "k-"+ours
		if _, err := p.NewSession(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		if got := p.asked().Get("locale"); got != want {
			t.Errorf("%q became %q, want %q", ours, got, want)
		}
	}
}

func TestASessionThatIsPaidSaysSo(t *testing.T) {
	p := start(t)
	s, err := p.NewSession(t.Context(), request())
	if err != nil {
		t.Fatal(err)
	}
	p.do(t, s.ID, "succeed")
	paid, err := p.Session(t.Context(), s.ID)
	if err != nil || !paid.Paid || paid.Status != "complete" || paid.Intent == "" {
		t.Fatalf("%+v, %v", paid, err)
	}
	i, err := p.Intent(t.Context(), paid.Intent)
	if err != nil || i.Status != "succeeded" || i.Received != 6096 || i.Via != "card" || i.OrderID != "O1" || i.PaymentID != "P1" {
		t.Errorf("%+v, %v", i, err)
	}
}

func TestExpiringLeavesASessionThatIsNotOpenAsItIs(t *testing.T) {
	p := start(t)
	r := request()
	first, err := p.NewSession(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	r.Key = "k2"
	second, err := p.NewSession(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	p.do(t, second.ID, "succeed")
	for range 2 {
		if s, err := p.ExpireSession(t.Context(), first.ID); err != nil || s.Status != "expired" || s.Paid {
			t.Errorf("%+v, %v", s, err)
		}
		if s, err := p.ExpireSession(t.Context(), second.ID); err != nil || s.Status != "complete" || !s.Paid {
			t.Errorf("%+v, %v", s, err)
		}
	}
	if _, err := p.ExpireSession(t.Context(), "cs_none"); !refusal.Is(err, "stripe_refused") {
		t.Errorf("one that isn't there: %v", err)
	}
}

func TestAHeldPaymentIsCapturedOnce(t *testing.T) {
	p := start(t)
	r := request()
	r.Hold = true
	s, err := p.NewSession(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	p.do(t, s.ID, "succeed")
	if s, err = p.Session(t.Context(), s.ID); err != nil || s.Paid || s.Status != "complete" {
		t.Fatalf("authorised: %+v, %v", s, err)
	}
	if _, err := p.Capture(t.Context(), s.Intent, "USD", 6097, "c0"); !refusal.Is(err, "amount_not_payable") {
		t.Errorf("more than was authorised: %v", err)
	}
	i, err := p.Capture(t.Context(), s.Intent, "USD", 6000, "c1")
	if err != nil || i.Status != "succeeded" || i.Received != 6000 || i.Amount != 6096 {
		t.Fatalf("captured: %+v, %v", i, err)
	}
	again, err := p.Capture(t.Context(), s.Intent, "USD", 6096, "c2")
	if err != nil || again.Received != 6000 {
		t.Errorf("captured again: %+v, %v", again, err)
	}
	if i, err := p.CancelIntent(t.Context(), s.Intent, "c3"); err != nil || i.Status != "succeeded" {
		t.Errorf("cancelled after it: %+v, %v", i, err)
	}
}

func TestAnIntentIsPaidOrCancelled(t *testing.T) {
	p := start(t)
	r := payment.IntentRequest{OrderID: "O1", OrderNumber: "SO-1", PaymentID: "P1", Currency: "JPY", Amount: 500, Email: "a@example.com", Hold: true, Key: "i1"}
	i, err := p.NewIntent(t.Context(), r)
	if err != nil || i.ClientSecret == "" || i.Status != "requires_payment_method" || i.Amount != 500 || i.Currency != "JPY" || i.OrderID != "O1" {
		t.Fatalf("%+v, %v", i, err)
	}
	if p.asked().Get("automatic_payment_methods[enabled]") != "true" || p.asked().Get("capture_method") != "manual" {
		t.Errorf("asked with %v", p.asked())
	}
	p.do(t, i.ID, "decline")
	if i, err = p.Intent(t.Context(), i.ID); err != nil || i.Failure != "insufficient_funds" {
		t.Errorf("declined: %+v, %v", i, err)
	}
	for range 2 {
		if i, err = p.CancelIntent(t.Context(), i.ID, "x1"); err != nil || i.Status != "canceled" {
			t.Errorf("cancelled: %+v, %v", i, err)
		}
	}
	if i, err = p.CancelIntent(t.Context(), i.ID, "x2"); err != nil || i.Status != "canceled" {
		t.Errorf("cancelled with another key: %+v, %v", i, err)
	}
	if _, err := p.Capture(t.Context(), i.ID, "JPY", 500, "x3"); !refusal.Is(err, "stripe_refused") || !strings.Contains(err.Error(), "payment_intent_unexpected_state") {
		t.Errorf("captured after it: %v", err)
	}
}

// paid is an intent over 20 USD that was paid.
func (p *place) paid(t *testing.T) string {
	t.Helper()
	i, err := p.NewIntent(t.Context(), payment.IntentRequest{OrderID: "O1", PaymentID: "P1", Currency: "USD", Amount: 2000, Key: "paid"})
	if err != nil {
		t.Fatal(err)
	}
	p.do(t, i.ID, "succeed")
	return i.ID
}

func TestRefundsAreListedToTheLast(t *testing.T) {
	p := start(t)
	intent := p.paid(t)
	const many = 103 // more than a page
	for n := range many {
		r, err := p.Refund(t.Context(), payment.RefundRequest{
			OrderID: "O1", PaymentID: "P1", RefundID: fmt.Sprint(n), Intent: intent, Currency: "USD", Amount: 1, Key: fmt.Sprint("r", n),
		})
		if err != nil || r.Status != "succeeded" || r.Amount != 1 || r.RefundID != fmt.Sprint(n) || r.Intent != intent || r.OrderID != "O1" {
			t.Fatalf("%+v, %v", r, err)
		}
	}
	found, err := p.Refunds(t.Context(), intent)
	if err != nil || len(found) != many || found[0].RefundID != fmt.Sprint(many-1) || found[many-1].RefundID != "0" {
		t.Errorf("%d refunds, %v", len(found), err)
	}
	if none, err := p.Refunds(t.Context(), "pi_none"); err != nil || len(none) != 0 {
		t.Errorf("of none: %v, %v", none, err)
	}
	_, err = p.Refund(t.Context(), payment.RefundRequest{Intent: intent, Currency: "USD", Amount: 2000, Key: "over"})
	if !refusal.Is(err, "stripe_refused") {
		t.Errorf("more than is left: %v", err)
	}
}

func TestADisputeIsReadAsOpenWonOrLost(t *testing.T) {
	p := start(t)
	intent := p.paid(t)
	p.do(t, intent, "dispute")
	found, err := p.Disputes(t.Context(), intent)
	if err != nil || len(found) != 1 {
		t.Fatalf("%+v, %v", found, err)
	}
	want := payment.StripeDispute{ID: found[0].ID, Intent: intent, Amount: 2000, Currency: "USD", Status: payment.DisputeOpen, Reason: "product_not_received"}
	if found[0] != want {
		t.Errorf("%+v, want %+v", found[0], want)
	}
	_, err = p.Refund(t.Context(), payment.RefundRequest{Intent: intent, Currency: "USD", Amount: 1, Key: "r"})
	if !refusal.Is(err, "stripe_refused") || !strings.Contains(err.Error(), "charge_disputed") {
		t.Errorf("refunded: %v", err)
	}
	p.do(t, found[0].ID, "lose")
	if found, err = p.Disputes(t.Context(), intent); err != nil || found[0].Status != payment.DisputeLost {
		t.Errorf("%+v, %v", found, err)
	}
}

func TestEventsComeOldestFirstAndOnlyThoseThatMeanSomething(t *testing.T) {
	p := start(t)
	old, err := p.NewIntent(t.Context(), payment.IntentRequest{Currency: "USD", Amount: 2000, Key: "old"})
	if err != nil {
		t.Fatal(err)
	}
	p.do(t, old.ID, "cancel")
	p.mu.Lock()
	p.now = noon.Add(time.Hour)
	p.mu.Unlock()
	s, err := p.NewSession(t.Context(), func() payment.SessionRequest { r := request(); r.ExpiresAt = noon.Add(2 * time.Hour); return r }())
	if err != nil {
		t.Fatal(err)
	}
	p.do(t, s.ID, "succeed")
	if s, err = p.Session(t.Context(), s.ID); err != nil {
		t.Fatal(err)
	}
	if err := p.stripe.Idle(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := p.stripe.Do(s.Intent, "dispute", 0, stripe.Never); err != nil {
		t.Fatal(err)
	}
	types := func(events []payment.StripeEvent, err error) []string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		var found []string
		for _, e := range events {
			found = append(found, e.Type+" "+e.Object())
		}
		return found
	}
	disputes, err := p.Disputes(t.Context(), s.Intent)
	if err != nil {
		t.Fatal(err)
	}
	missed := []string{"charge.dispute.created " + disputes[0].ID, "charge.dispute.funds_withdrawn " + disputes[0].ID}
	if got := types(p.Events(t.Context(), noon.Add(time.Minute), true)); !reflect.DeepEqual(got, missed) {
		t.Errorf("undelivered: %v, want %v", got, missed)
	}
	all := append([]string{"payment_intent.succeeded " + s.Intent, "checkout.session.completed " + s.ID}, missed...)
	if got := types(p.Events(t.Context(), noon.Add(time.Minute), false)); !reflect.DeepEqual(got, all) {
		t.Errorf("all: %v, want %v", got, all)
	}
	all = append([]string{"payment_intent.canceled " + old.ID}, all...)
	if got := types(p.Events(t.Context(), noon, false)); !reflect.DeepEqual(got, all) {
		t.Errorf("since noon: %v, want %v", got, all)
	}
}

func TestAKeySaysWhetherItMovesMoney(t *testing.T) {
	for key, want := range map[string]bool{"sk_live_x": true, "rk_live_x": true, "sk_test_x": false, "rk_test_x": false, "xsk_live_": false} {
		if live, err := stripepay.New(keys(key), "", nil).Live(t.Context()); live != want || err != nil {
			t.Errorf("%s: %t, %v", key, live, err)
		}
	}
	if _, err := stripepay.New(keys(""), "", nil).Live(t.Context()); !refusal.Is(err, "stripe_unavailable") {
		t.Errorf("without a key: %v", err)
	}
}

func TestSecretsAreReadFromTheirParameters(t *testing.T) {
	values := map[string]string{"/key": " sk_test_1\n", "/hook": "whsec_a, whsec_b,"}
	get := func(_ context.Context, names ...string) (map[string]string, error) {
		found := map[string]string{}
		for _, name := range names {
			value, ok := values[name]
			if !ok {
				return nil, errors.New("no parameter " + name)
			}
			found[name] = value
		}
		return found, nil
	}
	s, err := stripepay.FromParameters(get, "/key", "/hook")(t.Context())
	if want := (stripepay.Secrets{Key: "sk_test_1", Webhook: []string{"whsec_a", "whsec_b"}}); err != nil || !reflect.DeepEqual(s, want) {
		t.Errorf("%#v, %v", s.Webhook, err)
	}
	if s, err := stripepay.FromParameters(get, "", "/hook")(t.Context()); err != nil || s.Key != "" || len(s.Webhook) != 2 {
		t.Errorf("only the webhook's: %d secrets, %v", len(s.Webhook), err)
	}
	_, err = stripepay.New(stripepay.FromParameters(get, "/other", ""), "", nil).Live(t.Context())
	if !refusal.Is(err, "stripe_unavailable") || !strings.Contains(err.Error(), "/other") {
		t.Errorf("a parameter that isn't there: %v", err)
	}
	if printed := fmt.Sprintf("%v %+v %#v", s, s, s); strings.Contains(printed, "whsec") || strings.Contains(printed, "sk_test") {
		t.Errorf("secrets are printed: %s", printed)
	}
}
