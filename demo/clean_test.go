package demo_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/sysv"
	"github.com/ipctop/ipctop/collect/schema"
	"github.com/ipctop/ipctop/demo"
)

// killDemo runs a demo, kills its main process, and waits until its workers have ended by themselves. It returns the
// path of the state file.
func killDemo(t *testing.T, state, dir string, scenarios ...string) string {
	t.Helper()
	w := kerneltest.Start(t, "main", append([]string{state, dir}, scenarios...)...)
	w.Kill()
	kerneltest.Eventually(t, "the workers of a killed demo to end", func() bool {
		return !slices.ContainsFunc(leftovers(t), func(what string) bool { return strings.HasPrefix(what, "demo-") })
	})
	names, err := filepath.Glob(filepath.Join(state, "demo-*.json"))
	if err != nil || len(names) != 1 {
		t.Fatalf("state files %v (%v), want one", names, err)
	}
	return names[0]
}

// edit rewrites a state file.
func edit(t *testing.T, name string, change func([]byte) []byte) {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	changed := change(text)
	if bytes.Equal(text, changed) {
		t.Fatalf("the edit changed nothing of %s", text)
	}
	if err := os.WriteFile(name, changed, 0o600); err != nil {
		t.Fatal(err)
	}
}

// makeForeign makes a queue, a segment and a semaphore set that no demo made.
func makeForeign(t *testing.T) []string {
	t.Helper()
	admin := kernel.NewAdmin()
	const flags = sysv.IPCCreat | sysv.IPCExcl | 0o600
	q, err1 := admin.MsgGet(0x69700001, flags)
	s, err2 := admin.SemGet(0x69700002, 1, flags)
	m, err3 := admin.ShmGet(sysv.KeyPrivate, 4096, flags)
	for _, err := range []error{err1, err2, err3} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return []string{
		schema.Ref{Kind: schema.Msg, ID: uint64(q)}.String(),
		schema.Ref{Kind: schema.Sem, ID: uint64(s)}.String(),
		schema.Ref{Kind: schema.Shm, ID: uint64(m)}.String(),
	}
}

func TestCleanAfterKill(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		state, dir := t.TempDir(), shortDir(t)
		before := makeForeign(t)
		killDemo(t, state, dir)
		if got := leftovers(t, dir); len(got) < len(before)+15 {
			t.Errorf("a killed demo left only %v", got)
		}
		report, err := demo.Clean(state)
		if err != nil || len(report.Left) != 0 {
			t.Errorf("Clean: %v, left %v", err, report.Left)
		}
		if diff := cmp.Diff(before, leftovers(t, state, dir)); diff != "" {
			t.Errorf("what is there now (-want +got):\n%s", diff)
		}
		report, err = demo.Clean(state)
		if diff := cmp.Diff(demo.Report{}, report); diff != "" || err != nil {
			t.Errorf("a second Clean: %v\n%s", err, diff)
		}
	}, unix.CLONE_NEWNET)
}

// A worker may be killed after it made a thing and before it recorded it. Then the announcement must be enough.
func TestCleanWhatWasOnlyAnnounced(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		state, dir := t.TempDir(), shortDir(t)
		before := makeForeign(t)
		name := killDemo(t, state, dir, "msg-full", "pmsg-full", "psem-waiting", "pshm-shared", "mmap-shared",
			"sem-undo", "shm-orphan", "fifo-waiting", "unix-stream")
		edit(t, name, func(text []byte) []byte {
			return regexp.MustCompile(`(?m)^\{"event":"made","n".*\n`).ReplaceAll(text, nil)
		})
		report, err := demo.Clean(state)
		if err != nil || len(report.Left) != 0 {
			t.Errorf("Clean: %v, left %v", err, report.Left)
		}
		if diff := cmp.Diff(before, leftovers(t, state, dir)); diff != "" {
			t.Errorf("what is there now (-want +got):\n%s", diff)
		}
	})
}

// A queue that is made right after the start of a second can show the second before as its time.
func TestCleanKnowsAnAnnouncedQueueByItsSecond(t *testing.T) {
	for after, left := range map[int64]int{0: 0, 1: 0, 2: 1} { // seconds from the queue's ctime to the announcement
		t.Run(strconv.FormatInt(after, 10), func(t *testing.T) {
			kerneltest.InNamespace(t, func() {
				state, dir := t.TempDir(), shortDir(t)
				name := killDemo(t, state, dir, "pmsg-full")
				queues, err := host(t).AllPosixQueues(false, false)
				if err != nil || len(queues) != 1 {
					t.Fatalf("queues %+v (%v), want one", queues, err)
				}
				edit(t, name, func(text []byte) []byte {
					text = regexp.MustCompile(`(?m)^\{"event":"made","n".*\n`).ReplaceAll(text, nil)
					announced := regexp.MustCompile(`("kind":"pmsg","time":)\d+`)
					text = announced.ReplaceAll(text, []byte("${1}0"))
					return announced.ReplaceAll(text, fmt.Appendf(nil, "${1}%d", queues[0].CTime.Unix()+after))
				})
				report, err := demo.Clean(state)
				if err != nil || len(report.Left) != left {
					t.Errorf("Clean: %v, left %v, want %d left", err, report.Left, left)
				}
			})
		})
	}
}

