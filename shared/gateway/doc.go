// Package gateway is the edge between API Gateway and the functions: events
// become net/http requests and back, tokens become principals, errors become
// problem documents, and retries are recognised by their Idempotency-Key.
package gateway
