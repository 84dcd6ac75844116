package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// calls are what one order asked of the database.
type calls struct {
	read  *dynamodb.BatchGetItemInput
	write *dynamodb.TransactWriteItemsInput
}

// do makes the calls through the client, and nothing else.
func (c calls) do(ctx context.Context, client *dynamodb.Client) error {
	out, err := client.BatchGetItem(ctx, c.read)
	if err != nil {
		return fmt.Errorf("bare read: %w", err)
	}
	if len(out.UnprocessedKeys) > 0 {
		return errors.New("bare read: keys were left out")
	}
	if _, err := client.TransactWriteItems(ctx, c.write); err != nil {
		return fmt.Errorf("bare transaction: %w", err)
	}
	return nil
}

// again returns the calls of another order of the same shape: the same reads,
// conditions, sizes and index attributes, with new ids.
func (c calls) again(n *names) (calls, error) {
	renamed, err := n.renaming(c.write)
	if err != nil {
		return calls{}, err
	}
	write := *c.write
	write.ClientRequestToken = nil // the SDK makes one, as for any caller
	write.TransactItems = make([]types.TransactWriteItem, len(c.write.TransactItems))
	for i, action := range c.write.TransactItems {
		write.TransactItems[i] = renewed(action, renamed)
	}
	return calls{c.read, &write}, nil
}

// renewed is the action with other names. A stock item and a customer's credit
// keep their own: orders meet there.
func renewed(action types.TransactWriteItem, names *strings.Replacer) types.TransactWriteItem {
	if action.Put == nil {
		return action
	}
	put := *action.Put
	put.Item = renewedMap(put.Item, names)
	action.Put = &put
	return action
}

func renewedMap(item map[string]types.AttributeValue, names *strings.Replacer) map[string]types.AttributeValue {
	out := make(map[string]types.AttributeValue, len(item))
	for attribute, v := range item {
		out[attribute] = renewedValue(v, names)
	}
	return out
}

func renewedValue(v types.AttributeValue, names *strings.Replacer) types.AttributeValue {
	switch v := v.(type) {
	case *types.AttributeValueMemberS:
		return &types.AttributeValueMemberS{Value: names.Replace(v.Value)}
	case *types.AttributeValueMemberM:
		return &types.AttributeValueMemberM{Value: renewedMap(v.Value, names)}
	default:
		return v // numbers and lines name nothing
	}
}
