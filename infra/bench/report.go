package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"text/tabwriter"
	"time"
)

// A Report is everything that one run measured.
type Report struct {
	At         time.Time    `json:"at"`
	Seconds    float64      `json:"seconds"` // that the run took
	Short      bool         `json:"short"`
	Machine    Machine      `json:"machine"`
	Throughput []Throughput `json:"throughput"`
	Shipments  Shipments    `json:"shipments"`
	Note       Note         `json:"delivery_note"`
	Webhooks   Webhooks     `json:"webhooks"`
	Numbering  Numbering    `json:"numbering"`
	Telling    Telling      `json:"telling"`
	Units      []Units      `json:"write_units"`
	Start      Start        `json:"start"`
	Memory     Memory       `json:"memory"`
	Lists      []List       `json:"lists"`
	Aims       []Aim        `json:"aims"`
}

// A Machine is where it ran.
type Machine struct {
	OS    string `json:"os"`
	Arch  string `json:"arch"`
	Cores int    `json:"cores"`
	Go    string `json:"go"`
	Load  string `json:"load,omitempty"` // the load averages before the run, where the system tells
}

// Throughput is how fast orders are taken, and how fast the database takes the
// same calls without us. Times are milliseconds.
type Throughput struct {
	Clients int   `json:"clients"`
	HTTP    Speed `json:"http"`
	Bare    Speed `json:"bare"`
	// Ratio is the median of HTTP's rate over the bare rate of the round beside it.
	Ratio float64 `json:"ratio"`
}

// A Speed is orders a second, and how long one takes in milliseconds.
type Speed struct {
	Rate float64 `json:"per_second"`
	P50  float64 `json:"p50_ms"`
	P99  float64 `json:"p99_ms"`
}

// An Aim is what a figure should be. Missing it fails nothing.
type Aim struct {
	What string  `json:"what"`
	Got  float64 `json:"got"`
	Aim  string  `json:"aim"`
	Met  bool    `json:"met"`
}

// Figures that the runs aim at.
const (
	aimRatio   = 0.8  // of the bare calls' rate, at least
	aimStart   = 2.5  // times a bare function's start, at most
	aimMiB     = 12.0 // of program, at most
	aimListing = 1.5  // times the page of a short list, at most
	aimNote    = 300  // milliseconds and kilobytes of a long delivery note, at most
	aimHeard   = 1000 // milliseconds until one of Stripe's events is answered, p99, below
	aimTold    = 1000 // milliseconds from an order to its mail in the outbox, p95, below
	aimWaiting = 1.25 // times an order's p95 while invoices are issued, below
)

// judge holds the figures against the aims.
func (r *Report) judge() {
	for _, t := range r.Throughput {
		r.Aims = append(r.Aims, Aim{fmt.Sprintf("orders over HTTP, %d clients, of bare calls", t.Clients), t.Ratio, fmt.Sprintf("≥ %g", aimRatio), t.Ratio >= aimRatio})
	}
	r.Aims = append(r.Aims,
		Aim{"start, times a bare handler's", r.Start.Ratio, fmt.Sprintf("≤ %g", aimStart), r.Start.Ratio <= aimStart},
		Aim{"program, MiB", mebi(r.Start.Orders.Bytes), fmt.Sprintf("≤ %g", aimMiB), mebi(r.Start.Orders.Bytes) <= aimMiB})
	r.Aims = append(r.Aims,
		Aim{"delivery note, ms", r.Note.Millis, fmt.Sprintf("≤ %d", aimNote), r.Note.Millis <= aimNote},
		Aim{"delivery note, KB", r.Note.KB, fmt.Sprintf("≤ %d", aimNote), r.Note.KB <= aimNote},
		Aim{"answer to Stripe's event, p99 in ms", r.Webhooks.HTTP.P99, fmt.Sprintf("< %d", aimHeard), r.Webhooks.HTTP.P99 < aimHeard},
		Aim{"order to outbox, p95 in ms", r.Telling.P95, fmt.Sprintf("< %d", aimTold), r.Telling.P95 < aimTold},
		Aim{"order's p95 beside invoices, times alone", r.Numbering.Ratio, fmt.Sprintf("< %g", aimWaiting), r.Numbering.Ratio < aimWaiting})
	for _, l := range r.Lists {
		r.Aims = append(r.Aims, Aim{"page of orders " + l.By + ", times that of a short list", l.Ratio, fmt.Sprintf("≤ %g", aimListing), l.Ratio <= aimListing})
	}
}

