package collect

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/account"
	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/sysv"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/relate"
	"github.com/ipctop/ipctop/collect/schema"
)

// fromOutside is the reason if processes outside of the pid namespace may use an object.
const fromOutside = "processes outside this pid namespace may use or know it: they cannot be seen"

// workVerdictsBelow takes the verdicts in its own pid namespace, with its own /proc.
func workVerdictsBelow(j *kerneltest.Job) {
	j.Check(unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""))
	j.Check(unix.Mount("proc", "/proc", "proc", 0, ""))
	workVerdicts(j)
}

// A nested pid namespace shares its IPC namespace and /dev/shm with the outer one. There no object is an orphan,
// because the processes outside are not seen.
func TestVerdictsInAPIDNamespaceThatSharesItsIPC(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newSysVScene(t)
		segment := kerneltest.Start(t, "create-segment")
		segment.Finish()
		queue := s.id(s.admin.MsgGet(sysv.KeyPrivate, createIPC|0o600))
		s.check(s.admin.PosixShmCreate("/m", 4096, 0o600))
		s.now = time.Now().Add(time.Hour)
		told := t.TempDir() + "/told"
		kerneltest.StartIn(t, unix.CLONE_NEWPID|unix.CLONE_NEWNS, "verdicts-below", fmt.Sprint(s.now.Unix()),
			told, "shm",
			"msg", "pshm")
		got := s.readVerdicts(told)
		s.wantJudgement("segment", got["shm:"+segment.Words[0]], relate.Unknown, unattached,
			"its creator is outside this pid namespace and cannot be seen")
		s.wantJudgement("queue", got[fmt.Sprintf("msg:%d", queue)], relate.Unknown, fromOutside)
		s.wantJudgement("memory", got["pshm:/m"], relate.Unknown, fromOutside)
	})
}

// workForkLater makes a segment in its own process group. On command it has a child, which knows the segment, and ends.
func workForkLater(j *kerneltest.Job) {
	j.Check(unix.Setpgid(0, 0))
	id, err := kernel.NewAdmin().ShmGet(sysv.KeyPrivate, 4096, createIPC|0o600)
	j.Check(err)
	j.Ready(id)
	j.Wait()
	j.Ready(forkSleeper(j))
	j.Wait()
}

// forkSleeper has a child that sleeps until a signal. The child has no threads of the Go runtime.
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

// workRunLater makes a segment. On command it runs another program, which gets no process group of its own.
func workRunLater(j *kerneltest.Job) {
	j.Check(unix.Setpgid(0, 0))
	id, err := kernel.NewAdmin().ShmGet(sysv.KeyPrivate, 4096, createIPC|0o600)
	j.Check(err)
	j.Ready(id)
	j.Wait()
	child := exec.Command("sleep", "1000")
	j.Check(child.Start())
	j.Ready(child.Process.Pid)
	j.Wait()
}

// A child may be younger than the last use of the segment. Its parent may still have told it about the segment: a
// forked child knows what its parent knew, and another program may have been told.
func TestSegmentOfADeadCreatorWhoseGroupLives(t *testing.T) {
	for _, test := range []struct{ worker, why string }{
		{"fork-later", "was forked by a process that has ended and may have known it"},
		{"run-later", "is of the process group or session of its creator, %d"},
	} {
		t.Run(test.worker, func(t *testing.T) {
			kerneltest.InNamespace(t, func() {
				s := newSysVScene(t)
				creator := kerneltest.Start(t, test.worker)
				m := s.segment(creator.Words[0])
				kerneltest.Eventually(t, "a process may be seen to be younger",
					func() bool { return time.Since(time.Unix(m.CTime, 0)) > proc.StartDoubt+100*time.Millisecond })
				creator.Say("now")
				child := atoi(t, creator.Read()[0])
				defer unix.Kill(child, unix.SIGKILL)
				creator.Finish()
				s.wantVerdict("shm:"+creator.Words[0], relate.Suspect, unattached, died("creator", creator),
					fmt.Sprintf("could still know it: %d/%s, user %s, ", child, s.end(child).Comm,
						account.NewUsers(true).User(uint32(unix.Getuid())))+
						strings.ReplaceAll(test.why, "%d", strconv.Itoa(creator.PID)))
			})
		})
	}
}

