package undo_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/namespace"
	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/kernel/sysv"
	"github.com/ipctop/ipctop/collect/kernel/undo"
)

// workUndo does the operations of its arguments, then those of its starter's lines. An operation is "ID NUM OP undo",
// or without "undo" for an operation that stays. "set N" first makes the worker's own set; its id replaces the word
// "own". "thread" before an operation does it on a thread with its own list.
func workUndo(j *kerneltest.Job) {
	own := "own"
	if len(j.Args) > 0 && strings.HasPrefix(j.Args[0], "set ") {
		n, err := strconv.Atoi(strings.TrimPrefix(j.Args[0], "set "))
		j.Check(err)
		id, err := sysv.SemGet(0, n, 0o600)
		j.Check(err)
		own, j.Args = strconv.Itoa(id), j.Args[1:]
	}
	for _, op := range j.Args {
		undoOp(j, strings.ReplaceAll(op, "own", own))
	}
	for j.Ready(own); ; j.Ready(own) {
		undoOp(j, j.Wait())
	}
}

func undoOp(j *kerneltest.Job, words string) {
	words, thread := strings.CutPrefix(words, "thread ")
	var id, num, n int
	var how string
	if _, err := fmt.Sscan(words, &id, &num, &n, &how); err != nil && n == 0 {
		j.Check(err)
	}
	op := sysv.SemOp{Num: uint16(num), Op: int16(n)}
	if how == "undo" {
		op.Flags = sysv.SemUndo
	}
	done := make(chan error)
	go func() {
		if thread {
			runtime.LockOSThread() // the thread lives as long as the process
			if err := unix.Unshare(unix.CLONE_SYSVSEM); err != nil {
				done <- err
				return
			}
		}
		done <- sysv.Operate(id, []sysv.SemOp{op}, 0)
		if thread {
			select {}
		}
	}()
	j.Check(<-done)
}

// openUndos skips the test if the rights for the reader are missing.
func openUndos(tb testing.TB) *undo.Reader {
	tb.Helper()
	h := sys.Root("")
	r, err := undo.Open(h)
	if _, noTypes := os.Stat("/sys/kernel/btf/vmlinux"); sys.Denied(err) || errors.Is(err, undo.ErrNoUndos) &&
		noTypes != nil {
		tb.Skip(err)
	}
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := r.Close(); err != nil {
			tb.Error(err)
		}
	})
	return r
}

func readUndos(tb testing.TB, r *undo.Reader) []undo.Undo {
	tb.Helper()
	undos, complete, err := r.Undos()
	if err != nil || !complete {
		tb.Fatalf("complete: %v, error %v", complete, err)
	}
	return undos
}

// undoOf is the Undo of a worker. Its start comes from /proc.
func undoOf(tb testing.TB, w *kerneltest.Worker, semID int, adj ...undo.SemAdj) undo.Undo {
	tb.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", w.PID))
	if err != nil {
		tb.Fatal(err)
	}
	stat, err := process.ParseProcStat(text)
	if err != nil {
		tb.Fatal(err)
	}
	links, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/ns/ipc", w.PID))
	if err != nil {
		tb.Fatal(err)
	}
	var ino uint64
	for _, path := range links { // an ended thread has no link
		if link, err := os.Readlink(path); err == nil {
			_, ino, _ = namespace.ParseLink([]byte(link))
		}
	}
	return undo.Undo{PID: w.PID, Start: stat.Start, Comm: stat.Comm, IPCNS: ino, SemID: semID, Adj: adj}
}

func newSet(tb testing.TB, values ...uint16) int {
	tb.Helper()
	id, err := sysv.SemGet(0, len(values), 0o666)
	if err == nil {
		err = sysv.SemSetValues(id, values)
	}
	if err != nil {
		tb.Fatal(err)
	}
	return id
}

