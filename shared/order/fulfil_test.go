package order_test

import (
	"errors"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"waybill/shared/customer"
	"waybill/shared/order"
	"waybill/shared/refusal"
	"waybill/shared/stock"
)

func allocated(at ...any) []stock.Allocation {
	var out []stock.Allocation
	for i := 0; i+1 < len(at); i += 2 {
		location, _ := at[i].(string)
		n, _ := at[i+1].(int)
		out = append(out, stock.Allocation{Location: location, Quantity: int64(n)})
	}
	return out
}

func code(err error) string {
	var refused *refusal.Error
	if !errors.As(err, &refused) {
		return ""
	}
	return refused.Code
}

// ten is an order of ten mugs at 10.00, some of them waiting.
func ten(waiting int64, allocations ...any) order.Order {
	o := order.Order{
		Number: "SO-1", Status: order.Confirmed, Terms: customer.Terms{Kind: customer.Net},
		Lines: []order.Line{{SKU: "MUG", Quantity: 10, UnitPrice: 1000, Backordered: waiting, Allocations: allocated(allocations...)}},
	}
	if err := o.Price(); err != nil || !o.Sound() {
		panic(fmt.Sprint(err, o))
	}
	return o
}

func TestWhatLeavesIsTakenFromWhatIsReservedThereFirst(t *testing.T) {
	for _, c := range []struct {
		name     string
		o        order.Order
		from     string
		n        int64
		reserved int64  // of those that leave, at the place they leave from
		left     string // allocations after it, and what waits
		status   order.Status
	}{
		{"all", ten(0, "MAIN", 10), "MAIN", 10, 10, "[] 0", order.Shipped},
		{"a part", ten(0, "MAIN", 10), "MAIN", 4, 4, "[{MAIN 6}] 0", order.PartiallyShipped},
		{"one of two places", ten(0, "MAIN", 6, "EAST", 4), "EAST", 4, 4, "[{MAIN 6}] 0", order.PartiallyShipped},
		{"more than is reserved there", ten(0, "MAIN", 6, "EAST", 4), "EAST", 7, 4, "[{MAIN 3}] 0", order.PartiallyShipped},
		{"from where nothing is reserved", ten(0, "MAIN", 6, "EAST", 4), "WEST", 5, 0, "[{MAIN 5}] 0", order.PartiallyShipped},
		{"what waited goes first", ten(3, "MAIN", 7), "EAST", 4, 0, "[{MAIN 6}] 0", order.PartiallyShipped},
		{"the rest waits on", ten(3, "MAIN", 7), "MAIN", 7, 7, "[] 3", order.PartiallyShipped},
	} {
		t.Run(c.name, func(t *testing.T) {
			left, err := c.o.Ship("s1", c.from, []order.Pick{{SKU: "MUG", Quantity: c.n}})
			if err != nil {
				t.Fatal(err)
			}
			l := c.o.Lines[0]
			if got := fmt.Sprint(l.Allocations, " ", l.Backordered); got != c.left || left[0].Reserved != c.reserved || c.o.Status != c.status {
				t.Errorf("left %s, %d of them reserved there, %s; want %s, %d, %s", got, left[0].Reserved, c.o.Status, c.left, c.reserved, c.status)
			}
			if !c.o.Sound() || l.Shipped != c.n || len(c.o.Shipments) != 1 || c.o.Undelivered != 1 {
				t.Errorf("%+v", c.o)
			}
		})
	}
}

func TestMoreThanIsOpenDoesNotLeave(t *testing.T) {
	o := ten(0, "MAIN", 10)
	for _, picks := range [][]order.Pick{{{SKU: "MUG", Quantity: 11}}, {{SKU: "MUG", Quantity: 6}, {SKU: "MUG", Quantity: 5}}} {
		if _, err := o.Ship("s1", "MAIN", picks); code(err) != "more_than_open" {
			t.Errorf("%v: %v", picks, err)
		}
	}
	if _, err := o.Ship("s1", "MAIN", []order.Pick{{SKU: "CUP", Quantity: 1}}); code(err) != "rejected" {
		t.Error(err)
	}
	if o.Lines[0].Shipped != 0 || len(o.Shipments) != 0 {
		t.Errorf("a refused shipment changed the order: %+v", o)
	}
}

