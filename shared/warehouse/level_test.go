package warehouse_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"waybill/infra/dynamolocal"
	"waybill/infra/dynamolocal/testtable"
	"waybill/infra/fault"
	"waybill/shared/event"
	"waybill/shared/stock"
	"waybill/shared/table"
	"waybill/shared/warehouse"
)

// reorderAt gives a product another reorder point; nil for none.
func (h hall) reorderAt(sku string, point *int64) {
	h.t.Helper()
	p, err := h.DB.Product(h.t.Context(), sku)
	if err != nil {
		h.t.Fatal(err)
	}
	tx := &table.Tx{}
	p.ReorderPoint, p.Version = point, p.Version+1
	tx.SaveProduct(p, p.Version-1)
	if err := h.DB.Commit(h.t.Context(), tx); err != nil {
		h.t.Fatal(err)
	}
}

func (h hall) watch(sku string) {
	h.t.Helper()
	if err := h.WatchLevel(h.t.Context(), sku); err != nil {
		h.t.Fatal(err)
	}
}

// happened lists what the events of a type say, the oldest first.
func (h hall) happened(types ...event.Type) []string {
	h.t.Helper()
	var said []string
	for after := ""; ; {
		l, err := h.DB.Audit(h.t.Context(), table.AuditFilter{}, table.Page{Limit: 100, After: after})
		if err != nil {
			h.t.Fatal(err)
		}
		for _, e := range l.Items {
			if slices.Contains(types, e.Type) {
				said = append(said, fmt.Sprint(e.Subject, " ", e.Seq, " ", e.Actor, " ", e.Type, " ", e.Data))
			}
		}
		if after = l.Next; after == "" {
			slices.Reverse(said)
			return said
		}
	}
}

func low(sku string, seq, available, point int64) string {
	return fmt.Sprintf("stock/%s %d system stock.low map[available:%d reorder_point:%d sku:%s]", sku, seq, available, point, sku)
}

func (h hall) wantLow(want ...string) {
	h.t.Helper()
	if got := h.happened(event.StockLow); !slices.Equal(got, want) {
		h.t.Errorf("events %q, want %q", got, want)
	}
}

func TestOneEventIsRaisedEachTimeTheLevelFalls(t *testing.T) {
	t.Parallel()
	h := newHall(t, "MUG", "CUP")
	h.reorderAt("MUG", aws.Int64(10))
	look := func() {
		t.Helper()
		h.watch("MUG")
		h.watch("MUG")
	}
	h.move(receipt("MUG", 11, 100), false)
	look()
	h.wantLow()
	h.move(adjustment("MUG", -1), false) // at the point
	look()
	h.wantLow(low("MUG", 1, 10, 10))
	h.move(adjustment("MUG", -4), false) // and below
	look()
	h.wantLow(low("MUG", 1, 10, 10))
	h.move(receipt("MUG", 20, 100), false)
	look()
	h.sell("MUG", 16) // reservations count, for what is reserved is not available
	look()
	h.wantLow(low("MUG", 1, 10, 10), low("MUG", 2, 10, 10))
	h.watch("CUP") // has no reorder point
	h.watch("NONE")
	h.wantLow(low("MUG", 1, 10, 10), low("MUG", 2, 10, 10))
	h.wantNoDrift()
}

func TestTheLevelIsThatOfAllLocationsWithoutWhatIsOnItsWay(t *testing.T) {
	t.Parallel()
	h := newHall(t, "MUG")
	h.reorderAt("MUG", aws.Int64(5))
	h.move(receipt("MUG", 8, 100), false)
	h.move(transfer("MUG", 6), false)
	h.watch("MUG")
	h.wantLow()
	tx := &table.Tx{}
	for _, c := range []stock.Change{
		{Place: stock.Place{SKU: "MUG", Location: "EAST"}, OnHand: -6, Value: -600},
		{Place: stock.Place{SKU: "MUG", Location: stock.InTransit}, OnHand: 6, Value: 600},
	} {
		tx.Move(c, 0, nil)
	}
	if err := h.DB.Commit(t.Context(), tx); err != nil {
		t.Fatal(err)
	}
	h.watch("MUG")
	h.wantLow(low("MUG", 1, 2, 5))
}

