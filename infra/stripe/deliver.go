package stripe

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"
)

// A Delivery is how events reach the webhook.
type Delivery string

// The deliveries.
const (
	Now       Delivery = "now"   // at once, in order, again and again until they are taken
	Never     Delivery = "none"  // not before somebody asks for it
	Twice     Delivery = "twice" // all of them, and then all of them again
	Afterward Delivery = "late"  // when it is late, the newest first
)

// schedule gives events to their delivery.
func (s *Server) schedule(ids []string, d Delivery) {
	if len(ids) == 0 || d == Never {
		return
	}
	for _, id := range ids {
		s.eventByID(id).Auto = true
	}
	switch d {
	case Twice:
		s.enqueue(slices.Concat(ids, ids))
	case Afterward:
		ids = slices.Clone(ids)
		slices.Reverse(ids)
		s.after(s.cfg.Late, ids)
	default:
		s.enqueue(ids)
	}
}

func (s *Server) enqueue(ids []string) {
	s.queue = append(s.queue, ids...)
	poke(s.wake)
}

// after enqueues events when some time has passed, unless the stand-in ends before.
func (s *Server) after(d time.Duration, ids []string) {
	var t *time.Timer
	t = time.AfterFunc(d, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.timers, t)
		s.enqueue(ids)
	})
	s.timers[t] = true
}

// deliverAll delivers what is in the queue, one after the other.
func (s *Server) deliverAll() {
	for {
		select {
		case <-s.ctx.Done():
			s.idle()
			return
		case <-s.wake:
		}
		for id := s.next(); id != "" && s.ctx.Err() == nil; id = s.next() {
			if _, err := s.post(s.ctx, id); err != nil {
				s.again(id, err)
			}
		}
	}
}

// next takes the next event from the queue; where there is none, whoever waits for that is told.
func (s *Server) next() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sending = len(s.queue) > 0
	if !s.sending {
		s.release()
		return ""
	}
	id := s.queue[0]
	s.queue = s.queue[1:]
	return id
}

func (s *Server) idle() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sending = false
	s.release()
}

func (s *Server) release() {
	for _, w := range s.waiting {
		close(w)
	}
	s.waiting = nil
}

// Idle waits until everything that is to be delivered now has been tried. What
// failed is tried again later, without being waited for.
func (s *Server) Idle(ctx context.Context) error {
	s.mu.Lock()
	if !s.sending && len(s.queue) == 0 {
		s.mu.Unlock()
		return nil
	}
	w := make(chan struct{})
	s.waiting = append(s.waiting, w)
	s.mu.Unlock()
	select {
	case <-w:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for the deliveries: %w", ctx.Err())
	}
}

// again has a delivery that failed repeated after a while, for some days.
func (s *Server) again(id string, err error) {
	if s.ctx.Err() != nil {
		return // in the next run
	}
	if s.cfg.Failed != nil {
		s.cfg.Failed(id, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.eventByID(id)
	if e == nil || e.Delivered || s.cfg.Now().Sub(time.Unix(e.Created, 0)) > retriedFor {
		return
	}
	s.after(s.cfg.Backoff[min(e.Attempts, len(s.cfg.Backoff))-1], []string{id})
}

// Deliver sends an event to the webhook now, whether it was delivered or not,
// and answers with the status that the webhook answered with.
func (s *Server) Deliver(ctx context.Context, id string) (int, error) {
	return s.post(ctx, id)
}

// Signed is an event as it would be delivered now: the body and its Stripe-Signature.
func (s *Server) Signed(id string) (body []byte, signature string, _ error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.eventByID(id)
	if e == nil {
		return nil, "", missing("event", id)
	}
	_, body = encode(e.shown(), nil)
	at := s.now()
	mac := hmac.New(sha256.New, []byte(s.cfg.WebhookSecret))
	fmt.Fprintf(mac, "%d.%s", at, body)
	return body, fmt.Sprintf("t=%d,v1=%s", at, hex.EncodeToString(mac.Sum(nil))), nil
}

// post delivers an event once. All but a 2xx is an error.
func (s *Server) post(ctx context.Context, id string) (int, error) {
	body, signature, err := s.Signed(id)
	if err != nil {
		return 0, err
	}
	s.durable(ctx)
	status, err := s.send(ctx, body, signature)
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.eventByID(id); e != nil {
		e.Attempts++
		e.Delivered = e.Delivered || err == nil
	}
	poke(s.dirty)
	return status, err
}

func (s *Server) send(ctx context.Context, body []byte, signature string) (int, error) {
	if s.cfg.WebhookURL == nil || s.cfg.WebhookURL() == "" {
		return 0, nil // an account without a webhook has nothing pending
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.cfg.WebhookURL(), bytes.NewReader(body))
	if err != nil {
		return 0, fmt.Errorf("deliver an event: %w", err)
	}
	r.Header.Set("Content-Type", "application/json; charset=utf-8")
	r.Header.Set("User-Agent", "Stripe/1.0 (+https://stripe.com/docs/webhooks)")
	r.Header.Set("Stripe-Signature", signature)
	answer, err := s.cfg.Client.Do(r) //nolint:gosec // to the webhook that it was configured with
	if err != nil {
		return 0, fmt.Errorf("deliver an event: %w", err)
	}
	defer answer.Body.Close()
	// Read to its end, so that the connection can be used again.
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		return 0, fmt.Errorf("deliver an event: %w", err)
	}
	if answer.StatusCode/100 != 2 {
		return answer.StatusCode, fmt.Errorf("deliver an event: the webhook answered %s", answer.Status)
	}
	return answer.StatusCode, nil
}

// Hold keeps events here from now on, whatever their delivery, or no longer.
// Those that were held stay until Deliver.
func (s *Server) Hold(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held = on
}
