package collect

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/account"
	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/kernel/sysv"
	"github.com/ipctop/ipctop/collect/kernel/vfs"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/relate"
	"github.com/ipctop/ipctop/collect/schema"
)

// workMakeAndFork makes a segment, and later a child on command.
func workMakeAndFork(j *kerneltest.Job) {
	id, err := kernel.NewAdmin().ShmGet(sysv.KeyPrivate, 4096, createIPC|0o600)
	j.Check(err)
	j.Ready(id)
	j.Wait()
	pid, _, e := unix.RawSyscall(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0)
	if e != 0 {
		j.Check(e)
	}
	if pid == 0 { // the child has no threads of the Go runtime
		unix.RawSyscall(unix.SYS_SETSID, 0, 0, 0)
		for {
			unix.RawSyscall(unix.SYS_PPOLL, 0, 0, 0)
		}
	}
	j.Ready(pid)
	j.Wait()
}

// A daemon may leave its terminal (daemon(3)) long after it made its objects. It is then younger than the objects, but
// it knows them.
func TestSegmentThatAForkedChildKnowsIsSuspect(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newSysVScene(t)
		creator := kerneltest.Start(t, "make-and-fork")
		id := creator.Words[0]
		kerneltest.Eventually(t, "a child may be seen to be younger", func() bool {
			return time.Since(time.Unix(s.segment(id).CTime, 0)) > proc.StartDoubt+100*time.Millisecond
		})
		creator.Say("fork")
		child := atoi(t, creator.Read()[0])
		defer unix.Kill(child, unix.SIGKILL)
		who := fmt.Sprintf("could still know it: %d/%s, user %s, ", child, s.end(child).Comm,
			account.NewUsers(true).User(uint32(unix.Getuid())))
		creator.Finish()
		s.wantVerdict("shm:"+id, relate.Suspect, unattached, died("creator", creator),
			who+"was forked by a process that has ended and may have known it")
	})
}

// Here /proc belongs to another pid namespace (unshare --pid without --mount-proc). The pids that calls return name no
// process in it.
func TestVerdictsBelowAnotherNamespacesProc(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newSysVScene(t)
		told := t.TempDir() + "/told"
		kerneltest.StartIn(t, unix.CLONE_NEWPID|unix.CLONE_NEWIPC, "verdicts-of-own", fmt.Sprint(s.now.Unix()),
			told, "shm",
			"msg")
		got := s.readVerdicts(told)
		for _, ref := range []string{"shm:0", "msg:0"} {
			if got[ref].Verdict != relate.Unknown {
				t.Errorf("%s: %+v", ref, got[ref])
			}
		}
	})
}

// workVerdictsOfOwn takes the verdicts on a segment and a queue that it makes itself.
func workVerdictsOfOwn(j *kerneltest.Job) {
	a := kernel.NewAdmin()
	_, err := a.ShmGet(sysv.KeyPrivate, 4096, createIPC|0o600)
	j.Check(err)
	_, err = a.MsgGet(sysv.KeyPrivate, createIPC|0o600)
	j.Check(err)
	workVerdicts(j)
}

// If the clock was not set, the first process of a container shows this. It is about as old as its /proc.
func TestFirstProcessIsAsOldAsItsProc(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newSysVScene(t)
		at, ok := s.host.ProcMounted()
		boot := s.bootTime()
		first := boot.Add(time.Duration(s.end(1).Start) * time.Second / sys.ClockTick)
		// Start times are rounded down to clock ticks. Times of files are rounded down to kernel ticks.
		if skew := first.Sub(at); !ok || skew > 50*time.Millisecond || skew < -10*time.Second {
			t.Errorf("/proc was mounted at %v, its first process started at %v", at, first)
		}
	})
}

