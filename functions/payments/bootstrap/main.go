// Command bootstrap is the payments function as Lambda runs it.
package main

import (
	"fmt"
	"os"

	"waybill/functions/payments"
	"waybill/shared/gateway"
	"waybill/shared/stripepay"
)

func main() {
	client, _, err := stripepay.Open(os.Getenv)
	if err != nil {
		fmt.Fprintln(os.Stderr, "start:", err)
		os.Exit(1)
	}
	gateway.Serve(payments.New(client, os.Getenv("CONSOLE_URL")))
}
