package posix_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/posix"
	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/kernel/vfs"
)

var ignoreTimes = cmpopts.IgnoreFields(vfs.PosixFile{}, "ATime", "MTime", "CTime", "Dev", "Ino", "Links")

// closeAtEnd closes a descriptor at the test's end.
func closeAtEnd(t *testing.T) func(int, error) int {
	return func(fd int, err error) int {
		t.Helper()
		kerneltest.OK(t, err)
		t.Cleanup(func() { unix.Close(fd) })
		return fd
	}
}

func TestPosixQueues(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		h := sys.Root("")
		if none := kerneltest.Must(posix.AllQueues(h, true, true))(t); len(none) != 0 {
			t.Fatalf("a new namespace holds %+v", none)
		}
		syscall.Umask(0)
		const flags = unix.O_RDWR | unix.O_CREAT | unix.O_EXCL | unix.O_NONBLOCK
		fd := closeAtEnd(t)(posix.MqOpen("/b \x1b", flags, 0o640, &posix.MqAttr{MaxMsg: 3, MsgSize: 100}))
		closeAtEnd(t)(posix.MqOpen("/.a", flags, 0o200, &posix.MqAttr{MaxMsg: 1, MsgSize: 1}))
		kerneltest.OK(t, posix.MqSend(fd, make([]byte, 60), 1))
		kerneltest.OK(t, posix.MqSend(fd, nil, 2))
		kerneltest.OK(t, posix.MqSend(fd, make([]byte, 70), 2))
		if err := posix.MqSend(fd, nil, 0); !errors.Is(err, unix.EAGAIN) {
			t.Errorf("a fourth message: %v", err)
		}
		if data, prio, err := posix.MqReceive(fd, 100); err != nil || len(data) != 0 || prio != 2 {
			t.Errorf("received %q, priority %d, %v", data, prio, err)
		}
		got := kerneltest.Must(posix.AllQueues(h, true, true))(t)
		want := []posix.Queue{
			{PosixFile: vfs.PosixFile{Name: ".a", Mode: 0o200, Size: 80}, MqAttr: posix.MqAttr{MaxMsg: 1, MsgSize: 1},
				HasAttr: true, HasStatus: true},
			{PosixFile: vfs.PosixFile{Name: "b \x1b", Mode: 0o640, Size: 80},
				MqAttr: posix.MqAttr{MaxMsg: 3, MsgSize: 100, Messages: 2}, HasAttr: true,
				MqStatus: posix.MqStatus{Bytes: 130}, HasStatus: true},
		}
		if diff := cmp.Diff(want, got, ignoreTimes); diff != "" {
			t.Fatalf("-want +got:\n%s", diff)
		}
		var st unix.Stat_t
		kerneltest.OK(t, unix.Fstat(fd, &st))
		if got[1].Dev != st.Dev || got[1].Ino != st.Ino {
			t.Errorf("listed %d:%d, the descriptor is %d:%d", got[1].Dev, got[1].Ino, st.Dev, st.Ino)
		}
		if one := kerneltest.Must(posix.QueueStat(h, "/b \x1b"))(t); one.MqAttr != got[1].MqAttr || one.Ino != st.Ino {
			t.Errorf("PosixQueueStat gives %+v", one)
		}
		if text, err := os.ReadFile("/proc/self/mountinfo"); err != nil || strings.Count(string(text), " mqueue ") > 1 {
			t.Errorf("listing mounted something: %s (%v)", text, err)
		}
		if err := posix.MsgRemoveSame("/b \x1b", vfs.Same{Dev: st.Dev, Ino: st.Ino + 1}); !errors.Is(err,
			posix.ErrChanged) {
			t.Errorf("removing another's queue: %v", err)
		}
		kerneltest.OK(t, posix.MsgRemoveSame("/b \x1b", vfs.Same{Dev: st.Dev, Ino: st.Ino}))
		if err := posix.MsgRemoveSame("/b \x1b", vfs.Same{Dev: st.Dev, Ino: st.Ino}); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("removing a removed queue: %v", err)
		}
		if left := kerneltest.Must(posix.AllQueues(h, false, false))(t); len(left) != 1 {
			t.Errorf("left: %+v", left)
		}
	})
}

func TestPosixQueueNotification(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		fd := closeAtEnd(t)(posix.MqOpen("/n", unix.O_RDWR|unix.O_CREAT, 0o600, nil))
		kerneltest.OK(t, posix.MqNotify(fd, int(unix.SIGUSR1)))
		got := kerneltest.Must(posix.AllQueues(sys.Root(""), false, true))(t)
		if len(got) != 1 || got[0].MqStatus != (posix.MqStatus{Signo: int(unix.SIGUSR1), NotifyPID: os.Getpid()}) ||
			got[0].HasAttr {
			t.Errorf("got %+v", got)
		}
	})
}

