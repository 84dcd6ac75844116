// Package feed is what staff reads of what happened: their lines in the app,
// which of them they have read, and what became of an order's messages.
package feed

import (
	"cmp"
	"context"
	"time"

	"waybill/shared/access"
	"waybill/shared/ident"
	"waybill/shared/notice"
	"waybill/shared/refusal"
	"waybill/shared/table"
)

// A Desk is where staff reads. It keeps no state.
type Desk struct {
	DB  *table.DB
	IDs ident.Source
}

// By is who asks, and how a retry is known.
type By = table.By

// A Line is something that somebody is told in the app.
type Line struct {
	notice.Notice
	Read bool
}

// List reads a page of what p is told, newest first, and how much of all is unread, up to 100.
func (d *Desk) List(ctx context.Context, p access.Principal, page table.Page) (lines table.Listing[Line], unread int64, err error) {
	reading, err := d.DB.Reading(ctx, p.ID)
	if err != nil {
		return lines, 0, err
	}
	l, err := d.DB.NoticeFeed(ctx, p, page)
	if err != nil {
		return lines, 0, err
	}
	lines.Next = l.Next
	for _, n := range l.Items {
		lines.Items = append(lines.Items, Line{n, reading.Has(n.Place)})
	}
	unread, err = d.DB.Unread(ctx, p, reading)
	return lines, unread, err
}

// Unread counts what p has not read, up to 100.
func (d *Desk) Unread(ctx context.Context, p access.Principal) (int64, error) {
	reading, err := d.DB.Reading(ctx, p.ID)
	if err != nil {
		return 0, err
	}
	return d.DB.Unread(ctx, p, reading)
}

// Read notes what somebody has read: everything up to a place ("" for none),
// and the lines at others. It returns how much is unread then.
func (d *Desk) Read(ctx context.Context, by By, upTo string, places []string) (int64, error) {
	var reading notice.Reading
	err := d.DB.Settle(ctx, func(ctx context.Context) (*table.Tx, error) {
		now := d.IDs.Now()
		for _, place := range append([]string{upTo}, places...) {
			if err := past(place, now); err != nil {
				return nil, err
			}
		}
		var err error
		if reading, err = d.DB.Reading(ctx, by.Principal.ID); err != nil {
			return nil, err
		}
		was, tx := reading.Version, &table.Tx{}
		reading.Take(upTo, places...)
		tx.SaveReading(by.Principal.ID, reading, was)
		tx.Mark(by.Mark, by.Principal.ID, now)
		return tx, nil
	})
	if err != nil {
		return 0, err
	}
	return d.DB.Unread(ctx, by.Principal, reading)
}

// past refuses the place of a line that can't be there yet: what comes would count as read.
func past(place string, now time.Time) error {
	if place == "" {
		return nil
	}
	at, err := ident.Time(place)
	if err != nil || at.After(now.Add(time.Minute)) {
		return refusal.Field("up_to", "invalid", "There is no notification %s.", place)
	}
	return nil
}

// OfOrder lists the messages of an order that p may see, newest first. A page
// may hold fewer than its limit though more follow.
func (d *Desk) OfOrder(ctx context.Context, p access.Principal, orderID string, page table.Page) (table.Listing[notice.Notice], error) {
	var none table.Listing[notice.Notice]
	o, err := d.DB.Order(ctx, orderID)
	if err != nil {
		return none, err
	}
	ok, err := o.SeenBy(p, func() (string, error) { return d.DB.CustomerOwner(ctx, o.CustomerID) })
	if err != nil || !ok {
		return none, cmp.Or(err, error(refusal.Missing("order", orderID)))
	}
	return d.DB.OrderNotices(ctx, orderID, page)
}
