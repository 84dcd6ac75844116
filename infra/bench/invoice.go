package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Numbering is how long orders take alone, and while many invoices are issued
// at once, which draw their numbers from one counter.
type Numbering struct {
	Clients  int     `json:"clients"`             // that place orders
	Invoices int     `json:"invoices"`            // at once
	Rate     float64 `json:"invoices_per_second"` // while orders are placed
	Alone    float64 `json:"orders_alone_p95_ms"`
	Beside   float64 `json:"orders_beside_p95_ms"`
	// Ratio is the median of Beside over Alone of the round next to it.
	Ratio float64 `json:"ratio"`
}

const placers = 8 // clients that place orders

// numbering measures orders alone and beside invoices. Both sides take turns
// and a pair of rounds makes one ratio, so that what else the machine does hits
// both alike. It fails when the invoices' numbers have a gap.
func (b bench) numbering(ctx context.Context, s *shop) (Numbering, error) {
	out := Numbering{Clients: placers, Invoices: b.scale.invoices}
	finance, err := s.system.Token("finance", "")
	if err != nil {
		return out, err
	}
	bodies, err := s.bodies(s.homed)
	if err != nil {
		return out, err
	}
	r := &register{bench: b, shop: s, finance: finance, bodies: bodies}
	if _, err := r.alone(ctx, b.scale.warmUp/10); err != nil {
		return out, err
	}
	var alone, beside laps
	var rates, ratios []float64
	for n := range b.scale.rounds {
		p, err := r.pair(ctx, n)
		if err != nil {
			return out, err
		}
		alone.times, beside.times = append(alone.times, p.alone.times...), append(beside.times, p.beside...)
		rates, ratios = append(rates, p.issued.rate), append(ratios, p95(p.beside)/p95(p.alone.times))
	}
	out.Alone, out.Beside = p95(alone.times), p95(beside.times)
	out.Rate, out.Ratio = round(median(rates), 1), round(median(ratios), 3)
	return out, r.whole(out.Invoices * b.scale.rounds)
}

func p95(times []time.Duration) float64 { return millis(percentile(times, 95)) }

// A register is who places orders and issues invoices in a shop that has none yet.
type register struct {
	bench
	shop    *shop
	finance string // a token
	bodies  [][]byte

	mu      sync.Mutex
	numbers []string // of the invoices so far
}

// A pair is a round of each side.
type pair struct {
	alone  lap
	beside []time.Duration // of the orders
	issued lap             // the invoices
}

// pair runs the nth pair of rounds.
func (r *register) pair(ctx context.Context, n int) (pair, error) {
	var p pair
	due, err := r.enter(ctx, r.scale.invoices)
	if err != nil {
		return p, err
	}
	// Who begins changes, so that neither always runs in the other's wake.
	sides := []func() error{
		func() (err error) { p.alone, err = r.alone(ctx, len(due)); return err },
		func() (err error) { p.beside, p.issued, err = r.beside(ctx, due); return err },
	}
	for i := range sides {
		if err := sides[(i+n)%2](); err != nil {
			return p, err
		}
	}
	return p, nil
}

// place is what a client that places orders does.
func (r *register) place(ctx context.Context, i int) (string, error) {
	return r.shop.place(ctx, r.bodies[i%len(r.bodies)])
}

// enter enters n orders to be invoiced.
func (r *register) enter(ctx context.Context, n int) ([]string, error) {
	ids := make([]string, n)
	_, err := r.race(placers, n, func(i int) (err error) {
		ids[i], err = r.place(ctx, i)
		return err
	})
	return ids, err
}

// alone places n orders and nothing else.
func (r *register) alone(ctx context.Context, n int) (lap, error) {
	return r.race(placers, n, func(i int) error {
		_, err := r.place(ctx, i)
		return err
	})
}

// beside issues the invoices of all the orders at once, and places other orders until that is done.
func (r *register) beside(ctx context.Context, due []string) (orders []time.Duration, invoices lap, err error) {
	var done atomic.Bool
	var issuing sync.WaitGroup
	var refused error
	issuing.Go(func() {
		defer done.Store(true)
		invoices, refused = r.race(len(due), len(due), func(i int) error { return r.issue(ctx, due[i]) })
	})
	orders, err = r.until(ctx, &done)
	issuing.Wait()
	return orders, invoices, errors.Join(err, refused)
}

// until places orders until it is done, and returns how long each took.
func (r *register) until(ctx context.Context, done *atomic.Bool) ([]time.Duration, error) {
	times, failed := make([][]time.Duration, placers), make([]error, placers)
	var all sync.WaitGroup
	for client := range placers {
		all.Go(func() {
			for i := client; !done.Load() && failed[client] == nil; i += placers {
				began := r.now()
				_, failed[client] = r.place(ctx, i)
				times[client] = append(times[client], r.now().Sub(began))
			}
		})
	}
	all.Wait()
	return slices.Concat(times...), errors.Join(failed...)
}

// issue issues the invoice of an order.
func (r *register) issue(ctx context.Context, order string) error {
	answer, err := r.shop.post(ctx, r.finance, "/v1/orders/"+order+"/invoices", []byte("{}"))
	if err != nil {
		return err
	}
	var made struct{ Number string }
	if err := json.Unmarshal(answer, &made); err != nil {
		return fmt.Errorf("decode an invoice: %w", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.numbers = append(r.numbers, made.Number)
	return nil
}

// whole fails unless the numbers are those of n invoices, from 1 on.
func (r *register) whole(n int) error {
	slices.Sort(r.numbers)
	if len(r.numbers) != n {
		return fmt.Errorf("%d invoices were issued, not %d", len(r.numbers), n)
	}
	for i, number := range r.numbers {
		if want := fmt.Sprintf("-%06d", i+1); !strings.HasSuffix(number, want) {
			return fmt.Errorf("invoice %d of %d has the number %s", i+1, n, number)
		}
	}
	return nil
}
