// Command cmd is `make run`: the whole of Waybill on this machine, until
// Ctrl-C. The environment may set PORT (3000), FRESH=1 to start with empty
// data, and VERBOSE=1 to see the functions' logs, which otherwise go to
// .local/run.log; SMTP_ADDR, STAFF_TOPICS and SMS_ENABLED, where messages are passed on to (see forward); and
// WEBHOOK_ALLOW, host:port of webhook receivers on this machine, by commas.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"waybill/infra/dynamolocal"
	"waybill/infra/issuer"
	"waybill/infra/local"
	"waybill/infra/template"
	"waybill/shared/access"
)

const defaultPort = 3000

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// From the first signal on, a second one ends the process at once.
	context.AfterFunc(ctx, stop)
	if err := run(ctx, os.Stdout); err != nil && ctx.Err() == nil {
		fmt.Fprintln(os.Stderr, "waybill:", explain(err))
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer) error {
	cfg, err := configure()
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "Starting Waybill ...")
	system, err := local.Start(ctx, cfg)
	if err != nil {
		return err
	}
	defer system.Stop()
	if file, ok := cfg.Log.(*os.File); ok && file != os.Stderr {
		// Each run that starts begins its log anew, so that it doesn't grow for ever.
		if err := file.Truncate(0); err != nil {
			return fmt.Errorf("empty the log: %w", err)
		}
	}
	greet(out, system)
	return system.Wait(ctx)
}

func configure() (local.Config, error) {
	path, err := template.Find(".")
	if err != nil {
		return local.Config{}, err
	}
	state := filepath.Join(filepath.Dir(path), ".local")
	cfg := local.Config{
		Template: path,
		Port:     defaultPort,
		Home:     local.Home(filepath.Dir(path)),
		DataDir:  filepath.Join(state, "data"),
		Fresh:    os.Getenv("FRESH") == "1",
		KeyFile:  filepath.Join(state, "issuer.pem"),
		Log:      os.Stderr,
		Stripe:   local.Stripe{Key: os.Getenv("STRIPE_SECRET_KEY"), WebhookSecret: os.Getenv("STRIPE_WEBHOOK_SECRET")},
	}
	if hosts := os.Getenv("WEBHOOK_ALLOW"); hosts != "" {
		cfg.Outbox.Webhooks = strings.Split(hosts, ",")
	}
	if cfg.Outbox.Forward, err = forward(os.Getenv); err != nil {
		return local.Config{}, err
	}
	if port := os.Getenv("PORT"); port != "" {
		if cfg.Port, err = strconv.Atoi(port); err != nil || cfg.Port < 0 || cfg.Port > 65535 {
			return local.Config{}, fmt.Errorf("PORT=%s is not a port", port)
		}
	}
	if os.Getenv("VERBOSE") != "1" {
		if err := os.MkdirAll(state, 0o755); err != nil {
			return local.Config{}, fmt.Errorf("make %s: %w", state, err)
		}
		file, err := os.OpenFile(filepath.Join(state, "run.log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
		if err != nil {
			return local.Config{}, fmt.Errorf("open the log: %w", err)
		}
		cfg.Log = file
	}
	if (cfg.Stripe.Key == "") != (cfg.Stripe.WebhookSecret == "") {
		return local.Config{}, errors.New("set both STRIPE_SECRET_KEY and STRIPE_WEBHOOK_SECRET for Stripe's test mode, or neither for the stand-in")
	}
	if strings.HasPrefix(cfg.Stripe.Key, "sk_live_") || strings.HasPrefix(cfg.Stripe.Key, "rk_live_") {
		return local.Config{}, errors.New("STRIPE_SECRET_KEY is a live one: this machine takes test payments only")
	}
	return cfg, nil
}

func greet(out io.Writer, s *local.System) {
	fmt.Fprintf(out, `
Waybill is ready.

  API          %[1]s/v1
  contract     %[1]s/openapi.yaml
  health       %[1]s/healthz
  payments     %[3]s
  outbox       %[1]s/dev/outbox shows the mail and SMS that would be sent
  DynamoDB     %[2]s
  logs         .local/run.log, or here with VERBOSE=1

Demo users, no passwords:

`, s.URL(), s.DynamoDB(), payments(s))
	for _, role := range access.Roles {
		fmt.Fprintf(out, "  %-12s %s\n", role, issuer.DemoUsers[role])
	}
	fmt.Fprintf(out, `
Try:

  TOKEN=$(curl -s %[1]s/dev/token -d role=manager | sed 's/.*"access_token":"\([^"]*\)".*/\1/')
  curl -s -H "Authorization: Bearer $TOKEN" %[1]s/v1/me

Ctrl-C stops it; the data stays for the next run, unless that is with FRESH=1.
`, s.URL())
}

// payments is where what customers pay is decided.
func payments(s *local.System) string {
	if s.Stripe() == nil {
		return "Stripe's test mode"
	}
	return s.URL() + "/dev/stripe/ stands for Stripe: pay, decline, dispute"
}

// explain is err in one sentence, with what to do about it where we know.
func explain(err error) string {
	switch {
	case errors.Is(err, local.ErrPortTaken):
		return err.Error() + "; stop what listens there or choose another: make run PORT=3001"
	case errors.Is(err, dynamolocal.ErrOtherTable):
		return err.Error() + "; start with empty data: make run FRESH=1"
	case errors.Is(err, local.ErrDatabaseGone):
		return err.Error() + "; start again: make run"
	}
	return err.Error()
}
