package process

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/scan"
	"github.com/ipctop/ipctop/collect/kernel/sys"
)

// TaskIn is where a thread was when it was looked at.
type TaskIn uint8

const (
	// OnCPU threads run, or wait for a CPU to run on.
	OnCPU TaskIn = iota
	// OutsideCall threads sleep, but not in a system call: stopped in their own code, or waiting for a page that they
	// touched.
	OutsideCall
	// InCall threads sleep in Task.Call. They may be stopped there just as well: SIGSTOP, a tracer or a frozen cgroup
	// leave the call's number in the file. Dir.Halted tells.
	InCall
	// Foreign32 threads sleep in a call of a 32-bit task, whose numbers mean other calls.
	Foreign32
	// Worker threads run in the kernel alone, for the process: io_uring's and vhost's. Their files tell no call of theirs.
	Worker
	// Ended threads have exited and are not reaped: a first thread that left others behind, or a zombie.
	Ended
)

// Task is one thread of a process.
type Task struct {
	TID  int
	In   TaskIn
	Call BlockedCall // if InCall
}

// Tasks lists every thread of the process. It takes the right to ptrace the process; else errors.Is(err,
// fs.ErrPermission). Threads that end meanwhile are passed over. The thread that asks is OnCPU. buf is scratch space
// of at least 8 KiB. 7 microseconds a thread.
func (p Dir) Tasks(buf []byte) ([]Task, error) {
	var tasks []Task
	err := p.eachTask(buf, func(t Task) { tasks = append(tasks, t) })
	return tasks, err
}

// eachTask visits the threads in the order of /proc, by age.
func (p Dir) eachTask(buf []byte, visit func(Task)) error {
	dir, err := sys.OpenDir(p.fd, "task")
	if err != nil {
		return fmt.Errorf("list /proc/%d/task: %w", p.PID, err)
	}
	defer unix.Close(dir)
	self := 0
	if p.live && p.PID == os.Getpid() {
		// The file of the thread that reads it tells this very read (task_current_syscall, lib/syscall.c).
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		self = unix.Gettid()
	}
	var denied error
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
			denied = err // the threads of a process have one answer
		case err != nil:
		case tid == self:
			visit(Task{TID: tid, In: OnCPU})
		default:
			visit(t)
		}
	})
	if err != nil {
		return fmt.Errorf("list /proc/%d/task: %w", p.PID, err)
	}
	return denied
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

// exiting tells a thread that may not be looked into because it exits, or has: without its memory, its files are
// root's (task_dump_owner in fs/proc/base.c), while those of the process's other threads may still be read. For
// others it gives denied back.
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

// parseTask reads the file syscall: "running" for a thread that is runnable, "-1 SP PC" for one that sleeps outside
// of a call, with two zeroes for one that has exited, else the call's number in decimal and eight numbers in
// hexadecimal (proc_pid_syscall in fs/proc/base.c). A 32-bit task on a 64-bit kernel numbers its calls in another
// way; it is told by stack and code below 4 GiB, where a 64-bit task has at most one of them.
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

// Halt is what keeps a thread from going on, whatever it waits for.
type Halt uint8

const (
	NotHalted Halt = iota
	// Stopped by SIGSTOP or another stop signal, until SIGCONT.
	Stopped
	// Traced: a tracer, such as a debugger, holds it.
	Traced
	// Frozen with its cgroup, as "docker pause" does, until that is thawed.
	Frozen
	// Elsewhere: it sleeps in its call for something else than the call is for: who serves its page faults
	// (userfaultfd(2), FUSE) or its calls (seccomp_unotify(2)), or a disk.
	Elsewhere
)

// servedIn says whether threads sleep in this kernel function until another program has served a page fault
// (fs/userfaultfd.c, fs/fuse/dev.c) or a call (kernel/seccomp.c), which compilers may make part of its caller and
// call by more than its name ("….isra.0").
func servedIn(wchan string) bool {
	for _, name := range [...]string{"handle_userfault", "request_wait_answer", "seccomp_do_user_notification",
		"__seccomp_filter"} {
		if strings.HasPrefix(wchan, name) {
			return true
		}
	}
	return false
}

// frozenIn says whether threads of a frozen cgroup sleep in this kernel function, as wchan names it: of version 2 in
// do_freezer_trap (kernel/signal.c), which compilers make part of get_signal, in state S as any sleep; of version 1
// in __refrigerator (kernel/freezer.c). What else sleeps in get_signal is stopped or traced, and says so in its
// state.
func frozenIn(wchan string) bool {
	return wchan == "do_freezer_trap" || wchan == "get_signal" || wchan == "__refrigerator"
}

// Halted tells whether the thread is stopped, of which its call says nothing: a thread that is stopped in a blocking
// call has left the wait, and does the call again or gives it up with EINTR when it goes on (man 7 signal). Everybody
// may ask for Stopped and Traced; the others take the right to ptrace the process. 17 microseconds.
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
	case st.State == 'D', servedIn(string(wchan)): // what calls on IPC objects sleep in, signals interrupt
		return Elsewhere, nil
	}
	return NotHalted, nil
}
