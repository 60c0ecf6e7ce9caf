package collect

import (
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/posix"
	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/relate"
	"github.com/ipctop/ipctop/collect/schema"
)

// workOwnTable has a thread with a table of descriptors of its own. The thread alone has the file and the queue in the
// arguments open, and an eventfd. It sleeps in mq_receive. The worker reports the thread and the three descriptors.
func workOwnTable(j *kerneltest.Job) {
	a := kernel.NewAdmin()
	kerneltest.OnOtherThread(func() {
		j.Check(unix.Unshare(unix.CLONE_FILES))
		file, err := unix.Open(j.Args[0], unix.O_RDWR|unix.O_CLOEXEC, 0)
		j.Check(err)
		queue, err := a.MqOpen(j.Args[1], unix.O_RDWR, 0, nil)
		j.Check(err)
		event, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
		j.Check(err)
		j.Ready(unix.Gettid(), file, queue, event)
		_, _, err = a.MqReceive(queue, 100)
		j.Check(err)
	})
	j.Wait()
}

// withOwnTable starts workOwnTable with a new file and a new queue. Nobody else has them open.
func (s *sysvScene) withOwnTable() (w *kerneltest.Worker, said []int) {
	s.Helper()
	file, err := unix.Open("/dev/shm/table", create, 0o600)
	s.check(err)
	s.check(unix.Close(file))
	queue, err := s.admin.MqOpen("/table", create, 0o600, &posix.MqAttr{MaxMsg: 2, MsgSize: 100})
	s.check(err)
	s.check(unix.Close(queue))
	w = kerneltest.Start(s, "own-table", "/dev/shm/table", "/table")
	for _, word := range w.Words {
		said = append(said, atoi(s, word))
	}
	return w, said
}

// A thread may have a table of descriptors of its own. It holds what the table has, and waits on it.
func TestAThreadWithATableOfItsOwn(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newSysVScene(t)
		w, said := s.withOwnTable()
		tid, file, queue, event := said[0], said[1], said[2], said[3]
		s.asleep(w.PID, inFileCall("mq_receive"))
		own := func(fd int, mode string) schema.Value {
			e := s.end(w.PID)
			e.TID, e.FD, e.Mode = tid, fd, mode
			return holders(e)
		}
		rows, edges := s.lookAt(schema.PShm, ^schema.Need(0))
		s.equal("holders of the file", own(file, "rw"), rows["pshm:/table"]["holders"])
		if edge := fmt.Sprintf("fd %d of thread %d", file, tid); !slices.ContainsFunc(edges,
			func(e string) bool { return strings.Contains(e, edge) }) {
			t.Errorf("no edge %q among %q", edge, edges)
		}
		rows, _ = s.lookAt(schema.PMsg, ^schema.Need(0))
		s.equal("holders of the queue", own(queue, "rw"), rows["pmsg:/table"]["holders"])
		s.equal("waiters of the queue", own(queue, "mq_receive"), rows["pmsg:/table"]["waiters"])
		rows, _ = s.lookAt(schema.EventFD, ^schema.Need(0))
		found := false
		for _, row := range rows {
			found = found || row["holders"].Equal(own(event, ""))
		}
		if !found {
			t.Errorf("no eventfd of the thread among %v", rows)
		}
		for kind, ref := range map[schema.Kind]string{schema.PShm: "pshm:/table", schema.PMsg: "pmsg:/table"} {
			if got := s.verdicts(kind)[ref]; got.Verdict != relate.Live {
				t.Errorf("%s: %+v, want live", ref, got)
			}
		}
	})
}

// Filters of containers refuse kcmp(2). The tables of threads are then read one by one.
func TestAThreadWithATableOfItsOwnWithoutKcmp(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newSysVScene(t)
		s.withOwnTable()
		look := kerneltest.Start(t, "without-kcmp", "pshm:/table")
		s.equal("verdict", []string{string(relate.Live)}, look.Words)
	})
}

