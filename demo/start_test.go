package demo_test

import (
	"context"
	"os"
	"testing"

	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/demo"
)

// runDemo is a main process for tests that kill it.
func runDemo(j *kerneltest.Job) {
	r, err := demo.Start(context.Background(), demo.Options{StateDir: j.Args[0], Dir: j.Args[1], Stderr: os.Stderr})
	j.Check(err)
	j.Ready(len(r.Objects()))
	j.Wait()
	_, err = r.Stop()
	j.Check(err)
}

func TestAllScenariosStart(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		r, err := demo.Start(t.Context(), demo.Options{StateDir: t.TempDir(), Dir: t.TempDir(), Stderr: os.Stderr})
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range r.Failures() {
			t.Error(f)
		}
		if report, err := r.Stop(); err != nil || len(report.Left) != 0 {
			t.Errorf("Stop: %v, left %v", err, report.Left)
		}
	})
}
