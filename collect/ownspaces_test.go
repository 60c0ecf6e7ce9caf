package collect

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/namespace"
	"github.com/ipctop/ipctop/collect/kernel/sysv"
	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/schema"
)

// workThreadWaitsElsewhere has a thread in an IPC namespace of its own. The thread makes a set and a queue there, and
// waits for the kind in the argument. The worker reports the thread, the set and the queue.
func workThreadWaitsElsewhere(j *kerneltest.Job) {
	kerneltest.OnOtherThread(func() {
		j.Check(unix.Unshare(unix.CLONE_NEWIPC))
		a := kernel.NewAdmin()
		set, err := a.SemGet(0x7002, 1, createIPC|0o600)
		j.Check(err)
		queue, err := a.MsgGet(0x7001, createIPC|0o600)
		j.Check(err)
		j.Ready(unix.Gettid(), set, queue)
		if j.Args[0] == "sem" {
			err = a.SemOp(set, []sysv.SemOp{{Op: -1}}, -1)
		} else {
			_, _, err = a.MsgReceive(queue, 9, 10, 0)
		}
		j.Check(err)
	})
	j.Wait()
}

// threadSpace is the namespace of a thread.
func (s *sysvScene) threadSpace(pid, tid int, typ string) uint64 {
	s.Helper()
	link, err := os.Readlink(fmt.Sprintf("/proc/%d/task/%d/ns/%s", pid, tid, typ))
	s.check(err)
	_, ino, ok := namespace.ParseLink([]byte(link))
	if !ok {
		s.Fatalf("%q is no namespace", link)
	}
	return ino
}

// A thread waits in an IPC namespace of its own. The namespace of its process has a set and a queue with the same ids:
// the thread does not wait for these.
func TestAThreadWaitsInANamespaceOfItsOwn(t *testing.T) {
	for _, kind := range []schema.Kind{schema.Sem, schema.Msg} {
		t.Run(string(kind), func(t *testing.T) {
			kerneltest.InNamespace(t, func() {
				s := newSysVScene(t)
				set, queue := s.id(s.admin.SemGet(0x7002, 1, createIPC|0o600)),
					s.id(s.admin.MsgGet(0x7001, createIPC|0o600))
				w := kerneltest.Start(t, "waits-elsewhere", string(kind))
				tid, id, call := atoi(s, w.Words[0]), set, "semop"
				if kind == schema.Msg {
					id, call = queue, "msgrcv"
				}
				s.equal("ids there", []string{fmt.Sprint(set), fmt.Sprint(queue)}, w.Words[1:])
				s.sleepsIn(w.PID)
				here := fmt.Sprintf("%s:%d", kind, id)
				there := fmt.Sprintf("%s@%d", here, s.threadSpace(w.PID, tid, "ipc"))

				rows, _ := s.look(kind, proc.NeedProcs|proc.NeedSyscall)
				s.equal("waiters without other namespaces", holders(), rows[here]["waiters"])
				rows, _ = table(s.everywhere(proc.NeedProcs|proc.NeedSyscall, kind), kind)
				s.equal("waiters here", holders(), rows[here]["waiters"])
				s.equal("waiters there", holders(s.waits(w.PID, tid, call)), rows[there]["waiters"])

				c := New(s.host, time.Now)
				snap := c.Take(Request{Want: map[schema.Kind]schema.Need{schema.Wait: 0}, Edges: true,
					AllNamespaces: true})
				at := slices.IndexFunc(c.mechanisms, func(m *kinds.Mechanism) bool { return m.Kind == schema.Wait })
				says, _ := c.mechanisms[at].Column("says")
				found := false
				for _, o := range snap.Objects[schema.Wait] {
					text := says.Get(o).Str()
					found = found || strings.Contains(text, " waits for "+there+" ("+call) &&
						!strings.Contains(text, "could not be read")
				}
				if !found {
					t.Errorf("no wait for %s among %v", there, snap.Objects[schema.Wait])
				}
			})
		})
	}
}

