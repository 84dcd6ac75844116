package delivery_test

import (
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"waybill/infra/dynamolocal/testtable"
	"waybill/infra/fault"
	"waybill/shared/access"
	"waybill/shared/bulletin"
	"waybill/shared/delivery"
	"waybill/shared/event"
	"waybill/shared/ident"
	"waybill/shared/table"
	"waybill/shared/webhook"
)

var manager = delivery.By{Principal: access.Principal{ID: "max", Roles: []access.Role{access.Manager}}}

// A clock stands still until it is moved.
type clock struct{ ms atomic.Int64 }

func (c *clock) now() time.Time       { return time.UnixMilli(c.ms.Load()).UTC() }
func (c *clock) pass(d time.Duration) { c.ms.Add(d.Milliseconds()) }

// office is a courier and a keeper on a table of the test's own.
type office struct {
	t       testing.TB
	client  *dynamodb.Client
	name    string
	clock   *clock
	db      *table.DB
	ids     ident.Source
	keeper  *delivery.Keeper
	courier *delivery.Courier
	posts   *receivers
}

func newOffice(t testing.TB) *office {
	t.Helper()
	client, name := testtable.New(t)
	c := &clock{}
	c.ms.Store(time.Date(2026, 11, 23, 9, 30, 0, 0, time.UTC).UnixMilli())
	ids := ident.At(c.now)
	o := &office{t: t, client: client, name: name, clock: c, ids: ids, db: table.New(client, name, ids.Now), posts: &receivers{t: t}}
	o.keeper = &delivery.Keeper{DB: o.db, IDs: ids, Guard: anywhere{}}
	o.courier = &delivery.Courier{DB: o.db, IDs: ids, Out: o.posts}
	return o
}

// through is a courier whose calls of the table fail as decide says.
func (o *office) through(next http.RoundTripper, decide func(operation string) fault.Mode) *delivery.Courier {
	transport := &fault.Transport{Next: next, Decide: decide}
	client := dynamodb.New(testtable.Client(o.t, transport).Options(), func(o *dynamodb.Options) {
		o.Retryer = retry.AddWithMaxAttempts(retry.NewStandard(), 1)
	})
	return &delivery.Courier{DB: table.New(client, o.name, o.ids.Now), IDs: o.ids, Out: o.posts}
}

// anywhere takes every address.
type anywhere struct{}

func (anywhere) Check(context.Context, string) error { return nil }

// A receiver is what stands at an address.
type receiver struct {
	mu     sync.Mutex
	secret webhook.Secret
	got    []post
	answer func(n int, p post) (int, error) // to the nth post; nil takes all
}

// A post is what a receiver got.
type post struct {
	ID        string
	Signature string
	Status    int
	bulletin.Message
}

// receivers are those at all addresses.
type receivers struct {
	t  testing.TB
	mu sync.Mutex
	at map[string]*receiver
}

func (r *receivers) put(address string, x *receiver) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.at == nil {
		r.at = map[string]*receiver{}
	}
	r.at[address] = x
}

