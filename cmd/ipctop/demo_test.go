package main

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/demo"
)

// demoProgram is a process that runs ipctop demo.
type demoProgram struct {
	cmd        *exec.Cmd
	stdout     io.ReadCloser
	stderr     bytes.Buffer
	state, dir string
}

// startDemo starts "ipctop demo --no-ui" with scenarios. below is a command that starts the demo, such as a shell.
func startDemo(t *testing.T, scenarios string, below ...string) *demoProgram {
	t.Helper()
	cmd := program(t, append([]string{"demo", "--no-ui"}, strings.Fields(scenarios)...)...)
	if len(below) > 0 {
		args := append(below, cmd.Path)
		cmd.Args = append(args, cmd.Args[1:]...)
		cmd.Path = below[0]
	}
	p := &demoProgram{cmd: cmd, state: t.TempDir(), dir: t.TempDir()}
	cmd.Env = append(cmd.Env, "XDG_STATE_HOME="+p.state, "TMPDIR="+p.dir)
	cmd.Stderr = &p.stderr
	var err error
	if p.stdout, err = cmd.StdoutPipe(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return p
}

// table reads the lines that the demo prints before it waits.
func (p *demoProgram) table(t *testing.T) []string {
	t.Helper()
	var lines []string
	for in := bufio.NewScanner(p.stdout); in.Scan(); lines = append(lines, in.Text()) {
		if strings.HasPrefix(in.Text(), "Ctrl-C") {
			return lines
		}
	}
	p.cmd.Wait()
	t.Fatalf("no word of Ctrl-C after %q; stderr: %s", lines, p.stderr.String())
	return nil
}

// left lists the remains of the demo: objects of this IPC namespace, files of its directories, and processes.
func (p *demoProgram) left(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, name := range []string{"msg", "sem", "shm"} {
		text, err := os.ReadFile("/proc/sysvipc/" + name)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			if !strings.Contains(line, "key") {
				all = append(all, name+line)
			}
		}
	}
	for _, pattern := range []string{p.state + "/ipctop/*", p.dir + "/*"} {
		names, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, names...)
	}
	comms, err := filepath.Glob("/proc/[0-9]*/comm")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range comms {
		if comm, err := os.ReadFile(path); err == nil && strings.HasPrefix(string(comm), "demo-") {
			all = append(all, string(comm))
		}
	}
	return all
}

func (p *demoProgram) leftNothing(t *testing.T) {
	t.Helper()
	if diff := cmp.Diff([]string(nil), p.left(t)); diff != "" {
		t.Errorf("left behind (-want +got):\n%s", diff)
	}
}

func TestDemoEndsOnSignals(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		t.Run(unix.SignalName(sig), func(t *testing.T) {
			kerneltest.InNamespace(t, func() {
				p := startDemo(t, "msg-typed shm-orphan fifo-waiting")
				ids := regexp.MustCompile(`[0-9]+`)
				var got []string
				for _, line := range p.table(t) {
					got = append(got, strings.Join(strings.Fields(ids.ReplaceAllString(line, "N")), " "))
				}
				want := []string{
					"SCENARIO KIND REF PID WHAT TO LOOK FOR",
					"msg-typed msg msg:N N N messages; this process sent them and is the last sender (lspid)",
					"shm-orphan shm shm:N N nobody has it attached; this pid is the creator's, which has ended",
					"fifo-waiting fifo fifo:N@N:N N this process reads, nobody writes",
					"fifo-waiting fifo fifo:N@N:N N this process sleeps in open until a writer comes",
					"",
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("the table (-want +got):\n%s", diff)
				}
				if err := p.cmd.Process.Signal(sig); err != nil {
					t.Fatal(err)
				}
				if err := p.cmd.Wait(); err != nil || p.stderr.Len() > 0 {
					t.Errorf("after %v: %v, %s", sig, err, p.stderr.String())
				}
				p.leftNothing(t)
			})
		})
	}
}

func TestDemoEndsWithItsParent(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		p := startDemo(t, "shm-orphan processes", "/bin/sh", "-c", `"$0" "$@"; exit`)
		p.table(t)
		if err := p.cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		kerneltest.EventuallySame(t, func() string { return cmp.Diff([]string(nil), p.left(t)) })
	})
}

// ipctop demo | head -1
func TestDemoEndsWithItsReader(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		p := startDemo(t, "shm-orphan unix-stream")
		p.stdout.Close()
		if err := p.cmd.Wait(); err != nil || p.stderr.Len() > 0 {
			t.Errorf("with nobody reading: %v, %s", err, p.stderr.String())
		}
		p.leftNothing(t)
	})
}

