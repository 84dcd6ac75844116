package warehouse

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"waybill/shared/event"
	"waybill/shared/order"
	"waybill/shared/refusal"
	"waybill/shared/stock"
	"waybill/shared/table"
)

// Open begins a stocktake of a location. Nothing is locked: goods go on moving.
func (f *Floor) Open(ctx context.Context, by By, location, note string) (stock.Count, error) {
	var c stock.Count
	err := f.DB.Settle(ctx, func(ctx context.Context) (*table.Tx, error) {
		all, err := f.DB.Locations(ctx)
		if err != nil {
			return nil, err
		}
		if _, ok := all.Find(location); !ok {
			return nil, refusal.Fields(unknownLocation("location", location))
		}
		now := f.IDs.Now()
		c = stock.Count{
			ID: f.IDs.IDAt(now), Version: 1, Status: stock.CountOpen, Location: location, Note: note,
			Lines: []stock.CountLine{}, OpenedBy: by.Principal.ID, OpenedAt: now, UpdatedAt: now,
		}
		tx := &table.Tx{}
		tx.NewCount(c)
		tx.Event(f.countEvent(event.CountOpened, c, by, nil))
		tx.Mark(by.Mark, c.ID, now)
		return tx, nil
	})
	return c, err
}

// Enter sets what was counted of some SKUs, or takes lines back. Each line is
// held against what is on hand at that very moment: the stock items must not
// have moved between their reading and the commit.
func (f *Floor) Enter(ctx context.Context, by By, id string, entries []stock.Entry) (stock.Count, error) {
	if err := stock.CheckEntries(entries); err != nil {
		return stock.Count{}, err
	}
	return f.changeCount(ctx, by, id, event.CountEntered, func(ctx context.Context, tx *table.Tx, c *stock.Count) error {
		places := make([]stock.Place, len(entries))
		for i, e := range entries {
			places[i] = c.Place(e.SKU)
		}
		goods, err := f.DB.Goods(ctx, places)
		if err != nil {
			return err
		}
		if err := c.Enter(entries, func(sku string) int64 { return goods.Stock[c.Place(sku)].OnHand }); err != nil {
			return err
		}
		var unknown []refusal.Item
		for i, e := range entries {
			if _, ok := goods.Products[e.SKU]; !ok {
				unknown = append(unknown, unknownSKU(e.SKU))
			}
			if e.Counted == nil {
				tx.RemoveLine(*c, e.SKU)
				continue
			}
			before := goods.Stock[places[i]]
			tx.EnterLine(*c, stock.CountLine{SKU: e.SKU, Counted: *e.Counted, Expected: before.OnHand})
			tx.Unmoved(before)
		}
		if len(unknown) > 0 {
			return refusal.Fields(unknown...)
		}
		return nil
	})
}

// Cancel gives an open count up. Nothing of it is booked.
func (f *Floor) Cancel(ctx context.Context, by By, id string) (stock.Count, error) {
	return f.changeCount(ctx, by, id, event.CountCancelled, func(_ context.Context, _ *table.Tx, c *stock.Count) error {
		return c.Cancel()
	})
}

// changeCount is the shape of a fact about a count that exists: read it, apply
// the rule, commit the count, its event and the mark.
func (f *Floor) changeCount(ctx context.Context, by By, id string, kind event.Type, apply func(context.Context, *table.Tx, *stock.Count) error) (stock.Count, error) {
	var c stock.Count
	err := f.DB.Settle(ctx, func(ctx context.Context) (*table.Tx, error) {
		was, err := f.DB.Count(ctx, id)
		if err != nil {
			return nil, err
		}
		if err := by.Expects(was.Version); err != nil {
			return nil, err
		}
		tx, now := &table.Tx{}, f.IDs.Now()
		c = was
		if err := apply(ctx, tx, &c); err != nil {
			return nil, err
		}
		c.Version, c.UpdatedAt = was.Version+1, now
		tx.SaveCount(c, was.Version)
		tx.Event(f.countEvent(kind, c, by, map[string]any{"lines": c.Entered}))
		tx.Mark(by.Mark, c.ID, now)
		return tx, nil
	})
	return c, err
}

// Post books the difference of each line as an adjustment, on top of whatever
// moved since the line was entered. What does not fit in one transaction is
// booked in steps, between which the count is posting; each books lines that
// were not booked before, while the count is as it was. So two posters share
// the work, and what was interrupted is finished by posting it again.
//
// A loss of more than is free is refused (`insufficient_stock`) before anything
// is booked, with every such SKU and the newest orders that hold it. With
// release those give way and go on hold; only a loss of more than is on hand is
// refused then.
func (f *Floor) Post(ctx context.Context, by By, id string, release bool) (stock.Count, error) {
	for {
		var c stock.Count
		err := f.again(ctx, func() (err error) {
			c, err = f.post(ctx, by, id, release)
			return err
		})
		if !errors.Is(err, errOvertaken) {
			return c, err
		}
	}
}

// errOvertaken says that somebody entered into, posted or cancelled the count,
// or booked some of its lines, since those were read.
var errOvertaken = errors.New("the count was changed meanwhile")

