// Package load enters a superstore.Shop into a running Waybill through its
// API. Whatever is there already stays as it is, so that a run may be killed
// at any moment, and repeated; two at once do no harm either.
package load

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"waybill/infra/demo/client"
	"waybill/infra/demo/superstore"
)

// Progress is told how far a run is.
type Progress interface {
	// Begin says that a step of so many parts begins, and the one before is done.
	Begin(step string, parts int)
	// Add says that n more parts are done. It is called from many goroutines.
	Add(n int)
}

// A Report is what a run found to do.
type Report struct {
	Created Count              // what was entered now; the rest was there
	Refused []superstore.Fault // rows that the API refused, an order whole
}

// Count counts things by kind.
type Count struct{ Products, Customers, Receipts, Orders, Payments, Shipments, Invoices int }

// How many requests are under way at once; an import itself works on 8 orders
// at a time. DynamoDB Local does one thing at a time and each costs it the same
// however many wait, but on disk those that wait are not held up by the rest.
//
// Invoices draw their numbers from one counter, and who loses the race for the
// next one begins again: they take turns, and other orders are shipped meanwhile.
const (
	callers     = 16
	importers   = 2
	importBatch = 100 // the most that one call takes
)

const (
	location = "MAIN" // every system has it
	currency = "USD"
)

// Load enters the shop: products, customers, a receipt of every unit that the
// orders take, the orders with their payments, the shipments and the invoices. It
// fails when the API can't be reached or breaks; what the API refuses is
// reported, and the rest goes in.
func Load(ctx context.Context, api *client.Client, shop superstore.Shop, now func() time.Time, progress Progress) (Report, error) {
	l := &loader{api: api, now: now, progress: progress, segments: map[string]string{}}
	for _, c := range shop.Customers {
		l.segments[c.Reference] = c.Segment
	}
	for _, step := range []func(context.Context, superstore.Shop) error{
		l.products, l.customers, l.receipts, l.orders, l.look, l.payments, l.deliver,
	} {
		if err := step(ctx, shop); err != nil {
			return l.report, err
		}
	}
	slices.SortFunc(l.report.Refused, func(a, b superstore.Fault) int { return slices.Compare(a.Rows, b.Rows) })
	return l.report, nil
}

type loader struct {
	api      *client.Client
	now      func() time.Time
	progress Progress
	segments map[string]string // of the customers, by reference
	mu       sync.Mutex
	report   Report
	unknown  map[string]bool  // SKUs of products that the API refused
	entered  map[string]entry // the orders, by number
	turn     sync.Mutex       // to issue an invoice
}

func (l *loader) products(ctx context.Context, shop superstore.Shop) error {
	l.progress.Begin("Products", len(shop.Products))
	there := map[string]bool{}
	err := client.Each(ctx, l.api, "/v1/products", func(p struct{ SKU string }) error {
		there[p.SKU] = true
		return nil
	})
	if err != nil {
		return err
	}
	l.unknown = map[string]bool{}
	return together(ctx, callers, shop.Products, func(ctx context.Context, p superstore.Product) error {
		defer l.progress.Add(1)
		if there[p.SKU] {
			return nil
		}
		attributes := map[string]string{"sub_category": p.SubCategory}
		if p.OtherName != "" {
			attributes["other_name"] = p.OtherName
		}
		err := l.api.Post(ctx, "/v1/products", "", map[string]any{
			"sku": p.SKU, "name": p.Name, "unit": "pcs", "category": p.Category,
			"prices": map[string]int64{currency: p.ListPrice}, "attributes": attributes,
		}, nil)
		return l.settle(err, &l.report.Created.Products, []int{p.Row}, "product "+p.SKU, func() { l.unknown[p.SKU] = true })
	})
}

func (l *loader) customers(ctx context.Context, shop superstore.Shop) error {
	l.progress.Begin("Customers", len(shop.Customers))
	there := map[string]bool{}
	err := client.Each(ctx, l.api, "/v1/customers", func(c struct{ Reference string }) error {
		there[c.Reference] = true
		return nil
	})
	if err != nil {
		return err
	}
	return together(ctx, callers, shop.Customers, func(ctx context.Context, c superstore.Customer) error {
		defer l.progress.Add(1)
		if there[c.Reference] {
			return nil
		}
		err := l.api.Post(ctx, "/v1/customers", "", map[string]any{
			"reference": c.Reference, "name": c.Name, "attributes": map[string]string{"segment": c.Segment},
			"terms": map[string]any{"kind": "net", "days": 30}, // some paid after it had left
		}, nil)
		return l.settle(err, &l.report.Created.Customers, []int{c.Row}, "customer "+c.Reference, nil)
	})
}

