package recovery_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"waybill/infra/dynamolocal/testtable"
	"waybill/shared/access"
	"waybill/shared/deadletter"
	"waybill/shared/event"
	"waybill/shared/ident"
	"waybill/shared/notice"
	"waybill/shared/recovery"
	"waybill/shared/refusal"
	"waybill/shared/table"
)

var maria = access.Principal{ID: "maria", Roles: []access.Role{access.Manager}}

// office is a desk of dead letters with its table and clock.
type office struct {
	t      *testing.T
	client *dynamodb.Client
	name   string
	db     *table.DB
	desk   *recovery.Desk
	now    time.Time
}

func newOffice(t *testing.T) *office {
	t.Helper()
	o := &office{t: t, now: time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)}
	o.client, o.name = testtable.New(t)
	clock := func() time.Time { return o.now }
	o.db = table.New(o.client, o.name, clock)
	o.desk = &recovery.Desk{DB: o.db, IDs: ident.At(clock)}
	return o
}

// event writes an event of an order and returns its item.
func (o *office) event(orderID string) table.Item {
	o.t.Helper()
	e := event.Event{ID: o.desk.IDs.ID(), Subject: event.Subject{Kind: event.Order, ID: orderID}, Seq: 1, Type: event.OrderCreated, At: o.now, Actor: "sally"}
	o.commit(func(tx *table.Tx) { tx.Event(e) })
	return table.ItemOf(e)
}

func (o *office) commit(compose func(*table.Tx)) {
	o.t.Helper()
	tx := &table.Tx{}
	compose(tx)
	if err := o.db.Commit(o.t.Context(), tx); err != nil {
		o.t.Fatal(err)
	}
}

func (o *office) bury(i table.Item, reason string) {
	o.t.Helper()
	if err := o.desk.Bury(o.t.Context(), recovery.Failure{Source: "settle", What: i.PK, Item: i, Reason: reason, At: o.now.Truncate(time.Hour)}); err != nil {
		o.t.Fatal(err)
	}
}

func (o *office) letters(s deadletter.State) []deadletter.Letter {
	o.t.Helper()
	l, err := o.db.Letters(o.t.Context(), s, table.Page{Limit: 100})
	if err != nil {
		o.t.Fatal(err)
	}
	return l.Items
}

// again is what the stream's consumers see of an item that is to be done again.
func (o *office) again(i table.Item) string {
	o.t.Helper()
	out, err := o.client.GetItem(o.t.Context(), &dynamodb.GetItemInput{TableName: &o.name, Key: map[string]types.AttributeValue{
		"pk": &types.AttributeValueMemberS{Value: i.PK}, "sk": &types.AttributeValueMemberS{Value: i.SK},
	}})
	if err != nil {
		o.t.Fatal(err)
	}
	v, _ := out.Item[table.Again].(*types.AttributeValueMemberS)
	if v == nil {
		return ""
	}
	return v.Value
}

func (o *office) handle(a recovery.Action) []deadletter.Letter {
	o.t.Helper()
	done, _, err := o.desk.Handle(o.t.Context(), maria, a)
	if err != nil {
		o.t.Fatal(err)
	}
	return done
}

func TestWhatFailsAgainIsOneLetterThatCounts(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	i := o.event("A")
	o.bury(i, "no answer")
	o.now = o.now.Add(time.Minute)
	o.bury(i, "no answer again")
	l := o.letters(deadletter.Waiting)
	if len(l) != 1 || l[0].Failures != 2 || l[0].Reason != "no answer again" || !l[0].LastAt.Equal(o.now) || !l[0].Since.Equal(o.now.Add(-time.Minute)) {
		t.Errorf("%+v", l)
	}
}

