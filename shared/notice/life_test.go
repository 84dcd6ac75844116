package notice_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"waybill/shared/notice"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func TestARefusedMessageIsTriedEightTimesOverFourHours(t *testing.T) {
	t.Parallel()
	var n notice.Notice
	at, tries := noon, 0
	for n.Status != notice.Failed {
		n.HandOver(fmt.Sprint(tries))
		tries++
		n.Refuse(&notice.Refusal{Reason: "Throttling"}, at)
		if n.Status == notice.Waiting {
			if !n.DueAt.After(at) {
				t.Fatalf("after %d tries it is due at %s", tries, n.DueAt)
			}
			at = *n.DueAt
		}
	}
	if tries != 8 || n.DueAt != nil || n.Reason != "Throttling" {
		t.Errorf("%d tries, %+v", tries, n)
	}
	if took := at.Sub(noon); took < 3*time.Hour || took > 5*time.Hour {
		t.Errorf("they took %s", took)
	}
}

func TestOnlyWhatWaitsForAPersonIsSentAgainOrDiscarded(t *testing.T) {
	t.Parallel()
	for status, may := range map[notice.Status]bool{
		notice.Waiting: false, notice.Sending: false, notice.Sent: false, notice.Skipped: false, notice.Discarded: false, notice.Failed: true, notice.Unknown: true,
	} {
		again, discarded := notice.Notice{Status: status}, notice.Notice{Status: status}
		if err := again.Again(noon); (err == nil) != may || may && (again.Status != notice.Waiting || !again.DueAt.Equal(noon) || !again.AskedAt.Equal(noon)) {
			t.Errorf("%s again: %v, %+v", status, err, again)
		}
		if err := discarded.Discard(); (err == nil) != may || may && discarded.Status != notice.Discarded {
			t.Errorf("%s discarded: %v, %+v", status, err, discarded)
		}
	}
}

func TestWhatIsReadStaysRead(t *testing.T) {
	t.Parallel()
	var r notice.Reading
	r.Take("", "C", "E", "C")
	r.Take("B", "A")
	for place, want := range map[string]bool{"A": true, "B": true, "C": true, "D": false, "E": true, "F": false} {
		if r.Has(place) != want {
			t.Errorf("%s is read: %v", place, !want)
		}
	}
	r.Take("A")
	if !r.Has("B") || !slices.Equal(r.Single, []string{"C", "E"}) {
		t.Errorf("%+v", r)
	}
	r.Take("D")
	if !slices.Equal(r.Single, []string{"E"}) {
		t.Errorf("what is read up to D is also kept by itself: %+v", r)
	}
}

func TestWhatIsReadOutOfTurnIsBounded(t *testing.T) {
	t.Parallel()
	var r notice.Reading
	for n := range 500 {
		r.Take("", fmt.Sprintf("%03d", 999-2*n))
	}
	if len(r.Single) > 200 {
		t.Errorf("%d lines are kept", len(r.Single))
	}
	for n := range 500 {
		if place := fmt.Sprintf("%03d", 999-2*n); !r.Has(place) {
			t.Fatalf("%s is unread again", place)
		}
	}
}

func TestAHeaderSaysWhichOfOurLanguagesIsPreferred(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]string{
		"": "en", "zh": "zh", "zh-CN,zh;q=0.9,en;q=0.8": "zh", "en-GB, zh;q=0.5": "en", "de-DE,de;q=0.9,zh;q=0.4,en;q=0.3": "zh", "fr": "en", "en;q=0.1,ZH-tw;q=0.2": "zh", "*": "en", "zh;q=x": "en", ";;,": "en",
	} {
		if got := notice.Accepted(header); got != want {
			t.Errorf("%q: %s, want %s", header, got, want)
		}
	}
}

func TestPreferencesAreAskedByTheWaysToACustomerOnly(t *testing.T) {
	t.Parallel()
	p := notice.Preferences{SMS: true}
	for ch, want := range map[notice.Channel]bool{notice.Email: false, notice.SMS: true, notice.App: true, notice.Staff: true} {
		if p.Allow(ch) != want {
			t.Errorf("%s: %v", ch, !want)
		}
	}
}
