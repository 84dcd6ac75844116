// Command bootstrap is the expire function as Lambda runs it.
package main

import (
	"fmt"
	"os"

	"waybill/functions/expire"
	"waybill/shared/consumer"
	"waybill/shared/stripepay"
)

func main() {
	client, _, err := stripepay.Open(os.Getenv)
	if err != nil {
		fmt.Fprintln(os.Stderr, "start:", err)
		os.Exit(1)
	}
	consumer.Serve(expire.New(client))
}