func TestALetterSentAgainWakesItsConsumerEachTime(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	i := o.event("A")
	o.bury(i, "no answer")
	id := o.letters(deadletter.Waiting)[0].ID
	done := o.handle(recovery.Action{IDs: []string{id}})
	first := o.again(i)
	if len(done) != 1 || done[0].State != deadletter.SentAgain || done[0].By != "maria" || first == "" || len(o.letters(deadletter.Waiting)) != 0 {
		t.Fatalf("%+v, %q", done, first)
	}
	if done = o.handle(recovery.Action{IDs: []string{id}}); done[0].Handled != 1 || o.again(i) != first {
		t.Errorf("what was sent again is sent a third time: %+v", done)
	}
	o.bury(i, "no answer")
	o.handle(recovery.Action{All: true})
	if second := o.again(i); second == first {
		t.Error("nobody is woken the second time")
	}
	events, err := o.db.EventsAfter(t.Context(), event.Subject{Kind: event.DeadLetters, ID: id}, 0, 10)
	if err != nil || len(events) != 2 || events[1].Seq != 2 || events[0].Actor != "maria" {
		t.Errorf("the audit has %+v, %v", events, err)
	}
}

func TestManyPeopleAtOnceSendALetterAgainOnce(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.bury(o.event("A"), "no answer")
	id := o.letters(deadletter.Waiting)[0].ID
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if _, _, err := o.desk.Handle(t.Context(), maria, recovery.Action{IDs: []string{id}}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if l, err := o.db.Letter(t.Context(), id); err != nil || l.Handled != 1 {
		t.Errorf("%+v, %v", l, err)
	}
}

func TestDiscardingNeedsAReasonAndEndsALetter(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	i := o.event("A")
	o.bury(i, "no answer")
	id := o.letters(deadletter.Waiting)[0].ID
	if _, _, err := o.desk.Handle(t.Context(), maria, recovery.Action{Discard: true, IDs: []string{id}}); !refusal.Is(err, "rejected") {
		t.Errorf("without a reason: %v", err)
	}
	done := o.handle(recovery.Action{Discard: true, IDs: []string{id}, Reason: "settled by telephone"})
	if done[0].State != deadletter.Discarded || done[0].Note != "settled by telephone" || o.again(i) != "" || len(o.letters(deadletter.Discarded)) != 1 {
		t.Errorf("%+v", done)
	}
}

func TestWhatMayHaveBeenSentIsNotSentWithAllTheOthers(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	s := event.Subject{Kind: event.Order, ID: "A"}
	for n, status := range []notice.Status{notice.Failed, notice.Unknown} {
		x := notice.Notice{
			ID: ident.Derived(o.now, fmt.Sprint(n)), Subject: s, Seq: 1, Type: event.OrderCreated, Words: "w", Channel: notice.Email, To: "x@example.com",
			Audience: notice.Customer, Language: "en", Status: status, At: o.now, Attempts: 8,
		}
		l := deadletter.Letter{
			ID: ident.Derived(o.now, "letter", fmt.Sprint(n)), Source: "notify", What: "email", Subject: s, Item: table.NoticeItem(x), Notice: true,
			Unknown: status == notice.Unknown, State: deadletter.Waiting, Failures: 8, Since: o.now, LastAt: o.now,
		}
		o.commit(func(tx *table.Tx) { tx.SaveNotice(x, 0); tx.SaveLetter(l, 0) })
	}
	done := o.handle(recovery.Action{All: true})
	left := o.letters(deadletter.Waiting)
	if len(done) != 1 || done[0].Unknown || len(left) != 1 || !left[0].Unknown {
		t.Fatalf("done %+v, left %+v", done, left)
	}
	if n, err := o.db.NoticeOf(t.Context(), done[0].Item); err != nil || n.Status != notice.Waiting {
		t.Errorf("%+v, %v", n, err)
	}
	if done = o.handle(recovery.Action{IDs: []string{left[0].ID}}); done[0].State != deadletter.SentAgain {
		t.Errorf("by its name it is %+v", done)
	}
}

func TestPeopleAreToldOnceADayThatSomethingWaits(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	remind := func(told int) {
		t.Helper()
		if _, err := o.desk.Remind(t.Context()); err != nil {
			t.Fatal(err)
		}
		events, err := o.db.EventsAfter(t.Context(), event.Subject{Kind: event.DeadLetters, ID: "waiting"}, 0, 10)
		if err != nil || len(events) != told {
			t.Errorf("told %d times, %v, want %d", len(events), err, told)
		}
	}
	remind(0)
	o.bury(o.event("A"), "no answer")
	remind(0)
	o.now = o.now.Add(time.Hour)
	remind(1)
	o.now = o.now.Add(23 * time.Hour)
	remind(1)
	o.now = o.now.Add(time.Hour)
	remind(2)
}
