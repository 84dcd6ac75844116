package local

import (
	"context"

	"waybill/infra/outbox"
	"waybill/infra/template"
	"waybill/shared/notice"
)

// An Outbox says what becomes of what is sent: it is shown under /dev/outbox, and more.
type Outbox struct {
	// Intercept breaks sending, for tests.
	Intercept func(context.Context, notice.Message) error
	// Forward passes messages on, to a mail server or to SNS.
	Forward func(context.Context, notice.Message) error
	// Webhooks are host:port of receivers on this machine or its network that
	// events may be sent to, without TLS too; others must have a public address.
	Webhooks []string
}

// openQueues opens the template's queues and the outbox.
func (s *System) openQueues(cfg Config, tmpl *template.Template) error {
	s.outbox = outbox.New(outbox.Config{Now: cfg.Now, Intercept: cfg.Outbox.Intercept, Forward: cfg.Outbox.Forward})
	var err error
	s.queues, err = openQueues(tmpl.Queues(), cfg.DataDir)
	return err
}

// topic is a topic of the template with the queues that are subscribed to it.
func (s *System) topic(tmpl *template.Template, name string) *fan {
	f := &fan{}
	for _, sub := range tmpl.Subscriptions() {
		if q := s.queues[sub.Queue]; sub.Topic == name && q != nil {
			f.queues = append(f.queues, q)
		}
	}
	return f
}

// Outbox is what was sent.
func (s *System) Outbox() *outbox.Outbox { return s.outbox }

// Queued is how many messages are in a queue of the template, those in work included.
func (s *System) Queued(name string) int {
	if q := s.queues[name]; q != nil {
		return q.size()
	}
	return 0
}
