// Package ident makes the names of things: ULIDs, which sort by their time,
// and order numbers that people can read out.
package ident

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"
)

// A Source makes ids from a clock and a source of randomness.
type Source struct {
	Now    func() time.Time
	Random io.Reader
}

// New returns a source that reads the system's clock and randomness.
func New() Source { return At(time.Now) }

// At returns a source that reads this clock, in UTC and whole milliseconds, and the system's randomness.
func At(clock func() time.Time) Source {
	return Source{Now: func() time.Time { return clock().UTC().Truncate(time.Millisecond) }, Random: rand.Reader}
}

// ID returns a new ULID of this moment.
func (s Source) ID() string { return s.IDAt(s.Now()) }

// IDAt returns a new ULID of that moment.
func (s Source) IDAt(at time.Time) string {
	return ulid.MustNew(ulid.Timestamp(at), s.Random).String()
}

// Derived returns the ULID of a moment that follows from parts: the same for
// the same, so that what has such an id can be made once only.
func Derived(at time.Time, parts ...string) string {
	if at.Before(time.Unix(0, 0)) { // of what has none
		at = time.Unix(0, 0)
	}
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return ulid.MustNew(ulid.Timestamp(at), bytes.NewReader(sum[:])).String()
}

// alphabet is Crockford's base 32: no I, L, O or U to misread.
const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// OrderNumber returns a new number such as SO-2611-7K3M9Q: year and month, and
// six random symbols (2^30 a month). Whoever stores it makes sure that it is new.
func (s Source) OrderNumber() string {
	var b [6]byte
	if _, err := io.ReadFull(s.Random, b[:]); err != nil {
		panic(fmt.Errorf("read randomness: %w", err)) // crypto/rand never fails
	}
	for i := range b {
		b[i] = alphabet[b[i]&31]
	}
	return "SO-" + s.Now().UTC().Format("0601") + "-" + string(b[:])
}

// Time returns the moment of a ULID, or an error if it is none.
func Time(id string) (time.Time, error) {
	u, err := ulid.ParseStrict(id)
	if err != nil {
		return time.Time{}, fmt.Errorf("parse id: %w", err)
	}
	return ulid.Time(u.Time()).UTC(), nil
}

// First returns the least ULID of a moment: all ids from then on are not less.
func First(at time.Time) string {
	var u ulid.ULID
	if err := u.SetTime(ulid.Timestamp(at)); err != nil {
		return ulid.ULID{}.String()
	}
	return u.String()
}
