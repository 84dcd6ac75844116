package audit_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"waybill/functions/audit"
	"waybill/infra/dynamolocal/testtable"
	"waybill/infra/template"
	"waybill/shared/billing"
	"waybill/shared/consumer"
	"waybill/shared/event"
	"waybill/shared/ident"
	"waybill/shared/product"
	"waybill/shared/table"
	"waybill/shared/warehouse"
)

// schedule is the event of a call, as the schedule sends it.
func schedule(t *testing.T) audit.Event {
	t.Helper()
	text, err := os.ReadFile("testdata/schedule.json")
	if err != nil {
		t.Fatal(err)
	}
	var e audit.Event
	if err := json.Unmarshal(text, &e); err != nil {
		t.Fatal(err)
	}
	return e
}

func TestTheTemplateSendsTheMomentThatACallIsDue(t *testing.T) {
	t.Parallel()
	path, err := template.Find(".")
	if err != nil {
		t.Fatal(err)
	}
	tmpl, err := template.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	due := schedule(t).Scheduled
	for _, s := range tmpl.Schedules() {
		if s.Function != "AuditFunction" {
			continue
		}
		var e audit.Event
		if err := json.Unmarshal(s.Input(due), &e); err != nil || due.IsZero() || !e.Scheduled.Equal(due) {
			t.Errorf("%s is read as %v, %v; want %v", s.Input(due), e.Scheduled, err, due)
		}
		return
	}
	t.Error("no schedule calls AuditFunction")
}

// metrics is what CloudWatch makes of a function's output.
func metrics(t *testing.T, out string) []map[string]any {
	t.Helper()
	var found []map[string]any
	for line := range strings.Lines(out) {
		var v struct {
			AWS *struct {
				Timestamp         int64
				CloudWatchMetrics []struct {
					Namespace  string
					Dimensions [][]string
					Metrics    []struct{ Name, Unit string }
				}
			} `json:"_aws"`
		}
		values := map[string]any{}
		if err := errors.Join(json.Unmarshal([]byte(line), &v), json.Unmarshal([]byte(line), &values)); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if v.AWS == nil {
			continue
		}
		m := map[string]any{}
		for _, d := range v.AWS.CloudWatchMetrics {
			if d.Namespace != "Waybill" || len(d.Dimensions) != 1 || v.AWS.Timestamp == 0 {
				t.Errorf("the metrics are %s", line)
			}
			for _, x := range d.Metrics {
				m[x.Name] = values[x.Name]
			}
		}
		found = append(found, m)
	}
	return found
}

