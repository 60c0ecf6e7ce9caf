package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/actions"
	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/sysv"
)

// scene runs ipctop in namespaces of the test.
type scene struct {
	t     *testing.T
	host  *kernel.Host
	admin *kernel.Admin
}

// onScene runs f in namespaces in which f may make and remove any object. Standard input is no terminal.
func onScene(t *testing.T, f func(*scene)) {
	kerneltest.InNamespace(t, func() {
		t.Setenv("XDG_STATE_HOME", t.TempDir())
		t.Setenv("IPCTOP_READONLY", "")
		host, err := kernel.Open("")
		if err != nil {
			t.Fatal(err)
		}
		f(&scene{t, host, kernel.NewAdmin()})
	})
}

// commandOutput is the output of a command, and its exit code.
type commandOutput struct {
	Code           int
	Stdout, Stderr string
}

func ipctop(args ...string) commandOutput {
	var out, errs bytes.Buffer
	code := run(context.Background(), args, &out, &errs)
	return commandOutput{code, out.String(), errs.String()}
}

func (s *scene) shm(key uint32) int {
	s.t.Helper()
	id, err := s.admin.ShmGet(key, 4096, 0o600|sysv.IPCCreat|sysv.IPCExcl)
	if err != nil {
		s.t.Fatal(err)
	}
	return id
}

// attached makes a segment. This process attaches it until the test ends.
func (s *scene) attached() int {
	s.t.Helper()
	id := s.shm(sysv.KeyPrivate)
	data, err := s.admin.ShmAttach(id, false)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { s.admin.ShmDetach(data) })
	return id
}

// left lists the segments that are not marked for destruction.
func (s *scene) left() []int {
	s.t.Helper()
	all, err := s.host.ShmSegments(false)
	if err != nil {
		s.t.Fatal(err)
	}
	var ids []int
	for _, seg := range all {
		if !seg.Dest() {
			ids = append(ids, seg.ID)
		}
	}
	return ids
}

func (s *scene) expect(want []int) {
	s.t.Helper()
	if diff := cmp.Diff(want, s.left()); diff != "" {
		s.t.Errorf("segments left:\n%s", diff)
	}
}

func ref(id int) string { return fmt.Sprintf("shm:%d", id) }

func TestRemoveWithYes(t *testing.T) {
	onScene(t, func(s *scene) {
		a, b, c := s.shm(0x11), s.shm(0x22), s.shm(0x33)
		got := ipctop("rm", "--yes", ref(a), "shm:key=0x22", ref(b), ref(a))
		if want := (commandOutput{0, fmt.Sprintf("shm:%d: removed\nshm:%d: removed\n", a, b),
			got.Stderr}); got != want {
			t.Errorf("got %+v", got)
		}
		for _, line := range []string{"Remove 2 objects\n", fmt.Sprintf("  same as: ipcrm -m %d\n", a),
			fmt.Sprintf("  same as: ipcrm -m %d\n", b)} {
			if !strings.Contains(got.Stderr, line) {
				t.Errorf("the plan on stderr lacks %q:\n%s", line, got.Stderr)
			}
		}
		s.expect([]int{c})
	})
}

func TestDryRunDoesNothing(t *testing.T) {
	onScene(t, func(s *scene) {
		a, b := s.shm(0x11), s.attached()
		for _, args := range [][]string{{"rm", "--dry-run", ref(a), ref(b)},
			{"rm", "-n", "--yes", "--where", `kind == "shm"`}} {
			got := ipctop(args...)
			if got.Code != 0 || got.Stderr != "" || !strings.HasPrefix(got.Stdout, "Remove 2 objects\nshm:") {
				t.Errorf("%q: %+v", args, got)
			}
		}
		s.expect([]int{a, b})
		if _, err := os.Stat(filepath.Join(os.Getenv("XDG_STATE_HOME"), "ipctop")); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("a dry run left a journal: %v", err)
		}
	})
}

