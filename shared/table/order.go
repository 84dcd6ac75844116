package table

import (
	"context"
	"time"

	"waybill/shared/customer"
	"waybill/shared/order"
	"waybill/shared/refusal"
	"waybill/shared/stock"
)

// orderRecord is an order as it is stored. Empty attributes are left out: an
// order of two lines should stay under a kilobyte or two, for each costs.
type orderRecord struct {
	PK           string            `dynamodbav:"pk"`
	SK           string            `dynamodbav:"sk"`
	At           string            `dynamodbav:"at"`
	Recent       string            `dynamodbav:"recent"`
	ByStatus     string            `dynamodbav:"by_status"`
	ByCustomer   string            `dynamodbav:"by_customer"`
	ByOwner      string            `dynamodbav:"by_owner,omitempty"`
	Number       string            `dynamodbav:"number"`
	Version      int64             `dynamodbav:"version"`
	Status       order.Status      `dynamodbav:"status"`
	OnHold       bool              `dynamodbav:"on_hold,omitempty"`
	HoldReason   string            `dynamodbav:"hold_reason,omitempty"`
	HeldBefore   string            `dynamodbav:"held_before,omitempty"`
	CustomerID   string            `dynamodbav:"customer_id"`
	Owner        string            `dynamodbav:"owner,omitempty"`
	EnteredBy    string            `dynamodbav:"entered_by"`
	Currency     string            `dynamodbav:"currency"`
	TaxInclusive bool              `dynamodbav:"tax_inclusive,omitempty"`
	Lines        []lineRecord      `dynamodbav:"lines"`
	Discount     *discountRecord   `dynamodbav:"own_discount,omitempty"`
	Subtotal     int64             `dynamodbav:"subtotal"`
	DiscountSum  int64             `dynamodbav:"discount,omitempty"`
	OrderPart    int64             `dynamodbav:"order_discount,omitempty"`
	Tax          int64             `dynamodbav:"tax,omitempty"`
	Total        int64             `dynamodbav:"total"`
	Reference    string            `dynamodbav:"reference,omitempty"`
	Note         string            `dynamodbav:"note,omitempty"`
	Terms        string            `dynamodbav:"terms,omitempty"`
	TermDays     int               `dynamodbav:"term_days,omitempty"`
	Billing      *addressRecord    `dynamodbav:"billing,omitempty"`
	Shipping     *addressRecord    `dynamodbav:"shipping,omitempty"`
	Attributes   map[string]string `dynamodbav:"attributes,omitempty"`
	CancelReason string            `dynamodbav:"cancel_reason,omitempty"`
	Paid         int64             `dynamodbav:"paid,omitempty"`
	Refunded     int64             `dynamodbav:"refunded,omitempty"`
	Authorized   int64             `dynamodbav:"authorized,omitempty"`
	Disputed     int64             `dynamodbav:"disputed,omitempty"`
	Invoices     []issuedRecord    `dynamodbav:"invoices,omitempty"`
	CreditedOut  int64             `dynamodbav:"credited_out,omitempty"`
	PayBy        int64             `dynamodbav:"pay_by,omitempty"`
	Shipments    []string          `dynamodbav:"shipments,omitempty"`
	Undelivered  int64             `dynamodbav:"undelivered,omitempty"`
	Returns      []string          `dynamodbav:"returns,omitempty"`
	PlacedAt     int64             `dynamodbav:"placed_at,omitempty"`
	CreatedAt    int64             `dynamodbav:"created_at"`
	UpdatedAt    int64             `dynamodbav:"updated_at"`
}

type lineRecord struct {
	SKU         string             `dynamodbav:"sku"`
	Name        string             `dynamodbav:"name"`
	Quantity    int64              `dynamodbav:"qty"`
	UnitPrice   int64              `dynamodbav:"price"`
	Own         *discountRecord    `dynamodbav:"own,omitempty"`
	Discount    int64              `dynamodbav:"disc,omitempty"`
	TaxRate     int64              `dynamodbav:"rate,omitempty"`
	Tax         int64              `dynamodbav:"tax,omitempty"`
	Total       int64              `dynamodbav:"total"`
	Allocations []allocationRecord `dynamodbav:"alloc,omitempty"`
	Backordered int64              `dynamodbav:"back,omitempty"`
	Shipped     int64              `dynamodbav:"ship,omitempty"`
	Cancelled   int64              `dynamodbav:"gone,omitempty"`
	Returned    int64              `dynamodbav:"ret,omitempty"`
	Cost        int64              `dynamodbav:"cost,omitempty"`
	CostBack    int64              `dynamodbav:"cost_back,omitempty"`
	Invoiced    int64              `dynamodbav:"inv,omitempty"`
	Credited    int64              `dynamodbav:"cred,omitempty"`
}

