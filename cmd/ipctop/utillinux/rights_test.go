package utillinux

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
)

// sysctl sets a limit of the test's IPC namespace.
func sysctl(t testing.TB, name, value string) {
	t.Helper()
	check(t, os.WriteFile("/proc/sys/kernel/"+name, []byte(value), 0))
}

func needRoot(t testing.TB) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root: an ordinary user's namespace holds one uid only")
	}
}

// asUser runs f as another user. In Linux credentials belong to a thread (man 7 credentials). x/sys changes only this
// thread, and a process that the thread starts inherits them.
func asUser(t testing.TB, uid int, f func()) {
	t.Helper()
	done := make(chan struct{})
	kerneltest.OnOtherThread(func() {
		defer close(done)
		if err := firstError(
			func() error { return unix.Setgroups(nil) },
			func() error { return rawSet(unix.SYS_SETRESGID, uid) },
			func() error { return rawSet(unix.SYS_SETRESUID, uid) },
		); err != nil {
			t.Error(err)
			return
		}
		f()
	})
	<-done
}

func rawSet(call uintptr, id int) error {
	if _, _, errno := unix.RawSyscall(call, uintptr(id), uintptr(id), uintptr(id)); errno != 0 {
		return errno
	}
	return nil
}

func firstError(steps ...func() error) error {
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}
