package ordering

import (
	"context"
	"fmt"
	"time"

	"waybill/shared/access"
	"waybill/shared/attribute"
	"waybill/shared/customer"
	"waybill/shared/event"
	"waybill/shared/order"
	"waybill/shared/refusal"
	"waybill/shared/table"
)

// Edit is what to change of an order; nil fields stay as they are. Wishes
// replace all lines.
type Edit struct {
	CustomerID        *string
	Wishes            []order.Wish
	Discount          *order.Discount
	Reference, Note   *string
	Terms             *customer.Terms
	Billing, Shipping *customer.Address
	Attributes        map[string]string
}

// Edit changes an order; a confirmed one together with its reservations, in
// one transaction, or not at all. A discount that comes to be above the
// caller's limit puts the order on hold for approval; one that comes back
// under it on a draft takes that hold away.
func (d *Desk) Edit(ctx context.Context, by By, id string, in Edit) (order.Order, error) {
	wishes, err := merge(by.Principal, in.Wishes)
	if err != nil {
		return order.Order{}, err
	}
	return d.change(ctx, by, id, event.OrderEdited, func(ctx context.Context, o *order.Order, now time.Time) (event.Type, map[string]any, error) {
		was := *o
		if err := o.MayEdit(); err != nil {
			return "", nil, err
		}
		c, err := d.DB.Catalog(ctx, value(in.CustomerID), lineSKUs(*o, wishes), nil)
		if err != nil {
			return "", nil, err
		}
		if err := edit(o, in, wishes, c); err != nil {
			return "", nil, err
		}
		if err := o.Price(); err != nil {
			return "", nil, err
		}
		if in.Wishes != nil && o.IsOpen() {
			if err := allocate(o, c); err != nil {
				return "", nil, err
			}
			o.Progress()
		}
		if o.IsOpen() && o.Terms.Kind != was.Terms.Kind {
			o.AwaitPayment(now, c.Settings.PaymentTime)
		}
		// What was approved was this discount for this customer on these terms.
		if in.Wishes != nil || in.Discount != nil || in.CustomerID != nil || in.Terms != nil {
			if o.Exceeds(c.Settings.DiscountLimit(by.Principal)) {
				o.AwaitApproval()
			} else {
				o.WaiveApproval()
			}
		}
		o.CompleteIfDone() // but not while a discount waits for approval
		return "", changes(was, *o, in), nil
	})
}

// edit applies the change to the order, without stock and prices.
func edit(o *order.Order, in Edit, wishes []order.Wish, c table.Catalog) error {
	if in.Wishes != nil {
		if len(wishes) > order.MaxStockItems {
			return tooMany()
		}
		next, wrong := lines(*o, wishes, c)
		if len(wrong) > 0 {
			return refusal.Fields(wrong...)
		}
		if err := keepShipped(*o, next); err != nil {
			return err
		}
		if err := o.KeepInvoiced(next); err != nil {
			return err
		}
		o.Lines = next
	}
	if in.Discount != nil {
		o.Discount = *in.Discount
	}
	if in.Reference != nil {
		o.Reference = *in.Reference
	}
	if in.Note != nil {
		o.Note = *in.Note
	}
	if in.Billing != nil {
		o.Billing = in.Billing
	}
	if in.Shipping != nil {
		o.Shipping = in.Shipping
	}
	if wrong := attribute.Check(in.Attributes); wrong != nil {
		return refusal.Fields(wrong...)
	}
	if in.Attributes != nil {
		o.Attributes = in.Attributes
	}
	if in.CustomerID != nil && *in.CustomerID != o.CustomerID && len(o.Shipments) > 0 {
		return refusal.New(refusal.Conflict, "already_shipped", "Goods of order %s have left to its customer; it can't become another's.", o.Number)
	}
	if in.CustomerID != nil {
		// Another customer's goods go to another address.
		o.Billing, o.Shipping = in.Billing, in.Shipping
		if wrong := assign(o, c.Customer, in.Terms); wrong != nil {
			return refusal.Fields(wrong...)
		}
	} else if in.Terms != nil {
		o.Terms = *in.Terms
	}
	return nil
}

