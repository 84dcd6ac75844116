package table

import (
	"context"
	"fmt"
	"strings"
	"time"

	"waybill/shared/ident"
	"waybill/shared/order"
	"waybill/shared/refusal"
)

// What follows from an order's money beside the order itself: what its customer
// owes on account, when it is to be looked at because nobody paid, and which of
// its invoices are open. All three are written with the order, by whoever writes it.
func (tx *Tx) consequences(was, next order.Order) {
	tx.exposure(was, next)
	tx.expiry(was, next)
	tx.receivables(was, next)
}

// dueRecord puts something into a list by the moment that it is due.
type dueRecord struct {
	PK     string `dynamodbav:"pk"`
	SK     string `dynamodbav:"sk"`
	At     string `dynamodbav:"at"` // an id of that moment
	Recent string `dynamodbav:"recent"`
}

// expiry lists a prepaid order by when it is to be paid. The entry is a hint
// that stays until somebody looks: the order tells whether it is due.
func (tx *Tx) expiry(was, next order.Order) {
	if next.PayBy == nil || (was.PayBy != nil && was.PayBy.Equal(*next.PayBy)) {
		return
	}
	k := expiryKey(next.ID)
	tx.put(dueRecord{PK: k.pk, SK: k.sk, At: ident.New().IDAt(*next.PayBy), Recent: sharded(expiryList, next.ID)}, "", nil, nil)
}

// Patient adds the removal of an order's entry among those that await payment.
// The order must be saved, or held still, in the same transaction.
func (tx *Tx) Patient(orderID string) { tx.remove(expiryKey(orderID)) }

// Unpaid walks the ids of the orders whose time to be paid is over, in no
// particular order, until visit returns false.
func (db *DB) Unpaid(ctx context.Context, at time.Time, visit func(orderID string) bool) error {
	w := walk{index: recentIndex, partitions: allShards(expiryList), till: at.Add(time.Millisecond)}
	return db.due(ctx, w, expiryKey("").pk, visit)
}

// due walks the entries of a list, whose partition keys are prefix and an id.
func (db *DB) due(ctx context.Context, w walk, prefix string, visit func(id string) bool) error {
	rows, err := db.open(ctx, w, "", mostKeys)
	if err != nil {
		return err
	}
	for {
		chunk, err := rows.take(ctx, mostKeys)
		if err != nil || len(chunk) == 0 {
			return err
		}
		for _, r := range chunk {
			if !visit(strings.TrimPrefix(r.key.pk, prefix)) {
				return nil
			}
		}
	}
}

// receivables lists the invoices that are open by when they are due, and takes
// those off the list that are paid.
func (tx *Tx) receivables(was, next order.Order) {
	before := map[string]bool{}
	for i, open := range was.Open() {
		before[was.Invoices[i].ID] = open > 0
	}
	for i, open := range next.Open() {
		inv := next.Invoices[i]
		k := receivableKey(inv.ID)
		switch {
		case open > 0 && !before[inv.ID]:
			tx.put(dueRecord{PK: k.pk, SK: k.sk, At: ident.New().IDAt(inv.DueAt), Recent: sharded(receivablesList, inv.ID)}, "", nil, nil)
		case open == 0 && before[inv.ID]:
			tx.remove(k)
		}
	}
}

// exposure moves what the customer owes on account, by currency. It has no
// condition: see WithinCredit.
func (tx *Tx) exposure(was, next order.Order) {
	before, after := was.OnAccount(), next.OnAccount()
	if was.CustomerID != next.CustomerID && before > 0 {
		tx.owe(was.CustomerID, was.Currency, -before)
		before = 0
	}
	if after != before {
		tx.owe(next.CustomerID, next.Currency, after-before)
	}
}

func (tx *Tx) owe(customerID, currency string, more int64) {
	tx.update(creditKey(customerID), "ADD used_"+currency+" :more", "", item{":more": number(more)}, nil)
}

// WithinCredit makes the saving of an order conditional: what its customer owes
// on account in the order's currency, with what the order adds, is at most
// limit. The refusal is of kind Conflict, `credit_limit`.
func (tx *Tx) WithinCredit(o order.Order, limit int64) {
	used := "used_" + o.Currency
	for i, p := range tx.parts {
		if p.key != creditKey(o.CustomerID) || p.write.Update == nil {
			continue
		}
		more := attribute(p.write.Update.ExpressionAttributeValues, ":more")
		if more <= 0 {
			return
		}
		refused := func(was item) error {
			left := max(0, limit-attribute(was, used))
			return &refusal.Error{
				Kind: refusal.Conflict, Code: "credit_limit", Detail: fmt.Sprintf("The order takes %d of the customer's credit, of which %d is left.", more, left),
				Items: []refusal.Item{{Field: "customer_id", Code: "credit_limit", Detail: "The customer's credit is used up.", Available: &left}},
			}
		}
		if more > limit {
			tx.never(refused(nil))
			return
		}
		condition := "attribute_not_exists(" + used + ") OR " + used + " <= :room"
		p.write.Update.ConditionExpression = &condition
		p.write.Update.ExpressionAttributeValues[":room"] = number(limit - more)
		tx.parts[i].refused = refused
	}
}

// never has the transaction refused without asking the table.
func (tx *Tx) never(why error) {
	if tx.err == nil {
		tx.err = why
	}
}

// OnAccount reads what a customer owes on account in a currency.
func (db *DB) OnAccount(ctx context.Context, customerID, currency string) (int64, error) {
	i, err := db.get(ctx, creditKey(customerID))
	return attribute(i, "used_"+currency), err
}

// AwaitPayment adds the entry of an order among those that await payment anew,
// at the moment that the order says. The order must be held still.
func (tx *Tx) AwaitPayment(o order.Order) { tx.expiry(order.Order{}, o) }
