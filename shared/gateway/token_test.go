package gateway_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"go.uber.org/goleak"

	"waybill/shared/access"
	"waybill/shared/gateway"
)

const consoleID = "console-client"

// signingKeys are made once: making them is slow, and nobody changes them.
var signingKeys = sync.OnceValue(func() map[string]*rsa.PrivateKey {
	keys := map[string]*rsa.PrivateKey{}
	for _, kid := range []string{"old", "new", "forger"} {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err)
		}
		keys[kid] = key
	}
	return keys
})

// issuer is a token issuer of the tests' own, with a clock to be turned.
type issuer struct {
	*httptest.Server
	verifier *gateway.Verifier

	mu        sync.Mutex
	published []string
	extra     []map[string]string // keys that are none of ours
	down      bool
	held      chan struct{} // when set, answers wait for it to be closed
	fetches   int
	clock     time.Time
}

func newIssuer(t *testing.T, published ...string) *issuer {
	t.Helper()
	is := &issuer{published: published, clock: time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)}
	is.Server = httptest.NewServer(http.HandlerFunc(is.serve))
	t.Cleanup(is.Close)
	var err error
	is.verifier, err = gateway.NewVerifier(gateway.TokenConfig{
		Issuer: is.URL, ClientIDs: []string{"other-console", consoleID}, HTTP: is.Client(), Now: is.now,
	})
	if err != nil {
		t.Fatal(err)
	}
	return is
}

func (is *issuer) serve(w http.ResponseWriter, r *http.Request) {
	is.mu.Lock()
	is.fetches++
	held := is.held
	is.mu.Unlock()
	if held != nil {
		<-held
	}
	is.mu.Lock()
	defer is.mu.Unlock()
	if is.down || r.URL.Path != "/.well-known/jwks.json" {
		http.Error(w, "no", http.StatusBadGateway)
		return
	}
	keys := append([]map[string]string{}, is.extra...)
	for _, kid := range is.published {
		public := signingKeys()[kid].PublicKey
		keys = append(keys, map[string]string{
			"kty": "RSA", "use": "sig", "alg": "RS256", "kid": kid,
			"n": base64.RawURLEncoding.EncodeToString(public.N.Bytes()),
			"e": base64.RawURLEncoding.EncodeToString(big.NewInt(int64(public.E)).Bytes()),
		})
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"keys": keys})
}

func (is *issuer) now() time.Time {
	is.mu.Lock()
	defer is.mu.Unlock()
	return is.clock
}

func (is *issuer) set(change func()) {
	is.mu.Lock()
	defer is.mu.Unlock()
	change()
}

func (is *issuer) pass(d time.Duration) { is.set(func() { is.clock = is.clock.Add(d) }) }

func (is *issuer) fetched() int {
	is.mu.Lock()
	defer is.mu.Unlock()
	return is.fetches
}

// claims are those of a good access token of a salesperson.
func (is *issuer) claims() jwt.MapClaims {
	now := is.now()
	return jwt.MapClaims{
		"iss": is.URL, "sub": "7c1e", "username": "sally", "client_id": consoleID, "token_use": "access",
		"cognito:groups": []string{"sales"}, "scope": "openid",
		"iat": now.Unix(), "exp": now.Add(24 * time.Hour).Unix(),
	}
}

// token signs good claims, with changes (nil removes one), by the key kid.
func (is *issuer) token(t *testing.T, kid string, changes jwt.MapClaims) string {
	t.Helper()
	claims := is.claims()
	maps.Copy(claims, changes)
	maps.DeleteFunc(claims, func(_ string, v any) bool { return v == nil })
	return signed(t, jwt.SigningMethodRS256, kid, signingKeys()[kid], claims)
}

