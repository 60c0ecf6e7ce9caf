package leaks

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/kernel/sysv"
	"github.com/ipctop/ipctop/collect/kernel/vfs"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/relate"
	"github.com/ipctop/ipctop/collect/schema"
)

// Some users of an object may be invisible. The reader's /proc has the processes of its own pid namespace and of the
// namespaces below, but not those above. A process above may share the IPC namespace (unshare --pid without --ipc, the
// containers of a pod) or have the same file system mounted.
//
// From inside, the kernel does not tell which processes are in an IPC namespace. But container engines make the IPC
// and the pid namespace in one call, and then both have the same members. After unshare(2) the caller is in the IPC
// namespace only; unshare(1) then just waits. Namespaces from one call have successive numbers: create_new_namespaces
// in kernel/nsproxy.c makes the IPC namespace and then the pid namespace. A process that entered later by setns(2)
// belongs to an administrator who only looks. So successive numbers prove that all members are visible. Before Linux
// 6.18, namespaces have no such numbers, and there is no proof.
//
// If an engine let another container in, that container leaves traces. Either the kernel recorded pid 0 for a process
// of it, or the engine mounted a common /dev/shm from outside.

// unseenOutside is the reason if processes outside the pid namespace may use an object.
const unseenOutside = "processes outside this pid namespace may use or know it: they cannot be seen"

// visible tells if all processes of this pid namespace and the namespaces below are visible.
func (l *tick) visible() relate.Coverage {
	coverage := relate.Coverage{Complete: true}
	if !l.Host.Live() {
		coverage.MarkIncomplete("a tree of files does not tell who lives")
	}
	if l.Hides {
		coverage.MarkIncomplete("/proc is mounted with hidepid: other users' processes cannot be seen")
	}
	switch {
	case !l.Host.Live():
	case l.Process(l.Self) == nil:
		coverage.MarkIncomplete("the processes could not be read: not even this one is among them")
	case l.OtherPIDs():
		coverage.MarkIncomplete("/proc is of another pid namespace: which of its processes used the object " +
			"cannot be told")
	}
	if n := l.Unread(); n > 0 {
		coverage.MarkIncomplete(schema.Counted(n, "process") + " could not be read")
	}
	if l.Restless && !l.Hides { // under hidepid, hidden processes look as if they had ended
		coverage.MarkIncomplete("processes came and went too fast to be sure that all were seen")
	}
	if list := l.unreadUIDs; len(list) > 0 {
		coverage.MarkIncomplete(fmt.Sprintf("whose processes %s are could not be read", pidList(list)))
	}
	return coverage
}

func pidList(list []*proc.Process) string {
	var pids []string
	for i, p := range list {
		if i == 3 {
			pids = append(pids, fmt.Sprintf("%d more", len(list)-i))
			break
		}
		pids = append(pids, fmt.Sprintf("%d/%s", p.PID, p.Comm))
	}
	return strings.Join(pids, ", ")
}

// ipcCoverage tells if all processes of the reader's own IPC namespace are visible.
func (l *tick) ipcCoverage() relate.Coverage {
	coverage := l.visible()
	if l.Nested {
		ipc, err := l.Host.NamespaceID("ipc")
		pid, errPID := l.Host.NamespaceID("pid")
		switch {
		case err != nil || errPID != nil || pid != ipc+1:
			coverage.MarkIncomplete(unseenOutside)
		case l.usedFromOutside():
			coverage.MarkIncomplete(
				"processes outside this pid namespace have used objects of this IPC namespace: they cannot be seen")
		case l.ownTmpfs("/dev") && !l.ownTmpfs("/dev/shm"):
			coverage.MarkIncomplete("the /dev/shm of this container is mounted from outside, as engines do for " +
				"containers that share one with its IPC namespace: who else is in there cannot be seen")
		}
	}
	return coverage
}

