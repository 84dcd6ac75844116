// Package handover has what it takes to hand a message to AWS once: a client
// that repeats nothing by itself, and the answer to whether the message was
// taken, was not, or may have been. No error holds a recipient or a text.
package handover

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptrace"
	"slices"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"

	"waybill/shared/notice"
)

// A Config is where a service of AWS is and who asks.
type Config struct {
	Region      string
	Credentials aws.CredentialsProvider
	HTTPClient  *http.Client
	Endpoint    *string // nil: the region's own
}

// silence is how long a service may take to answer. Nobody waits longer for a message.
const silence = 9 * time.Second

// Read returns the region, credentials and endpoint of the environment, the
// SDK's own names: AWS_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY,
// AWS_SESSION_TOKEN, and AWS_ENDPOINT_URL_SNS or AWS_ENDPOINT_URL_SESV2 for
// the service SNS or SESV2.
func Read(env func(string) string, service string) (Config, error) {
	c := Config{Region: env("AWS_REGION")}
	if c.Region == "" {
		return c, errors.New("AWS_REGION is not set")
	}
	c.Credentials = aws.NewCredentialsCache(aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{
			AccessKeyID:     env("AWS_ACCESS_KEY_ID"),
			SecretAccessKey: env("AWS_SECRET_ACCESS_KEY"),
			SessionToken:    env("AWS_SESSION_TOKEN"),
			Source:          "environment",
		}, nil
	}))
	transport := awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
		t.MaxIdleConnsPerHost = 16
		t.ResponseHeaderTimeout = silence
	}).GetTransport()
	c.HTTPClient = &http.Client{
		Transport:     watched{transport},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	if endpoint := env("AWS_ENDPOINT_URL_" + service); endpoint != "" {
		c.Endpoint = &endpoint
	}
	return c, nil
}

// An Attempt is what was seen of one call.
type Attempt struct{ sent atomic.Bool }

type attemptKey struct{}

// Watch returns a context whose call is seen.
func Watch(ctx context.Context) (context.Context, *Attempt) {
	a := &Attempt{}
	return context.WithValue(ctx, attemptKey{}, a), a
}

// watched tells the attempt of a call when something of it has left.
type watched struct{ http.RoundTripper }

func (w watched) RoundTrip(r *http.Request) (*http.Response, error) {
	a, ok := r.Context().Value(attemptKey{}).(*Attempt)
	if !ok {
		return w.RoundTripper.RoundTrip(r)
	}
	// Headers may be in a buffer when the first of them is reported, never later.
	trace := &httptrace.ClientTrace{WroteHeaderField: func(string, []string) { a.sent.Store(true) }, WroteHeaders: func() { a.sent.Store(true) }}
	return w.RoundTripper.RoundTrip(r.WithContext(httptrace.WithClientTrace(r.Context(), trace)))
}

// Answer says what the call's error means: nil, *notice.Refusal where the
// message certainly was not taken, or an error that leaves it open. Codes are
// those that no further try will change.
func (a *Attempt) Answer(err error, final ...string) error {
	if err == nil {
		return nil
	}
	code := "unknown"
	var answered smithy.APIError
	if errors.As(err, &answered) {
		code = answered.ErrorCode()
	}
	status := 0
	var response *awshttp.ResponseError
	if errors.As(err, &response) {
		status = response.HTTPStatusCode()
	}
	switch {
	case !a.sent.Load():
		return &notice.Refusal{Reason: "unreachable"}
	case status >= 400 && status < 500, status == http.StatusServiceUnavailable:
		return &notice.Refusal{Reason: code, Final: slices.Contains(final, code)}
	case status != 0:
		return fmt.Errorf("the service answered %d, %s", status, code)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return fmt.Errorf("no answer in time: %w", context.DeadlineExceeded)
	default:
		return errors.New("the connection broke before an answer")
	}
}
