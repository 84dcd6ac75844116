// Package deadletters is the HTTP edge of what could not be done.
package deadletters

import (
	"context"
	"fmt"
	"net/http"

	"waybill/shared/api"
	"waybill/shared/deadletter"
	"waybill/shared/event"
	"waybill/shared/gateway"
	"waybill/shared/recovery"
)

// DeadLetters implements the operations of the contract's group DeadLetters.
type DeadLetters struct {
	edge gateway.Edge
	desk *recovery.Desk
}

var _ api.DeadLettersHandler = (*DeadLetters)(nil)

// New returns the function's handler.
func New(edge gateway.Edge) (http.Handler, error) {
	d := &DeadLetters{edge: edge, desk: &recovery.Desk{DB: edge.Records, IDs: edge.IDs()}}
	type rest struct{ api.UnimplementedHandler }
	return edge.Handler(api.DeadLettersGroup, struct {
		*DeadLetters
		rest
	}{DeadLetters: d})
}

// ListDeadLetters implements listDeadLetters.
func (h *DeadLetters) ListDeadLetters(ctx context.Context, params api.ListDeadLettersParams) (*api.DeadLetterList, error) {
	state := deadletter.State(params.State.Or(api.ListDeadLettersStateWaiting))
	l, err := h.desk.DB.Letters(ctx, state, gateway.PageOf(params.Limit, params.Cursor))
	if err != nil {
		return nil, err
	}
	return &api.DeadLetterList{Items: shown(l.Items), NextCursor: gateway.Next(l.Next)}, nil
}

// HandleDeadLetters implements handleDeadLetters.
func (h *DeadLetters) HandleDeadLetters(ctx context.Context, req *api.DeadLetterAction, params api.HandleDeadLettersParams) (*api.DeadLetterResult, error) {
	a := recovery.Action{Discard: req.Action == api.DeadLetterActionActionDiscard, All: req.All.Or(false), Reason: req.Reason.Or("")}
	for _, id := range req.Ids {
		a.IDs = append(a.IDs, string(id))
	}
	result, _, err := gateway.Leased(ctx, h.edge, gateway.Mark(ctx, params.IdempotencyKey), func() ([]byte, error) {
		done, left, err := h.desk.Handle(ctx, gateway.Principal(ctx), a)
		if err != nil {
			return nil, err
		}
		result := api.DeadLetterResult{Items: shown(done), Left: left}
		return result.MarshalJSON()
	})
	if err != nil {
		return nil, err
	}
	out := &api.DeadLetterResult{}
	if err := out.UnmarshalJSON(result); err != nil {
		return nil, fmt.Errorf("decode what became of dead letters: %w", err)
	}
	return out, nil
}

func shown(letters []deadletter.Letter) []api.DeadLetter {
	out := make([]api.DeadLetter, len(letters))
	for n, l := range letters {
		out[n] = api.DeadLetter{
			ID: api.ID(l.ID), Source: l.Source, What: l.What, Reason: l.Reason, Unknown: api.OptBool{Value: true, Set: l.Unknown},
			Failures: l.Failures, State: api.DeadLetterState(l.State), Note: gateway.Text(l.Note), By: gateway.Text(l.By),
			Since: l.Since, LastAt: l.LastAt,
		}
		if l.Subject.Kind == event.Order {
			out[n].OrderID = api.NewOptID(api.ID(l.Subject.ID))
		}
	}
	return out
}
