package warehouse_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"waybill/infra/dynamolocal/testtable"
	"waybill/shared/access"
	"waybill/shared/customer"
	"waybill/shared/event"
	"waybill/shared/ident"
	"waybill/shared/order"
	"waybill/shared/ordering"
	"waybill/shared/product"
	"waybill/shared/refusal"
	"waybill/shared/stock"
	"waybill/shared/table"
	"waybill/shared/warehouse"
)

var manager = access.Principal{ID: "max", Roles: []access.Role{access.Manager}}

// hall is a floor with two locations and a desk that sells from it, on a table of the test's own.
type hall struct {
	*warehouse.Floor
	t      testing.TB
	desk   *ordering.Desk
	client *dynamodb.Client
	table  string
	buyer  string
}

func newHall(t testing.TB, skus ...string) hall {
	t.Helper()
	client, name := testtable.New(t)
	ids := ident.New()
	db := table.New(client, name, ids.Now)
	noPause := func(context.Context, time.Duration) error { return nil }
	h := hall{&warehouse.Floor{DB: db, IDs: ids, Pause: noPause}, t, &ordering.Desk{DB: db, IDs: ids}, client, name, ids.ID()}
	tx := &table.Tx{}
	tx.NewCustomer(customer.Customer{ID: h.buyer, Name: "Claire Gute", Locale: "en", Version: 1, CreatedAt: ids.Now(), UpdatedAt: ids.Now()})
	tx.SaveLocations(table.Locations{List: []stock.Location{
		{Code: "MAIN", Name: "Main", Priority: 1, Version: 1}, {Code: "EAST", Name: "East", Priority: 2, Version: 1},
	}}, 0)
	for _, sku := range skus {
		tx.NewProduct(product.Product{
			SKU: sku, Name: sku, Unit: "pcs", Prices: map[string]int64{"USD": 1000}, Active: true,
			ListID: ids.ID(), Version: 1, CreatedAt: ids.Now(), UpdatedAt: ids.Now(),
		})
	}
	if err := db.Commit(t.Context(), tx); err != nil {
		t.Fatal(err)
	}
	return h
}

func receipt(sku string, n, cost int64) stock.Movement {
	return stock.Movement{Kind: stock.Receive, Place: stock.Place{SKU: sku, Location: "MAIN"}, Quantity: n, UnitCost: &cost}
}

func adjustment(sku string, n int64) stock.Movement {
	return stock.Movement{Kind: stock.Adjust, Place: stock.Place{SKU: sku, Location: "MAIN"}, Quantity: n, Reason: "count"}
}

func transfer(sku string, n int64) stock.Movement {
	return stock.Movement{Kind: stock.Transfer, Place: stock.Place{SKU: sku, Location: "MAIN"}, Quantity: n, ToLocation: "EAST"}
}

func (h hall) try(m stock.Movement, release bool) error {
	_, err := h.Move(h.t.Context(), warehouse.By{Principal: manager}, m, release)
	return err
}

func (h hall) move(m stock.Movement, release bool) {
	h.t.Helper()
	if err := h.try(m, release); err != nil {
		h.t.Fatal(err)
	}
}

