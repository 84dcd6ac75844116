package local_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/MicahParks/keyfunc/v3"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/golang-jwt/jwt/v5"

	"waybill/infra/dynamolocal"
	"waybill/infra/local"
)

const fixture = "../template/testdata/template.yaml"

// nowhere is a client for systems whose functions don't touch the table.
var nowhere = dynamolocal.NewClient("http://127.0.0.1:1", http.DefaultTransport)

// echo says which function got the request, and of what it.
func echo(name string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %s %s %s", name, r.Method, r.URL.RequestURI(), body)
	})
}

func echoes(context.Context, local.Environment) (local.Functions, error) {
	return local.Functions{
		HTTP: map[string]http.Handler{"OrdersFunction": echo("orders"), "SystemFunction": echo("system")},
		Events: map[string]lambda.Handler{
			"StockFunction": lambda.NewHandler(func() error { return nil }), "ProofFunction": lambda.NewHandler(func() error { return nil }),
			"PostFunction": lambda.NewHandler(func() error { return nil }),
		},
	}, nil
}

func start(t *testing.T, cfg local.Config) *local.System {
	t.Helper()
	if cfg.Template == "" {
		cfg.Template = fixture
	}
	if cfg.Wire == nil {
		cfg.Wire = echoes
	}
	s, err := local.Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return s
}

func get(t *testing.T, url string) (status int, body string) {
	t.Helper()
	return answerOf(t)(http.Get(url))
}

func answerOf(t *testing.T) func(*http.Response, error) (int, string) {
	t.Helper()
	return func(resp *http.Response, err error) (int, string) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(body)
	}
}

func TestRequestsReachTheFunctionOfTheTemplate(t *testing.T) {
	t.Parallel()
	s := start(t, local.Config{Client: nowhere})
	for path, want := range map[string]string{
		"/v1/orders?limit=2&q=a%2Cb": "orders GET /v1/orders?limit=2&q=a%2Cb ",
		"/v1/orders/17":              "orders GET /v1/orders/17 ",
		"/healthz":                   "system GET /healthz ",
		"/anything/else":             "system GET /anything/else ",
	} {
		if status, body := get(t, s.URL()+path); status != http.StatusOK || body != want {
			t.Errorf("%s: %d %q, want %q", path, status, body, want)
		}
	}
	status, body := answerOf(t)(http.Post(s.URL()+"/v1/x", "application/json", strings.NewReader(`{"a":1}`)))
	if want := `system POST /v1/x {"a":1}`; status != http.StatusOK || body != want {
		t.Errorf("%d %q, want %q", status, body, want)
	}
}

func TestBodyBeyondTheGatewaysLimitIsRefused(t *testing.T) {
	t.Parallel()
	s := start(t, local.Config{Client: nowhere})
	status, body := answerOf(t)(http.Post(s.URL()+"/v1/x", "text/plain", strings.NewReader(strings.Repeat("x", 10<<20+1))))
	if status != http.StatusRequestEntityTooLarge || body != `{"message":"Request Entity Too Large"}` {
		t.Errorf("%d %s, want API Gateway's 413", status, body)
	}
}

func TestUntilAllIsReadyThePortAnswers503(t *testing.T) {
	t.Parallel()
	start(t, local.Config{Client: nowhere, Wire: func(ctx context.Context, env local.Environment) (local.Functions, error) {
		status, body := get(t, env.URL+"/healthz")
		if status != http.StatusServiceUnavailable || !strings.Contains(body, `"code":"starting"`) {
			t.Errorf("while starting: %d %s, want a 503 problem", status, body)
		}
		return echoes(ctx, env)
	}})
}

func TestFunctionWithoutHandlerStopsTheStart(t *testing.T) {
	t.Parallel()
	_, err := local.Start(t.Context(), local.Config{Template: fixture, Client: nowhere,
		Wire: func(context.Context, local.Environment) (local.Functions, error) {
			return local.Functions{HTTP: map[string]http.Handler{"OrdersFunction": echo("orders"), "StockFunction": echo("stock")}}, nil
		}})
	if err == nil || !strings.Contains(err.Error(), "StockFunction, ProofFunction, PostFunction, SystemFunction") {
		t.Errorf("error %v, want one that names the functions", err)
	}
}

func TestTakenPortIsNamed(t *testing.T) {
	t.Parallel()
	other, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	port := other.Addr().(*net.TCPAddr).Port
	_, err = local.Start(t.Context(), local.Config{Template: fixture, Client: nowhere, Wire: echoes, Port: port})
	if !errors.Is(err, local.ErrPortTaken) || !strings.Contains(err.Error(), fmt.Sprint(port)) {
		t.Errorf("error %v, want %v: %d", err, local.ErrPortTaken, port)
	}
}

func TestMissingDynamoDBLocalIsNamed(t *testing.T) {
	t.Parallel()
	_, err := local.Start(t.Context(), local.Config{Template: fixture, Home: t.TempDir(), Wire: echoes})
	if !errors.Is(err, dynamolocal.ErrNotInstalled) {
		t.Errorf("error %v, want %v", err, dynamolocal.ErrNotInstalled)
	}
}

