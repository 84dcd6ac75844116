// Command sam runs the Lambda programs in containers behind sam local
// start-api, with DynamoDB Local (in memory, empty at each start) and an
// issuer of tokens beside it. `make sam` builds what it runs.
//
// sam local checks no tokens itself, so the functions' own check is what
// answers here; it has no streams, and a container takes one request at a time.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"waybill/infra/template"
)

func main() {
	port := flag.Int("port", 3000, "where to listen")
	flag.Parse()
	if err := run(*port); err != nil {
		fmt.Fprintln(os.Stderr, "sam:", err)
		os.Exit(1)
	}
}

func run(port int) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	file, err := template.Find(".")
	if err != nil {
		return err
	}
	s, err := start(ctx, filepath.Dir(file), port, os.Stderr)
	if err != nil {
		return err
	}
	defer s.stop()
	fmt.Printf(`
Waybill in containers: %s
A token:   curl -s -d role=sales %s/dev/token      (sales, warehouse, finance, manager)
An answer: curl -H "Authorization: Bearer $TOKEN" %s/v1/me
Ctrl-C stops it.
`, s.url, s.tokens.address, s.url)
	select {
	case <-ctx.Done():
		return nil
	case <-s.done:
		return errEnded
	}
}
