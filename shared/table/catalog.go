package table

import (
	"context"
	"time"

	"waybill/shared/access"
	"waybill/shared/company"
	"waybill/shared/customer"
	"waybill/shared/ident"
	"waybill/shared/product"
	"waybill/shared/refusal"
	"waybill/shared/shipment"
	"waybill/shared/stock"
)

type productRecord struct {
	PK           string            `dynamodbav:"pk"`
	SK           string            `dynamodbav:"sk"`
	At           string            `dynamodbav:"at"`
	Recent       string            `dynamodbav:"recent"`
	SKU          string            `dynamodbav:"sku"`
	Name         string            `dynamodbav:"name"`
	Names        map[string]string `dynamodbav:"names,omitempty"`
	Unit         string            `dynamodbav:"unit"`
	Category     string            `dynamodbav:"category,omitempty"`
	Prices       map[string]int64  `dynamodbav:"prices,omitempty"`
	TaxClass     string            `dynamodbav:"tax_class,omitempty"`
	Backorder    bool              `dynamodbav:"backorder,omitempty"`
	ReorderPoint *int64            `dynamodbav:"reorder_point,omitempty"`
	Bins         map[string]string `dynamodbav:"bins,omitempty"`
	Active       bool              `dynamodbav:"active"`
	Attributes   map[string]string `dynamodbav:"attributes,omitempty"`
	Version      int64             `dynamodbav:"version"`
	CreatedAt    int64             `dynamodbav:"created_at"`
	UpdatedAt    int64             `dynamodbav:"updated_at"`
}

// NewProduct adds a product whose SKU must be new.
func (tx *Tx) NewProduct(p product.Product) {
	tx.create(recordOfProduct(p), exists("product", p.SKU))
}

// SaveProduct adds the change of a product that must still have version was.
func (tx *Tx) SaveProduct(p product.Product, was int64) {
	tx.replace(recordOfProduct(p), was, "product", p.SKU)
}

// Product reads a product.
func (db *DB) Product(ctx context.Context, sku string) (product.Product, error) {
	i, err := db.get(ctx, productKey(sku))
	if err != nil {
		return product.Product{}, err
	}
	if i == nil {
		return product.Product{}, refusal.Missing("product", sku)
	}
	return productOf(i)
}

// A ProductFilter narrows a list of products; zero fields do not.
type ProductFilter struct {
	Category string
	Active   *bool
}

// Products lists products, the newest first.
func (db *DB) Products(ctx context.Context, f ProductFilter, p Page) (Listing[product.Product], error) {
	w := walk{index: recentIndex, partitions: allShards(productsList)}
	return list(ctx, db, w, p, itself, productOf, func(x product.Product) bool {
		return (f.Category == "" || x.Category == f.Category) && (f.Active == nil || x.Active == *f.Active)
	})
}

type customerRecord struct {
	PK          string            `dynamodbav:"pk"`
	SK          string            `dynamodbav:"sk"`
	At          string            `dynamodbav:"at"`
	Recent      string            `dynamodbav:"recent"`
	ByOwner     string            `dynamodbav:"by_owner,omitempty"`
	Reference   string            `dynamodbav:"reference,omitempty"`
	Name        string            `dynamodbav:"name"`
	Email       string            `dynamodbav:"email,omitempty"`
	Phone       string            `dynamodbav:"phone,omitempty"`
	Locale      string            `dynamodbav:"locale"`
	TimeZone    string            `dynamodbav:"time_zone,omitempty"`
	Terms       string            `dynamodbav:"terms"`
	TermDays    int               `dynamodbav:"term_days,omitempty"`
	CreditLimit *int64            `dynamodbav:"credit_limit,omitempty"`
	Owner       string            `dynamodbav:"owner,omitempty"`
	Billing     *addressRecord    `dynamodbav:"billing,omitempty"`
	Shipping    *addressRecord    `dynamodbav:"shipping,omitempty"`
	Attributes  map[string]string `dynamodbav:"attributes,omitempty"`
	Version     int64             `dynamodbav:"version"`
	CreatedAt   int64             `dynamodbav:"created_at"`
	UpdatedAt   int64             `dynamodbav:"updated_at"`
}

type customerReferenceRecord struct {
	PK         string `dynamodbav:"pk"`
	SK         string `dynamodbav:"sk"`
	CustomerID string `dynamodbav:"customer_id"`
}

// NewCustomer adds a customer, whose reference, if it has one, must be new.
func (tx *Tx) NewCustomer(c customer.Customer) {
	tx.create(recordOfCustomer(c), exists("customer", c.ID))
	if c.Reference != "" {
		k := customerReferenceKey(c.Reference)
		tx.create(customerReferenceRecord{PK: k.pk, SK: k.sk, CustomerID: c.ID}, exists("customer with the reference", c.Reference))
	}
}

