package local

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"waybill/infra/template"
	"waybill/shared/gateway"
)

const (
	maxRequest      = 10 << 20         // bytes of body that API Gateway takes
	functionTimeout = 20 * time.Second // as in the template, unless Config.Patience is more
)

// front answers 503 until the system behind it is ready.
type front struct{ ready atomic.Pointer[http.ServeMux] }

func (f *front) open(mux *http.ServeMux) { f.ready.Store(mux) }

func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if mux := f.ready.Load(); mux != nil {
		mux.ServeHTTP(w, r)
		return
	}
	w.Header().Set("Retry-After", "1")
	gateway.WriteProblem(w, r, gateway.Problem{
		Status: http.StatusServiceUnavailable, Code: "starting", Detail: "Waybill is starting.",
	})
}

// apiGateway stands for the HTTP API: it finds the function of a request and
// invokes it with the event that API Gateway would send.
type apiGateway struct {
	router    *template.Router
	functions map[string]function
	timeout   time.Duration
}

type function func(context.Context, events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error)

func newGateway(router *template.Router, handlers map[string]http.Handler, patience time.Duration) http.Handler {
	g := &apiGateway{router: router, functions: map[string]function{}, timeout: max(functionTimeout, patience+time.Second)}
	for name, h := range handlers {
		g.functions[name] = gateway.Lambda(h)
	}
	return g
}

func (g *apiGateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	match, ok := g.router.Match(r.Method, r.URL.EscapedPath())
	if !ok {
		refuse(w, http.StatusNotFound, "Not Found")
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequest))
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		refuse(w, http.StatusRequestEntityTooLarge, "Request Entity Too Large")
		return
	}
	if err != nil {
		refuse(w, http.StatusBadRequest, "Bad Request")
		return
	}
	// A function in the cloud doesn't notice a client that hangs up.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), g.timeout)
	defer cancel()
	event := gateway.Event(r, body, rand.Text(), match.Parameters, match.Route.Key())
	resp, err := g.functions[match.Route.Function](ctx, event)
	if err != nil {
		refuse(w, http.StatusInternalServerError, "Internal Server Error")
		return
	}
	gateway.WriteResponse(w, resp)
}

// refuse answers as API Gateway itself does, which knows nothing of problem documents.
func refuse(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	// The client may be gone; nobody is left to tell.
	_, _ = io.WriteString(w, `{"message":"`+message+`"}`)
}
