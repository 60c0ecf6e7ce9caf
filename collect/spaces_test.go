package collect

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/content"
	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/namespace"
	"github.com/ipctop/ipctop/collect/kernel/sysv"
	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/schema"
)

// workOwnIPC makes and uses one object of each kind: a queue with a message and a waiter, a set of one semaphore, a
// segment that is attached twice.
func workOwnIPC(j *kerneltest.Job) {
	a := kernel.NewAdmin()
	queue, err := a.MsgGet(0x7001, createIPC|0o640)
	j.Check(err)
	j.Check(a.MsgSend(queue, 1, []byte("hello"), 0))
	set, err := a.SemGet(0x7002, 1, createIPC|0o600)
	j.Check(err)
	j.Check(a.SemSetValue(set, 0, 7))
	segment, err := a.ShmGet(0x7003, 4096, createIPC|0o600)
	j.Check(err)
	for range 2 {
		_, err = a.ShmAttach(segment, false)
		j.Check(err)
	}
	j.Ready(queue, set, segment)
	_, _, err = a.MsgReceive(queue, 9, 10, 0)
	j.Check(err)
}

// everywhere collects kinds of all namespaces.
func (s *sysvScene) everywhere(needs schema.Need, kinds ...schema.Kind) *Snapshot {
	s.Helper()
	req := Request{Want: map[schema.Kind]schema.Need{}, Edges: true, AllNamespaces: true}
	for _, k := range kinds {
		req.Want[k] = needs
	}
	return New(s.host, func() time.Time { return s.now }).Take(req)
}

// ipcOf is the IPC namespace of a process.
func (s *sysvScene) ipcOf(pid int) uint64 {
	s.Helper()
	link, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/ipc", pid))
	s.check(err)
	_, ino, ok := namespace.ParseLink([]byte(link))
	if !ok {
		s.Fatalf("%q is no namespace", link)
	}
	return ino
}

// The owner of an object and the pid of a process are shown as the reader sees them. If their own namespace has other
// numbers, those are shown as well.
func TestOwnViewOfAnotherNamespace(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root: an ordinary user's namespace holds one uid only")
	}
	kerneltest.InNamespace(t, func() {
		s := newSysVScene(t)
		s.id(s.admin.MsgGet(0x7001, createIPC|0o640))
		w := kerneltest.StartMapped(t, 1000, unix.CLONE_NEWIPC|unix.CLONE_NEWPID, "own-ipc")
		snap := s.everywhere(proc.NeedProcs|proc.NeedIPCNS|kinds.NeedProcDetail, schema.Msg, schema.Proc)
		rows, _ := table(snap, schema.Msg)
		got := map[string]cells{}
		for ref, row := range rows {
			got[ref] = cells{"uid": row["uid"]}
			if own, differs := row["own_uid"]; differs {
				got[ref]["own_uid"] = own
			}
		}
		s.equal("queues", map[string]cells{
			"msg:0":                                 {"uid": schema.Int(0)},
			fmt.Sprintf("msg:0@%d", s.ipcOf(w.PID)): {"uid": schema.Int(1000), "own_uid": schema.Int(0)},
		}, got)
		procs, _ := table(snap, schema.Proc)
		s.equal("pids", schema.List([]string{fmt.Sprint(w.PID), "1"}), procs[fmt.Sprintf("proc:%d", w.PID)]["nspid"])
	})
}

