// Command bootstrap is the system function as Lambda runs it.
package main

import (
	"waybill/functions/system"
	"waybill/shared/gateway"
)

func main() { gateway.Serve(system.New) }
