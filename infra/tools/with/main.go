// Command with runs a command while the whole of Waybill runs beside it, on a
// free port and with empty data in memory:
//
//	go run ./infra/tools/with -- sh -c 'curl $WAYBILL_URL/healthz'
//
// The command finds the system by WAYBILL_URL and PORT, and a manager's access
// token in WAYBILL_TOKEN. The functions' logs go to .local/with.log. It ends
// with the command's exit code.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"

	"waybill/infra/local"
	"waybill/infra/template"
	"waybill/shared/access"
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

func run(args []string) (code int, err error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	path, err := template.Find(".")
	if err != nil {
		return 0, err
	}
	root := filepath.Dir(path)
	log, err := os.Create(filepath.Join(root, ".local", "with.log"))
	if err != nil {
		return 0, fmt.Errorf("open the log: %w", err)
	}
	defer func() { err = errors.Join(err, log.Close()) }()

	system, err := local.Start(ctx, local.Config{Template: path, Home: local.Home(root), Log: log})
	if err != nil {
		return 0, err
	}
	defer system.Stop()
	address, err := url.Parse(system.URL())
	if err != nil {
		return 0, fmt.Errorf("address of the system: %w", err)
	}
	token, err := managersToken(ctx, system.URL())
	if err != nil {
		return 0, err
	}

	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), "WAYBILL_URL="+system.URL(), "PORT="+address.Port(), "WAYBILL_TOKEN="+token)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	err = cmd.Run()
	if exit := new(exec.ExitError); errors.As(err, &exit) && exit.ExitCode() > 0 {
		return exit.ExitCode(), nil
	}
	return 0, err
}

func managersToken(ctx context.Context, system string) (string, error) {
	role := url.Values{"role": {string(access.Manager)}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, system+"/dev/token?"+role.Encode(), nil)
	if err != nil {
		return "", err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", fmt.Errorf("ask for a token: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	var answer struct {
		Token string `json:"access_token"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil || answer.Token == "" {
		return "", fmt.Errorf("ask for a token: %s without one (%w)", resp.Status, err)
	}
	return answer.Token, nil
}
