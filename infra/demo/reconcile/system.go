package reconcile

import (
	"context"
	"fmt"
	"time"

	"waybill/infra/demo/client"
)

// A System is what the system has.
type System struct {
	Orders Side     // those of the file
	Others int      // orders that the file does not have
	Series []Series // of all invoices
	Gaps   []Gap    // in them
	Debts  []Debt   // of the file's customers

	numbers   map[string]string // of the orders, by id
	customers map[string]bool   // of the orders
}

// Fetch reads the orders of the file back from the system: all pages of all
// orders, of which it keeps those whose number the file has and counts the
// others, and all shipments, payments and invoices, which it adds to them; and
// what the customers owe. progress is told of each order that it keeps. It fails
// when the API does, or shows an order twice.
func Fetch(ctx context.Context, api *client.Client, file Side, progress func(n int)) (System, error) {
	s := System{Orders: Side{}, numbers: map[string]string{}, customers: map[string]bool{}}
	type order struct {
		ID, Number     string
		Customer       string    `json:"customer_id"`
		PlacedAt       time.Time `json:"placed_at"`
		Total, Balance int64
		Lines          []struct{ Quantity int }
	}
	err := client.Each(ctx, api, "/v1/orders", func(o order) error {
		if _, ours := file[o.Number]; !ours {
			s.Others++
			return nil
		}
		if _, twice := s.Orders[o.Number]; twice {
			return fmt.Errorf("the list of orders shows %s twice", o.Number)
		}
		kept := Order{Year: o.PlacedAt.UTC().Year(), Lines: len(o.Lines), Cents: o.Total, Balance: o.Balance}
		for _, l := range o.Lines {
			kept.Units += l.Quantity
		}
		s.Orders[o.Number], s.numbers[o.ID], s.customers[o.Customer] = kept, o.Number, true
		progress(1)
		return nil
	})
	for _, add := range []func(context.Context, *client.Client) error{s.left, s.paid, s.invoiced} {
		if err == nil {
			err = add(ctx, api)
		}
	}
	return s, err
}

// left adds the shipments to their orders. An order that left on several days has none of them.
func (s *System) left(ctx context.Context, api *client.Client) error {
	type shipment struct {
		Order     string    `json:"order_number"`
		ShippedAt time.Time `json:"shipped_at"`
		Status    string
		Lines     []struct{ Quantity int }
	}
	return client.Each(ctx, api, "/v1/shipments", func(parcel shipment) error {
		o, ours := s.Orders[parcel.Order]
		if !ours || parcel.Status == "undone" {
			return nil
		}
		day := parcel.ShippedAt.UTC().Format(time.DateOnly)
		if o.Left != "" && o.Left != day {
			day = "several days"
		}
		o.Left = day
		for _, l := range parcel.Lines {
			o.LeftUnits += l.Quantity
		}
		s.Orders[parcel.Order] = o
		return nil
	})
}

// A Drift is a balance of stock that its entries don't explain.
type Drift struct {
	SKU, Location, Field string
	Expected, Found      int64
}

func (d Drift) String() string {
	return fmt.Sprintf("%s of %s at %s is %d; its entries come to %d", d.Field, d.SKU, d.Location, d.Found, d.Expected)
}

// Prove has the system recompute every balance of stock. It returns how many it
// checked and those that drift, and fails when the proof did not come to an end.
func Prove(ctx context.Context, api *client.Client) (checked int64, drift []Drift, err error) {
	var proof struct {
		Status             string
		Checked, Unsettled int64
		Drift              []Drift
	}
	if err := api.Get(ctx, "/v1/stock/proof", &proof); err != nil {
		return 0, nil, err
	}
	if proof.Status != "complete" || proof.Unsettled > 0 {
		return 0, nil, fmt.Errorf("the proof is %s with %d stock items unsettled: something else is writing; run it again", proof.Status, proof.Unsettled)
	}
	return proof.Checked, proof.Drift, nil
}
