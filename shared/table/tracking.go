package table

import (
	"context"

	"waybill/shared/product"
	"waybill/shared/refusal"
)

// A TrackingLink is how an order's customer follows it without a login. Version
// counts the links that there were; 0 is that there never was one.
type TrackingLink struct {
	OrderID string
	Token   string // "" for a link that is revoked
	Version int64
}

type trackingRecord struct {
	PK      string `dynamodbav:"pk"`
	SK      string `dynamodbav:"sk"`
	OrderID string `dynamodbav:"order_id"`
	Token   string `dynamodbav:"token,omitempty"`
	Version int64  `dynamodbav:"version"`
}

// trackRecord leads from the hash of a link's token to the order.
type trackRecord struct {
	PK      string `dynamodbav:"pk"`
	SK      string `dynamodbav:"sk"`
	OrderID string `dynamodbav:"order_id"`
	Link    int64  `dynamodbav:"link"` // the link's version
}

// Tracking reads an order's link; one of version 0 when there never was any.
func (db *DB) Tracking(ctx context.Context, orderID string) (TrackingLink, error) {
	i, err := db.get(ctx, trackingKey(orderID))
	if err != nil || i == nil {
		return TrackingLink{OrderID: orderID}, err
	}
	r, err := decode[trackingRecord](i)
	return TrackingLink{OrderID: r.OrderID, Token: r.Token, Version: r.Version}, err
}

// Follow reads where a token leads to. For one that leads nowhere, whatever it
// is and for whatever reason, it is the same refusal of kind NotFound after the same one read.
func (db *DB) Follow(ctx context.Context, token string) (TrackingLink, error) {
	i, err := db.get(ctx, trackKey(digest(token)))
	if err != nil {
		return TrackingLink{}, err
	}
	if i == nil {
		return TrackingLink{}, refusal.New(refusal.NotFound, "not_found", "There is nothing at this path.")
	}
	r, err := decode[trackRecord](i)
	return TrackingLink{OrderID: r.OrderID, Token: token, Version: r.Link}, err
}

// SaveTracking adds an order's new link in the place of the one that was read,
// which leads nowhere from then on. One without a token leads nowhere itself.
func (tx *Tx) SaveTracking(l, was TrackingLink) {
	k := trackingKey(l.OrderID)
	r := trackingRecord{PK: k.pk, SK: k.sk, OrderID: l.OrderID, Token: l.Token, Version: l.Version}
	if was.Version == 0 {
		tx.create(r, func(item) error { return stale("the link of order", l.OrderID) })
	} else {
		tx.replace(r, was.Version, "the link of order", l.OrderID)
	}
	if was.Token != "" {
		tx.remove(trackKey(digest(was.Token)))
	}
	if l.Token != "" {
		to := trackKey(digest(l.Token))
		tx.create(trackRecord{PK: to.pk, SK: to.sk, OrderID: l.OrderID, Link: l.Version}, exists("link", "of this token"))
	}
}

// ProductsOf reads the products of these SKUs, as many as an order has lines;
// those that are not there are missing from the answer.
func (db *DB) ProductsOf(ctx context.Context, skus []string) (map[string]product.Product, error) {
	return byID(ctx, db, skus, productKey, productOf)
}
