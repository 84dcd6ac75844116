package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"

	"github.com/aws/aws-lambda-go/events"
)

// Memory is what an order takes of it: what is allocated for one, counted in
// this process, and how large the function's program is after many.
type Memory struct {
	Bytes    int64 `json:"bytes_per_order"`
	Allocs   int64 `json:"allocations_per_order"`
	Calls    int   `json:"orders"`
	Resident int64 `json:"resident_bytes,omitempty"` // 0 where the system doesn't tell
	Peak     int64 `json:"peak_resident_bytes,omitempty"`
}

// memory measures the orders function in this process, and its program in file.
func (b bench) memory(ctx context.Context, s *shop, file string) (Memory, error) {
	m := Memory{Calls: b.scale.calls}
	bodies, err := s.bodies(s.homed)
	if err != nil {
		return m, err
	}
	if m.Bytes, m.Allocs, err = b.allocated(ctx, s, bodies); err != nil {
		return m, err
	}
	m.Resident, m.Peak, err = b.resident(ctx, s, file, bodies)
	return m, err
}

// allocated is what one order allocates, the event's decoding and the
// answer's encoding left out. Nothing else runs in this process meanwhile.
func (b bench) allocated(ctx context.Context, s *shop, bodies [][]byte) (bytes, pieces int64, err error) {
	c, err := openCounter(s, s.client, b.now)
	if err != nil {
		return 0, 0, err
	}
	events := make([]events.APIGatewayV2HTTPRequest, b.scale.calls)
	for i := range events {
		if events[i], err = s.event(bodies[i%len(bodies)]); err != nil {
			return 0, 0, err
		}
	}
	// The first orders open connections, fetch keys and fill pools.
	for _, body := range bodies {
		if err := c.place(ctx, body); err != nil {
			return 0, 0, err
		}
	}
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for _, event := range events {
		answer, err := c.invoke(ctx, event)
		if err = errors.Join(err, created(answer)); err != nil {
			return 0, 0, err
		}
	}
	runtime.ReadMemStats(&after)
	n := uint64(len(events))
	return int64((after.TotalAlloc - before.TotalAlloc) / n), int64((after.Mallocs - before.Mallocs) / n), nil //nolint:gosec // far below the limit
}

// resident has the function's program take orders and asks the system how
// large it is then, and how large it was at most.
func (b bench) resident(ctx context.Context, s *shop, file string, bodies [][]byte) (now, peak int64, err error) {
	api, err := startRuntimeAPI(b.now)
	if err != nil {
		return 0, 0, err
	}
	defer api.close()
	issuer, clientID, err := s.issuer()
	if err != nil {
		return 0, 0, err
	}
	p, err := api.start(file, environment(issuer, clientID, "AWS_ENDPOINT_URL_DYNAMODB="+s.db.Endpoint())...)
	if err != nil {
		return 0, 0, err
	}
	defer p.stop()
	if _, err := p.poll(ctx); err != nil {
		return 0, 0, err
	}
	for i := range b.scale.calls {
		event, err := s.encoded(bodies[i%len(bodies)])
		if err != nil {
			return 0, 0, err
		}
		raw, err := p.invoke(ctx, event)
		if err != nil {
			return 0, 0, err
		}
		var answer events.APIGatewayV2HTTPResponse
		if err := json.Unmarshal(raw, &answer); err != nil {
			return 0, 0, fmt.Errorf("decode an answer: %w", err)
		}
		if err := created(answer); err != nil {
			return 0, 0, err
		}
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if errors.Is(err, os.ErrNotExist) {
		return 0, 0, nil // not every system tells
	}
	if err != nil {
		return 0, 0, fmt.Errorf("ask for the program's size: %w", err)
	}
	return kernelBytes(status, "VmRSS"), kernelBytes(status, "VmHWM"), nil
}

// kernelBytes reads a line such as "VmRSS:  12345 kB"; 0 when there is none.
func kernelBytes(status []byte, name string) int64 {
	lines := bufio.NewScanner(bytes.NewReader(status))
	for lines.Scan() {
		value, ok := strings.CutPrefix(lines.Text(), name+":")
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(value, "kB")), 10, 64)
		if err == nil {
			return n << 10
		}
	}
	return 0
}
