package collect

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/kernel/sysv"
	"github.com/ipctop/ipctop/collect/kernel/undo"
	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/schema"
)

// workSemHold does operations with SEM_UNDO. Its first argument is the set, or "own" for a new set of nine semaphores.
// Then come the number of a semaphore and the number to add, for each operation.
func workSemHold(j *kerneltest.Job) {
	a := kernel.NewAdmin()
	if j.Args[0] == "own" {
		id, err := a.SemGet(sysv.KeyPrivate, 9, createIPC|0o600)
		j.Check(err)
		j.Args[0] = fmt.Sprint(id)
	}
	for i := 1; i+1 < len(j.Args); i += 2 {
		op := sysv.SemOp{Num: uint16(argument(j, i)), Op: int16(argument(j, i+1)), Flags: sysv.SemUndo}
		j.Check(a.SemOp(argument(j, 0), []sysv.SemOp{op}, 0))
	}
	j.Ready(j.Args[0])
	j.Wait()
}

// undoScene is a scene where SEM_UNDO may be read. Otherwise it skips the test.
func undoScene(t *testing.T) *sysvScene {
	s := newSysVScene(t)
	r, err := undo.Open(s.host.Root)
	if _, noTypes := os.Stat("/sys/kernel/btf/vmlinux"); sys.Denied(err) || noTypes != nil {
		t.Skip(err)
	}
	s.check(err)
	s.check(r.Close())
	return s
}

func (s *sysvScene) held(pid int, words string) schema.Endpoint {
	e := s.end(pid)
	e.Mode = words
	return e
}

func TestHoldersOfSemaphores(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := undoScene(t)
		set, other := s.id(s.admin.SemGet(sysv.KeyPrivate, 9, createIPC|0o600)),
			s.id(s.admin.SemGet(sysv.KeyPrivate, 1, createIPC|0o600))
		s.check(s.admin.SemSetValues(set, []uint16{5, 5, 5, 5, 5, 5, 5, 5, 5}))
		both := kerneltest.Start(t, "sem-hold", fmt.Sprint(set), "3", "-2", "0", "4")
		many := kerneltest.Start(t, "sem-hold", fmt.Sprint(set), "0", "-1", "1", "-1", "2", "-1", "3", "-1", "4",
			"-1", "5", "-1", "6", "-1", "7", "-1", "8", "-1")
		giver := kerneltest.Start(t, "sem-hold", fmt.Sprint(set), "1", "1")
		dead := kerneltest.Start(t, "sem-hold", fmt.Sprint(other), "0", "1")
		dead.Kill()

		rows, edges := s.undos(kinds.NeedUndo, false)
		const all = "[0]+1 [1]+1 [2]+1 [3]+1 [4]+1 [5]+1 [6]+1 [7]+1 …"
		setRef, otherRef := fmt.Sprint("sem:", set), fmt.Sprint("sem:", other)
		s.equal("cells", map[string]schema.Value{
			setRef:   holders(s.held(both.PID, "[0]-4 [3]+2"), s.held(many.PID, all), s.held(giver.PID, "[1]-1")),
			otherRef: schema.Endpoints(nil, false),
		}, rows)
		want := []string{
			fmt.Sprintf("proc:%d holds %s SEM_UNDO [0]-4 [3]+2 observed", both.PID, setRef),
			fmt.Sprintf("proc:%d holds %s SEM_UNDO %s observed", many.PID, setRef, all),
		}
		slices.Sort(want)
		s.equal("edges", want, edges)

		// No column needs them: nothing is read.
		rows, edges = s.undos(0, false)
		s.equal("cells without needs", map[string]schema.Value{
			setRef: schema.Uncollected(schema.TypeEndpoints), otherRef: schema.Uncollected(schema.TypeEndpoints)}, rows)
		s.equal("edges without needs", []string(nil), edges)
	})
}

// undos are the undo cells of all sets, and the edges from the holders.
func (s *sysvScene) undos(needs schema.Need, everywhere bool) (map[string]schema.Value, []string) {
	s.Helper()
	snap := New(s.host, time.Now).Take(Request{Want: map[schema.Kind]schema.Need{schema.Sem: needs}, Edges: true,
		AllNamespaces: everywhere})
	s.equal("faults", []schema.Fault(nil), snap.Faults)
	rows, edges := map[string]schema.Value{}, []string(nil)
	for _, o := range snap.Objects[schema.Sem] {
		rows[o.Ref.String()] = o.Row.(*kinds.SemRow).Undo
	}
	_, edges = table(snap, schema.Sem)
	return rows, edges
}

// A set in another IPC namespace may have the same id.
func TestHoldersOfSemaphoresOfNamespaces(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := undoScene(t)
		set := fmt.Sprint(s.id(s.admin.SemGet(sysv.KeyPrivate, 1, createIPC|0o600)))
		foreign := kerneltest.StartIn(t, unix.CLONE_NEWIPC, "sem-hold", "own", "2", "7", "2", "-7", "1", "1")
		if foreign.Words[0] != set {
			t.Fatalf("the foreign set has id %s, ours %s: nothing is tested", foreign.Words[0], set)
		}
		rows, _ := s.undos(kinds.NeedUndo, true)
		s.equal("cells", map[string]schema.Value{
			"sem:" + set: schema.Endpoints(nil, false),
			fmt.Sprintf("sem:%s@%d", set, s.ipcOf(foreign.PID)): holders(s.held(foreign.PID, "[1]-1")),
		}, rows)
	})
}

// One Collector reads the holders again in its next snapshot.
func TestHoldersOfSemaphoresAsTimeGoesOn(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := undoScene(t)
		set := s.id(s.admin.SemGet(sysv.KeyPrivate, 1, createIPC|0o600))
		c := New(s.host, time.Now)
		look := func() schema.Value {
			snap := c.Take(Request{Want: map[schema.Kind]schema.Need{schema.Sem: kinds.NeedUndo}})
			return snap.Objects[schema.Sem][0].Row.(*kinds.SemRow).Undo
		}
		s.equal("at first", schema.Endpoints(nil, false), look())
		w := kerneltest.Start(t, "sem-hold", fmt.Sprint(set), "0", "1")
		s.equal("taken", holders(s.held(w.PID, "[0]-1")), look())
		w.Kill()
		s.equal("ended", schema.Endpoints(nil, false), look())
	})
}

// A reader without the right to load BPF programs gets a fault and denied cells. Everything else is there.
func TestHoldersOfSemaphoresAreDenied(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newSysVScene(t)
		s.id(s.admin.SemGet(sysv.KeyPrivate, 1, createIPC|0o600))
		runtime.LockOSThread() // capabilities belong to a thread; this one ends with the test
		header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		var set [2]unix.CapUserData
		s.check(unix.Capget(&header, &set[0]))
		for _, c := range []int{unix.CAP_BPF, unix.CAP_PERFMON, unix.CAP_SYS_ADMIN} {
			set[c/32].Effective &^= 1 << (c % 32)
		}
		s.check(unix.Capset(&header, &set[0]))
		_, denied := undo.Open(s.host.Root)
		if !sys.Denied(denied) {
			t.Fatalf("without capabilities: %v", denied)
		}
		snap := New(s.host, time.Now).Take(Request{Want: map[schema.Kind]schema.Need{schema.Sem: kinds.NeedUndo},
			Edges: true})
		s.equal("fault", []schema.Fault{{Source: "sem", Denied: true, Says: denied.Error()}}, snap.Faults)
		s.equal("cell", schema.Refused(schema.TypeEndpoints), snap.Objects[schema.Sem][0].Row.(*kinds.SemRow).Undo)
	})
}
