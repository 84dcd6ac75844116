package local

import (
	"context"
	"log/slog"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"waybill/infra/template"
)

// firstCall is after what moment a scheduled function is called first: when
// the system has started, and has time to.
const firstCall = 2 * time.Second

// A clock calls a function by its schedule.
type clock struct {
	schedule template.Schedule
	function lambda.Handler
	now      func() time.Time
	log      *slog.Logger
}

// run calls until ctx ends, one call after the other.
func (c *clock) run(ctx context.Context) {
	for wait := firstCall; pause(ctx, wait) == nil; wait = c.schedule.Every {
		if _, err := invoke(ctx, c.function, c.schedule.Timeout, c.schedule.Input(c.now())); err != nil && ctx.Err() == nil {
			c.log.ErrorContext(ctx, "a scheduled call failed; the next one goes on", "function", c.schedule.Function, "error", err.Error())
		}
	}
}
