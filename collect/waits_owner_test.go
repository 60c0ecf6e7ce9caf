package collect

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/schema"
	"github.com/ipctop/ipctop/collect/waits"
)

// The number in a mutex counts in the pid namespace of its owner. A reader in a pid namespace below cannot know that
// namespace if the memory may be mapped outside. There a thread with this number proves nothing, nor does its absence.
func TestOwnerOfAMutexFromAnotherPIDNamespace(t *testing.T) {
	for _, test := range []struct{ memory, owner, want string }{
		{"outside", "waiter", "open"},
		{"outside", "nobody", "open"},
		{"inside", "waiter", "deadlock observed; critical observed deadlock"},
		{"inside", "nobody", "stuck inferred; warning inferred stuck"},
		{"unnamed", "waiter", "deadlock inferred; critical inferred deadlock"},
		{"unnamed", "nobody", "stuck inferred; warning inferred stuck"},
	} {
		t.Run(test.memory+"-"+test.owner, func(t *testing.T) {
			kerneltest.InNamespace(t, func() {
				told := filepath.Join(t.TempDir(), "told")
				w := kerneltest.StartIn(t, unix.CLONE_NEWPID|unix.CLONE_NEWNS, "mutex-below", told, test.memory,
					test.owner)
				text, err := os.ReadFile(told)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(test.want, string(text)); diff != "" {
					t.Error("inside (-want +got):\n" + diff)
				}
				w.Kill()
			})
		})
	}
}

// workMutexBelow starts a process that waits for a mutex, and writes its status and the findings to a file.
func workMutexBelow(j *kerneltest.Job) {
	told, memory, owner := j.Args[0], j.Args[1], j.Args[2]
	j.Check(unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""))
	j.Check(unix.Mount("proc", "/proc", "proc", 0, ""))
	p := &play{j: j, admin: kernel.NewAdmin()}
	var m mutexes
	if memory == "unnamed" {
		m = p.mutexes(1)
	} else {
		if memory == "inside" {
			kerneltest.WaitPastStart()
			j.Check(unix.Mount("tmpfs", "/dev/shm", "tmpfs", 0, ""))
		}
		fd := p.open("m")
		j.Check(unix.Ftruncate(fd, 4096))
		var err error
		m.memory, err = unix.Mmap(fd, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
		j.Check(errors.Join(err, unix.Close(fd)))
	}
	m.lockedBy(0, 1<<20)
	s := new(process.Script)
	m.lock(s, 0, nil)
	pid, err := p.admin.StartBare(s.Sleep(process.Forever))
	j.Check(err)
	defer unix.Kill(pid, unix.SIGKILL)
	if owner == "waiter" {
		m.lockedBy(0, pid)
	}
	j.Check(unix.Munmap(m.memory))
	host, err := kernel.Open("")
	j.Check(err)
	limit := time.After(10 * time.Second)
	for tick := time.Tick(time.Millisecond); ; <-tick {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/syscall", pid))
		j.Check(err)
		if strings.HasPrefix(string(text), strconv.Itoa(unix.SYS_FUTEX)+" ") {
			break
		}
		select {
		case <-limit:
			j.Check(errors.New("the process does not wait for the mutex"))
		default:
		}
	}
	var words []string
	c := New(host, time.Now)
	for range 3 {
		words = nil
		snap := c.Take(Request{Want: map[schema.Kind]schema.Need{schema.Wait: 0}, Findings: true})
		for _, o := range snap.Objects[schema.Wait] {
			if r := o.Row.(*waits.Row); int(r.Task.Proc.ID) == pid {
				words = append(words, strings.TrimSpace(string(r.Status)))
				if r.Status.Bad() {
					words[len(words)-1] += " " + string(r.Proof)
				}
			}
		}
		for _, f := range snap.Findings {
			words = append(words, fmt.Sprintf("%s %s %s", f.Severity, f.Proof, f.Kind))
		}
	}
	j.Check(os.WriteFile(told, []byte(strings.Join(words, "; ")), 0o600))
	j.Ready()
	j.Wait()
}
