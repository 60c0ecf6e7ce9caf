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

// A thread that waits in the open of a FIFO has no descriptor of it yet. Only the path in its memory names the FIFO.

// ErrOtherCall means that the thread is not in the expected call, or no longer.
var ErrOtherCall = errors.New("not blocked in that call")

// ErrUnknownFIFO means that the thread waits in the open of an unknown FIFO, or may wait there. Its path leads
// elsewhere now, or ipctop cannot follow it.
var ErrUnknownFIFO = errors.New("which FIFO it opens cannot be told")

// openCall is true for a call that may wait in the open of a FIFO.
func openCall(nr int) bool {
	switch nr {
	case sysOpen, sysCreat, unix.SYS_OPENAT, unix.SYS_OPENAT2, unix.SYS_OPEN_BY_HANDLE_AT:
		return true
	}
	return false
}

// openArgs holds the arguments of an open.
type openArgs struct {
	at    int32 // the directory where a relative path begins
	path  uint64
	flags uint64
}

// readOpenArgs reads the arguments of an open. ErrUnknownFIFO: the call has no path, or resolves it by unusual flags.
func (p Dir) readOpenArgs(c BlockedCall) (openArgs, error) {
	switch c.NR {
	case sysOpen:
		return openArgs{unix.AT_FDCWD, c.Args[0], c.Args[1]}, nil
	case sysCreat:
		return openArgs{unix.AT_FDCWD, c.Args[0], unix.O_WRONLY}, nil
	case unix.SYS_OPENAT:
		return openArgs{int32(c.Args[0]), c.Args[1], c.Args[2]}, nil
	case unix.SYS_OPENAT2:
		var how unix.OpenHow
		buf := make([]byte, unsafe.Sizeof(how))
		if err := p.readMemory(c.TID, c.Args[2], buf); err != nil {
			return openArgs{}, fmt.Errorf("%w: %w", ErrUnknownFIFO, err)
		}
		how = unix.OpenHow{Flags: binary.NativeEndian.Uint64(buf), Mode: binary.NativeEndian.Uint64(buf[8:]),
			Resolve: binary.NativeEndian.Uint64(buf[16:])}
		if how.Resolve&unix.RESOLVE_IN_ROOT != 0 {
			return openArgs{}, ErrUnknownFIFO
		}
		return openArgs{int32(c.Args[0]), c.Args[1], how.Flags}, nil
	}
	return openArgs{}, ErrUnknownFIFO
}

// opensFIFO is true if a thread sleeps in the open of a FIFO until the other end opens. wchan names wait_for_partner
// of fs/pipe.c. A compiler may copy that function under a name with another ending, or inline it into fifo_open.
func opensFIFO(wchan string) bool {
	name, _, _ := strings.Cut(wchan, ".")
	return name == "wait_for_partner" || name == "fifo_open"
}

// OpensFIFO is true if a thread waits in the open of a FIFO. The thread may be a Worker, which the kernel made for
// the process.
func (p Dir) OpensFIFO(tid int) bool {
	wchan, err := p.Read("task/"+strconv.Itoa(tid)+"/wchan", nil)
	return err == nil && opensFIFO(string(wchan))
}

// FIFOOpen is the FIFO in whose open a thread waits for the other end, and the open mode. It reads the path from the
// process's memory, and follows it from the thread's root or working directory. It needs the right to ptrace the
// process. ErrOtherCall: the thread is not in the open of a FIFO. ErrUnknownFIFO: it is, or may be, and the FIFO is
// unknown.
func (p Dir) FIFOOpen(c BlockedCall) (vfs.FileID, string, fdinfo.Access, error) {
	if !p.live || !openCall(c.NR) {
		return vfs.FileID{}, "", 0, ErrOtherCall
	}
	// Other opens may hang in a lookup on a dead server; our stat would hang there as well. After a stop or a freeze
	// the kernel begins the open again.
	if !p.OpensFIFO(c.TID) {
		if halt, err := p.Halted(c.TID); err != nil || halt == NotHalted || halt == Elsewhere {
			return vfs.FileID{}, "", 0, ErrOtherCall
		}
		return vfs.FileID{}, "", 0, ErrUnknownFIFO
	}
	o, err := p.readOpenArgs(c)
	if err != nil {
		return vfs.FileID{}, "", 0, err
	}
	path, err := p.readString(c.TID, o.path)
	if err != nil {
		return vfs.FileID{}, "", 0, fmt.Errorf("%w: %w", ErrUnknownFIFO, err)
	}
	thread, err := p.OfThread(c.TID) // its descriptors, root and working directory may differ from its process's
	if err != nil {
		return vfs.FileID{}, "", 0, ErrOtherCall
	}
	defer thread.Close()
	id, err := thread.statOpened(o.at, path)
	if err := p.checkCall(c); err != nil {
		return vfs.FileID{}, "", 0, err
	}
	switch {
	case err != nil:
		return vfs.FileID{}, "", 0, fmt.Errorf("%w: %w", ErrUnknownFIFO, err)
	case !id.IsFIFO():
		return vfs.FileID{}, "", 0, fmt.Errorf("%w: %s is none", ErrUnknownFIFO, path)
	}
	return id, path, fdinfo.AccessOf(int(o.flags)), nil
}

// statOpened reads a file by the path that the thread opens. It starts at the thread's directory and follows no
// symbolic link: an absolute link would lead to our root. If a link is in the way, it starts at the thread's root.
// There RESOLVE_IN_ROOT refuses magic links, for example /proc/self, which would mean us (man 2 openat2).
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

// statFrom reads a file by its path from a directory of the process. It opens only the path (O_PATH).
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
