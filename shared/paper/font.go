package paper

import (
	_ "embed"
	"encoding/binary"
	"strings"
	"sync"
	"unicode"
)

// face is Noto Sans SC, cut down by font/subset; make paper-font makes it.
// It is a string because the PDF library may write into the bytes that it is
// given, so every document gets a copy.
//
//go:embed font/NotoSansSC-Regular.ttf
var face string

// missing stands for a character that the font does not have: the geta mark of
// Chinese and Japanese print.
const missing = '〓'

// characters are those the font has.
var characters = sync.OnceValue(func() map[rune]bool { return charactersOf(face) })

// charactersOf reads the font's table of characters. The subset has one table,
// of format 4: ranges without holes, two bytes a number, after 14 bytes of
// header first all their ends and then, after two bytes, all their beginnings.
func charactersOf(ttf string) map[rune]bool {
	number := func(at int) uint16 { return binary.BigEndian.Uint16([]byte(ttf[at : at+2])) }
	offset := func(at int) int { return int(binary.BigEndian.Uint32([]byte(ttf[at : at+4]))) }
	cmap := 0
	for i := range int(number(4)) {
		if record := 12 + 16*i; ttf[record:record+4] == "cmap" {
			cmap = offset(record + 8)
		}
	}
	table := cmap + offset(cmap+8)
	ends, size := table+14, int(number(table+6))
	has := map[rune]bool{}
	for at := ends; at < ends+size; at += 2 {
		last := number(at)
		for r := number(at + size + 2); r <= last && r != 0xFFFF; r++ {
			has[rune(r)] = true
		}
	}
	return has
}

// printable returns a text in the characters of the font. Blanks of all kinds
// become spaces, what has no shape goes, and what is left is missing.
func printable(s string) string {
	has := characters()
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.Is(unicode.C, r), unicode.Is(unicode.Variation_Selector, r):
			return -1
		case has[r]:
			return r
		default:
			return missing
		}
	}, s)
}
