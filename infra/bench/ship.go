package main

import (
	"context"
	"fmt"
	"time"

	"waybill/shared/paper"
	"waybill/shared/stock"
	"waybill/shared/table"
)

// Shipments is how fast orders of two lines leave, whole, over HTTP.
type Shipments struct {
	Clients int   `json:"clients"`
	HTTP    Speed `json:"http"`
}

// A Note is what a long delivery note in Chinese takes to render.
type Note struct {
	Lines  int     `json:"lines"`
	Millis float64 `json:"render_ms"` // median
	KB     float64 `json:"kb"`
}

const (
	shippers  = 8
	noteLines = 200
	noteRuns  = 21
)

// shipments places orders and ships them, and fails when other units left than those.
func (b bench) shipments(ctx context.Context, s *shop) (Shipments, error) {
	out := Shipments{Clients: shippers}
	clerk, err := s.system.Token("warehouse", "")
	if err != nil {
		return out, err
	}
	bodies, err := s.bodies(s.homed)
	if err != nil {
		return out, err
	}
	ids := make([]string, b.scale.orders)
	if _, err := b.race(shippers, len(ids), func(i int) (err error) {
		ids[i], err = s.place(ctx, bodies[i%len(bodies)])
		return err
	}); err != nil {
		return out, err
	}
	db := table.New(s.client, tableName, b.now)
	before, err := s.onHand(ctx, db)
	if err != nil {
		return out, err
	}
	var shipped laps
	if err := shipped.add(b.race(shippers, len(ids), func(i int) error {
		_, err := s.post(ctx, clerk, "/v1/orders/"+ids[i]+"/shipments", []byte("{}"))
		return err
	})); err != nil {
		return out, err
	}
	after, err := s.onHand(ctx, db)
	if err != nil {
		return out, err
	}
	if want := int64(len(ids)) * 2 * each; before-after != want {
		return out, fmt.Errorf("%d orders were shipped and %d units left, not %d", len(ids), before-after, want)
	}
	out.HTTP = shipped.speed()
	return out, nil
}

// onHand is how many units there are of all goods.
func (s *shop) onHand(ctx context.Context, db *table.DB) (int64, error) {
	places := make([]stock.Place, len(s.skus))
	for i, sku := range s.skus {
		places[i] = stock.Place{SKU: sku, Location: stock.Main.Code}
	}
	items, err := db.Stock(ctx, places)
	var n int64
	for _, i := range items {
		n += i.OnHand
	}
	return n, err
}

// note renders a delivery note of many lines.
func (b bench) note() (Note, error) {
	doc := paper.DeliveryNote{
		Locale: "zh-CN", Company: paper.Company{Name: "上海运单贸易有限公司", Address: []string{"上海市浦东新区世纪大道100号"}},
		Number: "SO-2611-7K3M9Q-1", Order: "SO-2611-7K3M9Q", ShipTo: []string{"王小明", "北京市朝阳区建国路88号"},
		Location: "上海总仓", ShippedAt: time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC), Carrier: "SF Express", Tracking: "SF1234567890123",
		TrackingURL: "https://www.sf-express.com/we/ow/chn/sc/waybill/waybill-detail/SF1234567890123",
	}
	for i := range noteLines {
		doc.Lines = append(doc.Lines, paper.Line{
			SKU: fmt.Sprintf("SKU-%04d", i), Name: "青花陶瓷马克杯（大号，附说明书及一年质保卡）", Unit: "个", Quantity: int64(i + 1), Ordered: int64(i + 1),
		})
	}
	out := Note{Lines: noteLines}
	times := make([]time.Duration, noteRuns)
	for i := range times {
		began := b.now()
		pdf, err := doc.PDF()
		if err != nil {
			return out, err
		}
		times[i], out.KB = b.now().Sub(began), round(float64(len(pdf))/1000, 1)
	}
	out.Millis = millis(median(times))
	return out, nil
}
