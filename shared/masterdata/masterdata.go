// Package masterdata keeps what orders are made from: products, customers,
// locations and the company's settings. Each change is one transaction of the
// record, its event and the caller's idempotency mark.
package masterdata

import (
	"context"
	"time"

	"waybill/shared/access"
	"waybill/shared/company"
	"waybill/shared/customer"
	"waybill/shared/event"
	"waybill/shared/ident"
	"waybill/shared/product"
	"waybill/shared/refusal"
	"waybill/shared/stock"
	"waybill/shared/table"
)

// A Keeper does the facts of master data. It keeps no state.
type Keeper struct {
	DB  *table.DB
	IDs ident.Source
}

// By is who asks, how a retry is known, and which version they saw.
type By = table.By

// fact commits what plan adds to a transaction, with its event and mark. The
// plan is made again when somebody else changed what it read.
func (k *Keeper) fact(ctx context.Context, by By, plan func(context.Context, *table.Tx, time.Time) (event.Event, error)) error {
	return k.DB.Settle(ctx, func(ctx context.Context) (*table.Tx, error) {
		tx, now := &table.Tx{}, k.IDs.Now()
		e, err := plan(ctx, tx, now)
		if err != nil {
			return nil, err
		}
		e.ID, e.At, e.Actor = k.IDs.IDAt(now), now, by.Principal.ID
		tx.Event(e)
		tx.Mark(by.Mark, e.Subject.ID, now)
		return tx, nil
	})
}

// CreateProduct adds a product; its SKU must be new.
func (k *Keeper) CreateProduct(ctx context.Context, by By, p product.Product) (product.Product, error) {
	err := k.fact(ctx, by, func(ctx context.Context, tx *table.Tx, now time.Time) (event.Event, error) {
		s, err := k.DB.Settings(ctx)
		if err != nil {
			return event.Event{}, err
		}
		if err := p.Check(s.TaxRates); err != nil {
			return event.Event{}, err
		}
		p.ListID, p.Version, p.CreatedAt, p.UpdatedAt = k.IDs.IDAt(now), 1, now, now
		tx.NewProduct(p)
		return productEvent(event.ProductCreated, p), nil
	})
	return p, err
}

// EditProduct changes a product.
func (k *Keeper) EditProduct(ctx context.Context, by By, sku string, apply func(*product.Product)) (product.Product, error) {
	var p product.Product
	err := k.fact(ctx, by, func(ctx context.Context, tx *table.Tx, now time.Time) (event.Event, error) {
		was, err := k.DB.Product(ctx, sku)
		if err != nil {
			return event.Event{}, err
		}
		if err := by.Expects(was.Version); err != nil {
			return event.Event{}, err
		}
		s, err := k.DB.Settings(ctx)
		if err != nil {
			return event.Event{}, err
		}
		p = was
		apply(&p)
		if err := p.Check(s.TaxRates); err != nil {
			return event.Event{}, err
		}
		p.Version, p.UpdatedAt = was.Version+1, now
		tx.SaveProduct(p, was.Version)
		return productEvent(event.ProductEdited, p), nil
	})
	return p, err
}

func productEvent(t event.Type, p product.Product) event.Event {
	return event.Event{
		Subject: event.Subject{Kind: event.Product, ID: p.SKU}, Seq: p.Version, Type: t,
		Data: map[string]any{"name": p.Name, "prices": p.Prices, "active": p.Active, "backorder": p.Backorder},
	}
}

// CreateCustomer adds a customer. Unless an owner is given it belongs to the
// caller, if that is a salesperson.
func (k *Keeper) CreateCustomer(ctx context.Context, by By, c customer.Customer) (customer.Customer, error) {
	if c.CreditLimit != nil {
		if err := by.Principal.Require(access.CustomersLimit); err != nil {
			return c, err
		}
	}
	if c.Owner != "" && c.Owner != by.Principal.ID {
		if err := by.Principal.Require(access.CustomersOwner); err != nil {
			return c, err
		}
	}
	if c.Owner == "" {
		for _, r := range by.Principal.Roles {
			if r == access.Sales {
				c.Owner = by.Principal.ID
			}
		}
	}
	err := k.fact(ctx, by, func(_ context.Context, tx *table.Tx, now time.Time) (event.Event, error) {
		if wrong := c.Check(); wrong != nil {
			return event.Event{}, refusal.Fields(wrong...)
		}
		c.ID, c.Version, c.CreatedAt, c.UpdatedAt = k.IDs.IDAt(now), 1, now, now
		tx.NewCustomer(c)
		return customerEvent(event.CustomerCreated, c), nil
	})
	return c, err
}

// EditCustomer changes a customer: the credit limit for those who may set it,
// everything else for those who may edit.
func (k *Keeper) EditCustomer(ctx context.Context, by By, id string, touches []access.Permission, apply func(*customer.Customer)) (customer.Customer, error) {
	for _, p := range touches {
		if err := by.Principal.Require(p); err != nil {
			return customer.Customer{}, err
		}
	}
	var c customer.Customer
	err := k.fact(ctx, by, func(ctx context.Context, tx *table.Tx, now time.Time) (event.Event, error) {
		was, err := k.DB.Customer(ctx, id)
		if err != nil {
			return event.Event{}, err
		}
		if err := by.Expects(was.Version); err != nil {
			return event.Event{}, err
		}
		c = was
		apply(&c)
		if wrong := c.Check(); wrong != nil {
			return event.Event{}, refusal.Fields(wrong...)
		}
		c.Version, c.UpdatedAt = was.Version+1, now
		tx.SaveCustomer(c, was.Version)
		return customerEvent(event.CustomerEdited, c), nil
	})
	return c, err
}

