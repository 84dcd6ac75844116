// Command demo loads four years of a real shop into the Waybill that runs at a
// port, through its API alone: products, customers, opening stock and 5,009
// orders with their own dates and amounts, paid, shipped and invoiced; then it
// reads them back and holds them against the file, year by year and to the cent.
//
// What is there already stays, so it may be stopped at any moment and run
// again. A row that is broken or refused is left out and named with its
// reason, and the rest goes in: of a broken row, the rest of its order; of a
// row that the API refuses, nothing of its order. The exit code is 0 only when every
// row of the file is in the system and the two agree.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"waybill/infra/demo/client"
	"waybill/infra/template"
)

const defaultPort = 3000

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// From the first signal on, a second one ends the process at once.
	context.AfterFunc(ctx, stop)
	port := flag.Int("port", defaultPort, "the port that Waybill runs on, on this machine")
	file := flag.String("file", "", "another file of the same form, instead of the one that npm fetches")
	flag.Parse()
	if err := run(ctx, *port, *file); err != nil {
		fmt.Fprintln(os.Stderr, explain(ctx, err, *port))
		os.Exit(1)
	}
}

func run(ctx context.Context, port int, file string) error {
	began := time.Now()
	if port < 1 || port > 65535 {
		return fmt.Errorf("%d is not a port", port)
	}
	// The system first: without it there is no use in fetching.
	api, err := client.Login(ctx, address(port), "manager")
	if err != nil {
		return err
	}
	if file == "" {
		root, err := template.Find(".")
		if err != nil {
			return err
		}
		if file, err = fetch(ctx, filepath.Join(filepath.Dir(root), ".local", "demo")); err != nil {
			return err
		}
	}
	d := demo{api: api, now: time.Now, file: file, out: os.Stdout, bar: newBar(os.Stdout)}
	if err := d.run(ctx); err != nil {
		return err
	}
	fmt.Printf("Done in %.1f s.\n", time.Since(began).Seconds())
	return nil
}

func address(port int) string { return fmt.Sprintf("http://localhost:%d", port) }

// explain makes one sentence of an error that its reader can do something about.
func explain(ctx context.Context, err error, port int) string {
	start := "make run"
	if port != defaultPort {
		start = fmt.Sprintf("make run PORT=%d", port)
	}
	switch {
	case ctx.Err() != nil:
		return "Stopped; the next run goes on from here."
	case errors.Is(err, client.ErrNobody):
		return fmt.Sprintf("Nothing answers on %s; start it with %s.", address(port), start)
	case errors.Is(err, errNoNPM):
		return "Install Node 20 or newer: its npm fetches the demo's data."
	case errors.Is(err, errNoFetch):
		return fmt.Sprintf("The data could not be fetched, is there a network? %v", err)
	default:
		return "demo: " + err.Error()
	}
}
