package table_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"waybill/infra/dynamolocal"
	"waybill/infra/dynamolocal/testtable"
	"waybill/infra/fault"
	"waybill/shared/customer"
	"waybill/shared/ident"
	"waybill/shared/order"
	"waybill/shared/product"
	"waybill/shared/refusal"
	"waybill/shared/stock"
	"waybill/shared/table"
)

// A clock stands still until it is advanced.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// store is a table of the test's own.
type store struct {
	*table.DB
	*clock
	name string
	ids  ident.Source
}

func newStore(t testing.TB) store {
	t.Helper()
	client, name := testtable.New(t)
	c := &clock{at: time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)}
	ids := ident.New()
	ids.Now = c.now
	return store{table.New(client, name, c.now), c, name, ids}
}

// over is the same table behind another transport, with an SDK that waits little.
func (s store) over(t testing.TB, transport http.RoundTripper) *table.DB {
	t.Helper()
	client := dynamodb.New(testtable.Client(t, transport).Options(), func(o *dynamodb.Options) {
		o.Retryer = retry.NewStandard(func(r *retry.StandardOptions) {
			r.MaxAttempts, r.MaxBackoff = 3, time.Millisecond
		})
	})
	return table.New(client, s.name, s.now)
}

// faulty is the same table, where decide says what happens to the n-th transaction, from 1.
func (s store) faulty(t testing.TB, decide func(n int) fault.Mode) *table.DB {
	t.Helper()
	n := 0
	return s.over(t, &fault.Transport{Next: dynamolocal.NewTransport(), Decide: func(operation string) fault.Mode {
		if operation != "TransactWriteItems" {
			return fault.None
		}
		n++
		return decide(n)
	}})
}

// answering answers every call by itself, or lets it through for "", and counts them.
type answering struct {
	body  string
	calls int
}

func (a *answering) RoundTrip(r *http.Request) (*http.Response, error) {
	a.calls++
	if a.body == "" {
		return dynamolocal.NewTransport().RoundTrip(r)
	}
	return &http.Response{
		StatusCode: http.StatusBadRequest, Header: http.Header{"Content-Type": {"application/x-amz-json-1.0"}},
		Body: io.NopCloser(strings.NewReader(a.body)), ContentLength: int64(len(a.body)), Request: r,
	}, nil
}

// cancelled is the answer that a transaction was cancelled for these reasons.
func cancelled(codes ...string) *answering {
	var reasons []string
	for _, c := range codes {
		reasons = append(reasons, `{"Code":"`+c+`"}`)
	}
	return &answering{body: `{"__type":"com.amazonaws.dynamodb.v20120810#TransactionCanceledException","CancellationReasons":[` + strings.Join(reasons, ",") + `]}`}
}

// commit writes what compose adds to a transaction.
func (s store) commit(t testing.TB, compose func(*table.Tx)) {
	t.Helper()
	tx := &table.Tx{}
	compose(tx)
	if err := s.Commit(t.Context(), tx); err != nil {
		t.Fatal(err)
	}
}

func at(sku string) stock.Place { return stock.Place{SKU: sku, Location: "MAIN"} }

func (s store) receive(t testing.TB, sku string, n int64) {
	t.Helper()
	s.commit(t, func(tx *table.Tx) { tx.Move(stock.Change{Place: at(sku), OnHand: n}, 0, nil) })
}

func (s store) stock(t testing.TB, sku string) stock.Item {
	t.Helper()
	items, err := s.Stock(t.Context(), []stock.Place{at(sku)})
	if err != nil {
		t.Fatal(err)
	}
	return items[at(sku)]
}

func (s store) wantReserved(t testing.TB, sku string, n int64) {
	t.Helper()
	if i := s.stock(t, sku); i.Reserved != n || i.Available != i.OnHand-n {
		t.Errorf("stock of %s is %+v, want %d reserved", sku, i, n)
	}
}

// entered is an order of this moment.
func (s store) entered(number string) order.Order {
	return order.Order{
		ID: s.ids.ID(), Number: number, Version: 1, Status: order.Draft, CustomerID: "C1", Owner: "ann", EnteredBy: "ann",
		Currency: "USD", CreatedAt: s.now(), UpdatedAt: s.now(), Terms: customer.Terms{Kind: customer.Prepaid},
	}
}

func (s store) mug() product.Product {
	return product.Product{SKU: "MUG", Name: "Mug", ListID: s.ids.ID(), Version: 1, CreatedAt: s.now(), UpdatedAt: s.now()}
}

func codeOf(err error) string {
	var refused *refusal.Error
	if errors.As(err, &refused) {
		return refused.Code
	}
	return ""
}

func unavailable(err error) bool {
	var refused *refusal.Error
	return errors.As(err, &refused) && refused.Kind == refusal.Unavailable
}
