package kinds

import "github.com/ipctop/ipctop/collect/schema"

// The needs of kinds besides those of the walk. The Costs of the Mechanisms name them.
const (
	NeedSemValues schema.Need = 1 << 8  // GETALL, GETNCNT, GETZCNT, GETPID per semaphore
	NeedResident  schema.Need = 1 << 9  // /proc/sysvipc/shm: rss and swap per segment
	NeedPipeEnds  schema.Need = 1 << 10 // pidfd_getfd and poll on a pipe if its other end was not seen
	NeedPipeFill  schema.Need = 1 << 11 // pidfd_getfd, FIONREAD and F_GETPIPE_SZ per pipe
	NeedSockets   schema.Need = 1 << 12 // a sock_diag dump
	// /proc/PID/{status,cwd,root,exe,cgroup} of a process: signal masks, capabilities, paths
	NeedProcDetail schema.Need = 1 << 15
	// /proc/PID/task/*/{stat,syscall} of a process: its threads and their calls
	NeedThreads    schema.Need = 1 << 16
	NeedTCPInfo    schema.Need = 1 << 17 // the sock_diag extension INET_DIAG_INFO of TCP sockets
	NeedInFlight   schema.Need = 1 << 18 // fdinfo of a descriptor on each UNIX socket
	NeedQueueText  schema.Need = 1 << 23 // a read of each POSIX queue's file, which sets the file's access time
	NeedCongestion schema.Need = 1 << 34 // the sock_diag extension INET_DIAG_CONG of TCP sockets
	// a BPF program over all tasks, for their SEM_UNDO adjustments; it takes 24 ms to load, once
	NeedUndo schema.Need = 1 << 30
)
