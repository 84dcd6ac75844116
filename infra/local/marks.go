package local

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"sync"
)

// marks remember how far streams were read, in a file that outlives the
// process. What is lost of them is read again: that does nothing twice.
type marks struct {
	path string // empty: nothing outlives the process

	mu     sync.Mutex
	stored marksFile
}

type marksFile struct {
	Stream string                       `json:"stream"`
	Read   map[string]map[string]string `json:"read"` // sequence number or markDone, by event of the template and shard
}

const (
	marksName = "stream.json" // beside the data that the stream is of
	markDone  = "done"        // of a shard that was read to its end
)

// openMarks reads the marks of a stream; those of another one, of a table that is gone, count for nothing.
func openMarks(dataDir, stream string) (*marks, error) {
	m := &marks{stored: marksFile{Stream: stream, Read: map[string]map[string]string{}}}
	if dataDir == "" {
		return m, nil
	}
	m.path = filepath.Join(dataDir, marksName)
	text, err := os.ReadFile(m.path)
	if errors.Is(err, os.ErrNotExist) {
		return m, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read how far the stream was read: %w", err)
	}
	var found marksFile
	// A file that a kill cut short is as good as none.
	if err := json.Unmarshal(text, &found); err == nil && found.Stream == stream && found.Read != nil {
		m.stored = found
	}
	return m, nil
}

func (m *marks) at(event, shard string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.stored.Read[event][shard]
}

func (m *marks) set(event, shard, mark string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.stored.Read[event] == nil {
		m.stored.Read[event] = map[string]string{}
	}
	m.stored.Read[event][shard] = mark
	if m.path == "" {
		return nil
	}
	text, err := json.Marshal(m.stored)
	if err != nil {
		return fmt.Errorf("encode how far the stream was read: %w", err)
	}
	// Never half a file: the new one takes the old one's place.
	if err := os.WriteFile(m.path+".new", text, 0o644); err != nil {
		return fmt.Errorf("note how far the stream was read: %w", err)
	}
	if err := os.Rename(m.path+".new", m.path); err != nil {
		return fmt.Errorf("note how far the stream was read: %w", err)
	}
	return nil
}

// keep forgets the shards that are no longer there.
func (m *marks) keep(event string, there map[string]bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	maps.DeleteFunc(m.stored.Read[event], func(shard, _ string) bool { return !there[shard] })
}
