package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"unsafe"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/collecttest"
	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/kernel/sysv"
	"github.com/ipctop/ipctop/views"
)

// doctorOn runs ipctop doctor on a machine made of files. Its clock stands still at 2000-01-01 00:00:00 UTC.
func doctorOn(t *testing.T, m *collecttest.Machine, args ...string) string {
	t.Helper()
	var text string
	synctest.Test(t, func(t *testing.T) {
		got := ipctop(append([]string{"doctor", "--root", m.Root}, args...)...)
		text = fmt.Sprintf("$ %s\n%s", views.Visible(shellWords(append([]string{"ipctop", "doctor"}, args...))),
			got.Stdout)
		// the cost names each mechanism
		text = regexp.MustCompile(`"cost":\{.*\}\}`).ReplaceAllString(text, `"cost":{…}}`)
		if got.Stderr != "" {
			text += "[stderr]\n" + got.Stderr
		}
		if got.Code != 0 {
			text += fmt.Sprintf("[exit %d]\n", got.Code)
		}
	})
	return text
}

// sickMachine makes a machine with a finding of each severity.
func sickMachine(t *testing.T) *collecttest.Machine {
	m := collecttest.New(t)
	m.Write("/proc/sys/kernel/msgmni", "2\n")
	m.Write("/proc/sys/kernel/shm_rmid_forced", "1\n")
	m.Write("/run/systemd/seats/seat0", "")
	m.SysV("msg", "         1          3   600          0          0     0     0  1000  1000  1000  1000          "+
		"0          0  946684000",
		"         2          4   600          0          0     0     0     0     0     0     0          0          0  "+
			"946684000")
	m.SysV("shm", "         2          4   600                  4096     1     0      0    33    33    33    "+
		"33          0          0  946684000                     0                     0")
	m.Process(collecttest.Process{PID: 1, Comm: "init"})
	m.Process(collecttest.Process{PID: 60, PPID: 1, Comm: "systemd-logind"})
	m.Process(collecttest.Process{PID: 70, PPID: 1, Comm: "jobd", UID: 1000, GID: 1000})
	m.Write("/proc/70/cgroup", "0::/system.slice/jobd.service\n")
	m.Process(collecttest.Process{PID: 80, PPID: 70, Comm: "gone", State: 'Z'})
	return m
}

func TestDoctor(t *testing.T) {
	t.Parallel()
	blind := sickMachine(t)
	blind.Write("/proc/sys/kernel/shm_rmid_forced", "0\n")
	blind.Write("/proc/sys/kernel/msgmni", "20\n")
	blind.Write("/proc/loadavg", "\n")
	unseen := collecttest.New(t)
	unseen.Write("/proc/loadavg", "\n")
	compareGolden(t, "doctor.txt", strings.Join([]string{
		doctorOn(t, sickMachine(t)), doctorOn(t, sickMachine(t), "-o", "json"), doctorOn(t, blind), doctorOn(t, unseen),
		doctorOn(t, collecttest.New(t)),
		doctorOn(t, collecttest.New(t), "-o", "jsn"), doctorOn(t, collecttest.New(t), "shm"),
		doctorOn(t, collecttest.New(t), "--where", "x"),
	}, "\n"))
}

// Control bytes in names from the kernel reach the terminal as visible text.
func TestDoctorOnHostileNames(t *testing.T) {
	t.Parallel()
	for _, name := range collecttest.Hostile() {
		m := collecttest.HostileMachine(t)
		comm := name[:min(len(name), 15)]
		m.Process(collecttest.Process{PID: 5000, PPID: 1, Comm: comm})
		m.Process(collecttest.Process{PID: 5001, PPID: 5000, Comm: comm, State: 'Z'})
		for _, output := range []string{"text", "json"} {
			got := strings.ReplaceAll(doctorOn(t, m, "-o", output), `\ufffd`, "")
			if found := dangerous(got); found != nil || strings.Count(got, "has not waited for 1 zombie") != 1 {
				t.Errorf("%q, %s: %q\n%s", name, output, found, got)
			}
		}
	}
}

// README names every check by its words.
func TestReadmeNamesTheDoctorsChecks(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	words := strings.Join(strings.Fields(strings.ReplaceAll(string(text), "`", "")), " ")
	for _, name := range checkNames() {
		if !strings.Contains(words, name) {
			t.Errorf("README does not name the check of %s", name)
		}
	}
}