func (h hall) sell(sku string, n int64) order.Order {
	h.t.Helper()
	o, err := h.desk.Place(h.t.Context(), ordering.By{Principal: manager}, ordering.New{
		CustomerID: h.buyer, Currency: "USD", Confirm: true, Wishes: []order.Wish{{SKU: sku, Quantity: n}},
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return o
}

func (h hall) item(sku, location string) stock.Item {
	h.t.Helper()
	p := stock.Place{SKU: sku, Location: location}
	items, err := h.DB.Stock(h.t.Context(), []stock.Place{p})
	if err != nil {
		h.t.Fatal(err)
	}
	return items[p]
}

func (h hall) wantItem(sku, location string, onHand, reserved, value int64) {
	h.t.Helper()
	if i := h.item(sku, location); i.OnHand != onHand || i.Reserved != reserved || i.Available != onHand-reserved || i.Value != value {
		h.t.Errorf("%+v, want %d on hand, %d reserved, worth %d", i, onHand, reserved, value)
	}
}

// wantOrder compares what is stored of an order of one line.
func (h hall) wantOrder(o order.Order, version, reserved, waiting int64, hold string) {
	h.t.Helper()
	got, err := h.DB.Order(h.t.Context(), o.ID)
	if err != nil {
		h.t.Fatal(err)
	}
	if l := got.Lines[0]; got.Version != version || l.Reserved() != reserved || l.Backordered != waiting || got.HoldReason != hold || got.OnHold != (hold != "") {
		h.t.Errorf("order is %+v, want version %d, %d reserved, %d waiting, hold %q", got, version, reserved, waiting, hold)
	}
}

func (h hall) wantMovements(sku string, n int) {
	h.t.Helper()
	l, err := h.DB.Movements(h.t.Context(), sku, table.Page{Limit: 100})
	if err != nil || len(l.Items) != n {
		h.t.Errorf("%d movements, %v; want %d", len(l.Items), err, n)
	}
}

// drift is what the proof finds, in a fixed order.
func (h hall) drift() []warehouse.Drift {
	h.t.Helper()
	p, err := h.Prove(h.t.Context())
	if err != nil || !p.Complete || p.Unsettled != 0 {
		h.t.Fatalf("proof: %+v, %v", p, err)
	}
	slices.SortFunc(p.Drift, func(a, b warehouse.Drift) int {
		return slices.Compare([]string{a.SKU, a.Location, a.Field}, []string{b.SKU, b.Location, b.Field})
	})
	return p.Drift
}

func (h hall) wantNoDrift() {
	h.t.Helper()
	if d := h.drift(); len(d) > 0 {
		h.t.Errorf("drift: %+v", d)
	}
}

func wantCode(t testing.TB, err error, code string) *refusal.Error {
	t.Helper()
	var refused *refusal.Error
	if !errors.As(err, &refused) || refused.Code != code {
		t.Fatalf("got %v, want %s", err, code)
	}
	return refused
}

func TestAnAdjustmentBelowWhatIsReservedNamesTheNewestOrders(t *testing.T) {
	t.Parallel()
	h := newHall(t, "MUG", "CUP")
	h.move(receipt("MUG", 30, 800), false)
	h.move(receipt("CUP", 5, 100), false)
	var newest []string
	for range 22 {
		newest = append([]string{h.sell("MUG", 1).Number}, newest...)
	}
	h.sell("CUP", 1) // newer, and holds none of it
	refused := wantCode(t, h.try(adjustment("MUG", -10), false), "insufficient_stock")
	if first := refused.Items[0]; first.SKU != "MUG" || *first.Available != 8 {
		t.Errorf("first is named %+v", first)
	}
	var named []string
	for _, i := range refused.Items[1:] {
		named = append(named, i.Order)
	}
	if !slices.Equal(named, newest[:20]) {
		t.Errorf("named are %v, want %v", named, newest[:20])
	}
	h.wantItem("MUG", "MAIN", 30, 22, 24_000)
	h.wantMovements("MUG", 1)
	h.move(adjustment("MUG", -8), false)
	h.wantItem("MUG", "MAIN", 22, 22, 17_600)
	h.wantNoDrift()
}

func TestTheNewestOrdersGiveWayAtOnce(t *testing.T) {
	t.Parallel()
	h := newHall(t, "MUG")
	h.move(receipt("MUG", 9, 800), false)
	oldest, middle, newest := h.sell("MUG", 2), h.sell("MUG", 3), h.sell("MUG", 4)
	before := h.item("MUG", "MAIN")
	h.move(adjustment("MUG", -5), true)
	h.wantItem("MUG", "MAIN", 4, 4, 3200)
	if i := h.item("MUG", "MAIN"); i.Version != before.Version+1 {
		t.Errorf("the stock item was written %d times", i.Version-before.Version)
	}
	h.wantOrder(oldest, 1, 2, 0, "")
	h.wantOrder(middle, 2, 2, 1, order.HoldStock)
	h.wantOrder(newest, 2, 0, 4, order.HoldStock)
	h.wantMovements("MUG", 2)
	for _, o := range []order.Order{middle, newest} {
		l, err := h.DB.Timeline(t.Context(), o.ID, table.Page{Limit: 10})
		if err != nil || len(l.Items) != 2 || l.Items[0].Type != event.OrderHeld || l.Items[0].Actor != "max" {
			t.Errorf("timeline: %+v, %v", l.Items, err)
		}
	}
	h.wantNoDrift()

	// Who gave way goes on when its goods are there again, and not before.
	by := ordering.By{Principal: manager}
	_, err := h.desk.Release(t.Context(), by, middle.ID)
	wantCode(t, err, "insufficient_stock")
	h.wantOrder(middle, 2, 2, 1, order.HoldStock)
	h.move(receipt("MUG", 1, 800), false)
	if _, err := h.desk.Release(t.Context(), by, middle.ID); err != nil {
		t.Fatal(err)
	}
	h.wantOrder(middle, 3, 3, 0, "")
	h.wantNoDrift()
}

func TestAnOrderThatGaveWayWhileItWasHeldTakesItsStockAgain(t *testing.T) {
	t.Parallel()
	h := newHall(t, "MUG")
	h.move(receipt("MUG", 5, 800), false)
	o, by := h.sell("MUG", 3), ordering.By{Principal: manager}
	if _, err := h.desk.Hold(t.Context(), by, o.ID, "fraud check"); err != nil {
		t.Fatal(err)
	}
	h.move(adjustment("MUG", -4), true)
	h.wantOrder(o, 3, 1, 2, "fraud check")
	_, err := h.desk.Release(t.Context(), by, o.ID)
	wantCode(t, err, "insufficient_stock")
	h.wantOrder(o, 3, 1, 2, "fraud check")
	h.move(receipt("MUG", 2, 800), false)
	if _, err := h.desk.Release(t.Context(), by, o.ID); err != nil {
		t.Fatal(err)
	}
	h.wantOrder(o, 4, 3, 0, "")
	h.wantNoDrift()
}

func TestNobodyGivesWayToWhatIsNotThere(t *testing.T) {
	t.Parallel()
	h := newHall(t, "MUG")
	h.move(receipt("MUG", 5, 800), false)
	o := h.sell("MUG", 3)
	wantCode(t, h.try(adjustment("MUG", -6), true), "insufficient_stock")
	wantCode(t, h.try(transfer("MUG", 3), true), "rejected") // only an adjustment makes anybody give way
	h.wantOrder(o, 1, 3, 0, "")
	h.wantItem("MUG", "MAIN", 5, 3, 4000)
	h.wantMovements("MUG", 1)
}

func TestAtMostThirtyTwoOrdersGiveWay(t *testing.T) {
	t.Parallel()
	h := newHall(t, "MUG")
	h.move(receipt("MUG", 33, 100), false)
	oldest := h.sell("MUG", 1)
	for range 32 {
		h.sell("MUG", 1)
	}
	wantCode(t, h.try(adjustment("MUG", -33), true), "too_many_items")
	h.wantItem("MUG", "MAIN", 33, 33, 3300)
	h.wantMovements("MUG", 1)
	h.move(adjustment("MUG", -32), true)
	h.wantItem("MUG", "MAIN", 1, 1, 100)
	h.wantOrder(oldest, 1, 1, 0, "")
	h.wantNoDrift()
}

func TestATransferTakesOnlyWhatIsFreeAndItsCostAlong(t *testing.T) {
	t.Parallel()
	h := newHall(t, "MUG")
	h.move(receipt("MUG", 4, 800), false)
	h.move(receipt("MUG", 1, 1000), false) // worth 42.00, 8.40 each
	o := h.sell("MUG", 3)
	refused := wantCode(t, h.try(transfer("MUG", 3), false), "insufficient_stock")
	if *refused.Items[0].Available != 2 || refused.Items[1].Order != o.Number {
		t.Errorf("refused: %+v", refused.Items)
	}
	h.move(transfer("MUG", 2), false)
	h.wantItem("MUG", "MAIN", 3, 3, 2520)
	h.wantItem("MUG", "EAST", 2, 0, 1680)
	h.wantNoDrift()
}

func TestUnknownProductsAndPlacesAreNamed(t *testing.T) {
	t.Parallel()
	h := newHall(t, "MUG")
	m := transfer("NONE", 1)
	m.Location, m.ToLocation = "MOON", "MARS"
	refused := wantCode(t, h.try(m, false), "rejected")
	var fields []string
	for _, i := range refused.Items {
		fields = append(fields, i.Field+" "+i.Code)
	}
	slices.Sort(fields)
	if want := []string{"location unknown_location", "sku unknown_sku", "to_location unknown_location"}; !slices.Equal(fields, want) {
		t.Errorf("refused: %v", fields)
	}
	h.wantMovements("NONE", 0)
}

func TestTheValueIsTheSumOfTheMovementsUnderConcurrency(t *testing.T) {
	t.Parallel()
	h := newHall(t, "MUG")
	h.move(receipt("MUG", 100, 777), false)
	var wg sync.WaitGroup
	for w := range int64(16) {
		wg.Go(func() {
			for _, m := range []stock.Movement{receipt("MUG", 1+w, 500+7*w), adjustment("MUG", -1-w%5), transfer("MUG", 1+w%3)} {
				// Whoever others kept from it is told so; what was done counts.
				if err := h.try(m, false); err != nil && !refusal.Is(err, "busy") {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	ledger, err := h.DB.Ledger(t.Context(), "MUG")
	if err != nil {
		t.Fatal(err)
	}
	onHand, value := map[string]int64{}, map[string]int64{}
	for _, m := range ledger.Movements {
		for _, c := range m.Changes() {
			onHand[c.Location] += c.OnHand
			value[c.Location] += c.Value
		}
	}
	if len(ledger.Movements) < 16 {
		t.Errorf("only %d movements", len(ledger.Movements))
	}
	h.wantItem("MUG", "MAIN", onHand["MAIN"], 0, value["MAIN"])
	h.wantItem("MUG", "EAST", onHand["EAST"], 0, value["EAST"])
	h.wantNoDrift()
}

// plant changes a number of an item behind everybody's back; #lines is an order's lines.
func (h hall) plant(pk, sk, path string, n int64) {
	h.t.Helper()
	var names map[string]string
	if strings.HasPrefix(path, "#lines") {
		names = map[string]string{"#lines": "lines"}
	}
	_, err := h.client.UpdateItem(h.t.Context(), &dynamodb.UpdateItemInput{
		TableName:                 &h.table,
		Key:                       map[string]types.AttributeValue{"pk": &types.AttributeValueMemberS{Value: pk}, "sk": &types.AttributeValueMemberS{Value: sk}},
		UpdateExpression:          aws.String("SET " + path + " = " + path + " + :n"),
		ExpressionAttributeNames:  names,
		ExpressionAttributeValues: map[string]types.AttributeValue{":n": &types.AttributeValueMemberN{Value: fmt.Sprint(n)}},
	})
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h hall) lose(pk, sk string) {
	h.t.Helper()
	_, err := h.client.DeleteItem(h.t.Context(), &dynamodb.DeleteItemInput{
		TableName: &h.table,
		Key:       map[string]types.AttributeValue{"pk": &types.AttributeValueMemberS{Value: pk}, "sk": &types.AttributeValueMemberS{Value: sk}},
	})
	if err != nil {
		h.t.Fatal(err)
	}
}

func TestTheProofNamesEachDriftAndNothingElse(t *testing.T) {
	t.Parallel()
	const pk, sk = "STOCK#MUG", "LOCATION#MAIN"
	at := func(field string, expected, found int64) warehouse.Drift {
		return warehouse.Drift{SKU: "MUG", Location: "MAIN", Field: field, Expected: expected, Found: found}
	}
	for _, c := range []struct {
		name  string
		plant func(h hall, o order.Order)
		want  []warehouse.Drift
	}{
		{"nothing", func(hall, order.Order) {}, nil},
		{"on_hand", func(h hall, _ order.Order) { h.plant(pk, sk, "on_hand", 1) },
			[]warehouse.Drift{at("available", 8, 7), at("on_hand", 10, 11)}},
		{"reserved", func(h hall, _ order.Order) { h.plant(pk, sk, "reserved", -1) },
			[]warehouse.Drift{at("available", 8, 7), at("reserved", 3, 2)}},
		{"available", func(h hall, _ order.Order) { h.plant(pk, sk, "available", -2) },
			[]warehouse.Drift{at("available", 7, 5)}},
		{"value", func(h hall, _ order.Order) { h.plant(pk, sk, "stock_value", 5) },
			[]warehouse.Drift{at("value", 8000, 8005)}},
		{"one less than nothing", func(h hall, _ order.Order) { h.plant(pk, sk, "available", -8) },
			[]warehouse.Drift{at("available", 7, -1), at("available", 0, -1)}},
		{"a lost stock item", func(h hall, _ order.Order) { h.lose(pk, sk) },
			[]warehouse.Drift{at("on_hand", 10, 0), at("reserved", 3, 0), at("value", 8000, 0)}},
		{"a lost movement", func(h hall, _ order.Order) {
			l, err := h.DB.Movements(t.Context(), "MUG", table.Page{Limit: 1})
			if err != nil {
				t.Fatal(err)
			}
			h.lose(pk, "MOVEMENT#"+l.Items[0].ID)
		}, []warehouse.Drift{at("on_hand", 0, 10), at("value", 0, 8000)}},
		{"an order that lost a unit", func(h hall, o order.Order) { h.plant("ORDER#"+o.ID, "ORDER", "#lines[0].qty", 1) },
			[]warehouse.Drift{{Field: "order"}}},
		{"an order that reserves more", func(h hall, o order.Order) { h.plant("ORDER#"+o.ID, "ORDER", "#lines[0].alloc[0].qty", 1) },
			[]warehouse.Drift{{Field: "order"}, at("reserved", 4, 3)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := newHall(t, "MUG", "CUP")
			h.move(receipt("MUG", 10, 800), false)
			h.move(receipt("CUP", 10, 800), false)
			o := h.sell("MUG", 3)
			h.sell("CUP", 1)
			c.plant(h, o)
			got := h.drift()
			for i := range c.want {
				if c.want[i].Field == "order" {
					c.want[i].Order = o.Number
				}
			}
			slices.SortFunc(got, func(a, b warehouse.Drift) int {
				return slices.Compare([]string{a.SKU, a.Field}, []string{b.SKU, b.Field})
			})
			if !slices.Equal(got, c.want) {
				t.Errorf("found %+v, want %+v", got, c.want)
			}
		})
	}
}

func TestTheProofNamesWhoWaitsInNoQueue(t *testing.T) {
	t.Parallel()
	h := newHall(t, "MUG")
	h.move(receipt("MUG", 3, 800), false)
	o := h.sell("MUG", 3)
	h.move(adjustment("MUG", -1), true) // it gives way, and waits for one
	h.wantNoDrift()
	h.lose("STOCK#MUG", fmt.Sprintf("WAITS#%014d#%s", o.PlacedAt.UnixMilli(), o.ID))
	want := []warehouse.Drift{{SKU: "MUG", Field: "waiting", Expected: 1, Order: o.Number}}
	if got := h.drift(); !slices.Equal(got, want) {
		t.Errorf("found %+v, want %+v", got, want)
	}
}

func TestTheProofSeesNoDriftWhileOthersSell(t *testing.T) {
	t.Parallel()
	skus := []string{"MUG", "CUP", "POT"}
	h := newHall(t, skus...)
	for _, sku := range skus {
		h.move(receipt(sku, 1000, 100), false)
	}
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := range 10 {
				o, err := h.desk.Place(t.Context(), ordering.By{Principal: manager}, ordering.New{
					CustomerID: h.buyer, Currency: "USD", Confirm: true,
					Wishes: []order.Wish{{SKU: skus[(w+i)%3], Quantity: 1}, {SKU: skus[(w+i+1)%3], Quantity: 2}},
				})
				if err == nil && i%2 == 0 {
					_, err = h.desk.Cancel(t.Context(), ordering.By{Principal: manager}, o.ID, "")
				}
				if err != nil && !refusal.Is(err, "busy") {
					t.Error(err)
				}
			}
		})
	}
	sold := make(chan struct{})
	go func() {
		wg.Wait()
		close(sold)
	}()
	for {
		p, err := h.Prove(t.Context())
		if err != nil || !p.Complete || len(p.Drift) > 0 {
			t.Errorf("while selling: %+v, %v", p, err)
		}
		select {
		case <-sold:
			h.wantNoDrift()
			return
		default:
		}
	}
}

func TestARunOfTheProofGoesOnWhereItsTimeWasUp(t *testing.T) {
	t.Parallel()
	h := newHall(t, "NEW")
	old := h.IDs.Now().Add(-time.Hour)
	tx := &table.Tx{}
	for i := range 100 { // with NEW more than a page
		tx.NewProduct(product.Product{SKU: fmt.Sprint("OLD-", i), ListID: h.IDs.IDAt(old.Add(time.Duration(i) * time.Second)), Version: 1, CreatedAt: old, UpdatedAt: old})
	}
	if err := h.DB.Commit(t.Context(), tx); err != nil {
		t.Fatal(err)
	}
	for _, sku := range []string{"NEW", "OLD-0"} {
		h.move(receipt(sku, 5, 100), false)
		h.plant("STOCK#"+sku, "LOCATION#MAIN", "stock_value", 1)
	}

	// The clock of the first run goes ten seconds from one look to the next.
	now, calm := h.IDs.Now(), h.IDs.Now
	h.IDs.Now = func() time.Time { now = now.Add(10 * time.Second); return now }
	run, err := h.RunProof(t.Context())
	if err != nil || run.Complete || run.Checked != 1 || len(run.Drift) != 1 {
		t.Fatalf("the first run: %+v, %v", run, err)
	}
	h.IDs.Now = calm
	run, err = h.RunProof(t.Context())
	if err != nil || !run.Complete || run.Checked != 2 || len(run.Drift) != 2 {
		t.Fatalf("the second run: %+v, %v", run, err)
	}
	run, err = h.RunProof(t.Context()) // from the beginning again
	if err != nil || !run.Complete || run.Checked != 2 || len(run.Drift) != 2 {
		t.Fatalf("the third run: %+v, %v", run, err)
	}
}
