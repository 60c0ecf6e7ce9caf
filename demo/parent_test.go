package demo_test

import (
	"context"
	"os"
	"os/exec"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/demo"
)

// runParent starts a child that watches it. The child writes to the same starter.
func runParent(j *kerneltest.Job) {
	if len(j.Args) == 0 {
		child := exec.Command("/proc/self/exe", "child")
		child.Stdout, child.Stderr = os.Stdout, os.Stderr
		j.Check(child.Start())
		j.Wait()
		return
	}
	ctx, cancel, err := demo.WithParent(context.Background())
	j.Check(err)
	defer cancel()
	j.Ready("watching")
	<-ctx.Done()
	j.Ready("gone")
}

func TestWithParent(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		w := kerneltest.Start(t, "parent")
		if diff := cmp.Diff([]string{"watching"}, w.Words); diff != "" {
			t.Fatal(diff)
		}
		if err := unix.Kill(w.PID, unix.SIGKILL); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"gone"}, w.Read()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestWithParentIsReleased(t *testing.T) {
	ctx, cancel, err := demo.WithParent(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if ctx.Err() != nil {
		t.Error("cancelled while the parent lives")
	}
	cancel()
	<-ctx.Done()
}
