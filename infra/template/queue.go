package template

import (
	"errors"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// A Queue keeps messages until somebody takes them.
type Queue struct {
	Name       string        // logical id
	Visibility time.Duration // how long a message that was taken stays out of sight
	Receives   int           // after so many a message goes to Dead; 0 where there is none
	Dead       string        // logical id of a queue
}

// A Subscription has a topic's messages put into a queue, as they are.
type Subscription struct{ Topic, Queue string }

// A Consumer says which function a queue feeds.
type Consumer struct {
	Function  string
	Name      string // of the event in the template
	Queue     string // logical id
	BatchSize int
	Timeout   time.Duration // of the function
}

// Queues returns the queues in the order of the template.
func (t *Template) Queues() []Queue { return append([]Queue(nil), t.queues...) }

// Subscriptions returns which topics fill which queues.
func (t *Template) Subscriptions() []Subscription { return append([]Subscription(nil), t.fans...) }

// Consumers returns which queues feed which functions.
func (t *Template) Consumers() []Consumer { return append([]Consumer(nil), t.consumers...) }

// defaultVisibility is SQS's own.
const defaultVisibility = 30 * time.Second

func (q *Queue) read(properties *yaml.Node) error {
	var p struct {
		Visibility int `yaml:"VisibilityTimeout"`
		Redrive    struct {
			Target   yaml.Node `yaml:"deadLetterTargetArn"`
			Receives int       `yaml:"maxReceiveCount"`
		} `yaml:"RedrivePolicy"`
	}
	if properties.Kind == 0 {
		q.Visibility = defaultVisibility
		return nil
	}
	if err := properties.Decode(&p); err != nil {
		return err
	}
	q.Visibility, q.Receives, q.Dead = time.Duration(p.Visibility)*time.Second, p.Redrive.Receives, resourceOf(p.Redrive.Target)
	if q.Visibility == 0 {
		q.Visibility = defaultVisibility
	}
	if (q.Dead == "") != (q.Receives == 0) {
		return errors.New("a queue has both a dead-letter queue and a number of receives, or neither")
	}
	return nil
}

func parseSubscription(properties *yaml.Node) (Subscription, error) {
	var p struct {
		Topic    yaml.Node `yaml:"TopicArn"`
		Protocol string    `yaml:"Protocol"`
		Endpoint yaml.Node `yaml:"Endpoint"`
		Raw      bool      `yaml:"RawMessageDelivery"`
	}
	if err := properties.Decode(&p); err != nil {
		return Subscription{}, err
	}
	s := Subscription{Topic: resourceOf(p.Topic), Queue: resourceOf(p.Endpoint)}
	if p.Protocol != "sqs" || !p.Raw || s.Topic == "" || s.Queue == "" {
		return s, errors.New("only queues that take messages as they are can be subscribed on a laptop")
	}
	return s, nil
}

func (c *Consumer) read(properties *yaml.Node) error {
	p := struct {
		Queue     yaml.Node `yaml:"Queue"`
		BatchSize int       `yaml:"BatchSize"`
	}{BatchSize: 10}
	if err := properties.Decode(&p); err != nil {
		return err
	}
	if c.Queue, c.BatchSize = resourceOf(p.Queue), p.BatchSize; c.Queue == "" {
		return errors.New("no queue of the template")
	}
	return nil
}

// resourceOf is the resource that !Ref, or !GetAtt of an ARN, names; empty for anything else.
func resourceOf(n yaml.Node) string {
	switch n.Tag {
	case "!Ref":
		return n.Value
	case "!GetAtt":
		name, _ := strings.CutSuffix(n.Value, ".Arn")
		return name
	default:
		return ""
	}
}
