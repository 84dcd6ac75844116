//go:build demo

package main

import (
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"waybill/infra/demo/client"
	"waybill/infra/local"
	"waybill/infra/template"
)

// killer passes requests on to the system, and kills the demo once enough of
// one kind went through: that one is done, and nobody hears of it.
type killer struct {
	*httputil.ReverseProxy
	moment atomic.Pointer[moment]
}

// moment is the request of a run that is its last.
type moment struct {
	path string
	left atomic.Int32
	kill func()
}

// kind is a path without the id of an order.
func kind(path string) string {
	if rest, ok := strings.CutPrefix(path, "/v1/orders/"); ok {
		if _, what, ok := strings.Cut(rest, "/"); ok {
			return "/v1/orders/{id}/" + what
		}
	}
	return path
}

func (k *killer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m := k.moment.Load()
	if m == nil || r.Method != http.MethodPost || kind(r.URL.Path) != m.path || m.left.Add(-1) != 0 {
		k.ReverseProxy.ServeHTTP(w, r)
		return
	}
	k.ReverseProxy.ServeHTTP(httptest.NewRecorder(), r)
	m.kill()
}

// program is the built demo, and the system it works on, which it reaches through the killer.
type program struct {
	path   string
	port   string
	killer *killer
	api    *client.Client
}

func build(t *testing.T) program {
	t.Helper()
	file, err := template.Find(".")
	if err != nil {
		t.Fatal(err)
	}
	p := program{path: filepath.Join(t.TempDir(), "demo")}
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", p.path, ".").CombinedOutput(); err != nil {
		t.Fatalf("build the demo: %v\n%s", err, out)
	}
	system, err := local.Start(t.Context(), local.Config{
		Template: file, Home: local.Home(filepath.Dir(file)), DataDir: t.TempDir(),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(system.Stop)
	if p.api, err = client.Login(t.Context(), system.URL(), "manager"); err != nil {
		t.Fatal(err)
	}
	p.killer = &killer{ReverseProxy: httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: system.Addr()})}
	p.killer.ErrorLog = log.New(io.Discard, "", 0) // of requests whose sender was killed
	front := httptest.NewServer(p.killer)
	t.Cleanup(front.Close)
	_, p.port, err = net.SplitHostPort(front.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// run runs the demo to its end.
func (p program) run(t *testing.T) string {
	t.Helper()
	began := time.Now()
	out, err := exec.CommandContext(t.Context(), p.path, "-port", p.port).CombinedOutput()
	if err != nil {
		t.Fatalf("the demo failed: %v\n%s", err, out)
	}
	t.Logf("a run to the end took %.1f s:\n%s", time.Since(began).Seconds(), out)
	return string(out)
}

// killed runs the demo until the nth POST to path was done, and fails the test if it ended before.
func (p program) killed(t *testing.T, path string, nth int32) {
	t.Helper()
	began := time.Now()
	cmd := exec.CommandContext(t.Context(), p.path, "-port", p.port)
	m := &moment{path: path, kill: func() { _ = cmd.Process.Kill() }}
	m.left.Store(nth)
	p.killer.moment.Store(m)
	defer p.killer.moment.Store(nil)
	out, err := cmd.CombinedOutput()
	if state := cmd.ProcessState; state == nil || !state.Sys().(syscall.WaitStatus).Signaled() {
		t.Fatalf("the demo ended by itself: %v\n%s", err, out)
	}
	t.Logf("a run until POST %s number %d took %.1f s", path, nth, time.Since(began).Seconds())
}

func TestFourYearsOfOrdersGoInToTheCentHoweverOftenTheDemoIsKilled(t *testing.T) {
	p := build(t)
	began := time.Now()
	p.killed(t, "/v1/products", 900)
	p.killed(t, "/v1/stock/movements", 900)
	p.killed(t, "/v1/orders/import", 20)
	p.killed(t, "/v1/orders/{id}/shipments", 2000)
	p.killed(t, "/v1/orders/{id}/invoices", 2000)
	out := p.run(t)
	t.Logf("all of it took %.1f s", time.Since(began).Seconds())
	for _, year := range []string{
		"969   1,992    7,581     484,247.56     484,247.56      484,247.56   agrees",
		"1,038   2,101    7,979     470,532.46     470,532.46      470,532.46   agrees",
		"1,315   2,583    9,837     609,205.86     609,205.86      609,205.86   agrees",
		"1,687   3,310   12,476     733,215.19     733,215.19      733,215.19   agrees",
		"5,009   9,986   37,873   2,297,201.07   2,297,201.07    2,297,201.07   agrees",
	} {
		wantText(t, out, year)
	}
	wantText(t, out, "9,994 rows make 9,986 lines", "2,297,200.8603", "5,009 orders left on the day that the file says, with 37,873 units", "1,862 balances recomputed, no drift",
		"numbered from 1 to 5,009 without a gap", "Nobody owes anything")
	wantAllShipped(t, p.api, 37_873)
	wantMoney(t, p.api, 5009, 2_297_201_07)
	wantCount(t, p.api, "/v1/products", 1862)
	wantCount(t, p.api, "/v1/customers", 793)
	wantCount(t, p.api, "/v1/orders", 5009)

	before := snapshot(t, p.api)
	wantText(t, p.run(t), "Everything was there already.")
	if snapshot(t, p.api) != before {
		t.Error("another run changed something")
	}
}

func wantCount(t *testing.T, api *client.Client, path string, want int) {
	t.Helper()
	n := 0
	if err := client.Each(t.Context(), api, path, func(struct{}) error { n++; return nil }); err != nil || n != want {
		t.Errorf("%s has %d, want %d; error %v", path, n, want, err)
	}
}
