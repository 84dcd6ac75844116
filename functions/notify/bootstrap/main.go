// Command bootstrap is the notify function as Lambda runs it.
package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"waybill/functions/notify"
	"waybill/shared/consumer"
	"waybill/shared/mail"
	"waybill/shared/notice"
	"waybill/shared/telling"
	"waybill/shared/topic"
)

func main() {
	senders, err := open(os.Getenv)
	if os.Getenv("PUBLIC_URL") == "" {
		err = errors.Join(err, errors.New("PUBLIC_URL is not set"))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "start:", err)
		os.Exit(1)
	}
	consumer.Serve(notify.New(senders, telling.Links{
		Base: strings.TrimSuffix(os.Getenv("PUBLIC_URL"), "/"), Console: strings.TrimSuffix(os.Getenv("CONSOLE_URL"), "/"),
	}))
}

// open returns the senders of the environment: SMS where SMS_ENABLED is true,
// mail to customers where there is a MAIL_SENDER, and mail to staff.
func open(env func(string) string) (map[notice.Channel]telling.Sender, error) {
	senders := map[notice.Channel]telling.Sender{}
	staff, err := topic.OpenStaff(env)
	senders[notice.Staff] = staff
	if env("SMS_ENABLED") == "true" {
		sms, failed := topic.OpenSMS(env)
		senders[notice.SMS], err = sms, errors.Join(err, failed)
	}
	if env("MAIL_SENDER") != "" {
		mailer, failed := mail.Open(env)
		senders[notice.Email], err = mailer, errors.Join(err, failed)
	}
	return senders, err
}
