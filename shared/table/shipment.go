package table

import (
	"context"
	"slices"
	"time"

	"waybill/shared/refusal"
	"waybill/shared/shipment"
)

type shipmentRecord struct {
	PK             string               `dynamodbav:"pk"`
	SK             string               `dynamodbav:"sk"`
	At             string               `dynamodbav:"at"`
	Recent         string               `dynamodbav:"recent"`
	ByOwner        string               `dynamodbav:"by_owner,omitempty"`
	Number         string               `dynamodbav:"number"`
	Version        int64                `dynamodbav:"version"`
	Status         shipment.Status      `dynamodbav:"status"`
	OrderID        string               `dynamodbav:"order_id"`
	OrderNumber    string               `dynamodbav:"order_number"`
	CustomerID     string               `dynamodbav:"customer_id"`
	Location       string               `dynamodbav:"location"`
	Lines          []shipmentLineRecord `dynamodbav:"lines"`
	Carrier        string               `dynamodbav:"carrier,omitempty"`
	TrackingNumber string               `dynamodbav:"tracking,omitempty"`
	TrackingURL    string               `dynamodbav:"tracking_url,omitempty"`
	Packages       int                  `dynamodbav:"packages,omitempty"`
	WeightGrams    int64                `dynamodbav:"grams,omitempty"`
	Note           string               `dynamodbav:"note,omitempty"`
	To             *addressRecord       `dynamodbav:"to,omitempty"`
	Shipper        string               `dynamodbav:"shipper"`
	ShippedAt      int64                `dynamodbav:"shipped_at"`
	DeliveredAt    int64                `dynamodbav:"delivered_at,omitempty"`
	UndoReason     string               `dynamodbav:"undo_reason,omitempty"`
	CreatedAt      int64                `dynamodbav:"created_at"`
	UpdatedAt      int64                `dynamodbav:"updated_at"`
}

type shipmentLineRecord struct {
	SKU       string `dynamodbav:"sku"`
	Name      string `dynamodbav:"name"`
	Quantity  int64  `dynamodbav:"qty"`
	Ordered   int64  `dynamodbav:"ordered,omitempty"`
	Remaining int64  `dynamodbav:"remaining,omitempty"`
	Cost      int64  `dynamodbav:"cost,omitempty"`
}

type returnRecord struct {
	PK          string             `dynamodbav:"pk"`
	SK          string             `dynamodbav:"sk"`
	At          string             `dynamodbav:"at"`
	Number      string             `dynamodbav:"number"`
	OrderID     string             `dynamodbav:"order_id"`
	OrderNumber string             `dynamodbav:"order_number"`
	CustomerID  string             `dynamodbav:"customer_id"`
	Location    string             `dynamodbav:"location"`
	Lines       []returnLineRecord `dynamodbav:"lines"`
	Note        string             `dynamodbav:"note,omitempty"`
	Actor       string             `dynamodbav:"actor"`
	CreatedAt   int64              `dynamodbav:"created_at"`
}

type returnLineRecord struct {
	SKU      string `dynamodbav:"sku"`
	Name     string `dynamodbav:"name"`
	Quantity int64  `dynamodbav:"qty"`
	Restock  bool   `dynamodbav:"restock,omitempty"`
	Reason   string `dynamodbav:"reason"`
	Cost     int64  `dynamodbav:"cost,omitempty"`
}

// NewShipment adds a shipment of an order of this owner, which must be new.
func (tx *Tx) NewShipment(s shipment.Shipment, owner string) {
	tx.create(recordOfShipment(s, owner), exists("shipment", s.ID))
}

// SaveShipment adds the change of a shipment of an order of this owner; it must
// still have version was.
func (tx *Tx) SaveShipment(s shipment.Shipment, owner string, was int64) {
	tx.replace(recordOfShipment(s, owner), was, "shipment", s.Number)
}

// NewReturn adds a return, which must be new.
func (tx *Tx) NewReturn(r shipment.Return) {
	k := returnKey(r.ID)
	record := returnRecord{
		PK: k.pk, SK: k.sk, At: r.ID, Number: r.Number, OrderID: r.OrderID, OrderNumber: r.OrderNumber, CustomerID: r.CustomerID,
		Location: r.Location, Note: r.Note, Actor: r.Actor, CreatedAt: r.At.UnixMilli(),
	}
	for _, l := range r.Lines {
		record.Lines = append(record.Lines, returnLineRecord(l))
	}
	tx.create(record, exists("return", r.ID))
}

// Shipment reads a shipment; a refusal of kind NotFound when there is none.
func (db *DB) Shipment(ctx context.Context, id string) (shipment.Shipment, error) {
	i, err := db.get(ctx, shipmentKey(id))
	if err != nil {
		return shipment.Shipment{}, err
	}
	if i == nil {
		return shipment.Shipment{}, refusal.Missing("shipment", id)
	}
	return shipmentOf(i)
}

// ShipmentsOf reads the shipments with these ids, the last named first.
func (db *DB) ShipmentsOf(ctx context.Context, ids []string) ([]shipment.Shipment, error) {
	return latest(ctx, db, ids, shipmentKey, shipmentOf)
}