// keepShipped refuses lines that fall below what has left already.
func keepShipped(o order.Order, next []order.Line) error {
	quantity := map[string]int64{}
	for _, l := range next {
		quantity[l.SKU] = l.Quantity
	}
	for _, l := range o.Lines {
		if quantity[l.SKU] < l.Shipped {
			return refusal.New(refusal.Conflict, "below_shipped", "%d of %s have left already.", l.Shipped, l.SKU)
		}
	}
	return nil
}

// changes says what an edit changed, for the timeline.
func changes(was, next order.Order, in Edit) map[string]any {
	var fields []any
	for _, f := range []struct {
		name  string
		given bool
	}{
		{"lines", in.Wishes != nil}, {"discount", in.Discount != nil}, {"customer_id", in.CustomerID != nil}, {"terms", in.Terms != nil},
		{"reference", in.Reference != nil}, {"note", in.Note != nil}, {"billing_address", in.Billing != nil},
		{"shipping_address", in.Shipping != nil}, {"attributes", in.Attributes != nil},
	} {
		if f.given {
			fields = append(fields, f.name)
		}
	}
	data := map[string]any{"changed": fields}
	if in.Wishes != nil {
		quantity := map[string]int64{}
		for _, l := range was.Lines {
			quantity[l.SKU] = l.Quantity
		}
		var diff []any
		for _, l := range next.Lines {
			if before, ok := quantity[l.SKU]; !ok || before != l.Quantity {
				diff = append(diff, map[string]any{"sku": l.SKU, "from": before, "to": l.Quantity})
			}
			delete(quantity, l.SKU)
		}
		for _, l := range was.Lines {
			if before, gone := quantity[l.SKU]; gone {
				diff = append(diff, map[string]any{"sku": l.SKU, "from": before, "to": int64(0)})
			}
		}
		data["lines"] = diff
	}
	if was.Totals.Total != next.Totals.Total {
		data["was_total"] = was.Totals.Total
	}
	if was.CustomerID != next.CustomerID {
		data["customer_id"] = next.CustomerID
	}
	return data
}

// Confirm reserves the stock of a draft.
func (d *Desk) Confirm(ctx context.Context, by By, id string) (order.Order, error) {
	return d.change(ctx, by, id, event.OrderConfirmed, func(ctx context.Context, o *order.Order, now time.Time) (event.Type, map[string]any, error) {
		return "", nil, d.confirm(ctx, o, now)
	})
}

func (d *Desk) confirm(ctx context.Context, o *order.Order, now time.Time) error {
	if err := o.Confirm(now); err != nil {
		return err
	}
	c, err := d.DB.Catalog(ctx, "", lineSKUs(*o, nil), nil)
	if err != nil {
		return err
	}
	for i, l := range o.Lines {
		if !c.Products[l.SKU].Active {
			return refusal.Fields(refusal.Item{Field: fmt.Sprintf("lines[%d].sku", i), SKU: l.SKU, Code: "inactive", Detail: "The product is not sold any more."})
		}
	}
	o.AwaitPayment(now, c.Settings.PaymentTime)
	return allocate(o, c)
}

// Cancel ends an order and releases exactly what is still reserved for it,
// once. Of an order that left in part it closes the rest.
func (d *Desk) Cancel(ctx context.Context, by By, id, reason string) (order.Order, error) {
	return d.change(ctx, by, id, event.OrderCancelled, func(_ context.Context, o *order.Order, _ time.Time) (event.Type, map[string]any, error) {
		was := *o
		was.Lines = append([]order.Line(nil), o.Lines...)
		err := o.Cancel(reason)
		return ending(*o), ended(was, *o, reason), err
	})
}

// CancelBackorders gives up what an order waits for; the rest of it stands.
func (d *Desk) CancelBackorders(ctx context.Context, by By, id, reason string) (order.Order, error) {
	return d.change(ctx, by, id, event.OrderEdited, func(_ context.Context, o *order.Order, _ time.Time) (event.Type, map[string]any, error) {
		was := *o
		was.Lines = append([]order.Line(nil), o.Lines...)
		err := o.CancelBackorders(reason)
		return ending(*o), ended(was, *o, reason), err
	})
}