// workThreadsAway has a thread in an IPC namespace of its own, one in a network namespace and one in a mount
// namespace. The first has a queue and a segment that it attached, the last a file in a /dev/shm of its own. The worker
// reports the three threads, the queue and the segment, and the device of the /dev/shm.
func workThreadsAway(j *kerneltest.Job) {
	said := make(chan []any)
	in := func(flags int, do func() []any) []any {
		kerneltest.OnOtherThread(func() {
			j.Check(unix.Unshare(flags))
			said <- append([]any{unix.Gettid()}, do()...)
			select {}
		})
		return <-said
	}
	a := kernel.NewAdmin()
	ipc := in(unix.CLONE_NEWIPC, func() []any {
		queue, err := a.MsgGet(0x7001, createIPC|0o600)
		j.Check(err)
		segment, err := a.ShmGet(0x7003, 4096, createIPC|0o600)
		j.Check(err)
		_, err = a.ShmAttach(segment, false)
		j.Check(err)
		return []any{queue, segment}
	})
	net := in(unix.CLONE_NEWNET, func() []any { return nil })
	mnt := in(unix.CLONE_NEWNS, func() []any {
		j.Check(unix.Mount("tmpfs", "/dev/shm", "tmpfs", 0, "mode=1777"))
		fd, err := a.ShmOpen("/cache", create, 0o640)
		j.Check(err)
		var st unix.Stat_t
		j.Check(unix.Fstat(fd, &st))
		j.Check(unix.Close(fd))
		return []any{schema.FormatDev(st.Dev)}
	})
	j.Ready(ipc[0], net[0], mnt[0], ipc[1], ipc[2], mnt[1])
	j.Wait()
}

// The namespaces that only a thread is in are found, with their objects.
func TestNamespacesThatOnlyAThreadIsIn(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newSysVScene(t)
		w := kerneltest.Start(t, "threads-away")
		tids := map[string]int{"ipc": atoi(s, w.Words[0]), "net": atoi(s, w.Words[1]), "mnt": atoi(s, w.Words[2])}
		at := map[string]uint64{}
		for typ, tid := range tids {
			at[typ] = s.threadSpace(w.PID, tid, typ)
		}
		leader := fmt.Sprintf("%s[%d]", s.end(w.PID).Comm, w.PID)

		queue, segment := fmt.Sprintf("msg:%s@%d", w.Words[3], at["ipc"]),
			fmt.Sprintf("shm:%s@%d", w.Words[4], at["ipc"])
		snap := s.everywhere(proc.NeedProcs|proc.NeedIPCNS|proc.NeedMaps, schema.Msg, schema.Shm)
		s.equal("faults", []schema.Fault(nil), snap.Faults)
		rows, _ := table(snap, schema.Msg)
		s.equal("leader of the queue", schema.String(leader), rows[queue]["ns_leader"])
		rows, _ = table(snap, schema.Shm)
		s.equal("leader of the segment", schema.String(leader), rows[segment]["ns_leader"])
		s.equal("holders of the segment", holders(s.holder(w.PID, 1)), rows[segment]["holders"])

		rows, _ = table(s.everyShm(), schema.PShm)
		file := rows["pshm:/cache@"+w.Words[5]]
		s.equal("leader of the file", schema.String(leader), file["ns_leader"])
		s.equal("namespace of the file", schema.Int(int64(at["mnt"])), file["ns"])

		c := New(s.host, time.Now)
		req := Request{Want: map[schema.Kind]schema.Need{schema.NS: 0}, Edges: true}
		c.Take(Request{Want: map[schema.Kind]schema.Need{schema.Msg: 0}, AllNamespaces: true}) // reads one type only
		// the second time from memory
		for range 2 {
			rows, edges := table(c.Take(req), schema.NS)
			for typ, ino := range at {
				ref := fmt.Sprintf("ns:%d", ino)
				got := cells{"type": rows[ref]["type"], "nprocs": rows[ref]["nprocs"], "pid": rows[ref]["pid"]}
				s.equal(ref, cells{"type": schema.String(typ), "nprocs": schema.Int(1),
					"pid": schema.Int(int64(w.PID))}, got)
				edge := fmt.Sprintf("proc:%d holds %s thread %d is in it observed", w.PID, ref, tids[typ])
				if !slices.Contains(edges, edge) {
					t.Errorf("no edge %q among %q", edge, edges)
				}
			}
		}
	}, unix.CLONE_NEWNET)
}
