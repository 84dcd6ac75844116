package announce_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"waybill/infra/dynamolocal/testtable"
	"waybill/shared/announce"
	"waybill/shared/bulletin"
	"waybill/shared/event"
	"waybill/shared/ident"
	"waybill/shared/table"
)

// square is where a crier stands: a table, a clock and a topic that refuses as it is told.
type square struct {
	t      *testing.T
	client *dynamodb.Client
	name   string
	db     *table.DB
	crier  *announce.Crier

	mu      sync.Mutex
	now     time.Time
	heard   []string // ids, as often as they were published
	largest int      // bytes of a batch
	refuse  func(bulletin.Entry) error
}

func newSquare(t *testing.T) *square {
	t.Helper()
	s := &square{t: t, now: time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)}
	s.client, s.name = testtable.New(t)
	s.db = table.New(s.client, s.name, s.clock)
	s.crier = &announce.Crier{DB: s.db, Topic: s, Now: s.clock}
	return s
}

func (s *square) clock() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

func (s *square) pass(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = s.now.Add(d)
}

func (s *square) PublishBatch(_ context.Context, entries []bulletin.Entry) []error {
	s.mu.Lock()
	defer s.mu.Unlock()
	errs := make([]error, len(entries))
	size := 0
	for n, e := range entries {
		size += len(e.Body)
		s.largest = max(s.largest, size)
		if s.refuse != nil {
			errs[n] = s.refuse(e)
		}
		if errs[n] == nil {
			s.heard = append(s.heard, e.ID)
		}
	}
	return errs
}

// happen writes an event of an order, as its transaction would.
func (s *square) happen(orderID string, seq int64) table.Item {
	s.t.Helper()
	now := s.clock()
	e := event.Event{
		ID: ident.At(s.clock).IDAt(now), Subject: event.Subject{Kind: event.Order, ID: orderID}, Seq: seq,
		Type: event.OrderEdited, At: now, Actor: "sally", Data: map[string]any{"total": int64(1999), "currency": "USD"},
	}
	tx := &table.Tx{}
	tx.Event(e)
	if err := s.db.Commit(s.t.Context(), tx); err != nil {
		s.t.Fatal(err)
	}
	return table.ItemOf(e)
}

func (s *square) publish(items ...table.Item) []announce.Failure {
	s.t.Helper()
	var wants []announce.Want
	for _, i := range items {
		wants = append(wants, announce.Want{Item: i})
	}
	failures, err := s.crier.Publish(s.t.Context(), wants)
	if err != nil {
		s.t.Fatal(err)
	}
	return failures
}

