package warehouse_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"waybill/infra/dynamolocal"
	"waybill/infra/dynamolocal/testtable"
	"waybill/infra/fault"
	"waybill/shared/event"
	"waybill/shared/order"
	"waybill/shared/ordering"
	"waybill/shared/product"
	"waybill/shared/refusal"
	"waybill/shared/stock"
	"waybill/shared/table"
	"waybill/shared/warehouse"
)

var asManager = warehouse.By{Principal: manager}

// expecting is the manager who saw a version.
func expecting(version int64) warehouse.By {
	return warehouse.By{Principal: manager, Expect: func(is int64) error {
		if is != version {
			return refusal.New(refusal.Stale, "stale", "it is at %d", is)
		}
		return nil
	}}
}

// stock puts units of new products into MAIN.
func (h hall) stock(skus []string, n, cost int64) {
	h.t.Helper()
	for chunk := range slices.Chunk(skus, 90) {
		tx := &table.Tx{}
		for _, sku := range chunk {
			tx.NewProduct(product.Product{
				SKU: sku, Name: sku, Unit: "pcs", Prices: map[string]int64{"USD": 1000}, Active: true,
				ListID: h.IDs.ID(), Version: 1, CreatedAt: h.IDs.Now(), UpdatedAt: h.IDs.Now(),
			})
		}
		if err := h.DB.Commit(h.t.Context(), tx); err != nil {
			h.t.Fatal(err)
		}
	}
	err := table.Each(h.t.Context(), len(skus), func(_ context.Context, i int) error { return h.try(receipt(skus[i], n, cost), false) })
	if err != nil {
		h.t.Fatal(err)
	}
}

// numbered makes n SKUs.
func numbered(n int) []string {
	skus := make([]string, n)
	for i := range skus {
		skus[i] = fmt.Sprintf("S-%04d", i)
	}
	return skus
}

// failing is the same floor on a connection that does at each call of the table what decide says.
func (h hall) failing(decide func(operation string) fault.Mode) *warehouse.Floor {
	h.t.Helper()
	client := testtable.Client(h.t, &fault.Transport{Next: dynamolocal.NewTransport(), Decide: decide})
	quick := dynamodb.New(client.Options(), func(o *dynamodb.Options) {
		o.Retryer = retry.NewStandard(func(s *retry.StandardOptions) { s.MaxAttempts, s.MaxBackoff = 2, 5*time.Millisecond })
	})
	return &warehouse.Floor{DB: table.New(quick, h.table, h.IDs.Now), IDs: h.IDs, Pause: h.Pause}
}

// at is the same floor, where something else happens just before its call-th
// call of the table; hit tells whether there was one.
func (h hall) at(call int64, do func()) (f *warehouse.Floor, hit *atomic.Bool) {
	h.t.Helper()
	var calls atomic.Int64
	hit = &atomic.Bool{}
	return h.failing(func(string) fault.Mode {
		if calls.Add(1) == call {
			hit.Store(true)
			do()
		}
		return fault.None
	}), hit
}

// goods is a transfer from MAIN to EAST.
func goods(lines ...any) stock.TransferOrder {
	t := stock.TransferOrder{From: "MAIN", To: "EAST"}
	for i := 0; i+1 < len(lines); i += 2 {
		t.Lines = append(t.Lines, stock.TransferLine{SKU: lines[i].(string), Quantity: int64(lines[i+1].(int))})
	}
	return t
}

func (h hall) send(lines ...any) stock.TransferOrder {
	h.t.Helper()
	t, err := h.Send(h.t.Context(), asManager, goods(lines...))
	if err != nil {
		h.t.Fatal(err)
	}
	return t
}

func arrived(sku string, n int64) []stock.Arrival { return []stock.Arrival{{SKU: sku, Received: n}} }

