// Package issuer stands for Cognito on a laptop and in tests: it gives anybody
// who asks an access token like Cognito's, for any role. It is linked into no function.
package issuer

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"waybill/shared/access"
	"waybill/shared/gateway"
)

// Path is where the issuer's documents are, below the address it is served at,
// and ClientID the client that its tokens are for.
const (
	Path     = "/dev/issuer"
	ClientID = "waybill-dev"
)

const (
	machine       = "machine" // subject of a token without a role
	tokenLifetime = 12 * time.Hour
	keyBits       = 2048
	keyBlock      = "PRIVATE KEY"
)

// DemoUsers are the members of staff that tokens are for when nobody is named.
var DemoUsers = map[access.Role]string{
	access.Sales:     "sally",
	access.Warehouse: "walter",
	access.Finance:   "fiona",
	access.Manager:   "maria",
}

// An Issuer signs access tokens and publishes the key they are verified with.
// Its handler serves /dev/token and what is below Path.
type Issuer struct {
	http.Handler
	URL   string // what tokens name as their issuer
	key   *rsa.PrivateKey
	keyID string
	now   func() time.Time
}

// A Grant is what a token is asked for: a role and, unless for its demo user, a
// user; or the scopes of a machine.
type Grant struct{ Role, User, Scope string }

var errUnknownRole = errors.New("unknown role")

// New returns an issuer that is served at the address, with the key in keyFile,
// which is made if need be, or a new one when that is empty.
func New(address, keyFile string, now func() time.Time) (*Issuer, error) {
	key, err := signingKey(keyFile)
	if err != nil {
		return nil, fmt.Errorf("development issuer: %w", err)
	}
	thumbprint := sha256.Sum256(x509.MarshalPKCS1PublicKey(&key.PublicKey))
	i := &Issuer{URL: address + Path, key: key, keyID: encode(thumbprint[:12]), now: now}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /dev/token", i.serveToken)
	mux.HandleFunc("GET "+Path+"/.well-known/jwks.json", i.serveKeys)
	mux.HandleFunc("GET "+Path+"/.well-known/openid-configuration", i.serveConfiguration)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		gateway.WriteProblem(w, r, gateway.Problem{
			Status: http.StatusNotFound, Code: "not_found", Detail: "There is nothing at this path for this method.",
		})
	})
	i.Handler = mux
	return i, nil
}

// Token signs an access token. It fails on a role that there isn't.
func (i *Issuer) Token(g Grant) (string, error) {
	now := i.now()
	claims := jwt.MapClaims{
		"iss": i.URL, "iat": now.Unix(), "auth_time": now.Unix(), "exp": now.Add(tokenLifetime).Unix(), "jti": rand.Text(),
		"token_use": "access", "client_id": ClientID, "sub": machine,
	}
	if g.Scope != "" {
		claims["scope"] = g.Scope
	}
	if g.Role != "" {
		user, ok := DemoUsers[access.Role(g.Role)]
		if !ok {
			return "", fmt.Errorf("%w %q", errUnknownRole, g.Role)
		}
		if g.User != "" {
			user = g.User
		}
		claims["sub"], claims["username"], claims["cognito:groups"] = user, user, []string{g.Role}
	} else if g.User != "" {
		claims["sub"] = g.User
	}
	token := jwt.NewWithClaims(jwt.SigningMethodRS256, claims)
	token.Header["kid"] = i.keyID
	signed, err := token.SignedString(i.key)
	if err != nil {
		return "", fmt.Errorf("sign a token: %w", err)
	}
	return signed, nil
}

func (i *Issuer) serveToken(w http.ResponseWriter, r *http.Request) {
	g := Grant{Role: r.FormValue("role"), User: r.FormValue("user"), Scope: r.FormValue("scope")}
	if g.Role == "" && g.Scope == "" {
		badGrant(w, r, "missing_role", "Send the form field role (sales, warehouse, finance or manager), or scope for a program.")
		return
	}
	token, err := i.Token(g)
	switch {
	case errors.Is(err, errUnknownRole):
		badGrant(w, r, "unknown_role", "The roles are sales, warehouse, finance and manager.")
		return
	case err != nil:
		gateway.WriteProblem(w, r, gateway.Problem{Status: http.StatusInternalServerError, Code: "internal", Detail: err.Error()})
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	answer(w, map[string]any{
		"access_token": token, "token_type": "Bearer", "expires_in": int(tokenLifetime.Seconds()),
	})
}

func badGrant(w http.ResponseWriter, r *http.Request, code, detail string) {
	gateway.WriteProblem(w, r, gateway.Problem{
		Status: http.StatusBadRequest, Code: code, Detail: detail,
		Errors: []gateway.ProblemError{{Field: "role", Code: code, Detail: detail}},
	})
}

func (i *Issuer) serveKeys(w http.ResponseWriter, _ *http.Request) {
	answer(w, map[string]any{"keys": []map[string]string{{
		"kty": "RSA", "use": "sig", "alg": jwt.SigningMethodRS256.Alg(), "kid": i.keyID,
		"n": encode(i.key.N.Bytes()), "e": encode(big.NewInt(int64(i.key.E)).Bytes()),
	}}})
}

func (i *Issuer) serveConfiguration(w http.ResponseWriter, _ *http.Request) {
	answer(w, map[string]any{
		"issuer":                                i.URL,
		"jwks_uri":                              i.URL + "/.well-known/jwks.json",
		"token_endpoint":                        strings.TrimSuffix(i.URL, Path) + "/dev/token",
		"response_types_supported":              []string{"token"},
		"subject_types_supported":               []string{"public"},
		"id_token_signing_alg_values_supported": []string{jwt.SigningMethodRS256.Alg()},
	})
}

func answer(w http.ResponseWriter, body any) {
	w.Header().Set("Content-Type", "application/json")
	// The client may be gone; nobody is left to tell.
	_ = json.NewEncoder(w).Encode(body)
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// signingKey is the key in the file, which is made if it isn't there, so that
// tokens outlive a restart; without a file it is new.
func signingKey(file string) (*rsa.PrivateKey, error) {
	if file == "" {
		return newKey()
	}
	text, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return keepNewKey(file)
	}
	if err != nil {
		return nil, fmt.Errorf("read the signing key: %w", err)
	}
	broken := fmt.Errorf("the signing key in %s is broken: remove the file and start again", file)
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, broken
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	key, ok := parsed.(*rsa.PrivateKey)
	if err != nil || !ok {
		return nil, broken
	}
	return key, nil
}

func keepNewKey(file string) (*rsa.PrivateKey, error) {
	key, err := newKey()
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encode the signing key: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return nil, fmt.Errorf("keep the signing key: %w", err)
	}
	// Written aside and moved there whole: a kill in between leaves no half key.
	aside := file + ".new"
	if err := os.WriteFile(aside, pem.EncodeToMemory(&pem.Block{Type: keyBlock, Bytes: der}), 0o600); err != nil {
		return nil, fmt.Errorf("keep the signing key: %w", err)
	}
	if err := os.Rename(aside, file); err != nil {
		return nil, fmt.Errorf("keep the signing key: %w", err)
	}
	return key, nil
}

func newKey() (*rsa.PrivateKey, error) {
	key, err := rsa.GenerateKey(rand.Reader, keyBits)
	if err != nil {
		return nil, fmt.Errorf("make a signing key: %w", err)
	}
	return key, nil
}
