package paper_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A drawn text and its box: left, top, right, bottom, in points from the top left.
type drawn struct {
	Text string
	Box  [4]float64
}

// A page as a reader sees it. Codes and pixels are there only where asked for.
type page struct {
	Texts         []drawn
	Codes         []string
	Width, Height int
	Grey          []byte
}

func (p page) has(text string) bool {
	return slices.ContainsFunc(p.Texts, func(d drawn) bool { return d.Text == text })
}

func (p page) String() string {
	var b strings.Builder
	for _, d := range p.Texts {
		fmt.Fprintln(&b, d.Text)
	}
	return b.String()
}

// untidy lists the texts that are outside the margins or over another text.
func (p page) untidy() (wrong []string) {
	for i, d := range p.Texts {
		if d.Box[0] < 41 || d.Box[2] > 595.28-41 || d.Box[1] < 20 || d.Box[3] > 841.89-20 {
			wrong = append(wrong, fmt.Sprintf("%q is at %.0f, outside the margins", d.Text, d.Box))
		}
		for _, other := range p.Texts[:i] {
			if overlap(d.Box, other.Box) {
				wrong = append(wrong, fmt.Sprintf("%q at %.0f is over %q at %.0f", d.Text, d.Box, other.Text, other.Box))
			}
		}
	}
	return wrong
}

// overlap allows a point: boxes are of whole glyphs, with what they reach beyond their line.
func overlap(a, b [4]float64) bool {
	return a[0] < b[2]-1 && b[0] < a[2]-1 && a[1] < b[3]-1 && b[1] < a[3]-1
}

// read returns the pages of each PDF.
func read(t *testing.T, pdfs ...[]byte) [][]page { return readAt(t, 0, pdfs...) }

// readAt also returns what a scanner reads and the pixels at so many dots an inch.
func readAt(t *testing.T, dpi int, pdfs ...[]byte) [][]page {
	t.Helper()
	const tools = "../../.local/venv-paper"
	if _, err := os.Stat(tools + "/.ready"); err != nil {
		t.Fatal("These tests read the PDFs with tools that are not there: run make paper-tools.")
	}
	args := []string{"testdata/read.py", fmt.Sprint(dpi)}
	dir := t.TempDir()
	for i, pdf := range pdfs {
		path := filepath.Join(dir, fmt.Sprintf("%d.pdf", i))
		if err := os.WriteFile(path, pdf, 0o644); err != nil {
			t.Fatal(err)
		}
		args = append(args, path)
	}
	cmd := exec.CommandContext(t.Context(), tools+"/bin/python", args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("read %d PDFs: %v", len(pdfs), err)
	}
	var all [][]page
	lines := bufio.NewScanner(bytes.NewReader(out))
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		var pages []page
		if err := json.Unmarshal(lines.Bytes(), &pages); err != nil {
			t.Fatal(err)
		}
		all = append(all, pages)
	}
	if len(all) != len(pdfs) {
		t.Fatalf("read %d of %d PDFs", len(all), len(pdfs))
	}
	return all
}

// A document can be rendered.
type document interface{ PDF() ([]byte, error) }

func render(t testing.TB, d document) []byte {
	t.Helper()
	pdf, err := d.PDF()
	if err != nil {
		t.Fatal(err)
	}
	return pdf
}

// printed returns the pages of one document.
func printed(t *testing.T, d document) []page {
	t.Helper()
	return read(t, render(t, d))[0]
}
