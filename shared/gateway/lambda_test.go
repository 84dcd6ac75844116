package gateway_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-lambda-go/events"

	"waybill/shared/gateway"
)

// get is the event of a plain GET, for tests to spoil.
func get(path string) events.APIGatewayV2HTTPRequest {
	event := events.APIGatewayV2HTTPRequest{Version: "2.0", RawPath: path}
	event.RequestContext.RequestID = "req-1"
	event.RequestContext.DomainName = "api.example.com"
	event.RequestContext.HTTP = events.APIGatewayV2HTTPRequestContextHTTPDescription{
		Method: "GET", Path: path, Protocol: "HTTP/1.1", SourceIP: "192.0.2.7",
	}
	return event
}

// received returns the request, and its body, that a handler is given for event.
func received(t *testing.T, event events.APIGatewayV2HTTPRequest) (*http.Request, string) {
	t.Helper()
	var got *http.Request
	var body []byte
	resp, err := gateway.Lambda(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		got = r
		body, _ = io.ReadAll(r.Body)
	}))(t.Context(), event)
	if err != nil || got == nil {
		t.Fatalf("the handler was not reached: %v, %+v", err, resp)
	}
	return got, string(body)
}

// answered returns what a client is told when a handler does as given.
func answered(t *testing.T, method string, h http.HandlerFunc) events.APIGatewayV2HTTPResponse {
	t.Helper()
	event := get("/")
	event.RequestContext.HTTP.Method = method
	resp, err := gateway.Lambda(h)(t.Context(), event)
	if err != nil {
		t.Fatal(err)
	}
	return resp
}

func TestHeaderValuesArriveWhole(t *testing.T) {
	want := map[string]string{
		"stripe-signature": "t=1492774577,v1=5257a869e7,v1=6ffbb59b",
		"date":             "Tue, 15 Nov 1994 08:12:31 GMT",
		"accept":           "text/html,application/json;q=0.9, */*",
		"if-match":         `"1", "2"`,
	}
	event := get("/")
	event.Headers = want
	r, _ := received(t, event)
	for name, value := range want {
		if got := r.Header.Values(name); len(got) != 1 || got[0] != value {
			t.Errorf("%s arrived as %q, want %q alone", name, got, value)
		}
	}
}

func TestCookiesBecomeOneHeader(t *testing.T) {
	event := get("/")
	event.Headers = map[string]string{"cookie": "a=1; b=x y"}
	event.Cookies = []string{"a=1", "b=x y"}
	r, _ := received(t, event)
	if got := r.Header.Values("Cookie"); len(got) != 1 || got[0] != "a=1; b=x y" {
		t.Errorf("Cookie arrived as %q", got)
	}
}

// An HTTP API delivers rawPath decoded, as live captures show, and
// rawQueryString as it was sent.
func TestPathIsTakenAsDecoded(t *testing.T) {
	for _, c := range []struct{ name, rawPath, rawQuery, requestURI string }{
		{"plain", "/v1/orders", "", "/v1/orders"},
		{"space", "/space value", "", "/space%20value"},
		{"unicode", "/商品/λ", "", "/%E5%95%86%E5%93%81/%CE%BB"},
		{"question mark", "/a?admin=true", "x=1", "/a%3Fadmin=true?x=1"},
		{"fragment", "/a#b", "", "/a%23b"},
		{"percent", "/100%", "", "/100%25"},
		{"what looks encoded", "/a%2Fb", "", "/a%252Fb"},
		{"two slashes", "//host/a", "", "//host/a"},
		{"dots", "/a/../b/.", "", "/a/../b/."},
		{"query untouched", "/", "r=a%2Fb&p=a+b&q=%2B&e=&x&x=1,2&s=;", "/?r=a%2Fb&p=a+b&q=%2B&e=&x&x=1,2&s=;"},
	} {
		t.Run(c.name, func(t *testing.T) {
			event := get(c.rawPath)
			event.RawQueryString = c.rawQuery
			r, _ := received(t, event)
			if r.URL.Path != c.rawPath || r.URL.RawQuery != c.rawQuery || r.RequestURI != c.requestURI {
				t.Errorf("got path %q, query %q, RequestURI %q, want %q, %q, %q",
					r.URL.Path, r.URL.RawQuery, r.RequestURI, c.rawPath, c.rawQuery, c.requestURI)
			}
		})
	}
}

