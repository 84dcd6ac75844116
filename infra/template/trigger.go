package template

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// Stream says which function the table's stream feeds, and how.
type Stream struct {
	Function  string
	Name      string        // of the event in the template
	BatchSize int           // at most so many records at once
	Retries   int           // after a first try; a negative number means without end
	Bisect    bool          // a batch that fails as a whole is tried in halves
	Filters   []Filter      // a record is passed on when one of them fits, or there are none
	Timeout   time.Duration // of the function
	Failures  string        // the queue that is told what was given up; empty: nobody is
}

// Passes reports whether the function is to see a record, as JSON.
func (s Stream) Passes(record []byte) (bool, error) {
	if len(s.Filters) == 0 {
		return true, nil
	}
	var r any
	if err := json.Unmarshal(record, &r); err != nil {
		return false, fmt.Errorf("decode a record: %w", err)
	}
	return slices.ContainsFunc(s.Filters, func(f Filter) bool { return f.fits(r) }), nil
}

// Schedule says which function the clock calls, how often and with what.
type Schedule struct {
	Function string
	Name     string // of the event in the template
	Every    time.Duration
	Timeout  time.Duration // of the function

	input string
}

// Input is the event that the function is called with at a moment.
func (s Schedule) Input(at time.Time) []byte {
	return []byte(strings.ReplaceAll(s.input, "<aws.scheduler.scheduled-time>", at.UTC().Format(time.RFC3339)))
}

// Streams returns what the table's stream feeds, in the order of the template.
func (t *Template) Streams() []Stream { return slices.Clone(t.streams) }

// Schedules returns what the clock calls, in the order of the template.
func (t *Template) Schedules() []Schedule { return slices.Clone(t.schedules) }

// lambdaTimeout is how long a function may work where nothing is said of it.
const lambdaTimeout = 3 * time.Second

// triggers reads the events of a function that are no routes.
func (t *Template) triggers(function string, properties *yaml.Node, global int, parameters map[string]string) error {
	var p struct {
		Timeout int       `yaml:"Timeout"`
		Events  yaml.Node `yaml:"Events"`
	}
	if err := properties.Decode(&p); err != nil {
		return err
	}
	timeout := lambdaTimeout
	for _, seconds := range []int{global, p.Timeout} {
		if seconds > 0 {
			timeout = time.Duration(seconds) * time.Second
		}
	}
	for name, node := range pairs(&p.Events) {
		var event struct {
			Type       string    `yaml:"Type"`
			Properties yaml.Node `yaml:"Properties"`
		}
		if err := node.Decode(&event); err != nil {
			return fmt.Errorf("event %s: %w", name, err)
		}
		var err error
		switch event.Type {
		case "DynamoDB":
			stream := Stream{Function: function, Name: name, Timeout: timeout}
			err = stream.read(&event.Properties)
			t.streams = append(t.streams, stream)
		case "Schedule", "ScheduleV2":
			schedule := Schedule{Function: function, Name: name, Timeout: timeout}
			err = schedule.read(&event.Properties, parameters)
			t.schedules = append(t.schedules, schedule)
		case "SQS":
			consumer := Consumer{Function: function, Name: name, Timeout: timeout}
			err = consumer.read(&event.Properties)
			t.consumers = append(t.consumers, consumer)
		case "HttpApi": // a route
		default:
			err = fmt.Errorf("of an unknown type %q: nothing would start the function on a laptop", event.Type)
		}
		if err != nil {
			return fmt.Errorf("event %s: %w", name, err)
		}
	}
	return nil
}

func (s *Stream) read(properties *yaml.Node) error {
	p := struct {
		BatchSize      int  `yaml:"BatchSize"`
		Retries        *int `yaml:"MaximumRetryAttempts"`
		Bisect         bool `yaml:"BisectBatchOnFunctionError"`
		FilterCriteria struct {
			Filters []struct {
				Pattern string `yaml:"Pattern"`
			} `yaml:"Filters"`
		} `yaml:"FilterCriteria"`
		DestinationConfig struct {
			OnFailure struct {
				Destination yaml.Node `yaml:"Destination"`
			} `yaml:"OnFailure"`
		} `yaml:"DestinationConfig"`
	}{BatchSize: 100}
	if err := properties.Decode(&p); err != nil {
		return err
	}
	s.BatchSize, s.Retries, s.Bisect = p.BatchSize, -1, p.Bisect
	s.Failures = resourceOf(p.DestinationConfig.OnFailure.Destination)
	if p.Retries != nil {
		s.Retries = *p.Retries
	}
	for _, f := range p.FilterCriteria.Filters {
		filter, err := parseFilter(f.Pattern)
		if err != nil {
			return fmt.Errorf("filter %s: %w", f.Pattern, err)
		}
		s.Filters = append(s.Filters, filter)
	}
	return nil
}

func (s *Schedule) read(properties *yaml.Node, parameters map[string]string) error {
	var p struct {
		V1    yaml.Node `yaml:"Schedule"`
		V2    yaml.Node `yaml:"ScheduleExpression"`
		Input string    `yaml:"Input"`
	}
	if err := properties.Decode(&p); err != nil {
		return err
	}
	expression := p.V2
	if expression.IsZero() {
		expression = p.V1
	}
	value := expression.Value
	if expression.Tag == "!Ref" {
		value = parameters[expression.Value]
	}
	var err error
	if s.Every, err = rate(value); err != nil {
		return err
	}
	if s.input = p.Input; s.input == "" {
		s.input = "{}"
	}
	return nil
}

// rate reads rate(5 minutes); other schedules depend on the calendar, which a laptop sleeps through.
func rate(expression string) (time.Duration, error) {
	inside, ok := strings.CutPrefix(expression, "rate(")
	inside, closed := strings.CutSuffix(inside, ")")
	number, unit, both := strings.Cut(inside, " ")
	n, err := strconv.Atoi(number)
	length := map[string]time.Duration{"minute": time.Minute, "hour": time.Hour, "day": 24 * time.Hour}[strings.TrimSuffix(unit, "s")]
	if !ok || !closed || !both || err != nil || n <= 0 || length == 0 {
		return 0, fmt.Errorf("%q is no rate such as rate(5 minutes)", expression)
	}
	return time.Duration(n) * length, nil
}
