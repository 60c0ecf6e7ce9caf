package sys

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Root is the directory of a machine's proc, sys and etc. It is "" for the live machine, else a tree of files that
// looks like a machine (a fixture, an image).
type Root string

// ErrNotLive is the error of calls that need a running kernel, if the Root is a file tree.
var ErrNotLive = errors.New("not available from a file tree")

// OpenRoot returns the Root of the machine below dir. dir holds proc, sys and etc. "" and "/" are the live machine.
func OpenRoot(dir string) (Root, error) {
	if dir == "" || filepath.Clean(dir) == "/" {
		return "", nil
	}
	if _, err := os.Stat(filepath.Join(dir, "proc")); err != nil {
		return "", fmt.Errorf("%s is no machine's root: it has no readable proc directory: %w", dir, err)
	}
	return Root(filepath.Clean(dir)), nil
}

// Live is true if system calls and the files are of the same machine.
func (r Root) Live() bool { return r == "" }

// Path is the place of an absolute path ("/proc/locks") below the Root.
func (r Root) Path(abs string) string { return string(r) + abs }

// ReadFile reads a whole file of any size below the Root. It opens files of /proc again each time: some kernels (6.6,
// 6.12, 6.14) refuse to seek in /proc/net.
func (r Root) ReadFile(abs string) ([]byte, error) { return os.ReadFile(r.Path(abs)) }

// Gone is true if the object or process does not exist, or no longer.
func Gone(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ESRCH) || errors.Is(err, unix.EIDRM)
}

// Denied is true if the error is missing rights (EACCES, EPERM).
func Denied(err error) bool { return errors.Is(err, fs.ErrPermission) }
