package paper

import (
	"strconv"
	"strings"
)

// minor is how many decimal digits the amounts of a currency have.
type minor int

// amount writes minor units as a decimal number with a comma before every third digit.
func (m minor) amount(n int64) string {
	if m <= 0 {
		return count(n)
	}
	digits, sign := strconv.FormatInt(n, 10), ""
	if n < 0 {
		digits, sign = digits[1:], "-"
	}
	if short := int(m) + 1 - len(digits); short > 0 {
		digits = strings.Repeat("0", short) + digits
	}
	point := len(digits) - int(m)
	return sign + grouped(digits[:point]) + "." + digits[point:]
}

// offAmount writes what is taken off; nothing where nothing is.
func (m minor) offAmount(n int64) string {
	if n == 0 {
		return ""
	}
	return m.amount(-n)
}

// percent writes a rate of millionths, without zeros at its end.
func percent(rate int64) string {
	digits := minor(4).amount(rate)
	return strings.TrimRight(strings.TrimRight(digits, "0"), ".") + " %"
}