// wantEvents compares the types of a subject's events, the oldest first.
func (h hall) wantEvents(kind event.Kind, id string, want ...event.Type) {
	h.t.Helper()
	out, err := h.client.Query(h.t.Context(), &dynamodb.QueryInput{
		TableName: &h.table, ConsistentRead: aws.Bool(true), KeyConditionExpression: aws.String("pk = :pk"),
		ExpressionAttributeValues: map[string]types.AttributeValue{":pk": &types.AttributeValueMemberS{Value: fmt.Sprintf("EVENTS#%s/%s", kind, id)}},
	})
	if err != nil {
		h.t.Fatal(err)
	}
	var got []event.Type
	for i, e := range out.Items {
		if sk, _ := e["sk"].(*types.AttributeValueMemberS); sk.Value != fmt.Sprintf("EVENT#%010d", i+1) {
			h.t.Errorf("event %d is %s", i+1, sk.Value)
		}
		kind, _ := e["type"].(*types.AttributeValueMemberS)
		got = append(got, event.Type(kind.Value))
	}
	if !slices.Equal(got, want) {
		h.t.Errorf("events %v, want %v", got, want)
	}
}

func TestGoodsInTransitAreNobodysUntilTheyArrive(t *testing.T) {
	t.Parallel()
	h := newHall(t, "MUG")
	h.move(receipt("MUG", 10, 800), false)
	sent := h.send("MUG", 3, "MUG", 1)
	h.wantItem("MUG", "MAIN", 6, 0, 4800)
	h.wantItem("MUG", stock.InTransit, 4, 0, 3200)
	h.wantItem("MUG", "EAST", 0, 0, 0)
	h.wantNoDrift()
	_, err := h.desk.Place(t.Context(), ordering.By{Principal: manager}, ordering.New{
		CustomerID: h.buyer, Currency: "USD", Confirm: true, Wishes: []order.Wish{{SKU: "MUG", Quantity: 7}},
	})
	wantCode(t, err, "insufficient_stock")

	got, err := h.Receive(t.Context(), asManager, sent.ID, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	h.wantItem("MUG", stock.InTransit, 0, 0, 0)
	h.wantItem("MUG", "EAST", 4, 0, 3200)
	h.wantMovements("MUG", 3)
	h.wantNoDrift()
	stored, err := h.DB.Transfer(t.Context(), sent.ID)
	if err != nil || fmt.Sprint(stored.Lines) != fmt.Sprint(got.Lines) || stored.Status != stock.TransferReceived || stored.Version != 2 ||
		stored.SentBy != "max" || stored.ReceivedBy != "max" || stored.ReceivedAt == nil || stored.Lines[0].Received != 4 {
		t.Errorf("stored is %+v, %v", stored, err)
	}
	h.wantEvents(event.Transfer, sent.ID, event.TransferSent, event.TransferReceived)
}

func TestWhatArrivesOtherwiseIsBookedWithItsReason(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name          string
		received      int64
		movements     []string // the newest first
		onHand, worth int64    // at EAST, where 1 worth 500 was
	}{
		{"less", 3, []string{"adjust IN-TRANSIT -2 of -1600", "transfer IN-TRANSIT 3 of -2400"}, 4, 2900},
		{"more", 7, []string{"adjust EAST 2 of 1500", "transfer IN-TRANSIT 5 of -4000"}, 8, 6000},
		{"nothing", 0, []string{"adjust IN-TRANSIT -5 of -4000"}, 1, 500},
		{"as sent", 5, []string{"transfer IN-TRANSIT 5 of -4000"}, 6, 4500},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := newHall(t, "MUG")
			there := receipt("MUG", 1, 500)
			there.Location = "EAST"
			h.move(there, false)
			h.move(receipt("MUG", 10, 800), false)
			sent := h.send("MUG", 5)
			if _, err := h.Receive(t.Context(), asManager, sent.ID, arrived("MUG", c.received), "the van"); err != nil {
				t.Fatal(err)
			}
			l, err := h.DB.Movements(t.Context(), "MUG", table.Page{Limit: 10})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, m := range l.Items[:len(l.Items)-3] {
				got = append(got, fmt.Sprintf("%s %s %d of %d", m.Kind, m.Location, m.Quantity, m.Value))
				if m.Reference != "transfer/"+sent.ID || (m.Kind == stock.Adjust && m.Reason != "the van") {
					t.Errorf("movement %+v", m)
				}
			}
			slices.Sort(got)
			if !slices.Equal(got, c.movements) {
				t.Errorf("movements %v, want %v", got, c.movements)
			}
			h.wantItem("MUG", "MAIN", 5, 0, 4000)
			h.wantItem("MUG", stock.InTransit, 0, 0, 0)
			h.wantItem("MUG", "EAST", c.onHand, 0, c.worth)
			h.wantNoDrift()
		})
	}
}

