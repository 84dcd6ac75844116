// Package tracking is the HTTP edge of what customers see without a login: the
// page of their order and its payment, and what they want to be told. The staff
// make, renew and revoke the links there.
package tracking

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"

	"waybill/shared/access"
	"waybill/shared/api"
	"waybill/shared/billing"
	"waybill/shared/consent"
	"waybill/shared/gateway"
	"waybill/shared/notice"
	"waybill/shared/refusal"
	"waybill/shared/table"
	"waybill/shared/tracking"
)

// Tracking implements the operations of the contract's group Tracking.
type Tracking struct {
	edge   gateway.Edge
	window *tracking.Window
	books  *billing.Books
	keeper *consent.Keeper
	home   string
}

var _ api.TrackingHandler = (*Tracking)(nil)

// New returns what builds the function's handler: with Stripe, and with the
// address that customers reach it by; "" is the name that they asked.
func New(stripe billing.Processor, home string) func(gateway.Edge) (http.Handler, error) {
	return func(edge gateway.Edge) (http.Handler, error) {
		t := &Tracking{
			edge: edge, home: strings.TrimSuffix(home, "/"),
			window: &tracking.Window{DB: edge.Records, IDs: edge.IDs()},
			books:  &billing.Books{DB: edge.Records, IDs: edge.IDs(), Stripe: stripe},
			keeper: &consent.Keeper{DB: edge.Records, IDs: edge.IDs()},
		}
		type rest struct{ api.UnimplementedHandler }
		h, err := edge.Handler(api.TrackingGroup, struct {
			*Tracking
			rest
		}{Tracking: t})
		return t.sealed(h), err
	}
}

// sealed has browsers run nothing, tell nobody where they were, and machines index nothing.
func (h *Tracking) sealed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		forms := "'self' https:" // paying leads on to Stripe
		if strings.HasPrefix(h.base(r.Host), "http:") {
			forms += " http:"
		}
		w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src "+styleHash+"; form-action "+forms+"; base-uri 'none'; frame-ancestors 'none'")
		w.Header().Set("Referrer-Policy", "no-referrer")
		w.Header().Set("X-Robots-Tag", "noindex")
		next.ServeHTTP(w, r)
	})
}

// base is the address that customers reach the function by.
func (h *Tracking) base(host string) string {
	if h.home != "" {
		return h.home
	}
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = host
	}
	if ip := net.ParseIP(strings.Trim(name, "[]")); name == "localhost" || ip != nil && ip.IsLoopback() {
		return "http://" + host
	}
	return "https://" + host
}

func path(token string) string { return "/v1/track/" + url.PathEscape(token) }

// GetTracking implements getTracking.
func (h *Tracking) GetTracking(ctx context.Context, params api.GetTrackingParams) (*api.TrackingLinkHeaders, error) {
	l, err := h.window.Link(ctx, gateway.Principal(ctx), string(params.ID))
	if err != nil {
		return nil, err
	}
	return &api.TrackingLinkHeaders{ETag: api.NewOptString(gateway.ETag(l.Version)), Response: h.shown(ctx, l)}, nil
}

// RenewTracking implements renewTracking.
func (h *Tracking) RenewTracking(ctx context.Context, params api.RenewTrackingParams) (*api.RenewTrackingCreatedHeaders, error) {
	expect, err := gateway.Match(params.IfMatch, false)
	if err != nil {
		return nil, err
	}
	by := tracking.By{Principal: gateway.Principal(ctx), Mark: gateway.Mark(ctx, params.IdempotencyKey), Expect: expect}
	l, replayed, err := gateway.Once(ctx, h.edge, by.Mark,
		func() (table.TrackingLink, error) { return h.window.Renew(ctx, by, string(params.ID)) },
		func(orderID string) (table.TrackingLink, error) { return h.window.Link(ctx, by.Principal, orderID) })
	if err != nil {
		return nil, err
	}
	return &api.RenewTrackingCreatedHeaders{
		ETag: api.NewOptString(gateway.ETag(l.Version)), IdempotencyReplayed: api.OptBool{Value: true, Set: replayed}, Response: h.shown(ctx, l),
	}, nil
}