func signed(t *testing.T, method jwt.SigningMethod, kid string, key any, claims jwt.Claims) string {
	t.Helper()
	token := jwt.NewWithClaims(method, claims)
	token.Header["kid"] = kid
	s, err := token.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// verify holds what is true of every answer, and returns its error.
func (is *issuer) verify(t *testing.T, token string) error {
	t.Helper()
	p, err := is.verifier.Verify(t.Context(), token)
	if err == nil {
		return nil
	}
	if !reflect.DeepEqual(p, access.Principal{}) {
		t.Errorf("a refusal came with the principal %+v", p)
	}
	if errors.Is(err, gateway.ErrUnauthenticated) == errors.Is(err, gateway.ErrIssuerUnavailable) {
		t.Errorf("the error is not of exactly one kind: %v", err)
	}
	for part := range strings.SplitSeq(token, ".") {
		if len(part) > 3 && strings.Contains(err.Error(), part) {
			t.Errorf("the error quotes the token: %v", err)
		}
	}
	return err
}

func (is *issuer) wantGood(t *testing.T, when, token string) {
	t.Helper()
	if err := is.verify(t, token); err != nil {
		t.Errorf("%s: %v", when, err)
	}
}

func (is *issuer) wantKind(t *testing.T, when, token string, kind error) {
	t.Helper()
	if err := is.verify(t, token); !errors.Is(err, kind) {
		t.Errorf("%s: got %v, want %v", when, err, kind)
	}
}

func TestGoodTokenTellsWhoItIs(t *testing.T) {
	is := newIssuer(t, "old")
	for _, c := range []struct {
		name    string
		changes jwt.MapClaims
		want    access.Principal
	}{
		{"staff", nil,
			access.Principal{ID: "7c1e", Name: "sally", Roles: []access.Role{access.Sales}}},
		{"two roles and a group that is none", jwt.MapClaims{"cognito:groups": []string{"finance", "eu-west-1_Google", "manager"}},
			access.Principal{ID: "7c1e", Name: "sally", Roles: []access.Role{access.Finance, access.Manager}}},
		{"machine", jwt.MapClaims{"sub": "erp", "username": nil, "cognito:groups": nil, "scope": "waybill/orders.read openid waybill/no.such orders.write waybill/stock.move"},
			access.Principal{ID: "erp", Name: "erp", Scopes: []access.Permission{access.OrdersRead, access.StockMove}}},
		{"neither", jwt.MapClaims{"cognito:groups": nil, "scope": nil},
			access.Principal{ID: "7c1e", Name: "sally"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := is.verifier.Verify(t.Context(), is.token(t, "old", c.changes))
			if err != nil || !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %+v, %v, want %+v", got, err, c.want)
			}
		})
	}
}

func TestEveryWrongClaimIsRefused(t *testing.T) {
	is := newIssuer(t, "old")
	now := is.now()
	at := func(d time.Duration) int64 { return now.Add(d).Unix() }
	for _, c := range []struct {
		name    string
		changes jwt.MapClaims
		good    bool
	}{
		{"as it should be", nil, true},
		{"other issuer", jwt.MapClaims{"iss": "https://evil.example"}, false},
		{"issuer with a slash more", jwt.MapClaims{"iss": is.URL + "/"}, false},
		{"no issuer", jwt.MapClaims{"iss": nil}, false},
		{"expired", jwt.MapClaims{"exp": at(-31 * time.Second)}, false},
		{"expired within the leeway", jwt.MapClaims{"exp": at(-29 * time.Second)}, true},
		{"never expires", jwt.MapClaims{"exp": nil}, false},
		{"not yet valid", jwt.MapClaims{"nbf": at(31 * time.Second)}, false},
		{"valid within the leeway", jwt.MapClaims{"nbf": at(29 * time.Second)}, true},
		{"issued in the future", jwt.MapClaims{"iat": at(31 * time.Second)}, false},
		{"issued within the leeway", jwt.MapClaims{"iat": at(29 * time.Second)}, true},
		{"id token", jwt.MapClaims{"token_use": "id"}, false},
		{"no use", jwt.MapClaims{"token_use": nil}, false},
		{"other client", jwt.MapClaims{"client_id": "somebody-else"}, false},
		{"no client", jwt.MapClaims{"client_id": nil}, false},
		{"the client as audience only", jwt.MapClaims{"client_id": nil, "aud": consoleID}, false},
		{"no subject", jwt.MapClaims{"sub": nil}, false},
		{"empty subject", jwt.MapClaims{"sub": ""}, false},
		{"groups that are no list", jwt.MapClaims{"cognito:groups": "manager"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			token := is.token(t, "old", c.changes)
			if c.good {
				is.wantGood(t, c.name, token)
			} else {
				is.wantKind(t, c.name, token, gateway.ErrUnauthenticated)
			}
		})
	}
}

