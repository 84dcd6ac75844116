package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"waybill/infra/dynamolocal"
	"waybill/infra/local"
	"waybill/infra/outbox"
	"waybill/shared/event"
	"waybill/shared/ident"
)

// Telling is how soon people are told of an order, how many events are told a
// second when many wait, and what the table costs for it.
type Telling struct {
	Orders int     `json:"orders"` // one after the other
	P50    float64 `json:"to_outbox_p50_ms"`
	P95    float64 `json:"to_outbox_p95_ms"`

	Waiting  int     `json:"events_waiting"` // when the consumers begin
	Rate     float64 `json:"events_per_second"`
	Messages int     `json:"messages"` // mail and SMS to the customer, mail to staff
	Writes   float64 `json:"write_units_per_event"`
	Reads    float64 `json:"read_units_per_event"`
	// Cost of a thousand messages in US dollars: the table, SNS, SQS and Lambda's requests; without SES and SMS.
	Cost float64 `json:"dollars_per_thousand"`
}

// Public prices in us-east-1, in dollars a million.
const (
	priceWrite   = 0.625
	priceRead    = 0.125
	pricePublish = 0.50
	priceQueue   = 0.40 * 3 // a message is sent, received and deleted
	priceInvoke  = 0.20
)

// tellLimit is how long the bench waits for messages before it fails.
const tellLimit = 5 * time.Minute

// telling measures on a table with a stream.
func (b bench) telling(ctx context.Context) (_ Telling, err error) {
	out := Telling{Orders: b.scale.payers / 2, Waiting: b.scale.orders}
	meter := &meter{next: dynamolocal.NewTransport()}
	s := &shop{names: names{ids: ident.New()}, http: &http.Client{Transport: dynamolocal.NewTransport()}, under: meter}
	defer s.close()
	if err := s.open(ctx, b.root, b.scale.goods); err != nil {
		return out, err
	}
	manager, err := s.system.Token("manager", "")
	if err != nil {
		return out, err
	}
	bodies, err := s.reachable(ctx, manager, out.Waiting+out.Orders)
	if err != nil {
		return out, err
	}
	if _, err := b.race(tellers, out.Waiting, func(i int) error {
		_, err := s.place(ctx, bodies[i])
		return err
	}); err != nil {
		return out, err
	}
	s.system.Stop()

	// The stream has them all; now somebody listens.
	meter.reset()
	began := b.now()
	if s.system, err = local.Start(ctx, local.Config{Template: filepath.Join(b.root, "template.yaml"), Client: s.client, Table: tableName, Drive: true, Patience: 2 * time.Minute}); err != nil {
		return out, err
	}
	if s.seller, err = s.system.Token("sales", ""); err != nil {
		return out, err
	}
	if err := b.until(ctx, func() bool { return told(s.system.Outbox().Items(20_000)) >= out.Waiting }); err != nil {
		return out, err
	}
	out.Rate = round(float64(out.Waiting)/b.now().Sub(began).Seconds(), 1)
	if err := b.until(ctx, func() bool { return s.system.Queued("NotifyQueue") == 0 }); err != nil {
		return out, err
	}
	writes, reads := meter.reset()
	out.Messages = len(s.system.Outbox().Items(20_000))
	out.Writes, out.Reads = round(writes/float64(out.Waiting), 1), round(reads/float64(out.Waiting), 1)
	perEvent := out.Writes*priceWrite + out.Reads*priceRead + pricePublish + 2*priceQueue + 3*priceInvoke
	out.Cost = round(perEvent/1e6*float64(out.Waiting)/float64(out.Messages)*1000, 4)

	times := make([]time.Duration, out.Orders)
	for i := range times {
		id, err := s.place(ctx, bodies[out.Waiting+i])
		if err != nil {
			return out, err
		}
		placed := b.now()
		if err := b.until(ctx, func() bool {
			for _, m := range s.system.Outbox().Items(50) {
				if m.OrderID == id && m.HTML != "" {
					return true
				}
			}
			return false
		}); err != nil {
			return out, err
		}
		times[i] = b.now().Sub(placed)
	}
	out.P50, out.P95 = millis(median(times)), millis(percentile(times, 95))
	return out, nil
}

