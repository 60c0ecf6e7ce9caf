package process_test

import (
	"errors"
	"maps"
	"math"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/fdinfo"
	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/process"
)

// The descriptors of a blockedCall: an empty pipe, a socket without data, a listening socket.
const (
	readEnd = 100 + iota
	writeEnd
	sock
	listener
)

// Names of seenCall for numbers that differ in each run.
const (
	theChild = -1
	theGroup = -2
)

// seenCall holds the facts in a call's arguments.
type seenCall struct {
	Name      string
	Transfers []process.AwaitedFD
	Polled    []process.AwaitedFD
	Epoll     bool
	Serves    bool
	For       time.Duration
	Timed     bool
	Child     int
	Which     process.ChildWait
	Waits     bool
}

type fds = []process.AwaitedFD

// polled are the awaited descriptors of pollList.
func polled() fds {
	return fds{{FD: readEnd, For: fdinfo.CanRead}, {FD: sock, For: fdinfo.CanRead}, {FD: writeEnd}}
}

// long is the timeout of calls with a timeout.
const long = 1000 * time.Second

// blockedCall is a way to sleep, and the facts in the call's arguments. child is the pid of a child that does not
// end.
type blockedCall struct {
	sleep func(child int)
	want  seenCall
}

func blockedCalls() map[string]blockedCall {
	const in, out = fdinfo.CanRead, fdinfo.CanWrite
	calls := map[string]blockedCall{
		"read": {func(int) { unix.Read(readEnd, make([]byte, 1)) },
			seenCall{Name: "read", Transfers: fds{{readEnd, in}}}},
		"preadv2": {func(int) { unix.Preadv2(readEnd, [][]byte{make([]byte, 1)}, -1, 0) },
			seenCall{Name: "read", Transfers: fds{{readEnd, in}}}},
		"write": {func(int) { unix.Write(writeEnd, make([]byte, 1<<20)) },
			seenCall{Name: "write", Transfers: fds{{writeEnd, out}}}},
		"recvfrom": {func(int) { unix.Recvfrom(sock, make([]byte, 1), 0) },
			seenCall{Name: "recv", Transfers: fds{{sock, in}}}},
		"recvmsg": {func(int) { unix.Recvmsg(sock, make([]byte, 1), nil, 0) },
			seenCall{Name: "recv", Transfers: fds{{sock, in}}}},
		"sendmsg": {func(int) { unix.Sendmsg(sock, make([]byte, 1<<24), nil, nil, 0) },
			seenCall{Name: "send", Transfers: fds{{sock, out}}}},
		"accept4": {func(int) { unix.Accept4(listener, 0) },
			seenCall{Name: "accept", Transfers: fds{{listener, in}}, Serves: true}},
		"splice": {func(int) { unix.Splice(readEnd, nil, sock, nil, 1, 0) },
			seenCall{Name: "splice", Transfers: fds{{readEnd, in}, {sock, out}}}},

		"ppoll": {func(int) { unix.Ppoll(pollList(), &unix.Timespec{Sec: 1000, Nsec: 5}, nil) },
			seenCall{Name: "poll", Polled: polled(), Serves: true, For: long + 5, Timed: true}},
		"ppoll ever": {func(int) { unix.Ppoll(pollList(), nil, nil) },
			seenCall{Name: "poll", Polled: polled(), Serves: true}},
		"pselect": {func(int) { unix.Pselect(sock+1, fdSet(sock, readEnd), nil, nil, nil, nil) },
			seenCall{Name: "select", Polled: fds{{readEnd, in}, {sock, in}}, Serves: true}},
		"epoll_wait": {func(int) { epollWait(1e6) },
			seenCall{Name: "epoll_wait", Epoll: true, Serves: true, For: long, Timed: true}},

		"nanosleep": {func(int) { unix.Nanosleep(&unix.Timespec{Sec: 1000}, nil) },
			seenCall{Name: "nanosleep", For: long, Timed: true}},
		"clock_nanosleep": {func(int) { sleepUntil(math.MaxInt32) }, seenCall{Name: "nanosleep", Timed: true}},
		"sigtimedwait":    {func(int) { sigTimedWait() }, seenCall{Name: "sigwait", For: long, Timed: true}},
		"futex": {func(int) { futexSleep(0x80, &unix.Timespec{Sec: 1000}) },
			seenCall{Name: "futex", For: long, Timed: true}},
		"futex until": {func(int) { futexSleep(0x89, &unix.Timespec{Sec: math.MaxInt32}) },
			seenCall{Name: "futex", Timed: true}},
		"futex ever": {func(int) { futexSleep(0x80, nil) }, seenCall{Name: "futex"}},

		"wait4": {func(int) { unix.Wait4(-1, nil, 0, nil) }, seenCall{Name: "wait", Waits: true}},
		"wait4 pid": {func(child int) { unix.Wait4(child, nil, 0, nil) },
			seenCall{Name: "wait", Child: theChild, Which: process.OneChild, Waits: true}},
		"wait4 group": {func(int) { unix.Wait4(-unix.Getpgrp(), nil, 0, nil) },
			seenCall{Name: "wait", Child: theGroup, Which: process.ChildGroup, Waits: true}},
		"waitid": {func(child int) { unix.Waitid(unix.P_PID, child, nil, unix.WEXITED, nil) },
			seenCall{Name: "wait", Child: theChild, Which: process.OneChild, Waits: true}},
		"waitid all": {func(int) { unix.Waitid(unix.P_ALL, 0, nil, unix.WEXITED, nil) },
			seenCall{Name: "wait", Waits: true}},
	}
	maps.Copy(calls, archCalls())
	return calls
}