func TestSystemBringsItsDatabaseAndTakesItAway(t *testing.T) {
	t.Parallel()
	var env local.Environment
	s := start(t, local.Config{Home: local.Home("../.."), DataDir: filepath.Join(t.TempDir(), "data"),
		Wire: func(ctx context.Context, e local.Environment) (local.Functions, error) {
			env = e
			return echoes(ctx, e)
		}})
	if _, err := env.DynamoDB.DescribeTable(t.Context(), &dynamodb.DescribeTableInput{TableName: &env.Table}); err != nil {
		t.Fatal(err)
	}
	s.Stop()
	if err := s.Wait(t.Context()); !errors.Is(err, local.ErrDatabaseGone) {
		t.Errorf("after Stop the database is there still: %v", err)
	}
	if conn, err := net.Dial("tcp", s.Addr()); err == nil {
		conn.Close()
		t.Error("after Stop the port is served still")
	}
}

// ask posts a form to /dev/token.
func ask(t *testing.T, s *local.System, form url.Values) (int, map[string]any) {
	t.Helper()
	status, body := answerOf(t)(http.PostForm(s.URL()+"/dev/token", form))
	var out map[string]any
	if err := json.Unmarshal([]byte(body), &out); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	return status, out
}

// verify checks a token as a stranger would: with the keys that the issuer's
// configuration points to.
func verify(t *testing.T, s *local.System, token string) jwt.MapClaims {
	t.Helper()
	_, body := get(t, s.URL()+"/dev/issuer/.well-known/openid-configuration")
	var configuration struct {
		Issuer string `json:"issuer"`
		Keys   string `json:"jwks_uri"`
	}
	if err := json.Unmarshal([]byte(body), &configuration); err != nil {
		t.Fatal(err)
	}
	_, set := get(t, configuration.Keys)
	keys, err := keyfunc.NewJWKSetJSON(json.RawMessage(set))
	if err != nil {
		t.Fatal(err)
	}
	claims := jwt.MapClaims{}
	_, err = jwt.ParseWithClaims(token, claims, keys.Keyfunc, jwt.WithIssuer(configuration.Issuer),
		jwt.WithValidMethods([]string{"RS256"}), jwt.WithExpirationRequired())
	if err != nil {
		t.Fatal(err)
	}
	return claims
}

func TestTokenOfARoleIsLikeCognitos(t *testing.T) {
	t.Parallel()
	s := start(t, local.Config{Client: nowhere})
	for _, tt := range []struct{ role, user, want string }{
		{"sales", "", "sally"},
		{"warehouse", "", "walter"},
		{"finance", "", "fiona"},
		{"manager", "", "maria"},
		{"sales", "sam", "sam"},
	} {
		status, answer := ask(t, s, url.Values{"role": {tt.role}, "user": {tt.user}})
		if status != http.StatusOK || answer["token_type"] != "Bearer" || answer["expires_in"] == nil {
			t.Fatalf("%v: %d %v", tt, status, answer)
		}
		claims := verify(t, s, answer["access_token"].(string))
		got := fmt.Sprint(claims["sub"], claims["username"], claims["cognito:groups"], claims["token_use"], claims["client_id"])
		if want := fmt.Sprint(tt.want, tt.want, []string{tt.role}, "access", "waybill-dev"); got != want {
			t.Errorf("claims %s, want %s", got, want)
		}
	}
}

func TestTokenOfAProgramHasScopesAndNoRole(t *testing.T) {
	t.Parallel()
	s := start(t, local.Config{Client: nowhere})
	_, answer := ask(t, s, url.Values{"scope": {"waybill/orders.read waybill/stock.read"}})
	claims := verify(t, s, answer["access_token"].(string))
	if claims["scope"] != "waybill/orders.read waybill/stock.read" || claims["cognito:groups"] != nil || claims["username"] != nil {
		t.Errorf("claims %v", claims)
	}
}

func TestTokenForNoOrAnUnknownRoleIsRefused(t *testing.T) {
	t.Parallel()
	s := start(t, local.Config{Client: nowhere})
	for role, code := range map[string]string{"": "missing_role", "king": "unknown_role"} {
		status, answer := ask(t, s, url.Values{"role": {role}})
		if status != http.StatusBadRequest || answer["code"] != code {
			t.Errorf("role %q: %d %v, want 400 %s", role, status, answer, code)
		}
	}
	if _, err := s.Token("king", ""); err == nil {
		t.Error("a token for the role king")
	}
}

func TestTokensOutliveARestart(t *testing.T) {
	t.Parallel()
	key := filepath.Join(t.TempDir(), "state", "issuer.pem")
	first := start(t, local.Config{Client: nowhere, KeyFile: key})
	token, err := first.Token("sales", "")
	if err != nil {
		t.Fatal(err)
	}
	first.Stop()
	_, port, err := net.SplitHostPort(first.Addr())
	if err != nil {
		t.Fatal(err)
	}
	var number int
	if _, err := fmt.Sscan(port, &number); err != nil {
		t.Fatal(err)
	}
	second := start(t, local.Config{Client: nowhere, KeyFile: key, Port: number})
	verify(t, second, token)
}

func TestTokensExpire(t *testing.T) {
	t.Parallel()
	yesterday := time.Now().Add(-24 * time.Hour)
	s := start(t, local.Config{Client: nowhere, Now: func() time.Time { return yesterday }})
	token, err := s.Token("sales", "")
	if err != nil {
		t.Fatal(err)
	}
	claims := jwt.MapClaims{}
	if _, _, err := jwt.NewParser().ParseUnverified(token, claims); err != nil {
		t.Fatal(err)
	}
	expires, err := claims.GetExpirationTime()
	if err != nil || !expires.Before(time.Now()) || !expires.After(yesterday) {
		t.Errorf("a token of yesterday expires at %v (%v)", expires, err)
	}
}
