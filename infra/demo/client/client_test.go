package client_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"waybill/infra/demo/client"
)

// answer is one that the server gives; status 0 breaks the connection.
type answer struct {
	status int
	body   string
}

// serve gives a token and then the answers in turn; asked collects the requests' keys and bodies.
func serve(t *testing.T, answers ...answer) (api *client.Client, asked *[]string) {
	t.Helper()
	asked = new([]string)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/dev/token" {
			io.WriteString(w, `{"access_token":"secret"}`)
			return
		}
		body, _ := io.ReadAll(r.Body)
		*asked = append(*asked, r.Header.Get("Authorization")+" "+r.Header.Get("Idempotency-Key")+" "+string(body))
		now := answers[0]
		if len(answers) > 1 {
			answers = answers[1:]
		}
		if now.status == 0 {
			panic(http.ErrAbortHandler)
		}
		w.WriteHeader(now.status)
		io.WriteString(w, now.body)
	}))
	t.Cleanup(s.Close)
	api, err := client.Login(t.Context(), s.URL, "manager")
	if err != nil {
		t.Fatal(err)
	}
	return api, asked
}

func TestWhatMayPassIsTriedAgainWithTheSameKey(t *testing.T) {
	api, asked := serve(t, answer{503, `{"code":"starting"}`}, answer{409, `{"code":"busy"}`}, answer{}, answer{201, `{"sku":"P"}`})
	var out struct{ SKU string }
	if err := api.Post(t.Context(), "/v1/x", "key", []int{1}, &out); err != nil || out.SKU != "P" {
		t.Fatalf("answer %v, error %v", out, err)
	}
	if len(*asked) != 4 {
		t.Fatalf("asked %q, want it 4 times", *asked)
	}
	for _, a := range *asked {
		if a != "Bearer secret key [1]" {
			t.Errorf("asked %q", a)
		}
	}
}

func TestRefusalIsFinalAndTellsWhy(t *testing.T) {
	api, asked := serve(t, answer{422, `{"code":"rejected","detail":"Look.","errors":[{"field":"lines","sku":"P","detail":"There is no such product."}]}`})
	err := api.Post(t.Context(), "/v1/x?y", "", nil, nil)
	var refused *client.RefusedError
	if !errors.As(err, &refused) || err.Error() != "POST /v1/x answered 422 rejected: Look. lines P: There is no such product." {
		t.Errorf("error %v", err)
	}
	if len(*asked) != 1 {
		t.Errorf("asked %d times, want once", len(*asked))
	}
}

func TestNobodyThereIsSaidAtOnce(t *testing.T) {
	s := httptest.NewServer(http.NotFoundHandler())
	s.Close()
	if _, err := client.Login(t.Context(), s.URL, "manager"); !errors.Is(err, client.ErrNobody) {
		t.Errorf("error %v, want %v", err, client.ErrNobody)
	}
}

func TestSomebodyElseThereIsSaid(t *testing.T) {
	s := httptest.NewServer(http.NotFoundHandler())
	defer s.Close()
	_, err := client.Login(t.Context(), s.URL, "manager")
	if err == nil || err.Error() != "log in: POST /dev/token answered 404 Not Found" {
		t.Errorf("error %v", err)
	}
}

func TestListIsReadToItsEnd(t *testing.T) {
	api, _ := serve(t, answer{200, `{"items":[1,2],"next_cursor":"c"}`}, answer{200, `{"items":[3],"next_cursor":null}`})
	var got []int
	err := client.Each(t.Context(), api, "/v1/x", func(n int) error { got = append(got, n); return nil })
	if err != nil || len(got) != 3 {
		t.Errorf("got %v, error %v", got, err)
	}
}
