package consent_test

import (
	"errors"
	"sync"
	"testing"

	"waybill/infra/dynamolocal/testtable"
	"waybill/shared/access"
	"waybill/shared/consent"
	"waybill/shared/customer"
	"waybill/shared/event"
	"waybill/shared/ident"
	"waybill/shared/notice"
	"waybill/shared/refusal"
	"waybill/shared/table"
)

var (
	ann = consent.By{Principal: access.Principal{ID: "ann"}}
	yes = true
	no  = false
)

func newKeeper(t *testing.T) (*consent.Keeper, string) {
	t.Helper()
	client, name := testtable.New(t)
	ids := ident.New()
	k := &consent.Keeper{DB: table.New(client, name, ids.Now), IDs: ids}
	c := customer.Customer{ID: ids.ID(), Name: "Claire Gute", Locale: "en", Version: 1, CreatedAt: ids.Now(), UpdatedAt: ids.Now()}
	tx := &table.Tx{}
	tx.NewCustomer(c)
	if err := k.DB.Commit(t.Context(), tx); err != nil {
		t.Fatal(err)
	}
	return k, c.ID
}

func look(t *testing.T, k *consent.Keeper, id string) notice.Preferences {
	t.Helper()
	p, err := k.Look(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestWhoNeverChoseIsToldByEveryWay(t *testing.T) {
	t.Parallel()
	k, id := newKeeper(t)
	if p := look(t, k, id); p != notice.Unchosen(id) || !p.Allow(notice.Email) || !p.Allow(notice.SMS) {
		t.Errorf("%+v", p)
	}
	if _, err := k.Look(t.Context(), k.IDs.ID()); !refusal.Is(err, "not_found") {
		t.Errorf("nobody's preferences: %v", err)
	}
}

func TestEveryChoiceIsAnEventWithoutAHole(t *testing.T) {
	t.Parallel()
	k, id := newKeeper(t)
	linked, err := k.DB.LinkPreferences(t.Context(), id, "token")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := k.Edit(t.Context(), ann, id, consent.Choice{SMS: &no}); err != nil {
		t.Fatal(err)
	}
	if _, err := k.Choose(t.Context(), linked.Token, consent.Choice{Email: &no}); err != nil {
		t.Fatal(err)
	}
	if _, err := k.Choose(t.Context(), linked.Token, consent.Choice{Email: &no}); err != nil { // a mail program asks again
		t.Fatal(err)
	}
	want := notice.Preferences{CustomerID: id, Token: "token", Version: 2}
	if p := look(t, k, id); p != want {
		t.Errorf("they are %+v, want %+v", p, want)
	}
	events, err := k.DB.EventsAfter(t.Context(), event.Subject{Kind: event.Preferences, ID: id}, 0, 10)
	if err != nil || len(events) != 2 || events[0].Actor != "ann" || events[1].Actor != "customer" || events[1].Data["email"] != false {
		t.Errorf("%+v, %v", events, err)
	}
	for _, e := range events {
		for name := range e.Data {
			if name != "email" && name != "sms" {
				t.Errorf("the event tells of %s", name)
			}
		}
	}
}

func TestAVersionThatWasNotSeenChangesNothing(t *testing.T) {
	t.Parallel()
	k, id := newKeeper(t)
	by := ann
	by.Expect = func(version int64) error {
		if version != 7 {
			return refusal.New(refusal.Stale, "stale", "another version")
		}
		return nil
	}
	if _, err := k.Edit(t.Context(), by, id, consent.Choice{SMS: &no}); !refusal.Is(err, "stale") {
		t.Errorf("answered %v", err)
	}
	if p := look(t, k, id); p != notice.Unchosen(id) {
		t.Errorf("they are %+v", p)
	}
}

func TestChoicesAtTheSameTimeAllCountAndThereIsOneLink(t *testing.T) {
	t.Parallel()
	k, id := newKeeper(t)
	tokens := make([]string, 6)
	var wg sync.WaitGroup
	for n := range tokens {
		wg.Go(func() {
			p, err := k.DB.LinkPreferences(t.Context(), id, k.IDs.ID())
			if err != nil {
				t.Error(err)
			}
			tokens[n] = p.Token
		})
	}
	for _, c := range []consent.Choice{{Email: &no}, {SMS: &no}} {
		wg.Go(func() {
			if _, err := k.Edit(t.Context(), ann, id, c); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	p := look(t, k, id)
	if p.Email || p.SMS || p.Version != 2 {
		t.Errorf("they are %+v", p)
	}
	for _, token := range tokens {
		if found, err := k.DB.PreferencesByToken(t.Context(), token); err != nil || token != p.Token || found != p {
			t.Errorf("the link %q leads to %+v, %v; the preferences are %+v", token, found, err, p)
		}
	}
}

func TestALinkThatIsNoneLeadsNowhere(t *testing.T) {
	t.Parallel()
	k, id := newKeeper(t)
	for _, token := range []string{"", "guessed", id} {
		if _, err := k.Choose(t.Context(), token, consent.Choice{Email: &yes}); !refusal.Is(err, "not_found") {
			t.Errorf("%q: %v", token, err)
		}
	}
}

func TestARetryOfAChoiceIsAnsweredAsOne(t *testing.T) {
	t.Parallel()
	k, id := newKeeper(t)
	by := ann
	by.Mark = &table.Mark{Principal: "ann", Operation: "editPreferences", Key: "k1", Hash: "h"}
	if _, err := k.Edit(t.Context(), by, id, consent.Choice{SMS: &no}); err != nil {
		t.Fatal(err)
	}
	_, err := k.Edit(t.Context(), by, id, consent.Choice{SMS: &no})
	if before := (*table.Replay)(nil); !errors.As(err, &before) || before.Ref != id {
		t.Errorf("the retry is answered %v", err)
	}
	if p := look(t, k, id); p.Version != 1 {
		t.Errorf("they are %+v", p)
	}
}
