package stock_test

import (
	"fmt"
	"testing"

	"waybill/shared/stock"
)

func entry(sku string, n int64) stock.Entry { return stock.Entry{SKU: sku, Counted: &n} }

func TestACountHasAtMostAThousandLines(t *testing.T) {
	nothing := func(string) int64 { return 0 }
	c := stock.Count{Status: stock.CountOpen}
	for i := range stock.MostCounted {
		if err := c.Enter([]stock.Entry{entry(fmt.Sprintf("S-%04d", i), 1)}, nothing); err != nil {
			t.Fatal(err)
		}
	}
	wantRefused(t, c.Enter([]stock.Entry{entry("ONE-MORE", 1)}, nothing), "too_many_items", "")
	if c.Entered != stock.MostCounted || len(c.Lines) != stock.MostCounted {
		t.Errorf("%d lines, %d entered", len(c.Lines), c.Entered)
	}
	// One may be entered anew, and one may take another's place.
	if err := c.Enter([]stock.Entry{entry("S-0500", 2)}, nothing); err != nil {
		t.Error(err)
	}
	if err := c.Enter([]stock.Entry{{SKU: "S-0000"}, entry("ONE-MORE", 1)}, nothing); err != nil {
		t.Error(err)
	}
}

func TestWhatIsPostedIsWhatDiffersTheGreatestLossFirst(t *testing.T) {
	onHand := map[string]int64{"CUP": 5, "JAR": 5, "MUG": 10, "POT": 5}
	c := stock.Count{ID: "C", Status: stock.CountOpen, Location: "MAIN"}
	entries := []stock.Entry{entry("POT", 9), entry("CUP", 5), entry("MUG", 8), entry("JAR", 1)}
	if err := c.Enter(entries, func(sku string) int64 { return onHand[sku] }); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(c.Unposted()); got != "[{JAR 1 5 } {MUG 8 10 } {POT 9 5 }]" {
		t.Errorf("to be posted are %s", got)
	}
	if lines, differences, up, down := c.Summary(); lines != 4 || differences != 3 || up != 4 || down != 6 {
		t.Errorf("%d lines, %d differ, %d up, %d down", lines, differences, up, down)
	}
	c.Book([]stock.CountLine{{SKU: "JAR", Movement: "M1"}, {SKU: "POT", Movement: "M2"}})
	if got := fmt.Sprint(c.Unposted()); got != "[{MUG 8 10 }]" {
		t.Errorf("still to be posted are %s", got)
	}
	m := c.Adjustment(c.Unposted()[0])
	if err := m.Check(); err != nil || m.Quantity != -2 || m.Place != (stock.Place{SKU: "MUG", Location: "MAIN"}) || m.Reference != "count/C" {
		t.Errorf("it is posted by %+v, %v", m, err)
	}
}

func TestOnlyAnOpenCountChanges(t *testing.T) {
	for _, c := range []struct {
		status                  stock.CountStatus
		enters, cancels, posted bool
	}{
		{stock.CountOpen, true, true, true},
		{stock.CountPosting, false, false, true},
		{stock.CountPosted, false, false, false},
		{stock.CountCancelled, false, false, false},
	} {
		is := stock.Count{Status: c.status}
		posts := is.MayPost() == nil
		enters := is.Enter(nil, nil) == nil
		cancels := is.Cancel() == nil
		if posts != c.posted || enters != c.enters || cancels != c.cancels {
			t.Errorf("%s: posts %v, enters %v, cancels %v", c.status, posts, enters, cancels)
		}
	}
}
