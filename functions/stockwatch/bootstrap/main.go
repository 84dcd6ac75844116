// Command bootstrap is the stockwatch function as Lambda runs it.
package main

import (
	"waybill/functions/stockwatch"
	"waybill/shared/consumer"
)

func main() { consumer.Serve(stockwatch.New) }
