// Command bootstrap is the deadletters function as Lambda runs it.
package main

import (
	"waybill/functions/deadletters"
	"waybill/shared/gateway"
)

func main() { gateway.Serve(deadletters.New) }
