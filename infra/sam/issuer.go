package main

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"waybill/infra/issuer"
)

// tokens is an issuer that containers reach: on a free port of every interface,
// since they don't reach the loopback one. Its key lives as long as it does.
type tokens struct {
	*issuer.Issuer
	address string // as this machine sees it
	server  *http.Server
}

// startTokens starts an issuer; host is this machine's name in the containers.
func startTokens(host string, now func() time.Time) (*tokens, error) {
	l, err := net.Listen("tcp", ":0") //nolint:gosec // containers reach no other interface, and the key is for this run only
	if err != nil {
		return nil, fmt.Errorf("start the issuer: %w", err)
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start the issuer: %w", err), l.Close())
	}
	i, err := issuer.New("http://"+net.JoinHostPort(host, port), "", now)
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	t := &tokens{
		Issuer:  i,
		address: "http://" + net.JoinHostPort("127.0.0.1", port),
		server:  &http.Server{Handler: i, ReadHeaderTimeout: time.Minute},
	}
	go func() { _ = t.server.Serve(l) }() // ends with stop
	return t, nil
}

func (t *tokens) stop() { _ = t.server.Close() }
