package main

import (
	"testing"
	"time"
)

func TestPercentileIsTheNearestRank(t *testing.T) {
	hundred := make([]int, 100)
	for i := range hundred {
		hundred[i] = 100 - i // 1 to 100, not in order
	}
	for _, c := range []struct {
		values []int
		p      float64
		want   int
	}{
		{nil, 50, 0},
		{[]int{7}, 1, 7},
		{[]int{7}, 99, 7},
		{[]int{3, 1, 2}, 50, 2},
		{[]int{4, 1, 3, 2}, 50, 2},
		{[]int{4, 1, 3, 2}, 100, 4},
		{[]int{4, 1, 3, 2}, 0, 1},
		{hundred, 50, 50},
		{hundred, 99, 99},
	} {
		if got := percentile(c.values, c.p); got != c.want {
			t.Errorf("percentile %g of %v is %d, want %d", c.p, c.values, got, c.want)
		}
	}
	if hundred[0] != 100 {
		t.Error("percentile sorted its caller's values")
	}
}

func TestMillisKeepsMicroseconds(t *testing.T) {
	if got := millis(1_234_567 * time.Nanosecond); got != 1.235 {
		t.Errorf("got %g, want 1.235", got)
	}
}
