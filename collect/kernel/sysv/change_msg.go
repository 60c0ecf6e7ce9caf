package sysv

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/sys"
)

// MsgRemove destroys a queue and its messages at once. Blocked senders and receivers get EIDRM (man 2 msgctl).
// fs.ErrNotExist: no queue has this id. fs.ErrPermission: the caller is neither owner nor creator, and lacks
// CAP_SYS_ADMIN.
func MsgRemove(id int) error {
	_, err := msgctl(id, ipcRmid, nil)
	return objectError("remove", msgWord, id, err)
}

// MsgGet finds or makes a queue and returns its id. flags are permission bits with IPCCreat and IPCExcl (man 2
// msgget).
func MsgGet(key uint32, flags int) (int, error) {
	n, _, errno := unix.Syscall(unix.SYS_MSGGET, uintptr(int32(key)), uintptr(flags), 0)
	if errno != 0 {
		return 0, fmt.Errorf("msgget 0x%08x: %w", key, errno)
	}
	return int(n), nil
}

// MsgSend puts a message into a queue. mtype is at least 1. It blocks while the queue is full, unless flags have
// IPCNoWait.
func MsgSend(id int, mtype int64, data []byte, flags int) error {
	buf := make([]byte, 8+len(data)) // struct msgbuf: a long, then the text
	*(*int64)(unsafe.Pointer(&buf[0])) = mtype
	copy(buf[8:], data)
	err := sys.RetryEINTR(func() error {
		_, _, errno := unix.Syscall6(unix.SYS_MSGSND,
			uintptr(id), uintptr(unsafe.Pointer(&buf[0])), uintptr(len(data)), uintptr(flags), 0, 0)
		return sys.ErrnoError(errno)
	})
	if err != nil {
		return fmt.Errorf("msgsnd %d: %w", id, err)
	}
	return nil
}

// MsgReceive takes the first message of a type out of a queue, at most size bytes of it. mtype 0 takes a message of
// any type. A negative mtype takes the lowest type up to its absolute value. MsgReceive blocks while the queue has no
// such message; with IPCNoWait the error is ENOMSG.
func MsgReceive(id int, mtype int64, size, flags int) (data []byte, gotType int64, err error) {
	buf := make([]byte, 8+size)
	var n uintptr
	err = sys.RetryEINTR(func() error {
		var errno unix.Errno
		n, _, errno = unix.Syscall6(unix.SYS_MSGRCV,
			uintptr(id), uintptr(unsafe.Pointer(&buf[0])), uintptr(size), uintptr(mtype), uintptr(flags), 0)
		return sys.ErrnoError(errno)
	})
	if err != nil {
		return nil, 0, fmt.Errorf("msgrcv %d: %w", id, err)
	}
	return buf[8 : 8+n], *(*int64)(unsafe.Pointer(&buf[0])), nil
}

// MsgSetQBytes sets a queue's capacity in bytes. A number above the limit msgmnb needs CAP_SYS_RESOURCE, even for uid
// 0. Owner and permissions stay. ctime changes.
func MsgSetQBytes(id int, qbytes uint64) error {
	var ds msqidDS
	if _, err := msgctl(id, ipcStat, unsafe.Pointer(&ds)); err != nil {
		return objectError("read", msgWord, id, err)
	}
	ds.qbytes = qbytes
	_, err := msgctl(id, ipcSet, unsafe.Pointer(&ds))
	return objectError("change qbytes of", msgWord, id, err)
}

// MsgSet changes owner, group, permissions and qbytes of a queue (IPC_SET) to those of q. ctime changes. The caller
// must be owner or creator, or have CAP_SYS_ADMIN. A qbytes above the limit msgmnb needs CAP_SYS_RESOURCE, even if it
// stays.
func MsgSet(q MsgQueue) error {
	var ds msqidDS
	ds.perm.set(q.IPCPerm)
	ds.qbytes = q.QBytes
	_, err := msgctl(q.ID, ipcSet, unsafe.Pointer(&ds))
	return objectError("change", msgWord, q.ID, err)
}
