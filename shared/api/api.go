// Package api is the contract: openapi.yaml, and the server code that ogen
// makes of it. The contract comes first; the code is never edited.
package api

import _ "embed"

//go:generate go run ./lean

// Contract is openapi.yaml, as it is served.
//
//go:embed openapi.yaml
var Contract []byte
