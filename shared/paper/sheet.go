package paper

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"codeberg.org/go-pdf/fpdf"
)

// All lengths are points, a 72nd of an inch, from the top left of an A4 page.
const (
	pageWidth, pageHeight = 595.28, 841.89

	left   = 42.0
	right  = pageWidth - left
	inner  = right - left
	top    = 42.0
	bottom = pageHeight - 54 // what flows ends here; the footer is below
	middle = left + inner/2 - 10

	totalHeight     = 26.0
	signatureHeight = 78.0
)

// A style is how text looks.
type style struct {
	size       float64
	bold, grey bool
}

var (
	normal = style{size: 9}
	strong = style{size: 9, bold: true}
	faint  = style{size: 8, grey: true}
	huge   = style{size: 20, bold: true}
	large  = style{size: 11, bold: true}
)

// leading is the height of a line of text.
func (st style) leading() float64 { return st.size * 1.4 }

// A sheet is a document as it is being drawn, from the top down to y on its last page.
type sheet struct {
	pdf    *fpdf.Fpdf
	t      texts
	title  string
	number string
	y      float64
}

func newSheet(t texts, title, number string, at time.Time) *sheet {
	pdf := fpdf.New("P", "pt", "A4", "")
	pdf.SetAutoPageBreak(false, 0)
	// Without dates of their own PDFs get the clock's, and without sorting the
	// order of a map.
	if at.IsZero() {
		at = time.Unix(0, 0)
	}
	pdf.SetCreationDate(at.UTC())
	pdf.SetModificationDate(at.UTC())
	pdf.SetCatalogSort(true)
	pdf.SetLang(t.lang)
	pdf.SetTitle(strings.TrimSpace(title+" "+printable(number)), true)
	pdf.AddUTF8FontFromBytes("noto", "", []byte(face))
	pdf.SetFont("noto", "", normal.size)
	s := &sheet{pdf: pdf, t: t, title: title, number: number}
	s.page()
	return s
}

func (s *sheet) page() {
	s.pdf.AddPage()
	s.y = top
}

// need begins a page if height does not fit on this one, and reports whether it did.
func (s *sheet) need(height float64) bool {
	if s.y+height <= bottom {
		return false
	}
	s.page()
	return true
}

// bytes ends the document.
func (s *sheet) bytes() ([]byte, error) {
	s.footers()
	var b bytes.Buffer
	if err := s.pdf.Output(&b); err != nil {
		return nil, fmt.Errorf("write the PDF of %s %s: %w", s.title, s.number, err)
	}
	return b.Bytes(), nil
}

// footers go onto every page once it is known how many there are.
func (s *sheet) footers() {
	n := s.pdf.PageCount()
	for i := 1; i <= n; i++ {
		s.pdf.SetPage(i)
		s.y = bottom + 12
		s.rule(false)
		s.y += 6
		half := inner / 2
		s.text(left, half, faint, s.title+" "+s.number)
		s.textRight(right, half, faint, fmt.Sprintf(s.t.page, i, n))
	}
}

// width is how wide a text is in the sheet's font.
func (s *sheet) width(text string, st style) float64 {
	return float64(s.pdf.GetStringSymbolWidth(text)) * st.size / 1000
}

// text draws one line at y; one that is wider than width is drawn smaller.
func (s *sheet) text(x, width float64, st style, text string) {
	text = printable(text)
	if text == "" {
		return
	}
	// Texts of the two smaller sizes stand on one line beside each other.
	baseline := s.y + max(st.size, normal.size)*1.05
	if w := s.width(text, st); w > width {
		st.size *= width / w
	}
	s.pdf.SetFont("noto", "", st.size)
	if st.grey {
		s.pdf.SetTextColor(90, 90, 90)
	} else {
		s.pdf.SetTextColor(0, 0, 0)
	}
	if !st.bold {
		s.pdf.Text(x, baseline, text)
		return
	}
	// A second face would double the font, so bold is the outline drawn too.
	s.pdf.SetLineWidth(st.size * 0.027)
	s.pdf.SetTextRenderingMode(2)
	s.pdf.Text(x, baseline, text)
	s.pdf.SetTextRenderingMode(0)
}

// textRight is text that ends at x.
func (s *sheet) textRight(x, width float64, st style, text string) {
	s.text(x-min(width, s.width(printable(text), st)), width, st, text)
}

