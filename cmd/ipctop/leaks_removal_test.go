package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
)

// asUser runs ipctop as a user, and returns what it prints on stdout.
func asUser(t *testing.T, uid uint32, args ...string) string {
	t.Helper()
	cmd := program(t, args...)
	cmd.Path = "/proc/self/exe" // another user may not search the build directory of go test
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	cmd.Dir = "/"
	out, err := cmd.Output()
	if cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != 0 {
		t.Fatalf("ipctop %q as user %d: %v\n%s", args, uid, err, out)
	}
	return string(out)
}

// planned lists the objects in the plan of a command that leaks printed, run by a user.
func planned(t *testing.T, uid uint32, command string) (refs []string) {
	t.Helper()
	where := whereOf(command)
	plan := asUser(t, uid, "rm", "--dry-run", "--where", where[0], "--grace", where[1])
	for line := range strings.Lines(plan) {
		if ref, _, ok := strings.Cut(line, ": "); ok && strings.Contains(ref, ":") && ref[0] != ' ' {
			refs = append(refs, ref)
		}
	}
	slices.Sort(refs)
	return refs
}

// Each command that leaks prints takes the objects that it was printed for, and no other. Root can judge a queue whose
// waiters an ordinary user cannot see: the command that names root does not take it.
func TestRemovalTakesWhatWasCounted(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root: an ordinary user's namespace holds one uid only, so nothing in it is foreign")
	}
	const me, other = 4242, 4343
	kerneltest.InNamespace(t, func() {
		var own, others []string
		for i := range 4 {
			asUser(t, me, "ipcmk", "-S", "1")
			asUser(t, other, "ipcmk", "-S", "1")
			own, others = append(own, fmt.Sprintf("sem:%d", 2*i)), append(others, fmt.Sprintf("sem:%d", 2*i+1))
		}
		asUser(t, me, "ipcmk", "-M", "4096")
		asUser(t, other, "ipcmk", "-M", "4096")
		asUser(t, other, "ipcmk", "-Q")
		own, others = append(own, "shm:0"), append(others, "shm:1")
		made := time.Now()
		kerneltest.Eventually(t, "they are more than a second old",
			func() bool { return time.Since(made) > 1200*time.Millisecond })

		commands := map[string]string{} // by the text in front
		for line := range strings.Lines(asUser(t, me, "leaks", "sem", "shm", "msg", "--grace", "0s")) {
			before, command, ok := strings.Cut(line, "ipctop rm --where ")
			if before = strings.TrimSpace(before); ok && before == "" {
				before = "fold of " + command[:strings.Index(command, " --grace")]
			}
			if ok {
				commands[before] = "ipctop rm --where " + command
			}
		}
		got := map[string][]string{}
		for before, command := range commands {
			uid := uint32(me)
			if strings.Contains(command, `sem:1"`) {
				uid = 0
			}
			got[before] = planned(t, uid, command)
		}
		want := map[string][]string{
			"fold of 'verdict == \"orphan\" and kind == \"sem\" and owner == \"4242\" and app == \"\"'": own[:4],
			"fold of 'verdict == \"orphan\" and ref in [\"sem:1\", \"sem:3\", \"sem:5\", \"sem:7\"]'":   others[:4],
			"To remove these 5 orphans of your own, after a plan and a question:":                       own,
			"To remove these 5 orphans of others as root, after a plan and a question:":                 others,
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}
