package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/collecttest"
	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/sysv"
)

// leakScene makes a segment and a queue that nobody uses, and shared memory with a name that a shell could run as a
// command.
func leakScene(t *testing.T) {
	t.Helper()
	a := kernel.NewAdmin()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	set, err := a.SemGet(0x1234, 2, sysv.IPCCreat|0o600)
	check(err)
	queue, err := a.MsgGet(sysv.KeyPrivate, sysv.IPCCreat|0o600)
	check(err)
	check(a.MsgSend(queue, 1, make([]byte, 100), 0))
	check(os.WriteFile("/dev/shm/it's $(id)\n", make([]byte, 5000), 0o600))
	if set != 0 || queue != 0 {
		t.Fatalf("made set %d and queue %d in a namespace of their own", set, queue)
	}
	made := time.Now()
	kerneltest.Eventually(t, "they are more than a second old", func() bool { return time.Since(made) > 2*time.Second })
}

func outputOf(t *testing.T, want int, args ...string) string {
	t.Helper()
	var out, errs bytes.Buffer
	if code := run(context.Background(), args, &out, &errs); code != want {
		t.Errorf("ipctop %s: exit code %d, want %d\n%s", strings.Join(args, " "), code, want, errs.String())
	}
	return out.String()
}

// hideAges replaces every age in the text by an x.
func hideAges(text string) string {
	words := strings.Split(text, " ")
	for i, w := range words {
		rest := strings.TrimLeft(w, "0123456789")
		if rest != w && (strings.HasPrefix(rest, "s") || strings.HasPrefix(rest, "s\n")) {
			words[i] = "x" + rest
		}
	}
	return strings.Join(words, " ")
}

func TestLeaks(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		leakScene(t)
		pid := os.Getpid()
		comm, err := os.ReadFile("/proc/self/comm")
		if err != nil {
			t.Fatal(err)
		}
		self := fmt.Sprintf("%d/%s", pid, strings.TrimSpace(string(comm)))
		user := ownName(t)
		got := hideAges(outputOf(t, 1, "leaks", "msg", "sem", "pshm", "--grace", "0s", "--exit-code"))
		want := "ORPHAN: 2 objects, 8.0K: nobody uses them, nobody known to have used them lives, and nobody is " +
			"left who could know them\n" +
			"  pshm:/it's\\x20$(id)\\x0a  owner " + user + `  size 4.9K  allocated 8.0K  age xs
    - nobody has it open or mapped: the descriptors and mappings of every process were read
    - none of the processes of ` + user + ` is older than its last use, bystanders aside
    - it was last used xs ago
    ipctop rm 'pshm:/it'\''s\x20$(id)\x0a'
  sem:0  owner ` + user + `  age xs
    - nobody waits on it: ncount and zcount are 0
    - none of the processes of ` + user + ` is older than its last use, bystanders aside
    - it was last used xs ago
    ipcrm -s 0

IDLE: 1 object, 100 bytes: nobody uses it, but somebody known to have used it lives
  msg:0  owner ` + user + `  usedbytes 100  age xs
    - nobody waits on it: the system calls of every thread were read
    - it holds 1 message of 100 bytes
    - its last sender lives: ` + self + "\n" +
			"\n" +
			"To be won by removing the orphans: 8.0K of memory, 1 of 32000 sets (kernel.sem)\n" +
			"To remove these 2 orphans, after a plan and a question: ipctop rm --where 'verdict == \"orphan\" and " +
			"kind in " +
			`["msg", "sem", "pshm"]' --grace xs` + "\n"
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		// Within the grace time there are no orphans. Both names of the view give the same output.
		if got := outputOf(t, 0, "--once", "leaks", "sem", "--exit-code"); !strings.HasPrefix(got,
			"SUSPECT: 1 object: ") {
			t.Errorf("within the grace time:\n%s", got)
		}
		if got := outputOf(t, 1, "leaks", "--grace", "0s", "--where", `verdict == "orphan" and key == 0x1234`,
			"--exit-code", "-o", "csv", "--columns", "ref,verdict"); got != "ref,verdict\nsem:0,orphan\n" {
			t.Errorf("with --where:\n%s", got)
		}
		if got := outputOf(t, 0, "leaks", "shm"); got != "Nothing to show: looked at 0 shm\n" {
			t.Errorf("without objects:\n%s", got)
		}
		// --sort sorts within each verdict, over all kinds. Only the set among the orphans has an id.
		var order []string
		for line := range strings.Lines(outputOf(t, 0, "leaks", "msg", "sem", "pshm", "--grace", "0s",
			"--sort", "id")) {
			if word := strings.TrimLeft(line, " "); len(line)-len(word) <= 2 && strings.Contains(word, ":") {
				order = append(order, word[:strings.Index(word, ":")])
			}
		}
		if diff := cmp.Diff([]string{"ORPHAN", "sem", "pshm", "IDLE", "msg", "To be won by removing the orphans",
			"To remove these 2 orphans, after a plan and a question"},
			order); diff != "" {
			t.Errorf("with --sort (-want +got):\n%s", diff)
		}
		outputOf(t, 2, "leaks", "pipe")
		outputOf(t, 2, "leaks", "--grace", "-1s")
		// The grace time is the same in every way to choose by a verdict.
		if got := outputOf(t, 0, "leaks", "sem", "--grace", "1d"); !strings.Contains(got,
			"within the grace time of 24h") {
			t.Errorf("with a day of grace:\n%s", got)
		}
		outputOf(t, 1, "rm", "--dry-run", "--where", `verdict == "orphan"`)
		if got := outputOf(t, 0, "rm", "--dry-run", "--where", `verdict == "orphan"`, "--grace",
			"0s"); !strings.Contains(got,
			"  verdict: orphan: ") || !strings.Contains(got, "  same as: ipcrm -s 0\n") {
			t.Errorf("removal without grace:\n%s", got)
		}
		if got := outputOf(t, 0, "doctor", "--grace", "0s"); !strings.Contains(got, "an orphan among the ") {
			t.Errorf("doctor without grace:\n%s", got)
		}
	})
}