// Two users share an object by their group. One user has no process any more, and the other has one.
func TestMemoryThatAGroupShares(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		if unix.Getuid() != 0 || !mayBecome(1234) {
			t.Skip("needs processes of two users")
		}
		s := newSysVScene(t)
		other := kerneltest.StartAs(t, &syscall.Credential{Uid: 1234, Gid: 1234, Groups: []uint32{4321}}, "wait")
		made := func(name string, mode os.FileMode) string {
			s.check(s.admin.PosixShmCreate(name, 4096, 0o600))
			s.check(os.Chown("/dev/shm"+name, 0, 4321))
			s.check(os.Chmod("/dev/shm"+name, mode))
			return "pshm:" + name
		}
		shared, own, everybodys := made("/shared", 0o660), made("/own", 0o600), made("/all", 0o666)
		s.now = time.Now().Add(time.Hour)
		got := s.verdicts(schema.PShm)
		s.wantJudgement("shared", got[shared], relate.Suspect, nobodyMaps,
			strings.Replace(s.possibleUser(other.PID, 1234, s.changed("/dev/shm/shared")), "started",
				"is of group 4321, which may use it, and started", 1))
		for _, ref := range []string{own, everybodys} {
			if got[ref].Verdict != relate.Orphan {
				t.Errorf("%s: %+v", ref, got[ref])
			}
		}
	})
}

// A process may map a file only to read it. If the file was already read within the last day, this leaves no trace.
func TestMemoryThatAYoungProcessMayHaveRead(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newSysVScene(t)
		const read, unread = "pshm:/read", "pshm:/unread"
		for _, ref := range []string{read, unread} {
			s.check(s.admin.PosixShmCreate(strings.TrimPrefix(ref, "pshm:"), 4096, 0o600))
		}
		kerneltest.Eventually(t, "its last reading is recorded", func() bool {
			_, err := os.ReadFile("/dev/shm/read")
			s.check(err)
			var st unix.Stat_t
			s.check(unix.Stat("/dev/shm/read", &st))
			return time.Unix(st.Atim.Unix()).After(time.Unix(st.Ctim.Unix()))
		})
		last := time.Now()
		kerneltest.Eventually(t, "a process may be seen to be younger",
			func() bool { return time.Since(last) > proc.StartDoubt+100*time.Millisecond })
		young := kerneltest.Start(t, "wait")
		s.now = time.Now().Add(time.Hour)
		got := s.verdicts(schema.PShm)
		s.wantJudgement("read", got[read], relate.Suspect, nobodyMaps,
			fmt.Sprintf("could still know it: %d/%s, user %s, may have mapped it since: of who reads it, "+
				"the first one in 24 hours is recorded (relatime)",
				young.PID, s.end(young.PID).Comm, account.NewUsers(true).User(uint32(unix.Getuid()))))
		if got[unread].Verdict != relate.Orphan {
			t.Errorf("%+v", got[unread])
		}
		s.check(unix.Mount("", "/dev/shm", "",
			unix.MS_REMOUNT|unix.MS_BIND|unix.MS_NOATIME|unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""))
		s.wantVerdict(unread, relate.Suspect, nobodyMaps,
			fmt.Sprintf("could still know it: %d/%s, user %s, may have mapped it since: nothing records who "+
				"reads it (noatime)",
				young.PID, s.end(young.PID).Comm, account.NewUsers(true).User(uint32(unix.Getuid()))))
	})
}