// ending is the type of event that an order comes to its end by, "" when it goes on.
func ending(o order.Order) event.Type {
	switch {
	case o.Status == order.Cancelled:
		return event.OrderCancelled
	case !o.IsOpen():
		return event.OrderClosed
	default:
		return ""
	}
}

// ended says what was given up, for the timeline.
func ended(was, next order.Order, reason string) map[string]any {
	data := map[string]any{"was_status": string(was.Status)}
	if reason != "" {
		data["reason"] = reason
	}
	var gone []any
	for i, l := range next.Lines {
		if n := l.Cancelled - was.Lines[i].Cancelled; n > 0 {
			gone = append(gone, map[string]any{"sku": l.SKU, "cancelled": n})
		}
	}
	if gone != nil {
		data["lines"] = gone
	}
	if was.Totals.Total != next.Totals.Total {
		data["was_total"] = was.Totals.Total
	}
	return data
}

// Complete ends a shipped order by hand.
func (d *Desk) Complete(ctx context.Context, by By, id string) (order.Order, error) {
	return d.change(ctx, by, id, event.OrderCompleted, func(_ context.Context, o *order.Order, _ time.Time) (event.Type, map[string]any, error) {
		return "", nil, o.Complete()
	})
}

// Hold stops an order where it is.
func (d *Desk) Hold(ctx context.Context, by By, id, reason string) (order.Order, error) {
	if reason == order.HoldApproval || reason == order.HoldStock || reason == order.HoldDispute {
		return order.Order{}, refusal.Field("reason", "invalid", "%q is a reason that the system gives; say it in other words.", reason)
	}
	return d.change(ctx, by, id, event.OrderHeld, func(_ context.Context, o *order.Order, _ time.Time) (event.Type, map[string]any, error) {
		return "", map[string]any{"reason": reason}, o.Hold(reason)
	})
}

// Release lets a held order go on. A hold for approval needs the permission to
// approve, and a draft that waited for it is confirmed. An order that gave way
// to an adjustment takes its stock again, or stays on hold.
func (d *Desk) Release(ctx context.Context, by By, id string) (order.Order, error) {
	return d.change(ctx, by, id, event.OrderReleased, func(ctx context.Context, o *order.Order, now time.Time) (event.Type, map[string]any, error) {
		reason := o.HoldReason
		if o.OnHold && reason == order.HoldApproval {
			if err := by.Principal.Require(access.OrdersApprove); err != nil {
				return "", nil, err
			}
		}
		if err := o.Release(); err != nil {
			return "", nil, err
		}
		data := map[string]any{"reason": reason}
		if reason == order.HoldApproval && o.Status == order.Draft {
			return event.OrderConfirmed, data, d.confirm(ctx, o, now)
		}
		// Whatever the hold was for: while it stood, the order may have given way too.
		if o.IsOpen() && o.Waits() {
			return "", data, d.regain(ctx, o)
		}
		return "", data, nil
	})
}

// regain reserves what the order waits for, as far as its products say that it must not wait.
func (d *Desk) regain(ctx context.Context, o *order.Order) error {
	c, err := d.DB.Catalog(ctx, "", lineSKUs(*o, nil), nil)
	if err != nil {
		return err
	}
	for i := range o.Lines {
		o.Lines[i].Backordered = 0 // nothing may go on waiting but what its product lets
	}
	return allocate(o, c)
}

// lineSKUs returns the SKUs that an order has and those it is to have.
func lineSKUs(o order.Order, wishes []order.Wish) []string {
	out := skus(wishes)
	for _, l := range o.Lines {
		out = append(out, l.SKU)
	}
	return out
}

func value(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// Timeline lists an order's events, newest first.
func (d *Desk) Timeline(ctx context.Context, p access.Principal, id string, page table.Page) (table.Listing[event.Event], error) {
	if _, err := d.Look(ctx, p, id); err != nil {
		return table.Listing[event.Event]{}, err
	}
	return d.DB.Timeline(ctx, id, page)
}
