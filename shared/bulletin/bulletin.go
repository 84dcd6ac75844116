// Package bulletin is the shape in which events leave Waybill: published to a
// topic, posted to webhook endpoints and replayed. docs/events.md has its
// schema. It holds ids and no person's name, address or number: who needs one asks the API.
package bulletin

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"waybill/shared/event"
	"waybill/shared/order"
)

// Version counts the shapes; readers ignore what they don't know.
const Version = 1

// A Message is an event as it leaves. Amounts are minor units, numbers always integers.
type Message struct {
	Version int64          `json:"version"`
	ID      string         `json:"id"`
	Type    event.Type     `json:"type"`
	Subject string         `json:"subject"` // <kind>/<id>
	Seq     int64          `json:"seq"`     // of the subject, without holes
	At      time.Time      `json:"at"`
	Actor   string         `json:"actor"`
	Data    map[string]any `json:"data"`
}

// free are the names of what people write in their own words, which may be of
// anybody: only what the system itself says there leaves.
var (
	free = map[string]bool{"reason": true, "note": true, "hold_reason": true}
	ours = map[string]bool{order.HoldApproval: true, order.HoldStock: true, order.HoldDispute: true, "unpaid": true, "replaced": true}
)

func without(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for name, inner := range v {
			text, _ := inner.(string)
			if !free[name] || ours[text] {
				out[name] = without(inner)
			}
		}
		return out
	case []any:
		out := make([]any, len(v))
		for n := range v {
			out[n] = without(v[n])
		}
		return out
	}
	return v
}

// Of is an event's message, without what people wrote in their own words.
func Of(e event.Event) Message {
	data, _ := without(e.Data).(map[string]any)
	return Message{Version: Version, ID: e.ID, Type: e.Type, Subject: e.Subject.String(), Seq: e.Seq, At: e.At, Actor: e.Actor, Data: data}
}

// About is the subject of the message.
func (m Message) About() event.Subject {
	kind, id, _ := strings.Cut(m.Subject, "/")
	return event.Subject{Kind: event.Kind(kind), ID: id}
}

// Encode writes an event's message.
func Encode(e event.Event) ([]byte, error) {
	text, err := json.Marshal(Of(e))
	if err != nil {
		return nil, fmt.Errorf("encode event %s: %w", e.ID, err)
	}
	return text, nil
}

// An Entry is a message for a topic, with what subscribers can filter by.
type Entry struct {
	ID         string
	Body       []byte
	Attributes map[string]string
	Lists      map[string][]string
}

// Decode reads a message. It fails on what is none: without a subject, or a place in its sequence.
func Decode(text []byte) (Message, error) {
	var m Message
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&m); err != nil {
		return m, fmt.Errorf("decode a message: %w", err)
	}
	if s := m.About(); s.Kind == "" || s.ID == "" || m.Seq <= 0 || m.Version <= 0 {
		return m, fmt.Errorf("decode a message: it names no event")
	}
	return m, nil
}
