// Command bootstrap is the deliver function as Lambda runs it.
package main

import (
	"fmt"
	"os"

	"waybill/functions/deliver"
	"waybill/shared/consumer"
	"waybill/shared/outbound"
)

func main() {
	out, err := outbound.Open(os.Getenv)
	if err != nil {
		fmt.Fprintln(os.Stderr, "start:", err)
		os.Exit(1)
	}
	consumer.Serve(deliver.New(out))
}
