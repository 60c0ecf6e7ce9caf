package process

import (
	"bytes"
	"cmp"
	"fmt"
	"math"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/scan"
	"github.com/ipctop/ipctop/collect/kernel/sys"
)

// TaskIn is the state of a thread at the moment of the reading.
type TaskIn uint8

const (
	// OnCPU threads run, or wait for a CPU to run on.
	OnCPU TaskIn = iota
	// OutsideCall threads sleep, but not in a system call. They are stopped in their own code, or wait for a page.
	OutsideCall
	// InCall threads sleep in Task.Call. They may also be stopped there: the call's number stays in the file after
	// SIGSTOP, under a tracer, and in a frozen cgroup. See Dir.Halted.
	InCall
	// Foreign32 threads sleep in a call of a 32-bit task. Its numbers mean other calls.
	Foreign32
	// Worker threads run only in the kernel, for the process: threads of io_uring and vhost. Their files show no call.
	Worker
	// Ended threads have exited, and nobody has reaped them: a first thread whose process still has others, or a
	// zombie.
	Ended
)

// Task is one thread of a process.
type Task struct {
	TID  int
	In   TaskIn
	Call BlockedCall // valid if InCall
}

// Tasks lists every thread of the process. It needs the right to ptrace the process; else fs.ErrPermission. It leaves
// out threads that end meanwhile. If it could read no thread, the error is fs.ErrNotExist or unix.ESRCH. The calling
// thread is OnCPU. buf is scratch space of at least 8 KiB. It costs 7 microseconds a thread.
func (p Dir) Tasks(buf []byte) ([]Task, error) {
	var tasks []Task
	err := p.eachTask(buf, func(t Task) { tasks = append(tasks, t) })
	return tasks, err
}

// eachTask visits the threads in the order of /proc: the oldest thread first.
func (p Dir) eachTask(buf []byte, visit func(Task)) error {
	dir, err := p.openDir("task")
	if err != nil {
		return fmt.Errorf("list /proc/%d/task: %w", p.PID, err)
	}
	defer unix.Close(dir)
	self := 0
	if p.live && p.PID == sys.SelfPID() {
		// The calling thread's own file shows this very read (task_current_syscall, lib/syscall.c).
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		self = unix.Gettid()
	}
	var denied, failed, missing error
	read := false
	text := make([]byte, 0, 4096) // buf holds the directory
	err = sys.EachDirent(dir, buf, func(name []byte) {
		tid, ok := scan.Atoi(name[:len(name)-1])
		if !ok || denied != nil {
			return
		}
		t, err := p.task(tid, text)
		if sys.Denied(err) {
			t, err = p.exiting(tid, text, err)
		}
		switch {
		case sys.Denied(err):
			denied = err // all threads of a process give the same answer
		case sys.Gone(err):
			missing = err
		case err != nil:
			failed = err
		case tid == self:
			read = true
			visit(Task{TID: tid, In: OnCPU})
		default:
			read = true
			visit(t)
		}
	})
	if err != nil {
		return fmt.Errorf("list /proc/%d/task: %w", p.PID, err)
	}
	if !read { // the process has ended, or this kernel has no file syscall
		failed = cmp.Or(failed, missing)
	}
	return cmp.Or(denied, failed)
}

func (p Dir) task(tid int, buf []byte) (Task, error) {
	text, err := p.Read("task/"+strconv.Itoa(tid)+"/syscall", buf)
	if err != nil {
		return Task{}, err
	}
	t := Task{TID: tid}
	if t.In, t.Call, err = parseTask(text); t.In == InCall {
		t.Call.TID = tid
	}
	return t, err
}

// exiting finds out if a thread is unreadable because it exits, or has exited. A thread without memory has files of
// root (task_dump_owner in fs/proc/base.c), even if the caller may read the other threads. For other threads exiting
// returns denied.
func (p Dir) exiting(tid int, buf []byte, denied error) (Task, error) {
	const exiting = 0x4 // PF_EXITING, include/linux/sched.h
	text, err := p.Read("task/"+strconv.Itoa(tid)+"/stat", buf)
	if err != nil {
		return Task{}, err
	}
	st, err := ParseProcStat(text)
	switch {
	case err != nil || st.Flags&exiting == 0:
		return Task{}, denied
	case st.State == 'Z' || st.State == 'X':
		return Task{TID: tid, In: Ended}, nil
	}
	return Task{TID: tid, In: OnCPU}, nil
}

