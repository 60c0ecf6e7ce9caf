package kerneltest_test

import (
	"errors"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
)

func TestMain(m *testing.M) {
	kerneltest.Main(m, kerneltest.Workers{
		"echo": func(j *kerneltest.Job) {
			j.Ready(os.Getpid(), os.Getuid(), strings.Join(j.Args, " "))
			j.Ready(j.Wait())
		},
	})
}

// fromParent carries a value of the parent into the child. The child runs the same function, and must not overwrite
// the value. It does not use t.Setenv, because parallel tests may not.
func fromParent(t *testing.T, name string, value func() string) string {
	t.Helper()
	if os.Getenv(name) == "" {
		if err := os.Setenv(name, value()); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.Unsetenv(name) })
	}
	return os.Getenv(name)
}

func link(t *testing.T, path string) string {
	t.Helper()
	target, err := os.Readlink(path)
	if err != nil {
		t.Fatal(err)
	}
	return target
}

func TestFreshNamespaces(t *testing.T) {
	was := map[string]string{}
	for _, ns := range []string{"ipc", "pid", "mnt", "net"} {
		was[ns] = fromParent(t, "IPCTOP_TEST_NS_"+ns, func() string { return link(t, "/proc/self/ns/"+ns) })
	}
	marker := fromParent(t, "IPCTOP_TEST_MARKER", t.TempDir)
	kerneltest.InNamespace(t, func() {
		for ns, before := range was {
			if now := link(t, "/proc/self/ns/"+ns); now == before {
				t.Errorf("still in the %s namespace %s", ns, now)
			}
		}
		if got := link(t, "/proc/self"); got != strconv.Itoa(os.Getpid()) || os.Getppid() != 1 {
			t.Errorf("/proc/self is %s, pid %d, parent %d: want /proc of this namespace and its pid 1 as parent",
				got, os.Getpid(), os.Getppid())
		}
		if got := os.Getuid(); got != 0 {
			t.Errorf("uid %d, want 0", got)
		}
		if got := unix.Getpgrp(); got != os.Getpid() {
			t.Errorf("process group %d, want that of pid %d", got, os.Getpid())
		}
		if _, err := os.Stat(marker); strings.HasPrefix(marker, "/tmp/") && !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s of the machine's /tmp is there (%v)", marker, err)
		}
		if names, err := os.ReadDir(os.Getenv("HOME")); err != nil || len(names) != 0 {
			t.Errorf("HOME holds %v (%v), want nothing", names, err)
		}
		exe, err := os.Executable()
		if names, e := os.ReadDir("/var/tmp"); e == nil && err == nil && len(names) != 0 &&
			!strings.HasPrefix(exe, "/var/tmp/") {
			t.Errorf("/var/tmp holds %d files of the machine, want none", len(names))
		}
		if names, err := os.ReadDir("/dev/shm"); err != nil || len(names) != 0 {
			t.Errorf("/dev/shm holds %v (%v), want nothing", names, err)
		}
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(fd)
		if err := unix.Connect(fd,
			&unix.SockaddrInet4{Port: 9, Addr: [4]byte{127, 0, 0, 1}}); err != unix.ECONNREFUSED {
			t.Errorf("connect to a closed port of an empty network: %v, want ECONNREFUSED (ENETUNREACH: lo is down)",
				err)
		}
	}, unix.CLONE_NEWNET)
}

func TestOnlyTheNamedSubtestRuns(t *testing.T) {
	t.Run("other", func(t *testing.T) {
		if os.Getenv("IPCTOP_TEST_NAMESPACE") != "" {
			t.Error("runs in the child of its neighbour")
		}
	})
	t.Run("this one (x)", func(t *testing.T) {
		kerneltest.InNamespace(t, func() {
			if os.Getpid() == 1 {
				t.Error("the test is pid 1, which gets no default signals and must reap")
			}
		})
	})
}

func TestWorker(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		w := kerneltest.Start(t, "echo", "a", "b")
		want := []string{strconv.Itoa(w.PID), "0", "a", "b"}
		if diff := cmp.Diff(want, w.Words); diff != "" {
			t.Error(diff)
		}
		w.Say("ping")
		if diff := cmp.Diff([]string{"ping"}, w.Read()); diff != "" {
			t.Error(diff)
		}
		w.Finish()
		if err := syscall.Kill(w.PID, 0); err != syscall.ESRCH {
			t.Errorf("a finished worker is still there: %v", err)
		}
		w = kerneltest.Start(t, "echo")
		w.Kill()
		if err := syscall.Kill(w.PID, 0); err != syscall.ESRCH {
			t.Errorf("a killed worker is still there: %v", err)
		}
	})
}

func TestWorkerOfAnotherUser(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root: an ordinary user's namespace holds one uid only")
	}
	kerneltest.InNamespace(t, func() {
		w := kerneltest.StartAs(t, &syscall.Credential{Uid: 1000, Gid: 1000}, "echo")
		if diff := cmp.Diff([]string{strconv.Itoa(w.PID), "1000"}, w.Words); diff != "" {
			t.Error(diff)
		}
	})
}
