package task_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/namespace"
	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/kernel/sysv"
	"github.com/ipctop/ipctop/collect/kernel/task"
)

func addressOf(text []byte) uintptr { return uintptr(unsafe.Pointer(&text[0])) }

// open opens a reader, or skips the test.
func open(tb testing.TB) *task.Reader {
	tb.Helper()
	r, err := task.Open("")
	if sys.Denied(err) || errors.Is(err, task.ErrNone) {
		tb.Skip(err)
	}
	kerneltest.OK(tb, err)
	tb.Cleanup(func() { r.Close() })
	return r
}

// facts are all facts of a process that both sources give.
type facts struct {
	Stat       process.ProcStat
	Status     process.ProcStatus
	Clock      int64
	Namespaces [8]uint64
	Threads    []threadFacts
}

type threadFacts struct {
	process.Task
	State      byte
	Switches   uint64
	OwnFiles   bool // its table of descriptors is not that of the first thread
	Namespaces [8]uint64
}

// ofRecords are the facts of the program.
func ofRecords(p task.Process) facts {
	f := facts{Stat: p.Stat(), Clock: p.Clock(), Namespaces: p.Namespaces()}
	f.Status, _ = p.Status()
	for i := range p.Threads() {
		t := p.Thread(i)
		f.Threads = append(f.Threads, threadFacts{Task: t.Task(), State: t.State(), Switches: t.Switches(),
			OwnFiles: t.HasFiles() && !t.SameFiles(p.Thread(0)), Namespaces: t.Namespaces()})
	}
	return f
}

// ofProc are the facts of /proc, and of the calls that tell the others.
func ofProc(pid int) (f facts, err error) {
	dir, err := process.Open("", pid)
	if err != nil {
		return f, err
	}
	defer dir.Close()
	buf := make([]byte, 32<<10)
	read := func(name string, parse func([]byte) error) {
		if err == nil {
			var text []byte
			if text, err = dir.Read(name, buf); err == nil {
				err = parse(text)
			}
		}
	}
	read("stat", func(text []byte) (err error) {
		f.Stat, err = process.ParseProcStat(text)
		return err
	})
	read("status", func(text []byte) (err error) {
		f.Status, err = process.ParseProcStatus(text)
		return err
	})
	if err != nil {
		return f, err
	}
	f.Clock, err = process.CPUTime(pid)
	if err != nil {
		return f, err
	}
	tasks, err := dir.Tasks(buf)
	if err != nil {
		return f, err
	}
	for _, t := range tasks {
		of := threadFacts{Task: t}
		if of.Switches, of.State, err = dir.Switches(t.TID, buf); err != nil {
			return f, err
		}
		of.Namespaces = spacesOf(fmt.Sprintf("/proc/%d/task/%d", pid, t.TID))
		if _, err := os.Stat(fmt.Sprintf("/proc/%d/task/%d/fd/0", pid, t.TID)); err == nil || t.In != process.Ended {
			same, err := process.SameFiles(pid, t.TID)
			of.OwnFiles = err == nil && !same
		}
		f.Threads = append(f.Threads, of)
	}
	f.Namespaces = spacesOf(fmt.Sprintf("/proc/%d", pid))
	return f, nil
}

func spacesOf(dir string) (inodes [8]uint64) {
	for i, typ := range namespace.Types() {
		link, _ := os.Readlink(dir + "/ns/" + typ)
		_, inodes[i], _ = namespace.ParseLink([]byte(link))
	}
	return inodes
}

// populate starts processes of all sorts. The calling goroutine is locked to its thread, whose end ends them.
func populate(seed uint64) error {
	random := rand.New(rand.NewPCG(seed, 1))
	set, err := sysv.SemGet(0, 1, unix.IPC_CREAT|0o600)
	if err != nil {
		return err
	}
	queue, err := sysv.MsgGet(0, unix.IPC_CREAT|0o600)
	if err != nil {
		return err
	}
	var pipe [2]int
	if err := unix.Pipe2(pipe[:], 0); err != nil {
		return err
	}
	word := make([]uint32, 2)
	named := func() *process.Script {
		return new(process.Script).Name(fmt.Sprintf("a)%c(\n\xff %d", rune(' '+random.IntN(90)), random.IntN(1000)))
	}
	sorts := []func() *process.Script{
		func() *process.Script { return named().SemOp(set, sysv.SemOp{Num: 0, Op: -1}) },
		func() *process.Script {
			buf := make([]byte, 64)
			s := named()
			return s.Raw(unix.SYS_MSGRCV, uintptr(queue), s.Keep(buf, unsafe.Pointer(&buf[0])), 8, 3, 0)
		},
		func() *process.Script { return named().Read(pipe[0]) },
		func() *process.Script {
			s := named()
			return s.Raw(unix.SYS_FUTEX, s.Keep(word, unsafe.Pointer(&word[0])), 0, 0, 0)
		},
		func() *process.Script { return named().Raw(unix.SYS_PPOLL, 0, 0, 0, 0, 0) },
		func() *process.Script { return named().Sleep(process.Forever) },
		func() *process.Script { return named().Raw(unix.SYS_SETSID).Sleep(process.Forever) },
		func() *process.Script { return named().Raw(unix.SYS_SETPRIORITY, 0, 0, 7).Sleep(process.Forever) },
		func() *process.Script { return named().Raw(unix.SYS_KILL, 0, 0).Sleep(process.Forever) },
		func() *process.Script { // a zombie
			return named()
		},
		func() *process.Script { // stopped
			s := named().Raw(unix.SYS_CLONE, uintptr(unix.SIGCHLD))
			return s.Raw(unix.SYS_SETUID, 1000).Sleep(process.Forever)
		},
		func() *process.Script { // in the middle of vfork, its child sleeps
			return named().Raw(unix.SYS_CLONE, uintptr(unix.SIGCHLD)|unix.CLONE_VFORK).Sleep(process.Forever)
		},
		func() *process.Script { // a child with the same table of descriptors
			return named().Raw(unix.SYS_CLONE, uintptr(unix.SIGCHLD)|unix.CLONE_FILES).Sleep(process.Forever)
		},
		func() *process.Script {
			groups := []uint32{7, 3, 100000, 8}
			s := named()
			return s.Raw(unix.SYS_SETGROUPS, uintptr(1+random.IntN(4)), s.Keep(groups, unsafe.Pointer(&groups[0]))).
				Raw(unix.SYS_SETRESGID, 5, 6, 7).Raw(unix.SYS_SETRESUID, 1, 2, 3).Sleep(process.Forever)
		},
	}
	for _, i := range random.Perm(2 * len(sorts)) {
		pid, err := process.StartBare(sorts[i%len(sorts)]())
		if err != nil {
			return err
		}
		if random.IntN(5) == 0 {
			if err := unix.Kill(pid, unix.SIGSTOP); err != nil && err != unix.ESRCH {
				return err
			}
		}
	}
	return nil
}

