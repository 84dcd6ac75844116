package table

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"
)

// A Stream reads single records of the table's stream again, as long as it has them: a day.
type Stream struct{ client *dynamodbstreams.Client }

// NewStream returns the stream behind the client.
func NewStream(client *dynamodbstreams.Client) *Stream { return &Stream{client} }

// OpenStream returns the stream with the region, credentials and endpoint of the
// environment (see Open; the endpoint is AWS_ENDPOINT_URL_DYNAMODB_STREAMS).
func OpenStream(env Environment) (*Stream, error) {
	region := env("AWS_REGION")
	if region == "" {
		return nil, errors.New("AWS_REGION is not set")
	}
	options := dynamodbstreams.Options{Region: region, Credentials: credentialsOf(env)}
	if endpoint := env("AWS_ENDPOINT_URL_DYNAMODB_STREAMS"); endpoint != "" {
		options.BaseEndpoint = aws.String(endpoint)
	}
	return NewStream(dynamodbstreams.New(options)), nil
}

// A Range is a part of a shard, as Lambda names what it gave up.
type Range struct{ Stream, Shard, From, To string } // sequence numbers, both inclusive

// Changed is an item that a record says changed.
type Changed struct {
	Item
	At time.Time
}

// emptyPages is how many pages without a record are passed in search of the next one.
const emptyPages = 20

// Items reads which items the records of a range changed; whole is false when
// the stream does not have all of them any more.
func (s *Stream) Items(ctx context.Context, r Range) (items []Changed, whole bool, err error) {
	at, err := s.client.GetShardIterator(ctx, &dynamodbstreams.GetShardIteratorInput{
		StreamArn: &r.Stream, ShardId: &r.Shard, ShardIteratorType: types.ShardIteratorTypeAtSequenceNumber, SequenceNumber: &r.From,
	})
	var gone *types.TrimmedDataAccessException
	var unknown *types.ResourceNotFoundException
	if errors.As(err, &gone) || errors.As(err, &unknown) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("look up what was given up: %w", err)
	}
	empty := 0
	for next := at.ShardIterator; next != nil && empty < emptyPages; {
		page, err := s.client.GetRecords(ctx, &dynamodbstreams.GetRecordsInput{ShardIterator: next})
		if errors.As(err, &gone) {
			return items, false, nil
		}
		if err != nil {
			return nil, false, fmt.Errorf("read what was given up: %w", err)
		}
		for _, record := range page.Records {
			c := Changed{At: aws.ToTime(record.Dynamodb.ApproximateCreationDateTime).UTC()}
			if pk, ok := record.Dynamodb.Keys["pk"].(*types.AttributeValueMemberS); ok {
				c.PK = pk.Value
			}
			if sk, ok := record.Dynamodb.Keys["sk"].(*types.AttributeValueMemberS); ok {
				c.SK = sk.Value
			}
			items = append(items, c)
			if aws.ToString(record.Dynamodb.SequenceNumber) == r.To {
				return items, true, nil
			}
		}
		if empty++; len(page.Records) > 0 {
			empty = 0
		}
		next = page.NextShardIterator
	}
	return items, false, nil
}