// Return reads a return; a refusal of kind NotFound when there is none.
func (db *DB) Return(ctx context.Context, id string) (shipment.Return, error) {
	i, err := db.get(ctx, returnKey(id))
	if err != nil {
		return shipment.Return{}, err
	}
	if i == nil {
		return shipment.Return{}, refusal.Missing("return", id)
	}
	return returnOf(i)
}

// ReturnsOf reads the returns with these ids, the last named first.
func (db *DB) ReturnsOf(ctx context.Context, ids []string) ([]shipment.Return, error) {
	return latest(ctx, db, ids, returnKey, returnOf)
}

// latest reads the items with these ids, the last named first.
func latest[T any](ctx context.Context, db *DB, ids []string, keyOf func(string) key, parse func(item) (T, error)) ([]T, error) {
	keys := make([]key, len(ids))
	for i, id := range ids {
		keys[i] = keyOf(id)
	}
	found, err := db.getAll(ctx, keys)
	if err != nil {
		return nil, err
	}
	var out []T
	for _, k := range slices.Backward(keys) {
		if i, ok := found[k]; ok {
			v, err := parse(i)
			if err != nil {
				return nil, err
			}
			out = append(out, v)
		}
	}
	return out, nil
}

// A ShipmentFilter narrows a list of shipments; zero fields do not.
type ShipmentFilter struct {
	Status     shipment.Status
	Location   string
	Owner      string    // of the order when it was shipped
	From, Till time.Time // when it left: From inclusive, Till exclusive
}

// Shipments lists shipments, newest first.
func (db *DB) Shipments(ctx context.Context, f ShipmentFilter, p Page) (Listing[shipment.Shipment], error) {
	w := walk{index: recentIndex, partitions: allShards(shipmentsList), from: f.From, till: f.Till}
	if f.Owner != "" {
		w.index, w.partitions = ownerIndex, allShards(shipmentsByOwner(f.Owner))
	}
	return list(ctx, db, w, p, itself, shipmentOf, func(s shipment.Shipment) bool {
		return (f.Status == "" || s.Status == f.Status) && (f.Location == "" || s.Location == f.Location)
	})
}

func recordOfShipment(s shipment.Shipment, owner string) shipmentRecord {
	k := shipmentKey(s.ID)
	r := shipmentRecord{
		PK: k.pk, SK: k.sk, At: s.ID, Recent: sharded(shipmentsList, s.ID),
		Number: s.Number, Version: s.Version, Status: s.Status, OrderID: s.OrderID, OrderNumber: s.OrderNumber, CustomerID: s.CustomerID,
		Location: s.Location, Carrier: s.Carrier, TrackingNumber: s.TrackingNumber, TrackingURL: s.TrackingURL,
		Packages: s.Packages, WeightGrams: s.WeightGrams, Note: s.Note, To: recordOfAddress(s.To), Shipper: s.Shipper,
		ShippedAt: s.ShippedAt.UnixMilli(), UndoReason: s.UndoReason, CreatedAt: s.CreatedAt.UnixMilli(), UpdatedAt: s.UpdatedAt.UnixMilli(),
	}
	if owner != "" {
		r.ByOwner = sharded(shipmentsByOwner(owner), s.ID)
	}
	if s.DeliveredAt != nil {
		r.DeliveredAt = s.DeliveredAt.UnixMilli()
	}
	for _, l := range s.Lines {
		r.Lines = append(r.Lines, shipmentLineRecord(l))
	}
	return r
}

func shipmentOf(i item) (shipment.Shipment, error) {
	r, err := decode[shipmentRecord](i)
	s := shipment.Shipment{
		ID: r.At, Number: r.Number, Version: r.Version, Status: r.Status, OrderID: r.OrderID, OrderNumber: r.OrderNumber, CustomerID: r.CustomerID,
		Location: r.Location, Carrier: r.Carrier, TrackingNumber: r.TrackingNumber, TrackingURL: r.TrackingURL,
		Packages: r.Packages, WeightGrams: r.WeightGrams, Note: r.Note, To: r.To.address(), Shipper: r.Shipper,
		ShippedAt: moment(r.ShippedAt), UndoReason: r.UndoReason, CreatedAt: moment(r.CreatedAt), UpdatedAt: moment(r.UpdatedAt),
	}
	if r.DeliveredAt != 0 {
		at := moment(r.DeliveredAt)
		s.DeliveredAt = &at
	}
	for _, l := range r.Lines {
		s.Lines = append(s.Lines, shipment.Line(l))
	}
	return s, err
}

func returnOf(i item) (shipment.Return, error) {
	r, err := decode[returnRecord](i)
	out := shipment.Return{
		ID: r.At, Number: r.Number, OrderID: r.OrderID, OrderNumber: r.OrderNumber, CustomerID: r.CustomerID,
		Location: r.Location, Note: r.Note, Actor: r.Actor, At: moment(r.CreatedAt),
	}
	for _, l := range r.Lines {
		out.Lines = append(out.Lines, shipment.Returned(l))
	}
	return out, err
}
