package invoicing_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"waybill/infra/dynamolocal"
	"waybill/infra/dynamolocal/testtable"
	"waybill/infra/fault"
	"waybill/shared/gateway"
	"waybill/shared/invoice"
	"waybill/shared/invoicing"
	"waybill/shared/refusal"
	"waybill/shared/table"
)

// faulty is the office's book on a table whose calls fail as decide says.
func (f office) faulty(decide func(operation string) fault.Mode) *invoicing.Book {
	f.t.Helper()
	client := testtable.Client(f.t, &fault.Transport{Next: dynamolocal.NewTransport(), Decide: decide})
	broken := dynamodb.New(client.Options(), func(o *dynamodb.Options) {
		o.Retryer = retry.NewStandard(func(s *retry.StandardOptions) { s.MaxAttempts, s.MaxBackoff = 2, time.Millisecond })
	})
	return invoicing.NewBook(table.New(broken, f.name, f.IDs.Now), f.IDs)
}

func marked(key string) invoicing.By {
	return invoicing.By{Principal: finance.Principal, Mark: &table.Mark{Principal: "fiona", Operation: "test", Key: key, Hash: "h"}}
}

// once does a fact as the edge does it.
func once[T any](b *invoicing.Book, by invoicing.By, do func() (T, error), load func(string) (T, error)) (T, error) {
	v, _, err := gateway.Once(context.Background(), gateway.Edge{Records: b.DB}, by.Mark, do, load)
	return v, err
}

func issueOnce(b *invoicing.Book, key, orderID string, n int64) (invoice.Bill, error) {
	by := marked(key)
	return once(b, by,
		func() (invoice.Bill, error) {
			return b.Issue(context.Background(), by, orderID, invoicing.New{Picks: mugs(n)})
		},
		func(id string) (invoice.Bill, error) { return b.Look(context.Background(), by.Principal, id) })
}

func creditOnce(b *invoicing.Book, key, invoiceID string, n int64) (invoice.CreditNote, error) {
	by := marked(key)
	in := invoicing.NewCredit{Wish: invoice.Wish{Picks: mugs(n)}, Reason: "came back"}
	return once(b, by,
		func() (invoice.CreditNote, error) { return b.Credit(context.Background(), by, invoiceID, in) },
		func(id string) (invoice.CreditNote, error) {
			return b.LookCreditNote(context.Background(), by.Principal, id)
		})
}

// again reports whether a careful client asks once more with the same key.
func again(err error) bool {
	var refused *refusal.Error
	return errors.As(err, &refused) && (refused.Kind == refusal.Unavailable || refused.Code == "busy")
}

// Two hundred at once, in ten processes, draw from one series, and of a tenth
// of the commits the request, or worse, the reply is lost.
func TestNumbersHaveNoGapsThoughManyDrawThemAtOnceAndCommitsFail(t *testing.T) {
	t.Parallel()
	f := newOffice(t)
	const invoices, orders = 200, 20
	ids := make([]string, orders)
	for n := range ids {
		ids[n] = f.place(invoices/orders, nil).ID
	}
	seed := rand.Uint64()
	t.Log("seed", seed)
	dice := rand.New(rand.NewPCG(seed, 1))
	var mu sync.Mutex
	books := make([]*invoicing.Book, 10)
	decide := func(operation string) fault.Mode {
		mu.Lock()
		defer mu.Unlock()
		if operation != "TransactWriteItems" || dice.IntN(10) > 0 {
			return fault.None
		}
		return []fault.Mode{fault.Lost, fault.Unanswered, fault.Conflict}[dice.IntN(3)]
	}
	for n := range books {
		books[n] = f.faulty(decide)
	}
	var wg sync.WaitGroup
	for n := range invoices {
		wg.Go(func() {
			for {
				_, err := issueOnce(books[n/orders], fmt.Sprint(n), ids[n%orders], 1)
				if !again(err) {
					if err != nil {
						t.Error(err)
					}
					return
				}
			}
		})
	}
	wg.Wait()
	f.wantNumbers(invoices)
	for _, id := range ids {
		o, err := f.DB.Order(t.Context(), id)
		if err != nil || len(o.Invoices) != invoices/orders || o.Lines[0].Invoiced != invoices/orders {
			t.Errorf("%d invoices of %d mugs, %v", len(o.Invoices), o.Lines[0].Invoiced, err)
		}
		var total int64
		for _, i := range o.Invoices {
			total += i.Total
		}
		if total != o.Totals.Total {
			t.Errorf("the invoices come to %d, the order to %d", total, o.Totals.Total)
		}
	}
}

// wantNumbers fails the test unless there are n invoices, numbered from 1 to n.
func (f office) wantNumbers(n int) {
	f.t.Helper()
	seen := map[string]bool{}
	for _, number := range f.listed(finance.Principal, table.BillFilter{}) {
		seen[number] = true
	}
	if len(seen) != n {
		f.t.Errorf("%d invoices are listed, want %d", len(seen), n)
	}
	for i := 1; i <= n; i++ {
		if !seen[number("INV", i)] {
			f.t.Errorf("there is no %s", number("INV", i))
		}
	}
	if last, err := f.DB.LastNumber(f.t.Context(), "INV", 2026); err != nil || last != int64(n) {
		f.t.Errorf("the last number is %d, want %d, %v", last, n, err)
	}
}