func TestClosingChargesWhatLeft(t *testing.T) {
	for _, c := range []struct {
		name     string
		line     order.Discount
		whole    order.Discount
		shipped  int64
		discount int64
		total    int64
	}{
		{"no discount", order.Discount{}, order.Discount{}, 4, 0, 4000},
		{"an amount off the line", order.Discount{Amount: 1000}, order.Discount{}, 4, 400, 3600},
		{"an amount that does not divide", order.Discount{Amount: 1001}, order.Discount{}, 3, 300, 2700},
		{"a percentage", order.Discount{ByRate: true, Rate: 1000}, order.Discount{}, 4, 400, 3600},
		{"an amount off the order", order.Discount{}, order.Discount{Amount: 500}, 4, 200, 3800},
		{"both", order.Discount{Amount: 1000}, order.Discount{Amount: 900}, 5, 950, 4050},
		{"everything off", order.Discount{Amount: 10_000}, order.Discount{}, 1, 1000, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := ten(0, "MAIN", 10)
			o.Lines[0].Own, o.Discount = c.line, c.whole
			if err := o.Price(); err != nil {
				t.Fatal(err)
			}
			if _, err := o.Ship("s1", "MAIN", []order.Pick{{SKU: "MUG", Quantity: c.shipped}}); err != nil {
				t.Fatal(err)
			}
			if err := o.Cancel("enough"); err != nil {
				t.Fatal(err)
			}
			if o.Totals.Discount != c.discount || o.Totals.Total != c.total || !o.Sound() {
				t.Errorf("%d off and %d to pay, want %d and %d", o.Totals.Discount, o.Totals.Total, c.discount, c.total)
			}
		})
	}
}

func TestWhatComesBackIsWorthWhatItCost(t *testing.T) {
	o := ten(0, "MAIN", 10)
	if _, err := o.Ship("s1", "MAIN", []order.Pick{{SKU: "MUG", Quantity: 3}}); err != nil {
		t.Fatal(err)
	}
	o.Lines[0].Cost = 1000 // 333.33 each
	var sum int64
	for i, want := range []int64{333, 334, 333} {
		costs, err := o.Return(fmt.Sprint("r", i), []order.Pick{{SKU: "MUG", Quantity: 1}})
		if err != nil || costs[0] != want {
			t.Errorf("return %d is worth %v, want %d: %v", i, costs, want, err)
		}
		sum += costs[0]
	}
	if sum != 1000 {
		t.Errorf("what came back is worth %d of 1000", sum)
	}
	if _, err := o.Return("r4", []order.Pick{{SKU: "MUG", Quantity: 1}}); code(err) != "more_than_shipped" {
		t.Error(err)
	}
}

// Whatever is done to an order in whatever order, its quantities add up, it
// never has more reserved, shipped or returned than it may, and what its goods
// had cost is what came back and what is still out.
func TestQuantitiesAndCostsAddUpWhateverIsDone(t *testing.T) {
	places := []string{"MAIN", "EAST"}
	rapid.Check(t, func(r *rapid.T) {
		waiting := rapid.IntRange(0, 3).Draw(r, "waiting")
		o := ten(int64(waiting), "MAIN", 10-waiting)
		type sent struct {
			from    string
			n, cost int64
		}
		var out []sent
		var abroad int64 // cost of what is out
		pick := func() []order.Pick {
			return []order.Pick{{SKU: "MUG", Quantity: rapid.Int64Range(1, 11).Draw(r, "n")}}
		}
		r.Repeat(map[string]func(*rapid.T){
			"": func(r *rapid.T) {
				l := o.Lines[0]
				if !o.Sound() || l.Returned > l.Shipped || l.Shipped+l.Cancelled > l.Quantity {
					r.Fatalf("%+v", o)
				}
				if o.Status == order.Shipped && l.Open() != 0 {
					r.Fatalf("shipped, and %d are open", l.Open())
				}
				if l.Cost-l.CostBack != abroad || abroad < 0 || (l.Shipped == l.Returned && abroad != 0) {
					r.Fatalf("%d of cost are out with %d units, the line says %d − %d", abroad, l.Shipped-l.Returned, l.Cost, l.CostBack)
				}
			},
			"ship": func(*rapid.T) {
				from, p := rapid.SampledFrom(places).Draw(r, "from"), pick()
				if o.MayShip(false) != nil {
					return
				}
				if _, err := o.Ship("s", from, p); err == nil {
					cost := rapid.Int64Range(0, 999).Draw(r, "cost")
					o.Lines[0].Cost += cost
					abroad += cost
					out = append(out, sent{from, p[0].Quantity, cost})
				}
			},
			"undo": func(*rapid.T) {
				if len(out) == 0 {
					return
				}
				i := rapid.IntRange(0, len(out)-1).Draw(r, "shipment")
				values, err := o.Undo(out[i].from, []order.Pick{{SKU: "MUG", Quantity: out[i].n}}, []int64{out[i].cost})
				if err == nil {
					abroad -= values[0]
					out = append(out[:i], out[i+1:]...)
				}
			},
			"return": func(*rapid.T) {
				if costs, err := o.Return("r", pick()); err == nil {
					abroad -= costs[0]
				}
			},
			"serve":   func(*rapid.T) { o.Serve(stock.Place{SKU: "MUG", Location: "EAST"}, 2) },
			"give up": func(*rapid.T) { _ = o.CancelBackorders("") },
			"close": func(r *rapid.T) {
				if rapid.IntRange(0, 9).Draw(r, "rarely") == 0 {
					_ = o.Cancel("")
				}
			},
		})
	})
}

