package task_test

import (
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
)

func TestMain(m *testing.M) {
	kerneltest.Main(m, kerneltest.Workers{"scene": workScene, "headless": workHeadless, "threads": workThreads})
}

// workScene makes a part of the population in a pid namespace of its own.
func workScene(j *kerneltest.Job) {
	seed, err := strconv.ParseUint(j.Args[0], 10, 64)
	j.Check(err)
	runtime.LockOSThread()
	j.Check(populate(seed))
	j.Ready()
	j.Wait()
}

// workHeadless ends its first thread.
func workHeadless(j *kerneltest.Job) {
	j.Ready()
	kerneltest.EndFirstThread()
	j.Wait()
}

// workThreads has threads with names, namespaces, tables of descriptors and working directories of their own.
func workThreads(j *kerneltest.Job) {
	signal.Ignore(unix.SIGTERM)
	ready := make(chan error)
	for i := range 6 {
		kerneltest.OnOtherThread(func() {
			name := append([]byte(fmt.Sprintf("t%d)\n\xff(\t", i)), 0)
			err := unix.Prctl(unix.PR_SET_NAME, addressOf(name), 0, 0, 0)
			for _, flag := range []int{unix.CLONE_FILES, unix.CLONE_NEWIPC, unix.CLONE_NEWNET, unix.CLONE_NEWUTS} {
				if err == nil && i > 1 && os.Geteuid() == 0 {
					err = unix.Unshare(flag)
				}
				i--
			}
			ready <- err
			select {}
		})
	}
	for range 6 {
		j.Check(<-ready)
	}
	j.Ready()
	j.Wait()
}
