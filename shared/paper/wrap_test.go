package paper

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// These tests are inside the package: on a page a line that is too wide is
// drawn smaller, so nobody sees where it should have been broken.

// of is how wide a character is here: a Hanzi two, anything else one.
func of(r rune) float64 {
	if wide(r) {
		return 2
	}
	return 1
}

func TestLinesBreakWhereReadersExpectIt(t *testing.T) {
	for _, c := range []struct {
		name, text string
		lines      []string
	}{
		{"what fits", "Blue mug", []string{"Blue mug"}},
		{"nothing", "  ", []string{""}},
		{"between words", "Blue mug and saucer", []string{"Blue mug", "and saucer"}},
		{"exactly full", "0123456789 next", []string{"0123456789", "next"}},
		{"after a hyphen", "stainless-steel", []string{"stainless-", "steel"}},
		{"many spaces", "Blue mug      and", []string{"Blue mug", "and"}},
		{"a word without a line to itself", "a 0123456789012", []string{"a", "0123456789", "012"}},
		{"anywhere in Chinese", "青花瓷马克杯", []string{"青花瓷马克", "杯"}},
		{"between Chinese and Latin", "不锈钢USB-C线", []string{"不锈钢USB-", "C线"}},
		{"not before a full stop", "青花瓷马克。杯", []string{"青花瓷马", "克。杯"}},
		{"not after a bracket", "青花瓷马（杯）", []string{"青花瓷马", "（杯）"}},
		{"not before a space", "青花瓷马克 杯", []string{"青花瓷马克", "杯"}},
	} {
		if got := wrap(c.text, 10, of); !slices.Equal(got, c.lines) {
			t.Errorf("%s: %q, want %q", c.name, got, c.lines)
		}
	}
}

func TestNoLineIsTooWideAndNoCharacterIsLost(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		text := rapid.StringOf(rapid.RuneFrom([]rune("abW- .,（）。“”好杯"))).Draw(r, "text")
		width := rapid.IntRange(1, 12).Draw(r, "width")
		lines := wrap(text, float64(width), of)
		for _, line := range lines {
			n := 0.0
			for _, c := range line {
				n += of(c)
			}
			if n > float64(width) && len([]rune(line)) > 1 {
				r.Fatalf("%q is wider than %d", line, width)
			}
		}
		without := func(s string) string { return strings.ReplaceAll(s, " ", "") }
		if got := without(strings.Join(lines, "")); got != without(text) {
			r.Fatalf("%q became %q", text, lines)
		}
	})
}
