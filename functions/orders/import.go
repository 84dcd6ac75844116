package orders

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/go-faster/jx"
	"github.com/ogen-go/ogen/ogenerrors"

	"waybill/shared/api"
	"waybill/shared/gateway"
	"waybill/shared/order"
	"waybill/shared/ordering"
	"waybill/shared/payment"
	"waybill/shared/refusal"
)

// ImportOrders implements importOrders. A row that can't be decoded is
// reported like one that is refused, and the others go in.
func (h *Orders) ImportOrders(ctx context.Context, req *api.OrderImport, params api.ImportOrdersParams) (*api.ImportReportHeaders, error) {
	by := ordering.By{Principal: gateway.Principal(ctx), Mark: gateway.Mark(ctx, params.IdempotencyKey)}
	result, replayed, err := gateway.Leased(ctx, h.edge, by.Mark, func() ([]byte, error) {
		report, err := h.importAll(ctx, by, req)
		if err != nil {
			return nil, err
		}
		return report.MarshalJSON()
	})
	if err != nil {
		return nil, err
	}
	out := &api.ImportReportHeaders{IdempotencyReplayed: api.OptBool{Value: true, Set: replayed}}
	if err := out.Response.UnmarshalJSON(result); err != nil {
		return nil, fmt.Errorf("decode an import: %w", err)
	}
	return out, nil
}

func (h *Orders) importAll(ctx context.Context, by ordering.By, req *api.OrderImport) (api.ImportReport, error) {
	report := api.ImportReport{Rows: make([]api.ImportReportRowsItem, len(req.Orders))}
	var good []ordering.Past
	var place []int // of each good one in the request
	for i, raw := range req.Orders {
		row := &report.Rows[i]
		row.Index = i
		past, err := decodePast(raw)
		row.Number = gateway.Text(past.Number)
		if err != nil {
			refuse(row, err)
			continue
		}
		good, place = append(good, past), append(place, i)
	}
	outcomes, err := h.desk.Import(ctx, by, good)
	if err != nil {
		return report, err
	}
	for j, o := range outcomes {
		row := &report.Rows[place[j]]
		switch {
		case o.Err != nil:
			refuse(row, o.Err)
		case o.Exists:
			row.Outcome, row.ID = api.ImportReportRowsItemOutcomeExists, api.NewOptID(api.ID(o.ID))
		default:
			row.Outcome, row.ID = api.ImportReportRowsItemOutcomeCreated, api.NewOptID(api.ID(o.ID))
		}
	}
	for _, row := range report.Rows {
		switch row.Outcome {
		case api.ImportReportRowsItemOutcomeCreated:
			report.Created++
		case api.ImportReportRowsItemOutcomeExists:
			report.Existing++
		default:
			report.Failed++
		}
	}
	return report, nil
}

// decodePast reads one row, held to the contract as any body is.
func decodePast(raw jx.Raw) (ordering.Past, error) {
	var row api.ImportOrder
	if err := row.Decode(jx.DecodeBytes(raw)); err != nil {
		return numbered(raw), &ogenerrors.DecodeRequestError{Err: &ogenerrors.DecodeBodyError{ContentType: "application/json", Body: raw, Err: err}}
	}
	if err := row.Validate(); err != nil {
		return numbered(raw), &ogenerrors.DecodeRequestError{Err: err}
	}
	p := ordering.Past{
		Number: row.Number, PlacedAt: row.PlacedAt, Status: order.Status(row.Status.Or(api.ImportOrderStatusConfirmed)),
		CustomerID: string(row.CustomerID.Or("")), CustomerReference: row.CustomerReference.Or(""),
		Currency: string(row.Currency), Reference: row.Reference.Or(""),
		Shipping: gateway.AddressOf(row.ShippingAddress), Attributes: row.Attributes.Or(nil),
	}
	if paid, ok := row.Payment.Get(); ok {
		p.Payment = &ordering.PastPayment{Method: payment.Method(paid.Method), Reference: paid.Reference.Or("")}
		if at, ok := paid.ReceivedAt.Get(); ok {
			p.Payment.At = &at
		}
	}
	if (p.CustomerID == "") == (p.CustomerReference == "") {
		return p, refusal.Field("customer_id", "required", "Give customer_id or customer_reference, and not both.")
	}
	for _, l := range row.Lines {
		price := int64(l.UnitPrice)
		p.Wishes = append(p.Wishes, order.Wish{
			SKU: string(l.Sku), Quantity: int64(l.Quantity), UnitPrice: &price, Discount: order.Discount{Amount: int64(l.Discount.Or(0))},
		})
	}
	return p, nil
}

// numbered finds the number of a row that is broken elsewhere, so that the report can name it.
func numbered(raw jx.Raw) ordering.Past {
	var row struct {
		Number string `json:"number"`
	}
	if err := json.Unmarshal(raw, &row); err != nil && row.Number == "" {
		return ordering.Past{}
	}
	return ordering.Past{Number: row.Number}
}

// mostErrors is how many things a row is told of: the report is kept, and an item of the table is limited.
const mostErrors = 10

func refuse(row *api.ImportReportRowsItem, err error) {
	p := gateway.ProblemOf(err)
	problem := api.Problem{Type: "about:blank", Title: http.StatusText(p.Status), Status: p.Status, Code: p.Code, Detail: gateway.Text(p.Detail)}
	for _, e := range p.Errors[:min(len(p.Errors), mostErrors)] {
		item := api.ProblemErrorsItem{
			Field: gateway.Text(e.Field), Sku: gateway.Text(e.SKU), Order: gateway.Text(e.Order), Code: e.Code, Detail: gateway.Text(e.Detail),
		}
		if e.Available != nil {
			item.Available = api.NewOptInt64(*e.Available)
		}
		problem.Errors = append(problem.Errors, item)
	}
	row.Outcome, row.Problem = api.ImportReportRowsItemOutcomeFailed, api.NewOptProblem(problem)
}
