package leaks

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/procfs"

	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/kernel/sysv"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/relate"
	"github.com/ipctop/ipctop/collect/schema"
)

// What could be out of sight of those who use or know an object. Processes of pid namespaces below the reader's own
// are in its /proc; those of the namespaces above are not, and may be in the same IPC namespace (unshare --pid
// without --ipc, the containers of a pod) or have the same file system mounted.
//
// From inside, nothing tells who else is in an IPC namespace. Whoever makes an IPC and a pid namespace in one call,
// as container engines do, leaves nobody in the one who is not in the other, but for itself where it called
// unshare(2): unshare(1) then waits and does nothing else. Namespaces of one call have successive numbers
// (create_new_namespaces in kernel/nsproxy.c makes the IPC one, then the pid one). Who came in later by setns(2)
// alone is an administrator who looks around. So: successive numbers prove that all are in sight; before Linux 6.18,
// whose namespaces have no such numbers, nothing does. That another container was let in shows by what it leaves: a
// pid of 0 where the kernel recorded one, or a /dev/shm that the engine mounted from outside so that both have it.

// unseenOutside is the reason where processes outside may be at an object.
const unseenOutside = "processes outside this pid namespace may use or know it: they cannot be seen"

// visible is how far the processes of this pid namespace and those below are in sight.
func (l *tick) visible() relate.Sight {
	sight := relate.Sight{Complete: true}
	if !l.Host.Live() {
		sight.Hide("a tree of files does not tell who lives")
	}
	if l.Hides {
		sight.Hide("/proc is mounted with hidepid: other users' processes cannot be seen")
	}
	switch {
	case !l.Host.Live():
	case l.Process(l.Self) == nil:
		sight.Hide("the processes could not be read: not even this one is among them")
	case l.OtherPIDs():
		sight.Hide("/proc is of another pid namespace: which of its processes used the object cannot be told")
	}
	if l.Restless && !l.Hides { // those that are hidden seem to have gone
		sight.Hide("processes came and went too fast to be sure that all were seen")
	}
	if list := l.unreadUIDs; len(list) > 0 {
		sight.Hide(fmt.Sprintf("whose processes %s are could not be read", pidList(list)))
	}
	return sight
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

// ipcSight says whether everybody in the reader's own IPC namespace is in sight.
func (l *tick) ipcSight() relate.Sight {
	sight := l.visible()
	if l.Nested {
		ipc, err := l.Host.NamespaceID("ipc")
		pid, errPID := l.Host.NamespaceID("pid")
		switch {
		case err != nil || errPID != nil || pid != ipc+1:
			sight.Hide(unseenOutside)
		case l.usedFromOutside():
			sight.Hide("processes outside this pid namespace have used objects of this IPC namespace: they cannot be seen")
		case l.ownTmpfs("/dev") && !l.ownTmpfs("/dev/shm"):
			sight.Hide("the /dev/shm of this container is mounted from outside, as engines do for containers that share one " +
				"with its IPC namespace: who else is in there cannot be seen")
		}
	}
	return sight
}

// usedFromOutside says whether a segment or queue of the reader's IPC namespace was made or used by a process that
// has no pid here: pid_vnr gives 0 for it (ipc/shm.c, ipc/msg.c).
func (l *tick) usedFromOutside() bool {
	segments, _ := l.Host.ShmSegments(false) // what is not there shows nothing
	queues, _ := l.Host.MsgQueues(false)
	return slices.ContainsFunc(segments,
		func(s sysv.ShmSegment) bool { return s.CPid == 0 || s.LPid == 0 && max(s.ATime, s.DTime) != 0 }) ||
		slices.ContainsFunc(queues, func(q sysv.MsgQueue) bool {
			return q.LSPid == 0 && q.STime != 0 || q.LRPid == 0 &&
				q.RTime != 0
		})
}

// sightOf is that of the IPC namespace of an object. Of another namespace than the reader's own, only the machine's
// own pid namespace sees all.
func (l *tick) sightOf(space uint64) relate.Sight {
	sight := l.ipc
	if space != 0 && l.Nested {
		sight.Hide(unseenOutside)
	}
	return sight
}

// shmSight says whether everybody who has this /dev/shm is in sight. Where it is no tmpfs but a directory of an
// overlay, as in a container whose engine mounted none, a file's number and device are not those that mappings tell.
func (l *tick) shmSight() relate.Sight {
	sight := l.fileSight("/dev/shm")
	if !l.Host.Live() {
		return sight
	}
	on, ok := l.mountOf("/dev/shm")
	if ok {
		_, l.noatime = on.Options["noatime"]
		l.shmDev = on.MajorMinorVer
	}
	if !ok || !exactInodes(on.FSType) {
		sight.Hide("/dev/shm is on a file system whose files may have other numbers in mappings: who maps one cannot be told")
	}
	return sight
}

// fileSight says whether everybody who could reach a file, or files below a directory, is in sight. A tmpfs that was
// made after the first process of this pid namespace started was made for it; one from before may be mounted outside
// as well. A file may be mounted by itself, as a container's engine does with a socket of the machine.
func (l *tick) fileSight(name string) relate.Sight {
	sight := l.visible()
	if l.Nested && !l.ownTmpfs(name) {
		sight.Hide(unseenOutside)
	}
	return sight
}

func (l *tick) ownTmpfs(name string) bool {
	first := l.Process(1)
	on, ok := l.mountOf(name)
	if !ok || first == nil || on.FSType != "tmpfs" || on.Root != "/" {
		return false
	}
	born, ok := l.Host.Born(on.point)
	return ok && born.After(l.StartTime(first.Start))
}

// mounted is a mount of the reader's mount namespace.
type mounted struct {
	point string
	*procfs.MountInfo
}

// mountTable are the mounts of the reader's mount namespace, or why they could not be read.
type mountTable struct {
	list []mounted
	err  error
}

// mounts are read once a tick.
func (l *tick) mounts() ([]mounted, error) {
	table := proc.Memo(l.Tick, func(*proc.Tick) mountTable {
		var t mountTable
		var infos []*procfs.MountInfo
		infos, t.err = procfs.GetMounts()
		for _, m := range infos {
			t.list = append(t.list, mounted{proc.Unescape.Replace(m.MountPoint), m})
		}
		return t
	})
	return table.list, table.err
}

// mountOf is the mount that a file or directory lies on: the innermost one, and of two on one place the later one. ok
// is false where that cannot be told.
func (l *tick) mountOf(name string) (on mounted, ok bool) {
	all, _ := l.mounts()
	for _, m := range all {
		if (name == m.point || strings.HasPrefix(name, strings.TrimSuffix(m.point, "/")+"/")) &&
			len(m.point) >= len(on.point) {
			on, ok = m, true
		}
	}
	return on, ok
}

// clockSkew is by how much the clock was set forward in all since the first process of this pid namespace started, as
// far as that shows. A machine without a battery starts at some old date; one that was restored from a snapshot, or
// goes on after a pause, finds the time of before.
//
// Whoever mounts the /proc of a pid namespace is in that, so that its first process is older (proc_fill_super,
// fs/proc/root.c): one that seems to be younger tells by how much. Where the two stand close together, nothing was
// set since, and what was before does not matter. Else /dev tells as well, of the whole machine: it is one of the
// first file systems, made when the kernel starts its drivers (drivers/base/devtmpfs.c), while the start of the
// machine is counted back from now.
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

// skewOfProc is how much later the first process seems to have started than its /proc was mounted. Start times are
// cut to clock ticks, and moments of files to the kernel's: 10 milliseconds at most. proven says that it was mounted
// so soon that the rest of the time is accounted for.
func skewOfProc(first, mounted time.Time) (skew time.Duration, proven bool) {
	switch skew = first.Sub(mounted); {
	case skew > 50*time.Millisecond:
		return skew, false
	case skew > -10*time.Second:
		return 0, true
	}
	return 0, false
}

// doubt is how much older a process may be than it seems against a moment. One from before the clock was set forward
// is as much older; as it may have been set several times, before the moment or after, all of it counts. But what was
// set since the moment lies between that and now.
func (l *tick) doubt(now, moment time.Time) time.Duration {
	return max(0, min(l.skew, now.Sub(moment)))
}

// callSight says whether what every thread waits for is known. The calls of 32-bit tasks have other numbers: one may
// be a wait.
func (l *tick) callSight() relate.Sight {
	sight := relate.Sight{Complete: true}
	if n := l.unread(func(p *proc.Process) error { return p.WaitErr }); n > 0 {
		sight.Hide(fmt.Sprintf("who waits on it is not known: the system calls of %s could not be read",
			schema.Counted(n, "process")))
	}
	if list := l.foreign32(); len(list) > 0 {
		sight.Hide("whether a 32-bit process waits on it is not known: " + pidList(list))
	}
	return sight
}

// callWidth says whether some thread sleeps in a call of a 32-bit task.
type callWidth uint8

const (
	notAsked callWidth = iota
	calls64
	calls32
)

// foreign32 lists the processes with threads that sleep in a call of a 32-bit task. It also notes which have one of
// io_uring's that opens a FIFO: such have no call that would tell which.
func (l *tick) foreign32() []*proc.Process {
	var list []*proc.Process
	buf := make([]byte, 32<<10)
	for _, p := range l.Processes() {
		if p.KernelThread() || p.Gone() || p.WaitErr != nil {
			continue
		}
		known := l.known(p)
		if known.calls == notAsked { // a process that has not run since sleeps where it did
			dir, err := l.Host.OpenProc(p.Living())
			if err != nil {
				continue
			}
			tasks, _ := dir.Tasks(buf)
			known.opens = slices.ContainsFunc(tasks,
				func(t process.Task) bool { return t.In == process.Worker && dir.OpensFIFO(t.TID) })
			dir.Close()
			known.calls = calls64
			if slices.ContainsFunc(tasks, func(t process.Task) bool { return t.In == process.Foreign32 }) {
				known.calls = calls32
			}
		}
		if known.calls == calls32 {
			list = append(list, p)
		}
	}
	return list
}
