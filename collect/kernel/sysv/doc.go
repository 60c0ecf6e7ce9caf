// Package sysv reads and changes System V objects: message queues, semaphore sets, shared memory segments.
//
//	MsgQueues, SemSets, ShmSegments              every object of the IPC namespace (list.go)
//	MsgStat, SemStat, ShmStat                    one object again, before something is done to it (stat.go)
//	SemValues, SemWaiters                        the semaphores of a set (semvalues.go)
//	PeekMessages                                 messages that stay in their queue (peek.go)
//	ReadMsgInfo, ReadSemInfo, ReadShmInfo        limits and use (info.go)
//	MsgGet, Operate, ShmRemove and their like      changes, for kernel.Admin alone (change_*.go)
//
// Two sources serve the same rows:
//
//	*_STAT_ANY calls (Linux 4.17, ctl.go)   while most indexes are in use
//	/proc/sysvipc (proc.go)                 else, for resident memory, on old kernels, on a file tree
//
// Both answer any user for any object, whatever its permissions. Both translate: uids and gids into the caller's user
// namespace (65534 where they have no mapping there), pids into the caller's PID namespace. A pid that the kernel
// keeps stays the number it was after its process has ended; it reads 0 where there was none yet, and where the
// process lives outside this PID namespace: the kernel holds a struct pid and asks pid_vnr (ipc/msg.c, ipc/sem.c,
// ipc/shm.c). Times are Unix seconds, 0 for never.
package sysv
