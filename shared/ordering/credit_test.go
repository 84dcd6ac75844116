package ordering_test

import (
	"sync"
	"testing"

	"waybill/shared/access"
	"waybill/shared/billing"
	"waybill/shared/customer"
	"waybill/shared/order"
	"waybill/shared/ordering"
	"waybill/shared/payment"
	"waybill/shared/product"
	"waybill/shared/refusal"
	"waybill/shared/table"
)

// onCredit is a shop with 300 mugs at 10.00, untaxed.
func onCredit(t *testing.T) shop {
	t.Helper()
	s := newShop(t)
	s.product("MUG", func(p *product.Product) { p.TaxClass = "" })
	s.receive("MUG", "MAIN", 300)
	return s
}

// customer adds one on net terms with a limit of credit.
func (s shop) customer(limit int64) (id string) {
	s.t.Helper()
	id = s.IDs.ID()
	s.commit(func(tx *table.Tx) {
		tx.NewCustomer(customer.Customer{
			ID: id, Name: "Ken Lonsdale", Locale: "en", Owner: "ann", Terms: customer.Terms{Kind: customer.Net, Days: 30}, CreditLimit: &limit,
			Version: 1, CreatedAt: s.IDs.Now(), UpdatedAt: s.IDs.Now(),
		})
	})
	return id
}

// of is an order of so many mugs by a customer.
func (s shop) of(customerID string, mugs int64) ordering.New {
	in := s.order(wish("MUG", mugs))
	in.CustomerID = customerID
	return in
}

func (s shop) wantOwed(customerID string, owed int64) {
	s.t.Helper()
	if got, err := s.DB.OnAccount(s.t.Context(), customerID, "USD"); err != nil || got != owed {
		s.t.Errorf("the customer owes %d, %v; want %d", got, err, owed)
	}
}

func TestOfTwoOrdersAtOnceThatExceedTheCreditOneIsConfirmed(t *testing.T) {
	t.Parallel()
	s := onCredit(t)
	buyer := s.customer(100_000)
	in := s.of(buyer, 60)
	in.Confirm = false
	drafts := []order.Order{s.place(sales, in), s.place(sales, in)}
	s.wantOwed(buyer, 0)
	failed := make([]error, 2)
	var work sync.WaitGroup
	for i := range drafts {
		work.Go(func() { _, failed[i] = s.Confirm(t.Context(), sales, drafts[i].ID) })
	}
	work.Wait()
	lost := 0
	if failed[0] == nil {
		lost = 1
	}
	if failed[1-lost] != nil || !refusal.Is(failed[lost], "credit_limit") {
		t.Fatalf("they came to %v", failed)
	}
	if left := items(failed[lost]); len(left) != 1 || *left[0].Available != 40_000 {
		t.Errorf("left are %+v", left)
	}
	s.wantOrder(drafts[lost].ID, 1, "draft")
	s.wantOrder(drafts[1-lost].ID, 2, "confirmed")
	s.wantOwed(buyer, 60_000)
	s.wantReserved("MUG", 60, 0)
}

func TestCreditIsFreedByAPaymentAndByACancellation(t *testing.T) {
	t.Parallel()
	s := onCredit(t)
	buyer := s.customer(100_000)
	first := s.place(sales, s.of(buyer, 100))
	s.wantOwed(buyer, 100_000)
	_, err := s.Place(t.Context(), sales, s.of(buyer, 1))
	wantCode(t, err, "credit_limit")
	books := &billing.Books{DB: s.DB, IDs: s.IDs}
	finance := billing.By{Principal: access.Principal{ID: "fiona", Roles: []access.Role{access.Finance}}}
	paid, err := books.Record(t.Context(), finance, first.ID, billing.NewPayment{Method: payment.BankTransfer, Amount: 30_000})
	if err != nil {
		t.Fatal(err)
	}
	s.wantOwed(buyer, 70_000)
	second := s.place(sales, s.of(buyer, 30))
	s.wantOwed(buyer, 100_000)
	if _, err := s.Cancel(t.Context(), sales, second.ID, ""); err != nil {
		t.Fatal(err)
	}
	s.wantOwed(buyer, 70_000)
	// What is owed is owed, whatever the limit: a mistake is taken back all the same.
	third := s.place(sales, s.of(buyer, 30))
	if _, err := books.Reverse(t.Context(), finance, paid.ID, "another customer's"); err != nil {
		t.Fatal(err)
	}
	s.wantOwed(buyer, 130_000)
	for _, o := range []order.Order{first, third} {
		if _, err := s.Cancel(t.Context(), sales, o.ID, ""); err != nil {
			t.Fatal(err)
		}
	}
	s.wantOwed(buyer, 0)
	s.wantReserved("MUG", 0, 0)
}

func TestAnEditThatOutgrowsTheCreditChangesNothing(t *testing.T) {
	t.Parallel()
	s := onCredit(t)
	buyer := s.customer(100_000)
	o := s.place(sales, s.of(buyer, 60))
	_, err := s.Edit(t.Context(), sales, o.ID, ordering.Edit{Wishes: []order.Wish{wish("MUG", 101)}})
	wantCode(t, err, "credit_limit")
	s.wantOrder(o.ID, 1, "confirmed")
	s.wantOwed(buyer, 60_000)
	s.wantReserved("MUG", 60, 0)
	s.edit(sales, o.ID, ordering.Edit{Wishes: []order.Wish{wish("MUG", 100)}})
	s.wantOwed(buyer, 100_000)
	s.edit(sales, o.ID, ordering.Edit{Wishes: []order.Wish{wish("MUG", 10)}})
	s.wantOwed(buyer, 10_000)
	prepaid := customer.Terms{Kind: customer.Prepaid}
	s.edit(sales, o.ID, ordering.Edit{Terms: &prepaid})
	s.wantOwed(buyer, 0)
}

func TestAnOrderThatBecomesAnothersTakesItsCreditAlong(t *testing.T) {
	t.Parallel()
	s := onCredit(t)
	first, second, poor := s.customer(100_000), s.customer(100_000), s.customer(50_000)
	o := s.place(sales, s.of(first, 60))
	_, err := s.Edit(t.Context(), sales, o.ID, ordering.Edit{CustomerID: &poor})
	wantCode(t, err, "credit_limit")
	s.wantOrder(o.ID, 1, "confirmed")
	s.wantOwed(first, 60_000)
	s.edit(sales, o.ID, ordering.Edit{CustomerID: &second})
	s.wantOwed(first, 0)
	s.wantOwed(second, 60_000)
	s.wantOwed(poor, 0)
	s.wantReserved("MUG", 60, 0)
}

func TestCreditIsInTheCompanysCurrency(t *testing.T) {
	t.Parallel()
	s := onCredit(t)
	s.changeProduct("MUG", func(p *product.Product) { p.Prices["EUR"] = 900 })
	buyer := s.customer(100_000)
	in := s.of(buyer, 1)
	in.Currency = "EUR"
	_, err := s.Place(t.Context(), sales, in)
	wantCode(t, err, "credit_limit")
	in.Terms = &customer.Terms{Kind: customer.Prepaid}
	s.place(sales, in)
	// Who has no limit may owe in any.
	in.CustomerID, in.Terms = s.buyer, nil
	s.place(sales, in)
	s.wantReserved("MUG", 2, 0)
}