func TestUndosOfOperations(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		r := openUndos(t)
		a, b := newSet(t, 5, 5, 5, 5, 5), newSet(t, 0)
		op := func(id, num, n int, how string) string { return fmt.Sprintln(id, num, n, how) }
		check := func(when string, want ...undo.Undo) {
			t.Helper()
			if diff := cmp.Diff(want, readUndos(t, r)); diff != "" {
				t.Errorf("%s:\n%s", when, diff)
			}
		}
		check("at first")
		two := kerneltest.Start(t, "undo", op(a, 3, -2, "undo"), op(a, 1, -1, ""), op(b, 0, 4, "undo"),
			op(a, 0, -1, "undo"))
		one := kerneltest.Start(t, "undo", op(a, 3, -1, "undo"))
		gone := kerneltest.Start(t, "undo", op(a, 2, -1, "undo"))
		gone.Kill()
		taken := undoOf(t, two, a, undo.SemAdj{Num: 0, Adj: 1}, undo.SemAdj{Num: 3, Adj: 2})
		given := undoOf(t, two, b, undo.SemAdj{Num: 0, Adj: -4})
		other := undoOf(t, one, a, undo.SemAdj{Num: 3, Adj: 1})
		check("two processes", taken, given, other)
		two.Say(strings.TrimSpace(op(a, 0, 1, "undo")))
		two.Read()
		taken.Adj = taken.Adj[1:]
		check("one given back", taken, given, other)
		if err := sysv.SemRemove(b); err != nil {
			t.Fatal(err)
		}
		check("a set removed", taken, other)
		if err := sysv.SemSetValue(a, 3, 9); err != nil { // SETVAL clears the adjustments
			t.Fatal(err)
		}
		check("a value set")
	})
}

// Threads share their process's list. A thread that left the list has its own.
func TestUndosOfThreads(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		r := openUndos(t)
		id := newSet(t, 9, 9)
		op := func(thread string, num int) string { return fmt.Sprint(thread, id, " ", num, " -1 undo") }
		w := kerneltest.Start(t, "undo", op("", 0), op("thread ", 1), op("", 0), op("thread ", 0))
		adj := func(num uint16, n int16) undo.Undo { return undoOf(t, w, id, undo.SemAdj{Num: num, Adj: n}) }
		want := []undo.Undo{adj(0, 1), adj(0, 2), adj(1, 1)}
		got := readUndos(t, r)
		slices.SortFunc(got, func(a, b undo.Undo) int { return slices.CompareFunc(a.Adj, b.Adj, compareAdj) })
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}

// If a process's first thread has ended, the process has the list of its other threads.
func TestUndosOfAProcessWithoutItsFirstThread(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		r := openUndos(t)
		id := newSet(t, 9)
		w := kerneltest.Start(t, "undo-without-first-thread", strconv.Itoa(id))
		kerneltest.Eventually(t, "the first thread has ended", func() bool {
			text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", w.PID))
			return err == nil && strings.Contains(string(text), ") Z ")
		})
		if diff := cmp.Diff([]undo.Undo{undoOf(t, w, id, undo.SemAdj{Adj: 3})}, readUndos(t, r)); diff != "" {
			t.Error(diff)
		}
	})
}

// workUndoWithoutFirstThread subtracts 3 and ends its first thread. The other threads live on.
func workUndoWithoutFirstThread(j *kerneltest.Job) {
	undoOp(j, j.Args[0]+" 0 -3 undo")
	j.Ready()
	kerneltest.EndFirstThread()
	j.Wait()
}

// Processes may share one list (clone with CLONE_SYSVSEM): each process has the adjustments.
func TestUndosOfProcessesThatShare(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		r := openUndos(t)
		id := newSet(t, 9, 9)
		w := kerneltest.StartIn(t, unix.CLONE_SYSVSEM, "undo", fmt.Sprint(id, " 0 -3 undo"))
		if err := sysv.Operate(id, []sysv.SemOp{{Num: 1, Op: -1, Flags: sysv.SemUndo}}, 0); err != nil {
			t.Fatal(err)
		}
		adj := []undo.SemAdj{{Num: 0, Adj: 3}, {Num: 1, Adj: 1}}
		ours := &kerneltest.Worker{PID: os.Getpid()}
		if diff := cmp.Diff([]undo.Undo{undoOf(t, ours, id, adj...), undoOf(t, w, id, adj...)},
			readUndos(t, r)); diff != "" {
			t.Error(diff)
		}
		w.Kill() // the kernel undoes nothing: this process still has the list
		if diff := cmp.Diff([]undo.Undo{undoOf(t, ours, id, adj...)}, readUndos(t, r)); diff != "" {
			t.Error(diff)
		}
	})
}

func compareAdj(a, b undo.SemAdj) int {
	return 100*(int(a.Num)-int(b.Num)) + int(a.Adj) - int(b.Adj)
}

