package kernel_test

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
	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/vfs"
)

func TestPosixObjects(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		kerneltest.Mqueue(t)
		syscall.Umask(0o022)
		h, err := kernel.Open("")
		kerneltest.OK(t, err)
		a := kernel.NewAdmin()
		kerneltest.OK(t, a.PosixShmCreate("/seg", 5000, 0o660))
		kerneltest.OK(t, a.PosixSemCreate("gate", 3, 0o600))
		kerneltest.OK(t, a.PosixMsgCreate("/queue", 0o666))
		// What shm_open and sem_open cannot have made is not listed.
		kerneltest.OK(t, os.Mkdir("/dev/shm/dir", 0o755))
		kerneltest.OK(t, os.Symlink("/etc/passwd", "/dev/shm/link"))
		kerneltest.OK(t, os.WriteFile("/dev/shm/sem.text", []byte("no semaphore"), 0o644))

		shm, err := h.PosixShmFiles()
		kerneltest.OK(t, err)
		sems, err := h.PosixSems()
		kerneltest.OK(t, err)
		queues, err := h.PosixQueues()
		kerneltest.OK(t, err)
		recent := cmpopts.EquateApproxTime(time.Hour)
		now := time.Now()
		unlisted := cmpopts.IgnoreFields(vfs.PosixFile{}, "Dev", "Ino", "Allocated", "ATime", "CTime")
		if diff := cmp.Diff([]vfs.PosixFile{{Name: "seg", Mode: 0o640, Size: 5000, Links: 1, MTime: now}}, shm, recent, unlisted); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]kernel.PosixSem{{PosixFile: vfs.PosixFile{Name: "gate", Mode: 0o600, Size: 32, Links: 1, MTime: now}, Value: 3, HasValue: true}}, sems, recent, unlisted); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]kernel.PosixQueue{{PosixFile: vfs.PosixFile{Name: "queue", Mode: 0o644, Size: 80, Links: 1, MTime: now}, MqAttr: kernel.MqAttr{MaxMsg: 10, MsgSize: 8192}, HasAttr: true, HasStatus: true}}, queues, recent, unlisted); diff != "" {
			t.Error(diff)
		}

		// Creation never takes over what is there.
		for name, err := range map[string]error{
			"shm": a.PosixShmCreate("seg", 1, 0o600), "sem": a.PosixSemCreate("/gate", 0, 0o600), "mq": a.PosixMsgCreate("/queue", 0o600),
		} {
			if !errors.Is(err, fs.ErrExist) {
				t.Errorf("%s: %v, want EEXIST", name, err)
			}
		}
		kerneltest.OK(t, a.PosixShmRemove("seg"))
		kerneltest.OK(t, a.PosixSemRemove("gate"))
		kerneltest.OK(t, a.PosixMsgRemove("/queue"))
		for name, err := range map[string]error{
			"shm": a.PosixShmRemove("seg"), "sem": a.PosixSemRemove("gate"), "mq": a.PosixMsgRemove("/queue"),
			"path": a.PosixShmRemove("/../../etc/passwd"), "long": a.PosixShmRemove(strings.Repeat("x", 256)), "none": a.PosixSemRemove("/"),
		} {
			if !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s: %v, want ENOENT", name, err)
			}
		}
		if err := a.PosixMsgRemove("queue"); !errors.Is(err, syscall.EINVAL) {
			t.Errorf("a queue's name without its slash: %v, want EINVAL", err)
		}
		if err := a.PosixShmRemove("dir"); !errors.Is(err, syscall.EISDIR) {
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
		h, err := kernel.Open("")
		kerneltest.OK(t, err)
		if _, err := h.PosixQueues(); !errors.Is(err, kernel.ErrNotMounted) {
			t.Errorf("%v, want ErrNotMounted", err)
		}
	})
}

func TestPosixShmLikely(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		a := kernel.NewAdmin()
		kerneltest.OK(t, a.PosixShmCreate("untouched", 1<<40, 0o600))
		kerneltest.OK(t, a.PosixShmCreate("used", 8192, 0o600))
		page := make([]byte, 4096)
		copy(page, "state")
		kerneltest.OK(t, os.WriteFile("/dev/shm/full", append(page, page...), 0o600))
		kerneltest.OK(t, os.WriteFile("/dev/shm/text", []byte(strings.Repeat("notes\n", 20000)), 0o600))
		kerneltest.OK(t, os.WriteFile("/dev/shm/empty", nil, 0o600))
		h, err := kernel.Open("")
		kerneltest.OK(t, err)
		files, err := h.PosixShmFiles()
		kerneltest.OK(t, err)
		got := map[string]bool{}
		for _, f := range files {
			got[f.Name] = h.PosixShmLikely(&f)
		}
		want := map[string]bool{"untouched": true, "used": true, "full": true, "text": false, "empty": false}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		for _, f := range files { // a name that leads to another file by now
			kerneltest.OK(t, os.Remove("/dev/shm/"+f.Name))
			kerneltest.OK(t, os.WriteFile("/dev/shm/"+f.Name, page, 0o600))
			if f.Name == "full" && h.PosixShmLikely(&f) {
				t.Error("judged a file by another's content")
			}
		}
	})
}
