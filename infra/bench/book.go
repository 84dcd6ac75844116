package main

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"waybill/shared/access"
	"waybill/shared/ident"
	"waybill/shared/order"
	"waybill/shared/ordering"
	"waybill/shared/table"
)

// A book is the orders of one table, entered through the desk itself.
type book struct {
	shop      *shop
	desk      *ordering.Desk
	skus      []string
	customers []string
	sellers   []access.Principal
	manager   access.Principal
	next      atomic.Int64

	mu     sync.Mutex
	orders []order.Order
}

const (
	buyers = 4  // customers
	staff  = 4  // salespeople
	hands  = 16 // that fill the book
)

func openBook(ctx context.Context, s *shop, now func() time.Time) (*book, error) {
	ids := ident.New()
	b := &book{
		shop: s, desk: &ordering.Desk{DB: table.New(s.client, tableName, now), IDs: ids}, skus: s.skus,
		manager: access.Principal{ID: "manager", Roles: []access.Role{access.Manager}},
	}
	for i := range staff {
		b.sellers = append(b.sellers, access.Principal{ID: fmt.Sprintf("seller-%d", i), Roles: []access.Role{access.Sales}})
	}
	manager, err := s.system.Token("manager", "")
	if err != nil {
		return nil, err
	}
	for i := range buyers {
		body := obj{"name": fmt.Sprintf("Customer %d", i)}
		if i == 0 { // what others enter for one who has an owner stands in the lists of both
			body["owner"] = b.sellers[0].ID
		}
		id, err := s.create(ctx, manager, "/v1/customers", body)
		if err != nil {
			return nil, err
		}
		b.customers = append(b.customers, id)
	}
	return b, nil
}

// fill enters orders until there are n.
func (b *book) fill(ctx context.Context, n int) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	left := atomic.Int64{}
	left.Store(int64(n - len(b.entered())))
	var all sync.WaitGroup
	for range hands {
		all.Go(func() {
			for left.Add(-1) >= 0 && ctx.Err() == nil {
				if err := b.enter(ctx); err != nil {
					cancel(err)
				}
			}
		})
	}
	all.Wait()
	return context.Cause(ctx)
}

// enter enters one order; every other one is a draft.
func (b *book) enter(ctx context.Context) error {
	i, n := int(b.next.Add(1)), len(b.skus)
	// Each choice takes turns slower than the one before, so that all combinations come up.
	o, err := b.desk.Place(ctx, ordering.By{Principal: b.sellers[i%staff]}, ordering.New{
		CustomerID: b.customers[i/staff%buyers], Currency: "USD", Confirm: i/(staff*buyers)%2 == 0,
		Wishes: []order.Wish{{SKU: b.skus[i%n], Quantity: 1}, {SKU: b.skus[(i+n/2)%n], Quantity: 1}},
	})
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	// What lists are checked by, and no more: there are many.
	b.orders = append(b.orders, order.Order{ID: o.ID, Status: o.Status, Owner: o.Owner, EnteredBy: o.EnteredBy, CustomerID: o.CustomerID})
	return nil
}

// entered are the orders that stand.
func (b *book) entered() []order.Order {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.orders[:len(b.orders):len(b.orders)]
}
