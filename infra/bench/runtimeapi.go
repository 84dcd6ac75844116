package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"strconv"
	"time"
)

// A runtimeAPI is as much of Lambda's Runtime API as a function's program
// needs: it polls for an event, answers it, and polls again.
type runtimeAPI struct {
	listener net.Listener
	server   *http.Server
	now      func() time.Time
	polled   chan time.Time // when the program asked for its next event
	events   chan []byte
	answers  chan result
}

// A result is what a program made of an event.
type result struct {
	body   []byte
	failed bool
}

const (
	nextPath   = "/2018-06-01/runtime/invocation/next"
	answerPath = "/2018-06-01/runtime/invocation/{id}/{outcome}"
	initError  = "/2018-06-01/runtime/init/error"

	functionTime = 20 * time.Second
)

func startRuntimeAPI(now func() time.Time) (*runtimeAPI, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen as the Runtime API: %w", err)
	}
	a := &runtimeAPI{
		listener: listener, now: now,
		polled: make(chan time.Time, 1), events: make(chan []byte), answers: make(chan result, 1),
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+nextPath, a.next)
	mux.HandleFunc("POST "+answerPath, a.answer)
	mux.HandleFunc("POST "+initError, a.answer)
	a.server = &http.Server{Handler: mux, ReadHeaderTimeout: functionTime}
	go func() { _ = a.server.Serve(listener) }() // it ends by close alone
	return a, nil
}

func (a *runtimeAPI) close() { _ = a.server.Close() }

// next holds the program's poll until there is an event for it.
func (a *runtimeAPI) next(w http.ResponseWriter, r *http.Request) {
	at := a.now()
	select {
	case a.polled <- at:
	case <-r.Context().Done():
		return
	}
	select {
	case event := <-a.events:
		w.Header().Set("Lambda-Runtime-Aws-Request-Id", "bench")
		w.Header().Set("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:us-east-1:000000000000:function:bench")
		w.Header().Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(a.now().Add(functionTime).UnixMilli(), 10))
		_, _ = w.Write(event) // a program that is gone is seen by its missing answer
	case <-r.Context().Done():
	}
}

func (a *runtimeAPI) answer(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	w.WriteHeader(http.StatusAccepted)
	select {
	case a.answers <- result{body, err != nil || r.PathValue("outcome") != "response"}:
	case <-r.Context().Done():
	}
}

// A program is a function's program, running.
type program struct {
	api   *runtimeAPI
	cmd   *exec.Cmd
	began time.Time
	ended chan struct{} // closed when it is gone
	how   error         // it ended; set before ended is closed
}

// start runs a function's program with these variables beside those that
// Lambda itself sets.
func (a *runtimeAPI) start(file string, environment ...string) (*program, error) {
	p := &program{api: a, cmd: exec.Command(file), ended: make(chan struct{})}
	p.cmd.Env = append([]string{"AWS_LAMBDA_RUNTIME_API=" + a.listener.Addr().String(), "AWS_REGION=us-east-1", "AWS_ACCESS_KEY_ID=local", "AWS_SECRET_ACCESS_KEY=local"}, environment...)
	p.began = a.now()
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start a function's program: %w", err)
	}
	go func() {
		defer close(p.ended)
		p.how = p.cmd.Wait()
	}()
	return p, nil
}

// poll waits for the program's poll and returns when it came.
func (p *program) poll(ctx context.Context) (time.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, functionTime)
	defer cancel()
	select {
	case at := <-p.api.polled:
		return at, nil
	case r := <-p.api.answers:
		return time.Time{}, fmt.Errorf("the program did not start: %s", r.body)
	case <-p.ended:
		return time.Time{}, p.gone("without a poll")
	case <-ctx.Done():
		return time.Time{}, fmt.Errorf("wait for the program's poll: %w", ctx.Err())
	}
}

// invoke gives the program, which has polled, an event, and waits for the answer and the next poll.
func (p *program) invoke(ctx context.Context, event []byte) ([]byte, error) {
	select {
	case p.api.events <- event:
	case <-p.ended:
		return nil, p.gone("before its event")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	var r result
	select {
	case r = <-p.api.answers:
	case <-p.ended:
		return nil, p.gone("at work")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if r.failed {
		return nil, fmt.Errorf("the program failed: %s", r.body)
	}
	_, err := p.poll(ctx)
	return r.body, err
}

// gone is the error of a program that has ended.
func (p *program) gone(when string) error {
	if p.how == nil {
		return errors.New("the program ended " + when)
	}
	return fmt.Errorf("the program ended %s: %w", when, p.how)
}

// stop ends the program.
func (p *program) stop() {
	_ = p.cmd.Process.Kill() // it may have ended by itself
	<-p.ended
}
