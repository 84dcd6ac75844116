// Command bootstrap is the tracking function as Lambda runs it.
package main

import (
	"fmt"
	"os"
	"time"

	"waybill/functions/tracking"
	"waybill/shared/gateway"
	"waybill/shared/stripepay"
)

// patience is how long a call of Stripe may take: a request makes three at most.
const patience = 4 * time.Second

func main() {
	client, _, err := stripepay.Open(os.Getenv)
	if err != nil {
		fmt.Fprintln(os.Stderr, "start:", err)
		os.Exit(1)
	}
	client.Timeout = patience
	gateway.Serve(tracking.New(client, os.Getenv("PUBLIC_URL")))
}
