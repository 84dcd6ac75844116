package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"waybill/infra/stripe"
	"waybill/shared/order"
	"waybill/shared/table"
)

// Webhooks is how fast Stripe's events are taken in when many come at once, and
// how soon an order is paid after its customer has paid.
type Webhooks struct {
	Clients int     `json:"clients"`
	Orders  int     `json:"orders"`
	Events  int     `json:"events"`
	HTTP    Speed   `json:"http"` // of events
	Paid    float64 `json:"orders_paid_per_second"`
	Delay   Delay   `json:"to_paid"`
}

// A Delay is the time from paying at Stripe's stand-in to the order being paid,
// in milliseconds.
type Delay struct {
	Orders int     `json:"orders"` // one after the other
	P50    float64 `json:"p50_ms"`
	P99    float64 `json:"p99_ms"`
}

const (
	tellers = 8 // clients that post Stripe's events
	glance  = time.Millisecond
	// payLimit is how long an order may take to be paid before the run fails.
	payLimit = 30 * time.Second
)

func (b bench) webhooks(ctx context.Context, s *shop) (Webhooks, error) {
	out := Webhooks{Clients: tellers, Orders: b.scale.orders}
	if err := b.flood(ctx, s, &out); err != nil {
		return out, err
	}
	var err error
	out.Delay, err = b.delay(ctx, s)
	return out, err
}

// flood has customers pay while the stand-in holds its events, and then posts
// all of them, in the order they were made in, as fast as it goes. It fails
// unless each event is taken and every order is paid.
func (b bench) flood(ctx context.Context, s *shop, out *Webhooks) error {
	dues, err := b.ask(ctx, s, out.Orders)
	if err != nil {
		return err
	}
	s.system.Stripe().Hold(true)
	defer s.system.Stripe().Hold(false)
	var told []string
	for _, d := range dues {
		ids, err := s.system.Stripe().Do(d.session, "succeed", 0, stripe.Now)
		if err != nil {
			return fmt.Errorf("pay a session: %w", err)
		}
		told = append(told, ids...)
	}
	var taken laps
	if err := taken.add(b.race(tellers, len(told), func(i int) error { return s.tell(ctx, told[i]) })); err != nil {
		return err
	}
	out.Events, out.HTTP = len(told), taken.speed()
	out.Paid = round(taken.rates[0]*float64(out.Orders)/float64(out.Events), 1)
	db := table.New(s.client, tableName, b.now)
	for _, d := range dues {
		paid, err := d.paid(ctx, db)
		if err != nil {
			return err
		}
		if !paid {
			return fmt.Errorf("order %s is not paid though all of Stripe's events were taken", d.order)
		}
	}
	return nil
}

// A due is an order that its customer was asked to pay, and where.
type due struct{ order, session string }

// paid reports whether the order is.
func (d due) paid(ctx context.Context, db *table.DB) (bool, error) {
	o, err := db.Order(ctx, d.order)
	return o.PaymentStatus() == order.Paid, err
}

// ask enters n orders of a customer who pays in advance, and makes a session for each.
func (b bench) ask(ctx context.Context, s *shop, n int) ([]due, error) {
	bodies, err := s.bodies(s.plain)
	if err != nil {
		return nil, err
	}
	dues := make([]due, n)
	_, err = b.race(tellers, n, func(i int) (err error) {
		if dues[i].order, err = s.place(ctx, bodies[i%len(bodies)]); err != nil {
			return err
		}
		answer, err := s.post(ctx, s.seller, "/v1/orders/"+dues[i].order+"/checkout", []byte("{}"))
		if err != nil {
			return err
		}
		var made struct{ Session string }
		err = json.Unmarshal(answer, &made)
		dues[i].session = made.Session
		return err
	})
	return dues, err
}

// tell posts an event of the stand-in, signed now: a signature is good for
// minutes only.
func (s *shop) tell(ctx context.Context, event string) error {
	body, signature, err := s.system.Stripe().Signed(event)
	if err != nil {
		return fmt.Errorf("sign an event: %w", err)
	}
	_, err = s.send(ctx, "/webhooks/stripe", body, http.StatusOK, func(r *http.Request) {
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Stripe-Signature", signature)
	})
	return err
}

// delay has customers pay, one after the other, and looks when the order is paid.
func (b bench) delay(ctx context.Context, s *shop) (Delay, error) {
	out := Delay{Orders: b.scale.payers}
	dues, err := b.ask(ctx, s, out.Orders)
	if err != nil {
		return out, err
	}
	db := table.New(s.client, tableName, b.now)
	times := make([]time.Duration, len(dues))
	for i, d := range dues {
		began := b.now()
		if _, err := s.system.Stripe().Do(d.session, "succeed", 0, stripe.Now); err != nil {
			return out, fmt.Errorf("pay a session: %w", err)
		}
		if err := d.wait(ctx, db); err != nil {
			return out, err
		}
		times[i] = b.now().Sub(began)
		// What else there is to tell of this order is not to keep the next one waiting.
		if err := s.system.Stripe().Idle(ctx); err != nil {
			return out, err
		}
	}
	out.P50, out.P99 = millis(median(times)), millis(percentile(times, 99))
	return out, nil
}

// wait looks again and again until the order is paid.
func (d due) wait(ctx context.Context, db *table.DB) error {
	ctx, cancel := context.WithTimeout(ctx, payLimit)
	defer cancel()
	next := time.NewTicker(glance)
	defer next.Stop()
	for {
		if paid, err := d.paid(ctx, db); err != nil || paid {
			return err
		}
		select {
		case <-next.C:
		case <-ctx.Done():
			return fmt.Errorf("wait for order %s to be paid: %w", d.order, ctx.Err())
		}
	}
}