func TestAReceiptThatIsRefusedChangesNothing(t *testing.T) {
	t.Parallel()
	h := newHall(t, "MUG", "CUP")
	h.move(receipt("MUG", 10, 800), false)
	h.move(receipt("CUP", 10, 800), false)
	sent := h.send("MUG", 5)
	for _, c := range []struct {
		name, code, field string
		by                warehouse.By
		arrivals          []stock.Arrival
	}{
		{"a difference without a reason", "rejected", "reason", asManager, arrived("MUG", 4)},
		{"a SKU that was not sent", "rejected", "lines[0].sku", asManager, arrived("CUP", 1)},
		{"a SKU twice", "rejected", "lines[1].sku", asManager, append(arrived("MUG", 5), arrived("MUG", 5)...)},
		{"another version", "stale", "", expecting(2), nil},
	} {
		_, err := h.Receive(t.Context(), c.by, sent.ID, c.arrivals, " ")
		if refused := wantCode(t, err, c.code); c.field != "" && refused.Items[0].Field != c.field {
			t.Errorf("%s: %+v", c.name, refused.Items)
		}
	}
	h.wantItem("MUG", stock.InTransit, 5, 0, 4000)
	h.wantItem("MUG", "EAST", 0, 0, 0)
	if _, err := h.Receive(t.Context(), expecting(1), sent.ID, nil, ""); err != nil {
		t.Fatal(err)
	}
	_, err := h.Receive(t.Context(), asManager, sent.ID, nil, "")
	wantCode(t, err, "wrong_status")
	_, err = h.Receive(t.Context(), expecting(1), sent.ID, nil, "")
	wantCode(t, err, "stale") // outranks it
	h.wantItem("MUG", "EAST", 5, 0, 4000)
	h.wantMovements("MUG", 3)
}

func TestASendThatIsShortNamesEverySKUAndChangesNothing(t *testing.T) {
	t.Parallel()
	h := newHall(t, "MUG", "CUP", "POT")
	h.move(receipt("MUG", 10, 800), false)
	h.move(receipt("CUP", 2, 800), false)
	h.sell("MUG", 8)
	_, err := h.Send(t.Context(), asManager, goods("CUP", 2, "MUG", 3, "POT", 1))
	var short []string
	for _, i := range wantCode(t, err, "insufficient_stock").Items {
		short = append(short, fmt.Sprint(i.SKU, " ", *i.Available))
	}
	if !slices.Equal(short, []string{"MUG 2", "POT 0"}) {
		t.Errorf("short are %v", short)
	}
	h.wantItem("MUG", "MAIN", 10, 8, 8000)
	h.wantItem("CUP", "MAIN", 2, 0, 1600)
	h.wantItem("CUP", stock.InTransit, 0, 0, 0)
	l, err := h.DB.Transfers(t.Context(), "", table.Page{Limit: 10})
	if err != nil || len(l.Items) != 0 {
		t.Errorf("transfers: %+v, %v", l.Items, err)
	}
}

