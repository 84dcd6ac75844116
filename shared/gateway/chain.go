package gateway

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"
)

// maxRequest is how many bytes a request's body may have.
const maxRequest = 1 << 20

// Chain wraps h in what every HTTP function needs: a request id, recovery from
// panics, a limit of 1 MiB on bodies (reading on gives *http.MaxBytesError), safe
// default headers, and one log line for each request.
//
// The line has the request id, method, route, principal, status, duration_ms
// and bytes of the answer; never a query, a body, a token or a person's data.
// A panic becomes a 500 problem and its stack goes into the line. Where part of
// the answer is out already the response is aborted with http.ErrAbortHandler,
// so that half an answer is not taken for a whole one.
func Chain(log *slog.Logger, now func() time.Time, h http.Handler) http.Handler {
	return &chain{log: log, now: now, newID: rand.Text, next: http.MaxBytesHandler(h, maxRequest)}
}

type chain struct {
	log   *slog.Logger
	now   func() time.Time
	newID func() string
	next  http.Handler
}

func (c *chain) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := c.now()
	ctx, id := r.Context(), RequestID(r.Context())
	if id == "" {
		// Never the client's own header: it could pass for another request.
		id = c.newID()
		ctx = withRequestID(ctx, id)
	}
	seen := &record{}
	r = r.WithContext(context.WithValue(ctx, recordKey{}, seen))
	out := &observed{ResponseWriter: w}
	secureHeaders(out.Header(), id)

	failure, stack := attempt(c.next, out, r)
	abort := isAbort(failure) || failure != nil && out.status != 0
	if failure != nil && !abort {
		clear(out.Header())
		secureHeaders(out.Header(), id)
		WriteProblem(out, r, Problem{
			Status: http.StatusInternalServerError,
			Code:   "internal",
			Detail: "Something went wrong on our side. Quote the request id " + id + " when you report it.",
		})
	}

	status := out.finalStatus()
	if abort {
		status = http.StatusInternalServerError // what API Gateway makes of it
	}
	line := []slog.Attr{
		slog.String("request_id", id),
		slog.String("method", r.Method),
		slog.String("route", seen.route),
		slog.String("principal", seen.principal),
		slog.Int("status", status),
		slog.Float64("duration_ms", float64(c.now().Sub(start).Microseconds())/1000),
		slog.Int64("bytes", out.bytes),
	}
	level := slog.LevelInfo
	if status >= 500 {
		level = slog.LevelError
	}
	if failure != nil {
		level = slog.LevelError
		line = append(line, slog.String("panic", fmt.Sprint(failure)), slog.String("stack", stack), slog.Bool("aborted", abort))
	}
	c.log.LogAttrs(ctx, level, "request", line...)
	if abort {
		panic(http.ErrAbortHandler)
	}
}

// attempt runs h and returns what it panicked with, and where.
func attempt(h http.Handler, w http.ResponseWriter, r *http.Request) (failure any, stack string) {
	defer func() {
		if failure = recover(); failure != nil {
			stack = string(debug.Stack())
		}
	}()
	h.ServeHTTP(w, r)
	return nil, ""
}

// secureHeaders sets the headers that every answer has unless a handler knows better.
func secureHeaders(h http.Header, requestID string) {
	if requestID != "" {
		h.Set("X-Request-Id", requestID)
	}
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
}

type (
	requestIDKey struct{}
	recordKey    struct{}
)

// record is what a request's handlers tell its log line.
type record struct {
	route, principal string
}

// RequestID returns the id under which the request of ctx is logged and which
// its client sees as X-Request-Id; empty outside of a request.
func RequestID(ctx context.Context) string {
	id, _ := ctx.Value(requestIDKey{}).(string)
	return id
}

func withRequestID(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, requestIDKey{}, id)
}

// SetRoute tells the log line of ctx's request which operation it is. It is
// called by the request's own goroutine; outside of Chain it does nothing.
func SetRoute(ctx context.Context, operation string) {
	if seen, ok := ctx.Value(recordKey{}).(*record); ok {
		seen.route = operation
	}
}

// SetPrincipal tells the log line of ctx's request who makes it: the
// principal's id, not its name. The rules of SetRoute hold.
func SetPrincipal(ctx context.Context, id string) {
	if seen, ok := ctx.Value(recordKey{}).(*record); ok {
		seen.principal = id
	}
}

// observed notes the status and length of an answer on its way out.
type observed struct {
	http.ResponseWriter
	status int // the final one; 0 while nothing is out
	bytes  int64
}

func (w *observed) WriteHeader(status int) {
	w.ResponseWriter.WriteHeader(status)
	if w.status == 0 && (status >= 200 || status == http.StatusSwitchingProtocols) {
		w.status = status
	}
}

func (w *observed) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	n, err := w.ResponseWriter.Write(p)
	w.bytes += int64(n)
	return n, err
}

// Flush is here for handlers that look for http.Flusher.
func (w *observed) Flush() {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	// A writer that can't flush sends everything at the end.
	_ = http.NewResponseController(w.ResponseWriter).Flush()
}

// Unwrap is here for http.ResponseController.
func (w *observed) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// finalStatus is the status that a client sees once the handler has returned.
func (w *observed) finalStatus() int {
	if w.status == 0 {
		return http.StatusOK
	}
	return w.status
}
