package mail_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"waybill/shared/mail"
	"waybill/shared/notice"
)

const claire = "claire@example.com"

var message = notice.Message{
	ID: "01KAQ3V7Z8M4T6W2Y9X1C5B3N7", Channel: notice.Email, To: claire, Type: "order.confirmed",
	Words:       notice.Words{Subject: "订单\r\nBcc: eve@example.com", Text: "谢谢", HTML: "<p>谢谢</p>"},
	Unsubscribe: "https://w.example/v1/preferences/abc",
}

// mailer is one whose SES is h.
func mailer(t *testing.T, endpoint string) *mail.Mailer {
	t.Helper()
	m, err := mail.Open(func(name string) string {
		return map[string]string{
			"AWS_REGION": "eu-central-1", "AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret",
			"AWS_ENDPOINT_URL_SESV2": endpoint, "MAIL_SENDER": "Waybill <orders@example.com>",
		}[name]
	})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestAMailHasItsTextsAndAButtonToOptOutAndNoHeaderOfOthers(t *testing.T) {
	t.Parallel()
	var got struct {
		FromEmailAddress string
		Destination      struct{ ToAddresses []string }
		Content          struct {
			Simple struct {
				Subject struct{ Data, Charset string }
				Body    struct {
					Text, HTML struct{ Data, Charset string }
				}
				Headers []struct{ Name, Value string }
			}
		}
		EmailTags []struct{ Name, Value string }
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := json.NewDecoder(r.Body).Decode(&got); err != nil {
			t.Error(err)
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"MessageId":"m1"}`)
	}))
	t.Cleanup(s.Close)
	if err := mailer(t, s.URL).Send(t.Context(), message); err != nil {
		t.Fatal(err)
	}
	simple := got.Content.Simple
	if got.FromEmailAddress != "Waybill <orders@example.com>" || len(got.Destination.ToAddresses) != 1 || got.Destination.ToAddresses[0] != claire {
		t.Errorf("from %q to %v", got.FromEmailAddress, got.Destination.ToAddresses)
	}
	if simple.Subject.Data != "订单  Bcc: eve@example.com" || simple.Subject.Charset != "UTF-8" || simple.Body.Text.Data != "谢谢" || simple.Body.HTML.Data != "<p>谢谢</p>" {
		t.Errorf("%+v", simple)
	}
	headers := map[string]string{}
	for _, h := range simple.Headers {
		headers[h.Name] = h.Value
	}
	if headers["List-Unsubscribe"] != "<https://w.example/v1/preferences/abc>" || headers["List-Unsubscribe-Post"] != "List-Unsubscribe=One-Click" {
		t.Errorf("headers: %v", headers)
	}
	tags := map[string]string{}
	for _, tag := range got.EmailTags {
		tags[tag.Name] = tag.Value
	}
	if tags["notice"] != message.ID || tags["event"] != "order-confirmed" {
		t.Errorf("tags: %v", tags)
	}
}

func TestAnAnswerSaysWhetherAMailWasTakenAndItIsAskedForOnce(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		status  int
		code    string
		refused bool
		final   bool
	}{
		{"rejected", 400, "MessageRejected", true, true},
		{"no address", 400, "BadRequestException", true, true},
		{"our own domain", 400, "MailFromDomainNotVerifiedException", true, false},
		{"paused", 400, "SendingPausedException", true, false},
		{"too many", 429, "TooManyRequestsException", true, false},
		{"no right", 403, "AccessDeniedException", true, false},
		{"closed", 503, "ServiceUnavailable", true, false},
		{"broken", 500, "InternalServiceErrorException", false, false},
		{"a gateway", 502, "", false, false},
		{"a redirect", 302, "", false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var calls atomic.Int64
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				calls.Add(1)
				w.Header().Set("Content-Type", "application/json")
				w.Header().Set("Location", "/elsewhere")
				if c.code != "" {
					w.Header().Set("X-Amzn-Errortype", c.code)
				}
				w.WriteHeader(c.status)
				fmt.Fprintf(w, `{"message":"%s is not welcome"}`, claire)
			}))
			t.Cleanup(s.Close)
			judge(t, mailer(t, s.URL).Send(t.Context(), message), c.refused, c.final, c.code)
			if calls.Load() != 1 {
				t.Errorf("it was asked for %d times", calls.Load())
			}
		})
	}
}

func judge(t *testing.T, err error, refused, final bool, reason string) {
	t.Helper()
	var no *notice.Refusal
	if err == nil || errors.As(err, &no) != refused {
		t.Fatalf("the answer is %v, want refused %v", err, refused)
	}
	if no != nil && (no.Final != final || no.Reason != reason) {
		t.Errorf("refused with %+v, want %q, final %v", *no, reason, final)
	}
	if strings.Contains(err.Error(), claire) {
		t.Errorf("the error names the recipient: %v", err)
	}
}

func TestWithoutAnAnswerItIsUnknownWhetherAMailWasSent(t *testing.T) {
	t.Parallel()
	closed := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-closed }))
	t.Cleanup(func() { close(closed); s.Close() })
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	judge(t, mailer(t, s.URL).Send(ctx, message), false, false, "")

	breaking := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	t.Cleanup(breaking.Close)
	judge(t, mailer(t, breaking.URL).Send(t.Context(), message), false, false, "")
}

func TestWhatNeverLeftWasNotSent(t *testing.T) {
	t.Parallel()
	var listen net.ListenConfig
	l, err := listen.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close() // nobody is there
	judge(t, mailer(t, "http://"+address).Send(t.Context(), message), true, false, "unreachable")
}

func TestAMailerWithoutASenderIsNone(t *testing.T) {
	t.Parallel()
	if _, err := mail.Open(func(string) string { return "" }); err == nil {
		t.Error("there is one")
	}
}
