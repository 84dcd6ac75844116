package stripepay

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptrace"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/stripe/stripe-go/v76"

	"waybill/shared/payment"
	"waybill/shared/refusal"
)

// A failure is a refusal with the reason that our own side has for it: an error
// of the network, of a context, of the look-up of a key. What Stripe itself
// says is never in it.
type failure struct {
	refusal *refusal.Error
	cause   error
}

func (f failure) Error() string   { return f.refusal.Error() + ": " + f.cause.Error() }
func (f failure) Unwrap() []error { return []error{f.refusal, f.cause} }

// attempts is what was seen of one call: the SDK repeats a request, and the
// transport does too, so that the last error doesn't tell what the first
// attempt came to.
type attempts struct {
	status    int   // of the answer to the last attempt; 0 when there was none
	cause     error // why there was none
	uncertain bool  // an attempt may have been carried out without an answer that says so
	silent    bool  // an attempt had no answer at all
}

type watching struct{}

func (a *attempts) watch(ctx context.Context) context.Context {
	return context.WithValue(ctx, watching{}, a)
}

// watched tells the call's attempts what became of each.
type watched struct{ http.RoundTripper }

func (w watched) RoundTrip(r *http.Request) (*http.Response, error) {
	a, ok := r.Context().Value(watching{}).(*attempts)
	if !ok {
		return w.RoundTripper.RoundTrip(r)
	}
	var sent atomic.Bool
	trace := &httptrace.ClientTrace{WroteHeaders: func() { sent.Store(true) }}
	a.status = 0
	response, err := w.RoundTripper.RoundTrip(r.WithContext(httptrace.WithClientTrace(r.Context(), trace)))
	if err != nil {
		a.cause = err
		a.silent = a.silent || sent.Load() || !neverConnected(err)
		a.uncertain = a.uncertain || a.silent
		return nil, err
	}
	a.status = response.StatusCode
	a.uncertain = a.uncertain || a.status >= http.StatusInternalServerError || a.status == http.StatusConflict
	return response, nil
}

// neverConnected reports whether err came before anything was sent.
func neverConnected(err error) bool {
	var op *net.OpError
	var dns *net.DNSError
	var certificate *tls.CertificateVerificationError
	return errors.As(err, &dns) || errors.As(err, &certificate) || (errors.As(err, &op) && op.Op == "dial")
}

// explain says what the failure of a call means. Only what Stripe answered for
// certain, or what never reached it, is a refusal of a call that changes something.
func explain(err error, does bool, seen *attempts) error {
	answer := new(stripe.Error)
	if !errors.As(err, &answer) {
		answer = &stripe.Error{}
	}
	// One that can't be read is known by its status alone.
	status, lost := seen.status, seen.uncertain
	switch {
	case status == 0 && !lost:
		return seen.because(unavailable("Stripe can't be reached."))
	case answer.Type == stripe.ErrorTypeIdempotency, answer.Code == stripe.ErrorCodeLockTimeout, status == http.StatusConflict:
		lost = true // the same request is, or was, under way
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		if !does || !lost {
			return refusal.New(refusal.Upstream, "stripe_failed", "Stripe doesn't accept the account's key.")
		}
	case status == http.StatusTooManyRequests:
		if !does || !lost {
			return unavailable("Stripe is being asked too often.")
		}
	case status >= http.StatusBadRequest && status < http.StatusInternalServerError:
		return refused(answer)
	default:
		lost = true
	}
	if does && lost {
		return &payment.ErrUnknown{
			Answered: status >= http.StatusInternalServerError && !seen.silent,
			Err: seen.because(refusal.New(refusal.Unavailable, "stripe_outcome_unknown",
				"Stripe was asked and its answer was lost; asking again will tell.")),
		}
	}
	return seen.because(unavailable("Stripe doesn't answer."))
}

// because adds the network's reason, if there was one.
func (a *attempts) because(e *refusal.Error) error {
	if a.cause != nil && a.status == 0 {
		return failure{e, a.cause}
	}
	return e
}

// refused is Stripe's no, by its code: its message may quote the customer.
func refused(answer *stripe.Error) error {
	amounts := []stripe.ErrorCode{stripe.ErrorCodeAmountTooSmall, stripe.ErrorCodeAmountTooLarge, stripe.ErrorCodeInvalidChargeAmount}
	code := string(answer.Code)
	if slices.Contains(amounts, answer.Code) || (strings.HasPrefix(code, "parameter_invalid") && strings.Contains(answer.Param, "amount")) {
		return notPayable("Stripe doesn't take this amount: %s.", code)
	}
	if answer.DeclineCode != "" {
		code += fmt.Sprintf(" (%s)", answer.DeclineCode)
	}
	if code == "" {
		code = "it gives no code"
	}
	return &refusedError{refusal.New(refusal.Upstream, "stripe_refused", "Stripe refused: %s.", code), answer.Code}
}

// A refusedError remembers Stripe's code, for what is no failure to the caller.
type refusedError struct {
	refusal *refusal.Error
	code    stripe.ErrorCode
}

func (e *refusedError) Error() string { return e.refusal.Error() }
func (e *refusedError) Unwrap() error { return e.refusal }
