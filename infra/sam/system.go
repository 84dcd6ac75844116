package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"waybill/infra/dynamolocal"
	"waybill/infra/issuer"
	"waybill/infra/template"
)

const (
	tableName = "waybill"

	// containerHost is this machine's name inside the containers.
	containerHost = "host.docker.internal"

	readyLimit = 3 * time.Minute // a first start builds the image
	stopLimit  = 30 * time.Second
	pollEvery  = 200 * time.Millisecond
)

var errEnded = errors.New("sam local ended by itself; its output says why")

// A system is everything that make sam starts.
type system struct {
	url    string
	tokens *tokens
	done   chan struct{} // closed when sam local is gone

	stops []func() // what to stop, in the order it was started
}

// start starts everything and returns once the functions answer that they are
// ready. A port of 0 stands for any free one. What sam local and the functions
// print goes to log.
func start(ctx context.Context, root string, port int, log io.Writer) (_ *system, err error) {
	s := &system{done: make(chan struct{})}
	defer func() {
		if err != nil {
			s.stop()
		}
	}()
	database, err := s.startDatabase(ctx, root)
	if err != nil {
		return nil, err
	}
	if s.tokens, err = startTokens(containerHost, time.Now); err != nil {
		return nil, err
	}
	s.stops = append(s.stops, s.tokens.stop)

	if port == 0 {
		if port, err = freePort(); err != nil {
			return nil, err
		}
	}
	s.url = "http://127.0.0.1:" + strconv.Itoa(port)
	if err := s.startGateway(root, port, database, log); err != nil {
		return nil, err
	}
	return s, s.awaitReady(ctx)
}

// stop ends everything and returns when it is gone.
func (s *system) stop() {
	for i := len(s.stops) - 1; i >= 0; i-- {
		s.stops[i]()
	}
	s.stops = nil
}

// startDatabase returns the address of DynamoDB Local as the containers see it.
func (s *system) startDatabase(ctx context.Context, root string) (string, error) {
	loaded, err := template.Load(filepath.Join(root, "template.yaml"))
	if err != nil {
		return "", err
	}
	server, err := dynamolocal.Start(ctx, dynamolocal.Options{Home: filepath.Join(root, ".local", "dynamodb")})
	if err != nil {
		return "", err
	}
	s.stops = append(s.stops, server.Stop)
	if err := dynamolocal.CreateTable(ctx, dynamolocal.NewClient(server.Endpoint(), nil), loaded.Table(), tableName); err != nil {
		return "", err
	}
	address, err := url.Parse(server.Endpoint())
	if err != nil {
		return "", fmt.Errorf("address of DynamoDB Local: %w", err)
	}
	address.Host = net.JoinHostPort(containerHost, address.Port())
	return address.String(), nil
}

func (s *system) startGateway(root string, port int, database string, log io.Writer) error {
	variables, err := writeVariables(map[string]string{
		"TABLE_NAME":                tableName,
		"OIDC_ISSUER":               s.tokens.URL,
		"OIDC_CLIENT_IDS":           issuer.ClientID,
		"AWS_ENDPOINT_URL_DYNAMODB": database,
	})
	if err != nil {
		return err
	}
	s.stops = append(s.stops, func() { _ = os.Remove(variables) })

	architecture := map[string]string{"amd64": "x86_64"}[runtime.GOARCH]
	if architecture == "" {
		architecture = runtime.GOARCH
	}
	args := []string{
		"local", "start-api",
		"--template", filepath.Join(root, ".aws-sam", "build", "template.yaml"),
		"--port", strconv.Itoa(port),
		"--region", "us-east-1",
		"--warm-containers", "EAGER",
		"--env-vars", variables,
		"--parameter-overrides", "Architecture=" + architecture,
	}
	if runtime.GOOS == "linux" { // elsewhere Docker knows the name by itself
		args = append(args, "--add-host", containerHost+":host-gateway")
	}
	if hasImage("public.ecr.aws/lambda/provided:al2023-" + architecture) {
		args = append(args, "--skip-pull-image")
	}

	// sam local leaves some of its warm containers behind, whichever signal ends it.
	code := filepath.Join(root, ".build")
	others, err := containersOf(code)
	if err != nil {
		return err
	}
	s.stops = append(s.stops, func() { removeContainers(code, others) })

	// Stopped by stop alone: the context of start bounds the start only.
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, filepath.Join(root, ".local", "venv", "bin", "sam"), args...)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "SAM_CLI_TELEMETRY=0", "AWS_ACCESS_KEY_ID=local", "AWS_SECRET_ACCESS_KEY=local")
	cmd.Stdout, cmd.Stderr = log, log
	// A group of its own: Ctrl-C then ends it through stop, once, and not halfway through removing its containers.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = stopLimit
	if err := cmd.Start(); err != nil {
		cancel()
		return fmt.Errorf("start sam local (make sam fetches it): %w", err)
	}
	go func() {
		defer close(s.done)
		_ = cmd.Wait() // how it ended is in its output
	}()
	s.stops = append(s.stops, func() {
		cancel()
		<-s.done
	})
	return nil
}

