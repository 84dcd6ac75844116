// Package dynamolocal starts DynamoDB Local, the stand-in that AWS publishes
// for tests and laptops, and makes tables in it from the template's definition.
//
// A server never outlives the process that started it, however that one ends,
// and what it confirmed on disk survives its own death.
package dynamolocal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// The reasons for a failed Start that its user can do something about. The
// error's text says what.
var (
	ErrNotInstalled = errors.New("DynamoDB Local is not installed")
	ErrNoJava       = errors.New("no Java 17 or newer")
	ErrInUse        = errors.New("the data is in use")
)

// Options say where DynamoDB Local is and what it works on.
type Options struct {
	Home    string    // the folder that holds lib, with DynamoDB Local's jars
	DataDir string    // where tables are kept; empty keeps them in memory
	Fresh   bool      // empty DataDir first
	Log     io.Writer // what DynamoDB Local prints; nil drops it
}

// Server is a running DynamoDB Local.
type Server struct {
	endpoint string
	process  *child
	claim    net.PacketConn
	data     *dataDir // nil in memory
	stop     sync.Once
}

const (
	// A cold disk on a busy machine takes its time to load 50 MB of jars.
	startLimit = time.Minute
	stopLimit  = time.Second
	pollEvery  = 25 * time.Millisecond
	portTries  = 10
)

// Start starts DynamoDB Local on a free port and returns once it answers. A
// server that was left over on DataDir by a killed process is stopped first.
// Besides the errors above it fails when ctx ends or the process doesn't come up.
func Start(ctx context.Context, opts Options) (*Server, error) {
	java, lib, err := installation(opts.Home)
	if err != nil {
		return nil, err
	}
	log := opts.Log
	if log == nil {
		log = io.Discard
	}
	s := &Server{}
	if opts.DataDir != "" {
		if s.data, err = openDataDir(opts.DataDir, opts.Fresh); err != nil {
			return nil, err
		}
	}
	for range portTries {
		err = s.start(ctx, java, lib, log)
		if err == nil {
			return s, nil
		}
		if !errors.Is(err, errPortTaken) {
			break
		}
	}
	if s.data != nil {
		s.data.close()
	}
	return nil, err
}

// Endpoint is the server's base URL.
func (s *Server) Endpoint() string { return s.endpoint }

// Done is closed when the server is gone, be it by Stop or by itself.
func (s *Server) Done() <-chan struct{} { return s.process.done }

// Stop ends the server and returns when it is gone. It may be called again.
func (s *Server) Stop() {
	s.stop.Do(func() {
		s.process.stop(stopLimit)
		s.claim.Close()
		if s.data != nil {
			s.data.close()
		}
	})
}

func (s *Server) start(ctx context.Context, java, lib string, log io.Writer) error {
	port, claim, err := claimPort()
	if err != nil {
		return err
	}
	args := arguments(lib, port, s.data)
	last := &tail{next: log}
	process, err := startChild(java, args, last)
	if err != nil {
		claim.Close()
		return fmt.Errorf("start DynamoDB Local: %w", err)
	}
	if s.data != nil {
		err = s.data.record(process.pid(), port)
	}
	endpoint := "http://127.0.0.1:" + strconv.Itoa(port)
	if err == nil {
		err = awaitAnswer(ctx, endpoint, process, last)
	}
	if err != nil {
		process.stop(0)
		claim.Close()
		return err
	}
	s.endpoint, s.process, s.claim = endpoint, process, claim
	return nil
}

// installation finds Java and the folder of DynamoDB Local's jars.
func installation(home string) (java, lib string, err error) {
	if lib, err = filepath.Abs(filepath.Join(home, "lib")); err != nil {
		return "", "", fmt.Errorf("find DynamoDB Local: %w", err)
	}
	if jars, _ := filepath.Glob(filepath.Join(lib, "DynamoDBLocal-*.jar")); len(jars) == 0 {
		return "", "", fmt.Errorf("%w in %s: `make run` and `make test` fetch it", ErrNotInstalled, home)
	}
	java = "java"
	if dir := os.Getenv("JAVA_HOME"); dir != "" {
		java = filepath.Join(dir, "bin", "java")
	}
	if java, err = exec.LookPath(java); err != nil {
		return "", "", fmt.Errorf("%w found: install one and put java on the PATH, or set JAVA_HOME", ErrNoJava)
	}
	return java, lib, nil
}

func arguments(lib string, port int, data *dataDir) []string {
	args := []string{
		// The optimising compiler stays on: without it the server answers a second
		// sooner, and takes half as long again for a few thousand orders.
		"-XX:+UseSerialGC", "-Xms64m", "-Xmx1g",
		"-Djava.library.path=" + lib,
		"-cp", filepath.Join(lib, "*"),
		"com.amazonaws.services.dynamodbv2.local.main.ServerRunner",
		"-port", strconv.Itoa(port), "-sharedDb", "-disableTelemetry",
	}
	if data == nil {
		return append(args, "-inMemory")
	}
	return append(args, "-dbPath", data.path)
}

