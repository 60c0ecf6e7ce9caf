package proc

import "github.com/ipctop/ipctop/collect/schema"

// The needs of the walk: each names files that the walk reads of each process. Each room declares its own needs, one
// bit each. A test checks that no two rooms use the same bit.
const (
	NeedProcs   schema.Need = 1 << 0 // /proc/PID/stat of every process: names of holders, parents, start times
	NeedStatus  schema.Need = 1 << 1 // /proc/PID/status: uids, gids, threads
	NeedCmdline schema.Need = 1 << 2 // /proc/PID/cmdline
	NeedFDs     schema.Need = 1 << 3 // readlink of every /proc/PID/fd entry
	// lstat of descriptors on pipes and statx of descriptors on paths: pipe ends and FIFOs
	NeedFDModes    schema.Need = 1 << 4
	NeedFDCount    schema.Need = 1 << 5  // stat of /proc/PID/fd
	NeedMaps       schema.Need = 1 << 6  // shared mappings of every process
	NeedSyscall    schema.Need = 1 << 7  // /proc/PID/task/TID/syscall of sleeping threads: who is blocked where
	NeedIPCNS      schema.Need = 1 << 13 // readlink of every /proc/PID/ns/ipc
	NeedNamespaces schema.Need = 1 << 14 // readlink of every /proc/PID/ns entry and of every descriptor, and mountinfo
	NeedFDInfo     schema.Need = 1 << 19 // /proc/PID/fdinfo/N of the kind's own descriptors, 6 to 9 microseconds each
	// /proc/locks, and statx of descriptors on paths to find who has a locked file open
	NeedLocks schema.Need = 1 << 20
	// statx of descriptors on paths: who has a POSIX queue, shared memory or a memfd open
	NeedFDFiles schema.Need = 1 << 21
	NeedTTYs    schema.Need = 1 << 24 // statx of descriptors on terminals
	// /proc/PID/task/TID/{syscall,sched} of every thread, and the memory that the thread's call points to
	NeedCalls schema.Need = 1 << 31
	// all processes, with those born during the walk: the reader must know that no other process has the object
	NeedEveryone schema.Need = 1 << 32
	NeedMounts   schema.Need = 1 << 33 // the mounts where a stat may hang
	// readlink of every /proc/PID/ns/mnt: which processes may have a /dev/shm of their own
	NeedMountNS schema.Need = 1 << 36
)

// Costs names the needs of the walk. NeedEveryone and NeedMounts have no name, since other needs bring them.
func Costs() []schema.Cost {
	return []schema.Cost{
		{Need: NeedProcs, Name: "processes"}, {Need: NeedStatus, Name: "process status"},
		{Need: NeedCmdline, Name: "command lines"},
		{Need: NeedFDs, Name: "fd walk"}, {Need: NeedFDModes, Name: "fd modes"}, {Need: NeedFDCount, Name: "fd count"},
		{Need: NeedMaps, Name: "maps"}, {Need: NeedSyscall, Name: "blocked threads"},
		{Need: NeedIPCNS, Name: "ipc namespaces"},
		{Need: NeedNamespaces, Name: "namespaces"}, {Need: NeedFDInfo, Name: "fdinfo"},
		{Need: NeedLocks, Name: "locks"},
		{Need: NeedFDFiles, Name: "files of descriptors"}, {Need: NeedTTYs, Name: "terminals"},
		{Need: NeedCalls, Name: "every thread's call"}, {Need: NeedMountNS, Name: "mount namespaces"},
	}
}
