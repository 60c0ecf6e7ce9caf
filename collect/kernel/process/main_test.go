package process_test

import (
	"testing"

	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
)

func TestMain(m *testing.M) {
	kerneltest.Main(m, kerneltest.Workers{
		"attach":               kerneltest.Attach,
		"sleep":                func(j *kerneltest.Job) { j.Ready(); j.Wait() },
		"call":                 workCall,
		"lock":                 workLock,
		"read-pipe":            workReadPipe,
		"timers":               workTimers,
		"tasks":                workTasks,
		"tasks-of":             workTasksOf,
		"without-first-thread": workWithoutFirstThread,
		"exec":                 workExec,
	})
}
