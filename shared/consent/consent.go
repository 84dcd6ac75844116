// Package consent keeps by which ways customers want to be told: what staff
// changes on their word, and what they choose themselves behind the link in
// every mail. Each change is one transaction of the preferences, their event
// and the caller's idempotency mark.
package consent

import (
	"context"
	"crypto/rand"

	"waybill/shared/access"
	"waybill/shared/event"
	"waybill/shared/ident"
	"waybill/shared/notice"
	"waybill/shared/table"
)

// A Keeper keeps preferences. It has no state.
type Keeper struct {
	DB  *table.DB
	IDs ident.Source
}

// By is who asks, how a retry is known, and which version they saw.
type By = table.By

// A Choice is what is to be; nil stays as it is.
type Choice struct{ Email, SMS *bool }

// customer is who chooses behind a link, in the audit trail.
var customer = access.Principal{ID: "customer"}

// Look reads a customer's preferences.
func (k *Keeper) Look(ctx context.Context, customerID string) (notice.Preferences, error) {
	if _, err := k.DB.Customer(ctx, customerID); err != nil {
		return notice.Preferences{}, err
	}
	return k.DB.Preferences(ctx, customerID)
}

// Edit changes a customer's preferences on the customer's word.
func (k *Keeper) Edit(ctx context.Context, by By, customerID string, c Choice) (notice.Preferences, error) {
	return k.change(ctx, by, c, func(ctx context.Context) (notice.Preferences, error) { return k.Look(ctx, customerID) })
}

// Choose changes the preferences that a link leads to.
func (k *Keeper) Choose(ctx context.Context, token string, c Choice) (notice.Preferences, error) {
	return k.change(ctx, By{Principal: customer}, c, func(ctx context.Context) (notice.Preferences, error) {
		return k.DB.PreferencesByToken(ctx, token)
	})
}

// change applies a choice. One that changes nothing is no event.
func (k *Keeper) change(ctx context.Context, by By, c Choice, read func(context.Context) (notice.Preferences, error)) (notice.Preferences, error) {
	var p notice.Preferences
	err := k.DB.Settle(ctx, func(ctx context.Context) (*table.Tx, error) {
		was, err := read(ctx)
		if err != nil {
			return nil, err
		}
		if err := by.Expects(was.Version); err != nil {
			return nil, err
		}
		p = was
		if c.Email != nil {
			p.Email = *c.Email
		}
		if c.SMS != nil {
			p.SMS = *c.SMS
		}
		tx, now := &table.Tx{}, k.IDs.Now()
		if p != was {
			p.Version++
			if p.Token == "" {
				p.Token = rand.Text()
			}
			tx.SavePreferences(p, was)
			tx.Event(event.Event{
				ID: k.IDs.IDAt(now), Subject: event.Subject{Kind: event.Preferences, ID: p.CustomerID}, Seq: p.Version,
				Type: event.PreferencesEdited, At: now, Actor: by.Principal.ID, Data: map[string]any{"email": p.Email, "sms": p.SMS},
			})
		}
		tx.Mark(by.Mark, p.CustomerID, now)
		return tx, nil
	})
	return p, err
}
