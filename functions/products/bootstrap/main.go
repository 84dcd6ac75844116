// Command bootstrap is the products function as Lambda runs it.
package main

import (
	"waybill/functions/products"
	"waybill/shared/gateway"
)

func main() { gateway.Serve(products.New) }
