package paper

import (
	"strings"
	"unicode"
)

// wrap breaks one line of text into lines of at most width, given how wide
// each character is: between words, anywhere in Chinese, and within a word
// only if it has no line to itself. Closing punctuation does not begin a line,
// nor does opening punctuation end one.
func wrap(text string, width float64, advance func(rune) float64) []string {
	s := []rune(strings.TrimSpace(text))
	var lines []string
	begin, fits := 0, 0 // of the line: its first character, and where it may last be broken
	x := 0.0
	for i := 0; i < len(s); i++ {
		if i > begin && mayBreak(s[i-1], s[i]) {
			fits = i
		}
		x += advance(s[i])
		if x <= width || i == begin || s[i] == ' ' {
			continue
		}
		if fits <= begin {
			fits = i
		}
		lines = append(lines, strings.TrimRight(string(s[begin:fits]), " "))
		begin, x = fits, 0
		i = begin - 1 // what did not fit is measured again
	}
	return append(lines, string(s[begin:]))
}

const (
	opening = "([{“‘（［｛〈《「『【〔〖"
	closing = ")]},.;:!?%…·”’）］｝〉》」』】〕〗，。、；：！？％～"
)

// mayBreak reports whether a line may end between two characters.
func mayBreak(before, after rune) bool {
	switch {
	case after == ' ':
		return false // after it
	case before == ' ' || before == '-':
		return true
	case strings.ContainsRune(opening, before), strings.ContainsRune(closing, after):
		return false
	default:
		return wide(before) || wide(after)
	}
}

// wide reports whether a character is of a script that is written without spaces.
func wide(r rune) bool {
	return unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana) ||
		r >= 0x3000 && r <= 0x303F || r >= 0xFF01 && r <= 0xFF60
}
