package blocker

import (
	"errors"
	"io"
	"runtime"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/kernel/sys"
)

func TestMain(m *testing.M) { kerneltest.Main(m, nil) }

// a asks a server that never answers for a name. Meanwhile it holds a mutex of the directory (fuse_lookup in
// fs/fuse/dir.c). b asks for another name and waits for the mutex. Both hold the directory's lock to read, and c wants
// it to write.
func TestSleeps(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		r, err := Open("")
		if sys.Denied(err) || errors.Is(err, ErrNone) {
			t.Skip(err)
		}
		kerneltest.OK(t, err)
		defer r.Close()
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		dir := t.TempDir()
		kerneltest.MountSilent(t, dir, unix.S_IFDIR)
		pids := map[string]int{}
		defer func() {
			for _, pid := range pids { // b and c go on only after a
				unix.Kill(pid, unix.SIGKILL)
			}
			for _, pid := range pids {
				unix.Wait4(pid, nil, 0, nil)
			}
		}()
		sleeps := func(name string, nr uintptr, path string, want func() Sleep) {
			pid, err := process.StartBare(new(process.Script).Name(name).OnPath(nr, dir+path))
			kerneltest.OK(t, err)
			pids[name] = pid
			kerneltest.EventuallySame(t, func() string {
				sleeps, err := r.Sleeps()
				if err != nil {
					return err.Error()
				}
				got, ok := sleeps[pid]
				if !ok {
					return name + " does not sleep in state D"
				}
				return cmp.Diff(want(), got)
			})
		}
		sleeps("a", unix.SYS_FCHMODAT, "/one", func() Sleep { return Sleep{Killable: true} })
		sleeps("b", unix.SYS_FCHMODAT, "/two", func() Sleep {
			return Sleep{Lock: Mutex, Owner: Owner{PID: pids["a"], TID: pids["a"], Comm: "a"}}
		})
		sleeps("c", unix.SYS_MKDIRAT, "/three", func() Sleep {
			return Sleep{Lock: WriteLock, Owner: Owner{PID: pids["b"], TID: pids["b"], Comm: "b", Last: true}}
		})
	})
}

func FuzzParse(f *testing.F) {
	f.Add(make([]byte, 48))
	f.Add([]byte("short"))
	f.Fuzz(func(t *testing.T, text []byte) {
		sleeps, err := parse(text)
		switch {
		case len(text) == 0 && !errors.Is(err, ErrNone):
			t.Errorf("nothing at all: %v", err)
		case len(text)%48 != 0 && !errors.Is(err, io.ErrUnexpectedEOF):
			t.Errorf("a part of a record: %v", err)
		case err == nil && len(sleeps) > len(text)/48:
			t.Errorf("%d sleeps of %d bytes", len(sleeps), len(text))
		}
	})
}
