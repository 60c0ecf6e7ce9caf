package collect

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/blocker"
	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/schema"
	"github.com/ipctop/ipctop/collect/waits"
)

// a asks a server that never answers for a name. Meanwhile it holds a mutex of the directory. b asks for another name
// and waits for the mutex. Both hold the directory's lock to read, and c wants it to write.
func TestWaitsForLocksOfTheKernel(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		host := kerneltest.Must(kernel.Open(""))(t)
		r, err := blocker.Open(host.Root)
		told := err == nil
		if told {
			kerneltest.OK(t, r.Close())
		} else if !sys.Denied(err) && !errors.Is(err, blocker.ErrNone) {
			t.Fatal(err)
		}
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		dir := t.TempDir()
		kerneltest.MountSilent(t, dir, unix.S_IFDIR)
		var pids []int
		functions := map[int]string{}
		defer func() {
			for _, pid := range pids { // b and c go on only after a
				unix.Kill(pid, unix.SIGKILL)
			}
			for _, pid := range pids {
				unix.Wait4(pid, nil, 0, nil)
			}
		}()
		for _, actor := range []struct {
			name string
			nr   uintptr
		}{{"a", unix.SYS_FCHMODAT}, {"b", unix.SYS_FCHMODAT}, {"c", unix.SYS_MKDIRAT}} {
			pid := kerneltest.Must(process.StartBare(new(process.Script).Name(actor.name).OnPath(actor.nr,
				dir+"/"+actor.name)))(t)
			pids = append(pids, pid)
			p := kerneltest.Must(host.OpenProc(pid))(t)
			kerneltest.Eventually(t, actor.name+" in state D", func() bool {
				_, state, err := p.Switches(pid, nil)
				functions[pid] = p.SleepsIn(pid)
				return err == nil && state == 'D' && functions[pid] != ""
			})
			p.Close()
		}
		mutex := fmt.Sprintf("waits %d/b waits for a mutex of the kernel (chmod), which %d/a holds; no signal ends it",
			pids[1], pids[0])
		lock := fmt.Sprintf("waits %d/c waits for a read-write lock of the kernel, to write (mkdir), which %d/b "+
			"took last; open to whoever else has the lock; no signal ends it", pids[2], pids[1])
		signals := "; no signal but SIGKILL ends it"
		if !told {
			signals = "; no signal ends it, except perhaps SIGKILL"
			why := ""
			if sys.Denied(err) {
				why = " (" + err.Error() + ")"
			}
			other := func(pid int, name, call string) string {
				return fmt.Sprintf("open %d/%s waits for the kernel (%s in %s); open to whoever the "+
					"kernel waits for%s%s", pid,
					name, call, functions[pid], why, signals)
			}
			mutex, lock = other(pids[1], "b", "chmod"), other(pids[2], "c", "mkdir")
		}
		want := fmt.Sprintf("open %d/a waits for an answer of a FUSE server (chmod in %s); open to the server of the "+
			"file system", pids[0], functions[pids[0]]) + signals + "\n" + mutex + "\n" + lock
		c := New(host, time.Now)
		m := waits.Mechanism()
		look := func() string {
			snap := c.Take(Request{Want: map[schema.Kind]schema.Need{schema.Wait: 0}, Findings: true})
			var lines []string
			for _, o := range snap.Objects[schema.Wait] {
				cell := func(id string) string { col, _ := m.Column(id); return col.Get(o).Str() }
				if n := cell("comm"); len(n) == 1 && strings.Contains("abc", n) {
					lines = append(lines, cell("status")+" "+cell("says"))
				}
			}
			return strings.Join(lines, "\n")
		}
		kerneltest.EventuallySame(t, func() string { return gocmp.Diff(want, look()) })
	})
}
