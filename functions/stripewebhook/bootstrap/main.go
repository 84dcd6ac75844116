// Command bootstrap is the stripewebhook function as Lambda runs it.
package main

import (
	"fmt"
	"os"

	"waybill/functions/stripewebhook"
	"waybill/shared/gateway"
	"waybill/shared/stripepay"
)

func main() {
	client, keys, err := stripepay.Open(os.Getenv)
	if err != nil {
		fmt.Fprintln(os.Stderr, "start:", err)
		os.Exit(1)
	}
	gateway.Serve(stripewebhook.New(client, keys))
}