// TestNothingIsDone has the command lines that must fail before they do anything.
func TestNothingIsDone(t *testing.T) {
	onScene(t, func(s *scene) {
		a := s.shm(0x11)
		for _, c := range []struct {
			args []string
			code int
			says string // the last line of stderr
		}{
			{[]string{"rm", ref(a)}, 2,
				"ipctop: nothing was done: there is no terminal to ask on; say --yes to do it, or --dry-run to look"},
			{[]string{"rm"}, 2, "ipctop: nothing named: say KIND:ID, for example shm:32769, or --where EXPR; see " +
				"ipctop rm --help"},
			{[]string{"rm", "--yes", ref(a), "shm:x"}, 2,
				`ipctop: not an object reference: "shm:x": "x" is not a number: say shm:ID`},
			{[]string{"rm", "--yes", ref(a), "shn:1"}, 2,
				`ipctop: not an object reference: "shn:1": no kind is called "shn": did you mean shm?`},
			{[]string{"rm", "--yes", ref(a), "shm:key=0x100000011"}, 2,
				`ipctop: not an object reference: "shm:key=0x100000011": a System V key has 32 bits, ` +
					`0x100000011 does not fit`},
			{[]string{"rm", "--yes", "--where", "true", ref(a)}, 2,
				"ipctop: --where and " + ref(a) + " together: say one of them"},
			{[]string{"rm", "--yes", "--where", "natch == 0"}, 2, `ipctop: unknown column "natch": ` +
				`did you mean nattch?`},
			{[]string{"rm", "--yes", "--where", "nattch == 9"}, 1, "ipctop: --where: nothing matched"},
			{[]string{"rm", "--yes", "shm:4711"}, 1, "ipctop: shm:4711: there is no such object"},
			{[]string{"rm", "--yes", "shm:key=0x12"}, 1, "ipctop: shm:key=0x12: there is no such object"},
			{[]string{"rm", "--yes", "proc:1"}, 1,
				"ipctop: proc:1: a process is not removed: end it with ipctop signal TERM proc:1"},
			{[]string{"rm", "--read-only", "--yes", ref(a)}, 2,
				"ipctop: " + actions.ErrReadOnly.Error() + " (--read-only or IPCTOP_READONLY=1)"},
			{[]string{"--read-only", "signal", "TERM", "--yes", "proc:1"}, 2,
				"ipctop: " + actions.ErrReadOnly.Error() + " (--read-only or IPCTOP_READONLY=1)"},
			{[]string{"signal", "--yes", "TERM", "proc:1"}, 1,
				"ipctop: proc:1: pid 1 is not signalled from here: the machine, or the container, hangs on it"},
			{[]string{"signal", "--yes", "TREM", "proc:1"}, 2, `ipctop: no such signal: "TREM": ipctop signal ` +
				`--list shows all`},
			{[]string{"signal"}, 2, "ipctop: no signal named: say ipctop signal TERM REF; ipctop signal " +
				"--list shows all"},
			{[]string{"signal", "--yes", "--to", "readers", "TERM", "proc:1"}, 2,
				"ipctop: --to says which processes of an object, and only processes are named here: leave it out, " +
					"or name the object (pipe:8841)"},
			{[]string{"signal", "--yes", "--to", "readers", "TERM", "--where", "pid == 1"}, 2,
				"ipctop: --to says which processes of an object, and only processes are named here: leave it out, " +
					"or name the object (pipe:8841)"},
			{[]string{"signal", "TERM", "--to", "us", ref(a)}, 2,
				`ipctop: --to "us": say one of holders, readers, writers, waiters, creator, enders, ` +
					`itself, container, unit`},
			{[]string{"signal", "--yes", "TERM", ref(a)}, 1,
				"ipctop: " + ref(a) + ": it has no holders that can be seen"},
		} {
			got := ipctop(c.args...)
			lines := strings.Split(strings.TrimSuffix(got.Stderr, "\n"), "\n")
			if got.Code != c.code || got.Stdout != "" || lines[len(lines)-1] != c.says {
				t.Errorf("%q: %+v\nwant %d, %s", c.args, got, c.code, c.says)
			}
		}
		s.expect([]int{a})
	})
}

func TestReadOnlyEnvironment(t *testing.T) {
	onScene(t, func(s *scene) {
		a := s.shm(0x11)
		t.Setenv("IPCTOP_READONLY", "true")
		if got := ipctop("rm", "--yes", ref(a)); got.Code != 2 || got.Stdout != "" {
			t.Errorf("got %+v", got)
		}
		s.expect([]int{a})
	})
}

func TestPartRefusedIsThree(t *testing.T) {
	onScene(t, func(s *scene) {
		a := s.shm(0x11)
		got := ipctop("rm", "--yes", ref(a), "shm:4711", "pipe:1")
		want := "ipctop: shm:4711: there is no such object\nipctop: pipe:1: there is no such object\nRemove 1 object\n"
		if got.Code != 3 || got.Stdout != ref(a)+": removed\n" || !strings.HasPrefix(got.Stderr, want) {
			t.Errorf("got %+v", got)
		}
	})
}

