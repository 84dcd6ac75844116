package paper_test

import (
	"bytes"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"waybill/shared/paper"
)

func TestTwoHundredLinesInChineseAreWholeAndSmall(t *testing.T) {
	d := inChinese(200)
	pdf := render(t, d)
	if len(pdf) > 300<<10 {
		t.Errorf("it has %d KB", len(pdf)>>10)
	}
	pages := read(t, pdf)[0]
	var all strings.Builder
	for _, p := range pages {
		all.WriteString(strings.ReplaceAll(p.String(), "\n", ""))
	}
	rest := all.String()
	for i, l := range d.Lines {
		_, after, ok := strings.Cut(rest, l.SKU+l.Name+"个"+fmt.Sprint(l.Quantity))
		if !ok {
			t.Fatalf("line %d, %s %s, is not where it should be", i+1, l.SKU, l.Name)
		}
		rest = after
	}
	if want := fmt.Sprintf("第 %d 页，共 %d 页", len(pages), len(pages)); len(pages) < 7 || !pages[len(pages)-1].has(want) {
		t.Errorf("%d pages, and the last says\n%s", len(pages), pages[len(pages)-1])
	}
}

func BenchmarkTwoHundredLinesInChinese(b *testing.B) {
	d := inChinese(200)
	var n int
	for b.Loop() {
		n = len(render(b, d))
	}
	b.ReportMetric(float64(n)/1024, "KB")
}

// lengths are of documents whose last line, total and signature come to lie
// everywhere at the ends of pages.
func lengths() []int {
	n := []int{1, 2, 60, 61, 99, 100, 150, 199, 200}
	for i := 8; i < 50; i++ {
		n = append(n, i)
	}
	return n
}

func TestNoLineIsLostOrDoubledOverPages(t *testing.T) {
	var pdfs [][]byte
	for _, n := range lengths() {
		pdfs = append(pdfs, render(t, inEnglish(n)))
	}
	for at, pages := range read(t, pdfs...) {
		n := lengths()[at]
		line := 0
		for i, p := range pages {
			if want := fmt.Sprintf("Page %d of %d", i+1, len(pages)); !p.has(want) {
				t.Errorf("%d lines: page %d does not say %q", n, i+1, want)
			}
			if !p.has("Delivery note DN-2611-4K7M2Q") {
				t.Errorf("%d lines: page %d does not say what it is of", n, i+1)
			}
			lines, headings := 0, 0
			for _, d := range p.Texts {
				switch {
				case d.Text == "Description":
					headings++
				case strings.HasPrefix(d.Text, "SKU-"):
					if d.Text != sku(line) {
						t.Fatalf("%d lines: %s comes after %d lines", n, d.Text, line)
					}
					line++
					lines++
				}
			}
			for _, wrong := range p.untidy() {
				t.Errorf("%d lines, page %d: %s", n, i+1, wrong)
			}
			if lines == 0 || headings != 1 {
				t.Errorf("%d lines: page %d has %d of them and %d headings", n, i+1, lines, headings)
			}
			for _, end := range []string{"Total units", "Signature"} {
				if p.has(end) != (i == len(pages)-1) {
					t.Errorf("%d lines: %q on page %d of %d is %t", n, end, i+1, len(pages), p.has(end))
				}
			}
		}
		if line != n {
			t.Errorf("%d lines: %d were printed", n, line)
		}
	}
}

