// Package money is exact arithmetic on amounts in minor units, and the
// currencies they are in. There are no floats. Every rounding is half up
// (away from zero at .5 for the non-negative amounts Waybill rounds), to the
// minor unit, and every sum is checked: an amount that does not fit is ErrOverflow.
package money

import (
	"errors"
	"math"
	"math/bits"
	"slices"
)

// ErrOverflow says that an amount does not fit into 63 bits.
var ErrOverflow = errors.New("amount out of range")

// BasisPoints is the scale of percentages: 10000 is 100 %.
const BasisPoints = 10_000

// Millionths is the scale of tax rates: 1000000 is 100 %.
const Millionths = 1_000_000

// Add returns a + b.
func Add(a, b int64) (int64, error) {
	sum := a + b
	if (a > 0 && b > 0 && sum <= 0) || (a < 0 && b < 0 && sum >= 0) {
		return 0, ErrOverflow
	}
	return sum, nil
}

// Times returns a × b for non-negative a and b.
func Times(a, b int64) (int64, error) {
	if a < 0 || b < 0 {
		return 0, ErrOverflow
	}
	hi, lo := bits.Mul64(uint64(a), uint64(b))
	if hi != 0 || lo > math.MaxInt64 {
		return 0, ErrOverflow
	}
	return int64(lo), nil
}

// Portion returns amount × part ÷ whole, rounded half up, for non-negative
// amount and part and positive whole. The product is computed in 128 bits.
func Portion(amount, part, whole int64) (int64, error) {
	if amount < 0 || part < 0 || whole <= 0 {
		return 0, ErrOverflow
	}
	hi, lo := bits.Mul64(uint64(amount), uint64(part))
	lo, carry := bits.Add64(lo, uint64(whole)/2, 0)
	hi += carry
	if hi >= uint64(whole) {
		return 0, ErrOverflow
	}
	// Adding whole/2 before the division rounds half up when whole is even. An
	// odd whole has no exact half, and its floor(whole/2) rounds to nearest too.
	quo, _ := bits.Div64(hi, lo, uint64(whole))
	if quo > math.MaxInt64 {
		return 0, ErrOverflow
	}
	return int64(quo), nil
}

// Spread divides amount over the weights so that the parts add up to it
// exactly: each gets its share rounded down, and what is left goes in single
// units to the largest remainders, earlier ones first (Hamilton's method).
// Weights are non-negative; where all are 0, so are the parts, and amount must be 0.
func Spread(amount int64, weights []int64) ([]int64, error) {
	var whole int64
	for _, w := range weights {
		sum, err := Add(whole, w)
		if err != nil || w < 0 {
			return nil, ErrOverflow
		}
		whole = sum
	}
	parts := make([]int64, len(weights))
	if amount == 0 {
		return parts, nil
	}
	if whole <= 0 || amount < 0 {
		return nil, ErrOverflow
	}
	remainders := make([]uint64, len(weights))
	left := amount
	for i, w := range weights {
		hi, lo := bits.Mul64(uint64(amount), uint64(w)) //nolint:gosec // neither is negative
		quo, rem := bits.Div64(hi, lo, uint64(whole))   // w ≤ whole, so that quo ≤ amount
		parts[i], remainders[i] = int64(quo), rem       //nolint:gosec // quo ≤ amount
		left -= parts[i]
	}
	byRemainder := make([]int, len(weights))
	for i := range byRemainder {
		byRemainder[i] = i
	}
	slices.SortStableFunc(byRemainder, func(a, b int) int {
		switch {
		case remainders[a] > remainders[b]:
			return -1
		case remainders[a] < remainders[b]:
			return 1
		default:
			return 0
		}
	})
	for _, i := range byRemainder[:left] {
		parts[i]++
	}
	return parts, nil
}