// awaitReady returns when the functions answer through the gateway.
func (s *system) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyLimit)
	defer cancel()
	poll := time.NewTicker(pollEvery)
	defer poll.Stop()
	last := errors.New("no answer yet")
	for {
		select {
		case <-s.done:
			return errEnded
		case <-ctx.Done():
			return fmt.Errorf("waiting for the functions: %w (last seen: %w)", ctx.Err(), last)
		case <-poll.C:
			if last = s.healthy(ctx); last == nil {
				return nil
			}
		}
	}
}

func (s *system) healthy(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"/healthz", nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("/healthz answers %s", resp.Status)
	}
	return nil
}

// writeVariables writes the environment of every function the way sam local
// reads it; only variables that the template declares get through.
func writeVariables(variables map[string]string) (path string, err error) {
	text, err := json.Marshal(map[string]any{"Parameters": variables})
	if err != nil {
		return "", fmt.Errorf("encode the functions' environment: %w", err)
	}
	file, err := os.CreateTemp("", "waybill-sam-*.json")
	if err != nil {
		return "", fmt.Errorf("write the functions' environment: %w", err)
	}
	_, err = file.Write(text)
	if err = errors.Join(err, file.Close()); err != nil {
		return "", fmt.Errorf("write the functions' environment: %w", err)
	}
	return file.Name(), nil
}

// containersOf lists the running containers whose code is below the folder.
func containersOf(code string) ([]string, error) {
	programs, err := filepath.Glob(filepath.Join(code, "*"))
	if err != nil {
		return nil, fmt.Errorf("list the programs: %w", err)
	}
	args := []string{"ps", "--quiet", "--no-trunc"}
	for _, program := range programs {
		args = append(args, "--filter", "volume="+program)
	}
	if len(programs) == 0 {
		return nil, errors.New("no programs in .build: make build writes them")
	}
	out, err := exec.Command("docker", args...).Output()
	if err != nil {
		return nil, fmt.Errorf("list the containers: %w", err)
	}
	return strings.Fields(string(out)), nil
}

// removeContainers removes those that run the code but for the others, which
// were there before. An engine that is gone has none left to remove.
func removeContainers(code string, others []string) {
	left, err := containersOf(code)
	if err != nil {
		return
	}
	left = slices.DeleteFunc(left, func(id string) bool { return slices.Contains(others, id) })
	if len(left) > 0 {
		_ = exec.Command("docker", append([]string{"rm", "--force"}, left...)...).Run()
	}
}

// hasImage reports whether the base image is there, so that sam local need
// not ask a registry for it: where there is none, that would end the start.
func hasImage(name string) bool {
	return exec.Command("docker", "image", "inspect", name).Run() == nil
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	address, err := net.ResolveTCPAddr("tcp", l.Addr().String())
	if err = errors.Join(err, l.Close()); err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	return address.Port, nil
}
