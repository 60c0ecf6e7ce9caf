package sys

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Root is the directory below which a machine's proc, sys and etc are: "" for the live machine, else a tree of files
// that looks like one (a fixture, an image).
type Root string

// ErrNotLive is returned by calls that need a running kernel when the Root is a fixture tree.
var ErrNotLive = errors.New("not available from a file tree")

// OpenRoot returns the Root of the machine below dir, where dir holds proc, sys and etc. "" and "/" are the live
// machine.
func OpenRoot(dir string) (Root, error) {
	if dir == "" || filepath.Clean(dir) == "/" {
		return "", nil
	}
	if _, err := os.Stat(filepath.Join(dir, "proc")); err != nil {
		return "", fmt.Errorf("%s is no machine's root: it has no readable proc directory: %w", dir, err)
	}
	return Root(filepath.Clean(dir)), nil
}

// Live says whether system calls ask the same machine that the files describe.
func (r Root) Live() bool { return r == "" }

// Path gives the place of an absolute path ("/proc/locks") below the Root.
func (r Root) Path(abs string) string { return string(r) + abs }

// ReadFile reads a whole file below the Root, whatever its size.
// /proc files are reopened each time: some kernels (6.6, 6.12, 6.14) refuse to seek in /proc/net.
func (r Root) ReadFile(abs string) ([]byte, error) { return os.ReadFile(r.Path(abs)) }

// Gone tells an object or process that is not there (any more) from one that could not be read.
func Gone(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ESRCH) || errors.Is(err, unix.EIDRM)
}

// Denied tells missing rights (EACCES, EPERM) from every other failure.
func Denied(err error) bool { return errors.Is(err, fs.ErrPermission) }
