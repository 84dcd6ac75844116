package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"waybill/infra/demo/reconcile"
)

// bar shows how far the demo is: a line that moves on a terminal, and a line
// for each finished step elsewhere.
type bar struct {
	out  io.Writer
	live bool

	mu          sync.Mutex
	step        string
	done, parts int
	shown       int // of width
}

const width = 40

func newBar(out *os.File) *bar {
	info, err := out.Stat()
	return &bar{out: out, live: err == nil && info.Mode()&os.ModeCharDevice != 0}
}

// Begin implements load.Progress.
func (b *bar) Begin(step string, parts int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.close()
	b.step, b.done, b.parts, b.shown = step, 0, parts, -1
	b.draw()
}

// Add implements load.Progress.
func (b *bar) Add(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.done += n
	b.draw()
}

// End finishes the last step.
func (b *bar) End() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.close()
}

// close leaves the step's line as it is, finished or broken off.
func (b *bar) close() {
	switch {
	case b.step == "":
	case b.live:
		fmt.Fprintln(b.out)
	default:
		fmt.Fprintln(b.out, b.text())
	}
	b.step = ""
}

// draw shows the line again when more of it is full.
func (b *bar) draw() {
	full := width
	if b.parts > 0 {
		full = min(width, b.done*width/b.parts)
	}
	if !b.live || full == b.shown && b.done != b.parts {
		return
	}
	b.shown = full
	fmt.Fprintf(b.out, "\r%s  [%s%s]", b.text(), strings.Repeat("=", full), strings.Repeat(" ", width-full))
}

func (b *bar) text() string {
	return fmt.Sprintf("%-14s %6s of %6s", b.step, reconcile.Count(b.done), reconcile.Count(b.parts))
}
