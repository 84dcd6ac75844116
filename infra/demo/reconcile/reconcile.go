// Package reconcile holds what the system has against what the file says. It
// shares no code with the import: it reads the file anew, in its own way, and
// the orders back through the API, so that a mistake there is found here.
package reconcile

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"
)

// An Order is what is compared of an order. Cents is what it costs, Left the
// day it was shipped, such as 2016-11-11, with so many units; Paid and Invoiced
// are what was, less what went back and was credited, and Balance is what is
// still to pay.
type Order struct {
	Year, Lines, Units      int
	Cents                   int64
	Left                    string
	LeftUnits               int
	Paid, Invoiced, Balance int64
}

// A Side is all orders of the file, or of the system, by number.
type Side map[string]Order

// A Difference is an order that the two sides don't agree about; an order that
// is missing on one has a zero Year there.
type Difference struct {
	Number       string
	File, System Order
}

func (d Difference) String() string {
	switch {
	case d.System.Year == 0:
		return fmt.Sprintf("order %s is missing", d.Number)
	case d.File.Year == 0:
		return fmt.Sprintf("order %s is not in the file", d.Number)
	}
	if d.System.Left != d.File.Left || d.System.LeftUnits != d.File.LeftUnits {
		return fmt.Sprintf("order %s left on %q with %d units; by the file on %s with %d", d.Number, d.System.Left, d.System.LeftUnits, d.File.Left, d.File.LeftUnits)
	}
	if d.System.plain() != d.File.plain() {
		return fmt.Sprintf("order %s of %d has %d lines, %d units and costs %s; by the file it is of %d, has %d lines, %d units and costs %s", d.Number,
			d.System.Year, d.System.Lines, d.System.Units, dollars(d.System.Cents), d.File.Year, d.File.Lines, d.File.Units, dollars(d.File.Cents))
	}
	return fmt.Sprintf("order %s was paid %s and invoiced %s, and has a balance of %s; by the file it costs %s", d.Number,
		dollars(d.System.Paid), dollars(d.System.Invoiced), dollars(d.System.Balance), dollars(d.File.Cents))
}

// plain is the order as it was placed.
func (o Order) plain() Order {
	return Order{Year: o.Year, Lines: o.Lines, Units: o.Units, Cents: o.Cents}
}

// Compare returns every order that differs, by number.
func Compare(file, system Side) []Difference {
	var out []Difference
	for number, want := range file {
		if got := system[number]; got != want {
			out = append(out, Difference{number, want, got})
		}
	}
	for number, got := range system {
		if _, ok := file[number]; !ok {
			out = append(out, Difference{Number: number, System: got})
		}
	}
	slices.SortFunc(out, func(a, b Difference) int { return cmp.Compare(a.Number, b.Number) })
	return out
}

// Left is how many orders have left in the system on the day that the file says.
func (s Side) Left(system Side) int {
	n := 0
	for number, o := range s {
		if o.Left != "" && system[number].Left == o.Left {
			n++
		}
	}
	return n
}

// LeftUnits is how many units have left.
func (s Side) LeftUnits() int {
	n := 0
	for _, o := range s {
		n += o.LeftUnits
	}
	return n
}

// year is what the orders of a year come to.
type year struct {
	orders, lines, units  int
	cents, paid, invoiced int64
}

func (s Side) years() (years map[int]year, all year) {
	years = map[int]year{}
	for _, o := range s {
		years[o.Year] = years[o.Year].plus(o)
		all = all.plus(o)
	}
	return years, all
}

func (y year) plus(o Order) year {
	return year{y.orders + 1, y.lines + o.Lines, y.units + o.Units, y.cents + o.Cents, y.paid + o.Paid, y.invoiced + o.Invoiced}
}

// Print writes a table of both sides, a pair of rows a year.
func Print(out io.Writer, file, system Side) error {
	want, wanted := file.years()
	got, gotten := system.years()
	all := maps.Clone(want)
	maps.Copy(all, got)

	w := tabwriter.NewWriter(out, 0, 0, 3, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "year\t\torders\tlines\tunits\tsales, USD\tpaid, USD\tinvoiced, USD\t")
	row := func(label, side string, y year, verdict string) {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", label, side, Count(y.orders), Count(y.lines), Count(y.units),
			dollars(y.cents), dollars(y.paid), dollars(y.invoiced), verdict)
	}
	pair := func(label string, a, b year) {
		verdict := "agrees"
		if a != b {
			verdict = "DIFFERS"
		}
		row(label, "file", a, "")
		row("", "system", b, "   "+verdict)
	}
	for _, y := range slices.Sorted(maps.Keys(all)) {
		pair(fmt.Sprint(y), want[y], got[y])
	}
	pair("all", wanted, gotten)
	return w.Flush()
}
