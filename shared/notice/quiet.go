package notice

import (
	"time"

	"waybill/shared/company"
)

// QuietUntil reports whether at is in somebody's quiet hours, HH:MM to HH:MM of
// their zone's clocks and across midnight where from is the later, and when they end.
func QuietUntil(at time.Time, zone, from, to string) (until time.Time, quiet bool) {
	first, err := time.Parse("15:04", from)
	if err != nil {
		return time.Time{}, false
	}
	last, err := time.Parse("15:04", to)
	if err != nil {
		return time.Time{}, false
	}
	// The clocks are asked minute by minute: on the days on which they are put
	// forward or back the end is an instant that is skipped, or there twice.
	place, until := company.Zone(zone), at
	for within(until.In(place), first, last) {
		until = until.Truncate(time.Minute).Add(time.Minute)
	}
	return until, until.After(at)
}

func within(now, from, to time.Time) bool {
	m, first, last := minutes(now), minutes(from), minutes(to)
	if first <= last {
		return first <= m && m < last
	}
	return first <= m || m < last
}

func minutes(t time.Time) int { return t.Hour()*60 + t.Minute() }
