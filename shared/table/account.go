package table

import (
	"context"
	"errors"
	"slices"
	"time"

	"waybill/shared/ident"
	"waybill/shared/order"
	"waybill/shared/payment"
	"waybill/shared/refusal"
)

// accountRecord is an order's payments. It is only ever written together with the order.
type accountRecord struct {
	PK       string          `dynamodbav:"pk"`
	SK       string          `dynamodbav:"sk"`
	Version  int64           `dynamodbav:"version"`
	Entries  int64           `dynamodbav:"entries"`
	Payments []paymentRecord `dynamodbav:"payments"`
}

type paymentRecord struct {
	ID         string          `dynamodbav:"id"`
	Method     payment.Method  `dynamodbav:"method"`
	Via        string          `dynamodbav:"via,omitempty"`
	Currency   string          `dynamodbav:"currency"`
	Amount     int64           `dynamodbav:"amount"`
	Received   int64           `dynamodbav:"received,omitempty"`
	Status     payment.Status  `dynamodbav:"status"`
	Reference  string          `dynamodbav:"reference,omitempty"`
	Note       string          `dynamodbav:"note,omitempty"`
	By         string          `dynamodbav:"by"`
	Attempt    string          `dynamodbav:"attempt,omitempty"`
	Failure    string          `dynamodbav:"failure,omitempty"`
	Reason     string          `dynamodbav:"reason,omitempty"`
	Hold       bool            `dynamodbav:"hold,omitempty"`
	Session    string          `dynamodbav:"session,omitempty"`
	Intent     string          `dynamodbav:"intent,omitempty"`
	URL        string          `dynamodbav:"url,omitempty"`
	ExpiresAt  int64           `dynamodbav:"expires_at,omitempty"`
	Capture    int64           `dynamodbav:"capture,omitempty"`
	Void       bool            `dynamodbav:"void,omitempty"`
	Refused    bool            `dynamodbav:"refused,omitempty"`
	Tries      int64           `dynamodbav:"tries,omitempty"`
	Refunds    []refundRecord  `dynamodbav:"refunds,omitempty"`
	Disputes   []disputeRecord `dynamodbav:"disputes,omitempty"`
	ReceivedAt int64           `dynamodbav:"received_at,omitempty"`
	CreatedAt  int64           `dynamodbav:"created_at"`
}

type refundRecord struct {
	ID        string               `dynamodbav:"id"`
	Amount    int64                `dynamodbav:"amount"`
	Status    payment.RefundStatus `dynamodbav:"status"`
	Reason    string               `dynamodbav:"reason,omitempty"`
	Reference string               `dynamodbav:"reference,omitempty"`
	Failure   string               `dynamodbav:"failure,omitempty"`
	By        string               `dynamodbav:"by"`
	Attempt   string               `dynamodbav:"attempt,omitempty"`
	Stripe    string               `dynamodbav:"stripe,omitempty"`
	Tries     int64                `dynamodbav:"tries,omitempty"`
	At        int64                `dynamodbav:"at"`
}

type disputeRecord struct {
	Stripe string                `dynamodbav:"stripe"`
	Amount int64                 `dynamodbav:"amount"`
	Status payment.DisputeStatus `dynamodbav:"status"`
	Reason string                `dynamodbav:"reason,omitempty"`
}

// entryRecord is a row of an order's ledger of money.
type entryRecord struct {
	PK        string       `dynamodbav:"pk"`
	SK        string       `dynamodbav:"sk"`
	Number    int64        `dynamodbav:"number"`
	Kind      payment.Kind `dynamodbav:"kind"`
	PaymentID string       `dynamodbav:"payment_id"`
	Of        string       `dynamodbav:"of,omitempty"`
	Amount    int64        `dynamodbav:"amount"`
	By        string       `dynamodbav:"by"`
	At        int64        `dynamodbav:"at_ms"`
}

// ownedRecord leads from the id of a payment, or of an object of Stripe's, to its order.
type ownedRecord struct {
	PK      string `dynamodbav:"pk"`
	SK      string `dynamodbav:"sk"`
	OrderID string `dynamodbav:"order_id"`
	At      string `dynamodbav:"at,omitempty"`
	Recent  string `dynamodbav:"recent,omitempty"`
}

