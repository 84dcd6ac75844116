package stripe

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A problem is an error of Stripe's.
type problem struct {
	Status  int    `json:"-"`
	Type    string `json:"type"`
	Code    string `json:"code,omitempty"`
	Decline string `json:"decline_code,omitempty"`
	Message string `json:"message"`
	Param   string `json:"param,omitempty"`
	early   bool   // found before anything was begun: not kept for repetitions
}

func (p *problem) Error() string { return p.Message }

// invalid refuses a parameter.
func invalid(param, code, format string, args ...any) *problem {
	return &problem{
		Status: http.StatusBadRequest, Type: "invalid_request_error", Code: code, Param: param,
		Message: fmt.Sprintf(format, args...), early: true,
	}
}

// unexpected refuses what the state of things doesn't allow.
func unexpected(code, format string, args ...any) *problem {
	return &problem{Status: http.StatusBadRequest, Type: "invalid_request_error", Code: code, Message: fmt.Sprintf(format, args...)}
}

func missing(what, id string) *problem {
	return &problem{
		Status: http.StatusNotFound, Type: "invalid_request_error", Code: "resource_missing", Param: "id",
		Message: fmt.Sprintf("No such %s: '%s'", what, id), early: true,
	}
}

// A mark is the first outcome of an idempotency key.
type mark struct {
	Request string // hash of what was asked
	Status  int
	Body    json.RawMessage
	At      int64
}

func (m mark) over(now time.Time) bool { return now.Sub(time.Unix(m.At, 0)) >= markKept }

// An operation answers a request with an object or a problem. The state is
// locked for it.
type operation func(id string, v url.Values) (any, *problem)

// API is Stripe's API, below /v1.
func (s *Server) API() http.Handler {
	mux := http.NewServeMux()
	for pattern, op := range map[string]operation{
		"POST /v1/checkout/sessions":             s.postSession,
		"GET /v1/checkout/sessions/{id}":         s.getSession,
		"POST /v1/checkout/sessions/{id}/expire": s.postExpire,
		"POST /v1/payment_intents":               s.postIntent,
		"GET /v1/payment_intents/{id}":           s.getIntent,
		"POST /v1/payment_intents/{id}/capture":  s.postCapture,
		"POST /v1/payment_intents/{id}/cancel":   s.postCancel,
		"POST /v1/refunds":                       s.postRefund,
		"GET /v1/refunds":                        s.listRefunds,
		"GET /v1/refunds/{id}":                   s.getRefund,
		"GET /v1/disputes":                       s.listDisputes,
		"GET /v1/disputes/{id}":                  s.getDispute,
		"GET /v1/events":                         s.listEvents,
		"GET /v1/events/{id}":                    s.getEvent,
	} {
		mux.HandleFunc(pattern, s.serve(op))
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		write(w, &problem{
			Status: http.StatusNotFound, Type: "invalid_request_error",
			Message: fmt.Sprintf("Unrecognized request URL (%s: %s).", r.Method, r.URL.Path),
		})
	})
	return mux
}

func (s *Server) serve(op operation) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		key := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		if subtle.ConstantTimeCompare([]byte(key), []byte(s.cfg.Key)) != 1 {
			write(w, &problem{Status: http.StatusUnauthorized, Type: "invalid_request_error", Message: "Invalid API Key provided."})
			return
		}
		if err := r.ParseForm(); err != nil {
			write(w, invalid("", "", "The request can't be read."))
			return
		}
		fault := None
		if s.cfg.Intercept != nil {
			fault = s.cfg.Intercept(r)
		}
		if fault == Refuse {
			write(w, &problem{Status: http.StatusInternalServerError, Type: "api_error", Message: "Sorry, something went wrong."})
			return
		}
		status, body, replayed := s.answer(r, op)
		if r.Method == http.MethodPost {
			s.durable(r.Context())
		}
		if fault == Lose {
			panic(http.ErrAbortHandler) // the server breaks the connection
		}
		if fault == Late {
			s.linger(r)
		}
		if replayed {
			w.Header().Set("Idempotent-Replayed", "true")
		}
		send(w, status, body)
	}
}

// linger waits until the answer is late, or nobody waits for it any more.
func (s *Server) linger(r *http.Request) {
	t := time.NewTimer(s.cfg.Late)
	defer t.Stop()
	select {
	case <-t.C:
	case <-r.Context().Done():
	case <-s.ctx.Done():
	}
}