// usedFromOutside reports that a process outside the reader's pid namespace made or used a segment or queue of its IPC
// namespace. Such a process has no pid here, so the kernel shows its pid as 0 (pid_vnr in ipc/shm.c and ipc/msg.c).
func (l *tick) usedFromOutside() bool {
	segments, _ := l.Host.ShmSegments(false) // a failed read shows no trace
	queues, _ := l.Host.MsgQueues(false)
	return slices.ContainsFunc(segments,
		func(s sysv.ShmSegment) bool { return s.CPid == 0 || s.LPid == 0 && max(s.ATime, s.DTime) != 0 }) ||
		slices.ContainsFunc(queues, func(q sysv.MsgQueue) bool {
			return q.LSPid == 0 && q.STime != 0 || q.LRPid == 0 &&
				q.RTime != 0
		})
}

// sightOf tells if all processes of an object's IPC namespace are visible. space is 0 for the reader's own namespace.
// All processes of another namespace are visible only from the machine's first pid namespace.
func (l *tick) sightOf(space uint64) relate.Coverage {
	coverage := l.ipc
	if space != 0 && l.Nested {
		coverage.MarkIncomplete(unseenOutside)
	}
	return coverage
}

// shmCoverage tells if all processes that have this /dev/shm mounted are visible. If a container's engine mounted no
// tmpfs there, /dev/shm is a directory of an overlay. A file there has another inode number and device in mappings.
func (l *tick) shmCoverage() relate.Coverage {
	coverage := l.fileCoverage("/dev/shm")
	if !l.Host.Live() {
		return coverage
	}
	on, ok := l.mountOf("/dev/shm")
	if ok {
		_, l.noatime = vfs.Option(on.Options, "noatime")
		l.shmDev = schema.FormatDev(on.Dev)
	}
	if !ok || !exactInodes(on.Type) {
		coverage.MarkIncomplete(inexactShm)
	}
	return coverage
}

// inexactShm is the reason if mappings of files in a /dev/shm cannot be found.
const inexactShm = "/dev/shm is on a file system whose files may have other numbers in mappings: who maps one cannot " +
	"be told"

// otherShmCoverage is shmCoverage for the /dev/shm of another mount namespace.
func (l *tick) otherShmCoverage(s *proc.ShmSpace) relate.Coverage {
	coverage := l.visible()
	if l.Nested && !(s.FSType == "tmpfs" && s.Whole && l.YoungerThanFirst(s.Way.String())) {
		coverage.MarkIncomplete(unseenOutside)
	}
	if !exactInodes(s.FSType) {
		coverage.MarkIncomplete(inexactShm)
	}
	return coverage
}

// fileCoverage tells if all processes that could reach a file, or the files below a directory, are visible. A tmpfs
// that is younger than the first process of this pid namespace was made for the namespace. An older tmpfs may be
// mounted outside as well. An engine may also mount a single file of the machine into a container, such as a socket.
func (l *tick) fileCoverage(name string) relate.Coverage {
	coverage := l.visible()
	if l.Nested && !l.ownTmpfs(name) {
		coverage.MarkIncomplete(unseenOutside)
	}
	return coverage
}

// ownTmpfs reports that a file lies on a whole tmpfs that is younger than the first process of this pid namespace.
func (l *tick) ownTmpfs(name string) bool {
	on, ok := l.mountOf(name)
	return ok && on.Type == "tmpfs" && on.Root == "/" && l.YoungerThanFirst(on.Point)
}

// mountOf returns the mount of a file or directory: the innermost mount on its path, and the later of two mounts on one
// place. ok is false if the mounts could not be read.
func (l *tick) mountOf(name string) (on vfs.Mount, ok bool) {
	all, _ := l.Mounts()
	for _, m := range all {
		if (name == m.Point || strings.HasPrefix(name, strings.TrimSuffix(m.Point, "/")+"/")) &&
			len(m.Point) >= len(on.Point) {
			on, ok = m, true
		}
	}
	return on, ok
}

