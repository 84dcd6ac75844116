// Command bootstrap is the notifications function as Lambda runs it.
package main

import (
	"waybill/functions/notifications"
	"waybill/shared/gateway"
)

func main() { gateway.Serve(notifications.New) }