// SaveCustomer adds the change of a customer that must still have version was.
func (tx *Tx) SaveCustomer(c customer.Customer, was int64) {
	tx.replace(recordOfCustomer(c), was, "customer", c.ID)
}

// Customer reads a customer.
func (db *DB) Customer(ctx context.Context, id string) (customer.Customer, error) {
	i, err := db.get(ctx, customerKey(id))
	if err != nil {
		return customer.Customer{}, err
	}
	if i == nil {
		return customer.Customer{}, refusal.Missing("customer", id)
	}
	return customerOf(i)
}

// CustomerIDs returns the ids of the customers that have these references.
func (db *DB) CustomerIDs(ctx context.Context, references []string) (map[string]string, error) {
	keys := make([]key, len(references))
	for i, r := range references {
		keys[i] = customerReferenceKey(r)
	}
	found, err := db.getAll(ctx, keys)
	if err != nil {
		return nil, err
	}
	ids := map[string]string{}
	for _, ref := range references {
		if i, ok := found[customerReferenceKey(ref)]; ok {
			r, err := decode[customerReferenceRecord](i)
			if err != nil {
				return nil, err
			}
			ids[ref] = r.CustomerID
		}
	}
	return ids, nil
}

// CustomerOwner returns the salesperson of a customer; "" when it has none, or does not exist.
func (db *DB) CustomerOwner(ctx context.Context, id string) (string, error) {
	c, err := db.Customer(ctx, id)
	if refusal.Is(err, "not_found") {
		return "", nil
	}
	return c.Owner, err
}

// A CustomerFilter narrows a list of customers; zero fields do not.
type CustomerFilter struct{ Owner, Reference string }

// Customers lists customers, the newest first.
func (db *DB) Customers(ctx context.Context, f CustomerFilter, p Page) (Listing[customer.Customer], error) {
	passes := func(c customer.Customer) bool { return f.Owner == "" || c.Owner == f.Owner }
	if f.Reference != "" {
		var l Listing[customer.Customer]
		ids, err := db.CustomerIDs(ctx, []string{f.Reference})
		if err != nil || ids[f.Reference] == "" {
			return l, err
		}
		c, err := db.Customer(ctx, ids[f.Reference])
		if err == nil && passes(c) {
			l.Items = append(l.Items, c)
		}
		return l, err
	}
	w := walk{index: recentIndex, partitions: allShards(customersList)}
	if f.Owner != "" {
		w = walk{index: ownerIndex, partitions: allShards(customersByOwner(f.Owner))}
	}
	return list(ctx, db, w, p, itself, customerOf, passes)
}

type settingsRecord struct {
	PK             string                `dynamodbav:"pk"`
	SK             string                `dynamodbav:"sk"`
	Version        int64                 `dynamodbav:"version"`
	Name           string                `dynamodbav:"name,omitempty"`
	Email          string                `dynamodbav:"email,omitempty"`
	Phone          string                `dynamodbav:"phone,omitempty"`
	TaxID          string                `dynamodbav:"tax_id,omitempty"`
	Address        *addressRecord        `dynamodbav:"address,omitempty"`
	Currency       string                `dynamodbav:"currency"`
	TimeZone       string                `dynamodbav:"time_zone"`
	TaxInclusive   bool                  `dynamodbav:"tax_inclusive,omitempty"`
	TaxRates       map[string]int64      `dynamodbav:"tax_rates"`
	DiscountLimits map[access.Role]int64 `dynamodbav:"discount_limits"`
	Allocation     stock.Strategy        `dynamodbav:"allocation"`
	Carriers       []carrierRecord       `dynamodbav:"carriers"`
	ShipUnpaid     []access.Role         `dynamodbav:"ship_unpaid"`
	OnShipment     bool                  `dynamodbav:"capture_on_shipment,omitempty"`
	PaymentTime    *int64                `dynamodbav:"payment_time,omitempty"` // nanoseconds
	Invoicing      *invoicingRecord      `dynamodbav:"invoicing,omitempty"`
	Telling        *tellingRecord        `dynamodbav:"telling,omitempty"`
}

type tellingRecord struct {
	Language  string `dynamodbav:"language"`
	Email     bool   `dynamodbav:"email,omitempty"`
	SMS       bool   `dynamodbav:"sms,omitempty"`
	EmailCap  int64  `dynamodbav:"email_cap"`
	SMSCap    int64  `dynamodbav:"sms_cap"`
	QuietFrom string `dynamodbav:"quiet_from,omitempty"`
	QuietTo   string `dynamodbav:"quiet_to,omitempty"`
}

