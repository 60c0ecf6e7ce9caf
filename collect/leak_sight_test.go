package collect

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/relate"
	"github.com/ipctop/ipctop/collect/schema"
)

// workVerdictsBelow judges in a pid namespace of its own, with a /proc of its own.
func workVerdictsBelow(j *kerneltest.Job) {
	j.Check(unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""))
	j.Check(unix.Mount("proc", "/proc", "proc", 0, ""))
	workVerdicts(j)
}

// In a pid namespace below, whose IPC namespace and /dev/shm are those of above, nobody is an orphan: who is above is not seen.
func TestVerdictsInAPIDNamespaceThatSharesItsIPC(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newSysVScene(t)
		segment := kerneltest.Start(t, "create-segment")
		segment.Finish()
		queue := s.id(s.admin.MsgGet(kernel.KeyPrivate, createIPC|0o600))
		s.check(s.admin.PosixShmCreate("/m", 4096, 0o600))
		s.now = time.Now().Add(time.Hour)
		told := t.TempDir() + "/told"
		kerneltest.StartIn(t, unix.CLONE_NEWPID|unix.CLONE_NEWNS, "verdicts-below", fmt.Sprint(s.now.Unix()), told, "shm", "msg", "pshm")
		got := s.read(told)
		s.wants("segment", got["shm:"+segment.Words[0]], relate.Unknown, unattached, "its creator is outside this pid namespace and cannot be seen")
		s.wants("queue", got[fmt.Sprintf("msg:%d", queue)], relate.Unknown, unseenOutside)
		s.wants("memory", got["pshm:/m"], relate.Unknown, unseenOutside)
	})
}

// workForkLater makes a segment in a process group of its own and, when told to, has a child, which knows of it, and ends.
func workForkLater(j *kerneltest.Job) {
	j.Check(unix.Setpgid(0, 0))
	id, err := kernel.NewAdmin().ShmGet(kernel.KeyPrivate, 4096, createIPC|0o600)
	j.Check(err)
	j.Ready(id)
	j.Wait()
	j.Ready(forkSleeper(j))
	j.Wait()
}

// forkSleeper has a child that sleeps until a signal; it has none of the runtime's threads.
func forkSleeper(j *kerneltest.Job) (pid uintptr) {
	pid, _, e := unix.RawSyscall(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0)
	if e != 0 {
		j.Check(e)
	}
	for pid == 0 {
		unix.RawSyscall(unix.SYS_PPOLL, 0, 0, 0)
	}
	return pid
}

// A child that was born after the last use is younger than that, and may have been told of the segment by its parent.
func TestSegmentOfADeadCreatorWhoseGroupLives(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newSysVScene(t)
		creator := kerneltest.Start(t, "fork-later")
		m := s.segment(creator.Words[0])
		kerneltest.Eventually(t, "a process may be seen to be younger", func() bool { return time.Since(time.Unix(m.CTime, 0)) > leakDoubt+100*time.Millisecond })
		creator.Say("now")
		child := atoi(t, creator.Read()[0])
		defer unix.Kill(child, unix.SIGKILL)
		creator.Finish()
		end := s.end(child)
		s.judges("shm:"+creator.Words[0], relate.Suspect, unattached, died("creator", creator),
			fmt.Sprintf("could still know it: %d/%s, user %s, is of the process group or session of its creator, %d", child, end.Comm, NewUsers(true).User(uint32(unix.Getuid())), creator.PID))
	})
}

// The clock was set forward by two days: moments of before lie at least that far back, and processes of before are older than they seem.
func TestDoubtAfterTheClockWasSet(t *testing.T) {
	now := time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
	l := leakFacts{skew: 48 * time.Hour}
	for ago, want := range map[time.Duration]time.Duration{time.Hour: 0, 47 * time.Hour: 0, 48 * time.Hour: 48 * time.Hour, 50 * time.Hour: 48 * time.Hour} {
		if got := l.doubt(now, now.Add(-ago)); got != want {
			t.Errorf("%s ago: %s, want %s", ago, got, want)
		}
	}
	if got := (&leakFacts{}).doubt(now, now.Add(-time.Hour)); got != 0 {
		t.Errorf("a clock that was not set leaves %s of doubt", got)
	}
}

// A file of an overlay has another device in a mapping than stat(2) tells where its layers lie on two file systems.
func TestDevShmOnAnOverlay(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newSysVScene(t)
		low, up := t.TempDir(), t.TempDir()
		for _, dir := range []string{low, up} {
			s.check(unix.Mount("none", dir, "tmpfs", 0, ""))
			defer unix.Unmount(dir, unix.MNT_DETACH)
		}
		s.check(os.Mkdir(up+"/files", 0o700))
		s.check(os.Mkdir(up+"/work", 0o700))
		err := unix.Mount("none", "/dev/shm", "overlay", 0, fmt.Sprintf("lowerdir=%s,upperdir=%s/files,workdir=%s/work", low, up, up))
		if errors.Is(err, unix.ENODEV) || os.Getuid() != 0 && err != nil {
			t.Skip("needs a kernel with overlays, and the right to mount one: ", err)
		}
		s.check(err)
		defer unix.Unmount("/dev/shm", unix.MNT_DETACH)
		s.check(s.admin.PosixShmCreate("/m", 4096, 0o600))
		s.now = time.Now().Add(time.Hour)
		const why = "/dev/shm is on a file system whose files may have other numbers in mappings: who maps one cannot be told"
		if got := s.verdicts(schema.PShm)["pshm:/m"]; got.Verdict != relate.Unknown || !slices.Contains(got.Reasons, why) {
			t.Errorf("%+v", got)
		}
	})
}
