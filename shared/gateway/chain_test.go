package gateway_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"waybill/shared/gateway"
)

// chained serves r by h in a Chain whose clock advances 25 ms at each reading,
// and returns the answer and the log's lines. aborted is what Chain panicked with.
func chained(t *testing.T, h http.HandlerFunc, r *http.Request) (w *httptest.ResponseRecorder, lines []map[string]any, aborted any) {
	t.Helper()
	var out bytes.Buffer
	clock := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	now := func() time.Time {
		clock = clock.Add(25 * time.Millisecond)
		return clock
	}
	w = httptest.NewRecorder()
	func() {
		defer func() { aborted = recover() }()
		gateway.Chain(slog.New(slog.NewJSONHandler(&out, nil)), now, h).ServeHTTP(w, r)
	}()
	for dec := json.NewDecoder(&out); ; {
		var line map[string]any
		if err := dec.Decode(&line); errors.Is(err, io.EOF) {
			return w, lines, aborted
		} else if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, line)
	}
}

func TestEveryRequestIsOneLogLine(t *testing.T) {
	r := httptest.NewRequest(http.MethodPost, "/v1/orders/secret-path?email=secret-query", strings.NewReader("secret-body"))
	r.Header.Set("Authorization", "Bearer secret-token")
	w, lines, _ := chained(t, func(w http.ResponseWriter, r *http.Request) {
		gateway.SetRoute(r.Context(), "placeOrder")
		gateway.SetPrincipal(r.Context(), "7c1e")
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, "secret-answer")
	}, r)

	if len(lines) != 1 {
		t.Fatalf("got %d lines: %v", len(lines), lines)
	}
	for key, want := range map[string]any{
		"level": "INFO", "msg": "request", "method": "POST", "route": "placeOrder", "principal": "7c1e",
		"status": 201.0, "duration_ms": 25.0, "bytes": 13.0, "request_id": w.Header().Get("X-Request-Id"),
	} {
		if lines[0][key] != want {
			t.Errorf("%s is %v, want %v", key, lines[0][key], want)
		}
	}
	for key, value := range lines[0] {
		if s, ok := value.(string); ok && strings.Contains(s, "secret") {
			t.Errorf("%s tells %q", key, s)
		}
	}
}

func TestRequestIDIsTheGatewaysOrANewOne(t *testing.T) {
	event := get("/")
	event.Headers = map[string]string{"x-request-id": "the-clients-own"}
	var inside string
	h := func(_ http.ResponseWriter, r *http.Request) { inside = gateway.RequestID(r.Context()) }
	resp, err := gateway.Lambda(gateway.Chain(slog.New(slog.DiscardHandler), time.Now, http.HandlerFunc(h)))(t.Context(), event)
	if err != nil || inside != "req-1" || resp.Headers["X-Request-Id"] != "req-1" {
		t.Errorf("inside %q, answered %q, %v", inside, resp.Headers["X-Request-Id"], err)
	}

	seen := map[string]bool{}
	for range 2 {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("X-Request-Id", "the-clients-own")
		w, _, _ := chained(t, h, r)
		if w.Header().Get("X-Request-Id") != inside || len(inside) < 16 || seen[inside] {
			t.Errorf("inside %q, answered %q, before %v", inside, w.Header().Get("X-Request-Id"), seen)
		}
		seen[inside] = true
	}
}

func TestAnswersAreNotStoredNorSniffed(t *testing.T) {
	w, _, _ := chained(t, func(http.ResponseWriter, *http.Request) {}, httptest.NewRequest(http.MethodGet, "/", nil))
	if w.Header().Get("X-Content-Type-Options") != "nosniff" || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("got %v", w.Header())
	}
	w, _, _ = chained(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Cache-Control", "max-age=60")
	}, httptest.NewRequest(http.MethodGet, "/", nil))
	if w.Header().Get("Cache-Control") != "max-age=60" {
		t.Errorf("the handler's Cache-Control became %q", w.Header().Get("Cache-Control"))
	}
}

