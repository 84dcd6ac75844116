package ordering

import (
	"context"
	"fmt"
	"time"

	"waybill/shared/access"
	"waybill/shared/attribute"
	"waybill/shared/company"
	"waybill/shared/customer"
	"waybill/shared/event"
	"waybill/shared/money"
	"waybill/shared/order"
	"waybill/shared/product"
	"waybill/shared/refusal"
	"waybill/shared/stock"
	"waybill/shared/table"
)

// New is an order as a client asks for it.
type New struct {
	CustomerID        string
	Currency          string // "": the company's
	Confirm           bool   // reserve the stock at once
	Wishes            []order.Wish
	Discount          order.Discount
	Reference, Note   string
	Terms             *customer.Terms // nil: the customer's
	Billing, Shipping *customer.Address
	Attributes        map[string]string
}

// Place enters an order as a draft, or confirmed with its stock reserved. A
// discount above the caller's limit leaves a draft that waits for approval.
//
// It refuses unknown customers, products and prices (`rejected`), a SKU that
// lacks stock (`insufficient_stock`, naming all that do), and too many stock items.
func (d *Desk) Place(ctx context.Context, by By, in New) (order.Order, error) {
	wishes, err := merge(by.Principal, in.Wishes)
	if err != nil {
		return order.Order{}, err
	}
	if len(wishes) > order.MaxStockItems {
		return order.Order{}, tooMany()
	}
	var placed order.Order
	err = d.DB.Settle(ctx, func(ctx context.Context) (*table.Tx, error) {
		c, err := d.DB.Catalog(ctx, in.CustomerID, skus(wishes), nil)
		if err != nil {
			return nil, err
		}
		now := d.IDs.Now()
		o, err := d.draft(by.Principal, in, wishes, c, now)
		if err != nil {
			return nil, err
		}
		happened := event.OrderCreated
		switch {
		case o.Exceeds(c.Settings.DiscountLimit(by.Principal)):
			o.AwaitApproval()
		case in.Confirm:
			happened = event.OrderConfirmed
			if err = allocate(&o, c); err == nil {
				err = o.Confirm(now)
			}
			o.AwaitPayment(now, c.Settings.PaymentTime)
		}
		if err != nil {
			return nil, err
		}
		tx, err := d.enter(o, by, happened, now)
		if err != nil {
			return nil, err
		}
		placed = o
		return tx, onCredit(tx, o, *c.Customer, c.Settings)
	})
	return placed, err
}

// onCredit keeps an order on account within its customer's credit, in the
// company's currency: there is no rate to count another by, so that a customer
// with a limit pays those before they leave.
func onCredit(tx *table.Tx, o order.Order, c customer.Customer, s company.Settings) error {
	if c.CreditLimit == nil || o.OnAccount() == 0 {
		return nil
	}
	if o.Currency != s.Currency {
		return refusal.New(refusal.Conflict, "credit_limit", "The customer's credit is in %s; an order in %s is prepaid.", s.Currency, o.Currency)
	}
	tx.WithinCredit(o, *c.CreditLimit)
	return nil
}

// enter is the transaction of a new order.
func (d *Desk) enter(o order.Order, by By, happened event.Type, now time.Time) (*table.Tx, error) {
	tx := &table.Tx{}
	tx.NewOrder(o)
	if err := reserve(tx, order.Order{}, o); err != nil {
		return nil, err
	}
	tx.Event(d.event(happened, o, by, now, nil))
	tx.Mark(by.Mark, o.ID, now)
	return tx, nil
}

// draft makes the order as it would be, priced.
func (d *Desk) draft(p access.Principal, in New, wishes []order.Wish, c table.Catalog, now time.Time) (order.Order, error) {
	o := order.Order{
		ID: d.IDs.IDAt(now), Number: d.IDs.OrderNumber(), Version: 1, Status: order.Draft,
		EnteredBy: p.ID, Currency: in.Currency, TaxInclusive: c.Settings.TaxInclusive, Discount: in.Discount,
		Reference: in.Reference, Note: in.Note, Billing: in.Billing, Shipping: in.Shipping, Attributes: in.Attributes,
		CreatedAt: now, UpdatedAt: now,
	}
	if o.Currency == "" {
		o.Currency = c.Settings.Currency
	}
	var wrong []refusal.Item
	if _, ok := money.Digits(o.Currency); !ok {
		wrong = append(wrong, refusal.Item{Field: "currency", Code: "unknown_currency", Detail: "Not an ISO 4217 code."})
	}
	wrong = append(wrong, attribute.Check(in.Attributes)...)
	wrong = append(wrong, assign(&o, c.Customer, in.Terms)...)
	lines, bad := lines(o, wishes, c)
	if wrong = append(wrong, bad...); len(wrong) > 0 {
		return o, refusal.Fields(wrong...)
	}
	o.Lines = lines
	return o, o.Price()
}

// assign gives the order to a customer: its salesperson, its addresses and terms unless others were given.
func assign(o *order.Order, c *customer.Customer, terms *customer.Terms) []refusal.Item {
	if c == nil {
		return []refusal.Item{{Field: "customer_id", Code: "unknown_customer", Detail: "There is no such customer."}}
	}
	o.CustomerID, o.Owner, o.Terms = c.ID, c.Owner, c.Terms
	if o.Owner == "" {
		o.Owner = o.EnteredBy
	}
	if terms != nil {
		o.Terms = *terms
	}
	if o.Billing == nil {
		o.Billing = c.Billing
	}
	if o.Shipping == nil {
		o.Shipping = c.Shipping
	}
	return nil
}

