package local

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"path/filepath"

	"waybill/infra/stripe"
	"waybill/shared/billing"
	"waybill/shared/stripepay"
)

const (
	// standIn is where the stand-in's API is, on this machine only.
	standIn = "/dev/stripe-api"
	// testKey is what the stand-in takes for a key.
	testKey = "sk_test_standin"
)

// A Stripe is what the functions take payments through: Stripe's test mode,
// when there are keys for it, or the stand-in.
type Stripe struct {
	Key           string // Stripe's own secret key; "" stands for the stand-in
	WebhookSecret string // what Stripe signs events with
	// Of is a system whose stand-in is used, instead of one of its own.
	Of *System
	// Intercept breaks calls of the stand-in, for tests.
	Intercept stripe.Interceptor
}

// openStripe starts the stand-in, unless there are keys of Stripe's.
func (s *System) openStripe(cfg Config) (billing.Processor, stripepay.Keys, error) {
	secrets := stripepay.Secrets{Key: cfg.Stripe.Key, Webhook: []string{cfg.Stripe.WebhookSecret}}
	keys := func(context.Context) (stripepay.Secrets, error) { return secrets, nil }
	if secrets.Key != "" {
		return stripepay.New(keys, "", nil), keys, nil
	}
	if of := cfg.Stripe.Of; of != nil {
		return stripepay.New(of.keys, of.url+standIn, nil), of.keys, nil
	}
	secrets = stripepay.Secrets{Key: testKey, Webhook: []string{"whsec_" + rand.Text()}}
	file := ""
	if cfg.DataDir != "" {
		file = filepath.Join(cfg.DataDir, "stripe.json")
	}
	var err error
	s.stripe, err = stripe.New(stripe.Config{
		Key: secrets.Key, WebhookSecret: secrets.Webhook[0], WebhookURL: func() string { return s.url + "/webhooks/stripe" },
		URL: s.url, Now: cfg.Now, File: file, Intercept: cfg.Stripe.Intercept,
	})
	if err != nil {
		return nil, nil, fmt.Errorf("start the stand-in of Stripe: %w", err)
	}
	s.keys = keys
	return stripepay.New(keys, s.url+standIn, nil), keys, nil
}

// serveStripe adds the stand-in, if that is what there is.
func (s *System) serveStripe(mux *http.ServeMux) {
	if s.stripe == nil {
		return
	}
	mux.Handle(standIn+"/", http.StripPrefix(standIn, s.stripe.API()))
	mux.Handle("/dev/stripe/", s.stripe.Dev())
	mux.Handle("/dev/stripe", s.stripe.Dev())
}

// Stripe is the stand-in, nil when Stripe itself is used.
func (s *System) Stripe() *stripe.Server { return s.stripe }
