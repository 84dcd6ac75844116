package main

import "testing"

func TestAGapInTheNumbersIsFound(t *testing.T) {
	for _, c := range []struct {
		name    string
		numbers []string
		ok      bool
	}{
		{"all, in any order", []string{"INV-2026-000002", "INV-2026-000001", "INV-2026-000003"}, true},
		{"one missing", []string{"INV-2026-000001", "INV-2026-000003", "INV-2026-000004"}, false},
		{"one twice", []string{"INV-2026-000001", "INV-2026-000002", "INV-2026-000002"}, false},
		{"not from 1 on", []string{"INV-2026-000002", "INV-2026-000003", "INV-2026-000004"}, false},
		{"too few", []string{"INV-2026-000001", "INV-2026-000002"}, false},
	} {
		if err := (&register{numbers: c.numbers}).whole(3); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
