package reconcile

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// A Reading is the file as it was counted.
type Reading struct {
	Orders    Side
	Rows      int    // counted; rows of one order with the same product make one line
	Lines     int    // how many lines they make
	Unrounded string // the sum of the rows' sales before any rounding, such as 2,297,200.8603
}

const million = 1_000_000

// Read counts the file, except the rows that were left out and told of; rows
// count from 1 below the header. Each row's sales are rounded half up to the
// cent. It fails on a row that it can't read: then the import missed that too.
func Read(in io.Reader, leftOut map[int]bool) (Reading, error) {
	table := csv.NewReader(in)
	table.FieldsPerRecord = -1
	header, err := table.Read()
	if err != nil {
		return Reading{}, fmt.Errorf("read the header: %w", err)
	}
	at := map[string]int{}
	for i, name := range header {
		at[name] = i
	}
	out := Reading{Orders: Side{}}
	lines := map[[2]string]bool{}
	var unrounded int64
	for row := 1; ; row++ {
		fields, err := table.Read()
		if errors.Is(err, io.EOF) {
			out.Lines, out.Unrounded = len(lines), exact(unrounded)
			return out, nil
		}
		if leftOut[row] {
			continue
		}
		if err == nil && len(fields) != len(header) {
			err = fmt.Errorf("it has %d columns and the header %d", len(fields), len(header))
		}
		if err != nil {
			return Reading{}, fmt.Errorf("row %d: %w", row, err)
		}
		number, sku := fields[at["Order ID"]], fields[at["Product ID"]]
		order, sales, err := count(fields[at["Order Date"]], fields[at["Quantity"]], fields[at["Sales"]])
		order.Left, order.LeftUnits = fields[at["Ship Date"]], order.Units
		if err != nil {
			return Reading{}, fmt.Errorf("row %d: %w", row, err)
		}
		known := out.Orders[number]
		order.Units += known.Units
		order.LeftUnits += known.LeftUnits
		order.Cents += known.Cents
		order.Paid, order.Invoiced = order.Cents, order.Cents // every order was paid and invoiced, whole
		order.Lines = known.Lines
		if line := [2]string{number, sku}; !lines[line] {
			lines[line] = true
			order.Lines++
		}
		out.Orders[number] = order
		out.Rows++
		unrounded += sales
	}
}

// count reads a row as an order of its own; sales are in millionths.
func count(date, quantity, amount string) (o Order, sales int64, err error) {
	year, _, _ := strings.Cut(date, "-")
	if o.Year, err = strconv.Atoi(year); err != nil {
		return o, 0, fmt.Errorf("the year of %q: %w", date, err)
	}
	if o.Units, err = strconv.Atoi(quantity); err != nil {
		return o, 0, fmt.Errorf("the quantity: %w", err)
	}
	if sales, err = millionths(amount); err != nil {
		return o, 0, fmt.Errorf("the sales: %w", err)
	}
	const cent = million / 100
	o.Cents = (sales + cent/2) / cent
	return o, sales, nil
}

// millionths reads a number that is not negative and has at most six decimals
// without loss, by its digits.
func millionths(text string) (int64, error) {
	whole, decimals, _ := strings.Cut(text, ".")
	const places = 6
	if len(decimals) > places {
		return 0, fmt.Errorf("%q has more than %d decimals", text, places)
	}
	n, err := strconv.ParseUint(whole+decimals+strings.Repeat("0", places-len(decimals)), 10, 63)
	return int64(n), err
}
