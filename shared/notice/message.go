package notice

import (
	"strings"

	"waybill/shared/event"
)

// A Message is a notice in its words, as a channel's sender takes it.
type Message struct {
	ID string // the notice's
	Channel
	To string // an address, a number in E.164, or a role
	Words
	Unsubscribe string // where its recipient opts out; "" for staff
	Type        event.Type
	OrderID     string // "" for what is about no order
	Parts       int64  // of an SMS
}

// A Refusal is a sender's certain no: the message did not go out. Any other
// error leaves open whether it did.
type Refusal struct {
	Reason string
	Final  bool // trying again would be refused again
}

func (r *Refusal) Error() string { return "refused: " + r.Reason }

// Language is the language of ours that somebody with a locale like de-CH or
// zh_Hans_CN reads: zh or en.
func Language(locale string) string {
	tag, _, _ := strings.Cut(strings.ReplaceAll(locale, "_", "-"), "-")
	if strings.EqualFold(tag, "zh") {
		return "zh"
	}
	return "en"
}
