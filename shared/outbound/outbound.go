// Package outbound posts to addresses that clients of the API name, and to
// public ones only: whoever may register a webhook must not reach by it what
// stands beside the program, such as the cloud's metadata.
//
// An address is looked at when it is registered, so that a mistake is told at
// once, and again at every sending on the very address that is dialled: a name
// may resolve otherwise by then. Redirections are not followed, and proxies of
// the environment not used, for both would reach what was not looked at.
package outbound

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"waybill/shared/refusal"
	"waybill/shared/webhook"
)

const (
	dialTime     = 5 * time.Second
	mostAnswered = 64 << 10 // bytes that are read of an answer
)

// A Resolver turns names into addresses; *net.Resolver is one.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// A Client posts to public addresses. It is safe for concurrent use.
type Client struct {
	allow    []string
	resolver Resolver
	http     *http.Client
}

// Open returns a client that may besides reach what WEBHOOK_ALLOW names, for
// receivers on one's own machine: host:port, separated by commas, also over plain HTTP.
func Open(env func(string) string) (*Client, error) {
	var allow []string
	for entry := range strings.SplitSeq(env("WEBHOOK_ALLOW"), ",") {
		entry = strings.TrimSpace(entry)
		if entry == "" {
			continue
		}
		if host, port, err := net.SplitHostPort(entry); err != nil || host == "" || port == "" {
			return nil, fmt.Errorf("WEBHOOK_ALLOW: %q is not host:port", entry)
		}
		allow = append(allow, entry)
	}
	return New(allow, net.DefaultResolver, nil), nil
}

// New returns a client with a resolver, that may besides reach the allowed
// host:ports, and that trusts the roots, nil for the system's.
func New(allow []string, resolver Resolver, roots *x509.CertPool) *Client {
	c := &Client{resolver: resolver}
	for _, a := range allow {
		c.allow = append(c.allow, strings.ToLower(a))
	}
	c.http = &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			Proxy:                  nil,
			DialContext:            c.dial,
			TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
			TLSHandshakeTimeout:    dialTime,
			MaxIdleConns:           64,
			MaxIdleConnsPerHost:    8,
			IdleConnTimeout:        30 * time.Second,
			MaxResponseHeaderBytes: mostAnswered,
			DisableCompression:     true,
		},
	}
	return c
}

// Check refuses an address that nothing may be posted to: one that is not
// https, or is none of the public's (`private_address`), also by its name. A name
// that can't be looked up just now passes, for it is looked up again at every sending.
func (c *Client) Check(ctx context.Context, address string) error {
	u, err := c.parse(address)
	if err != nil {
		return err
	}
	if c.allowed(hostPort(u)) {
		return nil
	}
	_, err = c.resolve(ctx, u.Hostname())
	var unknown *net.DNSError
	switch {
	case errors.Is(err, errPrivate):
		return private()
	case errors.As(err, &unknown) && unknown.IsNotFound:
		return refusal.Field("url", "unknown_host", "There is no such name.")
	default:
		return nil
	}
}

// parse reads an address and refuses what no lookup is needed for.
func (c *Client) parse(address string) (*url.URL, error) {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Hostname() == "" || u.Opaque != "":
		return nil, refusal.Field("url", "invalid", "It is not an address.")
	case u.User != nil:
		return nil, refusal.Field("url", "invalid", "It may have no user and password; events are signed instead.")
	case u.Scheme != "https" && (u.Scheme != "http" || !c.allowed(hostPort(u))):
		return nil, refusal.Field("url", "invalid", "It must be https.")
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
			return nil, refusal.Field("url", "invalid", "There is no such port.")
		}
	}
	return u, nil
}

func private() error {
	return &refusal.Error{
		Kind: refusal.Rejected, Code: "private_address", Detail: "Events are only sent to addresses of the public internet.",
		Items: []refusal.Item{{Field: "url", Code: "private_address", Detail: "It is, or resolves to, an address that is not the public's."}},
	}
}

func hostPort(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return net.JoinHostPort(strings.ToLower(u.Hostname()), port)
}

func (c *Client) allowed(hostPort string) bool {
	return slices.Contains(c.allow, strings.ToLower(hostPort))
}

var errPrivate = errors.New("the address is not the public's")

// resolve returns the addresses of a host, all of which are the public's.
func (c *Client) resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return nil, errPrivate
	}
	if a, err := netip.ParseAddr(host); err == nil {
		if !public(a) {
			return nil, errPrivate
		}
		return []netip.Addr{a}, nil
	}
	if numeric(host) {
		return nil, errPrivate
	}
	found, err := c.resolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, err
	}
	for _, a := range found {
		if !public(a) {
			return nil, errPrivate
		}
	}
	return found, nil
}

// numeric reports whether a host is a number to some resolvers, as 2130706433
// or 0x7f.1: the ways to write an address that are not for people.
func numeric(host string) bool {
	last := host[strings.LastIndexByte(host, '.')+1:]
	_, err := strconv.ParseUint(last, 0, 64)
	return err == nil || strings.Trim(last, "0123456789") == ""
}

// dial connects to a host that may be reached.
func (c *Client) dial(ctx context.Context, network, address string) (net.Conn, error) {
	d := net.Dialer{Timeout: dialTime, KeepAlive: 30 * time.Second}
	if c.allowed(address) {
		return d.DialContext(ctx, network, address)
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	found, err := c.resolve(ctx, host)
	if err != nil {
		return nil, err
	}
	// Whatever became of the name on the way, this is what the system is about to connect to.
	d.Control = func(_, address string, _ syscall.RawConn) error {
		if to, err := netip.ParseAddrPort(address); err != nil || !public(to.Addr()) {
			return errPrivate
		}
		return nil
	}
	err = errors.New("the name has no address")
	for _, a := range found {
		var conn net.Conn
		if conn, err = d.DialContext(ctx, network, net.JoinHostPort(a.String(), port)); err == nil {
			return conn, nil
		}
	}
	return nil, err
}

// Post posts a body and returns the status of the answer, whichever. Without
// one, it returns *webhook.Unreachable.
func (c *Client) Post(ctx context.Context, address string, headers map[string]string, body []byte) (int, error) {
	u, err := c.parse(address)
	if err != nil {
		return 0, &webhook.Unreachable{Why: "invalid_address", Cause: err}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), bytes.NewReader(body))
	if err != nil {
		return 0, &webhook.Unreachable{Why: "invalid_address", Cause: err}
	}
	for name, value := range headers {
		req.Header.Set(name, value)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return 0, &webhook.Unreachable{Why: why(err), Cause: err}
	}
	defer func() { _ = resp.Body.Close() }() // the status has been read
	// What it says does not matter; read, the connection can be used again.
	_, _ = io.CopyN(io.Discard, resp.Body, mostAnswered)
	return resp.StatusCode, nil
}

// why is a failure in a word.
func why(err error) string {
	var timeout interface{ Timeout() bool }
	var name *net.DNSError
	var certificate *tls.CertificateVerificationError
	var alert tls.AlertError
	switch {
	case errors.Is(err, errPrivate):
		return "private_address"
	case errors.As(err, &timeout) && timeout.Timeout(), errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	case errors.As(err, &name):
		return "dns"
	case errors.As(err, &certificate), errors.As(err, &alert):
		return "tls"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "refused"
	default:
		return "connection"
	}
}
