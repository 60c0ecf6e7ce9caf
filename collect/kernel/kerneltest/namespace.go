// Package kerneltest runs tests against the real kernel without touching the machine's objects.
//
//	go test ─► InNamespace(t) ─► the same test binary as pid 1 of fresh namespaces: mounts, reaps
//	                                 └─► the same test binary again: InNamespace returns, the test runs
//
// Everything that the test makes dies with its namespaces, whether the test passes, fails, panics or is killed.
// The tests of a package that are in namespaces run side by side.
package kerneltest

import (
	"bytes"
	"errors"
	"flag"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// reportFD is the first of exec.Cmd's ExtraFiles.
const reportFD = 3

// stageVar tells a re-executed test binary what it is.
const stageVar = "IPCTOP_TEST_NAMESPACE"

const (
	stageInit   = "init"   // pid 1: prepares the namespaces, starts the test, reaps orphans
	stageInside = "inside" // runs the test
)

// What the test reports to its parent over a pipe, besides its exit code.
const (
	ranFully   = "ran"
	ranSkipped = "skipped"
	noMounts   = "no mounts"
	notAlone   = "not alone" // somebody made a namespace at the same moment
)

// InNamespace runs f in a child process that runs just this test (or benchmark) in fresh IPC, PID and mount
// namespaces, with a /proc of its own, an empty tmpfs on /dev/shm and, where there is one, an empty /dev/mqueue. The
// child calls the test's function again, so call InNamespace before anything else; f never runs in the parent. What a
// test makes before, pid 1 of the namespaces makes as well, and does not remove.
//
//	func TestQueue(t *testing.T) {
//		kerneltest.InNamespace(t, func() {
//			id, err := kernel.NewAdmin().MsgGet(...)
//
// extra adds clone flags: with unix.CLONE_NEWNET the child has an empty network with lo up.
//
// As root the child is root with every uid at hand. As an ordinary user the child has a user namespace as well, where
// that user is uid 0 and nobody else exists; if the host refuses that, the test is skipped with the reason.
// Processes that the test leaves to themselves are reaped by the namespace's pid 1, which is not the test.
//
// The test is parallel by this call: InNamespace calls t.Parallel in the parent, unless the test has set a variable
// before. In the child the test is alone, and f may use t.Setenv, t.Chdir and all else of its process. It has an
// empty /tmp and HOME.
//
// A benchmark's figures are printed by the child; the parent then counts as skipped.
func InNamespace(tb testing.TB, f func(), extra ...uintptr) {
	tb.Helper()
	switch os.Getenv(stageVar) {
	case stageInit:
		os.Exit(runInit(extra))
	case stageInside:
		tb.Cleanup(func() { report(tb) })
		f()
		return
	}
	if t, ok := tb.(*testing.T); ok {
		sideBySide(t)
	}
	runParent(tb, extra)
}

// sideBySide makes a test parallel that may be. A test that has called t.Setenv may not be, and one that has called
// t.Parallel is already: t.Parallel has no other way to say so than to panic.
func sideBySide(t *testing.T) {
	defer func() { _ = recover() }()
	t.Parallel()
}

// IsInit says whether this process is pid 1 of InNamespace's namespaces: it runs no test, and ends without what
// others clean up at their end.
func IsInit() bool { return os.Getenv(stageVar) == stageInit }

// runParent starts the child in new namespaces and turns its result into this test's.
func runParent(tb testing.TB, extra []uintptr) {
	tb.Helper()
	// Pdeathsig is sent when the *thread* that started the child ends (man 2 prctl), so stay on it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	r, w, err := os.Pipe()
	if err != nil {
		tb.Fatal(err)
	}
	defer r.Close()
	cmd := exec.Command("/proc/self/exe", childArgs(tb)...)
	cmd.Args[0] = os.Args[0]
	cmd.Env = append(os.Environ(), stageVar+"="+stageInit)
	cmd.ExtraFiles = []*os.File{w}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWIPC | unix.CLONE_NEWPID | unix.CLONE_NEWNS,
		Pdeathsig:  syscall.SIGKILL,
	}
	for _, flag := range extra {
		cmd.SysProcAttr.Cloneflags |= flag
	}
	if os.Geteuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= unix.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}}
	}
	err = cmd.Start()
	w.Close()
	if err != nil {
		if os.Geteuid() != 0 && (errors.Is(err, fs.ErrPermission) || errors.Is(err, unix.ENOSPC)) {
			tb.Skipf("needs a user namespace, which this host refuses to uid %d: %v", os.Geteuid(), err)
		}
		tb.Fatalf("start the test in new namespaces: %v", err)
	}
	said, _ := io.ReadAll(r)
	err = cmd.Wait()
	if string(said) == notAlone {
		runParent(tb, extra)
		return
	}
	finish(tb, string(said), err, out.String())
}

// finish ends the parent's test the way the child's ended.
func finish(tb testing.TB, said string, err error, output string) {
	tb.Helper()
	switch {
	case said == noMounts && os.Geteuid() != 0:
		tb.Skipf("needs to mount /proc and tmpfs in a user namespace, which this host refuses:\n%s", output)
	case err != nil:
		tb.Fatalf("in its namespaces: %v\n%s", err, output)
	case said == ranSkipped:
		tb.Skip(output)
	case said != ranFully:
		tb.Fatalf("the child in the namespaces did not run this test (it said %q):\n%s", said, output)
	}
	if _, isBenchmark := tb.(*testing.B); isBenchmark {
		os.Stdout.WriteString(output)
		tb.Skip("measured in a child process")
	}
	tb.Log(output)
}

// childArgs makes the test binary run just this test, with the flags that matter to it.
func childArgs(tb testing.TB) []string {
	parts := strings.Split(tb.Name(), "/")
	for i, part := range parts {
		parts[i] = "^" + regexp.QuoteMeta(part) + "$"
	}
	pattern := strings.Join(parts, "/")
	args := []string{"-test.count=1"}
	switch tb := tb.(type) {
	case *testing.B:
		// A benchmark's name carries no -N suffix here; GOMAXPROCS comes with the environment.
		args = append(args, "-test.run=^$", "-test.bench="+pattern)
		for _, name := range []string{"benchtime", "benchmem"} {
			if f := flag.Lookup("test." + name); f != nil {
				args = append(args, "-test."+name+"="+f.Value.String())
			}
		}
	case *testing.T:
		args = append(args, "-test.run="+pattern, "-test.v")
		if end, ok := tb.Deadline(); ok {
			// End before the parent does, so that the parent can show where the child hung.
			args = append(args, "-test.timeout="+max(time.Until(end)-2*time.Second, time.Second).String())
		}
	}
	if testing.Short() {
		args = append(args, "-test.short")
	}
	return args
}

// report tells the parent how the test ended; a failure travels as the exit code.
func report(tb testing.TB) {
	w := os.NewFile(reportFD, "report")
	if w == nil || tb.Failed() {
		return
	}
	word := ranFully
	if tb.Skipped() {
		word = ranSkipped
	}
	io.WriteString(w, word)
	w.Close()
}
