package paper

import (
	"fmt"
	"image/color"
	"strings"

	"github.com/boombuler/barcode"
	"github.com/boombuler/barcode/code128"
	"github.com/boombuler/barcode/qr"
)

// Sizes of codes in points. What would come out smaller than a quarter of a
// millimetre a bar, a third a square, is no longer read off office paper.
const (
	barHeight    = 30.0
	wideBar      = 1.0
	narrowBar    = 0.7
	qrSize       = 84.0
	narrowSquare = 1.0
)

// bars draws text as Code 128, its right end at right, no wider than width,
// and returns how high it is: 0 where the text can't be a bar code, being
// empty, too long to be scanned or not ASCII.
func (s *sheet) bars(text string, right, top, width float64) float64 {
	code, err := code128.Encode(text)
	if err != nil {
		return 0
	}
	n := float64(code.Bounds().Dx())
	module := min(wideBar, width/n)
	if module < narrowBar {
		return 0
	}
	s.modules(code, right-n*module, top, module, barHeight)
	return barHeight
}

// square draws text as a QR code of qrSize and reports whether it could: not
// where there is none, or so much that no telephone would read it.
func (s *sheet) square(text string, left, top float64) bool {
	if text == "" {
		return false
	}
	code, err := qr.Encode(text, qr.M, qr.Auto)
	if err != nil {
		return false
	}
	module := qrSize / float64(code.Bounds().Dx())
	if module < narrowSquare {
		return false
	}
	s.modules(code, left, top, module, module)
	return true
}

// modules fills the dark parts of a code. They are one path: rectangles that
// are filled one by one show hairlines between them on a screen.
func (s *sheet) modules(code barcode.Barcode, left, top, width, height float64) {
	size := code.Bounds()
	dark := func(x, y int) bool { return x < size.Dx() && code.At(x, y) == color.Black }
	var path strings.Builder
	for y := range size.Dy() {
		for x := 0; x < size.Dx(); x++ {
			run := 0
			for dark(x+run, y) {
				run++
			}
			if run > 0 {
				fmt.Fprintf(&path, "%.3f %.3f %.3f %.3f re\n",
					left+float64(x)*width, pageHeight-top-float64(y+1)*height, float64(run)*width, height)
			}
			x += run
		}
	}
	s.pdf.RawWriteStr(path.String() + "f")
}
