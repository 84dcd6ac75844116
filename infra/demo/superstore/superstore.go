// Package superstore reads superstore.csv, four years of a shop's sales with
// one row a product sold, as the products, customers and orders it speaks of.
//
// A row that can't be read is left out and told of; the other rows of its order
// stand. Amounts are in cents and computed exactly: what a row sold for,
// rounded half up to the cent, is what its line costs.
package superstore

import (
	"errors"
	"fmt"
	"io"
	"math/big"
	"slices"
	"strings"
	"time"
)

// A Shop is what the file tells, each kind in the order of the file.
type Shop struct {
	Products  []Product
	Customers []Customer
	Orders    []Order
	LeftOut   []Fault // the rows that could not be read
}

// A Product as the rows that sold it tell. Some ids carry two names in the
// file: the first is its name.
type Product struct {
	SKU, Name, OtherName  string
	Category, SubCategory string
	ListPrice             int64 // cents; the highest price of one before discount, rounded up
	Units                 int64 // how many were sold in all
	UnitCost              int64 // cents; what one cost on average, never below 0
	Row                   int   // the first that names it
}

// A Customer as the first of its rows tells.
type Customer struct {
	Reference, Name, Segment string
	Row                      int
}

// An Order is all rows of one number.
type Order struct {
	Number   string
	PlacedAt time.Time // noon UTC: the file has days
	LeftAt   time.Time // noon UTC of the day it was shipped, whole
	Customer string    // its reference
	ShipMode string
	Region   string
	ShipTo   Address
	Lines    []Line
	Rows     []int
}

// An Address in the United States, the only country of the file.
type Address struct{ Name, City, State, PostalCode string }

// A Line is one product of an order, of one row or several. It costs
// Quantity × UnitPrice − Discount, the sum of its rows' rounded sales.
type Line struct {
	SKU                           string
	Quantity, UnitPrice, Discount int64
}

// A Fault says why rows were left out. Rows count from 1 below the header.
type Fault struct {
	Rows   []int
	Reason string
}

func (f Fault) String() string {
	var list strings.Builder
	for i, r := range f.Rows {
		switch {
		case i > 0 && i == len(f.Rows)-1:
			list.WriteString(" and ")
		case i > 0:
			list.WriteString(", ")
		}
		fmt.Fprint(&list, r)
	}
	if len(f.Rows) == 1 {
		return fmt.Sprintf("row %s: %s", &list, f.Reason)
	}
	return fmt.Sprintf("rows %s: %s", &list, f.Reason)
}

// Read reads the file. It fails when the reader does, or when the header lacks
// a column; a broken row is among LeftOut instead.
func Read(in io.Reader) (Shop, error) {
	rows, err := newRows(in)
	if err != nil {
		return Shop{}, err
	}
	s := sorter{
		products: map[string]*made{}, customers: map[string]bool{}, orders: map[string]*taken{},
	}
	for {
		r, err := rows.next()
		var broken *brokenError
		switch {
		case errors.Is(err, io.EOF):
			return s.shop(), nil
		case errors.As(err, &broken):
			s.leaveOut(broken)
			continue
		case err != nil:
			return Shop{}, err
		}
		if err := s.add(r); err != nil {
			s.leaveOut(&brokenError{r.number, err})
		}
	}
}

// sorter puts rows where they belong.
type sorter struct {
	products      map[string]*made
	customers     map[string]bool
	orders        map[string]*taken
	productOrder  []*made
	customerOrder []Customer
	orderOrder    []*taken
	leftOut       []Fault
}

// made is a product and what its cost is the average of.
type made struct {
	Product
	cost *big.Rat // cents, of all units
}

// taken is an order and what its lines are computed from.
type taken struct {
	Order
	lines []*sold
}

type sold struct {
	sku             string
	quantity, total int64
	gross           *big.Rat // cents before discount
}

func (s *sorter) leaveOut(b *brokenError) {
	s.leftOut = append(s.leftOut, Fault{Rows: []int{b.row}, Reason: b.reason.Error()})
}

// add takes the row in, or refuses it whole when it contradicts its order.
func (s *sorter) add(r row) error {
	o := s.orders[r.order.Number]
	if o == nil {
		o = &taken{Order: r.order}
		s.orders[o.Number] = o
		s.orderOrder = append(s.orderOrder, o)
	} else if !sameOrder(o.Order, r.order) {
		return fmt.Errorf("it tells of order %s otherwise than row %d", o.Number, o.Rows[0])
	}
	o.Rows = append(o.Rows, r.number)
	o.take(r)
	s.produce(r)
	if !s.customers[r.customer.Reference] {
		s.customers[r.customer.Reference] = true
		s.customerOrder = append(s.customerOrder, r.customer)
	}
	return nil
}

func sameOrder(a, b Order) bool {
	return a.PlacedAt.Equal(b.PlacedAt) && a.LeftAt.Equal(b.LeftAt) && a.Customer == b.Customer && a.ShipMode == b.ShipMode && a.Region == b.Region && a.ShipTo == b.ShipTo
}

// take adds the row to its product's line of the order.
func (o *taken) take(r row) {
	at := slices.IndexFunc(o.lines, func(l *sold) bool { return l.sku == r.product.SKU })
	if at < 0 {
		at = len(o.lines)
		o.lines = append(o.lines, &sold{sku: r.product.SKU, gross: new(big.Rat)})
	}
	l := o.lines[at]
	l.quantity += r.quantity
	l.total += halfUp(r.sales)
	l.gross.Add(l.gross, r.gross)
}

func (s *sorter) produce(r row) {
	p := s.products[r.product.SKU]
	if p == nil {
		p = &made{Product: r.product, cost: new(big.Rat)}
		s.products[p.SKU] = p
		s.productOrder = append(s.productOrder, p)
	}
	if p.OtherName == "" && r.product.Name != p.Name {
		p.OtherName = r.product.Name
	}
	p.ListPrice = max(p.ListPrice, ceil(share(r.gross, r.quantity)))
	p.Units += r.quantity
	p.cost.Add(p.cost, r.sales).Sub(p.cost, r.profit)
}

func (s *sorter) shop() Shop {
	shop := Shop{Customers: s.customerOrder, LeftOut: s.leftOut}
	for _, p := range s.productOrder {
		if p.cost.Sign() > 0 {
			p.UnitCost = halfUp(share(p.cost, p.Units))
		}
		shop.Products = append(shop.Products, p.Product)
	}
	for _, o := range s.orderOrder {
		for _, l := range o.lines {
			o.Lines = append(o.Lines, l.priced())
		}
		shop.Orders = append(shop.Orders, o.Order)
	}
	return shop
}

// priced finds whole cents that come to the line's total: the unit price is
// rounded up, and the discount is what that is too much.
func (l *sold) priced() Line {
	// Rows that were each rounded up may come to more than the gross of all.
	price := max(ceil(share(l.gross, l.quantity)), ceil(big.NewRat(l.total, l.quantity)))
	return Line{SKU: l.sku, Quantity: l.quantity, UnitPrice: price, Discount: l.quantity*price - l.total}
}
