package tracking

import (
	"bytes"
	"context"
	"html/template"

	"waybill/shared/api"
	"waybill/shared/consent"
	"waybill/shared/notice"
)

// ShowPreferences implements showPreferences. Programs that look into mail follow its links: looking changes nothing.
func (h *Tracking) ShowPreferences(ctx context.Context, params api.ShowPreferencesParams) (api.ShowPreferencesOK, error) {
	p, err := h.edge.Records.PreferencesByToken(ctx, params.Token)
	if err != nil {
		return api.ShowPreferencesOK{}, err
	}
	page, err := h.preferencesPage(ctx, p, asked(params.AcceptLanguage), false)
	return api.ShowPreferencesOK{Data: bytes.NewReader(page)}, err
}

// ChoosePreferences implements choosePreferences.
func (h *Tracking) ChoosePreferences(ctx context.Context, req api.ChoosePreferencesReq, params api.ChoosePreferencesParams) (api.ChoosePreferencesOK, error) {
	p, err := h.keeper.Choose(ctx, params.Token, choice(req))
	if err != nil {
		return api.ChoosePreferencesOK{}, err
	}
	page, err := h.preferencesPage(ctx, p, "", true)
	return api.ChoosePreferencesOK{Data: bytes.NewReader(page)}, err
}

// choice reads the page's form, or what a mail program's own button sends (RFC 8058).
// They may be encoded in either of two ways, which the contract's code knows apart.
func choice(req api.ChoosePreferencesReq) consent.Choice {
	var email, sms string
	var oneClick bool
	switch form := req.(type) {
	case *api.PreferencesForm:
		email, sms, oneClick = string(form.Email.Value), string(form.SMS.Value), form.ListMinusUnsubscribe.Set
	case *api.PreferencesFormMultipart:
		email, sms, oneClick = string(form.Email.Value), string(form.SMS.Value), form.ListMinusUnsubscribe.Set
	}
	if oneClick {
		email = off
	}
	return consent.Choice{Email: chosen(email), SMS: chosen(sms)}
}

// What stands in the form for yes and no.
const (
	on  = "on"
	off = "off"
)

// chosen is nil where nothing was.
func chosen(value string) *bool {
	if value == "" {
		return nil
	}
	yes := value == on
	return &yes
}

type preferencesSheet struct {
	Lang                string
	Style               template.CSS
	Company, Title, How string
	Saved               string // "" before anything was chosen
	Channels            []channel
	On, Off, Save       string
}

type channel struct {
	Name, Label string
	On          bool
}

// preferencesPage is a customer's own page, in a language, en or zh, or "" for the customer's own.
func (h *Tracking) preferencesPage(ctx context.Context, p notice.Preferences, language string, saved bool) ([]byte, error) {
	c, err := h.edge.Records.Catalog(ctx, p.CustomerID, nil, nil)
	if err != nil {
		return nil, err
	}
	if language == "" {
		language = "en"
		if c.Customer != nil {
			language = notice.Language(c.Customer.Locale)
		}
	}
	w := words{lang: language}
	s := preferencesSheet{
		Lang: tag(language), Style: sheet(), Company: c.Settings.Name, Title: w.say("page.preferences"), How: w.say("page.preferences_how"),
		Channels: []channel{{"email", w.say("page.email"), p.Email}, {"sms", w.say("page.sms"), p.SMS}},
		On:       w.say("page.on"), Off: w.say("page.off"), Save: w.say("page.save"),
	}
	if saved {
		s.Saved = w.say("page.saved")
	}
	if w.err != nil {
		return nil, w.err
	}
	return render("preferences.html.tmpl", s)
}
