package table

import (
	"context"
	"time"

	"waybill/shared/customer"
	"waybill/shared/invoice"
	"waybill/shared/order"
	"waybill/shared/refusal"
)

type invoiceRecord struct {
	PK           string              `dynamodbav:"pk"`
	SK           string              `dynamodbav:"sk"`
	At           string              `dynamodbav:"at"`
	Recent       string              `dynamodbav:"recent"`
	ByCustomer   string              `dynamodbav:"by_customer"`
	ByOwner      string              `dynamodbav:"by_owner,omitempty"`
	Number       string              `dynamodbav:"number"`
	OrderID      string              `dynamodbav:"order_id"`
	OrderNumber  string              `dynamodbav:"order_number"`
	CustomerID   string              `dynamodbav:"customer_id"`
	Owner        string              `dynamodbav:"owner,omitempty"`
	Currency     string              `dynamodbav:"currency"`
	TaxInclusive bool                `dynamodbav:"tax_inclusive,omitempty"`
	Lines        []invoiceLineRecord `dynamodbav:"lines"`
	Seller       partyRecord         `dynamodbav:"seller"`
	Buyer        partyRecord         `dynamodbav:"buyer"`
	Locale       string              `dynamodbav:"locale,omitempty"`
	TimeZone     string              `dynamodbav:"time_zone"`
	Reference    string              `dynamodbav:"reference,omitempty"`
	Note         string              `dynamodbav:"note,omitempty"`
	IssuedAt     int64               `dynamodbav:"issued_at"`
	DueAt        int64               `dynamodbav:"due_at"`
	IssuedBy     string              `dynamodbav:"issued_by"`
}

type invoiceLineRecord struct {
	SKU       string `dynamodbav:"sku"`
	Name      string `dynamodbav:"name"`
	Unit      string `dynamodbav:"unit,omitempty"`
	Quantity  int64  `dynamodbav:"qty,omitempty"`
	UnitPrice int64  `dynamodbav:"price"`
	Discount  int64  `dynamodbav:"disc,omitempty"`
	TaxRate   int64  `dynamodbav:"rate,omitempty"`
	Net       int64  `dynamodbav:"net"`
	Tax       int64  `dynamodbav:"tax,omitempty"`
	Total     int64  `dynamodbav:"total"`
}

type partyRecord struct {
	Name    string         `dynamodbav:"name,omitempty"`
	Email   string         `dynamodbav:"email,omitempty"`
	Phone   string         `dynamodbav:"phone,omitempty"`
	TaxID   string         `dynamodbav:"tax_id,omitempty"`
	Address *addressRecord `dynamodbav:"address,omitempty"`
}

type creditNoteRecord struct {
	PK            string              `dynamodbav:"pk"`
	SK            string              `dynamodbav:"sk"`
	At            string              `dynamodbav:"at"`
	Number        string              `dynamodbav:"number"`
	InvoiceID     string              `dynamodbav:"invoice_id"`
	InvoiceNumber string              `dynamodbav:"invoice_number"`
	OrderID       string              `dynamodbav:"order_id"`
	OrderNumber   string              `dynamodbav:"order_number"`
	CustomerID    string              `dynamodbav:"customer_id"`
	Currency      string              `dynamodbav:"currency"`
	TaxInclusive  bool                `dynamodbav:"tax_inclusive,omitempty"`
	Lines         []invoiceLineRecord `dynamodbav:"lines"`
	Reason        string              `dynamodbav:"reason"`
	IssuedAt      int64               `dynamodbav:"issued_at"`
	IssuedBy      string              `dynamodbav:"issued_by"`
}

// invoicePointerRecord leads from the number of an invoice, or the id of a credit note, to the invoice.
type invoicePointerRecord struct {
	PK        string `dynamodbav:"pk"`
	SK        string `dynamodbav:"sk"`
	InvoiceID string `dynamodbav:"invoice_id"`
}

type counterRecord struct {
	Drawn int64 `dynamodbav:"drawn"`
}

// NewInvoice adds an invoice and its number, which must both be new. Nothing
// ever writes it again.
func (tx *Tx) NewInvoice(i invoice.Invoice) {
	k := invoiceKey(i.ID)
	r := invoiceRecord{
		PK: k.pk, SK: k.sk, At: i.ID, Recent: sharded(invoicesList, i.ID), ByCustomer: invoicesByCustomer(i.CustomerID),
		Number: i.Number, OrderID: i.OrderID, OrderNumber: i.OrderNumber, CustomerID: i.CustomerID, Owner: i.Owner,
		Currency: i.Currency, TaxInclusive: i.TaxInclusive, Lines: recordOfInvoiceLines(i.Lines),
		Seller: recordOfParty(i.Seller), Buyer: recordOfParty(i.Buyer), Locale: i.Locale, TimeZone: i.TimeZone,
		Reference: i.Reference, Note: i.Note, IssuedAt: i.IssuedAt.UnixMilli(), DueAt: i.DueAt.UnixMilli(), IssuedBy: i.IssuedBy,
	}
	if i.Owner != "" {
		r.ByOwner = sharded(invoicesByOwner(i.Owner), i.ID)
	}
	tx.create(r, exists("invoice", i.ID))
	n := invoiceNumberKey(i.Number)
	tx.create(invoicePointerRecord{PK: n.pk, SK: n.sk, InvoiceID: i.ID}, drawn(i.Number))
}

