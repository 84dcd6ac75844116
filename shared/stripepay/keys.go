package stripepay

import (
	"context"
	"fmt"
	"strings"
)

// Secrets are the account's key, and what its webhooks are signed with: two
// secrets while one is being replaced by the other.
type Secrets struct {
	Key     string
	Webhook []string
}

// String keeps the secrets out of whatever prints them.
func (Secrets) String() string { return "secrets of Stripe" }

// GoString is String.
func (s Secrets) GoString() string { return s.String() }

// Keys looks the secrets up. It is asked at each call, so that replaced ones
// are taken up without a new start.
type Keys func(ctx context.Context) (Secrets, error)

// FromParameters looks the secrets up among named parameters. The webhooks'
// parameter holds one secret, or two separated by a comma. A name that is empty
// is not looked up: what takes no webhooks needs no secret of theirs.
func FromParameters(get func(ctx context.Context, names ...string) (map[string]string, error), keyName, webhookName string) Keys {
	return func(ctx context.Context) (Secrets, error) {
		var names []string
		for _, name := range []string{keyName, webhookName} {
			if name != "" {
				names = append(names, name)
			}
		}
		values, err := get(ctx, names...)
		if err != nil {
			return Secrets{}, fmt.Errorf("look up the secrets of Stripe: %w", err)
		}
		return Secrets{Key: strings.TrimSpace(values[keyName]), Webhook: split(values[webhookName])}, nil
	}
}

func split(list string) []string {
	var secrets []string
	for secret := range strings.SplitSeq(list, ",") {
		if secret = strings.TrimSpace(secret); secret != "" {
			secrets = append(secrets, secret)
		}
	}
	return secrets
}
