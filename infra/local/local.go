// Package local runs the whole of Waybill in one process: every function
// behind the routes of template.yaml, through the same code that turns API
// Gateway's events into requests in the cloud; those that the table's stream
// or the clock starts, fed and called as template.yaml says; DynamoDB Local;
// and an OIDC issuer that gives anybody who asks a token. It is for laptops and
// tests and listens on this machine only.
package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"

	"waybill/infra/dynamolocal"
	"waybill/infra/issuer"
	"waybill/infra/outbox"
	"waybill/infra/stripe"
	"waybill/infra/template"
	"waybill/shared/announce"
	"waybill/shared/billing"
	"waybill/shared/stripepay"
	"waybill/shared/telling"
)

// Config says what to run on what.
type Config struct {
	Template string // path of template.yaml
	Port     int    // 0 picks a free one

	// DynamoDB Local is started on DataDir, or in memory when that is empty,
	// and has its table made; or else Client and Table name what is there.
	Home    string // the folder of DynamoDB Local
	DataDir string
	Fresh   bool // empty DataDir first
	Client  *dynamodb.Client
	Table   string
	// Drive has the stream of Client's table and the clock start functions too,
	// as those of a table that Start made always do.
	Drive bool

	KeyFile string           // where the issuer's key is kept; empty for a new key each time
	Log     io.Writer        // the functions' logs, JSON lines; nil drops them
	Now     func() time.Time // the clock; time.Now when nil

	// Patience is how long an operation may work; 0 stands for the cloud's
	// limit. Tests have more: a slow machine is no broken promise.
	Patience time.Duration

	Stripe Stripe // the zero value is the stand-in
	Outbox Outbox // what is sent, and where to

	// Wire makes the functions; nil stands for Waybill's own.
	Wire func(context.Context, Environment) (Functions, error)
}

// Environment is what the functions are wired to: what their environment
// variables and credentials are in the cloud.
type Environment struct {
	DynamoDB *dynamodb.Client
	Table    string
	Issuer   string // of the access tokens; its keys are at /.well-known/jwks.json below it
	ClientID string // of the access tokens
	URL      string // where the system is reached
	Log      io.Writer
	Now      func() time.Time
	Patience time.Duration
	Stripe   billing.Processor
	Keys     stripepay.Keys
	Streams  *dynamodbstreams.Client
	Topic    announce.Topic // of events
	Sender   telling.Sender // of every channel
	Webhooks []string       // host:port of endpoints that may be on this machine
}

// Functions are the template's functions by logical id: those that answer
// HTTP requests, and those that streams and schedules start.
type Functions struct {
	HTTP   map[string]http.Handler
	Events map[string]lambda.Handler
}

var (
	// ErrPortTaken is returned by Start when something else listens on the port.
	ErrPortTaken = errors.New("the port is taken")
	// ErrDatabaseGone is returned by Wait when DynamoDB Local ended unasked.
	ErrDatabaseGone = errors.New("DynamoDB Local stopped by itself; what was confirmed is kept")
)

const (
	tableName = "waybill"
	// drainTime is how long requests under way have to end, and then what the
	// stream and the clock have started.
	drainTime = 500 * time.Millisecond
)

// System is Waybill, running.
type System struct {
	url    string
	issuer *issuer.Issuer
	stripe *stripe.Server // nil with Stripe's own keys
	keys   stripepay.Keys // of the stand-in
	outbox *outbox.Outbox
	queues map[string]*queue
	http   *http.Server
	db     *dynamolocal.Server // nil when it was there already
	stop   sync.Once

	undrive context.CancelFunc // ends what drives the functions; nil when nothing does
	driven  sync.WaitGroup
}

// Start runs the system and returns when every part of it is ready; until then
// its port answers 503. It fails with ErrPortTaken, with dynamolocal's errors,
// when a function of the template has no handler, or when ctx ends.
func Start(ctx context.Context, cfg Config) (*System, error) {
	if cfg.Log == nil {
		cfg.Log = io.Discard
	}
	cfg.Log = &oneByOne{out: cfg.Log}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Wire == nil {
		cfg.Wire = wire
	}
	s := &System{}
	if err := s.start(ctx, cfg); err != nil {
		s.Stop()
		return nil, err
	}
	return s, nil
}

