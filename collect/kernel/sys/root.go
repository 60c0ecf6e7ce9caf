package sys

import (
	"errors"
	"fmt"
	"io/fs"
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
	root := Root(filepath.Clean(dir))
	_, err := root.Stat("/proc", 0)
	switch {
	case errors.Is(err, errNoOpenat2):
		return "", fmt.Errorf("read %s: %w", dir, err)
	case err != nil:
		return "", fmt.Errorf("%s is no machine's root: it has no readable proc directory: %w", dir, err)
	}
	return root, nil
}

// Live is true if system calls and the files are of the same machine.
func (r Root) Live() bool { return r == "" }

// Gone is true if the object or process does not exist, or no longer.
func Gone(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ESRCH) || errors.Is(err, unix.EIDRM)
}

// Denied is true if the error is missing rights (EACCES, EPERM).
func Denied(err error) bool { return errors.Is(err, fs.ErrPermission) }
