package gateway

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-lambda-go/events"
)

const (
	// maxPayload is how many bytes of JSON Lambda takes back from a function.
	maxPayload = 6 << 20
	// framing is what is set aside of it for status, headers and punctuation.
	framing = 64 << 10
	// maxBody is the longest body that fits once it is base64.
	maxBody = (maxPayload - framing) / 4 * 3
	// maxText is the longest text that is sure to fit as a JSON string, where
	// a character can take six bytes. Longer texts travel as base64.
	maxText = (maxPayload - framing) / 6
)

// Lambda returns the Lambda handler that serves an API Gateway HTTP API
// (payload format 2.0) with h.
//
// Requests reach h as net/http's own server would bring them: header values
// whole, commas and all; the body decoded; the context that of the invocation,
// with its deadline, and with the request id for RequestID. An event that is
// no HTTP request is answered with a 400 problem, an answer too long for
// Lambda with a 500 problem. When h panics with http.ErrAbortHandler that
// error is returned, which API Gateway shows as its own 500; other panics are
// h's to recover from (see Chain).
func Lambda(h http.Handler) func(context.Context, events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
	return func(ctx context.Context, event events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
		r, err := newRequest(ctx, event)
		if err != nil {
			return problemEvent(event, Problem{ //nolint:nilerr // the client has failed, not the invocation
				Status: http.StatusBadRequest,
				Code:   "malformed_request",
				Detail: err.Error(),
			}), nil
		}
		w := &reply{header: http.Header{}, head: r.Method == http.MethodHead}
		if err := serve(h, w, r); err != nil {
			return events.APIGatewayV2HTTPResponse{}, err
		}
		if n := w.body.Len(); n > maxBody && !w.head {
			return problemEvent(event, Problem{
				Status: http.StatusInternalServerError,
				Code:   "response_too_large",
				Detail: fmt.Sprintf("The answer has %d bytes, more than the %d that can be sent. Ask for less at a time.", n, maxBody),
			}), nil
		}
		return w.event(), nil
	}
}

// serve runs h and turns its wish to abort the response into an error: as a
// panic it would end the process and cost the next request a cold start.
func serve(h http.Handler, w http.ResponseWriter, r *http.Request) (err error) {
	defer func() {
		switch v := recover(); {
		case v == nil:
		case isAbort(v):
			err = http.ErrAbortHandler
		default:
			panic(v)
		}
	}()
	h.ServeHTTP(w, r)
	return nil
}

// isAbort reports whether a panic's value asks to abort the response.
func isAbort(v any) bool {
	err, ok := v.(error)
	return ok && errors.Is(err, http.ErrAbortHandler)
}

// problemEvent answers an event that no handler could answer.
func problemEvent(event events.APIGatewayV2HTTPRequest, p Problem) events.APIGatewayV2HTTPResponse {
	method := event.RequestContext.HTTP.Method
	w := &reply{header: http.Header{}, head: method == http.MethodHead}
	secureHeaders(w.Header(), event.RequestContext.RequestID)
	WriteProblem(w, &http.Request{Method: method}, p)
	return w.event()
}

// newRequest is the net/http form of event. Its errors are fit for the client.
func newRequest(ctx context.Context, event events.APIGatewayV2HTTPRequest) (*http.Request, error) {
	target, err := targetURL(event)
	if err != nil {
		return nil, err
	}
	body, err := decodeBody(event.Body, event.IsBase64Encoded)
	if err != nil {
		return nil, errors.New("the body is not the base64 it says it is")
	}
	via := event.RequestContext
	if via.HTTP.Method == "" {
		return nil, errors.New("the method is missing")
	}
	r, err := http.NewRequestWithContext(withRequestID(ctx, via.RequestID), via.HTTP.Method, "/", http.NoBody)
	if err != nil {
		return nil, errors.New("the method is not an HTTP method")
	}

	r.URL = target
	r.RequestURI = target.RequestURI()
	if major, minor, ok := http.ParseHTTPVersion(via.HTTP.Protocol); ok {
		r.Proto, r.ProtoMajor, r.ProtoMinor = via.HTTP.Protocol, major, minor
	}
	if len(body) > 0 {
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	}
	if via.HTTP.SourceIP != "" {
		// net/http promises IP:port, and API Gateway tells no port.
		r.RemoteAddr = net.JoinHostPort(via.HTTP.SourceIP, "0")
	}

	for name, value := range event.Headers {
		r.Header.Add(name, value)
	}
	if len(event.Cookies) > 0 {
		// Joined rather than parsed: AddCookie would rewrite unusual values.
		r.Header.Set("Cookie", strings.Join(event.Cookies, "; "))
	}
	// A server keeps the Host header apart from the others.
	if r.Host = r.Header.Get("Host"); r.Host == "" {
		r.Host = via.DomainName
	}
	r.Header.Del("Host")
	return r, nil
}