// A thing with the recorded id or name, but another identity, belongs to somebody else.
func TestCleanLeavesWhatIsNotTheDemos(t *testing.T) {
	for _, c := range []struct {
		name    string
		pattern string // a pattern in the state file, which by replaces
		by      string
		left    []string // some of "msg", "sem", "shm" and "fifo"
	}{
		{"another ctime", `"ctime":\d+`, `"ctime":1`, []string{"msg", "sem", "shm"}},
		{"another creator", `(?m)"made",(.*)\}$`, `"made",$1,"uid":4242}`, []string{"msg", "sem", "shm"}},
		{"another key", `"key":\d+`, `"key":7`, []string{"msg", "sem", "shm"}},
		{"another inode", `("kind":"fifo".*)"ino":\d+`, `$1"ino":1`, []string{"fifo"}},
		{"another directory", `("kind":"dir".*)"ino":\d+`, `$1"ino":1`, []string{"fifo"}},
		{"another device", `("kind":"dir".*)"dev":\d+`, `$1"dev":1`, []string{"fifo"}},
		{"another boot", `"boot":"[^"]*"`, `"boot":"earlier"`, []string{"msg", "sem", "shm"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			kerneltest.InNamespace(t, func() {
				state, dir := t.TempDir(), shortDir(t)
				name := killDemo(t, state, dir, "msg-typed", "sem-waiters", "shm-orphan", "fifo-waiting")
				edit(t, name, func(text []byte) []byte {
					return regexp.MustCompile(c.pattern).ReplaceAll(text,
						[]byte(c.by))
				})
				if _, err := demo.Clean(state); err != nil {
					t.Error(err)
				}
				var left []string
				for _, what := range leftovers(t, state, dir) {
					kind, _, _ := strings.Cut(what, ":")
					if strings.HasSuffix(what, "/fifo") {
						kind = "fifo"
					}
					if !strings.HasPrefix(kind, "/") { // the directory around the FIFO
						left = append(left, kind)
					}
				}
				if diff := cmp.Diff(c.left, left); diff != "" {
					t.Errorf("left alone (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// Two files stay: a file that somebody put into the demo's directory, and one that now has the name of the demo's FIFO.
func TestCleanLeavesForeignFiles(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		state, dir := t.TempDir(), shortDir(t)
		killDemo(t, state, dir, "fifo-waiting", "unix-dgram")
		private, err := filepath.Glob(filepath.Join(dir, "ipctop-demo-*"))
		if err != nil || len(private) != 1 {
			t.Fatalf("private directories %v (%v), want one", private, err)
		}
		fifo := filepath.Join(private[0], "fifo")
		if err := os.Remove(fifo); err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{fifo, filepath.Join(private[0], "notes")} {
			if err := os.WriteFile(path, []byte("mine"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		report, err := demo.Clean(state)
		if err != nil {
			t.Error(err)
		}
		want := []demo.Left{
			{What: fifo, Why: "the name is now another's"},
			{What: private[0], Why: "it holds what the demo did not make"},
		}
		if diff := cmp.Diff(want, report.Left); diff != "" {
			t.Errorf("reported as left (-want +got):\n%s", diff)
		}
		base := "/" + filepath.Base(private[0])
		if diff := cmp.Diff([]string{base, base + "/fifo", base + "/notes"}, leftovers(t, state, dir)); diff != "" {
			t.Errorf("what is there now (-want +got):\n%s", diff)
		}
	})
}

func TestCleanLeavesRunningDemosAlone(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		state, dir := t.TempDir(), shortDir(t)
		w := kerneltest.Start(t, "main", state, dir, "shm-orphan", "fifo-waiting")
		before := leftovers(t, state, dir)
		report, err := demo.Clean(state)
		if err != nil || len(report.Removed) != 0 || len(report.Left) != 1 || !strings.Contains(report.Left[0].Why,
			"still running") {
			t.Errorf("Clean: %+v (%v), want a word on the one that is still running", report, err)
		}
		if diff := cmp.Diff(before, leftovers(t, state, dir)); diff != "" {
			t.Errorf("what is there now (-want +got):\n%s", diff)
		}
		w.Say("stop")
		w.Read()
		if diff := cmp.Diff([]string(nil), leftovers(t, state, dir)); diff != "" {
			t.Errorf("left after its end (-want +got):\n%s", diff)
		}
	})
}

// A recorded process that ignored the lifeline is killed. A process that only has the recorded pid is not.
func TestCleanEndsExactlyTheRecordedProcess(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		state, dir := t.TempDir(), shortDir(t)
		w := kerneltest.Start(t, "main", state, dir, "shm-private", "msg-typed")
		var workers []int
		pids, err := host(t).PIDs()
		if err != nil {
			t.Fatal(err)
		}
		for _, pid := range pids {
			if st, err := stat(pid); err == nil && strings.HasPrefix(st.Comm, "demo-") {
				if err := unix.Kill(pid, unix.SIGSTOP); err != nil {
					t.Fatal(err)
				}
				kerneltest.Eventually(t, "a worker to stop",
					func() bool { st, err := stat(pid); return err == nil && st.State == 'T' })
				workers = append(workers, pid)
			}
		}
		if len(workers) != 2 {
			t.Fatalf("workers %v, want two", workers)
		}
		spared, err := stat(workers[0])
		if err != nil {
			t.Fatal(err)
		}
		w.Kill()
		names, err := filepath.Glob(filepath.Join(state, "demo-*.json"))
		if err != nil || len(names) != 1 {
			t.Fatalf("state files %v (%v), want one", names, err)
		}
		edit(t, names[0], func(text []byte) []byte {
			return regexp.MustCompile(`("pid":`+regexp.QuoteMeta(strconv.Itoa(workers[0]))+
				`,"start":)\d+`).ReplaceAll(text,
				[]byte("${1}1"))
		})
		report, err := demo.Clean(state)
		if err != nil || !slices.Contains(report.Removed, "process "+strconv.Itoa(workers[1])) ||
			slices.Contains(report.Removed, "process "+strconv.Itoa(workers[0])) {
			t.Errorf("Clean: %+v (%v), want process %d ended and process %d not", report, err, workers[1], workers[0])
		}
		if now, err := stat(workers[0]); err != nil || now.Start != spared.Start || now.State != 'T' {
			t.Errorf("the process with another start time is %+v (%v)", now, err)
		}
		if err := unix.Kill(workers[0], unix.SIGKILL); err != nil {
			t.Error(err)
		}
	})
}

func TestCleanBrokenStateFile(t *testing.T) {
	state := t.TempDir()
	name := filepath.Join(state, "demo-1-0.json")
	if err := os.WriteFile(name, []byte("not JSON\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if report, err := demo.Clean(state); err == nil || len(report.Removed) != 0 {
		t.Errorf("Clean: %+v, %v; want an error", report, err)
	}
	if _, err := os.Stat(name); err != nil {
		t.Errorf("a state file that cannot be read must stay: %v", err)
	}
}

// A state file of another user is not obeyed: its lines could name anything. This holds for a file in the right place,
// and for the place that another user's HOME gives.
func TestCleanObeysNoOtherUser(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		home := t.TempDir()
		if os.Getuid() != 0 || os.Chown(t.TempDir(), 1000, 1000) != nil {
			t.Skip("needs root, to make files of another user")
		}
		state := filepath.Join(home, ".local", "state", "ipctop")
		if err := os.MkdirAll(state, 0o700); err != nil {
			t.Fatal(err)
		}
		name := killDemo(t, state, shortDir(t), "shm-orphan")
		before := leftovers(t)
		if err := os.Chown(name, 1000, 1000); err != nil {
			t.Fatal(err)
		}
		report, err := demo.Clean(state)
		want := demo.Report{Left: []demo.Left{{What: name,
			Why: "it is no state file of this user: it belongs to uid 1000"}}}
		if diff := cmp.Diff(want, report); diff != "" || err != nil {
			t.Error(err, diff)
		}
		for _, path := range []string{home, state} {
			if err := os.Chown(path, 1000, 1000); err != nil {
				t.Fatal(err)
			}
		}
		t.Setenv("XDG_STATE_HOME", "")
		t.Setenv("HOME", home) // the password file leads to root's own home
		if report, err := demo.Clean(""); len(report.Removed) > 0 {
			t.Errorf("by another user's HOME: %+v, %v", report, err)
		}
		t.Setenv("XDG_STATE_HOME", filepath.Dir(state))
		if report, err := demo.Clean(""); len(report.Removed) > 0 || err == nil {
			t.Errorf("by another user's directory: %+v, %v", report, err)
		}
		if diff := cmp.Diff(before, leftovers(t)); diff != "" {
			t.Error(diff)
		}
	})
}