// workLists lists POSIX objects with its own rights.
func workLists(j *kerneltest.Job) {
	h := sys.Root("")
	if _, err := os.Stat("/dev/mqueue"); err == nil {
		queues, err := posix.AllQueues(h, true, true)
		j.Check(err)
		j.Ready(len(queues), queues[0].Denied, queues[0].Name)
	} else {
		_, err := posix.AllQueues(h, true, true)
		j.Ready(sys.Denied(err))
	}
	sems, err := posix.AllSems(h, true)
	j.Check(err)
	j.Ready(len(sems), sems[0].Denied, sems[0].HasValue, sems[0].Name)
}

func TestForeignPosixObjects(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root: an ordinary user's namespace holds one uid only, so nothing in it is foreign")
	}
	kerneltest.InNamespace(t, func() {
		closeAtEnd(t)(posix.MqOpen("/q", unix.O_RDWR|unix.O_CREAT, 0o600, nil))
		sem, _, err := posix.SemOpenNew("/s", 0o600, 1)
		closeAtEnd(t)(sem, err)
		w := kerneltest.StartAs(t, &syscall.Credential{Uid: 1000, Gid: 1000}, "lists")
		want := []string{"true"}
		if _, err := os.Stat("/dev/mqueue"); err == nil {
			want = []string{"1", "true", "q"}
		}
		if diff := cmp.Diff(want, w.Words); diff != "" {
			t.Errorf("queues (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]string{"1", "true", "false", "s"}, w.Read()); diff != "" {
			t.Errorf("semaphores (-want +got):\n%s", diff)
		}
	})
}

// Without a mount and without rights, a user still sees and removes his own queues by their names.
func TestOwnQueueWithoutMount(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root: who owns the namespaces may look without a mount")
	}
	kerneltest.InNamespace(t, func() {
		if err := unix.Unmount("/dev/mqueue", 0); err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err,
			unix.EINVAL) {
			t.Fatal(err)
		}
		w := kerneltest.StartAs(t, &syscall.Credential{Uid: 1000, Gid: 1000}, "own-queue")
		if diff := cmp.Diff([]string{"3", "true", "true", "gone"}, w.Words); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	})
}

// workOwnQueue makes a queue. It reports the queue's maxmsg, whether the queue is the descriptor's, whether another
// queue is refused, and what is left of the queue.
func workOwnQueue(j *kerneltest.Job) {
	h := sys.Root("")
	fd, err := posix.MqOpen("/mine", unix.O_RDWR|unix.O_CREAT|unix.O_EXCL, 0o600, &posix.MqAttr{MaxMsg: 3, MsgSize: 8})
	j.Check(err)
	var st unix.Stat_t
	j.Check(unix.Fstat(fd, &st))
	q, err := posix.QueueStat(h, "/mine")
	j.Check(err)
	other := posix.MsgRemoveSame("/mine", vfs.Same{Dev: q.Dev, Ino: q.Ino + 1})
	j.Check(posix.MsgRemoveSame("/mine", vfs.Same{Dev: q.Dev, Ino: q.Ino}))
	left := "there"
	if _, err := posix.QueueStat(h, "/mine"); errors.Is(err, fs.ErrNotExist) {
		left = "gone"
	}
	j.Ready(q.MaxMsg, q.Dev == st.Dev && q.Ino == st.Ino, errors.Is(other, posix.ErrChanged), left)
}

