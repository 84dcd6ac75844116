package gateway_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"pgregory.net/rapid"

	"waybill/shared/gateway"
)

// throughGateway serves h as the cloud does: as an event, in JSON, by Lambda.
func throughGateway(t *testing.T, h http.Handler) http.Handler {
	invoke := gateway.Lambda(h)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
			return
		}
		sent := gateway.Event(r, body, "req-1", nil, "$default")
		var event events.APIGatewayV2HTTPRequest
		var resp events.APIGatewayV2HTTPResponse
		viaJSON(t, sent, &event)
		answer, err := invoke(r.Context(), event)
		if err != nil {
			t.Error(err)
		}
		viaJSON(t, answer, &resp)
		gateway.WriteResponse(w, resp)
	})
}

func viaJSON(t *testing.T, from, to any) {
	raw, err := json.Marshal(from)
	if err == nil {
		err = json.Unmarshal(raw, to)
	}
	if err != nil {
		t.Error(err)
	}
}

// answer is what a handler is to do.
type answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// sight is what a handler saw of a request, duplicates of headers joined.
type sight struct {
	Method, Path, RawQuery, RequestURI, Host, Proto, RemoteIP, Body string
	ContentLength                                                   int64
	Header                                                          map[string]string
}

func see(r *http.Request) sight {
	body, _ := io.ReadAll(r.Body)
	ip, _, _ := net.SplitHostPort(r.RemoteAddr)
	return sight{
		Method: r.Method, Path: r.URL.Path, RawQuery: r.URL.RawQuery, RequestURI: r.RequestURI, Host: r.Host,
		Proto: r.Proto, RemoteIP: ip, Body: string(body), ContentLength: r.ContentLength, Header: joined(r.Header, ","),
	}
}

func joined(h http.Header, by string) map[string]string {
	out := map[string]string{}
	for name, values := range h {
		out[name] = strings.Join(values, by)
	}
	return out
}

func TestServingThroughTheGatewayEqualsServingDirectly(t *testing.T) {
	seen := make(chan sight, 1)
	answers := make(chan answer, 1)
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen <- see(r)
		a := <-answers
		for name, values := range a.Header {
			w.Header()[name] = values
		}
		w.WriteHeader(a.Status)
		_, _ = w.Write(a.Body)
	})
	direct, gated := httptest.NewServer(h), httptest.NewServer(throughGateway(t, h))
	defer direct.Close()
	defer gated.Close()
	client := &http.Client{
		Transport:     &http.Transport{DisableCompression: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	defer client.CloseIdleConnections()

	value := rapid.StringMatching(`[!-~]([ -~]{0,20}[!-~])?`)
	name := rapid.SampledFrom([]string{"Accept", "Date", "If-Match", "Stripe-Signature", "X-Trace", "Content-Type"})
	headers := rapid.MapOfN(name, rapid.SliceOfN(value, 1, 2), 0, 4)
	body := rapid.OneOf(rapid.Just([]byte{}), rapid.SliceOfN(rapid.Byte(), 1, 3000),
		rapid.Map(rapid.String(), func(s string) []byte { return []byte(s) }))

	rapid.Check(t, func(t *rapid.T) {
		method := rapid.SampledFrom([]string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}).Draw(t, "method")
		path := "/" + rapid.StringOf(rapid.OneOf(rapid.Rune(), rapid.SampledFrom([]rune("/%?#&+; .")))).Draw(t, "path")
		query := rapid.StringMatching(`([a-c]=[!-"$-~]{0,5}(&|;|,|%2F)){0,4}`).Draw(t, "query")
		header := headers.Draw(t, "header")
		cookie := rapid.StringMatching(`(a=[0-9]{1,3}(; b="x,y")?)?`).Draw(t, "cookie")
		content := body.Draw(t, "body")
		a := answer{
			Status: rapid.SampledFrom([]int{200, 201, 204, 302, 304, 400, 404, 409, 412, 422, 500, 503}).Draw(t, "status"),
			Header: headers.Draw(t, "answer header"),
			Body:   body.Draw(t, "answer body"),
		}
		if rapid.Bool().Draw(t, "cookies set") {
			a.Header["Set-Cookie"] = []string{"a=1; Expires=Tue, 15 Nov 2033 08:12:31 GMT", "b=2"}
		}
		if rapid.Bool().Draw(t, "type withheld") {
			a.Header["Content-Type"] = nil
		}
		if rapid.Bool().Draw(t, "encoded") {
			a.Header["Content-Encoding"] = []string{"br"}
		}

		exchange := func(server *httptest.Server) (sight, answer) {
			target, err := url.Parse(server.URL)
			if err != nil {
				t.Fatal(err)
			}
			target.Path, target.RawQuery = path, query
			req, err := http.NewRequestWithContext(t.Context(), method, server.URL, bytes.NewReader(content))
			if err != nil {
				t.Fatal(err)
			}
			req.URL, req.Host = target, "shop.example.com"
			for name, values := range header {
				req.Header[name] = values
			}
			if cookie != "" {
				req.Header.Set("Cookie", cookie)
			}
			answers <- a
			resp, err := client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = resp.Body.Close() }()
			got, err := io.ReadAll(resp.Body)
			if err != nil {
				t.Fatal(err)
			}
			// Of a HEAD, net/http tells the length only of what fits its buffer.
			if method == "HEAD" {
				resp.Header.Del("Content-Length")
			}
			if _, ours := a.Header["Date"]; !ours {
				resp.Header.Del("Date") // the server's clock
			}
			return <-seen, answer{resp.StatusCode, resp.Header, got}
		}
		wantSight, want := exchange(direct)
		gotSight, got := exchange(gated)

		if !reflect.DeepEqual(gotSight, wantSight) {
			t.Errorf("the handler saw\n%+v, directly\n%+v", gotSight, wantSight)
		}
		if got.Status != want.Status || !bytes.Equal(got.Body, want.Body) {
			t.Errorf("the client got %d %q, directly %d %q", got.Status, got.Body, want.Status, want.Body)
		}
		if !reflect.DeepEqual(got.Header["Set-Cookie"], want.Header["Set-Cookie"]) {
			t.Errorf("the client got cookies %q, directly %q", got.Header["Set-Cookie"], want.Header["Set-Cookie"])
		}
		if got, want := joined(got.Header, ", "), joined(want.Header, ", "); !reflect.DeepEqual(got, want) {
			t.Errorf("the client got headers %q, directly %q", got, want)
		}
	})
}

