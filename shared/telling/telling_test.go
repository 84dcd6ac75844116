package telling_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"waybill/infra/fault"
	"waybill/shared/access"
	"waybill/shared/company"
	"waybill/shared/customer"
	"waybill/shared/notice"
	"waybill/shared/table"
)

func TestEverybodyIsToldOnceHoweverOftenAndByWhomeverAnEventIsBrought(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	e := o.confirmed()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 2 {
				if err := o.Tell(t.Context(), e.Subject, e.Seq); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if took := o.carrier.took(); len(took) != 3 {
		t.Errorf("%d messages went out, want an e-mail, an SMS and mail to staff", len(took))
	}
	for ch, to := range map[notice.Channel]string{notice.Email: "claire@example.com", notice.SMS: "+12025550143", notice.Staff: "warehouse"} {
		n := o.want(e, ch, notice.Sent, "")
		if n.To != to || n.Attempts != 1 || n.SentAt == nil || !n.At.Equal(e.At) {
			t.Errorf("%s: %+v", ch, n)
		}
	}
	for _, p := range []access.Principal{{ID: "ann"}, {ID: "wes", Roles: []access.Role{access.Warehouse}}} {
		if lines := o.feed(p); len(lines) != 1 {
			t.Errorf("%s is told %d lines in the app, want 1", p.ID, len(lines))
		}
	}
	if o.letters() != 0 {
		t.Error("there are dead letters")
	}
}

func TestAMessageIsInItsRecipientsLanguageWithItsLinks(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	e := o.confirmed()
	o.tell(e)
	p, err := o.DB.Preferences(t.Context(), o.buyer.ID)
	if err != nil || p.Token == "" {
		t.Fatalf("%+v, %v", p, err)
	}
	for _, m := range o.carrier.took() {
		switch m.Channel {
		case notice.Staff:
			if m.Subject != "to_ship en" || m.Unsubscribe != "" || m.OrderID != e.Subject.ID {
				t.Errorf("staff gets %+v", m)
			}
		default:
			if m.Subject != "confirmed zh" || m.Unsubscribe != "https://w.example/v1/preferences/"+p.Token || !strings.Contains(m.Text, "https://w.example/t/track-"+e.Subject.ID) {
				t.Errorf("the customer gets %+v", m)
			}
			if m.Channel == notice.SMS && m.Parts != int64(notice.Parts(m.Text)) {
				t.Errorf("the SMS has %d parts", m.Parts)
			}
		}
	}
	for _, n := range o.feed(access.Principal{ID: "ann"}) {
		if n.Title["en"] != "yours en" || n.Title["zh"] != "yours zh" {
			t.Errorf("in the app it says %+v", n.Title)
		}
	}
}

func TestWhoOptedOutIsNotTold(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	choose(o, func(p *notice.Preferences) { p.SMS = false })
	e := o.confirmed()
	o.tell(e)
	o.want(e, notice.SMS, notice.Skipped, notice.OptedOut)
	o.want(e, notice.Email, notice.Sent, "")
	for _, m := range o.carrier.took() {
		if m.Channel == notice.SMS {
			t.Errorf("%+v went out", m)
		}
	}
}

func choose(o *office, change func(*notice.Preferences)) {
	o.t.Helper()
	was, err := o.DB.LinkPreferences(o.t.Context(), o.buyer.ID, "tok"+o.IDs.ID())
	if err != nil {
		o.t.Fatal(err)
	}
	next := was
	change(&next)
	next.Version++
	o.commit(func(tx *table.Tx) { tx.SavePreferences(next, was) })
}

func TestAChoiceThatWasMadeBeforeTheClaimCounts(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	e := o.confirmed()
	once := sync.Once{}
	o.Track = func(context.Context, string) (string, error) { // after the preferences were read, before the claim
		once.Do(func() { choose(o, func(p *notice.Preferences) { p.Email, p.SMS = false, false }) })
		return "", nil
	}
	o.tell(e)
	o.want(e, notice.Email, notice.Skipped, notice.OptedOut)
	o.want(e, notice.SMS, notice.Skipped, notice.OptedOut)
}

func TestWhatIsNotSentSaysWhy(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name       string
		prepare    func(*office)
		email, sms string
	}{
		{"no address", func(o *office) { o.editBuyer(func(c *customer.Customer) { c.Email, c.Phone = "", "" }) }, notice.NoAddress, notice.NoAddress},
		{"a number that can't be", func(o *office) { o.editBuyer(func(c *customer.Customer) { c.Phone = "+1202555" }) }, "", notice.BadNumber},
		{"a number without its country", func(o *office) { o.editBuyer(func(c *customer.Customer) { c.Phone = "2025550143" }) }, "", notice.BadNumber},
		{"switched off", func(o *office) {
			o.settings(func(s *company.Settings) { s.Telling.Email, s.Telling.SMS = false, false })
		}, notice.SwitchedOff, notice.SwitchedOff},
		{"no sender", func(o *office) { delete(o.Senders, notice.SMS) }, "", notice.SwitchedOff},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			o := newOffice(t)
			c.prepare(o)
			e := o.confirmed()
			o.tell(e)
			for ch, reason := range map[notice.Channel]string{notice.Email: c.email, notice.SMS: c.sms} {
				status := notice.Skipped
				if reason == "" {
					status = notice.Sent
				}
				o.want(e, ch, status, reason)
			}
			if o.letters() != 0 {
				t.Error("there are dead letters")
			}
		})
	}
}

