package collect

import (
	"encoding/json"
	"fmt"
	"os"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/sysv"
	"github.com/ipctop/ipctop/collect/kernel/undo"
	"github.com/ipctop/ipctop/collect/relate"
	"github.com/ipctop/ipctop/collect/schema"
)

// workUseSysV makes a queue and a set of two semaphores. It sends a message, changes one semaphore, and prints the ids.
func workUseSysV(j *kerneltest.Job) {
	a := kernel.NewAdmin()
	queue, err := a.MsgGet(sysv.KeyPrivate, createIPC|0o600)
	j.Check(err)
	j.Check(a.MsgSend(queue, 1, make([]byte, 100), 0))
	set, err := a.SemGet(sysv.KeyPrivate, 2, createIPC|0o600)
	j.Check(err)
	j.Check(a.SemOp(set, []sysv.SemOp{{Num: 1, Op: 1}}, -1))
	j.Ready(queue, set)
	j.Wait()
}

const (
	nobodyWaits  = "nobody waits on it: the system calls of every thread were read"
	noneCounted  = "nobody waits on it: ncount and zcount are 0"
	noUndo       = "nobody holds what its end would undo (SEM_UNDO)"
	nobodyOpened = "nobody has it open: the descriptors of every process were read"
	nobodyMaps   = "nobody has it open or mapped: the descriptors and mappings of every process were read"
	holdsOne     = "it holds 1 message of 100 bytes"
)

func TestQueueWithAMessageOfADeadSender(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newSysVScene(t)
		sender := kerneltest.Start(t, "use-sysv")
		ref := "msg:" + sender.Words[0]
		s.wantVerdict(ref, relate.Idle, nobodyWaits, holdsOne,
			fmt.Sprintf("its last sender lives: %d/%s", sender.PID, s.end(sender.PID).Comm))
		sender.Finish()
		q, err := s.host.MsgStat(atoi(t, sender.Words[0]))
		s.check(err)
		s.wantVerdict(ref, relate.Orphan, nobodyWaits, holdsOne, died("last sender", sender), s.lastUsed(q.STime))
		waiter := kerneltest.Start(t, "receive", sender.Words[0])
		s.sleepsIn(waiter.PID)
		s.wantVerdict(ref, relate.Live,
			fmt.Sprintf("%d/%s waits in msgrcv type 77", waiter.PID, s.end(waiter.PID).Comm))
	})
}

func TestSetOfADeadUser(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newSysVScene(t)
		user := kerneltest.Start(t, "use-sysv")
		ref := "sem:" + user.Words[1]
		s.wantVerdict(ref, relate.Idle,
			s.unusedSet(fmt.Sprintf("its last user lives: %d/%s", user.PID, s.end(user.PID).Comm))...)
		user.Finish()
		set, err := s.host.SemStat(atoi(t, user.Words[1]))
		s.check(err)
		s.wantVerdict(ref, relate.Orphan, s.unusedSet(died("last user", user), s.lastUsed(set.OTime))...)
		waiter := kerneltest.Start(t, "semop", user.Words[1], "0", "-1")
		s.sleepsIn(waiter.PID)
		s.wantVerdict(ref, relate.Live, fmt.Sprintf("%d/%s waits in semop [0] -1", waiter.PID, s.end(waiter.PID).Comm))
	})
}

// The end of a process that only waited with SEM_UNDO dates the set and leaves no pid. No process outside is guessed.
func TestSetThatADeadProcessAskedInVain(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newSysVScene(t)
		id := s.id(s.admin.SemGet(sysv.KeyPrivate, 1, createIPC|0o600))
		waiter := kerneltest.Start(t, "semop", fmt.Sprint(id), "0", "-1", "undo")
		s.sleepsIn(waiter.PID)
		waiter.Kill()
		set, err := s.host.SemStat(id)
		s.check(err)
		if set.OTime == 0 {
			t.Fatal("the end of the waiter did not set otime: nothing is tested")
		}
		s.wantVerdict(fmt.Sprintf("sem:%d", id), relate.Suspect, s.unusedSet(
			"its last use left no pid, as does the end of a process that had nothing to undo (SEM_UNDO)",
			"could still know it: a process that entered this IPC namespace for a while, "+
				"which would leave no pid either")...)
	})
}

// unusedSet returns the reasons for a set that nobody uses any more. They depend on the right to read SEM_UNDO.
func (s *sysvScene) unusedSet(reasons ...string) []string {
	unused := []string{noneCounted}
	if s.readsUndos() {
		unused = append(unused, noUndo)
	}
	return append(unused, reasons...)
}