// Every fact of every process is what /proc says. A process that ran meanwhile is compared again until both are equal.
func TestFactsOfProc(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		r := open(t)
		if r.Lacks() != 0 {
			t.Skipf("the records lack %b", r.Lacks())
		}
		random := kerneltest.Random(t)
		runtime.LockOSThread()
		kerneltest.OK(t, populate(random.Uint64()))
		for range 2 {
			kerneltest.StartIn(t, unix.CLONE_NEWPID|unix.CLONE_NEWIPC|unix.CLONE_NEWNS, "scene",
				strconv.FormatUint(random.Uint64(), 10))
		}
		headless := kerneltest.Start(t, "headless").PID
		kerneltest.Eventually(t, "its first thread has ended", func() bool {
			f, err := ofProc(headless)
			return err == nil && f.Stat.State == 'Z'
		})
		// otherwise Go's monitor would run every ten milliseconds: the ended thread still has a processor of Go
		kerneltest.OK(t, unix.Kill(headless, unix.SIGSTOP))
		kerneltest.Start(t, "threads")
		kerneltest.StartMapped(t, 1000, unix.CLONE_NEWUTS|unix.CLONE_NEWNET, "scene", "1")
		terminal(t)
		equal, seen := map[int]bool{os.Getpid(): true}, map[string]bool{}
		kerneltest.EventuallySame(t, func() string {
			tasks, err := r.Read()
			kerneltest.OK(t, err)
			var diffs []string
			if want, err := process.PIDs(""); err != nil || !slices.Equal(want, tasks.PIDs()) {
				diffs = append(diffs, cmp.Diff(want, tasks.PIDs()))
			}
			for p := range tasks.Processes() {
				if equal[p.PID()] {
					continue
				}
				want, err := ofProc(p.PID())
				if err != nil {
					return err.Error()
				}
				if diff := cmp.Diff(want, ofRecords(p)); diff != "" {
					diffs = append(diffs, fmt.Sprintf("process %d:\n%s", p.PID(), diff))
					continue
				}
				equal[p.PID()] = true
				sorts(want, seen)
			}
			return strings.Join(diffs, "\n")
		})
		want := []string{"T", "Z", "S", "D", "headless", "nice", "terminal", "groups", "own tables", "own namespaces"}
		for _, sort := range want {
			if !seen[sort] {
				t.Errorf("no process was of the sort %q", sort)
			}
		}
		if len(equal) < 100 {
			t.Errorf("only %d processes", len(equal))
		}
	})
}

// sorts notes of which sorts a process is.
func sorts(f facts, seen map[string]bool) {
	seen[string(f.Stat.State)] = true
	seen["headless"] = seen["headless"] || f.Stat.State == 'Z' && f.Stat.Threads > 1
	seen["nice"] = seen["nice"] || f.Stat.Nice != 0
	seen["terminal"] = seen["terminal"] || f.Stat.TTY != 0
	seen["groups"] = seen["groups"] || len(f.Status.Groups) > 1
	for _, t := range f.Threads {
		seen["own tables"] = seen["own tables"] || t.OwnFiles
		seen["own namespaces"] = seen["own namespaces"] || t.Namespaces != f.Namespaces && t.In != process.Ended
	}
}

// terminal starts a process whose terminal is a new pseudoterminal.
func terminal(t *testing.T) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Logf("no terminal: %v", err)
		return
	}
	t.Cleanup(func() { master.Close() })
	kerneltest.OK(t, unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0))
	slave, _, errno := unix.Syscall(unix.SYS_IOCTL, master.Fd(), unix.TIOCGPTPEER, unix.O_RDWR|unix.O_NOCTTY)
	if errno != 0 {
		t.Fatal(errno)
	}
	pid, err := syscall.ForkExec("/bin/sleep", []string{"sleep", "1000"},
		&syscall.ProcAttr{Files: []uintptr{slave, slave, slave},
			Sys: &syscall.SysProcAttr{Setsid: true, Setctty: true}})
	unix.Close(int(slave))
	kerneltest.OK(t, err)
	t.Cleanup(func() {
		unix.Kill(pid, unix.SIGKILL)
		unix.Wait4(pid, nil, 0, nil)
	})
}
