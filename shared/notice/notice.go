// Package notice has the rules of telling people what happened: who is told of
// which event, by which way, when not, and what becomes of a message.
package notice

import (
	"time"

	"waybill/shared/access"
	"waybill/shared/company"
	"waybill/shared/customer"
	"waybill/shared/event"
	"waybill/shared/invoice"
	"waybill/shared/order"
	"waybill/shared/shipment"
)

// A Channel is a way to tell somebody.
type Channel string

// The channels. Staff mail goes to everybody who subscribed to a role's topic.
const (
	Email Channel = "email"
	SMS   Channel = "sms"
	App   Channel = "app"
	Staff Channel = "staff_email"
)

// An Audience is who is told.
type Audience string

// The audiences: an order's customer, whose order it is, or all of a role.
const (
	Customer  Audience = "customer"
	Owner     Audience = "owner"
	Sales     Audience = Audience(access.Sales)
	Warehouse Audience = Audience(access.Warehouse)
	Finance   Audience = Audience(access.Finance)
	Manager   Audience = Audience(access.Manager)
)

// A Rule says who is told of an event, by which channels, in which words.
type Rule struct {
	Event    event.Type
	When     []Condition // all must hold
	To       Audience
	Channels []Channel
	Words    string // the key of the words in package wording
}

// A Condition asks for a value of the event's data: Key is one of Values, or is not where Not.
type Condition struct {
	Key    string
	Not    bool
	Values []string // none: the key is there
}

// Facts are what the words of a message can be about. What an event has nothing to do with is nil.
type Facts struct {
	Event    event.Event
	Settings company.Settings
	Order    *order.Order
	Customer *customer.Customer
	Shipment *shipment.Shipment
	Invoice  *invoice.Bill

	TrackURL       string // the order's page; "" without one
	ShortURL       string // the same, for an SMS
	PreferencesURL string // of the customer
	ConsoleURL     string // for staff
}

// Words are a message in one language. An SMS and a line in the app have no HTML;
// an SMS no subject either.
type Words struct{ Subject, Text, HTML string }

// A Status is what became of a notice.
type Status string

// The statuses. Sent, Skipped and Discarded are final; Failed and Unknown wait for a person.
const (
	Waiting   Status = "waiting" // to be tried at DueAt
	Sending   Status = "sending" // handed over; without an answer it comes to be Unknown
	Sent      Status = "sent"
	Skipped   Status = "skipped" // not to be sent; Reason says why
	Failed    Status = "failed"  // refused for good, or too often
	Unknown   Status = "unknown" // it may have been sent: never again by itself
	Discarded Status = "discarded"
)

// Reasons why a message is not sent, or waits.
const (
	OptedOut    = "opted_out"
	QuietHours  = "quiet_hours"
	DailyCap    = "daily_cap"
	NoAddress   = "no_address"
	BadNumber   = "bad_number"
	SwitchedOff = "switched_off" // by the settings, or because there is no sender
	Restored    = "restored"     // of before the table was restored: it may have been sent
	Outdated    = "outdated"     // what it would say is no longer so
)

// A Notice is one message to one audience by one channel about one event. Its
// id follows from these, so that it can be claimed once only, whatever becomes
// of the recipient's address meanwhile.
type Notice struct {
	ID       string
	Subject  event.Subject
	Event    string // its id
	Seq      int64
	Type     event.Type
	Words    string // the key
	Channel  Channel
	To       string // an address, a number, or a role
	Audience Audience
	Language string // en or zh
	Status   Status
	Reason   string
	Attempts int64
	Parts    int64             // of an SMS
	Title    map[string]string // of a line in the app, by language
	Text     map[string]string
	At       time.Time  // of the event
	DueAt    *time.Time // while it waits
	SentAt   *time.Time
	Claim    string     // the id of who last took it to send it, of that moment
	Counted  string     // the day on whose cap the last attempt counts; "" on none
	AskedAt  *time.Time // when a person had it sent again
	Place    string     // of a line in the app: where it stands in the feed, an id of when it came there
	Version  int64
}
