package sysv

import "golang.org/x/sys/unix"

// Flags for MsgGet, SemGet and ShmGet (man 2 shmget). Callers combine them with permission bits.
const (
	IPCCreat   = unix.IPC_CREAT // make the object if the key has none
	IPCExcl    = unix.IPC_EXCL  // with IPCCreat: fail with EEXIST if the key has an object
	ShmHugeTLB = 0o4000         // SHM_HUGETLB: huge pages; the machine must have free ones
)

// Flags for MsgSend, MsgReceive and SemOp.
const (
	IPCNoWait  = unix.IPC_NOWAIT // fail with EAGAIN or ENOMSG, do not block
	MsgNoError = 0o10000         // MSG_NOERROR: cut a message longer than the given size
	MsgExcept  = 0o20000         // MSG_EXCEPT: take the first message of any other type
	SemUndo    = 0o10000         // SEM_UNDO: the kernel undoes the operation when the process ends
)

// KeyPrivate is the key (IPC_PRIVATE) for a new object that no key finds.
const KeyPrivate = 0
