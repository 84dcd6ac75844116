package stock_test

import (
	"errors"
	"math"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"waybill/shared/money"
	"waybill/shared/refusal"
	"waybill/shared/stock"
)

func cost(n int64) *int64 { return &n }

// book values a movement and adds it to the items, as the table does.
func book(t testing.TB, items map[string]stock.Item, m stock.Movement) stock.Movement {
	t.Helper()
	m.SKU = "MUG"
	m, err := m.Valued(items[m.Location])
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range m.Changes() {
		i := items[c.Location]
		i.OnHand += c.OnHand
		i.Value += c.Value
		items[c.Location] = i
	}
	return m
}

func move(k stock.Kind, from string, n int64, unitCost *int64) stock.Movement {
	return stock.Movement{Kind: k, Place: stock.Place{Location: from}, Quantity: n, UnitCost: unitCost}
}

func TestCostIsTheMovingAverage(t *testing.T) {
	items := map[string]stock.Item{}
	transfer := move(stock.Transfer, "MAIN", 5, nil)
	transfer.ToLocation = "EAST"
	for _, step := range []struct {
		name                   string
		m                      stock.Movement
		value                  int64 // of the movement
		onHand, worth, average int64 // of MAIN after it
	}{
		{"10 at 8.00", move(stock.Receive, "MAIN", 10, cost(800)), 8000, 10, 8000, 800},
		{"10 at 10.00", move(stock.Receive, "MAIN", 10, cost(1000)), 10_000, 20, 18_000, 900},
		{"4 leave at the average", move(stock.Adjust, "MAIN", -4, nil), -3600, 16, 14_400, 900},
		{"2 are found, at the average", move(stock.Adjust, "MAIN", 2, nil), 1800, 18, 16_200, 900},
		{"1 came as a gift", move(stock.Receive, "MAIN", 1, cost(0)), 0, 19, 16_200, 853},
		{"received without a cost, at the average", move(stock.Receive, "MAIN", 1, nil), 853, 20, 17_053, 853},
		{"5 go elsewhere and take 4263.25", transfer, -4263, 15, 12_790, 853},
		{"the last take all that is left", move(stock.Adjust, "MAIN", -15, nil), -12_790, 0, 0, 0},
		{"found where nothing was", move(stock.Adjust, "MAIN", 3, nil), 0, 3, 0, 0},
	} {
		m := book(t, items, step.m)
		i := items["MAIN"]
		if m.Value != step.value || i.OnHand != step.onHand || i.Value != step.worth || i.AverageCost() != step.average {
			t.Fatalf("%s: moved %d, now %d worth %d, %d each; want %d, %d, %d, %d",
				step.name, m.Value, i.OnHand, i.Value, i.AverageCost(), step.value, step.onHand, step.worth, step.average)
		}
	}
	if east := items["EAST"]; east.OnHand != 5 || east.Value != 4263 || east.AverageCost() != 853 {
		t.Errorf("at EAST there are %+v", east)
	}
}

func TestNoValueIsLostOrLeftBehind(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		items := map[string]stock.Item{}
		var received, left int64
		for range rapid.IntRange(1, 40).Draw(r, "movements") {
			from := rapid.SampledFrom([]string{"MAIN", "EAST"}).Draw(r, "from")
			n := rapid.Int64Range(1, 20).Draw(r, "quantity")
			switch kind := rapid.SampledFrom([]stock.Kind{stock.Receive, stock.Adjust, stock.Transfer}).Draw(r, "kind"); {
			case kind == stock.Receive:
				received += book(t, items, move(kind, from, n, cost(rapid.Int64Range(0, 999).Draw(r, "cost")))).Value
			case items[from].OnHand < n:
			case kind == stock.Adjust:
				left -= book(t, items, move(kind, from, -n, nil)).Value
			default:
				m := move(kind, from, n, nil)
				m.ToLocation = map[string]string{"MAIN": "EAST", "EAST": "MAIN"}[from]
				book(t, items, m)
			}
		}
		var there int64
		for l, i := range items {
			there += i.Value
			if i.OnHand < 0 || i.Value < 0 || (i.OnHand == 0 && i.Value != 0) {
				r.Fatalf("%s: %+v", l, i)
			}
		}
		if received-left != there {
			r.Fatalf("%d came, %d left and %d is there", received, left, there)
		}
	})
}

