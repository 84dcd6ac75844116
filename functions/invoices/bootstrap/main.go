// Command bootstrap is the invoices function as Lambda runs it.
package main

import (
	"waybill/functions/invoices"
	"waybill/shared/gateway"
)

func main() { gateway.Serve(invoices.New) }
