package tracking_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"waybill/infra/dynamolocal"
	"waybill/infra/dynamolocal/testtable"
	"waybill/infra/fault"
	"waybill/shared/access"
	"waybill/shared/customer"
	"waybill/shared/event"
	"waybill/shared/fulfilment"
	"waybill/shared/ident"
	"waybill/shared/order"
	"waybill/shared/ordering"
	"waybill/shared/product"
	"waybill/shared/refusal"
	"waybill/shared/stock"
	"waybill/shared/table"
	"waybill/shared/tracking"
)

var (
	manager   = table.By{Principal: access.Principal{ID: "max", Roles: []access.Role{access.Manager}}}
	sales     = table.By{Principal: access.Principal{ID: "ann", Roles: []access.Role{access.Sales}}}
	stranger  = table.By{Principal: access.Principal{ID: "sam", Roles: []access.Role{access.Sales}}}
	warehouse = table.By{Principal: access.Principal{ID: "wanda", Roles: []access.Role{access.Warehouse}}}
	fulfiller = table.By{Principal: access.Principal{ID: "robot", Scopes: []access.Permission{access.OrdersRead, access.OrdersWrite, access.OrdersAll}}}
)

// A shop has one customer with one order, at a window whose calls of the table are counted.
type shop struct {
	*tracking.Window
	t      testing.TB
	desk   *ordering.Desk
	dock   *fulfilment.Dock
	client *dynamodb.Client
	table  string
	order  order.Order

	mu    sync.Mutex
	calls []string
}

