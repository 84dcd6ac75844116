package notice

import (
	"strings"
	"unicode/utf16"
)

// The alphabet of GSM 03.38, and what takes two of its characters.
const (
	gsm = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?" +
		"¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
	gsmTwice = "\f^{}\\[~]|€"
)

// Parts is how many SMS a text goes out as, each of which costs: 160 characters
// of the GSM alphabet go into one and 153 into each of several, of any other
// text 70 and 67 units of UTF-16.
func Parts(text string) int {
	if text == "" {
		return 0
	}
	size, whole, part := gsmSize, 160, 153
	if strings.ContainsFunc(text, func(r rune) bool { return gsmSize(r) == 0 }) {
		size, whole, part = utf16.RuneLen, 70, 67
	}
	// What takes two is never split between parts, so that the last place of a part may stay empty.
	all, parts, used := 0, 1, 0
	for _, r := range text {
		n := size(r)
		all += n
		if used+n > part {
			parts, used = parts+1, 0
		}
		used += n
	}
	if all <= whole {
		return 1
	}
	return parts
}

// gsmSize is how many characters of the GSM alphabet r takes; 0: it is not in it.
func gsmSize(r rune) int {
	switch {
	case strings.ContainsRune(gsm, r):
		return 1
	case strings.ContainsRune(gsmTwice, r):
		return 2
	}
	return 0
}
