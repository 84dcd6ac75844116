package table_test

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"waybill/shared/access"
	"waybill/shared/company"
	"waybill/shared/customer"
	"waybill/shared/deadletter"
	"waybill/shared/event"
	"waybill/shared/order"
	"waybill/shared/payment"
	"waybill/shared/product"
	"waybill/shared/refusal"
	"waybill/shared/stock"
	"waybill/shared/table"
)

// full returns a T in which no field is zero, so that a field which somebody
// adds to a noun and forgets in its record fails the round trip.
func full[T any](t testing.TB) T {
	t.Helper()
	var v T
	n := 0
	fill(t, reflect.ValueOf(&v).Elem(), &n)
	return v
}

func fill(t testing.TB, v reflect.Value, n *int) {
	t.Helper()
	*n++
	switch x := v.Addr().Interface().(type) {
	case *time.Time:
		*x = time.UnixMilli(1_800_000_000_000 + int64(*n)).UTC()
		return
	case *order.Discount: // one or the other
		*x = []order.Discount{{Amount: int64(*n)}, {ByRate: true, Rate: int64(*n)}}[*n%2]
		return
	case *map[string]any:
		*x = map[string]any{
			"text": "words", "amount": int64(9_007_199_254_740_993), "held": true,
			"lines": []any{map[string]any{"sku": "MUG", "to": int64(0)}},
		}
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(fmt.Sprint("text ", *n))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(*n))
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(t, v.Elem(), n)
	case reflect.Struct:
		for i := range v.NumField() {
			fill(t, v.Field(i), n)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range v.Len() {
			fill(t, v.Index(i), n)
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for range 2 {
			key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
			fill(t, key, n)
			fill(t, value, n)
			v.SetMapIndex(key, value)
		}
	default:
		t.Fatalf("fill does not know a %s", v.Type())
	}
}

func wantSame[T any](t testing.TB, got, want T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("read back is\n%+v, want\n%+v", got, want)
	}
}

