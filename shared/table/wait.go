package table

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"waybill/shared/order"
	"waybill/shared/stock"
)

// waitRecord says that an order waits for a SKU. It sorts by when the order was
// placed, among the SKU's stock items, so that those who wait are found in the
// order in which they are to be served.
type waitRecord struct {
	PK      string `dynamodbav:"pk"`
	SK      string `dynamodbav:"sk"`
	OrderID string `dynamodbav:"order_id"`
}

// waits adds the entries of what an order comes to wait for. Those of what it
// waits for no longer stay until Serve looks: it goes by the order, and a
// transaction of ninety stock items has no room for them.
func (tx *Tx) waits(was, next order.Order) {
	before, after := waiting(was), waiting(next)
	for _, l := range next.Lines {
		if k := waitKey(l.SKU, next); after[l.SKU] && !before[l.SKU] {
			tx.put(waitRecord{PK: k.pk, SK: k.sk, OrderID: next.ID}, "", nil, nil)
		}
	}
}

// NoLongerWaits adds the removal of an order's entry for a SKU. The order must
// be saved, or held still (see OrderStands), in the same transaction.
func (tx *Tx) NoLongerWaits(sku string, o order.Order) { tx.remove(waitKey(sku, o)) }

// OrderStands adds the condition that an order has the version it was read with.
func (tx *Tx) OrderStands(o order.Order) {
	tx.require(orderKey(o.ID), "version = :was", item{":was": number(o.Version)}, func(item) error { return stale("order", o.Number) })
}

// Waits counts the entries that saving the change of an order adds.
func Waits(was, next order.Order) int {
	n, before := 0, waiting(was)
	for sku := range waiting(next) {
		if !before[sku] {
			n++
		}
	}
	return n
}

func waiting(o order.Order) map[string]bool {
	skus := map[string]bool{}
	for _, l := range o.Lines {
		if l.Backordered > 0 {
			skus[l.SKU] = true
		}
	}
	return skus
}

// Waiting returns the ids of the orders that wait for a SKU, or did until
// lately, the first come first.
func (db *DB) Waiting(ctx context.Context, sku string) ([]string, error) {
	in := dynamodb.QueryInput{
		TableName: &db.name, ConsistentRead: aws.Bool(true),
		KeyConditionExpression:    aws.String("pk = :pk AND begins_with(sk, :waits)"),
		ExpressionAttributeValues: item{":pk": text(stockPartition(sku)), ":waits": text(waitPrefix)},
	}
	var ids []string
	for {
		out, err := db.client.Query(ctx, &in)
		if err != nil {
			return nil, fmt.Errorf("read who waits for %s: %w", sku, outage(err))
		}
		for _, i := range out.Items {
			r, err := decode[waitRecord](i)
			if err != nil {
				return nil, err
			}
			ids = append(ids, r.OrderID)
		}
		if len(out.LastEvaluatedKey) == 0 {
			return ids, nil
		}
		in.ExclusiveStartKey = out.LastEvaluatedKey
	}
}

// Reallocate adds what two sets of an order's allocations differ by: the
// reservations of what is new and the giving back of what is gone. It returns
// how many stock items change.
func (tx *Tx) Reallocate(was, next map[stock.Place]int64) int {
	net := map[stock.Place]int64{}
	for p, n := range was {
		net[p] -= n
	}
	for p, n := range next {
		net[p] += n
	}
	changed := 0
	for p, n := range net {
		if n != 0 {
			tx.Reserve(p, n)
			changed++
		}
	}
	return changed
}
