package shipment_test

import (
	"testing"
	"time"

	"waybill/shared/refusal"
	"waybill/shared/shipment"
)

func TestANumberTellsItsOrder(t *testing.T) {
	for number, want := range map[string]struct {
		order string
		n     int
		ok    bool
	}{
		shipment.NumberOf("SO-2611-7K3M9Q", 1): {"SO-2611-7K3M9Q", 1, true},
		"CA-2016-152156-12":                    {"CA-2016-152156", 12, true},
		"SO-2611-7K3M9Q-R1":                    {ok: false},
		"SO-2611-7K3M9Q-0":                     {ok: false},
		"SO-2611-7K3M9Q--1":                    {"SO-2611-7K3M9Q-", 1, true},
		"-1":                                   {ok: false},
		"":                                     {ok: false},
		"SO":                                   {ok: false},
	} {
		order, n, ok := shipment.OrderOf(number)
		if ok != want.ok || (ok && (order != want.order || n != want.n)) {
			t.Errorf("%q: %q, %d, %v", number, order, n, ok)
		}
	}
}

func TestACarrierIsFoundByItsNameAndTellsWhereTheShipmentIs(t *testing.T) {
	for _, c := range []struct{ name, number, carrier, url string }{
		{"sf express", "SF1", "SF Express", "https://www.sf-express.com/we/ow/chn/sc/waybill/waybill-detail/SF1"},
		{" UPS ", "1Z 9&x", "UPS", "https://www.ups.com/track?tracknum=1Z+9%26x"},
		{"UPS", "", "UPS", ""},
		{"own van", "7", "own van", ""},
		{"", "7", "", ""},
	} {
		s := shipment.Shipment{Carrier: "DHL", TrackingNumber: "1", TrackingURL: "https://example.com"}
		if err := s.Carry(shipment.Carriers(), c.name, c.number); err != nil {
			t.Errorf("%q: %v", c.name, err)
		}
		if s.Carrier != c.carrier || s.TrackingNumber != c.number || s.TrackingURL != c.url {
			t.Errorf("%q: %q %q %q", c.name, s.Carrier, s.TrackingNumber, s.TrackingURL)
		}
	}
	var s shipment.Shipment
	if err := s.Carry(shipment.Carriers(), "Pigeon", "1"); !refusal.Is(err, "rejected") {
		t.Errorf("an unknown carrier: %v", err)
	}
}

func TestCarriersThatMakeNoSenseAreRefused(t *testing.T) {
	if wrong := shipment.CheckCarriers(shipment.Carriers()); wrong != nil {
		t.Errorf("those of a fresh system: %v", wrong)
	}
	for name, carriers := range map[string][]shipment.Carrier{
		"no name":      {{Name: " "}},
		"twice":        {{Name: "UPS"}, {Name: "ups"}},
		"no number":    {{Name: "UPS", TrackingURL: "https://ups.com"}},
		"no host":      {{Name: "UPS", TrackingURL: "https:{number}"}},
		"not the web":  {{Name: "UPS", TrackingURL: "javascript:alert({number})"}},
		"no address":   {{Name: "UPS", TrackingURL: "://{number}"}},
		"other scheme": {{Name: "UPS", TrackingURL: "ftp://ups.com/{number}"}},
	} {
		if wrong := shipment.CheckCarriers(carriers); len(wrong) != 1 {
			t.Errorf("%s: %v", name, wrong)
		}
	}
}

func TestAShipmentArrivesOnceAndNotBeforeItLeft(t *testing.T) {
	left := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	s := shipment.Shipment{Status: shipment.Shipped, ShippedAt: left}
	if err := s.Deliver(left.Add(-time.Minute)); !refusal.Is(err, "rejected") || s.Status != shipment.Shipped {
		t.Errorf("before it left: %v, %s", err, s.Status)
	}
	if err := s.Deliver(left); err != nil || s.Status != shipment.Delivered || !s.DeliveredAt.Equal(left) {
		t.Errorf("%v, %+v", err, s)
	}
	for what, err := range map[string]error{"delivered": s.Deliver(left), "undone": s.Undo("mistake")} {
		if !refusal.Is(err, "wrong_status") {
			t.Errorf("%s after it arrived: %v", what, err)
		}
	}
	undone := shipment.Shipment{Status: shipment.Shipped}
	if err := undone.Undo(" "); !refusal.Is(err, "rejected") {
		t.Errorf("without a reason: %v", err)
	}
	if err := undone.Undo("mistake"); err != nil || undone.Status != shipment.Undone {
		t.Errorf("%v, %s", err, undone.Status)
	}
	if err := undone.MayCorrect(); !refusal.Is(err, "wrong_status") {
		t.Errorf("corrected though it never was: %v", err)
	}
}
