// Command with runs a command while an in-memory DynamoDB Local stands beside
// it, so that the packages of one test run share one server:
//
//	go run ./infra/dynamolocal/with -- go test ./...
//
// It ends with the command's exit code.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"

	"waybill/infra/dynamolocal"
	"waybill/infra/dynamolocal/testtable"
	"waybill/infra/template"
)

func main() {
	args := os.Args[1:]
	if len(args) > 0 && args[0] == "--" {
		args = args[1:]
	}
	if len(args) == 0 {
		fmt.Fprintln(os.Stderr, "usage: with -- command [argument ...]")
		os.Exit(2)
	}
	code, err := run(args)
	if err != nil {
		fmt.Fprintln(os.Stderr, "with:", err)
		code = 1
	}
	os.Exit(code)
}

func run(args []string) (int, error) {
	// Ctrl-C reaches the command from the terminal by itself; a SIGTERM is
	// passed on. Either way the command ends first, then the server.
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)

	path, err := template.Find(".")
	if err != nil {
		return 0, err
	}
	server, err := dynamolocal.Start(context.Background(), dynamolocal.Options{
		Home: filepath.Join(filepath.Dir(path), ".local", "dynamodb"),
	})
	if err != nil {
		return 0, err
	}
	defer server.Stop()

	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), testtable.Endpoint+"="+server.Endpoint())
	if err := cmd.Start(); err != nil {
		return 0, fmt.Errorf("start the command: %w", err)
	}
	go func() {
		for s := range signals {
			if s == syscall.SIGTERM {
				_ = cmd.Process.Signal(s)
			}
		}
	}()
	err = cmd.Wait()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.Exited() {
		return exit.ExitCode(), nil
	}
	return 0, err
}
