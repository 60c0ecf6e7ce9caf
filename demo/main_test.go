package demo_test

import (
	"context"
	"os"
	"testing"

	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/demo"
)

func TestMain(m *testing.M) {
	if code, ok := demo.Worker(os.Args); ok {
		os.Exit(code)
	}
	// Without this the runtime of the race detector sleeps for a second at the end of each process. These tests start
	// hundreds.
	os.Setenv("GORACE", os.Getenv("GORACE")+" atexit_sleep_ms=0")
	kerneltest.Main(m, kerneltest.Workers{"main": runDemo, "parent": runParent})
}

// runDemo is a main process for tests that kill it. Its arguments are the state directory, the directory for paths, and
// the scenarios.
func runDemo(j *kerneltest.Job) {
	r, err := demo.Start(context.Background(),
		demo.Options{StateDir: j.Args[0], Dir: j.Args[1], Scenarios: j.Args[2:], Stderr: os.Stderr})
	j.Check(err)
	j.Ready(len(r.Objects()))
	j.Wait()
	_, err = r.Stop()
	j.Check(err)
	j.Ready("stopped")
}