func (s *square) sweep() (int, []announce.Failure) {
	s.t.Helper()
	var given []announce.Failure
	n, err := s.crier.Sweep(s.t.Context(), s.clock().Add(time.Minute), func(_ context.Context, f announce.Failure) error {
		given = append(given, f)
		return nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return n, given
}

func (s *square) wantHeard(n int) {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.heard) != n {
		s.t.Errorf("%d messages were published, want %d", len(s.heard), n)
	}
}

func TestAnEventIsPublishedOnceHoweverOftenItIsBrought(t *testing.T) {
	t.Parallel()
	s := newSquare(t)
	var items []table.Item
	for n := range 25 {
		items = append(items, s.happen("A", int64(n+1)))
	}
	if f := s.publish(append(items, items...)...); len(f) > 0 {
		t.Fatal(f)
	}
	s.wantHeard(25)
	s.publish(items...)
	s.wantHeard(25)
	if _, err := s.crier.Publish(t.Context(), []announce.Want{{Item: items[3], Again: true}}); err != nil {
		t.Fatal(err)
	}
	s.wantHeard(26)
}

func TestWhatTheTopicRefusesIsReportedAndUnmarked(t *testing.T) {
	t.Parallel()
	s := newSquare(t)
	a, b := s.happen("A", 1), s.happen("B", 1)
	s.refuse = func(e bulletin.Entry) error {
		if e.Attributes["order"] == "A" {
			return errors.New("throttled")
		}
		return nil
	}
	failures := s.publish(a, b)
	if len(failures) != 1 || failures[0].Item != a || failures[0].Poison {
		t.Fatalf("%+v", failures)
	}
	s.wantHeard(1)
	s.refuse = nil
	s.publish(a, b)
	s.wantHeard(2)
}

func TestTheSweepPublishesWhatWasForgottenAndNothingElse(t *testing.T) {
	t.Parallel()
	s := newSquare(t)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	forgotten := 0
	for n := range 250 {
		i := s.happen(fmt.Sprintf("O%d", n%7), int64(n/7+1))
		s.pass(time.Duration(r.IntN(2000)) * time.Millisecond)
		if r.IntN(3) == 0 {
			forgotten++
			continue
		}
		s.publish(i)
	}
	before := len(s.heard)
	s.pass(time.Hour)
	if n, given := s.sweep(); n != forgotten || len(given) > 0 {
		t.Errorf("swept %d, gave up %v, want %d", n, given, forgotten)
	}
	s.wantHeard(before + forgotten)
	if n, _ := s.sweep(); n != 0 {
		t.Errorf("the next sweep found %d more", n)
	}
	until, err := s.db.PublishedUntil(t.Context())
	if err != nil || until == "" {
		t.Errorf("swept until %q, %v", until, err)
	}
}

func TestALateEventIsNotBehindTheSweep(t *testing.T) {
	t.Parallel()
	s := newSquare(t)
	late := event.Event{
		ID: ident.At(s.clock).ID(), Subject: event.Subject{Kind: event.Order, ID: "LATE"}, Seq: 1, Type: event.OrderCreated, At: s.clock(), Actor: "sally",
	}
	tx := &table.Tx{}
	tx.Event(late)
	for n := range 3 {
		s.pass(19 * time.Second)
		s.happen("B", int64(n+1))
	}
	s.sweep()
	if err := s.db.Commit(t.Context(), tx); err != nil {
		t.Fatalf("57 seconds after its moment: %v", err)
	}
	s.pass(time.Hour)
	s.sweep()
	if !slices.Contains(s.heard, late.ID) {
		t.Error("an event that landed late was never published")
	}
}

func TestAnEventIsRefusedThatLandsTooLateToBeSeen(t *testing.T) {
	t.Parallel()
	s := newSquare(t)
	e := event.Event{ID: ident.At(s.clock).ID(), Subject: event.Subject{Kind: event.Order, ID: "A"}, Seq: 1, Type: event.OrderCreated, At: s.clock(), Actor: "sally"}
	tx := &table.Tx{}
	tx.Event(e)
	s.pass(table.FactLife)
	if err := s.db.Commit(t.Context(), tx); err == nil {
		t.Error("it was written a minute after its moment")
	}
	if _, err := s.db.EventAt(t.Context(), e.Subject, 1); err == nil {
		t.Error("it is there")
	}
}

func TestAPoisonedEventHoldsUpNothing(t *testing.T) {
	t.Parallel()
	s := newSquare(t)
	good, bad := s.happen("A", 1), s.happen("B", 1)
	if _, err := s.client.UpdateItem(t.Context(), &dynamodb.UpdateItemInput{
		TableName: &s.name, Key: map[string]types.AttributeValue{"pk": &types.AttributeValueMemberS{Value: bad.PK}, "sk": &types.AttributeValueMemberS{Value: bad.SK}},
		UpdateExpression:          aws.String("SET #data = :text"),
		ExpressionAttributeNames:  map[string]string{"#data": "data"},
		ExpressionAttributeValues: map[string]types.AttributeValue{":text": &types.AttributeValueMemberS{Value: "poison"}},
	}); err != nil {
		t.Fatal(err)
	}
	failures := s.publish(good, bad)
	if len(failures) != 1 || failures[0].Item != bad || !failures[0].Poison || failures[0].Err == nil {
		t.Fatalf("%+v", failures)
	}
	s.wantHeard(1)
	s.pass(time.Hour)
	s.happen("C", 1)
	s.pass(time.Hour)
	if n, given := s.sweep(); n != 1 || len(given) != 1 || given[0].Item != bad {
		t.Errorf("the sweep published %d and gave up %+v", n, given)
	}
	if n, given := s.sweep(); n != 0 || len(given) != 0 {
		t.Errorf("the sweep comes by it again: %d, %+v", n, given)
	}
}

func TestWhatCameFromABackupIsNotPublishedAgain(t *testing.T) {
	t.Parallel()
	s := newSquare(t)
	if at, err := s.db.RestoredAt(t.Context()); err != nil || at.After(s.clock().Add(-23*time.Hour)) {
		t.Fatalf("a fresh table tells nothing from before %v, %v", at, err)
	}
	old := s.happen("A", 1)
	// The same data under another name is what a restore leaves.
	client, name := testtable.New(t)
	rows, err := s.client.Scan(t.Context(), &dynamodb.ScanInput{TableName: &s.name})
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range rows.Items {
		if _, err := client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &name, Item: i}); err != nil {
			t.Fatal(err)
		}
	}
	s.pass(time.Minute)
	s.client, s.name = client, name
	s.db = table.New(client, name, s.clock)
	s.crier.DB = s.db
	s.publish(old)
	s.wantHeard(0)
	s.pass(time.Second)
	s.publish(s.happen("A", 2))
	s.wantHeard(1)
	if at, err := s.db.RestoredAt(t.Context()); err != nil || !at.Equal(time.Date(2026, 11, 23, 9, 1, 0, 0, time.UTC)) {
		t.Errorf("restored at %v, %v", at, err)
	}
}

