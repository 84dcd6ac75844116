// Command bootstrap is the settle function as Lambda runs it.
package main

import (
	"fmt"
	"os"

	"waybill/functions/settle"
	"waybill/shared/consumer"
	"waybill/shared/stripepay"
)

func main() {
	client, _, err := stripepay.Open(os.Getenv)
	if err != nil {
		fmt.Fprintln(os.Stderr, "start:", err)
		os.Exit(1)
	}
	consumer.Serve(settle.New(client))
}