func TestNothingIsDrawnOverAnythingElse(t *testing.T) {
	long := inEnglish(30)
	long.Number = strings.Repeat("DN-2611-4K7M2Q ", 5)
	long.Company.Name = strings.Repeat("Waybill Trading & Company ", 8)
	long.Company.Address = slices.Repeat([]string{strings.Repeat("Harbour Road ", 9)}, 9)
	long.Company.Email = strings.Repeat("x", 254)
	long.ShipTo = slices.Repeat([]string{strings.Repeat("浦东新区世纪大道", 25)}, 7)
	long.Carrier = strings.Repeat("Carrier", 30)
	long.Tracking = strings.Repeat("JD0146", 40)
	long.Note = strings.Repeat("Ring twice. 请在工作日送货。", 100)
	for i := range long.Lines {
		l := &long.Lines[i]
		l.Quantity, l.Ordered, l.Remaining = 1_000_000, 1_000_000_000_000, 999_999_999_999
		l.SKU = strings.Repeat("W", i+10)
		l.Unit = "Doppelzentnersäckchen"
		l.Name = strings.Repeat([]string{"Wolldecke ", "Donaudampfschifffahrt", "青花瓷马克杯，", "（）“”"}[i%4], 3*i+1)
	}
	list := picks()
	list.Customer = strings.Repeat("Claire Gute ", 16)
	list.Due = strings.Repeat("On hold: call the customer. ", 20)
	for i := range list.Lines {
		l := &list.Lines[i]
		l.Bin, l.Unit, l.Quantity = strings.Repeat("A-10", 10), "Doppelzentnersäckchen", 9_000_000_000_000_000_000
		l.Name = strings.Repeat("Donaudampfschifffahrt", 9)
	}
	for i, pages := range read(t, render(t, long), render(t, list), render(t, inChinese(9)), render(t, inEnglish(9))) {
		for n, p := range pages {
			for _, wrong := range p.untidy() {
				t.Errorf("document %d, page %d: %s", i+1, n+1, wrong)
			}
		}
	}
}

func TestSameDocumentSameBytes(t *testing.T) {
	for name, d := range map[string]document{"delivery note": inChinese(30), "pick list": picks(), "undated": paper.PickList{}} {
		want := render(t, d)
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				got, err := d.PDF()
				if err != nil || !bytes.Equal(got, want) {
					t.Errorf("%s: another %d bytes instead of %d, %v", name, len(got), len(want), err)
				}
			})
		}
		wg.Wait()
	}
}

func TestDocumentsAreDatedByThemselves(t *testing.T) {
	for want, d := range map[string]document{"D:20261123173000": picks(), "D:19700101000000": paper.DeliveryNote{}} {
		if n := bytes.Count(render(t, d), []byte(want)); n != 2 {
			t.Errorf("%d of its two dates are %s", n, want)
		}
	}
}

func TestRenderingChangesNothing(t *testing.T) {
	p := picks()
	before := slices.Clone(p.Lines)
	render(t, p)
	if !slices.Equal(p.Lines, before) {
		t.Errorf("the lines are now %v", p.Lines)
	}
}

func TestBinsAreWalkedInNaturalOrder(t *testing.T) {
	bins := []string{"A-1", "A-2", "A-02-1", "A-2-1", "A-10", "A-10-2", "A-10-10", "B", "B-1", "B1", "Z-18446744073709551616", "库-2", "库-10"}
	p := paper.PickList{Order: "SO-1"}
	for i, bin := range slices.Backward(bins) {
		p.Lines = append(p.Lines, paper.Pick{Bin: bin, SKU: sku(i), Quantity: 1})
	}
	p.Lines = append([]paper.Pick{{SKU: "NONE-10"}, {Bin: " ", SKU: "NONE-9"}}, p.Lines...)
	p.Lines = append(p.Lines, paper.Pick{Bin: "A-1", SKU: "SKU-0000-B"})
	var got []string
	for _, d := range printed(t, p)[0].Texts {
		if strings.HasPrefix(d.Text, "SKU-") || strings.HasPrefix(d.Text, "NONE") {
			got = append(got, d.Text)
		}
	}
	want := []string{"SKU-0000", "SKU-0000-B"}
	for i := 1; i < len(bins); i++ {
		want = append(want, sku(i))
	}
	want = append(want, "NONE-9", "NONE-10")
	if !slices.Equal(got, want) {
		t.Errorf("walked %v", got)
	}
}

