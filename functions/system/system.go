// Package system is the HTTP edge of what belongs to no single resource: the
// settings, the caller, the audit trail, the contract, health, and the answer
// to paths that do not exist.
package system

import (
	"bytes"
	"context"
	"net/http"
	"time"
	_ "time/tzdata" // the Lambda base image has no time zones

	"waybill/shared/access"
	"waybill/shared/api"
	"waybill/shared/company"
	"waybill/shared/event"
	"waybill/shared/gateway"
	"waybill/shared/masterdata"
	"waybill/shared/shipment"
	"waybill/shared/stock"
	"waybill/shared/table"
)

// System implements the operations of the contract's group System.
type System struct {
	edge   gateway.Edge
	keeper *masterdata.Keeper
}

var _ api.SystemHandler = (*System)(nil)

// New returns the function's handler.
func New(edge gateway.Edge) (http.Handler, error) {
	s := &System{edge: edge, keeper: &masterdata.Keeper{DB: edge.Records, IDs: edge.IDs()}}
	type rest struct{ api.UnimplementedHandler }
	return edge.Handler(api.SystemGroup, struct {
		*System
		rest
	}{System: s})
}

// GetContract implements getContract.
func (h *System) GetContract(context.Context) (api.GetContractOK, error) {
	return api.GetContractOK{Data: bytes.NewReader(api.Contract)}, nil
}

// GetHealth implements getHealth.
func (h *System) GetHealth(ctx context.Context) (*api.GetHealthOK, error) {
	if err := h.keeper.DB.Ready(ctx); err != nil {
		return nil, err
	}
	return &api.GetHealthOK{Status: api.GetHealthOKStatusOk}, nil
}

// GetMe implements getMe.
func (h *System) GetMe(ctx context.Context) (*api.Me, error) {
	p := gateway.Principal(ctx)
	s, err := h.keeper.DB.Settings(ctx)
	if err != nil {
		return nil, err
	}
	me := &api.Me{ID: p.ID, Name: p.Name, Roles: []api.MeRolesItem{}, Permissions: []string{}}
	for _, r := range p.Roles {
		me.Roles = append(me.Roles, api.MeRolesItem(r))
	}
	for _, perm := range p.Granted() {
		me.Permissions = append(me.Permissions, string(perm))
	}
	if p.May(access.OrdersWrite) {
		me.DiscountLimitBp = api.NewOptBasisPoints(api.BasisPoints(s.DiscountLimit(p)))
	}
	return me, nil
}

// GetSettings implements getSettings.
func (h *System) GetSettings(ctx context.Context, _ api.GetSettingsParams) (*api.SettingsHeaders, error) {
	s, err := h.keeper.DB.Settings(ctx)
	return answer(s, false, err)
}

// EditSettings implements editSettings.
func (h *System) EditSettings(ctx context.Context, req *api.SettingsEdit, params api.EditSettingsParams) (*api.SettingsHeaders, error) {
	expect, err := gateway.Match(params.IfMatch, true)
	if err != nil {
		return nil, err
	}
	by := masterdata.By{Principal: gateway.Principal(ctx), Mark: gateway.Mark(ctx, params.IdempotencyKey), Expect: expect}
	s, replayed, err := gateway.Once(ctx, h.edge, by.Mark,
		func() (company.Settings, error) {
			return h.keeper.EditSettings(ctx, by, func(s *company.Settings) { edit(s, req) })
		},
		func(string) (company.Settings, error) { return h.keeper.DB.Settings(ctx) })
	return answer(s, replayed, err)
}

// ListAudit implements listAudit.
func (h *System) ListAudit(ctx context.Context, params api.ListAuditParams) (*api.AuditList, error) {
	f := table.AuditFilter{Actor: params.Actor.Or(""), Type: event.Type(params.Type.Or(""))}
	f.From, f.Till = gateway.Days(params.From, params.To)
	l, err := h.keeper.DB.Audit(ctx, f, gateway.PageOf(params.Limit, params.Cursor))
	if err != nil {
		return nil, err
	}
	out := &api.AuditList{Items: make([]api.AuditEntry, 0, len(l.Items)), NextCursor: gateway.Next(l.Next)}
	for _, e := range l.Items {
		data, err := gateway.EventData(e.Data)
		if err != nil {
			return nil, err
		}
		out.Items = append(out.Items, api.AuditEntry{
			ID: api.ID(e.ID), At: e.At, Actor: e.Actor, Type: string(e.Type), Subject: e.Subject.String(), Data: data,
		})
	}
	return out, nil
}

func answer(s company.Settings, replayed bool, err error) (*api.SettingsHeaders, error) {
	if err != nil {
		return nil, err
	}
	return &api.SettingsHeaders{
		ETag:                api.NewOptString(gateway.ETag(s.Version)),
		IdempotencyReplayed: api.OptBool{Value: true, Set: replayed},
		Response:            shown(s),
	}, nil
}