// Each of two namespaces has a queue, a set and a segment, with the same ids and keys.
func TestObjectsOfAnotherNamespace(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newSysVScene(t)
		queue := s.id(s.admin.MsgGet(0x7001, createIPC|0o640))
		set := s.id(s.admin.SemGet(0x7002, 1, createIPC|0o600))
		segment := s.id(s.admin.ShmGet(0x7003, 4096, createIPC|0o600))
		data, err := s.admin.ShmAttach(segment, true)
		s.check(err)
		defer s.admin.ShmDetach(data)
		w := kerneltest.StartIn(t, unix.CLONE_NEWIPC, "own-ipc")
		s.equal("the other namespace's ids", []string{fmt.Sprint(queue), fmt.Sprint(set), fmt.Sprint(segment)}, w.Words)
		tid := s.sleepsIn(w.PID)
		ns := s.ipcOf(w.PID)
		at := func(kind string, id int) (own, other string) {
			return fmt.Sprintf("%s:%d", kind, id), fmt.Sprintf("%s:%d@%d", kind, id, ns)
		}
		all := proc.NeedProcs | proc.NeedSyscall | kinds.NeedSemValues | proc.NeedMaps
		snap := s.everywhere(all, schema.Msg, schema.Sem, schema.Shm)
		s.equal("faults", []schema.Fault(nil), snap.Faults)
		leader := fmt.Sprintf("%s[%d]", s.end(w.PID).Comm, w.PID)
		there := func(p sysv.IPCPerm, ctime int64, more cells) cells {
			c := s.owned(p, ctime, more)
			c["ns"], c["ns_leader"] = schema.Int(int64(ns)), schema.String(leader)
			return c
		}
		here := func(p sysv.IPCPerm, ctime int64, more cells) cells {
			c := s.owned(p, ctime, more)
			c["ns_leader"] = schema.String(s.end(1).Comm + "[1]")
			return c
		}
		inside := namespace.Namespace{Type: "ipc", Ino: ns, Path: fmt.Sprintf("/proc/%d/ns/ipc", w.PID)}

		q, err := s.host.MsgStat(queue)
		s.check(err)
		var q2 sysv.MsgQueue
		s.check(s.host.VisitNamespace(inside, func() (err error) { q2, err = s.host.MsgStat(queue); return err }))
		own, other := at("msg", queue)
		rows, edges := table(snap, schema.Msg)
		s.equal("queues", map[string]cells{
			own: here(q.IPCPerm, q.CTime,
				cells{"usedbytes": schema.Bytes(0), "msgs": schema.Int(0), "qbytes": schema.Bytes(q.QBytes),
					"use": schema.Float(0), "waiters": holders()}),
			other: there(q2.IPCPerm, q2.CTime,
				cells{"usedbytes": schema.Bytes(5), "msgs": schema.Int(1), "qbytes": schema.Bytes(q2.QBytes),
					"use": schema.Float(5 / float64(q2.QBytes) * 100), "lspid": schema.Int(int64(w.PID)),
					"send":    schema.UnixTime(q2.STime),
					"waiters": holders(s.waits(w.PID, tid, "msgrcv"))}),
		}, rows)
		s.equal("edges of queues", []string{
			fmt.Sprintf("proc:%d last_used %s msgsnd observed", w.PID, other),
			fmt.Sprintf("proc:%d waits_on %s msgrcv type 9 observed", w.PID, other),
		}, edges)

		content, err := content.Peek(s.host,
			snap.Find(schema.Ref{Kind: schema.Msg, Space: ns, ID: uint64(queue), Gen: uint64(q2.CTime)}),
			snap.FindNamespace,
			content.PeekRange{Count: 9, Each: 100})
		s.check(err)
		if len(content.Messages) != 1 || string(content.Messages[0].Data) != "hello" {
			t.Errorf("peek there: %+v, want the one message", content.Messages)
		}

		own, other = at("sem", set)
		rows, _ = table(snap, schema.Sem)
		s.equal("semval", schema.List([]string{"[0]=0"}), rows[own]["semval"])
		s.equal("semval there", schema.List([]string{fmt.Sprintf("[0]=7/pid=%d", w.PID)}), rows[other]["semval"])

		own, other = at("shm", segment)
		rows, edges = table(snap, schema.Shm)
		s.equal("holders", holders(s.holder(s.self.PID, 1)), rows[own]["holders"])
		s.equal("holders there", holders(s.holder(w.PID, 2)), rows[other]["holders"])
		s.equal("creator there", schema.String(proc.CreatorAlive), rows[other]["creator_state"])
		s.equal("edges of segments", 6, len(edges))

		for text, want := range map[string]string{
			fmt.Sprintf("shm:%d", segment): own, fmt.Sprintf("shm:%d@%d", segment, ns): other, "shm:key=0x7003": own,
			fmt.Sprintf("shm:key=0x7003@%d", ns): other,
		} {
			sel, err := schema.ParseSelector(text, func(schema.Kind) bool { return true })
			s.check(err)
			ref, err := snap.Resolve(sel)
			s.check(err)
			s.equal(text, want, ref.String())
		}
	})
}

// By default only the objects of the reader's own namespace are listed. A note tells what is left out.
func TestNoteOnOtherNamespaces(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newSysVScene(t)
		take := func() *Snapshot {
			return New(s.host, time.Now).Take(Request{Want: map[schema.Kind]schema.Need{schema.Msg: 0}})
		}
		s.equal("notes of a machine with one namespace", []string(nil), take().Notes)
		kerneltest.StartIn(t, unix.CLONE_NEWIPC, "own-ipc")
		snap := take()
		s.equal("queues", 0, len(snap.Objects[schema.Msg]))
		s.equal("notes", []string{"1 other IPC namespace holds 3 objects (-A)"}, snap.Notes)
		kerneltest.StartIn(t, unix.CLONE_NEWIPC, "own-ipc")
		s.equal("notes on two", []string{"2 other IPC namespaces hold 6 objects (-A)"}, take().Notes)
		s.equal("notes with -A", []string(nil), s.everywhere(0, schema.Msg).Notes)
	})
}

