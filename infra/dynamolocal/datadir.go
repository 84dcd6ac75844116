package dynamolocal

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// dataDir is a folder of tables that this process has to itself.
type dataDir struct {
	path string
	lock *os.File
}

// run is what a killed process leaves in the data folder for the next one.
type run struct {
	PID  int    `json:"pid"`
	Port int    `json:"port"`
	Data string `json:"data"`
}

const (
	lockFile = "lock"
	runFile  = "run.json"
)

// openDataDir locks the folder, stops a server that a killed process left
// running on it, and empties it if fresh. It fails with ErrInUse while another
// process works on the folder.
func openDataDir(path string, fresh bool) (*dataDir, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("open the data folder: %w", err)
	}
	if err := os.MkdirAll(path, 0o755); err != nil {
		return nil, fmt.Errorf("open the data folder: %w", err)
	}
	// The kernel lets go of this lock when its holder dies; a file that merely
	// exists would have to be told from a stale one.
	lock, err := os.OpenFile(filepath.Join(path, lockFile), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open the data folder: %w", err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		lock.Close()
		return nil, fmt.Errorf("%w by another running Waybill: %s", ErrInUse, path)
	}
	d := &dataDir{path, lock}
	if err := d.stopOrphan(); err != nil {
		d.close()
		return nil, err
	}
	if fresh {
		if err := d.empty(); err != nil {
			d.close()
			return nil, fmt.Errorf("empty the data folder: %w", err)
		}
	}
	return d, nil
}

func (d *dataDir) close() {
	// The server is gone; a note about it would only be checked in vain.
	_ = os.Remove(filepath.Join(d.path, runFile))
	d.lock.Close()
}

// record notes the server that now works on the folder.
func (d *dataDir) record(pid, port int) error {
	note, err := json.Marshal(run{PID: pid, Port: port, Data: d.path})
	if err != nil {
		return fmt.Errorf("note the running server: %w", err)
	}
	if err := os.WriteFile(filepath.Join(d.path, runFile), note, 0o644); err != nil {
		return fmt.Errorf("note the running server: %w", err)
	}
	return nil
}

func (d *dataDir) empty() error {
	entries, err := os.ReadDir(d.path)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Name() == lockFile {
			continue
		}
		if err := os.RemoveAll(filepath.Join(d.path, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// stopOrphan kills the noted server if it still runs. Two servers on one
// folder would each miss what the other wrote.
func (d *dataDir) stopOrphan() error {
	note, err := os.ReadFile(filepath.Join(d.path, runFile))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look for a server left running: %w", err)
	}
	// A note that a kill cut short is skipped. Its server had no time to write,
	// and its guard is after it.
	var r run
	if err := json.Unmarshal(note, &r); err != nil || r.PID <= 0 || !d.served(r.PID) {
		return nil
	}
	if err := syscall.Kill(r.PID, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("stop the server left running (process %d): %w", r.PID, err)
	}
	limit := time.NewTimer(stopLimit)
	defer limit.Stop()
	poll := time.NewTicker(pollEvery)
	defer poll.Stop()
	for d.served(r.PID) {
		select {
		case <-poll.C:
		case <-limit.C:
			return fmt.Errorf("the server left running (process %d) doesn't stop", r.PID)
		}
	}
	return nil
}

// served reports whether the process is a DynamoDB Local on this folder, and
// not one that got its process id after it.
func (d *dataDir) served(pid int) bool {
	command, err := exec.Command("ps", "-ww", "-o", "command=", "-p", strconv.Itoa(pid)).Output()
	return err == nil && strings.Contains(string(command), "dynamodbv2.local.main.ServerRunner") &&
		strings.Contains(string(command), "-dbPath "+d.path)
}