func TestDemoClean(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		p := startDemo(t, "shm-orphan")
		p.table(t)
		t.Setenv("XDG_STATE_HOME", p.state)
		clean := func() (code int, said string) {
			var out, errs bytes.Buffer
			code = run(t.Context(), []string{"demo", "--clean"}, &out, &errs)
			return code, out.String() + errs.String()
		}
		if code, said := clean(); code != 0 || !strings.Contains(said, "still running") {
			t.Errorf("while it runs: exit %d, %q", code, said)
		}
		if err := p.cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		p.cmd.Wait()
		if code, said := clean(); code != 0 || said != "removed shm 0\n" {
			t.Errorf("after SIGKILL: exit %d, %q", code, said)
		}
		if code, said := clean(); code != 0 || said != "no demo has left anything behind\n" {
			t.Errorf("once more: exit %d, %q", code, said)
		}
		p.leftNothing(t)
	})
}

// The demo's orphan is an orphan although older processes of the demo's user live: root makes it as a user without any
// process. An ordinary user cannot do that.
func TestDemoOrphanIsOne(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		older := exec.Command("sleep", "60")
		if err := older.Start(); err != nil {
			t.Fatal(err)
		}
		defer func() {
			older.Process.Kill()
			older.Wait()
		}()
		p := startDemo(t, "shm-orphan")
		p.table(t)
		want := "verdict\norphan\n"
		if os.Getuid() != 0 || !oneOfMany(t) {
			want = "verdict\nsuspect\n"
		}
		kerneltest.EventuallySame(t, func() string {
			return cmp.Diff(want, outputOf(t, 0, "leaks", "shm", "--grace", "0s", "-o", "csv", "--columns", "verdict"))
		})
		if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if err := p.cmd.Wait(); err != nil || p.stderr.Len() > 0 {
			t.Errorf("at its end: %v, %s", err, p.stderr.String())
		}
		p.leftNothing(t)
	})
}

// oneOfMany is true if this user namespace has more than one user.
func oneOfMany(t *testing.T) bool {
	t.Helper()
	text, err := os.ReadFile("/proc/self/uid_map")
	if err != nil {
		t.Fatal(err)
	}
	return len(strings.Fields(string(text))) != 3 || strings.Fields(string(text))[2] != "1"
}

func TestDemoThatFailsInPart(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		// The thread stays locked. It now has an empty network with lo down, and the program inherits this network.
		runtime.LockOSThread()
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			t.Fatal(err)
		}
		p := startDemo(t, "udp msg-typed")
		p.table(t)
		if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		p.cmd.Wait()
		if code := p.cmd.ProcessState.ExitCode(); code != exitPartly || !strings.HasPrefix(p.stderr.String(),
			"ipctop: scenario udp: ") {
			t.Errorf("exit %d, %q; want %d and a word on udp", code, p.stderr.String(), exitPartly)
		}
		p.leftNothing(t)
	})
}

func TestDemoUsage(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ args, want string }{
		{"demo shm-orfan", "ipctop: no scenario \"shm-orfan\"; the nearest is \"shm-orphan\": " +
			"see ipctop demo --list\n"},
		{"demo --list --clean", "ipctop: --list, --no-ui and --clean exclude one another\n"},
		{"demo --clean udp", "ipctop: --list and --clean take no scenario\n"},
		{"--read-only demo --no-ui udp",
			"ipctop: read-only: no sample objects are made or removed (--read-only or IPCTOP_READONLY=1); " +
				"ipctop demo --list shows what there is\n"},
		{"demo --read-only --clean",
			"ipctop: read-only: no sample objects are made or removed (--read-only or IPCTOP_READONLY=1); " +
				"ipctop demo --list shows what there is\n"},
		{"demo --lst", "ipctop: unknown flag: --lst: see ipctop demo --help\n"},
	} {
		var out, errs bytes.Buffer
		code := run(t.Context(), strings.Fields(c.args), &out, &errs)
		if code != exitUsage || out.Len() > 0 || errs.String() != c.want {
			t.Errorf("%s: exit %d, %q, stderr %q; want %q", c.args, code, out.String(), errs.String(), c.want)
		}
	}
}

func TestDemoList(t *testing.T) {
	t.Setenv("IPCTOP_READONLY", "1") // --list changes nothing, so it works
	var out, errs bytes.Buffer
	if code := run(t.Context(), []string{"demo", "--list"}, &out, &errs); code != 0 || errs.Len() > 0 {
		t.Fatalf("exit %d, %q", code, errs.String())
	}
	var got, want []string
	for line := range strings.Lines(out.String()) {
		got = append(got, strings.Fields(line)[0])
	}
	want = append(want, "SCENARIO")
	for _, s := range demo.Scenarios() {
		want = append(want, s.Name)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("first column (-want +got):\n%s", diff)
	}
}
