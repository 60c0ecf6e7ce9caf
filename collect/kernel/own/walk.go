package own

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/sys"
)

// mostLinks is the kernel's limit of links in one path (man 7 path_resolution).
const mostLinks = 40

// walk opens a directory step by step (O_PATH). It follows a link only if root or this user made it. With create, it
// makes what is missing, with mode 0700.
func walk(path string, create bool) (int, error) {
	at, err := unix.Open("/", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, &os.PathError{Op: "open", Path: "/", Err: err}
	}
	rest, links := strings.Split(filepath.Clean(path), "/"), 0
	for len(rest) > 0 {
		name := rest[0]
		rest = rest[1:]
		if name == "" {
			continue
		}
		next, to, err := step(at, name, path, create)
		unix.Close(at)
		if err != nil {
			return -1, err
		}
		at = next
		if to == "" {
			continue
		}
		if links++; links > mostLinks {
			unix.Close(at)
			return -1, &os.PathError{Op: "open", Path: path, Err: unix.ELOOP}
		}
		rest = append(strings.Split(to, "/"), rest...)
	}
	return at, nil
}

// step opens one name in a directory. For a link it returns the directory to go on from, and the text of the link.
func step(at int, name, path string, create bool) (next int, to string, err error) {
	next, err = openPath(at, name)
	if errors.Is(err, unix.ENOENT) && create {
		if err := mkdir(at, name); err != nil {
			return -1, "", fmt.Errorf("make %s for %s: %w", name, path, err)
		}
		next, err = openPath(at, name)
	}
	var st unix.Stat_t
	if err == nil {
		if err = unix.Fstat(next, &st); err != nil {
			unix.Close(next)
		}
	}
	switch {
	case err != nil:
		return -1, "", &os.PathError{Op: "open", Path: path, Err: err}
	case st.Mode&unix.S_IFMT == unix.S_IFDIR:
		return next, "", nil
	case st.Mode&unix.S_IFMT != unix.S_IFLNK:
		unix.Close(next)
		return -1, "", &os.PathError{Op: "open", Path: path, Err: unix.ENOTDIR}
	case !trusted(st.Uid):
		unix.Close(next)
		return -1, "", fmt.Errorf("%s: %s is a link of uid %d, which is not followed", path, name, st.Uid)
	}
	defer unix.Close(next)
	buf := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(next, "", buf)
	if err != nil {
		return -1, "", &os.PathError{Op: "readlink", Path: path, Err: err}
	}
	to = string(buf[:n])
	from := "."
	if strings.HasPrefix(to, "/") {
		from = "/"
	}
	next, err = unix.Openat(at, from, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, "", &os.PathError{Op: "open", Path: path, Err: err}
	}
	return next, to, nil
}

func openPath(at int, name string) (int, error) {
	return unix.Openat(at, name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
}

// mkdir makes a directory, but not in a directory of another user.
func mkdir(at int, name string) error {
	var st unix.Stat_t
	if err := unix.Fstat(at, &st); err != nil {
		return err
	}
	if !trusted(st.Uid) {
		return foreignError{st.Uid}
	}
	if err := unix.Mkdirat(at, name, 0o700); err != nil && err != unix.EEXIST {
		return err
	}
	return nil
}

// trusted is true for root, for this user, and for an owner without a number in this user namespace: there the owners
// of / and /tmp have none.
func trusted(uid uint32) bool {
	return uid == 0 || int(uid) == sys.EffectiveUID() || uid == overflowUID && !maps(overflowUID)
}

// overflowUID stands for an owner without a number (/proc/sys/kernel/overflowuid). Its default is that of "nobody".
const overflowUID = 65534

// maps is true if a uid has a number in this user namespace (man 7 user_namespaces). In doubt it has.
func maps(uid uint32) bool {
	text, err := os.ReadFile("/proc/self/uid_map")
	if err != nil {
		return true
	}
	for line := range strings.Lines(string(text)) {
		var inside, outside, count uint64
		if _, err := fmt.Sscan(line, &inside, &outside, &count); err != nil ||
			uint64(uid) >= inside && uint64(uid) < inside+count {
			return true
		}
	}
	return false
}

// foreignError means: a directory belongs to another user.
type foreignError struct{ uid uint32 }

func (e foreignError) Error() string {
	return fmt.Sprintf("its directory belongs to uid %d: set XDG_STATE_HOME to a directory of yours", e.uid)
}