func TestRequestLooksLikeOneOfAServer(t *testing.T) {
	event := get("/v1/orders")
	event.RequestContext.HTTP.Method = "POST"
	event.RequestContext.HTTP.SourceIP = "2001:db8::1"
	event.Headers = map[string]string{"host": "shop.example.com", "content-type": "application/json"}
	event.Body, event.IsBase64Encoded = base64.StdEncoding.EncodeToString([]byte("\xff{}")), true
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()

	var r *http.Request
	var body []byte
	_, err := gateway.Lambda(http.HandlerFunc(func(_ http.ResponseWriter, got *http.Request) {
		r = got
		body, _ = io.ReadAll(got.Body)
	}))(ctx, event)
	if err != nil {
		t.Fatal(err)
	}
	if r.Method != http.MethodPost || r.Host != "shop.example.com" || r.Header.Get("Host") != "" || r.RemoteAddr != "[2001:db8::1]:0" {
		t.Errorf("got %s from %s for %q with Host header %q", r.Method, r.RemoteAddr, r.Host, r.Header.Get("Host"))
	}
	if r.Proto != "HTTP/1.1" || r.ProtoMajor != 1 || r.ProtoMinor != 1 {
		t.Errorf("got protocol %s %d.%d", r.Proto, r.ProtoMajor, r.ProtoMinor)
	}
	if string(body) != "\xff{}" || r.ContentLength != 3 {
		t.Errorf("got body %q of declared length %d", body, r.ContentLength)
	}
	if id := gateway.RequestID(r.Context()); id != "req-1" {
		t.Errorf("got request id %q", id)
	}
	want, _ := ctx.Deadline()
	if got, ok := r.Context().Deadline(); !ok || !got.Equal(want) {
		t.Errorf("got deadline %v, want the invocation's %v", got, want)
	}
	if r, _ := received(t, get("/")); r.Host != "api.example.com" || r.Body == nil || r.ContentLength != 0 {
		t.Errorf("without headers and body: Host %q, body %v of length %d", r.Host, r.Body, r.ContentLength)
	}
}

func TestMalformedEventIsA400Problem(t *testing.T) {
	for name, spoil := range map[string]func(*events.APIGatewayV2HTTPRequest){
		"empty event":          func(e *events.APIGatewayV2HTTPRequest) { *e = events.APIGatewayV2HTTPRequest{} },
		"bad base64":           func(e *events.APIGatewayV2HTTPRequest) { e.Body, e.IsBase64Encoded = "%%%", true },
		"no slash":             func(e *events.APIGatewayV2HTTPRequest) { e.RawPath = "http://evil/" },
		"blank in query":       func(e *events.APIGatewayV2HTTPRequest) { e.RawQueryString = "a=b c" },
		"line break in query":  func(e *events.APIGatewayV2HTTPRequest) { e.RawQueryString = "a\r\nb" },
		"no method":            func(e *events.APIGatewayV2HTTPRequest) { e.RequestContext.HTTP.Method = "" },
		"method with a blank":  func(e *events.APIGatewayV2HTTPRequest) { e.RequestContext.HTTP.Method = "GET /" },
		"method not of tokens": func(e *events.APIGatewayV2HTTPRequest) { e.RequestContext.HTTP.Method = "GÉT" },
	} {
		t.Run(name, func(t *testing.T) {
			event := get("/")
			spoil(&event)
			resp, err := gateway.Lambda(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
				t.Error("the handler was reached")
			}))(t.Context(), event)
			if err != nil {
				t.Fatal(err)
			}
			wantProblem(t, resp, http.StatusBadRequest, "malformed_request")
		})
	}
}

func wantProblem(t *testing.T, resp events.APIGatewayV2HTTPResponse, status int, code string) {
	t.Helper()
	var p gateway.Problem
	if err := json.Unmarshal([]byte(resp.Body), &p); err != nil {
		t.Fatalf("the body is not JSON: %v in %q", err, resp.Body)
	}
	if resp.StatusCode != status || p.Status != status || p.Code != code || resp.Headers["Content-Type"] != "application/problem+json" {
		t.Errorf("got %d %v with %+v, want %d %s", resp.StatusCode, resp.Headers, p, status, code)
	}
}

