package kerneltest

import (
	"os"
	"path/filepath"
	"testing"
)

// Must gives the value of a call that may not fail: Must(call())(t).
func Must[T any](v T, err error) func(tb testing.TB) T {
	return func(tb testing.TB) T {
		tb.Helper()
		OK(tb, err)
		return v
	}
}

// OK ends the test at an error.
func OK(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// Tree writes files below a new directory, which has a proc in any case, and gives its path.
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
