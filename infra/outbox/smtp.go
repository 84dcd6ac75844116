package outbox

import (
	"bytes"
	"context"
	"fmt"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/smtp"
	"net/textproto"

	"waybill/shared/notice"
)

// SMTP passes mails on to a mail server without a password, such as the ones
// that developers run to look at mail.
type SMTP struct{ Server, From string }

// Send sends a mail; one to a role goes to <role>@staff.invalid.
func (s SMTP) Send(_ context.Context, m notice.Message) error {
	to := m.To
	if m.Channel == notice.Staff {
		to += "@staff.invalid"
	}
	text, err := encode(m, s.From, to)
	if err != nil {
		return err
	}
	if err := smtp.SendMail(s.Server, nil, s.From, []string{to}, text); err != nil {
		return fmt.Errorf("pass a mail on: %w", err)
	}
	return nil
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
