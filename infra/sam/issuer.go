package main

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"waybill/shared/access"
)

const (
	keyID      = "sam"
	keyBits    = 2048
	tokenLasts = 12 * time.Hour
)

// An issuer signs access tokens that look like Cognito's. Its key lives as
// long as it does.
type issuer struct {
	url     string // as the functions in their containers see it
	address string // as this machine sees it
	client  string
	now     func() time.Time
	key     *rsa.PrivateKey
	server  *http.Server
}

// startIssuer listens on a free port of every interface, since containers
// don't reach the loopback one; host is this machine's name in the containers.
func startIssuer(host, client string, now func() time.Time) (*issuer, error) {
	key, err := rsa.GenerateKey(rand.Reader, keyBits)
	if err != nil {
		return nil, fmt.Errorf("make the issuer's key: %w", err)
	}
	l, err := net.Listen("tcp", ":0") //nolint:gosec // containers reach no other interface, and the key is for this run only
	if err != nil {
		return nil, fmt.Errorf("start the issuer: %w", err)
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start the issuer: %w", err), l.Close())
	}
	i := &issuer{
		url:     "http://" + net.JoinHostPort(host, port),
		address: "http://" + net.JoinHostPort("127.0.0.1", port),
		client:  client,
		now:     now,
		key:     key,
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/jwks.json", i.serveKeys)
	mux.HandleFunc("POST /token", i.serveToken)
	i.server = &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}
	go func() { _ = i.server.Serve(l) }() // ends with stop
	return i, nil
}

func (i *issuer) stop() { _ = i.server.Close() }

// token returns an access token of a member of staff with the role.
func (i *issuer) token(role access.Role) (string, error) {
	now := i.now()
	user := string(role)
	token := jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.MapClaims{
		"iss":            i.url,
		"sub":            user,
		"username":       user,
		"client_id":      i.client,
		"token_use":      "access",
		"cognito:groups": []string{user},
		"iat":            now.Unix(),
		"exp":            now.Add(tokenLasts).Unix(),
	})
	token.Header["kid"] = keyID
	signed, err := token.SignedString(i.key)
	if err != nil {
		return "", fmt.Errorf("sign a token: %w", err)
	}
	return signed, nil
}

func (i *issuer) serveKeys(w http.ResponseWriter, _ *http.Request) {
	public := i.key.PublicKey
	writeJSON(w, map[string]any{"keys": []any{map[string]string{
		"kty": "RSA", "use": "sig", "alg": "RS256", "kid": keyID,
		"n": base64.RawURLEncoding.EncodeToString(public.N.Bytes()),
		"e": base64.RawURLEncoding.EncodeToString(big.NewInt(int64(public.E)).Bytes()),
	}}})
}

func (i *issuer) serveToken(w http.ResponseWriter, r *http.Request) {
	role := access.Role(r.PostFormValue("role"))
	if !slices.Contains(access.Roles, role) {
		http.Error(w, "role is sales, warehouse, finance or manager", http.StatusBadRequest)
		return
	}
	signed, err := i.token(role)
	if err != nil {
		http.Error(w, "no token", http.StatusInternalServerError)
		return
	}
	writeJSON(w, map[string]any{"access_token": signed, "token_type": "Bearer", "expires_in": int(tokenLasts.Seconds())})
}

func writeJSON(w http.ResponseWriter, body any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(body) // a caller that hung up needs no answer
}
