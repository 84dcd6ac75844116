package load

import (
	"context"
	"time"

	"waybill/infra/demo/superstore"
)

// payment is how an order was paid, in full.
type payment struct {
	Method     string    `json:"method"`
	Reference  string    `json:"reference"`
	ReceivedAt time.Time `json:"received_at"`
}

// A habit is how somebody pays, and how many days after the order.
type habit struct {
	method string
	days   int
}

// The file doesn't say how orders were paid: its segments pay as such customers do.
var (
	habits   = map[string]habit{"Consumer": {"bank_transfer", 2}, "Home Office": {"cheque", 7}, "Corporate": {"bank_transfer", 14}}
	anybody  = habit{"bank_transfer", 3}
	fetching = habit{"cash", 0} // consumers who have it the same day
)

func (l *loader) habitOf(o superstore.Order) habit {
	segment := l.segments[o.Customer]
	h, known := habits[segment]
	switch {
	case !known:
		return anybody
	case segment == "Consumer" && o.ShipMode == "Same Day":
		return fetching
	}
	return h
}

// paymentOf is how the order was paid, until today at the latest; nil when it cost nothing.
func (l *loader) paymentOf(o superstore.Order) *payment {
	if total(o) == 0 {
		return nil
	}
	h := l.habitOf(o)
	at := o.PlacedAt.AddDate(0, 0, h.days)
	if now := l.now().UTC().Truncate(time.Second); at.After(now) {
		at = now
	}
	return &payment{Method: h.method, Reference: o.Number, ReceivedAt: at}
}

func total(o superstore.Order) int64 {
	var sum int64
	for _, l := range o.Lines {
		sum += l.Quantity*l.UnitPrice - l.Discount
	}
	return sum
}

// payments records those of the orders that were entered without, as the demo
// once did.
func (l *loader) payments(ctx context.Context, shop superstore.Shop) error {
	var unpaid []superstore.Order
	for _, o := range shop.Orders {
		if e := l.entered[o.Number]; e.stands() && e.Paid == 0 && e.Balance > 0 && e.Balance == total(o) {
			unpaid = append(unpaid, o)
		}
	}
	if len(unpaid) == 0 {
		return nil
	}
	l.progress.Begin("Payments", len(unpaid))
	return together(ctx, callers, unpaid, func(ctx context.Context, o superstore.Order) error {
		defer l.progress.Add(1)
		err := l.api.Post(ctx, "/v1/orders/"+l.entered[o.Number].ID+"/payments", "demo-payment-"+o.Number, struct {
			payment
			Amount int64 `json:"amount"`
		}{*l.paymentOf(o), total(o)}, nil)
		return l.settle(err, &l.report.Created.Payments, o.Rows, "the payment of order "+o.Number, nil)
	})
}
