package announce_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"waybill/infra/dynamolocal"
	"waybill/infra/dynamolocal/testtable"
	"waybill/infra/fault"
	"waybill/shared/announce"
	"waybill/shared/bulletin"
	"waybill/shared/table"
)

var (
	manyEvents = flag.Int("announce.events", 300, "how many events are published while everything fails")
	killSeed   = flag.Uint64("announce.seed", 0, "what chance begins with; 0 draws")
)

// weather decides at random what fails. Whoever asks first is answered first.
type weather struct {
	mu   sync.Mutex
	r    *rand.Rand
	fair bool
}

func (w *weather) chance(percent int) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return !w.fair && w.r.IntN(100) < percent
}

func (w *weather) clear() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fair = true
}

// table loses the reply of one call in fifty, throttles another, or kills the process there.
func (w *weather) table(string) fault.Mode {
	for _, mode := range []fault.Mode{fault.Dead, fault.Unanswered, fault.Throttle} {
		if w.chance(2) {
			return mode
		}
	}
	return fault.None
}

// stormy is a topic that refuses a fifth of what it is given and hangs now and then.
type stormy struct {
	*square
	w *weather
}

func (s *stormy) PublishBatch(ctx context.Context, entries []bulletin.Entry) []error {
	if s.w.chance(1) {
		<-ctx.Done()
	}
	errs := make([]error, len(entries))
	var taken []bulletin.Entry
	for n, e := range entries {
		if errs[n] = ctx.Err(); errs[n] == nil && s.w.chance(20) {
			errs[n] = errors.New("throttled")
		}
		if errs[n] == nil {
			taken = append(taken, e)
		}
	}
	s.square.PublishBatch(ctx, taken)
	return errs
}

func TestEachEventIsPublishedWhateverIsKilledRefusedOrForgotten(t *testing.T) {
	t.Parallel()
	seed := *killSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("-args -announce.seed=%d", seed)
	s := newSquare(t)
	w := &weather{r: rand.New(rand.NewPCG(seed, 1))}
	var wants []announce.Want
	for n := range *manyEvents {
		wants = append(wants, announce.Want{Item: s.happen(fmt.Sprint("O", n%20), int64(n/20+1))})
		s.pass(time.Millisecond)
	}

	// Four consumers of the stream, each restarted where it dies; what fails
	// twice is given up, sooner than the stream does.
	batches := make(chan []announce.Want)
	var consumers sync.WaitGroup
	for range 4 {
		consumers.Go(func() {
			for batch := range batches {
				for try := 0; try < 2 && len(batch) > 0; try++ {
					batch = s.attempt(t.Context(), w, batch)
				}
			}
		})
	}
	for ; len(wants) > 0; wants = wants[min(len(wants), 25):] {
		batches <- wants[:min(len(wants), 25)]
	}
	close(batches)
	consumers.Wait()
	w.clear()
	s.pass(time.Hour)
	swept, given := s.sweep()

	heard := map[string]int{}
	for _, id := range s.heard {
		heard[id]++
	}
	t.Logf("%d events, published %d times, %d of them by the sweep", *manyEvents, len(s.heard), swept)
	if len(heard) != *manyEvents || len(given) > 0 {
		t.Errorf("%d of %d events were published, %d given up", len(heard), *manyEvents, len(given))
	}
	if again, _ := s.sweep(); again != 0 {
		t.Errorf("%d events have no mark", again)
	}
}

// attempt has a new process publish a batch, and returns what is brought again.
func (s *square) attempt(ctx context.Context, w *weather, batch []announce.Want) []announce.Want {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	client := testtable.Client(s.t, &fault.Transport{Next: dynamolocal.NewTransport(), Decide: w.table})
	client = dynamodb.New(client.Options(), func(o *dynamodb.Options) {
		o.Retryer = retry.NewStandard(func(r *retry.StandardOptions) { r.MaxAttempts, r.MaxBackoff = 2, 5*time.Millisecond })
	})
	c := &announce.Crier{DB: table.New(client, s.name, s.clock), Topic: &stormy{s, w}, Now: s.clock}
	failures, err := c.Publish(ctx, batch)
	if err != nil {
		return batch
	}
	var left []announce.Want
	for _, f := range failures {
		left = append(left, announce.Want{Item: f.Item})
	}
	return left
}
