// Package stripe stands for Stripe on a laptop and in tests: its API, as much
// of it as Waybill asks for, with Stripe's rules, errors and idempotency; its
// signed webhooks, late, twice or never when that is wanted; its page to pay
// on; and a control panel to be the customer and the bank. It is linked into no
// function.
package stripe

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"slices"
	"sync"
	"time"
)

// APIVersion is the version of Stripe's API that is spoken.
const APIVersion = "2023-10-16"

// Config is what a stand-in is made of. All but Key may be left out.
type Config struct {
	Key           string                   // what callers authenticate with
	WebhookSecret string                   // what events are signed with
	WebhookURL    func() string            // where they go; "" is nowhere
	URL           string                   // where Dev is served, for the addresses of pages
	Now           func() time.Time         // the clock
	File          string                   // where everything is kept between runs
	Intercept     Interceptor              // breaks calls of the API
	Late          time.Duration            // how late late answers and events are; 5 s unless given
	Backoff       []time.Duration          // before each repetition of a delivery, the last again and again
	Client        *http.Client             // what delivers
	Failed        func(id string, _ error) // is told of deliveries that failed
}

// An Interceptor says what is to go wrong with a call of the API. It may read
// the request's form, which is parsed.
type Interceptor func(*http.Request) Fault

// A Fault is what goes wrong with a call.
type Fault int

// The faults.
const (
	None   Fault = iota
	Refuse       // 500, before anything is done
	Lose         // it is done, and the connection breaks instead of an answer
	Late         // it is done, and the answer comes late
)

// Server is the stand-in.
type Server struct {
	cfg  Config
	ctx  context.Context // ends with Close
	stop context.CancelFunc
	work sync.WaitGroup

	mu      sync.Mutex
	state   state
	fresh   []*event // of the operation under way
	held    bool     // events stay here
	queue   []string // of events to be delivered now
	sending bool
	waiting []chan struct{} // to be closed when the queue is empty
	timers  map[*time.Timer]bool
	wake    chan struct{} // there is something in the queue
	dirty   chan struct{} // there is something to be kept
	changes int64         // how many operations there were
	stored  int64         // how many of them the file has
	wrote   chan struct{} // is closed, and another made, when the file was written
}

// state is everything there is, in the order it was made in.
type state struct {
	Sessions []*session
	Intents  []*intent
	Charges  []*charge
	Refunds  []*refund
	Disputes []*dispute
	Events   []*event
	Marks    map[string]mark // by idempotency key
}

const (
	defaultLate  = 5 * time.Second
	tick         = time.Second // between looks at the clock for sessions that expire
	sendTimeout  = 20 * time.Second
	eventsKept   = 30 * 24 * time.Hour
	retriedFor   = 3 * 24 * time.Hour
	markKept     = 24 * time.Hour
	settleAtMost = 10 * time.Second // how long the control panel waits for deliveries
)

var defaultBackoff = []time.Duration{
	time.Second, 2 * time.Second, 5 * time.Second, 15 * time.Second, time.Minute, 5 * time.Minute,
}

// New starts a stand-in, with what its file has from the last run. It fails
// when that can't be read.
func New(cfg Config) (*Server, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Late == 0 {
		cfg.Late = defaultLate
	}
	if len(cfg.Backoff) == 0 {
		cfg.Backoff = defaultBackoff
	}
	if cfg.Client == nil {
		cfg.Client = &http.Client{Timeout: sendTimeout}
	}
	kept, err := load(cfg.File)
	if err != nil {
		return nil, err
	}
	s := &Server{
		cfg: cfg, state: kept,
		timers: map[*time.Timer]bool{}, wake: make(chan struct{}, 1), dirty: make(chan struct{}, 1), wrote: make(chan struct{}),
	}
	s.ctx, s.stop = context.WithCancel(context.Background())
	for _, e := range s.state.Events {
		if e.Auto && !e.Delivered {
			s.queue = append(s.queue, e.ID)
		}
	}
	poke(s.wake)
	s.work.Go(s.deliverAll)
	s.work.Go(s.keepTime)
	if cfg.File != "" {
		s.work.Go(s.keepAll)
	}
	return s, nil
}

// Close ends the stand-in's own work and keeps what there is. Deliveries that
// are due go on in the next run.
func (s *Server) Close() error {
	s.stop()
	s.mu.Lock()
	for t := range s.timers {
		t.Stop()
	}
	s.mu.Unlock()
	s.work.Wait()
	if s.cfg.File == "" {
		return nil
	}
	return s.keep()
}

// do runs one operation on the state, after what the clock has brought about,
// and hands over the events that came of it.
func (s *Server) do(d Delivery, op func()) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expire()
	s.hand(Now)
	op()
	ids := s.hand(d)
	s.changes++
	poke(s.dirty)
	return ids
}

// hand gives the fresh events to their delivery.
func (s *Server) hand(d Delivery) []string {
	var ids []string
	for _, e := range s.fresh {
		ids = append(ids, e.ID)
	}
	s.fresh = nil
	if s.held {
		d = Never
	}
	s.schedule(ids, d)
	return ids
}

// keepTime looks at the clock, for what happens by itself.
func (s *Server) keepTime() {
	t := time.NewTicker(tick)
	defer t.Stop()
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-t.C:
			s.mu.Lock()
			s.expire()
			if ids := s.hand(Now); len(ids) > 0 {
				poke(s.dirty)
			}
			s.mu.Unlock()
		}
	}
}

// expire closes the sessions whose time is over.
func (s *Server) expire() {
	for _, c := range s.state.Sessions {
		if c.Status == open && c.ExpiresAt <= s.now() {
			s.expireSession(c)
		}
	}
}

func (s *Server) now() int64 { return s.cfg.Now().Unix() }

// emit notes that something happened to an object, as it is now.
func (s *Server) emit(kind string, object any) {
	data, err := json.Marshal(object)
	if err != nil {
		panic(err) // the objects are our own, and none has what JSON can't say
	}
	e := &event{ID: newID("evt_1", 23), Type: kind, Created: s.now(), Object: data}
	s.state.Events = append(s.state.Events, e)
	s.fresh = append(s.fresh, e)
}

// newID is an id as Stripe's look.
func newID(prefix string, length int) string {
	const letters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	id := make([]byte, length)
	_, _ = rand.Read(id) // it never fails
	for i, b := range id {
		id[i] = letters[int(b)%len(letters)]
	}
	return prefix + string(id)
}

// find is the newest of the items that fits, or nil.
func find[T any](items []*T, fits func(*T) bool) *T {
	for _, item := range slices.Backward(items) {
		if fits(item) {
			return item
		}
	}
	return nil
}

func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default: // it is awake already
	}
}
