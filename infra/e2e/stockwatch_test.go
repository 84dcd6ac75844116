package e2e

import (
	"io"
	"testing"
	"time"

	"waybill/infra/dynamolocal/testtable"
	"waybill/infra/local"
	"waybill/infra/template"
	"waybill/shared/table"
)

// startDriven runs the system as make run does: the stream feeds, and the clock calls.
func startDriven(t testing.TB, change ...func(*local.Config)) system {
	t.Helper()
	path, err := template.Find(".")
	if err != nil {
		t.Fatal(err)
	}
	client, table := testtable.NewStreaming(t)
	cfg := local.Config{Template: path, Client: client, Table: table, Drive: true, Log: io.Discard, Patience: 2 * time.Minute}
	for _, c := range change {
		c(&cfg)
	}
	s, err := local.Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return system{System: s, table: table}
}

// eventually asks until the answer is wanted, a minute at most.
func eventually[T comparable](t testing.TB, what string, want T, ask func() T) {
	t.Helper()
	poll := time.NewTicker(100 * time.Millisecond)
	defer poll.Stop()
	for limit := time.After(time.Minute); ; {
		got := ask()
		if got == want {
			return
		}
		select {
		case <-poll.C:
		case <-limit:
			t.Fatalf("%s: %v, want %v", what, got, want)
		}
	}
}

// told counts the events of a type in the audit trail.
func (s shop) told(t testing.TB, kind string) int {
	t.Helper()
	items, _ := s.manager.get("/v1/audit?limit=100&type="+kind).want(t, 200)["items"].([]any)
	return len(items)
}

func TestWhatTheStreamAndTheClockStartIsDone(t *testing.T) {
	t.Parallel()
	s := furnish(t, startDriven(t), nil)
	s.product(t, "MUG", obj{"reorder_point": 5, "backorder": true})
	s.receive(t, "MUG", "MAIN", 8)

	// Sold down to the reorder point: told once, and again only after goods came.
	s.manager.post("/v1/orders", s.order("MUG", 4)).want(t, 201)
	eventually(t, "events stock.low", 1, func() int { return s.told(t, "stock.low") })
	waiting := s.manager.post("/v1/orders", s.order("MUG", 6)).want(t, 201)
	reserved := func() int64 {
		o := s.manager.get("/v1/orders/"+str(waiting["id"])).want(t, 200)
		line, _ := o["lines"].([]any)[0].(obj)
		return num(t, line["reserved"])
	}
	if n := reserved(); n != 4 {
		t.Errorf("%d units are reserved of the 4 there were", n)
	}

	// Goods received: who waits is served, and there is more than the point again.
	s.receive(t, "MUG", "MAIN", 20)
	eventually(t, "units of the waiting order", 6, reserved)
	s.wantStock(t, "MUG", levels{28, 10, 18})

	// Who gives way at one place is served from another where units are free.
	s.manager.post("/v1/locations", obj{"location": "EAST", "name": "East", "priority": 2}).want(t, 201)
	s.product(t, "CUP", nil)
	s.receive(t, "CUP", "MAIN", 1)
	s.receive(t, "CUP", "EAST", 3)
	gave := str(s.manager.post("/v1/orders", s.order("CUP", 1)).want(t, 201)["id"])
	s.manager.post("/v1/stock/movements", obj{
		"kind": "adjust", "sku": "CUP", "location": "MAIN", "quantity": -1, "reason": "broken", "release": true,
	}).want(t, 201)
	eventually(t, "the hold of an order that gave way", false, func() bool {
		return s.manager.get("/v1/orders/"+gave).want(t, 200)["on_hold"] == true
	})
	s.wantLine(t, gave, "CUP", map[string]int64{"reserved": 1, "backordered": 0})

	records := table.New(testtable.Client(t, nil), s.table, time.Now)
	eventually(t, "the level", table.Level{Seq: 1}, func() table.Level {
		shelf, err := records.Shelf(t.Context(), "MUG")
		if err != nil {
			t.Fatal(err)
		}
		return shelf.Level
	})
	s.manager.post("/v1/orders", s.order("MUG", 15)).want(t, 201)
	eventually(t, "events stock.low", 2, func() int { return s.told(t, "stock.low") })

	eventually(t, "events stock.proven", 1, func() int { return s.told(t, "stock.proven") })
	s.wantProof(t)
}
