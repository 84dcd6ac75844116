package gateway

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/ogen-go/ogen/middleware"

	"waybill/shared/access"
	"waybill/shared/api"
	"waybill/shared/ident"
	"waybill/shared/refusal"
	"waybill/shared/table"
)

// requestTime is how long an operation may work. The template gives functions
// 20 seconds, so that what took too long can still be said.
const requestTime = 15 * time.Second

// Edge is what the HTTP side of every function is built from.
type Edge struct {
	Tokens interface { // the issuer's tokens; a fake in tests stands for Cognito
		Verify(ctx context.Context, token string) (access.Principal, error)
	}
	Records *table.DB // denials are written there, and marks looked up
	Log     *slog.Logger
	Now     func() time.Time

	Patience time.Duration // how long an operation may work; 0 is requestTime
}

// IDs is where the function's ids and moments come from.
func (e Edge) IDs() ident.Source { return ident.At(e.Now) }

// Handler serves a group of the contract's operations, which h has, behind
// authentication, the permission that the contract names, problem documents,
// ETags and one log line a request.
func (e Edge) Handler(g api.Group, h api.Handler) (http.Handler, error) {
	server, err := api.NewServer(api.Only(g, h), guard{e},
		api.WithErrorHandler(e.fail),
		api.WithMiddleware(e.begin),
		api.WithNotFound(func(w http.ResponseWriter, r *http.Request) {
			WriteProblem(w, r, Problem{Status: http.StatusNotFound, Code: "not_found", Detail: "There is nothing at this path."})
		}),
		api.WithMethodNotAllowed(func(w http.ResponseWriter, r *http.Request, allowed string) {
			allowed = strings.ReplaceAll(allowed, ",", ", ")
			w.Header().Set("Allow", allowed)
			WriteProblem(w, r, Problem{Status: http.StatusMethodNotAllowed, Code: "method_not_allowed", Detail: "This path takes " + allowed + "."})
		}))
	if err != nil {
		return nil, err
	}
	return Chain(e.Log, e.Now, unchanged(server)), nil
}

// A call is what the middleware knows of a request and handlers ask for.
type call struct {
	principal access.Principal
	operation string
	hash      string
	accept    string
	host      string
}

type callKey struct{}

// Principal is who makes the request of ctx.
func Principal(ctx context.Context) access.Principal {
	c, _ := ctx.Value(callKey{}).(call)
	return c.principal
}

// Mark is the idempotency mark of the request of ctx, or nil when it came without a key.
func Mark(ctx context.Context, key api.OptString) *table.Mark {
	k, ok := key.Get()
	if !ok {
		return nil
	}
	c, _ := ctx.Value(callKey{}).(call)
	return &table.Mark{Principal: c.principal.ID, Operation: c.operation, Key: k, Hash: c.hash}
}

// PrefersHTML reports whether the client of ctx is a browser that wants a page.
func PrefersHTML(ctx context.Context) bool {
	c, _ := ctx.Value(callKey{}).(call)
	html, json := strings.Index(c.accept, "text/html"), strings.Index(c.accept, "application/json")
	return html >= 0 && (json < 0 || html < json)
}

// Host is the name that the client of ctx asked.
func Host(ctx context.Context) string {
	c, _ := ctx.Value(callKey{}).(call)
	return c.host
}

// begin is the first thing every operation does: a deadline, and the hash that
// tells a retry of the same request from another one. What the operation
// denies for its fields is audited like what the guard denies.
func (e Edge) begin(req middleware.Request, next middleware.Next) (middleware.Response, error) {
	ctx, cancel := context.WithTimeout(req.Context, cmp.Or(e.Patience, requestTime))
	defer cancel()
	SetRoute(ctx, req.OperationID)
	c, _ := ctx.Value(callKey{}).(call)
	c.operation, c.accept, c.host = req.OperationID, req.Raw.Header.Get("Accept"), req.Raw.Host
	if req.Raw.Header.Get("Idempotency-Key") != "" {
		sum := sha256.New()
		sum.Write([]byte(req.Raw.Method + " " + req.Raw.URL.RequestURI() + "\n"))
		sum.Write(req.RawBody)
		if req.Body == nil { // an operation without a body, of which the server reads none
			if _, err := io.Copy(sum, req.Raw.Body); err != nil {
				return middleware.Response{}, err
			}
		}
		c.hash = hex.EncodeToString(sum.Sum(nil))
	}
	req.SetContext(context.WithValue(ctx, callKey{}, c))
	resp, err := next(req)
	var refused *refusal.Error
	if errors.As(err, &refused) && refused.Kind == refusal.Denied {
		return resp, e.deny(ctx, c.principal, c.operation, err)
	}
	return resp, err
}

// guard is who may: it turns the bearer token into a principal and holds it
// against the permission that the contract names for the operation.
type guard struct{ edge Edge }

// HandleToken implements api.SecurityHandler.
func (g guard) HandleToken(ctx context.Context, operation api.OperationName, t api.Token) (context.Context, error) {
	operation = strings.ToLower(operation[:1]) + operation[1:] // ogen capitalises the contract's operationId
	SetRoute(ctx, operation)
	p, err := g.edge.Tokens.Verify(ctx, t.Token)
	if err != nil {
		return ctx, err
	}
	SetPrincipal(ctx, p.ID)
	for _, scope := range t.Scopes {
		if err := p.Require(access.Permission(scope)); err != nil {
			return ctx, g.edge.deny(ctx, p, operation, err)
		}
	}
	return context.WithValue(ctx, callKey{}, call{principal: p}), nil
}

// deny writes a denial into the audit trail; the refusal stands even if that fails.
func (e Edge) deny(ctx context.Context, p access.Principal, operation string, refused error) error {
	if err := e.Records.Denied(ctx, p.ID, operation, refused.Error()); err != nil {
		e.Log.ErrorContext(ctx, "denial not written down", "request_id", RequestID(ctx), "operation", operation, "error", err)
	}
	return refused
}

// Match reads an If-Match header: what it returns refuses a resource of another
// version (412). Without the header it takes any, or, where one is required,
// refuses (428).
func Match(header api.OptString, required bool) (func(version int64) error, error) {
	value, ok := header.Get()
	if !ok {
		if required {
			return nil, refusal.New(refusal.NoIfMatch, "if_match_required", "Send the ETag that you last saw as If-Match, or *.")
		}
		return func(int64) error { return nil }, nil
	}
	return func(version int64) error {
		if matches(value, ETag(version), false) {
			return nil
		}
		return refusal.New(refusal.Stale, "stale", "The resource is at %s now; read it again.", ETag(version))
	}, nil
}