// mostPosted is how many lines one step books: each is three actions, beside
// the count, its event and the mark.
const mostPosted = 32

func (f *Floor) post(ctx context.Context, by By, id string, release bool) (stock.Count, error) {
	c, err := f.DB.Count(ctx, id)
	if err != nil {
		return c, err
	}
	if err := expectsPosting(by, c); err != nil {
		return c, err
	}
	if err := c.MayPost(); err != nil {
		return c, err
	}
	p := &posting{Floor: f, by: by, release: release, count: c}
	rest := c.Unposted()
	if err := p.bookable(ctx, rest); err != nil {
		return c, err
	}
	for p.count.Status != stock.CountPosted {
		if rest, err = p.step(ctx, rest); err != nil {
			return p.count, err
		}
	}
	return p.count, nil
}

// expectsPosting refuses a count that the caller did not see. Who saw it open
// and began to post it may go on with the same If-Match: since that version
// nothing was entered.
func expectsPosting(by By, c stock.Count) error {
	err := by.Expects(c.Version)
	if err != nil && c.Status == stock.CountPosting && by.Expects(c.Version-1) == nil {
		return nil
	}
	return err
}

// A posting is one caller's work on a count, as far as it came.
type posting struct {
	*Floor
	by      By
	release bool
	count   stock.Count
}

// step books the first of the lines that are left, with the last of them also
// the count's new status, its event and the mark. It returns what is left.
func (p *posting) step(ctx context.Context, rest []stock.CountLine) ([]stock.CountLine, error) {
	var s step
	err := p.DB.Settle(ctx, func(ctx context.Context) (*table.Tx, error) {
		var err error
		s, err = p.plan(ctx, rest)
		return s.tx, err
	})
	if err != nil {
		return rest, err
	}
	p.count = s.count
	return s.rest, nil
}

// A step is one transaction of a posting: the count after it, and what is left to book then.
type step struct {
	tx    *table.Tx
	count stock.Count
	rest  []stock.CountLine
}

// plan composes a step from fresh reads, of as many lines as fit.
func (p *posting) plan(ctx context.Context, rest []stock.CountLine) (step, error) {
	batch := rest[:min(len(rest), mostPosted)]
	skus := make([]string, len(batch))
	for i, l := range batch {
		skus[i] = l.SKU
	}
	// The lines are read before the stock: what another poster books between
	// the two fails on the line.
	now, err := p.DB.CountLines(ctx, p.count.ID, skus)
	if err != nil {
		return step{}, err
	}
	if !p.same(now) {
		return step{}, errOvertaken
	}
	done := p.count
	done.Version, done.Status = now.Version, now.Status
	done.Lines = slices.Clone(done.Lines)
	done.Book(now.Lines)
	batch = now.Unposted()
	items, err := p.stockOf(ctx, batch)
	if err != nil {
		return step{}, err
	}
	if short := p.short(batch, items); len(short) > 0 {
		return step{}, p.lackingLines(ctx, short)
	}
	for n := len(batch); ; n /= 2 {
		left := slices.Concat(batch[n:], rest[len(skus):])
		s, fits, err := p.compose(ctx, done, batch[:n], left, items)
		switch {
		case err != nil || fits:
			return s, err
		case n <= 1:
			return step{}, refusal.New(refusal.Rejected, "too_many_items", "Too many orders would have to give way for %s; let them by adjustments in smaller steps, and enter it again.", batch[0].SKU)
		}
	}
}

// same reports whether the count is as its lines were read, or is being posted from there.
func (p *posting) same(now stock.Count) bool {
	if p.count.Status == stock.CountOpen && now.Status == stock.CountPosting {
		return now.Version == p.count.Version+1
	}
	return now.Status == p.count.Status && now.Version == p.count.Version
}

// compose makes the transaction that books lines, where left are those that are
// still to be booked after it; fits is false when it takes too many actions.
func (p *posting) compose(ctx context.Context, c stock.Count, lines, left []stock.CountLine, items map[stock.Place]stock.Item) (s step, fits bool, err error) {
	now, tx := p.IDs.Now(), &table.Tx{}
	missing := map[stock.Place]int64{}
	for _, l := range lines {
		if n := -l.Difference() - items[c.Place(l.SKU)].Available; n > 0 {
			missing[c.Place(l.SKU)] = n
		}
	}
	orders, enough, err := p.holders(ctx, missing, (3*mostPosted-3*len(lines))/2)
	if err != nil || !enough {
		return step{}, false, err
	}
	for _, o := range orders {
		p.giveWay(tx, p.by, o, now)
	}
	var booked []stock.CountLine
	for _, l := range lines {
		before := items[c.Place(l.SKU)]
		m, err := c.Adjustment(l).Valued(before)
		if err != nil {
			return step{}, false, uncountable()
		}
		m.ID, m.Actor, m.At = p.IDs.IDAt(now), p.by.Principal.ID, now
		l.Movement = m.ID
		tx.Move(m.Changes()[0], missing[m.Place], &before)
		tx.Movement(m)
		tx.BookLine(c, l)
		booked = append(booked, l)
	}
	c.Lines = slices.Clone(c.Lines)
	c.Book(booked)
	p.advance(tx, &c, len(left) == 0, now)
	return step{tx, c, left}, tx.Fits(), nil
}

