package gateway

import (
	"encoding/json"
	"net/http"
)

// Problem is an RFC 9457 problem document.
type Problem struct {
	Type   string         `json:"type"`
	Title  string         `json:"title"`
	Status int            `json:"status"`
	Code   string         `json:"code"`
	Detail string         `json:"detail,omitempty"`
	Errors []ProblemError `json:"errors,omitempty"`
}

// ProblemError is one thing that was wrong: which field or SKU, and what was left.
type ProblemError struct {
	Field     string `json:"field,omitempty"`
	SKU       string `json:"sku,omitempty"`
	Order     string `json:"order,omitempty"`
	Code      string `json:"code"`
	Detail    string `json:"detail,omitempty"`
	Available *int64 `json:"available,omitempty"`
}

// WriteProblem answers r with p.
func WriteProblem(w http.ResponseWriter, r *http.Request, p Problem) {
	if p.Title == "" {
		p.Title = http.StatusText(p.Status)
	}
	if p.Type == "" {
		p.Type = "about:blank"
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	if r.Method == http.MethodHead {
		return
	}
	// The client may be gone; nobody is left to tell.
	_ = json.NewEncoder(w).Encode(p)
}
