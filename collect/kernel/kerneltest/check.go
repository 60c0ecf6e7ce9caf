package kerneltest

import (
	"os"
	"path/filepath"
	"testing"
)

// Must returns the value of a call that must not fail: Must(call())(t).
func Must[T any](v T, err error) func(tb testing.TB) T {
	return func(tb testing.TB) T {
		tb.Helper()
		OK(tb, err)
		return v
	}
}

// OK ends the test if err is not nil.
func OK(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// Tree writes files below a new directory, and returns the directory's path. The directory always has a proc.
func Tree(tb testing.TB, files map[string]string) (root string) {
	tb.Helper()
	root = tb.TempDir()
	OK(tb, os.Mkdir(filepath.Join(root, "proc"), 0o755))
	for name, text := range files {
		path := filepath.Join(root, name)
		OK(tb, os.MkdirAll(filepath.Dir(path), 0o755))
		OK(tb, os.WriteFile(path, []byte(text), 0o644))
	}
	return root
}
