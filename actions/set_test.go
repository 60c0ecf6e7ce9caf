package actions

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/sysv"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/schema"
)

func (m *machine) setting(text string, refs ...schema.Ref) *Plan {
	m.t.Helper()
	to, err := ParseSettings(text)
	m.ok(err)
	p, err := m.Set(to, refs)
	m.ok(err)
	return p
}

func (m *machine) pshm(name string, size uint64) schema.Ref {
	m.t.Helper()
	m.ok(m.admin.PosixShmCreate(name, size, 0o600))
	return m.posix(schema.PShm, name)
}

func (m *machine) comm(pid int) string {
	m.t.Helper()
	stat, err := proc.StatOf(m.host, pid)
	m.ok(err)
	return stat.Comm
}

func TestSetQueue(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		m := live(t)
		ref := m.msg(0x1234)
		before := kerneltest.Must(m.host.MsgStat(int(ref.ID)))(t)
		plan := m.setting("perms=0640 qbytes=4K", ref)
		changed := fmt.Sprintf("perms 0600 → 0640, qbytes %d → 4096", before.QBytes)
		want := []string{
			"Set values of 1 object",
			fmt.Sprintf("%s: message queue 0 (key 0x00001234, owner %s): %s", ref, ownName(), changed),
			"  affects: all who use it: the kernel compares the permissions at their next call, and may answer EACCES",
			undoSetNote,
		}
		if diff := cmp.Diff(want, plan.Lines()); diff != "" {
			t.Errorf("the plan (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]string{"done " + ref.String() + ": " + changed}, m.run(plan)); diff != "" {
			t.Error(diff)
		}
		after := before
		after.Mode, after.QBytes = 0o640, 4096
		got := kerneltest.Must(m.host.MsgStat(int(ref.ID)))(t)
		after.CTime = got.CTime
		if diff := cmp.Diff(after, got); diff != "" {
			t.Errorf("the queue (-want +got):\n%s", diff)
		}
		m.refused(plan, ref, "changed since it was shown: mode was 0600, is 0640")
		if again := m.setting("perms=640", m.ref(schema.Msg, int(ref.ID))); len(again.Steps) > 0 {
			t.Errorf("a change to the same values: %q", again.Lines())
		}
	})
}

func TestSetOwner(t *testing.T) {
	needRoot(t)
	kerneltest.InNamespace(t, func() {
		m := live(t)
		seg, set := m.shm(1, 4096), m.sem(2, 1)
		shared := m.pshm("/seg", 8192)
		plan := m.setting("owner=4711 group=4712", seg, set, shared)
		if got := m.run(plan); len(got) != 3 || strings.Contains(strings.Join(got, "\n"), "refused") {
			t.Errorf("%q", got)
		}
		s := kerneltest.Must(m.host.ShmStat(int(seg.ID)))(t)
		e := kerneltest.Must(m.host.SemStat(int(set.ID)))(t)
		f := kerneltest.Must(m.host.PosixShmStat("/seg"))(t)
		got := []uint32{s.UID, s.GID, s.CUID, e.UID, e.GID, e.CUID, f.UID, f.GID}
		if diff := cmp.Diff([]uint32{4711, 4712, 0, 4711, 4712, 0, 4711, 4712}, got); diff != "" {
			t.Error(diff)
		}
	})
}

// A new value wakes the waiter that it is enough for, and the plan says so beforehand.
func TestSetSemaphoreValue(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		m := live(t)
		id := kerneltest.Must(m.admin.SemGet(0x77, 3, 0o600|sysv.IPCCreat))(t)
		w := kerneltest.Start(t, "semop", fmt.Sprint(id))
		kerneltest.Eventually(t, "the worker is blocked", func() bool {
			n, _, err := m.host.SemWaiters(id, 3)
			return err == nil && n == 1
		})
		ref := m.ref(schema.Sem, id)
		for text, waits := range map[string]string{
			"sval[2]=5":         "it stays blocked",
			"sval=1 sval[1]=32": "it goes on, unless another waiter takes the value first",
		} {
			plan := m.setting(text, ref)
			want := []string{
				"SEM_UNDO: the kernel forgets what processes would give back at their end to the semaphores " +
					"that are set",
				fmt.Sprintf("%s (pid %d) is blocked in semop [0] -1: %s", m.comm(w.PID), w.PID, waits),
			}
			if diff := cmp.Diff(want, plan.Steps[0].Affected); diff != "" {
				t.Errorf("%s (-want +got):\n%s", text, diff)
			}
		}
		plan := m.setting("sval=1 sval[1]=32", ref)
		m.run(plan)
		if said := w.Read(); len(said) != 1 || said[0] != "done" {
			t.Errorf("the waiter says %q", said)
		}
		values := kerneltest.Must(m.host.SemValues(id, 3))(t)
		if got := []uint16{values[0].Value, values[1].Value, values[2].Value}; !cmp.Equal(got, []uint16{0, 32, 0}) {
			t.Errorf("the values are %v", got)
		}
	})
}

func TestSetLocked(t *testing.T) {
	needRoot(t)
	kerneltest.InNamespace(t, func() {
		m := live(t)
		ref := m.shm(1, 4096)
		for _, word := range []string{"yes", "no"} {
			m.run(m.setting("locked="+word, ref))
			if s := kerneltest.Must(m.host.ShmStat(int(ref.ID)))(t); s.Locked() != (word == "yes") {
				t.Errorf("locked=%s: mode %o", word, s.Mode)
			}
		}
	})
}