// NewCreditNote adds a credit note, which must be new, to its invoice.
func (tx *Tx) NewCreditNote(c invoice.CreditNote) {
	k := invoiceCreditKey(c.InvoiceID, c.ID)
	tx.create(creditNoteRecord{
		PK: k.pk, SK: k.sk, At: c.ID, Number: c.Number, InvoiceID: c.InvoiceID, InvoiceNumber: c.InvoiceNumber,
		OrderID: c.OrderID, OrderNumber: c.OrderNumber, CustomerID: c.CustomerID, Currency: c.Currency, TaxInclusive: c.TaxInclusive,
		Lines: recordOfInvoiceLines(c.Lines), Reason: c.Reason, IssuedAt: c.IssuedAt.UnixMilli(), IssuedBy: c.IssuedBy,
	}, exists("credit note", c.ID))
	p := creditNoteKey(c.ID)
	tx.create(invoicePointerRecord{PK: p.pk, SK: p.sk, InvoiceID: c.InvoiceID}, exists("credit note", c.ID))
}

// NumberDrawn says that somebody else drew the number that was to be the next.
type NumberDrawn struct{ Number string }

func (n *NumberDrawn) Error() string { return "somebody else drew the number " + n.Number }

func drawn(number string) func(item) error {
	return func(item) error { return &NumberDrawn{Number: number} }
}

// NextNumber draws the number after was from a series of a year: numbers have
// no gaps, because whoever draws one uses it in the same transaction. Its
// refusal is *NumberDrawn.
func (tx *Tx) NextNumber(series string, year int, was int64) {
	condition, values := "drawn = :was", item{":next": number(was + 1), ":was": number(was)}
	if was == 0 {
		condition, values = "attribute_not_exists(pk)", item{":next": number(1)}
	}
	tx.update(counterKey(series, year), "SET drawn = :next", condition, values, drawn(invoice.NumberOf(series, year, was+1)))
}

// LastNumber reads which number of a series was drawn last in a year; 0 when none was.
func (db *DB) LastNumber(ctx context.Context, series string, year int) (int64, error) {
	i, err := db.get(ctx, counterKey(series, year))
	if err != nil || i == nil {
		return 0, err
	}
	r, err := decode[counterRecord](i)
	return r.Drawn, err
}

// Invoice reads an invoice; a refusal of kind NotFound when there is none.
func (db *DB) Invoice(ctx context.Context, id string) (invoice.Invoice, error) {
	i, err := db.get(ctx, invoiceKey(id))
	if err != nil {
		return invoice.Invoice{}, err
	}
	if i == nil {
		return invoice.Invoice{}, refusal.Missing("invoice", id)
	}
	return invoiceOf(i)
}

// InvoicesOf reads the invoices with these ids, the last named first.
func (db *DB) InvoicesOf(ctx context.Context, ids []string) ([]invoice.Invoice, error) {
	return latest(ctx, db, ids, invoiceKey, invoiceOf)
}

// InvoiceID returns the id of the invoice that has a number; "" when none has.
func (db *DB) InvoiceID(ctx context.Context, number string) (string, error) {
	return db.pointed(ctx, invoiceNumberKey(number))
}

// pointed is the invoice that an item leads to; "" when there is no such item.
func (db *DB) pointed(ctx context.Context, k key) (string, error) {
	i, err := db.get(ctx, k)
	if err != nil || i == nil {
		return "", err
	}
	r, err := decode[invoicePointerRecord](i)
	return r.InvoiceID, err
}

// CreditNote reads a credit note; a refusal of kind NotFound when there is none.
func (db *DB) CreditNote(ctx context.Context, id string) (invoice.CreditNote, error) {
	of, err := db.pointed(ctx, creditNoteKey(id))
	if err != nil {
		return invoice.CreditNote{}, err
	}
	if of == "" {
		return invoice.CreditNote{}, refusal.Missing("credit note", id)
	}
	i, err := db.get(ctx, invoiceCreditKey(of, id))
	if err != nil {
		return invoice.CreditNote{}, err
	}
	return creditNoteOf(i)
}

