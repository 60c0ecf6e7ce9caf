package process

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/scan"
	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/kernel/vfs"
)

// Files by what leads to them, and the keys that ftok(3) makes of them.

// StatLink asks what a link of the process leads to, or what lies below one: "cwd", "exe", "root/etc". The caller
// keeps it away from mounts that may hang. Name is not filled.
func (p Dir) StatLink(name string) (vfs.PosixFile, error) {
	if !p.live {
		return vfs.PosixFile{}, sys.ErrNotLive
	}
	return p.statLink(name)
}

// ReadFile reads a regular file below a link of the process ("cwd/postmaster.pid"), at most so many bytes of it. A
// FIFO in its place is not waited for, a symbolic link not followed.
func (p Dir) ReadFile(name string, most int64) ([]byte, error) {
	if !p.live {
		return nil, sys.ErrNotLive
	}
	return vfs.ReadRegular(p.fd, name, fmt.Sprintf("/proc/%d/%s", p.PID, name), most)
}

// Owner is the uid that owns /proc/PID: the process's effective one, or root's where the process is not dumpable
// (proc(5)).
func (p Dir) Owner() (uint32, error) {
	var st unix.Stat_t
	if err := unix.Fstatat(p.fd, "", &st, unix.AT_EMPTY_PATH); err != nil {
		return 0, fmt.Errorf("stat /proc/%d: %w", p.PID, err)
	}
	return st.Uid, nil
}

// ErrMayHang says that a path leads onto a mount whose server may be dead.
var ErrMayHang = errors.New("it lies on a network or FUSE mount, where a dead server would hang the look at it")

// linksMost is how many symbolic links a path may lead over (MAXSYMLINKS, include/linux/namei.h).
const linksMost = 40

// RealPath follows the symbolic links of an absolute path, from the process's root directory on, as it would itself.
// hangs is asked before each step; ErrMayHang is what it says yes to.
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
			return "", ErrMayHang
		}
		n, err := unix.Readlinkat(p.fd, "root"+next, buf)
		switch {
		case err == unix.EINVAL: // no link
			at = next
		case err != nil:
			return "", fmt.Errorf("readlink %s of process %d: %w", next, p.PID, err)
		default:
			if links++; links > linksMost {
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

// EachEntry visits the entries of a directory that the process knows under a path, from its root directory, at most
// so many. Symbolic links are visited as such, entries that skip says yes to are not touched: mounts that may hang.
// skip may be nil.
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

// MappedPaths lists the files that the process maps, each once, program and libraries among them, as far as they have
// a name.
func (p Dir) MappedPaths(buf []byte) ([]string, error) {
	text, err := p.Read("maps", buf)
	if err != nil {
		return nil, err
	}
	return ParseMappedPaths(text), nil
}

// ParseMappedPaths reads the paths of /proc/PID/maps (proc_pid_maps(5)). What is deleted or lies in no directory
// ("/SYSV…", "/memfd:…") ends in "(deleted)".
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
