// Package refusal is how the rules say no: one error type with a kind, a
// stable code, and an item for each field, SKU or order that was wrong. The
// gateway turns it into a problem document; nothing else needs to know HTTP.
package refusal

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// A Kind is why something was refused, as coarse as a status.
type Kind int

// The kinds of refusals.
const (
	Malformed   Kind = iota + 1 // not to be understood
	Denied                      // the caller may not
	NotFound                    // it does not exist, or the caller may not know
	Conflict                    // the state of things does not allow it
	Stale                       // the caller saw another version
	Rejected                    // understood, and not acceptable
	NoIfMatch                   // the caller must say which version it saw
	Unavailable                 // something needed did not answer; nothing was changed, or a retry tells
	Upstream                    // somebody else's system failed, or refuses what it is asked for
)

// An Error is a refusal. Code is stable and documented in the contract;
// Detail and the items' details are for people.
type Error struct {
	Kind   Kind
	Code   string
	Detail string
	Items  []Item
}

// An Item is one thing that was wrong. Available is what is left of a SKU.
type Item struct {
	Field, SKU, Order string
	Code, Detail      string
	Available         *int64
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Code)
	if e.Detail != "" {
		b.WriteString(": " + e.Detail)
	}
	for _, i := range e.Items {
		fmt.Fprintf(&b, "; %s%s%s %s", i.Field, i.SKU, i.Order, i.Code)
	}
	return b.String()
}

// New returns a refusal without items.
func New(kind Kind, code, format string, args ...any) *Error {
	return &Error{Kind: kind, Code: code, Detail: fmt.Sprintf(format, args...)}
}

// Field returns a refusal of one field as given.
func Field(field, code, format string, args ...any) *Error {
	return Fields(Item{Field: field, Code: code, Detail: fmt.Sprintf(format, args...)})
}

// Fields returns a refusal of several fields or SKUs as given.
func Fields(items ...Item) *Error {
	return &Error{Kind: Rejected, Code: "rejected", Detail: "The request was understood and is not acceptable; errors says why.", Items: items}
}

// Past refuses a moment of a field that lies ahead, or before 1970; a client's
// clock may be a little fast. It returns the moment in UTC and whole milliseconds.
func Past(field string, at, now time.Time) (time.Time, error) {
	at = at.UTC().Truncate(time.Millisecond)
	if at.After(now.Add(time.Minute)) || at.Before(time.Unix(0, 0)) {
		return at, Field(field, "invalid", "It can't lie in the future, nor before 1970.")
	}
	return at, nil
}

// Missing returns a refusal for something that is not there.
func Missing(what, id string) *Error {
	return New(NotFound, "not_found", "There is no %s %s.", what, id)
}

// Is reports whether err is, or wraps, a refusal of that code.
func Is(err error, code string) bool {
	var e *Error
	return errors.As(err, &e) && e.Code == code
}
