package collect

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/schema"
)

// Only the first look waits for the process whose arguments cannot be read. The process is listed, and a fault names
// it.
func TestLockedMemoryHangsNoLook(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		point := filepath.Join(t.TempDir(), "file")
		kerneltest.OK(t, os.WriteFile(point, nil, 0o600))
		w := kerneltest.Start(t, "lock-memory", point)
		asked := kerneltest.MountWithholding(t, point)
		w.Say("touch the page")
		select {
		case <-asked:
		case <-time.After(kerneltest.Patience):
			t.Fatal("no page was asked for")
		}
		w.Say("map the file")
		host := kerneltest.Must(kernel.Open(""))(t)
		dir := kerneltest.Must(host.OpenProc(w.PID))(t)
		defer dir.Close()
		tid := kerneltest.Must(strconv.Atoi(w.Read()[0]))(t)
		kerneltest.Eventually(t, "the memory to be locked", func() bool {
			_, state, err := dir.Switches(tid, nil)
			return err == nil && state == 'D' && dir.SleepsIn(tid) != ""
		})
		c := New(host, time.Now)
		request := Request{Want: map[schema.Kind]schema.Need{schema.Proc: proc.NeedCmdline}}
		comm := strings.TrimSpace(string(kerneltest.Must(os.ReadFile(fmt.Sprintf("/proc/%d/comm", w.PID)))(t)))
		want := []schema.Fault{{Source: "status", Failed: true, Count: 1, Says: fmt.Sprintf("the users and arguments "+
			"of process %d/%s could not be read (%v): whose they are is not shown", w.PID, comm,
			process.ErrStalls)}}
		for _, most := range []time.Duration{kerneltest.Patience, process.StallAfter} {
			begun := time.Now()
			s := c.Take(request)
			if took := time.Since(begun); took >= most {
				t.Errorf("a look took %v", took)
			}
			if diff := gocmp.Diff(want, s.Faults); diff != "" {
				t.Errorf("faults (-want +got):\n%s", diff)
			}
			if !slices.Contains(refsOf(s, schema.Proc), fmt.Sprintf("proc:%d", w.PID)) {
				t.Errorf("process %d is not listed", w.PID)
			}
		}
		if _, err := dir.Read("cmdline", nil); gocmp.Diff(fmt.Sprintf("read /proc/%d/cmdline: %v", w.PID,
			process.ErrStalls), fmt.Sprint(err)) != "" {
			t.Errorf("arguments: %v", err)
		}
	})
}

func workLockMemory(j *kerneltest.Job) {
	j.Ready()
	j.Wait()
	open := func() int {
		fd, err := unix.Open(j.Args[0], unix.O_RDONLY, 0)
		j.Check(err)
		var st unix.Stat_t
		j.Check(unix.Fstat(fd, &st)) // the kernel asks for the size of the file
		return fd
	}
	cached, direct := open(), open()
	page, err := unix.Mmap(cached, 0, 4096, unix.PROT_READ, unix.MAP_PRIVATE)
	j.Check(err)
	var pipe [2]int
	j.Check(unix.Pipe(pipe[:]))
	go unix.Write(pipe[1], page[:1]) // asks the server for the page, and keeps the page locked
	j.Wait()
	runtime.LockOSThread()
	j.Ready(unix.Gettid())
	unix.Syscall6(unix.SYS_MMAP, 0, 4096, unix.PROT_READ, unix.MAP_PRIVATE, uintptr(direct), 0)
}
