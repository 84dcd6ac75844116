package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// Start is how long the programs take from exec to their first poll for an
// event, and how large they are.
type Start struct {
	Orders Program `json:"orders"`
	Bare   Program `json:"bare"`
	Ratio  float64 `json:"ratio"` // of the medians
}

// A Program is one function's program.
type Program struct {
	Millis float64 `json:"start_ms"` // median
	Bytes  int64   `json:"bytes"`
}

// starts builds the orders function and a bare one into dir and starts them in turns.
func (b bench) starts(ctx context.Context, dir string) (Start, error) {
	var s Start
	orders, bare := filepath.Join(dir, "orders"), filepath.Join(dir, "bare")
	var err error
	if s.Orders.Bytes, err = b.build(ctx, "./functions/orders/bootstrap", orders); err != nil {
		return s, err
	}
	if s.Bare.Bytes, err = b.build(ctx, "./infra/bench/bare", bare); err != nil {
		return s, err
	}
	b.say("starting each %d times", b.scale.starts)
	// A start asks nothing of the network, so the addresses need not exist.
	variables := environment("https://issuer.invalid", "bench")
	var ours, theirs []time.Duration
	for range b.scale.starts {
		for _, p := range []struct {
			file  string
			times *[]time.Duration
		}{{orders, &ours}, {bare, &theirs}} {
			took, err := b.start(ctx, p.file, variables)
			if err != nil {
				return s, err
			}
			*p.times = append(*p.times, took)
		}
	}
	s.Orders.Millis, s.Bare.Millis = millis(median(ours)), millis(median(theirs))
	s.Ratio = ratio(s.Orders.Millis, s.Bare.Millis)
	return s, nil
}

// start runs a program until its first poll.
func (b bench) start(ctx context.Context, file string, variables []string) (time.Duration, error) {
	api, err := startRuntimeAPI(b.now)
	if err != nil {
		return 0, err
	}
	defer api.close()
	p, err := api.start(file, variables...)
	if err != nil {
		return 0, err
	}
	defer p.stop()
	at, err := p.poll(ctx)
	return at.Sub(p.began), err
}

// environment is what the orders function is configured with, and more.
func environment(issuer, clientID string, more ...string) []string {
	return append([]string{"TABLE_NAME=" + tableName, "OIDC_ISSUER=" + issuer, "OIDC_CLIENT_IDS=" + clientID}, more...)
}

// build compiles a program with Lambda's flags, for this machine, and returns its size.
func (b bench) build(ctx context.Context, pkg, file string) (int64, error) {
	cmd := exec.CommandContext(ctx, "go", "build", "-tags", "lambda.norpc", "-trimpath", "-ldflags", "-s -w", "-o", file, pkg)
	cmd.Dir = b.root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("build %s: %w\n%s", pkg, err, out)
	}
	info, err := os.Stat(file)
	if err != nil {
		return 0, fmt.Errorf("build %s: %w", pkg, err)
	}
	return info.Size(), nil
}
