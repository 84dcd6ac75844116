// Package consumer is the entry of the functions that no HTTP request starts:
// those fed by the table's stream, and those that the clock calls.
//
// They have the configuration of the others but for the tokens; a request id
// on each line of their log; and panics that end one invocation, not the
// process. Their logs name things by their keys and hold no person's data.
package consumer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime/debug"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"

	"waybill/shared/ident"
	"waybill/shared/table"
)

// An Environment is what the variables of a function say.
//
//	TABLE_NAME  the table
//	LOG_LEVEL   DEBUG, INFO (the default), WARN or ERROR
//
// The AWS variables are the SDK's own (package table).
type Environment struct {
	Table    string
	LogLevel slog.Level
}

// ReadEnvironment reads the variables and reports everything wrong with them at once.
func ReadEnvironment(env func(string) string) (Environment, error) {
	e := Environment{Table: env("TABLE_NAME")}
	var wrong []error
	if e.Table == "" {
		wrong = append(wrong, errors.New("TABLE_NAME is not set"))
	}
	if level := env("LOG_LEVEL"); level != "" {
		if err := e.LogLevel.UnmarshalText([]byte(level)); err != nil {
			wrong = append(wrong, fmt.Errorf("LOG_LEVEL: %w", err))
		}
	}
	return e, errors.Join(wrong...)
}

// Edge is what a function is built from.
type Edge struct {
	Records *table.DB
	Log     *slog.Logger // its lines have the request id of the context they are written with (see NewLog)
	Metrics io.Writer    // where metrics are written: what CloudWatch reads as the log
	Now     func() time.Time
}

// IDs is where the function's ids and moments come from.
func (e Edge) IDs() ident.Source { return ident.At(e.Now) }

// Pause waits, unless ctx ends first.
func (e Edge) Pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// Until is the moment at which an invocation begins nothing further: so much
// before its time is up, or a while from now for a context without a deadline.
func Until(ctx context.Context, now time.Time, margin, otherwise time.Duration) time.Time {
	if deadline, ok := ctx.Deadline(); ok {
		return now.Add(time.Until(deadline) - margin)
	}
	return now.Add(otherwise)
}

// A Handler is what an event of some shape is given to.
type Handler[In, Out any] func(context.Context, In) (Out, error)

// Serve is the whole of a function's main: it reads the environment, builds
// the function and hands it to Lambda. It does not return.
func Serve[In, Out any](build func(Edge) Handler[In, Out]) {
	edge, err := open(os.Getenv, os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "start:", err)
		os.Exit(1)
	}
	lambda.StartWithOptions(Lambda(edge.Log, build(edge)), lambda.WithContext(context.Background()))
}

func open(env func(string) string, out io.Writer) (Edge, error) {
	e, err := ReadEnvironment(env)
	if err != nil {
		return Edge{}, err
	}
	now := ident.New().Now
	db, err := table.Open(env, e.Table, now)
	if err != nil {
		return Edge{}, err
	}
	return Edge{Records: db, Log: NewLog(out, e.LogLevel), Metrics: out, Now: time.Now}, nil
}

// Lambda returns h as Lambda calls it: what it fails with is logged, a panic is
// an error and its stack goes into the log.
func Lambda[In, Out any](log *slog.Logger, h Handler[In, Out]) func(context.Context, In) (Out, error) {
	return func(ctx context.Context, in In) (out Out, err error) {
		err = Safely(func() error {
			out, err = h(ctx, in)
			return err
		})
		if err != nil {
			LogFailure(ctx, log, "the invocation failed", err)
		}
		return out, err
	}
}

// Panicked is the error that a panic is turned into.
type Panicked struct {
	Value any
	Stack string
}

func (p *Panicked) Error() string { return fmt.Sprintf("panic: %v", p.Value) }

// Safely runs do and turns its panic into a *Panicked. Every goroutine that a
// function starts needs one: a panic that nobody recovers ends the process.
func Safely(do func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &Panicked{Value: v, Stack: string(debug.Stack())}
		}
	}()
	return do()
}

// LogFailure writes an error into the log, with the stack when it was a panic.
func LogFailure(ctx context.Context, log *slog.Logger, message string, err error, more ...any) {
	more = append(more, "error", err.Error())
	var panicked *Panicked
	if errors.As(err, &panicked) {
		more = append(more, "stack", panicked.Stack)
	}
	log.ErrorContext(ctx, message, more...)
}

// NewLog returns a log of JSON lines that each name the invocation they belong to.
func NewLog(out io.Writer, level slog.Level) *slog.Logger {
	return slog.New(identified{slog.NewJSONHandler(out, &slog.HandlerOptions{Level: level})})
}

// identified adds the id of the invocation that a line is written in.
type identified struct{ slog.Handler }

func (h identified) Handle(ctx context.Context, r slog.Record) error {
	if c, ok := lambdacontext.FromContext(ctx); ok {
		r.AddAttrs(slog.String("request_id", c.AwsRequestID))
	}
	return h.Handler.Handle(ctx, r)
}

func (h identified) WithAttrs(attrs []slog.Attr) slog.Handler {
	return identified{h.Handler.WithAttrs(attrs)}
}

func (h identified) WithGroup(name string) slog.Handler { return identified{h.Handler.WithGroup(name)} }
