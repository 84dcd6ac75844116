package reconcile

import (
	"fmt"
	"strconv"
	"strings"
)

// Count writes a number with commas: 9994 is 9,994.
func Count[N int | int64](n N) string { return grouped(strconv.FormatInt(int64(n), 10)) }

// dollars writes cents: 229720107 is 2,297,201.07.
func dollars(cents int64) string {
	if cents < 0 {
		return "-" + dollars(-cents)
	}
	return fmt.Sprintf("%s.%02d", Count(cents/100), cents%100)
}

// exact writes millionths, as short as it gets.
func exact(millionths int64) string {
	text := fmt.Sprintf("%s.%06d", Count(millionths/million), millionths%million)
	return strings.TrimRight(strings.TrimRight(text, "0"), ".")
}

// grouped puts a comma between each three digits.
func grouped(digits string) string {
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
