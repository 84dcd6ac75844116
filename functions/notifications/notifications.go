// Package notifications is the HTTP edge of who is told what: the feed in the
// app, what became of an order's messages, and customers' preferences.
package notifications

import (
	"context"
	"net/http"
	"time"

	"waybill/shared/access"
	"waybill/shared/api"
	"waybill/shared/consent"
	"waybill/shared/feed"
	"waybill/shared/gateway"
	"waybill/shared/notice"
)

// Notifications implements the operations of the contract's group Notifications.
type Notifications struct {
	edge   gateway.Edge
	feed   *feed.Desk
	keeper *consent.Keeper
}

var _ api.NotificationsHandler = (*Notifications)(nil)

// New returns the function's handler.
func New(edge gateway.Edge) (http.Handler, error) {
	n := &Notifications{
		edge: edge, feed: &feed.Desk{DB: edge.Records, IDs: edge.IDs()}, keeper: &consent.Keeper{DB: edge.Records, IDs: edge.IDs()},
	}
	type rest struct{ api.UnimplementedHandler }
	return edge.Handler(api.NotificationsGroup, struct {
		*Notifications
		rest
	}{Notifications: n})
}

// ListNotifications implements listNotifications.
func (h *Notifications) ListNotifications(ctx context.Context, params api.ListNotificationsParams) (*api.NotificationList, error) {
	language := string(params.Language.Or(""))
	if language == "" {
		language = notice.Accepted(params.AcceptLanguage.Or(""))
	}
	l, unread, err := h.feed.List(ctx, gateway.Principal(ctx), gateway.PageOf(params.Limit, params.Cursor))
	if err != nil {
		return nil, err
	}
	out := &api.NotificationList{Items: make([]api.Notification, len(l.Items)), NextCursor: gateway.Next(l.Next), Unread: unread}
	for i, line := range l.Items {
		out.Items[i] = shown(line, language)
	}
	return out, nil
}

// ReadNotifications implements readNotifications.
func (h *Notifications) ReadNotifications(ctx context.Context, req *api.ReadNotifications, params api.ReadNotificationsParams) (*api.Unread, error) {
	by := feed.By{Principal: gateway.Principal(ctx), Mark: gateway.Mark(ctx, params.IdempotencyKey)}
	places := make([]string, len(req.Ids))
	for i, id := range req.Ids {
		places[i] = string(id)
	}
	unread, _, err := gateway.Once(ctx, h.edge, by.Mark,
		func() (int64, error) { return h.feed.Read(ctx, by, string(req.UpTo.Or("")), places) },
		func(string) (int64, error) { return h.feed.Unread(ctx, by.Principal) })
	if err != nil {
		return nil, err
	}
	return &api.Unread{Unread: unread}, nil
}

// ListOrderNotifications implements listOrderNotifications.
func (h *Notifications) ListOrderNotifications(ctx context.Context, params api.ListOrderNotificationsParams) (*api.SentList, error) {
	p := gateway.Principal(ctx)
	l, err := h.feed.OfOrder(ctx, p, string(params.ID), gateway.PageOf(params.Limit, params.Cursor))
	if err != nil {
		return nil, err
	}
	out := &api.SentList{Items: make([]api.Sent, len(l.Items)), NextCursor: gateway.Next(l.Next)}
	for i, n := range l.Items {
		out.Items[i] = sent(n, p.May(access.CustomersRead))
	}
	return out, nil
}

// GetPreferences implements getPreferences.
func (h *Notifications) GetPreferences(ctx context.Context, params api.GetPreferencesParams) (*api.PreferencesHeaders, error) {
	p, err := h.keeper.Look(ctx, string(params.ID))
	if err != nil {
		return nil, err
	}
	return &api.PreferencesHeaders{ETag: api.NewOptString(gateway.ETag(p.Version)), Response: preferences(p)}, nil
}

// EditPreferences implements editPreferences.
func (h *Notifications) EditPreferences(ctx context.Context, req *api.PreferencesEdit, params api.EditPreferencesParams) (*api.EditPreferencesOKHeaders, error) {
	expect, err := gateway.Match(params.IfMatch, true)
	if err != nil {
		return nil, err
	}
	if err := gateway.Principal(ctx).Require(access.CustomersEdit); err != nil {
		return nil, err
	}
	by := consent.By{Principal: gateway.Principal(ctx), Mark: gateway.Mark(ctx, params.IdempotencyKey), Expect: expect}
	var c consent.Choice
	if v, ok := req.Email.Get(); ok {
		c.Email = &v
	}
	if v, ok := req.SMS.Get(); ok {
		c.SMS = &v
	}
	p, replayed, err := gateway.Once(ctx, h.edge, by.Mark,
		func() (notice.Preferences, error) { return h.keeper.Edit(ctx, by, string(params.ID), c) },
		func(id string) (notice.Preferences, error) { return h.keeper.Look(ctx, id) })
	if err != nil {
		return nil, err
	}
	return &api.EditPreferencesOKHeaders{
		ETag: api.NewOptString(gateway.ETag(p.Version)), IdempotencyReplayed: api.OptBool{Value: true, Set: replayed}, Response: preferences(p),
	}, nil
}

func shown(l feed.Line, language string) api.Notification {
	v := api.Notification{
		ID: api.ID(l.Place), Type: string(l.Type), Title: l.Title[language], Text: l.Text[language],
		Subject: gateway.Text(l.Subject.String()), At: l.At, Read: l.Read,
	}
	if id := l.OrderID(); id != "" {
		v.OrderID = api.NewOptID(api.ID(id))
	}
	return v
}

// sent is what became of a message. Where it went is shown to those who may know the customer.
func sent(n notice.Notice, customers bool) api.Sent {
	v := api.Sent{
		ID: api.ID(n.ID), Type: string(n.Type), Channel: api.SentChannel(n.Channel), To: n.To, Status: api.SentStatus(n.Status),
		Reason: gateway.Text(n.Reason), Attempts: n.Attempts, Parts: api.OptInt64{Value: n.Parts, Set: n.Parts > 0}, At: n.At,
		SentAt: moment(n.SentAt), DueAt: moment(n.DueAt),
	}
	if n.Audience == notice.Customer && !customers {
		v.To = string(notice.Customer)
	}
	if n.Status == notice.Discarded { // it had failed, and a person left it at that
		v.Status, v.Reason = api.SentStatusFailed, gateway.Text("discarded: "+n.Reason)
	}
	return v
}

func preferences(p notice.Preferences) api.Preferences {
	return api.Preferences{CustomerID: api.ID(p.CustomerID), Email: p.Email, SMS: p.SMS, Version: p.Version}
}

func moment(at *time.Time) api.OptDateTime {
	if at == nil {
		return api.OptDateTime{}
	}
	return api.NewOptDateTime(*at)
}
