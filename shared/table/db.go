// Package table is the one DynamoDB table: its keys, its access patterns and
// the transactions that keep the promises. Nothing else in Waybill imports the
// DynamoDB SDK or interprets what it answers. README.md lists every access
// pattern, the index it uses and what it costs.
package table

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"

	"waybill/shared/refusal"
	"waybill/shared/stock"
)

// A DB is the table. It is safe for concurrent use and keeps nothing that
// another process could make untrue.
type DB struct {
	client *dynamodb.Client
	name   string
	now    func() time.Time
	pause  func(context.Context, time.Duration) error
	seen   atomic.Pointer[Locations] // the last locations read: a hint of which stock to ask for
}

// New returns the table of that name behind the client; now is the clock that
// idempotency marks expire by.
func New(client *dynamodb.Client, name string, now func() time.Time) *DB {
	db := &DB{client: client, name: name, now: now, pause: pause}
	db.seen.Store(&Locations{List: []stock.Location{stock.Main}})
	return db
}

// An Environment looks up a variable: AWS_REGION, AWS_ACCESS_KEY_ID,
// AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN and AWS_ENDPOINT_URL_DYNAMODB, the
// SDK's own names. Inside Lambda the runtime sets all but the last.
type Environment func(string) string

// Open returns the table of that name with the region, credentials and
// endpoint of the environment. It takes no other source of credentials: the
// SDK's full configuration would double a function's start.
func Open(env Environment, name string, now func() time.Time) (*DB, error) {
	region := env("AWS_REGION")
	if region == "" {
		return nil, errors.New("AWS_REGION is not set")
	}
	transport := awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
		t.MaxIdleConnsPerHost = 64
		// A connection that died while the function was frozen must not eat the deadline.
		t.ResponseHeaderTimeout = 3 * time.Second
	})
	options := dynamodb.Options{
		Region:      region,
		Credentials: credentialsOf(env), HTTPClient: transport, Retryer: retryer(),
	}
	if endpoint := env("AWS_ENDPOINT_URL_DYNAMODB"); endpoint != "" {
		options.BaseEndpoint = aws.String(endpoint)
	}
	return New(dynamodb.New(options), name, now), nil
}

// credentialsOf are those that the runtime keeps in the environment.
func credentialsOf(env Environment) aws.CredentialsProvider {
	return aws.NewCredentialsCache(aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{
			AccessKeyID:     env("AWS_ACCESS_KEY_ID"),
			SecretAccessKey: env("AWS_SECRET_ACCESS_KEY"),
			SessionToken:    env("AWS_SESSION_TOKEN"),
			Source:          "environment",
		}, nil
	}))
}

// retryer makes the SDK repeat what the network or a throttle swallowed a few
// times and quickly: the caller has seconds, and can retry by itself.
func retryer() aws.Retryer {
	return retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts = 4
		o.MaxBackoff = 400 * time.Millisecond
	})
}

// Ready reports whether the table answers and is there.
func (db *DB) Ready(ctx context.Context) error {
	_, err := db.client.GetItem(ctx, &dynamodb.GetItemInput{TableName: &db.name, Key: settingsKey().attributes()})
	return outage(err)
}

// item is what the table stores.
type item = map[string]types.AttributeValue

func (k key) attributes() item {
	return item{
		"pk": &types.AttributeValueMemberS{Value: k.pk},
		"sk": &types.AttributeValueMemberS{Value: k.sk},
	}
}

func keyOf(i item) key {
	var k key
	if v, ok := i["pk"].(*types.AttributeValueMemberS); ok {
		k.pk = v.Value
	}
	if v, ok := i["sk"].(*types.AttributeValueMemberS); ok {
		k.sk = v.Value
	}
	return k
}

// get reads one item, strongly consistent; nil when it is not there.
func (db *DB) get(ctx context.Context, k key) (item, error) {
	out, err := db.client.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: &db.name, Key: k.attributes(), ConsistentRead: aws.Bool(true),
	})
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", k.sk, outage(err))
	}
	return out.Item, nil
}

// mostKeys is how many items a batch may ask for.
const mostKeys = 100

