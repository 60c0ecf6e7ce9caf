package process

import (
	"bytes"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/scan"
	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/kernel/vfs"
)

// Files by the paths that lead to them, and the keys that ftok(3) computes from them.

// StatLink reads the file behind a link of the process, or below a link: "cwd", "exe", "root/etc". The caller must
// leave out mounts that may hang. It does not fill Name.
func (p Dir) StatLink(name string) (vfs.PosixFile, error) {
	return p.statLink(name)
}

// ReadFile reads a regular file below a link of the process ("cwd/postmaster.pid"), up to most bytes. It does not
// wait for a FIFO and does not follow a symbolic link.
func (p Dir) ReadFile(name string, most int64) ([]byte, error) {
	if !p.live {
		return nil, sys.ErrNotLive
	}
	return vfs.ReadRegular(p.fd, name, fmt.Sprintf("/proc/%d/%s", p.PID, name), most)
}

// Owner is the uid that owns /proc/PID. It is the process's effective uid, or root's if the process is not dumpable
// (proc(5)).
func (p Dir) Owner() (uint32, error) {
	var st unix.Stat_t
	if err := unix.Fstatat(p.fd, "", &st, unix.AT_EMPTY_PATH); err != nil {
		return 0, fmt.Errorf("stat /proc/%d: %w", p.PID, err)
	}
	return st.Uid, nil
}

// RootID identifies a root directory by its mount and its inode number. A mount belongs to one mount namespace. So
// processes with the same RootID reach the same file by the same absolute path.
type RootID struct{ Mount, Inode uint64 }

// RootID identifies the process's root directory. The caller must leave out mounts that may hang. ok is false before
// Linux 5.8, and without the right to see the directory.
func (p Dir) RootID() (id RootID, ok bool) {
	if !p.live {
		return id, false
	}
	var st unix.Statx_t
	err := unix.Statx(p.fd, "root", unix.AT_STATX_DONT_SYNC, unix.STATX_INO|unix.STATX_MNT_ID, &st)
	return RootID{st.Mnt_id, st.Ino}, err == nil && st.Mask&unix.STATX_MNT_ID != 0
}

// maxLinks is the number of symbolic links that a path may follow (MAXSYMLINKS, include/linux/namei.h).
const maxLinks = 40

// RealPath follows the symbolic links of an absolute path from the process's root directory, like the process itself.
// It calls hangs before each step. If hangs is true, the error is vfs.ErrMayHang.
func (p Dir) RealPath(path string, hangs func(path []byte) bool) (string, error) {
	if !p.live {
		return "", sys.ErrNotLive
	}
	rest, at, links := strings.Split(path, "/"), "", 0
	buf := make([]byte, 4096)
	for len(rest) > 0 {
		name := rest[0]
		rest = rest[1:]
		switch name {
		case "", ".":
			continue
		case "..":
			at = at[:max(0, strings.LastIndexByte(at, '/'))]
			continue
		}
		next := at + "/" + name
		if hangs([]byte(next)) {
			return "", vfs.ErrMayHang
		}
		n, err := unix.Readlinkat(p.fd, "root"+next, buf)
		switch {
		case err == unix.EINVAL: // not a link
			at = next
		case err != nil:
			return "", fmt.Errorf("readlink %s of process %d: %w", next, p.PID, err)
		default:
			if links++; links > maxLinks {
				return "", fmt.Errorf("%s of process %d: %w", path, p.PID, unix.ELOOP)
			}
			if n > 0 && buf[0] == '/' {
				at = ""
			}
			rest = append(strings.Split(string(buf[:n]), "/"), rest...)
		}
	}
	if at == "" {
		at = "/"
	}
	return at, nil
}

// EachEntry visits up to most entries of a directory, by its path from the process's root directory. It visits
// symbolic links themselves. It does not touch an entry if skip is true: a mount may hang. skip may be nil.
func (p Dir) EachEntry(path string, most int, skip func(name string) bool,
	visit func(name string, id vfs.FileID)) error {
	if !p.live {
		return sys.ErrNotLive
	}
	fd, err := sys.OpenDir(p.fd, "root"+path)
	if err != nil {
		return fmt.Errorf("list %s of process %d: %w", path, p.PID, err)
	}
	defer unix.Close(fd)
	err = sys.EachDirent(fd, make([]byte, 8<<10), func(name []byte) {
		if most--; most < 0 {
			return
		}
		var st unix.Statx_t
		text := string(name[:len(name)-1])
		if skip != nil && skip(text) {
			return
		}
		if unix.Statx(fd, text, unix.AT_SYMLINK_NOFOLLOW|unix.AT_STATX_DONT_SYNC|unix.AT_NO_AUTOMOUNT,
			unix.STATX_TYPE|unix.STATX_INO, &st) == nil {
			visit(text, vfs.IDOf(&st))
		}
	})
	if err != nil {
		return fmt.Errorf("list %s of process %d: %w", path, p.PID, err)
	}
	return nil
}

// MappedPaths lists the files with a name that the process maps, also its program and libraries. Each file appears
// once.
func (p Dir) MappedPaths(buf []byte) ([]string, error) {
	text, err := p.Read("maps", buf)
	if err != nil {
		return nil, err
	}
	return ParseMappedPaths(text), nil
}

// ParseMappedPaths reads the paths of /proc/PID/maps (proc_pid_maps(5)). The line of a file without a directory entry
// ends in "(deleted)": a deleted file, "/SYSV…", "/memfd:…".
func ParseMappedPaths(text []byte) []string {
	var paths []string
	seen := map[string]bool{}
	for line := range bytes.Lines(text) {
		f := scan.Fields{Rest: line}
		f.Skip(5)
		name := strings.TrimSuffix(string(bytes.TrimLeft(f.Rest, " \t")), "\n")
		if f.Bad || !strings.HasPrefix(name, "/") || strings.HasSuffix(name, " (deleted)") {
			continue
		}
		name = strings.ReplaceAll(name, `\012`, "\n")
		if !seen[name] {
			seen[name] = true
			paths = append(paths, name)
		}
	}
	return paths
}