func TestADriftIsInTheEventTheLogAndTheMetrics(t *testing.T) {
	t.Parallel()
	client, name := testtable.New(t)
	ids := ident.New()
	db := table.New(client, name, ids.Now)
	tx := &table.Tx{}
	tx.NewProduct(product.Product{SKU: "MUG", ListID: ids.ID(), Version: 1, CreatedAt: ids.Now(), UpdatedAt: ids.Now()})
	if err := db.Commit(t.Context(), tx); err != nil {
		t.Fatal(err)
	}
	// A stock item that no movement explains, behind everybody's back.
	_, err := client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String(name), Item: map[string]types.AttributeValue{
		"pk": &types.AttributeValueMemberS{Value: "STOCK#MUG"}, "sk": &types.AttributeValueMemberS{Value: "LOCATION#MAIN"},
		"on_hand": &types.AttributeValueMemberN{Value: "3"}, "reserved": &types.AttributeValueMemberN{Value: "0"},
		"available": &types.AttributeValueMemberN{Value: "3"}, "version": &types.AttributeValueMemberN{Value: "1"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	handle := audit.New(consumer.Edge{Records: db, Log: consumer.NewLog(&out, slog.LevelError), Metrics: &out, Now: time.Now})
	for range 2 { // the second is a repetition: it says the same and does nothing more
		if _, err := handle(t.Context(), audit.Event{Scheduled: ids.Now().Add(-time.Minute)}); err != nil {
			t.Fatal(err)
		}
	}
	for _, m := range metrics(t, out.String()) {
		if m["StockItemsChecked"] != 1.0 || m["StockDrift"] != 1.0 || m["ProofUnsettled"] != 0.0 {
			t.Errorf("the metrics are %v", m)
		}
	}
	if n := len(metrics(t, out.String())); n != 2 || !strings.Contains(out.String(), "the stock drifts") {
		t.Errorf("%d lines of metrics: %s", n, out.String())
	}
	l, err := db.Audit(t.Context(), table.AuditFilter{Type: event.StockDrift}, table.Page{Limit: 10})
	if err != nil || len(l.Items) != 1 {
		t.Fatalf("events %+v, %v", l.Items, err)
	}
	drifts, _ := l.Items[0].Data["drift"].([]any)
	first, _ := drifts[0].(map[string]any)
	if first["sku"] != "MUG" || first["field"] != "on_hand" || first["expected"] != int64(0) || first["found"] != int64(3) {
		t.Errorf("the event says %v", l.Items[0].Data)
	}
}

// floor is a proof of two SKUs, of which one has free units.
type floor struct {
	run   warehouse.Proof
	err   error
	until time.Time
	asked []string
	fail  error
	books books
}

// books is a proof of money.
type books struct {
	found billing.Proven
	err   error
}

func (b books) Audit(context.Context, time.Time) (billing.Proven, error) { return b.found, b.err }

func (f *floor) Audit(ctx context.Context, _, until time.Time, tend warehouse.Tend) (warehouse.Proof, error) {
	f.until = until
	tend(ctx, "FREE", true)
	tend(ctx, "GONE", false)
	return f.run, f.err
}

func (f *floor) WatchLevel(_ context.Context, sku string) error {
	f.asked = append(f.asked, "watch "+sku)
	return f.fail
}

func (f *floor) Serve(_ context.Context, sku string) error {
	f.asked = append(f.asked, "serve "+sku)
	if f.fail != nil {
		panic(f.fail)
	}
	return nil
}

// handle calls the function on a floor and returns its output.
func (f *floor) handle(ctx context.Context, t *testing.T) (string, error) {
	t.Helper()
	var out bytes.Buffer
	a := &audit.Audit{Floor: f, Orders: f, Books: f.books, Log: slog.New(slog.NewJSONHandler(&out, nil)), Metrics: &out, Now: time.Now}
	_, err := a.Handle(ctx, schedule(t))
	return out.String(), err
}

func TestWhatALostRecordLeftUndoneIsMadeGood(t *testing.T) {
	t.Parallel()
	for _, fail := range []error{nil, errors.New("not now")} {
		f := &floor{run: warehouse.Proof{Complete: true}, fail: fail}
		out, err := f.handle(t.Context(), t)
		if err != nil {
			t.Fatal(err)
		}
		if want := []string{"serve FREE", "watch FREE", "watch GONE"}; !slices.Equal(f.asked, want) {
			t.Errorf("asked for %v, want %v", f.asked, want)
		}
		if n := strings.Count(out, "not now"); fail != nil && n < 3 || fail == nil && n > 0 {
			t.Errorf("the log says %s", out)
		}
		if len(metrics(t, out)) != 1 {
			t.Errorf("what failed for a SKU stopped the proof: %s", out)
		}
	}
}

func TestARunUnderWaySaysNothingYetAndEndsBeforeTheTimeDoes(t *testing.T) {
	t.Parallel()
	deadline := time.Now().Add(15 * time.Minute)
	ctx, cancel := context.WithDeadline(t.Context(), deadline)
	defer cancel()
	f := &floor{}
	out, err := f.handle(ctx, t)
	if err != nil || len(metrics(t, out)) != 0 {
		t.Errorf("%s, %v", out, err)
	}
	if left := deadline.Sub(f.until); left < time.Minute || left > 5*time.Minute {
		t.Errorf("%v before the time is up no more pages are begun", left)
	}
}

func TestAProofThatFailsIsAFailedCall(t *testing.T) {
	t.Parallel()
	f := &floor{err: errors.New("no table")}
	if out, err := f.handle(t.Context(), t); !errors.Is(err, f.err) || len(metrics(t, out)) != 0 {
		t.Errorf("%s, %v", out, err)
	}
}

func TestMoneyThatDriftsIsInTheLogAndTheMetrics(t *testing.T) {
	t.Parallel()
	f := &floor{books: books{found: billing.Proven{Payments: 7, Drift: []billing.Drift{{OrderID: "O", What: "paid", Expected: 1, Found: 2}}}}}
	out, err := f.handle(t.Context(), t)
	if err != nil {
		t.Fatal(err)
	}
	if m := metrics(t, out); len(m) != 1 || m[0]["MoneyDrift"] != 1.0 || m[0]["PaymentsChecked"] != 7.0 || !strings.Contains(out, "the money drifts") {
		t.Errorf("said is %s", out)
	}
	f.books.err = errors.New("no table")
	if _, err := f.handle(t.Context(), t); !errors.Is(err, f.books.err) {
		t.Errorf("a proof that failed: %v", err)
	}
}
