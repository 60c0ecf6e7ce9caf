// Package kernel has the two doors to the machine. Every raw system call and wire format of ipctop lies behind them.
//
//	Host   reads: one machine, live, or a fixture tree of /proc and /sys files
//	Admin  changes: only its methods alter the machine
//
// Their methods are thin. Rooms do the work: one room for each subsystem. No room knows this package. Few rooms know
// another room:
//
//	sysv        System V queues, semaphore sets, segments
//	posix       POSIX queues, /dev/shm, named semaphores
//	sock        sockets, by sock_diag and /proc/net
//	namespace   IPC and network namespaces, visits to them
//	process     processes, their threads and descriptors, their waits             knows fdinfo, sysv's operations
//	fdinfo      the texts about descriptors and file locks
//	undo        SEM_UNDO                                                          knows bpf
//	blocker     locks of the kernel that threads in state D wait for              knows bpf
//	task        all threads and their processes at once                           knows bpf, process, namespace
//	bpf         programs that walk the kernel's own lists
//	account     names and numbers of users and groups
//	machine     sysctls, memory, logind's files
//	vfs         files by their paths
//	scan        numbers and fields in texts
//	sys         the machine's root, errors, raw calls of several rooms
//
// Readers by BPF stand beside the doors: undo.Open(host.Root), blocker.Open, openfile.Open, task.Open. With them in
// Host, every program would link BPF and start later, ipcs too.
//
// Errors keep their errno. errors.Is(err, fs.ErrNotExist) or unix.ESRCH means "the object is gone" (sys.Gone).
// errors.Is(err, fs.ErrPermission) means "denied" (sys.Denied).
package kernel
