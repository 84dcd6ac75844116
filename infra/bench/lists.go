package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"waybill/shared/order"
	"waybill/shared/table"
)

// pageSize is how many orders a page has, as the API gives when nobody asks for another.
const pageSize = 50

// A List is one way to list orders, and how long a page takes when there are
// few orders and when there are many.
type List struct {
	By    string  `json:"by"`
	Few   Listing `json:"few"`
	Many  Listing `json:"many"`
	Ratio float64 `json:"ratio"`
}

// A Listing is one list read to its end, page by page.
type Listing struct {
	Orders int     `json:"orders"` // in the whole table when reading began
	Rows   int     `json:"rows"`   // of those, in the list
	Pages  int     `json:"pages"`  // full ones, which are what is timed
	Millis float64 `json:"page_ms"`
	P99    float64 `json:"page_p99_ms"`
}

// lists fills two tables, one with few orders and one with many, and reads
// every list of both, while others go on entering orders.
func (b bench) lists(ctx context.Context) ([]List, error) {
	few, err := b.fill(ctx, b.scale.few)
	if err != nil {
		return nil, err
	}
	defer few.shop.close()
	many, err := b.fill(ctx, b.scale.many)
	if err != nil {
		return nil, err
	}
	defer many.shop.close()
	var out []List
	for _, k := range kinds {
		b.say("listing orders: %s", k.by)
		l, err := b.compare(ctx, k, few, many)
		if err != nil {
			return nil, fmt.Errorf("list %s: %w", k.by, err)
		}
		out = append(out, l)
	}
	return out, nil
}

// fill makes a table with n orders.
func (b bench) fill(ctx context.Context, n int) (*book, error) {
	b.say("entering %d orders", n)
	s, err := openShop(ctx, b.root, b.scale.goods)
	if err != nil {
		return nil, fmt.Errorf("open a shop: %w", err)
	}
	book, err := openBook(ctx, s, b.now)
	if err == nil {
		err = book.fill(ctx, n)
	}
	if err != nil {
		s.close()
		return nil, fmt.Errorf("enter orders: %w", err)
	}
	return book, nil
}

// A kind is one way to list orders.
type kind struct {
	by     string
	filter func(*book) table.OrderFilter
}

var kinds = []kind{
	{"all", func(*book) table.OrderFilter { return table.OrderFilter{} }},
	{"by status", func(*book) table.OrderFilter { return table.OrderFilter{Status: order.Confirmed} }},
	{"by owner", func(b *book) table.OrderFilter { return table.OrderFilter{Owner: b.sellers[0].ID} }},
	{"by customer", func(b *book) table.OrderFilter { return table.OrderFilter{CustomerID: b.customers[0]} }},
}

// compare reads a list of both tables to its end. Pages of the short one are
// read in between those of the long one, all along it, so that what else the
// machine does hits both alike.
func (b bench) compare(ctx context.Context, k kind, few, many *book) (List, error) {
	short, long := b.open(k, few), b.open(k, many)
	stride := max(1, len(long.walk.wanted)/pageSize/b.scale.pages)
	for n := 0; !short.enough(b.scale.pages) || !long.enough(b.scale.pages); n++ {
		if err := long.turn(ctx); err != nil {
			return List{}, err
		}
		if n%stride != 0 {
			continue
		}
		if err := short.turn(ctx); err != nil {
			return List{}, err
		}
	}
	l := List{By: k.by, Few: short.listing(), Many: long.listing()}
	l.Ratio = ratio(l.Many.Millis, l.Few.Millis)
	return l, nil
}

// A reader reads a list again and again, page by page.
type reader struct {
	book   *book
	filter table.OrderFilter
	now    func() time.Time
	page   table.Page
	walk   *walk
	first  Listing // as it was when reading began
	ends   int     // how often the list was read to its end
	times  []time.Duration
}

func (b bench) open(k kind, book *book) *reader {
	r := &reader{book: book, filter: k.filter(book), now: b.now}
	r.begin()
	r.first = Listing{Orders: len(book.entered()), Rows: len(r.walk.wanted)}
	return r
}

func (r *reader) begin() {
	r.page, r.walk = table.Page{Limit: pageSize}, newWalk(r.book.entered(), r.filter)
}

// enough reports whether so many pages were timed and the list was read to its end.
func (r *reader) enough(pages int) bool { return r.ends > 0 && len(r.times) >= pages }

// turn reads the next page while an order is entered.
func (r *reader) turn(ctx context.Context) error {
	var writing sync.WaitGroup
	var entering error
	writing.Go(func() { entering = r.book.enter(ctx) })
	err := r.read(ctx)
	writing.Wait()
	return errors.Join(err, entering)
}

// read reads the next page and checks it. Only full pages are timed.
func (r *reader) read(ctx context.Context) error {
	began := r.now()
	got, err := r.book.desk.List(ctx, r.book.manager, r.filter, r.page)
	if err != nil {
		return err
	}
	if took := r.now().Sub(began); len(got.Items) == pageSize {
		r.times = append(r.times, took)
	}
	if err := r.walk.see(got.Items); err != nil {
		return err
	}
	if r.page.After = got.Next; got.Next != "" {
		return nil
	}
	if err := r.walk.end(); err != nil {
		return err
	}
	if len(r.times) == 0 {
		return fmt.Errorf("%d orders are less than a page", len(r.walk.seen))
	}
	r.ends++
	r.begin()
	return nil
}

func (r *reader) listing() Listing {
	l := r.first
	l.Pages, l.Millis, l.P99 = len(r.times), millis(median(r.times)), millis(percentile(r.times, 99))
	return l
}