// receipts receives exactly what the orders take, for products that never had stock.
func (l *loader) receipts(ctx context.Context, shop superstore.Shop) error {
	l.progress.Begin("Opening stock", len(shop.Products))
	stocked := map[string]bool{}
	err := client.Each(ctx, l.api, "/v1/stock", func(s struct {
		SKU       string
		Locations []struct{}
	}) error {
		stocked[s.SKU] = len(s.Locations) > 0
		return nil
	})
	if err != nil {
		return err
	}
	return together(ctx, callers, shop.Products, func(ctx context.Context, p superstore.Product) error {
		defer l.progress.Add(1)
		if stocked[p.SKU] || l.unknown[p.SKU] {
			return nil
		}
		// The key makes this receipt and that of another run at the same time one.
		err := l.api.Post(ctx, "/v1/stock/movements", "demo-opening-"+p.SKU, map[string]any{
			"kind": "receive", "sku": p.SKU, "location": location, "quantity": p.Units, "unit_cost": p.UnitCost, "reference": "OPENING",
		}, nil)
		return l.settle(err, &l.report.Created.Receipts, []int{p.Row}, "opening stock of "+p.SKU, nil)
	})
}

// done are the refusals of what was done before.
var done = []string{"exists", "nothing_to_invoice"}

// settle counts what was created, takes what exists for done, keeps what was
// refused, and returns any other error.
func (l *loader) settle(err error, created *int, rows []int, what string, refused func()) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var no *client.RefusedError
	switch {
	case err == nil:
		*created++
		return nil
	case !errors.As(err, &no) || !final(no.Problem):
		return err
	case slices.Contains(done, no.Problem.Code):
		return nil
	}
	l.refuse(rows, what, no.Problem)
	if refused != nil {
		refused()
	}
	return nil
}

// final reports whether the problem lies in what was sent, and not in the
// system or in who sent it.
func final(p client.Problem) bool {
	return p.Status == http.StatusBadRequest || p.Status == http.StatusNotFound ||
		p.Status == http.StatusConflict && !p.Passing() || p.Status == http.StatusUnprocessableEntity
}

func (l *loader) refuse(rows []int, what string, p client.Problem) {
	l.report.Refused = append(l.report.Refused, superstore.Fault{Rows: rows, Reason: fmt.Sprintf("%s was refused, %s", what, p)})
}

func (l *loader) orders(ctx context.Context, shop superstore.Shop) error {
	l.progress.Begin("Orders", len(shop.Orders))
	batches := slices.Collect(slices.Chunk(shop.Orders, importBatch))
	return together(ctx, importers, batches, func(ctx context.Context, batch []superstore.Order) error {
		defer l.progress.Add(len(batch))
		return l.bring(ctx, batch)
	})
}

// Orders that others got in the way of are sent again, and any other that was
// refused once: it may lack stock because a run at the same time, or the end of
// one that was killed, has just taken that for this very order. Then it exists.
const (
	busyRounds    = 5
	refusedRounds = 2
)

func (l *loader) bring(ctx context.Context, batch []superstore.Order) error {
	for round := 1; len(batch) > 0; round++ {
		var report struct {
			Created int
			Rows    []struct {
				Index   int
				Outcome string
				Problem client.Problem
			}
		}
		bodies := make([]order, len(batch))
		for i, o := range batch {
			bodies[i] = l.orderOf(o)
		}
		if err := l.api.Post(ctx, "/v1/orders/import", "", map[string]any{"orders": bodies}, &report); err != nil {
			return err
		}
		if len(report.Rows) != len(batch) {
			return fmt.Errorf("%d orders were sent and %d are reported on", len(batch), len(report.Rows))
		}
		var again []superstore.Order
		l.mu.Lock()
		l.report.Created.Orders += report.Created
		for i, row := range report.Rows {
			switch o := batch[i]; {
			case row.Outcome == "created" && bodies[i].Payment != nil:
				l.report.Created.Payments++
			case row.Outcome != "failed":
			case round < refusedRounds, row.Problem.Passing() && round < busyRounds:
				again = append(again, o)
			default:
				l.refuse(o.Rows, "order "+o.Number, row.Problem)
			}
		}
		l.mu.Unlock()
		batch = again
	}
	return nil
}