func TestValuesThatDoNotFitAreRefused(t *testing.T) {
	if _, err := move(stock.Receive, "MAIN", 3, cost(math.MaxInt64/2)).Valued(stock.Item{}); !errors.Is(err, money.ErrOverflow) {
		t.Errorf("a receipt: %v", err)
	}
	full := stock.Item{OnHand: 1, Value: math.MaxInt64 / 2}
	if _, err := move(stock.Adjust, "MAIN", 3, nil).Valued(full); !errors.Is(err, money.ErrOverflow) {
		t.Errorf("an adjustment: %v", err)
	}
}

func TestATransferChangesTwoItemsByTheSame(t *testing.T) {
	m := stock.Movement{Kind: stock.Transfer, Place: stock.Place{SKU: "MUG", Location: "MAIN"}, ToLocation: "EAST", Quantity: 4, Value: -3200}
	want := []stock.Change{
		{Place: stock.Place{SKU: "MUG", Location: "MAIN"}, OnHand: -4, Value: -3200},
		{Place: stock.Place{SKU: "MUG", Location: "EAST"}, OnHand: 4, Value: 3200},
	}
	if got := m.Changes(); !reflect.DeepEqual(got, want) {
		t.Errorf("changes are %+v", got)
	}
}

func TestMovementsThatMakeNoSenseAreRefused(t *testing.T) {
	place := stock.Place{SKU: "MUG", Location: "MAIN"}
	for _, c := range []struct {
		name, field string // no field: it is fine
		m           stock.Movement
	}{
		{"receipt", "", stock.Movement{Kind: stock.Receive, Quantity: 1, UnitCost: cost(5)}},
		{"receipt without cost", "", stock.Movement{Kind: stock.Receive, Quantity: 1}},
		{"receipt of nothing", "quantity", stock.Movement{Kind: stock.Receive}},
		{"negative receipt", "quantity", stock.Movement{Kind: stock.Receive, Quantity: -1}},
		{"adjustment", "", stock.Movement{Kind: stock.Adjust, Quantity: -1, Reason: "broken"}},
		{"adjustment upwards", "", stock.Movement{Kind: stock.Adjust, Quantity: 1, Reason: "found"}},
		{"adjustment by nothing", "quantity", stock.Movement{Kind: stock.Adjust, Reason: "count"}},
		{"adjustment without reason", "reason", stock.Movement{Kind: stock.Adjust, Quantity: -1}},
		{"adjustment with a cost", "unit_cost", stock.Movement{Kind: stock.Adjust, Quantity: 1, Reason: "found", UnitCost: cost(5)}},
		{"transfer", "", stock.Movement{Kind: stock.Transfer, Quantity: 1, ToLocation: "EAST"}},
		{"negative transfer", "quantity", stock.Movement{Kind: stock.Transfer, Quantity: -1, ToLocation: "EAST"}},
		{"transfer to nowhere", "to_location", stock.Movement{Kind: stock.Transfer, Quantity: 1}},
		{"transfer to itself", "to_location", stock.Movement{Kind: stock.Transfer, Quantity: 1, ToLocation: "MAIN"}},
		{"transfer with a cost", "unit_cost", stock.Movement{Kind: stock.Transfer, Quantity: 1, ToLocation: "EAST", UnitCost: cost(5)}},
		{"receipt that goes elsewhere", "to_location", stock.Movement{Kind: stock.Receive, Quantity: 1, ToLocation: "EAST"}},
	} {
		c.m.Place = place
		err := c.m.Check()
		var refused *refusal.Error
		switch {
		case c.field == "" && err != nil:
			t.Errorf("%s: %v", c.name, err)
		case c.field != "" && (!errors.As(err, &refused) || refused.Items[0].Field != c.field):
			t.Errorf("%s: %v, want %s refused", c.name, err, c.field)
		}
	}
}
