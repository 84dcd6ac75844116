// Package tracking is what an order's customer sees of it without a login: an
// unguessable link, which the staff renew and revoke, and what is behind it.
//
// A link is 16 characters of 62, 95 bits. What is not a link, or no more, is
// found out by one read of the hash of what was asked for, which is the same
// whatever that was. Each link is a version of the order's TRACKING item, in one
// transaction with its pointer, the end of the pointer before it, and its event.
package tracking

import (
	"cmp"
	"context"
	"fmt"
	"io"

	"waybill/shared/access"
	"waybill/shared/event"
	"waybill/shared/ident"
	"waybill/shared/refusal"
	"waybill/shared/table"
)

// A Window is where customers look in. It keeps no state.
type Window struct {
	DB  *table.DB
	IDs ident.Source // its randomness makes the tokens
}

// By is who asks, how a retry is known, and which version they saw.
type By = table.By

// system is who makes the first link, for the first message to the customer.
const system = "system"

// Ensure returns the token of an order's link, which it makes if there never
// was one; "" for an order whose link was revoked. Many at once get the same.
func (w *Window) Ensure(ctx context.Context, orderID string) (string, error) {
	var link table.TrackingLink
	err := w.DB.Settle(ctx, func(ctx context.Context) (*table.Tx, error) {
		var err error
		if link, err = w.DB.Tracking(ctx, orderID); err != nil || link.Version > 0 {
			return &table.Tx{}, err
		}
		var tx *table.Tx
		link, tx, err = w.next(link, event.TrackingMade, system)
		return tx, err
	})
	return link.Token, err
}

// Link reads the link of an order that is p's own. Without one it refuses with `not_tracked`.
func (w *Window) Link(ctx context.Context, p access.Principal, orderID string) (table.TrackingLink, error) {
	if err := w.may(ctx, p, orderID); err != nil {
		return table.TrackingLink{}, err
	}
	link, err := w.DB.Tracking(ctx, orderID)
	if err == nil && link.Token == "" {
		err = refusal.New(refusal.NotFound, "not_tracked", "Order %s has no link for its customer.", orderID)
	}
	return link, err
}

// Renew makes a new link to an order; the one before leads nowhere from then on.
func (w *Window) Renew(ctx context.Context, by By, orderID string) (table.TrackingLink, error) {
	if err := w.may(ctx, by.Principal, orderID); err != nil {
		return table.TrackingLink{}, err
	}
	var link table.TrackingLink
	err := w.DB.Settle(ctx, func(ctx context.Context) (*table.Tx, error) {
		was, err := w.DB.Tracking(ctx, orderID)
		if err == nil {
			err = by.Expects(was.Version)
		}
		if err != nil {
			return nil, err
		}
		var tx *table.Tx
		if link, tx, err = w.next(was, event.TrackingMade, by.Principal.ID); err == nil {
			tx.Mark(by.Mark, orderID, w.IDs.Now())
		}
		return tx, err
	})
	return link, err
}

// Revoke ends an order's link, and has no message make another. What is revoked stays so.
func (w *Window) Revoke(ctx context.Context, p access.Principal, orderID string) error {
	if err := w.may(ctx, p, orderID); err != nil {
		return err
	}
	return w.DB.Settle(ctx, func(ctx context.Context) (*table.Tx, error) {
		was, err := w.DB.Tracking(ctx, orderID)
		if err != nil || was.Version > 0 && was.Token == "" {
			return &table.Tx{}, err
		}
		_, tx, err := w.next(was, event.TrackingRevoked, p.ID)
		return tx, err
	})
}

// next is an order's next link, or the end of its link, and what writes it.
func (w *Window) next(was table.TrackingLink, happened event.Type, actor string) (table.TrackingLink, *table.Tx, error) {
	now, link := w.IDs.Now(), table.TrackingLink{OrderID: was.OrderID, Version: was.Version + 1}
	if happened == event.TrackingMade {
		var err error
		if link.Token, err = token(w.IDs.Random); err != nil {
			return link, nil, err
		}
	}
	tx := &table.Tx{}
	tx.SaveTracking(link, was)
	tx.Event(event.Event{
		ID: w.IDs.IDAt(now), Subject: event.Subject{Kind: event.Tracking, ID: was.OrderID}, Seq: link.Version,
		Type: happened, At: now, Actor: actor, Data: map[string]any{"order": was.OrderID},
	})
	return link, tx, nil
}

// may refuses an order that is not p's own, to whom it does not exist, and who
// sees no prices: the page behind the link shows them.
func (w *Window) may(ctx context.Context, p access.Principal, orderID string) error {
	o, err := w.DB.Order(ctx, orderID)
	if err != nil {
		return err
	}
	ok, err := o.ChangedBy(p, func() (string, error) { return w.DB.CustomerOwner(ctx, o.CustomerID) })
	if err != nil || !ok {
		return cmp.Or(err, error(refusal.Missing("order", orderID)))
	}
	return p.Require(access.PricesRead)
}

const (
	symbols   = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	tokenSize = 16
	fair      = 256 - 256%len(symbols) // bytes from here on would favour the first symbols
)

// token draws a token: every symbol as likely as any other.
func token(random io.Reader) (string, error) {
	out := make([]byte, 0, tokenSize)
	var b [2 * tokenSize]byte
	for {
		if _, err := io.ReadFull(random, b[:]); err != nil {
			return "", fmt.Errorf("draw a token: %w", err)
		}
		for _, n := range b {
			if int(n) >= fair {
				continue
			}
			if out = append(out, symbols[int(n)%len(symbols)]); len(out) == tokenSize {
				return string(out), nil
			}
		}
	}
}
