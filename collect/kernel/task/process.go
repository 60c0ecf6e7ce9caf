package task

import (
	"bytes"
	"math/bits"
	"time"

	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/kernel/sys"
)

// Process is a process of one reading, by its threads.
type Process struct {
	of      *Tasks
	threads []int32
}

// first is the first thread of the process.
func (p Process) first() *record { return &p.of.records[p.threads[0]] }

// PID is the number of the process.
func (p Process) PID() int { return int(p.first().PID) }

// Whole is true if the first thread is there. Without it, the process began or ended during the reading.
func (p Process) Whole() bool { return p.first().TID == p.first().PID }

// Start is the start time in clock ticks since boot, like in /proc/PID/stat.
func (p Process) Start() uint64 { return sys.StartTicks(p.first().Start, p.of.timeNS) }

func clockTicks(ns uint64) uint64 { return ns / (uint64(time.Second) / sys.ClockTick) }

// Clock is the CPU time of the process in nanoseconds, as its CPU clock has it (process.CPUTime): of the threads that
// live, and of those that have ended. For a thread that runs, it lacks the time since the last tick of its CPU.
func (p Process) Clock() int64 {
	clock := p.first().SigRunTime
	for _, i := range p.threads {
		clock += p.of.records[i].RunTime
	}
	return int64(clock)
}

// Flags of a task (include/linux/sched.h).
const (
	kernelThread = 0x00200000 // PF_KTHREAD
	queueWorker  = 0x00000020 // PF_WQ_WORKER
)

// NameKnown is false for a thread of the kernel whose name in /proc is longer than in its task. Stat then lacks Comm.
// /proc/PID/stat adds to the name of a worker the name of its work (wq_worker_comm in kernel/workqueue.c). Other names
// of more than 15 bytes are kept apart (get_kthread_comm in kernel/kthread.c).
func (p Process) NameKnown() bool {
	r := p.first()
	return r.Flags&kernelThread == 0 || r.Flags&queueWorker == 0 && r.FullName == 0
}

// Switches counts how often the threads of the process left a CPU. Threads that have ended do not count.
func (p Process) Switches() (n uint64) {
	for _, i := range p.threads {
		n += p.of.records[i].NVCSw + p.of.records[i].NIVCSw
	}
	return n
}

// Living is the place of the oldest thread that lives, for a process whose first thread has ended. It is 0 if the
// first thread lives, or none does.
func (p Process) Living() int {
	if letter := p.first().letter(); letter != 'Z' && letter != 'X' {
		return 0
	}
	for i := range p.threads {
		if letter := p.of.records[p.threads[i]].letter(); letter != 'Z' && letter != 'X' {
			return i
		}
	}
	return 0
}

// Shares is true if another process has the memory of this one, or one of its tables of descriptors (CLONE_VM and
// CLONE_FILES in clone(2)). The other one can change them while this one sleeps.
func (p Process) Shares() bool {
	for _, i := range p.threads {
		if r := &p.of.records[i]; p.of.shared(r.Files) || p.of.shared(r.MM) {
			return true
		}
	}
	return false
}

// StatAfter is Stat for a process that has not run since before. The name of a kernel's worker stays.
func (p Process) StatAfter(before *process.ProcStat) process.ProcStat {
	if !p.NameKnown() || string(p.first().comm()) == before.Comm {
		return p.stat(before.Comm)
	}
	return p.Stat()
}

// Stat is what /proc/PID/stat tells, without what the reader lacks.
func (p Process) Stat() process.ProcStat {
	if !p.NameKnown() {
		return p.stat("")
	}
	return p.stat(string(p.first().comm()))
}

func (p Process) stat(comm string) process.ProcStat {
	r := p.first()
	s := process.ProcStat{PID: int(r.PID), PPID: int(r.PPID), PGID: int(r.PGID), SID: int(r.SID), Comm: comm,
		State: r.letter(), TTY: r.tty(), Flags: uint64(r.Flags), Nice: int(r.StaticPrio) - 120, Threads: int(r.Threads),
		Start: p.Start(), RSS: r.pages(), RTPrio: int(r.RTPrio), Policy: int(r.Policy), HasPolicy: true}
	if p.of.lacks&Times == 0 {
		s.UTime, s.STime = p.times()
	}
	return s
}

