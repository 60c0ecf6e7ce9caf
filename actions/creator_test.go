package actions

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/sysv"
	"github.com/ipctop/ipctop/collect/schema"
)

// segmentOf starts a process that makes a segment and does not attach it.
func (m *machine) segmentOf(who *syscall.Credential) (*kerneltest.Worker, schema.Ref) {
	m.t.Helper()
	w := kerneltest.StartAs(m.t, who, "own")
	id, err := strconv.Atoi(w.Words[2])
	m.ok(err)
	return w, m.ref(schema.Shm, id)
}

// A creator that has the segment attached is proven. One that has not must be typed by its pid.
func TestACreatorByItsNumberAloneIsTyped(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		m := live(t)
		w, r := m.segmentOf(nil)
		p := m.signal("TERM", Creator, r)
		defer p.Close()
		type shown struct {
			Confirm  string
			Affected []string
		}
		want := []shown{{strconv.Itoa(w.PID), []string{"it is the creator of " + r.String() + " by its number alone: " +
			"if the number was used again since, and the owner or permissions were changed since, " +
			"it is another process"}},
			{"", []string{"it is the creator of " + r.String()}}}
		w.Say("attach")
		w.Read()
		attached := m.signal("TERM", Creator, r)
		defer attached.Close()
		if len(p.Steps) != 1 || len(attached.Steps) != 1 {
			t.Fatalf("planned %q and %q", p.Lines(), attached.Lines())
		}
		got := []shown{{p.Steps[0].Confirm, p.Steps[0].Affected},
			{attached.Steps[0].Confirm, attached.Steps[0].Affected}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}

// IPC_SET moves ctime past the start of a process that got the creator's pid.
func TestAProcessWithTheCreatorsPIDIsNoProvenCreator(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		m := live(t)
		w, r := m.segmentOf(nil)
		w.Kill()
		var other *kerneltest.Worker
		kerneltest.Eventually(t, "the pid is used again", func() bool {
			m.ok(os.WriteFile("/proc/sys/kernel/ns_last_pid", []byte(fmt.Sprint(w.PID-1)), 0o644))
			other = kerneltest.Start(t, "sleep")
			if other.PID != w.PID {
				other.Kill()
			}
			return other.PID == w.PID
		})
		seg := kerneltest.Must(m.host.ShmStat(int(r.ID)))(t)
		seg.Mode = 0o640
		m.ok(m.admin.ShmSetPerm(seg.IPCPerm))
		p := m.signal("TERM", Creator, m.ref(schema.Shm, int(r.ID)))
		defer p.Close()
		if len(p.Steps) != 1 || p.Steps[0].Confirm != strconv.Itoa(other.PID) {
			t.Errorf("planned %q: want one step that must be typed", p.Lines())
		}
	})
}

// Another owner than the creator proves an IPC_SET. A process of another user did not make the segment, or it gave up
// the creator's uid.
func TestACreatorThatCannotBeToldIsRefused(t *testing.T) {
	needRoot(t)
	kerneltest.InNamespace(t, func() {
		m := live(t)
		w, r := m.segmentOf(nil)
		refused := func(why string) {
			t.Helper()
			now := m.ref(schema.Shm, int(r.ID))
			want := []Refusal{{now, fmt.Sprintf("whether pid %d is its creator cannot be told: %s", w.PID, why)}}
			p := m.signal("TERM", Creator, now)
			defer p.Close()
			if diff := cmp.Diff(want, p.Refused); diff != "" || len(p.Steps) != 0 {
				t.Errorf("planned %q\n%s", p.Lines(), diff)
			}
		}
		seg := kerneltest.Must(m.host.ShmStat(int(r.ID)))(t)
		given := seg.IPCPerm
		given.UID = 4711
		m.ok(m.admin.ShmSetPerm(given))
		refused("its owner was changed since it was made, and that moved the only time that the kernel keeps: signal " +
			"the process by its pid, if you know it")
		w.Say("attach")
		w.Read()
		p := m.signal("TERM", Creator, m.ref(schema.Shm, int(r.ID)))
		defer p.Close()
		if len(p.Steps) != 1 || p.Steps[0].Confirm != "" {
			t.Errorf("with the segment attached: %q", p.Lines())
		}
		w.Kill()
		m.ok(m.admin.ShmRemove(int(r.ID)))

		id := kerneltest.Must(m.admin.ShmGet(sysv.KeyPrivate, 1, 0o600|sysv.IPCCreat))(t)
		r = m.ref(schema.Shm, id)
		other := kerneltest.StartAs(t, &syscall.Credential{Uid: 4711, Gid: 4711}, "sleep")
		stat := m.stat(other.PID)
		s := &signalling{survey: m.survey(newPlan(m.Planner, "", ""), nil, nil)}
		seg = kerneltest.Must(m.host.ShmStat(id))(t)
		err := s.mayBeCreator(&stat, &seg)
		if err == nil || !strings.HasSuffix(err.Error(), "root made it, and that process is of 4711: signal the "+
			"process by its pid, if you know it") {
			t.Errorf("a process of another user: %v", err)
		}
	})
}
