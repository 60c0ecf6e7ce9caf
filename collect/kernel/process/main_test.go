package process_test

import (
	"strconv"
	"testing"

	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/sysv"
)

func TestMain(m *testing.M) {
	kerneltest.Main(m, kerneltest.Workers{
		"attach":   workAttach,
		"sleep":    func(j *kerneltest.Job) { j.Ready(); j.Wait() },
		"call":     workCall,
		"lock":     workLock,
		"nap":      workNap,
		"timers":   workTimers,
		"tasks":    workTasks,
		"tasks-of": workTasksOf,
	})
}

// workAttach maps a segment, touches its first page and waits.
func workAttach(j *kerneltest.Job) {
	id, err := strconv.Atoi(j.Args[0])
	j.Check(err)
	data, err := sysv.ShmAttach(id, false)
	j.Check(err)
	data[0] = 1
	j.Ready()
	j.Wait()
}
