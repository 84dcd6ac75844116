package masterdata_test

import (
	"fmt"
	"sync"
	"testing"

	"waybill/infra/dynamolocal/testtable"
	"waybill/shared/access"
	"waybill/shared/company"
	"waybill/shared/customer"
	"waybill/shared/event"
	"waybill/shared/ident"
	"waybill/shared/masterdata"
	"waybill/shared/product"
	"waybill/shared/refusal"
	"waybill/shared/stock"
	"waybill/shared/table"
)

func anyVersion(int64) error { return nil }

// saw refuses every version but this one, as an If-Match does.
func saw(v int64) func(int64) error {
	return func(version int64) error {
		if version == v {
			return nil
		}
		return refusal.New(refusal.Stale, "stale", "It is at version %d.", version)
	}
}

func as(id string, roles ...access.Role) masterdata.By {
	return masterdata.By{Principal: access.Principal{ID: id, Roles: roles}, Expect: anyVersion}
}

var manager = as("max", access.Manager)

func newKeeper(t testing.TB) *masterdata.Keeper {
	t.Helper()
	client, name := testtable.New(t)
	ids := ident.New()
	return &masterdata.Keeper{DB: table.New(client, name, ids.Now), IDs: ids}
}

func wantCode(t testing.TB, err error, code string) {
	t.Helper()
	if !refusal.Is(err, code) {
		t.Errorf("got %v, want %s", err, code)
	}
}

// wantAudit compares how many events of a type there are.
func wantAudit(t testing.TB, k *masterdata.Keeper, kind event.Type, n int) {
	t.Helper()
	l, err := k.DB.Audit(t.Context(), table.AuditFilter{Type: kind}, table.Page{Limit: 100})
	if err != nil || len(l.Items) != n {
		t.Errorf("%d events %s, %v; want %d", len(l.Items), kind, err, n)
	}
}

func mug() product.Product {
	return product.Product{SKU: "MUG", Name: "Mug", Unit: "pcs", Prices: map[string]int64{"USD": 1999}, TaxClass: "standard", Active: true}
}

func TestASKUIsOfOneProduct(t *testing.T) {
	t.Parallel()
	k := newKeeper(t)
	if _, err := k.CreateProduct(t.Context(), manager, mug()); err != nil {
		t.Fatal(err)
	}
	second := mug()
	second.Name = "Another"
	_, err := k.CreateProduct(t.Context(), manager, second)
	wantCode(t, err, "exists")
	if p, err := k.DB.Product(t.Context(), "MUG"); err != nil || p.Name != "Mug" || p.Version != 1 {
		t.Errorf("stored is %+v, %v", p, err)
	}
	wantAudit(t, k, event.ProductCreated, 1)
}

func TestAProductIsOfKnownCurrenciesAndTaxClasses(t *testing.T) {
	t.Parallel()
	k := newKeeper(t)
	wrong := mug()
	wrong.Prices, wrong.TaxClass = map[string]int64{"XXX": 1}, "luxury"
	_, err := k.CreateProduct(t.Context(), manager, wrong)
	wantCode(t, err, "rejected")
	if _, err := k.CreateProduct(t.Context(), manager, mug()); err != nil {
		t.Fatal(err)
	}
	_, err = k.EditProduct(t.Context(), manager, "MUG", func(p *product.Product) { p.TaxClass = "luxury" })
	wantCode(t, err, "rejected")
	if p, err := k.DB.Product(t.Context(), "MUG"); err != nil || p.TaxClass != "standard" || p.Version != 1 {
		t.Errorf("stored is %+v, %v", p, err)
	}
	wantAudit(t, k, event.ProductEdited, 0)
}

func TestAnEditOfAVersionThatIsGoneIsStale(t *testing.T) {
	t.Parallel()
	k := newKeeper(t)
	ctx := t.Context()
	if _, err := k.CreateProduct(ctx, manager, mug()); err != nil {
		t.Fatal(err)
	}
	c, err := k.CreateCustomer(ctx, manager, customer.Customer{Name: "Claire Gute"})
	if err != nil {
		t.Fatal(err)
	}
	for name, edit := range map[string]func(masterdata.By) (int64, error){
		"product": func(by masterdata.By) (int64, error) {
			p, err := k.EditProduct(ctx, by, "MUG", func(p *product.Product) { p.Name += "!" })
			return p.Version, err
		},
		"customer": func(by masterdata.By) (int64, error) {
			c, err := k.EditCustomer(ctx, by, c.ID, nil, func(c *customer.Customer) { c.Name += "!" })
			return c.Version, err
		},
		"location": func(by masterdata.By) (int64, error) {
			l, err := k.EditLocation(ctx, by, "MAIN", func(l *stock.Location) { l.Name += "!" })
			return l.Version, err
		},
		"settings": func(by masterdata.By) (int64, error) {
			s, err := k.EditSettings(ctx, by, func(s *company.Settings) { s.Name += "!" })
			return s.Version, err
		},
	} {
		t.Run(name, func(t *testing.T) {
			by := manager
			for v := int64(1); v <= 3; v++ {
				by.Expect = saw(v)
				if got, err := edit(by); err != nil || got != v+1 {
					t.Errorf("edit of version %d: now %d, %v", v, got, err)
				}
			}
			by.Expect = saw(3)
			_, err := edit(by)
			wantCode(t, err, "stale")
			by.Expect = saw(4)
			if got, err := edit(by); err != nil || got != 5 {
				t.Errorf("now %d, %v", got, err)
			}
		})
	}
}

