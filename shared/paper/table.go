package paper

// A column of a table. One without a width gets what the others leave. A box
// column has a box to tick in every row.
type column struct {
	title      string
	width      float64
	right, box bool
	style      style // normal if not said
}

const (
	headHeight  = 20.0
	rowPadding  = 4.0 // above the text and below
	cellGap     = 8.0 // between two cells
	mostInACell = 20  // lines: a row must fit on a page
)

// table draws rows under a heading that is repeated on every page. No row is
// split, and the last one stays on a page with what follows it, of height closing.
func (s *sheet) table(columns []column, rows [][]string, closing float64) {
	if len(rows) == 0 {
		s.need(headHeight + closing)
		s.head(columns)
	}
	for i, row := range rows {
		cells, height := s.cells(columns, row)
		needed := height
		if i == 0 {
			needed += headHeight
		}
		if i == len(rows)-1 {
			needed += closing
		}
		if s.need(needed) || i == 0 {
			s.head(columns)
		}
		s.row(columns, cells, height)
	}
}

// across returns the columns with every width and style said, filling the page.
func across(columns ...column) []column {
	rest := inner + cellGap // after the last one there is no gap
	for _, c := range columns {
		rest -= c.width
	}
	done := make([]column, len(columns))
	for i, c := range columns {
		if c.width == 0 {
			c.width = rest
		}
		if c.style.size == 0 {
			c.style = normal
		}
		done[i] = c
	}
	return done
}

func (s *sheet) head(columns []column) {
	s.rule(true)
	s.y += 5
	x := left
	for _, c := range columns {
		c.style = faint
		s.cell(c, x, c.title)
		x += c.width
	}
	s.y += headHeight - 5
	s.rule(true)
}

// cells wraps a row's texts and returns how high the row is.
func (s *sheet) cells(columns []column, row []string) (cells [][]string, height float64) {
	height = normal.leading()
	for i, c := range columns {
		lines := []string{row[i]}
		if !c.right {
			lines = s.lines(row[i], c.width-cellGap, c.style, mostInACell)
		}
		cells = append(cells, lines)
		height = max(height, float64(len(lines))*normal.leading())
	}
	return cells, height + 2*rowPadding
}

func (s *sheet) row(columns []column, cells [][]string, height float64) {
	begin := s.y
	x := left
	for i, c := range columns {
		s.y = begin + rowPadding
		if c.box {
			s.pdf.SetLineWidth(0.8)
			s.pdf.Rect(x+1, s.y+0.5, 10, 10, "D")
		}
		for _, line := range cells[i] {
			s.cell(c, x, line)
			s.y += normal.leading()
		}
		x += c.width
	}
	s.y = begin + height
	s.rule(false)
}

// cell draws one line of a cell that begins at x; every cell ends a gap before its column.
func (s *sheet) cell(c column, x float64, text string) {
	width := c.width - cellGap
	if c.right {
		s.textRight(x+width, width, c.style, text)
		return
	}
	s.text(x, width, c.style, text)
}

// total draws the sum of a column under it.
func (s *sheet) total(columns []column, of int, sum string) {
	end := left - cellGap
	for _, c := range columns[:of+1] {
		end += c.width
	}
	s.y += 7
	label, number := style{size: 10}, style{size: 10, bold: true}
	s.textRight(end-min(120, s.width(sum, number))-cellGap, 120, label, s.t.total)
	s.textRight(end, 120, number, sum)
	s.y += totalHeight - 7
}
