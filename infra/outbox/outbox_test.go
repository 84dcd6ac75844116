package outbox_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"waybill/infra/outbox"
	"waybill/shared/notice"
)

func message(id string, ch notice.Channel, to string) notice.Message {
	return notice.Message{
		ID: id, Channel: ch, To: to, Type: "order.confirmed", OrderID: "A", Unsubscribe: "http://localhost/out",
		Words: notice.Words{Subject: "Bestätigt: SO-1", Text: "Grüße <b>", HTML: "<p>Grüße</p><script>alert(1)</script>"},
	}
}

func get(t *testing.T, o *outbox.Outbox, path, accept string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, path, nil)
	r.Header.Set("Accept", accept)
	w := httptest.NewRecorder()
	o.ServeHTTP(w, r)
	return w
}

func TestWhatWasSentIsShownNewestFirst(t *testing.T) {
	t.Parallel()
	o := outbox.New(outbox.Config{Now: func() time.Time { return time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC) }})
	for n, m := range []notice.Message{message("1", notice.Email, "claire@example.com"), message("2", notice.Staff, "warehouse"), message("3", notice.SMS, "+14155552671")} {
		if err := o.Send(t.Context(), m); err != nil {
			t.Fatal(n, err)
		}
	}
	var got struct{ Items []outbox.Item }
	if err := json.Unmarshal(get(t, o, "/dev/outbox?limit=2", "*/*").Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Items) != 2 || got.Items[0].Channel != "sms" || got.Items[1].Channel != "email" || got.Items[1].To != "role:warehouse" {
		t.Errorf("%+v", got.Items)
	}
	if page := get(t, o, "/dev/outbox", "text/html").Body.String(); !strings.Contains(page, "Grüße &lt;b&gt;") || strings.Contains(page, "<script") {
		t.Errorf("the page is %s", page)
	}
	mail := get(t, o, "/dev/outbox/1", "text/html")
	if !strings.Contains(mail.Body.String(), "<p>Grüße</p>") || !strings.Contains(mail.Header().Get("Content-Security-Policy"), "sandbox") {
		t.Errorf("the mail is %s, %v", mail.Body, mail.Header())
	}
	for path, want := range map[string]int{"/dev/outbox/3000": 404, "/dev/outbox?limit=0": 400, "/dev/outbox?limit=x": 400} {
		if w := get(t, o, path, "*/*"); w.Code != want {
			t.Errorf("%s is a %d", path, w.Code)
		}
	}
}

func TestWhatIsInterceptedIsNotInTheOutbox(t *testing.T) {
	t.Parallel()
	o := outbox.New(outbox.Config{Now: time.Now, Intercept: func(context.Context, notice.Message) error { return errors.New("no") }})
	if err := o.Send(t.Context(), message("1", notice.Email, "x")); err == nil || len(o.Items(10)) != 0 {
		t.Errorf("%v, %v", err, o.Items(10))
	}
}

// server is a mail server for one mail: it answers a recipient as it is told,
// and returns what it was sent.
func server(t *testing.T, recipient string) (address string, took <-chan string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	all := make(chan string, 1)
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		fmt.Fprint(c, "220 hello\r\n")
		var said strings.Builder
		data := false
		for in := bufio.NewScanner(c); in.Scan(); {
			line := in.Text()
			said.WriteString(line + "\n")
			switch {
			case data && line == ".":
				data = false
				fmt.Fprint(c, "250 taken\r\n")
			case data:
			case strings.HasPrefix(line, "DATA"):
				data = true
				fmt.Fprint(c, "354 go on\r\n")
			case strings.HasPrefix(line, "RCPT"):
				fmt.Fprint(c, recipient+"\r\n")
			case strings.HasPrefix(line, "QUIT"):
				fmt.Fprint(c, "221 bye\r\n")
				all <- said.String()
				return
			default:
				fmt.Fprint(c, "250 ok\r\n")
			}
		}
	}()
	return l.Addr().String(), all
}

func TestMailIsPassedOnToAMailServer(t *testing.T) {
	t.Parallel()
	address, took := server(t, "250 ok")
	if err := (outbox.SMTP{Server: address, From: "shop@example.com"}).Send(t.Context(), message("1", notice.Staff, "finance")); err != nil {
		t.Fatal(err)
	}
	got := <-took
	for _, part := range []string{"RCPT TO:<finance@staff.invalid>", "Subject: =?utf-8?q?Best=C3=A4tigt:_SO-1?=", "List-Unsubscribe: <http://localhost/out>", "text/plain", "text/html", "Gr=C3=BC=C3=9Fe"} {
		if !strings.Contains(got, part) {
			t.Errorf("the mail has no %s: %s", part, got)
		}
	}
}

func TestWhatAMailServerCertainlyDidNotTakeIsRefusedWithoutNames(t *testing.T) {
	t.Parallel()
	for answer, final := range map[string]bool{"550 5.1.1 <claire@example.com> user unknown": true, "451 4.7.1 claire@example.com later": false} {
		address, _ := server(t, answer)
		err := outbox.SMTP{Server: address, From: "shop@example.com"}.Send(t.Context(), message("1", notice.Email, "claire@example.com"))
		var no *notice.Refusal
		if !errors.As(err, &no) || no.Final != final || strings.Contains(err.Error(), "claire") {
			t.Errorf("%s is %v", answer, err)
		}
	}
	var no *notice.Refusal
	if err := (outbox.SMTP{Server: "127.0.0.1:1", From: "x@example.com"}).Send(t.Context(), message("1", notice.Email, "claire@example.com")); !errors.As(err, &no) || no.Final {
		t.Errorf("a server that is down is %v", err)
	}
}

func TestAMailServerThatHangsHasNoMoreThanItsTime(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := (outbox.SMTP{Server: l.Addr().String(), From: "x@example.com"}).Send(ctx, message("1", notice.Email, "claire@example.com")); err == nil {
		t.Error("it took a mail")
	}
}
