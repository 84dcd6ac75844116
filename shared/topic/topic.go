// Package topic publishes to Amazon SNS: events to the topic that wakes
// consumers, mail for staff to a topic for each role, and SMS. Nothing else
// imports its SDK.
package topic

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"

	"waybill/shared/bulletin"
	"waybill/shared/handover"
)

// Events is the topic of events.
type Events struct {
	client *sns.Client
	arn    string
}

// Open returns the topic of events of the environment:
//
//	TOPIC_ARN  the topic
//
// The AWS variables are those of package handover; the service is SNS.
func Open(env func(string) string) (*Events, error) {
	if env("TOPIC_ARN") == "" {
		return nil, errors.New("TOPIC_ARN is not set")
	}
	client, err := open(env, func(o *sns.Options) {
		// Events may come doubled: here a try too many is better than none.
		o.Retryer = retry.NewStandard(func(s *retry.StandardOptions) { s.MaxAttempts = 3 })
	})
	if err != nil {
		return nil, err
	}
	return &Events{client, env("TOPIC_ARN")}, nil
}

func open(env func(string) string, change func(*sns.Options)) (*sns.Client, error) {
	c, err := handover.Read(env, "SNS")
	if err != nil {
		return nil, err
	}
	return sns.New(sns.Options{Region: c.Region, Credentials: c.Credentials, HTTPClient: c.HTTPClient, BaseEndpoint: c.Endpoint}, change), nil
}

// PublishBatch publishes up to ten entries and returns an error for each that
// was not taken, in their order; nil for one that was.
func (e *Events) PublishBatch(ctx context.Context, entries []bulletin.Entry) []error {
	failed := make([]error, len(entries))
	batch := make([]types.PublishBatchRequestEntry, len(entries))
	for n, entry := range entries {
		attributes, err := attributesOf(entry)
		if err != nil {
			return all(failed, err)
		}
		batch[n] = types.PublishBatchRequestEntry{Id: aws.String(id(n)), Message: aws.String(string(entry.Body)), MessageAttributes: attributes}
	}
	out, err := e.client.PublishBatch(ctx, &sns.PublishBatchInput{TopicArn: &e.arn, PublishBatchRequestEntries: batch})
	if err != nil {
		return all(failed, fmt.Errorf("publish %d events: %w", len(entries), err))
	}
	taken := map[string]bool{}
	for _, s := range out.Successful {
		taken[aws.ToString(s.Id)] = true
	}
	codes := map[string]string{}
	for _, f := range out.Failed {
		codes[aws.ToString(f.Id)] = aws.ToString(f.Code)
	}
	for n, entry := range entries {
		if !taken[id(n)] {
			failed[n] = fmt.Errorf("publish event %s: %q", entry.ID, codes[id(n)])
		}
	}
	return failed
}

// id names an entry in its batch.
func id(n int) string { return fmt.Sprintf("e%d", n) }

func all(failed []error, err error) []error {
	for n := range failed {
		failed[n] = err
	}
	return failed
}

// attributesOf is what subscribers filter an entry by.
func attributesOf(e bulletin.Entry) (map[string]types.MessageAttributeValue, error) {
	out := map[string]types.MessageAttributeValue{}
	for name, v := range e.Attributes {
		out[name] = one(v)
	}
	for name, list := range e.Lists {
		text, err := json.Marshal(list)
		if err != nil {
			return nil, fmt.Errorf("encode attribute %s: %w", name, err)
		}
		out[name] = types.MessageAttributeValue{DataType: aws.String("String.Array"), StringValue: aws.String(string(text))}
	}
	return out, nil
}

func one(value string) types.MessageAttributeValue {
	return types.MessageAttributeValue{DataType: aws.String("String"), StringValue: aws.String(value)}
}