func TestAnSMSInQuietHoursWaitsForTheirEnd(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.settings(func(s *company.Settings) { s.Telling.QuietFrom, s.Telling.QuietTo = "21:00", "08:00" })
	o.clock.pass(10 * time.Hour) // it is ten in the evening in New York
	e := o.confirmed()
	o.tell(e)
	o.want(e, notice.Email, notice.Sent, "")
	n := o.want(e, notice.SMS, notice.Waiting, notice.QuietHours)
	morning := time.Date(2026, 11, 24, 13, 0, 0, 0, time.UTC)
	if n.DueAt == nil || !n.DueAt.Equal(morning) {
		t.Fatalf("it is due at %v, want %v", n.DueAt, morning)
	}
	o.clock.pass(9 * time.Hour)
	o.due()
	o.want(e, notice.SMS, notice.Waiting, notice.QuietHours)
	o.clock.pass(time.Hour)
	o.due()
	o.want(e, notice.SMS, notice.Sent, "")
}

func TestNobodyGetsMoreThanTheCapOfADay(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.settings(func(s *company.Settings) { s.Telling.SMSCap = 3 })
	var wg sync.WaitGroup
	for range 10 {
		e := o.confirmed()
		wg.Go(func() {
			if err := o.Tell(t.Context(), e.Subject, e.Seq); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	count := func() (n int) {
		for _, m := range o.carrier.took() {
			if m.Channel == notice.SMS {
				n++
			}
		}
		return n
	}
	if n := count(); n != 3 {
		t.Errorf("%d SMS went out on a day, want 3", n)
	}
	e := o.confirmed()
	o.tell(e)
	o.want(e, notice.SMS, notice.Skipped, notice.DailyCap)
	o.want(e, notice.Email, notice.Sent, "")
	o.clock.pass(24 * time.Hour)
	e = o.confirmed()
	o.tell(e)
	o.want(e, notice.SMS, notice.Sent, "")
}

func TestWhatIsRefusedIsTriedAgainWithBackOffAndCountsOnce(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	e := o.confirmed()
	tries := 0
	o.carrier.answers(func(m notice.Message) answer {
		if m.Channel != notice.Email {
			return answer{takes: true}
		}
		if tries++; tries < 4 {
			return answer{err: &notice.Refusal{Reason: "Throttling"}}
		}
		return answer{takes: true}
	})
	o.tell(e)
	for _, wait := range []time.Duration{5 * time.Second, 30 * time.Second, 2 * time.Minute} {
		n := o.want(e, notice.Email, notice.Waiting, "Throttling")
		if n.DueAt == nil || n.DueAt.Sub(o.clock.now()) != wait {
			t.Errorf("after %d tries it is due at %v, want in %s", n.Attempts, n.DueAt, wait)
		}
		o.clock.pass(wait - time.Millisecond)
		o.due()
		o.want(e, notice.Email, notice.Waiting, "Throttling")
		o.clock.pass(time.Millisecond)
		o.due()
	}
	if n := o.want(e, notice.Email, notice.Sent, ""); n.Attempts != 4 {
		t.Errorf("it was tried %d times", n.Attempts)
	}
	if told, err := o.DB.Told(t.Context(), notice.Email, o.buyer.Email, "2026-11-23"); err != nil || told != 1 {
		t.Errorf("it counts %d times on the day, %v", told, err)
	}
}

func TestWhatIsRefusedTooOftenOrForGoodIsADeadLetter(t *testing.T) {
	t.Parallel()
	for _, final := range []bool{true, false} {
		o := newOffice(t)
		e := o.confirmed()
		o.carrier.answers(func(m notice.Message) answer {
			if m.Channel == notice.Email {
				return answer{err: &notice.Refusal{Reason: "MessageRejected", Final: final}}
			}
			return answer{takes: true}
		})
		o.tell(e)
		for range 10 {
			o.clock.pass(3 * time.Hour)
			o.due()
		}
		n := o.want(e, notice.Email, notice.Failed, "MessageRejected")
		tries := notice.MostAttempts
		if final {
			tries = 1
		}
		if n.Attempts != tries {
			t.Errorf("it was tried %d times, want %d", n.Attempts, tries)
		}
		l, err := o.DB.Letters(t.Context(), "waiting", table.Page{Limit: 10})
		if err != nil || len(l.Items) != 1 {
			t.Fatalf("dead letters: %+v, %v", l.Items, err)
		}
		letter := l.Items[0]
		if letter.Unknown || !letter.Notice || letter.Reason != "MessageRejected" || letter.Item != table.NoticeItem(n) {
			t.Errorf("the dead letter is %+v", letter)
		}
		if strings.Contains(letter.What+letter.Reason, o.buyer.Email) {
			t.Errorf("the dead letter names the recipient: %+v", letter)
		}
		if told, err := o.DB.Told(t.Context(), notice.Email, o.buyer.Email, "2026-11-23"); err != nil || told != 0 {
			t.Errorf("what never went out counts %d times, %v", told, err)
		}
	}
}

func TestWhatGotNoAnswerIsNeverSentAgainByItself(t *testing.T) {
	t.Parallel()
	const gone = "no answer was written down"
	for reason, a := range map[string]answer{
		"context deadline exceeded": {takes: true, hangs: true}, "connection reset": {takes: true, err: errors.New("connection reset")}, gone: {takes: true, panics: true},
	} {
		t.Run(reason, func(t *testing.T) {
			t.Parallel()
			o := newOffice(t)
			e := o.confirmed()
			o.carrier.answers(func(m notice.Message) answer {
				if m.Channel == notice.Email {
					return a
				}
				return answer{takes: true}
			})
			bring := func() {
				defer func() { _ = recover() }()
				_ = o.Tell(t.Context(), e.Subject, e.Seq) // it may fail; it is brought again
			}
			bring()
			for range 5 {
				o.clock.pass(3 * time.Minute)
				bring()
				o.due()
			}
			n := o.want(e, notice.Email, notice.Unknown, reason)
			if o.carrier.out[n.ID] != 1 {
				t.Errorf("it went out %d times", o.carrier.out[n.ID])
			}
			l, err := o.DB.Letters(t.Context(), "waiting", table.Page{Limit: 10})
			if err != nil || len(l.Items) != 1 || !l.Items[0].Unknown {
				t.Fatalf("dead letters: %+v, %v", l.Items, err)
			}

			// A person decides.
			o.carrier.answers(nil)
			letter := l.Items[0]
			if err := letter.SendAgain("max"); err != nil {
				t.Fatal(err)
			}
			o.commit(func(tx *table.Tx) {
				tx.SaveLetter(letter, letter.Version)
				tx.RetryNotice(n, o.clock.now())
			})
			o.due()
			o.want(e, notice.Email, notice.Sent, "")
			if o.carrier.out[n.ID] != 2 {
				t.Errorf("asked to be sent again it went out %d times in all", o.carrier.out[n.ID])
			}
		})
	}
}

func TestASenderThatAnswersAfterEverybodyGaveUpChangesNothing(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	e := o.confirmed()
	sending, answered := make(chan struct{}), make(chan struct{})
	o.carrier.answers(func(m notice.Message) answer {
		if m.Channel == notice.Email {
			return answer{takes: true, because: func() { close(sending) }, wait: answered}
		}
		return answer{takes: true}
	})
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := o.Tell(t.Context(), e.Subject, e.Seq); err != nil {
			t.Error(err)
		}
	})
	<-sending
	o.clock.pass(3 * time.Minute)
	o.due()
	o.want(e, notice.Email, notice.Unknown, "no answer was written down")
	close(answered)
	wg.Wait()
	o.want(e, notice.Email, notice.Unknown, "no answer was written down")
	if o.letters() != 1 {
		t.Errorf("%d dead letters, want 1", o.letters())
	}
}

func TestADiscardedMessageIsOver(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	e := o.confirmed()
	o.carrier.answers(func(notice.Message) answer { return answer{err: &notice.Refusal{Reason: "no", Final: true}} })
	o.tell(e)
	n := o.want(e, notice.Email, notice.Failed, "no")
	o.commit(func(tx *table.Tx) { tx.DiscardNotice(n) })
	o.carrier.answers(nil)
	o.due()
	n = o.want(e, notice.Email, notice.Discarded, "no")
	tx := &table.Tx{}
	tx.RetryNotice(n, o.clock.now())
	if err := o.DB.Commit(t.Context(), tx); err == nil {
		t.Error("it can be sent again")
	}
	if len(o.carrier.took()) != 0 {
		t.Error("it went out")
	}
}

func TestTwoPeopleWhoSendTheSameAgainSendItOnce(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	e := o.confirmed()
	o.carrier.answers(func(notice.Message) answer { return answer{err: &notice.Refusal{Reason: "no", Final: true}} })
	o.tell(e)
	n := o.noticed(e)[notice.Email]
	o.commit(func(tx *table.Tx) { tx.RetryNotice(n, o.clock.now()) })
	tx := &table.Tx{}
	tx.RetryNotice(n, o.clock.now())
	if err := o.DB.Commit(t.Context(), tx); !errors.Is(err, table.ErrNoticeTaken) {
		t.Errorf("the second is answered %v", err)
	}
	o.carrier.answers(nil)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(o.due)
	}
	wg.Wait()
	if o.carrier.out[n.ID] != 1 {
		t.Errorf("it went out %d times", o.carrier.out[n.ID])
	}
}

