package testtable_test

import (
	"errors"
	"net/http"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"waybill/infra/dynamolocal/testtable"
)

func TestEachTestHasItsOwnTable(t *testing.T) {
	t.Parallel()
	item := map[string]types.AttributeValue{
		"pk": &types.AttributeValueMemberS{Value: "a"},
		"sk": &types.AttributeValueMemberS{Value: "b"},
	}
	client, first := testtable.New(t)
	_, second := testtable.New(t)
	if _, err := client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &first, Item: item}); err != nil {
		t.Fatal(err)
	}
	out, err := client.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: &second, Key: item})
	if err != nil {
		t.Fatal(err)
	}
	if out.Item != nil {
		t.Fatalf("what was put into %s is in %s too", first, second)
	}
}

func TestTableIsGoneAfterItsTest(t *testing.T) {
	t.Parallel()
	var client *dynamodb.Client
	var table string
	t.Run("inner", func(t *testing.T) { client, table = testtable.New(t) })
	_, err := client.DescribeTable(t.Context(), &dynamodb.DescribeTableInput{TableName: &table})
	var gone *types.ResourceNotFoundException
	if !errors.As(err, &gone) {
		t.Fatalf("describe the table of a finished test: %v, want it not found", err)
	}
}

// refusing is a transport over which nothing gets through.
type refusing struct{ err error }

func (r refusing) RoundTrip(*http.Request) (*http.Response, error) { return nil, r.err }

func TestClientUsesTheGivenTransport(t *testing.T) {
	t.Parallel()
	_, table := testtable.New(t)
	injected := errors.New("injected")
	client := testtable.Client(t, refusing{injected})
	_, err := client.DescribeTable(t.Context(), &dynamodb.DescribeTableInput{TableName: &table},
		func(o *dynamodb.Options) { o.RetryMaxAttempts = 1 })
	if !errors.Is(err, injected) {
		t.Fatalf("over a refusing transport: %v, want the injected error", err)
	}
}
