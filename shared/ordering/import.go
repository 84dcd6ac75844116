package ordering

import (
	"context"
	"errors"
	"time"

	"waybill/shared/access"
	"waybill/shared/attribute"
	"waybill/shared/customer"
	"waybill/shared/event"
	"waybill/shared/money"
	"waybill/shared/order"
	"waybill/shared/payment"
	"waybill/shared/refusal"
	"waybill/shared/table"
)

// Past is an order from elsewhere, with its own number, date and prices.
type Past struct {
	Number            string
	PlacedAt          time.Time
	Status            order.Status
	CustomerID        string
	CustomerReference string // instead of CustomerID
	Currency          string
	Wishes            []order.Wish // with unit prices
	Reference         string
	Shipping          *customer.Address
	Attributes        map[string]string
	Payment           *PastPayment // how it was paid, in full; nil: it was not
}

// PastPayment is how an order from elsewhere was paid.
type PastPayment struct {
	Method    payment.Method
	Reference string
	At        *time.Time // nil: when the order was placed
}

// An Outcome is what became of one order of an import: its id, and whether it
// was there before; or why it was refused.
type Outcome struct {
	ID     string
	Exists bool
	Err    error
}

// Import enters orders with their own numbers and dates, each in a
// transaction of its own, several at once. A number that exists already is
// left alone, so an import can be run again. Confirmed orders reserve stock
// like any other; shipped, completed and cancelled ones are history and touch none.
func (d *Desk) Import(ctx context.Context, by By, orders []Past) ([]Outcome, error) {
	numbers := make([]string, len(orders))
	var references []string
	for i, p := range orders {
		numbers[i] = p.Number
		if p.CustomerReference != "" {
			references = append(references, p.CustomerReference)
		}
	}
	there, err := d.DB.OrderIDs(ctx, numbers)
	if err != nil {
		return nil, err
	}
	customers, err := d.DB.CustomerIDs(ctx, references)
	if err != nil {
		return nil, err
	}
	out := make([]Outcome, len(orders))
	err = table.Each(ctx, len(orders), func(ctx context.Context, i int) error {
		p := orders[i]
		if id := there[p.Number]; id != "" {
			out[i] = Outcome{ID: id, Exists: true}
			return nil
		}
		if p.CustomerReference != "" {
			p.CustomerID = customers[p.CustomerReference]
		}
		out[i] = d.importOne(ctx, by, p)
		var refused *refusal.Error
		if err := out[i].Err; err != nil && (!errors.As(err, &refused) || refused.Kind == refusal.Unavailable) {
			return err // no fault of the row's: the whole is tried again
		}
		return nil
	})
	return out, err
}

func (d *Desk) importOne(ctx context.Context, by By, p Past) Outcome {
	wishes, err := order.Merge(p.Wishes)
	if err != nil {
		return Outcome{Err: err}
	}
	if len(wishes) > order.MaxStockItems {
		return Outcome{Err: tooMany()}
	}
	var entered order.Order
	first := true // Import has just looked for the number
	err = d.DB.Settle(ctx, func(ctx context.Context) (*table.Tx, error) {
		if !first {
			ids, err := d.DB.OrderIDs(ctx, []string{p.Number})
			if err != nil {
				return nil, err
			}
			if id := ids[p.Number]; id != "" {
				return nil, &there{id}
			}
		}
		first = false
		c, err := d.DB.Catalog(ctx, p.CustomerID, skus(wishes), nil)
		if err != nil {
			return nil, err
		}
		if entered, err = d.past(by, p, wishes, c); err != nil {
			return nil, err
		}
		account, err := d.paid(&entered, p, by)
		if err != nil {
			return nil, err
		}
		tx, err := d.enter(entered, By{Principal: by.Principal}, event.OrderImported, d.IDs.Now())
		if err == nil && p.Payment != nil {
			tx.SaveAccount(entered.ID, payment.Account{}, account, d.IDs.Now())
		}
		return tx, err
	})
	var before *there
	if errors.As(err, &before) {
		return Outcome{ID: before.id, Exists: true}
	}
	if err != nil {
		// The refusal may be the doing of the same order, entered by somebody else just now.
		if ids, again := d.DB.OrderIDs(ctx, []string{p.Number}); again == nil && ids[p.Number] != "" {
			return Outcome{ID: ids[p.Number], Exists: true}
		}
	}
	return Outcome{ID: entered.ID, Err: err}
}

