package invoices

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/xuri/excelize/v2"

	"waybill/shared/api"
	"waybill/shared/company"
	"waybill/shared/invoice"
	"waybill/shared/table"
)

// mostExported is how many invoices an export has at most.
const mostExported = 5000

// columns are what an export tells of an invoice, and how wide a sheet shows it.
var columns = []struct {
	name  string
	width float64
}{
	{"number", 20}, {"status", 10}, {"issued", 12}, {"due", 12}, {"order_number", 20}, {"customer_id", 30}, {"customer", 28}, {"reference", 20},
	{"currency", 9}, {"net", 14}, {"tax", 14}, {"total", 14}, {"credited", 14}, {"open", 14},
}

// ExportInvoicesCsv implements exportInvoicesCsv.
func (h *Invoices) ExportInvoicesCsv(ctx context.Context, params api.ExportInvoicesCsvParams) (api.ExportInvoicesCsvOK, error) {
	bills, err := h.all(ctx, query{params.Status, params.CustomerID, params.Number, params.From, params.To})
	if err != nil {
		return api.ExportInvoicesCsvOK{}, err
	}
	var b bytes.Buffer
	err = writeCSV(&b, bills)
	return api.ExportInvoicesCsvOK{Data: &b}, err
}

// ExportInvoicesXlsx implements exportInvoicesXlsx.
func (h *Invoices) ExportInvoicesXlsx(ctx context.Context, params api.ExportInvoicesXlsxParams) (api.ExportInvoicesXlsxOK, error) {
	bills, err := h.all(ctx, query{params.Status, params.CustomerID, params.Number, params.From, params.To})
	if err != nil {
		return api.ExportInvoicesXlsxOK{}, err
	}
	var b bytes.Buffer
	err = writeXLSX(&b, bills)
	return api.ExportInvoicesXlsxOK{Data: &b}, err
}

// all reads everything that a query finds, as far as an export goes.
func (h *Invoices) all(ctx context.Context, q query) ([]invoice.Bill, error) {
	var out []invoice.Bill
	for p := (table.Page{Limit: 100}); ; {
		l, err := h.list(ctx, q, p)
		if err != nil {
			return nil, err
		}
		out = append(out, l.Items...)
		if p.After = l.Next; l.Next == "" || len(out) >= mostExported {
			return out[:min(len(out), mostExported)], nil
		}
	}
}

// writeCSV writes invoices with the byte order mark by which Excel knows UTF-8.
func writeCSV(w io.Writer, bills []invoice.Bill) error {
	if _, err := io.WriteString(w, "\uFEFF"); err != nil {
		return fmt.Errorf("write the CSV: %w", err)
	}
	out := csv.NewWriter(w)
	row := make([]string, len(columns))
	for n, c := range columns {
		row[n] = c.name
	}
	rows := [][]string{row}
	for _, b := range bills {
		amount := func(n int64) string { return decimal(n, digits(b.Currency)) }
		issued, due := days(b)
		rows = append(rows, []string{
			harmless(b.Number), string(b.Status), issued.Format(time.DateOnly), due.Format(time.DateOnly),
			harmless(b.OrderNumber), b.CustomerID, harmless(b.Buyer.Name), harmless(b.Reference), b.Currency,
			amount(b.Sums.Net), amount(b.Sums.Tax), amount(b.Sums.Total), amount(b.Credited), amount(b.Open),
		})
	}
	if err := out.WriteAll(rows); err != nil {
		return fmt.Errorf("write the CSV: %w", err)
	}
	return nil
}

// days are the dates of issue and due date where the company is.
func days(b invoice.Bill) (issued, due time.Time) {
	at := company.Zone(b.TimeZone)
	return b.IssuedAt.In(at), b.DueAt.In(at)
}

// harmless keeps a spreadsheet from taking somebody's words for a formula.
func harmless(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}