// Sets of two IPC namespaces may have one id. A process in an inner pid namespace appears with its pid in the
// reader's namespace.
func TestUndosOfNamespaces(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		r := openUndos(t)
		here := newSet(t, 3)
		w := kerneltest.Start(t, "undo", fmt.Sprint(here, " 0 -1 undo"))
		foreign := kerneltest.StartIn(t, unix.CLONE_NEWIPC|unix.CLONE_NEWPID, "undo", "set 2", "own 1 7 undo")
		if foreign.Words[0] != strconv.Itoa(here) {
			t.Fatalf("the foreign set has id %s, ours %d: nothing is tested", foreign.Words[0], here)
		}
		want := []undo.Undo{undoOf(t, w, here, undo.SemAdj{Adj: 1}),
			undoOf(t, foreign, here, undo.SemAdj{Num: 1, Adj: -7})}
		if diff := cmp.Diff(want, readUndos(t, r)); diff != "" || want[0].IPCNS == want[1].IPCNS {
			t.Error(want[0].IPCNS, diff)
		}
	})
}

// Here the reader is in the namespace of the test's start, often the machine's first pid namespace. Only the
// semaphores are in a new namespace.
func TestUndosOutsideOfNamespaces(t *testing.T) {
	r := openUndos(t)
	w := kerneltest.StartIn(t, unix.CLONE_NEWIPC, "undo", "set 3", "own 2 1 undo")
	id, err := strconv.Atoi(w.Words[0])
	if err != nil {
		t.Fatal(err)
	}
	ours := func() []undo.Undo {
		return slices.DeleteFunc(readUndos(t, r), func(u undo.Undo) bool { return u.PID != w.PID })
	}
	if diff := cmp.Diff([]undo.Undo{undoOf(t, w, id, undo.SemAdj{Num: 2, Adj: -1})}, ours()); diff != "" {
		t.Error(diff)
	}
	w.Kill()
	if got := ours(); len(got) > 0 {
		t.Errorf("after its end: %v", got)
	}
}

// The list leaves out processes outside the reader's pid namespace: they have no pid there.
func TestUndosLeaveOutProcessesOutside(t *testing.T) {
	const name = "IPCTOP_TEST_UNDO_OUTSIDE"
	if os.Getenv(name) == "" {
		r := openUndos(t)
		w := kerneltest.StartIn(t, unix.CLONE_NEWIPC, "undo", "set 1", "own 0 1 undo")
		t.Setenv(name, strconv.Itoa(w.PID))
		if !slices.ContainsFunc(readUndos(t, r), func(u undo.Undo) bool { return u.PID == w.PID }) {
			t.Fatal("it is not even seen by whoever is outside as well")
		}
	}
	kerneltest.InNamespace(t, func() {
		if got := readUndos(t, openUndos(t)); len(got) > 0 {
			t.Errorf("%+v, of which only process %s outside can be", got, os.Getenv(name))
		}
	})
}

func TestUndosOfTheLargestSet(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		r := openUndos(t)
		const most = 32000 // SEMMSL unless somebody set it
		w := kerneltest.Start(t, "undo", fmt.Sprint("set ", most), "own 31999 1 undo", "own 4 2 undo",
			"own 15001 3 undo")
		id, err := strconv.Atoi(w.Words[0])
		if err != nil {
			t.Fatal(err)
		}
		want := []undo.Undo{undoOf(t, w, id, undo.SemAdj{Num: 4, Adj: -2}, undo.SemAdj{Num: 15001, Adj: -3},
			undo.SemAdj{Num: most - 1, Adj: -1})}
		if diff := cmp.Diff(want, readUndos(t, r)); diff != "" {
			t.Error(diff)
		}
	})
}

// An index with several digits in the kernel's tree also leads to its set.
func TestUndosOfManySets(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		r := openUndos(t)
		w := kerneltest.Start(t, "undo")
		var want []undo.Undo
		for i := range 5000 {
			id := newSet(t, 1)
			if i%500 != 499 {
				continue
			}
			w.Say(fmt.Sprint(id, " 0 1 undo"))
			w.Read()
			want = append(want, undoOf(t, w, id, undo.SemAdj{Adj: -1}))
		}
		if diff := cmp.Diff(want, readUndos(t, r)); diff != "" {
			t.Error(diff)
		}
	})
}

