package main

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Units is what DynamoDB charges for writing one order, by its own account.
type Units struct {
	Order   string  `json:"order"` // what kind of order
	Table   float64 `json:"table"`
	Indexes float64 `json:"indexes"`
	Parts   []Part  `json:"parts"`
	// Floor is what the same facts would cost at least: one transaction of the
	// order and its stock items at their sizes, in no index.
	Floor float64 `json:"floor"`
	Reads float64 `json:"read_units"`
}

// A Part is one item of the transaction: its size in bytes as DynamoDB counts
// it, and what it adds to the transaction.
type Part struct {
	Name    string  `json:"name"`
	Bytes   int     `json:"bytes"`
	Table   float64 `json:"table"`
	Indexes float64 `json:"indexes"`
}

func units(ctx context.Context, s *shop, now func() time.Time) ([]Units, error) {
	var out []Units
	for _, order := range []struct{ name, customer string }{
		{"two addresses", s.homed}, {"no address", s.plain},
	} {
		u, err := unitsOf(ctx, s, order.customer, now)
		if err != nil {
			return nil, fmt.Errorf("order with %s: %w", order.name, err)
		}
		u.Order = order.name
		out = append(out, u)
	}
	return out, nil
}

func unitsOf(ctx context.Context, s *shop, customer string, now func() time.Time) (Units, error) {
	var u Units
	bodies, err := s.bodies(customer)
	if err != nil {
		return u, err
	}
	spy := newSpy(s.client)
	c, err := openCounter(s, spy.client, now)
	if err != nil {
		return u, err
	}
	recorded, err := spy.record(ctx, c, bodies[:1])
	if err != nil {
		return u, err
	}
	return (&till{client: s.client, order: recorded[0], names: &s.names}).bill(ctx)
}

// A till writes the parts of an order one by one, each time with new names, and
// reads what that costs. It writes them plainly: DynamoDB Local's account of a
// transaction counts items of equal cost once, and doubles what it counts twice.
type till struct {
	client *dynamodb.Client
	order  calls
	names  *names
}

// transactional is how much more a table's items cost in a transaction than by
// themselves. What they cost in the indexes, which follow later, is the same.
const transactional = 2

// bill is what the order costs, part by part.
func (t *till) bill(ctx context.Context) (Units, error) {
	var u Units
	order, err := t.order.again(t.names)
	if err != nil {
		return u, err
	}
	for _, action := range order.write.TransactItems {
		p, err := t.price(ctx, action)
		if err != nil {
			return u, err
		}
		u.Parts = append(u.Parts, p)
		u.Table += p.Table
		u.Indexes += p.Indexes
		if p.Name == partOrder || p.Name == partStock {
			u.Floor += p.Table
		}
	}
	u.Reads, err = t.reads(ctx)
	return u, err
}

// price writes an action and returns what it costs in a transaction.
func (t *till) price(ctx context.Context, action types.TransactWriteItem) (Part, error) {
	p := Part{Name: partOf(action)}
	var cost *types.ConsumedCapacity
	var stored map[string]types.AttributeValue
	switch {
	case action.Put != nil:
		out, err := t.client.PutItem(ctx, &dynamodb.PutItemInput{
			TableName: action.Put.TableName, Item: action.Put.Item, ReturnConsumedCapacity: types.ReturnConsumedCapacityIndexes,
		})
		if err != nil {
			return p, fmt.Errorf("put %s: %w", p.Name, err)
		}
		cost, stored = out.ConsumedCapacity, action.Put.Item
	case action.Update != nil:
		out, err := t.client.UpdateItem(ctx, &dynamodb.UpdateItemInput{
			TableName: action.Update.TableName, Key: action.Update.Key, UpdateExpression: action.Update.UpdateExpression,
			ConditionExpression: action.Update.ConditionExpression, ExpressionAttributeNames: action.Update.ExpressionAttributeNames, ExpressionAttributeValues: action.Update.ExpressionAttributeValues,
			ReturnValues: types.ReturnValueAllNew, ReturnConsumedCapacity: types.ReturnConsumedCapacityIndexes,
		})
		if err != nil {
			return p, fmt.Errorf("update %s: %w", p.Name, err)
		}
		cost, stored = out.ConsumedCapacity, out.Attributes
	}
	if cost == nil || cost.Table == nil {
		return p, fmt.Errorf("DynamoDB did not say what %s costs", p.Name)
	}
	p.Bytes, p.Table = sizeOf(stored), transactional*aws.ToFloat64(cost.Table.CapacityUnits)
	for _, index := range cost.GlobalSecondaryIndexes {
		p.Indexes += aws.ToFloat64(index.CapacityUnits)
	}
	return p, nil
}

// reads is what the order's reads take.
func (t *till) reads(ctx context.Context) (float64, error) {
	read := *t.order.read
	read.ReturnConsumedCapacity = types.ReturnConsumedCapacityTotal
	out, err := t.client.BatchGetItem(ctx, &read)
	if err != nil {
		return 0, fmt.Errorf("read what is to be priced: %w", err)
	}
	var sum float64
	for _, c := range out.ConsumedCapacity {
		sum += aws.ToFloat64(c.CapacityUnits)
	}
	return sum, nil
}