func (s *System) start(ctx context.Context, cfg Config) error {
	tmpl, err := template.Load(cfg.Template)
	if err != nil {
		return err
	}
	router, err := template.NewRouter(tmpl.Routes())
	if err != nil {
		return err
	}
	// The port first: it is what most often goes wrong, and takes no time.
	front := &front{}
	if err := s.listen(cfg, front); err != nil {
		return err
	}
	if s.issuer, err = issuer.New(s.url, cfg.KeyFile, cfg.Now); err != nil {
		return err
	}
	client, table, err := s.database(ctx, cfg, tmpl.Table())
	if err != nil {
		return err
	}
	processor, keys, err := s.openStripe(cfg)
	if err != nil {
		return err
	}
	if err := s.openQueues(cfg, tmpl); err != nil {
		return err
	}
	functions, err := cfg.Wire(ctx, Environment{
		DynamoDB: client, Table: table,
		Issuer: s.issuer.URL, ClientID: issuer.ClientID, URL: s.url,
		Log: cfg.Log, Now: cfg.Now, Patience: cfg.Patience, Stripe: processor, Keys: keys,
		Streams: dynamolocal.NewStreamsClient(aws.ToString(client.Options().BaseEndpoint)),
		Topic:   s.topic(tmpl, "EventsTopic"), Sender: s.outbox, Webhooks: cfg.Outbox.Webhooks,
	})
	if err != nil {
		return fmt.Errorf("wire the functions: %w", err)
	}
	if err := complete(functions, tmpl); err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("/", newGateway(router, functions.HTTP, cfg.Patience))
	mux.Handle("/dev/", s.issuer)
	mux.Handle("/dev/outbox", s.outbox)
	mux.Handle("/dev/outbox/", s.outbox)
	s.serveStripe(mux)
	front.open(mux)
	if cfg.Client != nil && !cfg.Drive {
		return nil
	}
	return s.drive(ctx, cfg, tmpl, functions.Events, client, table)
}

// drive has the table's stream and the clock start functions until Stop.
func (s *System) drive(ctx context.Context, cfg Config, tmpl *template.Template, functions map[string]lambda.Handler, client *dynamodb.Client, table string) error {
	log := slog.New(slog.NewJSONHandler(cfg.Log, nil))
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s.undrive = cancel
	if len(tmpl.Streams()) > 0 {
		// A client of its own: faults that a test injects are for the functions.
		endpoint := aws.ToString(client.Options().BaseEndpoint)
		made, err := dynamolocal.NewClient(endpoint, nil).DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &table})
		if err != nil {
			return fmt.Errorf("look for the stream of table %s: %w", table, err)
		}
		arn := aws.ToString(made.Table.LatestStreamArn)
		if arn == "" {
			return fmt.Errorf("table %s has no stream to feed functions from", table)
		}
		marks, err := openMarks(cfg.DataDir, arn)
		if err != nil {
			return err
		}
		for _, stream := range tmpl.Streams() {
			p := &pump{
				client: dynamolocal.NewStreamsClient(endpoint), stream: arn, marks: marks, log: log,
				feed: &feed{stream: stream, function: functions[stream.Function], failures: s.queues[stream.Failures], log: log, pause: pause},
			}
			s.driven.Go(func() { p.run(running) })
		}
	}
	for _, consumer := range tmpl.Consumers() {
		d := &drain{consumer: consumer, queue: s.queues[consumer.Queue], function: functions[consumer.Function], log: log}
		if d.queue == nil {
			return fmt.Errorf("%s of %s is fed by %s, which is no queue of the template", consumer.Name, consumer.Function, consumer.Queue)
		}
		s.driven.Go(func() { d.run(running) })
	}
	for _, schedule := range tmpl.Schedules() {
		c := &clock{schedule: schedule, function: functions[schedule.Function], now: cfg.Now, log: log}
		s.driven.Go(func() { c.run(running) })
	}
	return nil
}

// listen answers on the port, on this machine only: whoever reaches it can have any role.
func (s *System) listen(cfg Config, h http.Handler) error {
	listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", cfg.Port))
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%w: %d", ErrPortTaken, cfg.Port)
	}
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	s.url = fmt.Sprintf("http://localhost:%d", listener.Addr().(*net.TCPAddr).Port)
	s.http = &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 10 * time.Second,
		ErrorLog:          log.New(cfg.Log, "", 0),
	}
	go func() { _ = s.http.Serve(listener) }() // it ends by Stop alone
	return nil
}