// On the live machine, a limit at its end sets the exit code.
func TestDoctorsExitCode(t *testing.T) {
	onScene(t, func(s *scene) {
		if _, err := s.admin.MsgGet(1, 0o600|sysv.IPCCreat); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile("/proc/sys/kernel/msgmni", []byte("1"), 0); err != nil {
			t.Skipf("needs to set limits of an IPC namespace, which this kernel refuses: %v", err)
		}
		got := ipctop("doctor")
		want := "CRITICAL: the limit of System V message queues is reached: msgget fails with\n  ENOSPC\n"
		if got.Code != exitFailed || !strings.HasPrefix(got.Stdout, want) || got.Stderr != "" {
			t.Errorf("%+v", got)
		}
		var doc struct {
			Findings []struct{ Kind, Severity string }
		}
		got = ipctop("doctor", "-o", "json")
		if err := json.Unmarshal([]byte(got.Stdout), &doc); err != nil || got.Code != exitFailed {
			t.Fatalf("%v, %+v", err, got)
		}
		if len(doc.Findings) == 0 || doc.Findings[0].Kind != "limit" || doc.Findings[0].Severity != "critical" {
			t.Errorf("%+v", doc.Findings)
		}
		if err := os.WriteFile("/proc/sys/kernel/msgmni", []byte("100"), 0); err != nil {
			t.Fatal(err)
		}
		if got := ipctop("doctor"); got.Code != 0 {
			t.Errorf("with room: %+v", got)
		}
	})
}

func TestDoctorOnAFullDisk(t *testing.T) {
	t.Parallel()
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	cmd := program(t, "doctor", "--root", collecttest.New(t).Root)
	var stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = full, &stderr
	err = cmd.Run()
	var code int
	if exit, ok := err.(*exec.ExitError); ok {
		code = exit.ExitCode()
	}
	if diff := cmp.Diff("ipctop: standard output: write /dev/stdout: no space left on device\n",
		stderr.String()); diff != "" || code != exitFailed {
		t.Errorf("exit %d\n%s", code, diff)
	}
}

// startBare starts a process with one thread. The process ends with the test.
func (s *scene) startBare(script *process.Script) (pid int) {
	s.t.Helper()
	pid, err := s.admin.StartBare(script)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		unix.Kill(pid, unix.SIGKILL)
		unix.Wait4(pid, nil, 0, nil)
	})
	return pid
}

// Each of two processes holds the object that the other one waits for.
func TestDoctorTellsOfADeadlock(t *testing.T) {
	onScene(t, func(s *scene) {
		runtime.LockOSThread() // the thread that starts the processes must live on: see StartBare
		const gate = "/dev/shm/gate"
		for _, name := range []string{"/dev/shm/a", "/dev/shm/b"} {
			if err := os.WriteFile(name, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := unix.Mkfifo(gate, 0o600); err != nil {
			t.Fatal(err)
		}
		open := func(script *process.Script, path string, flags uintptr) *process.Script {
			text := append([]byte(path), 0)
			const here = ^uintptr(99) // AT_FDCWD
			return script.Raw(unix.SYS_OPENAT, here, script.Keep(text, unsafe.Pointer(&text[0])), flags, 0)
		}
		locker := func(name string, paths ...string) *process.Script {
			script := new(process.Script).Name(name).Raw(unix.SYS_CLOSE_RANGE, 3, 1<<32-1, 0)
			for _, path := range paths {
				open(script, path, unix.O_RDWR) // 3 and 4
			}
			return script.Flock(3, unix.LOCK_EX)
		}
		first := s.startBare(open(locker("first", "/dev/shm/a", "/dev/shm/b"), gate, unix.O_RDONLY).Flock(4,
			unix.LOCK_EX))
		locked := func(pattern string, pid int) func() bool {
			return func() bool {
				text, err := os.ReadFile("/proc/locks")
				if err != nil {
					t.Fatal(err)
				}
				return regexp.MustCompile(fmt.Sprintf(pattern, pid)).Match(text)
			}
		}
		waiting := func(pid int) func() bool { return locked(`-> FLOCK .* %d `, pid) }
		kerneltest.Eventually(t, "the first to have its lock", locked(`: FLOCK .* %d `, first))
		second := s.startBare(locker("second", "/dev/shm/b", "/dev/shm/a").Flock(4, unix.LOCK_EX))
		kerneltest.Eventually(t, "the second to wait for the first", waiting(second))
		if got := ipctop("doctor"); strings.Contains(got.Stdout, "deadlock:") || got.Code != 0 {
			t.Errorf("before it is one: %+v", got)
		}
		if fd, err := unix.Open(gate, unix.O_WRONLY, 0); err == nil {
			unix.Close(fd)
		}
		kerneltest.Eventually(t, "the first to wait for the second", waiting(first))
		got := ipctop("doctor")
		for _, part := range []string{"deadlock: ", fmt.Sprintf("%d/first", first), fmt.Sprintf("%d/second", second)} {
			if !strings.Contains(got.Stdout, part) || got.Code != exitFailed {
				t.Errorf("%q is missing: %+v", part, got)
			}
		}
	})
}