func TestPosixShmAndSems(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		h := sys.Root("")
		syscall.Umask(0)
		fd := closeAtEnd(t)(posix.ShmOpen("/seg", unix.O_RDWR|unix.O_CREAT|unix.O_EXCL, 0o604))
		kerneltest.OK(t, unix.Ftruncate(fd, 10000))
		kerneltest.Must(unix.Pwrite(fd, []byte("x"), 5000))(t)
		sem, temp, err := posix.SemOpenNew("/lock", 0o660, 7)
		closeAtEnd(t)(sem, err)
		if _, err := os.Stat(temp); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the temporary name is still there: %v", err)
		}
		if _, _, err := posix.SemOpenNew("/lock", 0o660, 7); !errors.Is(err, fs.ErrExist) {
			t.Errorf("a second semaphore of that name: %v", err)
		}
		kerneltest.OK(t, os.Mkdir(filepath.Join("/dev/shm", "dir"), 0o700))
		kerneltest.OK(t, os.Symlink("/etc/passwd", filepath.Join("/dev/shm", "link")))
		kerneltest.OK(t, unix.Mkfifo(filepath.Join("/dev/shm", ".fifo"), 0o600))
		kerneltest.OK(t, os.WriteFile(filepath.Join("/dev/shm", "sem.long"), make([]byte, 33), 0o600))
		type seen struct{ Name, Type string }
		var got []seen
		files := kerneltest.Must(posix.DevShmFiles(h))(t)
		for _, f := range files {
			got = append(got, seen{f.Name, fmt.Sprint(f.Mode.Type())})
		}
		want := []seen{{".fifo", "p---------"}, {"dir", "d---------"}, {"link", "L---------"}, {"seg", "----------"},
			{"sem.long", "----------"}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
		seg := vfs.PosixFile{Name: "seg", Mode: 0o604, Size: 10000, Allocated: sys.PageSize()}
		if diff := cmp.Diff(seg, files[3], ignoreTimes); diff != "" {
			t.Errorf("segment (-want +got):\n%s", diff)
		}
		sems := kerneltest.Must(posix.AllSems(h, true))(t)
		wantSems := []posix.Sem{{PosixFile: vfs.PosixFile{Name: "lock", Mode: 0o660, Size: 32,
			Allocated: sys.PageSize()},
			Value: 7, HasValue: true}}
		if diff := cmp.Diff(wantSems, sems, ignoreTimes); diff != "" {
			t.Errorf("semaphores (-want +got):\n%s", diff)
		}
		if err := posix.SemRemoveSame("/lock", vfs.Same{Dev: sems[0].Dev, Ino: files[3].Ino}); !errors.Is(err,
			posix.ErrChanged) {
			t.Errorf("removing another's semaphore: %v", err)
		}
		kerneltest.OK(t, posix.SemRemoveSame("/lock", vfs.Same{Dev: sems[0].Dev, Ino: sems[0].Ino}))
		kerneltest.OK(t, posix.ShmRemoveSame("/seg", vfs.Same{Dev: files[3].Dev, Ino: files[3].Ino}))
		for _, name := range []string{"", "/", "/..", "/dir/x", "/a\x00b"} {
			if err := posix.ShmRemoveSame(name, vfs.Same{Dev: 0, Ino: 0}); !errors.Is(err, unix.EINVAL) {
				t.Errorf("removing %q: %v", name, err)
			}
		}
		if left := kerneltest.Must(posix.DevShmFiles(h))(t); len(left) != 4 {
			t.Errorf("left: %+v", left)
		}
	})
}

func TestPosixLimits(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		h := sys.Root("")
		l, err := posix.ReadMqLimits(h)
		if diff := cmp.Diff(posix.MqLimits{QueuesMax: 256, MsgMax: 10, MsgSizeMax: 8192, MsgDefault: 10,
			MsgSizeDefault: 8192}, l); diff != "" || err != nil {
			t.Errorf("a new namespace has the kernel's defaults (-want +got):\n%s%v", diff, err)
		}
		before := kerneltest.Must(posix.ReadDevShmUse(h))(t)
		fd := closeAtEnd(t)(posix.ShmOpen("/fill", unix.O_RDWR|unix.O_CREAT|unix.O_EXCL, 0o600))
		kerneltest.OK(t, unix.Fallocate(fd, 0, 0, 1<<20))
		after := kerneltest.Must(posix.ReadDevShmUse(h))(t)
		want := before
		want.Used += 1 << 20
		want.InodeUsed++
		if diff := cmp.Diff(want, after); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	})
}

func FuzzParseMqStatus(f *testing.F) {
	f.Add([]byte("QSIZE:129        NOTIFY:2     SIGNO:0     NOTIFY_PID:8260  \n"))
	f.Add([]byte("QSIZE:0 NOTIFY:0 SIGNO:-1 NOTIFY_PID:0"))
	f.Add([]byte("QSIZE:"))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := posix.ParseMqStatus(text)
		if err != nil {
			return
		}
		again, err := posix.ParseMqStatus(fmt.Appendf(nil, "QSIZE:%-10d NOTIFY:%-5d SIGNO:%-5d NOTIFY_PID:%-6d\n",
			s.Bytes, s.Notify, s.Signo, s.NotifyPID))
		if s.Bytes < 1<<63 && (err != nil || again != s) {
			t.Errorf("%q: %+v, again %+v, %v", text, s, again, err)
		}
	})
}