// ownName gives the name of the user who runs the test, as in a table.
func ownName(t *testing.T) string {
	t.Helper()
	out := outputOf(t, 0, "--once", "sem", "--columns", "owner", "--no-headings")
	return strings.TrimSpace(out)
}

// JSON has the same facts as the view: the verdict, the reasons, and for each orphan a finding with the command.
func TestLeaksAsJSON(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		leakScene(t)
		user := ownName(t)
		got := outputOf(t, 0, "leaks", "sem", "--grace", "0s", "-o", "json")
		for _, want := range []string{
			`"verdict":"orphan","reasons":["nobody waits on it: ncount and zcount are 0","none of the processes of ` +
				user +
				` is older than its last use, bystanders aside","it was last used `,
			`"findings":[` + "\n" +
				`{"kind":"leak","severity":"warning","proof":"observed","refs":["sem:0"],"says":"sem:0 is an ` +
				`orphan: nobody uses it, and nobody is left who could know it","evidence":["nobody waits on it: ` +
				`ncount and zcount are 0","none of the processes of ` + user + ` is older than its last use, ` +
				`bystanders aside","it was last used `,
			`"advice":"ipcrm -s 0"}]`,
		} {
			if !strings.Contains(got, want) {
				t.Errorf("no %s in\n%s", want, got)
			}
		}
	})
}