// An overlay may have layers on two file systems. Then a mapping shows another device for a file than stat(2).
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
		err := unix.Mount("none", "/dev/shm", "overlay", 0,
			fmt.Sprintf("lowerdir=%s,upperdir=%s/files,workdir=%s/work", low, up, up))
		if errors.Is(err, unix.ENODEV) || os.Getuid() != 0 && err != nil {
			t.Skip("needs a kernel with overlays, and the right to mount one: ", err)
		}
		s.check(err)
		defer unix.Unmount("/dev/shm", unix.MNT_DETACH)
		s.check(s.admin.PosixShmCreate("/m", 4096, 0o600))
		s.now = time.Now().Add(time.Hour)
		const why = "/dev/shm is on a file system whose files may have other numbers in mappings: who maps one " +
			"cannot be told"
		if got := s.verdicts(schema.PShm)["pshm:/m"]; got.Verdict != relate.Unknown ||
			!slices.Contains(got.Reasons, why) {
			t.Errorf("%+v", got)
		}
	})
}

// workVerdictsLater takes the verdicts in its own namespaces, on command. If its last argument asks for it, its /dev
// was mounted by a container engine.
func workVerdictsLater(j *kerneltest.Job) {
	engine := j.Args[len(j.Args)-1]
	j.Args = j.Args[:len(j.Args)-1]
	j.Check(unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""))
	j.Check(unix.Mount("proc", "/proc", "proc", 0, ""))
	if engine != "" {
		// a mount made after this loop is younger than this process, in kernel ticks
		for begin := time.Now(); time.Since(begin) < 20*time.Millisecond; {
			runtime.Gosched()
		}
		j.Check(unix.Mount("none", engine, "tmpfs", 0, ""))
		j.Check(os.Mkdir(engine+"/shm", 0o700))
		j.Check(unix.Mount("/dev/shm", engine+"/shm", "", unix.MS_BIND, ""))
		j.Check(unix.Mount(engine, "/dev", "", unix.MS_BIND|unix.MS_REC, ""))
	}
	host, err := kernel.Open("")
	j.Check(err)
	ipc, err := host.NamespaceID("ipc")
	pid, err2 := host.NamespaceID("pid")
	j.Ready(err == nil && err2 == nil && pid == ipc+1)
	j.Wait()
	workVerdicts(j)
}

// judgeBelow starts a worker that takes the verdicts in a new IPC and pid namespace. The numbers of the two are
// successive if one call makes both, and if no other processor makes a namespace in between. nil: this kernel does not
// number namespaces.
func (s *sysvScene) judgeBelow(told, engine string, kinds ...string) *kerneltest.Worker {
	s.Helper()
	if _, err := s.host.NamespaceID("ipc"); err != nil {
		return nil
	}
	args := slices.Concat([]string{fmt.Sprint(time.Now().Add(time.Hour).Unix()), told}, kinds, []string{engine})
	var w *kerneltest.Worker
	kerneltest.Eventually(s, "two namespaces are made together", func() bool {
		w = kerneltest.StartIn(s, unix.CLONE_NEWPID|unix.CLONE_NEWIPC|unix.CLONE_NEWNS, "verdicts-later", args...)
		return w.Words[0] == "true"
	})
	return w
}

// inIPC runs a function in the IPC namespace of a process.
func (s *sysvScene) inIPC(pid int, do func()) {
	s.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	// the thread's own namespace is opened before the thread leaves it
	for _, path := range []string{"/proc/thread-self/ns/ipc", fmt.Sprintf("/proc/%d/ns/ipc", pid)} {
		fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		s.check(err)
		defer unix.Close(fd)
		if path == "/proc/thread-self/ns/ipc" {
			defer func() { s.check(unix.Setns(fd, unix.CLONE_NEWIPC)) }()
		} else {
			s.check(unix.Setns(fd, unix.CLONE_NEWIPC))
		}
	}
	do()
}