var errPortTaken = errors.New("the port was taken meanwhile")

// claimPort picks a TCP port that is free now. DynamoDB Local can't be handed
// an open socket, so somebody may still take the port before it does; to the
// poll that would look like an answer if that somebody were another DynamoDB
// Local of ours. Therefore the UDP port of the same number is held as long as
// the server lives: no two of our servers ever go for the same port.
func claimPort() (int, net.PacketConn, error) {
	var last error
	for range portTries {
		claim, err := net.ListenPacket("udp4", "127.0.0.1:0")
		if err != nil {
			return 0, nil, fmt.Errorf("find a free port: %w", err)
		}
		port := claim.LocalAddr().(*net.UDPAddr).Port
		probe, err := net.Listen("tcp", ":"+strconv.Itoa(port))
		if err == nil {
			probe.Close()
			return port, claim, nil
		}
		claim.Close()
		last = err
	}
	return 0, nil, fmt.Errorf("find a free port: %w", last)
}

func awaitAnswer(ctx context.Context, endpoint string, process *child, last *tail) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	poll := time.NewTicker(pollEvery)
	defer poll.Stop()
	for {
		select {
		case <-process.done:
			return explainExit(last.String())
		case <-ctx.Done():
			return fmt.Errorf("wait for DynamoDB Local to answer: %w", context.Cause(ctx))
		case <-poll.C:
			if answers(ctx, client, endpoint) {
				return nil
			}
		}
	}
}

// answers reports whether DynamoDB, and not whoever else, is at the endpoint.
func answers(ctx context.Context, client *http.Client, endpoint string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, endpoint, nil)
	if err != nil {
		return false
	}
	resp, err := client.Do(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	return resp.Header.Get("X-Amzn-Requestid") != ""
}

func explainExit(output string) error {
	switch {
	case strings.Contains(output, "Address already in use"), strings.Contains(output, "Failed to bind"):
		return errPortTaken
	case strings.Contains(output, "UnsupportedClassVersionError"):
		return fmt.Errorf("%w found: the one on this machine is older", ErrNoJava)
	case strings.Contains(output, "Unable to locate a Java Runtime"):
		return fmt.Errorf("%w found: this machine has none at all", ErrNoJava)
	}
	lines := strings.Split(strings.TrimSpace(output), "\n")
	return fmt.Errorf("DynamoDB Local stopped while starting: %s", lines[len(lines)-1])
}

// tail passes on what is written and remembers the end of it.
type tail struct {
	next io.Writer
	mu   sync.Mutex
	end  []byte
}

const tailSize = 4 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	t.end = append(t.end, p...)
	if len(t.end) > tailSize {
		t.end = bytes.Clone(t.end[len(t.end)-tailSize:])
	}
	t.mu.Unlock()
	return t.next.Write(p)
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.end)
}

// child is a process that dies with this one.
type child struct {
	cmd   *exec.Cmd
	guard *exec.Cmd
	hold  io.Closer // the guard's standard input
	done  chan struct{}
}

// startChild starts a process and, beside it, a guard: a shell that waits for
// the end of its standard input, which comes when this process ends in whatever
// way, and then kills the child. Linux alone could do without (Pdeathsig);
// this also serves macOS, and one way is tested better than two.
func startChild(name string, args []string, output io.Writer) (*child, error) {
	c := &child{done: make(chan struct{})}
	c.cmd = exec.Command(name, args...)
	c.cmd.Stdout, c.cmd.Stderr = output, output
	// Ctrl-C in the terminal is for us; we stop the child when we are done with it.
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	c.guard = exec.Command("/bin/sh", "-c", `read -r _; kill -9 "$0"`, strconv.Itoa(c.pid()))
	c.guard.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	hold, err := c.guard.StdinPipe()
	if err == nil {
		err = c.guard.Start()
	}
	if err != nil {
		_ = c.cmd.Process.Kill()
		_ = c.cmd.Wait()
		return nil, fmt.Errorf("start its guard: %w", err)
	}
	c.hold = hold
	go func() {
		defer close(c.done)
		_ = c.cmd.Wait()
		// Nobody is left to guard; killed rather than let go, it can't hit
		// whoever gets the child's process id next.
		_ = c.guard.Process.Kill()
		_ = c.guard.Wait()
	}()
	return c, nil
}

func (c *child) pid() int { return c.cmd.Process.Pid }

// stop asks the child to end, insists after the limit, and returns when it is gone.
func (c *child) stop(limit time.Duration) {
	_ = c.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-c.done:
	case <-time.After(limit):
		_ = c.cmd.Process.Kill()
		<-c.done
	}
}
