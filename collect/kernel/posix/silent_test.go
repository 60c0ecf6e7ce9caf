package posix

import (
	"errors"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/vfs"
)

// A server that never answers may keep the files of /dev/shm itself: then no call returns from there, not even statfs.
func TestASilentServerOnDevShmHangsNothing(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		kerneltest.MountSilent(t, "/dev/shm", unix.S_IFDIR)
		for name, look := range map[string]func() error{
			"DevShmFiles":   func() error { _, err := DevShmFiles(""); return err },
			"AllSems":       func() error { _, err := AllSems("", true); return err },
			"ShmFiles":      func() error { _, err := ShmFiles(""); return err },
			"ShmStat":       func() error { _, err := ShmStat("", "/a"); return err },
			"SemStat":       func() error { _, err := SemStat("", "/a"); return err },
			"ReadShm":       func() error { _, err := ReadShm("", "/a", 1, 2, 0, nil); return err },
			"ReadDevShmUse": func() error { _, err := ReadDevShmUse(""); return err },
			"DevShmDevice":  func() error { _, _, err := DevShmDevice(""); return err },
			"DevShmIsTmpfs": func() error { _, err := DevShmIsTmpfs(""); return err },
			"ShmRemoveSame": func() error { return ShmRemoveSame("/a", vfs.Same{Dev: 1, Ino: 2}) },
			"ShmRemove":     func() error { return ShmRemove("/a") },
			"SemRemove":     func() error { return SemRemove("/a") },
			"ShmCreate":     func() error { return ShmCreate("/a", 1, 0o600) },
			"SemCreate":     func() error { return SemCreate("/a", 1, 0o600) },
			"ShmOpen":       func() error { _, err := ShmOpen("/a", unix.O_RDWR, 0); return err },
			"SemOpenNew":    func() error { _, _, err := SemOpenNew("/a", 0o600, 1); return err },
		} {
			if err := inTime(t, name, look); !errors.Is(err, vfs.ErrMayHang) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

func TestASilentServerOnDevMqueueHangsNothing(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		kerneltest.MountSilent(t, "/dev/mqueue", unix.S_IFDIR)
		mount := func() error { _, err := mqueueMount(); return err }
		if err := inTime(t, "mqueueMount", mount); !errors.Is(err, ErrNotMounted) {
			t.Error(err)
		}
		queues := func() error { _, err := Queues(""); return err }
		if err := inTime(t, "Queues", queues); !errors.Is(err, ErrNotMounted) {
			t.Error(err)
		}
	})
}

// inTime runs a look that must not hang.
func inTime(t *testing.T, name string, look func() error) error {
	t.Helper()
	told := make(chan error, 1)
	go func() { told <- look() }()
	select {
	case err := <-told:
		return err
	case <-time.After(10 * time.Second):
		t.Fatalf("%s hangs on a server that does not answer", name)
		return nil
	}
}

func BenchmarkOwnShmDir(b *testing.B) {
	for b.Loop() {
		d, err := OwnShmDir("")
		if err != nil {
			b.Fatal(err)
		}
		d.Close()
	}
}