type issuedRecord struct {
	ID       string `dynamodbav:"id"`
	Total    int64  `dynamodbav:"total"`
	Credited int64  `dynamodbav:"credited,omitempty"`
	DueAt    int64  `dynamodbav:"due_at"`
	ToldSoon bool   `dynamodbav:"told_soon,omitempty"`
	ToldLate bool   `dynamodbav:"told_late,omitempty"`
}

type allocationRecord struct {
	Location string `dynamodbav:"loc"`
	Quantity int64  `dynamodbav:"qty"`
}

// discountRecord holds an amount or a rate in basis points; absent is no discount.
type discountRecord struct {
	Amount int64  `dynamodbav:"amount,omitempty"`
	Rate   *int64 `dynamodbav:"bp,omitempty"`
}

type addressRecord struct {
	Name       string `dynamodbav:"name,omitempty"`
	Company    string `dynamodbav:"company,omitempty"`
	Line1      string `dynamodbav:"line1,omitempty"`
	Line2      string `dynamodbav:"line2,omitempty"`
	City       string `dynamodbav:"city,omitempty"`
	State      string `dynamodbav:"state,omitempty"`
	PostalCode string `dynamodbav:"postal_code,omitempty"`
	Country    string `dynamodbav:"country,omitempty"`
	Phone      string `dynamodbav:"phone,omitempty"`
}

// orderEntryRecord puts an order into the list of who entered it, when that is not its owner.
type orderEntryRecord struct {
	PK      string `dynamodbav:"pk"`
	SK      string `dynamodbav:"sk"`
	At      string `dynamodbav:"at"`
	ByOwner string `dynamodbav:"by_owner"`
}

type orderNumberRecord struct {
	PK      string `dynamodbav:"pk"`
	SK      string `dynamodbav:"sk"`
	OrderID string `dynamodbav:"order_id"`
}

// NewOrder adds an order and its number, which must both be new.
func (tx *Tx) NewOrder(o order.Order) {
	tx.create(recordOfOrder(o), exists("order", o.ID))
	k := orderNumberKey(o.Number)
	tx.create(orderNumberRecord{PK: k.pk, SK: k.sk, OrderID: o.ID}, func(item) error { return &NumberTaken{Number: o.Number} })
	tx.orderEntry(o)
	tx.waits(order.Order{}, o)
	tx.consequences(order.Order{}, o)
}

// NumberTaken says that another order has the number.
type NumberTaken struct{ Number string }

func (n *NumberTaken) Error() string { return "the order number " + n.Number + " is taken" }

// SaveOrder adds the change of an order that must still have version was, and
// what it comes to wait for. Its reservations are not part of it: see Reallocate.
func (tx *Tx) SaveOrder(o order.Order, was order.Order) {
	tx.replace(recordOfOrder(o), was.Version, "order", o.Number)
	tx.waits(was, o)
	tx.consequences(was, o)
	if o.Owner != was.Owner {
		tx.orderEntry(o)
	}
}

func (tx *Tx) orderEntry(o order.Order) {
	if o.EnteredBy == o.Owner {
		return
	}
	k := orderEntryKey(o.ID)
	tx.put(orderEntryRecord{PK: k.pk, SK: k.sk, At: o.ID, ByOwner: sharded(ordersByOwner(o.EnteredBy), o.ID)}, "", nil, nil)
}

// Order reads an order; a refusal of kind NotFound when there is none.
func (db *DB) Order(ctx context.Context, id string) (order.Order, error) {
	i, err := db.get(ctx, orderKey(id))
	if err != nil {
		return order.Order{}, err
	}
	if i == nil {
		return order.Order{}, refusal.Missing("order", id)
	}
	return orderOf(i)
}

// OrderIDs returns the ids of the orders that have these numbers.
func (db *DB) OrderIDs(ctx context.Context, numbers []string) (map[string]string, error) {
	keys := make([]key, len(numbers))
	for i, n := range numbers {
		keys[i] = orderNumberKey(n)
	}
	found, err := db.getAll(ctx, keys)
	if err != nil {
		return nil, err
	}
	ids := map[string]string{}
	for _, n := range numbers {
		if i, ok := found[orderNumberKey(n)]; ok {
			r, err := decode[orderNumberRecord](i)
			if err != nil {
				return nil, err
			}
			ids[n] = r.OrderID
		}
	}
	return ids, nil
}

// An OrderFilter narrows a list of orders; zero fields do not.
type OrderFilter struct {
	Status     order.Status
	CustomerID string
	Owner      string // responsible for it or entered it
	Number     string
	OnHold     *bool
	Statuses   []order.Status // any of these
	From, Till time.Time      // its date: From inclusive, Till exclusive
}

