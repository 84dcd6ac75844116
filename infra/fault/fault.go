// Package fault makes a table fail on purpose: it stands under the SDK's
// client and loses requests, loses replies of what was written, or answers
// with the conflicts and throttles that DynamoDB Local never gives.
package fault

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
)

// A Mode is what happens to a call.
type Mode int

// What can happen to a call. None lets it through; Lost never sends it;
// Unanswered sends it and loses the reply, again for each of the SDK's
// repetitions of the same transaction; Conflict and Throttle answer what
// DynamoDB answers when others write the same items or the table is busy; Dead
// loses it and every later call, as if the process had been killed there.
const (
	None Mode = iota
	Lost
	Unanswered
	Conflict
	Throttle
	Dead
)

func (m Mode) String() string {
	return [...]string{"none", "lost", "unanswered", "conflict", "throttle", "dead"}[m]
}

// ErrBroken is the error of a connection that broke.
var ErrBroken = errors.New("the connection broke")

// A Transport asks Decide what is to happen to each call of an operation such
// as TransactWriteItems.
type Transport struct {
	Next   http.RoundTripper
	Decide func(operation string) Mode

	mu         sync.Mutex
	dead       bool
	unanswered map[string]bool // tokens of transactions whose reply stays lost
}

// RoundTrip implements http.RoundTripper.
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	r.Body.Close()
	r.Body = io.NopCloser(bytes.NewReader(body))
	operation := r.Header.Get("X-Amz-Target")
	operation = operation[strings.LastIndexByte(operation, '.')+1:]
	var call struct {
		ClientRequestToken string
		TransactItems      []json.RawMessage
	}
	// What is not a transaction has none of the fields.
	_ = json.Unmarshal(body, &call)
	switch t.mode(operation, call.ClientRequestToken) {
	case Lost, Dead:
		return nil, ErrBroken
	case Unanswered:
		if resp, err := t.Next.RoundTrip(r); err == nil {
			_, _ = io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
		}
		return nil, ErrBroken
	case Conflict:
		if operation == "TransactWriteItems" {
			return cancelled(r, len(call.TransactItems), "TransactionConflict"), nil
		}
	case Throttle:
		if operation == "TransactWriteItems" {
			return cancelled(r, len(call.TransactItems), "ThrottlingError"), nil
		}
		return answer(r, `{"__type":"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException","message":"slow down"}`), nil
	case None:
	}
	return t.Next.RoundTrip(r)
}

func (t *Transport) mode(operation, token string) Mode {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.dead {
		return Dead
	}
	if token != "" && t.unanswered[token] {
		return Unanswered
	}
	m := t.Decide(operation)
	switch {
	case m == Dead:
		t.dead = true
	case m == Unanswered && token != "":
		if t.unanswered == nil {
			t.unanswered = map[string]bool{}
		}
		t.unanswered[token] = true
	}
	return m
}

// cancelled is a transaction that was cancelled because of its first action.
func cancelled(r *http.Request, actions int, code string) *http.Response {
	reasons := make([]map[string]string, actions)
	for i := range reasons {
		reasons[i] = map[string]string{"Code": "None"}
	}
	if actions > 0 {
		reasons[0] = map[string]string{"Code": code, "Message": "injected"}
	}
	list, _ := json.Marshal(reasons) // strings always encode
	return answer(r, fmt.Sprintf(`{"__type":"com.amazonaws.dynamodb.v20120810#TransactionCanceledException","Message":"Transaction cancelled","CancellationReasons":%s}`, list))
}

func answer(r *http.Request, body string) *http.Response {
	return &http.Response{
		Status: "400 Bad Request", StatusCode: http.StatusBadRequest, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {"application/x-amz-json-1.0"}},
		Body:   io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)),
		Request: r,
	}
}