func TestEventIsAPIGateways(t *testing.T) {
	r := httptest.NewRequest(http.MethodPost, "/space%20value/a%2Fb?repeat=one&repeat=two&to=https%3A%2F%2Fa", nil)
	r.Host = "shop.example.com:3000"
	r.RemoteAddr = "[::1]:51234"
	r.Header = http.Header{
		"X-Probe":      {"first", "second"},
		"Cookie":       {"session=abc; theme=dark;", "a=1"},
		"User-Agent":   {"curl/8"},
		"Content-Type": {"application/json; charset=utf-8"},
	}
	got := gateway.Event(r, []byte(`{"λ":1}`), "req-1", map[string]string{"id": "space value"}, "POST /{id}/{proxy+}")

	want := events.APIGatewayV2HTTPRequest{
		Version:        "2.0",
		RouteKey:       "POST /{id}/{proxy+}",
		RawPath:        "/space value/a/b",
		RawQueryString: "repeat=one&repeat=two&to=https%3A%2F%2Fa",
		Cookies:        []string{"session=abc", "theme=dark", "a=1"},
		Headers: map[string]string{
			"host": "shop.example.com:3000", "x-probe": "first,second",
			"user-agent": "curl/8", "content-type": "application/json; charset=utf-8",
		},
		QueryStringParameters: map[string]string{"repeat": "one,two", "to": "https://a"},
		PathParameters:        map[string]string{"id": "space value"},
		RequestContext: events.APIGatewayV2HTTPRequestContext{
			RouteKey: "POST /{id}/{proxy+}", Stage: "$default", RequestID: "req-1",
			DomainName: "shop.example.com", DomainPrefix: "shop",
			HTTP: events.APIGatewayV2HTTPRequestContextHTTPDescription{
				Method: "POST", Path: "/space value/a/b", Protocol: "HTTP/1.1", SourceIP: "::1", UserAgent: "curl/8",
			},
		},
		Body: `{"λ":1}`,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%+v, want\n%+v", got, want)
	}
}

// Which bodies API Gateway passes on as text was found out against the real
// one: ministackorg/ministack#766.
func TestOnlyTextTypesTravelAsText(t *testing.T) {
	for _, c := range []struct {
		contentType, body string
		base64            bool
	}{
		{"application/json", "{}", false},
		{"Application/JSON; charset=utf-8", "{}", false},
		{"application/xml", "<a/>", false},
		{"application/javascript", "1", false},
		{"text/csv", "a,b", false},
		{"", "", false},
		{"", "{}", true},
		{"application/x-www-form-urlencoded", "a=b", true},
		{"application/octet-stream", "a", true},
		{"text/plain", "\xff", true},
		{"///", "a", true},
	} {
		r := httptest.NewRequest(http.MethodPost, "/", nil)
		r.Header.Set("Content-Type", c.contentType)
		if got := gateway.Event(r, []byte(c.body), "", nil, ""); got.IsBase64Encoded != c.base64 {
			t.Errorf("%q of type %q: base64 is %v", c.body, c.contentType, got.IsBase64Encoded)
		}
	}
}

func TestUnreadableAnswerIsABare500(t *testing.T) {
	for name, resp := range map[string]events.APIGatewayV2HTTPResponse{
		"no status":     {Body: "secret"},
		"informational": {StatusCode: 101},
		"status 600":    {StatusCode: 600},
		"bad base64":    {StatusCode: 200, Body: "%secret", IsBase64Encoded: true},
	} {
		t.Run(name, func(t *testing.T) {
			w := httptest.NewRecorder()
			gateway.WriteResponse(w, resp)
			if w.Code != 500 || w.Body.String() != `{"message":"Internal Server Error"}` {
				t.Errorf("got %d %s", w.Code, w.Body)
			}
		})
	}
}
