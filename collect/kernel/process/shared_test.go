package process_test

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/process"
)

// workExec replaces itself, a program with threads, by sleep.
func workExec(j *kerneltest.Job) {
	sleep, err := exec.LookPath("sleep")
	j.Check(err)
	j.Ready()
	j.Check(unix.Exec(sleep, []string{"sleep", "1000"}, nil))
}

// A child of vfork has the memory of its parent, and its own table of descriptors.
func TestCompareShared(t *testing.T) {
	kerneltest.InNamespace(t, func() { // the child's child ends with the namespace
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		s := new(process.Script).Raw(unix.SYS_CLONE, uintptr(unix.SIGCHLD)|unix.CLONE_VFORK|unix.CLONE_VM)
		parent, err := process.StartBare(s.Sleep(process.Forever))
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := unix.Kill(parent, unix.SIGKILL); err != nil {
				t.Error(err)
			}
			if _, err := unix.Wait4(parent, nil, 0, nil); err != nil {
				t.Error(err)
			}
		}()
		child := 0
		kerneltest.Eventually(t, "a child", func() bool {
			text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", parent, parent))
			if err != nil {
				t.Fatal(err)
			}
			child, _ = strconv.Atoi(strings.TrimSpace(string(text)))
			return child != 0
		})
		if order, err := process.CompareShared(process.SharedMemory, parent, child); order != 0 || err != nil {
			t.Errorf("the memory: %d, %v; want 0", order, err)
		}
		there, err := process.CompareShared(process.SharedFiles, parent, child)
		back, err2 := process.CompareShared(process.SharedFiles, child, parent)
		if there == 0 || there != -back || err != nil || err2 != nil {
			t.Errorf("the descriptors: %d and %d, %v, %v; want an order", there, back, err, err2)
		}
		if openProc(t, parent).HadThreads() {
			t.Error("a process that always had one thread had more")
		}
		w := kerneltest.Start(t, "exec")
		after := openProc(t, w.PID)
		kerneltest.Eventually(t, "a program in the place of one with threads", after.HadThreads)
		w.Kill()
	})
}
