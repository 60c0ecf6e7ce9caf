package posix_test

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/posix"
	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/kernel/vfs"
)

func TestPosixObjects(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		kerneltest.Mqueue(t)
		syscall.Umask(0o022)
		h := sys.Root("")
		kerneltest.OK(t, posix.ShmCreate("/seg", 5000, 0o660))
		kerneltest.OK(t, posix.SemCreate("gate", 3, 0o600))
		kerneltest.OK(t, posix.MsgCreate("/queue", 0o666))
		// The list leaves out files that shm_open and sem_open cannot make.
		kerneltest.OK(t, os.Mkdir("/dev/shm/dir", 0o755))
		kerneltest.OK(t, os.Symlink("/etc/passwd", "/dev/shm/link"))
		kerneltest.OK(t, os.WriteFile("/dev/shm/sem.text", []byte("no semaphore"), 0o644))

		shm, err := posix.ShmFiles(h)
		kerneltest.OK(t, err)
		sems, err := posix.Sems(h)
		kerneltest.OK(t, err)
		queues, err := posix.Queues(h)
		kerneltest.OK(t, err)
		recent := cmpopts.EquateApproxTime(time.Hour)
		now := time.Now()
		unlisted := cmpopts.IgnoreFields(vfs.PosixFile{}, "Dev", "Ino", "Allocated", "ATime", "CTime")
		if diff := cmp.Diff([]vfs.PosixFile{{Name: "seg", Mode: 0o640, Size: 5000, Links: 1, MTime: now}}, shm, recent,
			unlisted); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]posix.Sem{{PosixFile: vfs.PosixFile{Name: "gate", Mode: 0o600, Size: 32, Links: 1,
			MTime: now},
			Value: 3, HasValue: true}}, sems, recent, unlisted); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]posix.Queue{{PosixFile: vfs.PosixFile{Name: "queue", Mode: 0o644, Size: 80, Links: 1,
			MTime: now}, MqAttr: posix.MqAttr{MaxMsg: 10, MsgSize: 8192}, HasAttr: true, HasStatus: true}},
			queues, recent,
			unlisted); diff != "" {
			t.Error(diff)
		}

		// Creation never replaces an existing object.
		for name, err := range map[string]error{
			"shm": posix.ShmCreate("seg", 1, 0o600), "sem": posix.SemCreate("/gate", 0, 0o600),
			"mq": posix.MsgCreate("/queue", 0o600),
		} {
			if !errors.Is(err, fs.ErrExist) {
				t.Errorf("%s: %v, want EEXIST", name, err)
			}
		}
		kerneltest.OK(t, posix.ShmRemove("seg"))
		kerneltest.OK(t, posix.SemRemove("gate"))
		kerneltest.OK(t, posix.MsgRemove("/queue"))
		for name, err := range map[string]error{
			"shm": posix.ShmRemove("seg"), "sem": posix.SemRemove("gate"), "mq": posix.MsgRemove("/queue"),
			"path": posix.ShmRemove("/../../etc/passwd"), "long": posix.ShmRemove(strings.Repeat("x", 256)),
			"none": posix.SemRemove("/"),
		} {
			if !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s: %v, want ENOENT", name, err)
			}
		}
		if err := posix.MsgRemove("queue"); !errors.Is(err, syscall.EINVAL) {
			t.Errorf("a queue's name without its slash: %v, want EINVAL", err)
		}
		if err := posix.ShmRemove("dir"); !errors.Is(err, syscall.EISDIR) {
			t.Errorf("a directory: %v, want EISDIR", err)
		}
		left, err := os.ReadDir("/dev/shm")
		kerneltest.OK(t, err)
		var names []string
		for _, e := range left {
			names = append(names, e.Name())
		}
		if diff := cmp.Diff([]string{"dir", "link", "sem.text"}, names); diff != "" {
			t.Errorf("left in /dev/shm: %s", diff)
		}
	})
}

func TestPosixQueuesNotMounted(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		kerneltest.Mqueue(t)
		kerneltest.OK(t, syscall.Unmount("/dev/mqueue", syscall.MNT_DETACH))
		h := sys.Root("")
		if _, err := posix.Queues(h); !errors.Is(err, posix.ErrNotMounted) {
			t.Errorf("%v, want ErrNotMounted", err)
		}
	})
}

func TestPosixShmLikely(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		kerneltest.OK(t, posix.ShmCreate("untouched", 1<<40, 0o600))
		kerneltest.OK(t, posix.ShmCreate("used", 8192, 0o600))
		page := make([]byte, 4096)
		copy(page, "state")
		kerneltest.OK(t, os.WriteFile("/dev/shm/full", append(page, page...), 0o600))
		kerneltest.OK(t, os.WriteFile("/dev/shm/text", []byte(strings.Repeat("notes\n", 20000)), 0o600))
		kerneltest.OK(t, os.WriteFile("/dev/shm/empty", nil, 0o600))
		h := sys.Root("")
		files, err := posix.ShmFiles(h)
		kerneltest.OK(t, err)
		got := map[string]bool{}
		for _, f := range files {
			got[f.Name] = posix.ShmLikely(h, &f)
		}
		want := map[string]bool{"untouched": true, "used": true, "full": true, "text": false, "empty": false}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		for _, f := range files { // the name leads to another file now
			kerneltest.OK(t, os.Remove("/dev/shm/"+f.Name))
			kerneltest.OK(t, os.WriteFile("/dev/shm/"+f.Name, page, 0o600))
			if f.Name == "full" && posix.ShmLikely(h, &f) {
				t.Error("judged a file by another's content")
			}
		}
	})
}