// A restarted service finds the queue of its predecessor by the key.
func TestQueueWhoseKeyAYoungerProcessCanMake(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newSysVScene(t)
		dir := t.TempDir()
		makeKnownFiles(t, dir)
		id, err := vfs.StatFile(dir + "/open/data")
		s.check(err)
		known := s.id(s.admin.MsgGet(sysv.Ftok(id.Dev, id.Ino, 'q'), createIPC|0o600))
		other := s.id(s.admin.MsgGet(sysv.Ftok(id.Dev, id.Ino, 'q')^0x00a55a5a, createIPC|0o600))
		made := time.Now()
		kerneltest.Eventually(t, "a process may be seen to be younger",
			func() bool { return time.Since(made) > proc.StartDoubt+100*time.Millisecond })
		service := kerneltest.Start(t, "know-files", dir)
		got := s.verdicts(schema.Msg)
		const unwaited = "nobody waits on it: the system calls of every thread were read"
		s.wantJudgement("known", got[fmt.Sprintf("msg:%d", known)], relate.Suspect, unwaited,
			fmt.Sprintf("could still know it: %d/%s, user %s, may have its key of %s/open/data (proj 0x71 'q') by "+
				"ftok: open as fd %s",
				service.PID, s.end(service.PID).Comm, account.NewUsers(true).User(uint32(unix.Getuid())), dir,
				service.Words[0]))
		if got := got[fmt.Sprintf("msg:%d", other)]; got.Verdict != relate.Orphan {
			t.Errorf("of another key: %+v", got)
		}
	})
}

// The owner of a directory may replace it with a link to another one, just before somebody removes a file there by its
// path.
func TestRemovalOfAFileInAnotherUsersDirectory(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		if unix.Getuid() != 0 || !mayBecome(1234) {
			t.Skip("needs a directory of another user")
		}
		s := newSysVScene(t)
		s.check(os.Mkdir("/dev/shm/it's", 0o755))
		for _, path := range []string{"/dev/shm/it's/f", "/dev/shm/it's/g", "/dev/shm/f"} {
			s.check(unix.Mkfifo(path, 0o600))
		}
		s.check(os.Chown("/dev/shm/it's", 1234, 1234))
		s.now = time.Now().Add(time.Hour)
		snap := New(s.host, func() time.Time { return s.now }).Take(Request{
			Want:     map[schema.Kind]schema.Need{schema.Fifo: verdictNeeds(schema.Fifo)},
			Findings: true, Grace: NoGrace})
		advice := map[string]string{}
		for _, f := range snap.Findings {
			advice[f.Refs[0].String()] = f.Advice
		}
		s.equal("in a directory of root's", "rm -- /dev/shm/f", advice[s.fifoRef("/dev/shm/f")])
		file := s.file("/dev/shm/it's/f")
		s.equal("in another user's",
			fmt.Sprintf(`find '/dev/shm/it'\''s' -maxdepth 1 -type p -inum %d -delete`, file.Ino),
			advice[s.fifoRef("/dev/shm/it's/f")])
	})
}

// workDropRoot makes two queues and changes its user.
func workDropRoot(j *kerneltest.Job) {
	a := kernel.NewAdmin()
	open, err := a.MsgGet(sysv.KeyPrivate, createIPC|0o666)
	j.Check(err)
	own, err := a.MsgGet(sysv.KeyPrivate, createIPC|0o600)
	j.Check(err)
	read, err := a.MsgGet(sysv.KeyPrivate, createIPC|0o644)
	j.Check(err)
	j.Check(syscall.Setresgid(1234, 1234, 1234))
	j.Check(syscall.Setresuid(1234, 1234, 1234))
	j.Ready(open, own, read)
	j.Wait()
}

// A daemon makes its queue as root, and then changes its user. A queue does not record the pid of its creator.
func TestQueueWhoseCreatorChangedItsUser(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		if unix.Getuid() != 0 || !mayBecome(1234) {
			t.Skip("needs to change the user")
		}
		s := newSysVScene(t)
		creator := kerneltest.Start(t, "drop-root")
		got := s.verdicts(schema.Msg)
		// it may write to one queue and read from the other
		for _, id := range []string{creator.Words[0], creator.Words[2]} {
			s.wantJudgement("open", got["msg:"+id], relate.Suspect,
				"nobody waits on it: the system calls of every thread were read",
				fmt.Sprintf("could still know it: %d/%s, user 1234, may have been root when it was last used, "+
					"and others may change it", creator.PID, s.end(creator.PID).Comm))
		}
		// it has no rights on this queue any more
		if got := got["msg:"+creator.Words[1]]; got.Verdict != relate.Orphan {
			t.Errorf("%+v", got)
		}
	})
}
