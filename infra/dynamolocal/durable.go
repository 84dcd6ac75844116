package dynamolocal

import (
	"fmt"
	"io"
	"net/http"
	"strings"
)

// Durable returns a transport for DynamoDB Local on disk that hands on the
// answer of a transaction only when the transaction is sure to survive the
// server's death. A nil next stands for NewTransport's.
//
// DynamoDB Local answers TransactWriteItems when its commit is queued, not when
// it is done: kill -9 at that moment loses what was confirmed. All its work on
// the database goes through one queue, first in, first out, so the answer to
// any later request proves the commit. Plain writes are committed before they
// are answered.
func Durable(next http.RoundTripper) http.RoundTripper {
	if next == nil {
		next = NewTransport()
	}
	return durable{next}
}

type durable struct{ next http.RoundTripper }

const (
	targetHeader = "X-Amz-Target"
	targetPrefix = "DynamoDB_20120810."
)

func (d durable) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := d.next.RoundTrip(r)
	if err != nil || resp.StatusCode != http.StatusOK || r.Header.Get(targetHeader) != targetPrefix+"TransactWriteItems" {
		return resp, err
	}
	if err := d.awaitQueue(r); err != nil {
		resp.Body.Close()
		return nil, fmt.Errorf("wait for the commit: %w", err)
	}
	return resp, nil
}

// awaitQueue makes the cheapest request that passes through the queue. The
// signature is that of r, which DynamoDB Local wants to see but doesn't check.
func (d durable) awaitQueue(r *http.Request) error {
	const body = `{"Limit":1}`
	probe := r.Clone(r.Context())
	probe.Header.Set(targetHeader, targetPrefix+"ListTables")
	probe.Header.Del("Content-Length")
	probe.Body, probe.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
	probe.GetBody = nil
	resp, err := d.next.RoundTrip(probe)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	// Read to the end, or the connection can't be used again.
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("DynamoDB Local answered %s", resp.Status)
	}
	return nil
}
