package schema

import "strings"

// Need is what a column costs to read. The collector gathers the union of what somebody shows, sorts by, filters on or relates.
type Need uint64

const (
	NeedProcs      Need = 1 << iota // /proc/PID/stat of every process: names of holders, parents, start times
	NeedStatus                      // /proc/PID/status: uids, gids, threads
	NeedCmdline                     // /proc/PID/cmdline
	NeedFDs                         // readlink of every /proc/PID/fd entry
	NeedFDModes                     // lstat of descriptors on pipes, statx of those on paths: pipe ends and FIFOs
	NeedFDCount                     // stat of /proc/PID/fd
	NeedMaps                        // shared mappings of every process
	NeedSyscall                     // /proc/PID/task/TID/syscall of sleeping threads: who is blocked where
	NeedSemValues                   // GETALL, GETNCNT, GETZCNT, GETPID per semaphore
	NeedResident                    // /proc/sysvipc/shm: rss and swap per segment
	NeedPipeEnds                    // pidfd_getfd and poll on a pipe whose other end was not seen
	NeedPipeFill                    // pidfd_getfd, FIONREAD and F_GETPIPE_SZ per pipe
	NeedSockets                     // a sock_diag dump
	NeedIPCNS                       // readlink of every /proc/PID/ns/ipc
	NeedNamespaces                  // readlink of every /proc/PID/ns entry and of every descriptor, and mountinfo
	NeedProcDetail                  // /proc/PID/{status,cwd,root,exe,cgroup} of a process: signal masks, capabilities, where it is
	NeedThreads                     // /proc/PID/task/*/{stat,syscall} of a process: its threads and what each sleeps in
	NeedTCPInfo                     // a second sock_diag dump of TCP, with what it knows of each connection
	NeedInFlight                    // fdinfo of a descriptor on each UNIX socket
	NeedFDInfo                      // /proc/PID/fdinfo/N of the kind's own descriptors: 6 to 9 microseconds each
	NeedLocks                       // /proc/locks, and statx of descriptors on paths to find who has a locked file open
	NeedFDFiles                     // statx of descriptors on paths: who has a POSIX queue, shared memory or a memfd open
	NeedPeek                        // copies of messages, or a look at memory through a process that maps it
	NeedQueueText                   // a read of each POSIX queue's file, which sets its access time
	NeedTTYs                        // statx of descriptors on terminals
	NeedSignatures                  // comparing the object with what is known of software
	NeedKeyFiles                    // stat of the files and directories of the owner's processes
	NeedClusters                    // stat of the files that signatures name, of PostgreSQL's data directories, and a file of each
	NeedPaths                       // a look through the directories of the running system for FIFOs and sockets
	NeedVerdict                     // who uses, used or could know each object: readlink of exe of older processes
	NeedUndo                        // a BPF program over all tasks, for their SEM_UNDO adjustments: 24 ms to load, once
	NeedCalls                       // /proc/PID/task/TID/{syscall,sched} of every thread, and the memory that its call points to
	NeedEveryone                    // all processes that there are, those that are born during the walk as well: who counts that nobody else has an object
	NeedMounts                      // the mounts below which a look may hang
)

var needNames = []struct {
	Need Need
	Name string
}{
	{NeedProcs, "processes"}, {NeedStatus, "process status"}, {NeedCmdline, "command lines"}, {NeedFDs, "fd walk"}, {NeedFDModes, "fd modes"}, {NeedFDCount, "fd count"},
	{NeedMaps, "maps"}, {NeedSyscall, "blocked threads"}, {NeedSemValues, "semaphore values"}, {NeedResident, "resident pages"},
	{NeedPipeEnds, "pipe poll"}, {NeedPipeFill, "pipe fill"}, {NeedSockets, "sock_diag"},
	{NeedIPCNS, "ipc namespaces"}, {NeedNamespaces, "namespaces"},
	{NeedProcDetail, "process details"}, {NeedThreads, "threads"}, {NeedTCPInfo, "tcp info"}, {NeedInFlight, "descriptors in flight"},
	{NeedFDInfo, "fdinfo"}, {NeedLocks, "locks"},
	{NeedFDFiles, "files of descriptors"}, {NeedPeek, "content"}, {NeedQueueText, "queues' files"}, {NeedTTYs, "terminals"},
	{NeedSignatures, "signatures"}, {NeedKeyFiles, "files of processes"}, {NeedClusters, "data directories"},
	{NeedPaths, "runtime directories"}, {NeedVerdict, "verdicts"}, {NeedUndo, "semaphore undo"},
	{NeedCalls, "every thread's call"},
}

// Cost is a need with its name in --list-columns.
type Cost struct {
	Need Need
	Name string
}

// Has says whether all of n is in the set.
func (s Need) Has(n Need) bool { return s&n == n }

// String lists the needs in words, "-" for none.
func (s Need) String() string {
	var names []string
	for _, n := range needNames {
		if s.Has(n.Need) {
			names = append(names, n.Name)
		}
	}
	if len(names) == 0 {
		return "-"
	}
	return strings.Join(names, ", ")
}

// Column is one property of a kind of objects, declared once, beside its mechanism.
// Its ID is the JSON and CSV key and what --columns, --sort and --where take.
type Column struct {
	ID    string
	Title string // heading; "" is the ID in capitals
	Help  string // one sentence, no full stop
	Type  Type
	Width int  // the usual width of a cell in columns of the screen
	Needs Need // what has to be gathered before Get tells more than NotCollected
	Get   func(*Object) Value
}

// Heading is the column's title on screen.
func (c *Column) Heading() string {
	if c.Title != "" {
		return c.Title
	}
	return strings.ToUpper(c.ID)
}

// Object is one thing on the machine: its identity, and the row that its mechanism's columns read.
type Object struct {
	Ref Ref
	Row any // *T of the mechanism; only its Columns look inside

	notes []note // what aspects say of it: see Note
}

// Col makes a Column whose getter sees the mechanism's own row type.
func Col[T any](id string, typ Type, width int, needs Need, help string, get func(*T) Value) Column {
	return Column{ID: id, Type: typ, Width: width, Needs: needs, Help: help,
		Get: func(o *Object) Value { return get(o.Row.(*T)) }}
}

// Titled gives the column another heading than its ID in capitals.
func (c Column) Titled(title string) Column {
	c.Title = title
	return c
}
