package main

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"waybill/shared/ident"
)

// names makes the names that a new order needs. Its order numbers are counted,
// of a month that nobody enters orders in: random ones would clash now and
// then, which the system mends and a bare call can't.
type names struct {
	ids    ident.Source
	orders atomic.Int64
}

// renaming replaces the names in the transaction of an order by new ones of
// the same length.
func (n *names) renaming(write *dynamodb.TransactWriteItemsInput) (*strings.Replacer, error) {
	var pairs []string
	for _, action := range write.TransactItems {
		if action.Put == nil {
			continue
		}
		pk, sk := keyOf(action)
		_, name, _ := strings.Cut(pk, "#")
		switch partOf(action) {
		case partOrder:
			pairs = append(pairs, name, n.ids.ID())
		case partNumber:
			pairs = append(pairs, name, fmt.Sprintf("SO-0001-%06d", n.orders.Add(1)))
		case partMark:
			pairs = append(pairs, name, digest())
		case partEvent:
			pairs = append(pairs, textOf(action.Put.Item, "at"), n.ids.ID())
		case partExpiry: // it is named after the order
		default:
			return nil, fmt.Errorf("an order writes %s %s, which the bare calls don't know", pk, sk)
		}
	}
	if len(pairs) != 8 {
		return nil, errors.New("the transaction of an order lacks an order, a number, an event or a mark")
	}
	return strings.NewReplacer(pairs...), nil
}

func digest() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // it never fails
	return hex.EncodeToString(b[:])
}

// The parts of an order's transaction.
const (
	partOrder  = "order"
	partNumber = "number"
	partEvent  = "event"
	partMark   = "mark"
	partStock  = "stock"
	partCredit = "credit of the customer" // of who pays later
	partExpiry = "time to pay"            // of who pays in advance
)

// partOf names the part that an action is, by its key; "" for one that is none of them.
func partOf(action types.TransactWriteItem) string {
	_, sk := keyOf(action)
	kind, _, _ := strings.Cut(sk, "#")
	return map[string]string{
		"ORDER": partOrder, "NUMBER": partNumber, "EVENT": partEvent, "MARK": partMark, "LOCATION": partStock,
		"CREDIT": partCredit, "EXPIRY": partExpiry,
	}[kind]
}

func keyOf(action types.TransactWriteItem) (pk, sk string) {
	key := map[string]types.AttributeValue{}
	switch {
	case action.Put != nil:
		key = action.Put.Item
	case action.Update != nil:
		key = action.Update.Key
	}
	return textOf(key, "pk"), textOf(key, "sk")
}

func textOf(item map[string]types.AttributeValue, attribute string) string {
	v, _ := item[attribute].(*types.AttributeValueMemberS)
	if v == nil {
		return ""
	}
	return v.Value
}
