package stripepay

import (
	"errors"

	"github.com/stripe/stripe-go/v76"

	"waybill/shared/secret"
)

// APIVersion is the version of Stripe's API that events are to be sent in.
const APIVersion = stripe.APIVersion

// Open returns Stripe as the environment has it, and where its secrets are looked up:
//
//	STRIPE_SECRET_PARAMETER   the SSM parameter that holds the account's key
//	STRIPE_WEBHOOK_PARAMETER  the one that holds what webhooks are signed with
//	STRIPE_API_URL            where Stripe is; empty is Stripe itself
func Open(env func(string) string) (*Client, Keys, error) {
	if env("STRIPE_SECRET_PARAMETER") == "" {
		return nil, nil, errors.New("STRIPE_SECRET_PARAMETER is not set")
	}
	parameters, err := secret.Open(env)
	if err != nil {
		return nil, nil, err
	}
	keys := FromParameters(parameters.Get, env("STRIPE_SECRET_PARAMETER"), env("STRIPE_WEBHOOK_PARAMETER"))
	return New(keys, env("STRIPE_API_URL"), nil), keys, nil
}

// Payable is the function of the same name, for those who know Stripe by an interface.
func (c *Client) Payable(currency string, amount int64) error { return Payable(currency, amount) }
