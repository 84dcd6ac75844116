package stripepay_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"waybill/infra/stripe"
	"waybill/shared/payment"
	"waybill/shared/refusal"
	"waybill/shared/stripepay"
)

// answers is a Stripe that gives these answers, the last one again and again.
// "lost" breaks the connection.
func answers(t *testing.T, all ...string) *stripepay.Client {
	t.Helper()
	var asked atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		answer := all[min(int(asked.Add(1)), len(all))-1]
		if answer == "lost" {
			panic(http.ErrAbortHandler)
		}
		var status int
		_, body, _ := strings.Cut(answer, " ")
		fmt.Sscan(answer, &status)
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}))
	t.Cleanup(s.Close)
	return stripepay.New(keys("sk_test_secretkey"), s.URL, nil)
}

const secretive = `{"error": {"type": "%s", "code": "%s", "param": "%s", "decline_code": "%s", "message": "ann@example.com 4242424242424242 sk_test_secretkey"}}`

func no(status int, kind, code, param, decline string) string {
	return fmt.Sprintf("%d "+secretive, status, kind, code, param, decline)
}

func TestEachFailureSaysWhetherSomethingMayHaveBeenDone(t *testing.T) {
	const unavailable, failed, refused, unpayable, unknown = "stripe_unavailable", "stripe_failed", "stripe_refused", "amount_not_payable", "stripe_outcome_unknown"
	invalid := "invalid_request_error"
	for name, c := range map[string]struct {
		answers     []string
		read, write string // code of the refusal
	}{
		"a bad key":                {[]string{no(401, invalid, "", "", "")}, failed, failed},
		"a key without the right":  {[]string{no(403, invalid, "", "", "")}, failed, failed},
		"too many requests":        {[]string{no(429, invalid, "rate_limit", "", "")}, unavailable, unavailable},
		"a lock":                   {[]string{no(429, invalid, "lock_timeout", "", "")}, unavailable, unknown},
		"under way":                {[]string{no(409, "idempotency_error", "idempotency_key_in_use", "", "")}, unavailable, unknown},
		"another request's key":    {[]string{no(400, "idempotency_error", "", "", "")}, unavailable, unknown},
		"invalid":                  {[]string{no(400, invalid, "parameter_unknown", "x", "")}, refused, refused},
		"declined":                 {[]string{no(402, "card_error", "card_declined", "", "lost_card")}, refused, refused},
		"not there":                {[]string{no(404, invalid, "resource_missing", "", "")}, refused, refused},
		"too small":                {[]string{no(400, invalid, "amount_too_small", "", "")}, unpayable, unpayable},
		"too large":                {[]string{no(400, invalid, "amount_too_large", "amount", "")}, unpayable, unpayable},
		"an amount that is none":   {[]string{no(400, invalid, "parameter_invalid_integer", "amount", "")}, unpayable, unpayable},
		"an expiry that is none":   {[]string{no(400, invalid, "parameter_invalid_integer", "expires_at", "")}, refused, refused},
		"broken":                   {[]string{no(500, "api_error", "", "", "")}, unavailable, unknown},
		"a gateway's page":         {[]string{"502 <html>ann@example.com sk_test_secretkey</html>"}, unavailable, unknown},
		"no JSON":                  {[]string{"200 <html>ann@example.com sk_test_secretkey</html>"}, unavailable, unknown},
		"elsewhere":                {[]string{"302 {"}, unavailable, unknown},
		"lost":                     {[]string{"lost"}, unavailable, unknown},
		"lost and then refused":    {[]string{"lost", no(400, invalid, "parameter_unknown", "", "")}, refused, refused},
		"lost and then throttled":  {[]string{"lost", no(429, invalid, "rate_limit", "", "")}, unavailable, unknown},
		"lost and then locked out": {[]string{"lost", no(401, invalid, "", "", "")}, failed, unknown},
		"down and then locked out": {[]string{no(503, "api_error", "", "", ""), no(401, invalid, "", "", "")}, failed, unknown},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := answers(t, c.answers...).Session(t.Context(), "cs_1")
			check(t, "reading", err, c.read, false)
			_, err = answers(t, c.answers...).Refund(t.Context(), payment.RefundRequest{Intent: "pi_1", Currency: "USD", Amount: 100, Key: "k"})
			check(t, "writing", err, c.write, c.write == unknown)
		})
	}
}

var kinds = map[string]refusal.Kind{
	"stripe_unavailable": refusal.Unavailable, "stripe_outcome_unknown": refusal.Unavailable, "stripe_failed": refusal.Upstream,
	"stripe_refused": refusal.Upstream, "amount_not_payable": refusal.Rejected,
}

func check(t *testing.T, doing string, err error, code string, unknown bool) {
	t.Helper()
	no, lost := new(refusal.Error), new(payment.ErrUnknown)
	if !errors.As(err, &no) || no.Code != code || no.Kind != kinds[code] {
		t.Errorf("%s: %v; want %s", doing, err, code)
	}
	if errors.As(err, &lost) != unknown {
		t.Errorf("%s: %v; want its outcome to be unknown: %t", doing, err, unknown)
	}
	for _, secret := range []string{"sk_test", "example.com", "4242"} {
		if strings.Contains(fmt.Sprintf("%v %+v", err, err), secret) {
			t.Errorf("%s: %s is in the error: %v", doing, secret, err)
		}
	}
}