// edit applies what a client wants changed.
func edit(s *company.Settings, req *api.SettingsEdit) {
	s.Currency = string(req.Currency.Or(api.Currency(s.Currency)))
	s.TimeZone = req.TimeZone.Or(s.TimeZone)
	if c, ok := req.Company.Get(); ok {
		s.Name, s.TaxID = c.Name.Or(""), c.TaxID.Or("")
		s.Email, s.Phone = string(c.Email.Or("")), string(c.Phone.Or(""))
		s.Address = gateway.AddressOf(c.Address)
	}
	if t, ok := req.Tax.Get(); ok {
		s.TaxInclusive = t.Inclusive.Or(s.TaxInclusive)
		if classes, ok := t.Classes.Get(); ok {
			s.TaxRates = map[string]int64{}
			for name, class := range classes {
				s.TaxRates[name] = class.RatePpm
			}
		}
	}
	s.Allocation = stock.Strategy(req.Allocation.Or(api.AllocationStrategy(s.Allocation)))
	if req.Carriers != nil {
		s.Carriers = nil
		for _, c := range req.Carriers {
			s.Carriers = append(s.Carriers, shipment.Carrier{Name: c.Name, TrackingURL: c.TrackingURL.Or("")})
		}
	}
	if req.ShipUnpaid != nil {
		s.ShipUnpaid = nil
		for _, r := range req.ShipUnpaid {
			s.ShipUnpaid = append(s.ShipUnpaid, access.Role(r))
		}
	}
	if p, ok := req.Payments.Get(); ok {
		s.CaptureOnShipment = p.Capture == api.PaymentSettingsCaptureOnShipment
		s.PaymentTime = time.Duration(p.ExpireAfterMinutes) * time.Minute
	}
	if i, ok := req.Invoices.Get(); ok {
		s.Invoicing = company.Invoicing{
			FromShipped: i.From == api.InvoiceSettingsFromShipped, Series: i.Series, CreditSeries: i.CreditSeries,
			Bank: i.Bank.Or(""), PayURL: i.PayURL.Or(""), Footer: i.Footer.Or(""),
		}
	}
	if n, ok := req.Notifications.Get(); ok {
		s.Telling = company.Telling{
			Language: string(n.Language), Email: n.Email.Enabled, EmailCap: n.Email.DailyCap,
			SMS: n.SMS.Enabled, SMSCap: n.SMS.DailyCap, QuietFrom: n.SMS.QuietFrom.Or(""), QuietTo: n.SMS.QuietTo.Or(""),
		}
	}
	if d, ok := req.DiscountLimits.Get(); ok {
		s.DiscountLimits = map[access.Role]int64{}
		for role, limit := range map[access.Role]api.OptBasisPoints{
			access.Sales: d.Sales, access.Finance: d.Finance, access.Warehouse: d.Warehouse,
		} {
			if bp, ok := limit.Get(); ok {
				s.DiscountLimits[role] = int64(bp)
			}
		}
	}
}

func shown(s company.Settings) api.Settings {
	v := api.Settings{
		Company: api.Company{
			Name: gateway.Text(s.Name), TaxID: gateway.Text(s.TaxID), Address: gateway.Address(s.Address),
			Email: api.OptEmail{Value: api.Email(s.Email), Set: s.Email != ""},
			Phone: api.OptPhone{Value: api.Phone(s.Phone), Set: s.Phone != ""},
		},
		Currency: api.Currency(s.Currency), TimeZone: s.TimeZone, Version: s.Version,
		Tax: api.Tax{Inclusive: s.TaxInclusive, Classes: api.TaxClasses{}},
	}
	v.Allocation, v.Carriers, v.ShipUnpaid = api.AllocationStrategy(s.Allocation), api.Carriers{}, api.ShipUnpaid{}
	for _, c := range s.Carriers {
		v.Carriers = append(v.Carriers, api.CarriersItem{Name: c.Name, TrackingURL: gateway.Text(c.TrackingURL)})
	}
	for _, r := range s.ShipUnpaid {
		v.ShipUnpaid = append(v.ShipUnpaid, api.ShipUnpaidItem(r))
	}
	for name, rate := range s.TaxRates {
		v.Tax.Classes[name] = api.TaxClassesItem{RatePpm: rate}
	}
	v.Payments = api.PaymentSettings{Capture: api.PaymentSettingsCaptureAtOnce, ExpireAfterMinutes: int64(s.PaymentTime / time.Minute)}
	if s.CaptureOnShipment {
		v.Payments.Capture = api.PaymentSettingsCaptureOnShipment
	}
	v.Invoices = api.InvoiceSettings{
		From: api.InvoiceSettingsFromOrdered, Series: s.Invoicing.Series, CreditSeries: s.Invoicing.CreditSeries,
		Bank: gateway.Text(s.Invoicing.Bank), PayURL: gateway.Text(s.Invoicing.PayURL), Footer: gateway.Text(s.Invoicing.Footer),
	}
	if s.Invoicing.FromShipped {
		v.Invoices.From = api.InvoiceSettingsFromShipped
	}
	v.Notifications = api.NotificationSettings{
		Language: api.NotificationSettingsLanguage(s.Telling.Language),
		Email:    api.NotificationSettingsEmail{Enabled: s.Telling.Email, DailyCap: s.Telling.EmailCap},
		SMS: api.NotificationSettingsSMS{
			Enabled: s.Telling.SMS, DailyCap: s.Telling.SMSCap, QuietFrom: gateway.Text(s.Telling.QuietFrom), QuietTo: gateway.Text(s.Telling.QuietTo),
		},
	}
	limit := func(r access.Role) api.OptBasisPoints {
		bp, ok := s.DiscountLimits[r]
		return api.OptBasisPoints{Value: api.BasisPoints(bp), Set: ok}
	}
	v.DiscountLimits = api.DiscountLimits{Sales: limit(access.Sales), Finance: limit(access.Finance), Warehouse: limit(access.Warehouse)}
	return v
}