// Print writes the report for people.
func (r *Report) Print(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	p := func(format string, args ...any) { fmt.Fprintf(w, format+"\t\n", args...) }
	title := func(format string, args ...any) {
		w.Flush()
		fmt.Fprintf(out, "\n"+format+"\n", args...)
	}
	title("Waybill on %d cores, %s/%s, %s, %s (%.0f s)", r.Machine.Cores, r.Machine.OS, r.Machine.Arch, r.Machine.Go, r.At.Format(time.DateOnly), r.Seconds)

	title("Orders of 2 lines, placed and confirmed; times in ms")
	p("clients\tHTTP/s\tp50\tp99\tbare/s\tp50\tp99\tHTTP/bare")
	for _, t := range r.Throughput {
		p("%d\t%.0f\t%.1f\t%.1f\t%.0f\t%.1f\t%.1f\t%.2f", t.Clients, t.HTTP.Rate, t.HTTP.P50, t.HTTP.P99, t.Bare.Rate, t.Bare.P50, t.Bare.P99, t.Ratio)
	}
	title("Orders of 2 lines, shipped whole, and a delivery note in Chinese; times in ms")
	p("clients\tHTTP/s\tp50\tp99\tnote of\tms\tKB")
	p("%d\t%.0f\t%.1f\t%.1f\t%d lines\t%.0f\t%.0f", r.Shipments.Clients, r.Shipments.HTTP.Rate, r.Shipments.HTTP.P50, r.Shipments.HTTP.P99, r.Note.Lines, r.Note.Millis, r.Note.KB)
	h, n := r.Webhooks, r.Numbering
	title("%d orders paid at Stripe's stand-in: its events, and from paying to paid; times in ms", h.Orders)
	p("clients\tevents\tevents/s\tp50\tp99\torders paid/s\tto paid p50\tp99")
	p("%d\t%d\t%.0f\t%.1f\t%.1f\t%.0f\t%.1f\t%.1f", h.Clients, h.Events, h.HTTP.Rate, h.HTTP.P50, h.HTTP.P99, h.Paid, h.Delay.P50, h.Delay.P99)
	title("Orders of 2 lines alone, and while %d invoices are issued at once; p95 in ms", n.Invoices)
	p("clients\talone\tbeside invoices\tbeside/alone\tinvoices/s")
	p("%d\t%.1f\t%.1f\t%.2f\t%.0f", n.Clients, n.Alone, n.Beside, n.Ratio, n.Rate)
	t := r.Telling
	title("%d orders that wait to be told of, then %d as they come; times in ms, cost in dollars without SES and SMS", t.Waiting, t.Orders)
	p("events/s\tmessages\twrite units/event\tread units/event\tcost/1,000 messages\torder to outbox p50\tp95")
	p("%.0f\t%d\t%.1f\t%.1f\t%.4f\t%.0f\t%.0f", t.Rate, t.Messages, t.Writes, t.Reads, t.Cost, t.P50, t.P95)
	for _, u := range r.Units {
		title("Write units of an order with %s", u.Order)
		p("part\tbytes\ttable\tindexes\tunits")
		for _, part := range u.Parts {
			p("%s\t%d\t%g\t%g\t%g", part.Name, part.Bytes, part.Table, part.Indexes, part.Table+part.Indexes)
		}
		p("whole\t\t%g\t%g\t%g", u.Table, u.Indexes, u.Table+u.Indexes)
		p("floor: order and stock alone\t\t\t\t%g", u.Floor)
		p("read units\t\t\t\t%g", u.Reads)
	}
	title("From exec to the first poll, and the program")
	p("\tstart ms\tMiB")
	p("orders\t%.2f\t%.1f", r.Start.Orders.Millis, mebi(r.Start.Orders.Bytes))
	p("bare handler\t%.2f\t%.1f", r.Start.Bare.Millis, mebi(r.Start.Bare.Bytes))
	p("orders/bare\t%.2f\t%.2f", r.Start.Ratio, ratio(float64(r.Start.Orders.Bytes), float64(r.Start.Bare.Bytes)))

	title("Memory of the orders function")
	p("allocated for one order\t%.0f KiB in %d pieces", float64(r.Memory.Bytes)/1024, r.Memory.Allocs)
	if r.Memory.Peak > 0 {
		p("resident after %d orders\t%.1f MiB", r.Memory.Calls, mebi(r.Memory.Resident))
		p("resident at most\t%.1f MiB", mebi(r.Memory.Peak))
	}

	title("Pages of %d orders, while orders are written; median ms", pageSize)
	p("orders\tshort list\tms\tlong list\tms\tlong/short")
	for _, l := range r.Lists {
		p("%s\t%d\t%.1f\t%d\t%.1f\t%.2f", l.By, l.Few.Orders, l.Few.Millis, l.Many.Orders, l.Many.Millis, l.Ratio)
	}
	title("Aims")
	for _, a := range r.Aims {
		verdict := "met"
		if !a.Met {
			verdict = "MISSED"
		}
		p("%s\t%.2f\t%s\t%s", a.What, a.Got, a.Aim, verdict)
	}
	return w.Flush()
}

// Write stores the report as JSON.
func (r *Report) Write(file string) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the report: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	if err := os.WriteFile(file, append(text, '\n'), 0o644); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

func thisMachine() Machine {
	m := Machine{OS: runtime.GOOS, Arch: runtime.GOARCH, Cores: runtime.NumCPU(), Go: runtime.Version()}
	if load, err := os.ReadFile("/proc/loadavg"); err == nil {
		m.Load = strings.Join(strings.Fields(string(load))[:3], " ")
	}
	return m
}

func mebi(bytes int64) float64 { return round(float64(bytes)/(1<<20), 2) }

// ratio is a/b, 0 when there is no b.
func ratio(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return round(a/b, 3)
}
