package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ipctop/ipctop/actions"
	"github.com/ipctop/ipctop/cmd/ipctop/utillinux"
)

// A face runs if the program has its name, or if the first argument is its name.
func TestFaces(t *testing.T) {
	t.Parallel()
	for _, face := range utillinux.Faces() {
		link := filepath.Join(t.TempDir(), face.Name)
		if err := os.Symlink(program(t).Path, link); err != nil {
			t.Fatal(err)
		}
		linked := exec.Command(link, "--version")
		linked.Env = program(t).Env
		for way, cmd := range map[string]*exec.Cmd{
			"by its name": linked, "as a word": program(t, face.Name, "--version"),
			"after a flag": program(t, "--read-only", face.Name, "--version"),
		} {
			out, err := cmd.CombinedOutput()
			if want := face.Name + " from ipctop "; err != nil || !strings.HasPrefix(string(out), want) {
				t.Errorf("%s called %s says %q (%v), want %q…", face.Name, way, out, err, want)
			}
		}
	}
}

func TestFacesAreInTheHelp(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	run(t.Context(), []string{"--help"}, &out, &out)
	for _, face := range utillinux.Faces() {
		if !strings.Contains(out.String(), "\n  "+face.Name+" ") {
			t.Errorf("--help does not name %s:\n%s", face.Name, out.String())
		}
	}
}

func TestReadOnlyFace(t *testing.T) {
	t.Parallel()
	var stdout, stderr bytes.Buffer
	code := run(t.Context(), []string{"--read-only", "ipcrm", "-q", "2147483647"}, &stdout, &stderr)
	if want := "ipcrm: id failed: " + actions.ErrReadOnly.Error() + "\n"; code != 1 || stderr.String() != want ||
		stdout.Len() != 0 {
		t.Errorf("code %d, %q, %q; want 1 and %q", code, stdout.String(), stderr.String(), want)
	}
}
