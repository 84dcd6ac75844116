// Package client calls Waybill's API as any program would, and tries again
// what is safe to try again. Its callers send only that: requests that a
// second time find the thing done.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"time"
)

// ErrNobody says that nothing listens where the system should be.
var ErrNobody = errors.New("nothing answers")

// A Problem is the API's own account of what was wrong.
type Problem struct {
	Status int    `json:"status"`
	Code   string `json:"code"`
	Detail string `json:"detail"`
	Errors []struct {
		Field  string `json:"field"`
		SKU    string `json:"sku"`
		Detail string `json:"detail"`
	} `json:"errors"`
}

func (p Problem) String() string {
	text := p.Code
	if p.Detail != "" {
		text += ": " + p.Detail
	}
	for _, e := range p.Errors {
		if e.Detail != "" && e.Detail != p.Detail {
			text += " " + strings.TrimSpace(e.Field+" "+e.SKU) + ": " + e.Detail
		}
	}
	return text
}

// Passing reports whether the same request may succeed in a moment.
func (p Problem) Passing() bool {
	return p.Code == "busy" || slices.Contains([]int{
		http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout,
	}, p.Status)
}

// RefusedError is an answer other than success.
type RefusedError struct {
	Request string // method and path
	Problem Problem
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("%s answered %d %s", e.Request, e.Problem.Status, e.Problem)
}

const (
	// requestLimit is well above the 20 seconds that a function has.
	requestLimit = 30 * time.Second
	attempts     = 6
	firstPause   = 100 * time.Millisecond
)

// Client makes requests as a member of staff. Many may use it at once.
type Client struct {
	base  string
	token string
	http  *http.Client
}

// Login returns a client of the system at base, such as http://localhost:3000,
// with a development token for the role. It fails with ErrNobody, or with what
// is wrong with who answers.
func Login(ctx context.Context, base, role string) (*Client, error) {
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	c := &Client{base: base, http: &http.Client{Transport: transport, Timeout: requestLimit}}
	form := url.Values{"role": {role}}.Encode()
	var answer struct {
		Token string `json:"access_token"`
	}
	err := c.insist(ctx, call{
		method: http.MethodPost, path: "/dev/token", kind: "application/x-www-form-urlencoded", body: []byte(form),
	}, &answer)
	if err != nil {
		return nil, fmt.Errorf("log in: %w", err)
	}
	if answer.Token == "" {
		return nil, errors.New("log in: the answer holds no token")
	}
	c.token = answer.Token
	return c, nil
}

// Get reads path into out.
func (c *Client) Get(ctx context.Context, path string, out any) error {
	return c.insist(ctx, call{method: http.MethodGet, path: path}, out)
}

// Post sends in to path and reads the answer into out, which may be nil. With
// a key, the Idempotency-Key, all attempts are one.
func (c *Client) Post(ctx context.Context, path, key string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("encode for %s: %w", path, err)
	}
	return c.insist(ctx, call{method: http.MethodPost, path: path, kind: "application/json", key: key, body: body}, out)
}

// Each calls do with every item of a list, page by page. It fails when do does.
func Each[T any](ctx context.Context, c *Client, path string, do func(T) error) error {
	query := url.Values{"limit": {"100"}}
	for {
		var page struct {
			Items []T     `json:"items"`
			Next  *string `json:"next_cursor"`
		}
		if err := c.Get(ctx, path+"?"+query.Encode(), &page); err != nil {
			return err
		}
		for _, item := range page.Items {
			if err := do(item); err != nil {
				return err
			}
		}
		if page.Next == nil {
			return nil
		}
		query.Set("cursor", *page.Next)
	}
}

type call struct {
	method, path, kind, key string
	body                    []byte
}

// insist makes the call until it succeeds, is refused for good, or failed often.
func (c *Client) insist(ctx context.Context, r call, out any) error {
	pause := firstPause
	for try := 1; ; try++ {
		err := c.once(ctx, r, out)
		var refused *RefusedError
		switch {
		case err == nil, try == attempts, ctx.Err() != nil, errors.Is(err, ErrNobody):
			return err
		case errors.As(err, &refused) && !refused.Problem.Passing():
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
			pause *= 2
		}
	}
}

func (c *Client) once(ctx context.Context, r call, out any) error {
	req, err := http.NewRequestWithContext(ctx, r.method, c.base+r.path, bytes.NewReader(r.body))
	if err != nil {
		return fmt.Errorf("%s %s: %w", r.method, r.path, err)
	}
	if r.kind != "" {
		req.Header.Set("Content-Type", r.kind)
	}
	if r.key != "" {
		req.Header.Set("Idempotency-Key", r.key)
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	resp, err := c.http.Do(req)
	if errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("%w on %s", ErrNobody, c.base)
	}
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return fmt.Errorf("%s %s: read the answer: %w", r.method, r.path, err)
	}
	if resp.StatusCode >= http.StatusBadRequest {
		return refusal(r, resp.StatusCode, body)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(body, out); err != nil {
		return fmt.Errorf("%s %s: the answer is not what Waybill's would be: %w", r.method, r.path, err)
	}
	return nil
}

func refusal(r call, status int, body []byte) error {
	path, _, _ := strings.Cut(r.path, "?")
	e := &RefusedError{Request: r.method + " " + path}
	// Who is not Waybill, or stands before it, answers without a problem document.
	if json.Unmarshal(body, &e.Problem) != nil || e.Problem.Code == "" {
		e.Problem = Problem{Code: http.StatusText(status)}
	}
	e.Problem.Status = status
	return e
}