// SaveAccount adds the change of an order's payments, which must still be as
// they were read, with their new entries. The order must be saved in the same
// transaction: its sums follow from them.
func (tx *Tx) SaveAccount(orderID string, was, next payment.Account, at time.Time) {
	k := accountKey(orderID)
	r := accountRecord{PK: k.pk, SK: k.sk, Version: was.Version + 1, Entries: next.Entries}
	for _, p := range next.Payments {
		r.Payments = append(r.Payments, recordOfPayment(p))
		tx.owned(orderID, was.Payment(p.ID), p)
	}
	if was.Version == 0 {
		tx.create(r, func(item) error { return stale("payments of order", orderID) })
	} else {
		tx.replace(r, was.Version, "payments of order", orderID)
	}
	for _, e := range next.News {
		k := entryKey(orderID, e.Number)
		tx.create(entryRecord{
			PK: k.pk, SK: k.sk, Number: e.Number, Kind: e.Kind, PaymentID: e.PaymentID, Of: e.Of, Amount: e.Amount, By: e.By, At: e.At.UnixMilli(),
		}, func(item) error { return stale("order", orderID) })
	}
	switch k := unsettledKey(orderID); {
	case next.Owing() && !was.Owing():
		tx.put(dueRecord{PK: k.pk, SK: k.sk, At: ident.New().IDAt(at), Recent: sharded(unsettledList, orderID)}, "", nil, nil)
	case !next.Owing() && was.Owing():
		tx.remove(k)
	}
}

// owned adds what leads to the order from a payment that is new, and from ids of Stripe's that are.
func (tx *Tx) owned(orderID string, was *payment.Payment, p payment.Payment) {
	if was == nil {
		was = &payment.Payment{}
		k := paymentKey(p.ID)
		tx.put(ownedRecord{PK: k.pk, SK: k.sk, OrderID: orderID, At: p.ID, Recent: sharded(paymentsList, p.ID)}, "", nil, nil)
	}
	for _, id := range []struct{ before, now string }{{was.Session, p.Session}, {was.Intent, p.Intent}} {
		if id.now != id.before {
			k := stripeKey(id.now)
			tx.put(ownedRecord{PK: k.pk, SK: k.sk, OrderID: orderID}, "", nil, nil)
		}
	}
}

// Account reads an order's payments; none when it has none.
func (db *DB) Account(ctx context.Context, orderID string) (payment.Account, error) {
	i, err := db.get(ctx, accountKey(orderID))
	if err != nil || i == nil {
		return payment.Account{}, err
	}
	return accountOf(i)
}

// OrderAndAccount reads an order and its payments.
func (db *DB) OrderAndAccount(ctx context.Context, orderID string) (order.Order, payment.Account, error) {
	found, err := db.getAll(ctx, []key{orderKey(orderID), accountKey(orderID)})
	if err != nil {
		return order.Order{}, payment.Account{}, err
	}
	i := found[orderKey(orderID)]
	if i == nil {
		return order.Order{}, payment.Account{}, refusal.Missing("order", orderID)
	}
	o, err := orderOf(i)
	if err != nil || found[accountKey(orderID)] == nil {
		return o, payment.Account{}, err
	}
	a, err := accountOf(found[accountKey(orderID)])
	return o, a, err
}

// PaymentOrder returns the id of the order that a payment is for.
func (db *DB) PaymentOrder(ctx context.Context, paymentID string) (string, error) {
	id, err := db.owner(ctx, paymentKey(paymentID))
	if err == nil && id == "" {
		return "", refusal.Missing("payment", paymentID)
	}
	return id, err
}

// StripeOrder returns the id of the order that an object of Stripe's belongs to, "" when it is not known.
func (db *DB) StripeOrder(ctx context.Context, stripeID string) (string, error) {
	return db.owner(ctx, stripeKey(stripeID))
}

