package stock_test

import (
	"errors"
	"fmt"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"waybill/shared/refusal"
	"waybill/shared/stock"
)

func line(sku string, n int64) stock.TransferLine { return stock.TransferLine{SKU: sku, Quantity: n} }

func wantRefused(t testing.TB, err error, code, item string) {
	t.Helper()
	var refused *refusal.Error
	if !errors.As(err, &refused) || refused.Code != code || (item != "" && refused.Items[0].Code != item) {
		t.Errorf("got %v, want %s %s", err, code, item)
	}
}

func TestATransferMergesItsLines(t *testing.T) {
	o := stock.TransferOrder{From: "MAIN", To: "EAST", Lines: []stock.TransferLine{line("MUG", 2), line("CUP", 1), line("MUG", 3)}}
	if err := o.Plan(); err != nil {
		t.Fatal(err)
	}
	if want := []stock.TransferLine{line("MUG", 5), line("CUP", 1)}; !reflect.DeepEqual(o.Lines, want) {
		t.Errorf("lines %+v", o.Lines)
	}
	o.Lines = nil
	for i := range stock.MostTransferred {
		o.Lines = append(o.Lines, line(fmt.Sprint("S-", i), 1), line(fmt.Sprint("S-", i), 1))
	}
	if err := o.Plan(); err != nil || len(o.Lines) != stock.MostTransferred {
		t.Errorf("the most it takes: %v, %d lines", err, len(o.Lines))
	}
	o.Lines = append(o.Lines, line("MUG", 1))
	wantRefused(t, o.Plan(), "too_many_items", "")
}

// Whatever arrives, all that was sent leaves transit with all its value, and
// what arrived is at the destination.
func TestAReceivedLineLeavesNothingInTransit(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		n := rapid.Int64Range(0, 30)
		money := rapid.Int64Range(0, 5000)
		l := stock.TransferLine{SKU: "MUG", Quantity: n.Draw(r, "sent") + 1, Value: money.Draw(r, "worth"), Received: n.Draw(r, "received")}
		there := stock.Item{Place: stock.Place{SKU: "MUG", Location: "EAST"}, OnHand: n.Draw(r, "there")}
		if there.OnHand > 0 {
			there.Value = money.Draw(r, "worth there")
		}
		movements, err := stock.TransferOrder{ID: "T", From: "MAIN", To: "EAST", Reason: "lost"}.Arrive(l, there)
		if err != nil {
			r.Fatal(err)
		}
		sum := map[string]stock.Change{}
		for _, c := range stock.Sum(movements...) {
			if _, twice := sum[c.Location]; twice {
				r.Fatalf("%s stands twice", c.Location)
			}
			sum[c.Location] = c
		}
		if c := sum[stock.InTransit]; c.OnHand != -l.Quantity || c.Value != -l.Value {
			r.Fatalf("%+v leaves transit, of %+v", c, l)
		}
		c := sum["EAST"]
		if c.OnHand != l.Received || c.Value < 0 || (l.Received <= l.Quantity && c.Value > l.Value) || (l.Received == l.Quantity && c.Value != l.Value) {
			r.Fatalf("%+v arrives, of %+v", c, l)
		}
		for _, m := range movements {
			if m.Reference != "transfer/T" || m.Check() != nil {
				r.Fatalf("movement %+v: %v", m, m.Check())
			}
		}
	})
}

func TestAReceiptNamesWhatDiffersAndWhy(t *testing.T) {
	sent := stock.TransferOrder{ID: "T", Status: stock.TransferSent, Lines: []stock.TransferLine{line("MUG", 5), line("CUP", 2)}}
	for _, c := range []struct {
		name, item string
		arrivals   []stock.Arrival
		reason     string
	}{
		{"no reason", "required", []stock.Arrival{{"MUG", 4}}, "\t"},
		{"not sent", "unknown_sku", []stock.Arrival{{"POT", 1}}, "because"},
		{"twice", "line_conflict", []stock.Arrival{{"MUG", 4}, {"MUG", 4}}, "because"},
		{"less than nothing", "invalid", []stock.Arrival{{"MUG", -1}}, "because"},
	} {
		o := sent
		wantRefused(t, o.Receive(c.arrivals, c.reason), "rejected", c.item)
		if o.Status != stock.TransferSent || o.Lines[0].Received != 0 {
			t.Errorf("%s: changed to %+v", c.name, o)
		}
	}
	o := sent
	if err := o.Receive([]stock.Arrival{{"MUG", 5}, {"CUP", 0}}, " fell off "); err != nil {
		t.Fatal(err)
	}
	if o.Status != stock.TransferReceived || o.Lines[0].Difference() != 0 || o.Lines[1].Difference() != -2 || o.Reason != "fell off" {
		t.Errorf("received: %+v", o)
	}
	wantRefused(t, o.Receive(nil, ""), "wrong_status", "")
}