// Without kcmp, a process with very many threads and descriptors is a fault. What it may hold makes no orphan.
func TestTooManyTablesWithoutKcmp(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newSysVScene(t)
		file, err := unix.Open("/dev/shm/table", create, 0o600)
		s.check(err)
		s.check(unix.Close(file))
		w := kerneltest.Start(t, "threads", "40", "500") // 20,000 descriptors to look at, the limit is 16,384
		look := kerneltest.Start(t, "without-kcmp", "pshm:/table")
		// An ordinary user's own processes may know the file besides: then the verdict is suspect.
		if got := relate.Leak(look.Words[0]); got != relate.Unknown && got != relate.Suspect {
			t.Errorf("verdict %s, want unknown or suspect", got)
		}
		look.Say("faults")
		want := fmt.Sprintf("the file descriptors of process %d/%s could not be read (too many threads and "+
			"descriptors to look for threads with tables of their own): who holds what there is not shown", w.PID,
			s.end(w.PID).Comm)
		s.equal("faults", want, strings.Join(look.Read(), " "))
	})
}

// workVerdictWithoutKcmp refuses kcmp to itself, and reports the verdict on an object of kind pshm. Then it reports the
// faults of a snapshot.
func workVerdictWithoutKcmp(j *kerneltest.Job) {
	refuse := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 0}, // the number of the call
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: unix.SYS_KCMP, Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	}
	program := unix.SockFprog{Len: uint16(len(refuse)), Filter: &refuse[0]}
	j.Check(unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
	if _, _, e := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC,
		uintptr(unsafe.Pointer(&program))); e != 0 {
		j.Check(e)
	}
	host, err := kernel.Open("")
	j.Check(err)
	j.Ready(string(verdictsAt(host, time.Now(), schema.PShm, NoGrace)[j.Args[0]].Verdict))
	j.Wait()
	snap := New(host, time.Now).Take(Request{Want: map[schema.Kind]schema.Need{schema.PShm: kinds.HolderNeeds}})
	var says []any
	for _, f := range snap.Faults {
		says = append(says, f.Says)
	}
	j.Ready(says...)
	j.Wait()
}

// workThreads has the number of threads in its argument, besides those of the Go runtime. They sleep. It has as many
// more descriptors as the second argument says, if there is one.
func workThreads(j *kerneltest.Job) {
	n, err := strconv.Atoi(j.Args[0])
	j.Check(err)
	if len(j.Args) > 1 {
		for range argument(j, 1) {
			_, err := unix.Dup(0)
			j.Check(err)
		}
	}
	for range n {
		go func() {
			runtime.LockOSThread()
			unix.Nanosleep(&unix.Timespec{Sec: 1000}, nil)
		}()
	}
	j.Ready()
	j.Wait()
}

// BenchmarkWalkOfThreads walks over 60 processes with at least 16 threads each, all with the table of their process.
// first and next are the first and a later tick. descriptors asks for descriptors only, waiters also for the calls of
// each thread.
func BenchmarkWalkOfThreads(b *testing.B) {
	kerneltest.InNamespace(b, func() {
		for range 60 {
			kerneltest.Start(b, "threads", "16")
		}
		host, err := kernel.Open("")
		if err != nil {
			b.Fatal(err)
		}
		for name, need := range map[string]schema.Need{"descriptors": proc.NeedProcs | proc.NeedFDs | proc.NeedFDModes,
			"waiters": proc.NeedProcs | proc.NeedFDs | proc.NeedFDModes | proc.NeedSyscall} {
			req := Request{Want: map[schema.Kind]schema.Need{schema.Pipe: need}}
			b.Run(name+"-first", func(b *testing.B) {
				for b.Loop() {
					New(host, time.Now).Take(req)
				}
			})
			b.Run(name+"-next", func(b *testing.B) {
				c := New(host, time.Now)
				for b.Loop() {
					c.Take(req)
				}
			})
		}
	})
}
