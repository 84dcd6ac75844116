package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

func sample() Report {
	r := Report{
		At: time.Date(2026, 11, 23, 1, 2, 3, 0, time.UTC), Seconds: 12, Machine: Machine{OS: "linux", Arch: "amd64", Cores: 2, Go: "go1.26"},
		Throughput: []Throughput{{Clients: 8, HTTP: Speed{400, 20, 40}, Bare: Speed{500, 15, 30}, Ratio: 0.8}, {Clients: 32, Ratio: 0.79}},
		Shipments:  Shipments{Clients: 8, HTTP: Speed{100, 80, 120}},
		Note:       Note{Lines: 200, Millis: 300, KB: 301},
		Webhooks:   Webhooks{Clients: 8, Orders: 10, Events: 40, HTTP: Speed{50, 20, 1000}, Paid: 12, Delay: Delay{20, 30, 40}},
		Numbering:  Numbering{Clients: 8, Invoices: 200, Rate: 90, Alone: 40, Beside: 48, Ratio: 1.2},
		Telling:    Telling{Orders: 10, P50: 400, P95: 1000, Waiting: 100, Rate: 12, Messages: 300, Writes: 40, Reads: 30, Cost: 0.01},
		Units:      []Units{{Order: "no address", Table: 12, Indexes: 5, Floor: 6, Parts: []Part{{"order", 899, 2, 4}}}},
		Start:      Start{Orders: Program{6, 12 << 20}, Bare: Program{3, 6 << 20}, Ratio: 2},
		Memory:     Memory{Bytes: 1024, Allocs: 10, Calls: 5},
		Lists:      []List{{By: "all", Few: Listing{Orders: 1000, Millis: 2}, Many: Listing{Orders: 100_000, Millis: 4}, Ratio: 2}},
	}
	r.judge()
	return r
}

func TestAFigureAtItsAimIsMetAndOneBeyondIsNot(t *testing.T) {
	met := map[string]bool{}
	for _, a := range sample().Aims {
		met[a.What] = a.Met
	}
	want := map[string]bool{
		"orders over HTTP, 8 clients, of bare calls":     true,
		"orders over HTTP, 32 clients, of bare calls":    false,
		"start, times a bare handler's":                  true,
		"program, MiB":                                   true,
		"delivery note, ms":                              true,
		"delivery note, KB":                              false,
		"answer to Stripe's event, p99 in ms":            false,
		"order to outbox, p95 in ms":                     false,
		"order's p95 beside invoices, times alone":       true,
		"page of orders all, times that of a short list": false,
	}
	if !reflect.DeepEqual(met, want) {
		t.Errorf("met %v, want %v", met, want)
	}
}

func TestTheFileHasAllOfTheReport(t *testing.T) {
	file := filepath.Join(t.TempDir(), "new", "bench.json")
	want := sample()
	if err := want.Write(file); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var got Report
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&got); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	for _, key := range []string{`"per_second": 400`, `"p99_ms": 40`, `"floor": 6`, `"start_ms": 3`, `"orders_paid_per_second": 12`, `"orders_beside_p95_ms": 48`, `"to_outbox_p95_ms": 1000`, `"bytes_per_order": 1024`} {
		if !bytes.Contains(text, []byte(key)) {
			t.Errorf("the file lacks %s:\n%s", key, text)
		}
	}
}

func TestAMissedAimIsSaid(t *testing.T) {
	var out strings.Builder
	r := sample()
	if err := r.Print(&out); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(out.String()) {
		if strings.Contains(line, "32 clients") {
			if !strings.Contains(line, "MISSED") {
				t.Errorf("the missed aim reads %q", line)
			}
			return
		}
	}
	t.Errorf("the aim is not there:\n%s", &out)
}
