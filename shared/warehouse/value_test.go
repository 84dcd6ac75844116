package warehouse_test

import (
	"sync"
	"testing"

	"waybill/shared/refusal"
)

func TestAnEmptiedItemIsWorthNothing(t *testing.T) {
	t.Parallel()
	h := newHall(t, "MUG")
	h.move(receipt("MUG", 7, 333), false)
	h.move(receipt("MUG", 13, 101), false)
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			// One that others kept from it goes again until it is done.
			for {
				err := h.try(adjustment("MUG", -1), false)
				if err == nil {
					return
				}
				if !refusal.Is(err, "busy") {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	h.wantItem("MUG", "MAIN", 0, 0, 0)
	h.wantNoDrift()
}
