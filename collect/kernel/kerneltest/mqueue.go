package kerneltest

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// Mqueue makes sure that the namespace of InNamespace has its message queues at /dev/mqueue. On a machine without
// that directory, Mqueue covers /dev by a new one. The new /dev has the directory, and the devices that every program
// expects. The machine's own /dev does not change.
func Mqueue(tb testing.TB) {
	tb.Helper()
	if _, err := os.Stat("/dev/mqueue"); err == nil {
		return // InNamespace has mounted it
	}
	cover := tb.TempDir()
	mount := func(source, target, kind string, flags uintptr, data string) {
		tb.Helper()
		if err := unix.Mount(source, target, kind, flags, data); err != nil {
			tb.Fatalf("mount %s on %s: %v", source, target, err)
		}
	}
	check := func(err error) {
		tb.Helper()
		if err != nil {
			tb.Fatal(err)
		}
	}
	mount("tmpfs", cover, "tmpfs", unix.MS_NOSUID, "mode=755")
	tb.Cleanup(func() { unix.Unmount(cover, unix.MNT_DETACH) })
	for _, name := range []string{"null", "zero", "full", "random", "urandom"} {
		check(os.WriteFile(filepath.Join(cover, name), nil, 0o644))
		mount("/dev/"+name, filepath.Join(cover, name), "", unix.MS_BIND, "")
	}
	check(os.Symlink("/proc/self/fd", filepath.Join(cover, "fd")))
	const safe = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC
	for _, m := range []struct{ dir, kind, data string }{{"shm", "tmpfs", "mode=1777"}, {"mqueue", "mqueue", ""}} {
		target := filepath.Join(cover, m.dir)
		check(os.Mkdir(target, 0o755))
		mount(m.kind, target, m.kind, safe, m.data)
	}
	mount(cover, "/dev", "", unix.MS_BIND|unix.MS_REC, "")
}