// parseTask reads the file syscall (proc_pid_syscall in fs/proc/base.c). "running": the thread is runnable. "-1 SP
// PC": it sleeps outside a call; both are 0 if it has exited. Else the file has the call's number in decimal and
// eight numbers in hexadecimal. A 32-bit task on a 64-bit kernel numbers its calls in another way. Its stack and its
// code are both below 4 GiB; a 64-bit task has at most one of them there.
func parseTask(text []byte) (TaskIn, BlockedCall, error) {
	f := scan.Fields{Rest: text}
	first := f.Next()
	if string(first) == "running" {
		return OnCPU, BlockedCall{}, nil
	}
	if string(first) == "-1" {
		sp, pc := f.Next(), f.Next()
		if string(sp) == "0x0" && string(pc) == "0x0" {
			return Ended, BlockedCall{}, nil
		}
		return OutsideCall, BlockedCall{}, nil
	}
	nr, ok := scan.Atoi(first)
	if !ok {
		return OnCPU, BlockedCall{}, scan.ErrShort
	}
	c := BlockedCall{NR: nr}
	for _, into := range []*uint64{
		&c.Args[0], &c.Args[1], &c.Args[2], &c.Args[3], &c.Args[4], &c.Args[5], &c.SP, &c.PC,
	} {
		digits, ok := bytes.CutPrefix(f.Next(), []byte("0x"))
		n, err := strconv.ParseUint(string(digits), 16, 64)
		if !ok || err != nil {
			return OnCPU, BlockedCall{}, scan.ErrShort
		}
		*into = n
	}
	// copy_thread in arch/x86/kernel/process.c and arch/arm64/kernel/process.c clears a worker's registers
	if c.SP == 0 && c.PC == 0 {
		return Worker, BlockedCall{}, nil
	}
	if c.SP <= math.MaxUint32 && c.PC <= math.MaxUint32 {
		return Foreign32, BlockedCall{}, nil
	}
	return InCall, c, nil
}

// Halt is the reason why a thread cannot go on, apart from its wait.
type Halt uint8

const (
	NotHalted Halt = iota
	// Stopped by SIGSTOP or another stop signal, until SIGCONT.
	Stopped
	// Traced: a tracer holds the thread, for example a debugger.
	Traced
	// Frozen with its cgroup, for example by "docker pause", until the cgroup is thawed.
	Frozen
	// Elsewhere: the thread sleeps in its call, but not on the call's object. It waits for the server of its page
	// faults (userfaultfd(2), FUSE) or of its calls (seccomp_unotify(2)), or for a disk.
	Elsewhere
)

// servedIn is true if a thread in this kernel function waits for another program. That program serves a page fault
// (fs/userfaultfd.c, fs/fuse/dev.c) or a call (kernel/seccomp.c). Compilers may inline the function, or add an ending
// to its name ("….isra.0").
func servedIn(wchan string) bool {
	for _, name := range [...]string{"handle_userfault", "request_wait_answer", "seccomp_do_user_notification",
		"__seccomp_filter"} {
		if strings.HasPrefix(wchan, name) {
			return true
		}
	}
	return false
}

// frozenIn is true if a thread in this kernel function (wchan) is frozen with its cgroup. Version 2 sleeps in
// do_freezer_trap (kernel/signal.c), in state S like any sleep. Compilers inline do_freezer_trap into get_signal.
// Version 1 sleeps in __refrigerator (kernel/freezer.c). Other sleepers in get_signal are stopped or traced; their
// state shows it.
func frozenIn(wchan string) bool {
	return wchan == "do_freezer_trap" || wchan == "get_signal" || wchan == "__refrigerator"
}

// Halted tells if something stops the thread. The call does not show that. A thread that is stopped in a blocking
// call has left the wait. When it goes on, it repeats the call, or gives it up with EINTR (man 7 signal). Any user
// may ask for Stopped and Traced; the others need the right to ptrace the process. It costs 17 microseconds.
func (p Dir) Halted(tid int) (Halt, error) {
	dir := "task/" + strconv.Itoa(tid)
	text, err := p.Read(dir+"/stat", nil)
	if err != nil {
		return NotHalted, err
	}
	st, err := ParseProcStat(text)
	switch {
	case err != nil:
		return NotHalted, fmt.Errorf("read /proc/%d/%s/stat: %w", p.PID, dir, err)
	case st.State == 'T':
		return Stopped, nil
	case st.State == 't':
		return Traced, nil
	}
	wchan, err := p.Read(dir+"/wchan", text)
	if err != nil {
		return NotHalted, err
	}
	switch {
	case frozenIn(string(wchan)):
		return Frozen, nil
	case st.State == 'D', servedIn(string(wchan)):
		// signals interrupt every sleep on an IPC object, so D is another sleep
		return Elsewhere, nil
	}
	return NotHalted, nil
}