// advance adds how far a step brings the count: the first of several makes it
// posting, the last posted, and those between only rely on it.
func (p *posting) advance(tx *table.Tx, c *stock.Count, last bool, now time.Time) {
	was := *c
	switch {
	case last:
		c.Status, c.PostedBy, c.PostedAt = stock.CountPosted, p.by.Principal.ID, &now
	case c.Status == stock.CountOpen:
		c.Status = stock.CountPosting
	default:
		tx.KeepCount(was)
		return
	}
	c.Version, c.UpdatedAt = was.Version+1, now
	tx.SaveCount(*c, was.Version)
	lines, differences, up, down := c.Summary()
	data := map[string]any{"lines": lines, "differences": differences, "units_up": up, "units_down": down}
	if !last {
		tx.Event(p.countEvent(event.CountPosting, *c, p.by, data))
		return
	}
	tx.Event(p.countEvent(event.CountPosted, *c, p.by, data))
	tx.Mark(p.by.Mark, c.ID, now)
}

// bookable refuses the posting when a line's loss can't be booked as the stock is now.
func (p *posting) bookable(ctx context.Context, lines []stock.CountLine) error {
	items, err := p.stockOf(ctx, lines)
	if err != nil {
		return err
	}
	if short := p.short(lines, items); len(short) > 0 {
		return p.lackingLines(ctx, short)
	}
	return nil
}

func (p *posting) stockOf(ctx context.Context, lines []stock.CountLine) (map[stock.Place]stock.Item, error) {
	places := make([]stock.Place, len(lines))
	for i, l := range lines {
		places[i] = p.count.Place(l.SKU)
	}
	return p.DB.Stock(ctx, places)
}

// A loss is a line that can't be booked, and its stock item.
type loss struct {
	stock.CountLine
	stock.Item
}

// short returns the lines whose loss is more than is free, or with release than is on hand.
func (p *posting) short(lines []stock.CountLine, items map[stock.Place]stock.Item) []loss {
	var short []loss
	for _, l := range lines {
		i := items[p.count.Place(l.SKU)]
		if out := -l.Difference(); out > i.OnHand || (out > i.Available && !p.release) {
			short = append(short, loss{l, i})
		}
	}
	return short
}

// lackingLines refuses losses of more than there is, and names for each the
// newest orders that hold it. A loss that another poster booked since the line
// was read is none any more: then it is errOvertaken.
func (p *posting) lackingLines(ctx context.Context, short []loss) error {
	skus := make([]string, len(short))
	for i, l := range short {
		skus[i] = l.SKU
	}
	now, err := p.DB.CountLines(ctx, p.count.ID, skus)
	if err != nil {
		return err
	}
	if !p.same(now) || len(now.Unposted()) < len(short) {
		return errOvertaken
	}
	e := &refusal.Error{
		Kind: refusal.Conflict, Code: "insufficient_stock",
		Detail: "More is missing at " + p.count.Location + " than is free there; errors names each SKU with what is, and the newest orders that hold it.",
	}
	open := map[string]int64{} // how many reserved units no order was named for
	for _, l := range short {
		e.Items = append(e.Items, refusal.Item{
			SKU: l.SKU, Code: "insufficient_stock", Available: &l.Available,
			Detail: fmt.Sprintf("%d are missing; %d are on hand and %d of them reserved.", -l.Difference(), l.OnHand, l.Reserved),
		})
		if l.Reserved > 0 {
			open[l.SKU] = l.Reserved
		}
	}
	if len(open) == 0 {
		return e
	}
	named := map[string]int{}
	err = p.DB.OpenOrders(ctx, func(o order.Order) bool {
		for _, l := range o.Lines {
			n := o.ReservedAt(p.count.Place(l.SKU))
			if open[l.SKU] <= 0 || n == 0 {
				continue
			}
			e.Items = append(e.Items, refusal.Item{SKU: l.SKU, Order: o.Number, Code: "reserved", Detail: fmt.Sprintf("%d reserved.", n)})
			open[l.SKU] -= n
			if named[l.SKU]++; named[l.SKU] == mostNamed || open[l.SKU] <= 0 {
				delete(open, l.SKU)
			}
		}
		return len(open) > 0
	})
	if err != nil {
		return err
	}
	return e
}

func (f *Floor) countEvent(kind event.Type, c stock.Count, by By, data map[string]any) event.Event {
	if data == nil {
		data = map[string]any{}
	}
	data["location"] = c.Location
	return event.Event{
		ID: f.IDs.IDAt(c.UpdatedAt), Subject: event.Subject{Kind: event.Count, ID: c.ID}, Seq: c.Version,
		Type: kind, At: c.UpdatedAt, Actor: by.Principal.ID, Data: data,
	}
}
