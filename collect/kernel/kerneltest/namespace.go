// Package kerneltest runs tests against the real kernel without touching the machine's objects.
//
//	go test ─► InNamespace(t) ─► the same test binary as pid 1 of fresh namespaces: mounts, reaps
//	                                 └─► the same test binary again: InNamespace returns, the test runs
//
// The namespaces end with the test, even if it fails, panics or is killed. All objects of the test end with them.
// Tests of a package that use namespaces run at the same time.
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

// reportFD is the number of the first file of exec.Cmd's ExtraFiles.
const reportFD = 3

// stageVar tells a re-executed test binary its stage.
const stageVar = "IPCTOP_TEST_NAMESPACE"

const (
	stageInit   = "init"   // pid 1: prepares the namespaces, starts the test, reaps orphans
	stageInside = "inside" // runs the test
)

// The words of the test's report to its parent, over a pipe. The exit code is apart.
const (
	ranFully   = "ran"
	ranSkipped = "skipped"
	noMounts   = "no mounts"
	notAlone   = "not alone" // another process made a namespace at the same moment
)

// InNamespace runs f in a child process. The child runs only this test (or benchmark), in fresh IPC, PID and mount
// namespaces. It has its own /proc, an empty tmpfs on /dev/shm and, if the directory exists, an empty /dev/mqueue.
// The child calls the test's function again, so call InNamespace first; f never runs in the parent. Code before the
// call also runs in pid 1 of the namespaces, which removes nothing.
//
//	func TestQueue(t *testing.T) {
//		kerneltest.InNamespace(t, func() {
//			id, err := kernel.NewAdmin().MsgGet(...)
//
// extra adds clone flags: with unix.CLONE_NEWNET the child has an empty network with lo up.
//
// As root the child is root and has every uid. As an ordinary user the child also has a user namespace, in which that
// user is uid 0 and no other user exists. If the host refuses a user namespace, InNamespace skips the test and prints
// the reason. Pid 1 of the namespace, not the test, reaps processes that lose their parent.
//
// InNamespace makes the test parallel: it calls t.Parallel in the parent, unless the test has set a variable before.
// The child runs only this test. So f may use t.Setenv, t.Chdir and all of its process. It has an empty /tmp,
// /var/tmp and HOME.
//
// The child prints a benchmark's figures; the parent's benchmark then counts as skipped.
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
		makeParallel(t)
	}
	runParent(tb, extra)
}

// makeParallel makes a test parallel if that is allowed. t.Parallel panics after t.Setenv, and on a second call. Only
// the panic shows that.
func makeParallel(t *testing.T) {
	defer func() { _ = recover() }()
	t.Parallel()
}

// IsInit is true if this process is pid 1 of InNamespace's namespaces. Pid 1 runs no test, and does not clean up at
// its end.
func IsInit() bool { return os.Getenv(stageVar) == stageInit }

// runParent starts the child in new namespaces and turns its result into this test's.
func runParent(tb testing.TB, extra []uintptr) {
	tb.Helper()
	// The kernel sends Pdeathsig when the *thread* that started the child ends (man 2 prctl), so stay on this thread.
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

// finish ends the parent's test with the result of the child's test.
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

// childArgs are the arguments with which the test binary runs only this test. It keeps the flags that matter.
func childArgs(tb testing.TB) []string {
	parts := strings.Split(tb.Name(), "/")
	for i, part := range parts {
		parts[i] = "^" + regexp.QuoteMeta(part) + "$"
	}
	pattern := strings.Join(parts, "/")
	args := []string{"-test.count=1"}
	switch tb := tb.(type) {
	case *testing.B:
		// A benchmark's name has no -N suffix here; GOMAXPROCS comes with the environment.
		args = append(args, "-test.run=^$", "-test.bench="+pattern)
		for _, name := range []string{"benchtime", "benchmem"} {
			if f := flag.Lookup("test." + name); f != nil {
				args = append(args, "-test."+name+"="+f.Value.String())
			}
		}
	case *testing.T:
		args = append(args, "-test.run="+pattern, "-test.v")
		if end, ok := tb.Deadline(); ok {
			// The child ends before the parent, so the parent can show where the child hung.
			args = append(args, "-test.timeout="+max(time.Until(end)-2*time.Second, time.Second).String())
		}
	}
	if testing.Short() {
		args = append(args, "-test.short")
	}
	return args
}

// report tells the parent the test's result. The exit code shows a failure.
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