func TestARestoredTableTellsNobodyAgain(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.settings(func(s *company.Settings) { s.Telling.QuietFrom, s.Telling.QuietTo = "11:00", "13:00" })
	told, untold := o.confirmed(), o.confirmed()
	o.carrier.answers(func(m notice.Message) answer {
		if m.Channel == notice.Email {
			return answer{err: &notice.Refusal{Reason: "Throttling"}}
		}
		return answer{takes: true}
	})
	o.tell(told) // its mail is to be tried again, its SMS waits for the end of quiet hours
	o.carrier.answers(nil)
	before := len(o.carrier.took())
	o.clock.pass(time.Hour)
	if err := o.DB.Restored(t.Context()); err != nil {
		t.Fatal(err)
	}
	o.tell(told)
	o.tell(untold)
	o.clock.pass(2 * time.Hour)
	o.due()
	if n := len(o.carrier.took()) - before; n != 0 {
		t.Errorf("%d messages went out", n)
	}
	for _, ch := range []notice.Channel{notice.Email, notice.SMS} {
		o.want(told, ch, notice.Skipped, notice.Restored)
		o.want(untold, ch, notice.Skipped, notice.Restored)
	}
	if lines := o.feed(access.Principal{ID: "ann"}); len(lines) != 1 {
		t.Errorf("%d lines in the app, want the one of before", len(lines))
	}
	after := o.confirmed()
	o.tell(after)
	o.want(after, notice.Email, notice.Sent, "")
}