type invoicingRecord struct {
	FromShipped  bool   `dynamodbav:"from_shipped,omitempty"`
	Series       string `dynamodbav:"series"`
	CreditSeries string `dynamodbav:"credit_series"`
	Bank         string `dynamodbav:"bank,omitempty"`
	PayURL       string `dynamodbav:"pay_url,omitempty"`
	Footer       string `dynamodbav:"footer,omitempty"`
}

type carrierRecord struct {
	Name        string `dynamodbav:"name"`
	TrackingURL string `dynamodbav:"url,omitempty"`
}

// Settings reads the settings; a fresh system has company.Default.
func (db *DB) Settings(ctx context.Context) (company.Settings, error) {
	i, err := db.get(ctx, settingsKey())
	if err != nil {
		return company.Settings{}, err
	}
	return settingsOf(i)
}

// SaveSettings adds the change of the settings, which must still have version was.
func (tx *Tx) SaveSettings(s company.Settings, was int64) {
	k := settingsKey()
	r := settingsRecord{
		PK: k.pk, SK: k.sk, Version: s.Version,
		Name: s.Name, Email: s.Email, Phone: s.Phone, TaxID: s.TaxID, Address: recordOfAddress(s.Address),
		Currency: s.Currency, TimeZone: s.TimeZone, TaxInclusive: s.TaxInclusive, TaxRates: s.TaxRates, DiscountLimits: s.DiscountLimits,
		Allocation: s.Allocation, ShipUnpaid: s.ShipUnpaid, OnShipment: s.CaptureOnShipment,
	}
	patience, invoicing, telling := int64(s.PaymentTime), invoicingRecord(s.Invoicing), tellingRecord(s.Telling)
	r.PaymentTime, r.Invoicing, r.Telling = &patience, &invoicing, &telling
	for _, c := range s.Carriers {
		r.Carriers = append(r.Carriers, carrierRecord(c))
	}
	if was == company.Default().Version {
		// The first change makes the item that the default stood for.
		tx.create(r, func(item) error { return stale("the", "settings") })
		return
	}
	tx.replace(r, was, "the", "settings")
}

// A Catalog is what an order is planned with, read in one go and strongly consistent.
type Catalog struct {
	Settings  company.Settings
	Locations Locations
	Customer  *customer.Customer // nil when it does not exist
	Products  map[string]product.Product
	Stock     map[stock.Place]stock.Item
}

// Free answers how many units are free at a place of the catalog.
func (c Catalog) Free(p stock.Place) int64 { return c.Stock[p].Available }

// Catalog reads the settings, the locations, a customer ("" for none),
// products and their stock at every location and at the extra places. The
// stock is asked for at the locations that this process saw last; where those
// are no longer the ones there are, what is missing is read in a second go.
func (db *DB) Catalog(ctx context.Context, customerID string, skus []string, extra []stock.Place) (Catalog, error) {
	c := Catalog{Products: map[string]product.Product{}, Stock: map[stock.Place]stock.Item{}}
	seen := db.seen.Load()
	keys := []key{settingsKey(), locationsKey()}
	if customerID != "" {
		keys = append(keys, customerKey(customerID))
	}
	for _, sku := range skus {
		keys = append(keys, productKey(sku))
	}
	asked := append(places(skus, seen.Codes()), extra...)
	for _, p := range asked {
		keys = append(keys, stockKey(p))
	}
	found, err := db.getAll(ctx, keys)
	if err != nil {
		return c, err
	}
	if c.Settings, err = settingsOf(found[settingsKey()]); err != nil {
		return c, err
	}
	if c.Locations, err = locationsOf(found[locationsKey()]); err != nil {
		return c, err
	}
	if i := found[customerKey(customerID)]; i != nil {
		x, err := customerOf(i)
		if err != nil {
			return c, err
		}
		c.Customer = &x
	}
	for _, sku := range skus {
		if i := found[productKey(sku)]; i != nil {
			if c.Products[sku], err = productOf(i); err != nil {
				return c, err
			}
		}
	}
	for _, p := range asked {
		if c.Stock[p], err = stockOf(p, found[stockKey(p)]); err != nil {
			return c, err
		}
	}
	if c.Locations.Version == seen.Version {
		return c, nil
	}
	l := c.Locations
	db.seen.Store(&l)
	more, err := db.Stock(ctx, places(skus, c.Locations.Codes()))
	if err != nil {
		return c, err
	}
	for p, s := range more {
		c.Stock[p] = s
	}
	return c, nil
}

