package process

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/fdinfo"
	"github.com/ipctop/ipctop/collect/kernel/vfs"
)

// Who waits in the open of a FIFO has no descriptor on it yet: all that tells which one it is is the path in its
// memory.

// ErrOtherCall is for a thread that is not, or not any more, in the call that was asked about.
var ErrOtherCall = errors.New("not blocked in that call")

// ErrUntold is for a thread that waits, or may wait, in the open of a FIFO that cannot be told: its path leads
// elsewhere by now, or cannot be followed from here.
var ErrUntold = errors.New("which FIFO it opens cannot be told")

// openCall says whether a call may wait in the open of a FIFO.
func openCall(nr int) bool {
	switch nr {
	case sysOpen, sysCreat, unix.SYS_OPENAT, unix.SYS_OPENAT2, unix.SYS_OPEN_BY_HANDLE_AT:
		return true
	}
	return false
}

// opening is what a thread opens.
type opening struct {
	at    int32 // the directory that a relative path begins at
	path  uint64
	flags uint64
}

// opens reads the arguments of an open. errors.Is(err, ErrUntold): it has no path, or does not follow it as usual.
func (p Dir) opens(c BlockedCall) (opening, error) {
	switch c.NR {
	case sysOpen:
		return opening{unix.AT_FDCWD, c.Args[0], c.Args[1]}, nil
	case sysCreat:
		return opening{unix.AT_FDCWD, c.Args[0], unix.O_WRONLY}, nil
	case unix.SYS_OPENAT:
		return opening{int32(c.Args[0]), c.Args[1], c.Args[2]}, nil
	case unix.SYS_OPENAT2:
		var how unix.OpenHow
		buf := make([]byte, unsafe.Sizeof(how))
		if err := p.readMemory(c.TID, c.Args[2], buf); err != nil {
			return opening{}, fmt.Errorf("%w: %w", ErrUntold, err)
		}
		how = unix.OpenHow{Flags: binary.NativeEndian.Uint64(buf), Mode: binary.NativeEndian.Uint64(buf[8:]),
			Resolve: binary.NativeEndian.Uint64(buf[16:])}
		if how.Resolve&unix.RESOLVE_IN_ROOT != 0 {
			return opening{}, ErrUntold
		}
		return opening{int32(c.Args[0]), c.Args[1], how.Flags}, nil
	}
	return opening{}, ErrUntold
}

// opensFIFO says by wchan whether a thread sleeps where the open of a FIFO waits for the other end: in
// wait_for_partner of fs/pipe.c, of which a compiler may have made a copy with another ending, or a part of
// fifo_open.
func opensFIFO(wchan string) bool {
	name, _, _ := strings.Cut(wchan, ".")
	return name == "wait_for_partner" || name == "fifo_open"
}

// OpensFIFO says whether a thread waits in the open of a FIFO, also one that the kernel made for the process (Worker).
func (p Dir) OpensFIFO(tid int) bool {
	wchan, err := p.Read("task/"+strconv.Itoa(tid)+"/wchan", nil)
	return err == nil && opensFIFO(string(wchan))
}

// FIFOOpen says which FIFO a blocked open waits to see the other end of, and for what it was opened. The path is read
// from the process's memory and followed from its own root or working directory. It takes the right to ptrace the
// process. errors.Is(err, ErrOtherCall): it is not in the open of a FIFO; ErrUntold: it is, or may be, and which one
// cannot be told.
func (p Dir) FIFOOpen(c BlockedCall) (vfs.FileID, string, fdinfo.Access, error) {
	if !p.live || !openCall(c.NR) {
		return vfs.FileID{}, "", 0, ErrOtherCall
	}
	// Any other open may hang in a dead server's lookup, where ours would hang as well. One that was stopped or frozen
	// is begun again.
	if !p.OpensFIFO(c.TID) {
		if halt, err := p.Halted(c.TID); err != nil || halt == NotHalted || halt == Elsewhere {
			return vfs.FileID{}, "", 0, ErrOtherCall
		}
		return vfs.FileID{}, "", 0, ErrUntold
	}
	o, err := p.opens(c)
	if err != nil {
		return vfs.FileID{}, "", 0, err
	}
	path, err := readString(c.TID, o.path)
	if err != nil {
		return vfs.FileID{}, "", 0, fmt.Errorf("%w: %w", ErrUntold, err)
	}
	id, err := p.statOpened(o.at, path)
	if err := p.still(c); err != nil {
		return vfs.FileID{}, "", 0, err
	}
	switch {
	case err != nil:
		return vfs.FileID{}, "", 0, fmt.Errorf("%w: %w", ErrUntold, err)
	case !id.IsFIFO():
		return vfs.FileID{}, "", 0, fmt.Errorf("%w: %s is none", ErrUntold, path)
	}
	return id, path, fdinfo.AccessOf(int(o.flags)), nil
}

// statOpened asks for a file by the path that the process opens it by. From a directory of the process we follow it
// as long as no symbolic link is in the way: an absolute one would lead to our root. Else we follow it from the
// process's root, where magic links such as /proc/self, which would be us, are not followed (RESOLVE_IN_ROOT, man 2
// openat2).
func (p Dir) statOpened(at int32, path string) (vfs.FileID, error) {
	if !strings.HasPrefix(path, "/") {
		base := "cwd"
		if at != unix.AT_FDCWD {
			base = "fd/" + strconv.Itoa(int(at))
		}
		if id, err := p.statFrom(base, path, unix.RESOLVE_NO_SYMLINKS); err == nil {
			return id, nil
		}
		dir, err := p.Readlink(base)
		if err != nil {
			return vfs.FileID{}, err
		}
		root, err := p.Readlink("root")
		if err != nil {
			return vfs.FileID{}, err
		}
		path = strings.TrimPrefix(dir, strings.TrimSuffix(root, "/")) + "/" + path
	}
	return p.statFrom("root", path, unix.RESOLVE_IN_ROOT)
}

// statFrom asks for a file by its path from a directory of the process, opening nothing but the path (O_PATH).
func (p Dir) statFrom(base, path string, resolve uint64) (vfs.FileID, error) {
	dir, err := unix.Openat(p.fd, base, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return vfs.FileID{}, fmt.Errorf("open /proc/%d/%s: %w", p.PID, base, err)
	}
	defer unix.Close(dir)
	fd, err := unix.Openat2(dir, path, &unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: resolve})
	if err != nil {
		return vfs.FileID{}, fmt.Errorf("follow %s from /proc/%d/%s: %w", path, p.PID, base, err)
	}
	defer unix.Close(fd)
	var st unix.Statx_t
	if err := unix.Statx(fd, "", unix.AT_EMPTY_PATH|unix.AT_STATX_DONT_SYNC, unix.STATX_TYPE|unix.STATX_INO,
		&st); err != nil {
		return vfs.FileID{}, fmt.Errorf("stat %s: %w", path, err)
	}
	return vfs.FileID{Dev: unix.Mkdev(st.Dev_major, st.Dev_minor), Ino: st.Ino, Mode: uint32(st.Mode)}, nil
}
