package billing_test

import (
	"context"
	"net/http"
	"reflect"
	"testing"

	"waybill/infra/stripe"
	"waybill/shared/billing"
)

func TestWhenStripeIsDownNothingIsChanged(t *testing.T) {
	t.Parallel()
	for _, down := range []struct {
		name string
		stop func(*shop)
	}{
		{"answers failures", func(s *shop) { s.stripe.set(func(*http.Request) stripe.Fault { return stripe.Refuse }) }},
		{"is not there", func(s *shop) { s.api.Close() }},
	} {
		t.Run(down.name, func(t *testing.T) {
			t.Parallel()
			s := newShop(t, holds)
			fresh := s.order(1, nil)
			held, authorized := s.authorized()
			waiting := s.order(1, nil)
			asked := s.checkout(waiting.ID)
			_, received := s.authorized()
			paid := must(s.books.Capture(t.Context(), finance, received.ID, 0))(t)
			grown := s.order(1, nil)
			s.checkout(grown.ID)
			s.edit(grown.ID, 2)
			ids := []string{grown.ID, fresh.ID, held, waiting.ID, paid.OrderID}
			type stored struct{ Order, Account any }
			look := func() (all []stored) {
				for _, id := range ids {
					o, a := s.account(id)
					all = append(all, stored{o, a})
				}
				return all
			}
			before := look()
			down.stop(s)
			for name, do := range map[string]func(context.Context) error{
				"checkout":          func(ctx context.Context) error { _, err := s.books.Checkout(ctx, sales, fresh.ID, visit); return err },
				"another checkout":  func(ctx context.Context) error { _, err := s.books.Checkout(ctx, sales, grown.ID, visit); return err },
				"intent":            func(ctx context.Context) error { _, _, err := s.books.Intent(ctx, sales, fresh.ID); return err },
				"capture":           func(ctx context.Context) error { _, err := s.books.Capture(ctx, finance, authorized.ID, 0); return err },
				"void":              func(ctx context.Context) error { _, err := s.books.Void(ctx, finance, authorized.ID, ""); return err },
				"void of a session": func(ctx context.Context) error { _, err := s.books.Void(ctx, finance, asked.ID, ""); return err },
				"refund": func(ctx context.Context) error {
					_, err := s.books.Refund(ctx, finance, paid.OrderID, billing.Refund{Amount: 400})
					return err
				},
				"refund of a payment": func(ctx context.Context) error {
					_, err := s.books.Refund(ctx, finance, paid.OrderID, billing.Refund{PaymentID: paid.ID})
					return err
				},
			} {
				t.Run(name, func(t *testing.T) { wantCode(t, do(t.Context()), "stripe_unavailable", "stripe_outcome_unknown") })
			}
			if after := look(); !reflect.DeepEqual(after, before) {
				t.Errorf("stored are\n%+v, before\n%+v", after, before)
			}
			s.wantReserved(6)
		})
	}
}