func TestForgedSignaturesAreRefused(t *testing.T) {
	is := newIssuer(t, "old")
	keys := signingKeys()
	der, err := x509.MarshalPKIXPublicKey(&keys["old"].PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	public := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	good := is.token(t, "old", nil)
	other := is.token(t, "old", jwt.MapClaims{"cognito:groups": []string{"manager"}})
	head, rest, _ := strings.Cut(good, ".")
	_, signature, _ := strings.Cut(rest, ".")
	_, otherRest, _ := strings.Cut(other, ".")
	otherClaims, _, _ := strings.Cut(otherRest, ".")

	is.wantGood(t, "the token to be forged", good)
	for name, token := range map[string]string{
		"alg none":                     signed(t, jwt.SigningMethodNone, "old", jwt.UnsafeAllowNoneSignatureType, is.claims()),
		"HS256 with the public key":    signed(t, jwt.SigningMethodHS256, "old", public, is.claims()),
		"HS256 with the bare key":      signed(t, jwt.SigningMethodHS256, "old", der, is.claims()),
		"RS512":                        signed(t, jwt.SigningMethodRS512, "old", keys["old"], is.claims()),
		"another's key":                signed(t, jwt.SigningMethodRS256, "old", keys["forger"], is.claims()),
		"unknown key":                  is.token(t, "forger", nil),
		"other claims, same signature": head + "." + otherClaims + "." + signature,
		"no signature":                 head + "." + otherClaims + ".",
		"empty":                        "",
		"nonsense":                     "secret-secret.secret-secret.secret-secret",
		"one part":                     head,
	} {
		is.wantKind(t, name, token, gateway.ErrUnauthenticated)
	}
}

func TestKeysRotate(t *testing.T) {
	is := newIssuer(t, "old")
	old, next := is.token(t, "old", nil), is.token(t, "new", nil)
	is.wantGood(t, "before the rotation", old)
	is.wantKind(t, "before its key is published", next, gateway.ErrUnauthenticated)

	is.pass(11 * time.Second)
	is.set(func() { is.published = []string{"old", "new"} })
	is.wantGood(t, "signed with the new key", next)
	is.wantGood(t, "signed with the old key, which is still published", old)

	is.set(func() { is.published = []string{"new"} })
	is.pass(59 * time.Minute)
	is.wantGood(t, "withdrawn less than an hour after the fetch", old)
	is.pass(time.Minute)
	is.wantKind(t, "withdrawn, an hour after the fetch", old, gateway.ErrUnauthenticated)
	is.wantGood(t, "the key that stayed", next)
	if n := is.fetched(); n != 3 {
		t.Errorf("the issuer was asked %d times, want 3", n)
	}
}

func TestOtherKeysOfTheIssuerDoNoHarm(t *testing.T) {
	is := newIssuer(t, "new")
	n := base64.RawURLEncoding.EncodeToString(signingKeys()["old"].N.Bytes())
	is.set(func() {
		is.extra = []map[string]string{
			{"kty": "EC", "crv": "P-256", "kid": "broken"},
			{"kty": "oct", "k": "c2VjcmV0", "kid": "shared"},
			{"kty": "future", "kid": "unheard-of"},
			{"kty": "RSA", "use": "enc", "kid": "old", "n": n, "e": "AQAB"},
			{"kty": "RSA", "use": "sig", "alg": "PS256", "kid": "old", "n": n, "e": "AQAB"},
		}
	})
	is.wantGood(t, "beside keys of other kinds", is.token(t, "new", nil))
	is.wantKind(t, "signed with a key for other uses", is.token(t, "old", nil), gateway.ErrUnauthenticated)
}

func TestFloodOfForgedKeysDoesNotReachTheIssuer(t *testing.T) {
	is := newIssuer(t, "old")
	forged, good := is.token(t, "forger", nil), is.token(t, "old", nil)
	is.wantGood(t, "before the flood", good)

	var callers sync.WaitGroup
	for range 20 {
		callers.Go(func() {
			for range 30 {
				is.wantKind(t, "in the flood", forged, gateway.ErrUnauthenticated)
			}
			is.wantGood(t, "in the flood", good)
		})
	}
	callers.Wait()
	if n := is.fetched(); n != 1 {
		t.Errorf("600 forged tokens within 10 s of a fetch caused %d more", n-1)
	}
	is.pass(10 * time.Second)
	for range 100 {
		is.wantKind(t, "ten seconds later", forged, gateway.ErrUnauthenticated)
	}
	if n := is.fetched(); n != 2 {
		t.Errorf("100 more, 10 s later, caused %d fetches, want one", n-1)
	}
}

func TestWaitersShareOneFetch(t *testing.T) {
	is := newIssuer(t, "old")
	is.held = make(chan struct{})
	good := is.token(t, "old", nil)

	var callers sync.WaitGroup
	for range 20 {
		callers.Go(func() { is.wantGood(t, "sharing the first fetch", good) })
	}
	close(is.held)
	callers.Wait()
	if n := is.fetched(); n != 1 {
		t.Errorf("20 callers caused %d fetches", n)
	}
}

// The one whose request began the fetch goes away; the fetch serves the others.
func TestFetchOutlivesTheRequestThatBeganIt(t *testing.T) {
	is := newIssuer(t, "old")
	is.held = make(chan struct{})
	good := is.token(t, "old", nil)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := is.verifier.Verify(ctx, good); !errors.Is(err, gateway.ErrIssuerUnavailable) || !errors.Is(err, context.Canceled) {
		t.Errorf("the request that went away got %v", err)
	}
	close(is.held)
	is.wantGood(t, "the request that stayed", good)
	if n := is.fetched(); n != 1 {
		t.Errorf("the two requests caused %d fetches", n)
	}
}

func TestIssuerDownThenUp(t *testing.T) {
	is := newIssuer(t, "old")
	good := is.token(t, "old", nil)
	is.set(func() { is.down = true })
	for range 5 {
		is.wantKind(t, "without any keys", good, gateway.ErrIssuerUnavailable)
	}
	if n := is.fetched(); n != 1 {
		t.Errorf("5 tokens at once had an issuer in trouble asked %d times", n)
	}
	is.pass(time.Second)
	is.set(func() { is.down = false })
	is.wantGood(t, "a second later, the issuer back", good)
}

func TestFailedRefreshKeepsTheKeys(t *testing.T) {
	for name, breakIt := range map[string]func(*issuer){
		"down":                    func(is *issuer) { is.down = true },
		"a document without keys": func(is *issuer) { is.published = nil },
	} {
		t.Run(name, func(t *testing.T) {
			is := newIssuer(t, "old")
			good, unknown := is.token(t, "old", nil), is.token(t, "new", nil)
			is.wantGood(t, "at first", good)
			is.pass(2 * time.Hour)
			is.set(func() { breakIt(is) })
			for range 5 {
				is.wantGood(t, "with keys two hours old", good)
				is.wantKind(t, "with a key that may be new", unknown, gateway.ErrIssuerUnavailable)
			}
			if n := is.fetched(); n != 2 {
				t.Errorf("the issuer was asked %d times, want 2", n)
			}
		})
	}
}

func TestVerifierAsksNothingBeforeTheFirstToken(t *testing.T) {
	if n := newIssuer(t, "old").fetched(); n != 0 {
		t.Errorf("the issuer was asked %d times", n)
	}
}

func TestNothingRunsOnAfterARequest(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	is := newIssuer(t, "old")
	is.wantGood(t, "a good token", is.token(t, "old", nil))
	is.Client().CloseIdleConnections()
	is.Close()
}

func TestVerifierNamesEveryFaultOfItsConfiguration(t *testing.T) {
	_, err := gateway.NewVerifier(gateway.TokenConfig{Issuer: "cognito", JWKSURL: "/keys", ClientIDs: []string{""}})
	if err == nil {
		t.Fatal("accepted")
	}
	for _, want := range []string{`"cognito"`, `"/keys"`, "client ids"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error doesn't name %s: %v", want, err)
		}
	}
}
