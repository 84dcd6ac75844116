package local

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"
	"github.com/aws/smithy-go"
)

const (
	// pollEvery is how often a stream is looked at: the delay of what follows a
	// change, and what an idle system costs.
	pollEvery = 250 * time.Millisecond
	// describeEvery is after how many looks new shards are looked for; a shard
	// that ends says so itself.
	describeEvery = 40
)

// A pump reads the stream of a table, shard by shard and parents before their
// children, from its beginning or where it was left, into a feed.
type pump struct {
	client *dynamodbstreams.Client
	stream string // its ARN
	feed   *feed
	marks  *marks
	log    *slog.Logger

	open map[string]*string // iterators of the shards that are read
}

// run pumps until ctx ends.
func (p *pump) run(ctx context.Context) {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	p.open = map[string]*string{}
	for look := 0; ; look++ {
		ended, err := p.look(ctx, look%describeEvery == 0)
		if err != nil && ctx.Err() == nil {
			p.log.ErrorContext(ctx, "the stream was not read; again in a moment", "function", p.feed.stream.Function, "error", err.Error())
		}
		if ended {
			look = -1
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// look reads all that is new, and reports whether a shard ended.
func (p *pump) look(ctx context.Context, describe bool) (ended bool, err error) {
	if describe {
		if err := p.describe(ctx); err != nil {
			return true, err
		}
	}
	var failures []error
	for shard := range p.open {
		over, err := p.drain(ctx, shard)
		ended = ended || over
		failures = append(failures, err)
	}
	return ended, errors.Join(failures...)
}

// describe opens the shards that can be read: those whose parent is done.
func (p *pump) describe(ctx context.Context) error {
	var shards []types.Shard
	in := &dynamodbstreams.DescribeStreamInput{StreamArn: &p.stream}
	for {
		out, err := p.client.DescribeStream(ctx, in)
		if err != nil {
			return fmt.Errorf("describe the stream: %w", err)
		}
		shards = append(shards, out.StreamDescription.Shards...)
		if in.ExclusiveStartShardId = out.StreamDescription.LastEvaluatedShardId; in.ExclusiveStartShardId == nil {
			break
		}
	}
	there := map[string]bool{}
	for _, s := range shards {
		there[aws.ToString(s.ShardId)] = true
	}
	p.marks.keep(p.feed.stream.Name, there)
	for _, s := range shards {
		id, parent := aws.ToString(s.ShardId), aws.ToString(s.ParentShardId)
		if p.open[id] != nil || p.marks.at(p.feed.stream.Name, id) == markDone || there[parent] && p.marks.at(p.feed.stream.Name, parent) != markDone {
			continue
		}
		var err error
		if p.open[id], err = p.iterator(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

// iterator begins where the shard was left, or where it begins when that is no more to be had.
func (p *pump) iterator(ctx context.Context, shard string) (*string, error) {
	in := &dynamodbstreams.GetShardIteratorInput{StreamArn: &p.stream, ShardId: &shard, ShardIteratorType: types.ShardIteratorTypeTrimHorizon}
	if at := p.marks.at(p.feed.stream.Name, shard); at != "" {
		in.ShardIteratorType, in.SequenceNumber = types.ShardIteratorTypeAfterSequenceNumber, &at
	}
	out, err := p.client.GetShardIterator(ctx, in)
	var refused smithy.APIError
	if in.SequenceNumber != nil && errors.As(err, &refused) && refused.ErrorFault() == smithy.FaultClient {
		in.ShardIteratorType, in.SequenceNumber = types.ShardIteratorTypeTrimHorizon, nil
		out, err = p.client.GetShardIterator(ctx, in)
	}
	if err != nil {
		return nil, fmt.Errorf("open shard %s: %w", shard, err)
	}
	return out.ShardIterator, nil
}

// drain reads a shard until nothing more is there, and reports whether it is
// over: then its children's turn has come, or it is to be opened again.
func (p *pump) drain(ctx context.Context, shard string) (over bool, err error) {
	for {
		out, err := p.client.GetRecords(ctx, &dynamodbstreams.GetRecordsInput{ShardIterator: p.open[shard]})
		if err != nil {
			delete(p.open, shard)
			return true, fmt.Errorf("read shard %s: %w", shard, err)
		}
		var records []events.DynamoDBEventRecord
		last := ""
		for _, r := range out.Records {
			record, err := recordOf(r, p.stream)
			if err != nil {
				return false, err
			}
			records, last = append(records, record), record.Change.SequenceNumber
		}
		p.feed.shard = shard
		if err := p.feed.give(ctx, records); err != nil {
			return false, err // the iterator stays where it is
		}
		p.open[shard] = out.NextShardIterator
		if out.NextShardIterator == nil {
			delete(p.open, shard)
			return true, p.marks.set(p.feed.stream.Name, shard, markDone)
		}
		if len(records) == 0 {
			return false, nil
		}
		if err := p.marks.set(p.feed.stream.Name, shard, last); err != nil {
			return false, err
		}
	}
}
