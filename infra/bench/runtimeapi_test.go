package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
)

// The test's own program plays the function when this is set.
const playFunction = "WAYBILL_BENCH_FUNCTION"

func TestMain(m *testing.M) {
	if os.Getenv(playFunction) != "" {
		lambda.Start(func(_ context.Context, n int) (int, error) {
			if n < 0 {
				return 0, errors.New("negative")
			}
			return n + 1, nil
		})
	}
	os.Exit(m.Run())
}

func TestAProgramPollsAnswersAndPollsAgain(t *testing.T) {
	api, err := startRuntimeAPI(time.Now)
	if err != nil {
		t.Fatal(err)
	}
	defer api.close()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p, err := api.start(self, playFunction+"=1")
	if err != nil {
		t.Fatal(err)
	}
	defer p.stop()
	at, err := p.poll(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !at.After(p.began) {
		t.Errorf("the poll came at %v, the start was %v", at, p.began)
	}
	for n := range 3 {
		event, _ := json.Marshal(n)
		answer, err := p.invoke(t.Context(), event)
		if err != nil {
			t.Fatal(err)
		}
		var got int
		if err := json.Unmarshal(answer, &got); err != nil || got != n+1 {
			t.Errorf("%d came back as %s", n, answer)
		}
	}
	if _, err := p.invoke(t.Context(), []byte("-1")); err == nil {
		t.Error("the function failed and nobody said so")
	}
}

func TestAProgramThatDoesNotStartIsNamed(t *testing.T) {
	api, err := startRuntimeAPI(time.Now)
	if err != nil {
		t.Fatal(err)
	}
	defer api.close()
	p, err := api.start("/bin/sh") // without input it ends at once
	if err != nil {
		t.Fatal(err)
	}
	defer p.stop()
	if _, err := p.poll(t.Context()); err == nil {
		t.Error("a shell polled")
	}
}

func TestKernelBytesReadsALine(t *testing.T) {
	status := []byte("Name:\tbootstrap\nVmHWM:\t   20480 kB\nVmRSS:\t   16384 kB\n")
	if got := kernelBytes(status, "VmRSS"); got != 16<<20 {
		t.Errorf("VmRSS is %d bytes", got)
	}
	if got := kernelBytes(status, "VmPeak"); got != 0 {
		t.Errorf("what isn't there is %d bytes", got)
	}
}