// RevokeTracking implements revokeTracking.
func (h *Tracking) RevokeTracking(ctx context.Context, params api.RevokeTrackingParams) error {
	return h.window.Revoke(ctx, gateway.Principal(ctx), string(params.ID))
}

func (h *Tracking) shown(ctx context.Context, l table.TrackingLink) api.TrackingLink {
	return api.TrackingLink{OrderID: api.ID(l.OrderID), Token: l.Token, URL: h.base(gateway.Host(ctx)) + path(l.Token), Version: l.Version}
}

// OpenTracking implements openTracking.
func (h *Tracking) OpenTracking(ctx context.Context, params api.OpenTrackingParams) (*api.OpenTrackingFound, error) {
	return &api.OpenTrackingFound{Location: api.NewOptString(h.base(gateway.Host(ctx)) + path(params.Token))}, nil
}

// Track implements track.
func (h *Tracking) Track(ctx context.Context, params api.TrackParams) (api.TrackRes, error) {
	g, err := h.window.Look(ctx, params.Token)
	if err != nil {
		return nil, err
	}
	language := asked(params.AcceptLanguage)
	etag := etagOf(g, language, gateway.PrefersHTML(ctx))
	if gateway.Seen(params.IfNoneMatch, etag) {
		return &api.TrackedHeaders{ETag: api.NewOptString(etag)}, nil // of which the gateway makes a 304
	}
	v, err := h.window.Show(ctx, g, language)
	if err != nil {
		return nil, err
	}
	if v.Payable > 0 && h.books.Stripe.Payable(v.Currency, v.Payable) != nil {
		v.Payable = 0
	}
	if !gateway.PrefersHTML(ctx) {
		return &api.TrackedHeaders{ETag: api.NewOptString(etag), Response: tracked(v, h.base(gateway.Host(ctx))+path(params.Token)+"/pay")}, nil
	}
	page, err := orderPage(v, path(params.Token)+"/pay")
	if err != nil {
		return nil, err
	}
	return &api.TrackOKTextHTMLHeaders{ETag: api.NewOptString(etag), Response: api.TrackOKTextHTML{Data: bytes.NewReader(page)}}, nil
}

// asked is the language that a browser asks for, en or zh; "" where it does not say.
func asked(header api.OptString) string {
	if value, ok := header.Get(); ok {
		return notice.Accepted(value)
	}
	return ""
}

// etagOf tells one state of an order from another, in each of the forms that it
// is shown in. What else the page shows, such as the company's name, may be older.
func etagOf(g tracking.Glance, language string, html bool) string {
	form := "json"
	if html {
		form = "html"
	}
	return fmt.Sprintf(`"%d.%d.%s.%s"`, g.Order.Version, g.Link, language, form)
}

// visitor is who pays behind a link: anybody who has it.
var visitor = access.Principal{ID: "customer", Scopes: []access.Permission{access.OrdersRead, access.OrdersAll, access.CheckoutWrite}}

// PayTracked implements payTracked.
func (h *Tracking) PayTracked(ctx context.Context, params api.PayTrackedParams) (*api.PayTrackedSeeOther, error) {
	orderID, err := h.window.Open(ctx, params.Token)
	if err != nil {
		return nil, err
	}
	back := h.base(gateway.Host(ctx)) + path(params.Token)
	p, err := h.books.Checkout(ctx, billing.By{Principal: visitor}, orderID, billing.Visit{SuccessURL: back, CancelURL: back})
	var refused *refusal.Error
	if errors.As(err, &refused) && refused.Kind == refusal.Conflict && gateway.PrefersHTML(ctx) {
		return &api.PayTrackedSeeOther{Location: api.NewOptString(back)}, nil // the page says how the order stands by now
	}
	if err != nil {
		return nil, err
	}
	return &api.PayTrackedSeeOther{Location: api.NewOptString(p.URL)}, nil
}
