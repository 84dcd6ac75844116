package table

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"waybill/shared/event"
	"waybill/shared/refusal"
	"waybill/shared/stock"
)

// stockRecord is a stock item. All three quantities are stored, because a
// condition can't compute: `available >= :q` is what keeps the promise.
type stockRecord struct {
	PK        string `dynamodbav:"pk"`
	SK        string `dynamodbav:"sk"`
	OnHand    int64  `dynamodbav:"on_hand"`
	Reserved  int64  `dynamodbav:"reserved"`
	Available int64  `dynamodbav:"available"`
	Value     int64  `dynamodbav:"stock_value"`
	Version   int64  `dynamodbav:"version"`
	Moves     int64  `dynamodbav:"moves"`
}

type movementRecord struct {
	PK         string     `dynamodbav:"pk"`
	SK         string     `dynamodbav:"sk"`
	At         string     `dynamodbav:"at"`
	Recent     string     `dynamodbav:"recent"`
	Kind       stock.Kind `dynamodbav:"kind"`
	SKU        string     `dynamodbav:"sku"`
	Location   string     `dynamodbav:"location"`
	Quantity   int64      `dynamodbav:"qty"`
	ToLocation string     `dynamodbav:"to_location,omitempty"`
	UnitCost   *int64     `dynamodbav:"unit_cost,omitempty"`
	Value      int64      `dynamodbav:"stock_value,omitempty"`
	Reference  string     `dynamodbav:"reference,omitempty"`
	Reason     string     `dynamodbav:"reason,omitempty"`
	Actor      string     `dynamodbav:"actor"`
}

// Reserve adds the reservation of n more units at a place, or for a negative n
// the giving back of −n. Its refusal is a *stock.Shortage with what is left there.
func (tx *Tx) Reserve(p stock.Place, n int64) {
	const change = "ADD reserved :n, available :minus, version :one"
	values := item{":n": number(n), ":minus": number(-n), ":one": number(1)}
	if n > 0 {
		tx.update(stockKey(p), change, "available >= :n", values, func(was item) error {
			return &stock.Shortage{SKU: p.SKU, Wanted: n, Available: attribute(was, "available")}
		})
		return
	}
	values[":back"] = number(-n)
	tx.update(stockKey(p), change, "reserved >= :back", values, func(was item) error {
		return &Overdrawn{Place: p, Back: -n, Reserved: attribute(was, "reserved")}
	})
}

// Overdrawn says that more was to be given back at a place than is reserved there.
type Overdrawn struct {
	stock.Place
	Back, Reserved int64
}

func (o *Overdrawn) Error() string {
	return fmt.Sprintf("%s at %s: %d units to give back and %d reserved", o.SKU, o.Location, o.Back, o.Reserved)
}

// mostOnHand is how many units a place holds at most: far from where counting ends.
const mostOnHand = 1_000_000_000_000

// Moved says that a stock item moved while a movement's value was computed.
type Moved struct{ stock.Place }

func (m *Moved) Error() string { return m.SKU + " moved at " + m.Location }

// Move adds the change of on-hand quantity and value at a place, where release
// reserved units are given back at the same time. What leaves must be
// available: the refusal is a *stock.Shortage. Unless before is nil, the item
// must not have moved since it was read so, for the value was computed from it:
// the refusal is *Moved.
func (tx *Tx) Move(c stock.Change, release int64, before *stock.Item) {
	values := item{
		":n": number(c.OnHand), ":value": number(c.Value), ":one": number(1),
		":free": number(c.OnHand + release), ":release": number(-release),
	}
	condition := ""
	if c.OnHand > 0 {
		condition = "(attribute_not_exists(pk) OR (on_hand <= :most AND stock_value <= :dearest))"
		values[":most"], values[":dearest"] = number(mostOnHand-c.OnHand), number(math.MaxInt64-max(c.Value, 0))
	}
	if c.OnHand < 0 {
		condition = "available >= :need AND on_hand >= :out AND reserved >= :back"
		values[":need"], values[":out"], values[":back"] = number(-c.OnHand-release), number(-c.OnHand), number(release)
	}
	if before != nil {
		same := "moves = :moves"
		if before.Moves == 0 {
			same = "attribute_not_exists(pk)"
		} else {
			values[":moves"] = number(before.Moves)
		}
		if condition != "" {
			condition += " AND "
		}
		condition += same
	}
	tx.update(stockKey(c.Place), "ADD on_hand :n, reserved :release, available :free, stock_value :value, version :one, moves :one", condition, values,
		func(was item) error {
			if before != nil && attribute(was, "moves") != before.Moves {
				return &Moved{c.Place}
			}
			if c.OnHand > 0 {
				return refusal.Field("quantity", "amount_too_large", "%s at %s would come to more than can be counted.", c.SKU, c.Location)
			}
			return &stock.Shortage{SKU: c.SKU, Wanted: -c.OnHand - release, Available: attribute(was, "available")}
		})
}

