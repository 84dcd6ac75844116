package superstore

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

const header = "Row ID,Order ID,Order Date,Ship Date,Ship Mode,Customer ID,Customer Name,Segment,Country,City,State,Postal Code,Region,Product ID,Category,Sub-Category,Product Name,Sales,Quantity,Discount,Profit\n"

// good is a row that others are made from by replacing parts of it.
const good = "1,O-1,2014-03-01,2014-03-05,Second Class,C-1,Ann Bell,Consumer,United States,Keene,New Hampshire,3431,East,P-1,Furniture,Chairs,Chair,20,2,0,5\n"

// with is the good row with other values: pairs of old and new.
func with(pairs ...string) string { return strings.NewReplacer(pairs...).Replace(good) }

// selling is the good row with other sales, quantity and discount.
func selling(sales, quantity, discount string) string {
	return with(",20,2,0,5", ","+sales+","+quantity+","+discount+",5")
}

func read(t *testing.T, rows ...string) Shop {
	t.Helper()
	shop, err := Read(strings.NewReader(header + strings.Join(rows, "")))
	if err != nil {
		t.Fatal(err)
	}
	return shop
}

func TestLineCostsItsRowsToTheCent(t *testing.T) {
	for _, c := range []struct {
		name  string
		rows  []string
		want  Line
		total int64
	}{
		{"whole cents", []string{selling("261.96", "2", "0")}, Line{"P-1", 2, 13098, 0}, 26196},
		{"discounted and a half cent", []string{selling("957.5775", "5", "0.45")}, Line{"P-1", 5, 34821, 78347}, 95758},
		{"a price that is no whole cent", []string{selling("10", "3", "0")}, Line{"P-1", 3, 334, 2}, 1000},
		{"a half cent goes up", []string{selling("0.005", "1", "0")}, Line{"P-1", 1, 1, 0}, 1},
		{"less than half goes down", []string{selling("0.0049", "1", "0")}, Line{"P-1", 1, 1, 1}, 0},
		{"sold for nothing", []string{selling("0", "4", "0.2")}, Line{"P-1", 4, 0, 0}, 0},
		{"a fifth off", []string{selling("22.368", "2", "0.2")}, Line{"P-1", 2, 1398, 559}, 2237},
		{"rows of one price", []string{selling("24.56", "2", "0"), selling("49.12", "4", "0")}, Line{"P-1", 6, 1228, 0}, 7368},
		{"rows that are each rounded", []string{selling("281.372", "2", "0.3"), selling("281.372", "2", "0.3")}, Line{"P-1", 4, 20098, 24118}, 56274},
		{"rows of other prices and discounts", []string{selling("10", "1", "0"), selling("10", "3", "0.5")}, Line{"P-1", 4, 750, 1000}, 2000},
		// Rounded up, the rows come to 2002; the gross of both is 2001.
		{"rounding beyond the gross", []string{selling("5.005", "1", "0"), selling("15.005", "2", "0")}, Line{"P-1", 3, 668, 2}, 2002},
	} {
		t.Run(c.name, func(t *testing.T) {
			shop := read(t, c.rows...)
			if len(shop.LeftOut) > 0 || len(shop.Orders) != 1 || len(shop.Orders[0].Lines) != 1 {
				t.Fatalf("got %+v", shop)
			}
			got := shop.Orders[0].Lines[0]
			if got != c.want {
				t.Errorf("line %+v, want %+v", got, c.want)
			}
			if total := got.Quantity*got.UnitPrice - got.Discount; total != c.total {
				t.Errorf("the line costs %d, want %d", total, c.total)
			}
		})
	}
}

func TestRowsBecomeOrdersCustomersAndProducts(t *testing.T) {
	shop := read(t, good,
		with("P-1", "P-2", "Chair,20", "Desk,90"),
		with("O-1", "O-2", "2014-03-01", "2017-12-30", "2014-03-05", "2018-01-02", "P-1", "P-2", "Chair,20,2,0,5", "Big desk,100,1,0.5,150"),
		with("O-1", "O-3", "C-1", "C-2", "Ann Bell", "Bob Day", "Consumer", "Corporate", "3431", "90036"))

	if len(shop.LeftOut) > 0 {
		t.Fatalf("left out %v", shop.LeftOut)
	}
	wantProducts := []Product{
		{SKU: "P-1", Name: "Chair", Category: "Furniture", SubCategory: "Chairs", ListPrice: 1000, Units: 4, UnitCost: 750, Row: 1},
		// The cost of all is 90 − 5 + 100 − 150 dollars: three of them for 35.
		{SKU: "P-2", Name: "Desk", OtherName: "Big desk", Category: "Furniture", SubCategory: "Chairs", ListPrice: 20000, Units: 3, UnitCost: 1167, Row: 2},
	}
	if !slices.Equal(shop.Products, wantProducts) {
		t.Errorf("products %+v, want %+v", shop.Products, wantProducts)
	}
	wantCustomers := []Customer{{"C-1", "Ann Bell", "Consumer", 1}, {"C-2", "Bob Day", "Corporate", 4}}
	if !slices.Equal(shop.Customers, wantCustomers) {
		t.Errorf("customers %+v, want %+v", shop.Customers, wantCustomers)
	}
	if len(shop.Orders) != 3 {
		t.Fatalf("%d orders, want 3", len(shop.Orders))
	}
	first := shop.Orders[0]
	if !slices.Equal(first.Rows, []int{1, 2}) || len(first.Lines) != 2 {
		t.Errorf("the first order has rows %v and lines %v", first.Rows, first.Lines)
	}
	if want := time.Date(2014, 3, 1, 12, 0, 0, 0, time.UTC); !first.PlacedAt.Equal(want) {
		t.Errorf("placed at %v, want %v", first.PlacedAt, want)
	}
	if want := (Address{"Ann Bell", "Keene", "New Hampshire", "03431"}); first.ShipTo != want {
		t.Errorf("ships to %+v, want %+v", first.ShipTo, want)
	}
}

