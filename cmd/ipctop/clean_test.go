package main

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/sysv"
)

// sets makes n semaphore sets of this user, and waits until they are old enough for an orphan.
func (s *scene) sets(n int) {
	s.t.Helper()
	for range n {
		if _, err := s.admin.SemGet(sysv.KeyPrivate, 2, sysv.IPCCreat|0o600); err != nil {
			s.t.Fatal(err)
		}
	}
	made := time.Now()
	kerneltest.Eventually(s.t, "they are more than a second old",
		func() bool { return time.Since(made) > 2*time.Second })
}

// setsLeft lists the semaphore sets.
func (s *scene) setsLeft() (ids []int) {
	s.t.Helper()
	all, err := s.host.SemSets()
	if err != nil {
		s.t.Fatal(err)
	}
	for _, set := range all {
		ids = append(ids, set.ID)
	}
	return ids
}

// undoNote is the plan's line on the way back.
const undoNote = "note: ipctop undo makes it again within 7 days; attachments, SEM_UNDO and times do not come back\n"

// cleaned runs ipctop clean over System V objects. Ages in its output become "x".
func cleaned(args ...string) commandOutput {
	got := ipctop(append([]string{"clean", "sem", "shm"}, args...)...)
	got.Stdout = regexp.MustCompile(`\d+s( to \d+s)?`).ReplaceAllString(got.Stdout, "x")
	return got
}

// Without --yes nothing is removed, and the last line removes what was shown.
func TestCleanShowsThenRemovesOrphans(t *testing.T) {
	onScene(t, func(s *scene) {
		attached := s.attached()
		s.sets(2)
		user, _, _ := strings.Cut(ownName(t), "\n")
		look := cleaned("--grace", "0s", "--owner", user)
		step := func(id int) string {
			return fmt.Sprintf("sem:%d: semaphore set %d (private key, owner %s) with 2 semaphores is destroyed at "+
				"once; whoever is blocked in semop on it gets EIDRM, whoever uses it later EINVAL\n", id, id, user)
		}
		lines := regexp.MustCompile(`(?m)^  (verdict|same as): .*\n`)
		want := commandOutput{0, "Remove 2 objects\n" + step(0) + step(1) + undoNote +
			"To be won: 2 of 32000 sets (kernel.sem)\n" +
			"Nothing was removed. To remove them: ipctop clean sem shm --grace x --owner " + user + " --yes\n", ""}
		verdicts := lines.FindAllString(look.Stdout, -1)
		look.Stdout = lines.ReplaceAllString(look.Stdout, "")
		if diff := cmp.Diff(want, look); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if len(verdicts) != 4 || !strings.HasPrefix(verdicts[0], "  verdict: orphan: nobody waits on it") {
			t.Errorf("the verdicts: %q", verdicts)
		}
		if diff := cmp.Diff([]int{0, 1}, s.setsLeft()); diff != "" {
			t.Errorf("a look removed:\n%s", diff)
		}
		both := cleaned("--grace", "0s", "--yes", "--dry-run")
		if both.Code != 0 || len(s.setsLeft()) != 2 {
			t.Errorf("--dry-run removes nothing, whatever else is said: %+v", both)
		}

		deed := cleaned("--grace", "0s", "--yes")
		if !strings.HasPrefix(deed.Stderr, "Remove 2 objects\nsem:0: ") {
			t.Errorf("the plan on stderr: %s", deed.Stderr)
		}
		deed.Stderr = ""
		want = commandOutput{0, "sem:0: removed\nsem:1: removed\n" +
			"Removed 2 objects. Won: 2 of 32000 sets (kernel.sem)\n", ""}
		if diff := cmp.Diff(want, deed); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		want = commandOutput{0, "Nothing to clean: there is no such orphan among 1 shm\n", ""}
		if diff := cmp.Diff(want, cleaned("--grace", "0s", "--yes")); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		s.expect([]int{attached})
		if n := len(s.setsLeft()); n != 0 {
			t.Errorf("%d sets are left", n)
		}
	})
}