func TestEditsAtOnceAreAllKept(t *testing.T) {
	t.Parallel()
	k := newKeeper(t)
	if _, err := k.CreateProduct(t.Context(), manager, mug()); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			_, err := k.EditProduct(t.Context(), manager, "MUG", func(p *product.Product) {
				added := map[string]string{fmt.Sprint("label ", i): "x"}
				for name, v := range p.Attributes {
					added[name] = v
				}
				p.Attributes = added
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	p, err := k.DB.Product(t.Context(), "MUG")
	if err != nil || p.Version != 9 || len(p.Attributes) != 8 {
		t.Errorf("stored is %+v, %v", p, err)
	}
	wantAudit(t, k, event.ProductEdited, 8)
}

func TestARetryOfACreationIsAReplay(t *testing.T) {
	t.Parallel()
	k := newKeeper(t)
	by := manager
	by.Mark = &table.Mark{Principal: "max", Operation: "createProduct", Key: "k", Hash: "h"}
	if _, err := k.CreateProduct(t.Context(), by, mug()); err != nil {
		t.Fatal(err)
	}
	_, err := k.CreateProduct(t.Context(), by, mug())
	if err == nil || err.Error() != (&table.Replay{Ref: "MUG"}).Error() {
		t.Errorf("got %v, want a replay", err)
	}
	wantAudit(t, k, event.ProductCreated, 1)
}

func TestAReferenceIsOfOneCustomer(t *testing.T) {
	t.Parallel()
	k := newKeeper(t)
	errs := make([]error, 8)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() {
			_, errs[i] = k.CreateCustomer(t.Context(), manager, customer.Customer{Name: fmt.Sprint("Customer ", i), Reference: "CG-12520"})
		})
	}
	wg.Wait()
	created := 0
	for _, err := range errs {
		if err == nil {
			created++
		} else {
			wantCode(t, err, "exists")
		}
	}
	l, err := k.DB.Customers(t.Context(), table.CustomerFilter{}, table.Page{Limit: 100})
	if created != 1 || err != nil || len(l.Items) != 1 {
		t.Errorf("%d were created and %d are stored, %v", created, len(l.Items), err)
	}
	for range 2 { // as many without a reference as there are
		if _, err := k.CreateCustomer(t.Context(), manager, customer.Customer{Name: "Nobody's"}); err != nil {
			t.Error(err)
		}
	}
}

func TestACustomerBelongsToTheSalespersonWhoEntersIt(t *testing.T) {
	t.Parallel()
	k := newKeeper(t)
	for _, c := range []struct {
		name  string
		by    masterdata.By
		given string
		want  string
	}{
		{"a salesperson's", as("ann", access.Sales), "", "ann"},
		{"one's own by name", as("ann", access.Sales), "ann", "ann"},
		{"nobody's", manager, "", ""},
		{"one's by a manager", manager, "bob", "bob"},
		{"of one with two roles", as("cat", access.Finance, access.Sales), "", "cat"},
	} {
		made, err := k.CreateCustomer(t.Context(), c.by, customer.Customer{Name: c.name, Owner: c.given})
		if err != nil {
			t.Fatal(err)
		}
		if stored, err := k.DB.Customer(t.Context(), made.ID); err != nil || stored.Owner != c.want {
			t.Errorf("%s: owner is %q, %v; want %q", c.name, stored.Owner, err, c.want)
		}
	}
}

func TestOnlyThoseWhoAssignCustomersNameAnothersOwner(t *testing.T) {
	t.Parallel()
	k := newKeeper(t)
	_, err := k.CreateCustomer(t.Context(), as("ann", access.Sales), customer.Customer{Name: "Another's", Owner: "bob"})
	wantCode(t, err, "forbidden")
}