// Orders lists orders, newest first. A page holds at most limit orders that
// pass the filter, and may hold fewer though more follow.
func (db *DB) Orders(ctx context.Context, f OrderFilter, p Page) (Listing[order.Order], error) {
	if f.Number != "" {
		return db.orderByNumber(ctx, f)
	}
	ix, partitions := f.index()
	w := walk{index: ix, partitions: partitions, from: f.From, till: f.Till}
	return list(ctx, db, w, p, func(k key) key { return key{k.pk, "ORDER"} }, orderOf, f.passes)
}

// index picks the index that narrows the list most.
func (f OrderFilter) index() (index, []string) {
	switch {
	case f.CustomerID != "":
		return customerIndex, []string{ordersByCustomer(f.CustomerID)}
	case f.Owner != "":
		return ownerIndex, allShards(ordersByOwner(f.Owner))
	case f.Status != "":
		return statusIndex, allShards(ordersByStatus(f.Status))
	case len(f.Statuses) > 0:
		var lists []string
		for _, s := range f.Statuses {
			lists = append(lists, ordersByStatus(s))
		}
		return statusIndex, allShards(lists...)
	default:
		return recentIndex, allShards(ordersList)
	}
}

func (f OrderFilter) passes(o order.Order) bool {
	among := len(f.Statuses) == 0
	for _, s := range f.Statuses {
		among = among || o.Status == s
	}
	return among &&
		(f.Status == "" || o.Status == f.Status) &&
		(f.CustomerID == "" || o.CustomerID == f.CustomerID) &&
		(f.Owner == "" || o.Owner == f.Owner || o.EnteredBy == f.Owner) &&
		(f.Number == "" || o.Number == f.Number) &&
		(f.OnHold == nil || o.OnHold == *f.OnHold) &&
		(f.From.IsZero() || !o.CreatedAt.Before(f.From)) &&
		(f.Till.IsZero() || o.CreatedAt.Before(f.Till))
}

func (db *DB) orderByNumber(ctx context.Context, f OrderFilter) (Listing[order.Order], error) {
	var l Listing[order.Order]
	ids, err := db.OrderIDs(ctx, []string{f.Number})
	if err != nil || ids[f.Number] == "" {
		return l, err
	}
	o, err := db.Order(ctx, ids[f.Number])
	if err != nil {
		return l, err
	}
	if f.passes(o) {
		l.Items = append(l.Items, o)
	}
	return l, nil
}

// OpenOrders walks all orders that hold reservations, newest first, until visit returns false.
func (db *DB) OpenOrders(ctx context.Context, visit func(order.Order) bool) error {
	p := Page{Limit: mostKeys}
	for {
		l, err := db.Orders(ctx, OrderFilter{Statuses: order.Open}, p)
		if err != nil {
			return err
		}
		for _, o := range l.Items {
			if !visit(o) {
				return nil
			}
		}
		if l.Next == "" {
			return nil
		}
		p.After = l.Next
	}
}

func recordOfOrder(o order.Order) orderRecord {
	k := orderKey(o.ID)
	r := orderRecord{
		PK: k.pk, SK: k.sk, At: o.ID,
		Recent:     sharded(ordersList, o.ID),
		ByStatus:   sharded(ordersByStatus(o.Status), o.ID),
		ByCustomer: ordersByCustomer(o.CustomerID),
		Number:     o.Number, Version: o.Version, Status: o.Status, OnHold: o.OnHold, HoldReason: o.HoldReason, HeldBefore: o.HeldBefore,
		CustomerID: o.CustomerID, Owner: o.Owner, EnteredBy: o.EnteredBy,
		Currency: o.Currency, TaxInclusive: o.TaxInclusive, Discount: recordOfDiscount(o.Discount),
		Subtotal: o.Totals.Subtotal, DiscountSum: o.Totals.Discount, OrderPart: o.Totals.OrderDiscount,
		Tax: o.Totals.Tax, Total: o.Totals.Total,
		Reference: o.Reference, Note: o.Note, Terms: string(o.Terms.Kind), TermDays: o.Terms.Days,
		Billing: recordOfAddress(o.Billing), Shipping: recordOfAddress(o.Shipping),
		Attributes: o.Attributes, CancelReason: o.CancelReason,
		Paid: o.Paid, Refunded: o.Refunded, Authorized: o.Authorized, Disputed: o.Disputed, CreditedOut: o.CreditedOut, Shipments: o.Shipments, Undelivered: o.Undelivered, Returns: o.Returns,
		CreatedAt: o.CreatedAt.UnixMilli(), UpdatedAt: o.UpdatedAt.UnixMilli(),
	}
	if o.Owner != "" {
		r.ByOwner = sharded(ordersByOwner(o.Owner), o.ID)
	}
	if o.PlacedAt != nil {
		r.PlacedAt = o.PlacedAt.UnixMilli()
	}
	if o.PayBy != nil {
		r.PayBy = o.PayBy.UnixMilli()
	}
	for _, i := range o.Invoices {
		r.Invoices = append(r.Invoices, issuedRecord{
			ID: i.ID, Total: i.Total, Credited: i.Credited, DueAt: i.DueAt.UnixMilli(), ToldSoon: i.ToldSoon, ToldLate: i.ToldLate,
		})
	}
	for _, l := range o.Lines {
		lr := lineRecord{
			SKU: l.SKU, Name: l.Name, Quantity: l.Quantity, UnitPrice: l.UnitPrice,
			Own: recordOfDiscount(l.Own), Discount: l.Discount, TaxRate: l.TaxRate, Tax: l.Tax, Total: l.Total,
			Backordered: l.Backordered, Shipped: l.Shipped, Cancelled: l.Cancelled, Returned: l.Returned, Cost: l.Cost, CostBack: l.CostBack,
			Invoiced: l.Invoiced, Credited: l.Credited,
		}
		for _, a := range l.Allocations {
			lr.Allocations = append(lr.Allocations, allocationRecord(a))
		}
		r.Lines = append(r.Lines, lr)
	}
	return r
}