// Post implements delivery.Poster: it checks the signature as a receiver does.
func (r *receivers) Post(ctx context.Context, address string, headers map[string]string, body []byte) (int, error) {
	r.mu.Lock()
	x := r.at[address]
	r.mu.Unlock()
	if x == nil {
		return 0, &webhook.Unreachable{Why: "dns"}
	}
	at, err := strconv.ParseInt(headers["webhook-timestamp"], 10, 64)
	if err != nil {
		return 0, err
	}
	x.mu.Lock()
	want, err := webhook.Endpoint{Secret: x.secret}.Headers(headers["webhook-id"], body, time.Unix(at, 0))
	if err != nil {
		x.mu.Unlock()
		return 0, err
	}
	p := post{ID: headers["webhook-id"], Signature: headers["webhook-signature"]}
	var sent struct {
		Type string           `json:"type"`
		Data bulletin.Message `json:"data"`
	}
	if err := json.Unmarshal(body, &sent); err != nil {
		x.mu.Unlock()
		return 0, err
	}
	p.Message = sent.Data
	if !slices.Contains(strings.Fields(p.Signature), want["webhook-signature"]) || string(p.Type) != sent.Type || p.Message.ID != p.ID {
		r.t.Errorf("what came is %s with %v", body, headers)
	}
	n, answer := len(x.got)+1, x.answer
	x.got = append(x.got, p)
	x.mu.Unlock()
	p.Status = http.StatusOK
	if answer != nil {
		p.Status, err = answer(n, p)
	}
	if ctx.Err() != nil {
		return 0, ctx.Err()
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.got[n-1].Status = p.Status
	return p.Status, err
}

// took are the places that a receiver took of each subject, in the order in which it first took them.
func (x *receiver) took() map[string][]int64 {
	x.mu.Lock()
	defer x.mu.Unlock()
	out, seen := map[string][]int64{}, map[string]bool{}
	for _, p := range x.got {
		if p.Status == http.StatusOK && !seen[p.ID] {
			seen[p.ID] = true
			out[p.Subject] = append(out[p.Subject], p.Seq)
		}
	}
	return out
}

func (x *receiver) count() int {
	x.mu.Lock()
	defer x.mu.Unlock()
	return len(x.got)
}

func (x *receiver) answers(answer func(n int, p post) (int, error)) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.answer = answer
}

func always(status int) func(int, post) (int, error) {
	return func(int, post) (int, error) { return status, nil }
}

// endpoint registers a receiver for some types.
func (o *office) endpoint(types ...string) (webhook.Endpoint, *receiver) {
	o.t.Helper()
	address := "https://receiver.example/" + o.ids.ID() + "?token=hush"
	e, err := o.keeper.Create(o.t.Context(), manager, delivery.New{URL: address, Types: types})
	if err != nil {
		o.t.Fatal(err)
	}
	x := &receiver{secret: e.Secret}
	o.posts.put(address, x)
	return e, x
}

func order(id string) event.Subject { return event.Subject{Kind: event.Order, ID: id} }

// happens writes an event down.
func (o *office) happens(s event.Subject, seq int64, t event.Type) event.Event {
	o.t.Helper()
	e := event.Event{ID: o.ids.ID(), Subject: s, Seq: seq, Type: t, At: o.ids.Now(), Actor: "ann", Data: map[string]any{"total": seq * 100}}
	tx := &table.Tx{}
	tx.Event(e)
	if err := o.db.Commit(context.WithoutCancel(o.t.Context()), tx); err != nil {
		o.t.Error(err)
	}
	return e
}

func (o *office) later() time.Time { return o.ids.Now().Add(100 * time.Hour) }

// tell tells the courier of an event.
func (o *office) tell(e event.Event) {
	o.t.Helper()
	if err := o.courier.Wake(o.t.Context(), e.Subject, e.Seq, e.Type, o.later()); err != nil {
		o.t.Error(err)
	}
}

func (o *office) tick() {
	o.t.Helper()
	if err := o.courier.Tick(o.t.Context(), o.later()); err != nil {
		o.t.Error(err)
	}
}

func (o *office) look(id string) delivery.Known {
	o.t.Helper()
	e, err := o.keeper.Look(o.t.Context(), id)
	if err != nil {
		o.t.Fatal(err)
	}
	return e
}

func (o *office) attempts(id string) []webhook.Attempt {
	o.t.Helper()
	l, err := o.db.Attempts(o.t.Context(), id, table.Page{Limit: 100})
	if err != nil {
		o.t.Fatal(err)
	}
	return l.Items
}

func (o *office) eventsOf(s event.Subject) []event.Event {
	o.t.Helper()
	events, err := o.db.EventsAfter(o.t.Context(), s, 0, 100)
	if err != nil {
		o.t.Fatal(err)
	}
	return events
}

func endpointSubject(id string) event.Subject { return event.Subject{Kind: event.Endpoint, ID: id} }

var errNoise = errors.New("noise of https://receiver.example/?token=hush")

func seeded(t testing.TB) *rand.Rand {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}
