package main

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/smithy-go/middleware"
)

// A spy notes the calls that go through a client, as they were asked for: what
// is sent instead has a token of the SDK's and is signed.
type spy struct {
	client *dynamodb.Client

	mu     sync.Mutex
	reads  []*dynamodb.BatchGetItemInput
	writes []*dynamodb.TransactWriteItemsInput
	others int // calls of other operations
}

// newSpy returns a spy whose client works as the one it is given.
func newSpy(client *dynamodb.Client) *spy {
	s := &spy{}
	s.client = dynamodb.New(client.Options(), func(o *dynamodb.Options) {
		o.APIOptions = append(slices.Clip(o.APIOptions), func(stack *middleware.Stack) error {
			return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("bench", s.see), middleware.Before)
		})
	})
	return s
}

func (s *spy) see(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
	s.mu.Lock()
	switch call := in.Parameters.(type) {
	case *dynamodb.BatchGetItemInput:
		s.reads = append(s.reads, call)
	case *dynamodb.TransactWriteItemsInput:
		s.writes = append(s.writes, call)
	default:
		s.others++
	}
	s.mu.Unlock()
	return next.HandleInitialize(ctx, in)
}

// take returns the calls of one order and forgets them.
func (s *spy) take() (calls, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	reads, writes, others := s.reads, s.writes, s.others
	s.reads, s.writes, s.others = nil, nil, 0
	if len(reads) != 1 || len(writes) != 1 || others != 0 {
		return calls{}, fmt.Errorf("an order made %d batch reads, %d transactions and %d other calls; the bare calls stand for one, one and none", len(reads), len(writes), others)
	}
	return calls{reads[0], writes[0]}, nil
}

// record has the function take every one of the orders and returns the calls each made.
func (s *spy) record(ctx context.Context, c *counter, bodies [][]byte) ([]calls, error) {
	// The first order of a process also asks for what the others know.
	if err := c.place(ctx, bodies[0]); err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.reads, s.writes, s.others = nil, nil, 0
	s.mu.Unlock()
	out := make([]calls, len(bodies))
	for i, body := range bodies {
		if err := c.place(ctx, body); err != nil {
			return nil, err
		}
		var err error
		if out[i], err = s.take(); err != nil {
			return nil, err
		}
	}
	return out, nil
}
