package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// The scripts in testdata/script run ipctop in another process.
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		// ipctop refuses a file of settings that others may write, so the umask of the tests must not matter.
		Setup: func(env *testscript.Env) error {
			return filepath.WalkDir(env.WorkDir, func(path string, d fs.DirEntry, err error) error {
				if err != nil || !d.Type().IsRegular() {
					return err
				}
				return os.Chmod(path, 0o600)
			})
		},
	})
}
