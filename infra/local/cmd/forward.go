package main

import (
	"context"

	"waybill/infra/outbox"
	"waybill/shared/notice"
	"waybill/shared/telling"
	"waybill/shared/topic"
)

// mailSender is whom mail is from that goes to SMTP_ADDR.
const mailSender = "orders@waybill.example"

// forward is where messages go beside the outbox, as the environment says: mail
// to SMTP_ADDR, mail to staff to the topics in STAFF_TOPICS, SMS to SNS where
// SMS_ENABLED is true; nil where it names none of them.
func forward(env func(string) string) (func(context.Context, notice.Message) error, error) {
	senders := map[notice.Channel]telling.Sender{}
	if server := env("SMTP_ADDR"); server != "" {
		senders[notice.Email], senders[notice.Staff] = outbox.SMTP{Server: server, From: mailSender}, outbox.SMTP{Server: server, From: mailSender}
	}
	if env("STAFF_TOPICS") != "" {
		staff, err := topic.OpenStaff(env)
		if err != nil {
			return nil, err
		}
		senders[notice.Staff] = staff
	}
	if env("SMS_ENABLED") == "true" {
		sms, err := topic.OpenSMS(env)
		if err != nil {
			return nil, err
		}
		senders[notice.SMS] = sms
	}
	if len(senders) == 0 {
		return nil, nil
	}
	return func(ctx context.Context, m notice.Message) error {
		if s := senders[m.Channel]; s != nil {
			return s.Send(ctx, m)
		}
		return nil
	}, nil
}
