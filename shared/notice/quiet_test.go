package notice_test

import (
	"testing"
	"time"

	"waybill/shared/notice"
)

func TestQuietHoursEndByTheClocksOfWhereTheyAre(t *testing.T) {
	for _, c := range []struct {
		name, at, zone, from, to string
		until                    string // "": it is not quiet
	}{
		{"in the day", "2026-11-23T12:00:00Z", "UTC", "22:00", "08:00", ""},
		{"at their beginning", "2026-11-23T22:00:00Z", "UTC", "22:00", "08:00", "2026-11-24T08:00:00Z"},
		{"just before", "2026-11-23T21:59:59Z", "UTC", "22:00", "08:00", ""},
		{"after midnight", "2026-11-24T03:12:34Z", "UTC", "22:00", "08:00", "2026-11-24T08:00:00Z"},
		{"at their end", "2026-11-24T08:00:00Z", "UTC", "22:00", "08:00", ""},
		{"within a day", "2026-11-24T13:30:00Z", "UTC", "13:00", "15:00", "2026-11-24T15:00:00Z"},
		{"outside of them", "2026-11-24T15:00:00Z", "UTC", "13:00", "15:00", ""},
		{"far east", "2026-11-23T15:00:00Z", "Asia/Shanghai", "22:00", "08:00", "2026-11-24T00:00:00Z"},
		{"at half an hour's offset", "2026-11-23T17:00:00Z", "Asia/Kolkata", "22:00", "08:00", "2026-11-24T02:30:00Z"},
		{"never", "2026-11-23T23:00:00Z", "UTC", "", "", ""},
		{"an unknown zone is UTC", "2026-11-23T23:00:00Z", "Mars/Olympus", "22:00", "08:00", "2026-11-24T08:00:00Z"},

		// New York puts its clocks forward on 8 March 2026 at 2:00, and back on 1 November at 2:00.
		{"the night is an hour shorter", "2026-03-08T03:00:00Z", "America/New_York", "22:00", "08:00", "2026-03-08T12:00:00Z"},
		{"the end is skipped", "2026-03-08T06:30:00Z", "America/New_York", "22:00", "02:30", "2026-03-08T07:00:00Z"},
		{"the beginning is skipped", "2026-03-08T06:59:00Z", "America/New_York", "02:30", "04:00", ""},
		{"it begins where the clocks go on", "2026-03-08T07:00:00Z", "America/New_York", "02:30", "04:00", "2026-03-08T08:00:00Z"},
		{"the night is an hour longer", "2026-11-01T02:00:00Z", "America/New_York", "22:00", "08:00", "2026-11-01T13:00:00Z"},
		{"the first of two ends", "2026-11-01T05:15:00Z", "America/New_York", "22:00", "01:30", "2026-11-01T05:30:00Z"},
		{"the second of two ends", "2026-11-01T06:15:00Z", "America/New_York", "22:00", "01:30", "2026-11-01T06:30:00Z"},
	} {
		at, err := time.Parse(time.RFC3339, c.at)
		if err != nil {
			t.Fatal(err)
		}
		until, quiet := notice.QuietUntil(at, c.zone, c.from, c.to)
		if quiet != (c.until != "") || quiet && until.UTC().Format(time.RFC3339) != c.until {
			t.Errorf("%s: quiet %v until %s, want %q", c.name, quiet, until.UTC().Format(time.RFC3339), c.until)
		}
	}
}