func TestTransfersThatMakeNoSenseAreRefused(t *testing.T) {
	t.Parallel()
	h := newHall(t, "MUG")
	many := stock.TransferOrder{From: "MAIN", To: "EAST"}
	for _, sku := range numbered(21) {
		many.Lines = append(many.Lines, stock.TransferLine{SKU: sku, Quantity: 1})
	}
	with := func(from, to string, lines ...any) stock.TransferOrder {
		o := goods(lines...)
		o.From, o.To = from, to
		return o
	}
	for _, c := range []struct {
		name, code, item string
		order            stock.TransferOrder
	}{
		{"to where it is", "rejected", "invalid", with("MAIN", "MAIN", "MUG", 1)},
		{"from nowhere", "rejected", "unknown_location", with("MOON", "MAIN", "MUG", 1)},
		{"to nowhere", "rejected", "unknown_location", with("MAIN", "MOON", "MUG", 1)},
		{"out of transit", "rejected", "unknown_location", with(stock.InTransit, "MAIN", "MUG", 1)},
		{"into transit for good", "rejected", "unknown_location", with("MAIN", stock.InTransit, "MUG", 1)},
		{"of what is not sold", "rejected", "unknown_sku", goods("NONE", 1)},
		{"of nothing", "rejected", "required", goods()},
		{"of less than nothing", "rejected", "invalid", goods("MUG", -1)},
		{"of 21 SKUs", "too_many_items", "", many},
	} {
		_, err := h.Send(t.Context(), asManager, c.order)
		if refused := wantCode(t, err, c.code); c.item != "" && refused.Items[0].Code != c.item {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestNobodyMovesGoodsInTransitByHand(t *testing.T) {
	t.Parallel()
	h := newHall(t, "MUG")
	h.move(receipt("MUG", 10, 800), false)
	h.send("MUG", 5)
	for _, kind := range []stock.Kind{stock.Receive, stock.Adjust, stock.Transfer} {
		m := stock.Movement{Kind: kind, Place: stock.Place{SKU: "MUG", Location: stock.InTransit}, Quantity: 1}
		if kind == stock.Adjust {
			m.Reason = "found"
		}
		if kind == stock.Transfer {
			m.ToLocation = "EAST"
		}
		wantCode(t, h.try(m, false), "rejected")
	}
	out := transfer("MUG", 1)
	out.ToLocation = stock.InTransit
	wantCode(t, h.try(out, false), "rejected")
	_, err := h.Open(t.Context(), asManager, stock.InTransit, "")
	wantCode(t, err, "rejected")
	h.wantItem("MUG", stock.InTransit, 5, 0, 4000)
}

func TestWhatArrivesBringsTheCostThatItLeftWith(t *testing.T) {
	t.Parallel()
	h := newHall(t, "MUG")
	h.move(receipt("MUG", 3, 700), false)
	cheap := h.send("MUG", 3)
	h.move(receipt("MUG", 3, 1000), false)
	dear := h.send("MUG", 3)
	h.wantItem("MUG", stock.InTransit, 6, 0, 5100)
	if _, err := h.Receive(t.Context(), asManager, dear.ID, arrived("MUG", 2), "one broke"); err != nil {
		t.Fatal(err)
	}
	h.wantItem("MUG", "EAST", 2, 0, 2000)
	h.wantItem("MUG", stock.InTransit, 3, 0, 2100)
	if _, err := h.Receive(t.Context(), asManager, cheap.ID, nil, ""); err != nil {
		t.Fatal(err)
	}
	h.wantItem("MUG", "EAST", 5, 0, 4100)
	h.wantItem("MUG", stock.InTransit, 0, 0, 0)
	h.wantNoDrift()
}

func TestTwentyLinesFitThoughAllDiffer(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	skus := numbered(stock.MostTransferred)
	h.stock(skus, 10, 100)
	var lines []any
	var arrivals []stock.Arrival
	for i, sku := range skus {
		lines = append(lines, sku, 5)
		arrivals = append(arrivals, stock.Arrival{SKU: sku, Received: int64(4 + i%2*2)})
	}
	sent := h.send(lines...)
	if _, err := h.Receive(t.Context(), asManager, sent.ID, arrivals, "packed in the dark"); err != nil {
		t.Fatal(err)
	}
	for i, sku := range skus {
		h.wantItem(sku, "EAST", int64(4+i%2*2), 0, int64(4+i%2*2)*100)
		h.wantItem(sku, stock.InTransit, 0, 0, 0)
	}
	h.wantNoDrift()
}

func TestATransferIsReceivedOnce(t *testing.T) {
	t.Parallel()
	h := newHall(t, "MUG")
	h.move(receipt("MUG", 10, 800), false)
	sent := h.send("MUG", 5)
	var wg sync.WaitGroup
	var received atomic.Int64
	for i := range 8 {
		wg.Go(func() {
			_, err := h.Receive(t.Context(), asManager, sent.ID, arrived("MUG", int64(i)), "at once")
			if err == nil {
				received.Add(1)
			} else if !refusal.Is(err, "wrong_status") && !refusal.Is(err, "busy") {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	stored, err := h.DB.Transfer(t.Context(), sent.ID)
	if err != nil || received.Load() != 1 {
		t.Fatalf("received %d times, %v", received.Load(), err)
	}
	h.wantItem("MUG", stock.InTransit, 0, 0, 0)
	if i := h.item("MUG", "EAST"); i.OnHand != stored.Lines[0].Received {
		t.Errorf("%+v, want what was received, %+v", i, stored.Lines)
	}
	h.wantNoDrift()
}

// Whatever else moves between any two calls of sending and receiving, the
// ledger explains every balance and no value is lost.
func TestWhatMovesWhileATransferIsSentOrReceivedIsTakenIntoAccount(t *testing.T) {
	t.Parallel()
	for call := int64(1); ; call++ {
		h := newHall(t, "MUG")
		there := receipt("MUG", 1, 500)
		there.Location = "EAST"
		h.move(there, false)
		h.move(receipt("MUG", 10, 800), false)
		busy := func() {
			h.move(receipt("MUG", 7, 1300), false)
			there.Quantity = 4
			h.move(there, false)
		}
		sending, hit := h.at(call, busy)
		sent, err := sending.Send(t.Context(), asManager, goods("MUG", 5))
		if err != nil {
			t.Fatal(err)
		}
		receiving, also := h.at(call, busy)
		if _, err := receiving.Receive(t.Context(), asManager, sent.ID, arrived("MUG", 6), "one too many"); err != nil {
			t.Fatal(err)
		}
		if i := h.item("MUG", stock.InTransit); i.OnHand != 0 || i.Value != 0 {
			t.Errorf("call %d: left in transit: %+v", call, i)
		}
		if i := h.item("MUG", "EAST"); i.Value*6 < i.OnHand*500 {
			t.Errorf("call %d: %+v", call, i)
		}
		h.wantNoDrift()
		if !hit.Load() && !also.Load() {
			return
		}
	}
}

func TestTransfersConserveValueUnderConcurrency(t *testing.T) {
	t.Parallel()
	h := newHall(t, "MUG")
	h.move(receipt("MUG", 200, 777), false)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	var wg sync.WaitGroup
	for w := range uint64(6) {
		random := rand.New(rand.NewPCG(seed, w))
		wg.Go(func() {
			for range 5 {
				o := goods("MUG", 1+random.IntN(9))
				if w%2 == 1 {
					o.From, o.To = o.To, o.From
				}
				sent, err := h.Send(t.Context(), asManager, o)
				if refusal.Is(err, "insufficient_stock") || refusal.Is(err, "busy") {
					continue
				}
				if err == nil {
					_, err = h.Receive(t.Context(), asManager, sent.ID, nil, "")
				}
				if err != nil && !refusal.Is(err, "busy") {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	var onHand, value int64
	for _, l := range []string{"MAIN", "EAST", stock.InTransit} {
		i := h.item("MUG", l)
		onHand, value = onHand+i.OnHand, value+i.Value
	}
	if onHand != 200 || value != 200*777 {
		t.Errorf("%d are left, worth %d", onHand, value)
	}
	h.wantNoDrift()
}
