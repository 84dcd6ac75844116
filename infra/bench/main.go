// Command bench measures Waybill on this machine, in one run: what an order
// costs in time beside the bare database calls it makes, in DynamoDB's write
// units, in a function's start and in memory; how soon Stripe's events are taken
// in, and whether invoices hold orders up; and what a list costs as orders
// become many. It prints the figures and writes them as JSON; docs/benchmarks.md
// says how to read them.
//
// A promise that breaks on the way (an order refused, stock that doesn't add
// up, a row skipped or doubled) fails the run. A figure that misses its aim is
// only said: it is the machine's as much as ours.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"waybill/infra/template"
)

// A scale is how much of everything a run does.
type scale struct {
	goods                  int // SKUs: enough that buyers seldom meet
	rounds, orders, warmUp int // of throughput: pairs of rounds, orders a round and before the first
	calls                  int // of the orders function, for its memory
	starts                 int // of each program
	payers                 int // followed from paying at Stripe's stand-in to the paid order
	invoices               int // issued at once while orders are placed
	few, many              int // orders in the lists that are compared
	pages                  int // of each list that are timed at least; a short list is read again for it
}

var (
	whole = scale{goods: 200, rounds: 7, orders: 1000, warmUp: 2000, calls: 2000, starts: 41, payers: 200, invoices: 200, few: 1000, many: 100_000, pages: 100}
	small = scale{goods: 64, rounds: 3, orders: 100, warmUp: 200, calls: 200, starts: 7, payers: 20, invoices: 50, few: 250, many: 1000, pages: 20}
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// From the first signal on, a second one ends the process at once.
	context.AfterFunc(ctx, stop)
	short := flag.Bool("short", false, "scale everything down to under a minute")
	file := flag.String("o", "", "where the JSON goes (.local/bench.json of the repository)")
	flag.Parse()
	if err := run(ctx, *short, *file, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, short bool, file string, out io.Writer) error {
	tmpl, err := template.Find(".")
	if err != nil {
		return err
	}
	root := filepath.Dir(tmpl)
	if file == "" {
		file = filepath.Join(root, ".local", "bench.json")
	}
	b := bench{root: root, scale: whole, now: time.Now, out: out}
	if short {
		b.scale = small
	}
	began := b.now()
	report := Report{At: began.UTC().Truncate(time.Second), Short: short, Machine: thisMachine()}
	if err := b.measure(ctx, &report); err != nil {
		return err
	}
	report.Seconds = b.now().Sub(began).Seconds()
	report.judge()
	if err := report.Print(out); err != nil {
		return err
	}
	if err := report.Write(file); err != nil {
		return err
	}
	_, err = fmt.Fprintln(out, "\nwritten to", file)
	return err
}

// A bench does the measuring.
type bench struct {
	root  string // of the repository
	scale scale
	now   func() time.Time
	out   io.Writer
}

// measure fills the report, part by part. The programs' starts come before the
// database does, for they are milliseconds that it would disturb.
func (b bench) measure(ctx context.Context, r *Report) error {
	dir, err := os.MkdirTemp("", "waybill-bench-")
	if err != nil {
		return fmt.Errorf("make a folder for the programs: %w", err)
	}
	defer os.RemoveAll(dir)
	b.say("building the orders function and a bare one")
	if r.Start, err = b.starts(ctx, dir); err != nil {
		return fmt.Errorf("measure the start: %w", err)
	}
	if err := b.orders(ctx, dir, r); err != nil {
		return err
	}
	b.say("telling people of %d orders that wait, and of %d as they come", b.scale.orders, b.scale.payers/2)
	if r.Telling, err = b.telling(ctx); err != nil {
		return fmt.Errorf("measure telling: %w", err)
	}
	if r.Lists, err = b.lists(ctx); err != nil {
		return fmt.Errorf("measure lists: %w", err)
	}
	return nil
}

// orders measures all that is about one order, on one shop.
func (b bench) orders(ctx context.Context, dir string, r *Report) error {
	s, err := openShop(ctx, b.root, b.scale.goods)
	if err != nil {
		return fmt.Errorf("open a shop: %w", err)
	}
	defer s.close()
	if r.Throughput, err = b.throughput(ctx, s); err != nil {
		return fmt.Errorf("measure throughput: %w", err)
	}
	b.say("shipping %d orders from %d clients, and printing", b.scale.orders, shippers)
	if r.Shipments, err = b.shipments(ctx, s); err != nil {
		return fmt.Errorf("measure shipments: %w", err)
	}
	if r.Note, err = b.note(); err != nil {
		return fmt.Errorf("measure a delivery note: %w", err)
	}
	b.say("paying %d orders at Stripe's stand-in, and following %d", b.scale.orders, b.scale.payers)
	if r.Webhooks, err = b.webhooks(ctx, s); err != nil {
		return fmt.Errorf("measure webhooks: %w", err)
	}
	b.say("placing orders while %d invoices are issued at once, %d times", b.scale.invoices, b.scale.rounds)
	if r.Numbering, err = b.numbering(ctx, s); err != nil {
		return fmt.Errorf("measure numbering: %w", err)
	}
	b.say("counting write units and memory")
	if r.Units, err = units(ctx, s, b.now); err != nil {
		return fmt.Errorf("measure write units: %w", err)
	}
	if r.Memory, err = b.memory(ctx, s, filepath.Join(dir, "orders")); err != nil {
		return fmt.Errorf("measure memory: %w", err)
	}
	return nil
}

// say tells whoever waits what is being done.
func (b bench) say(format string, args ...any) {
	fmt.Fprintf(b.out, "… "+format+"\n", args...)
}
