package utillinux

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
)

func TestRunIsCalledByName(t *testing.T) {
	for _, c := range []struct {
		argv []string
		want bool
	}{
		{[]string{"ipcs", "-V"}, true},
		{[]string{"/usr/local/bin/ipcs", "-V"}, true},
		{[]string{"ipctop", "ipcs", "-V"}, true},
		{[]string{"/x/ipctop", "ipcs", "-V"}, true},
		{[]string{"ipctop"}, false},
		{[]string{"ipctop", "--once"}, false},
		{[]string{"ipctop", "--once", "ipcs"}, false},
		{[]string{"ipctop", "/usr/bin/ipcs"}, false},
		{nil, false},
	} {
		if _, ok := Run(Process{Args: c.argv, Stdout: &bytes.Buffer{}, Stderr: &bytes.Buffer{}, Getenv: os.Getenv,
			Version: testVersion, Changes: direct}); ok != c.want {
			t.Errorf("%q is a face: %v, want %v", c.argv, ok, c.want)
		}
	}
}

// A program that can change nothing is neither ipcrm nor ipcmk.
func TestRunWithoutChanges(t *testing.T) {
	for name, want := range map[string]bool{"ipcs": true, "lsipc": true, "ipcrm": false, "ipcmk": false} {
		if _, ok := Run(Process{Args: []string{name, "-V"}, Stdout: &bytes.Buffer{}, Stderr: &bytes.Buffer{},
			Getenv: os.Getenv, Version: testVersion}); ok != want {
			t.Errorf("%s: %v, want %v", name, ok, want)
		}
	}
}

// The version and the help have util-linux's form and name ipctop.
func TestVersion(t *testing.T) {
	for _, face := range Faces() {
		for _, option := range []string{"-V", "--version", "--vers"} {
			want := result{face.Name + " from ipctop v1\n", "", 0}
			if diff := cmp.Diff(want, ours(face.Name, option)); diff != "" {
				t.Error(diff)
			}
		}
	}
}

// The test runs the program itself, through a symlink, with a standard output that accepts no write.
func TestProgram(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		exe := must(os.Executable())(t)
		ipctop, link := filepath.Join(t.TempDir(), "ipctop"), filepath.Join(t.TempDir(), "ipcs")
		check(t, os.Symlink(exe, ipctop))
		check(t, os.Symlink(exe, link))
		shell := func(script string) result {
			var stdout, stderr bytes.Buffer
			cmd := exec.Command("sh", "-c", script, ipctop, link)
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			if err := cmd.Run(); err != nil && !errors.As(err, new(*exec.ExitError)) {
				t.Fatal(err)
			}
			return result{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
		}
		list := ours("ipcs")
		for script, want := range map[string]result{
			`"$1"`:                    list,
			`"$0" ipcs`:               list,
			`"$1" >/dev/full`:         {"", "ipcs: write error: No space left on device\n", 1},
			`"$1" -V >/dev/full`:      {"", "ipcs: write error: No space left on device\n", 1},
			`"$1" -m -i 9 >/dev/full`: {"", "ipcs: id 9 not found\n", 0},
			`"$1" >&-`:                {"", "", 0},
			`"$1" -z`: {"",
				link + ": invalid option -- 'z'\nTry 'ipcs --help' for more information.\n", 1},
			`"$0" ipcs -z`: {"",
				"ipcs: invalid option -- 'z'\nTry 'ipcs --help' for more information.\n", 1},
			`exec 3>&1; ("$1"; echo $? >&3) | true`: {"", "", 0},
		} {
			got := shell(script)
			if script[0] == 'e' { // the reader has gone: SIGPIPE, or the program had written everything before
				if got.Stdout != "141\n" && got.Stdout != "0\n" || got.Stderr != "" {
					t.Errorf("%s: %+v", script, got)
				}
				continue
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s: (-want +got)\n%s", script, diff)
			}
		}
	})
}

// brokenWriter accepts a number of bytes and then fails.
type brokenWriter struct {
	room int
	err  error
}

func (w *brokenWriter) Write(data []byte) (int, error) {
	if w.room -= len(data); w.room < 0 {
		return 0, w.err
	}
	return len(data), nil
}

// If the disk fills up during any write, the run fails and says the reason. If the reader goes away, the run does not
// fail.
func TestFullDisk(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		fill(t, 200, 0, 0) // more output than one buffer holds
		for _, room := range []int{0, stdioBuffer, 2 * stdioBuffer} {
			for errno, want := range map[syscall.Errno]result{
				syscall.ENOSPC: {"", "ipcs: write error: No space left on device\n", 1},
				syscall.EIO:    {"", "ipcs: write error: Input/output error\n", 1},
				syscall.EPIPE:  {"", "", 0},
			} {
				var stderr bytes.Buffer
				code, _ := Run(Process{
					Args: []string{"ipcs"}, Stdout: &brokenWriter{room, errno}, Stderr: &stderr, Getenv: os.Getenv,
					Version: testVersion, Changes: direct,
				})
				if diff := cmp.Diff(want, result{"", stderr.String(), code}); diff != "" {
					t.Errorf("%v after %d bytes: %s", errno, room, diff)
				}
			}
		}
	})
}
