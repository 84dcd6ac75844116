package main

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"waybill/shared/table"
)

// throughput measures orders over HTTP beside bare calls. Both sides take
// turns and a pair of rounds makes one ratio, so that what else the machine
// does hits both alike.
func (b bench) throughput(ctx context.Context, s *shop) ([]Throughput, error) {
	bodies, err := s.bodies(s.homed)
	if err != nil {
		return nil, err
	}
	spy := newSpy(s.client)
	counter, err := openCounter(s, spy.client, b.now)
	if err != nil {
		return nil, err
	}
	recorded, err := spy.record(ctx, counter, bodies)
	if err != nil {
		return nil, err
	}
	d := &duel{bench: b, shop: s, bodies: bodies, recorded: recorded}
	db := table.New(s.client, tableName, b.now)
	before, err := s.reserved(ctx, db)
	if err != nil {
		return nil, err
	}
	var out []Throughput
	for _, clients := range []int{8, 32} {
		b.say("orders from %d clients, over HTTP and bare, %d × %d of each", clients, b.scale.rounds, b.scale.orders)
		t, err := d.fight(ctx, clients)
		if err != nil {
			return nil, err
		}
		out = append(out, t)
	}
	after, err := s.reserved(ctx, db)
	if err != nil {
		return nil, err
	}
	if want := d.taken * 2 * each; after-before != want {
		return nil, fmt.Errorf("%d orders reserved %d units, not %d", d.taken, after-before, want)
	}
	return out, nil
}

// A duel is orders over HTTP against bare calls.
type duel struct {
	bench
	shop     *shop
	bodies   [][]byte
	recorded []calls
	taken    int64 // orders so far, on both sides
}

func (d *duel) fight(ctx context.Context, clients int) (Throughput, error) {
	out := Throughput{Clients: clients}
	for _, side := range []func(context.Context, int, int) (lap, error){d.bare, d.http} {
		if _, err := side(ctx, clients, d.scale.warmUp/2); err != nil {
			return out, err
		}
	}
	var bare, http laps
	var ratios []float64
	for n := range d.scale.rounds {
		// Who begins changes, so that neither always runs in the other's wake.
		sides := []func() error{
			func() error { return bare.add(d.bare(ctx, clients, d.scale.orders)) },
			func() error { return http.add(d.http(ctx, clients, d.scale.orders)) },
		}
		for i := range sides {
			if err := sides[(i+n)%2](); err != nil {
				return out, err
			}
		}
		ratios = append(ratios, http.rates[n]/bare.rates[n])
	}
	out.HTTP, out.Bare, out.Ratio = http.speed(), bare.speed(), round(median(ratios), 3)
	return out, nil
}

// http posts n orders.
func (d *duel) http(ctx context.Context, clients, n int) (lap, error) {
	d.taken += int64(n)
	return d.race(clients, n, func(i int) error {
		_, err := d.shop.post(ctx, d.shop.seller, "/v1/orders", d.bodies[i%len(d.bodies)])
		return err
	})
}

// bare makes the calls of n orders, which are ready before the clock runs.
func (d *duel) bare(ctx context.Context, clients, n int) (lap, error) {
	ready := make([]calls, n)
	for i := range ready {
		var err error
		if ready[i], err = d.recorded[i%len(d.recorded)].again(&d.shop.names); err != nil {
			return lap{}, err
		}
	}
	d.taken += int64(n)
	return d.race(clients, n, func(i int) error { return ready[i].do(ctx, d.shop.client) })
}

// A lap is one round of one side: how many a second, and the time of each.
type lap struct {
	rate  float64
	times []time.Duration
}

// race does n things from so many clients, each beginning its next when it has its last.
func (b bench) race(clients, n int, do func(i int) error) (lap, error) {
	l := lap{times: make([]time.Duration, n)}
	var next atomic.Int64
	var failed atomic.Pointer[error]
	var all sync.WaitGroup
	began := b.now()
	for range clients {
		all.Go(func() {
			for i := int(next.Add(1)) - 1; i < n && failed.Load() == nil; i = int(next.Add(1)) - 1 {
				start := b.now()
				if err := do(i); err != nil {
					failed.CompareAndSwap(nil, &err)
					return
				}
				l.times[i] = b.now().Sub(start)
			}
		})
	}
	all.Wait()
	if err := failed.Load(); err != nil {
		return l, *err
	}
	l.rate = float64(n) / b.now().Sub(began).Seconds()
	return l, nil
}

// laps are the rounds of one side.
type laps struct {
	rates []float64
	times []time.Duration
}

func (l *laps) add(one lap, err error) error {
	l.rates, l.times = append(l.rates, one.rate), append(l.times, one.times...)
	return err
}

func (l *laps) speed() Speed {
	return Speed{Rate: round(median(l.rates), 1), P50: millis(median(l.times)), P99: millis(percentile(l.times, 99))}
}