func (r *record) comm() []byte {
	comm, _, _ := bytes.Cut(r.Comm[:], []byte{0})
	return comm
}

// letter is the letter of the task's state in /proc (task_index_to_char and __task_state_index in
// include/linux/sched.h).
func (r *record) letter() byte {
	const (
		interruptible   = 0x1
		uninterruptible = 0x2
		report          = 0x7f // TASK_REPORT
		idle            = 0x402
		idleReport      = 0x80
		lockWait        = 0x1000 // TASK_RTLOCK_WAIT
		frozen          = 0x8000 // TASK_FROZEN, Linux 6.1
	)
	state := (r.State | r.ExitState) & report
	if r.State&idle == idle {
		state = idleReport
	}
	if r.State&lockWait != 0 {
		state = uninterruptible
	}
	if r.State&frozen != 0 {
		state = interruptible
	}
	return "RSDTtXZPI"[bits.Len32(state)]
}

// tty is the number of the terminal's device (tty_devnum in include/linux/tty.h, new_encode_dev in
// include/linux/kdev_t.h).
func (r *record) tty() int {
	if r.TTYMajor == 0 {
		return 0
	}
	major, minor := uint32(r.TTYMajor), uint32(r.TTYMinor+r.TTY)
	return int(int32(minor&0xff | major<<8 | minor&^0xff<<12))
}

// pages is the resident memory. A thread of the kernel has none, even while it works in the memory of a process.
func (r *record) pages() (sum int64) {
	if r.Flags&kernelThread != 0 {
		return 0
	}
	for _, n := range r.RSS {
		sum += max(0, n)
	}
	return sum
}

// times are the user and system times of the process in clock ticks. The kernel measures their sum exactly, and their
// parts by ticks. It shares the sum out, and lets no part shrink (cputime_adjust in kernel/sched/cputime.c).
func (p Process) times() (utime, stime uint64) {
	r := p.first()
	user, system, run := r.SigUTime, r.SigSTime, uint64(p.Clock())
	for _, i := range p.threads {
		user, system = user+p.of.records[i].UTime, system+p.of.records[i].STime
	}
	user, system = shareOut(user, system, run, r.LastUTime, r.LastSTime)
	return clockTicks(user), clockTicks(system)
}

// shareOut shares out the time run in the proportion of user and system. lastUser and lastSystem are the shares that
// /proc told last.
func shareOut(user, system, run, lastUser, lastSystem uint64) (uint64, uint64) {
	switch {
	case lastUser+lastSystem >= run:
		return lastUser, lastSystem
	case system == 0:
	case user == 0:
		system = run
	default:
		high, low := bits.Mul64(system, run)
		if sum := user + system; high < sum {
			system, _ = bits.Div64(high, low, sum)
		}
		system = min(system, run)
	}
	system = max(system, lastSystem)
	if user = run - system; user < lastUser {
		user, system = lastUser, run-lastUser
	}
	return user, system
}

// Status is what /proc/PID/status tells of users and groups. ok is false if the reader lacks IDs, or the process is in
// too many groups.
func (p Process) Status() (s process.ProcStatus, ok bool) {
	r := p.first()
	if p.of.lacks&IDs != 0 || r.Groups < 0 || r.Groups > mostGroups {
		return s, false
	}
	for i, id := range [4]int{0, 4, 2, 6} { // real, effective, saved, of files
		s.UID[i], s.GID[i] = r.IDs[id], r.IDs[id+1]
	}
	if r.Groups > 0 {
		s.Groups = append(s.Groups, r.GroupIDs[:r.Groups]...)
	}
	return s, true
}

// Namespaces are the inodes of the first thread's namespaces, in the order of namespace.Types. 0: it is in none, or
// the reader lacks Namespaces of this type.
func (p Process) Namespaces() [8]uint64 { return p.Thread(0).Namespaces() }

// Threads is the number of threads that were there. A first thread that has ended counts.
func (p Process) Threads() int { return len(p.threads) }

// Thread is a thread. Thread(0) is the first thread of the process, the others follow from the oldest on.
func (p Process) Thread(i int) Thread { return Thread{p.of, &p.of.records[p.threads[i]]} }