func TestAnswerKeepsNetHTTPsRules(t *testing.T) {
	for _, c := range []struct {
		name    string
		method  string
		handler http.HandlerFunc
		status  int
		body    string
		headers map[string]string
	}{
		{"nothing written is an empty 200", "GET",
			func(http.ResponseWriter, *http.Request) {},
			200, "", map[string]string{}},
		{"the type is sniffed", "GET",
			func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") },
			200, "<html>", map[string]string{"Content-Type": "text/html; charset=utf-8"}},
		{"a given type stands", "GET",
			func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "text/csv")
				_, _ = io.WriteString(w, "<html>")
			},
			200, "<html>", map[string]string{"Content-Type": "text/csv"}},
		{"several values join", "GET",
			func(w http.ResponseWriter, _ *http.Request) {
				w.Header()["Vary"] = []string{"Accept", "Origin"}
				w.WriteHeader(http.StatusCreated)
			},
			201, "", map[string]string{"Vary": "Accept, Origin"}},
		{"the first status stands", "GET",
			func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(http.StatusConflict)
				w.WriteHeader(http.StatusOK)
			},
			409, "", map[string]string{}},
		{"informational statuses pass by", "GET",
			func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(http.StatusEarlyHints)
				w.WriteHeader(http.StatusNotFound)
			},
			404, "", map[string]string{}},
		{"headers after the status are too late", "GET",
			func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(http.StatusOK)
				w.Header().Set("ETag", `"1"`)
			},
			200, "", map[string]string{}},
		{"a flush sends the headers", "GET",
			func(w http.ResponseWriter, _ *http.Request) {
				w.(http.Flusher).Flush()
				w.WriteHeader(http.StatusInternalServerError)
				_, _ = io.WriteString(w, "a")
			},
			200, "a", map[string]string{"Content-Type": "text/plain; charset=utf-8"}},
		{"HEAD has headers only", "HEAD",
			func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") },
			200, "", map[string]string{"Content-Type": "text/plain; charset=utf-8", "Content-Length": "5"}},
		{"no header is split in two", "GET",
			func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Location", "/a\r\nSet-Cookie: b") },
			200, "", map[string]string{"Location": "/a  Set-Cookie: b"}},
		{"a wrong length is not passed on", "GET",
			func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Length", "99")
				w.Header().Set("Content-Type", "text/plain")
				_, _ = io.WriteString(w, "a")
			},
			200, "a", map[string]string{"Content-Type": "text/plain"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			resp := answered(t, c.method, c.handler)
			if resp.StatusCode != c.status || resp.Body != c.body || resp.IsBase64Encoded || !reflect.DeepEqual(resp.Headers, c.headers) {
				t.Errorf("got %+v, want %d %q %v", resp, c.status, c.body, c.headers)
			}
		})
	}
}

func TestBodilessStatusesHaveNoBody(t *testing.T) {
	for _, status := range []int{http.StatusNoContent, http.StatusNotModified} {
		resp := answered(t, "GET", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			if _, err := io.WriteString(w, "x"); !errors.Is(err, http.ErrBodyNotAllowed) {
				t.Errorf("%d: writing a body gave %v", status, err)
			}
		})
		if resp.StatusCode != status || resp.Body != "" || len(resp.Headers) != 0 {
			t.Errorf("got %+v", resp)
		}
	}
}

func TestEachSetCookieStandsAlone(t *testing.T) {
	want := []string{"a=1; Expires=Tue, 15 Nov 2033 08:12:31 GMT", "b=2; HttpOnly"}
	resp := answered(t, "GET", func(w http.ResponseWriter, _ *http.Request) {
		for _, c := range want {
			w.Header().Add("Set-Cookie", c)
		}
	})
	if !reflect.DeepEqual(resp.Cookies, want) || len(resp.Headers) != 0 {
		t.Errorf("got cookies %q and headers %v", resp.Cookies, resp.Headers)
	}
}

func TestBytesTravelAsBase64(t *testing.T) {
	for _, c := range []struct {
		name, encoding, body string
		base64               bool
	}{
		{"text", "", "naïve λ \u2028 \x00", false},
		{"bytes", "", "%PDF-1.7\xe2\xe3", true},
		{"encoded text", "gzip", "plain", true},
		{"long text", "", strings.Repeat("a", 2<<20), true},
	} {
		t.Run(c.name, func(t *testing.T) {
			resp := answered(t, "GET", func(w http.ResponseWriter, _ *http.Request) {
				if c.encoding != "" {
					w.Header().Set("Content-Encoding", c.encoding)
				}
				_, _ = io.WriteString(w, c.body)
			})
			got := []byte(resp.Body)
			if resp.IsBase64Encoded {
				got, _ = base64.StdEncoding.DecodeString(resp.Body)
			}
			if resp.IsBase64Encoded != c.base64 || string(got) != c.body {
				t.Errorf("base64 is %v, want %v; bodies equal: %v", resp.IsBase64Encoded, c.base64, string(got) == c.body)
			}
		})
	}
}

