package local

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"

	"waybill/infra/template"
	"waybill/shared/bulletin"
)

// A queue stands for one of SQS: it keeps messages until they are done, brings
// those again that failed, and gives them to its dead-letter queue after so
// many receives. What it holds outlives the process, in a file.
type queue struct {
	def  template.Queue
	dead *queue // nil where there is none

	mu       sync.Mutex
	messages []*message
	journal  *os.File      // nil: nothing outlives the process
	wake     chan struct{} // has something when a message came
}

type message struct {
	id       string
	body     string
	sent     time.Time
	visible  time.Time // from when on it can be received
	receives int
}

// entry is a line of the journal: a message that came, or one that is done.
type entry struct {
	ID   string    `json:"id"`
	Body string    `json:"body,omitempty"`
	Sent time.Time `json:"sent,omitzero"`
	Done bool      `json:"done,omitempty"`
}

// openQueues opens the template's queues, with what they held when they were left.
func openQueues(defs []template.Queue, dataDir string) (map[string]*queue, error) {
	queues := map[string]*queue{}
	for _, def := range defs {
		q := &queue{def: def, wake: make(chan struct{}, 1)}
		if dataDir != "" {
			if err := q.open(filepath.Join(dataDir, "queue-"+def.Name+".jsonl")); err != nil {
				return nil, err
			}
		}
		queues[def.Name] = q
	}
	for _, q := range queues {
		if q.def.Dead == "" {
			continue
		}
		if q.dead = queues[q.def.Dead]; q.dead == nil {
			return nil, fmt.Errorf("queue %s has its dead letters in %s, which is none", q.def.Name, q.def.Dead)
		}
	}
	return queues, nil
}

// open reads the journal and begins a new one with what is left.
func (q *queue) open(path string) error {
	file, err := os.Open(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("open queue %s: %w", q.def.Name, err)
	}
	left := map[string]*message{}
	var order []string
	if err == nil {
		lines := bufio.NewScanner(file)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			var e entry
			if json.Unmarshal(lines.Bytes(), &e) != nil {
				continue // the last line, which a kill cut short
			}
			if e.Done {
				delete(left, e.ID)
				continue
			}
			left[e.ID], order = &message{id: e.ID, body: e.Body, sent: e.Sent}, append(order, e.ID)
		}
		if err := errors.Join(lines.Err(), file.Close()); err != nil {
			return fmt.Errorf("read queue %s: %w", q.def.Name, err)
		}
	}
	if q.journal, err = os.Create(path + ".new"); err != nil {
		return fmt.Errorf("open queue %s: %w", q.def.Name, err)
	}
	for _, id := range order {
		if m := left[id]; m != nil {
			q.messages = append(q.messages, m)
			if err := q.write(entry{ID: m.id, Body: m.body, Sent: m.sent}); err != nil {
				return err
			}
		}
	}
	if err := os.Rename(path+".new", path); err != nil {
		return fmt.Errorf("open queue %s: %w", q.def.Name, err)
	}
	q.ring()
	return nil
}

func (q *queue) write(e entry) error {
	if q.journal == nil {
		return nil
	}
	line, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("write queue %s: %w", q.def.Name, err)
	}
	if _, err := q.journal.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("write queue %s: %w", q.def.Name, err)
	}
	return nil
}

func (q *queue) ring() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// send puts a message into the queue.
func (q *queue) send(body string) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	m := &message{id: rand.Text(), body: body, sent: time.Now()}
	if err := q.write(entry{ID: m.id, Body: m.body, Sent: m.sent}); err != nil {
		return err
	}
	q.messages = append(q.messages, m)
	q.ring()
	return nil
}

// receive takes at most n messages out of sight, and says when the next ones come into it.
func (q *queue) receive(n int) (taken []events.SQSMessage, next time.Duration, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Now() // of the machine: a queue's patience is real
	next = time.Minute
	kept := q.messages[:0]
	for _, m := range q.messages {
		if wait := m.visible.Sub(now); wait > 0 {
			kept, next = append(kept, m), min(next, wait)
			continue
		}
		if len(taken) == n {
			kept, next = append(kept, m), 0
			continue
		}
		if q.dead != nil && m.receives >= q.def.Receives {
			if err := errors.Join(q.dead.send(m.body), q.write(entry{ID: m.id, Done: true})); err != nil {
				return nil, next, err
			}
			continue
		}
		m.receives++
		m.visible = now.Add(q.def.Visibility)
		kept = append(kept, m)
		taken = append(taken, events.SQSMessage{
			MessageId: m.id, ReceiptHandle: m.id, Body: m.body, EventSource: "aws:sqs", AWSRegion: "local",
			EventSourceARN: "arn:aws:sqs:local:000000000000:local-" + q.def.Name + "-0",
			Attributes: map[string]string{
				"ApproximateReceiveCount": strconv.Itoa(m.receives), "SentTimestamp": strconv.FormatInt(m.sent.UnixMilli(), 10),
			},
		})
	}
	q.messages = kept
	return taken, next, nil
}

