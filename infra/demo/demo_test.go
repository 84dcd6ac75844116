package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"waybill/infra/demo/client"
	"waybill/infra/demo/load"
	"waybill/infra/dynamolocal/testtable"
	"waybill/infra/local"
	"waybill/infra/template"
)

// start runs the system on an empty table and returns a manager's client.
func start(t *testing.T) *client.Client {
	t.Helper()
	path, err := template.Find(".")
	if err != nil {
		t.Fatal(err)
	}
	db, table := testtable.New(t)
	s, err := local.Start(t.Context(), local.Config{Template: path, Client: db, Table: table, Log: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	api, err := client.Login(t.Context(), s.URL(), "manager")
	if err != nil {
		t.Fatal(err)
	}
	return api
}

const header = "Row ID,Order ID,Order Date,Ship Date,Ship Mode,Customer ID,Customer Name,Segment,Country,City,State,Postal Code,Region,Product ID,Category,Sub-Category,Product Name,Sales,Quantity,Discount,Profit\n"

// sale is a row of the file. An order and its customer share the number.
func sale(order int, sku, sales, quantity, discount string) string {
	return fmt.Sprintf("0,O-%d,2014-03-%02d,2014-04-01,Second Class,C-%d,Ann Bell,Consumer,United States,Keene,New Hampshire,3431,East,%s,Furniture,Chairs,Chair,%s,%s,%s,1.5\n",
		order, order, order, sku, sales, quantity, discount)
}

func file(t *testing.T, rows ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "sales.csv")
	if err := os.WriteFile(path, []byte(header+strings.Join(rows, "")), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// run runs the demo and returns what it printed.
func runOn(ctx context.Context, api *client.Client, file string) (string, error) {
	var out strings.Builder
	d := demo{api: api, now: time.Now, file: file, out: &out, bar: &bar{out: &out}}
	err := d.run(ctx)
	return out.String(), err
}

func wantText(t *testing.T, got string, want ...string) {
	t.Helper()
	for _, w := range want {
		if !strings.Contains(got, w) {
			t.Errorf("%q is not in what was printed:\n%s", w, got)
		}
	}
}

// snapshot is everything the demo enters, as the API shows it.
func snapshot(t *testing.T, api *client.Client) string {
	t.Helper()
	var all strings.Builder
	for _, path := range []string{"/v1/products", "/v1/customers", "/v1/stock", "/v1/orders", "/v1/shipments", "/v1/payments", "/v1/invoices"} {
		err := client.Each(t.Context(), api, path, func(v map[string]any) error {
			_, err := fmt.Fprintln(&all, path, v)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return all.String()
}

// wantAllShipped fails the test unless all stock there was left with the orders, and so many units did.
func wantAllShipped(t *testing.T, api *client.Client, units int) {
	t.Helper()
	err := client.Each(t.Context(), api, "/v1/stock", func(s struct {
		SKU      string
		OnHand   int `json:"on_hand"`
		Reserved int
	}) error {
		if s.OnHand != 0 || s.Reserved != 0 {
			t.Errorf("%s has %d left and %d reserved", s.SKU, s.OnHand, s.Reserved)
		}
		return nil
	})
	left := 0
	err = errors.Join(err, client.Each(t.Context(), api, "/v1/shipments", func(s struct {
		Lines []struct{ Quantity int }
	}) error {
		for _, l := range s.Lines {
			left += l.Quantity
		}
		return nil
	}))
	if err != nil || left != units {
		t.Errorf("%d units left, want %d; error %v", left, units, err)
	}
}

// wantMoney fails the test unless so many orders were paid and invoiced once, whole, and come to so much.
func wantMoney(t *testing.T, api *client.Client, orders int, cents int64) {
	t.Helper()
	type fact struct {
		Order        string `json:"order_id"`
		Amount, Open int64
		Total        int64
	}
	for _, path := range []string{"/v1/payments", "/v1/invoices"} {
		of, sum := map[string]bool{}, int64(0)
		err := client.Each(t.Context(), api, path, func(f fact) error {
			if of[f.Order] || f.Open != 0 {
				t.Errorf("%s has %+v, the order's second or open", path, f)
			}
			of[f.Order] = true
			sum += f.Amount + f.Total // one of them
			return nil
		})
		if err != nil || len(of) != orders || sum != cents {
			t.Errorf("%s has %d of %d cents, want %d of %d; error %v", path, len(of), sum, orders, cents, err)
		}
	}
	err := client.Each(t.Context(), api, "/v1/orders", func(o struct {
		Number  string
		Total   int64
		Status  string `json:"payment_status"`
		Balance int64
	}) error {
		if o.Balance != 0 || o.Total > 0 && o.Status != "paid" {
			t.Errorf("order %s is %s with a balance of %d", o.Number, o.Status, o.Balance)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestSecondRunChangesNothing(t *testing.T) {
	t.Parallel()
	api := start(t)
	path := file(t, sale(1, "P-1", "957.5775", "5", "0.45"), sale(1, "P-2", "10", "3", "0"), sale(2, "P-1", "0.005", "1", "0"), sale(2, "P-1", "1", "1", "0"))
	out, err := runOn(t.Context(), api, path)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	wantText(t, out, "Entered 2 products, 2 customers, 2 receipts, 2 orders, 2 payments, 2 shipments and 2 invoices",
		"968.59      968.59          968.59   agrees", "numbered from 1 to 2 without a gap", "Nobody owes anything", "4 rows make 3 lines", "2 balances recomputed, no drift")
	wantAllShipped(t, api, 10)
	wantMoney(t, api, 2, 968_59)

	before := snapshot(t, api)
	out, err = runOn(t.Context(), api, path)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	wantText(t, out, "Everything was there already.")
	if after := snapshot(t, api); after != before {
		t.Errorf("before the second run:\n%s\nafter it:\n%s", before, after)
	}
}

func TestTwoDemosAtOnceEnterEverythingOnce(t *testing.T) {
	t.Parallel()
	api := start(t)
	var rows []string
	for i := range 20 {
		rows = append(rows, sale(i%5+1, fmt.Sprintf("P-%d", i%7), "9.99", "2", "0.2"))
	}
	path := file(t, rows...)
	var both sync.WaitGroup
	for range 2 {
		both.Go(func() {
			// Another at work is no difference, and may leave the proof unsettled.
			if out, err := runOn(t.Context(), api, path); errors.Is(err, errDiffers) || errors.Is(err, errLeftOut) {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
	both.Wait()
	if out, err := runOn(t.Context(), api, path); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	wantAllShipped(t, api, 40)
	wantMoney(t, api, 5, 199_80)
}

func TestOrdersThatWereEnteredUnpaidArePaidAndInvoiced(t *testing.T) {
	t.Parallel()
	api := start(t)
	post := func(path string, body map[string]any) {
		t.Helper()
		if err := api.Post(t.Context(), path, "", body, nil); err != nil {
			t.Fatal(err)
		}
	}
	post("/v1/products", map[string]any{"sku": "P-1", "name": "Chair", "prices": map[string]int{"USD": 1000}})
	post("/v1/customers", map[string]any{"reference": "C-1", "name": "Ann Bell", "terms": map[string]any{"kind": "net", "days": 30}})
	post("/v1/stock/movements", map[string]any{"kind": "receive", "sku": "P-1", "location": "MAIN", "quantity": 3, "unit_cost": 1, "reference": "OPENING"})
	post("/v1/orders/import", map[string]any{"orders": []any{map[string]any{
		"number": "O-1", "placed_at": "2014-03-01T12:00:00Z", "customer_reference": "C-1", "currency": "USD",
		"lines": []any{map[string]any{"sku": "P-1", "quantity": 3, "unit_price": 1000}},
	}}})
	path := file(t, sale(1, "P-1", "30", "3", "0"))
	out, err := runOn(t.Context(), api, path)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	wantText(t, out, "Entered 0 products, 0 customers, 0 receipts, 0 orders, 1 payments, 1 shipments and 1 invoices", "30.00       30.00           30.00   agrees")
	wantMoney(t, api, 1, 30_00)
	if out, err = runOn(t.Context(), api, path); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	wantText(t, out, "Everything was there already.")
	wantMoney(t, api, 1, 30_00)
}

func TestOrderThatCostNothingIsInvoicedAndNotPaid(t *testing.T) {
	t.Parallel()
	api := start(t)
	path := file(t, sale(1, "P-1", "0", "3", "0"), sale(2, "P-1", "5", "1", "0"))
	out, err := runOn(t.Context(), api, path)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	wantText(t, out, "2 orders, 1 payments, 2 shipments and 2 invoices", "5.00        5.00            5.00   agrees")
}

func TestOrderIsPaidAsItsSegmentPaysAndNeverTomorrow(t *testing.T) {
	t.Parallel()
	api := start(t)
	path := file(t, sale(1, "P-1", "10", "1", "0"),
		strings.Replace(sale(2, "P-1", "10", "1", "0"), "Consumer", "Home Office", 1),
		strings.Replace(sale(3, "P-1", "10", "1", "0"), "Second Class", "Same Day", 1),
		strings.Replace(sale(4, "P-1", "10", "1", "0"), "Consumer", "Corporate", 1))
	today := func() time.Time { return time.Date(2014, 3, 12, 18, 0, 0, 0, time.UTC) }
	d := demo{api: api, now: today, file: path, out: io.Discard, bar: &bar{out: io.Discard}}
	if err := d.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	err := client.Each(t.Context(), api, "/v1/payments", func(p struct {
		Method, Reference string
		ReceivedAt        time.Time `json:"received_at"`
	}) error {
		got[p.Reference] = p.Method + " " + p.ReceivedAt.UTC().Format(time.DateOnly)
		return nil
	})
	want := map[string]string{"O-1": "bank_transfer 2014-03-03", "O-2": "cheque 2014-03-09", "O-3": "cash 2014-03-03", "O-4": "bank_transfer 2014-03-12"}
	if err != nil || !maps.Equal(got, want) {
		t.Errorf("paid %v, want %v; error %v", got, want, err)
	}
}

func TestBrokenRowsAreNamedAndTheRestGoesIn(t *testing.T) {
	t.Parallel()
	api := start(t)
	out, err := runOn(t.Context(), api, file(t,
		sale(1, "P-1", "10", "1", "0"),
		sale(1, "P-2", "ten", "1", "0"),
		sale(2, "P-1", "20", "2", "0"),
		sale(2, "not a sku", "20", "2", "0"),
		sale(3, "P-3", "30", "3", "0")))
	if !errors.Is(err, errLeftOut) {
		t.Errorf("error %v, want %v", err, errLeftOut)
	}
	wantText(t, out,
		`Left out row 2: sales: "ten" is no decimal number`,
		"Left out row 4: product not a sku was refused, invalid",
		"Left out rows 3 and 4: order O-2 was refused, invalid",
		"file's 2 rows make 2 lines", "40.00       40.00           40.00   agrees", "no drift")
}

func TestDifferenceOfACentIsFound(t *testing.T) {
	t.Parallel()
	api := start(t)
	if out, err := runOn(t.Context(), api, file(t, sale(1, "P-1", "10", "1", "0"))); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	out, err := runOn(t.Context(), api, file(t, sale(1, "P-1", "10.01", "1", "0")))
	if !errors.Is(err, errDiffers) {
		t.Errorf("error %v, want %v", err, errDiffers)
	}
	wantText(t, out, "DIFFERS: order O-1 of 2014 has 1 lines, 1 units and costs 10.00; by the file it is of 2014, has 1 lines, 1 units and costs 10.01")
}

func TestNobodyOnThePortIsSaidInASentence(t *testing.T) {
	t.Parallel()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := free.Addr().(*net.TCPAddr).Port
	free.Close()
	err = run(t.Context(), port, "unused.csv")
	want := fmt.Sprintf("Nothing answers on http://localhost:%d; start it with make run PORT=%d.", port, port)
	if got := explain(t.Context(), err, port); got != want {
		t.Errorf("said %q, want %q", got, want)
	}
}

func TestTerminalSeesOneLineAStep(t *testing.T) {
	var out strings.Builder
	b := bar{out: &out, live: true}
	var progress load.Progress = &b
	progress.Begin("Orders", 400)
	for range 400 {
		progress.Add(1)
	}
	b.End()
	if lines := strings.Count(out.String(), "\n"); lines != 1 {
		t.Errorf("%d lines, want 1", lines)
	}
	if draws := strings.Count(out.String(), "\r"); draws != width+1 {
		t.Errorf("drawn %d times, want %d", draws, width+1)
	}
	if want := "\rOrders            400 of    400  [" + strings.Repeat("=", width) + "]\n"; !strings.HasSuffix(out.String(), want) {
		t.Errorf("it ends as %q, want %q", out.String(), want)
	}
}