// pollList polls readEnd for data, sock for urgent data, writeEnd for errors, and a negative descriptor.
func pollList() []unix.PollFd {
	return []unix.PollFd{{Fd: readEnd, Events: unix.POLLIN}, {Fd: -1, Events: unix.POLLIN},
		{Fd: sock, Events: unix.POLLPRI}, {Fd: writeEnd}}
}

func fdSet(fds ...int) *unix.FdSet {
	set := new(unix.FdSet)
	for _, fd := range fds {
		set.Set(fd)
	}
	return set
}

func epollWait(ms int) {
	if fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC); err == nil {
		unix.EpollWait(fd, make([]unix.EpollEvent, 1), ms)
	}
}

func sleepUntil(sec int64) {
	unix.ClockNanosleep(unix.CLOCK_MONOTONIC, unix.TIMER_ABSTIME, &unix.Timespec{Sec: sec}, nil)
}

func sigTimedWait() {
	set, ts := uint64(1)<<(unix.SIGUSR1-1), unix.Timespec{Sec: 1000}
	unix.Syscall6(unix.SYS_RT_SIGTIMEDWAIT, uintptr(unsafe.Pointer(&set)), 0, uintptr(unsafe.Pointer(&ts)),
		unsafe.Sizeof(set), 0, 0)
}

// futexValue is the value for futexSleep's waits. Go's runtime waits for 0.
const futexValue = 7

// futexSleep waits on a word; no thread wakes it.
func futexSleep(op int, ts *unix.Timespec) {
	word := new(uint32)
	*word = futexValue
	unix.Syscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(word)), uintptr(op), futexValue,
		uintptr(unsafe.Pointer(ts)), 0, math.MaxUint32)
}

// workCall sleeps in one of blockedCalls, on a separate thread. It reports its tid, its child's pid and its process
// group.
func workCall(j *kerneltest.Job) {
	var pipe [2]int
	j.Check(unix.Pipe2(pipe[:], unix.O_CLOEXEC))
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	j.Check(err)
	waits, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	j.Check(err)
	j.Check(unix.Bind(waits, &unix.SockaddrUnix{})) // a free abstract name
	j.Check(unix.Listen(waits, 1))
	for fd, as := range map[int]int{pipe[0]: readEnd, pipe[1]: writeEnd, pair[0]: sock, waits: listener} {
		j.Check(unix.Dup3(fd, as, unix.O_CLOEXEC))
	}
	child := exec.Command("/proc/self/exe")
	child.Env = append(os.Environ(), "IPCTOP_TEST_WORKER=sleep")
	_, err = child.StdinPipe() // the child ends with this process
	j.Check(err)
	j.Check(child.Start())
	tid := make(chan int)
	go func() {
		runtime.LockOSThread()
		tid <- unix.Gettid()
		blockedCalls()[j.Args[0]].sleep(child.Process.Pid)
		tid <- 0
	}()
	j.Ready(<-tid, child.Process.Pid, unix.Getpgrp())
	j.Wait()
	runtime.KeepAlive(child)
}

// sleepsIn starts a worker and waits until it sleeps in its call.
func sleepsIn(tb testing.TB, call string) (p process.Dir, c process.BlockedCall, child, group int) {
	tb.Helper()
	w := kerneltest.Start(tb, "call", call)
	said := numbers(tb, w.Words)
	p = openProc(tb, w.PID)
	want := blockedCalls()[call].want.Name
	task := taskOf(tb, p, said[0], func(t process.Task) bool {
		return t.In == process.InCall && t.Call.Name() == want && (want != "futex" || t.Call.Args[2] == futexValue)
	})
	return p, task.Call, said[1], said[2]
}

