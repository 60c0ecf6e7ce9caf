// Package posix reads and changes POSIX objects. The kernel knows only the message queues: one flat directory for
// each IPC namespace, mounted or not (man 7 mq_overview). Shared memory and semaphores are a convention of glibc.
// They are files on the tmpfs at /dev/shm; the names of semaphores begin with "sem." (man 7 shm_overview, man 7
// sem_overview).
//
//	DevShmFiles, AllSems, AllQueues            all objects, also those that the caller may not read
//	ShmFiles, Sems, Queues                     the lists of util-linux (lsipc.go)
//	ReadDevShmUse, ReadMqLimits                limits and use (limits.go)
//	MsgCreate, SemRemoveSame and others        changes, only for kernel.Admin (change.go, use.go)
//
// Any program may put files on /dev/shm. No mark tells the files of shm_open from others.
package posix
