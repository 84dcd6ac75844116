package load

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"waybill/infra/demo/client"
	"waybill/infra/demo/superstore"
)

type silent struct{}

func (silent) Begin(string, int) {}
func (silent) Add(int)           {}

// row is what an import reports of one order.
type row struct {
	Index   int            `json:"index"`
	Outcome string         `json:"outcome"`
	Problem client.Problem `json:"problem"`
}

// importer is an API that has nothing and takes everything, but for orders, of
// which judge says what becomes.
func importer(t *testing.T, judge func(number string) row) *client.Client {
	t.Helper()
	answer := func(w http.ResponseWriter, v any) {
		if err := json.NewEncoder(w).Encode(v); err != nil {
			t.Error(err)
		}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /dev/token", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, map[string]string{"access_token": "t"})
	})
	mux.HandleFunc("GET /v1/", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, map[string]any{"items": []any{}, "next_cursor": nil})
	})
	mux.HandleFunc("POST /v1/orders/import", func(w http.ResponseWriter, r *http.Request) {
		var in struct{ Orders []struct{ Number string } }
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			t.Error(err)
		}
		report := struct {
			Created int   `json:"created"`
			Rows    []row `json:"rows"`
		}{}
		for i, o := range in.Orders {
			one := judge(o.Number)
			one.Index = i
			report.Rows = append(report.Rows, one)
			if one.Outcome == "created" {
				report.Created++
			}
		}
		answer(w, report)
	})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	api, err := client.Login(t.Context(), s.URL, "manager")
	if err != nil {
		t.Fatal(err)
	}
	return api
}

func TestOrderThatOthersGotInTheWayOfIsSentAgain(t *testing.T) {
	var tries atomic.Int32
	api := importer(t, func(number string) row {
		if number == "B" && tries.Add(1) < 3 {
			return row{Outcome: "failed", Problem: client.Problem{Status: http.StatusConflict, Code: "busy"}}
		}
		return row{Outcome: "created"}
	})
	report, err := Load(t.Context(), api, superstore.Shop{Orders: []superstore.Order{{Number: "A"}, {Number: "B"}}}, time.Now, silent{})
	if err != nil || len(report.Refused) > 0 || report.Created.Orders != 2 || tries.Load() != 3 {
		t.Errorf("report %+v after %d tries, error %v", report, tries.Load(), err)
	}
}

func TestOrderThatAnotherRunJustEnteredIsThere(t *testing.T) {
	var tries atomic.Int32
	api := importer(t, func(string) row {
		if tries.Add(1) == 1 {
			return row{Outcome: "failed", Problem: client.Problem{Status: http.StatusConflict, Code: "insufficient_stock"}}
		}
		return row{Outcome: "exists"}
	})
	report, err := Load(t.Context(), api, superstore.Shop{Orders: []superstore.Order{{Number: "A"}}}, time.Now, silent{})
	if err != nil || len(report.Refused) > 0 {
		t.Errorf("report %+v, error %v", report, err)
	}
}

func TestRefusedOrderIsToldOfByItsRows(t *testing.T) {
	api := importer(t, func(number string) row {
		if number == "B" {
			return row{Outcome: "failed", Problem: client.Problem{Status: http.StatusConflict, Code: "insufficient_stock"}}
		}
		return row{Outcome: "exists"}
	})
	report, err := Load(t.Context(), api, superstore.Shop{Orders: []superstore.Order{
		{Number: "A", Rows: []int{1}}, {Number: "B", Rows: []int{2, 5}},
	}}, time.Now, silent{})
	if err != nil {
		t.Fatal(err)
	}
	want := "rows 2 and 5: order B was refused, insufficient_stock"
	if len(report.Refused) != 1 || report.Refused[0].String() != want || report.Created != (Count{}) {
		t.Errorf("report %+v, want %s", report, want)
	}
}

func TestBrokenAPIEndsTheRun(t *testing.T) {
	api := importer(t, nil)
	// Nothing takes products there.
	_, err := Load(t.Context(), api, superstore.Shop{Products: []superstore.Product{{SKU: "P"}}}, time.Now, silent{})
	var refused *client.RefusedError
	if !errors.As(err, &refused) || refused.Problem.Status != http.StatusMethodNotAllowed {
		t.Errorf("error %v, want a 405", err)
	}
}

func TestFirstErrorEndsWhatRunsTogether(t *testing.T) {
	var done atomic.Int32
	items := make([]int, 1000)
	err := together(t.Context(), 4, items, func(ctx context.Context, _ int) error {
		n := done.Add(1)
		if n == 10 {
			return io.ErrUnexpectedEOF
		}
		if n > 10 {
			<-ctx.Done() // who comes later waits for the end
		}
		return nil
	})
	if !errors.Is(err, io.ErrUnexpectedEOF) || done.Load() > 14 {
		t.Errorf("error %v after %d calls", err, done.Load())
	}
}

func TestTogetherDoesEachOnce(t *testing.T) {
	seen := make([]atomic.Int32, 100)
	items := make([]int, 100)
	for i := range items {
		items[i] = i
	}
	if err := together(t.Context(), 7, items, func(_ context.Context, i int) error { seen[i].Add(1); return nil }); err != nil {
		t.Fatal(err)
	}
	if slices.ContainsFunc(items, func(i int) bool { return seen[i].Load() != 1 }) {
		t.Error("an item was not done once")
	}
	if err := together(t.Context(), 7, nil, func(context.Context, int) error { return io.EOF }); err != nil {
		t.Errorf("nothing to do fails with %v", err)
	}
}
