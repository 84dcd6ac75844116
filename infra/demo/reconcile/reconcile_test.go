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
		Orders: Side{"A": {2014, 2, 8, 95759, "2014-03-05", 8}, "B": {2017, 1, 2, 26196, "2018-01-02", 2}},
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
	order := Order{2014, 2, 8, 95759, "2014-03-05", 8}
	for name, c := range map[string]struct {
		system Side
		want   string
	}{
		"same":           {Side{"A": order}, ""},
		"missing":        {Side{}, "order A is missing"},
		"a cent":         {Side{"A": {2014, 2, 8, 95760, "2014-03-05", 8}}, "costs 957.60; by the file it is of 2014, has 2 lines, 8 units and costs 957.59"},
		"a unit":         {Side{"A": {2014, 2, 9, 95759, "2014-03-05", 8}}, "9 units"},
		"a line":         {Side{"A": {2014, 1, 8, 95759, "2014-03-05", 8}}, "1 lines"},
		"a year":         {Side{"A": {2015, 2, 8, 95759, "2014-03-05", 8}}, "order A of 2015"},
		"another day":    {Side{"A": {2014, 2, 8, 95759, "2014-03-06", 8}}, `order A left on "2014-03-06" with 8 units; by the file on 2014-03-05 with 8`},
		"not all left":   {Side{"A": {2014, 2, 8, 95759, "2014-03-05", 7}}, `with 7 units`},
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
	file := Side{"A": {Year: 2014, Lines: 2, Units: 8, Cents: 95759}, "B": {Year: 2015, Lines: 1, Units: 1, Cents: 100}}
	system := Side{"A": {Year: 2014, Lines: 2, Units: 8, Cents: 95759}, "B": {Year: 2015, Lines: 1, Units: 1, Cents: 101}}
	if err := Print(&out, file, system); err != nil {
		t.Fatal(err)
	}
	const want = `
   year            orders   lines   units   sales, USD
   2014     file        1       2       8       957.59
          system        1       2       8       957.59   agrees
   2015     file        1       1       1         1.00
          system        1       1       1         1.01   DIFFERS
    all     file        2       3       9       958.59
          system        2       3       9       958.60   DIFFERS
`
	if got := "\n" + out.String(); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestNumbersAreWrittenInGroups(t *testing.T) {
	for got, want := range map[string]string{
		Count(0): "0", Count(999): "999", Count(9994): "9,994", Count(1234567): "1,234,567",
		dollars(229720107): "2,297,201.07", dollars(5): "0.05", exact(2297200860300): "2,297,200.8603", exact(5000000): "5",
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
	return obj{"number": number, "placed_at": "2014-12-31T23:30:00-01:00", "total": 500, "lines": []obj{{"quantity": 2}, {"quantity": 3}}}
}

func parcel(order, at string, units int) obj {
	return obj{"order_number": order, "shipped_at": at, "status": "shipped", "lines": []obj{{"quantity": units}}}
}

func TestSystemIsReadPageByPage(t *testing.T) {
	api := serve(t, obj{"items": []obj{shown("A"), shown("X")}, "next_cursor": "more"}, obj{"items": []obj{shown("B")}, "next_cursor": nil},
		obj{"items": []obj{parcel("A", "2015-01-02T03:30:00+02:00", 4), parcel("A", "2015-01-02T12:00:00Z", 1), parcel("X", "2015-01-02T12:00:00Z", 1)}, "next_cursor": "more"},
		obj{"items": []obj{parcel("B", "2015-01-03T12:00:00Z", 1), parcel("B", "2015-01-02T12:00:00Z", 2)}, "next_cursor": nil})
	seen := 0
	got, others, err := Fetch(t.Context(), api, Side{"A": {}, "B": {}, "C": {}}, func(n int) { seen += n })
	if err != nil {
		t.Fatal(err)
	}
	one, two := Order{2015, 2, 5, 500, "2015-01-02", 5}, Order{2015, 2, 5, 500, "several days", 3}
	if want := (Side{"A": one, "B": two}); !reflect.DeepEqual(got, want) || others != 1 || seen != 2 {
		t.Errorf("got %v, %d others, %d seen; want %v, 1 and 2", got, others, seen, want)
	}
}

func TestOrderThatIsListedTwiceFails(t *testing.T) {
	api := serve(t, obj{"items": []obj{shown("A"), shown("A")}, "next_cursor": nil})
	if _, _, err := Fetch(t.Context(), api, Side{"A": {}}, func(int) {}); err == nil {
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
