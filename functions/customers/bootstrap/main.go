// Command bootstrap is the customers function as Lambda runs it.
package main

import (
	"waybill/functions/customers"
	"waybill/shared/gateway"
)

func main() { gateway.Serve(customers.New) }
