package delivery_test

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"waybill/infra/dynamolocal"
	"waybill/infra/fault"
	"waybill/shared/event"
	"waybill/shared/webhook"
)

var manyOrders = flag.Int("delivery.orders", 20, "how many orders have ten events each while everything fails")

// A message tells of an event.
type message struct {
	about event.Subject
	seq   int64
	what  event.Type
}

func TestReceiversMissNothingAndGetItInOrderWhateverFails(t *testing.T) {
	t.Parallel()
	const (
		each     = 10
		couriers = 4
	)
	orders := *manyOrders
	o := newOffice(t)
	var mu sync.Mutex // the couriers share the dice
	dice := seeded(t)
	roll := func(percent int) bool {
		mu.Lock()
		defer mu.Unlock()
		return dice.IntN(100) < percent
	}
	flaky, flakyGot := o.endpoint("*")
	flakyGot.answer = func(int, post) (int, error) {
		switch {
		case roll(3):
			return 503, nil
		case roll(2):
			return 0, &webhook.Unreachable{Why: "timeout", Cause: errNoise}
		}
		return 200, nil
	}
	deadly, deadlyGot := o.endpoint("*")
	deadlyGot.answer = func(int, post) (int, error) {
		if roll(3) {
			panic("the process dies here")
		}
		return 200, nil
	}
	narrow, narrowGot := o.endpoint("order.*", "shipment.created")

	types := []event.Type{event.OrderConfirmed, event.PaymentReceived, event.ShipmentCreated, event.OrderEdited}
	typeOf := func(seq int64) event.Type { return types[int(seq)%len(types)] }
	want, wantNarrow := map[string][]int64{}, map[string][]int64{}
	var left []message
	network := dynamolocal.NewTransport()
	// A courier that is killed at some call of the table, or by its time, or lives.
	wake := func(m message) error {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		calls, last := 0, 1000
		if roll(10) {
			mu.Lock()
			last = 1 + dice.IntN(25)
			mu.Unlock()
		}
		stopped := roll(5)
		c := o.through(network, func(string) fault.Mode {
			mu.Lock()
			defer mu.Unlock()
			calls++
			switch {
			case calls >= last && stopped:
				cancel()
				return fault.None
			case calls >= last:
				return fault.Dead
			}
			switch dice.IntN(200) {
			case 0:
				return fault.Lost
			case 1:
				return fault.Unanswered
			case 2:
				return fault.Conflict
			}
			return fault.None
		})
		return c.Wake(ctx, m.about, m.seq, m.what, o.later())
	}
	for part := range each / 2 {
		for n := range orders {
			s := order(fmt.Sprintf("O%04d", n))
			for seq := int64(2*part + 1); seq <= int64(2*part+2); seq++ {
				o.happens(s, seq, typeOf(seq))
				m := message{s, seq, typeOf(seq)}
				left = append(left, m, m)
				want[s.String()] = append(want[s.String()], seq)
				if webhook.Takes(narrow.Types, typeOf(seq)) {
					wantNarrow[s.String()] = append(wantNarrow[s.String()], seq)
				}
			}
		}
		dice.Shuffle(len(left), func(i, k int) { left[i], left[k] = left[k], left[i] })
		left = spread(couriers, left, func(m message) error {
			o.clock.pass(time.Second)
			return wake(m)
		})
	}
	for len(left) > 0 { // the queue brings them again until they are heard
		o.clock.pass(time.Minute)
		left = spread(couriers, left, wake)
	}
	for range 30 { // nobody is told any more; the clock finds what is left
		o.clock.pass(11 * time.Minute)
		_ = o.courier.Tick(t.Context(), o.later()) // what fails now is found the next time
	}
	for range 3 {
		deadlyGot.answers(nil)
		flakyGot.answers(nil)
		o.clock.pass(time.Hour)
		o.tick()
	}
	for _, x := range []struct {
		webhook.Endpoint
		*receiver
		want map[string][]int64
	}{{flaky, flakyGot, want}, {deadly, deadlyGot, want}, {narrow, narrowGot, wantNarrow}} {
		got := x.took()
		for s, seqs := range x.want {
			if !slices.Equal(got[s], seqs) {
				t.Errorf("%v got %v of %s, want %v", x.Types, got[s], s, seqs)
			}
		}
		if k := o.look(x.ID); k.Pending != 0 || k.Status() != webhook.Active {
			t.Errorf("%v is %s with %d waiting", x.Types, k.Status(), k.Pending)
		}
		t.Logf("%v: %d posts", x.Types, x.count())
	}
}

