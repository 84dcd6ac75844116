package template_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"waybill/infra/template"
)

func TestQueuesAreReadWithWhoFillsAndWhoEmptiesThem(t *testing.T) {
	loaded := load(t, "testdata/template.yaml")
	if got, want := loaded.Queues(), []template.Queue{
		{Name: "Letters", Visibility: 30 * time.Second}, {Name: "Mail", Visibility: 90 * time.Second, Receives: 5, Dead: "Letters"},
	}; !slices.Equal(got, want) {
		t.Errorf("queues %+v", got)
	}
	if got := loaded.Subscriptions(); !slices.Equal(got, []template.Subscription{{Topic: "News", Queue: "Mail"}}) {
		t.Errorf("subscriptions %+v", got)
	}
	if got := loaded.Consumers(); !slices.Equal(got, []template.Consumer{{Function: "PostFunction", Name: "Bag", Queue: "Mail", BatchSize: 4, Timeout: 15 * time.Second}}) {
		t.Errorf("consumers %+v", got)
	}
	if s := loaded.Streams()[0]; s.Failures != "Letters" {
		t.Errorf("what the stream gives up goes to %q", s.Failures)
	}
}

func TestAQueueThatALaptopCannotHaveIsRefused(t *testing.T) {
	text, err := os.ReadFile("testdata/template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for what, change := range map[string][2]string{
		"a message in an envelope": {"RawMessageDelivery: true", "RawMessageDelivery: false"},
		"another protocol":         {"Protocol: sqs", "Protocol: https"},
		"a redrive to nowhere":     {"deadLetterTargetArn: !GetAtt Letters.Arn, ", ""},
		"no queue":                 {"Queue: !GetAtt Mail.Arn, BatchSize", "BatchSize"},
	} {
		path := filepath.Join(t.TempDir(), "template.yaml")
		if err := os.WriteFile(path, []byte(strings.Replace(string(text), change[0], change[1], 1)), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := template.Load(path); err == nil {
			t.Errorf("%s was let through", what)
		}
	}
}
