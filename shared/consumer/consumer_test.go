package consumer_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"

	"waybill/shared/consumer"
)

func environment(vars map[string]string) func(string) string {
	return func(name string) string { return vars[name] }
}

func TestEverythingWrongWithTheEnvironmentIsSaidAtOnce(t *testing.T) {
	t.Parallel()
	_, err := consumer.ReadEnvironment(environment(map[string]string{"LOG_LEVEL": "LOUD"}))
	if err == nil || !strings.Contains(err.Error(), "TABLE_NAME") || !strings.Contains(err.Error(), "LOG_LEVEL") {
		t.Errorf("said is %v", err)
	}
}

func TestTheEnvironmentIsRead(t *testing.T) {
	t.Parallel()
	got, err := consumer.ReadEnvironment(environment(map[string]string{"TABLE_NAME": "waybill", "LOG_LEVEL": "WARN"}))
	if want := (consumer.Environment{Table: "waybill", LogLevel: slog.LevelWarn}); err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
	got, err = consumer.ReadEnvironment(environment(map[string]string{"TABLE_NAME": "waybill"}))
	if want := (consumer.Environment{Table: "waybill"}); err != nil || got != want {
		t.Errorf("without a level: %+v, %v", got, err)
	}
}

type order struct{ Units int }

// call invokes h as Lambda does, and returns what came back and the log.
func call(t *testing.T, h consumer.Handler[order, order]) (out, log string, err error) {
	t.Helper()
	var lines bytes.Buffer
	ctx := lambdacontext.NewContext(t.Context(), &lambdacontext.LambdaContext{AwsRequestID: "call-17"})
	raw, err := lambda.NewHandler(consumer.Lambda(consumer.NewLog(&lines, slog.LevelInfo), h)).Invoke(ctx, []byte(`{"Units": 3}`))
	return string(raw), lines.String(), err
}

func TestAnEventGoesInAndAnAnswerComesOut(t *testing.T) {
	t.Parallel()
	out, log, err := call(t, func(_ context.Context, o order) (order, error) { return order{o.Units + 1}, nil })
	if out != `{"Units":4}` || log != "" || err != nil {
		t.Errorf("%s, %s, %v", out, log, err)
	}
}

func TestAFailureIsLoggedUnderItsCall(t *testing.T) {
	t.Parallel()
	broken := errors.New("no table")
	for name, h := range map[string]consumer.Handler[order, order]{
		"error": func(context.Context, order) (order, error) { return order{}, broken },
		"panic": func(context.Context, order) (order, error) { panic("no table") },
	} {
		_, log, err := call(t, h)
		if err == nil {
			t.Fatalf("%s: nobody noticed", name)
		}
		var line map[string]any
		if err := json.Unmarshal([]byte(log), &line); err != nil {
			t.Fatal(err)
		}
		said, _ := line["error"].(string)
		if line["request_id"] != "call-17" || line["level"] != "ERROR" || !strings.Contains(said, "no table") || (line["stack"] != nil) != (name == "panic") {
			t.Errorf("%s: the log says %s", name, log)
		}
	}
}

func TestMetricsAreALineThatCloudWatchReads(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	at := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	if err := consumer.Measure(&out, at, map[string]int64{"StockDrift": 2, "Checked": 7}); err != nil {
		t.Fatal(err)
	}
	const want = `{"Checked":7,"StockDrift":2,"_aws":{"CloudWatchMetrics":[{"Dimensions":[[]],"Metrics":[{"Name":"Checked","Unit":"Count"},{"Name":"StockDrift","Unit":"Count"}],"Namespace":"Waybill"}],"Timestamp":1795424400000}}` + "\n"
	if out.String() != want {
		t.Errorf("written is %s", out.String())
	}
}
