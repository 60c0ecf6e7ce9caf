// Package kernel is the two doors to the machine. Every raw system call and wire format of ipctop lies behind them,
// and nothing else does.
//
//	Host   reads: one machine, live, or a fixture tree of /proc and /sys files
//	Admin  changes: whatever alters the machine is one of its methods
//
// Their methods are thin. Rooms do the work, one for each subsystem. None of them knows this package, and few know
// each other:
//
//	sysv        System V queues, semaphore sets, segments
//	posix       POSIX queues, /dev/shm, named semaphores
//	sock        sockets, by sock_diag and /proc/net
//	namespace   IPC and network namespaces, and visits to them
//	process     processes, their threads and descriptors, what they wait for       knows fdinfo, sysv's operations
//	fdinfo      the texts about descriptors and file locks
//	undo        SEM_UNDO                                                          knows bpf
//	bpf         programs over the kernel's own lists
//	machine     sysctls, memory, logind's files
//	vfs         files by their paths
//	scan        taking texts apart
//	sys         the machine's root, errors, raw calls that many rooms make
//
// Errors keep their errno: errors.Is(err, fs.ErrNotExist) or unix.ESRCH means "it is gone", errors.Is(err,
// fs.ErrPermission) means "denied" (sys.Gone, sys.Denied).
package kernel
