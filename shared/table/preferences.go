package table

import (
	"context"

	"waybill/shared/notice"
	"waybill/shared/refusal"
)

type preferencesRecord struct {
	PK         string `dynamodbav:"pk"`
	SK         string `dynamodbav:"sk"`
	CustomerID string `dynamodbav:"customer_id"`
	Token      string `dynamodbav:"token"`
	Email      bool   `dynamodbav:"email,omitempty"`
	SMS        bool   `dynamodbav:"sms,omitempty"`
	Version    int64  `dynamodbav:"version"`
}

// optOutRecord leads from the hash of a link's token to the customer.
type optOutRecord struct {
	PK         string `dynamodbav:"pk"`
	SK         string `dynamodbav:"sk"`
	CustomerID string `dynamodbav:"customer_id"`
}

// Preferences reads by which ways a customer wants to be told; those of one who
// never said so are Unchosen.
func (db *DB) Preferences(ctx context.Context, customerID string) (notice.Preferences, error) {
	i, err := db.get(ctx, preferencesKey(customerID))
	if err != nil {
		return notice.Preferences{}, err
	}
	if i == nil {
		return notice.Unchosen(customerID), nil
	}
	r, err := decode[preferencesRecord](i)
	return notice.Preferences{CustomerID: r.CustomerID, Token: r.Token, Email: r.Email, SMS: r.SMS, Version: r.Version}, err
}

// LinkPreferences reads a customer's preferences and sees to it that there is a
// link to them, with this new token if there was none.
func (db *DB) LinkPreferences(ctx context.Context, customerID, token string) (notice.Preferences, error) {
	var p notice.Preferences
	err := db.Settle(ctx, func(ctx context.Context) (*Tx, error) {
		var err error
		tx := &Tx{}
		if p, err = db.Preferences(ctx, customerID); err == nil && p.Token == "" {
			was := p
			p.Token = token
			tx.SavePreferences(p, was)
		}
		return tx, err
	})
	return p, err
}

// PreferencesByToken reads the preferences that a link leads to; a refusal of
// kind NotFound for one that leads nowhere.
func (db *DB) PreferencesByToken(ctx context.Context, token string) (notice.Preferences, error) {
	i, err := db.get(ctx, optOutKey(digest(token)))
	if err != nil {
		return notice.Preferences{}, err
	}
	if i == nil {
		return notice.Preferences{}, refusal.New(refusal.NotFound, "not_found", "This link leads nowhere.")
	}
	r, err := decode[optOutRecord](i)
	if err != nil {
		return notice.Preferences{}, err
	}
	return db.Preferences(ctx, r.CustomerID)
}

// SavePreferences adds a customer's preferences, which must be as they were
// read: those without a link are made new, with theirs.
func (tx *Tx) SavePreferences(p, was notice.Preferences) {
	k := preferencesKey(p.CustomerID)
	r := preferencesRecord{PK: k.pk, SK: k.sk, CustomerID: p.CustomerID, Token: p.Token, Email: p.Email, SMS: p.SMS, Version: p.Version}
	if was.Token != "" {
		tx.replace(r, was.Version, "preferences of customer", p.CustomerID)
		return
	}
	tx.create(r, func(item) error { return stale("preferences of customer", p.CustomerID) })
	o := optOutKey(digest(p.Token))
	tx.create(optOutRecord{PK: o.pk, SK: o.sk, CustomerID: p.CustomerID}, exists("link", "of this token"))
}

// PreferencesStand adds the condition that preferences are as they were read.
func (tx *Tx) PreferencesStand(p notice.Preferences) {
	tx.require(preferencesKey(p.CustomerID), "version = :was", item{":was": number(p.Version)}, func(item) error {
		return stale("preferences of customer", p.CustomerID)
	})
}