// answer does what is asked, or finds what it came to when it was asked before.
func (s *Server) answer(r *http.Request, op operation) (status int, body []byte, replayed bool) {
	key := r.Header.Get("Idempotency-Key")
	if r.Method != http.MethodPost {
		key = ""
	}
	hash := sha256.Sum256([]byte(r.Method + " " + r.URL.Path + "?" + r.Form.Encode()))
	request := hex.EncodeToString(hash[:])
	s.do(Now, func() {
		if m, ok := s.state.Marks[key]; ok && key != "" && !m.over(s.cfg.Now()) {
			status, body, replayed = m.Status, m.Body, true
			if m.Request != request {
				status, body = encode(nil, &problem{
					Status: http.StatusBadRequest, Type: "idempotency_error",
					Message: "Keys for idempotent requests can only be used with the same parameters they were first used with.",
				})
				replayed = false
			}
			return
		}
		object, p := op(r.PathValue("id"), r.Form)
		status, body = encode(object, p)
		if key != "" && (p == nil || !p.early) {
			s.state.Marks[key] = mark{Request: request, Status: status, Body: body, At: s.now()}
		}
	})
	return status, body, replayed
}

func encode(object any, p *problem) (int, []byte) {
	status := http.StatusOK
	if p != nil {
		status, object = p.Status, map[string]*problem{"error": p}
	}
	body, err := json.Marshal(object)
	if err != nil {
		panic(err) // the objects are our own, and none has what JSON can't say
	}
	return status, body
}

func write(w http.ResponseWriter, p *problem) {
	status, body := encode(nil, p)
	send(w, status, body)
}

func send(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Request-Id", newID("req_", 14))
	w.WriteHeader(status)
	// The client may be gone; nobody is left to tell.
	_, _ = w.Write(body) //nolint:gosec // it is JSON, and said to be
}

const (
	defaultPage = 10
	mostOnPage  = 100
)

// page is the part of a list, newest first, that is asked for.
func page[T any](items []*T, id func(*T) string, show func(*T) any, path string, v url.Values) (any, *problem) {
	limit := defaultPage
	if given := v.Get("limit"); given != "" {
		n, err := strconv.Atoi(given)
		if err != nil || n < 1 || n > mostOnPage {
			return nil, invalid("limit", "parameter_invalid_integer", "Invalid limit: %s", given)
		}
		limit = n
	}
	newest := slices.Clone(items)
	slices.Reverse(newest)
	if after := v.Get("starting_after"); after != "" {
		at := slices.IndexFunc(newest, func(item *T) bool { return id(item) == after })
		if at < 0 {
			return nil, missing("object", after)
		}
		newest = newest[at+1:]
	}
	data := []any{}
	for _, item := range newest[:min(limit, len(newest))] {
		data = append(data, show(item))
	}
	return map[string]any{"object": "list", "url": path, "has_more": len(newest) > limit, "data": data}, nil
}

// number is an integer parameter, or the default when it isn't given.
func number(v url.Values, param string, otherwise int64) (int64, *problem) {
	given := v.Get(param)
	if given == "" {
		return otherwise, nil
	}
	n, err := strconv.ParseInt(given, 10, 64)
	if err != nil {
		return 0, invalid(param, "parameter_invalid_integer", "Invalid integer: %s", given)
	}
	return n, nil
}

// pairs are the parameters name[key].
func pairs(v url.Values, name string) map[string]string {
	found := map[string]string{}
	for param := range v {
		if key, ok := strings.CutPrefix(param, name+"["); ok {
			found[strings.TrimSuffix(key, "]")] = v.Get(param)
		}
	}
	return found
}

// these are all values of an array parameter, name[0] or name[].
func these(v url.Values, name string) []string {
	var found []string
	for param, values := range v {
		if strings.HasPrefix(param, name+"[") {
			found = append(found, values...)
		}
	}
	return found
}

// minima are the smallest amounts of some currencies, as for an account in the USA.
var minima = map[string]int64{"usd": 50, "eur": 50, "gbp": 30, "jpy": 50}

const maximum = 99_999_999

// checkAmount refuses amounts that Stripe doesn't take.
func checkAmount(param, currency string, amount int64) *problem {
	wide := map[string]bool{"idr": true, "cop": true, "inr": true}[currency]
	multiple := map[string]int64{"isk": 100, "ugx": 100, "bhd": 10, "jod": 10, "kwd": 10, "omr": 10, "tnd": 10}[currency]
	switch {
	case amount < 1:
		return invalid(param, "parameter_invalid_integer", "This value must be greater than or equal to 1.")
	case amount < minima[currency]:
		return invalid(param, "amount_too_small", "Amount must be at least %d %s.", minima[currency], currency)
	case amount > maximum && !wide:
		return invalid(param, "amount_too_large", "Amount must be no more than 999,999.99 %s.", currency)
	case multiple > 0 && amount%multiple != 0:
		return invalid(param, "parameter_invalid_integer", "Amounts in %s must be multiples of %d.", currency, multiple)
	}
	return nil
}
