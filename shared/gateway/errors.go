package gateway

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"strings"

	"github.com/ogen-go/ogen/ogenerrors"
	"github.com/ogen-go/ogen/validate"

	"waybill/shared/refusal"
)

// statuses is the one map from kinds of refusals to HTTP.
var statuses = map[refusal.Kind]int{
	refusal.Malformed:   http.StatusBadRequest,
	refusal.Denied:      http.StatusForbidden,
	refusal.NotFound:    http.StatusNotFound,
	refusal.Conflict:    http.StatusConflict,
	refusal.Stale:       http.StatusPreconditionFailed,
	refusal.Rejected:    http.StatusUnprocessableEntity,
	refusal.NoIfMatch:   http.StatusPreconditionRequired,
	refusal.Unavailable: http.StatusServiceUnavailable,
	refusal.Upstream:    http.StatusBadGateway,
}

// fail answers a request that any step refused. What was wrong inside goes to
// the log, never to the client.
func (e Edge) fail(ctx context.Context, w http.ResponseWriter, r *http.Request, err error) {
	p := problemOf(err)
	switch p.Status {
	case http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", `Bearer realm="waybill"`)
	case http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", "1")
	}
	if p.Status >= http.StatusInternalServerError {
		e.Log.ErrorContext(ctx, "failed", "request_id", RequestID(ctx), "error", err)
	}
	WriteProblem(w, r, p)
}

// ProblemOf is the problem document of an error.
func ProblemOf(err error) Problem { return problemOf(err) }

// problemOf turns every error into a problem. Order matters: what is most
// specific is often wrapped in what is least.
func problemOf(err error) Problem {
	var refused *refusal.Error
	var tooLarge *http.MaxBytesError
	var mediaType *validate.InvalidContentTypeError
	var security *ogenerrors.SecurityError
	var params *ogenerrors.DecodeParamsError
	var request *ogenerrors.DecodeRequestError
	switch {
	case errors.As(err, &tooLarge):
		return Problem{Status: http.StatusRequestEntityTooLarge, Code: "too_large", Detail: "The body is over 1 MiB."}
	case errors.As(err, &refused):
		return ofRefusal(refused)
	case errors.Is(err, ErrIssuerUnavailable):
		return Problem{Status: http.StatusServiceUnavailable, Code: "unavailable", Detail: "The token issuer did not answer; try again."}
	case errors.As(err, &security):
		return Problem{Status: http.StatusUnauthorized, Code: "unauthenticated", Detail: "Send a valid access token as Authorization: Bearer."}
	case errors.As(err, &params):
		return ofParameter(params)
	case errors.As(err, &mediaType):
		return unsupported
	case errors.As(err, &request):
		return ofBody(request)
	case errors.Is(err, context.DeadlineExceeded):
		return Problem{Status: http.StatusServiceUnavailable, Code: "unavailable", Detail: "This took too long; try again, with the same Idempotency-Key where you sent one."}
	default:
		return Problem{Status: http.StatusInternalServerError, Code: "internal", Detail: "Something broke here. It is logged under the X-Request-Id."}
	}
}

func ofRefusal(refused *refusal.Error) Problem {
	p := Problem{Status: statuses[refused.Kind], Code: refused.Code, Detail: refused.Detail}
	for _, i := range refused.Items {
		p.Errors = append(p.Errors, ProblemError(i))
	}
	return p
}

var unsupported = Problem{Status: http.StatusUnsupportedMediaType, Code: "unsupported_media_type", Detail: "The body must be application/json."}

// ofParameter: a path that can't be a resource's is one that has none; any
// other parameter is the caller's mistake.
func ofParameter(err *ogenerrors.DecodeParamsError) Problem {
	var param *ogenerrors.DecodeParamError
	if !errors.As(err, &param) {
		return Problem{Status: http.StatusBadRequest, Code: "malformed", Detail: "A parameter can't be read."}
	}
	if param.In == "path" {
		return Problem{Status: http.StatusNotFound, Code: "not_found", Detail: "There is nothing at this path."}
	}
	return Problem{
		Status: http.StatusBadRequest, Code: "invalid", Detail: "A parameter is not as the contract says.",
		Errors: []ProblemError{{Field: param.Name, Code: "invalid", Detail: reason(param.Err)}},
	}
}