// perCustomer is how many orders a customer places: fewer than the mails that one may get a day.
const perCustomer = 20

// reachable are n orders of customers who can be told.
func (s *shop) reachable(ctx context.Context, manager string, n int) ([][]byte, error) {
	var bodies [][]byte
	for c := 0; len(bodies) < n; c++ {
		customer, err := s.create(ctx, manager, "/v1/customers", obj{
			"name": "Claire Gute", "email": fmt.Sprintf("claire%d@example.com", c), "phone": fmt.Sprintf("+1415555%04d", c), "terms": obj{"kind": "net", "days": 30},
		})
		if err != nil {
			return nil, err
		}
		some, err := s.bodies(customer)
		if err != nil {
			return nil, err
		}
		for i := range perCustomer {
			bodies = append(bodies, some[(c*perCustomer+i)%len(some)])
		}
	}
	return bodies, nil
}

// told counts the mails of confirmed orders to customers.
func told(items []outbox.Item) (n int) {
	for _, i := range items {
		if i.HTML != "" && i.Event == string(event.OrderConfirmed) {
			n++
		}
	}
	return n
}

// until looks again and again until something is so.
func (b bench) until(ctx context.Context, so func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, tellLimit)
	defer cancel()
	next := time.NewTicker(2 * glance)
	defer next.Stop()
	for !so() {
		select {
		case <-next.C:
		case <-ctx.Done():
			return fmt.Errorf("wait for messages: %w", ctx.Err())
		}
	}
	return nil
}

// A meter stands under a client and adds up what its calls cost, by the sizes
// of what is written: DynamoDB Local's own account of transactions is wrong.
type meter struct {
	next http.RoundTripper

	mu            sync.Mutex
	writes, reads float64
}

// reset returns what was added up, and begins anew.
func (m *meter) reset() (writes, reads float64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	writes, reads = m.writes, m.reads
	m.writes, m.reads = 0, 0
	return writes, reads
}

// RoundTrip implements http.RoundTripper.
func (m *meter) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	r.Body.Close()
	r.Body = io.NopCloser(bytes.NewReader(body))
	operation := r.Header.Get("X-Amz-Target")
	writes, reads := cost(operation[strings.LastIndexByte(operation, '.')+1:], body)
	m.mu.Lock()
	m.writes += writes
	m.reads += reads
	m.mu.Unlock()
	return m.next.RoundTrip(r)
}

// cost is about what a call costs. An item that has its place in an index is
// written there too; reads are strong, a query's are of one page.
func cost(operation string, body []byte) (writes, reads float64) {
	var call struct {
		Item          map[string]json.RawMessage
		TransactItems []struct {
			Put struct{ Item map[string]json.RawMessage }
		}
		RequestItems map[string]struct{ Keys []json.RawMessage }
	}
	_ = json.Unmarshal(body, &call) // a call of another shape costs what is counted of it: nothing
	item := func(i map[string]json.RawMessage, times float64) float64 {
		size := 0
		for name, v := range i {
			size += len(name) + max(0, len(v)-8) // without {"S":""}
		}
		units := times * max(1, math.Ceil(float64(size)/1024))
		if i["recent"] != nil {
			units++
		}
		return units
	}
	switch operation {
	case "PutItem":
		writes = item(call.Item, 1)
	case "UpdateItem", "DeleteItem":
		writes = 1
	case "TransactWriteItems":
		for _, t := range call.TransactItems {
			writes += item(t.Put.Item, transactional)
		}
	case "GetItem", "Query":
		reads = 1
	case "BatchGetItem":
		for _, t := range call.RequestItems {
			reads += float64(len(t.Keys))
		}
	}
	return writes, reads
}
