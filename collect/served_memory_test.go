package collect

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
	"unsafe"

	gocmp "github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/kernel/sysv"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/schema"
)

// A thread waits with operations that a userfaultfd delivers. They are not read, and a fault names the process.
func TestMemoryOfAServerIsNotRead(t *testing.T) {
	unix.Close(openUserfaultfd(t))
	kerneltest.InNamespace(t, func() {
		w := kerneltest.Start(t, "served-memory")
		host := kerneltest.Must(kernel.Open(""))(t)
		dir := kerneltest.Must(host.OpenProc(w.PID))(t)
		defer dir.Close()
		semop := func(nr int) bool { return nr == unix.SYS_SEMOP }
		operations := func() ([]sysv.SemOp, error) {
			calls := kerneltest.Must(dir.BlockedCalls(make([]byte, 8<<10), semop))(t)
			if len(calls) == 0 {
				return nil, process.ErrOtherCall
			}
			return dir.SemOps(calls[0])
		}
		kerneltest.Eventually(t, "the operations of semop", func() bool {
			ops, err := operations()
			return err == nil && gocmp.Equal(ops, []sysv.SemOp{{Num: 0, Op: -1}})
		})
		w.Say("take the page away")
		w.Read()
		if _, err := operations(); !errors.Is(err, process.ErrMemoryServed) {
			t.Errorf("operations: %v", err)
		}
		comm := strings.TrimSpace(string(kerneltest.Must(os.ReadFile(fmt.Sprintf("/proc/%d/comm", w.PID)))(t)))
		want := []schema.Fault{{Source: "memory", Failed: true, Count: 1, Says: fmt.Sprintf("the arguments of system "+
			"calls of process %d/%s could not be read (%v): what threads wait for there is known in part",
			w.PID, comm, process.ErrMemoryServed)}}
		s := New(host, time.Now).Take(Request{Want: map[schema.Kind]schema.Need{schema.Sem: proc.NeedSyscall}})
		if diff := gocmp.Diff(want, s.Faults); diff != "" {
			t.Errorf("faults (-want +got):\n%s", diff)
		}
	})
}

func workServedMemory(j *kerneltest.Job) {
	page, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	j.Check(err)
	id, err := (&kernel.Admin{}).SemGet(0, 1, createIPC|0o600)
	j.Check(err)
	*(*sysv.SemOp)(unsafe.Pointer(&page[0])) = sysv.SemOp{Num: 0, Op: -1}
	at := uintptr(unsafe.Pointer(&page[0]))
	go unix.Syscall(unix.SYS_SEMOP, uintptr(id), at, 1)
	j.Ready()
	j.Wait()
	fd, _, errno := unix.Syscall(unix.SYS_USERFAULTFD, unix.O_CLOEXEC, 0, 0)
	if errno != 0 {
		j.Check(errno)
	}
	j.Check(uffdCall(int(fd), uffdioAPI, [3]uint64{uffdAPI}))
	j.Check(uffdCall(int(fd), uffdioRegister, [4]uint64{uint64(at), 4096, uffdMissing}))
	j.Check(unix.Madvise(page, unix.MADV_DONTNEED))
	j.Ready()
	j.Wait()
}