func (s *sysvScene) readsUndos() bool {
	r, err := undo.Open(s.host.Root)
	if err == nil {
		s.check(r.Close())
	}
	return err == nil
}

func TestSetThatSomebodyHoldsByUndo(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newSysVScene(t)
		if !s.readsUndos() {
			t.Skip("needs the right to load BPF programs")
		}
		set := s.id(s.admin.SemGet(sysv.KeyPrivate, 1, createIPC|0o666))
		w := kerneltest.Start(t, "sem-hold", fmt.Sprint(set), "0", "1")
		s.wantVerdict(fmt.Sprintf("sem:%d", set), relate.Live,
			fmt.Sprintf("%d/%s holds [0]-1, which its end undoes (SEM_UNDO)", w.PID, s.end(w.PID).Comm))
	})
}

// No user of these objects is known. So the verdict depends on the processes that could know them.
func TestSetAndQueueThatNobodyUsedYet(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newSysVScene(t)
		queue := s.id(s.admin.MsgGet(sysv.KeyPrivate, createIPC|0o600))
		set := s.id(s.admin.SemGet(sysv.KeyPrivate, 1, createIPC|0o600))
		q, err := s.host.MsgStat(queue)
		s.check(err)
		s.wantVerdict(fmt.Sprintf("msg:%d", queue), relate.Orphan, nobodyWaits, s.lastUsed(q.CTime))
		m, err := s.host.SemStat(set)
		s.check(err)
		s.wantVerdict(fmt.Sprintf("sem:%d", set), relate.Orphan, noneCounted, s.lastUsed(m.CTime))
	})
}

func TestPosixObjectsThatNobodyHas(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newSysVScene(t)
		s.check(s.admin.PosixMsgCreate("/q", 0o600))
		s.check(s.admin.PosixShmCreate("/m", 4096, 0o600))
		s.check(s.admin.PosixSemCreate("/s", 1, 0o600))
		for ref, object := range map[string]struct{ file, unused string }{
			"pmsg:/q": {"/dev/mqueue/q", nobodyOpened},
			"pshm:/m": {"/dev/shm/m", nobodyMaps},
			"psem:/s": {"/dev/shm/sem.s", nobodyMaps},
		} {
			s.now = s.changed(object.file).Add(time.Hour)
			got := s.verdicts(schema.Kind(ref[:4]))[ref]
			if len(got.Reasons) != 3 { // the last reason has the object's age in nanoseconds
				t.Errorf("%s: %+v", ref, got)
				continue
			}
			s.wantJudgement(ref, got, relate.Orphan, object.unused, "it was last used 1h ago")
		}
		user := kerneltest.Start(t, "map-shm", "/m", "close")
		s.wantVerdict("pshm:/m", relate.Live, fmt.Sprintf("%d/%s maps it", user.PID, s.end(user.PID).Comm))
		sem := kerneltest.Start(t, "sem-wait", "open", "/s")
		s.wantVerdict("psem:/s", relate.Live, fmt.Sprintf("%d/%s maps it", sem.PID, s.end(sem.PID).Comm))
		s.opened(s.admin.MqOpen("/q", unix.O_RDONLY, 0, nil))
		s.wantVerdict("pmsg:/q", relate.Live, fmt.Sprintf("%d/%s has it open", os.Getpid(), s.end(os.Getpid()).Comm))
	})
}

// workMapPrivately makes a private mapping of shared memory, like a program that is run from there. It closes the
// descriptor.
func workMapPrivately(j *kerneltest.Job) {
	fd, err := kernel.NewAdmin().ShmOpen(j.Args[0], unix.O_RDONLY, 0)
	j.Check(err)
	keepMapped(j, fd, unix.MAP_PRIVATE)
}

func TestSharedMemoryThatIsMappedPrivately(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newSysVScene(t)
		s.check(s.admin.PosixShmCreate("/m", 4096, 0o600))
		ticks := New(s.host, func() time.Time { return s.now })
		next := func() relate.Leak { return verdictsOf(ticks, schema.PShm, NoGrace)["pshm:/m"].Verdict }
		if got := next(); got == relate.Live {
			t.Error("nobody maps it, and it is live")
		}
		w := kerneltest.Start(t, "map-privately", "/m")
		s.wantVerdict("pshm:/m", relate.Live, fmt.Sprintf("%d/%s maps it for itself", w.PID, s.end(w.PID).Comm))
		for range 2 { // the second tick has read the mappings before
			if got := next(); got != relate.Live {
				t.Errorf("it is %s in a later tick", got)
			}
		}
		w.Kill()
		if got := next(); got == relate.Live {
			t.Error("its user has ended, and it is live")
		}
	})
}