func TestAFailureThatStripeAnswersWithIsToldFromSilence(t *testing.T) {
	t.Parallel()
	for answer, want := range map[string]bool{no(500, "api_error", "", "", ""): true, "lost": false} {
		_, err := answers(t, answer).Refund(t.Context(), payment.RefundRequest{Intent: "pi_1", Currency: "USD", Amount: 100, Key: "k"})
		var unknown *payment.ErrUnknown
		if !errors.As(err, &unknown) || unknown.Answered != want {
			t.Errorf("%s: %v; want answered: %t", answer, err, want)
		}
	}
}

func TestAStripeThatIsNotThereHasDoneNothing(t *testing.T) {
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone.Close()
	c := stripepay.New(keys(testKey), "http://"+gone.Addr().String(), nil)
	_, err = c.Refund(t.Context(), payment.RefundRequest{Intent: "pi_1", Currency: "USD", Amount: 100, Key: "k"})
	check(t, "writing", err, "stripe_unavailable", false)
	_, err = c.Intent(t.Context(), "pi_1")
	check(t, "reading", err, "stripe_unavailable", false)
}

func TestALostConnectionIsNotForgottenWhenStripeIsGoneAfterwards(t *testing.T) {
	var tries atomic.Int64
	c := stripepay.New(keys(testKey), "http://stripe.test", roundTrip(func(*http.Request) (*http.Response, error) {
		if tries.Add(1) == 1 {
			return nil, errors.New("connection reset")
		}
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("refused")}
	}))
	_, err := c.Refund(t.Context(), payment.RefundRequest{Intent: "pi_1", Currency: "USD", Amount: 100, Key: "k"})
	check(t, "writing", err, "stripe_outcome_unknown", true)
	if tries.Load() != 2 {
		t.Errorf("tried %d times, want 2", tries.Load())
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestACallThatTakesTooLongMayHaveBeenDone(t *testing.T) {
	release := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, _ *http.Request) { <-release }))
	defer s.Close()
	defer close(release)
	c := stripepay.New(keys(testKey), s.URL, nil)
	c.Timeout = 50 * time.Millisecond
	_, err := c.Refund(t.Context(), payment.RefundRequest{Intent: "pi_1", Currency: "USD", Amount: 100, Key: "k"})
	check(t, "writing", err, "stripe_outcome_unknown", true)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v is not a deadline's", err)
	}
	_, err = c.Intent(t.Context(), "pi_1")
	check(t, "reading", err, "stripe_unavailable", false)
}

func TestALostAnswerIsFoundByAskingAgain(t *testing.T) {
	var lose atomic.Bool
	s, err := stripe.New(stripe.Config{Key: testKey, Now: func() time.Time { return noon }, Intercept: func(r *http.Request) stripe.Fault {
		if r.Method == http.MethodPost && lose.Load() {
			return stripe.Lose
		}
		return stripe.None
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	api := httptest.NewServer(s.API())
	defer api.Close()
	c := stripepay.New(keys(testKey), api.URL, nil)
	i, err := c.NewIntent(t.Context(), payment.IntentRequest{Currency: "USD", Amount: 2000, Key: "i"})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Pay(t.Context(), i.ID); err != nil {
		t.Fatal(err)
	}
	r := payment.RefundRequest{RefundID: "R1", Intent: i.ID, Currency: "USD", Amount: 1500, Key: "r"}
	lose.Store(true)
	_, err = c.Refund(t.Context(), r)
	check(t, "writing", err, "stripe_outcome_unknown", true)
	lose.Store(false)
	made, err := c.Refund(t.Context(), r)
	if err != nil || made.Amount != 1500 {
		t.Fatalf("asked again: %+v, %v", made, err)
	}
	if all, err := c.Refunds(t.Context(), i.ID); err != nil || len(all) != 1 || all[0] != made {
		t.Errorf("Stripe has %+v, %v", all, err)
	}
}

func TestAnAmountStripeHasNotIsRefusedWithoutAskingIt(t *testing.T) {
	c := stripepay.New(keys(testKey), "http://stripe.test", roundTrip(func(*http.Request) (*http.Response, error) {
		t.Error("Stripe was asked")
		return nil, errors.New("no")
	}))
	_, err := c.NewSession(t.Context(), payment.SessionRequest{Currency: "BHD", Amount: 5124})
	check(t, "session", err, "amount_not_payable", false)
	_, err = c.NewIntent(t.Context(), payment.IntentRequest{Currency: "BHD", Amount: 5124})
	check(t, "intent", err, "amount_not_payable", false)
	_, err = c.Refund(t.Context(), payment.RefundRequest{Currency: "BHD", Amount: 5124})
	check(t, "refund", err, "amount_not_payable", false)
	_, err = c.Capture(t.Context(), "pi_1", "BHD", 5124, "k")
	check(t, "capture", err, "amount_not_payable", false)
}