func TestCodesCanBeScanned(t *testing.T) {
	note, list := inEnglish(1), picks()
	long := inEnglish(1)
	long.TrackingURL = "https://track.example/parcels?id=JD014600006228974823&lang=zh&q=" + strings.Repeat("0a", 120)
	plain := inEnglish(1)
	plain.TrackingURL = ""
	want := [][]string{{note.Number, note.TrackingURL}, {list.Order}, {long.Number, long.TrackingURL}, {plain.Number}}
	for i, pages := range readAt(t, 1, render(t, note), render(t, list), render(t, long), render(t, plain)) {
		if got := pages[0].Codes; !slices.Equal(got, want[i]) {
			t.Errorf("a scanner reads %q, want %q", got, want[i])
		}
	}
}

func TestWhatIsNoBarCodeIsStillPrinted(t *testing.T) {
	for _, number := range []string{"", "送货单-1", strings.Repeat("7K3M9Q", 8), strings.Repeat("7K3M9Q", 20)} {
		d := inEnglish(1)
		d.Number, d.TrackingURL = number, "https://track.example/"+strings.Repeat("x", 5000)
		p := readAt(t, 1, render(t, d))[0][0]
		if len(p.Codes) != 0 || (number != "" && !p.has(number)) {
			t.Errorf("%q: codes %q and\n%s", number, p.Codes, p)
		}
	}
}

func TestCharactersOutsideTheFontAreShownAsMissing(t *testing.T) {
	d := inEnglish(1)
	for text, want := range map[string]string{
		"Mug 😀 big":               "Mug 〓 big",
		"𠀀\U00010000":             "〓〓", // above what two bytes can count
		"a\tb\u00A0c\u2003d":      "a b\u00A0c d",
		"zero\u200B\u200Dwidth":   "zerowidth",
		"☀\uFE0F":                 "〓",
		"bro\xffken":              "bro〓ken",
		"bell\a and \x00 nothing": "bell and  nothing",
		`(brackets) \ slashes`:    `(brackets) \ slashes`,
	} {
		d.Lines[0].Name = text
		// A blank is a blank, however wide: what is extracted has them alike.
		blanks := strings.NewReplacer("\u00A0", " ", "  ", " ")
		if p := printed(t, d)[0]; !strings.Contains(blanks.Replace(p.String()), blanks.Replace(want)) {
			t.Errorf("%q: want %q in\n%s", text, want, p)
		}
	}
}

func TestFontHasWhatItPromises(t *testing.T) {
	info, err := os.Stat("font/NotoSansSC-Regular.ttf")
	if err != nil || info.Size() > 9<<19 {
		t.Errorf("%v, %v", info, err)
	}
	var b strings.Builder
	for r := '!'; r <= 'ſ'; r++ { // Latin, Latin-1, Latin Extended-A
		if r < 0x7F || r > 0xA0 && r != 0xAD {
			b.WriteRune(r)
		}
	}
	d := inEnglish(1)
	d.Note = b.String() + "‘’“”–—…€£¥₹₽₩、。《》「」【】〈〉〓ＡＺａｚ０９！？￥①㎡℃№ΑΩЖя啊阿座齄黹鼹麴やまゑァヶ" +
		"喆堃赟囧垚祎彧頔玥珺璟昇" + // of given names
		"國號龍門樂邨囍"
	got := strings.ReplaceAll(printed(t, d)[0].String(), "\n", "")
	if !strings.Contains(got, d.Note) {
		t.Errorf("want\n%s\nin\n%s", d.Note, got)
	}
}

func TestEmptyFieldsAreLeftOut(t *testing.T) {
	for name, c := range map[string]struct {
		document
		want []string
	}{
		"delivery note": {paper.DeliveryNote{}, []string{
			"Delivery note", "SKU", "Description", "Unit", "Quantity", "Ordered", "To follow", "Total units", "0",
			"Received complete and in good order", "Name", "Signature", "Date", "Delivery note", "Page 1 of 1",
		}},
		"pick list": {paper.PickList{Locale: "zh-Hant-TW"}, []string{
			"拣货单", "库位", "货号", "品名", "数量", "单位", "合计数量", "0", "拣货单", "第 1 页，共 1 页",
		}},
		"blanks": {paper.PickList{Locale: "zh_CN", Customer: " ", Due: "\n", Note: " \n ", Location: "\t"}, []string{
			"拣货单", "库位", "货号", "品名", "数量", "单位", "合计数量", "0", "拣货单", "第 1 页，共 1 页",
		}},
	} {
		var got []string
		for _, d := range printed(t, c.document)[0].Texts {
			got = append(got, d.Text)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s has %q", name, got)
		}
	}
}

