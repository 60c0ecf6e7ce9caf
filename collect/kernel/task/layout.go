package task

import (
	"unsafe"

	"github.com/ipctop/ipctop/collect/kernel/bpf"
	"github.com/ipctop/ipctop/collect/kernel/namespace"
)

// read is one read of the program: a member of a structure, into the record.
type read struct {
	to   uintptr // offset in record
	size int32
	from int32 // offset in the structure
}

// layout has the reads of the program, by the structure that they read.
type layout struct {
	numbers bpf.Numbers
	// task_struct
	task                                          []read
	signal, parent, cred, nsproxy, mm, threadPID  int32
	state, exitState, nvcsw, onCPU, onRQ, delayed int32
	// signal_struct, and in its array of struct pid
	ofSignal       []read
	tty            int32
	tgid, pgid     int32
	sid            int32
	ofTTY          []read
	ttyDriver      int32
	ofDriver       []read
	ofMM           []read
	ofCred         []read
	userNS, groups int32
	ofGroups       []read
	groupIDs       int32
	spaces         []space // through nsproxy
	pidNSInode     int32   // pid_namespace.ns.inum
	userNSInode    int32
	pidLevel       int32 // struct pid: level, the first number's namespace, and the distance of the next
	pidSpace       int32
	pidStep        int32
	worker         int32 // task_struct.worker_private: the struct kthread of a thread of the kernel
	fullName       int32 // kthread.full_name
	regs           []read
	lacks          Fact
}

// space is a namespace that nsproxy leads to.
type space struct {
	at, inode int32
	to        uintptr
}

// none is the offset of a member that this kernel does not have.
const none = -1

// in makes the reads of a structure.
type in struct {
	*bpf.Layout
	name string
}

func (s in) read(to uintptr, size uintptr, path ...string) read {
	return read{to, int32(size), s.Offset(s.name, path...)}
}

// optional is the offset of a member, or none. Without the member the reader lacks a fact.
func (l *layout) optional(s in, lacks Fact, path ...string) int32 {
	if !s.Has(s.name, path...) {
		l.lacks |= lacks
		return none
	}
	return s.Offset(s.name, path...)
}

// readLayout finds the layout in the kernel's types.
func readLayout(types *bpf.Layout) *layout {
	var r record
	task, signal := in{types, "task_struct"}, in{types, "signal_struct"}
	l := &layout{numbers: types.Numbers()}
	l.state = l.optional(task, 0, "__state") // Linux 5.14
	if l.state == none {
		l.state = task.Offset("task_struct", "state")
	}
	l.task = []read{
		{unsafe.Offsetof(r.State), 4, l.state},
		task.read(unsafe.Offsetof(r.ExitState), 4, "exit_state"),
		task.read(unsafe.Offsetof(r.Flags), 4, "flags"),
		task.read(unsafe.Offsetof(r.StaticPrio), 4, "static_prio"),
		task.read(unsafe.Offsetof(r.RTPrio), 4, "rt_priority"),
		task.read(unsafe.Offsetof(r.Policy), 4, "policy"),
		task.read(unsafe.Offsetof(r.Start), 8, "start_boottime"),
		task.read(unsafe.Offsetof(r.UTime), 8, "utime"),
		task.read(unsafe.Offsetof(r.STime), 8, "stime"),
		task.read(unsafe.Offsetof(r.RunTime), 8, "se", "sum_exec_runtime"),
		task.read(unsafe.Offsetof(r.NVCSw), 8, "nvcsw"),
		task.read(unsafe.Offsetof(r.NIVCSw), 8, "nivcsw"),
		task.read(unsafe.Offsetof(r.Files), 8, "files"),
		task.read(unsafe.Offsetof(r.Sighand), 8, "sighand"),
		task.read(unsafe.Offsetof(r.Comm), 16, "comm"),
	}
	l.signal, l.parent = task.Offset("task_struct", "signal"), task.Offset("task_struct", "real_parent")
	l.cred, l.nsproxy = task.Offset("task_struct", "real_cred"), task.Offset("task_struct", "nsproxy")
	l.mm, l.threadPID = task.Offset("task_struct", "mm"), task.Offset("task_struct", "thread_pid")
	l.nvcsw, l.exitState = task.Offset("task_struct", "nvcsw"), task.Offset("task_struct", "exit_state")
	// A kernel without these has one CPU, no queue of sleepers that are still dequeued (6.12), no long names (5.17).
	l.onCPU, l.delayed = l.optional(task, 0, "on_cpu"), l.optional(task, 0, "se", "sched_delayed")
	l.onRQ = task.Offset("task_struct", "on_rq")
	l.worker = l.optional(task, 0, "worker_private")
	l.fullName = l.optional(in{types, "kthread"}, 0, "full_name")

	l.ofSignal = []read{
		signal.read(unsafe.Offsetof(r.Threads), 4, "nr_threads"),
		signal.read(unsafe.Offsetof(r.SigUTime), 8, "utime"),
		signal.read(unsafe.Offsetof(r.SigSTime), 8, "stime"),
		signal.read(unsafe.Offsetof(r.SigRunTime), 8, "sum_sched_runtime"),
	}
	if l.optional(signal, Times, "prev_cputime", "utime") != none { // not with CONFIG_VIRT_CPU_ACCOUNTING_NATIVE
		l.ofSignal = append(l.ofSignal,
			signal.read(unsafe.Offsetof(r.LastUTime), 8, "prev_cputime", "utime"),
			signal.read(unsafe.Offsetof(r.LastSTime), 8, "prev_cputime", "stime"))
	}
	pids := signal.Offset("signal_struct", "pids")
	l.tgid = pids + 8*types.Value("pid_type", "PIDTYPE_TGID")
	l.pgid = pids + 8*types.Value("pid_type", "PIDTYPE_PGID")
	l.sid = pids + 8*types.Value("pid_type", "PIDTYPE_SID")

	l.tty = signal.Offset("signal_struct", "tty")
	if tty, driver := (in{types, "tty_struct"}), (in{types, "tty_driver"}); l.optional(tty, TTY, "driver") != none {
		l.ttyDriver = tty.Offset("tty_struct", "driver")
		l.ofTTY = []read{tty.read(unsafe.Offsetof(r.TTY), 4, "index")}
		l.ofDriver = []read{driver.read(unsafe.Offsetof(r.TTYMajor), 4, "major"),
			driver.read(unsafe.Offsetof(r.TTYMinor), 4, "minor_start")}
	}
	l.memory(types, &r)
	l.rights(types, &r)
	l.namespaces(types, &r)
	l.regs = registerReads(in{types, "pt_regs"}, &r)
	return l
}