// entry is an order as the system has it.
type entry struct {
	ID, Number, Status string
	Paid, Balance      int64
}

// stands reports whether it is an order that was neither left a draft nor cancelled.
func (e entry) stands() bool {
	return e.ID != "" && e.Status != "draft" && e.Status != "cancelled"
}

// look reads how far the orders have come.
func (l *loader) look(ctx context.Context, _ superstore.Shop) error {
	l.entered = map[string]entry{}
	return client.Each(ctx, l.api, "/v1/orders", func(e entry) error {
		l.entered[e.Number] = e
		return nil
	})
}

// deliver ships the orders that are still to be shipped, each whole and on its
// own day, and invoices those that are on no invoice yet.
func (l *loader) deliver(ctx context.Context, shop superstore.Shop) error {
	l.progress.Begin("Ship, invoice", len(shop.Orders))
	invoiced := map[string]bool{}
	err := client.Each(ctx, l.api, "/v1/invoices", func(i struct {
		Order string `json:"order_number"`
	}) error {
		invoiced[i.Order] = true
		return nil
	})
	if err != nil {
		return err
	}
	return together(ctx, callers, shop.Orders, func(ctx context.Context, o superstore.Order) error {
		defer l.progress.Add(1)
		e := l.entered[o.Number]
		if e.Status == "confirmed" {
			if err := l.ship(ctx, o, e.ID); err != nil {
				return err
			}
		}
		if !e.stands() || invoiced[o.Number] {
			return nil
		}
		return l.invoice(ctx, o, e.ID)
	})
}

func (l *loader) ship(ctx context.Context, o superstore.Order, id string) error {
	err := l.api.Post(ctx, "/v1/orders/"+id+"/shipments", "demo-shipment-"+o.Number, map[string]any{
		"shipped_at": o.LeftAt, "note": o.ShipMode,
	}, nil)
	return l.settle(err, &l.report.Created.Shipments, o.Rows, "the shipment of order "+o.Number, nil)
}

func (l *loader) invoice(ctx context.Context, o superstore.Order, id string) error {
	l.turn.Lock()
	defer l.turn.Unlock()
	err := l.api.Post(ctx, "/v1/orders/"+id+"/invoices", "demo-invoice-"+o.Number, map[string]any{}, nil)
	return l.settle(err, &l.report.Created.Invoices, o.Rows, "the invoice of order "+o.Number, nil)
}

// order is the body of an imported order.
type order struct {
	Number     string            `json:"number"`
	PlacedAt   time.Time         `json:"placed_at"`
	Status     string            `json:"status"`
	Customer   string            `json:"customer_reference"`
	Currency   string            `json:"currency"`
	Lines      []line            `json:"lines"`
	ShipTo     address           `json:"shipping_address"`
	Attributes map[string]string `json:"attributes"`
	Payment    *payment          `json:"payment,omitempty"`
}

type line struct {
	SKU       string `json:"sku"`
	Quantity  int64  `json:"quantity"`
	UnitPrice int64  `json:"unit_price"`
	Discount  int64  `json:"discount"`
}

type address struct {
	Name       string `json:"name"`
	City       string `json:"city"`
	State      string `json:"state"`
	PostalCode string `json:"postal_code"`
	Country    string `json:"country"`
}

func (l *loader) orderOf(o superstore.Order) order {
	out := order{
		Number: o.Number, PlacedAt: o.PlacedAt, Status: "confirmed", Customer: o.Customer, Currency: currency,
		ShipTo:     address{o.ShipTo.Name, o.ShipTo.City, o.ShipTo.State, o.ShipTo.PostalCode, "US"},
		Attributes: map[string]string{"region": o.Region, "state": o.ShipTo.State, "ship_mode": o.ShipMode},
		Payment:    l.paymentOf(o),
	}
	for _, l := range o.Lines {
		out.Lines = append(out.Lines, line(l))
	}
	return out
}