// terminal gives the commands a terminal as standard input, and types these lines on it.
func (s *scene) terminal(typed string) {
	s.t.Helper()
	ptmx, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { ptmx.Close() })
	if err := unix.IoctlSetPointerInt(int(ptmx.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		s.t.Fatal(err)
	}
	// TIOCGPTPEER opens the other end without a path: this mount namespace may not have the path (man 2 ioctl_tty).
	fd, err := unix.IoctlRetInt(int(ptmx.Fd()), unix.TIOCGPTPEER)
	if err != nil {
		s.t.Fatal(err)
	}
	tty, old := os.NewFile(uintptr(fd), "tty"), os.Stdin
	os.Stdin = tty
	s.t.Cleanup(func() {
		os.Stdin = old
		tty.Close()
	})
	if _, err := io.WriteString(ptmx, typed); err != nil {
		s.t.Fatal(err)
	}
}

func TestQuestions(t *testing.T) {
	const unused, used = 0, 1 // the objects that are left
	for _, c := range []struct {
		name, typed string
		code        int
		left        []int
		says        []string
	}{
		{"yes and the id", "y\nID\n", 0, nil, nil},
		{"no", "\nwrong\n", 1, []int{unused, used},
			[]string{"ipctop: A: not confirmed\n", "ipctop: B: not confirmed\n"}},
		{"yes, but y is not the id", "y\ny\n", 3, []int{used}, []string{"ipctop: B: not confirmed\n"}},
		{"only the one in use", "n\nID\n", 3, []int{unused}, []string{"ipctop: A: not confirmed\n"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			onScene(t, func(s *scene) {
				ids := []int{s.shm(0x11), s.attached()}
				s.terminal(strings.ReplaceAll(c.typed, "ID", fmt.Sprint(ids[used])))
				got := ipctop("rm", ref(ids[unused]), ref(ids[used]))
				if got.Code != c.code {
					t.Errorf("exit code %d, want %d: %+v", got.Code, c.code, got)
				}
				says := append(c.says, "Do it for the 1 that nobody uses? [y/N] ",
					fmt.Sprintf("B is in use. Type %d to do it all the same: ", ids[used]))
				for _, line := range says {
					line = strings.NewReplacer("A", ref(ids[unused]), "B", ref(ids[used])).Replace(line)
					if !strings.Contains(got.Stderr, line) {
						t.Errorf("stderr lacks %q:\n%s", line, got.Stderr)
					}
				}
				var left []int
				for _, i := range c.left {
					left = append(left, ids[i])
				}
				s.expect(left)
			})
		})
	}
}