// A namespace without processes stays as long as somebody has a descriptor of it, or a mount.
func TestNamespaceWithoutProcesses(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newSysVScene(t)
		w := kerneltest.StartIn(t, unix.CLONE_NEWIPC, "own-ipc")
		ns := s.ipcOf(w.PID)
		ref := fmt.Sprintf("msg:%s@%d", w.Words[0], ns)
		path := fmt.Sprintf("/proc/%d/ns/ipc", w.PID)
		fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		s.check(err)
		point := filepath.Join(t.TempDir(), "a namespace")
		s.check(os.WriteFile(point, nil, 0o600))
		s.check(unix.Mount(path, point, "", unix.MS_BIND, ""))
		w.Kill()
		leader := func() schema.Value {
			snap := s.everywhere(proc.NeedProcs, schema.Msg)
			s.equal("faults", []schema.Fault(nil), snap.Faults)
			rows, _ := table(snap, schema.Msg)
			return rows[ref]["ns_leader"]
		}
		s.equal("mounted", schema.String(point), leader())
		s.check(unix.Unmount(point, 0))
		s.equal("held by a descriptor", schema.String(fmt.Sprintf("%s[%d]/fd/%d", s.self.Comm, s.self.PID, fd)),
			leader())
		s.check(unix.Close(fd))
		s.equal("gone", schema.Value{}, leader())
	})
}

// A reader who may not enter a namespace gets a fault.
func TestNamespaceThatCannotBeEntered(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root: an ordinary user's namespace holds one uid only")
	}
	kerneltest.InNamespace(t, func() {
		s := newSysVScene(t)
		s.id(s.admin.MsgGet(0x7001, createIPC|0o640))
		nobody := &syscall.Credential{Uid: 65534, Gid: 65534}
		kerneltest.StartAsIn(t, nobody, unix.CLONE_NEWIPC, "own-ipc")
		sees := kerneltest.StartAs(t, nobody, "look-everywhere")
		s.equal("what an ordinary user sees", []string{"1 queues",
			"namespaces: 1 of 1 other IPC namespaces could not be entered (permission denied): their objects are " +
				"not shown; root enters all",
			"ns: the namespaces of 2 of 4 processes could not be read (permission denied): those of theirs alone " +
				"are not shown; root sees all",
		}, strings.Split(strings.Join(sees.Words, " "), "/"))
	})
}

// workLookEverywhere prints what it sees of all namespaces, and its faults.
func workLookEverywhere(j *kerneltest.Job) {
	host, err := kernel.Open("")
	j.Check(err)
	snap := New(host, time.Now).Take(Request{Want: map[schema.Kind]schema.Need{schema.Msg: 0}, AllNamespaces: true})
	says := []string{fmt.Sprintf("%d queues", len(snap.Objects[schema.Msg]))}
	for _, f := range snap.Faults {
		if f.Source != "fd" {
			says = append(says, f.Source+": "+f.Says)
		}
	}
	slices.Sort(says)
	j.Ready(strings.Join(says, "/"))
	j.Wait()
}

// workHoldSpaces makes 100 IPC namespaces with five queues each, and holds them by descriptors.
func workHoldSpaces(j *kerneltest.Job) {
	runtime.LockOSThread()
	for range 100 {
		j.Check(unix.Unshare(unix.CLONE_NEWIPC))
		for range 5 {
			_, err := kernel.NewAdmin().MsgGet(sysv.KeyPrivate, createIPC|0o600)
			j.Check(err)
		}
		_, err := unix.Open("/proc/thread-self/ns/ipc", unix.O_RDONLY, 0)
		j.Check(err)
	}
	j.Ready()
	j.Wait()
}

// BenchmarkQueuesOfAHundredNamespaces lists 500 queues in 101 namespaces, in the second and in later snapshots.
func BenchmarkQueuesOfAHundredNamespaces(b *testing.B) {
	kerneltest.InNamespace(b, func() {
		host, err := kernel.Open("")
		if err != nil {
			b.Fatal(err)
		}
		kerneltest.Start(b, "hold-spaces")
		c := New(host, time.Now)
		for _, all := range []bool{false, true} {
			b.Run(fmt.Sprintf("all=%v", all), func(b *testing.B) {
				for b.Loop() {
					snap := c.Take(Request{Want: map[schema.Kind]schema.Need{schema.Msg: 0}, AllNamespaces: all})
					if want := map[bool]int{true: 500}[all]; len(snap.Objects[schema.Msg]) != want {
						b.Fatalf("%d queues, want %d", len(snap.Objects[schema.Msg]), want)
					}
				}
			})
		}
	})
}
