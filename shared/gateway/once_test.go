package gateway_test

import (
	"errors"
	"testing"
	"time"

	"waybill/infra/dynamolocal/testtable"
	"waybill/shared/gateway"
	"waybill/shared/refusal"
	"waybill/shared/table"
)

func TestAnEarlierSuccessIsAnsweredAgain(t *testing.T) {
	t.Parallel()
	client, name := testtable.New(t)
	edge := gateway.Edge{Records: table.New(client, name, time.Now)}
	done := table.Mark{Principal: "ann", Operation: "placeOrder", Key: "done", Hash: "h"}
	fresh, reused := done, done
	fresh.Key, reused.Hash = "fresh", "another"
	tx := &table.Tx{}
	tx.Mark(&done, "O1", time.Now())
	if err := edge.Records.Commit(t.Context(), tx); err != nil {
		t.Fatal(err)
	}
	short := refusal.New(refusal.Conflict, "insufficient_stock", "None left.")
	outage := refusal.New(refusal.Unavailable, "unavailable", "Try again.")
	broken := errors.New("broken")
	for _, c := range []struct {
		name     string
		mark     *table.Mark
		done     error
		loaded   error
		want     string
		replayed bool
		err      error
	}{
		{"it is done now", &fresh, nil, nil, "new", false, nil},
		{"it was done before", &done, &table.Replay{Ref: "O1"}, nil, "O1", true, nil},
		{"the stock it lacks is what it took", &done, short, nil, "O1", true, nil},
		{"a failure of what was done before", &done, broken, nil, "O1", true, nil},
		{"it was refused and not done before", &fresh, short, nil, "", false, short},
		{"it was refused and has no key", nil, short, nil, "", false, short},
		{"the key is another request's", &reused, table.ErrKeyReused, nil, "", false, table.ErrKeyReused},
		{"it was refused and the key is another request's", &reused, short, nil, "", false, table.ErrKeyReused},
		{"nobody knows", &done, outage, nil, "", false, outage},
		{"what was done can't be read", &done, short, broken, "", true, broken},
	} {
		t.Run(c.name, func(t *testing.T) {
			loads := 0
			got, replayed, err := gateway.Once(t.Context(), edge, c.mark,
				func() (string, error) {
					if c.done != nil {
						return "", c.done
					}
					return "new", nil
				},
				func(ref string) (string, error) {
					loads++
					if c.loaded != nil {
						return "", c.loaded
					}
					return ref, nil
				})
			if got != c.want || replayed != c.replayed || !errors.Is(err, c.err) || (c.err == nil && err != nil) {
				t.Errorf("got %q, replayed %v, %v; want %q, %v, %v", got, replayed, err, c.want, c.replayed, c.err)
			}
			if (loads > 0) != c.replayed {
				t.Errorf("read %d times", loads)
			}
		})
	}
}