// The worst texts are those that JSON escapes: a control character takes six
// bytes, so that a body well under the limit can burst it.
func TestNoAnswerIsTooLongForLambda(t *testing.T) {
	const limit = 6 << 20
	for _, c := range []struct {
		name   string
		body   string
		status int
	}{
		{"escapes below the text limit", strings.Repeat("\x01", 1<<20-20<<10), 200},
		{"escapes above it", strings.Repeat("\x01", 4<<20), 200},
		{"as many bytes as fit", strings.Repeat("\xff", (limit-64<<10)/4*3), 200},
		{"one more", strings.Repeat("\xff", (limit-64<<10)/4*3+1), 500},
		{"text of 7 MB", strings.Repeat("a", 7<<20), 500},
	} {
		t.Run(c.name, func(t *testing.T) {
			resp := answered(t, "GET", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, c.body) })
			if resp.StatusCode != c.status {
				t.Errorf("got %d, want %d", resp.StatusCode, c.status)
			}
			if c.status == 500 {
				wantProblem(t, resp, 500, "response_too_large")
			}
			if sent, err := json.Marshal(resp); err != nil || len(sent) > limit {
				t.Errorf("the payload has %d bytes: %v", len(sent), err)
			}
		})
	}
	if resp := answered(t, "HEAD", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 7<<20)) }); resp.StatusCode != http.StatusOK {
		t.Errorf("a HEAD, which carries no body, got %d", resp.StatusCode)
	}
}

func TestAbortIsAnErrorAndNoCrash(t *testing.T) {
	_, err := gateway.Lambda(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "half")
		panic(http.ErrAbortHandler)
	}))(t.Context(), get("/"))
	if !errors.Is(err, http.ErrAbortHandler) {
		t.Errorf("got %v", err)
	}
}

func FuzzLambda(f *testing.F) {
	for _, seed := range []string{
		`{"version":"2.0","rawPath":"/a b?c#d%","rawQueryString":"x=%2F&y=a+b","headers":{"host":"h","stripe-signature":"t=1,v1=a"},"cookies":["a=1","b=2"],"requestContext":{"requestId":"r","http":{"method":"POST","protocol":"HTTP/1.1","sourceIp":"::1"}},"body":"{}"}`,
		`{"rawPath":"/","requestContext":{"http":{"method":"GET"}},"body":"/w==","isBase64Encoded":true}`,
		`{"rawPath":"/","requestContext":{"http":{"method":"HEAD","protocol":"HTTP/9.9"}},"body":"*","isBase64Encoded":true}`,
		`{"rawPath":"//evil.example/..","rawQueryString":"\u0000","requestContext":{"http":{"method":"GET"}}}`,
		`{"rawPath":"/\n","headers":{"":"","a b":"\r\n","Host":"x","host":"y"},"requestContext":{"http":{"method":"get"}}}`,
		`{}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var event events.APIGatewayV2HTTPRequest
		if json.Unmarshal(raw, &event) != nil {
			return
		}
		reached := false
		resp, err := gateway.Lambda(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			reached = true
			body, err := io.ReadAll(r.Body)
			if err != nil || int64(len(body)) != r.ContentLength {
				t.Errorf("read %d bytes of %d: %v", len(body), r.ContentLength, err)
			}
			if r.URL.Path != event.RawPath || r.URL.RawQuery != event.RawQueryString || r.Method != event.RequestContext.HTTP.Method {
				t.Errorf("got %s %q ? %q", r.Method, r.URL.Path, r.URL.RawQuery)
			}
			if again, err := url.ParseRequestURI(r.RequestURI); err != nil || again.Path != r.URL.Path || again.RawQuery != r.URL.RawQuery {
				t.Errorf("RequestURI %q reads as %v: %v", r.RequestURI, again, err)
			}
			w.Header().Set("X-Path", r.URL.Path)
			_, _ = w.Write(body)
		}))(t.Context(), event)
		if err != nil {
			t.Fatal(err)
		}
		if want := map[bool]int{true: 200, false: 400}[reached]; resp.StatusCode != want {
			t.Errorf("got %d, want %d", resp.StatusCode, want)
		}
		if sent, err := json.Marshal(resp); err != nil || len(sent) > 6<<20 || !utf8.Valid(sent) || bytes.ContainsAny([]byte(resp.Headers["X-Path"]), "\r\n") {
			t.Errorf("not fit to be sent: %d bytes, %v, %q", len(sent), err, resp.Headers)
		}
	})
}
