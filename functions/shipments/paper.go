package shipments

import (
	"bytes"
	"context"
	"strings"
	_ "time/tzdata" // the Lambda base image has no time zones

	"waybill/shared/api"
	"waybill/shared/company"
	"waybill/shared/customer"
	"waybill/shared/gateway"
	"waybill/shared/order"
	"waybill/shared/paper"
	"waybill/shared/refusal"
	"waybill/shared/table"
)

// GetDeliveryNote implements getDeliveryNote.
func (h *Shipments) GetDeliveryNote(ctx context.Context, params api.GetDeliveryNoteParams) (api.GetDeliveryNoteOK, error) {
	s, err := h.dock.Look(ctx, gateway.Principal(ctx), string(params.ID))
	if err != nil {
		return api.GetDeliveryNoteOK{}, err
	}
	if err := s.MayPrint(); err != nil {
		return api.GetDeliveryNoteOK{}, err
	}
	o, err := h.dock.DB.Order(ctx, s.OrderID)
	if err != nil {
		return api.GetDeliveryNoteOK{}, err
	}
	c, err := h.catalog(ctx, o)
	if err != nil {
		return api.GetDeliveryNoteOK{}, err
	}
	note := paper.DeliveryNote{
		Locale: locale(c.Customer), Company: letterhead(c.Settings), Number: s.Number, Order: o.Number, Reference: o.Reference,
		ShipTo: addressee(s.To, c.Customer), Location: named(c.Locations, s.Location),
		ShippedAt: s.ShippedAt, Zone: c.Settings.Zone(), Carrier: s.Carrier, Tracking: s.TrackingNumber, TrackingURL: s.TrackingURL,
		Packages: s.Packages, WeightGrams: s.WeightGrams, Shipper: s.Shipper, Note: s.Note,
	}
	for _, l := range s.Lines {
		note.Lines = append(note.Lines, paper.Line{
			SKU: l.SKU, Name: c.Products[l.SKU].NameIn(note.Locale, l.Name), Unit: c.Products[l.SKU].Unit,
			Quantity: l.Quantity, Ordered: l.Ordered, Remaining: l.Remaining,
		})
	}
	pdf, err := note.PDF()
	return api.GetDeliveryNoteOK{Data: bytes.NewReader(pdf)}, err
}

// GetPickList implements getPickList.
func (h *Shipments) GetPickList(ctx context.Context, params api.GetPickListParams) (api.GetPickListOK, error) {
	o, err := h.dock.LookOrder(ctx, gateway.Principal(ctx), string(params.ID))
	if err != nil {
		return api.GetPickListOK{}, err
	}
	c, err := h.catalog(ctx, o)
	if err != nil {
		return api.GetPickListOK{}, err
	}
	location, err := picked(o, string(params.Location.Or("")), c)
	if err != nil {
		return api.GetPickListOK{}, err
	}
	list := paper.PickList{
		Locale: locale(c.Customer), Company: letterhead(c.Settings), Order: o.Number, Location: named(c.Locations, location),
		Printed: h.dock.IDs.Now(), Zone: c.Settings.Zone(), Note: o.Note,
	}
	if to := addressee(o.Shipping, c.Customer); len(to) > 0 {
		list.Customer = to[0]
	}
	if o.OnHold {
		list.Due = holdIn(list.Locale, o.HoldReason)
	}
	for _, pick := range o.PicksAt(location) {
		p := c.Products[pick.SKU]
		list.Lines = append(list.Lines, paper.Pick{
			Bin: p.Bins[location], SKU: pick.SKU, Name: p.NameIn(list.Locale, o.Line(pick.SKU).Name), Unit: p.Unit, Quantity: pick.Quantity,
		})
	}
	pdf, err := list.PDF()
	return api.GetPickListOK{Data: bytes.NewReader(pdf)}, err
}

// catalog reads what papers are made from beside the order.
func (h *Shipments) catalog(ctx context.Context, o order.Order) (table.Catalog, error) {
	skus := make([]string, len(o.Lines))
	for i, l := range o.Lines {
		skus[i] = l.SKU
	}
	return h.dock.DB.Catalog(ctx, o.CustomerID, skus, nil)
}

// picked is the location to pick at: the one asked for, or the first where something is reserved.
func picked(o order.Order, wanted string, c table.Catalog) (string, error) {
	if wanted != "" {
		if _, ok := c.Locations.Find(wanted); !ok {
			return "", refusal.Missing("location", wanted)
		}
	}
	for _, code := range c.Locations.Codes() {
		if (wanted == "" || code == wanted) && len(o.PicksAt(code)) > 0 {
			return code, nil
		}
	}
	return "", refusal.New(refusal.Conflict, "nothing_reserved", "Nothing of order %s is reserved there.", o.Number)
}

// holdIn says that and why an order is on hold, in the paper's language; a person's words stay as they are.
func holdIn(locale, reason string) string {
	prefix, words := "On hold: ", map[string]string{order.HoldApproval: "to be approved", order.HoldStock: "goods are missing"}
	if strings.HasPrefix(locale, "zh") {
		prefix, words = "暂停：", map[string]string{order.HoldApproval: "待审批", order.HoldStock: "缺货"}
	}
	if w, ok := words[reason]; ok {
		return prefix + w
	}
	return prefix + reason
}

func locale(c *customer.Customer) string {
	if c == nil {
		return "en"
	}
	return c.Locale
}

func letterhead(s company.Settings) paper.Company {
	return paper.Company{Name: s.Name, Email: s.Email, Phone: s.Phone, TaxID: s.TaxID, Address: s.Address.Envelope()}
}

// addressee is where the goods go; a customer without an address is named at least.
func addressee(a *customer.Address, c *customer.Customer) []string {
	if c == nil {
		return a.Envelope()
	}
	return a.EnvelopeTo(c.Name)
}

func named(l table.Locations, code string) string {
	if found, ok := l.Find(code); ok && found.Name != "" {
		return found.Name + " (" + code + ")"
	}
	return code
}