func TestSetPosix(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		m := live(t)
		ref := m.pshm("/seg", 8192)
		w := kerneltest.Start(t, "map-shm", "/seg")
		plan := m.setting("size=4K perms=0604", ref)
		who := fmt.Sprintf("%s (pid %d) has it mapped", m.comm(w.PID), w.PID)
		want := []string{
			"Set values of 1 object",
			"pshm:/seg: POSIX shared memory /seg (owner " + ownName() + "): size 8192 → 4096, perms 0600 → 0604",
			"  affects: the last 4096 bytes are lost",
			"  affects: " + who + ": it gets SIGBUS where it touches what is cut off",
			"  not saved: what is cut off",
			"  same as: truncate -s 4096 /dev/shm/seg && chmod 0604 /dev/shm/seg",
			undoSetNote,
		}
		if diff := cmp.Diff(want, plan.Lines()); diff != "" {
			t.Errorf("the plan (-want +got):\n%s", diff)
		}
		if plan.Steps[0].Confirm != "/seg" {
			t.Errorf("to be typed: %q", plan.Steps[0].Confirm)
		}
		m.run(plan)
		var st unix.Stat_t
		m.ok(unix.Stat("/dev/shm/seg", &st))
		if st.Size != 4096 || st.Mode&0o777 != 0o604 {
			t.Errorf("size %d, mode %o", st.Size, st.Mode)
		}
		m.refused(plan, ref, "changed since it was shown: mode was 0600, is 0604, size was 8192, is 4096")
		// Another file under the same name is not changed in its place.
		plan = m.setting("perms=0600", ref)
		m.ok(os.Remove("/dev/shm/seg"))
		m.pshm("/seg", 4096)
		m.refused(plan, ref, "changed since it was shown: inode was")
	})
}

func TestSetRefusals(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		m := live(t)
		set := m.sem(1, 2)
		for text, why := range map[string]string{
			"qbytes=5":         "objects of kind sem have no qbytes",
			"locked=yes size=": "",
			"sval[2]=1":        "it has no semaphore 2: its 2 semaphores have the numbers 0 to 1",
			"sval=0":           "it has these values already",
		} {
			to, err := ParseSettings(text)
			if why == "" {
				if err == nil {
					t.Errorf("%s is taken", text)
				}
				continue
			}
			m.ok(err)
			plan, err := m.Set(to, []schema.Ref{set})
			m.ok(err)
			if len(plan.Refused) != 1 || plan.Refused[0].Why != why {
				t.Errorf("%s: %q", text, plan.Lines())
			}
		}
	})
}

const undoSetNote = "note: ipctop undo sets the old values again within 7 days"

func TestUndoOfSet(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		m := live(t)
		set, queue := m.sem(1, 3), m.msg(2)
		qbytes := kerneltest.Must(m.host.MsgStat(int(queue.ID)))(t).QBytes
		m.run(m.setting("perms=0640", set, queue))
		m.run(m.setting("qbytes=4096", m.ref(schema.Msg, int(queue.ID))))
		m.run(m.setting("sval[2]=9", m.ref(schema.Sem, int(set.ID))))
		undo := func(n int) []string {
			t.Helper()
			plan, err := m.Undo(n)
			m.ok(err)
			defer plan.Close()
			return append(m.run(plan), fmt.Sprint(len(plan.Refused), " refused"))
		}
		want := [][]string{
			{"done " + set.String() + ": sval[2] 9 → 0", "0 refused"},
			{fmt.Sprintf("done %s: qbytes 4096 → %d", queue, qbytes), "0 refused"},
			{"done " + set.String() + ": perms 0640 → 0600", "done " + queue.String() + ": perms 0640 → 0600",
				"0 refused"},
		}
		got := [][]string{undo(0), undo(2), undo(0)}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if _, err := m.Undo(0); !errors.Is(err, ErrNothingSaved) {
			t.Errorf("a fourth undo: %v", err)
		}
		// A value that somebody has changed since stays.
		m.run(m.setting("perms=0640", m.ref(schema.Sem, int(set.ID))))
		m.ok(m.admin.SemSetPerm(sysv.IPCPerm{ID: int(set.ID), UID: uint32(os.Getuid()), GID: uint32(os.Getgid()),
			Mode: 0o604}))
		plan, err := m.Undo(0)
		m.ok(err)
		if len(plan.Refused) != 1 || plan.Refused[0].Why != "perms is 0604 by now: somebody has changed it since" {
			t.Errorf("the plan: %q", plan.Lines())
		}
	})
}

func TestParseSettings(t *testing.T) {
	for _, text := range []string{"", "perms", "perms=", "perms=0888", "perms=01777", "sval[x]=1", "sval[1=2",
		"sval=40000", "sval[0]=1 sval=2", "owner=no-such-user", "owner=4294967295", "locked=maybe", "qbytes=-1",
		"perms[1]=0600", "colour=red", "perms=0600 perms=0600"} {
		if s, err := ParseSettings(text); err == nil {
			t.Errorf("%q is taken: %+v", text, s)
		}
	}
	uid, gid, perms, qbytes, locked := uint32(0), uint32(7), uint32(0o640), uint64(65536), true
	want := &Settings{UID: &uid, GID: &gid, Perms: &perms, QBytes: &qbytes, Locked: &locked,
		Values: map[int]uint16{0: 3, 12: 1}}
	got, err := ParseSettings("owner=root  group=7 perms=640 qbytes=64K locked=yes sval=3 sval[12]=1")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
