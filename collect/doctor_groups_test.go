package collect

import (
	"fmt"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/ipctop/ipctop/collect/collecttest"
	"github.com/ipctop/ipctop/collect/schema"
)

// withGroup is a machine with a container of a process and a zombie. Its control group has a limit of 20.
func withGroup(t *testing.T, current int) *collecttest.Machine {
	m := collecttest.New(t)
	m.Process(collecttest.Process{PID: 1, Comm: "init"})
	m.Write("/proc/1/cgroup", "0::/\n")
	m.Process(collecttest.Process{PID: 70, PPID: 1, Comm: "jobd", Threads: 15})
	m.Process(collecttest.Process{PID: 71, PPID: 70, Comm: "gone", State: 'Z'})
	for _, pid := range []int{70, 71} {
		m.Write(fmt.Sprintf("/proc/%d/cgroup", pid), "0::/docker/x/job\n")
	}
	m.Write("/sys/fs/cgroup/docker/x/job/pids.max", "max\n")
	m.Write("/sys/fs/cgroup/docker/x/pids.max", "20\n")
	m.Write("/sys/fs/cgroup/docker/x/pids.current", fmt.Sprintln(current))
	m.Write("/sys/fs/cgroup/docker/x/pids.events", "max 3\n")
	return m
}

// A group counts with its limit and with those of the groups above it.
func TestDoctorOnControlGroups(t *testing.T) {
	t.Parallel()
	limits := func(m *collecttest.Machine) []schema.Finding {
		return findingsOn(examined(t, m).Findings, "limit", "")
	}
	if found := limits(withGroup(t, 17)); len(found) != 0 {
		t.Errorf("17 of 20: %+v", found)
	}
	for current, want := range map[int]schema.Finding{
		18: {Severity: schema.Warning, Says: "the limit of processes and threads of the control group /docker/x is " +
			"near (90 %): soon fork and pthread_create fail with EAGAIN there",
			Evidence: []string{"pids.max is 20, in use are 18"}},
		20: {Severity: schema.Critical, Says: "the limit of processes and threads of the control group /docker/x is " +
			"reached: fork and pthread_create fail with EAGAIN there",
			Evidence: []string{"pids.max is 20, in use are 20"}},
	} {
		found := limits(withGroup(t, current))
		if len(found) != 1 {
			t.Fatalf("%d: %+v", current, found)
		}
		want.Kind, want.Proof, want.Advice = "limit", schema.Observed, found[0].Advice
		want.Refs = []schema.Ref{{Kind: schema.Proc, ID: 70, Gen: 7000}}
		want.Evidence = append(want.Evidence, "most threads: 70/jobd 15",
			"1 zombie of it: they count until their parent waits for them", "it has refused 3 so far (pids.events)")
		if diff := gocmp.Diff(want, found[0]); diff != "" {
			t.Errorf("%d: %s", current, diff)
		}
	}
}

// A limit that cannot be read is a fault, and groups without any limit to read are a note.
func TestDoctorOnUnreadableControlGroups(t *testing.T) {
	t.Parallel()
	m := withGroup(t, 20)
	m.Write("/sys/fs/cgroup/docker/x/pids.current", "many\n")
	snap := examined(t, m)
	want := []schema.Fault{{Source: "/sys/fs/cgroup/docker/x/pids.max",
		Says: "read /sys/fs/cgroup/docker/x/pids.max: malformed"}}
	if diff := gocmp.Diff(want, snap.Faults); diff != "" || len(findingsOn(snap.Findings, "limit", "")) != 0 {
		t.Errorf("%s%+v", diff, snap.Findings)
	}
}