// lines turns wishes into lines. A line that the order has already keeps its
// name, price, tax rate and what was done with it; a new one takes them from its product.
func lines(o order.Order, wishes []order.Wish, c table.Catalog) ([]order.Line, []refusal.Item) {
	had := map[string]order.Line{}
	for _, l := range o.Lines {
		had[l.SKU] = l
	}
	var out []order.Line
	var wrong []refusal.Item
	for i, w := range wishes {
		field := fmt.Sprintf("lines[%d]", i)
		l, ok := had[w.SKU]
		product, known := c.Products[w.SKU]
		if ok && w.Quantity > l.Quantity && !product.Active {
			wrong = append(wrong, refusal.Item{Field: field + ".sku", SKU: w.SKU, Code: "inactive", Detail: "The product is not sold any more."})
			continue
		}
		if !ok {
			fresh, code, detail := newLine(product, known, w, o.Currency, c.Settings)
			if code != "" {
				wrong = append(wrong, refusal.Item{Field: field + ".sku", SKU: w.SKU, Code: code, Detail: detail})
				continue
			}
			l = fresh
		}
		if w.Quantity != l.Quantity {
			l.Cancelled = 0 // another quantity is another wish; the same one keeps what was given up of it
		}
		l.Quantity, l.Own = w.Quantity, w.Discount
		if w.UnitPrice != nil {
			l.UnitPrice = *w.UnitPrice
		}
		out = append(out, l)
	}
	return out, wrong
}

// newLine starts a line from its product, or says why it can't be one.
func newLine(p product.Product, known bool, w order.Wish, currency string, s company.Settings) (l order.Line, code, detail string) {
	if !known {
		return l, "unknown_sku", "There is no such product."
	}
	if !p.Active {
		return l, "inactive", "The product is not sold any more."
	}
	price, priced := p.Prices[currency]
	if !priced && w.UnitPrice == nil {
		return l, "no_price", "The product has no price in " + currency + "."
	}
	rate, known := s.TaxRates[p.TaxClass]
	if !known && p.TaxClass != "" {
		return l, "unknown_tax_class", "The settings have no tax class " + p.TaxClass + "."
	}
	return order.Line{SKU: p.SKU, Name: p.Name, UnitPrice: price, TaxRate: rate}, "", ""
}

// allocate plans the stock of every line of an order that is or becomes
// confirmed: as much as it needs, from the locations in the order that the
// settings' strategy gives them. What a product that may be backordered lacks
// waits; a line may also go on waiting for what it already waits for.
// Everything else that lacks stock is refused together.
func allocate(o *order.Order, c table.Catalog) error {
	var short []refusal.Item
	locations := locationsFor(*o, c)
	for i := range o.Lines {
		l := &o.Lines[i]
		next, lacking := stock.Allocate(l.SKU, l.Open(), l.Allocations, locations, c.Free)
		if lacking > l.Backordered && !c.Products[l.SKU].Backorder {
			var free int64
			for _, code := range locations {
				free += c.Free(stock.Place{SKU: l.SKU, Location: code})
			}
			wanted := l.Open() - l.Reserved() - l.Backordered
			short = append(short, shortage(stock.Shortage{SKU: l.SKU, Wanted: wanted, Available: free}))
			continue
		}
		l.Allocations, l.Backordered = next, lacking
	}
	if len(short) > 0 {
		return &refusal.Error{Kind: refusal.Conflict, Code: "insufficient_stock", Detail: "Not enough stock; errors names each SKU with what is left.", Items: short}
	}
	return nil
}

// locationsFor orders the locations as the settings' strategy wants the order to be served.
func locationsFor(o order.Order, c table.Catalog) []string {
	var demand []stock.Demand
	var used []string
	for _, l := range o.Lines {
		if more := l.Open() - l.Reserved(); more > 0 {
			demand = append(demand, stock.Demand{SKU: l.SKU, Quantity: more})
		}
		for _, a := range l.Allocations {
			used = append(used, a.Location)
		}
	}
	return c.Settings.Allocation.Locations(demand, used, c.Locations.Codes(), c.Free)
}

func shortage(s stock.Shortage) refusal.Item {
	return refusal.Item{
		SKU: s.SKU, Code: "insufficient_stock", Available: &s.Available,
		Detail: fmt.Sprintf("%d wanted and %d available.", s.Wanted, s.Available),
	}
}

// merge puts the wishes for each SKU together, and refuses prices set by those who may not.
func merge(p access.Principal, wishes []order.Wish) ([]order.Wish, error) {
	for _, w := range wishes {
		if w.UnitPrice != nil {
			if err := p.Require(access.OrdersPrice); err != nil {
				return nil, err
			}
		}
	}
	return order.Merge(wishes)
}

func skus(wishes []order.Wish) []string {
	out := make([]string, len(wishes))
	for i, w := range wishes {
		out[i] = w.SKU
	}
	return out
}