// memory finds the counts of pages that /proc/PID/stat adds up. Since Linux 6.2 they are counters for each CPU, of
// which stat takes the common part (get_mm_rss in include/linux/mm.h).
func (l *layout) memory(types *bpf.Layout, r *record) {
	const file, anon, shmem = 0, 1, 3 // MM_FILEPAGES, MM_ANONPAGES, MM_SHMEMPAGES in include/linux/mm_types_task.h
	mm := in{types, "mm_struct"}
	at, step := int32(none), int32(8)
	switch {
	case types.Has("mm_struct", "rss_stat", "count"):
		at = mm.Offset("mm_struct", "rss_stat", "count")
	case l.optional(mm, RSS, "rss_stat") != none:
		step = types.Size("percpu_counter")
		at = mm.Offset("mm_struct", "rss_stat") + types.Offset("percpu_counter", "count")
	default:
		return
	}
	for i, kind := range []int32{file, anon, shmem} {
		l.ofMM = append(l.ofMM, read{unsafe.Offsetof(r.RSS) + 8*uintptr(i), 8, at + kind*step})
	}
}

// rights finds the user and group ids.
func (l *layout) rights(types *bpf.Layout, r *record) {
	cred, info := in{types, "cred"}, in{types, "group_info"}
	for i, id := range []string{"uid", "gid", "suid", "sgid", "euid", "egid", "fsuid", "fsgid"} {
		l.ofCred = append(l.ofCred, cred.read(unsafe.Offsetof(r.IDs)+4*uintptr(i), 4, id))
	}
	l.userNS, l.groups = cred.Offset("cred", "user_ns"), cred.Offset("cred", "group_info")
	l.ofGroups = []read{info.read(unsafe.Offsetof(r.Groups), 4, "ngroups")}
	l.groupIDs = info.Offset("group_info", "gid")
}

// namespaces finds the inodes of the namespaces.
func (l *layout) namespaces(types *bpf.Layout, r *record) {
	for i, of := range []struct{ typ, member, structure string }{
		{"mnt", "mnt_ns", "mnt_namespace"}, {"uts", "uts_ns", "uts_namespace"}, {"ipc", "ipc_ns", "ipc_namespace"},
		{"pid", "", ""}, {"net", "net_ns", "net"}, {"user", "", ""},
		{"cgroup", "cgroup_ns", "cgroup_namespace"}, {"time", "time_ns", "time_namespace"},
	} {
		if namespace.Types()[i] != of.typ {
			panic("the order of namespace.Types")
		}
		if of.member == "" {
			continue
		}
		if !types.Has("nsproxy", of.member) || !types.Has(of.structure, "ns", "inum") {
			l.lacks |= Namespaces
			continue
		}
		l.spaces = append(l.spaces, space{types.Offset("nsproxy", of.member),
			types.Offset(of.structure, "ns", "inum"), unsafe.Offsetof(r.NS) + 4*uintptr(i)})
	}
	l.pidNSInode = types.Offset("pid_namespace", "ns", "inum")
	l.userNSInode = types.Offset("user_namespace", "ns", "inum")
	l.pidLevel = types.Offset("pid", "level")
	l.pidSpace, l.pidStep = types.Offset("pid", "numbers")+types.Offset("upid", "ns"), types.Size("upid")
}

// Places in namespace.Types of the namespaces that nsproxy does not have.
const (
	pidSpacePlace  = 3
	userSpacePlace = 5
)
