package telling

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"waybill/shared/notice"
	"waybill/shared/refusal"
	"waybill/shared/table"
)

// page is how many notifications are looked at together.
const page = 50

// Due tries what waits and is due, until a moment at which nothing further is
// begun; it returns how much it tried. What fails is left for the next call.
func (t *Teller) Due(ctx context.Context, until time.Time) (int, error) {
	return t.walk(ctx, until, t.IDs.Now(), t.DB.NoticesDue, t.retry)
}

// Unanswered finds what was handed over and got no answer that anybody wrote
// down, because whoever sent it is gone: it may have been sent, and is left to
// a person. It returns how much it found.
func (t *Teller) Unanswered(ctx context.Context, until time.Time) (int, error) {
	return t.walk(ctx, until, t.IDs.Now().Add(-lostFor), t.DB.NoticesUnanswered, func(ctx context.Context, n notice.Notice) error {
		return t.settle(ctx, n, errUnanswered)
	})
}

type reader func(ctx context.Context, after string, at time.Time, limit int) ([]notice.Notice, string, error)

// walk sees to every notification of a list, several at once.
func (t *Teller) walk(ctx context.Context, until, at time.Time, read reader, see func(context.Context, notice.Notice) error) (int, error) {
	var mu sync.Mutex
	var failed []error
	seen := 0
	for after := ""; ; {
		some, last, err := read(ctx, after, at, page)
		if err != nil {
			return seen, errors.Join(append(failed, err)...)
		}
		// A failure of one doesn't end the others: they may be at a sender.
		err = table.Each(ctx, len(some), func(ctx context.Context, i int) error {
			if ctx.Err() != nil || !t.IDs.Now().Before(until) {
				return nil
			}
			err := safely(func() error { return see(ctx, some[i]) })
			mu.Lock()
			defer mu.Unlock()
			seen++
			failed = append(failed, err)
			return nil
		})
		if after = last; err != nil || last == "" || !t.IDs.Now().Before(until) {
			return seen, errors.Join(append(failed, err)...)
		}
	}
}

// safely has a panic end one attempt and not the process: its notification got no answer.
func safely(do func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v", v)
		}
	}()
	return do()
}

// retry tries a notification that waited, with what is true by now.
func (t *Teller) retry(ctx context.Context, n notice.Notice) error {
	e, err := t.DB.EventAt(ctx, n.Subject, n.Seq)
	if refusal.Is(err, "not_found") {
		return t.giveUp(ctx, n, "its event is gone")
	}
	if err != nil {
		return err
	}
	for _, r := range t.Rules(e) {
		if r.Words != n.Words || r.To != n.Audience {
			continue
		}
		c, err := t.look(ctx, e)
		if err != nil {
			return err
		}
		to, language, ok := c.recipient(n.Audience, n.Channel) // it may be another by now
		if !ok {
			break
		}
		n.To, n.Language = to, language
		return t.see(ctx, c, draft{Notice: n, rule: r})
	}
	return t.giveUp(ctx, n, "nobody is told of this any more")
}