// If a process has too many adjustments for one read, the result is not complete.
func TestUndosIncomplete(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		r := openUndos(t)
		const most = 3500
		id := newSet(t, make([]uint16, most+1)...)
		add := func(from, n int) {
			t.Helper()
			ops := make([]sysv.SemOp, n)
			for i := range ops {
				ops[i] = sysv.SemOp{Num: uint16(from + i), Op: 1, Flags: sysv.SemUndo}
			}
			if err := sysv.Operate(id, ops, 0); err != nil {
				t.Fatal(err)
			}
		}
		for from := 0; from < most; from += 500 { // SEMOPM
			add(from, 500)
		}
		for _, want := range []bool{true, false} {
			undos, complete, err := r.Undos()
			if err != nil || complete != want || len(undos) != 1 || len(undos[0].Adj) != most {
				t.Errorf("complete: %v, want %v; error %v, %d sets", complete, want, err, len(undos))
			}
			add(most, 1)
		}
	})
}

// The error for missing rights names the rights.
func TestUndosNeedRights(t *testing.T) {
	refused := func(w *kerneltest.Worker) {
		t.Helper()
		if got := strings.Join(w.Words, " "); !strings.HasPrefix(got,
			"denied SEM_UNDO could not be read: it takes CAP_BPF and CAP_PERFMON") {
			t.Error(got)
		}
	}
	if os.Getuid() == 0 {
		refused(kerneltest.StartAs(t, &syscall.Credential{Uid: 1000, Gid: 1000}, "undo-denied"))
		refused(kerneltest.StartMapped(t, 1000, 0, "undo-denied"))
	} else {
		refused(kerneltest.Start(t, "undo-denied"))
	}
}

// Either pair of rights is enough.
func TestUndosNeedOnePairOfRights(t *testing.T) {
	openUndos(t) // skips the test without both pairs
	for caps, want := range map[string]string{
		"38 39": "not denied <nil>", // CAP_PERFMON, CAP_BPF
		"21":    "not denied <nil>", // CAP_SYS_ADMIN
		"38":    "denied SEM_UNDO could not be read: it takes CAP_BPF and CAP_PERFMON",
		"39":    "denied SEM_UNDO could not be read: it takes CAP_BPF and CAP_PERFMON",
	} {
		w := kerneltest.Start(t, "undo-denied", strings.Fields(caps)...)
		if diff := cmp.Diff(strings.Fields(want), w.Words); diff != "" {
			t.Errorf("with capabilities %s: %s", caps, diff)
		}
	}
}

// workUndoDenied opens the reader with only the capabilities of its arguments. Without arguments it keeps all.
func workUndoDenied(j *kerneltest.Job) {
	if len(j.Args) > 0 {
		runtime.LockOSThread()
		var set [2]unix.CapUserData
		for _, arg := range j.Args {
			n, err := strconv.Atoi(arg)
			j.Check(err)
			set[n/32].Effective |= 1 << (n % 32)
			set[n/32].Permitted |= 1 << (n % 32)
		}
		j.Check(unix.Capset(&unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}, &set[0]))
	}
	h := sys.Root("")
	if r, err := undo.Open(h); errors.Is(err, fs.ErrPermission) && r == nil {
		j.Ready("denied", err)
	} else {
		j.Ready("not denied", err)
	}
	j.Wait()
}

// A tree of files has no tasks.
func TestUndosOfFiles(t *testing.T) {
	if r, err := undo.Open(kerneltest.Must(sys.OpenRoot(kerneltest.Tree(t, nil)))(t)); r != nil || !errors.Is(err,
		sys.ErrNotLive) {
		t.Error(r, err)
	}
}

// Operations go on while the reader reads.
func TestUndosWhileOperationsGoOn(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		r := openUndos(t)
		id := newSet(t, 9, 9)
		w := kerneltest.Start(t, "undo")
		taken := undoOf(t, w, id, undo.SemAdj{Num: 1, Adj: 1})
		stop, stopped := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(stopped)
			for op := -1; ; op = -op {
				select {
				case <-stop:
					return
				default:
					w.Say(fmt.Sprint(id, " 1 ", op, " undo"))
					w.Read()
				}
			}
		}()
		var seen [2]int
		kerneltest.Eventually(t, "the semaphore was seen taken and free a hundred times each", func() bool {
			got := readUndos(t, r)
			if len(got) > 0 {
				if diff := cmp.Diff([]undo.Undo{taken}, got); diff != "" {
					t.Error(diff)
				}
			}
			seen[len(got)]++
			return seen[0] >= 100 && seen[1] >= 100 || t.Failed()
		})
		close(stop)
		<-stopped
	})
}
