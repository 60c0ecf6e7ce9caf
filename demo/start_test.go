package demo_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/schema"
	"github.com/ipctop/ipctop/demo"
)

// start starts scenarios; none: all. Their objects are gone when the test ends.
func start(t *testing.T, scenarios ...string) *demo.Running {
	t.Helper()
	r, err := demo.Start(t.Context(), demo.Options{
		Scenarios: scenarios, StateDir: t.TempDir(), Dir: shortDir(t), Stderr: os.Stderr,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Stop() })
	for _, f := range r.Failures() {
		t.Error(f)
	}
	return r
}

// shortDir is t.TempDir without the name of the test. The path of a socket has at most 107 bytes.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "d")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func host(t *testing.T) *kernel.Host {
	t.Helper()
	h, err := kernel.Open("")
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// leftovers names everything that a demo may leave in these namespaces and directories.
func leftovers(t *testing.T, dirs ...string) []string {
	t.Helper()
	var left []string
	h := host(t)
	queues, err1 := h.MsgQueues(false)
	sets, err2 := h.SemSets()
	segments, err3 := h.ShmSegments(false)
	pids, err4 := h.PIDs()
	mqs, err5 := h.AllPosixQueues(false, false)
	files, err6 := h.DevShmFiles()
	sems, err7 := h.AllPosixSems(false)
	if err := errors.Join(err1, err2, err3, err4, err5, err6, err7); err != nil {
		t.Fatal(err)
	}
	for _, q := range mqs {
		left = append(left, schema.Ref{Kind: schema.PMsg, Name: "/" + q.Name}.String())
	}
	for _, f := range files {
		left = append(left, schema.Ref{Kind: schema.PShm, Name: "/" + f.Name}.String())
	}
	for _, s := range sems {
		left = append(left, schema.Ref{Kind: schema.PSem, Name: "/" + s.Name}.String())
	}
	for _, q := range queues {
		left = append(left, schema.Ref{Kind: schema.Msg, ID: uint64(q.ID)}.String())
	}
	for _, s := range sets {
		left = append(left, schema.Ref{Kind: schema.Sem, ID: uint64(s.ID)}.String())
	}
	for _, s := range segments {
		left = append(left, schema.Ref{Kind: schema.Shm, ID: uint64(s.ID)}.String())
	}
	for _, pid := range pids {
		if st, err := stat(pid); err == nil && strings.HasPrefix(st.Comm, "demo-") {
			left = append(left, st.Comm)
		}
	}
	for _, dir := range dirs {
		err := filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
			if path != dir {
				left = append(left, strings.TrimPrefix(path, dir))
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return left
}

func stat(pid int) (process.ProcStat, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return process.ProcStat{}, err
	}
	return process.ParseProcStat(text)
}

func TestStopLeavesNothing(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		state, dir := t.TempDir(), shortDir(t)
		r, err := demo.Start(t.Context(), demo.Options{StateDir: state, Dir: dir, Stderr: os.Stderr})
		if err != nil {
			t.Fatal(err)
		}
		if got := leftovers(t, state, dir); len(got) < len(demo.Scenarios()) {
			t.Errorf("while it runs there is only %v", got)
		}
		report, err := r.Stop()
		if err != nil || len(report.Left) != 0 {
			t.Errorf("Stop: %v, left %v", err, report.Left)
		}
		if diff := cmp.Diff([]string(nil), leftovers(t, state, dir)); diff != "" {
			t.Errorf("left behind (-want +got):\n%s", diff)
		}
		again, err := r.Stop()
		if diff := cmp.Diff(report, again); diff != "" || err != nil {
			t.Errorf("a second Stop: %v\n%s", err, diff)
		}
	}, unix.CLONE_NEWNET)
}