func (db *DB) owner(ctx context.Context, k key) (string, error) {
	i, err := db.get(ctx, k)
	if err != nil || i == nil {
		return "", err
	}
	r, err := decode[ownedRecord](i)
	return r.OrderID, err
}

// Entries reads an order's ledger of money, the first entry first.
func (db *DB) Entries(ctx context.Context, orderID string) ([]payment.Entry, error) {
	var out []payment.Entry
	p := Page{Limit: mostKeys}
	for {
		l, err := under(ctx, db, orderKey(orderID).pk, entryPrefix, p, entryOf)
		if err != nil {
			return nil, err
		}
		out = append(out, l.Items...)
		if l.Next == "" {
			slices.Reverse(out)
			return out, nil
		}
		p.After = l.Next
	}
}

// A PaymentFilter narrows a list of payments; zero fields do not.
type PaymentFilter struct {
	Status     payment.Status
	Method     payment.Method
	From, Till time.Time // when it was entered
}

// A PaymentOf is a payment and the order that it is for.
type PaymentOf struct {
	payment.Payment
	OrderID string
}

// Payments lists payments, newest first.
func (db *DB) Payments(ctx context.Context, f PaymentFilter, p Page) (Listing[PaymentOf], error) {
	w := walk{index: recentIndex, partitions: allShards(paymentsList), from: f.From, till: f.Till}
	refs, err := list(ctx, db, w, p, itself, decode[ownedRecord], func(ownedRecord) bool { return true })
	out := Listing[PaymentOf]{Next: refs.Next}
	if err != nil {
		return out, err
	}
	keys := make([]key, len(refs.Items))
	for i, r := range refs.Items {
		keys[i] = accountKey(r.OrderID)
	}
	found, err := db.getAll(ctx, keys)
	if err != nil {
		return out, err
	}
	for i, r := range refs.Items {
		a, err := accountOf(found[keys[i]])
		if err != nil {
			return out, err
		}
		if x := a.Payment(r.At); x != nil && (f.Status == "" || x.Status == f.Status) && (f.Method == "" || x.Method == f.Method) {
			out.Items = append(out.Items, PaymentOf{*x, r.OrderID})
		}
	}
	return out, nil
}

// Unsettled walks the ids of the orders of whose payments something was still
// to be done at Stripe at a moment, until visit returns false.
func (db *DB) Unsettled(ctx context.Context, at time.Time, visit func(orderID string) bool) error {
	w := walk{index: recentIndex, partitions: allShards(unsettledList), till: at}
	return db.due(ctx, w, orderKey("").pk, visit)
}

// heardLife is how long an event of Stripe's is remembered: Stripe lists them for 30 days.
const heardLife = 35 * 24 * time.Hour

type heardRecord struct {
	PK      string `dynamodbav:"pk"`
	SK      string `dynamodbav:"sk"`
	Type    string `dynamodbav:"type"`
	OrderID string `dynamodbav:"order_id,omitempty"`
	Expires int64  `dynamodbav:"expires"`
}

// ErrHeard is the refusal of an event of Stripe's that was taken in before.
var ErrHeard = errors.New("the event was taken in before")

// Heard adds the memory that an event of Stripe's was taken in. Its refusal is ErrHeard.
func (tx *Tx) Heard(event payment.StripeEvent, orderID string, now time.Time) {
	k := stripeKey(event.ID)
	tx.create(heardRecord{PK: k.pk, SK: k.sk, Type: event.Type, OrderID: orderID, Expires: now.Add(heardLife).Unix()},
		func(item) error { return ErrHeard })
}

// WasHeard reports whether an event of Stripe's was taken in.
func (db *DB) WasHeard(ctx context.Context, event string) (bool, error) {
	i, err := db.get(ctx, stripeKey(event))
	return i != nil, err
}

// A Review is something that Stripe sent and that does not match.
type Review struct {
	ID                  string
	Event, Type, Object string
	OrderID             string
	Problem             string
	Resolved            bool
	Note, ResolvedBy    string
	Version             int64
	At                  time.Time
}

