// Command bootstrap is the remind function as Lambda runs it.
package main

import (
	"waybill/functions/remind"
	"waybill/shared/consumer"
)

func main() { consumer.Serve(remind.New) }
