package gateway

import (
	"context"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/MicahParks/jwkset"
)

const (
	// keysFresh is how long keys are used without asking again: the longest
	// that a withdrawn key goes on being accepted.
	keysFresh = time.Hour
	// keysPause is the least time between two fetches, however many tokens
	// name keys that nobody knows.
	keysPause = 10 * time.Second
	// keysRetry is that time while there are no keys at all.
	keysRetry = time.Second
	// keysTimeout is how long one fetch may take.
	keysTimeout = 5 * time.Second
	// keysSize is the most that is read of a key set, in bytes.
	keysSize = 1 << 20
)

// keys are an issuer's public keys by id. They are fetched inside of requests
// and never by a timer, for Lambda freezes a function between its requests.
type keys struct {
	url  string
	http *http.Client
	now  func() time.Time

	mu      sync.Mutex
	byID    map[string]*rsa.PublicKey // nil until a fetch succeeded
	fetched time.Time                 // when that was
	tried   time.Time                 // when the last fetch began
	failed  error                     // why the last fetch failed, if it did
	flight  chan struct{}             // closed when the fetch under way is done; nil when none is
}

// find returns the key named kid. It fetches keys when kid is unknown or they
// are an hour old, as often as the pauses allow and once for all who wait; an
// old key serves where a new set can't be had. Its error is of kind
// ErrIssuerUnavailable when the issuer might know kid but could not be asked.
func (k *keys) find(ctx context.Context, kid string) (*rsa.PublicKey, error) {
	if landed := k.refresh(ctx, kid); landed != nil {
		select {
		case <-landed:
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: %w", ErrIssuerUnavailable, ctx.Err())
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	key, known := k.byID[kid]
	switch {
	case known:
		return key, nil
	case k.failed != nil:
		return nil, fmt.Errorf("%w: %w", ErrIssuerUnavailable, k.failed)
	default:
		return nil, errors.New("the issuer publishes no such key")
	}
}

// refresh returns the fetch that whoever needs kid has to wait for: one that it
// begins because it is time, or the one under way if kid is unknown; else nil.
func (k *keys) refresh(ctx context.Context, kid string) <-chan struct{} {
	k.mu.Lock()
	defer k.mu.Unlock()
	_, known := k.byID[kid]
	if k.flight != nil {
		if known {
			return nil
		}
		return k.flight
	}
	// Without its monotonic part, which may stand still while Lambda freezes
	// the function.
	now := k.now().Round(0)
	pause := keysPause
	if k.byID == nil {
		pause = keysRetry
	}
	if known && now.Sub(k.fetched) < keysFresh || now.Sub(k.tried) < pause {
		return nil
	}
	k.tried, k.flight = now, make(chan struct{})
	// The request that began the fetch may go away; those who joined may not
	// fail for that.
	go k.fetch(context.WithoutCancel(ctx))
	return k.flight
}

// fetch ends the flight that refresh began.
func (k *keys) fetch(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, keysTimeout)
	defer cancel()
	byID, err := k.get(ctx)

	k.mu.Lock()
	defer k.mu.Unlock()
	if k.failed = err; err == nil {
		k.byID, k.fetched = byID, k.now().Round(0)
	}
	close(k.flight)
	k.flight = nil
}

// get asks the issuer for its keys.
func (k *keys) get(ctx context.Context) (map[string]*rsa.PublicKey, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, k.url, nil)
	if err != nil {
		return nil, fmt.Errorf("fetch the issuer's keys: %w", err)
	}
	resp, err := k.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("fetch the issuer's keys: %w", err)
	}
	defer func() { _ = resp.Body.Close() }() // all that matters has been read
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("fetch the issuer's keys: it answered %s", resp.Status)
	}
	var set jwkset.JWKSMarshal
	if err := json.NewDecoder(io.LimitReader(resp.Body, keysSize)).Decode(&set); err != nil {
		return nil, fmt.Errorf("read the issuer's keys: %w", err)
	}
	byID := usable(set)
	if len(byID) == 0 {
		// No issuer is without keys: this is another document, not a withdrawal.
		return nil, errors.New("read the issuer's keys: there is no RS256 key among them")
	}
	return byID, nil
}

// usable picks the keys that can check RS256 signatures; an issuer may publish
// others, for other uses, beside them.
func usable(set jwkset.JWKSMarshal) map[string]*rsa.PublicKey {
	byID := map[string]*rsa.PublicKey{}
	for _, published := range set.Keys {
		if published.USE != "" && published.USE != jwkset.UseSig || published.ALG != "" && published.ALG != jwkset.AlgRS256 {
			continue
		}
		jwk, err := jwkset.NewJWKFromMarshal(published, jwkset.JWKMarshalOptions{}, jwkset.JWKValidateOptions{})
		if err != nil {
			continue
		}
		if key, ok := jwk.Key().(*rsa.PublicKey); ok {
			byID[published.KID] = key
		}
	}
	return byID
}
