package feed_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"waybill/infra/dynamolocal/testtable"
	"waybill/shared/access"
	"waybill/shared/event"
	"waybill/shared/feed"
	"waybill/shared/ident"
	"waybill/shared/notice"
	"waybill/shared/order"
	"waybill/shared/refusal"
	"waybill/shared/table"
)

var (
	ann  = access.Principal{ID: "ann", Roles: []access.Role{access.Sales}}
	wes  = access.Principal{ID: "wes", Roles: []access.Role{access.Warehouse}}
	boss = access.Principal{ID: "max", Roles: []access.Role{access.Manager}}
)

func newDesk(t *testing.T) *feed.Desk {
	t.Helper()
	client, name := testtable.New(t)
	ids := ident.New()
	return &feed.Desk{DB: table.New(client, name, ids.Now), IDs: ids}
}

func commit(t *testing.T, d *feed.Desk, compose func(*table.Tx)) {
	t.Helper()
	tx := &table.Tx{}
	compose(tx)
	if err := d.DB.Commit(t.Context(), tx); err != nil {
		t.Fatal(err)
	}
}

// entered is an order of ann's.
func entered(t *testing.T, d *feed.Desk, status order.Status) order.Order {
	t.Helper()
	now := d.IDs.Now()
	o := order.Order{
		ID: d.IDs.ID(), Number: d.IDs.OrderNumber(), Version: 1, Status: status, CustomerID: "C", Owner: "ann", EnteredBy: "ann",
		Currency: "USD", CreatedAt: now, UpdatedAt: now,
	}
	commit(t, d, func(tx *table.Tx) { tx.NewOrder(o) })
	return o
}

// told puts a notification of an order where it belongs.
func told(t *testing.T, d *feed.Desk, orderID string, ch notice.Channel, who notice.Audience, to string) notice.Notice {
	t.Helper()
	n := notice.Notice{
		ID: d.IDs.ID(), Subject: event.Subject{Kind: event.Order, ID: orderID}, Event: d.IDs.ID(), Seq: 1, Type: event.OrderConfirmed,
		Words: "w", Channel: ch, Audience: who, To: to, At: d.IDs.Now(), Place: d.IDs.ID(), Title: map[string]string{"en": "Confirmed"},
	}
	n.Arrive(d.IDs.Now())
	commit(t, d, func(tx *table.Tx) { tx.SaveNotice(n, 0) })
	return n
}

func TestSomebodyReadsWhatConcernsThemAndNothingElse(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	o := entered(t, d, order.Confirmed)
	mine := told(t, d, o.ID, notice.App, notice.Owner, "ann")
	ours := told(t, d, o.ID, notice.App, notice.Warehouse, "warehouse")
	for _, c := range []struct {
		who  access.Principal
		want []string
	}{
		{ann, []string{mine.Place}}, {wes, []string{ours.Place}}, {boss, nil}, {access.Principal{ID: "warehouse"}, nil},
		{access.Principal{ID: "ann", Scopes: []access.Permission{access.NoticesRead}}, []string{mine.Place}},
	} {
		l, unread, err := d.List(t.Context(), c.who, table.Page{Limit: 10})
		if err != nil || unread != int64(len(c.want)) || len(l.Items) != len(c.want) {
			t.Errorf("%s reads %d lines, %d unread, %v", c.who.ID, len(l.Items), unread, err)
			continue
		}
		for n, line := range l.Items {
			if line.Place != c.want[n] || line.Read || line.OrderID() != o.ID || line.Title["en"] != "Confirmed" {
				t.Errorf("%s reads %+v", c.who.ID, line)
			}
		}
	}
}

func TestReadingIsEverybodysOwnAndRepeatable(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	o := entered(t, d, order.Confirmed)
	var lines []notice.Notice
	for range 5 {
		lines = append(lines, told(t, d, o.ID, notice.App, notice.Warehouse, "warehouse"))
	}
	by := feed.By{Principal: wes, Mark: &table.Mark{Principal: "wes", Operation: "readNotifications", Key: "k", Hash: "h"}}
	if unread, err := d.Read(t.Context(), by, "", []string{lines[3].Place}); err != nil || unread != 4 {
		t.Errorf("%d unread, %v", unread, err)
	}
	var before *table.Replay
	if _, err := d.Read(t.Context(), by, "", []string{lines[3].Place}); !errors.As(err, &before) {
		t.Errorf("a retry is answered %v", err)
	}
	var wg sync.WaitGroup
	for _, n := range lines[:3] {
		wg.Go(func() {
			if _, err := d.Read(t.Context(), feed.By{Principal: wes}, "", []string{n.Place}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if unread, err := d.Unread(t.Context(), wes); err != nil || unread != 1 {
		t.Errorf("%d unread after four were read, some at the same time, %v", unread, err)
	}
	other := access.Principal{ID: "walt", Roles: wes.Roles}
	if unread, err := d.Unread(t.Context(), other); err != nil || unread != 5 {
		t.Errorf("%d unread for who read nothing, %v", unread, err)
	}
}

func TestWhatIsToComeCanNotBeRead(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	for _, upTo := range []string{d.IDs.IDAt(d.IDs.Now().Add(time.Hour)), "7ZZZZZZZZZZZZZZZZZZZZZZZZZ"} {
		if _, err := d.Read(t.Context(), feed.By{Principal: wes}, upTo, nil); !refusal.Is(err, "rejected") {
			t.Errorf("up to %s: %v", upTo, err)
		}
		if _, err := d.Read(t.Context(), feed.By{Principal: wes}, "", []string{upTo}); !refusal.Is(err, "rejected") {
			t.Errorf("%s: %v", upTo, err)
		}
	}
	if r, err := d.DB.Reading(t.Context(), "wes"); err != nil || r.Version != 0 {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestUnreadIsCountedUpToAHundred(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	o := entered(t, d, order.Confirmed)
	for range 104 {
		told(t, d, o.ID, notice.App, notice.Warehouse, "warehouse")
	}
	if unread, err := d.Unread(t.Context(), wes); err != nil || unread != 100 {
		t.Errorf("%d unread, %v", unread, err)
	}
}

func TestAnOrdersMessagesAreForThoseWhoSeeTheOrder(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	draft, placed := entered(t, d, order.Draft), entered(t, d, order.Confirmed)
	for _, o := range []order.Order{draft, placed} {
		told(t, d, o.ID, notice.Email, notice.Customer, "claire@example.com")
		told(t, d, o.ID, notice.App, notice.Owner, "ann")
	}
	for _, c := range []struct {
		who   access.Principal
		order order.Order
		seen  bool
	}{
		{ann, draft, true}, {boss, draft, true}, {wes, draft, false}, {wes, placed, true},
		{access.Principal{ID: "bea", Roles: []access.Role{access.Sales}}, placed, false},
	} {
		l, err := d.OfOrder(t.Context(), c.who, c.order.ID, table.Page{Limit: 10})
		if c.seen && (err != nil || len(l.Items) != 1 || l.Items[0].Channel != notice.Email) || !c.seen && !refusal.Is(err, "not_found") {
			t.Errorf("%s sees %+v of the %s order, %v", c.who.ID, l.Items, c.order.Status, err)
		}
	}
}