// For a path that nobody is bound to, the advice is rm, with every name of the path. The advice is find if another user
// owns "/", because that user could put another directory into the path. In the user namespace of an ordinary user,
// the real root owns "/".
func TestLeaksOfPaths(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		if err := unix.Mkfifo("/dev/shm/-a 'b'", 0o600); err != nil {
			t.Fatal(err)
		}
		want := "\n    rm -- '/dev/shm/-a '\\''b'\\'''\n"
		var root, st unix.Stat_t
		if err := errors.Join(unix.Stat("/", &root), unix.Stat("/dev/shm/-a 'b'", &st)); err != nil {
			t.Fatal(err)
		}
		if root.Uid != 0 {
			want = fmt.Sprintf("\n    find /dev/shm -maxdepth 1 -type p -inum %d -delete\n", st.Ino)
		}
		made := time.Now()
		kerneltest.Eventually(t, "it is more than a second old",
			func() bool { return time.Since(made) > 1200*time.Millisecond })
		if got := outputOf(t, 0, "leaks", "fifo", "--grace", "0s"); !strings.Contains(got, want) {
			t.Errorf("no command to remove it:\n%s", got)
		}
	})
}

// For a wrong --grace, ipctop prints one line that says what to write.
func TestWrongGrace(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"leaks"}, {"doctor"}, {"rm", "--where", "true"}} {
		got := ipctop(append(args, "--grace", "5")...)
		if want := "ipctop: --grace: \"5\" is no duration: say 90s, 5m, 1h30m, 7d\n"; got.Stderr != want ||
			got.Code != exitUsage {
			t.Errorf("%v: %+v", args, got)
		}
	}
	if got := ipctop("rm", "shm:1", "--grace", "1d"); got.Code != exitUsage || !strings.Contains(got.Stderr,
		"--grace goes with --where") {
		t.Errorf("%+v", got)
	}
}

// The view groups many objects with the same verdict and reasons, unless the command line has --columns or --sort.
func TestLeaksThatAreAlike(t *testing.T) {
	t.Parallel()
	m := collecttest.New(t)
	m.Process(collecttest.Process{PID: 1, Comm: "init"})
	var sets []string
	for id := range 25 {
		sets = append(sets, fmt.Sprintf("%10d %10d  600          1     0     0     0     0          0  946684000",
			0x1000+id, 1000000+id))
	}
	m.SysV("sem", sets...)
	got := outputOf(t, 0, "leaks", "sem", "--root", m.Root)
	want := `UNKNOWN: 25 objects: rights or sight are missing to tell
  by owner: 0 25
  25 sem  owner 0, for the same reason: its values, its waiters and who changed it last could not be read
    sem:1000000, sem:1000001, sem:1000002, sem:1000003, sem:1000004,
    sem:1000005,`
	if !strings.HasPrefix(got, want) || !strings.HasSuffix(got, " sem:1000024\n") {
		t.Errorf("%s\nwant:\n%s", got, want)
	}
	for _, args := range [][]string{{"--sort", "id"}, {"--columns", "+nsems"}, {"--no-headings"}} {
		if got := outputOf(t, 0,
			append([]string{"leaks", "sem", "--root", m.Root}, args...)...); strings.Count("\n"+got,
			"\n  sem:") != 25 {
			t.Errorf("%v:\n%s", args, got)
		}
	}
	m = collecttest.New(t)
	m.Process(collecttest.Process{PID: 1, Comm: "init"})
	m.SysV("sem", sets[:3]...)
	if got := outputOf(t, 0, "leaks", "sem", "--root", m.Root); strings.Count(got, "\n  sem:") != 3 {
		t.Errorf("three:\n%s", got)
	}
}

// leaks accepts every word that completion proposes.
func TestCompletionOfLeaks(t *testing.T) {
	t.Parallel()
	words, _ := completeLeaks(nil, nil, "")
	for _, w := range words {
		name, _, _ := strings.Cut(w, "\t")
		outputOf(t, 0, "leaks", name, "--root", collecttest.New(t).Root)
	}
	if len(words) != 13 {
		t.Errorf("%q", words)
	}
}

