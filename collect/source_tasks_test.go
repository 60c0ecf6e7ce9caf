package collect

import (
	"math/rand/v2"
	"runtime"
	"strconv"
	"testing"
	"time"
	"unsafe"

	gocmp "github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/kernel/sysv"
	"github.com/ipctop/ipctop/collect/proc"
)

// Later ticks take most processes from what they kept, and from the records of tasks. They tell what a first tick tells
// from /proc, while processes come, stop, go on, lose their parent and end.
func TestLaterTicksTellTheSame(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newScene(t)
		if !servesBPF(s) {
			t.Skip("needs root with CAP_BPF, CAP_PERFMON and CAP_SYS_PTRACE, and the kernel's types in /sys/kernel/btf")
		}
		runtime.LockOSThread()
		h, err := kernel.Open("")
		s.check(err)
		later := New(h, time.Now, WithSource(proc.FromBPF))
		later.Take(allCells())
		same := func() {
			t.Helper()
			kerneltest.EventuallySame(t, func() string {
				before, bpf, after := s.from(proc.FromProc), later.Take(allCells()), s.from(proc.FromProc)
				if bpf.Source != proc.FromBPF {
					t.Fatalf("source %s: %q", bpf.Source, bpf.Notes)
				}
				return gocmp.Diff(standing(before, after, before), standing(before, after, bpf))
			})
		}
		dir := t.TempDir()
		kerneltest.Start(t, "random-files", strconv.FormatUint(rand.Uint64(), 10), dir)
		pids := startSleepers(s)
		same()
		for _, pid := range pids[:4] {
			s.check(unix.Kill(pid, unix.SIGSTOP))
		}
		kerneltest.StartIn(t, unix.CLONE_NEWPID|unix.CLONE_NEWIPC, "random-files",
			strconv.FormatUint(rand.Uint64(), 10), dir)
		same()
		for _, pid := range pids[:2] {
			s.check(unix.Kill(pid, unix.SIGCONT))
		}
		for _, pid := range pids[5:] { // zombies, and orphans of vfork and fork
			s.check(unix.Kill(pid, unix.SIGKILL))
		}
		same()
	})
}

// startSleepers starts processes that sleep in the calls of IPC.
func startSleepers(s *scene) (pids []int) {
	s.Helper()
	set, err := sysv.SemGet(0, 1, unix.IPC_CREAT|0o600)
	s.check(err)
	queue, err := sysv.MsgGet(0, unix.IPC_CREAT|0o600)
	s.check(err)
	var pipe [2]int
	s.check(unix.Pipe2(pipe[:], 0))
	buf := make([]byte, 64)
	receive := new(process.Script).Name("receives")
	receive.Raw(unix.SYS_MSGRCV, uintptr(queue), receive.Keep(buf, unsafe.Pointer(&buf[0])), 8, 3, 0)
	forks := func(name string, flags uintptr) *process.Script {
		return new(process.Script).Name(name).Raw(unix.SYS_CLONE, uintptr(unix.SIGCHLD)|flags).Sleep(process.Forever)
	}
	for _, script := range []*process.Script{
		new(process.Script).Name("takes").SemOp(set, sysv.SemOp{Op: -1}),
		receive,
		new(process.Script).Name("reads").Read(pipe[0]),
		new(process.Script).Name("sleeps").Sleep(process.Forever),
		new(process.Script).Name("takes too").SemOp(set, sysv.SemOp{Op: -2}),
		forks("shares", unix.CLONE_FILES), forks("forks", 0), forks("vforks", unix.CLONE_VFORK),
	} {
		pid, err := process.StartBare(script)
		s.check(err)
		pids = append(pids, pid)
	}
	return pids
}
