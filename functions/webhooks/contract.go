package webhooks

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"regexp"
	"time"

	"waybill/shared/api"
	"waybill/shared/delivery"
	"waybill/shared/gateway"
	"waybill/shared/webhook"
)

// shown is an endpoint as the contract has it.
func shown(k delivery.Known, secret bool) api.WebhookEndpoint {
	v := api.WebhookEndpoint{
		ID: api.ID(k.ID), URL: k.URL, Types: k.Types, Description: gateway.Text(k.Description),
		Status: api.WebhookEndpointStatus(k.Status()), Reason: gateway.Text(k.Reason),
		FailingSince: moment(k.FailingSince), NextAttemptAt: moment(k.NextAttempt),
		Pending: k.Pending, Version: k.Version, CreatedAt: k.CreatedAt,
	}
	if secret {
		v.Secret = gateway.Text(string(k.Secret))
	}
	return v
}

func shownAttempt(a webhook.Attempt) api.WebhookAttempt {
	return api.WebhookAttempt{
		ID: api.ID(a.ID), EventID: api.ID(a.EventID), Type: string(a.Type), Subject: a.Subject.String(), Seq: a.Seq, Ok: a.OK(),
		Status: api.OptInt{Value: a.Status, Set: a.Status > 0}, Error: gateway.Text(a.Failure), DurationMs: a.Duration.Milliseconds(),
		Redelivery: api.OptBool{Value: true, Set: a.Redelivery}, At: a.At,
	}
}

func moment(at time.Time) api.OptDateTime { return api.OptDateTime{Value: at, Set: !at.IsZero()} }

// etag is the version, and where the sending is not as it begins, a digest of how
// it goes: that changes without the version, and a 304 would hide it.
func etag(v api.WebhookEndpoint) (string, error) {
	tag := gateway.ETag(v.Version)
	if v.Status == api.WebhookEndpointStatusActive && v.Pending == 0 {
		return tag, nil
	}
	state, err := json.Marshal([]any{v.Status, v.Reason.Value, v.FailingSince.Value, v.NextAttemptAt.Value, v.Pending})
	if err != nil {
		return "", fmt.Errorf("digest an endpoint: %w", err)
	}
	h := fnv.New32a()
	_, _ = h.Write(state) // a hash never fails to take bytes
	return fmt.Sprintf("%s-%08x\"", tag[:len(tag)-1], h.Sum32()), nil
}

// digest is what etag adds to the version.
var digest = regexp.MustCompile(`-[0-9a-f]{8}"`)

// match reads the If-Match of a change: it is about the version alone, for how
// the sending goes is no reason against it.
func match(header api.OptString) (func(int64) error, error) {
	header.Value = digest.ReplaceAllString(header.Value, `"`)
	return gateway.Match(header, true)
}
