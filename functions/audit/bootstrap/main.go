// Command bootstrap is the audit function as Lambda runs it.
package main

import (
	"waybill/functions/audit"
	"waybill/shared/consumer"
)

func main() { consumer.Serve(audit.New) }