// decimal writes minor units as a decimal number.
func decimal(n int64, digits int) string {
	if digits == 0 {
		return strconv.FormatInt(n, 10)
	}
	sign, s := "", strconv.FormatInt(n, 10)
	if n < 0 {
		sign, s = "-", s[1:]
	}
	if short := digits + 1 - len(s); short > 0 {
		s = strings.Repeat("0", short) + s
	}
	return sign + s[:len(s)-digits] + "." + s[len(s)-digits:]
}

// writeXLSX writes invoices as one sheet under a heading that stays in sight.
func writeXLSX(w io.Writer, bills []invoice.Bill) (err error) {
	f := excelize.NewFile()
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := f.SetSheetName("Sheet1", "Invoices"); err != nil {
		return fmt.Errorf("write the XLSX: %w", err)
	}
	s, err := newSheet(f, "Invoices")
	if err != nil {
		return fmt.Errorf("write the XLSX: %w", err)
	}
	for n, b := range bills {
		if err := s.row(n+2, b); err != nil {
			return fmt.Errorf("write the XLSX: %w", err)
		}
	}
	if err := s.Flush(); err != nil {
		return fmt.Errorf("write the XLSX: %w", err)
	}
	if _, err := f.WriteTo(w); err != nil {
		return fmt.Errorf("write the XLSX: %w", err)
	}
	return nil
}

// A sheet is written row by row.
type sheet struct {
	*excelize.StreamWriter
	day     int         // the style of a date
	amounts map[int]int // the style of an amount, by its decimal digits
}

func newSheet(f *excelize.File, name string) (*sheet, error) {
	w, err := f.NewStreamWriter(name)
	if err != nil {
		return nil, err
	}
	s := &sheet{StreamWriter: w, amounts: map[int]int{}}
	format := "yyyy-mm-dd"
	if s.day, err = f.NewStyle(&excelize.Style{CustomNumFmt: &format}); err != nil {
		return nil, err
	}
	for _, n := range []int{0, 2, 3} {
		format := "#,##0"
		if n > 0 {
			format += "." + strings.Repeat("0", n)
		}
		if s.amounts[n], err = f.NewStyle(&excelize.Style{CustomNumFmt: &format}); err != nil {
			return nil, err
		}
	}
	bold, err := f.NewStyle(&excelize.Style{Font: &excelize.Font{Bold: true}})
	if err != nil {
		return nil, err
	}
	return s, s.heading(bold)
}

func (s *sheet) heading(bold int) error {
	cells := make([]any, len(columns))
	for n, c := range columns {
		cells[n] = excelize.Cell{StyleID: bold, Value: c.name}
		if err := s.SetColWidth(n+1, n+1, c.width); err != nil {
			return err
		}
	}
	if err := s.SetPanes(&excelize.Panes{Freeze: true, YSplit: 1, TopLeftCell: "A2", ActivePane: "bottomLeft"}); err != nil {
		return err
	}
	return s.SetRow("A1", cells)
}

// row writes an invoice. Words stay words, whatever they begin with, because
// their cells are typed.
func (s *sheet) row(at int, b invoice.Bill) error {
	n := digits(b.Currency)
	amount := func(v int64) excelize.Cell {
		// A spreadsheet's numbers are floats; this one is only for people to add up.
		return excelize.Cell{StyleID: s.amounts[n], Value: float64(v) / math.Pow10(n)}
	}
	issued, due := days(b)
	return s.SetRow("A"+strconv.Itoa(at), []any{
		b.Number, string(b.Status), s.date(issued), s.date(due), b.OrderNumber, b.CustomerID, b.Buyer.Name, b.Reference, b.Currency,
		amount(b.Sums.Net), amount(b.Sums.Tax), amount(b.Sums.Total), amount(b.Credited), amount(b.Open),
	})
}

// date is a day as a spreadsheet counts it, without a time or a zone.
func (s *sheet) date(at time.Time) excelize.Cell {
	year, month, day := at.Date()
	return excelize.Cell{StyleID: s.day, Value: time.Date(year, month, day, 0, 0, 0, 0, time.UTC)}
}