func ofBody(err *ogenerrors.DecodeRequestError) Problem {
	var invalid *validate.Error
	var broken *ogenerrors.DecodeBodyError
	switch {
	case errors.Is(err, validate.ErrBodyRequired):
		return Problem{Status: http.StatusBadRequest, Code: "malformed", Detail: "A JSON body is required."}
	case errors.As(err, &invalid):
		// A missing field comes as a decoding error that holds a validation error.
		return Problem{
			Status: http.StatusBadRequest, Code: "invalid", Detail: "The body is not as the contract says.",
			Errors: fields(pathOf(err), invalid),
		}
	case errors.As(err, &broken):
		return ofBroken(broken)
	case strings.Contains(err.Err.Error(), "media type"):
		return unsupported
	default:
		return Problem{Status: http.StatusBadRequest, Code: "malformed", Detail: "The body can't be read."}
	}
}

// fields lists what validation found, with the path of each field.
func fields(prefix string, invalid *validate.Error) []ProblemError {
	var out []ProblemError
	for _, f := range invalid.Fields {
		name := f.Name
		if prefix != "" && !strings.HasPrefix(name, "[") {
			name = "." + name
		}
		path := prefix + name
		var nested *validate.Error
		if errors.As(f.Error, &nested) {
			out = append(out, fields(path, nested)...)
			continue
		}
		out = append(out, ProblemError{Field: path, Code: "invalid", Detail: reason(f.Error)})
	}
	return out
}

// The decoder names fields and what it found only in words; these are the ones it uses.
var (
	decodedField = regexp.MustCompile(`decode field "([^"]*)"`)
	unknownField = regexp.MustCompile(`unexpected field "([^"]*)"`)
)

func pathOf(err error) string {
	var path []string
	for _, m := range decodedField.FindAllStringSubmatch(err.Error(), -1) {
		path = append(path, m[1])
	}
	return strings.Join(path, ".")
}

// ofBroken tells an unknown field and a wrong type from what is no JSON at all.
func ofBroken(broken *ogenerrors.DecodeBodyError) Problem {
	words := broken.Err.Error()
	path := pathOf(broken.Err)
	if m := unknownField.FindStringSubmatch(words); m != nil {
		if path != "" {
			path += "."
		}
		return Problem{
			Status: http.StatusBadRequest, Code: "unknown_field", Detail: "The body has a field that the contract does not know.",
			Errors: []ProblemError{{Field: path + m[1], Code: "unknown_field"}},
		}
	}
	if path != "" {
		return Problem{
			Status: http.StatusBadRequest, Code: "invalid", Detail: "The body is not as the contract says.",
			Errors: []ProblemError{{Field: path, Code: "invalid", Detail: "Not of the type that the contract says."}},
		}
	}
	return Problem{Status: http.StatusBadRequest, Code: "malformed", Detail: "The body is not the JSON that the contract says."}
}

// reason puts what validation says into a sentence without quoting what was sent.
func reason(err error) string {
	var pattern *validate.NoRegexMatchError
	switch {
	case errors.Is(err, validate.ErrFieldRequired):
		return "It is required."
	case errors.As(err, &pattern):
		return "It does not have the form that the contract says."
	}
	var short *validate.MinLengthError
	var long *validate.MaxLengthError
	switch {
	case errors.As(err, &short), errors.As(err, &long):
		return "Its length is out of bounds: " + err.Error() + "."
	}
	if words, ok := strings.CutPrefix(err.Error(), "int: value "); ok {
		return "It is out of bounds: " + words + "."
	}
	return "It is not as the contract says."
}
