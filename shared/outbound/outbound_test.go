package outbound_test

import (
	"context"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"waybill/shared/outbound"
	"waybill/shared/refusal"
	"waybill/shared/webhook"
)

// names resolve as a test says; each lookup takes the next answer, the last for ever.
type names map[string]*answers

type answers struct {
	list []string
	n    atomic.Int64
}

func (n names) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	a, ok := n[host]
	if !ok {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	if len(a.list) == 0 {
		return nil, &net.DNSError{Err: "server misbehaving", Name: host, IsTemporary: true}
	}
	i := min(int(a.n.Add(1))-1, len(a.list)-1)
	var out []netip.Addr
	for s := range strings.SplitSeq(a.list[i], " ") {
		out = append(out, netip.MustParseAddr(s))
	}
	return out, nil
}

func resolving(list ...string) *answers { return &answers{list: list} }

const public = "93.184.215.14"

// forbidden are addresses that nothing may be posted to.
var forbidden = []string{
	"127.0.0.1", "127.8.8.8", "169.254.169.254", "169.254.170.2", "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "0.0.0.0",
	"2130706433", "0x7f.1", "0x7f000001", "017700000001", "0177.0.0.1", "127.1", "127.0.0.1.", "localhost", "LOCALHOST", "localhost.", "a.localhost",
	"10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "100.127.255.255", "192.0.0.192", "192.0.2.1", "198.18.0.1", "198.51.100.7", "203.0.113.9",
	"224.0.0.1", "240.0.0.1", "255.255.255.255", "[fd00:ec2::254]", "[fc00::1]", "[fe80::1]", "[fe80::1%25eth0]", "[fec0::1]", "[ff02::1]", "[2001:db8::1]", "[2001::1]",
	"[64:ff9b::7f00:1]", "[64:ff9b::a9fe:a9fe]", "[64:ff9b:1::7f00:1]", "[2002:7f00:1::]", "[100::1]", "[3fff::1]",
	"inward.example", "both.example",
}

func TestPrivateAddressesAreRefusedAtRegistrationAndAtSending(t *testing.T) {
	t.Parallel()
	var reached atomic.Int64
	server := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Add(1) }))
	defer server.Close()
	_, port, _ := strings.Cut(server.Listener.Addr().String(), ":")
	c := outbound.New(nil, names{"inward.example": resolving("127.0.0.1"), "both.example": resolving(public + " ::1")}, trusted(server))
	for _, host := range forbidden {
		address := "https://" + host + ":" + port + "/hook"
		var refused *refusal.Error
		if err := c.Check(t.Context(), address); !errors.As(err, &refused) || refused.Code != "private_address" || refused.Kind != refusal.Rejected {
			t.Errorf("registering %s: %v", address, err)
		}
		status, err := c.Post(t.Context(), address, nil, []byte("{}"))
		var failed *webhook.Unreachable
		if !errors.As(err, &failed) || failed.Why != "private_address" || status != 0 {
			t.Errorf("posting to %s: %d, %v", address, status, err)
		}
	}
	if n := reached.Load(); n != 0 {
		t.Errorf("what stands inside was reached %d times", n)
	}
}

func trusted(s *httptest.Server) *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(s.Certificate())
	return pool
}

func TestPublicAddressesAreTaken(t *testing.T) {
	t.Parallel()
	c := outbound.New(nil, names{"erp.example": resolving(public + " 2606:2800:21f:cb07:6820:80da:af6b:8b2c"), "away.example": resolving()}, nil)
	for _, address := range []string{
		"https://erp.example/waybill", "https://erp.example:8443/", "https://" + public, "https://[2606:4700::1111]/x", "https://[64:ff9b::5db8:d70e]/x",
		"https://100.63.0.1/", "https://172.32.0.1/", "https://away.example/", // who can't be asked now is asked at sending
	} {
		if err := c.Check(t.Context(), address); err != nil {
			t.Errorf("%s: %v", address, err)
		}
	}
}

func TestWhatIsNoAddressOfAReceiverIsRefused(t *testing.T) {
	t.Parallel()
	c := outbound.New([]string{"127.0.0.1:9000"}, names{"erp.example": resolving(public)}, nil)
	for _, address := range []string{
		"http://erp.example/", "ftp://erp.example/", "https://user:word@erp.example/", "https://user@erp.example/", "https:///x", "https:erp.example",
		"https://erp.example:99999/", "https://erp.example:0/", "https://nobody.example/", "http://127.0.0.1:9001/", "//erp.example", "",
	} {
		if err := c.Check(t.Context(), address); !refusal.Is(err, "rejected") {
			t.Errorf("%q: %v", address, err)
		}
	}
	if err := c.Check(t.Context(), "http://127.0.0.1:9000/hook"); err != nil {
		t.Errorf("what is allowed: %v", err)
	}
}

