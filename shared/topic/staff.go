package topic

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"

	"waybill/shared/access"
	"waybill/shared/handover"
	"waybill/shared/notice"
)

// final are SNS's answers that no further try will change. A number that is
// opted out stays so until its owner says otherwise.
var final = []string{"InvalidParameter", "ParameterValueInvalid", "OptedOut", "ValidationException"}

// Staff sends mail to staff: to whoever subscribed to the topic of a role.
type Staff struct {
	client *sns.Client
	topics map[string]string // by role
}

// OpenStaff returns the topics of the environment:
//
//	STAFF_TOPICS  "sales=<arn>,warehouse=<arn>,finance=<arn>,manager=<arn>"
func OpenStaff(env func(string) string) (*Staff, error) {
	s := &Staff{topics: map[string]string{}}
	if env("STAFF_TOPICS") == "" {
		return nil, errors.New("STAFF_TOPICS is not set")
	}
	for pair := range strings.SplitSeq(env("STAFF_TOPICS"), ",") {
		role, arn, ok := strings.Cut(strings.TrimSpace(pair), "=")
		if !ok || arn == "" || !slices.Contains(access.Roles, access.Role(role)) {
			return nil, fmt.Errorf("STAFF_TOPICS: %q is no role=arn", pair)
		}
		s.topics[role] = arn
	}
	var err error
	s.client, err = open(env, once)
	return s, err
}

// once has the SDK repeat nothing: what got no answer may have been sent.
func once(o *sns.Options) { o.Retryer = aws.NopRetryer{} }

// Send publishes a message to the topic of the role that it is to.
func (s *Staff) Send(ctx context.Context, m notice.Message) error {
	arn, ok := s.topics[m.To]
	if !ok {
		return &notice.Refusal{Reason: "there is no topic for the role", Final: true}
	}
	subject, text := mailOf(m)
	ctx, attempt := handover.Watch(ctx)
	_, err := s.client.Publish(ctx, &sns.PublishInput{
		TopicArn: &arn, Subject: &subject, Message: &text,
		MessageAttributes: map[string]types.MessageAttributeValue{"type": one(string(m.Type)), "role": one(m.To)},
	})
	return attempt.Answer(err, final...)
}

// mostSubject is how long SNS lets a subject be.
const mostSubject = 99

// mailOf is a message as SNS takes it: its subjects are ASCII, so that others
// stand above the text.
func mailOf(m notice.Message) (subject, text string) {
	subject = strings.Join(strings.Fields(m.Subject), " ")
	ascii := !strings.ContainsFunc(subject, func(r rune) bool { return r < ' ' || r > '~' })
	if ascii && subject != "" && len(subject) <= mostSubject {
		return subject, m.Text
	}
	return "Waybill: " + string(m.Type), subject + "\n\n" + m.Text
}

// SMS sends text messages to telephones.
type SMS struct{ client *sns.Client }

// OpenSMS returns the sender of SMS of the environment. There are regions where
// SNS has none: another sender can stand in.
func OpenSMS(env func(string) string) (*SMS, error) {
	client, err := open(env, once)
	return &SMS{client}, err
}

// Send sends a text to a number, as something that its recipient waits for.
func (s *SMS) Send(ctx context.Context, m notice.Message) error {
	ctx, attempt := handover.Watch(ctx)
	_, err := s.client.Publish(ctx, &sns.PublishInput{
		PhoneNumber: &m.To, Message: &m.Text,
		MessageAttributes: map[string]types.MessageAttributeValue{"AWS.SNS.SMS.SMSType": one("Transactional")},
	})
	return attempt.Answer(err, final...)
}