func TestCreditNotesIssuedAtOnceAreNumberedWithoutGaps(t *testing.T) {
	t.Parallel()
	f := newOffice(t)
	bills := make([]invoice.Bill, 24)
	for n := range bills {
		bills[n] = f.issue(f.place(1, nil).ID, 0)
	}
	numbers := make([]string, len(bills))
	var wg sync.WaitGroup
	for n, bill := range bills {
		book := invoicing.NewBook(f.DB, f.IDs)
		wg.Go(func() {
			c, err := book.Credit(t.Context(), finance, bill.ID, invoicing.NewCredit{Reason: "came back"})
			if err != nil {
				t.Error(err)
			}
			numbers[n] = c.Number
		})
	}
	wg.Wait()
	slices.Sort(numbers)
	for n, got := range numbers {
		if want := number("CN", n+1); got != want {
			t.Fatalf("there is no %s: %v", want, numbers)
		}
	}
}

// killed runs do on a book that fails at one call after the other, until it
// gets through without meeting it, and after each failure again on a healthy
// book: with the same key both are one fact.
func (f office) killed(mode fault.Mode, do func(b *invoicing.Book, attempt int) error) {
	f.t.Helper()
	for call := 1; ; call++ {
		var mu sync.Mutex
		calls, hit := 0, false
		book := f.faulty(func(string) fault.Mode {
			mu.Lock()
			defer mu.Unlock()
			if calls++; calls == call {
				hit = true
				return mode
			}
			return fault.None
		})
		if err := do(book, call); err != nil && !again(err) {
			f.t.Fatalf("%s at call %d: %v", mode, call, err)
		}
		if err := do(f.Book, call); err != nil {
			f.t.Fatalf("after %s at call %d: %v", mode, call, err)
		}
		if !hit {
			return
		}
	}
}

func TestAnInvoiceThatIsCutShortAnywhereIsIssuedOnce(t *testing.T) {
	t.Parallel()
	for _, mode := range []fault.Mode{fault.Dead, fault.Unanswered, fault.Lost, fault.Conflict, fault.Throttle} {
		t.Run(mode.String(), func(t *testing.T) {
			t.Parallel()
			f := newOffice(t)
			o := f.place(40, nil)
			n := 0
			f.killed(mode, func(b *invoicing.Book, attempt int) error {
				n = attempt
				_, err := issueOnce(b, fmt.Sprint(attempt), o.ID, 1)
				return err
			})
			if n < 5 {
				t.Errorf("only %d calls were cut short", n)
			}
			f.wantNumbers(n)
			after, err := f.DB.Order(t.Context(), o.ID)
			if err != nil || after.Lines[0].Invoiced != int64(n) || len(after.Invoices) != n || after.Version != o.Version+int64(n) {
				t.Errorf("%d mugs on %d invoices, want %d: %v", after.Lines[0].Invoiced, len(after.Invoices), n, err)
			}
			f.lastEvent(o.ID)
		})
	}
}

func TestACreditNoteThatIsCutShortAnywhereIsIssuedOnce(t *testing.T) {
	t.Parallel()
	for _, mode := range []fault.Mode{fault.Dead, fault.Unanswered, fault.Lost, fault.Conflict, fault.Throttle} {
		t.Run(mode.String(), func(t *testing.T) {
			t.Parallel()
			f := newOffice(t)
			o := f.place(40, nil)
			bill := f.issue(o.ID, 0)
			n := 0
			f.killed(mode, func(b *invoicing.Book, attempt int) error {
				n = attempt
				_, err := creditOnce(b, fmt.Sprint(attempt), bill.ID, 1)
				return err
			})
			notes, err := f.CreditNotesOf(t.Context(), finance.Principal, bill.ID)
			if err != nil || n < 6 || len(notes) != n {
				t.Errorf("%d credit notes of %d attempts, %v", len(notes), n, err)
			}
			var total int64
			for i, c := range notes {
				total += c.Sums.Total
				if c.Lines[0].Quantity != 1 {
					t.Errorf("note %d is of %d mugs", i, c.Lines[0].Quantity)
				}
			}
			f.wantBill(bill.ID, invoice.Open, total, bill.Sums.Total-total)
			if last, err := f.DB.LastNumber(t.Context(), "CN", 2026); err != nil || last != int64(n) {
				t.Errorf("the last number is %d, want %d, %v", last, n, err)
			}
			after, err := f.DB.Order(t.Context(), o.ID)
			if err != nil || after.Lines[0].Credited != int64(n) {
				t.Errorf("%d mugs are credited, want %d: %v", after.Lines[0].Credited, n, err)
			}
		})
	}
}
