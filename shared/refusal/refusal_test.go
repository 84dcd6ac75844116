package refusal_test

import (
	"errors"
	"fmt"
	"testing"

	"waybill/shared/refusal"
)

func TestARefusalIsKnownThroughWhatWrapsIt(t *testing.T) {
	err := fmt.Errorf("place: %w", errors.Join(errors.New("cause"), refusal.Missing("order", "O1")))
	if !refusal.Is(err, "not_found") || refusal.Is(err, "stale") {
		t.Error(err)
	}
	if refusal.Is(nil, "not_found") || refusal.Is(errors.New("not_found"), "not_found") {
		t.Error("what is no refusal was taken for one")
	}
}

func TestTheTextOfARefusalNamesEverythingWrong(t *testing.T) {
	err := refusal.Fields(
		refusal.Item{Field: "currency", Code: "unknown_currency"},
		refusal.Item{SKU: "MUG", Code: "inactive"},
		refusal.Item{Order: "SO-1", Code: "reserved"},
	)
	want := "rejected: The request was understood and is not acceptable; errors says why.; currency unknown_currency; MUG inactive; SO-1 reserved"
	if err.Error() != want || err.Kind != refusal.Rejected {
		t.Errorf("%d: %s", err.Kind, err)
	}
	if got := (&refusal.Error{Code: "busy"}).Error(); got != "busy" {
		t.Error(got)
	}
}
