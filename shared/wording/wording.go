// Package wording has the words in which people are told what happened, in
// English and Chinese: e-mail, SMS, lines in the app, mail to staff, and the
// texts of the pages that customers see.
//
// The words are in active.en.json and active.zh.json, one object for each key
// that package notice's rules name. What the words can say of a fact is in
// facts.go. A word that is missing, or that says what the fact does not know, is
// an error, never a hole in a message.
package wording

import (
	"embed"
	"fmt"
	"strings"
	"sync"
	"unicode"

	"github.com/nicksnyder/go-i18n/v2/i18n"
	"github.com/nicksnyder/go-i18n/v2/i18n/template"
	"golang.org/x/text/language"

	"waybill/shared/event"
	"waybill/shared/notice"
)

//go:embed active.en.json active.zh.json
var files embed.FS

// catalogue are the words by language. They are read when they are first needed, and never change.
var catalogue = sync.OnceValues(func() (map[string]*i18n.Localizer, error) {
	out := map[string]*i18n.Localizer{}
	for _, tag := range []language.Tag{language.English, language.Chinese} {
		bundle := i18n.NewBundle(tag)
		if _, err := bundle.LoadMessageFileFS(files, "active."+tag.String()+".json"); err != nil {
			return nil, fmt.Errorf("read the words in %s: %w", tag, err)
		}
		out[tag.String()] = i18n.NewLocalizer(bundle, tag.String())
	}
	return out, nil
})

// strict refuses words that say what they were not told.
var strict = &template.TextParser{Option: "missingkey=error"}

// Say returns the words of a key, such as page.order, in a language, en or zh,
// with what they are about.
func Say(lang, key string, about map[string]string) (string, error) {
	words, err := catalogue()
	if err != nil {
		return "", err
	}
	in, ok := words[lang]
	if !ok {
		return "", fmt.Errorf("no words in the language %q", lang)
	}
	text, err := in.Localize(&i18n.LocalizeConfig{MessageID: key, TemplateData: about, TemplateParser: strict})
	if err != nil {
		return "", fmt.Errorf("say %s in %s: %w", key, lang, err)
	}
	return text, nil
}

// Compose puts a fact into the words of a rule for a channel, in a language, en
// or zh. It fails when words are missing, or say what the facts don't know.
func Compose(r notice.Rule, ch notice.Channel, f notice.Facts, lang string) (notice.Words, error) {
	about, err := aboutOf(f, lang, r.To)
	if err != nil {
		return notice.Words{}, err
	}
	s := speech{lang: lang, about: about}
	var w notice.Words
	switch ch {
	case notice.Email:
		w = s.mail(r.Words, f)
	case notice.SMS:
		w.Text = oneLine(s.say(r.Words + ".sms"))
	case notice.App:
		w = notice.Words{Subject: s.say(r.Words + ".title"), Text: oneLine(s.say(r.Words + ".line"))}
	case notice.Staff:
		w = notice.Words{Subject: s.say(r.Words + ".title"), Text: oneLine(s.say(r.Words+".line")) + "\n"}
		if f.ConsoleURL != "" {
			w.Text += "\n" + s.say("mail.console") + "\n"
		}
	default:
		return notice.Words{}, fmt.Errorf("no words for the channel %q", ch)
	}
	w.Subject = subject(w.Subject)
	return w, s.err
}

// Track is what happened in a few words for the order's customer, in a
// language, en or zh; "" for what is not theirs to see.
func Track(e event.Event, lang string) (string, error) {
	if !tracked[e.Type] || e.Type == event.OrderEdited && e.Data["status"] == "draft" {
		return "", nil
	}
	return Say(lang, "track."+string(e.Type), map[string]string{"Carrier": said(e, "carrier"), "Invoice": said(e, "invoice_number")})
}

// tracked are the events that an order's customer sees.
var tracked = map[event.Type]bool{
	event.OrderConfirmed: true, event.OrderImported: true, event.OrderEdited: true, event.OrderCancelled: true, event.OrderClosed: true,
	event.OrderExpired: true, event.OrderCompleted: true, event.PaymentAuthorized: true, event.PaymentReceived: true,
	event.PaymentFailed: true, event.RefundSucceeded: true, event.ShipmentCreated: true, event.ShipmentDelivered: true,
	event.ShipmentUndone: true, event.ReturnCreated: true, event.InvoiceIssued: true,
}

// A speech says several things of one fact, and keeps what first went wrong.
type speech struct {
	lang  string
	about map[string]string
	err   error
}

func (s *speech) say(key string) string {
	text, err := Say(s.lang, key, s.about)
	if s.err == nil {
		s.err = err
	}
	return text
}

// oneLine keeps what somebody entered from breaking out of its line, or turning it round.
func oneLine(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)
	}), " ")
}

// longestSubject is what SNS takes.
const longestSubject = 99

func subject(s string) string {
	runes := []rune(oneLine(s))
	if len(runes) <= longestSubject {
		return string(runes)
	}
	return string(runes[:longestSubject-1]) + "…"
}