// spread has several do it for all, in parallel, and returns those for which it failed.
func spread(workers int, all []message, do func(message) error) (failed []message) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	next := make(chan message)
	for range workers {
		wg.Go(func() {
			for m := range next {
				if do(m) != nil {
					mu.Lock()
					failed = append(failed, m)
					mu.Unlock()
				}
			}
		})
	}
	for _, m := range all {
		next <- m
	}
	close(next)
	wg.Wait()
	return failed
}

func TestAnEventToldOfWhileTheEndpointIsHeldIsSentByItsHolder(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	e, x := o.endpoint("*")
	first := o.happens(order("A"), 1, event.OrderCreated)
	x.answer = func(n int, _ post) (int, error) {
		switch n {
		case 1: // another of this order, and one of another, while this one is being sent
			o.tell(o.happens(order("A"), 2, event.OrderConfirmed))
			o.tell(o.happens(order("B"), 1, event.OrderCreated))
		case 2:
			o.tell(o.happens(order("C"), 1, event.OrderCreated))
		}
		return 200, nil
	}
	o.tell(first)
	got := x.took()
	if !slices.Equal(got["order/A"], []int64{1, 2}) || !slices.Equal(got["order/B"], []int64{1}) || !slices.Equal(got["order/C"], []int64{1}) || x.count() != 4 {
		t.Errorf("it got %v by %d posts", got, x.count())
	}
	if n := o.look(e.ID).Pending; n != 0 {
		t.Errorf("%d wait", n)
	}
}

func TestASubjectToldOfAfterItsLastEventWasReadStaysWaiting(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	e, _ := o.endpoint("*")
	s := order("A")
	if err := o.db.Await(t.Context(), e.ID, s, o.ids.ID()); err != nil {
		t.Fatal(err)
	}
	read, err := o.db.AwaitedOf(t.Context(), e.ID, s)
	if err != nil || read == nil {
		t.Fatal(read, err)
	}
	// Somebody else takes it off the list, and it is told of anew: that is not what was read.
	if ok, err := o.db.Caught(t.Context(), e.ID, *read); !ok || err != nil {
		t.Fatal(ok, err)
	}
	if err := o.db.Await(t.Context(), e.ID, s, o.ids.ID()); err != nil {
		t.Fatal(err)
	}
	if ok, err := o.db.Caught(t.Context(), e.ID, *read); ok || err != nil {
		t.Errorf("what was told of since is taken off too: %v, %v", ok, err)
	}
	if n := o.look(e.ID).Pending; n != 1 {
		t.Errorf("%d wait, want 1", n)
	}
}

func TestACourierWhoseLeaseRanOutDoesNotSendPastTheOther(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	e, x := o.endpoint("*")
	for seq := int64(1); seq <= 4; seq++ {
		o.happens(order("A"), seq, event.OrderEdited)
	}
	x.answer = func(n int, _ post) (int, error) {
		if n == 2 { // it hangs, and another takes over
			o.clock.pass(2 * time.Minute)
			o.tell(event.Event{Subject: order("A"), Seq: 4, Type: event.OrderEdited})
		}
		return 200, nil
	}
	o.tell(event.Event{Subject: order("A"), Seq: 1, Type: event.OrderEdited})
	var seqs []int64
	for _, p := range x.got {
		seqs = append(seqs, p.Seq)
	}
	until, _, err := o.db.SentUntil(t.Context(), e.ID, order("A"))
	if !slices.Equal(seqs, []int64{1, 2, 2, 3, 4}) || until != 4 || err != nil {
		t.Errorf("it was sent %v, and is to be sent what follows %d, %v", seqs, until, err)
	}
}

func TestTheOrderOfOneSubjectHoldsAnyNumberOfEvents(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	_, x := o.endpoint("order.edited")
	var want []int64
	for seq := int64(1); seq <= 60; seq++ {
		what := event.OrderEdited
		if rand.IntN(2) == 0 {
			what = event.PaymentReceived
		} else {
			want = append(want, seq)
		}
		o.happens(order("A"), seq, what)
	}
	o.tell(event.Event{Subject: order("A"), Seq: 60, Type: event.OrderEdited})
	if got := x.took()["order/A"]; !slices.Equal(got, want) {
		t.Errorf("it got %v, want %v", got, want)
	}
	if n := x.count(); n != len(want) {
		t.Errorf("%d posts, want %d", n, len(want))
	}
}
