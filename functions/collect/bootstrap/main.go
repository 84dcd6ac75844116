// Command bootstrap is the collect function as Lambda runs it.
package main

import (
	"fmt"
	"os"

	"waybill/functions/collect"
	"waybill/shared/consumer"
	"waybill/shared/table"
)

func main() {
	stream, err := table.OpenStream(os.Getenv)
	if err != nil {
		fmt.Fprintln(os.Stderr, "start:", err)
		os.Exit(1)
	}
	consumer.Serve(collect.New(stream))
}