func TestWhatAPersonSendsAgainGoesOutAfterARestoreToo(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	e := o.confirmed()
	o.carrier.answers(func(notice.Message) answer { return answer{err: &notice.Refusal{Reason: "no", Final: true}} })
	o.tell(e)
	o.carrier.answers(nil)
	o.clock.pass(time.Minute)
	if err := o.DB.Restored(t.Context()); err != nil {
		t.Fatal(err)
	}
	o.clock.pass(time.Minute)
	n := o.noticed(e)[notice.Email]
	o.commit(func(tx *table.Tx) { tx.RetryNotice(n, o.clock.now()) })
	o.due()
	o.want(e, notice.Email, notice.Sent, "")
}

func TestWhatWaitedSaysWhatIsTrueByNow(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	first, second := o.confirmed(), o.confirmed()
	o.carrier.answers(func(m notice.Message) answer { return answer{err: &notice.Refusal{Reason: "Throttling"}} })
	o.tell(first)
	o.tell(second)
	o.carrier.answers(nil)
	o.editBuyer(func(c *customer.Customer) { c.Email, c.Locale = "gute@example.com", "en" })
	was, err := o.DB.Order(t.Context(), second.Subject.ID)
	if err != nil {
		t.Fatal(err)
	}
	next := was
	if err := next.Cancel("changed my mind"); err != nil {
		t.Fatal(err)
	}
	next.Version++
	o.commit(func(tx *table.Tx) { tx.SaveOrder(next, was) })
	o.clock.pass(time.Minute)
	o.due()
	if n := o.want(first, notice.Email, notice.Sent, ""); n.To != "gute@example.com" || n.Language != "en" {
		t.Errorf("it went to %+v", n)
	}
	o.want(second, notice.Email, notice.Skipped, notice.Outdated)
}

