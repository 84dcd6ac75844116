package stripepay

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/stripe/stripe-go/v76"
	"github.com/stripe/stripe-go/v76/checkout/session"

	"waybill/shared/payment"
)

// The metadata that Waybill writes on what it has Stripe make.
const (
	metaOrder   = "waybill_order"
	metaPayment = "waybill_payment"
	metaRefund  = "waybill_refund"
)

// What Stripe takes of the rows of a page.
const (
	maxRows     = 100
	maxName     = 250
	maxQuantity = 999_999
)

// NewSession has Stripe make a page where an order is paid.
func (c *Client) NewSession(ctx context.Context, r payment.SessionRequest) (payment.Session, error) {
	rows, err := lineItems(r)
	if err != nil {
		return payment.Session{}, err
	}
	metadata := map[string]string{metaOrder: r.OrderID, metaPayment: r.PaymentID}
	p := &stripe.CheckoutSessionParams{
		Mode:              stripe.String(string(stripe.CheckoutSessionModePayment)),
		ClientReferenceID: stripe.String(r.OrderID),
		LineItems:         rows,
		Locale:            stripe.String(locale(r.Locale)),
		ExpiresAt:         stripe.Int64(r.ExpiresAt.Unix()),
		SuccessURL:        stripe.String(r.SuccessURL),
		CancelURL:         stripe.String(r.CancelURL),
		Metadata:          metadata,
		PaymentIntentData: &stripe.CheckoutSessionPaymentIntentDataParams{Metadata: metadata},
	}
	if r.Email != "" {
		p.CustomerEmail = stripe.String(r.Email)
	}
	if r.Hold {
		p.PaymentIntentData.CaptureMethod = stripe.String(string(stripe.PaymentIntentCaptureMethodManual))
	}
	return c.session(ctx, writes, func(ctx context.Context, client session.Client) (*stripe.CheckoutSession, error) {
		p.Params = params(ctx, r.Key)
		return client.New(p)
	})
}

// Session is a page as it is now.
func (c *Client) Session(ctx context.Context, id string) (payment.Session, error) {
	return c.session(ctx, reads, func(ctx context.Context, client session.Client) (*stripe.CheckoutSession, error) {
		return client.Get(id, &stripe.CheckoutSessionParams{Params: params(ctx, "")})
	})
}

// ExpireSession closes a page, and answers with one that isn't open any more as it is.
func (c *Client) ExpireSession(ctx context.Context, id string) (payment.Session, error) {
	expired, err := c.session(ctx, writes, func(ctx context.Context, client session.Client) (*stripe.CheckoutSession, error) {
		return client.Expire(id, &stripe.CheckoutSessionExpireParams{Params: params(ctx, "")})
	})
	if no := new(refusedError); errors.As(err, &no) {
		if now, again := c.Session(ctx, id); again == nil && now.Status != string(stripe.CheckoutSessionStatusOpen) {
			return now, nil
		}
	}
	return expired, err
}

func (c *Client) session(ctx context.Context, does bool, f func(context.Context, session.Client) (*stripe.CheckoutSession, error)) (payment.Session, error) {
	var found payment.Session
	err := c.call(ctx, does, func(ctx context.Context, key string) error {
		s, err := f(ctx, session.Client{B: c.backend, Key: key})
		if err == nil {
			found = sessionOf(s)
		}
		return err
	})
	return found, err
}

func sessionOf(s *stripe.CheckoutSession) payment.Session {
	found := payment.Session{
		Metadata: metadataOf(s.Metadata),
		ID:       s.ID,
		Status:   string(s.Status),
		Paid: s.PaymentStatus == stripe.CheckoutSessionPaymentStatusPaid ||
			s.PaymentStatus == stripe.CheckoutSessionPaymentStatusNoPaymentRequired,
		Amount:    fromStripe(string(s.Currency), s.AmountTotal),
		Currency:  iso(s.Currency),
		Live:      s.Livemode,
		URL:       s.URL,
		ExpiresAt: time.Unix(s.ExpiresAt, 0).UTC(),
	}
	if s.PaymentIntent != nil {
		found.Intent = s.PaymentIntent.ID
	}
	return found
}

func metadataOf(m map[string]string) payment.Metadata {
	return payment.Metadata{OrderID: m[metaOrder], PaymentID: m[metaPayment]}
}

func iso(c stripe.Currency) string { return strings.ToUpper(string(c)) }

// lineItems are the rows that the page shows. What they come to is exactly the
// amount: where the items can't be shown so, there is one row for the order.
func lineItems(r payment.SessionRequest) ([]*stripe.CheckoutSessionLineItemParams, error) {
	total, err := toStripe(r.Currency, r.Amount)
	if err != nil {
		return nil, err
	}
	var rows []*stripe.CheckoutSessionLineItemParams
	left := total
	for _, i := range r.Items {
		amount, err := toStripe(r.Currency, i.Amount)
		if err != nil || amount > left {
			left = -1
			break
		}
		left -= amount
		rows = append(rows, lineItem(r.Currency, i, amount))
	}
	if left != 0 || len(rows) > maxRows {
		return []*stripe.CheckoutSessionLineItemParams{row(r.Currency, r.OrderNumber, 1, total)}, nil
	}
	return rows, nil
}

// lineItem shows the price of a unit where there is one, and otherwise all units as one.
func lineItem(currency string, i payment.Item, amount int64) *stripe.CheckoutSessionLineItemParams {
	if i.Quantity <= 1 {
		return row(currency, i.Name, 1, amount)
	}
	if i.Quantity <= maxQuantity && i.Amount%i.Quantity == 0 {
		if unit, err := toStripe(currency, i.Amount/i.Quantity); err == nil {
			return row(currency, i.Name, i.Quantity, unit)
		}
	}
	return row(currency, fmt.Sprintf("%d × %s", i.Quantity, i.Name), 1, amount)
}

func row(currency, name string, quantity, unit int64) *stripe.CheckoutSessionLineItemParams {
	if name = strings.TrimSpace(name); name == "" {
		name = "–" // Stripe wants a name
	}
	if runes := []rune(name); len(runes) > maxName {
		name = string(runes[:maxName-1]) + "…"
	}
	return &stripe.CheckoutSessionLineItemParams{
		Quantity: stripe.Int64(quantity),
		PriceData: &stripe.CheckoutSessionLineItemPriceDataParams{
			Currency:    stripe.String(strings.ToLower(currency)),
			UnitAmount:  stripe.Int64(unit),
			ProductData: &stripe.CheckoutSessionLineItemPriceDataProductDataParams{Name: stripe.String(name)},
		},
	}
}

// locales are the languages of Stripe's pages.
var locales = strings.Fields("bg cs da de el en en-GB es es-419 et fi fil fr fr-CA hr hu id it ja ko lt lv ms mt nb nl pl " +
	"pt pt-BR ro ru sk sl sv th tr vi zh zh-HK zh-TW")

// locale is the page's language for a customer's, and "auto" where Stripe has none.
func locale(tag string) string {
	tag = strings.ReplaceAll(tag, "_", "-")
	base, _, _ := strings.Cut(tag, "-")
	switch {
	case strings.HasPrefix(strings.ToLower(tag), "zh-hant"):
		return "zh-TW"
	case base == "no":
		return "nb"
	}
	for _, wanted := range []string{tag, base} {
		at := slices.IndexFunc(locales, func(l string) bool { return strings.EqualFold(l, wanted) })
		if at >= 0 {
			return locales[at]
		}
	}
	return "auto"
}