// targetURL is the URL of event. An HTTP API decodes rawPath and leaves
// rawQueryString as it was sent, whatever their names say: the first is a path
// to escape, in which "?", "#" and "%" are characters like any other, the
// second is not touched. A %2F can't be told from a slash any more.
func targetURL(event events.APIGatewayV2HTTPRequest) (*url.URL, error) {
	if !strings.HasPrefix(event.RawPath, "/") {
		return nil, errors.New("the path does not begin with a slash")
	}
	for _, b := range []byte(event.RawQueryString) {
		if b <= ' ' || b == 0x7f {
			return nil, errors.New("the query has blanks or control characters")
		}
	}
	return &url.URL{Path: event.RawPath, RawQuery: event.RawQueryString}, nil
}

// decodeBody is the bytes of an event's body.
func decodeBody(body string, isBase64 bool) ([]byte, error) {
	if !isBase64 {
		return []byte(body), nil
	}
	return base64.StdEncoding.DecodeString(body)
}

// reply is the http.ResponseWriter that gathers a handler's answer. It keeps
// the rules of net/http's own: what is set after the headers went out is too
// late, the first status stands, some statuses have no body.
type reply struct {
	head   bool        // the request is a HEAD: the body is counted, not sent
	header http.Header // the handler's, which it may go on changing
	sent   http.Header // as they stood when the status was written
	status int         // 0 until it is written
	body   bytes.Buffer
}

func (w *reply) Header() http.Header { return w.header }

func (w *reply) WriteHeader(status int) {
	if status < 100 || status > 999 {
		panic(fmt.Sprintf("gateway: invalid status %d", status)) // as net/http does
	}
	// Informational statuses can't be sent ahead through API Gateway.
	if status < 200 || w.status != 0 {
		return
	}
	w.status, w.sent = status, w.header.Clone()
}

func (w *reply) Write(p []byte) (int, error) {
	w.Flush()
	if !bodyAllowed(w.status) {
		return 0, http.ErrBodyNotAllowed
	}
	return w.body.Write(p)
}

// Flush sends the headers, as far as anything is sent before the end.
func (w *reply) Flush() { w.WriteHeader(http.StatusOK) }

// event is the answer in API Gateway's form.
func (w *reply) event() events.APIGatewayV2HTTPResponse {
	w.Flush()
	w.describeBody()
	out := events.APIGatewayV2HTTPResponse{
		StatusCode: w.status,
		Headers:    make(map[string]string, len(w.sent)),
		Cookies:    w.sent.Values("Set-Cookie"),
	}
	for name, values := range w.sent {
		if name != "Set-Cookie" && len(values) > 0 {
			out.Headers[name] = oneLine.Replace(strings.Join(values, ", "))
		}
	}
	if w.head {
		return out
	}
	// API Gateway sends text as it is and takes only base64 for bytes, to which
	// an encoded (compressed) body belongs even where it happens to be UTF-8.
	content := w.body.Bytes()
	if len(content) <= maxText && w.sent.Get("Content-Encoding") == "" && utf8.Valid(content) {
		out.Body = string(content)
	} else {
		out.Body, out.IsBase64Encoded = base64.StdEncoding.EncodeToString(content), true
	}
	return out
}

// describeBody sets Content-Type and Content-Length as net/http's server does.
func (w *reply) describeBody() {
	n := w.body.Len()
	if _, given := w.sent["Content-Type"]; !given && n > 0 && w.sent.Get("Content-Encoding") == "" {
		w.sent.Set("Content-Type", http.DetectContentType(w.body.Bytes()))
	}
	switch {
	case w.head && n > 0:
		w.sent.Set("Content-Length", strconv.Itoa(n))
	case !w.head && w.status != http.StatusNotModified:
		w.sent.Del("Content-Length") // API Gateway counts what it sends
	}
}

// oneLine keeps a value from ending its header early, as net/http does.
var oneLine = strings.NewReplacer("\r", " ", "\n", " ")

// bodyAllowed reports whether a final status may have a body.
func bodyAllowed(status int) bool {
	return status != http.StatusNoContent && status != http.StatusNotModified
}