func TestWhatCannotBePutIntoWordsIsADeadLetter(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.Words = func(r notice.Rule, ch notice.Channel, f notice.Facts, language string) (notice.Words, error) {
		if ch == notice.Email {
			return notice.Words{}, errors.New("no words")
		}
		return words(r, ch, f, language)
	}
	e := o.confirmed()
	o.tell(e)
	o.want(e, notice.Email, notice.Failed, "it can't be put into words: no words")
	o.want(e, notice.SMS, notice.Sent, "")
	if o.letters() != 1 {
		t.Errorf("%d dead letters, want 1", o.letters())
	}
}

func TestAClaimWhoseReplyWasLostIsSentByItsOwnerOnce(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	e := o.confirmed()
	n := 0
	teller := o.through(func(operation string) fault.Mode {
		if operation != "TransactWriteItems" {
			return fault.None
		}
		if n++; n == 2 { // the link to the preferences, and then the first claim
			return fault.Unanswered
		}
		return fault.None
	})
	if err := teller.Tell(t.Context(), e.Subject, e.Seq); err != nil {
		t.Fatal(err)
	}
	o.tell(e)
	email := o.want(e, notice.Email, notice.Sent, "")
	if o.carrier.out[email.ID] != 1 {
		t.Errorf("it went out %d times", o.carrier.out[email.ID])
	}
}

func TestAFeedHasWhatConcernsSomebodyAndCountsWhatIsUnread(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	wes := access.Principal{ID: "wes", Roles: []access.Role{access.Warehouse}}
	both := access.Principal{ID: "ann", Roles: []access.Role{access.Warehouse, access.Sales}}
	late := o.confirmed()
	for range 3 {
		o.tell(o.confirmed())
		o.clock.pass(time.Second)
	}
	unread := func(p access.Principal) int64 {
		t.Helper()
		r, err := o.DB.Reading(t.Context(), p.ID)
		if err != nil {
			t.Fatal(err)
		}
		n, err := o.DB.Unread(t.Context(), p, r)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if len(o.feed(wes)) != 3 || len(o.feed(both)) != 6 || len(o.feed(access.Principal{ID: "zoe", Roles: []access.Role{access.Finance}})) != 0 {
		t.Errorf("lines: %d, %d", len(o.feed(wes)), len(o.feed(both)))
	}
	lines := o.feed(wes)
	if !slices.IsSortedFunc(lines, func(a, b notice.Notice) int { return strings.Compare(b.Place, a.Place) }) {
		t.Error("the newest is not first")
	}
	read := func(upTo string, places ...string) {
		t.Helper()
		r, err := o.DB.Reading(t.Context(), wes.ID)
		if err != nil {
			t.Fatal(err)
		}
		was := r.Version
		r.Take(upTo, places...)
		o.commit(func(tx *table.Tx) { tx.SaveReading(wes.ID, r, was) })
	}
	read("", lines[0].Place)
	if n := unread(wes); n != 2 {
		t.Errorf("%d unread after one was read, want 2", n)
	}
	read(lines[0].Place)
	if n := unread(wes); n != 0 {
		t.Errorf("%d unread after all were read", n)
	}
	o.tell(late) // it happened before what was read
	if n := unread(wes); n != 1 {
		t.Errorf("%d unread after another came late, want 1", n)
	}
	if n := unread(both); n != 8 {
		t.Errorf("%d unread for who read nothing, want 8", n)
	}
}
