package secret_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"waybill/shared/secret"
)

// A systemsManager answers GetParameters from its values.
type systemsManager struct {
	mu     sync.Mutex
	values map[string]string
	down   bool
	asked  [][]string
}

func (m *systemsManager) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var in struct {
		Names          []string
		WithDecryption bool
	}
	err := json.NewDecoder(r.Body).Decode(&in)
	m.asked = append(m.asked, in.Names)
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	switch {
	case m.down:
		w.WriteHeader(http.StatusBadRequest) // one that isn't repeated
		fmt.Fprint(w, `{"__type": "InternalServerError", "message": "down"}`)
	case err != nil || !in.WithDecryption || r.Header.Get("X-Amz-Target") != "AmazonSSM.GetParameters" || len(in.Names) > 10:
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"__type": "ValidationException", "message": "not a request for decrypted parameters"}`)
	default:
		var out struct {
			Parameters        []map[string]string
			InvalidParameters []string
		}
		for _, name := range in.Names {
			if value, ok := m.values[name]; ok {
				out.Parameters = append(out.Parameters, map[string]string{"Name": name, "Value": value, "Type": "SecureString"})
			} else {
				out.InvalidParameters = append(out.InvalidParameters, name)
			}
		}
		if err := json.NewEncoder(w).Encode(out); err != nil {
			panic(err)
		}
	}
}

func (m *systemsManager) set(f func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f()
}

type clock struct{ now time.Time }

func start(t *testing.T) (*systemsManager, *clock, *secret.Parameters) {
	t.Helper()
	m := &systemsManager{values: map[string]string{"/key": "sk_1", "/hook": "whsec_1"}}
	s := httptest.NewServer(m)
	t.Cleanup(s.Close)
	c := &clock{time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)}
	client := ssm.New(ssm.Options{
		Region: "eu-west-1", BaseEndpoint: aws.String(s.URL),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "id", SecretAccessKey: "key"}, nil
		}),
	})
	return m, c, secret.New(client, func() time.Time { return c.now })
}

func expect(t *testing.T, p *secret.Parameters, want map[string]string) {
	t.Helper()
	var names []string
	for name := range want {
		names = append(names, name)
	}
	if got, err := p.Get(t.Context(), names...); err != nil || !maps.Equal(got, want) {
		t.Errorf("got %v, %v; want %v", got, err, want)
	}
}

func TestParametersAreReadInOneCallAndKept(t *testing.T) {
	m, c, p := start(t)
	both := map[string]string{"/key": "sk_1", "/hook": "whsec_1"}
	expect(t, p, both)
	m.set(func() { m.values["/key"] = "sk_2" })
	c.now = c.now.Add(5 * time.Minute)
	expect(t, p, both)
	if len(m.asked) != 1 {
		t.Errorf("asked %v, want one call", m.asked)
	}
	c.now = c.now.Add(time.Second)
	both["/key"] = "sk_2"
	expect(t, p, both)
	if len(m.asked) != 2 {
		t.Errorf("asked %v, want two calls", m.asked)
	}
}

func TestWhileNothingAnswersTheLastValuesStay(t *testing.T) {
	m, c, p := start(t)
	expect(t, p, map[string]string{"/key": "sk_1"})
	m.set(func() { m.down, m.values["/key"] = true, "sk_2" })
	c.now = c.now.Add(time.Hour)
	expect(t, p, map[string]string{"/key": "sk_1"})
	asked := len(m.asked)
	expect(t, p, map[string]string{"/key": "sk_1"})
	if len(m.asked) != asked {
		t.Error("it is asked at each use though it is down")
	}
	_, err := p.Get(t.Context(), "/hook")
	if err == nil || !strings.Contains(err.Error(), "/hook") {
		t.Errorf("a value never read: %v", err)
	}
	m.set(func() { m.down = false })
	c.now = c.now.Add(31 * time.Second)
	expect(t, p, map[string]string{"/key": "sk_2"})
}

func TestAParameterThatIsNotThereIsNamedWithoutTheValuesOfOthers(t *testing.T) {
	_, _, p := start(t)
	values, err := p.Get(t.Context(), "/key", "/none")
	if err == nil || !strings.Contains(err.Error(), "/none") || strings.Contains(err.Error(), "sk_1") || values != nil {
		t.Errorf("%v, %v", values, err)
	}
	expect(t, p, map[string]string{"/key": "sk_1"})
}

func TestMoreParametersThanOneCallReadsAreReadInSeveral(t *testing.T) {
	m, _, p := start(t)
	want := map[string]string{}
	for n := range 23 {
		name := fmt.Sprintf("/p%d", n)
		m.values[name], want[name] = fmt.Sprint(n), fmt.Sprint(n)
	}
	expect(t, p, want)
	if len(m.asked) != 3 {
		t.Errorf("asked %v, want three calls", m.asked)
	}
}

func TestTheEnvironmentSaysWhereTheParametersAre(t *testing.T) {
	m := &systemsManager{values: map[string]string{"/key": "sk_1"}}
	s := httptest.NewServer(m)
	defer s.Close()
	env := map[string]string{
		"AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "key", "AWS_ENDPOINT_URL_SSM": s.URL,
	}
	p, err := secret.Open(func(name string) string { return env[name] })
	if err != nil {
		t.Fatal(err)
	}
	expect(t, p, map[string]string{"/key": "sk_1"})
	if _, err := secret.Open(func(string) string { return "" }); err == nil {
		t.Error("no region is no error")
	}
}
