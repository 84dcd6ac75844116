package main

import (
	"testing"

	"waybill/shared/order"
	"waybill/shared/table"
)

func TestAWalkFindsWhatIsSkippedAndWhatComesTwice(t *testing.T) {
	stood := []order.Order{{ID: "1", Owner: "a"}, {ID: "2", Owner: "a"}, {ID: "3", Owner: "b", EnteredBy: "a"}, {ID: "4", Owner: "b", EnteredBy: "b"}}
	for _, c := range []struct {
		name  string
		pages [][]string
		ok    bool
	}{
		{"all of them", [][]string{{"3", "2"}, {"1"}}, true},
		{"a newer one too", [][]string{{"5", "3"}, {"2", "1"}}, true},
		{"one twice on a page", [][]string{{"3", "2"}, {"1", "1"}}, false},
		{"one twice over pages", [][]string{{"3", "2"}, {"2", "1"}}, false},
		{"a newer one twice", [][]string{{"5", "3"}, {"5", "2", "1"}}, false},
		{"one skipped", [][]string{{"3"}, {"1"}}, false},
		{"the one that another entered skipped", [][]string{{"2", "1"}}, false},
	} {
		w := newWalk(stood, table.OrderFilter{Owner: "a"})
		var err error
		for _, page := range c.pages {
			var orders []order.Order
			for _, id := range page {
				orders = append(orders, order.Order{ID: id})
			}
			if err == nil {
				err = w.see(orders)
			}
		}
		if err == nil {
			err = w.end()
		}
		if (err == nil) != c.ok {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