type reviewRecord struct {
	PK         string `dynamodbav:"pk"`
	SK         string `dynamodbav:"sk"`
	At         string `dynamodbav:"at"`
	Recent     string `dynamodbav:"recent"`
	Event      string `dynamodbav:"event"`
	Type       string `dynamodbav:"type"`
	Object     string `dynamodbav:"object"`
	OrderID    string `dynamodbav:"order_id,omitempty"`
	Problem    string `dynamodbav:"problem"`
	Resolved   bool   `dynamodbav:"resolved,omitempty"`
	Note       string `dynamodbav:"note,omitempty"`
	ResolvedBy string `dynamodbav:"resolved_by,omitempty"`
	Version    int64  `dynamodbav:"version"`
}

// NewReview adds a review.
func (tx *Tx) NewReview(r Review) { tx.create(recordOfReview(r), exists("review", r.ID)) }

// SaveReview adds the change of a review that must still have version was.
func (tx *Tx) SaveReview(r Review, was int64) { tx.replace(recordOfReview(r), was, "review", r.ID) }

// Review reads a review.
func (db *DB) Review(ctx context.Context, id string) (Review, error) {
	i, err := db.get(ctx, reviewKey(id))
	if err != nil {
		return Review{}, err
	}
	if i == nil {
		return Review{}, refusal.Missing("review", id)
	}
	return reviewOf(i)
}

// Reviews lists reviews, newest first; open, when set, only those (not) resolved.
func (db *DB) Reviews(ctx context.Context, open *bool, p Page) (Listing[Review], error) {
	w := walk{index: recentIndex, partitions: allShards(reviewsList)}
	return list(ctx, db, w, p, itself, reviewOf, func(r Review) bool { return open == nil || r.Resolved != *open })
}

func recordOfReview(r Review) reviewRecord {
	k := reviewKey(r.ID)
	return reviewRecord{
		PK: k.pk, SK: k.sk, At: r.ID, Recent: sharded(reviewsList, r.ID), Event: r.Event, Type: r.Type, Object: r.Object,
		OrderID: r.OrderID, Problem: r.Problem, Resolved: r.Resolved, Note: r.Note, ResolvedBy: r.ResolvedBy, Version: r.Version,
	}
}

func reviewOf(i item) (Review, error) {
	r, err := decode[reviewRecord](i)
	if err != nil {
		return Review{}, err
	}
	at, err := timeOf(r.At)
	return Review{
		ID: r.At, Event: r.Event, Type: r.Type, Object: r.Object, OrderID: r.OrderID, Problem: r.Problem,
		Resolved: r.Resolved, Note: r.Note, ResolvedBy: r.ResolvedBy, Version: r.Version, At: at,
	}, err
}

type sweepRecord struct {
	PK    string `dynamodbav:"pk"`
	SK    string `dynamodbav:"sk"`
	Until int64  `dynamodbav:"until"`
}

// Swept is the moment until which Stripe's events were looked through; zero before the first time.
func (db *DB) Swept(ctx context.Context) (time.Time, error) {
	i, err := db.get(ctx, sweepKey())
	if err != nil || i == nil {
		return time.Time{}, err
	}
	r, err := decode[sweepRecord](i)
	return moment(r.Until), err
}

// SweptUntil adds the moment until which Stripe's events were looked through.
func (tx *Tx) SweptUntil(at time.Time) {
	k := sweepKey()
	tx.put(sweepRecord{PK: k.pk, SK: k.sk, Until: at.UnixMilli()}, "", nil, nil)
}

type moneyProofRecord struct {
	PK    string `dynamodbav:"pk"`
	SK    string `dynamodbav:"sk"`
	After string `dynamodbav:"after,omitempty"`
}

// MoneyProven is the cursor in the list of payments that the proof came to; "" is the beginning.
func (db *DB) MoneyProven(ctx context.Context) (after string, err error) {
	i, err := db.get(ctx, moneyProofKey())
	if err != nil || i == nil {
		return "", err
	}
	r, err := decode[moneyProofRecord](i)
	return r.After, err
}

