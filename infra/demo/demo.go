package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"waybill/infra/demo/client"
	"waybill/infra/demo/load"
	"waybill/infra/demo/reconcile"
	"waybill/infra/demo/superstore"
)

var (
	errDiffers = errors.New("the system does not have what the file says")
	errLeftOut = errors.New("rows were left out; they are named above")
)

// demo enters a file into a system and holds the two against each other.
type demo struct {
	api  *client.Client
	now  func() time.Time
	file string
	out  io.Writer
	bar  *bar
}

// run fails with errLeftOut or errDiffers after everything else was done.
func (d *demo) run(ctx context.Context) error {
	leftOut, err := d.load(ctx)
	d.bar.End()
	if err != nil {
		return err
	}
	for _, fault := range leftOut {
		fmt.Fprintln(d.out, "Left out", fault)
	}
	if err := d.reconcile(ctx, leftOut); err != nil {
		return err
	}
	if len(leftOut) > 0 {
		return errLeftOut
	}
	return nil
}

func (d *demo) load(ctx context.Context) (leftOut []superstore.Fault, err error) {
	in, err := os.Open(d.file)
	if err != nil {
		return nil, fmt.Errorf("open the data: %w", err)
	}
	defer in.Close()
	shop, err := superstore.Read(in)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", d.file, err)
	}
	report, err := load.Load(ctx, d.api, shop, d.now, d.bar)
	d.bar.End()
	if err != nil {
		return nil, err
	}
	n := report.Created
	if n == (load.Count{}) {
		fmt.Fprintln(d.out, "Everything was there already.")
	} else {
		fmt.Fprintf(d.out, "Entered %s products, %s customers, %s receipts, %s orders, %s payments, %s shipments and %s invoices; the rest was there already.\n",
			reconcile.Count(n.Products), reconcile.Count(n.Customers), reconcile.Count(n.Receipts), reconcile.Count(n.Orders),
			reconcile.Count(n.Payments), reconcile.Count(n.Shipments), reconcile.Count(n.Invoices))
	}
	return append(shop.LeftOut, report.Refused...), nil
}

// reconcile reads everything again and prints what agrees and what does not.
func (d *demo) reconcile(ctx context.Context, leftOut []superstore.Fault) error {
	skip := map[int]bool{}
	for _, fault := range leftOut {
		for _, row := range fault.Rows {
			skip[row] = true
		}
	}
	in, err := os.Open(d.file)
	if err != nil {
		return fmt.Errorf("open the data: %w", err)
	}
	defer in.Close()
	file, err := reconcile.Read(in, skip)
	if err != nil {
		return fmt.Errorf("count %s: %w", d.file, err)
	}
	d.bar.Begin("Reading back", len(file.Orders))
	system, err := reconcile.Fetch(ctx, d.api, file.Orders, d.bar.Add)
	d.bar.End()
	if err != nil {
		return err
	}
	checked, drift, err := reconcile.Prove(ctx, d.api)
	if err != nil {
		return err
	}
	return d.judge(file, system, checked, drift)
}

// mostNamed is how many of the things that are wrong are named one by one.
const mostNamed = 10

func (d *demo) judge(file reconcile.Reading, system reconcile.System, checked int64, drift []reconcile.Drift) error {
	fmt.Fprintln(d.out)
	if err := reconcile.Print(d.out, file.Orders, system.Orders); err != nil {
		return err
	}
	d.remark(file, system)
	differences := reconcile.Compare(file.Orders, system.Orders)
	name(d.out, differences)
	name(d.out, system.Gaps)
	name(d.out, system.Debts)
	if len(drift) == 0 {
		fmt.Fprintf(d.out, "Proof of stock: %s balances recomputed, no drift.\n", reconcile.Count(checked))
	}
	name(d.out, drift)
	if len(differences)+len(system.Gaps)+len(system.Debts)+len(drift) > 0 {
		return errDiffers
	}
	return nil
}

// remark says what the table does not.
func (d *demo) remark(file reconcile.Reading, system reconcile.System) {
	fmt.Fprintf(d.out, "\nThe file's %s rows make %s lines: rows of one order with the same product are one line.\n",
		reconcile.Count(file.Rows), reconcile.Count(file.Lines))
	fmt.Fprintf(d.out, "Sales are each row's, rounded half up to the cent; unrounded they sum up to %s.\n", file.Unrounded)
	fmt.Fprintf(d.out, "Of them %s orders left on the day that the file says, with %s units.\n", reconcile.Count(file.Orders.Left(system.Orders)), reconcile.Count(system.Orders.LeftUnits()))
	if len(system.Gaps) == 0 {
		for _, s := range system.Series {
			fmt.Fprintf(d.out, "The invoices of %s are numbered from 1 to %s without a gap.\n", s.Name, reconcile.Count(s.Count))
		}
	}
	if len(system.Debts) == 0 {
		fmt.Fprintln(d.out, "Nobody owes anything for an order of the file.")
	}
	if system.Others > 0 {
		fmt.Fprintf(d.out, "The system has %s other orders, which are not compared.\n", reconcile.Count(system.Others))
	}
}

// name prints the first of what is wrong, and how many more there are.
func name[T fmt.Stringer](out io.Writer, wrong []T) {
	for i, w := range wrong {
		if i == mostNamed {
			fmt.Fprintf(out, "DIFFERS: %s more\n", reconcile.Count(len(wrong)-i))
			return
		}
		fmt.Fprintln(out, "DIFFERS:", w)
	}
}