// longestWait is how long a message that failed waits at most; SQS would wait
// for the visibility time-out, which a laptop has no patience for.
const longestWait = 30 * time.Second

// settle forgets the messages that are done; those that failed come again.
func (q *queue) settle(taken []events.SQSMessage, failed map[string]bool) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	mine := map[string]bool{}
	for _, m := range taken {
		mine[m.MessageId] = true
	}
	var errs []error
	kept := q.messages[:0]
	for _, m := range q.messages {
		switch {
		case !mine[m.id]:
			kept = append(kept, m)
		case failed[m.id]:
			m.visible = time.Now().Add(min(time.Second<<min(m.receives-1, 8), longestWait, q.def.Visibility))
			kept = append(kept, m)
		default:
			errs = append(errs, q.write(entry{ID: m.id, Done: true}))
		}
	}
	clear(q.messages[len(kept):])
	q.messages = kept
	q.ring()
	return errors.Join(errs...)
}

// size is how many messages are in the queue, in sight or not.
func (q *queue) size() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.messages)
}

// A drain feeds a function from a queue, as Lambda does: in batches, several at once.
type drain struct {
	consumer template.Consumer
	queue    *queue
	function lambda.Handler
	log      *slog.Logger
}

// atOnce is how many batches of a queue are worked on at a time.
const atOnce = 4

// run feeds until ctx ends.
func (d *drain) run(ctx context.Context) {
	var working sync.WaitGroup
	defer working.Wait()
	free := make(chan struct{}, atOnce)
	for ctx.Err() == nil {
		select {
		case free <- struct{}{}:
		case <-ctx.Done():
			return
		}
		taken, next, err := d.queue.receive(d.consumer.BatchSize)
		if err != nil {
			d.log.ErrorContext(ctx, "a queue was not read", "queue", d.consumer.Queue, "error", err.Error())
		}
		if len(taken) > 0 {
			working.Go(func() {
				defer func() { <-free }()
				d.give(ctx, taken)
			})
			continue
		}
		<-free
		select {
		case <-ctx.Done():
		case <-d.queue.wake:
		case <-time.After(max(next, time.Millisecond)):
		}
	}
}

// give invokes the function with a batch; all of it failed when that fails.
func (d *drain) give(ctx context.Context, taken []events.SQSMessage) {
	failed := map[string]bool{}
	out, err := d.invoke(ctx, taken)
	if err != nil {
		for _, m := range taken {
			failed[m.MessageId] = true
		}
	}
	for _, f := range out.BatchItemFailures {
		failed[f.ItemIdentifier] = true
	}
	if ctx.Err() != nil {
		return // they are still there when the system starts again
	}
	if err := d.queue.settle(taken, failed); err != nil {
		d.log.ErrorContext(ctx, "a queue was not written", "queue", d.consumer.Queue, "error", err.Error())
	}
}

func (d *drain) invoke(ctx context.Context, taken []events.SQSMessage) (answer events.SQSEventResponse, err error) {
	in, err := json.Marshal(events.SQSEvent{Records: taken})
	if err != nil {
		return answer, fmt.Errorf("encode a batch: %w", err)
	}
	out, err := invoke(ctx, d.function, d.consumer.Timeout, in)
	if err != nil {
		return answer, err
	}
	if err := json.Unmarshal(out, &answer); err != nil {
		return answer, fmt.Errorf("decode an answer: %w", err)
	}
	return answer, nil
}

// A fan stands for a topic: it puts each message into every queue that is subscribed.
type fan struct{ queues []*queue }

// PublishBatch puts the entries into the queues.
func (f *fan) PublishBatch(_ context.Context, entries []bulletin.Entry) []error {
	errs := make([]error, len(entries))
	for n, e := range entries {
		for _, q := range f.queues {
			errs[n] = errors.Join(errs[n], q.send(string(e.Body)))
		}
	}
	return errs
}
