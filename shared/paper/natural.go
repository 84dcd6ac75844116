package paper

import (
	"cmp"
	"strings"
)

// natural compares two texts as people count: A-2 is before A-10. Only equal
// texts compare equal.
func natural(a, b string) int {
	restA, restB := a, b
	for restA != "" && restB != "" {
		numberA, numberB := leadingDigits(restA), leadingDigits(restB)
		if numberA != "" && numberB != "" {
			if c := byValue(numberA, numberB); c != 0 {
				return c
			}
			restA, restB = restA[len(numberA):], restB[len(numberB):]
			continue
		}
		if restA[0] != restB[0] {
			return cmp.Compare(restA[0], restB[0])
		}
		restA, restB = restA[1:], restB[1:]
	}
	return cmp.Or(cmp.Compare(len(restA), len(restB)), strings.Compare(a, b))
}

func leadingDigits(s string) string {
	return s[:len(s)-len(strings.TrimLeft(s, "0123456789"))]
}

// byValue compares numbers of any length.
func byValue(a, b string) int {
	a, b = strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
	return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b))
}
