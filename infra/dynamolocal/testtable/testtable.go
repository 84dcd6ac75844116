// Package testtable gives each test a DynamoDB table of its own, made from
// template.yaml's definition, in DynamoDB Local's memory.
package testtable

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"waybill/infra/dynamolocal"
	"waybill/infra/template"
)

// Endpoint is the environment variable that names a running DynamoDB Local;
// `make test` sets it, so that all packages share one. Without it each test
// binary starts its own.
const Endpoint = "WAYBILL_TEST_DYNAMODB"

const cleanupLimit = 10 * time.Second

// New makes an empty table for the test, which may run beside others, and
// deletes it at the end of it.
func New(t testing.TB) (client *dynamodb.Client, table string) {
	t.Helper()
	def := shared(t).table
	// DynamoDB Local keeps the streams of deleted tables, and looks through all
	// of them at each write: a few hundred tables on, that is what takes the time.
	def.Stream = ""
	return create(t, def)
}

// NewStreaming is New for the few tests that read the table's stream.
func NewStreaming(t testing.TB) (client *dynamodb.Client, table string) {
	t.Helper()
	return create(t, shared(t).table)
}

func create(t testing.TB, def template.TableDefinition) (client *dynamodb.Client, table string) {
	t.Helper()
	db := shared(t)
	table = "test-" + strings.ToLower(rand.Text())
	if err := dynamolocal.CreateTable(t.Context(), db.client, def, table); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// The test's own context is over by now.
		ctx, cancel := context.WithTimeout(context.Background(), cleanupLimit)
		defer cancel()
		if _, err := db.client.DeleteTable(ctx, &dynamodb.DeleteTableInput{TableName: &table}); err != nil {
			t.Errorf("delete table %s: %v", table, err)
		}
	})
	return db.client, table
}

// Client returns a client of the same server over another transport, for
// faults to be injected under the SDK. It sees the tables that New made.
func Client(t testing.TB, transport http.RoundTripper) *dynamodb.Client {
	t.Helper()
	return dynamolocal.NewClient(shared(t).endpoint, transport)
}

// database is the server that all tests of a process use.
type database struct {
	endpoint string
	client   *dynamodb.Client
	table    template.TableDefinition
}

var open = sync.OnceValues(func() (database, error) {
	path, err := template.Find(".")
	if err != nil {
		return database{}, err
	}
	tmpl, err := template.Load(path)
	if err != nil {
		return database{}, err
	}
	endpoint := os.Getenv(Endpoint)
	if endpoint == "" {
		// Nobody stops it: it ends with this process, however that ends.
		server, err := dynamolocal.Start(context.Background(), dynamolocal.Options{
			Home: filepath.Join(filepath.Dir(path), ".local", "dynamodb"),
		})
		if err != nil {
			return database{}, err
		}
		endpoint = server.Endpoint()
	}
	return database{endpoint, dynamolocal.NewClient(endpoint, nil), tmpl.Table()}, nil
})

func shared(t testing.TB) database {
	t.Helper()
	db, err := open()
	if err != nil {
		t.Fatal(fmt.Errorf("open the test database: %w", err))
	}
	return db
}