// clockSkew estimates how far the clock was set forward in all since the first process of this pid namespace started.
// Two examples: a machine without a clock battery starts at an old date. A machine that goes on from a snapshot or a
// pause starts with an old time.
//
// Only a process in a pid namespace can mount its /proc (proc_fill_super, fs/proc/root.c), so the first process is
// older than the mount. If it seems younger, the difference is the skew. If the two moments are close, the clock was
// not set after them, and an earlier change does not matter. Else /dev gives a second estimate, for the whole
// machine. It is one of the first file systems: the kernel makes it when it starts its drivers
// (drivers/base/devtmpfs.c). The boot time is counted back from now, so it moves with the clock, but the birth time
// of /dev does not.
func (l *tick) clockSkew() time.Duration {
	if l.Boot.IsZero() {
		return 0
	}
	var skew time.Duration
	if mounted, ok := l.Host.ProcMounted(); ok && l.Process(1) != nil && !l.OtherPIDs() {
		var proven bool
		if skew, proven = skewOfProc(l.StartTime(l.Process(1).Start), mounted); proven {
			return skew
		}
	}
	if born, ok := l.Host.Born("/dev"); ok {
		skew = max(skew, l.Boot.Sub(born))
	}
	return skew
}

// skewOfProc returns by how much the first process seems younger than the mount of its /proc. The kernel rounds start
// times to clock ticks, and file times to its timer ticks: at most 10 milliseconds each. proven: the two moments are so
// close that the clock was not set after them.
func skewOfProc(first, mounted time.Time) (skew time.Duration, proven bool) {
	switch skew = first.Sub(mounted); {
	case skew > 50*time.Millisecond:
		return skew, false
	case skew > -10*time.Second:
		return 0, true
	}
	return 0, false
}

// doubt returns how much older than its start time a process may be, compared with a moment. If the clock was set
// forward after the process started, the process is older by that much. The clock may have been set several times, so
// the whole skew counts. But a change since the moment cannot be larger than the time from the moment to now.
func (l *tick) doubt(now, moment time.Time) time.Duration {
	return max(0, min(l.skew, now.Sub(moment)))
}

// callCoverage tells if the system call of every waiting thread is known. A 32-bit task has other call numbers, so its
// call may be a wait that ipctop does not know.
func (l *tick) callCoverage() relate.Coverage {
	coverage := relate.Coverage{Complete: true}
	if n := l.countUnread(func(p *proc.Process) error { return p.WaitErr }); n > 0 {
		coverage.MarkIncomplete(fmt.Sprintf("who waits on it is not known: the system calls of %s could not be read",
			schema.Counted(n, "process")))
	}
	if list := l.foreign32(); len(list) > 0 {
		coverage.MarkIncomplete("whether a 32-bit process waits on it is not known: " + pidList(list))
	}
	return coverage
}

// callWidth tells if a thread of a process sleeps in a call of a 32-bit task.
type callWidth uint8

const (
	notAsked callWidth = iota
	calls64
	calls32
)

// readCalls finds out what foreign32 asks of one process. The walk has read the threads if other kinds need them.
func (l *tick) readCalls(p *proc.Process, facts *processFacts, buf []byte) {
	if l.Needs.Has(proc.NeedCalls) && p.TaskErr == nil && !slices.ContainsFunc(p.Tasks, isWorker) {
		facts.calls = calls64
		for i := range p.Tasks {
			if p.Tasks[i].In == process.Foreign32 {
				facts.calls = calls32
			}
		}
		return
	}
	dir, err := l.Host.OpenProc(p.Living())
	if err != nil {
		return
	}
	defer dir.Close()
	tasks, _ := dir.Tasks(buf)
	facts.opens = slices.ContainsFunc(tasks,
		func(t process.Task) bool { return t.In == process.Worker && dir.OpensFIFO(t.TID) })
	facts.calls = calls64
	if slices.ContainsFunc(tasks, func(t process.Task) bool { return t.In == process.Foreign32 }) {
		facts.calls = calls32
	}
}

func isWorker(t proc.Thread) bool { return t.In == process.Worker }

// foreign32 lists the processes with threads that sleep in a call of a 32-bit task. It also notes the processes whose
// io_uring threads open a FIFO: no system call of theirs names the FIFO.
func (l *tick) foreign32() []*proc.Process {
	var list []*proc.Process
	buf := make([]byte, 32<<10)
	for _, p := range l.Processes() {
		if p.KernelThread() || p.Gone() || p.WaitErr != nil {
			continue
		}
		facts := l.factsOf(p)
		if facts.calls == notAsked { // a process that has not run since sleeps in the same call
			l.readCalls(p, facts, buf)
		}
		if facts.calls == calls32 {
			list = append(list, p)
		}
	}
	return list
}
