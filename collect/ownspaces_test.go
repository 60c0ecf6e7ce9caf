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
				set, queue := s.id(s.admin.SemGet(0x7002, 1, createIPC|0o600)), s.id(s.admin.MsgGet(0x7001, createIPC|0o600))
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
				snap := c.Take(Request{Want: map[schema.Kind]schema.Need{schema.Wait: 0}, Edges: true, AllNamespaces: true})
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
