// Package invoices is the HTTP edge of invoices, credit notes and receivables:
// it decodes what a client asks for, has package invoicing do it, and prints
// and exports what was issued.
package invoices

import (
	"context"
	"net/http"

	"waybill/shared/api"
	"waybill/shared/gateway"
	"waybill/shared/invoice"
	"waybill/shared/invoicing"
	"waybill/shared/table"
)

// Invoices implements the operations of the contract's group Invoices.
type Invoices struct {
	edge gateway.Edge
	book *invoicing.Book
}

var _ api.InvoicesHandler = (*Invoices)(nil)

// New returns the function's handler.
func New(edge gateway.Edge) (http.Handler, error) {
	i := &Invoices{edge: edge, book: invoicing.NewBook(edge.Records, edge.IDs())}
	type rest struct{ api.UnimplementedHandler }
	return edge.Handler(api.InvoicesGroup, struct {
		*Invoices
		rest
	}{Invoices: i})
}

// IssueInvoice implements issueInvoice.
func (h *Invoices) IssueInvoice(ctx context.Context, req api.OptNewInvoice, params api.IssueInvoiceParams) (*api.InvoiceHeaders, error) {
	expect, err := gateway.Match(params.IfMatch, false)
	if err != nil {
		return nil, err
	}
	by := invoicing.By{Principal: gateway.Principal(ctx), Mark: gateway.Mark(ctx, params.IdempotencyKey), Expect: expect}
	in := invoicing.New{Picks: picks(req.Value.Lines), Note: req.Value.Note.Or("")}
	b, replayed, err := gateway.Once(ctx, h.edge, by.Mark,
		func() (invoice.Bill, error) { return h.book.Issue(ctx, by, string(params.ID), in) },
		func(id string) (invoice.Bill, error) { return h.book.Look(ctx, by.Principal, id) })
	if err != nil {
		return nil, err
	}
	return &api.InvoiceHeaders{IdempotencyReplayed: api.OptBool{Value: true, Set: replayed}, Response: shown(b)}, nil
}

// GetInvoice implements getInvoice.
func (h *Invoices) GetInvoice(ctx context.Context, params api.GetInvoiceParams) (*api.Invoice, error) {
	b, err := h.book.Look(ctx, gateway.Principal(ctx), string(params.ID))
	if err != nil {
		return nil, err
	}
	v := shown(b)
	return &v, nil
}

// ListOrderInvoices implements listOrderInvoices.
func (h *Invoices) ListOrderInvoices(ctx context.Context, params api.ListOrderInvoicesParams) (*api.InvoiceList, error) {
	found, err := h.book.OfOrder(ctx, gateway.Principal(ctx), string(params.ID))
	return page(found, "", err)
}

// ListInvoices implements listInvoices.
func (h *Invoices) ListInvoices(ctx context.Context, params api.ListInvoicesParams) (*api.InvoiceList, error) {
	q := query{params.Status, params.CustomerID, params.Number, params.From, params.To}
	l, err := h.list(ctx, q, gateway.PageOf(params.Limit, params.Cursor))
	return page(l.Items, l.Next, err)
}

// A query is what the list and its exports are narrowed by.
type query struct {
	status   api.OptInvoiceStatus
	customer api.OptID
	number   api.OptString
	from, to api.OptDate
}

// list reads a page of what a query finds.
func (h *Invoices) list(ctx context.Context, q query, p table.Page) (table.Listing[invoice.Bill], error) {
	if number, ok := q.number.Get(); ok {
		found, err := h.book.ByNumber(ctx, gateway.Principal(ctx), number)
		return table.Listing[invoice.Bill]{Items: found}, err
	}
	f := table.BillFilter{Status: invoice.Status(q.status.Or("")), CustomerID: string(q.customer.Or(""))}
	f.From, f.Till = gateway.Days(q.from, q.to)
	return h.book.List(ctx, gateway.Principal(ctx), f, p)
}

// CreditInvoice implements creditInvoice.
func (h *Invoices) CreditInvoice(ctx context.Context, req *api.NewCreditNote, params api.CreditInvoiceParams) (*api.CreditNoteHeaders, error) {
	by := invoicing.By{Principal: gateway.Principal(ctx), Mark: gateway.Mark(ctx, params.IdempotencyKey)}
	in := invoicing.NewCredit{Wish: invoice.Wish{Picks: picks(req.Lines), Amount: int64(req.Amount.Or(0))}, Reason: req.Reason}
	c, replayed, err := gateway.Once(ctx, h.edge, by.Mark,
		func() (invoice.CreditNote, error) { return h.book.Credit(ctx, by, string(params.ID), in) },
		func(id string) (invoice.CreditNote, error) { return h.book.LookCreditNote(ctx, by.Principal, id) })
	if err != nil {
		return nil, err
	}
	return &api.CreditNoteHeaders{IdempotencyReplayed: api.OptBool{Value: true, Set: replayed}, Response: shownNote(c)}, nil
}

// GetCreditNote implements getCreditNote.
func (h *Invoices) GetCreditNote(ctx context.Context, params api.GetCreditNoteParams) (*api.CreditNote, error) {
	c, err := h.book.LookCreditNote(ctx, gateway.Principal(ctx), string(params.ID))
	if err != nil {
		return nil, err
	}
	v := shownNote(c)
	return &v, nil
}

// ListCreditNotes implements listCreditNotes.
func (h *Invoices) ListCreditNotes(ctx context.Context, params api.ListCreditNotesParams) (*api.CreditNoteList, error) {
	found, err := h.book.CreditNotesOf(ctx, gateway.Principal(ctx), string(params.ID))
	if err != nil {
		return nil, err
	}
	out := &api.CreditNoteList{Items: make([]api.CreditNote, 0, len(found)), NextCursor: gateway.Next("")}
	for _, c := range found {
		out.Items = append(out.Items, shownNote(c))
	}
	return out, nil
}

// GetReceivables implements getReceivables.
func (h *Invoices) GetReceivables(ctx context.Context, params api.GetReceivablesParams) (*api.Receivables, error) {
	r, err := h.book.Receivables(ctx, gateway.Principal(ctx), string(params.CustomerID.Or("")), date(params.At))
	if err != nil {
		return nil, err
	}
	return &api.Receivables{At: r.At, Items: shownAges(r.Items), Totals: shownAges(r.Totals)}, nil
}

func page(found []invoice.Bill, next string, err error) (*api.InvoiceList, error) {
	if err != nil {
		return nil, err
	}
	out := &api.InvoiceList{Items: make([]api.Invoice, 0, len(found)), NextCursor: gateway.Next(next)}
	for _, b := range found {
		out.Items = append(out.Items, shown(b))
	}
	return out, nil
}