func TestAReorderPointThatGoesAndComesAgainRaisesTheEventAgain(t *testing.T) {
	t.Parallel()
	h := newHall(t, "MUG")
	h.reorderAt("MUG", aws.Int64(0)) // none left
	h.watch("MUG")
	h.reorderAt("MUG", nil)
	h.watch("MUG")
	h.reorderAt("MUG", aws.Int64(3))
	h.watch("MUG")
	h.wantLow(low("MUG", 1, 0, 0), low("MUG", 2, 0, 3))
}

func TestManyWhoLookAtOnceRaiseOneEvent(t *testing.T) {
	t.Parallel()
	h := newHall(t, "MUG")
	h.reorderAt("MUG", aws.Int64(10))
	h.move(receipt("MUG", 3, 100), false)
	var wg sync.WaitGroup
	begin := make(chan struct{})
	for range 20 {
		wg.Go(func() {
			<-begin
			h.watch("MUG")
		})
	}
	close(begin)
	wg.Wait()
	h.wantLow(low("MUG", 1, 3, 10))
}

// Whoever looked before goods came must not say afterwards that they lack:
// nobody would look again, and the next fall would go unsaid.
func TestALevelThatRoseMeanwhileIsNotLow(t *testing.T) {
	t.Parallel()
	h := newHall(t, "MUG")
	h.reorderAt("MUG", aws.Int64(10))
	h.move(receipt("MUG", 3, 100), false)
	first := true
	client := testtable.Client(t, &fault.Transport{Next: dynamolocal.NewTransport(), Decide: func(operation string) fault.Mode {
		if operation == "TransactWriteItems" && first {
			first = false
			h.move(receipt("MUG", 20, 100), false)
			h.watch("MUG") // sees it above, as it was
		}
		return fault.None
	}})
	slow := &warehouse.Floor{DB: table.New(client, h.table, h.IDs.Now), IDs: h.IDs}
	if err := slow.WatchLevel(t.Context(), "MUG"); err != nil {
		t.Fatal(err)
	}
	h.wantLow()
	h.move(adjustment("MUG", -20), false)
	h.watch("MUG")
	h.wantLow(low("MUG", 1, 3, 10))
}

// broken is the hall's floor behind a table that fails as decide says.
func (h hall) broken(decide func(operation string) fault.Mode) *warehouse.Floor {
	client := testtable.Client(h.t, &fault.Transport{Next: dynamolocal.NewTransport(), Decide: decide})
	impatient := dynamodb.New(client.Options(), func(o *dynamodb.Options) {
		o.Retryer = retry.NewStandard(func(r *retry.StandardOptions) { r.MaxAttempts = 1 })
	})
	return &warehouse.Floor{DB: table.New(impatient, h.table, h.IDs.Now), IDs: h.IDs, Pause: h.Pause}
}

func TestALookThatIsCutShortAnywhereIsMadeGood(t *testing.T) {
	t.Parallel()
	for _, mode := range []fault.Mode{fault.Lost, fault.Unanswered, fault.Conflict, fault.Throttle, fault.Dead} {
		t.Run(mode.String(), func(t *testing.T) {
			t.Parallel()
			for cut := 1; ; cut++ {
				h := newHall(t, "MUG")
				h.reorderAt("MUG", aws.Int64(10))
				calls := 0
				f := h.broken(func(string) fault.Mode {
					if calls++; calls == cut {
						return mode
					}
					return fault.None
				})
				_ = f.WatchLevel(t.Context(), "MUG") // as far as it comes
				h.watch("MUG")
				h.wantLow(low("MUG", 1, 0, 10))
				if calls < cut {
					if cut < 3 {
						t.Errorf("only %d calls were cut short", cut-1)
					}
					return
				}
			}
		})
	}
}
