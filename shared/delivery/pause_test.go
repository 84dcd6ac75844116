package delivery_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"waybill/shared/delivery"
	"waybill/shared/event"
	"waybill/shared/webhook"
)

func TestAReceiverThatWasAwayForAnHourMissesNothing(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	e, x := o.endpoint("*")
	x.answer = always(503)
	want := map[string][]int64{}
	for minute := range 60 {
		s := order(fmt.Sprintf("O%d", minute%7))
		seq := int64(minute/7 + 1)
		want[s.String()] = append(want[s.String()], seq)
		o.tell(o.happens(s, seq, event.OrderEdited))
		o.clock.pass(time.Minute)
		o.tick()
	}
	if k := o.look(e.ID); k.Status() != webhook.Failing || k.Pending != 7 || k.Reason != "it answered 503" || k.FailingSince.IsZero() {
		t.Errorf("after an hour: %+v", k)
	}
	// It was tried by the back-off, and never with more than one event.
	if n := x.count(); n != 6 {
		t.Errorf("%d attempts within the hour", n)
	}
	x.answers(nil)
	for range 60 {
		o.clock.pass(time.Minute)
		o.tick()
	}
	got := x.took()
	for s, seqs := range want {
		if !slices.Equal(got[s], seqs) {
			t.Errorf("it got %v of %s, want %v", got[s], s, seqs)
		}
	}
	if k := o.look(e.ID); k.Status() != webhook.Active || k.Pending != 0 || k.Version != 1 || k.Health != (webhook.Health{}) {
		t.Errorf("caught up: %+v", k)
	}
	if log := o.attempts(e.ID); len(log) != 66 || !log[0].OK() || log[len(log)-1].Status != 503 {
		t.Errorf("the log has %d attempts", len(log))
	}
}

func TestAnEndpointThatFailsForThreeDaysIsSwitchedOffAndGoesOnWhereItStood(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	other, otherGot := o.endpoint("webhook_endpoint.*")
	e, x := o.endpoint("order.*")
	o.tell(o.happens(order("A"), 1, event.OrderCreated))
	x.answers(always(500))
	o.tell(o.happens(order("A"), 2, event.OrderConfirmed))
	first := o.ids.Now()
	for o.look(e.ID).Enabled {
		if o.clock.now().Sub(first) > 80*time.Hour {
			t.Fatal("it is tried for ever")
		}
		o.clock.pass(10 * time.Minute)
		o.tick()
	}
	if after := o.clock.now().Sub(first); after < webhook.Patience || after > webhook.Patience+10*time.Minute {
		t.Errorf("it was switched off after %v", after)
	}
	events := o.eventsOf(endpointSubject(e.ID))
	last := events[len(events)-1]
	if len(events) != 2 || last.Type != event.EndpointOff || last.Seq != 2 || last.Actor != "system" ||
		last.Data["reason"] != "it answered 500" || last.Data["host"] != "receiver.example" || last.Data["since"] != first.Format(time.RFC3339) {
		t.Errorf("what happened to it is %+v", events)
	}
	if k := o.look(e.ID); k.Status() != webhook.SwitchedOff || k.Version != 2 || k.Reason != "it answered 500" {
		t.Errorf("%+v", k)
	}
	o.tell(last)
	if got := otherGot.took()[endpointSubject(e.ID).String()]; !slices.Equal(got, []int64{1, 2}) {
		t.Errorf("%s got %v", other.ID, got)
	}

	tried := x.count()
	x.answers(nil)
	o.tell(o.happens(order("A"), 3, event.OrderEdited))
	o.tell(o.happens(order("B"), 1, event.OrderCreated))
	o.clock.pass(24 * time.Hour)
	o.tick()
	if x.count() != tried {
		t.Error("it was sent something while it was off")
	}
	on := true
	if _, err := o.keeper.Edit(t.Context(), manager, e.ID, delivery.Change{Enabled: &on}); err != nil {
		t.Fatal(err)
	}
	o.tick()
	got := x.took()
	if !slices.Equal(got["order/A"], []int64{1, 2, 3}) || !slices.Equal(got["order/B"], []int64{1}) {
		t.Errorf("it got %v", got)
	}
	if k := o.look(e.ID); k.Status() != webhook.Active || k.Pending != 0 {
		t.Errorf("%+v", k)
	}
}

func TestWhoIsGoneIsSwitchedOffAtOnce(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	e, x := o.endpoint("*")
	x.answer = always(410)
	o.tell(o.happens(order("A"), 1, event.OrderCreated))
	o.tell(o.happens(order("A"), 2, event.OrderConfirmed))
	if k := o.look(e.ID); k.Status() != webhook.SwitchedOff || x.count() != 1 || k.Pending != 1 {
		t.Errorf("%+v after %d posts", k, x.count())
	}
	if events := o.eventsOf(endpointSubject(e.ID)); len(events) != 2 || events[1].Type != event.EndpointOff {
		t.Errorf("%+v", events)
	}
}