// CreditNotesOf reads all credit notes of an invoice, the newest first.
func (db *DB) CreditNotesOf(ctx context.Context, invoiceID string) ([]invoice.CreditNote, error) {
	var out []invoice.CreditNote
	for p := (Page{Limit: mostKeys}); ; {
		l, err := under(ctx, db, invoiceKey(invoiceID).pk, creditPrefix, p, creditNoteOf)
		if err != nil {
			return nil, err
		}
		out = append(out, l.Items...)
		if p.After = l.Next; l.Next == "" {
			return out, nil
		}
	}
}

// A BillFilter narrows a list of invoices; zero fields do not.
type BillFilter struct {
	Status     invoice.Status
	CustomerID string
	Owner      string    // of the order, when it was issued and now
	From, Till time.Time // when it was issued: From inclusive, Till exclusive
}

// Bills lists invoices as they stand at a moment, newest first; those that are
// open or overdue by when they are due, the latest first.
func (db *DB) Bills(ctx context.Context, f BillFilter, now time.Time, p Page) (Listing[invoice.Bill], error) {
	var out Listing[invoice.Bill]
	after, err := position(p.After)
	if err != nil {
		return out, err
	}
	rows, err := db.open(ctx, f.walk(now), after, p.Limit)
	if err != nil {
		return out, err
	}
	last := ""
	for looked := 0; looked < mostRows; {
		chunk, err := rows.take(ctx, min(p.Limit, mostKeys))
		if err != nil || len(chunk) == 0 {
			return out, err
		}
		looked, last = looked+len(chunk), chunk[len(chunk)-1].at
		found, err := db.standing(ctx, chunk, now)
		if err != nil {
			return out, err
		}
		for n, r := range chunk {
			if !f.passes(found[n]) {
				continue
			}
			out.Items = append(out.Items, found[n].Bill)
			if len(out.Items) == p.Limit {
				if n < len(chunk)-1 || !rows.done() {
					out.Next = cursor(r.at)
				}
				return out, nil
			}
		}
		if rows.done() {
			return out, nil
		}
	}
	out.Next = cursor(last)
	return out, nil
}

// walk picks the list that narrows most.
func (f BillFilter) walk(now time.Time) walk {
	switch {
	case f.Status == invoice.Overdue:
		return walk{index: recentIndex, partitions: allShards(receivablesList), till: now}
	case f.Status == invoice.Open:
		return walk{index: recentIndex, partitions: allShards(receivablesList)}
	case f.CustomerID != "":
		return walk{index: customerIndex, partitions: []string{invoicesByCustomer(f.CustomerID)}, from: f.From, till: f.Till}
	case f.Owner != "":
		return walk{index: ownerIndex, partitions: allShards(invoicesByOwner(f.Owner)), from: f.From, till: f.Till}
	default:
		return walk{index: recentIndex, partitions: allShards(invoicesList), from: f.From, till: f.Till}
	}
}

// A standing is a bill and the order that it belongs to; the zero standing is of an invoice that is not there.
type standing struct {
	invoice.Bill
	order order.Order
}

func (f BillFilter) passes(s standing) bool {
	return s.ID != "" &&
		(f.Status == "" || s.Status == f.Status) &&
		(f.CustomerID == "" || s.CustomerID == f.CustomerID) &&
		(f.Owner == "" || s.Owner == f.Owner && (s.order.Owner == f.Owner || s.order.EnteredBy == f.Owner)) &&
		(f.From.IsZero() || !s.IssuedAt.Before(f.From)) &&
		(f.Till.IsZero() || s.IssuedAt.Before(f.Till))
}

// standing reads the invoices that rows of an index stand for, and their
// orders, strongly consistent: what the index has late is judged by what is true.
func (db *DB) standing(ctx context.Context, chunk []row, now time.Time) ([]standing, error) {
	keys := make([]key, len(chunk))
	for n, r := range chunk {
		keys[n] = key{r.key.pk, invoiceKey("").sk}
	}
	stored, err := db.getAll(ctx, keys)
	if err != nil {
		return nil, err
	}
	invoices := make([]invoice.Invoice, len(chunk))
	var ids []string
	for n, k := range keys {
		if i, ok := stored[k]; ok {
			if invoices[n], err = invoiceOf(i); err != nil {
				return nil, err
			}
			ids = append(ids, invoices[n].OrderID)
		}
	}
	orders, err := byID(ctx, db, ids, orderKey, orderOf)
	if err != nil {
		return nil, err
	}
	out := make([]standing, len(chunk))
	for n, i := range invoices {
		if o, ok := orders[i.OrderID]; ok {
			out[n] = standing{i.In(o, now), o}
		}
	}
	return out, nil
}