// A descriptor in a message that nobody has received belongs to no process. But it keeps the queue open.
func TestQueueWhoseDescriptorIsOnItsWay(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newSysVScene(t)
		fd, err := s.admin.MqOpen("/q", create, 0o600, nil)
		s.check(err)
		pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		s.check(err)
		defer unix.Close(pair[0])
		defer unix.Close(pair[1])
		s.check(unix.Sendmsg(pair[0], []byte{0}, unix.UnixRights(fd), nil, 0))
		s.check(unix.Close(fd))
		s.wantVerdict("pmsg:/q", relate.Unknown,
			"1 descriptor is in messages on UNIX sockets (SCM_RIGHTS), which may be of it")
	})
}

// workVerdicts takes the verdicts on kinds with its own rights.
func workVerdicts(j *kerneltest.Job) {
	host, err := kernel.Open("")
	j.Check(err)
	told := map[string]relate.Judgement{}
	for _, kind := range j.Args[2:] {
		for ref, got := range verdictsAt(host, time.Unix(int64(argument(j, 0)), 0), schema.Kind(kind), NoGrace) {
			told[ref] = got
		}
	}
	text, err := json.Marshal(told)
	j.Check(err)
	j.Check(os.WriteFile(j.Args[1], text, 0o600))
	j.Ready()
	j.Wait()
}

// verdictsAsUser are the verdicts that another user gets.
func (s *sysvScene) verdictsAsUser(uid uint32, kinds ...schema.Kind) map[string]relate.Judgement {
	s.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "told")
	s.check(err)
	s.check(os.Chown(dir, int(uid), int(uid)))
	args := []string{fmt.Sprint(s.now.Unix()), dir + "/told"}
	for _, k := range kinds {
		args = append(args, string(k))
	}
	w := kerneltest.StartAs(s, &syscall.Credential{Uid: uid, Gid: uid}, "verdicts", args...)
	w.Kill()
	return s.readVerdicts(dir + "/told")
}

// readVerdicts reads the verdicts that a worker wrote.
func (s *sysvScene) readVerdicts(path string) map[string]relate.Judgement {
	s.Helper()
	text, err := os.ReadFile(path)
	s.check(err)
	got := map[string]relate.Judgement{}
	s.check(json.Unmarshal(text, &got))
	return got
}

// An ordinary user gets full verdicts on all segments. He gets no verdicts that need a look into processes of others.
func TestVerdictsWithoutRights(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		if os.Getuid() != 0 || !mayBecome(1234) {
			t.Skip("needs objects of root and an ordinary user")
		}
		kerneltest.Mqueue(t)
		s := newSysVScene(t)
		used, segment := kerneltest.Start(t, "use-sysv"), kerneltest.Start(t, "create-segment")
		used.Finish()
		segment.Finish()
		s.check(s.admin.PosixMsgCreate("/q", 0o600))
		s.check(s.admin.PosixShmCreate("/m", 4096, 0o600))
		s.check(s.admin.PosixSemCreate("/s", 1, 0o600))
		got := s.verdictsAsUser(1234, schema.Msg, schema.Sem, schema.Shm, schema.PMsg, schema.PSem, schema.PShm)
		unread := "the descriptors and mappings of 2 processes could not be read"
		for ref, want := range map[string]relate.Judgement{
			"shm:" + segment.Words[0]: {Verdict: relate.Orphan,
				Reasons: []string{unattached, died("creator", segment), s.lastUsed(s.segment(segment.Words[0]).CTime)}},
			"msg:" + used.Words[0]: {Verdict: relate.Unknown, Reasons: []string{
				"who waits on it is not known: the system calls of 2 processes could not be read", holdsOne,
				died("last sender", used)}},
			"sem:" + used.Words[1]: {Verdict: relate.Unknown,
				Reasons: []string{"its values, its waiters and who changed it last could not be read " +
					"(permission denied)"}},
			"pmsg:/q": {Verdict: relate.Unknown, Reasons: []string{unread}},
			"pshm:/m": {Verdict: relate.Unknown, Reasons: []string{unread}},
			"psem:/s": {Verdict: relate.Unknown, Reasons: []string{unread}},
		} {
			s.wantJudgement(ref, got[ref], want.Verdict, want.Reasons...)
		}
	})
}

func TestDirectoryInDevShmHasNoVerdict(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newSysVScene(t)
		s.check(os.Mkdir("/dev/shm/d", 0o700))
		s.wantVerdict("pshm:/d", relate.Unknown, "it is a directory, not shared memory: what it is used for "+
			"is not looked at")
	})
}
