package namespace

import (
	"fmt"
	"io/fs"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/sys"
)

// siocGSKNS is SIOCGSKNS of include/uapi/linux/sockios.h. It opens the network namespace of a socket (net/socket.c,
// sock_ioctl).
const siocGSKNS = 0x894C

// OfSocket finds the network namespace of a socket by a thread's descriptor (sys.DupFD). A socket keeps its namespace
// alive after all processes have left the namespace. OfSocket duplicates the socket for two microseconds. If the owner
// closes the socket meanwhile, the peer sees the close only after the duplicate is closed.
//
// ino is the socket's inode. fs.ErrNotExist: the descriptor leads elsewhere now. fs.ErrPermission: the right to ptrace
// the process is missing (man 2 pidfd_getfd), or CAP_NET_ADMIN in the namespace's user namespace.
func OfSocket(root sys.Root, tid, fd int, ino uint64) (Namespace, error) {
	if !root.Live() {
		return Namespace{}, fmt.Errorf("namespace of socket %d: %w", ino, sys.ErrNotLive)
	}
	ns, err := socketNamespace(tid, fd, ino)
	if err != nil {
		return Namespace{}, err
	}
	defer unix.Close(ns)
	var st unix.Stat_t
	if err := unix.Fstat(ns, &st); err != nil {
		return Namespace{}, fmt.Errorf("namespace of socket %d: %w", ino, err)
	}
	return Namespace{Type: "net", Ino: st.Ino, TID: tid, FD: fd}, nil
}

// openOfSocket opens the network namespace of a socket if it is still the one that ns names.
func openOfSocket(ns Namespace) (int, error) {
	fd, err := socketNamespace(ns.TID, ns.FD, 0)
	if err != nil {
		return -1, err
	}
	var st unix.Stat_t
	if err = unix.Fstat(fd, &st); err == nil && st.Ino != ns.Ino {
		err = &namespaceGone{ns}
	}
	if err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// socketNamespace opens the network namespace of a socket. ino is the socket's inode, or 0 for any.
func socketNamespace(tid, fd int, ino uint64) (int, error) {
	dup, err := sys.DupFD(tid, fd)
	if err != nil {
		return -1, err
	}
	defer unix.Close(dup)
	var st unix.Stat_t
	if err := unix.Fstat(dup, &st); err != nil {
		return -1, fmt.Errorf("descriptor %d of thread %d: %w", fd, tid, err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFSOCK || ino != 0 && st.Ino != ino {
		return -1, fmt.Errorf("descriptor %d of thread %d is another file now: %w", fd, tid, fs.ErrNotExist)
	}
	// The request takes no argument and returns a descriptor with FD_CLOEXEC.
	ns, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(dup), siocGSKNS, 0)
	if errno != 0 {
		return -1, fmt.Errorf("network namespace of descriptor %d of thread %d: ioctl SIOCGSKNS: %w", fd, tid, errno)
	}
	return int(ns), nil
}