// there says that an order with the number exists.
type there struct{ id string }

func (t *there) Error() string { return "the order exists" }

// past makes the order as it was: dated, priced by its own prices, untaxed.
func (d *Desk) past(by By, p Past, wishes []order.Wish, c table.Catalog) (order.Order, error) {
	at := p.PlacedAt.UTC().Truncate(time.Millisecond)
	if at.Before(time.Unix(0, 0)) || at.After(d.IDs.Now().Add(time.Minute)) {
		return order.Order{}, refusal.Field("placed_at", "invalid", "An imported order lies in the past, after 1969.")
	}
	o := order.Order{
		ID: d.IDs.IDAt(at), Number: p.Number, Version: 1, Status: p.Status, EnteredBy: by.Principal.ID,
		Currency: p.Currency, Reference: p.Reference, Shipping: p.Shipping, Attributes: p.Attributes,
		CreatedAt: at, UpdatedAt: d.IDs.Now(),
	}
	var wrong []refusal.Item
	if _, ok := money.Digits(o.Currency); !ok {
		wrong = append(wrong, refusal.Item{Field: "currency", Code: "unknown_currency", Detail: "Not an ISO 4217 code."})
	}
	wrong = append(wrong, attribute.Check(p.Attributes)...)
	wrong = append(wrong, assign(&o, c.Customer, nil)...)
	for _, w := range wishes {
		product, ok := c.Products[w.SKU]
		if !ok {
			wrong = append(wrong, refusal.Item{Field: "lines", SKU: w.SKU, Code: "unknown_sku", Detail: "There is no such product."})
			continue
		}
		l := order.Line{SKU: w.SKU, Name: product.Name, Quantity: w.Quantity, UnitPrice: *w.UnitPrice, Own: w.Discount}
		if p.Status == order.Shipped || p.Status == order.Completed {
			l.Shipped = w.Quantity
		}
		o.Lines = append(o.Lines, l)
	}
	if len(wrong) > 0 {
		return o, refusal.Fields(wrong...)
	}
	if err := o.Price(); err != nil {
		return o, err
	}
	if p.Status != order.Draft && p.Status != order.Cancelled {
		o.PlacedAt = &at
	}
	if o.IsOpen() {
		return o, allocate(&o, c)
	}
	return o, nil
}

// paid enters that an order was paid when it was.
func (d *Desk) paid(o *order.Order, p Past, by By) (payment.Account, error) {
	var a payment.Account
	if p.Payment == nil {
		return a, nil
	}
	if o.Status == order.Draft || o.Status == order.Cancelled || o.Totals.Total == 0 {
		return a, refusal.Field("payment", "invalid", "An order that is %s, or costs nothing, was not paid.", o.Status)
	}
	if err := by.Principal.Require(access.PaymentsWrite); err != nil {
		return a, err
	}
	at, now := o.CreatedAt, d.IDs.Now()
	if p.Payment.At != nil {
		var err error
		if at, err = refusal.Past("payment.received_at", *p.Payment.At, now); err != nil {
			return a, err
		}
	}
	err := a.Add(payment.Payment{
		ID: d.IDs.IDAt(now), Method: p.Payment.Method, Currency: o.Currency, Amount: o.Totals.Total, Received: o.Totals.Total,
		Status: payment.Succeeded, Reference: p.Payment.Reference, By: by.Principal.ID, ReceivedAt: &at, CreatedAt: now,
	}, payment.Entered{By: by.Principal.ID, At: now})
	o.Paid = a.Sums().Paid
	return a, err
}
