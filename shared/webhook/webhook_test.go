package webhook_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"waybill/shared/event"
	"waybill/shared/webhook"
)

var morning = time.Date(2026, 11, 23, 9, 30, 0, 0, time.UTC)

func TestSignaturesAreThoseOfStandardWebhooks(t *testing.T) {
	t.Parallel()
	// The example that the scheme's own libraries are tested with.
	e := webhook.Endpoint{Secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}
	h, err := e.Headers("msg_p5jXN8AQM9LWM0D4loKWxJek", []byte(`{"test": 2432232314}`), time.Unix(1614265330, 0))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek", "webhook-timestamp": "1614265330",
		"webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
	} {
		if h[name] != want {
			t.Errorf("%s is %q, want %q", name, h[name], want)
		}
	}
}

func TestBothSecretsSignForADayAfterARotation(t *testing.T) {
	t.Parallel()
	first, second := secret(t, 1), secret(t, 2)
	e := webhook.Endpoint{Secret: first}
	e.Rotate(second, morning)
	for after, want := range map[time.Duration]int{0: 2, 24*time.Hour - time.Second: 2, 24 * time.Hour: 1} {
		at := morning.Add(after)
		signed := signatures(t, e, at)
		if len(signed) != want || signed[0] != signatures(t, webhook.Endpoint{Secret: second}, at)[0] {
			t.Errorf("%v later it is signed %v, want %d signatures, the new first", after, signed, want)
		}
		if want == 2 && signed[1] != signatures(t, webhook.Endpoint{Secret: first}, at)[0] {
			t.Errorf("%v later the old secret signs otherwise", after)
		}
	}
}

func signatures(t *testing.T, e webhook.Endpoint, at time.Time) []string {
	t.Helper()
	h, err := e.Headers("id", []byte("{}"), at)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(h["webhook-signature"], " ")
}

func secret(t *testing.T, fill byte) webhook.Secret {
	t.Helper()
	s, err := webhook.NewSecret(bytes.NewReader(bytes.Repeat([]byte{fill}, 32)))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestASecretIsNeitherPrintedNorEncoded(t *testing.T) {
	t.Parallel()
	e := webhook.Endpoint{ID: "E", Secret: secret(t, 1), Previous: secret(t, 2)}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "endpoint", e, "secret", e.Secret)
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "endpoint", e, "secret", e.Secret)
	encoded, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	said := fmt.Sprintf("%v %+v %#v %s %q", e, e, e, e.Secret, e.Secret) + log.String() + string(encoded)
	for _, s := range []webhook.Secret{e.Secret, e.Previous} {
		if strings.Contains(said, strings.TrimPrefix(string(s), "whsec_")) {
			t.Errorf("the secret stands in %s", said)
		}
	}
	e.Secret = "whsec_%%%"
	if _, err := e.Headers("id", nil, morning); err == nil || strings.Contains(err.Error(), "%%%") {
		t.Errorf("a broken secret: %v", err)
	}
}

func TestFiltersTakeWhatTheyName(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		filters string
		taken   event.Type
		want    bool
	}{
		{"*", event.OrderCreated, true},
		{"order.*", event.OrderCreated, true},
		{"order.*", event.PaymentReceived, false},
		{"payment.received", event.PaymentReceived, true},
		{"payment.received", event.PaymentReview, false},
		{"payment.review", "payment.reviewed", false},
		{"order.* payment.received", event.PaymentReceived, true},
		{"", event.OrderCreated, false},
	} {
		if got := webhook.Takes(strings.Fields(c.filters), c.taken); got != c.want {
			t.Errorf("%q takes %s: %v", c.filters, c.taken, got)
		}
	}
}

func TestAnEndpointIsTriedForThreeDays(t *testing.T) {
	t.Parallel()
	for _, jitter := range []float64{0, 0.5, 0.999} {
		var h webhook.Health
		at, waits := morning, []time.Duration{}
		for !h.Fail("timeout", false, at, jitter) {
			if len(waits) > 100 {
				t.Fatal("it is tried for ever")
			}
			waits = append(waits, h.NextAttempt.Sub(at))
			at = h.NextAttempt
		}
		if at.Sub(morning) != webhook.Patience {
			t.Errorf("jitter %v: the last attempt was %v after the first", jitter, at.Sub(morning))
		}
		want := []time.Duration{
			5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, 30 * time.Minute,
			time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour, 12 * time.Hour,
		}
		for i, w := range want {
			if waits[i] < w || waits[i] > w+w/10 {
				t.Errorf("jitter %v: wait %d is %v, want about %v", jitter, i+1, waits[i], w)
			}
		}
	}
}

func TestAnEndpointThatIsGoneIsNotTriedAgain(t *testing.T) {
	t.Parallel()
	var h webhook.Health
	if !h.Fail("gone", true, morning, 0) || !h.NextAttempt.IsZero() {
		t.Errorf("%+v", h)
	}
}
