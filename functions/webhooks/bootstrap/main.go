// Command bootstrap is the webhooks function as Lambda runs it.
package main

import (
	"fmt"
	"os"

	"waybill/functions/webhooks"
	"waybill/shared/gateway"
	"waybill/shared/outbound"
)

func main() {
	out, err := outbound.Open(os.Getenv)
	if err != nil {
		fmt.Fprintln(os.Stderr, "start:", err)
		os.Exit(1)
	}
	gateway.Serve(webhooks.New(out))
}