func TestTheCreditLimitIsSetByThoseWhoMay(t *testing.T) {
	t.Parallel()
	k := newKeeper(t)
	limit := int64(100_000)
	_, err := k.CreateCustomer(t.Context(), as("ann", access.Sales), customer.Customer{Name: "Rich", CreditLimit: &limit})
	wantCode(t, err, "forbidden")
	c, err := k.CreateCustomer(t.Context(), as("ann", access.Sales), customer.Customer{Name: "Rich"})
	if err != nil {
		t.Fatal(err)
	}
	raise := func(by masterdata.By, touches ...access.Permission) error {
		_, err := k.EditCustomer(t.Context(), by, c.ID, touches, func(c *customer.Customer) { c.CreditLimit = &limit })
		return err
	}
	wantCode(t, raise(as("ann", access.Sales), access.CustomersLimit), "forbidden")
	wantCode(t, raise(as("fin", access.Finance), access.CustomersLimit, access.CustomersEdit), "forbidden")
	if stored, err := k.DB.Customer(t.Context(), c.ID); err != nil || stored.CreditLimit != nil || stored.Version != 1 {
		t.Errorf("stored is %+v, %v", stored, err)
	}
	if err := raise(as("fin", access.Finance), access.CustomersLimit); err != nil {
		t.Error(err)
	}
	if stored, err := k.DB.Customer(t.Context(), c.ID); err != nil || stored.CreditLimit == nil || *stored.CreditLimit != limit {
		t.Errorf("stored is %+v, %v", stored, err)
	}
}

func TestEventsOfCustomersHoldNoPersonalData(t *testing.T) {
	t.Parallel()
	k := newKeeper(t)
	c, err := k.CreateCustomer(t.Context(), manager, customer.Customer{
		Name: "Claire Gute", Email: "claire@example.com", Phone: "+14155550123", Billing: &customer.Address{City: "Henderson"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := k.EditCustomer(t.Context(), manager, c.ID, nil, func(c *customer.Customer) { c.Name = "Claire Good" }); err != nil {
		t.Fatal(err)
	}
	l, err := k.DB.Audit(t.Context(), table.AuditFilter{}, table.Page{Limit: 10})
	if err != nil || len(l.Items) != 2 {
		t.Fatalf("%+v, %v", l.Items, err)
	}
	for _, e := range l.Items {
		for name := range e.Data {
			if name != "owner" && name != "terms" {
				t.Errorf("%s tells %s", e.Type, name)
			}
		}
	}
}

func TestThereAreAtMostAHundredLocations(t *testing.T) {
	t.Parallel()
	k := newKeeper(t)
	for i := range 99 { // beside MAIN
		if _, err := k.CreateLocation(t.Context(), manager, stock.Location{Code: fmt.Sprint("L", i), Name: "More", Priority: 1000 - i}); err != nil {
			t.Fatal(err)
		}
	}
	_, err := k.CreateLocation(t.Context(), manager, stock.Location{Code: "ONE-MORE", Name: "Too many", Priority: 1})
	wantCode(t, err, "too_many_locations")
	all, err := k.DB.Locations(t.Context())
	if err != nil || len(all.List) != 100 || all.List[0].Code != "MAIN" || all.List[1].Code != "L98" {
		t.Errorf("%d locations, %v: %v", len(all.List), err, all.Codes())
	}
	_, err = k.CreateLocation(t.Context(), manager, stock.Location{Code: "MAIN"})
	wantCode(t, err, "exists")
	_, err = k.EditLocation(t.Context(), manager, "NOWHERE", func(*stock.Location) {})
	wantCode(t, err, "not_found")
}

func TestLocationsAddedAtOnceAreAllKept(t *testing.T) {
	t.Parallel()
	k := newKeeper(t)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			if _, err := k.CreateLocation(t.Context(), manager, stock.Location{Code: fmt.Sprint("L", i), Priority: 5}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if all, err := k.DB.Locations(t.Context()); err != nil || len(all.List) != 9 {
		t.Errorf("%v, %v", all.Codes(), err)
	}
	wantAudit(t, k, event.LocationCreated, 8)
}

func TestSettingsThatMakeNoSenseAreRefused(t *testing.T) {
	t.Parallel()
	k := newKeeper(t)
	_, err := k.EditSettings(t.Context(), manager, func(s *company.Settings) { s.Currency, s.Name = "XXX", "Acme" })
	wantCode(t, err, "rejected")
	if s, err := k.DB.Settings(t.Context()); err != nil || s.Name != "" || s.Version != 1 {
		t.Errorf("stored are %+v, %v", s, err)
	}
	wantAudit(t, k, event.SettingsEdited, 0)
}