func TestNumbersAreReadable(t *testing.T) {
	d := inEnglish(2)
	d.Packages, d.WeightGrams = 1200, 1_234_050
	d.Lines[0].Quantity, d.Lines[0].Ordered, d.Lines[0].Remaining = 1_000_000, 1_000_100, 100
	d.Lines[1].Quantity, d.Lines[1].Ordered, d.Lines[1].Remaining = 4, 0, 7
	p := printed(t, d)[0]
	for _, want := range []string{"1,200", "1,234.05 kg", "1,000,000", "of 1,000,100", "100", "1,000,004"} {
		if !p.has(want) {
			t.Errorf("%q is not in\n%s", want, p)
		}
	}
	if p.has("of 0") || p.has("7") {
		t.Errorf("what was not ordered is said:\n%s", p)
	}
	d.WeightGrams = 850
	if p := printed(t, d)[0]; !p.has("850 g") {
		t.Errorf("850 grams are not in\n%s", p)
	}
}

func TestDatesAreOfTheZone(t *testing.T) {
	shanghai := time.FixedZone("CST", 8*60*60)
	note, list := inChinese(0), picks()
	note.Zone, list.Zone = shanghai, shanghai
	utc := picks()
	for i, pages := range read(t, render(t, note), render(t, list), render(t, utc)) {
		want := []string{"2026年11月24日", "24 November 2026, 01:30", "23 November 2026, 17:30"}[i]
		if !pages[0].has(want) {
			t.Errorf("%q is not in\n%s", want, pages[0])
		}
	}
}

func TestLongNotesAreWhole(t *testing.T) {
	d := inEnglish(3)
	var words []string
	for i := range 1500 {
		words = append(words, fmt.Sprintf("word%d", i))
	}
	d.Note = strings.Join(words, " ")
	pages := printed(t, d)
	var all strings.Builder
	for _, p := range pages {
		all.WriteString(p.String())
	}
	if got := regexp.MustCompile(`word\d+`).FindAllString(all.String(), -1); !slices.Equal(got, words) {
		t.Errorf("%d of %d words are there", len(got), len(words))
	}
	if last := pages[len(pages)-1]; len(pages) < 2 || !last.has(sku(2)) || !last.has("Signature") {
		t.Errorf("%d pages, and the last has\n%s", len(pages), last)
	}
}

func TestAnyTextCanBePrinted(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.StringOf(rapid.RuneFrom([]rune("a 好，（-\n😀\u0301W"))), rapid.Just(strings.Repeat("好a", 500)))
		d := paper.DeliveryNote{
			Locale: text.Draw(r, "locale"), Number: text.Draw(r, "number"), TrackingURL: text.Draw(r, "url"),
			ShipTo: []string{text.Draw(r, "to"), text.Draw(r, "street")}, Carrier: text.Draw(r, "carrier"), Note: text.Draw(r, "note"),
			Company: paper.Company{Name: text.Draw(r, "company"), TaxID: text.Draw(r, "tax")},
			Lines:   []paper.Line{{SKU: text.Draw(r, "sku"), Name: text.Draw(r, "name"), Unit: text.Draw(r, "unit"), Quantity: rapid.Int64().Draw(r, "quantity")}},
		}
		if pdf, err := d.PDF(); err != nil || !bytes.HasPrefix(pdf, []byte("%PDF-")) {
			r.Fatalf("%d bytes, %v", len(pdf), err)
		}
	})
}
