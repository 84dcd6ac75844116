// Command bootstrap is the publish function as Lambda runs it.
package main

import (
	"fmt"
	"os"

	"waybill/functions/publish"
	"waybill/shared/consumer"
	"waybill/shared/topic"
)

func main() {
	events, err := topic.Open(os.Getenv)
	if err != nil {
		fmt.Fprintln(os.Stderr, "start:", err)
		os.Exit(1)
	}
	consumer.Serve(publish.New(events))
}
