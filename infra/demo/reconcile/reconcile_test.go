package reconcile

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"waybill/infra/demo/client"
)

const header = "Order ID,Order Date,Product ID,Sales,Quantity,Ship Date\n"

func TestFileIsCountedByOrder(t *testing.T) {
	got, err := Read(strings.NewReader(header+
		"A,2014-03-01,P,957.5775,5,2014-03-05\n"+ // rounds up by a quarter of a cent
		"A,2014-03-01,Q,0.005,1,2014-03-05\n"+ // a half goes up
		"A,2014-03-01,P,0.0049,2,2014-03-05\n"+ // a line that is there; less than half goes down
		"this row,is left out\n"+
		"B,2017-12-30,P,261.96,2,2018-01-02\n"), map[int]bool{4: true})
	if err != nil {
		t.Fatal(err)
	}
	want := Reading{
		Orders: Side{"A": {2014, 2, 8, 95759, "2014-03-05", 8, 95759, 95759, 0}, "B": {2017, 1, 2, 26196, "2018-01-02", 2, 26196, 26196, 0}},
		Rows:   4, Lines: 3, Unrounded: "1,219.5474",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestRowThatWasNotToldOfFails(t *testing.T) {
	for _, row := range []string{"A,2014-03-01,P,x,5,2014-03-05", "A,2014-03-01,P,1.2345678,5,2014-03-05", "A,2014-03-01,P,-1,5,2014-03-05", "A,2014-03-01,P,1,x,2014-03-05", "A,x,P,1,5,2014-03-05", "A,2014-03-01,P,1"} {
		if got, err := Read(strings.NewReader(header+row+"\n"), nil); err == nil || !strings.HasPrefix(err.Error(), "row 1: ") {
			t.Errorf("%s is read as %+v with error %v", row, got, err)
		}
	}
}

func TestEveryDifferenceIsFound(t *testing.T) {
	order := Order{2014, 2, 8, 95759, "2014-03-05", 8, 95759, 95759, 0}
	but := func(change func(*Order)) Side {
		o := order
		change(&o)
		return Side{"A": o}
	}
	for name, c := range map[string]struct {
		system Side
		want   string
	}{
		"same":           {Side{"A": order}, ""},
		"missing":        {Side{}, "order A is missing"},
		"a cent":         {but(func(o *Order) { o.Cents++ }), "costs 957.60; by the file it is of 2014, has 2 lines, 8 units and costs 957.59"},
		"a unit":         {but(func(o *Order) { o.Units++ }), "9 units"},
		"a line":         {but(func(o *Order) { o.Lines-- }), "1 lines"},
		"a year":         {but(func(o *Order) { o.Year++ }), "order A of 2015"},
		"another day":    {but(func(o *Order) { o.Left = "2014-03-06" }), `order A left on "2014-03-06" with 8 units; by the file on 2014-03-05 with 8`},
		"not all left":   {but(func(o *Order) { o.LeftUnits-- }), `with 7 units`},
		"not paid":       {but(func(o *Order) { o.Paid = 0 }), "order A was paid 0.00 and invoiced 957.59, and has a balance of 0.00; by the file it costs 957.59"},
		"invoiced twice": {but(func(o *Order) { o.Invoiced *= 2 }), "invoiced 1,915.18"},
		"paid too much":  {but(func(o *Order) { o.Balance-- }), "a balance of -0.01"},
		"of nobody's":    {Side{"A": order, "B": order}, "order B is not in the file"},
		"taken together": {Side{"A": order, "C": {Year: 2014}}, "order C is not in the file"},
	} {
		t.Run(name, func(t *testing.T) {
			got := Compare(Side{"A": order}, c.system)
			if c.want == "" {
				if len(got) > 0 {
					t.Fatalf("differences %v, want none", got)
				}
				return
			}
			if len(got) != 1 || !strings.Contains(got[0].String(), c.want) {
				t.Errorf("differences %v, want %q", got, c.want)
			}
		})
	}
}

func TestTableShowsBothSidesAndWhichYearDiffers(t *testing.T) {
	var out strings.Builder
	file := Side{
		"A": {Year: 2014, Lines: 2, Units: 8, Cents: 95759, Paid: 95759, Invoiced: 95759},
		"B": {Year: 2015, Lines: 1, Units: 1, Cents: 100, Paid: 100, Invoiced: 100},
		"C": {Year: 2016, Lines: 1, Units: 1, Cents: 100, Paid: 100, Invoiced: 100},
	}
	system := Side{
		"A": file["A"],
		"B": {Year: 2015, Lines: 1, Units: 1, Cents: 101, Paid: 100, Invoiced: 100},
		"C": {Year: 2016, Lines: 1, Units: 1, Cents: 100, Invoiced: 100},
	}
	if err := Print(&out, file, system); err != nil {
		t.Fatal(err)
	}
	const want = `
   year            orders   lines   units   sales, USD   paid, USD   invoiced, USD
   2014     file        1       2       8       957.59      957.59          957.59
          system        1       2       8       957.59      957.59          957.59   agrees
   2015     file        1       1       1         1.00        1.00            1.00
          system        1       1       1         1.01        1.00            1.00   DIFFERS
   2016     file        1       1       1         1.00        1.00            1.00
          system        1       1       1         1.00        0.00            1.00   DIFFERS
    all     file        3       4      10       959.59      959.59          959.59
          system        3       4      10       959.60      958.59          959.59   DIFFERS
`
	if got := "\n" + out.String(); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestNumbersAreWrittenInGroups(t *testing.T) {
	for got, want := range map[string]string{
		Count(0): "0", Count(999): "999", Count(9994): "9,994", Count(1234567): "1,234,567",
		dollars(229720107): "2,297,201.07", dollars(5): "0.05", dollars(-123456): "-1,234.56", exact(2297200860300): "2,297,200.8603", exact(5000000): "5",
	} {
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

// serve answers as the API would: a token, and these bodies in turn.
func serve(t *testing.T, bodies ...any) *client.Client {
	t.Helper()
	bodies = append([]any{map[string]string{"access_token": "t"}}, bodies...)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(bodies) == 0 {
			t.Errorf("%s %s was not to be asked", r.Method, r.URL)
			w.WriteHeader(http.StatusNotFound)
			return
		}
		if err := json.NewEncoder(w).Encode(bodies[0]); err != nil {
			t.Error(err)
		}
		bodies = bodies[1:]
	}))
	t.Cleanup(s.Close)
	api, err := client.Login(context.Background(), s.URL, "manager")
	if err != nil {
		t.Fatal(err)
	}
	return api
}

type obj = map[string]any

func shown(number string) obj {
	return obj{
		"id": "id-" + number, "number": number, "customer_id": "c-" + number, "placed_at": "2014-12-31T23:30:00-01:00", "total": 500, "balance": 30,
		"lines": []obj{{"quantity": 2}, {"quantity": 3}},
	}
}

func parcel(order, at string, units int) obj {
	return obj{"order_number": order, "shipped_at": at, "status": "shipped", "lines": []obj{{"quantity": units}}}
}

func money(order string, received, refunded int) obj {
	return obj{"order_id": "id-" + order, "received": received, "refunded": refunded}
}

func bill(number, order, customer string, total, credited, open int) obj {
	return obj{"number": number, "order_id": "id-" + order, "customer_id": "c-" + customer, "currency": "USD", "total": total, "credited": credited, "open": open}
}

func owes(customer, currency string, open int) obj {
	return obj{"customer_id": "c-" + customer, "customer_name": "Mx " + customer, "currency": currency, "open": open}
}

func list(items ...obj) obj { return obj{"items": append([]obj{}, items...), "next_cursor": nil} }

func more(items ...obj) obj { return obj{"items": items, "next_cursor": "more"} }

func TestSystemIsReadPageByPage(t *testing.T) {
	api := serve(t, more(shown("A"), shown("X")), list(shown("B")),
		more(parcel("A", "2015-01-02T03:30:00+02:00", 4), parcel("A", "2015-01-02T12:00:00Z", 1), parcel("X", "2015-01-02T12:00:00Z", 1)),
		list(parcel("B", "2015-01-03T12:00:00Z", 1), parcel("B", "2015-01-02T12:00:00Z", 2)),
		more(money("A", 500, 0), money("X", 70, 0)), list(money("B", 300, 0), money("B", 200, 50)),
		more(bill("INV-2015-000003", "A", "A", 500, 20, 0), bill("INV-2014-000001", "X", "X", 9, 0, 9)),
		list(bill("INV-2015-000001", "B", "B", 200, 0, 0), bill("INV-2015-000002", "B", "B", 300, 0, 0)), list())
	seen := 0
	got, err := Fetch(t.Context(), api, Side{"A": {}, "B": {}, "C": {}}, func(n int) { seen += n })
	if err != nil {
		t.Fatal(err)
	}
	one, two := Order{2015, 2, 5, 500, "2015-01-02", 5, 500, 480, 30}, Order{2015, 2, 5, 500, "several days", 3, 450, 500, 30}
	if want := (Side{"A": one, "B": two}); !reflect.DeepEqual(got.Orders, want) || got.Others != 1 || seen != 2 {
		t.Errorf("got %v, %d others, %d seen; want %v, 1 and 2", got.Orders, got.Others, seen, want)
	}
	if want := []Series{{"INV-2014", 1}, {"INV-2015", 3}}; !reflect.DeepEqual(got.Series, want) || len(got.Gaps)+len(got.Debts) > 0 {
		t.Errorf("series %v with gaps %v and debts %v, want %v without", got.Series, got.Gaps, got.Debts, want)
	}
}

func TestMissingNumbersAreNamed(t *testing.T) {
	api := serve(t, list(shown("A")), list(), list(), list(bill("INV-2015-000005", "A", "A", 1, 0, 0), bill("INV-2015-000002", "X", "X", 1, 0, 0), bill("INV-2014-000001", "X", "X", 1, 0, 0)), list())
	got, err := Fetch(t.Context(), api, Side{"A": {}}, func(int) {})
	if err != nil {
		t.Fatal(err)
	}
	if want := []Gap{{"INV-2015-000001"}, {"INV-2015-000003"}, {"INV-2015-000004"}}; !reflect.DeepEqual(got.Gaps, want) {
		t.Errorf("gaps %v, want %v", got.Gaps, want)
	}
	for _, numbers := range [][]string{{"INV-2015-000001", "INV-2015-000001"}, {"INV"}, {"INV-2015-X"}} {
		var bills []obj
		for _, n := range numbers {
			bills = append(bills, bill(n, "A", "A", 1, 0, 0))
		}
		if _, err := Fetch(t.Context(), serve(t, list(shown("A")), list(), list(), list(bills...)), Side{"A": {}}, func(int) {}); err == nil {
			t.Errorf("the numbers %v passed", numbers)
		}
	}
}

func TestDebtsAreOfTheFilesOrdersOnly(t *testing.T) {
	api := serve(t, list(shown("A"), shown("B"), shown("X")), list(), list(),
		list(bill("INV-2015-000001", "A", "A", 500, 0, 2), bill("INV-2015-000002", "X", "A", 500, 0, 40), bill("INV-2015-000003", "X", "B", 500, 0, 7)),
		obj{"items": []obj{owes("A", "USD", 42), owes("A", "EUR", 3), owes("B", "USD", 7), owes("X", "USD", 500)}})
	got, err := Fetch(t.Context(), api, Side{"A": {}, "B": {}}, func(int) {})
	if err != nil {
		t.Fatal(err)
	}
	if want := []Debt{{"Mx A", "USD", 2}, {"Mx A", "EUR", 3}}; !reflect.DeepEqual(got.Debts, want) {
		t.Errorf("debts %v, want %v", got.Debts, want)
	}
	if text := got.Debts[0].String(); text != "Mx A owes 0.02 USD; by the file everything was paid" {
		t.Errorf("it reads %q", text)
	}
}

func TestOrderThatIsListedTwiceFails(t *testing.T) {
	api := serve(t, list(shown("A"), shown("A")))
	if _, err := Fetch(t.Context(), api, Side{"A": {}}, func(int) {}); err == nil {
		t.Error("an order listed twice passed")
	}
}

func TestProofThatIsNotCompleteIsNone(t *testing.T) {
	for _, proof := range []obj{{"status": "running"}, {"status": "complete", "unsettled": 1}} {
		if _, _, err := Prove(t.Context(), serve(t, proof)); err == nil {
			t.Errorf("%v passed", proof)
		}
	}
	drift := []obj{{"sku": "P", "location": "MAIN", "field": "reserved", "expected": 2, "found": 3}}
	_, got, err := Prove(t.Context(), serve(t, obj{"status": "complete", "checked": 1, "drift": drift}))
	if err != nil || len(got) != 1 || got[0].String() != "reserved of P at MAIN is 3; its entries come to 2" {
		t.Errorf("drift %v, error %v", got, err)
	}
}