// customerEvent says what changed without a person's data: who needs it reads the customer.
func customerEvent(t event.Type, c customer.Customer) event.Event {
	data := map[string]any{"owner": c.Owner, "terms": string(c.Terms.Kind)}
	if c.CreditLimit != nil {
		data["credit_limit"] = *c.CreditLimit
	}
	return event.Event{Subject: event.Subject{Kind: event.Customer, ID: c.ID}, Seq: c.Version, Type: t, Data: data}
}

// mostLocations is how many locations there may be: an order reads the stock of
// each of its SKUs at every one.
const mostLocations = 100

// CreateLocation adds a location; its code must be new, and not the one that
// stands for goods in transit.
func (k *Keeper) CreateLocation(ctx context.Context, by By, l stock.Location) (stock.Location, error) {
	if l.Code == stock.InTransit {
		return l, refusal.Field("location", "invalid", "%s is where goods are between two locations; nobody keeps stock there.", stock.InTransit)
	}
	l.Version = 1
	err := k.fact(ctx, by, func(ctx context.Context, tx *table.Tx, _ time.Time) (event.Event, error) {
		all, err := k.DB.Locations(ctx)
		if err != nil {
			return event.Event{}, err
		}
		if _, there := all.Find(l.Code); there {
			return event.Event{}, refusal.New(refusal.Conflict, "exists", "There is a location %s already.", l.Code)
		}
		if len(all.List) >= mostLocations {
			return event.Event{}, refusal.New(refusal.Conflict, "too_many_locations", "There may be %d locations.", mostLocations)
		}
		all.List = append(all.List, l)
		tx.SaveLocations(all, all.Version)
		return locationEvent(event.LocationCreated, l), nil
	})
	return l, err
}

// EditLocation changes a location.
func (k *Keeper) EditLocation(ctx context.Context, by By, code string, apply func(*stock.Location)) (stock.Location, error) {
	var l stock.Location
	err := k.fact(ctx, by, func(ctx context.Context, tx *table.Tx, _ time.Time) (event.Event, error) {
		all, err := k.DB.Locations(ctx)
		if err != nil {
			return event.Event{}, err
		}
		found := false
		for i := range all.List {
			if all.List[i].Code != code {
				continue
			}
			found = true
			if err := by.Expects(all.List[i].Version); err != nil {
				return event.Event{}, err
			}
			apply(&all.List[i])
			all.List[i].Version++
			l = all.List[i]
		}
		if !found {
			return event.Event{}, refusal.Missing("location", code)
		}
		tx.SaveLocations(all, all.Version)
		return locationEvent(event.LocationEdited, l), nil
	})
	return l, err
}

func locationEvent(t event.Type, l stock.Location) event.Event {
	return event.Event{
		Subject: event.Subject{Kind: event.Location, ID: l.Code}, Seq: l.Version, Type: t,
		Data: map[string]any{"name": l.Name, "priority": int64(l.Priority)},
	}
}

func limits(s company.Settings) map[string]int64 {
	out := map[string]int64{}
	for role, bp := range s.DiscountLimits {
		out[string(role)] = bp
	}
	return out
}

func roles(list []access.Role) []any {
	out := make([]any, len(list))
	for i, r := range list {
		out[i] = string(r)
	}
	return out
}

func carriers(s company.Settings) []any {
	out := make([]any, len(s.Carriers))
	for i, c := range s.Carriers {
		out[i] = c.Name
	}
	return out
}

// EditSettings changes the company's settings.
func (k *Keeper) EditSettings(ctx context.Context, by By, apply func(*company.Settings)) (company.Settings, error) {
	var s company.Settings
	err := k.fact(ctx, by, func(ctx context.Context, tx *table.Tx, _ time.Time) (event.Event, error) {
		was, err := k.DB.Settings(ctx)
		if err != nil {
			return event.Event{}, err
		}
		if err := by.Expects(was.Version); err != nil {
			return event.Event{}, err
		}
		s = was
		apply(&s)
		if err := s.Check(); err != nil {
			return event.Event{}, err
		}
		s.Version = was.Version + 1
		tx.SaveSettings(s, was.Version)
		return event.Event{
			Subject: event.Subject{Kind: event.Settings, ID: "settings"}, Seq: s.Version, Type: event.SettingsEdited,
			Data: map[string]any{"currency": s.Currency, "time_zone": s.TimeZone, "tax_inclusive": s.TaxInclusive, "tax_rates_ppm": s.TaxRates, "discount_limits_bp": limits(s),
				"allocation": string(s.Allocation), "ship_unpaid": roles(s.ShipUnpaid), "carriers": carriers(s)},
		}, nil
	})
	return s, err
}
