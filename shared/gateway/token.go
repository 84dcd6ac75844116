package gateway

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"waybill/shared/access"
)

var (
	// ErrUnauthenticated is the kind of every refusal of a token: a 401.
	ErrUnauthenticated = errors.New("unauthenticated")
	// ErrIssuerUnavailable is the kind of failing to get the keys that a token
	// would have to be checked with: a 503, for the token may well be good.
	ErrIssuerUnavailable = errors.New("the token issuer is unavailable")
)

const (
	// leeway is how far clocks may be apart.
	leeway = 30 * time.Second
	// scopePrefix marks those of a token's scopes that are permissions.
	scopePrefix = "waybill/"
)

// TokenConfig says which access tokens are good.
type TokenConfig struct {
	Issuer    string           // the "iss" of good tokens, a URL
	ClientIDs []string         // the "client_id"s of good tokens, at least one
	JWKSURL   string           // the issuer's keys; Issuer + "/.well-known/jwks.json" when empty
	HTTP      *http.Client     // fetches the keys; http.DefaultClient when nil
	Now       func() time.Time // the clock; time.Now when nil
}

// Verifier checks access tokens of one issuer, and may be used concurrently.
type Verifier struct {
	clientIDs []string
	keys      *keys
	parser    *jwt.Parser
}

// NewVerifier returns a Verifier, or an error that names everything wrong with
// cfg. It asks nothing of the issuer: its keys are fetched when first needed.
func NewVerifier(cfg TokenConfig) (*Verifier, error) {
	if cfg.JWKSURL == "" {
		cfg.JWKSURL = strings.TrimSuffix(cfg.Issuer, "/") + "/.well-known/jwks.json"
	}
	if cfg.HTTP == nil {
		cfg.HTTP = http.DefaultClient
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	err := errors.Join(
		absoluteURL("the token issuer", cfg.Issuer),
		absoluteURL("the key set's address", cfg.JWKSURL),
	)
	if len(cfg.ClientIDs) == 0 || slices.Contains(cfg.ClientIDs, "") {
		err = errors.Join(err, errors.New("the client ids are missing or one is empty"))
	}
	if err != nil {
		return nil, fmt.Errorf("configure the token verifier: %w", err)
	}
	return &Verifier{
		clientIDs: slices.Clone(cfg.ClientIDs),
		keys:      &keys{url: cfg.JWKSURL, http: cfg.HTTP, now: cfg.Now},
		parser: jwt.NewParser(
			// RS256 alone: with "none" or HS256 a forger needs no private key.
			jwt.WithValidMethods([]string{jwt.SigningMethodRS256.Alg()}),
			jwt.WithIssuer(cfg.Issuer),
			jwt.WithExpirationRequired(),
			jwt.WithIssuedAt(),
			jwt.WithLeeway(leeway),
			jwt.WithStrictDecoding(),
			jwt.WithTimeFunc(cfg.Now),
		),
	}, nil
}

func absoluteURL(what, s string) error {
	if u, err := url.Parse(s); err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return fmt.Errorf("%s %q is not an http(s) URL", what, s)
	}
	return nil
}

// claims are what Waybill reads of an access token in Cognito's form.
type claims struct {
	jwt.RegisteredClaims
	TokenUse string   `json:"token_use"`
	ClientID string   `json:"client_id"`
	Username string   `json:"username"`
	Groups   []string `json:"cognito:groups"`
	Scope    string   `json:"scope"`
}

// Verify returns who presents the token: a member of staff with the roles among
// its groups, or a machine client with the permissions among its scopes; groups
// and scopes that Waybill doesn't know are passed over. An error is of kind
// ErrUnauthenticated, or ErrIssuerUnavailable when the token could not be
// checked, and never quotes the token.
func (v *Verifier) Verify(ctx context.Context, token string) (access.Principal, error) {
	var c claims
	_, err := v.parser.ParseWithClaims(token, &c, func(t *jwt.Token) (any, error) {
		kid, _ := t.Header["kid"].(string)
		return v.keys.find(ctx, kid)
	})
	if errors.Is(err, ErrIssuerUnavailable) {
		return access.Principal{}, fmt.Errorf("verify the token: %w", err)
	}
	if err == nil {
		err = v.judge(c)
	}
	if err != nil {
		return access.Principal{}, fmt.Errorf("%w: %w", ErrUnauthenticated, err)
	}
	return principalOf(c), nil
}

// judge looks at the claims that are none of the parser's business.
func (v *Verifier) judge(c claims) error {
	switch {
	case c.TokenUse != "access":
		return errors.New("it is not an access token")
	case !slices.Contains(v.clientIDs, c.ClientID):
		return errors.New("it was issued to another client")
	case c.Subject == "":
		return errors.New("it has no subject")
	}
	return nil
}

func principalOf(c claims) access.Principal {
	p := access.Principal{ID: c.Subject, Name: c.Username}
	if p.Name == "" {
		p.Name = c.Subject
	}
	for _, group := range c.Groups {
		if role := access.Role(group); slices.Contains(access.Roles, role) {
			p.Roles = append(p.Roles, role)
		}
	}
	if len(c.Groups) > 0 {
		return p // staff have what their roles give; a client's scopes must not add to it
	}
	for scope := range strings.FieldsSeq(c.Scope) {
		name, ours := strings.CutPrefix(scope, scopePrefix)
		if perm := access.Permission(name); ours && slices.Contains(access.Permissions, perm) {
			p.Scopes = append(p.Scopes, perm)
		}
	}
	return p
}