func TestEveryFieldIsReadBack(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	ctx := t.Context()

	t.Run("order", func(t *testing.T) {
		for i := range 2 { // the second time the discounts are of the other kind
			want := full[order.Order](t)
			want.ID, want.Number = s.ids.ID(), fmt.Sprint("SO-", i)
			if i == 1 {
				want.Discount, want.Lines[0].Own = want.Lines[0].Own, want.Discount
			}
			s.commit(t, func(tx *table.Tx) { tx.NewOrder(want) })
			got, err := s.Order(ctx, want.ID)
			wantSame(t, got, want, err)
		}
	})
	t.Run("order without anything", func(t *testing.T) {
		want := s.entered("SO-EMPTY")
		s.commit(t, func(tx *table.Tx) { tx.NewOrder(want) })
		got, err := s.Order(ctx, want.ID)
		wantSame(t, got, want, err)
	})
	t.Run("product", func(t *testing.T) {
		want := full[product.Product](t)
		want.ListID = s.ids.ID()
		s.commit(t, func(tx *table.Tx) { tx.NewProduct(want) })
		got, err := s.Product(ctx, want.SKU)
		wantSame(t, got, want, err)
		want.Version++
		want.Active, want.Backorder, want.ReorderPoint, want.Attributes = false, false, nil, nil
		s.commit(t, func(tx *table.Tx) { tx.SaveProduct(want, want.Version-1) })
		got, err = s.Product(ctx, want.SKU)
		wantSame(t, got, want, err)
	})
	t.Run("customer", func(t *testing.T) {
		want := full[customer.Customer](t)
		want.ID = s.ids.ID()
		s.commit(t, func(tx *table.Tx) { tx.NewCustomer(want) })
		got, err := s.Customer(ctx, want.ID)
		wantSame(t, got, want, err)
		ids, err := s.CustomerIDs(ctx, []string{want.Reference, "nobody"})
		wantSame(t, ids, map[string]string{want.Reference: want.ID}, err)
	})
	t.Run("dead letter", func(t *testing.T) {
		want := full[deadletter.Letter](t)
		want.ID = s.ids.ID()
		s.commit(t, func(tx *table.Tx) { tx.SaveLetter(want, 0) })
		want.Version = 1
		got, err := s.Letter(ctx, want.ID)
		wantSame(t, got, want, err)
	})
	t.Run("settings", func(t *testing.T) {
		got, err := s.Settings(ctx)
		wantSame(t, got, company.Default(), err)
		want := full[company.Settings](t)
		want.DiscountLimits = map[access.Role]int64{access.Sales: 1500, access.Finance: 1}
		want.Version = 2
		s.commit(t, func(tx *table.Tx) { tx.SaveSettings(want, 1) })
		got, err = s.Settings(ctx)
		wantSame(t, got, want, err)
	})
	t.Run("locations", func(t *testing.T) {
		got, err := s.Locations(ctx)
		wantSame(t, got, table.Locations{List: []stock.Location{stock.Main}}, err)
		want := full[table.Locations](t)
		want.Version = 1
		s.commit(t, func(tx *table.Tx) { tx.SaveLocations(want, 0) })
		got, err = s.Locations(ctx)
		wantSame(t, got, want, err)
	})
	t.Run("movement", func(t *testing.T) {
		want := full[stock.Movement](t)
		want.ID, want.At = s.ids.ID(), s.now()
		s.commit(t, func(tx *table.Tx) { tx.Movement(want) })
		got, err := s.Movement(ctx, want.SKU, want.ID)
		wantSame(t, got, want, err)
	})
	t.Run("stock item", func(t *testing.T) {
		want := stock.Item{Place: at("MUG"), OnHand: 9, Reserved: 4, Available: 5, Value: 7200, Version: 2, Moves: 1}
		s.commit(t, func(tx *table.Tx) { tx.Move(stock.Change{Place: want.Place, OnHand: 9, Value: 7200}, 0, nil) })
		s.commit(t, func(tx *table.Tx) { tx.Reserve(want.Place, 4) })
		wantSame(t, s.stock(t, "MUG"), want, nil)
	})
	t.Run("event", func(t *testing.T) {
		want := full[event.Event](t)
		want.ID, want.At = s.ids.ID(), s.now()
		want.Subject.Kind = event.Order
		s.commit(t, func(tx *table.Tx) { tx.Event(want) })
		got, err := s.Timeline(ctx, want.Subject.ID, table.Page{Limit: 10})
		wantSame(t, got.Items, []event.Event{want}, err)
	})
	t.Run("payments", func(t *testing.T) {
		o := s.entered("SO-PAID")
		want := full[payment.Account](t)
		want.Version, want.Entries = 1, int64(len(want.News))
		for i := range want.News {
			want.News[i].Number = int64(i + 1)
		}
		s.commit(t, func(tx *table.Tx) {
			tx.NewOrder(o)
			tx.SaveAccount(o.ID, payment.Account{}, want, s.now())
		})
		entries, err := s.Entries(ctx, o.ID)
		wantSame(t, entries, want.News, err)
		want.News = nil
		got, err := s.Account(ctx, o.ID)
		wantSame(t, got, want, err)
		for _, p := range want.Payments {
			id, err := s.PaymentOrder(ctx, p.ID)
			wantSame(t, id, o.ID, err)
			for _, known := range []string{p.Session, p.Intent} {
				id, err := s.StripeOrder(ctx, known)
				wantSame(t, id, o.ID, err)
			}
		}
		tx := &table.Tx{}
		tx.SaveAccount(o.ID, payment.Account{}, want, s.now())
		if err := s.Commit(ctx, tx); !refusal.Is(err, "stale") {
			t.Errorf("payments that somebody else changed were saved: %v", err)
		}
	})
	t.Run("review", func(t *testing.T) {
		want := full[table.Review](t)
		want.ID, want.At = s.ids.ID(), s.now()
		s.commit(t, func(tx *table.Tx) { tx.NewReview(want) })
		got, err := s.Review(ctx, want.ID)
		wantSame(t, got, want, err)
	})
	t.Run("proof", func(t *testing.T) {
		got, version, err := s.Proof(ctx)
		wantSame(t, got, nil, err)
		s.commit(t, func(tx *table.Tx) { tx.SaveProof([]byte("a run"), version) })
		got, version, err = s.Proof(ctx)
		wantSame(t, got, []byte("a run"), err)
		s.commit(t, func(tx *table.Tx) { tx.SaveProof([]byte("another"), version) })
		got, _, err = s.Proof(ctx)
		wantSame(t, got, []byte("another"), err)
		tx := &table.Tx{}
		tx.SaveProof([]byte("a late one"), version)
		if err := s.Commit(ctx, tx); !refusal.Is(err, "stale") {
			t.Errorf("a run that somebody else went on with was saved: %v", err)
		}
	})
	t.Run("level", func(t *testing.T) {
		got, err := s.Shelf(ctx, "MUG")
		wantSame(t, got.Level, table.Level{}, err)
		was := table.Level{}
		for _, next := range []table.Level{{Low: true, Seq: 1}, {Seq: 1}, {Low: true, Seq: 2}} {
			s.commit(t, func(tx *table.Tx) { tx.SaveLevel("MUG", next, was) })
			got, err = s.Shelf(ctx, "MUG")
			wantSame(t, got.Level, next, err)
			tx := &table.Tx{}
			tx.SaveLevel("MUG", next, was)
			if err := s.Commit(ctx, tx); !refusal.Is(err, "stale") {
				t.Errorf("the level went from %+v to %+v twice: %v", was, next, err)
			}
			was = next
		}
	})
}
