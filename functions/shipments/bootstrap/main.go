// Command bootstrap is the shipments function as Lambda runs it.
package main

import (
	"waybill/functions/shipments"
	"waybill/shared/gateway"
)

func main() { gateway.Serve(shipments.New) }