func TestOnlyAnAnswerInThe200sTakesAnEvent(t *testing.T) {
	t.Parallel()
	for status, taken := range map[int]bool{200: true, 204: true, 299: true, 302: false, 400: false, 401: false, 429: false, 500: false} {
		o := newOffice(t)
		e, x := o.endpoint("*")
		x.answer = always(status)
		o.tell(o.happens(order("A"), 1, event.OrderCreated))
		o.tell(o.happens(order("B"), 1, event.OrderCreated))
		k := o.look(e.ID)
		waiting := int64(2)
		if taken {
			waiting = 0
		}
		if taken != (k.Status() == webhook.Active) || k.Pending != waiting || !taken && x.count() != 1 {
			t.Errorf("%d: it is %s with %d waiting after %d posts", status, k.Status(), k.Pending, x.count())
		}
		if !taken {
			if wait := k.NextAttempt.Sub(o.ids.Now()); wait < 5*time.Second || wait > 5500*time.Millisecond {
				t.Errorf("%d: it waits %v", status, wait)
			}
		}
	}
}

func TestOneThatFailsHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	_, bad := o.endpoint("*")
	_, good := o.endpoint("*")
	arrived := make(chan struct{})
	bad.answer = func(n int, _ post) (int, error) {
		if n == 1 {
			<-arrived // it answers when the other has its event
		}
		return 500, nil
	}
	good.answer = func(n int, _ post) (int, error) {
		if n == 1 {
			close(arrived)
		}
		return 200, nil
	}
	for seq := int64(1); seq <= 5; seq++ {
		o.tell(o.happens(order("A"), seq, event.OrderEdited))
	}
	if got := good.took()["order/A"]; !slices.Equal(got, []int64{1, 2, 3, 4, 5}) || bad.count() != 1 {
		t.Errorf("it got %v, the other was asked %d times", got, bad.count())
	}
}

func TestSubjectsGoSideBySideAndTheFirstFailureStopsThemAll(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	e, x := o.endpoint("*")
	full := make(chan struct{})
	x.answer = func(n int, p post) (int, error) {
		if n == 8 { // none is answered before eight are under way
			close(full)
		}
		<-full
		if p.Subject == "order/O00" {
			return 500, nil
		}
		return 200, nil
	}
	for n := range 20 {
		s := order(fmt.Sprintf("O%02d", n))
		o.happens(s, 1, event.OrderCreated)
		if err := o.db.Await(t.Context(), e.ID, s, o.ids.ID()); err != nil {
			t.Fatal(err)
		}
	}
	o.tick()
	k := o.look(e.ID)
	if k.Failures != 1 || k.Status() != webhook.Failing || x.count() == 20 || k.Pending < 5 {
		t.Errorf("%d posts, %+v", x.count(), k)
	}
	if log := o.attempts(e.ID); len(log) != x.count() {
		t.Errorf("%d posts, %d in the log", x.count(), len(log))
	}
}

func TestAnEndpointThatIsSwitchedOffMeanwhileIsSentNothingMore(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(o *office, id string) error{
		"off": func(o *office, id string) error {
			off := false
			_, err := o.keeper.Edit(t.Context(), manager, id, delivery.Change{Enabled: &off})
			return err
		},
		"deleted": func(o *office, id string) error { return o.keeper.Delete(t.Context(), manager, id) },
		"moved": func(o *office, id string) error {
			elsewhere := "https://elsewhere.example/"
			_, err := o.keeper.Edit(t.Context(), manager, id, delivery.Change{URL: &elsewhere})
			return err
		},
	} {
		o := newOffice(t)
		e, x := o.endpoint("*")
		for seq := int64(1); seq <= 3; seq++ {
			o.happens(order("A"), seq, event.OrderEdited)
		}
		x.answer = func(n int, _ post) (int, error) {
			if n == 1 {
				if err := change(o, e.ID); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
			return 200, nil
		}
		o.tell(event.Event{Subject: order("A"), Seq: 3, Type: event.OrderEdited})
		if x.count() != 1 {
			t.Errorf("%s: it was sent %d events", name, x.count())
		}
	}
}

func TestWhatHappenedBeforeTheEndpointOrARestoreIsNotSent(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	for seq := int64(1); seq <= 30; seq++ {
		o.happens(order("A"), seq, event.OrderEdited)
	}
	o.clock.pass(time.Minute)
	_, x := o.endpoint("*")
	o.tell(event.Event{Subject: order("A"), Seq: 30, Type: event.OrderEdited}) // told late
	o.tell(o.happens(order("A"), 31, event.OrderEdited))
	o.happens(order("A"), 32, event.OrderEdited) // told of by nobody before the restore
	o.happens(order("B"), 1, event.OrderCreated)
	o.clock.pass(time.Minute)
	if err := o.db.Restored(t.Context()); err != nil {
		t.Fatal(err)
	}
	o.tell(event.Event{Subject: order("A"), Seq: 32, Type: event.OrderEdited})
	o.tell(event.Event{Subject: order("B"), Seq: 1, Type: event.OrderCreated})
	o.tell(o.happens(order("A"), 33, event.OrderEdited))
	if got := x.took(); !slices.Equal(got["order/A"], []int64{31, 33}) || len(got["order/B"]) != 0 {
		t.Errorf("it got %v", got)
	}
}