func seeCall(tb testing.TB, p process.Dir, c process.BlockedCall, child, group int) seenCall {
	tb.Helper()
	got := seenCall{Name: c.Name()}
	got.Transfers, _ = c.Transfers()
	_, got.Epoll = c.EpollFD()
	got.Serves = c.Serves()
	got.Child, got.Which, got.Waits = c.WaitsForChild()
	switch {
	case !got.Waits:
	case got.Child == child:
		got.Child = theChild
	case got.Child == group:
		got.Child = theGroup
	}
	var err error
	if got.For, got.Timed, err = p.Timeout(c); err != nil {
		tb.Error(err)
	}
	if got.Polled, err = p.PollFDs(c); err != nil && !errors.Is(err, process.ErrOtherCall) {
		tb.Error(err)
	}
	return got
}

func TestArgumentsOfBlockedCalls(t *testing.T) {
	for name, call := range blockedCalls() {
		t.Run(name, func(t *testing.T) {
			p, c, child, group := sleepsIn(t, name)
			if diff := cmp.Diff(call.want, seeCall(t, p, c, child, group)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestRestartedCall(t *testing.T) {
	names := slices.Collect(maps.Keys(archCalls()))
	names = slices.DeleteFunc(names, func(name string) bool { return !strings.HasPrefix(name, "poll") })
	for _, name := range append(names, "nanosleep", "futex") {
		t.Run(name, func(t *testing.T) {
			p, c, child, group := sleepsIn(t, name)
			if err := syscall.Kill(p.PID, syscall.SIGSTOP); err != nil {
				t.Fatal(err)
			}
			kerneltest.Eventually(t, "stopped", func() bool {
				halt, err := p.Halted(c.TID)
				return err == nil && halt == process.Stopped
			})
			if err := syscall.Kill(p.PID, syscall.SIGCONT); err != nil {
				t.Fatal(err)
			}
			again := taskOf(t, p, c.TID,
				func(t process.Task) bool { return t.In == process.InCall && t.Call.Restarted() }).Call
			want := blockedCalls()[name].want
			first, ok := p.Resumed(again)
			if name == "nanosleep" {
				want.Name, want.For = "restart_syscall", 0 // nanosleep and clock_nanosleep look the same here
				first = again
			} else if !ok || first != c {
				t.Errorf("restarted %+v of %+v: %v", first, c, ok)
			}
			if diff := cmp.Diff(want, seeCall(t, p, first, child, group)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestArgumentsOfCallThatIsOver(t *testing.T) {
	p, c, _, _ := sleepsIn(t, "ppoll")
	other := c
	other.SP += 8
	if d, timed, err := p.Timeout(other); d != 0 || !timed || !errors.Is(err, process.ErrOtherCall) {
		t.Errorf("timeout of another call: %v, %v, %v", d, timed, err)
	}
	if fds, err := p.PollFDs(other); fds != nil || !errors.Is(err, process.ErrOtherCall) {
		t.Errorf("descriptors of another call: %v, %v", fds, err)
	}
	other = c
	other.Args[0], other.Args[2] = 8, 8 // no memory is mapped there
	if d, timed, err := p.Timeout(other); d != 0 || !timed || !errors.Is(err, unix.EFAULT) {
		t.Errorf("timeout at a bad address: %v, %v, %v", d, timed, err)
	}
	if fds, err := p.PollFDs(other); fds != nil || !errors.Is(err, unix.EFAULT) {
		t.Errorf("descriptors at a bad address: %v, %v", fds, err)
	}
	other = c
	other.Args[1] = 1 << 40
	if fds, err := p.PollFDs(other); fds != nil || err == nil {
		t.Errorf("descriptors without end: %v", fds)
	}
}

func BenchmarkCallArguments(b *testing.B) {
	p, c, _, _ := sleepsIn(b, "ppoll")
	b.Run("Timeout", func(b *testing.B) {
		for b.Loop() {
			if _, _, err := p.Timeout(c); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("PollFDs", func(b *testing.B) {
		for b.Loop() {
			if _, err := p.PollFDs(c); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("Halted", func(b *testing.B) {
		for b.Loop() {
			if _, err := p.Halted(c.TID); err != nil {
				b.Fatal(err)
			}
		}
	})
}