// Another container may be let into the IPC namespace of this one. It is not seen. If it left a trace, no object is an
// orphan any more, because it may know all objects.
func TestVerdictsInAnIPCNamespaceThatAnotherContainerIsIn(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newSysVScene(t)
		told := t.TempDir() + "/told"
		w := s.judgeBelow(told, "", "msg", "sem")
		if w == nil {
			t.Skip("needs namespaces with numbers (Linux 6.18)")
		}
		var queue, raised, untouched, changed int
		s.inIPC(w.PID, func() {
			queue = s.id(s.admin.MsgGet(sysv.KeyPrivate, createIPC|0o600))
			untouched = s.id(s.admin.SemGet(sysv.KeyPrivate, 1, createIPC|0o600))
			raised = s.id(s.admin.SemGet(sysv.KeyPrivate, 1, createIPC|0o600))
			s.check(s.admin.SemOp(raised, []sysv.SemOp{{Op: 1}}, -1))
			changed = s.id(s.admin.SemGet(sysv.KeyPrivate, 1, createIPC|0o600))
			s.check(s.admin.SemOp(changed, []sysv.SemOp{{Op: 1}, {Op: -1}}, -1))
			s.id(s.admin.ShmGet(sysv.KeyPrivate, 4096, createIPC|0o600))
		})
		w.Say("judge")
		w.Read()
		got := s.readVerdicts(told)
		const trace, outside = "processes outside this pid namespace have used objects of this IPC namespace: " +
			"they cannot be seen", "its last user is outside this pid namespace and cannot be seen"
		const either = "its last use left no pid: it was the end of a process that had nothing to undo (SEM_UNDO), " +
			"or a process outside this pid namespace, which cannot be seen"
		for ref, reason := range map[string]string{fmt.Sprintf("msg:%d", queue): trace,
			fmt.Sprintf("sem:%d", untouched): trace,
			fmt.Sprintf("sem:%d", raised):    outside, fmt.Sprintf("sem:%d", changed): either} {
			if got := got[ref]; got.Verdict != relate.Unknown || !slices.Contains(got.Reasons, reason) {
				t.Errorf("%s: %+v", ref, got)
			}
		}
	})
}

// An engine may let other containers into the IPC namespace of this one. Then it gives one /dev/shm to all of them.
func TestVerdictsInAContainerWhoseDevShmIsFromOutside(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newSysVScene(t)
		told := t.TempDir() + "/told"
		w := s.judgeBelow(told, t.TempDir(), "msg")
		if w == nil {
			t.Skip("needs namespaces with numbers (Linux 6.18)")
		}
		var queue int
		s.inIPC(w.PID, func() { queue = s.id(s.admin.MsgGet(sysv.KeyPrivate, createIPC|0o600)) })
		w.Say("judge")
		w.Read()
		s.wantJudgement("a queue", s.readVerdicts(told)[fmt.Sprintf("msg:%d", queue)], relate.Unknown,
			"the /dev/shm of this container is mounted from outside, as engines do for containers that share one "+
				"with its IPC namespace: who else is in there cannot be seen")
	})
}

// A container engine mounts single files of the machine, such as a socket, into directories of the container. The users
// of these files outside are not seen. So the files are passed over, like every mount below /dev/shm.
func TestFilesThatAreMountedFromOutside(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newSysVScene(t)
		deep := t.TempDir() + "/1/2/3/4/5/6" // too deep for the search
		s.files(func() {
			s.check(os.MkdirAll(deep, 0o700))
			s.check(unix.Mkfifo(deep+"/fifo", 0o600))
			fd := s.bind(deep + "/socket")
			s.check(unix.Close(fd))
			s.check(os.WriteFile(deep+"/memory", []byte("x"), 0o600))
			for _, name := range []string{"fifo", "socket", "memory"} {
				s.check(os.WriteFile("/dev/shm/"+name, nil, 0o600))
				s.check(unix.Mount(deep+"/"+name, "/dev/shm/"+name, "", unix.MS_BIND, ""))
				t.Cleanup(func() { unix.Unmount("/dev/shm/"+name, unix.MNT_DETACH) })
			}
		})
		got := map[string]relate.Judgement{}
		for _, kind := range []schema.Kind{schema.Fifo, schema.Unix, schema.PShm} {
			for ref, judgement := range s.verdicts(kind) {
				if judgement.Verdict != "" && judgement.Verdict != relate.Live { // the test itself has sockets
					got[ref] = judgement
				}
			}
		}
		if diff := gocmp.Diff(map[string]relate.Judgement{}, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// /proc lists these processes but does not let the reader in. They are hidden: they did not come and go.
func TestVerdictsUnderHidepid(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		if os.Getuid() != 0 || !mayBecome(1234) {
			t.Skip("needs processes of two users")
		}
		s := newSysVScene(t)
		creator := kerneltest.Start(t, "create-segment")
		creator.Finish()
		s.check(unix.Mount("proc", "/proc", "proc", unix.MS_REMOUNT, "hidepid=1"))
		s.wantJudgement("a segment", s.verdictsAsUser(1234, schema.Shm)["shm:"+creator.Words[0]], relate.Unknown,
			unattached, died("creator", creator),
			"/proc is mounted with hidepid: other users' processes cannot be seen")
	})
}
