// Command bootstrap is the orders function as Lambda runs it.
package main

import (
	"waybill/functions/orders"
	"waybill/shared/gateway"
)

func main() { gateway.Serve(orders.New) }
