// Command bootstrap is the stock function as Lambda runs it.
package main

import (
	"waybill/functions/stock"
	"waybill/shared/gateway"
)

func main() { gateway.Serve(stock.New) }