// The end of leaks says how many pages of kernel.shmall the removal of the orphans wins, if the limit is in reach.
func TestPagesToBeWon(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		made := time.Now()
		for range 2 { // another process makes the segments, and ends
			if out, err := program(t, "ipcmk", "-M", fmt.Sprint(5*os.Getpagesize()-1)).CombinedOutput(); err != nil {
				t.Fatal(err, string(out))
			}
		}
		kerneltest.Eventually(t, "they are more than a second old",
			func() bool { return time.Since(made) > 2*time.Second })
		won := func() string {
			_, won, _ := strings.Cut(outputOf(t, 0, "leaks", "shm", "--grace", "0s"),
				"To be won by removing the orphans: ")
			won, _, _ = strings.Cut(won, "\n")
			return won
		}
		const segments = "2 of 4096 segments (kernel.shmmni)"
		if diff := cmp.Diff(segments, won()); diff != "" {
			t.Errorf("without a limit of pages (-want +got):\n%s", diff)
		}
		if err := os.WriteFile("/proc/sys/kernel/shmall", []byte("12"), 0o644); err != nil {
			t.Skipf("needs to set limits of an IPC namespace, which this kernel refuses: %v", err)
		}
		if diff := cmp.Diff(segments+", 10 of 12 pages (kernel.shmall)", won()); diff != "" {
			t.Errorf("with a limit of pages (-want +got):\n%s", diff)
		}
	})
}

// Many alike orphans are one entry with one command. The plan of this command has exactly these objects. The plan of
// the last command has all orphans.
func TestAlikeOrphansHaveOneCommand(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		made := time.Now()
		make := func(args ...string) {
			t.Helper()
			if out, err := program(t, append([]string{"ipcmk"}, args...)...).CombinedOutput(); err != nil {
				t.Fatal(err, string(out))
			}
		}
		for range 4 { // each by another process
			make("-S", "1")
		}
		make("-M", "4096")
		kerneltest.Eventually(t, "they are more than a second old",
			func() bool { return time.Since(made) > 2*time.Second })
		user, _, _ := strings.Cut(ownName(t), "\n")
		got := outputOf(t, 0, "leaks", "sem", "shm", "--grace", "0s")
		commands := map[string][]string{}
		for line := range strings.Lines(got) {
			if at := strings.Index(line, "ipctop rm --where "); at >= 0 {
				commands[strings.TrimSpace(line)[:2]] = whereOf(line[at:])
			}
		}
		alike := `verdict == "orphan" and kind == "sem" and owner == "` + user + `" and app == ""`
		want := map[string][]string{"ip": {alike, "0s"}, "To": {`verdict == "orphan" and kind in ["sem", "shm"]`, "0s"}}
		if diff := cmp.Diff(want, commands); diff != "" || strings.Count(got, "nobody waits on it") != 1 {
			t.Fatalf("(-want +got):\n%s%s", diff, got)
		}
		sets := []string{"sem:0", "sem:1", "sem:2", "sem:3"}
		for at, refs := range map[string][]string{"ip": sets, "To": append(sets, "shm:0")} {
			plan := outputOf(t, 0, "rm", "--dry-run", "--where", commands[at][0], "--grace", commands[at][1])
			var planned []string
			for line := range strings.Lines(plan) {
				if ref, _, ok := strings.Cut(line, ": "); ok && strings.Contains(ref, ":") && ref[0] != ' ' {
					planned = append(planned, ref)
				}
			}
			if diff := cmp.Diff(refs, planned); diff != "" {
				t.Errorf("the plan of %q (-want +got):\n%s", commands[at], diff)
			}
		}
		sums := "OWNER" + strings.Repeat(" ", max(0, len(user)-5)) + "  ORPHAN  ORPHANS' BYTES\n" +
			user + strings.Repeat(" ", max(0, 5-len(user))) + "       5               0\n"
		if diff := cmp.Diff(sums, outputOf(t, 0, "leaks", "sem", "shm", "--grace", "0s", "--by", "owner")); diff != "" {
			t.Errorf("sums (-want +got):\n%s", diff)
		}
		outputOf(t, 2, "leaks", "--by", "size")
		outputOf(t, 2, "leaks", "--by", "owner", "-o", "json")
	})
}

// whereOf cuts a command that leaks wrote: the expression of --where, and the grace time.
func whereOf(command string) []string {
	where, grace, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(command), "ipctop rm --where '"), "' --grace ")
	return []string{where, grace}
}