func orderOf(i item) (order.Order, error) {
	r, err := decode[orderRecord](i)
	if err != nil {
		return order.Order{}, err
	}
	o := order.Order{
		ID: r.At, Number: r.Number, Version: r.Version, Status: r.Status, OnHold: r.OnHold, HoldReason: r.HoldReason, HeldBefore: r.HeldBefore,
		CustomerID: r.CustomerID, Owner: r.Owner, EnteredBy: r.EnteredBy,
		Currency: r.Currency, TaxInclusive: r.TaxInclusive, Discount: r.Discount.discount(),
		Totals: order.Totals{
			Subtotal: r.Subtotal, Discount: r.DiscountSum, OrderDiscount: r.OrderPart, Tax: r.Tax, Total: r.Total,
		},
		Reference: r.Reference, Note: r.Note, Terms: customer.Terms{Kind: customer.TermsKind(r.Terms), Days: r.TermDays},
		Billing: r.Billing.address(), Shipping: r.Shipping.address(),
		Attributes: r.Attributes, CancelReason: r.CancelReason,
		Paid: r.Paid, Refunded: r.Refunded, Authorized: r.Authorized, Disputed: r.Disputed, CreditedOut: r.CreditedOut, Shipments: r.Shipments, Undelivered: r.Undelivered, Returns: r.Returns,
		CreatedAt: moment(r.CreatedAt), UpdatedAt: moment(r.UpdatedAt),
	}
	if r.PlacedAt != 0 {
		at := moment(r.PlacedAt)
		o.PlacedAt = &at
	}
	if r.PayBy != 0 {
		at := moment(r.PayBy)
		o.PayBy = &at
	}
	for _, i := range r.Invoices {
		o.Invoices = append(o.Invoices, order.Issued{
			ID: i.ID, Total: i.Total, Credited: i.Credited, DueAt: moment(i.DueAt), ToldSoon: i.ToldSoon, ToldLate: i.ToldLate,
		})
	}
	for _, lr := range r.Lines {
		l := order.Line{
			SKU: lr.SKU, Name: lr.Name, Quantity: lr.Quantity, UnitPrice: lr.UnitPrice,
			Own: lr.Own.discount(), Discount: lr.Discount, TaxRate: lr.TaxRate, Tax: lr.Tax, Total: lr.Total,
			Backordered: lr.Backordered, Shipped: lr.Shipped, Cancelled: lr.Cancelled, Returned: lr.Returned, Cost: lr.Cost, CostBack: lr.CostBack,
			Invoiced: lr.Invoiced, Credited: lr.Credited,
		}
		for _, a := range lr.Allocations {
			l.Allocations = append(l.Allocations, stock.Allocation(a))
		}
		o.Lines = append(o.Lines, l)
	}
	return o, nil
}

func recordOfDiscount(d order.Discount) *discountRecord {
	switch {
	case d.ByRate:
		return &discountRecord{Rate: &d.Rate}
	case d.Amount != 0:
		return &discountRecord{Amount: d.Amount}
	default:
		return nil
	}
}

func (r *discountRecord) discount() order.Discount {
	switch {
	case r == nil:
		return order.Discount{}
	case r.Rate != nil:
		return order.Discount{ByRate: true, Rate: *r.Rate}
	default:
		return order.Discount{Amount: r.Amount}
	}
}

func recordOfAddress(a *customer.Address) *addressRecord {
	if a == nil {
		return nil
	}
	r := addressRecord(*a)
	return &r
}

func (r *addressRecord) address() *customer.Address {
	if r == nil {
		return nil
	}
	a := customer.Address(*r)
	return &a
}

func moment(ms int64) time.Time { return time.UnixMilli(ms).UTC() }