func TestCostBelowNothingIsNothing(t *testing.T) {
	if p := read(t, with(",20,2,0,5", ",20,2,0,30")).Products[0]; p.UnitCost != 0 {
		t.Errorf("unit cost %d, want 0", p.UnitCost)
	}
}

func TestBrokenRowIsLeftOutWithItsReason(t *testing.T) {
	other := with("O-1", "O-9", "P-1", "P-9")
	for _, c := range []struct{ name, row, reason string }{
		{"no number", selling("20 USD", "2", "0"), `sales: "20 USD" is no decimal number`},
		{"a fraction", selling("20/3", "2", "0"), `sales: "20/3" is no decimal number`},
		{"an exponent", selling("2e9", "2", "0"), `sales: "2e9" is no decimal number`},
		{"negative sales", selling("-1", "2", "0"), "sales: -1 is negative"},
		{"quantity 0", selling("20", "0", "0"), `quantity: "0" is no whole number from 1 to 1000000`},
		{"half a piece", selling("20", "0.5", "0"), `quantity: "0.5" is no whole number from 1 to 1000000`},
		{"all of it off", selling("20", "2", "1"), "discount: 1 is not from 0 to below 1"},
		{"negative discount", selling("20", "2", "-0.1"), "discount: -0.1 is not from 0 to below 1"},
		{"beyond counting", selling("9999999999", "2", "0.99"), "sales: it comes to more than can be counted"},
		{"bad profit", with(",20,2,0,5", ",20,2,0,much"), `profit: "much" is no decimal number`},
		{"bad date", with("2014-03-01", "2014-02-30"), `order date: "2014-02-30" is no date`},
		{"no order", with("O-1", ""), "it has no Order ID"},
		{"no product", with("P-1", ""), "it has no Product ID"},
		{"another country", with("United States", "Atlantis"), `country: no code is known for "Atlantis"`},
		{"missing column", with("Consumer,", ""), "it has 20 columns and the header 21"},
		{"stray quote", with("Chair,20", `Ch"air,20`), `bare " in non-quoted-field`},
		{"another date than its order", with("O-1", "O-9", "2014-03-01", "2014-03-02"), "it tells of order O-9 otherwise than row 1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			shop := read(t, other, c.row, with("O-1", "O-9", "P-1", "P-8"))
			if len(shop.LeftOut) != 1 || shop.LeftOut[0].String() != "row 2: "+c.reason {
				t.Fatalf("left out %v, want row 2: %s", shop.LeftOut, c.reason)
			}
			if len(shop.Orders) != 1 || !slices.Equal(shop.Orders[0].Rows, []int{1, 3}) || len(shop.Products) != 2 {
				t.Errorf("the rest is %+v", shop)
			}
		})
	}
}

func TestFileThatIsNoneIsRefused(t *testing.T) {
	for name, text := range map[string]string{
		"empty":     "",
		"no column": strings.Replace(header, ",Sales", "", 1) + good,
	} {
		t.Run(name, func(t *testing.T) {
			if shop, err := Read(strings.NewReader(text)); err == nil {
				t.Errorf("read as %+v", shop)
			}
		})
	}
}

func TestFailingReaderIsNotTheEndOfTheFile(t *testing.T) {
	broke := errors.New("the disk broke")
	in := iotest.ErrReader(broke)
	if _, err := Read(in); !errors.Is(err, broke) {
		t.Errorf("error %v, want %v", err, broke)
	}
}

func TestFaultNamesItsRows(t *testing.T) {
	for want, rows := range map[string][]int{"row 3: x": {3}, "rows 3 and 4: x": {3, 4}, "rows 3, 4 and 9: x": {3, 4, 9}} {
		if got := (Fault{rows, "x"}).String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