// Movement adds an entry to the ledger. It is its own entry in the audit trail.
func (tx *Tx) Movement(m stock.Movement) {
	k := movementKey(m.SKU, m.ID)
	tx.create(movementRecord{
		PK: k.pk, SK: k.sk, At: m.ID, Recent: sharded(eventsList, m.ID),
		Kind: m.Kind, SKU: m.SKU, Location: m.Location, Quantity: m.Quantity, ToLocation: m.ToLocation,
		UnitCost: m.UnitCost, Value: m.Value, Reference: m.Reference, Reason: m.Reason, Actor: m.Actor,
	}, exists("movement", m.ID))
}

// Stock reads the stock items of these places; one that never moved is a zero item.
func (db *DB) Stock(ctx context.Context, places []stock.Place) (map[stock.Place]stock.Item, error) {
	keys := make([]key, len(places))
	for i, p := range places {
		keys[i] = stockKey(p)
	}
	found, err := db.getAll(ctx, keys)
	if err != nil {
		return nil, err
	}
	items := make(map[stock.Place]stock.Item, len(places))
	for _, p := range places {
		if items[p], err = stockOf(p, found[stockKey(p)]); err != nil {
			return nil, err
		}
	}
	return items, nil
}

// Movement reads an entry of the ledger.
func (db *DB) Movement(ctx context.Context, sku, id string) (stock.Movement, error) {
	i, err := db.get(ctx, movementKey(sku, id))
	if err != nil {
		return stock.Movement{}, err
	}
	if i == nil {
		return stock.Movement{}, refusal.Missing("movement", id)
	}
	return movementOf(i)
}

// Movements lists a SKU's movements at all locations, newest first.
func (db *DB) Movements(ctx context.Context, sku string, p Page) (Listing[stock.Movement], error) {
	return under(ctx, db, stockPartition(sku), movementPrefix, p, movementOf)
}

// A Ledger is everything of a SKU: its stock items, all its movements, and who waits for it.
type Ledger struct {
	Items     []stock.Item
	Movements []stock.Movement
	Waiting   map[string]bool // ids of orders; an entry may outlive the waiting
}

// Ledger reads everything of a SKU at once.
func (db *DB) Ledger(ctx context.Context, sku string) (Ledger, error) {
	in := dynamodb.QueryInput{
		TableName: &db.name, ConsistentRead: aws.Bool(true),
		KeyConditionExpression:    aws.String("pk = :pk"),
		ExpressionAttributeValues: item{":pk": text(stockPartition(sku))},
	}
	l := Ledger{Waiting: map[string]bool{}}
	for {
		out, err := db.client.Query(ctx, &in)
		if err != nil {
			return l, fmt.Errorf("read the ledger of %s: %w", sku, outage(err))
		}
		for _, i := range out.Items {
			if err := l.add(sku, i); err != nil {
				return l, err
			}
		}
		if len(out.LastEvaluatedKey) == 0 {
			return l, nil
		}
		in.ExclusiveStartKey = out.LastEvaluatedKey
	}
}

// add files an item of a SKU's partition by what it is.
func (l *Ledger) add(sku string, i item) error {
	sk := keyOf(i).sk
	switch {
	case strings.HasPrefix(sk, stockPrefix):
		s, err := stockOf(stock.Place{SKU: sku, Location: sk[len(stockPrefix):]}, i)
		l.Items = append(l.Items, s)
		return err
	case strings.HasPrefix(sk, movementPrefix):
		m, err := movementOf(i)
		l.Movements = append(l.Movements, m)
		return err
	case strings.HasPrefix(sk, waitPrefix):
		r, err := decode[waitRecord](i)
		l.Waiting[r.OrderID] = true
		return err
	}
	return nil
}

