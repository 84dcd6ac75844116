package table

import (
	"context"

	"waybill/shared/product"
	"waybill/shared/refusal"
	"waybill/shared/stock"
)

type transferRecord struct {
	PK         string               `dynamodbav:"pk"`
	SK         string               `dynamodbav:"sk"`
	At         string               `dynamodbav:"at"`
	Recent     string               `dynamodbav:"recent"`
	Version    int64                `dynamodbav:"version"`
	Status     stock.TransferStatus `dynamodbav:"status"`
	From       string               `dynamodbav:"from"`
	To         string               `dynamodbav:"to"`
	Lines      []transferLineRecord `dynamodbav:"lines"`
	Reference  string               `dynamodbav:"reference,omitempty"`
	Note       string               `dynamodbav:"note,omitempty"`
	Reason     string               `dynamodbav:"reason,omitempty"`
	SentBy     string               `dynamodbav:"sent_by"`
	SentAt     int64                `dynamodbav:"sent_at"`
	ReceivedBy string               `dynamodbav:"received_by,omitempty"`
	ReceivedAt int64                `dynamodbav:"received_at,omitempty"`
}

type transferLineRecord struct {
	SKU      string `dynamodbav:"sku"`
	Quantity int64  `dynamodbav:"qty"`
	Value    int64  `dynamodbav:"stock_value,omitempty"`
	Received int64  `dynamodbav:"received,omitempty"`
}

// NewTransfer adds a transfer, which must be new.
func (tx *Tx) NewTransfer(t stock.TransferOrder) {
	tx.create(recordOfTransfer(t), exists("transfer", t.ID))
}

// SaveTransfer adds the change of a transfer that must still have version was.
func (tx *Tx) SaveTransfer(t stock.TransferOrder, was int64) {
	tx.replace(recordOfTransfer(t), was, "transfer", t.ID)
}

// Transfer reads a transfer; a refusal of kind NotFound when there is none.
func (db *DB) Transfer(ctx context.Context, id string) (stock.TransferOrder, error) {
	i, err := db.get(ctx, transferKey(id))
	if err != nil {
		return stock.TransferOrder{}, err
	}
	if i == nil {
		return stock.TransferOrder{}, refusal.Missing("transfer", id)
	}
	return transferOf(i)
}

// Transfers lists transfers, newest first, of one status or, for "", of any.
func (db *DB) Transfers(ctx context.Context, status stock.TransferStatus, p Page) (Listing[stock.TransferOrder], error) {
	w := walk{index: recentIndex, partitions: allShards(transfersList)}
	return list(ctx, db, w, p, itself, transferOf, func(t stock.TransferOrder) bool { return status == "" || t.Status == status })
}

// Goods reads the locations, and the products and stock items of these places
// and of no others, in one go and strongly consistent.
func (db *DB) Goods(ctx context.Context, places []stock.Place) (Catalog, error) {
	c := Catalog{Products: map[string]product.Product{}, Stock: map[stock.Place]stock.Item{}}
	keys := []key{locationsKey()}
	for _, p := range places {
		keys = append(keys, productKey(p.SKU), stockKey(p))
	}
	found, err := db.getAll(ctx, keys)
	if err != nil {
		return c, err
	}
	if c.Locations, err = locationsOf(found[locationsKey()]); err != nil {
		return c, err
	}
	for _, p := range places {
		if i := found[productKey(p.SKU)]; i != nil {
			if c.Products[p.SKU], err = productOf(i); err != nil {
				return c, err
			}
		}
		if c.Stock[p], err = stockOf(p, found[stockKey(p)]); err != nil {
			return c, err
		}
	}
	return c, nil
}

func recordOfTransfer(t stock.TransferOrder) transferRecord {
	k := transferKey(t.ID)
	r := transferRecord{
		PK: k.pk, SK: k.sk, At: t.ID, Recent: sharded(transfersList, t.ID), Version: t.Version, Status: t.Status,
		From: t.From, To: t.To, Reference: t.Reference, Note: t.Note, Reason: t.Reason,
		SentBy: t.SentBy, SentAt: t.SentAt.UnixMilli(), ReceivedBy: t.ReceivedBy,
	}
	if t.ReceivedAt != nil {
		r.ReceivedAt = t.ReceivedAt.UnixMilli()
	}
	for _, l := range t.Lines {
		r.Lines = append(r.Lines, transferLineRecord(l))
	}
	return r
}

func transferOf(i item) (stock.TransferOrder, error) {
	r, err := decode[transferRecord](i)
	t := stock.TransferOrder{
		ID: r.At, Version: r.Version, Status: r.Status, From: r.From, To: r.To,
		Reference: r.Reference, Note: r.Note, Reason: r.Reason,
		SentBy: r.SentBy, SentAt: moment(r.SentAt), ReceivedBy: r.ReceivedBy,
	}
	if r.ReceivedAt != 0 {
		at := moment(r.ReceivedAt)
		t.ReceivedAt = &at
	}
	for _, l := range r.Lines {
		t.Lines = append(t.Lines, stock.TransferLine(l))
	}
	return t, err
}