// byID reads the items with these ids; those that are not there are missing from the answer.
func byID[T any](ctx context.Context, db *DB, ids []string, keyOf func(string) key, parse func(item) (T, error)) (map[string]T, error) {
	keys := make([]key, len(ids))
	for n, id := range ids {
		keys[n] = keyOf(id)
	}
	found, err := db.getAll(ctx, keys)
	if err != nil {
		return nil, err
	}
	out := make(map[string]T, len(found))
	for n, id := range ids {
		if i, ok := found[keys[n]]; ok {
			if out[id], err = parse(i); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// OpenBills reads every invoice of which something is open and that passes the
// filter, the one that is due last first.
func (db *DB) OpenBills(ctx context.Context, f BillFilter, now time.Time) ([]invoice.Bill, error) {
	f.Status = invoice.Open
	rows, err := db.open(ctx, f.walk(now), "", mostKeys)
	if err != nil {
		return nil, err
	}
	f.Status = ""
	var out []invoice.Bill
	for {
		chunk, err := rows.take(ctx, mostKeys)
		if err != nil || len(chunk) == 0 {
			return out, err
		}
		found, err := db.standing(ctx, chunk, now)
		if err != nil {
			return nil, err
		}
		for _, s := range found {
			if s.Open > 0 && f.passes(s) {
				out = append(out, s.Bill)
			}
		}
	}
}

// CustomersOf reads the customers with these ids; those that are not there are missing from the answer.
func (db *DB) CustomersOf(ctx context.Context, ids []string) (map[string]customer.Customer, error) {
	return byID(ctx, db, ids, customerKey, customerOf)
}

func invoiceOf(i item) (invoice.Invoice, error) {
	r, err := decode[invoiceRecord](i)
	out := invoice.Invoice{
		ID: r.At, Number: r.Number, OrderID: r.OrderID, OrderNumber: r.OrderNumber, CustomerID: r.CustomerID, Owner: r.Owner,
		Currency: r.Currency, TaxInclusive: r.TaxInclusive, Lines: invoiceLinesOf(r.Lines), Seller: r.Seller.party(), Buyer: r.Buyer.party(),
		Locale: r.Locale, TimeZone: r.TimeZone, Reference: r.Reference, Note: r.Note,
		IssuedAt: moment(r.IssuedAt), DueAt: moment(r.DueAt), IssuedBy: r.IssuedBy,
	}
	out.Sums = invoice.SumsOf(out.Lines)
	return out, err
}

func creditNoteOf(i item) (invoice.CreditNote, error) {
	r, err := decode[creditNoteRecord](i)
	out := invoice.CreditNote{
		ID: r.At, Number: r.Number, InvoiceID: r.InvoiceID, InvoiceNumber: r.InvoiceNumber, OrderID: r.OrderID, OrderNumber: r.OrderNumber,
		CustomerID: r.CustomerID, Currency: r.Currency, TaxInclusive: r.TaxInclusive, Lines: invoiceLinesOf(r.Lines),
		Reason: r.Reason, IssuedAt: moment(r.IssuedAt), IssuedBy: r.IssuedBy,
	}
	out.Sums = invoice.SumsOf(out.Lines)
	return out, err
}

func recordOfInvoiceLines(lines []invoice.Line) []invoiceLineRecord {
	out := make([]invoiceLineRecord, len(lines))
	for n, l := range lines {
		out[n] = invoiceLineRecord{
			SKU: l.SKU, Name: l.Name, Unit: l.Unit, Quantity: l.Quantity, UnitPrice: l.UnitPrice, Discount: l.Discount,
			TaxRate: l.TaxRate, Net: l.Net, Tax: l.Tax, Total: l.Total,
		}
	}
	return out
}

func invoiceLinesOf(records []invoiceLineRecord) []invoice.Line {
	out := make([]invoice.Line, len(records))
	for n, r := range records {
		out[n] = invoice.Line{Unit: r.Unit, Billed: order.Billed{
			SKU: r.SKU, Name: r.Name, Quantity: r.Quantity, UnitPrice: r.UnitPrice, Discount: r.Discount,
			TaxRate: r.TaxRate, Net: r.Net, Tax: r.Tax, Total: r.Total,
		}}
	}
	return out
}

func recordOfParty(p invoice.Party) partyRecord {
	return partyRecord{Name: p.Name, Email: p.Email, Phone: p.Phone, TaxID: p.TaxID, Address: recordOfAddress(p.Address)}
}

func (r partyRecord) party() invoice.Party {
	return invoice.Party{Name: r.Name, Email: r.Email, Phone: r.Phone, TaxID: r.TaxID, Address: r.Address.address()}
}