// MoneyProvenTo adds the cursor that the proof came to.
func (tx *Tx) MoneyProvenTo(after string) {
	k := moneyProofKey()
	tx.put(moneyProofRecord{PK: k.pk, SK: k.sk, After: after}, "", nil, nil)
}

// EventOrder returns the id of the order whose event this is, by its key and type, when it is one.
func EventOrder(pk, sk string) (orderID string, ok bool) {
	prefix := orderKey("").pk
	if len(pk) <= len(prefix) || pk[:len(prefix)] != prefix || len(sk) <= len(eventPrefix) || sk[:len(eventPrefix)] != eventPrefix {
		return "", false
	}
	return pk[len(prefix):], true
}

// EventType is the attribute of a stored event that says what happened.
const EventType = "type"

func recordOfPayment(p payment.Payment) paymentRecord {
	r := paymentRecord{
		ID: p.ID, Method: p.Method, Via: p.Via, Currency: p.Currency, Amount: p.Amount, Received: p.Received, Status: p.Status,
		Reference: p.Reference, Note: p.Note, By: p.By, Attempt: p.Attempt, Failure: p.Failure, Reason: p.Reason, Hold: p.Hold,
		Session: p.Session, Intent: p.Intent, URL: p.URL, ExpiresAt: optional(p.ExpiresAt), Capture: p.Capture, Void: p.Void, Refused: p.Refused, Tries: p.Tries,
		ReceivedAt: optional(p.ReceivedAt), CreatedAt: p.CreatedAt.UnixMilli(),
	}
	for _, x := range p.Refunds {
		r.Refunds = append(r.Refunds, refundRecord{
			ID: x.ID, Amount: x.Amount, Status: x.Status, Reason: x.Reason, Reference: x.Reference, Failure: x.Failure,
			By: x.By, Attempt: x.Attempt, Stripe: x.Stripe, Tries: x.Tries, At: x.At.UnixMilli(),
		})
	}
	for _, d := range p.Disputes {
		r.Disputes = append(r.Disputes, disputeRecord(d))
	}
	return r
}

func accountOf(i item) (payment.Account, error) {
	r, err := decode[accountRecord](i)
	a := payment.Account{Version: r.Version, Entries: r.Entries}
	for _, p := range r.Payments {
		x := payment.Payment{
			ID: p.ID, Method: p.Method, Via: p.Via, Currency: p.Currency, Amount: p.Amount, Received: p.Received, Status: p.Status,
			Reference: p.Reference, Note: p.Note, By: p.By, Attempt: p.Attempt, Failure: p.Failure, Reason: p.Reason, Hold: p.Hold,
			Session: p.Session, Intent: p.Intent, URL: p.URL, ExpiresAt: momentIf(p.ExpiresAt), Capture: p.Capture, Void: p.Void, Refused: p.Refused, Tries: p.Tries,
			ReceivedAt: momentIf(p.ReceivedAt), CreatedAt: moment(p.CreatedAt),
		}
		for _, f := range p.Refunds {
			x.Refunds = append(x.Refunds, payment.Refund{
				ID: f.ID, Amount: f.Amount, Status: f.Status, Reason: f.Reason, Reference: f.Reference, Failure: f.Failure,
				By: f.By, Attempt: f.Attempt, Stripe: f.Stripe, Tries: f.Tries, At: moment(f.At),
			})
		}
		for _, d := range p.Disputes {
			x.Disputes = append(x.Disputes, payment.Dispute(d))
		}
		a.Payments = append(a.Payments, x)
	}
	return a, err
}

func entryOf(i item) (payment.Entry, error) {
	r, err := decode[entryRecord](i)
	return payment.Entry{Number: r.Number, Kind: r.Kind, PaymentID: r.PaymentID, Of: r.Of, Amount: r.Amount, By: r.By, At: moment(r.At)}, err
}

// optional is a moment in milliseconds, 0 for none.
func optional(at *time.Time) int64 {
	if at == nil {
		return 0
	}
	return at.UnixMilli()
}

func momentIf(ms int64) *time.Time {
	if ms == 0 {
		return nil
	}
	at := moment(ms)
	return &at
}