func TestANameThatResolvesOtherwiseAtSendingIsNotReached(t *testing.T) {
	t.Parallel()
	var reached atomic.Int64
	server := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Add(1) }))
	defer server.Close()
	_, port, _ := strings.Cut(server.Listener.Addr().String(), ":")
	c := outbound.New(nil, names{"turn.example": resolving(public, "127.0.0.1")}, trusted(server))
	address := "https://turn.example:" + port + "/"
	if err := c.Check(t.Context(), address); err != nil {
		t.Fatal(err)
	}
	_, err := c.Post(t.Context(), address, nil, nil)
	var failed *webhook.Unreachable
	if !errors.As(err, &failed) || failed.Why != "private_address" || reached.Load() != 0 {
		t.Errorf("%v, and it was reached %d times", err, reached.Load())
	}
}

func TestARedirectionIsNotFollowed(t *testing.T) {
	t.Parallel()
	var reached atomic.Int64
	inside := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Add(1) }))
	defer inside.Close()
	for _, status := range []int{301, 302, 303, 307, 308} {
		outside := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, inside.URL, status) }))
		// Even where both may be reached by themselves.
		c := outbound.New([]string{hostOf(outside), hostOf(inside)}, names{}, nil)
		got, err := c.Post(t.Context(), outside.URL, nil, []byte("{}"))
		if got != status || err != nil || reached.Load() != 0 {
			t.Errorf("%d: %d, %v, and the target was reached %d times", status, got, err, reached.Load())
		}
		outside.Close()
	}
}

func hostOf(s *httptest.Server) string { return s.Listener.Addr().String() }

func TestAPostArrivesAsItIs(t *testing.T) {
	t.Parallel()
	var seen http.Header
	var body []byte
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen = r.Header.Clone()
		body, _ = io.ReadAll(r.Body)
		w.WriteHeader(http.StatusAccepted)
		_, _ = w.Write(make([]byte, 1<<20)) // more than is read
	}))
	defer server.Close()
	c := outbound.New([]string{hostOf(server)}, names{}, trusted(server))
	for range 2 {
		status, err := c.Post(t.Context(), server.URL+"/hook", map[string]string{"webhook-id": "id", "content-type": "application/json"}, []byte(`{"a":1}`))
		if status != http.StatusAccepted || err != nil {
			t.Fatal(status, err)
		}
		if string(body) != `{"a":1}` || seen.Get("webhook-id") != "id" || seen.Get("Content-Type") != "application/json" {
			t.Errorf("it arrived as %s with %v", body, seen)
		}
	}
}

func TestAFailureIsAWordAndNoAddress(t *testing.T) {
	t.Parallel()
	hang := make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-hang }))
	defer slow.Close()
	defer close(hang)
	untrusted := httptest.NewTLSServer(http.NotFoundHandler())
	defer untrusted.Close()
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	rude := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	defer rude.Close()
	c := outbound.New([]string{hostOf(slow), hostOf(untrusted), hostOf(closed), hostOf(plain), hostOf(rude)}, names{}, nil)
	for _, x := range []struct{ address, why string }{
		{slow.URL, "timeout"},
		{untrusted.URL, "tls"},
		{strings.Replace(plain.URL, "http:", "https:", 1), "connection"},
		{closed.URL, "refused"},
		{rude.URL, "connection"},
		{"https://nobody.example", "dns"},
		{"gopher://nobody.example", "invalid_address"},
	} {
		limit := time.Minute
		if x.why == "timeout" {
			limit = 100 * time.Millisecond
		}
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		_, err := c.Post(ctx, x.address+"/token-1234", nil, nil)
		cancel()
		var failed *webhook.Unreachable
		if !errors.As(err, &failed) || failed.Why != x.why || strings.Contains(err.Error(), "1234") {
			t.Errorf("%s: %v, want %s", x.address, err, x.why)
		}
	}
}

func TestTheAllowListIsReadFromTheEnvironment(t *testing.T) {
	t.Parallel()
	c, err := outbound.Open(func(string) string { return "localhost:9000, 127.0.0.1:9001" })
	if err != nil {
		t.Fatal(err)
	}
	for _, address := range []string{"http://localhost:9000/x", "http://127.0.0.1:9001/"} {
		if err := c.Check(t.Context(), address); err != nil {
			t.Errorf("%s: %v", address, err)
		}
	}
	if err := c.Check(t.Context(), "https://localhost:9002/"); !refusal.Is(err, "private_address") {
		t.Error(err)
	}
	if _, err := outbound.Open(func(string) string { return "localhost" }); err == nil {
		t.Error("an entry without a port was taken")
	}
}
