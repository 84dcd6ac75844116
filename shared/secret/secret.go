// Package secret reads parameters of AWS Systems Manager that hold secrets,
// decrypted. Nothing else imports its SDK. A value is kept for a few minutes,
// so that a request needs no look-up of its own and a replaced secret is taken
// up soon; while Systems Manager doesn't answer, the last value stays good. No
// error holds a value.
package secret

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
)

// How long a value is kept, how long one that could not be renewed is used
// before the next look-up, and how long a look-up may take.
const (
	DefaultKeep  = 5 * time.Minute
	DefaultRetry = 30 * time.Second
	lookupTime   = 3 * time.Second
)

// mostAtOnce is how many parameters Systems Manager reads in one call.
const mostAtOnce = 10

// Parameters are the parameters. They are safe for concurrent use.
type Parameters struct {
	Keep   time.Duration
	Retry  time.Duration
	client *ssm.Client
	now    func() time.Time

	mu   sync.Mutex
	kept map[string]kept
}

type kept struct {
	value string
	until time.Time // it is looked up again after it
}

// New returns the parameters behind the client; now is the clock that values age by.
func New(client *ssm.Client, now func() time.Time) *Parameters {
	return &Parameters{Keep: DefaultKeep, Retry: DefaultRetry, client: client, now: now, kept: map[string]kept{}}
}

// Open returns the parameters with the region, credentials and endpoint of the
// environment: AWS_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY,
// AWS_SESSION_TOKEN and AWS_ENDPOINT_URL_SSM, the SDK's own names.
func Open(env func(string) string) (*Parameters, error) {
	region := env("AWS_REGION")
	if region == "" {
		return nil, errors.New("AWS_REGION is not set")
	}
	options := ssm.Options{
		Region: region,
		Credentials: aws.NewCredentialsCache(aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{
				AccessKeyID:     env("AWS_ACCESS_KEY_ID"),
				SecretAccessKey: env("AWS_SECRET_ACCESS_KEY"),
				SessionToken:    env("AWS_SESSION_TOKEN"),
				Source:          "environment",
			}, nil
		})),
		HTTPClient: awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
			// A connection that died while the function was frozen must not eat the deadline.
			t.ResponseHeaderTimeout = lookupTime / 2
		}),
	}
	if endpoint := env("AWS_ENDPOINT_URL_SSM"); endpoint != "" {
		options.BaseEndpoint = aws.String(endpoint)
	}
	return New(ssm.New(options), time.Now), nil
}

// Get returns the values of the named parameters. It fails when one of them
// isn't there, or was never read and can't be.
func (p *Parameters) Get(ctx context.Context, names ...string) (map[string]string, error) {
	// Held during the look-up: whoever comes meanwhile needs the same values.
	p.mu.Lock()
	defer p.mu.Unlock()
	if due := p.due(names); len(due) > 0 {
		if err := p.renew(ctx, due); err != nil {
			return nil, err
		}
	}
	values := map[string]string{}
	for _, name := range names {
		values[name] = p.kept[name].value
	}
	return values, nil
}

// due are the names whose values must be looked up.
func (p *Parameters) due(names []string) []string {
	due := map[string]bool{}
	for _, name := range names {
		if k, ok := p.kept[name]; !ok || p.now().After(k.until) {
			due[name] = true
		}
	}
	return slices.Sorted(maps.Keys(due))
}

// renew looks values up. Where that fails and all of them were read before,
// they stay for a while.
func (p *Parameters) renew(ctx context.Context, names []string) error {
	values, err := p.read(ctx, names)
	if err != nil {
		for _, name := range names {
			k, ok := p.kept[name]
			if !ok {
				return err
			}
			p.kept[name] = kept{value: k.value, until: p.now().Add(p.Retry)}
		}
		return nil
	}
	for _, name := range names {
		value, ok := values[name]
		if !ok {
			return fmt.Errorf("there is no parameter %s", name)
		}
		p.kept[name] = kept{value: value, until: p.now().Add(p.Keep)}
	}
	return nil
}

func (p *Parameters) read(ctx context.Context, names []string) (map[string]string, error) {
	ctx, cancel := context.WithTimeout(ctx, lookupTime)
	defer cancel()
	values := map[string]string{}
	for some := range slices.Chunk(names, mostAtOnce) {
		answer, err := p.client.GetParameters(ctx, &ssm.GetParametersInput{Names: some, WithDecryption: aws.Bool(true)})
		if err != nil {
			return nil, fmt.Errorf("read the parameters %s: %w", strings.Join(some, ", "), err)
		}
		for _, found := range answer.Parameters {
			values[aws.ToString(found.Name)] = aws.ToString(found.Value)
		}
	}
	return values, nil
}