// Many orphans are folded. The flags narrow the choice, and --max is the most that may go.
func TestCleanOfMany(t *testing.T) {
	onScene(t, func(s *scene) {
		s.sets(12)
		user, _, _ := strings.Cut(ownName(t), "\n")
		won := undoNote + "To be won: 12 of 32000 sets (kernel.sem)\n"
		last := "Nothing was removed. To remove them: ipctop clean sem shm --grace x"
		tooMany := "ipctop: nothing was removed: 12 orphans would go, more than --max 11: look at them without " +
			"--yes, narrow the choice, or raise --max\n"
		none := "Nothing to clean: there is no such orphan among 12 sem"
		fold := "Remove 12 objects\n12 sem  owner " + user + "  age x\n" +
			"    sem:0, sem:1, sem:2, sem:3, sem:4, sem:5, sem:6, sem:7, sem:8, sem:9,\n    sem:10, sem:11\n"
		for _, c := range []struct {
			args []string
			want commandOutput
		}{
			{[]string{"--max", "12"}, commandOutput{0, fold + won + last + " --max 12 --yes\n", ""}},
			{[]string{"--max", "11"}, commandOutput{1, fold + won, tooMany}},
			{[]string{"--max", "11", "--yes"}, commandOutput{1, "", tooMany}},
			{[]string{"--by", "owner"}, commandOutput{0, "OWNER  ORPHAN  ORPHANS' BYTES\n" +
				fmt.Sprintf("%-5s  %6d  %14d\n", user, 12, 0) + won + last + " --yes\n", ""}},
			{[]string{"--where", "nsems == 3", "--yes"}, commandOutput{0, none + "\n", ""}},
			{[]string{"--owner", "nobody else", "--yes"}, commandOutput{0, none + "\n", ""}},
			{[]string{"--app", "Apache", "--yes"}, commandOutput{0, none + "\n", ""}},
			{[]string{"--older", "1h", "--yes"}, commandOutput{0, none + "; 12 suspect: ipctop leaks tells why\n", ""}},
		} {
			got := cleaned(append([]string{"--grace", "0s"}, c.args...)...)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("%q (-want +got):\n%s", c.args, diff)
			}
		}
		if n := len(s.setsLeft()); n != 12 {
			t.Errorf("%d sets are left of 12", n)
		}
		got := cleaned("--grace", "0s", "--yes", "--app", "", "--where", "id < 11", "--max", "11")
		end := "sem:10: removed\nRemoved 11 objects. Won: 11 of 32000 sets (kernel.sem)\n"
		if got.Code != 0 || !strings.HasSuffix(got.Stdout, end) ||
			!strings.HasPrefix(got.Stderr, "Remove 11 objects\n11 sem  owner ") {
			t.Errorf("got %+v", got)
		}
		if diff := cmp.Diff([]int{11}, s.setsLeft()); diff != "" {
			t.Errorf("sets left:\n%s", diff)
		}
	})
}

// A mistake on the command line removes nothing.
func TestCleanMistakes(t *testing.T) {
	onScene(t, func(s *scene) {
		id := s.shm(0x11)
		for says, args := range map[string][]string{
			`"inet" does not outlive its users`:             {"inet"},
			"--max 0: say 1 or more":                        {"--max", "0"},
			"--older: ":                                     {"--older", "soon"},
			"--older -1h: a time cannot be less than 0s":    {"--older", "-1h"},
			`--by "size": say one of owner, app, container`: {"--by", "size"},
			"--where is empty":                              {"--where", ""},
			"read-only: nothing is":                         {"--read-only", "--yes"},
			`bad expression "nsems =="`:                     {"--where", "nsems =="},
		} {
			got := ipctop(append([]string{"clean"}, args...)...)
			if got.Code != 2 || got.Stdout != "" || !strings.HasPrefix(got.Stderr, "ipctop: ") ||
				!strings.Contains(got.Stderr, says) {
				t.Errorf("%q: %+v", args, got)
			}
		}
		s.expect([]int{id})
	})
}

// Only orphans go: not what an older process of the owner could know, nor what a process has attached. An ordinary user
// cleans his own objects.
func TestCleanByUser(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root: an ordinary user's namespace holds one uid only, so nothing in it is foreign")
	}
	const me, other, alive = 4242, 4343, 4444
	onScene(t, func(s *scene) {
		older := exec.Command("sleep", "60")
		older.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: alive, Gid: alive}}
		if err := older.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			older.Process.Kill()
			older.Wait()
		})
		for _, uid := range []uint32{me, other, alive} {
			asUser(t, uid, "ipcmk", "-S", "1")
			asUser(t, uid, "ipcmk", "-M", "4096")
		}
		attached := s.attached()
		made := time.Now()
		kerneltest.Eventually(t, "they are more than a second old",
			func() bool { return time.Since(made) > 2*time.Second })

		cmd := program(t, "clean", "sem", "shm", "--grace", "0s", "--yes")
		cmd.Path, cmd.Dir = "/proc/self/exe", "/"
		state, err := os.MkdirTemp("/tmp", "clean")
		if err == nil {
			err = os.Chown(state, me, me)
		}
		if err != nil {
			t.Fatal(err)
		}
		cmd.Env = append(cmd.Env, "XDG_STATE_HOME="+state)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: me, Gid: me}}
		var errs strings.Builder
		cmd.Stderr = &errs
		out, err := cmd.Output()
		if err != nil {
			t.Errorf("ipctop clean as an ordinary user: %v\n%s", err, errs.String())
		}
		want := "sem:0: removed\nshm:0: removed\n" +
			"Removed 2 objects. Won: 1 of 32000 sets (kernel.sem), 1 of 4096 segments (kernel.shmmni)\n"
		if diff := cmp.Diff(want, string(out)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if note := "ipctop: note: 2 orphans of others are left: root or the owner may remove them\n"; !strings.Contains(
			errs.String(), note) {
			t.Errorf("no note in\n%s", errs.String())
		}
		s.expect([]int{1, 2, attached})

		got := cleaned("--grace", "0s", "--yes")
		got.Stderr = ""
		wantAll := commandOutput{0, "sem:1: removed\nshm:1: removed\n" +
			"Removed 2 objects. Won: 1 of 32000 sets (kernel.sem), 1 of 4096 segments (kernel.shmmni)\n", ""}
		if diff := cmp.Diff(wantAll, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		s.expect([]int{2, attached})
		if diff := cmp.Diff([]int{2}, s.setsLeft()); diff != "" {
			t.Errorf("sets left:\n%s", diff)
		}
	})
}
