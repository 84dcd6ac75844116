package outbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/smtp"
	"net/textproto"
	"strconv"

	"waybill/shared/notice"
)

// SMTP passes mails on to a mail server without a password, such as the ones
// that developers run to look at mail.
type SMTP struct{ Server, From string }

// Send sends a mail; one to a role goes to <role>@staff.invalid.
func (s SMTP) Send(ctx context.Context, m notice.Message) error {
	to := m.To
	if m.Channel == notice.Staff {
		to += "@staff.invalid"
	}
	text, err := encode(m, s.From, to)
	if err != nil {
		return err
	}
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", s.Server)
	if err != nil {
		return &notice.Refusal{Reason: "unreachable"}
	}
	defer conn.Close()
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return &notice.Refusal{Reason: "unreachable"}
		}
	}
	return hand(conn, s.From, to, text)
}

// hand hands a mail over. Until all of it is there, nothing was sent.
func hand(conn net.Conn, from, to string, text []byte) error {
	c, err := smtp.NewClient(conn, "localhost")
	if err != nil {
		return refused(err)
	}
	if err := c.Mail(from); err != nil {
		return refused(err)
	}
	if err := c.Rcpt(to); err != nil {
		return refused(err)
	}
	body, err := c.Data()
	if err != nil {
		return refused(err)
	}
	if _, err := body.Write(text); err != nil {
		return refused(err)
	}
	if err := body.Close(); err != nil {
		var answer *textproto.Error
		if errors.As(err, &answer) {
			return refused(err)
		}
		return errors.New("no answer to a mail")
	}
	_ = c.Quit() // it is taken
	return nil
}

// refused is a server's no. Its words may name the recipient; its code does not.
func refused(err error) error {
	var answer *textproto.Error
	if !errors.As(err, &answer) {
		return &notice.Refusal{Reason: "no answer before the mail was there"}
	}
	return &notice.Refusal{Reason: strconv.Itoa(answer.Code), Final: answer.Code >= 500}
}

// encode writes a mail of text and HTML (RFC 5322, RFC 2045).
func encode(m notice.Message, from, to string) ([]byte, error) {
	var out bytes.Buffer
	parts := multipart.NewWriter(&out)
	fmt.Fprintf(&out, "From: %s\r\nTo: %s\r\nSubject: %s\r\n", from, to, mime.QEncoding.Encode("utf-8", m.Subject))
	if m.Unsubscribe != "" {
		fmt.Fprintf(&out, "List-Unsubscribe: <%s>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n", m.Unsubscribe)
	}
	fmt.Fprintf(&out, "MIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary=%s\r\n\r\n", parts.Boundary())
	for _, body := range []struct{ kind, text string }{{"text/plain", m.Text}, {"text/html", m.HTML}} {
		if body.text == "" {
			continue
		}
		part, err := parts.CreatePart(textproto.MIMEHeader{
			"Content-Type": {body.kind + "; charset=utf-8"}, "Content-Transfer-Encoding": {"quoted-printable"},
		})
		if err != nil {
			return nil, fmt.Errorf("write a mail: %w", err)
		}
		quoted := quotedprintable.NewWriter(part)
		if _, err := quoted.Write([]byte(body.text)); err != nil {
			return nil, fmt.Errorf("write a mail: %w", err)
		}
		if err := quoted.Close(); err != nil {
			return nil, fmt.Errorf("write a mail: %w", err)
		}
	}
	if err := parts.Close(); err != nil {
		return nil, fmt.Errorf("write a mail: %w", err)
	}
	return out.Bytes(), nil
}