func TestWhatLeftAtTwoCostsComesBackAtBoth(t *testing.T) {
	o := ten(0, "MAIN", 10)
	ship := func(n, cost int64) {
		t.Helper()
		if _, err := o.Ship("s", "MAIN", []order.Pick{{SKU: "MUG", Quantity: n}}); err != nil {
			t.Fatal(err)
		}
		o.Lines[0].Cost += cost
	}
	back := func(n int64) int64 {
		t.Helper()
		costs, err := o.Return("r", []order.Pick{{SKU: "MUG", Quantity: n}})
		if err != nil {
			t.Fatal(err)
		}
		return costs[0]
	}
	ship(5, 100)
	first := back(5)
	ship(5, 300)
	if second := back(5); first != 100 || second != 300 {
		t.Errorf("came back at %d and %d", first, second)
	}
}

func TestAnOrderEndsTheSameWhoeverEndsIt(t *testing.T) {
	for name, end := range map[string]func(*order.Order) error{
		"closed":   func(o *order.Order) error { return o.Cancel("enough") },
		"given up": func(o *order.Order) error { return o.CancelBackorders("enough") },
	} {
		o := ten(4, "MAIN", 6)
		if _, err := o.Ship("s", "MAIN", []order.Pick{{SKU: "MUG", Quantity: 6}}); err != nil {
			t.Fatal(err)
		}
		o.Delivered()
		o.Paid = 6000
		if err := end(&o); err != nil || o.Status != order.Completed {
			t.Errorf("%s: %s, %v", name, o.Status, err)
		}
	}
	o := ten(0, "MAIN", 10)
	o.Yield(stock.Place{SKU: "MUG", Location: "MAIN"}, 3)
	if err := o.CancelBackorders(""); err != nil || o.OnHold {
		t.Errorf("held for goods that nobody waits for: %+v, %v", o, err)
	}
}

func TestADiscountThatWaitsForApprovalDoesNotSlipThroughByClosing(t *testing.T) {
	for name, end := range map[string]func(*order.Order) error{
		"closed":   func(o *order.Order) error { return o.Cancel("") },
		"given up": func(o *order.Order) error { return o.CancelBackorders("") },
	} {
		o := ten(4, "MAIN", 6)
		if _, err := o.Ship("s", "MAIN", []order.Pick{{SKU: "MUG", Quantity: 6}}); err != nil {
			t.Fatal(err)
		}
		o.Delivered()
		o.Lines[0].Own = order.Discount{ByRate: true, Rate: 10_000}
		if err := o.Price(); err != nil {
			t.Fatal(err)
		}
		o.AwaitApproval()
		if err := end(&o); err != nil || o.Status != order.Shipped || o.HoldReason != order.HoldApproval {
			t.Errorf("%s: %s, on hold for %q, %v", name, o.Status, o.HoldReason, err)
		}
		if err := o.Complete(); code(err) != "on_hold" {
			t.Errorf("%s: completed by hand: %v", name, err)
		}
		if err := o.Release(); err != nil || o.Status != order.Completed {
			t.Errorf("%s: approved, it is %s, %v", name, o.Status, err)
		}
	}
}
