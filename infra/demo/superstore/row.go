package superstore

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math/big"
	"strconv"
	"strings"
	"time"
)

var columns = []string{
	"Order ID", "Order Date", "Ship Date", "Ship Mode", "Customer ID", "Customer Name", "Segment", "Country", "City", "State",
	"Postal Code", "Region", "Product ID", "Category", "Sub-Category", "Product Name", "Sales", "Quantity", "Discount", "Profit",
}

// What a row may come to before discount, and how many it may sell: more is
// refused by the API, and this much fits whatever it is added to.
const (
	maxCents    = 1_000_000_000_000
	maxQuantity = 1_000_000
)

// row is one that was read: what it tells of its order, customer and product,
// and what was sold. Amounts are in cents.
type row struct {
	number   int
	order    Order
	customer Customer
	product  Product

	quantity             int64
	sales, gross, profit *big.Rat // gross is sales before discount
}

// brokenError says what is wrong with a row.
type brokenError struct {
	row    int
	reason error
}

func (b *brokenError) Error() string { return fmt.Sprintf("row %d: %v", b.row, b.reason) }
func (b *brokenError) Unwrap() error { return b.reason }

type rows struct {
	csv    *csv.Reader
	column map[string]int
	width  int
	number int
}

func newRows(in io.Reader) (*rows, error) {
	r := &rows{csv: csv.NewReader(in), column: map[string]int{}}
	r.csv.FieldsPerRecord = -1 // counted here, row by row
	header, err := r.csv.Read()
	if err != nil {
		return nil, fmt.Errorf("read the header: %w", err)
	}
	for i, name := range header {
		r.column[name] = i
	}
	for _, name := range columns {
		if _, ok := r.column[name]; !ok {
			return nil, fmt.Errorf("the file has no column %q", name)
		}
	}
	r.width = len(header)
	return r, nil
}

// next returns the next row, a *brokenError, io.EOF, or why the file can't be read.
func (r *rows) next() (row, error) {
	fields, err := r.csv.Read()
	if errors.Is(err, io.EOF) {
		return row{}, err
	}
	r.number++
	var malformed *csv.ParseError
	switch {
	case errors.As(err, &malformed):
		return row{}, &brokenError{r.number, malformed.Err}
	case err != nil:
		return row{}, fmt.Errorf("read row %d: %w", r.number, err)
	case len(fields) != r.width:
		return row{}, &brokenError{r.number, fmt.Errorf("it has %d columns and the header %d", len(fields), r.width)}
	}
	read, err := r.read(fields)
	if err != nil {
		return row{}, &brokenError{r.number, err}
	}
	return read, nil
}

func (r *rows) read(fields []string) (row, error) {
	get := func(name string) string { return fields[r.column[name]] }
	for _, name := range []string{"Order ID", "Customer ID", "Customer Name", "Product ID", "Product Name"} {
		if get(name) == "" {
			return row{}, fmt.Errorf("it has no %s", name)
		}
	}
	day, err := time.Parse(time.DateOnly, get("Order Date"))
	if err != nil {
		return row{}, fmt.Errorf("order date: %q is no date", get("Order Date"))
	}
	left, err := time.Parse(time.DateOnly, get("Ship Date"))
	if err != nil {
		return row{}, fmt.Errorf("ship date: %q is no date", get("Ship Date"))
	}
	if left.Before(day) {
		return row{}, fmt.Errorf("ship date: %s is before the order's", get("Ship Date"))
	}
	if country := get("Country"); country != "United States" {
		return row{}, fmt.Errorf("country: no code is known for %q", country)
	}
	out := row{
		number:   r.number,
		customer: Customer{Reference: get("Customer ID"), Name: get("Customer Name"), Segment: get("Segment"), Row: r.number},
		product: Product{
			SKU: get("Product ID"), Name: get("Product Name"),
			Category: get("Category"), SubCategory: get("Sub-Category"), Row: r.number,
		},
		order: Order{
			Number: get("Order ID"), PlacedAt: day.Add(12 * time.Hour), LeftAt: left.Add(12 * time.Hour), Customer: get("Customer ID"),
			ShipMode: get("Ship Mode"), Region: get("Region"),
			ShipTo: Address{Name: get("Customer Name"), City: get("City"), State: get("State"), PostalCode: postalCode(get("Postal Code"))},
		},
	}
	return out, out.amounts(get)
}

func (r *row) amounts(get func(string) string) error {
	var err error
	if r.quantity, err = strconv.ParseInt(get("Quantity"), 10, 64); err != nil || r.quantity < 1 || r.quantity > maxQuantity {
		return fmt.Errorf("quantity: %q is no whole number from 1 to %d", get("Quantity"), maxQuantity)
	}
	if r.sales, err = cents(get("Sales")); err != nil {
		return fmt.Errorf("sales: %w", err)
	}
	if r.profit, err = cents(get("Profit")); err != nil {
		return fmt.Errorf("profit: %w", err)
	}
	discount, err := decimal(get("Discount"))
	if err != nil {
		return fmt.Errorf("discount: %w", err)
	}
	left := new(big.Rat).Sub(big.NewRat(1, 1), discount)
	if discount.Sign() < 0 || left.Sign() <= 0 {
		return fmt.Errorf("discount: %s is not from 0 to below 1", get("Discount"))
	}
	if r.sales.Sign() < 0 {
		return fmt.Errorf("sales: %s is negative", get("Sales"))
	}
	r.gross = new(big.Rat).Quo(r.sales, left)
	if r.gross.Cmp(big.NewRat(maxCents, 1)) > 0 {
		return errors.New("sales: it comes to more than can be counted")
	}
	return nil
}

// postalCode gives back the zeros in front that a spreadsheet took away.
func postalCode(text string) string {
	return strings.Repeat("0", max(0, 5-len(text))) + text
}
