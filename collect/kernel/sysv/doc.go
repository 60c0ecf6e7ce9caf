// Package sysv reads and changes System V objects: message queues, semaphore sets, shared memory segments.
//
//	MsgQueues, SemSets, ShmSegments              every object of the IPC namespace (list.go)
//	MsgStat, SemStat, ShmStat                    one object again, before a change (stat.go)
//	SemValues, SemWaiters                        the semaphores of a set (semvalues.go)
//	PeekMessages                                 copies of messages in their queue (peek.go)
//	ReadMsgInfo, ReadSemInfo, ReadShmInfo        limits and use (info.go)
//	MsgGet, Operate, ShmRemove and others        changes, only for kernel.Admin (change_*.go)
//
// Two sources serve the same rows:
//
//	*_STAT_ANY calls (Linux 4.17, ctl.go)   while most indexes are in use
//	/proc/sysvipc (proc.go)                 else; also for resident memory, on old kernels, on a file tree
//
// Both answer any user for any object, with any permissions. Both translate numbers: uids and gids into the caller's
// user namespace (65534 without a mapping there), pids into the caller's PID namespace. The kernel keeps a struct pid
// and asks pid_vnr (ipc/msg.c, ipc/sem.c, ipc/shm.c). So a pid stays the same number after its process has ended. A
// pid reads 0 if there was no process yet, or if the process is outside this PID namespace. Times are Unix seconds, 0
// for never.
package sysv