func newShop(t testing.TB) *shop {
	t.Helper()
	client, name := testtable.New(t)
	noon := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	ids := ident.At(func() time.Time { return noon })
	db := table.New(client, name, ids.Now)
	s := &shop{t: t, desk: &ordering.Desk{DB: db, IDs: ids}, dock: &fulfilment.Dock{DB: db, IDs: ids}, client: client, table: name}
	counted := testtable.Client(t, &fault.Transport{Next: dynamolocal.NewTransport(), Decide: func(operation string) fault.Mode {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.calls = append(s.calls, operation)
		return fault.None
	}})
	s.Window = &tracking.Window{DB: table.New(counted, name, ids.Now), IDs: ids}
	buyer := ids.ID()
	tx := &table.Tx{}
	tx.NewCustomer(customer.Customer{
		ID: buyer, Name: "Claire Gute", Email: "claire@example.com", Phone: "+13105550100", Locale: "zh-CN", TimeZone: "Asia/Shanghai", Owner: "ann",
		Terms: customer.Terms{Kind: customer.Net, Days: 30}, Version: 1, CreatedAt: noon, UpdatedAt: noon,
		Shipping: &customer.Address{Name: "Claire Gute", Line1: "1 Secret Street", City: "Henderson", PostalCode: "42420", Phone: "+13105550100"},
	})
	tx.NewProduct(product.Product{
		SKU: "MUG", Name: "Mug", Names: map[string]string{"zh": "马克杯"}, Unit: "pcs", Prices: map[string]int64{"USD": 1000}, Active: true,
		ListID: ids.ID(), Version: 1, CreatedAt: noon, UpdatedAt: noon,
	})
	tx.Move(stock.Change{Place: stock.Place{SKU: "MUG", Location: "MAIN"}, OnHand: 100}, 0, nil)
	if err := db.Commit(t.Context(), tx); err != nil {
		t.Fatal(err)
	}
	var err error
	s.order, err = s.desk.Place(t.Context(), manager, ordering.New{
		CustomerID: buyer, Currency: "USD", Confirm: true, Wishes: []order.Wish{{SKU: "MUG", Quantity: 3}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// counting returns the calls of the table that do makes.
func (s *shop) counting(do func()) []string {
	s.mu.Lock()
	s.calls = nil
	s.mu.Unlock()
	do()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls
}

// items are the table's items of one partition, or whose partition begins with a prefix.
func (s *shop) items(prefix string) []map[string]types.AttributeValue {
	s.t.Helper()
	out, err := s.client.Scan(s.t.Context(), &dynamodb.ScanInput{TableName: &s.table})
	if err != nil {
		s.t.Fatal(err)
	}
	return slices.DeleteFunc(out.Items, func(i map[string]types.AttributeValue) bool {
		return !strings.HasPrefix(i["pk"].(*types.AttributeValueMemberS).Value, prefix)
	})
}

// happened are the events of the order's link, the oldest first.
func (s *shop) happened() []string {
	s.t.Helper()
	var out []string
	for _, i := range s.items("EVENTS#" + string(event.Tracking) + "/") {
		out = append(out, fmt.Sprintf("%s %s", i["sk"].(*types.AttributeValueMemberS).Value, i["type"].(*types.AttributeValueMemberS).Value))
	}
	slices.Sort(out)
	return out
}

func (s *shop) ensure() string {
	s.t.Helper()
	token, err := s.Ensure(s.t.Context(), s.order.ID)
	if err != nil {
		s.t.Fatal(err)
	}
	return token
}

func TestATokenIsDrawnFairly(t *testing.T) {
	s := newShop(t)
	// 248 to 255 would favour the first symbols; 247 is the last symbol, 62 the first again.
	drawn := bytes.Repeat([]byte{255, 248, 247, 62}, 16)
	s.IDs.Random = bytes.NewReader(append(drawn, bytes.Repeat([]byte{1}, 64)...))
	if token := s.ensure(); token != strings.Repeat("z0", 8) {
		t.Errorf("of bytes that are no symbol came %s", token)
	}
	form := regexp.MustCompile(`^[0-9A-Za-z]{16}$`)
	s.IDs = ident.At(s.IDs.Now)
	for range 50 {
		l, err := s.Renew(t.Context(), manager, s.order.ID)
		if err != nil || !form.MatchString(l.Token) {
			t.Fatalf("%q, %v", l.Token, err)
		}
	}
}

func TestWithoutRandomnessThereIsNoLink(t *testing.T) {
	s := newShop(t)
	s.IDs.Random = iotest.ErrReader(errors.New("no entropy"))
	if token, err := s.Ensure(t.Context(), s.order.ID); err == nil || token != "" {
		t.Errorf("%q, %v", token, err)
	}
	if rest := s.items("TRACK#"); len(rest) != 0 {
		t.Errorf("a link was made: %v", rest)
	}
}

func TestOfManyWhoEnsureALinkAllGetTheSame(t *testing.T) {
	s := newShop(t)
	const many = 20
	tokens := make([]string, many)
	errs := make([]error, many)
	var wg sync.WaitGroup
	for i := range many {
		wg.Go(func() { tokens[i], errs[i] = s.Ensure(context.Background(), s.order.ID) })
	}
	wg.Wait()
	for i := range many {
		if errs[i] != nil || tokens[i] != tokens[0] || len(tokens[i]) != 16 {
			t.Errorf("%d: %q, %v", i, tokens[i], errs[i])
		}
	}
	if n := len(s.items("TRACK#")); n != 1 {
		t.Errorf("%d links lead to the order", n)
	}
	if got := s.happened(); !slices.Equal(got, []string{"EVENT#0000000001 tracking.made"}) {
		t.Errorf("events %v", got)
	}
}

func TestATokenIsNowhereInItsPointersKey(t *testing.T) {
	s := newShop(t)
	token := s.ensure()
	for _, i := range s.items("TRACK#") {
		if pk := i["pk"].(*types.AttributeValueMemberS).Value; strings.Contains(pk, token) || len(pk) != len("TRACK#")+64 {
			t.Errorf("the key is %s", pk)
		}
	}
}

func TestARenewedLinkEndsTheOneBefore(t *testing.T) {
	s := newShop(t)
	old := s.ensure()
	l, err := s.Renew(t.Context(), sales, s.order.ID)
	if err != nil || l.Token == old || l.Version != 2 {
		t.Fatalf("%+v, %v", l, err)
	}
	if _, err := s.Look(t.Context(), old); !refusal.Is(err, "not_found") {
		t.Errorf("the old link: %v", err)
	}
	if g, err := s.Look(t.Context(), l.Token); err != nil || g.Order.ID != s.order.ID || g.Link != 2 {
		t.Errorf("the new link: %+v, %v", g, err)
	}
	if again := s.ensure(); again != l.Token {
		t.Errorf("messages lead to %q, not %q", again, l.Token)
	}
	if got := s.happened(); !slices.Equal(got, []string{"EVENT#0000000001 tracking.made", "EVENT#0000000002 tracking.made"}) {
		t.Errorf("events %v", got)
	}
}

func TestOfManyRenewalsOneLinkStays(t *testing.T) {
	s := newShop(t)
	const many = 8
	var wg sync.WaitGroup
	for range many {
		wg.Go(func() {
			if _, err := s.Renew(context.Background(), manager, s.order.ID); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	l, err := s.Link(t.Context(), manager.Principal, s.order.ID)
	if err != nil || l.Version != many {
		t.Errorf("%+v, %v", l, err)
	}
	if left := s.items("TRACK#"); len(left) != 1 {
		t.Errorf("%d links lead to the order", len(left))
	}
	if _, err := s.Look(t.Context(), l.Token); err != nil {
		t.Errorf("the one that stays leads nowhere: %v", err)
	}
	if got := s.happened(); len(got) != many {
		t.Errorf("%d events of %d links", len(got), many)
	}
}

func TestARenewalThatSawAnotherLinkChangesNothing(t *testing.T) {
	s := newShop(t)
	token := s.ensure()
	by := manager
	by.Expect = func(version int64) error {
		if version != 7 {
			return refusal.New(refusal.Stale, "stale", "not that")
		}
		return nil
	}
	if _, err := s.Renew(t.Context(), by, s.order.ID); !refusal.Is(err, "stale") {
		t.Errorf("%v", err)
	}
	if again := s.ensure(); again != token {
		t.Errorf("the link became %s", again)
	}
}

func TestARetriedRenewalMakesNoSecondLink(t *testing.T) {
	s := newShop(t)
	by := manager
	by.Mark = &table.Mark{Principal: "max", Operation: "renewTracking", Key: "k", Hash: "h"}
	first, err := s.Renew(t.Context(), by, s.order.ID)
	if err != nil {
		t.Fatal(err)
	}
	var before *table.Replay
	if _, err := s.Renew(t.Context(), by, s.order.ID); !errors.As(err, &before) || before.Ref != s.order.ID {
		t.Errorf("%v", err)
	}
	if l, err := s.Link(t.Context(), manager.Principal, s.order.ID); err != nil || l != first {
		t.Errorf("%+v, %v; want %+v", l, err, first)
	}
}

func TestARevokedLinkIsNotMadeAgainByItself(t *testing.T) {
	s := newShop(t)
	token := s.ensure()
	for range 2 { // the second time there is nothing left to do
		if err := s.Revoke(t.Context(), sales.Principal, s.order.ID); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Look(t.Context(), token); !refusal.Is(err, "not_found") {
		t.Errorf("the link: %v", err)
	}
	if again := s.ensure(); again != "" {
		t.Errorf("a message made the link %s", again)
	}
	if _, err := s.Link(t.Context(), sales.Principal, s.order.ID); !refusal.Is(err, "not_tracked") {
		t.Errorf("the staff sees %v", err)
	}
	if left := s.items("TRACK#"); len(left) != 0 {
		t.Errorf("%d links lead to the order", len(left))
	}
	if got := s.happened(); !slices.Equal(got, []string{"EVENT#0000000001 tracking.made", "EVENT#0000000002 tracking.revoked"}) {
		t.Errorf("events %v", got)
	}
	l, err := s.Renew(t.Context(), sales, s.order.ID)
	if err != nil || l.Version != 3 {
		t.Fatalf("a person makes another: %+v, %v", l, err)
	}
	if _, err := s.Look(t.Context(), l.Token); err != nil {
		t.Errorf("it leads nowhere: %v", err)
	}
}

func TestALinkThatNeverWasCanBeForbidden(t *testing.T) {
	s := newShop(t)
	if err := s.Revoke(t.Context(), manager.Principal, s.order.ID); err != nil {
		t.Fatal(err)
	}
	if token := s.ensure(); token != "" {
		t.Errorf("a message made the link %s", token)
	}
}

func TestEveryTokenThatLeadsNowhereIsRefusedAlike(t *testing.T) {
	s := newShop(t)
	revoked := s.ensure()
	live, err := s.Renew(t.Context(), manager, s.order.ID)
	if err != nil {
		t.Fatal(err)
	}
	var first string
	for name, token := range map[string]string{
		"of before": revoked, "guessed": "AAAAAAAAAAAAAAAA", "nearly right": live.Token[:15] + "!", "too short": "a", "too long": strings.Repeat("a", 200),
		"a key": "TRACK#x", "no text": "\x00\xff", "the order's id": s.order.ID, "its number": s.order.Number,
	} {
		var err error
		calls := s.counting(func() { _, err = s.Look(t.Context(), token) })
		var refused *refusal.Error
		if !errors.As(err, &refused) || refused.Kind != refusal.NotFound || strings.Contains(refused.Error(), token) && len(token) > 1 {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if first == "" {
			first = refused.Error()
		}
		if refused.Error() != first {
			t.Errorf("%s: %q, others %q", name, refused.Error(), first)
		}
		if !slices.Equal(calls, []string{"GetItem"}) {
			t.Errorf("%s: the table was asked %v", name, calls)
		}
	}
}

func TestAGlanceIsTwoReads(t *testing.T) {
	s := newShop(t)
	token := s.ensure()
	var err error
	calls := s.counting(func() { _, err = s.Look(t.Context(), token) })
	if err != nil || !slices.Equal(calls, []string{"GetItem", "GetItem"}) {
		t.Errorf("%v, %v", calls, err)
	}
}

func TestOnlyWhoseOrderItIsHandlesItsLink(t *testing.T) {
	s := newShop(t)
	token := s.ensure()
	for name, c := range map[string]struct {
		by   table.By
		code string
	}{"a stranger": {stranger, "not_found"}, "the warehouse": {warehouse, "not_found"}, "who sees no prices": {fulfiller, "forbidden"}} {
		_, seen := s.Link(t.Context(), c.by.Principal, s.order.ID)
		_, renewed := s.Renew(t.Context(), c.by, s.order.ID)
		for what, err := range map[string]error{"sees": seen, "renews": renewed, "revokes": s.Revoke(t.Context(), c.by.Principal, s.order.ID)} {
			if !refusal.Is(err, c.code) {
				t.Errorf("%s %s it: %v", name, what, err)
			}
		}
	}
	if l, err := s.Link(t.Context(), sales.Principal, s.order.ID); err != nil || l.Token != token || l.Version != 1 {
		t.Errorf("its salesperson: %+v, %v", l, err)
	}
	if _, err := s.Link(t.Context(), manager.Principal, "01KAQ3V7Z8M4T6W2Y9X1C5B3N7"); !refusal.Is(err, "not_found") {
		t.Errorf("of an order that is not there: %v", err)
	}
}

func TestACustomerSeesTheOrderInTheirLanguage(t *testing.T) {
	s := newShop(t)
	token := s.ensure()
	if _, err := s.dock.Ship(t.Context(), manager, s.order.ID, fulfilment.New{
		Picks: []order.Pick{{SKU: "MUG", Quantity: 2}}, Carrier: "DHL", TrackingNumber: "0034",
	}); err != nil {
		t.Fatal(err)
	}
	undone, err := s.dock.Ship(t.Context(), manager, s.order.ID, fulfilment.New{Picks: []order.Pick{{SKU: "MUG", Quantity: 1}}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.dock.Undo(t.Context(), manager, undone.ID, "mistake"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.desk.Hold(t.Context(), manager, s.order.ID, "A secret reason"); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ language, first, line string }{{"", "有发货已撤回", "马克杯"}, {"en", "A shipment was called back", "Mug"}} {
		g, err := s.Look(t.Context(), token)
		if err != nil {
			t.Fatal(err)
		}
		v, err := s.Show(t.Context(), g, c.language)
		if err != nil {
			t.Fatal(err)
		}
		if v.FirstName != "Claire" || v.City != "Henderson" || v.Zone.String() != "Asia/Shanghai" || v.ToPay != 3000 || v.Payable != 3000 {
			t.Errorf("%+v", v)
		}
		if len(v.Lines) != 1 || v.Lines[0] != (tracking.Line{Name: c.line, Quantity: 3, Shipped: 2}) {
			t.Errorf("lines %+v", v.Lines)
		}
		if len(v.Shipments) != 1 || v.Shipments[0].TrackingNumber != "0034" || !strings.Contains(v.Shipments[0].TrackingURL, "0034") {
			t.Errorf("shipments %+v", v.Shipments)
		}
		if len(v.Timeline) != 4 || v.Timeline[0].Text != c.first {
			t.Errorf("timeline %+v", v.Timeline)
		}
		if all := fmt.Sprintf("%+v", v); strings.Contains(all, "Gute") || strings.Contains(all, "Secret Street") || strings.Contains(all, "A secret reason") {
			t.Errorf("the view says too much: %s", all)
		}
	}
}

func TestNothingIsPayableThatIsNotOwed(t *testing.T) {
	s := newShop(t)
	draft, err := s.desk.Place(t.Context(), manager, ordering.New{CustomerID: s.order.CustomerID, Currency: "USD", Wishes: []order.Wish{{SKU: "MUG", Quantity: 1}}})
	if err != nil {
		t.Fatal(err)
	}
	cancelled, err := s.desk.Cancel(t.Context(), manager, s.order.ID, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range []order.Order{draft, cancelled} {
		if v, err := s.Show(t.Context(), tracking.Glance{Link: 1, Order: o}, "en"); err != nil || v.Payable != 0 {
			t.Errorf("%s: %d, %v", o.Status, v.Payable, err)
		}
	}
}
