package gateway

import (
	"net/http"
	"strconv"
	"strings"

	"waybill/shared/api"
)

// ETag is the entity tag of a resource's version.
func ETag(version int64) string { return `"` + strconv.FormatInt(version, 10) + `"` }

// matches reports whether a list of entity tags, or *, has this one. If-Match
// compares strongly, so that a weak tag never matches; If-None-Match weakly
// (RFC 9110, 8.8.3.2).
func matches(header, etag string, weakly bool) bool {
	for tag := range strings.SplitSeq(header, ",") {
		tag = strings.TrimSpace(tag)
		if weakly {
			tag = strings.TrimPrefix(tag, "W/")
		}
		if tag == "*" || tag == etag {
			return true
		}
	}
	return false
}

// Seen reports whether an If-None-Match header has this entity tag: the answer
// will be a 304, and need not be made.
func Seen(header api.OptString, etag string) bool {
	value, ok := header.Get()
	return ok && matches(value, etag, true)
}

// unchanged answers a GET that has the current version already with 304.
func unchanged(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if has := r.Header.Get("If-None-Match"); has != "" && r.Method == http.MethodGet {
			w = &conditional{ResponseWriter: w, has: has}
		}
		h.ServeHTTP(w, r)
	})
}

// conditional drops the body of an answer that the client has.
type conditional struct {
	http.ResponseWriter
	has     string
	dropped bool
}

func (w *conditional) WriteHeader(status int) {
	if etag := w.Header().Get("ETag"); status == http.StatusOK && etag != "" && matches(w.has, etag, true) {
		w.dropped = true
		w.Header().Del("Content-Type")
		status = http.StatusNotModified
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *conditional) Write(p []byte) (int, error) {
	if w.dropped {
		return len(p), nil
	}
	return w.ResponseWriter.Write(p)
}

// Unwrap is here for http.ResponseController.
func (w *conditional) Unwrap() http.ResponseWriter { return w.ResponseWriter }
