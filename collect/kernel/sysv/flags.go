package sysv

import "golang.org/x/sys/unix"

// Flags for MsgGet, SemGet and ShmGet (man 2 shmget), to be combined with permission bits.
const (
	IPCCreat   = unix.IPC_CREAT // make the object unless the key has one
	IPCExcl    = unix.IPC_EXCL  // with IPCCreat: fail with EEXIST if the key has one
	ShmHugeTLB = 0o4000         // SHM_HUGETLB: huge pages, of which the machine must have some
)

// Flags for MsgSend, MsgReceive and SemOp.
const (
	IPCNoWait  = unix.IPC_NOWAIT // fail with EAGAIN or ENOMSG instead of blocking
	MsgNoError = 0o10000         // MSG_NOERROR: cut a message that is longer than asked for
	MsgExcept  = 0o20000         // MSG_EXCEPT: the first message of any other type
	SemUndo    = 0o10000         // SEM_UNDO: take the operation back when the process ends
)

// KeyPrivate is the key (IPC_PRIVATE) for a new object that no key finds.
const KeyPrivate = 0
