package dynamolocal

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"

	"waybill/infra/template"
)

// ErrOtherTable is returned for a table that was made from another definition.
var ErrOtherTable = errors.New("the table was made from another template")

const activeLimit = 30 * time.Second

// NewClient returns a client for the server at the endpoint, with credentials
// that DynamoDB Local takes like any others. A nil transport stands for
// NewTransport's.
func NewClient(endpoint string, transport http.RoundTripper) *dynamodb.Client {
	if transport == nil {
		transport = NewTransport()
	}
	return dynamodb.New(dynamodb.Options{
		Region:       "us-east-1",
		BaseEndpoint: aws.String(endpoint),
		Credentials:  credentials.NewStaticCredentialsProvider("local", "local", ""),
		HTTPClient:   &http.Client{Transport: transport},
	})
}

// NewStreamsClient returns a client of the streams of the server's tables.
func NewStreamsClient(endpoint string) *dynamodbstreams.Client {
	return dynamodbstreams.New(dynamodbstreams.Options{
		Region:       "us-east-1",
		BaseEndpoint: aws.String(endpoint),
		Credentials:  credentials.NewStaticCredentialsProvider("local", "local", ""),
		HTTPClient:   &http.Client{Transport: NewTransport()},
	})
}

// NewTransport returns a transport that keeps enough connections for many
// callers at once; net/http's default keeps two and opens the rest anew.
func NewTransport() *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxIdleConns = 0
	t.MaxIdleConnsPerHost = 128
	return t
}

// CreateTable makes the table as the template defines it and returns when it
// can be used. A table that is there already stays as it is; if it was made
// from another definition the error is of kind ErrOtherTable.
func CreateTable(ctx context.Context, client *dynamodb.Client, def template.TableDefinition, name string) error {
	_, err := client.CreateTable(ctx, createInput(def, name))
	var exists *types.ResourceInUseException
	if err != nil && !errors.As(err, &exists) {
		return fmt.Errorf("create table %s: %w", name, err)
	}
	made, err := dynamodb.NewTableExistsWaiter(client, func(o *dynamodb.TableExistsWaiterOptions) {
		o.MinDelay, o.MaxDelay = 10*time.Millisecond, time.Second
	}).WaitForOutput(ctx, &dynamodb.DescribeTableInput{TableName: &name}, activeLimit)
	if err != nil {
		return fmt.Errorf("wait for table %s: %w", name, err)
	}
	if exists != nil && !matches(made.Table, def) {
		return fmt.Errorf("table %s: %w", name, ErrOtherTable)
	}
	if err := setExpiry(ctx, client, def.Expiry, name); err != nil {
		return fmt.Errorf("set the time to live of table %s: %w", name, err)
	}
	return nil
}

func createInput(def template.TableDefinition, name string) *dynamodb.CreateTableInput {
	in := &dynamodb.CreateTableInput{
		TableName:   &name,
		BillingMode: types.BillingModePayPerRequest,
		KeySchema:   keySchema(def.Key),
	}
	for _, a := range def.Attributes {
		in.AttributeDefinitions = append(in.AttributeDefinitions, types.AttributeDefinition{
			AttributeName: aws.String(a.Name), AttributeType: types.ScalarAttributeType(a.Type),
		})
	}
	for _, index := range def.Indexes {
		in.GlobalSecondaryIndexes = append(in.GlobalSecondaryIndexes, types.GlobalSecondaryIndex{
			IndexName: aws.String(index.Name),
			KeySchema: keySchema(index.Key),
			Projection: &types.Projection{
				ProjectionType: types.ProjectionType(index.Projection), NonKeyAttributes: index.Include,
			},
		})
	}
	if def.Stream != "" {
		in.StreamSpecification = &types.StreamSpecification{
			StreamEnabled: aws.Bool(true), StreamViewType: types.StreamViewType(def.Stream),
		}
	}
	return in
}

func keySchema(k template.Key) []types.KeySchemaElement {
	schema := []types.KeySchemaElement{{AttributeName: aws.String(k.Hash), KeyType: types.KeyTypeHash}}
	if k.Range != "" {
		schema = append(schema, types.KeySchemaElement{AttributeName: aws.String(k.Range), KeyType: types.KeyTypeRange})
	}
	return schema
}

// matches compares what decides how a table can be used: its keys and indexes.
func matches(made *types.TableDescription, def template.TableDefinition) bool {
	type shape struct {
		key        template.Key
		projection string
	}
	want, got := map[string]shape{}, map[string]shape{}
	for _, index := range def.Indexes {
		want[index.Name] = shape{index.Key, index.Projection}
	}
	for _, index := range made.GlobalSecondaryIndexes {
		got[aws.ToString(index.IndexName)] = shape{keyOf(index.KeySchema), string(index.Projection.ProjectionType)}
	}
	return keyOf(made.KeySchema) == def.Key && maps.Equal(want, got)
}

func keyOf(schema []types.KeySchemaElement) template.Key {
	var k template.Key
	for _, part := range schema {
		if part.KeyType == types.KeyTypeHash {
			k.Hash = aws.ToString(part.AttributeName)
		} else {
			k.Range = aws.ToString(part.AttributeName)
		}
	}
	return k
}

func setExpiry(ctx context.Context, client *dynamodb.Client, attribute, table string) error {
	if attribute == "" {
		return nil
	}
	// Setting it a second time is refused, so look first.
	now, err := client.DescribeTimeToLive(ctx, &dynamodb.DescribeTimeToLiveInput{TableName: &table})
	if err != nil {
		return err
	}
	if d := now.TimeToLiveDescription; d != nil && d.TimeToLiveStatus == types.TimeToLiveStatusEnabled {
		return nil
	}
	_, err = client.UpdateTimeToLive(ctx, &dynamodb.UpdateTimeToLiveInput{
		TableName: &table,
		TimeToLiveSpecification: &types.TimeToLiveSpecification{
			AttributeName: &attribute, Enabled: aws.Bool(true),
		},
	})
	return err
}
