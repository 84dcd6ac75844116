package delivery_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"waybill/shared/delivery"
	"waybill/shared/event"
	"waybill/shared/refusal"
	"waybill/shared/table"
	"waybill/shared/webhook"
)

func TestSecretsAndAddressesStandInNoEventLogOrError(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	e, x := o.endpoint("*")
	x.answer = func(int, post) (int, error) { return 0, errNoise }
	o.tell(o.happens(order("A"), 1, event.OrderCreated))
	rotated, err := o.keeper.Rotate(t.Context(), manager, e.ID)
	if err != nil {
		t.Fatal(err)
	}
	x.answer = func(int, post) (int, error) { panic(errNoise.Error()) }
	failed := o.courier.Tick(t.Context(), o.later())
	all, err := o.keeper.All(t.Context())
	if err != nil || len(all) != 1 || failed == nil {
		t.Fatal(all, err, failed)
	}
	_, err = o.keeper.Edit(t.Context(), manager, "nobody", delivery.Change{})
	var said bytes.Buffer
	for _, v := range []any{o.eventsOf(endpointSubject(e.ID)), o.attempts(e.ID), err, all} {
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&said, "%s %+v", text, v)
	}
	slog.New(slog.NewTextHandler(&said, nil)).Info("x", "endpoint", all[0])
	for _, s := range []webhook.Secret{e.Secret, rotated.Secret} {
		if strings.Contains(said.String(), strings.TrimPrefix(string(s), "whsec_")) {
			t.Error("a secret was told")
		}
	}
	for _, v := range []any{o.eventsOf(endpointSubject(e.ID)), o.attempts(e.ID)} {
		if text := fmt.Sprintf("%+v", v); strings.Contains(text, "hush") {
			t.Errorf("an address was told: %s", text)
		}
	}
	if a := o.attempts(e.ID); len(a) != 1 || a[0].Failure != "failed" {
		t.Errorf("the log has %+v", a)
	}
}

func TestEventsAreSignedWithBothSecretsForADayAfterARotation(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	e, x := o.endpoint("*")
	next, err := o.keeper.Rotate(t.Context(), manager, e.ID)
	if err != nil || next.Version != 2 || next.Secret == e.Secret {
		t.Fatal(next.Version, err)
	}
	x.answer = nil
	for after, want := range map[time.Duration]int{0: 2, 25 * time.Hour: 1} {
		to := o.look(e.ID).Endpoint
		h, err := to.Headers("id", nil, o.ids.Now().Add(after))
		if err != nil || len(strings.Split(h["webhook-signature"], " ")) != want {
			t.Errorf("%v later: %v, %v", after, h, err)
		}
	}
	events := o.eventsOf(endpointSubject(e.ID))
	if len(events) != 2 || events[1].Type != event.EndpointSecret || events[1].Seq != 2 || events[1].Actor != "max" {
		t.Errorf("%+v", events)
	}
}

func TestThereAreTwentyEndpointsAtMost(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	failed := make(chan error)
	for n := range 24 { // several at once, so that the list is changed under them
		go func() {
			_, err := o.keeper.Create(t.Context(), manager, delivery.New{URL: fmt.Sprintf("https://r%d.example/", n)})
			failed <- err
		}()
	}
	refused := 0
	for range 24 {
		if err := <-failed; refusal.Is(err, "too_many_endpoints") {
			refused++
		} else if err != nil {
			t.Error(err)
		}
	}
	all, err := o.keeper.All(t.Context())
	if err != nil || len(all) != 20 || refused != 4 {
		t.Errorf("%d endpoints, %d refused, %v", len(all), refused, err)
	}
	if !slices.IsSortedFunc(all, func(a, b delivery.Known) int { return strings.Compare(b.ID, a.ID) }) {
		t.Error("they are not listed newest first")
	}
}

func TestAChangeOfAnEndpointIsOneFact(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	e, _ := o.endpoint()
	if !slices.Equal(e.Types, []string{"*"}) {
		t.Errorf("without types it takes %v", e.Types)
	}
	by := manager
	by.Mark = &table.Mark{Principal: "max", Operation: "edit", Key: "k", Hash: "h"}
	note := "for the ERP"
	edited, err := o.keeper.Edit(t.Context(), by, e.ID, delivery.Change{Description: &note, Types: []string{"order.*"}})
	if err != nil || edited.Version != 2 {
		t.Fatal(edited.Version, err)
	}
	var replay *table.Replay
	if _, err := o.keeper.Edit(t.Context(), by, e.ID, delivery.Change{Description: &note}); !errors.As(err, &replay) || replay.Ref != e.ID {
		t.Errorf("again: %v", err)
	}
	stale := manager
	stale.Expect = func(version int64) error {
		if version != 1 {
			return refusal.New(refusal.Stale, "stale", "It is version %d.", version)
		}
		return nil
	}
	if _, err := o.keeper.Edit(t.Context(), stale, e.ID, delivery.Change{Description: &note}); !refusal.Is(err, "stale") {
		t.Errorf("of another version: %v", err)
	}
	all, err := o.db.Endpoints(t.Context())
	if err != nil || len(all.List) != 1 || !slices.Equal(all.List[0].Types, []string{"order.*"}) {
		t.Errorf("the list is %+v, %v", all, err)
	}
	if k := o.look(e.ID); k.Version != 2 || k.Description != note || k.URL != e.URL || k.Secret != e.Secret {
		t.Errorf("%+v", k)
	}
	if events := o.eventsOf(endpointSubject(e.ID)); len(events) != 2 || events[1].Type != event.EndpointEdited || events[1].Seq != 2 {
		t.Errorf("%+v", events)
	}
}

func TestADeletedEndpointLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	e, x := o.endpoint("*")
	kept, _ := o.endpoint("*")
	for n := range 30 {
		o.tell(o.happens(order(fmt.Sprintf("O%d", n)), 1, event.OrderCreated))
	}
	x.answers(always(500))
	o.tell(o.happens(order("O0"), 2, event.OrderConfirmed))
	if err := o.keeper.Delete(t.Context(), manager, e.ID); err != nil {
		t.Fatal(err)
	}
	events := o.eventsOf(endpointSubject(e.ID))
	last := events[len(events)-1]
	if last.Type != event.EndpointDeleted || last.Seq != 2 {
		t.Errorf("%+v", events)
	}
	o.tell(last)
	out, err := o.client.Scan(t.Context(), &dynamodb.ScanInput{TableName: &o.name})
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range out.Items {
		if pk := fmt.Sprint(i["pk"]); strings.Contains(pk, "ENDPOINT#"+e.ID) {
			t.Errorf("%v is left", i["sk"])
		}
	}
	if _, err := o.keeper.Look(t.Context(), e.ID); !refusal.Is(err, "not_found") {
		t.Error(err)
	}
	if err := o.keeper.Delete(t.Context(), manager, e.ID); !refusal.Is(err, "not_found") {
		t.Error(err)
	}
	if err := o.db.ForgetEndpoint(t.Context(), kept.ID); err == nil {
		t.Error("an endpoint that is there was forgotten")
	}
}

func TestAnEventIsRedeliveredOutOfItsOrderWithTheIDItHad(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	e, x := o.endpoint("*")
	first := o.happens(order("A"), 1, event.OrderCreated)
	o.tell(first)
	o.clock.pass(time.Second)
	o.tell(o.happens(order("A"), 2, event.OrderConfirmed))
	o.clock.pass(time.Second)
	x.answers(always(500))
	o.tell(o.happens(order("A"), 3, event.OrderEdited)) // it is paused
	o.clock.pass(time.Second)
	x.answers(always(202))
	log := o.attempts(e.ID)
	before := log[len(log)-1]
	a, err := o.courier.Redeliver(t.Context(), e.ID, before.ID)
	if err != nil || !a.OK() || !a.Redelivery || a.EventID != first.ID || a.Status != 202 {
		t.Fatalf("%+v, %v", a, err)
	}
	if last := x.got[len(x.got)-1]; last.ID != first.ID || last.Seq != 1 {
		t.Errorf("it got %+v", last)
	}
	if log := o.attempts(e.ID); len(log) != 4 || log[0] != a {
		t.Errorf("the log is %+v", log)
	}
	if k := o.look(e.ID); k.Status() != webhook.Failing || k.Pending != 1 {
		t.Errorf("%+v", k)
	}
	if _, err := o.courier.Redeliver(t.Context(), e.ID, "nobody"); !refusal.Is(err, "not_found") {
		t.Error(err)
	}
}

func TestAnEventThatIsTooLargeIsSentWithoutItsData(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	_, x := o.endpoint("*")
	tx := &table.Tx{}
	tx.Event(event.Event{
		ID: o.ids.ID(), Subject: order("A"), Seq: 1, Type: event.OrderCreated, At: o.ids.Now(), Actor: "ann",
		Data: map[string]any{"changed": strings.Repeat("x", 20<<10)},
	})
	if err := o.db.Commit(t.Context(), tx); err != nil {
		t.Fatal(err)
	}
	o.tell(event.Event{Subject: order("A"), Seq: 1, Type: event.OrderCreated})
	o.tell(o.happens(order("A"), 2, event.OrderConfirmed))
	if len(x.got) != 2 || x.got[0].Data["too_large"] != true || len(x.got[0].Data) != 1 || fmt.Sprint(x.got[1].Data["total"]) != "200" {
		t.Errorf("it got %+v", x.got)
	}
}

func TestAnAddressIsCheckedWhenItIsRegisteredAndWhenItIsChanged(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	e, _ := o.endpoint("*")
	o.keeper.Guard = nowhere{}
	if _, err := o.keeper.Create(t.Context(), manager, delivery.New{URL: "https://inside.example"}); !refusal.Is(err, "private_address") {
		t.Error(err)
	}
	inside, note := "https://inside.example", "same address"
	if _, err := o.keeper.Edit(t.Context(), manager, e.ID, delivery.Change{URL: &inside}); !refusal.Is(err, "private_address") {
		t.Error(err)
	}
	if _, err := o.keeper.Edit(t.Context(), manager, e.ID, delivery.Change{Description: &note, URL: &e.URL}); err != nil {
		t.Error(err)
	}
	if all, err := o.keeper.All(t.Context()); err != nil || len(all) != 1 || all[0].URL != e.URL {
		t.Errorf("%+v, %v", all, err)
	}
}

// nowhere refuses every address.
type nowhere struct{}

func (nowhere) Check(context.Context, string) error {
	return refusal.New(refusal.Rejected, "private_address", "No.")
}

func TestAPoisonedEventHoldsUpNoOtherSubject(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	e, x := o.endpoint("*")
	x.answer = func(_ int, p post) (int, error) {
		if p.Subject == "order/A" {
			panic("no")
		}
		return http.StatusOK, nil
	}
	for _, id := range []string{"A", "B", "C"} {
		s := order(id)
		o.happens(s, 1, event.OrderCreated)
		if err := o.db.Await(t.Context(), e.ID, s, o.ids.ID()); err != nil {
			t.Fatal(err)
		}
	}
	if err := o.courier.Tick(t.Context(), o.later()); err == nil {
		t.Error("nobody is told of the panic")
	}
	got := x.took()
	if len(got["order/B"]) != 1 || len(got["order/C"]) != 1 || o.look(e.ID).Pending != 1 {
		t.Errorf("it got %v", got)
	}
}