// getAll reads items, strongly consistent, in parallel batches; those that
// are not there are missing from the answer.
func (db *DB) getAll(ctx context.Context, keys []key) (map[key]item, error) {
	found := make(map[key]item, len(keys))
	seen := make(map[key]bool, len(keys))
	var want []item
	for _, k := range keys {
		if !seen[k] {
			seen[k] = true
			want = append(want, k.attributes())
		}
	}
	var batches [][]item
	for ; len(want) > mostKeys; want = want[mostKeys:] {
		batches = append(batches, want[:mostKeys])
	}
	if len(want) > 0 {
		batches = append(batches, want)
	}
	var mu sync.Mutex
	err := each(ctx, len(batches), func(ctx context.Context, n int) error {
		items, err := db.getBatch(ctx, batches[n])
		mu.Lock()
		defer mu.Unlock()
		for _, i := range items {
			found[keyOf(i)] = i
		}
		return err
	})
	return found, err
}

// getBatch reads up to 100 items, asking again for what a busy table left out.
func (db *DB) getBatch(ctx context.Context, keys []item) ([]item, error) {
	var items []item
	for try := 0; len(keys) > 0; try++ {
		if try > 0 {
			if err := db.pause(ctx, backoff(try)); err != nil {
				return nil, err
			}
		}
		out, err := db.client.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{
			RequestItems: map[string]types.KeysAndAttributes{db.name: {Keys: keys, ConsistentRead: aws.Bool(true)}},
		})
		if err != nil {
			return nil, fmt.Errorf("read %d items: %w", len(keys), outage(err))
		}
		items = append(items, out.Responses[db.name]...)
		keys = out.UnprocessedKeys[db.name].Keys
	}
	return items, nil
}

// workers is how many calls a request has under way at once.
const workers = 8

// each runs do for 0 … n−1, several at once, and returns the first error.
func each(ctx context.Context, n int, do func(context.Context, int) error) error {
	if n == 1 {
		return do(ctx, 0)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	next := make(chan int)
	var wg sync.WaitGroup
	for range min(workers, n) {
		wg.Go(func() {
			for i := range next {
				if err := do(ctx, i); err != nil {
					cancel(err)
				}
			}
		})
	}
	for i := range n {
		if ctx.Err() != nil {
			break
		}
		next <- i
	}
	close(next)
	wg.Wait()
	return context.Cause(ctx)
}

// Each runs do for 0 … n−1, several at once, and returns the first error.
func Each(ctx context.Context, n int, do func(context.Context, int) error) error {
	return each(ctx, n, do)
}

// throttles are the answers of DynamoDB that call themselves the client's fault and pass by themselves.
var throttles = map[string]bool{
	"ProvisionedThroughputExceededException": true, "ThrottlingException": true, "RequestLimitExceeded": true,
	"TransactionInProgressException": true, "TransactionConflictException": true, "LimitExceededException": true,
}

// outage turns a failure of the table into a refusal of kind Unavailable that
// keeps the cause for the log. What was written when it failed is unknown.
func outage(err error) error {
	if err == nil {
		return nil
	}
	var answer smithy.APIError
	if errors.As(err, &answer) && answer.ErrorFault() == smithy.FaultClient && !throttles[answer.ErrorCode()] {
		return err // our own mistake, such as a missing right: trying again won't help
	}
	return fmt.Errorf("%w: %w", refusal.New(refusal.Unavailable, "unavailable",
		"The table did not answer in time; try again, with the same Idempotency-Key where you sent one."), err)
}

// backoff is how long to wait before a try: exponential with full jitter, at most a quarter of a second.
func backoff(try int) time.Duration {
	most := min(10*time.Millisecond<<min(try, 5), 250*time.Millisecond)
	return time.Duration(rand.Int64N(int64(most))) //nolint:gosec // jitter needs no secrecy
}

// spread is how long to wait before a try at what many want at once, and only
// one can have: at most two seconds, so that two hundred come to be served.
func spread(try int) time.Duration {
	most := min(25*time.Millisecond<<min(try, 7), 2*time.Second)
	return time.Duration(rand.Int64N(int64(most))) //nolint:gosec // jitter needs no secrecy
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// encode turns a record into an item. Records are ours, so it can't fail but by a mistake in one.
func encode(record any) (item, error) {
	i, err := attributevalue.MarshalMap(record)
	if err != nil {
		return nil, fmt.Errorf("encode a record: %w", err)
	}
	return i, nil
}

func decode[T any](i item) (T, error) {
	var record T
	exact := func(o *attributevalue.DecoderOptions) { o.UseNumber = true }
	if err := attributevalue.UnmarshalMapWithOptions(i, &record, exact); err != nil {
		return record, fmt.Errorf("decode %s: %w", keyOf(i).sk, err)
	}
	return record, nil
}
