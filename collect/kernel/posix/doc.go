// Package posix reads and changes POSIX objects. Shared memory and semaphores are glibc's convention, not the
// kernel's: files on the tmpfs at /dev/shm, semaphores with names that begin with "sem." (man 7 shm_overview, man 7
// sem_overview). Message queues are the kernel's own, one flat directory for each IPC namespace, whether or not
// somebody mounted it (man 7 mq_overview).
//
//	DevShmFiles, AllSems, AllQueues            everything, with what could not be read
//	ShmFiles, Sems, Queues                     what util-linux lists (lsipc.go)
//	ReadDevShmUse, ReadMqLimits                limits and use (limits.go)
//	MsgCreate, SemRemoveSame and their like    changes, for kernel.Admin alone (change.go, use.go)
//
// Nothing marks a file on /dev/shm as made by shm_open: any program may put files there.
package posix