// A user may have stopped a worker, which then cannot watch the lifeline. A user may have killed workers and removed
// objects.
func TestStopAfterTheUserActed(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		state, dir := t.TempDir(), shortDir(t)
		r, err := demo.Start(t.Context(),
			demo.Options{StateDir: state, Dir: dir,
				Scenarios: []string{"msg-full", "shm-orphan", "sem-undo", "unix-stream"}})
		if err != nil {
			t.Fatal(err)
		}
		admin := kernel.NewAdmin()
		for _, o := range r.Objects() {
			switch {
			case o.Scenario == "msg-full":
				err = unix.Kill(o.PID, unix.SIGSTOP)
			case o.Scenario == "sem-undo":
				err = unix.Kill(o.PID, unix.SIGKILL)
			case o.Ref.Kind == schema.Shm:
				err = admin.ShmRemove(int(o.Ref.ID))
			case strings.HasSuffix(o.Path, "/stream"):
				err = os.RemoveAll(o.Path)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if report, err := r.Stop(); err != nil || len(report.Left) != 0 {
			t.Errorf("Stop: %v, left %v", err, report.Left)
		}
		if diff := cmp.Diff([]string(nil), leftovers(t, state, dir)); diff != "" {
			t.Errorf("left behind (-want +got):\n%s", diff)
		}
	})
}

func TestCancelledStartLeavesNothing(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		state, dir := t.TempDir(), shortDir(t)
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			defer cancel()
			for {
				if names, err := os.ReadDir(dir); err != nil || len(names) > 0 {
					return // the first scenarios are done
				}
			}
		}()
		if _, err := demo.Start(ctx, demo.Options{StateDir: state, Dir: dir}); !errors.Is(err, context.Canceled) {
			t.Errorf("Start: %v, want that it was cancelled", err)
		}
		if diff := cmp.Diff([]string(nil), leftovers(t, state, dir)); diff != "" {
			t.Errorf("left behind (-want +got):\n%s", diff)
		}
	})
}

// Without the interface lo there is nothing to connect to. Those scenarios fail with an error, and the others work.
func TestFailedScenarioDoesNotStopTheOthers(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		// Never unlocked: this thread starts the workers, so it must not run other goroutines.
		runtime.LockOSThread()
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			t.Fatal(err)
		}
		state, dir := t.TempDir(), shortDir(t)
		r, err := demo.Start(t.Context(),
			demo.Options{StateDir: state, Dir: dir, Scenarios: []string{"msg-typed", "udp", "shm-private"}})
		if err != nil {
			t.Fatal(err)
		}
		var failed, made []string
		for _, f := range r.Failures() {
			failed = append(failed, f.Scenario)
		}
		for _, o := range r.Objects() {
			made = append(made, o.Scenario)
		}
		if diff := cmp.Diff([]string{"udp"}, failed); diff != "" {
			t.Errorf("failed (-want +got):\n%s", diff)
		}
		if want := []string{"msg-typed", "shm-private"}; !cmp.Equal(want, made) {
			t.Errorf("made %v, want %v", made, want)
		}
		if _, err := r.Stop(); err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff([]string(nil), leftovers(t, state, dir)); diff != "" {
			t.Errorf("left behind (-want +got):\n%s", diff)
		}
	})
}

func TestTooLongDirectory(t *testing.T) {
	long := filepath.Join(t.TempDir(), strings.Repeat("x", 100))
	if _, err := demo.Start(t.Context(), demo.Options{Dir: long, StateDir: t.TempDir()}); err == nil {
		t.Error("no error for a directory in which no socket's path has room")
	}
}

func TestUnknownScenario(t *testing.T) {
	_, err := demo.Start(t.Context(), demo.Options{Scenarios: []string{"udp", "shm-orfan"}, StateDir: t.TempDir()})
	var unknown *demo.UnknownScenarioError
	if !errors.As(err, &unknown) {
		t.Fatalf("Start: %v, want an UnknownScenarioError", err)
	}
	if diff := cmp.Diff(&demo.UnknownScenarioError{Name: "shm-orfan", Nearest: "shm-orphan"}, unknown); diff != "" {
		t.Error(diff)
	}
}

func TestNamedScenarios(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		r := start(t, "udp", "msg-typed", "udp")
		var got []string
		for _, o := range r.Objects() {
			got = append(got, o.Scenario)
		}
		if diff := cmp.Diff([]string{"msg-typed", "udp", "udp"}, got); diff != "" {
			t.Errorf("in the order shown, each once (-want +got):\n%s", diff)
		}
	}, unix.CLONE_NEWNET)
}
