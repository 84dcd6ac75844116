package local

import (
	"context"
	"encoding/json"
	"flag"
	"io"
	"os"
	"reflect"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"waybill/infra/template"
	"waybill/shared/access"
	"waybill/shared/ident"
	"waybill/shared/product"
	"waybill/shared/stock"
	"waybill/shared/table"
	"waybill/shared/warehouse"
)

var update = flag.Bool("update", false, "write the sample of the stream anew")

const sample = "../../functions/stockwatch/testdata/stream.json"

// The sample that stockwatch is tested with is what the stream gives it: goods
// that come, some that are written off, and some that come again.
func TestTheSampleOfTheStreamIsWhatTheStreamGives(t *testing.T) {
	t.Parallel()
	path, err := template.Find(".")
	if err != nil {
		t.Fatal(err)
	}
	given := make(chan json.RawMessage, 10)
	var floor *warehouse.Floor
	s, err := Start(t.Context(), Config{Template: path, Home: Home("../.."), Log: io.Discard, Wire: func(ctx context.Context, env Environment) (Functions, error) {
		ids := ident.New()
		floor = &warehouse.Floor{DB: table.New(env.DynamoDB, env.Table, env.Now), IDs: ids}
		functions, err := wire(ctx, env)
		functions.Events["StockwatchFunction"] = lambda.NewHandler(func(_ context.Context, e struct{ Records []json.RawMessage }) error {
			for _, r := range e.Records {
				given <- r
			}
			return nil
		})
		return functions, err
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop()
	tx := &table.Tx{}
	tx.NewProduct(product.Product{SKU: "MUG", Name: "Mug", Active: true, ListID: floor.IDs.ID(), Version: 1, CreatedAt: floor.IDs.Now(), UpdatedAt: floor.IDs.Now()})
	if err := floor.DB.Commit(t.Context(), tx); err != nil {
		t.Fatal(err)
	}
	for _, m := range []stock.Movement{
		{Kind: stock.Receive, Quantity: 10}, {Kind: stock.Adjust, Quantity: -8, Reason: "broken"}, {Kind: stock.Receive, Quantity: 5},
	} {
		m.Place = stock.Place{SKU: "MUG", Location: "MAIN"}
		if _, err := floor.Move(t.Context(), warehouse.By{Principal: access.Principal{ID: "walter"}}, m, false); err != nil {
			t.Fatal(err)
		}
	}
	var batch struct{ Records []json.RawMessage }
	for range 3 {
		select {
		case r := <-given:
			batch.Records = append(batch.Records, r)
		case <-time.After(30 * time.Second):
			t.Fatalf("only %d records were given", len(batch.Records))
		}
	}
	got, err := json.MarshalIndent(batch, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(sample, append(got, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(sample)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(lasting(t, got), lasting(t, want)) {
		t.Errorf("the stream gives\n%s\nand the sample is another; -update writes it anew", got)
	}
}

// lasting is a batch without what differs each time.
func lasting(t *testing.T, batch []byte) any {
	t.Helper()
	var v struct{ Records []map[string]any }
	if err := json.Unmarshal(batch, &v); err != nil {
		t.Fatal(err)
	}
	for _, r := range v.Records {
		change, _ := r["dynamodb"].(map[string]any)
		for _, of := range []map[string]any{r, change} {
			for _, name := range []string{"eventID", "eventSourceARN", "SequenceNumber", "ApproximateCreationDateTime"} {
				if _, ok := of[name]; ok {
					of[name] = "some"
				}
			}
		}
	}
	return v
}
