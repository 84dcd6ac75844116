package main

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// shape is all of an action but the names in it.
type shape struct {
	Kind, Part, Condition, Update string
	Bytes                         int
	Attributes                    []string
}

func shapeOf(t *testing.T, a types.TransactWriteItem) shape {
	t.Helper()
	switch {
	case a.Put != nil:
		return shape{
			Kind: "put", Part: partOf(a), Condition: aws.ToString(a.Put.ConditionExpression),
			Bytes: sizeOf(a.Put.Item), Attributes: slices.Sorted(maps.Keys(a.Put.Item)),
		}
	case a.Update != nil:
		return shape{
			Kind: "update", Part: partOf(a), Condition: aws.ToString(a.Update.ConditionExpression), Update: aws.ToString(a.Update.UpdateExpression),
			Bytes: sizeOf(a.Update.ExpressionAttributeValues), Attributes: slices.Sorted(maps.Keys(a.Update.Key)),
		}
	default:
		t.Fatalf("an order has an action that the bare calls don't know: %+v", a)
		return shape{}
	}
}

func TestBareCallsAreThoseOfAnOrderUnderOtherNames(t *testing.T) {
	s, err := openShop(t.Context(), "../..", 4)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	bodies, err := s.bodies(s.homed)
	if err != nil {
		t.Fatal(err)
	}
	spy := newSpy(s.client)
	c, err := openCounter(s, spy.client, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	recorded, err := spy.record(t.Context(), c, bodies[:2])
	if err != nil {
		t.Fatal(err)
	}
	for _, order := range recorded {
		copied, err := order.again(&s.names)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(copied.read, order.read) {
			t.Errorf("the bare read asks for %v, the order for %v", copied.read, order.read)
		}
		was, is := order.write.TransactItems, copied.write.TransactItems
		if len(was) != len(is) || len(was) != 7 {
			t.Fatalf("the bare transaction has %d actions, the order's %d; want 7", len(is), len(was))
		}
		for i := range was {
			want, got := shapeOf(t, was[i]), shapeOf(t, is[i])
			if !reflect.DeepEqual(got, want) {
				t.Errorf("action %d is %+v, in the order %+v", i, got, want)
			}
			pk, _ := keyOf(is[i])
			if wasPK, _ := keyOf(was[i]); (pk == wasPK) != (got.Part == partStock || got.Part == partCredit) {
				t.Errorf("%s has the key %s, in the order %s", got.Part, pk, wasPK)
			}
		}
		// Every condition holds for the new names, so the whole can be written.
		if err := copied.do(t.Context(), s.client); err != nil {
			t.Error(err)
		}
	}
	answer, err := s.post(t.Context(), s.seller, "/v1/orders", bodies[0])
	if err != nil {
		t.Fatal(err)
	}
	var placed struct{ Status string }
	if err := json.Unmarshal(answer, &placed); err != nil || placed.Status != "confirmed" {
		t.Errorf("an order over HTTP came out as %s", answer)
	}
}

func TestAnOrderCostsMoreThanItsFloor(t *testing.T) {
	s, err := openShop(t.Context(), "../..", 4)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	found, err := units(t.Context(), s, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range found {
		var table, indexes float64
		for _, p := range u.Parts {
			table, indexes = table+p.Table, indexes+p.Indexes
			if started := float64((p.Bytes + 1023) / 1024); p.Table != transactional*started {
				t.Errorf("%s of %d bytes costs %g units", p.Name, p.Bytes, p.Table)
			}
		}
		if table != u.Table || indexes != u.Indexes || len(u.Parts) != 7 {
			t.Errorf("the parts don't come to the whole: %+v", u)
		}
		if u.Floor >= u.Table+u.Indexes || u.Floor < 3*transactional {
			t.Errorf("the floor is %g of %g", u.Floor, u.Table+u.Indexes)
		}
	}
}