// A locationsRecord holds all locations in one item: they are few, change
// seldom, and every order needs all of them.
type locationsRecord struct {
	PK        string           `dynamodbav:"pk"`
	SK        string           `dynamodbav:"sk"`
	Version   int64            `dynamodbav:"version"`
	Locations []locationRecord `dynamodbav:"locations"`
}

type locationRecord struct {
	Code     string `dynamodbav:"code"`
	Name     string `dynamodbav:"name"`
	Priority int    `dynamodbav:"priority"`
	Version  int64  `dynamodbav:"version"`
}

// Locations are all the locations there are, in the order they are taken from.
type Locations struct {
	Version int64 // 0: none was ever stored
	List    []stock.Location
}

// Codes returns the locations' codes, in their order.
func (l Locations) Codes() []string {
	codes := make([]string, len(l.List))
	for i, x := range l.List {
		codes[i] = x.Code
	}
	return codes
}

// Find returns the location with this code.
func (l Locations) Find(code string) (stock.Location, bool) {
	i := slices.IndexFunc(l.List, func(x stock.Location) bool { return x.Code == code })
	if i < 0 {
		return stock.Location{}, false
	}
	return l.List[i], true
}

// Locations reads the locations; a fresh system has MAIN.
func (db *DB) Locations(ctx context.Context) (Locations, error) {
	i, err := db.get(ctx, locationsKey())
	if err != nil {
		return Locations{}, err
	}
	return locationsOf(i)
}

// SaveLocations adds the change of the locations, which must still have version was.
func (tx *Tx) SaveLocations(l Locations, was int64) {
	k := locationsKey()
	r := locationsRecord{PK: k.pk, SK: k.sk, Version: was + 1}
	for _, x := range l.List {
		r.Locations = append(r.Locations, locationRecord(x))
	}
	if was == 0 {
		tx.create(r, func(item) error { return stale("the list of", "locations") })
		return
	}
	tx.replace(r, was, "the list of", "locations")
}

func locationsOf(i item) (Locations, error) {
	if i == nil {
		return Locations{List: []stock.Location{stock.Main}}, nil
	}
	r, err := decode[locationsRecord](i)
	if err != nil {
		return Locations{}, err
	}
	l := Locations{Version: r.Version}
	for _, x := range r.Locations {
		l.List = append(l.List, stock.Location(x))
	}
	slices.SortFunc(l.List, func(a, b stock.Location) int {
		if a.Priority != b.Priority {
			return a.Priority - b.Priority
		}
		if a.Code < b.Code {
			return -1
		}
		return 1
	})
	return l, nil
}

func stockOf(p stock.Place, i item) (stock.Item, error) {
	if i == nil {
		return stock.Item{Place: p}, nil
	}
	r, err := decode[stockRecord](i)
	return stock.Item{
		Place: p, OnHand: r.OnHand, Reserved: r.Reserved, Available: r.Available,
		Value: r.Value, Version: r.Version, Moves: r.Moves,
	}, err
}

func movementOf(i item) (stock.Movement, error) {
	r, err := decode[movementRecord](i)
	if err != nil {
		return stock.Movement{}, err
	}
	at, err := timeOf(r.At)
	return stock.Movement{
		ID: r.At, Kind: r.Kind, Place: stock.Place{SKU: r.SKU, Location: r.Location},
		Quantity: r.Quantity, ToLocation: r.ToLocation, UnitCost: r.UnitCost, Value: r.Value,
		Reference: r.Reference, Reason: r.Reason, Actor: r.Actor, At: at,
	}, err
}

// movementEvent is how a movement stands in the audit trail.
func movementEvent(m stock.Movement) event.Event {
	data := map[string]any{"movement": m.ID, "location": m.Location, "quantity": m.Quantity}
	for k, v := range map[string]string{"to_location": m.ToLocation, "reference": m.Reference, "reason": m.Reason} {
		if v != "" {
			data[k] = v
		}
	}
	return event.Event{
		ID: m.ID, Subject: event.Subject{Kind: event.Stock, ID: m.SKU}, Type: event.Type("stock." + string(m.Kind)),
		At: m.At, Actor: m.Actor, Data: data,
	}
}

// attribute reads a number of an item; 0 when it is not there.
func attribute(i item, name string) int64 {
	var n int64
	if v, ok := i[name].(*types.AttributeValueMemberN); ok {
		_, _ = fmt.Sscan(v.Value, &n) // what is not a number counts as 0
	}
	return n
}