func places(skus, locations []string) []stock.Place {
	var out []stock.Place
	for _, sku := range skus {
		for _, l := range locations {
			out = append(out, stock.Place{SKU: sku, Location: l})
		}
	}
	return out
}

func itself(k key) key { return k }

func timeOf(id string) (time.Time, error) { return ident.Time(id) }

func recordOfProduct(p product.Product) productRecord {
	k := productKey(p.SKU)
	return productRecord{
		PK: k.pk, SK: k.sk, At: p.ListID, Recent: sharded(productsList, p.ListID),
		SKU: p.SKU, Name: p.Name, Names: p.Names, Unit: p.Unit, Category: p.Category, Prices: p.Prices,
		TaxClass: p.TaxClass, Backorder: p.Backorder, ReorderPoint: p.ReorderPoint, Bins: p.Bins, Active: p.Active, Attributes: p.Attributes,
		Version: p.Version, CreatedAt: p.CreatedAt.UnixMilli(), UpdatedAt: p.UpdatedAt.UnixMilli(),
	}
}

func productOf(i item) (product.Product, error) {
	r, err := decode[productRecord](i)
	return product.Product{
		SKU: r.SKU, Name: r.Name, Names: r.Names, Unit: r.Unit, Category: r.Category, Prices: r.Prices,
		TaxClass: r.TaxClass, Backorder: r.Backorder, ReorderPoint: r.ReorderPoint, Bins: r.Bins, Active: r.Active, Attributes: r.Attributes,
		ListID: r.At, Version: r.Version, CreatedAt: moment(r.CreatedAt), UpdatedAt: moment(r.UpdatedAt),
	}, err
}

func recordOfCustomer(c customer.Customer) customerRecord {
	k := customerKey(c.ID)
	r := customerRecord{
		PK: k.pk, SK: k.sk, At: c.ID, Recent: sharded(customersList, c.ID),
		Reference: c.Reference, Name: c.Name, Email: c.Email, Phone: c.Phone, Locale: c.Locale, TimeZone: c.TimeZone,
		Terms: string(c.Terms.Kind), TermDays: c.Terms.Days, CreditLimit: c.CreditLimit, Owner: c.Owner,
		Billing: recordOfAddress(c.Billing), Shipping: recordOfAddress(c.Shipping), Attributes: c.Attributes,
		Version: c.Version, CreatedAt: c.CreatedAt.UnixMilli(), UpdatedAt: c.UpdatedAt.UnixMilli(),
	}
	if c.Owner != "" {
		r.ByOwner = sharded(customersByOwner(c.Owner), c.ID)
	}
	return r
}

func customerOf(i item) (customer.Customer, error) {
	r, err := decode[customerRecord](i)
	return customer.Customer{
		ID: r.At, Reference: r.Reference, Name: r.Name, Email: r.Email, Phone: r.Phone, Locale: r.Locale, TimeZone: r.TimeZone,
		Terms: customer.Terms{Kind: customer.TermsKind(r.Terms), Days: r.TermDays}, CreditLimit: r.CreditLimit, Owner: r.Owner,
		Billing: r.Billing.address(), Shipping: r.Shipping.address(), Attributes: r.Attributes,
		Version: r.Version, CreatedAt: moment(r.CreatedAt), UpdatedAt: moment(r.UpdatedAt),
	}, err
}

func settingsOf(i item) (company.Settings, error) {
	if i == nil {
		return company.Default(), nil
	}
	r, err := decode[settingsRecord](i)
	s := company.Settings{
		Name: r.Name, Email: r.Email, Phone: r.Phone, TaxID: r.TaxID, Address: r.Address.address(),
		Currency: r.Currency, TimeZone: r.TimeZone, TaxInclusive: r.TaxInclusive, TaxRates: r.TaxRates,
		DiscountLimits: r.DiscountLimits, Allocation: r.Allocation, ShipUnpaid: r.ShipUnpaid, Version: r.Version,
		CaptureOnShipment: r.OnShipment, PaymentTime: company.Default().PaymentTime,
		Invoicing: company.Default().Invoicing, Telling: company.Default().Telling,
	}
	if r.PaymentTime != nil { // settings of before there were payments have none
		s.PaymentTime = time.Duration(*r.PaymentTime)
	}
	if r.Invoicing != nil {
		s.Invoicing = company.Invoicing(*r.Invoicing)
	}
	if r.Telling != nil {
		s.Telling = company.Telling(*r.Telling)
	}
	for _, c := range r.Carriers {
		s.Carriers = append(s.Carriers, shipment.Carrier(c))
	}
	return s, err
}
