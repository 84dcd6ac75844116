package stripepay

import (
	"context"
	"errors"
	"strings"

	"github.com/stripe/stripe-go/v76"
	"github.com/stripe/stripe-go/v76/paymentintent"

	"waybill/shared/payment"
)

// expanded asks for the charge within the intent: how it was paid stands there.
var expanded = []*string{stripe.String("latest_charge")}

// NewIntent has Stripe expect a payment on a page of the client's own.
func (c *Client) NewIntent(ctx context.Context, r payment.IntentRequest) (payment.Intent, error) {
	amount, err := toStripe(r.Currency, r.Amount)
	if err != nil {
		return payment.Intent{}, err
	}
	p := &stripe.PaymentIntentParams{
		Amount:                  stripe.Int64(amount),
		Currency:                stripe.String(strings.ToLower(r.Currency)),
		AutomaticPaymentMethods: &stripe.PaymentIntentAutomaticPaymentMethodsParams{Enabled: stripe.Bool(true)},
		Description:             stripe.String(r.OrderNumber),
		Metadata:                map[string]string{metaOrder: r.OrderID, metaPayment: r.PaymentID},
	}
	if r.Email != "" {
		p.ReceiptEmail = stripe.String(r.Email)
	}
	if r.Hold {
		p.CaptureMethod = stripe.String(string(stripe.PaymentIntentCaptureMethodManual))
	}
	return c.intent(ctx, writes, func(ctx context.Context, client paymentintent.Client) (*stripe.PaymentIntent, error) {
		p.Params = params(ctx, r.Key)
		return client.New(p)
	})
}

// Intent is a payment as it is now.
func (c *Client) Intent(ctx context.Context, id string) (payment.Intent, error) {
	return c.intent(ctx, reads, func(ctx context.Context, client paymentintent.Client) (*stripe.PaymentIntent, error) {
		return client.Get(id, &stripe.PaymentIntentParams{Params: params(ctx, ""), Expand: expanded})
	})
}

// Capture takes an amount of what was authorised and gives the rest up. It
// answers with a payment that was captured already as it is.
func (c *Client) Capture(ctx context.Context, id, currency string, amount int64, key string) (payment.Intent, error) {
	units, err := toStripe(currency, amount)
	if err != nil {
		return payment.Intent{}, err
	}
	captured, err := c.intent(ctx, writes, func(ctx context.Context, client paymentintent.Client) (*stripe.PaymentIntent, error) {
		return client.Capture(id, &stripe.PaymentIntentCaptureParams{
			Params: params(ctx, key), Expand: expanded, AmountToCapture: stripe.Int64(units),
		})
	})
	return c.asItIs(ctx, id, captured, err, func(i payment.Intent) bool { return i.Status == string(stripe.PaymentIntentStatusSucceeded) })
}

// CancelIntent gives a payment up. It answers with one that can't be given up
// any more, or was already, as it is.
func (c *Client) CancelIntent(ctx context.Context, id, key string) (payment.Intent, error) {
	cancelled, err := c.intent(ctx, writes, func(ctx context.Context, client paymentintent.Client) (*stripe.PaymentIntent, error) {
		return client.Cancel(id, &stripe.PaymentIntentCancelParams{Params: params(ctx, key), Expand: expanded})
	})
	return c.asItIs(ctx, id, cancelled, err, func(payment.Intent) bool { return true })
}

// asItIs looks again at an intent that Stripe refused to move because of its
// status, and takes it where that is as good as having moved it.
func (c *Client) asItIs(ctx context.Context, id string, moved payment.Intent, err error, good func(payment.Intent) bool) (payment.Intent, error) {
	no := new(refusedError)
	if !errors.As(err, &no) || (no.code != stripe.ErrorCodePaymentIntentUnexpectedState && no.code != stripe.ErrorCodeChargeAlreadyCaptured) {
		return moved, err
	}
	if now, again := c.Intent(ctx, id); again == nil && good(now) {
		return now, nil
	}
	return moved, err
}

func (c *Client) intent(ctx context.Context, does bool, f func(context.Context, paymentintent.Client) (*stripe.PaymentIntent, error)) (payment.Intent, error) {
	var found payment.Intent
	err := c.call(ctx, does, func(ctx context.Context, key string) error {
		i, err := f(ctx, paymentintent.Client{B: c.backend, Key: key})
		if err == nil {
			found = intentOf(i)
		}
		return err
	})
	return found, err
}

func intentOf(i *stripe.PaymentIntent) payment.Intent {
	found := payment.Intent{
		Metadata:     metadataOf(i.Metadata),
		ID:           i.ID,
		Status:       string(i.Status),
		Amount:       fromStripe(string(i.Currency), i.Amount),
		Received:     fromStripe(string(i.Currency), i.AmountReceived),
		Currency:     iso(i.Currency),
		Live:         i.Livemode,
		Via:          via(i),
		ClientSecret: i.ClientSecret,
	}
	if e := i.LastPaymentError; e != nil {
		found.Failure = string(e.Code)
		if e.DeclineCode != "" {
			found.Failure = string(e.DeclineCode)
		}
	}
	return found
}

// via is how it was paid: what the charge says, or the one way there is.
func via(i *stripe.PaymentIntent) string {
	switch {
	case i.LatestCharge != nil && i.LatestCharge.PaymentMethodDetails != nil:
		return string(i.LatestCharge.PaymentMethodDetails.Type)
	case i.PaymentMethod != nil && i.PaymentMethod.Type != "":
		return string(i.PaymentMethod.Type)
	case len(i.PaymentMethodTypes) == 1:
		return i.PaymentMethodTypes[0]
	default:
		return ""
	}
}
