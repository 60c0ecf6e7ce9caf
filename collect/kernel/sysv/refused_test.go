package sysv

import (
	"runtime"
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/sys"
)

// lists holds what the listing functions and the totals tell.
type lists struct {
	Msg     []MsgQueue
	Sem     []SemSet
	Shm     []ShmSegment
	MsgInfo MsgInfo
	SemInfo SemInfo
	ShmInfo ShmInfo
}

func readLists(t *testing.T, rss bool) (l lists) {
	t.Helper()
	var errs [6]error
	l.Msg, errs[0] = MsgQueues("", true)
	l.Sem, errs[1] = SemSets("")
	l.Shm, errs[2] = ShmSegments("", rss)
	l.MsgInfo, errs[3] = ReadMsgInfo("")
	l.SemInfo, errs[4] = ReadSemInfo("")
	l.ShmInfo, errs[5] = ReadShmInfo("")
	for _, err := range errs {
		if err != nil {
			t.Error(err)
		}
	}
	return l
}

// makeOneOfEach makes a queue, a set of three semaphores and a segment.
func makeOneOfEach(t *testing.T) {
	t.Helper()
	kerneltest.Must(MsgGet(1, IPCCreat|0o600))(t)
	kerneltest.Must(SemGet(2, 3, IPCCreat|0o600))(t)
	kerneltest.Must(ShmGet(3, 4096, IPCCreat|0o600))(t)
}

// Where /proc has no lists, the calls have them.
func TestListsWithoutProc(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		makeOneOfEach(t)
		want := readLists(t, false)
		if err := unix.Mount("none", "/proc/sysvipc", "tmpfs", 0, ""); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, readLists(t, true)); diff != "" {
			t.Errorf("with /proc, without it:\n%s", diff)
		}
	})
}

// Where a security filter refuses the calls, /proc has the lists, and their sums are the totals. Without both there is
// an error.
func TestListsWithoutCalls(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		makeOneOfEach(t)
		want := readLists(t, true)
		want.MsgInfo.FromLists, want.SemInfo.FromLists, want.ShmInfo.FromLists = true, true, true
		want.Msg[0].QBytes, want.Msg[0].HasQBytes = 0, false // /proc does not tell it
		refuse(t, unix.EPERM, unix.SYS_MSGCTL, unix.SYS_SEMCTL, unix.SYS_SHMCTL)
		if diff := cmp.Diff(want, readLists(t, true)); diff != "" {
			t.Errorf("with the calls, without them:\n%s", diff)
		}
		if err := unix.Mount("none", "/proc/sysvipc", "tmpfs", 0, ""); err != nil {
			t.Fatal(err)
		}
		if all, err := ShmSegments("", true); err == nil {
			t.Errorf("nothing tells the segments, and there is no error: %v", all)
		}
		if info, err := ReadSemInfo(""); !sys.Denied(err) {
			t.Errorf("nothing tells the sets: %+v, %v", info, err)
		}
	})
}

// refuse makes the kernel answer calls of this thread with an error (seccomp(2)). The thread keeps the filter, and ends
// with the test.
func refuse(t *testing.T, errno unix.Errno, calls ...uint32) {
	t.Helper()
	runtime.LockOSThread()
	const load, equal, give = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K,
		unix.BPF_RET | unix.BPF_K
	code := []unix.SockFilter{{Code: load}} // the number of the call is the first word of struct seccomp_data
	for _, nr := range calls {
		code = append(code, unix.SockFilter{Code: equal, Jf: 1, K: nr},
			unix.SockFilter{Code: give, K: unix.SECCOMP_RET_ERRNO | uint32(errno)})
	}
	code = append(code, unix.SockFilter{Code: give, K: unix.SECCOMP_RET_ALLOW})
	program := unix.SockFprog{Len: uint16(len(code)), Filter: &code[0]}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		t.Fatal(err)
	}
	if err := unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&program)), 0,
		0); err != nil {
		t.Fatal(err)
	}
}