func TestSubscribersCanFilter(t *testing.T) {
	t.Parallel()
	for want, e := range map[string]event.Event{
		"none []":                    {Type: event.ProductEdited, Subject: event.Subject{Kind: event.Product, ID: "MUG"}},
		"lt_1000 [warehouse sales]":  {Type: event.OrderConfirmed, Subject: event.Subject{Kind: event.Order, ID: "A"}, Data: map[string]any{"total": int64(99999), "currency": "USD", "to_ship": true}},
		"ge_10000 [warehouse sales]": {Type: event.OrderConfirmed, Subject: event.Subject{Kind: event.Order, ID: "A"}, Data: map[string]any{"total": int64(10000), "currency": "JPY", "to_ship": true}},
		"lt_100 [manager]":           {Type: event.MoneyDrift, Subject: event.Subject{Kind: event.Proof, ID: "A"}, Data: map[string]any{"total": int64(-1), "currency": "BHD"}},
	} {
		entry, err := announce.EntryOf(e)
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(entry.Lists["roles"])
		wanted := strings.Fields(strings.Trim(strings.SplitN(want, " ", 2)[1], "[]"))
		slices.Sort(wanted)
		if entry.Attributes["amount_class"] != strings.Fields(want)[0] || !slices.Equal(entry.Lists["roles"], wanted) {
			t.Errorf("%s: %v, %v, want %s", e.Type, entry.Attributes, entry.Lists, want)
		}
	}
}

func TestWhatWasThereBeforeAnybodyListenedIsToldToNobody(t *testing.T) {
	t.Parallel()
	s := newSquare(t)
	old := s.happen("A", 1)
	s.pass(25 * time.Hour)
	recent := s.happen("A", 2)
	s.publish(old, recent)
	s.wantHeard(1)
	s.pass(time.Hour)
	if n, given := s.sweep(); n != 0 || len(given) != 0 {
		t.Errorf("the sweep published %d, gave up %v", n, given)
	}
}

func TestManyLargeEventsGoInSeveralBatches(t *testing.T) {
	t.Parallel()
	s := newSquare(t)
	var items []table.Item
	now := s.clock()
	for n := range 12 {
		e := event.Event{
			ID: ident.At(s.clock).IDAt(now), Subject: event.Subject{Kind: event.Order, ID: "A"}, Seq: int64(n + 1), Type: event.OrderEdited, At: now, Actor: "sally",
			Data: map[string]any{"lines": strings.Repeat("x", 60<<10)},
		}
		tx := &table.Tx{}
		tx.Event(e)
		if err := s.db.Commit(t.Context(), tx); err != nil {
			t.Fatal(err)
		}
		items = append(items, table.ItemOf(e))
	}
	if f := s.publish(items...); len(f) > 0 {
		t.Fatal(f)
	}
	s.wantHeard(12)
	if s.largest > 256<<10 {
		t.Errorf("a batch had %d bytes, SNS takes 262144", s.largest)
	}
}
