package actions

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/schema"
)

// controlGroup makes a control group, and returns the function that moves a process into it. At the test's end the
// processes are back, and the group is gone.
func (m *machine) controlGroup(name string) (enter, leave func(pid int)) {
	m.t.Helper()
	top := m.t.TempDir()
	if err := unix.Mount("none", top, "cgroup2", 0, ""); err != nil {
		m.t.Skipf("needs the control groups of version 2: %v", err)
	}
	m.t.Cleanup(func() { unix.Unmount(top, unix.MNT_DETACH) })
	space, err := os.Readlink("/proc/self/ns/pid")
	m.ok(err)
	outer := filepath.Join(top, "ipctop-test-"+strings.Trim(space, "pid:[]")+".slice")
	dirs := []string{outer, filepath.Join(outer, name)}
	for _, dir := range dirs {
		if err := os.Mkdir(dir, 0o755); err != nil {
			m.t.Skipf("needs to make control groups: %v", err)
		}
		m.t.Cleanup(func() {
			kerneltest.Eventually(m.t, "the control group is empty", func() bool { return unix.Rmdir(dir) == nil })
		})
	}
	move := func(dir string) func(int) {
		return func(pid int) {
			m.ok(os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte(fmt.Sprint(pid)), 0))
		}
	}
	return move(dirs[1]), move(top)
}

func (m *machine) signalMembers(sig string, groups ...Members) (*Plan, error) {
	m.t.Helper()
	s, err := ParseSignal(sig)
	m.ok(err)
	p, err := m.SignalMembers(s, Then{}, groups, nil, Holders)
	if p != nil {
		m.t.Cleanup(p.Close)
	}
	return p, err
}

// All processes of a container or unit get the signal, but not ipctop, nor who has left it by then.
func TestAContainerIsSignalled(t *testing.T) {
	needRoot(t)
	kerneltest.InNamespace(t, func() {
		m := live(t)
		id := strings.Repeat("c0ffee12", 8)
		unit := "docker-" + id + ".scope"
		enter, leave := m.controlGroup(unit)
		first, second := kerneltest.StartIn(t, unix.CLONE_NEWPID, "deaf"), kerneltest.Start(t, "deaf")
		outside := kerneltest.Start(t, "sleep")
		for _, pid := range []int{first.PID, second.PID, os.Getpid()} {
			enter(pid)
		}
		defer leave(os.Getpid())
		for _, g := range []Members{{"container", id[:12]}, {"unit", unit}} {
			p, err := m.signalMembers("TERM", g)
			m.ok(err)
			got := map[schema.Ref][]string{}
			for _, s := range p.Steps {
				got[s.Ref] = s.Affected
			}
			want := map[schema.Ref][]string{
				m.proc(first.PID): {"it is in " + g.String(), "it is pid 1 of its pid namespace, such as a " +
					"container: when it ends, the kernel kills all others there",
					"as pid 1 it gets no SIGTERM, since it does not handle this signal"},
				m.proc(second.PID): {"it is in " + g.String()},
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		}
		term, err := ParseSignal("TERM")
		m.ok(err)
		object := m.shm(0x11, 1)
		leave(outside.PID)
		refs := []schema.Ref{m.proc(outside.PID), object, m.proc(second.PID)}
		p, err := m.signalMembersOf(term, Then{}, refs, InContainer)
		m.ok(err)
		defer p.Close()
		var lines []string
		for _, s := range p.Steps {
			lines = append(lines, s.Ref.String())
		}
		for _, r := range p.Refused {
			lines = append(lines, r.String())
		}
		slices.Sort(lines)
		wanted := []string{m.proc(first.PID).String(), m.proc(second.PID).String(),
			m.proc(outside.PID).String() + ": it is in no container, as far as its control group tells",
			object.String() + ": only a process has a container here: name one of its processes"}
		slices.Sort(wanted)
		if diff := cmp.Diff(wanted, lines); diff != "" {
			t.Error(diff)
		}
		p, err = m.signalMembers("KILL", Members{"unit", unit})
		m.ok(err)
		leave(second.PID)
		got := m.run(p)
		slices.Sort(got)
		want := []string{
			fmt.Sprintf("done proc:%d: SIGKILL sent to %s", first.PID, processName(m.stat(first.PID).Comm, first.PID)),
			fmt.Sprintf("refused proc:%d: changed since it was shown: it is not in unit %s any more: look at it again",
				second.PID, unit),
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		for _, pid := range []int{second.PID, outside.PID} {
			if m.stat(pid).State == 'Z' {
				t.Errorf("%d was killed", pid)
			}
		}
		near := "no process that can be seen is in container " + id[:11] + ": near that name: " + id[:12]
		if _, err := m.signalMembers("TERM", Members{"container", id[:11]}); err == nil || err.Error() != near {
			t.Errorf("got %v, want %s", err, near)
		}
	})
}
