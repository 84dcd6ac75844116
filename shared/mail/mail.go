// Package mail sends e-mail to customers through Amazon SES. Nothing else
// imports its SDK.
package mail

import (
	"context"
	"errors"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"
	"github.com/aws/aws-sdk-go-v2/service/sesv2/types"

	"waybill/shared/handover"
	"waybill/shared/notice"
)

// A Mailer sends in the name of one sender.
type Mailer struct {
	client *sesv2.Client
	sender string
}

// Open returns the mailer of the environment:
//
//	MAIL_SENDER  who mail is from, an address that SES knows as verified: "Waybill <orders@example.com>"
//
// The AWS variables are those of package handover; the service is SESV2.
func Open(env func(string) string) (*Mailer, error) {
	if env("MAIL_SENDER") == "" {
		return nil, errors.New("MAIL_SENDER is not set")
	}
	c, err := handover.Read(env, "SESV2")
	if err != nil {
		return nil, err
	}
	return &Mailer{sender: env("MAIL_SENDER"), client: sesv2.New(sesv2.Options{
		Region: c.Region, Credentials: c.Credentials, HTTPClient: c.HTTPClient, BaseEndpoint: c.Endpoint,
		Retryer: aws.NopRetryer{}, // what got no answer may have been sent
	})}, nil
}

// final are SES's answers that no further try will change. That the sender is
// not verified, or may not send now, is not the message's fault.
var final = []string{"MessageRejected", "BadRequestException"}

// Send sends a message, as notice.Refusal says or with an outcome that is unknown.
func (m *Mailer) Send(ctx context.Context, msg notice.Message) error {
	ctx, attempt := handover.Watch(ctx)
	_, err := m.client.SendEmail(ctx, m.input(msg))
	return attempt.Answer(err, final...)
}

func (m *Mailer) input(msg notice.Message) *sesv2.SendEmailInput {
	content := &types.Message{
		Subject: utf8(line(msg.Subject)),
		Body:    &types.Body{Text: utf8(msg.Text)},
	}
	if msg.HTML != "" {
		content.Body.Html = utf8(msg.HTML)
	}
	if msg.Unsubscribe != "" { // the button of mail programs, RFC 8058
		content.Headers = []types.MessageHeader{
			{Name: aws.String("List-Unsubscribe"), Value: aws.String("<" + line(msg.Unsubscribe) + ">")},
			{Name: aws.String("List-Unsubscribe-Post"), Value: aws.String("List-Unsubscribe=One-Click")},
		}
	}
	return &sesv2.SendEmailInput{
		FromEmailAddress: &m.sender,
		Destination:      &types.Destination{ToAddresses: []string{line(msg.To)}},
		Content:          &types.EmailContent{Simple: content},
		EmailTags: []types.MessageTag{ // what bounces names the notification by
			{Name: aws.String("notice"), Value: aws.String(msg.ID)},
			{Name: aws.String("event"), Value: aws.String(strings.NewReplacer(".", "-").Replace(string(msg.Type)))},
		},
	}
}

func utf8(s string) *types.Content {
	return &types.Content{Data: aws.String(s), Charset: aws.String("UTF-8")}
}

// line is s without what would begin another header.
func line(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7F {
			return ' '
		}
		return r
	}, s)
}
