package main

import (
	"math"
	"slices"
	"time"
)

// percentile is the smallest value that at least p percent of them don't
// exceed (nearest rank); 0 of none.
func percentile[T int | int64 | float64 | time.Duration](values []T, p float64) T {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	rank := int(math.Ceil(p / 100 * float64(len(sorted))))
	return sorted[min(max(rank, 1), len(sorted))-1]
}

func median[T int | int64 | float64 | time.Duration](values []T) T { return percentile(values, 50) }

func millis(d time.Duration) float64 { return round(float64(d)/float64(time.Millisecond), 3) }

// round keeps so many digits after the point: more would be noise in the report.
func round(v float64, digits int) float64 {
	scale := math.Pow10(digits)
	return math.Round(v*scale) / scale
}
