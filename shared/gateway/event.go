package gateway

import (
	"encoding/base64"
	"mime"
	"net"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-lambda-go/events"
)

// Event is what an API Gateway HTTP API would send to a function for r. Lambda
// is its counterpart: together they let a plain HTTP server run a function
// through the very code that runs in the cloud.
//
// body is r's whole body, already read. requestID, pathParameters and routeKey
// (such as "GET /v1/orders/{id}", or "$default") are what the caller's routing
// found. The event names no time, account, API or authorizer.
func Event(r *http.Request, body []byte, requestID string, pathParameters map[string]string, routeKey string) events.APIGatewayV2HTTPRequest {
	sourceIP, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		sourceIP = r.RemoteAddr
	}
	domain, _, err := net.SplitHostPort(r.Host)
	if err != nil {
		domain = r.Host
	}
	prefix, _, _ := strings.Cut(domain, ".")

	event := events.APIGatewayV2HTTPRequest{
		Version:               "2.0",
		RouteKey:              routeKey,
		RawPath:               r.URL.Path, // decoded: see targetURL
		RawQueryString:        r.URL.RawQuery,
		Cookies:               splitCookies(r.Header),
		Headers:               joinedHeaders(r),
		QueryStringParameters: joinedQuery(r),
		PathParameters:        pathParameters,
		RequestContext: events.APIGatewayV2HTTPRequestContext{
			RouteKey:     routeKey,
			Stage:        "$default",
			RequestID:    requestID,
			DomainName:   domain,
			DomainPrefix: prefix,
			HTTP: events.APIGatewayV2HTTPRequestContextHTTPDescription{
				Method:    r.Method,
				Path:      r.URL.Path,
				Protocol:  r.Proto,
				SourceIP:  sourceIP,
				UserAgent: r.UserAgent(),
			},
		},
	}
	if isText(r.Header.Get("Content-Type"), body) {
		event.Body = string(body)
	} else {
		event.Body, event.IsBase64Encoded = base64.StdEncoding.EncodeToString(body), true
	}
	return event
}

// WriteResponse sends a function's answer to the client as an API Gateway HTTP
// API would. An answer that API Gateway can't read becomes its bare 500.
func WriteResponse(w http.ResponseWriter, resp events.APIGatewayV2HTTPResponse) {
	content, err := decodeBody(resp.Body, resp.IsBase64Encoded)
	if err != nil || resp.StatusCode < 200 || resp.StatusCode > 599 {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = w.Write([]byte(`{"message":"Internal Server Error"}`))
		return
	}
	// Without a value net/http would guess a type that the function didn't give.
	w.Header()["Content-Type"] = nil
	for name, value := range resp.Headers {
		w.Header().Set(name, value)
	}
	for _, cookie := range resp.Cookies {
		w.Header().Add("Set-Cookie", cookie)
	}
	if len(content) > 0 {
		w.Header().Set("Content-Length", strconv.Itoa(len(content)))
	}
	w.WriteHeader(resp.StatusCode)
	if len(content) > 0 {
		// The client may be gone; nobody is left to tell.
		_, _ = w.Write(content)
	}
}

// joinedHeaders are r's headers in lower case, each in one string, without cookies.
func joinedHeaders(r *http.Request) map[string]string {
	out := make(map[string]string, len(r.Header)+1)
	for name, values := range r.Header {
		if name != "Cookie" {
			out[strings.ToLower(name)] = strings.Join(values, ",")
		}
	}
	out["host"] = r.Host
	return out
}

// splitCookies are the single cookies of all Cookie headers.
func splitCookies(h http.Header) []string {
	var out []string
	for _, line := range h.Values("Cookie") {
		for cookie := range strings.SplitSeq(line, ";") {
			if cookie = strings.TrimSpace(cookie); cookie != "" {
				out = append(out, cookie)
			}
		}
	}
	return out
}

// joinedQuery is r's query, decoded, each parameter in one string.
func joinedQuery(r *http.Request) map[string]string {
	query := r.URL.Query()
	if len(query) == 0 {
		return nil
	}
	out := make(map[string]string, len(query))
	for name, values := range query {
		out[name] = strings.Join(values, ",")
	}
	return out
}

// isText reports whether API Gateway passes a body on as it is: by its media
// type, and only these. Forms and bodies of no type are bytes to it.
func isText(contentType string, body []byte) bool {
	if len(body) == 0 {
		return true
	}
	media, _, err := mime.ParseMediaType(contentType)
	if err != nil || !utf8.Valid(body) {
		return false
	}
	switch media {
	case "application/json", "application/javascript", "application/xml":
		return true
	}
	return strings.HasPrefix(media, "text/")
}