// A name can hold characters that a person cannot type. The person types the escaped form, as the question shows it.
func TestQuestionAboutAHostileName(t *testing.T) {
	onScene(t, func(s *scene) {
		fd, err := s.admin.ShmOpen("/a\x1b[31m", unix.O_RDWR|unix.O_CREAT|unix.O_EXCL, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(fd)
		s.terminal(`/a\x1b[31m` + "\n")
		got := ipctop("rm", "pshm:/a\x1b[31m")
		if got.Code != 0 || strings.Contains(got.Stdout+got.Stderr, "\x1b") || !strings.Contains(got.Stderr,
			`Type /a\x1b[31m to do it`) {
			t.Errorf("got %+v", got)
		}
	})
}

func TestSignalAProcessWithAHostileName(t *testing.T) {
	onScene(t, func(s *scene) {
		sleep, err := exec.LookPath("sleep")
		if err != nil {
			t.Fatal(err)
		}
		// Its comm is the name of its program, up to 15 bytes.
		hostile := filepath.Join(t.TempDir(), "\x1b[31mred\n")
		if err := os.Symlink(sleep, hostile); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(hostile, "1000")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		defer cmd.Wait()
		defer cmd.Process.Kill()
		got := ipctop("signal", "--yes", "TERM", fmt.Sprintf("proc:%d", cmd.Process.Pid))
		want := fmt.Sprintf("proc:%d: SIGTERM sent to \\x1b[31mred\\x0a (pid %d)\n", cmd.Process.Pid, cmd.Process.Pid)
		if got.Code != 0 || got.Stdout != want || strings.ContainsRune(got.Stderr, 0x1b) {
			t.Errorf("got %+v, want %q", got, want)
		}
		if err := cmd.Wait(); err == nil || !strings.Contains(err.Error(), "terminated") {
			t.Errorf("it ended with %v, want SIGTERM", err)
		}
	})
}

// A row of ipctop waits stands for the thread that waits. A signal goes to the thread's process. Of the sides a
// wait has the waiter and its enders.
func TestSignalToAWait(t *testing.T) {
	onScene(t, func(s *scene) {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		writer, cmd := exec.Command("sleep", "1000"), exec.Command("cat")
		writer.Stdout, cmd.Stdin = w, r
		for _, c := range []*exec.Cmd{writer, cmd} {
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			defer c.Wait()
			defer c.Process.Kill()
		}
		r.Close()
		w.Close()
		pid := cmd.Process.Pid
		wait := fmt.Sprintf("wait:%d", pid)
		kerneltest.Eventually(t, "it waits", func() bool {
			return strings.Contains(ipctop("waits", "--columns", "ref", "--no-headings").Stdout, wait+"\n")
		})
		for _, to := range []string{"holders", "readers", "creator"} {
			got := ipctop("signal", "TERM", "--to", to, "--yes", wait)
			if want := (commandOutput{exitUsage, "", "ipctop: --to " + to + ": " + wait +
				" has no such side: say one of waiters, enders\n"}); got != want {
				t.Errorf("%+v", got)
			}
		}
		line := fmt.Sprintf("proc:%d: SIGTERM (15) to sleep (pid %d)", writer.Process.Pid, writer.Process.Pid)
		if got := ipctop("signal", "TERM", "--to", "enders", "--dry-run", wait); got.Code != 0 ||
			!strings.Contains(got.Stdout, line) || !strings.Contains(got.Stdout,
			fmt.Sprintf("  affects: it could end the wait of %d/cat for pipe:", pid)) {
			t.Errorf("want %q: %+v", line, got)
		}
		same := []commandOutput{ipctop("signal", "TERM", "-n", wait),
			ipctop("signal", "TERM", "-n", "--to", "waiters", wait)}
		if diff := cmp.Diff(same[0], same[1]); diff != "" {
			t.Error(diff)
		}
		got := ipctop("signal", "TERM", "--yes", wait)
		if want := fmt.Sprintf("proc:%d: SIGTERM sent to cat (pid %d)\n", pid, pid); got.Code != 0 ||
			got.Stdout != want {
			t.Errorf("got %+v, want %q", got, want)
		}
		if err := cmd.Wait(); err == nil || !strings.Contains(err.Error(), "terminated") {
			t.Errorf("it ended with %v, want SIGTERM", err)
		}
	})
}

func TestSignalWhereFindsProcesses(t *testing.T) {
	onScene(t, func(s *scene) {
		cmd := exec.Command("sleep", "1000")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		defer cmd.Wait()
		defer cmd.Process.Kill()
		got := ipctop("signal", "KILL", "--yes", "--where", `comm == "sleep"`)
		if want := fmt.Sprintf("proc:%d: SIGKILL sent to sleep (pid %d)\n", cmd.Process.Pid,
			cmd.Process.Pid); got.Code != 0 || got.Stdout != want {
			t.Errorf("got %+v, want %q", got, want)
		}
		if got := ipctop("signal", "--list"); got.Code != 0 || !strings.Contains(got.Stdout,
			"\n15      TERM      asks it to end\n") {
			t.Errorf("got %+v", got)
		}
	})
}

func TestAFullStandardOutputStopsTheRest(t *testing.T) {
	onScene(t, func(s *scene) {
		a, b := s.shm(0x11), s.shm(0x22)
		full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer full.Close()
		var errs bytes.Buffer
		code := run(context.Background(), []string{"rm", "--yes", ref(a), ref(b)}, full, &errs)
		if code != 3 || !strings.Contains(errs.String(), ref(b)+": refused: not done: interrupted\n") ||
			!strings.Contains(errs.String(), "ipctop: standard output: ") {
			t.Errorf("code %d, %s", code, errs.String())
		}
		s.expect([]int{b})
	})
}

// An empty /proc is no /proc of another pid namespace.
func TestSignalWithoutProc(t *testing.T) {
	onScene(t, func(s *scene) {
		if err := unix.Mount("none", "/proc", "tmpfs", 0, ""); err != nil {
			t.Fatal(err)
		}
		defer unix.Unmount("/proc", 0)
		want := commandOutput{exitFailed, "", "ipctop: proc:1: no such object can be seen from here: /proc shows no " +
			"process, not even this one: nothing is known of any; mount it (mount -t proc proc /proc)\n" +
			"ipctop: /proc is empty or not mounted, so that nothing tells which process a pid names: mount it " +
			"(mount -t proc proc /proc)\n"}
		if diff := cmp.Diff(want, ipctop("signal", "--yes", "TERM", "proc:1")); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	})
}

// If the plan cannot be shown, nobody has agreed to it. This is true with --yes, too.
func TestAPlanThatCannotBeShownIsNotDone(t *testing.T) {
	onScene(t, func(s *scene) {
		a := s.shm(0x11)
		full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer full.Close()
		closed, gone, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer gone.Close()
		closed.Close()
		sleep := exec.Command("sleep", "1000")
		if err := sleep.Start(); err != nil {
			t.Fatal(err)
		}
		defer sleep.Wait()
		defer sleep.Process.Kill()
		for _, stderr := range []*os.File{full, gone} {
			for _, args := range [][]string{{"rm", "--yes", ref(a)},
				{"signal", "--yes", "KILL", fmt.Sprintf("proc:%d", sleep.Process.Pid)}} {
				var out bytes.Buffer
				if code := run(context.Background(), args, &out, stderr); code != 1 || out.Len() > 0 {
					t.Errorf("%q: exit %d, %q", args, code, out.String())
				}
			}
		}
		s.expect([]int{a})
		if err := sleep.Process.Signal(unix.SIGTERM); err != nil { // os.ErrProcessDone if the command has killed it
			t.Error(err)
		}
		var exit *exec.ExitError
		if err := sleep.Wait(); !errors.As(err, &exit) || exit.String() != "signal: terminated" {
			t.Errorf("it ended with %v, want the test's own SIGTERM", err)
		}
	})
}

// If nothing matches, the likely reason is a column that a kind does not have. A note says so.
func TestWhereSaysWhatAKindLacks(t *testing.T) {
	onScene(t, func(s *scene) {
		for range 2 {
			if _, err := s.admin.SemGet(sysv.KeyPrivate, 1, 0o600|sysv.IPCCreat); err != nil {
				t.Fatal(err)
			}
		}
		got := ipctop("rm", "--yes", "--where", `kind == "sem" and creator_state != "alive"`)
		want := "ipctop: note: 2 sem rows were left out: sem has no column creator_state\n" +
			"ipctop: --where: nothing matched\n"
		if diff := cmp.Diff(commandOutput{1, "", want}, got); diff != "" {
			t.Error(diff)
		}
		a := s.shm(0x11)
		if got := ipctop("rm", "--yes", "--where", `creator_state == "alive"`); got.Code != 0 || got.Stdout != ref(a)+
			": removed\n" || strings.Contains(got.Stderr, "left out") {
			t.Errorf("got %+v", got)
		}
	})
}

func TestWithoutAJournalNothingIsRemoved(t *testing.T) {
	onScene(t, func(s *scene) {
		a := s.shm(0x11)
		file := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		t.Setenv("XDG_STATE_HOME", file)
		got := ipctop("rm", "--yes", ref(a))
		want := "ipctop: nothing was done, since the journal cannot be written: open " + file +
			": not a directory (XDG_STATE_HOME says below which directory it stands)\n"
		if got.Code != 1 || got.Stdout != "" || !strings.HasSuffix(got.Stderr, want) {
			t.Errorf("got %+v, want %q", got, want)
		}
		s.expect([]int{a})
	})
}

// An object that changes between the choice by --where and the plan is refused, even with --yes.
func TestWhereHoldsForThePlan(t *testing.T) {
	onScene(t, func(s *scene) {
		free, taken := s.shm(0x11), s.shm(0x22)
		no := false
		f := planFlags{where: "nattch == 0", yes: true, readOnly: &no}
		var out, errs bytes.Buffer
		cmd := &cobra.Command{}
		cmd.SetOut(&out)
		cmd.SetErr(&errs)
		cmd.SetContext(context.Background())
		a, err := f.start(cmd, 0)
		if err != nil {
			t.Fatal(err)
		}
		mechs := mechanismsOf(actions.Removable)
		refs, err := a.targets(nil, mechs)
		if err != nil || len(refs) != 2 {
			t.Fatal(refs, err)
		}
		data, err := s.admin.ShmAttach(taken, false)
		if err != nil {
			t.Fatal(err)
		}
		defer s.admin.ShmDetach(data)
		plan, err := a.planner.Remove(refs)
		if err != nil {
			t.Fatal(err)
		}
		if plan, err = a.stillMatching(plan, mechs); err != nil {
			t.Fatal(err)
		}
		var exit *exitError
		if err := a.perform(plan); !errors.As(err, &exit) || exit.code != exitPartly {
			t.Errorf("ended with %v", err)
		}
		if want := fmt.Sprintf("shm:%d: removed\n", free); out.String() != want {
			t.Errorf("did %q", out.String())
		}
		if want := fmt.Sprintf("ipctop: shm:%d: changed since it was shown: --where does not hold for it "+
			"any more: look at it again\n",
			taken); !strings.Contains(errs.String(), want) {
			t.Errorf("said %q", errs.String())
		}
		s.expect([]int{taken})
	})
}
