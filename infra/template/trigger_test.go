package template_test

import (
	"fmt"
	"testing"
	"time"

	"waybill/infra/template"
	"waybill/shared/table"
)

func TestStreamsAreReadWithHowTheyFeedTheirFunction(t *testing.T) {
	streams := load(t, "testdata/template.yaml").Streams()
	if len(streams) != 2 {
		t.Fatalf("%d streams, want 2", len(streams))
	}
	s := streams[0]
	if s.Function != "StockFunction" || s.Name != "Changes" || s.BatchSize != 10 || s.Retries != 3 || !s.Bisect || s.Timeout != time.Minute {
		t.Errorf("the first stream is %+v", s)
	}
	if s := streams[1]; s.Name != "Everything" || s.BatchSize != 100 || s.Retries >= 0 || s.Bisect || len(s.Filters) != 0 {
		t.Errorf("the second stream is %+v", s)
	}
}

func TestAFilterPassesWhatOneOfItsPatternsFits(t *testing.T) {
	streams := load(t, "testdata/template.yaml").Streams()
	for record, want := range map[string]bool{
		`{"eventName": "MODIFY", "dynamodb": {"Keys": {"pk": {"S": "STOCK#A"}, "sk": {"S": "LOCATION#MAIN"}}}}`: true,
		`{"eventName": "MODIFY", "dynamodb": {"Keys": {"sk": {"S": "LOCATIONS"}}}}`:                             true,
		`{"eventName": "MODIFY", "dynamodb": {"Keys": {"sk": {"S": "LOCATIONS2"}}}}`:                            false,
		`{"eventName": "MODIFY", "dynamodb": {"Keys": {"sk": {"N": "1"}}}}`:                                     false,
		`{"eventName": "MODIFY", "dynamodb": {"Keys": {"pk": {"S": "LOCATION#MAIN"}}}}`:                         false,
		`{"dynamodb": {"NewImage": {"again": {"S": "L#1"}}}}`:                                                   true,
		`{"dynamodb": {"NewImage": {"again": {"N": "1"}}}}`:                                                     false,
		`{"eventName": "REMOVE"}`: true,
		`{"eventName": 1}`:        false,
		`[]`:                      false,
	} {
		if got, err := streams[0].Passes([]byte(record)); err != nil || got != want {
			t.Errorf("%s passes: %t, %v; want %t", record, got, err, want)
		}
		if got, err := streams[1].Passes([]byte(record)); err != nil || !got {
			t.Errorf("%s doesn't pass without a filter: %v", record, err)
		}
	}
	if _, err := streams[0].Passes([]byte("{")); err == nil {
		t.Error("what is no JSON passes")
	}
}

func TestSchedulesAreReadWithTheirDefaultsAndWhatTheySend(t *testing.T) {
	schedules := load(t, "testdata/template.yaml").Schedules()
	if len(schedules) != 2 {
		t.Fatalf("%d schedules, want 2", len(schedules))
	}
	at := time.Date(2026, 11, 23, 10, 0, 0, 0, time.FixedZone("CET", 3600))
	for i, want := range []struct {
		name, input string
		every       time.Duration
	}{
		{"Nightly", `{}`, 24 * time.Hour},
		{"Often", `{"scheduled": "2026-11-23T09:00:00Z"}`, 5 * time.Minute},
	} {
		s := schedules[i]
		if s.Function != "ProofFunction" || s.Name != want.name || s.Every != want.every || s.Timeout != 20*time.Second || string(s.Input(at)) != want.input {
			t.Errorf("schedule %+v sends %s, want %+v", s, s.Input(at), want)
		}
	}
}

// What the project's own template passes on to stockwatch must be what that looks at.
func TestOwnFilterPassesWhatTheFunctionLooksAt(t *testing.T) {
	path, err := template.Find(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range load(t, path).Streams() {
		if s.Function != "StockwatchFunction" {
			continue
		}
		for _, key := range []struct{ pk, sk string }{
			{"STOCK#MUG", "LOCATION#MAIN"}, {"STOCK#A.B-1", "LOCATION#IN-TRANSIT"},
			{"STOCK#MUG", "MOVEMENT#01JD"}, {"STOCK#MUG", "WAITS#1#2"}, {"LOCATIONS", "LOCATIONS"},
			{"ORDER#1", "ORDER"}, {"ORDER#1", "EVENT#0000000001"}, {"EVENTS#location/MAIN", "EVENT#0000000001"},
			{"LEVEL#MUG", "LEVEL"}, {"PROOF", "PROOF"}, {"MARK#1", "MARK"},
		} {
			_, stocked := table.PlaceOf(key.pk, key.sk)
			_, waits := table.WaitsFor(key.pk, key.sk)
			wanted := stocked || waits
			record := fmt.Sprintf(`{"eventName": "MODIFY", "dynamodb": {"Keys": {"pk": {"S": %q}, "sk": {"S": %q}}}}`, key.pk, key.sk)
			if passes, err := s.Passes([]byte(record)); err != nil || passes != wanted {
				t.Errorf("%v: passes %t (%v), and the function looks at it: %t", key, passes, err, wanted)
			}
		}
		return
	}
	t.Error("no stream feeds StockwatchFunction")
}