func TestPanicIsA500ProblemThatTellsNothing(t *testing.T) {
	w, lines, aborted := chained(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("ETag", `"7"`)
		w.Header().Set("Cache-Control", "max-age=60")
		panic("secret cause")
	}, httptest.NewRequest(http.MethodGet, "/", nil))

	var p gateway.Problem
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || aborted != nil {
		t.Fatalf("%v, %v in %s", err, aborted, w.Body)
	}
	id := w.Header().Get("X-Request-Id")
	if w.Code != 500 || p.Code != "internal" || id == "" || !strings.Contains(p.Detail, id) || strings.Contains(w.Body.String(), "secret") {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
	if w.Header().Get("ETag") != "" || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("headers of the answer that failed are still there: %v", w.Header())
	}
	if len(lines) != 1 || lines[0]["level"] != "ERROR" || lines[0]["status"] != 500.0 || lines[0]["panic"] != "secret cause" ||
		!strings.Contains(lines[0]["stack"].(string), "chain_test.go") {
		t.Errorf("got lines %v", lines)
	}
}

func TestHalfAnAnswerIsAborted(t *testing.T) {
	for _, c := range []struct {
		name, written string
		cause         any
	}{
		{"a panic after writing", `{"half":`, "broken"},
		{"an abort after writing", `{"half":`, http.ErrAbortHandler},
		{"an abort before", "", http.ErrAbortHandler},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, lines, aborted := chained(t, func(w http.ResponseWriter, _ *http.Request) {
				if c.written != "" {
					_, _ = io.WriteString(w, c.written)
				}
				panic(c.cause)
			}, httptest.NewRequest(http.MethodGet, "/", nil))
			if err, ok := aborted.(error); !ok || !errors.Is(err, http.ErrAbortHandler) {
				t.Errorf("got %v, want http.ErrAbortHandler", aborted)
			}
			if len(lines) != 1 || lines[0]["level"] != "ERROR" || lines[0]["status"] != 500.0 || lines[0]["aborted"] != true {
				t.Errorf("got lines %v", lines)
			}
		})
	}
}

func TestBodiesAreLimitedToOneMiB(t *testing.T) {
	for _, c := range []struct {
		size    int
		tooLong bool
	}{{1 << 20, false}, {1<<20 + 1, true}} {
		_, _, _ = chained(t, func(_ http.ResponseWriter, r *http.Request) {
			n, err := io.Copy(io.Discard, r.Body)
			if limit := (*http.MaxBytesError)(nil); errors.As(err, &limit) != c.tooLong || n > 1<<20 {
				t.Errorf("of %d bytes %d were read: %v", c.size, n, err)
			}
		}, httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(make([]byte, c.size))))
	}
}

func TestLogTellsTheFinalStatus(t *testing.T) {
	for _, c := range []struct {
		name   string
		h      http.HandlerFunc
		status float64
	}{
		{"nothing written", func(http.ResponseWriter, *http.Request) {}, 200},
		{"body only", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "a") }, 200},
		{"flush first", func(w http.ResponseWriter, _ *http.Request) { w.(http.Flusher).Flush() }, 200},
		{"flush by controller", func(w http.ResponseWriter, _ *http.Request) { _ = http.NewResponseController(w).Flush() }, 200},
		{"informational first", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusEarlyHints)
			w.WriteHeader(http.StatusNotFound)
		}, 404},
		{"two statuses", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusConflict)
			w.WriteHeader(http.StatusOK)
		}, 409},
		{"server error", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }, 503},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, lines, _ := chained(t, c.h, httptest.NewRequest(http.MethodGet, "/", nil))
			if len(lines) != 1 || lines[0]["status"] != c.status || (lines[0]["level"] == "ERROR") != (c.status >= 500) {
				t.Errorf("want status %v, got lines %v", c.status, lines)
			}
		})
	}
}

func TestSettersOutsideOfARequestDoNothing(t *testing.T) {
	gateway.SetRoute(t.Context(), "placeOrder")
	gateway.SetPrincipal(t.Context(), "7c1e")
	if id := gateway.RequestID(t.Context()); id != "" {
		t.Errorf("got the request id %q", id)
	}
}
