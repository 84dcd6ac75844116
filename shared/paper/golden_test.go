package paper_test

import (
	"bytes"
	"flag"
	"fmt"
	"image"
	"image/png"
	"os"
	"testing"
)

var update = flag.Bool("update", false, "write the golden images anew")

// TestGoldenImages holds how the documents look. To look at what changed, run
// it with -update and compare the images; at other sizes a viewer shows more.
func TestGoldenImages(t *testing.T) {
	const dpi = 60
	names := []string{"delivery-en", "delivery-zh", "delivery-long", "pick", "invoice-en", "invoice-zh", "invoice-long", "credit-note"}
	documents := readAt(t, dpi,
		render(t, inEnglish(4)), render(t, inChinese(4)), render(t, inEnglish(52)), render(t, picks()),
		render(t, bill(4)), render(t, billInChinese(4)), render(t, bill(22)), render(t, credited(2)))
	for i, pages := range documents {
		for n, p := range pages {
			path := fmt.Sprintf("testdata/%s-%d.png", names[i], n+1)
			got := &image.Gray{Pix: p.Grey, Stride: p.Width, Rect: image.Rect(0, 0, p.Width, p.Height)}
			if *update {
				save(t, path, got)
			}
			if share := differing(got, load(t, path)); share > 0.0002 {
				t.Errorf("%s: %.2f %% of the pixels differ", path, 100*share)
			}
		}
	}
	for at, want := range map[int]int{2: 3, 6: 2} {
		if n := len(documents[at]); n != want {
			t.Errorf("%s has %d pages, want %d", names[at], n, want)
		}
	}
}

// differing is the share of the pixels that are visibly lighter or darker.
func differing(a *image.Gray, b image.Image) float64 {
	if a.Bounds() != b.Bounds() {
		return 1
	}
	other, ok := b.(*image.Gray)
	if !ok {
		return 1
	}
	n := 0
	for i := range a.Pix {
		if d := int(a.Pix[i]) - int(other.Pix[i]); d > 48 || d < -48 {
			n++
		}
	}
	return float64(n) / float64(len(a.Pix))
}

func save(t *testing.T, path string, img image.Image) {
	t.Helper()
	var b bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	if b.Len() > 60_000 {
		t.Errorf("%s has %d bytes", path, b.Len())
	}
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

func load(t *testing.T, path string) image.Image {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatalf("%v: run go test -run Golden -update", err)
	}
	defer f.Close()
	img, err := png.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	return img
}