// database is the table and a client for it, started and made if need be.
func (s *System) database(ctx context.Context, cfg Config, def template.TableDefinition) (*dynamodb.Client, string, error) {
	if cfg.Client != nil {
		return cfg.Client, cfg.Table, nil
	}
	var err error
	s.db, err = dynamolocal.Start(ctx, dynamolocal.Options{Home: cfg.Home, DataDir: cfg.DataDir, Fresh: cfg.Fresh})
	if err != nil {
		return nil, "", err
	}
	transport := http.RoundTripper(dynamolocal.NewTransport())
	if cfg.DataDir != "" {
		transport = dynamolocal.Durable(transport)
	}
	client := dynamolocal.NewClient(s.db.Endpoint(), transport)
	if err := dynamolocal.CreateTable(ctx, client, def, tableName); err != nil {
		return nil, "", err
	}
	return client, tableName, nil
}

// complete refuses a template of which something starts a function that nobody wired for it.
func complete(functions Functions, tmpl *template.Template) error {
	wired := map[string]bool{}
	for name := range functions.HTTP {
		wired[name] = true
	}
	for name := range functions.Events {
		wired[name] = true
	}
	for _, r := range tmpl.Routes() {
		wired[r.Function] = wired[r.Function] && functions.HTTP[r.Function] != nil
	}
	for _, x := range tmpl.Streams() {
		wired[x.Function] = wired[x.Function] && functions.Events[x.Function] != nil
	}
	for _, x := range tmpl.Schedules() {
		wired[x.Function] = wired[x.Function] && functions.Events[x.Function] != nil
	}
	for _, x := range tmpl.Consumers() {
		wired[x.Function] = wired[x.Function] && functions.Events[x.Function] != nil
	}
	missing := slices.DeleteFunc(tmpl.Functions(), func(name string) bool { return wired[name] })
	if len(missing) > 0 {
		return fmt.Errorf("no handler is wired for %s of the template", strings.Join(missing, ", "))
	}
	return nil
}

// oneByOne writes whole lines, whoever of the many that share it has them.
type oneByOne struct {
	mu  sync.Mutex
	out io.Writer
}

func (w *oneByOne) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.out.Write(p)
}

// URL is where the system is reached, such as http://localhost:3000.
func (s *System) URL() string { return s.url }

// Addr is the host and port of URL.
func (s *System) Addr() string {
	u, _ := url.Parse(s.url) // made by us
	return u.Host
}

// DynamoDB is the endpoint of the DynamoDB Local that Start started, or empty.
func (s *System) DynamoDB() string {
	if s.db == nil {
		return ""
	}
	return s.db.Endpoint()
}

// Token returns an access token for a member of staff; an empty user stands
// for the role's demo user. It fails on a role that there isn't.
func (s *System) Token(role, user string) (string, error) {
	return s.issuer.Token(issuer.Grant{Role: role, User: user})
}

// MachineToken returns an access token for a program with these scopes, such
// as "waybill/orders.read", separated by blanks.
func (s *System) MachineToken(scope string) (string, error) {
	return s.issuer.Token(issuer.Grant{Scope: scope})
}

// Wait returns nil when ctx ends and ErrDatabaseGone when DynamoDB Local does first.
func (s *System) Wait(ctx context.Context) error {
	var gone <-chan struct{}
	if s.db != nil {
		gone = s.db.Done()
	}
	select {
	case <-ctx.Done():
		return nil
	case <-gone:
		return ErrDatabaseGone
	}
}

// Stop ends the system within two seconds: no new requests, then those under
// way and what the stream and the clock have started, then the database. It
// may be called again.
func (s *System) Stop() {
	s.stop.Do(func() {
		if s.http != nil {
			ctx, cancel := context.WithTimeout(context.Background(), drainTime)
			defer cancel()
			if s.http.Shutdown(ctx) != nil {
				s.http.Close()
			}
		}
		if s.undrive != nil {
			s.undrive()
			ended := make(chan struct{})
			go func() {
				s.driven.Wait()
				close(ended)
			}()
			// What doesn't end in time loses its database, as if it had been killed.
			select {
			case <-ended:
			case <-time.After(drainTime):
			}
		}
		if s.stripe != nil {
			_ = s.stripe.Close() // what it could not keep was on its own page only
		}
		if s.db != nil {
			s.db.Stop()
		}
	})
}

// Home is DynamoDB Local's folder in the repository at root.
func Home(root string) string { return filepath.Join(root, ".local", "dynamodb") }
