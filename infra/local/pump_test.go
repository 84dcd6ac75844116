package local_test

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"waybill/infra/dynamolocal"
	"waybill/infra/local"
)

// noting is a wiring whose StockFunction sends each record it is given.
func noting(records chan<- events.DynamoDBEventRecord) func(context.Context, local.Environment) (local.Functions, error) {
	return func(context.Context, local.Environment) (local.Functions, error) {
		return local.Functions{
			HTTP: map[string]http.Handler{"OrdersFunction": echo("orders"), "SystemFunction": echo("system")},
			Events: map[string]lambda.Handler{
				"StockFunction": lambda.NewHandler(func(ctx context.Context, e events.DynamoDBEvent) error {
					for _, r := range e.Records {
						select {
						case records <- r:
						case <-ctx.Done():
							return ctx.Err()
						}
					}
					return nil
				}),
				"ProofFunction": lambda.NewHandler(func() error { return nil }),
				"PostFunction":  lambda.NewHandler(func() error { return nil }),
			},
		}, nil
	}
}

func put(t *testing.T, endpoint, sk string, n int) {
	t.Helper()
	_, err := dynamolocal.NewClient(endpoint, nil).PutItem(t.Context(), &dynamodb.PutItemInput{
		TableName: aws.String("waybill"),
		Item: map[string]types.AttributeValue{
			"pk": &types.AttributeValueMemberS{Value: "STOCK#MUG"}, "sk": &types.AttributeValueMemberS{Value: sk},
			"n":    &types.AttributeValueMemberN{Value: fmt.Sprint(n)},
			"list": &types.AttributeValueMemberL{Value: []types.AttributeValue{&types.AttributeValueMemberBOOL{Value: true}, &types.AttributeValueMemberNULL{Value: true}}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
}

// The fixture's stream feeds the function twice, of which one event is filtered.
func TestTheStreamFeedsItsFunctionAndGoesOnAfterARestart(t *testing.T) {
	t.Parallel()
	records := make(chan events.DynamoDBEventRecord, 100)
	cfg := local.Config{Home: local.Home("../.."), DataDir: filepath.Join(t.TempDir(), "data"), Wire: noting(records)}
	// seen waits for the numbers of the records until want of each were given.
	seen := func(want map[string]int) {
		t.Helper()
		got := map[string]int{}
		limit := time.After(30 * time.Second)
		for fmt.Sprint(got) != fmt.Sprint(want) {
			select {
			case r := <-records:
				if was := r.Change.OldImage; len(was) > 0 {
					got[was["n"].Number()+">"+r.Change.NewImage["n"].Number()]++
				} else {
					got[r.Change.NewImage["n"].Number()]++
				}
				if r.EventSource != "aws:dynamodb" || r.Change.SequenceNumber == "" || !r.Change.NewImage["list"].List()[0].Boolean() {
					t.Errorf("given is %+v", r)
				}
			case <-limit:
				t.Fatalf("given were %v, want %v", got, want)
			}
		}
	}

	s := start(t, cfg)
	put(t, s.DynamoDB(), "LOCATION#MAIN", 1) // passes the filter of one, and the other has none
	put(t, s.DynamoDB(), "MOVEMENT#1", 2)
	seen(map[string]int{"1": 2, "2": 1})
	s.Stop()

	db, err := dynamolocal.Start(t.Context(), dynamolocal.Options{Home: cfg.Home, DataDir: cfg.DataDir})
	if err != nil {
		t.Fatal(err)
	}
	put(t, db.Endpoint(), "LOCATION#MAIN", 3) // while nobody looks
	db.Stop()

	s = start(t, cfg)
	put(t, s.DynamoDB(), "LOCATION#MAIN", 4)
	seen(map[string]int{"1>3": 2, "3>4": 2}) // and nothing of before
}