// lines breaks a text into at most most lines, the last of which then says that more was there.
func (s *sheet) lines(text string, width float64, st style, most int) []string {
	advance := func(r rune) float64 { return s.width(string(r), st) }
	var lines []string
	for paragraph := range strings.Lines(strings.TrimSpace(text)) {
		lines = append(lines, wrap(printable(paragraph), width, advance)...)
	}
	if len(lines) > most {
		cut := []rune(lines[most-1])
		for len(cut) > 0 && s.width(string(cut)+"…", st) > width {
			cut = cut[:len(cut)-1]
		}
		lines = append(lines[:most-1], string(cut)+"…")
	}
	return lines
}

// block draws wrapped text and moves y below it.
func (s *sheet) block(x, width float64, st style, text string, most int) {
	for _, line := range s.lines(text, width, st, most) {
		s.text(x, width, st, line)
		s.y += st.leading()
	}
}

// rule draws a line across the page at y, black or else light.
func (s *sheet) rule(black bool) {
	s.pdf.SetLineWidth(0.5)
	if !black {
		s.pdf.SetDrawColor(190, 190, 190)
	}
	s.pdf.Line(left, s.y, right, s.y)
	s.pdf.SetDrawColor(0, 0, 0)
}

// heading draws the company on the left, and on the right what this is, its
// number and the bar code of it.
func (s *sheet) heading(c Company) {
	width := middle - left
	s.block(left, width, large, c.Name, 3)
	s.y += 2
	s.block(left, width, faint, strings.Join(c.Address, "\n"), 12)
	s.block(left, width, faint, c.Phone, 2)
	s.block(left, width, faint, c.Email, 2)
	if c.TaxID != "" {
		s.block(left, width, faint, s.t.taxID+" "+c.TaxID, 2)
	}
	end := s.y

	s.y = top - 4
	width = right - middle - 20
	s.textRight(right, width, huge, s.title)
	s.y += huge.leading() + 2
	s.textRight(right, width, large, s.number)
	s.y += large.leading() + 5
	s.y += s.bars(s.number, right, s.y, width)
	s.y = max(s.y, end) + 14
	s.rule(true)
	s.y += 12
}

// A fact is shown beside its label; without a value it is left out.
type fact struct{ label, value string }

// facts draws on the left whom it is for, under a label, and on the right the
// facts and, if there is one, a QR code of a URL.
func (s *sheet) facts(label string, whom []string, facts []fact, url string) {
	begin := s.y
	from, to := middle-50, right
	if text := strings.TrimSpace(strings.Join(whom, "\n")); text != "" {
		s.text(left, from-left, faint, label)
		s.y += faint.leading() + 2
		s.block(left, from-left-20, style{size: 10}, text, 24)
	}
	end := s.y

	s.y = begin
	if s.square(url, right-qrSize, begin) {
		s.y += qrSize + 2
		caption := s.width(s.t.scan, faint)
		s.text(right-(qrSize+caption)/2, caption, faint, s.t.scan)
		end = max(end, s.y+faint.leading())
		s.y = begin
		to -= qrSize + 16
	}
	const labels = 78
	for _, f := range facts {
		if strings.TrimSpace(f.value) == "" {
			continue
		}
		s.text(from, labels-6, faint, f.label)
		s.block(from+labels, to-from-labels, normal, f.value, 3)
		s.y += 1.5
	}
	s.y = max(s.y, end) + 12
}

// warning draws what must not be overlooked in a frame.
func (s *sheet) warning(text string) {
	lines := s.lines(text, inner-20, large, 4)
	if len(lines) == 0 {
		return
	}
	height := float64(len(lines))*large.leading() + 10
	s.pdf.SetLineWidth(1.2)
	s.pdf.Rect(left, s.y, inner, height, "D")
	s.y += 5
	for _, line := range lines {
		s.text(left+10, inner-20, large, line)
		s.y += large.leading()
	}
	s.y += 5 + 12
}

// note draws a note of any length, over several pages if it must.
func (s *sheet) note(text string) {
	const label = 26
	lines := s.lines(text, inner-label, normal, 1000)
	for i, line := range lines {
		s.need(normal.leading())
		if i == 0 {
			s.text(left, label-4, faint, s.t.note)
		}
		s.text(left+label, inner-label, normal, line)
		s.y += normal.leading()
	}
	if len(lines) > 0 {
		s.y += 10
	}
}

// signature draws where the one who receives the goods signs.
func (s *sheet) signature() {
	s.y += 14
	s.text(left, inner, normal, s.t.received)
	s.y += 40
	const gap = 16
	width := (inner - 2*gap) / 3
	for i, label := range []string{s.t.signer, s.t.signature, s.t.signDay} {
		x := left + float64(i)*(width+gap)
		s.pdf.SetLineWidth(0.6)
		s.pdf.Line(x, s.y, x+width, s.y)
		s.y += 4
		s.text(x, width, faint, label)
		s.y -= 4
	}
	s.y += signatureHeight - 54
}
