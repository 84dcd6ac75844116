package telling_test

import (
	"context"
	"errors"
	"flag"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"waybill/infra/fault"
	"waybill/shared/access"
	"waybill/shared/company"
	"waybill/shared/event"
	"waybill/shared/notice"
	"waybill/shared/table"
	"waybill/shared/telling"
)

var (
	eventsFlag = flag.Int("telling.events", 300, "how many events are told while everything fails")
	seedFlag   = flag.Uint64("telling.seed", 0, "what decides which fails; 0 draws one")
)

// A fate decides what fails. It is asked from everywhere.
type fate struct {
	mu  sync.Mutex
	rng *rand.Rand
}

// draw is a number below n.
func (f *fate) draw(n int) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.rng.IntN(n)
}

func (f *fate) chance(oneIn int) bool { return f.draw(oneIn) == 0 }

// table is what becomes of a call of the table: in a hundred one or two each
// are lost or throttled, and of a hundred transactions four each get no reply
// or meet another; one call in four hundred is a process's last.
func (f *fate) table(operation string) fault.Mode {
	n, transaction := f.draw(400), operation == "TransactWriteItems"
	switch {
	case n < 1:
		return fault.Dead
	case n < 9:
		return fault.Lost
	case n < 13:
		return fault.Throttle
	case n < 29 && transaction:
		return fault.Unanswered
	case n < 45 && transaction:
		return fault.Conflict
	default:
		return fault.None
	}
}

// sender is what becomes of a message: of two hundred forty are refused, two
// get no answer, two kill whoever sent them and one breaks the connection,
// whether they went out or not.
func (f *fate) sender(notice.Message) answer {
	n, takes := f.draw(200), f.chance(2)
	switch {
	case n < 40:
		return answer{err: &notice.Refusal{Reason: "Throttling", Final: f.chance(20)}}
	case n < 42:
		return answer{takes: takes, hangs: true}
	case n < 44:
		return answer{takes: takes, panics: true}
	case n < 45:
		return answer{takes: takes, err: errors.New("the connection broke")}
	default:
		return answer{takes: true}
	}
}

// A process tells until it is killed; then another takes its place.
func (o *office) process(f *fate) func(e event.Event) error {
	var teller *telling.Teller
	return func(e event.Event) (err error) {
		if teller == nil {
			teller = o.through(f.table)
		}
		ctx, cancel := context.WithCancel(o.t.Context())
		defer cancel()
		if f.chance(100) {
			cancel() // its time is up
		}
		defer func() {
			if v := recover(); v != nil {
				err = errors.New("killed")
			}
			if err != nil {
				teller = nil
			}
		}()
		return teller.Tell(ctx, e.Subject, e.Seq)
	}
}

func TestEveryMessageGoesOutOnceOrIsADeadLetterWhateverIsKilled(t *testing.T) {
	t.Parallel()
	seed := *seedFlag
	if seed == 0 {
		seed = rand.Uint64() // it is printed, so that what failed can be had again
	}
	t.Logf("-telling.seed=%d", seed)
	f := &fate{rng: rand.New(rand.NewPCG(seed, 0))}
	o := newOffice(t)
	o.settings(func(s *company.Settings) { s.Telling.EmailCap, s.Telling.SMSCap = 1_000_000, 1_000_000 })
	events := make([]event.Event, *eventsFlag)
	for n := range events {
		events[n] = o.confirmed()
	}
	o.carrier.answers(f.sender)
	bring(o, f, events)
	settle(o, f)
	judge(o, events)
}

// bring has events brought doubled and in any order, by eight processes at
// once, until none of them fails.
func bring(o *office, f *fate, events []event.Event) {
	left := append(append([]event.Event(nil), events...), events...)
	for round := 0; len(left) > 0; round++ {
		if round == 50 {
			o.t.Fatalf("%d events still fail", len(left))
		}
		f.mu.Lock()
		f.rng.Shuffle(len(left), func(i, j int) { left[i], left[j] = left[j], left[i] })
		f.mu.Unlock()
		next := make(chan event.Event)
		var mu sync.Mutex
		var failed []event.Event
		var wg sync.WaitGroup
		for range 8 {
			tell := o.process(f)
			wg.Go(func() {
				for e := range next {
					if tell(e) != nil {
						mu.Lock()
						failed = append(failed, e)
						mu.Unlock()
					}
				}
			})
		}
		for _, e := range left {
			next <- e
		}
		close(next)
		wg.Wait()
		left = failed
	}
}

// settle has the clock do its work, twice at the same time, while things still fail.
func settle(o *office, f *fate) {
	for range 16 {
		o.clock.pass(2*time.Hour + time.Minute)
		until := o.clock.now().Add(time.Second)
		var wg sync.WaitGroup
		for range 2 {
			teller := o.through(f.table)
			wg.Go(func() {
				// What fails is done by the next.
				_, _ = teller.Unanswered(o.t.Context(), until)
				_, _ = teller.Due(o.t.Context(), until)
			})
		}
		wg.Wait()
	}
	o.carrier.answers(func(notice.Message) answer { return answer{takes: true} })
	for range 3 { // at last everything works
		o.clock.pass(2*time.Hour + time.Minute)
		o.due()
	}
}

// judge asserts that every message is where it belongs.
func judge(o *office, events []event.Event) {
	t := o.t
	t.Helper()
	came, counted, lettered := map[notice.Status]int{}, int64(0), 0
	for _, e := range events {
		all := o.noticed(e)
		if len(all) != perEvent-2 {
			t.Errorf("%s has %d messages, want %d", e.Subject, len(all), perEvent-2)
		}
		for _, n := range all {
			came[n.Status]++
			out := o.carrier.out[n.ID]
			switch n.Status {
			case notice.Sent:
				if out != 1 {
					t.Errorf("%s of %s is sent and went out %d times", n.Channel, n.Subject, out)
				}
			case notice.Failed:
				if lettered++; out != 0 {
					t.Errorf("%s of %s has failed and went out %d times", n.Channel, n.Subject, out)
				}
			case notice.Unknown:
				if lettered++; out > 1 {
					t.Errorf("%s of %s is unknown and went out %d times", n.Channel, n.Subject, out)
				}
			default:
				t.Errorf("%s of %s is %s: %q", n.Channel, n.Subject, n.Status, n.Reason)
			}
			if n.Channel == notice.SMS && n.Status != notice.Failed {
				counted++
			}
		}
	}
	if n := o.letters(); n != lettered {
		t.Errorf("%d dead letters for %d messages", n, lettered)
	}
	told := int64(0)
	for day := range 7 {
		n, err := o.DB.Told(t.Context(), notice.SMS, o.buyer.Phone, events[0].At.AddDate(0, 0, day).Format(time.DateOnly))
		if err != nil {
			t.Fatal(err)
		}
		told += n
	}
	if told != counted {
		t.Errorf("%d SMS count on the days' caps, want those %d that went out or may have", told, counted)
	}
	for _, p := range []access.Principal{{ID: "ann"}, {ID: "wes", Roles: []access.Role{access.Warehouse}}} {
		lines := 0
		for page := (table.Page{Limit: 100}); ; {
			l, err := o.DB.NoticeFeed(t.Context(), p, page)
			if err != nil {
				t.Fatal(err)
			}
			lines += len(l.Items)
			if page.After = l.Next; l.Next == "" {
				break
			}
		}
		if lines != len(events) {
			t.Errorf("%s has %d lines in the app, want %d", p.ID, lines, len(events))
		}
	}
	t.Logf("%d events: %v, %d went out, %d dead letters", len(events), came, len(o.carrier.out), lettered)
}
