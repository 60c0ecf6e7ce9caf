package kernel

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Host reads one machine: the live one, or a tree of files that looks like it (a fixture, an image).
// A Host only looks: nothing it does changes the machine or attaches to an object.
// Its methods are safe for concurrent use.
type Host struct {
	root string // "" for the live machine
}

// ErrNotLive is returned by calls that need a running kernel when the Host reads a fixture tree.
var ErrNotLive = errors.New("not available from a file tree")

// Open returns a Host for the machine below root, where root holds proc, sys and etc. "" and "/" are the live machine.
func Open(root string) (*Host, error) {
	if root == "" || filepath.Clean(root) == "/" {
		return &Host{}, nil
	}
	if _, err := os.Stat(filepath.Join(root, "proc")); err != nil {
		return nil, fmt.Errorf("%s is no machine's root: it has no readable proc directory: %w", root, err)
	}
	return &Host{root: filepath.Clean(root)}, nil
}

// Live says whether system calls ask the same machine that the files describe.
func (h *Host) Live() bool { return h.root == "" }

// Path gives the place of an absolute path ("/proc/locks") below the Host's root.
func (h *Host) Path(abs string) string { return h.root + abs }

// ReadFile reads a whole file below the Host's root, whatever its size.
// /proc files are reopened each time: some kernels (6.6, 6.12, 6.14) refuse to seek in /proc/net.
func (h *Host) ReadFile(abs string) ([]byte, error) { return os.ReadFile(h.Path(abs)) }

// Gone tells an object or process that is not there (any more) from one that could not be read.
func Gone(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ESRCH) || errors.Is(err, unix.EIDRM)
}

// Denied tells missing rights (EACCES, EPERM) from every other failure.
func Denied(err error) bool { return errors.Is(err, fs.ErrPermission) }
