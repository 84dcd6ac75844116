package stripe

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// kept is the file: the state, and what the sessions' JSON leaves out.
type kept struct {
	state
	Hidden map[string]sessionHidden // by session
}

func load(file string) (state, error) {
	found := kept{}
	found.Marks = map[string]mark{}
	if file == "" {
		return found.state, nil
	}
	text, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return found.state, nil
	}
	if err != nil {
		return state{}, fmt.Errorf("read what Stripe's stand-in kept: %w", err)
	}
	if err := json.Unmarshal(text, &found); err != nil {
		return state{}, fmt.Errorf("what Stripe's stand-in kept in %s is broken; remove the file and start again: %w", file, err)
	}
	for _, c := range found.Sessions {
		c.hidden = found.Hidden[c.ID]
	}
	return found.state, nil
}

// keepAll writes the file whenever something has changed: one writing for all
// that changed during the last.
func (s *Server) keepAll() {
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-s.dirty:
			if err := s.keep(); err != nil && s.cfg.Failed != nil {
				s.cfg.Failed("", err)
			}
		}
	}
}

// durable waits until the file has everything that was done so far, so that
// nothing that somebody was told of is lost by a kill.
func (s *Server) durable(ctx context.Context) {
	if s.cfg.File == "" {
		return
	}
	s.mu.Lock()
	mine := s.changes
	for s.stored < mine {
		wrote := s.wrote
		s.mu.Unlock()
		select {
		case <-wrote:
		case <-ctx.Done():
			return
		case <-s.ctx.Done():
			return
		}
		s.mu.Lock()
	}
	s.mu.Unlock()
}

func (s *Server) keep() error {
	text, changes, err := s.snapshot()
	if err != nil {
		return fmt.Errorf("keep the state of Stripe's stand-in: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(s.cfg.File), 0o755); err != nil {
		return fmt.Errorf("keep the state of Stripe's stand-in: %w", err)
	}
	// Written aside and moved there whole: a kill in between leaves no half file.
	aside := s.cfg.File + ".new"
	if err := os.WriteFile(aside, text, 0o600); err != nil {
		return fmt.Errorf("keep the state of Stripe's stand-in: %w", err)
	}
	if err := os.Rename(aside, s.cfg.File); err != nil {
		return fmt.Errorf("keep the state of Stripe's stand-in: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stored = max(s.stored, changes)
	close(s.wrote)
	s.wrote = make(chan struct{})
	return nil
}

// snapshot is the state without what Stripe forgets, old events and marks, and
// how many operations it has.
func (s *Server) snapshot() (text []byte, changes int64, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.cfg.Now()
	var events []*event
	for _, e := range s.state.Events {
		if now.Sub(time.Unix(e.Created, 0)) < eventsKept {
			events = append(events, e)
		}
	}
	s.state.Events = events
	for key, m := range s.state.Marks {
		if m.over(now) {
			delete(s.state.Marks, key)
		}
	}
	all := kept{state: s.state, Hidden: map[string]sessionHidden{}}
	for _, c := range s.state.Sessions {
		all.Hidden[c.ID] = c.hidden
	}
	text, err = json.Marshal(all)
	return text, s.changes, err
}
