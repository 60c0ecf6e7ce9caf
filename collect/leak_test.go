package collect

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/account"
	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/kernel/sysv"
	"github.com/ipctop/ipctop/collect/leaks"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/relate"
	"github.com/ipctop/ipctop/collect/schema"
)

// verdictNeeds are the needs of a kind's verdict.
func verdictNeeds(kind schema.Kind) schema.Need {
	for _, m := range Mechanisms() {
		if m.Kind == kind {
			return m.NeedsOf(leaks.IDs())
		}
	}
	return 0
}

// verdictsAt are the verdicts on the objects of a kind at a moment. They are read from the cells. The processes of the
// test that started the reader know no objects.
func verdictsAt(host *kernel.Host, now time.Time, kind schema.Kind, grace time.Duration) map[string]relate.Judgement {
	return verdictsOf(New(host, func() time.Time { return now }, WithLaunchers(1, os.Getppid())), kind, grace)
}

// verdictsOf are the verdicts of a collector.
func verdictsOf(c *Collector, kind schema.Kind, grace time.Duration) map[string]relate.Judgement {
	snap := c.Take(Request{Want: map[schema.Kind]schema.Need{kind: verdictNeeds(kind)}, Grace: grace})
	verdict, reasons := cellOf(kind, "verdict"), cellOf(kind, "reasons")
	got := map[string]relate.Judgement{}
	for _, o := range snap.Objects[kind] {
		got[o.Ref.String()] = relate.Judgement{Verdict: relate.Leak(verdict(o).Str()), Reasons: reasons(o).List()}
	}
	return got
}

// verdicts are the verdicts at the moment of the scene, without a grace time.
func (s *sysvScene) verdicts(kind schema.Kind) map[string]relate.Judgement {
	return verdictsAt(s.host, s.now, kind, NoGrace)
}

// wantVerdict compares the verdict on one object, and all of its reasons.
func (s *sysvScene) wantVerdict(ref string, verdict relate.Leak, reasons ...string) {
	s.Helper()
	kind, _, _ := strings.Cut(ref, ":")
	s.wantJudgement(ref, s.verdicts(schema.Kind(kind))[ref], verdict, reasons...)
}

// wantJudgement compares a judgement. The reason before the age names the users whose processes were looked at. This
// only checks that it is there. TestOrphanSaysWhoseProcessesWereLookedAt compares its words.
func (s *sysvScene) wantJudgement(ref string, got relate.Judgement, verdict relate.Leak, reasons ...string) {
	s.Helper()
	if n := len(got.Reasons); n > 0 &&
		(strings.HasPrefix(got.Reasons[n-1], "it was last used") ||
			strings.HasPrefix(got.Reasons[n-1], "its last use is")) {
		if n < 2 || !strings.HasPrefix(got.Reasons[n-2], "none of the processes of ") {
			s.Errorf("%s: whose processes were looked at is not among %q", ref, got.Reasons)
		}
		got.Reasons = slices.Delete(slices.Clone(got.Reasons), n-2, n-1)
	}
	if diff := gocmp.Diff(relate.Judgement{Verdict: verdict, Reasons: reasons}, got); diff != "" {
		s.Errorf("%s (-want +got):\n%s", ref, diff)
	}
}

// lastUsed is the last reason of a verdict without a grace time.
func (s *sysvScene) lastUsed(sec int64) string {
	ago := s.now.Sub(time.Unix(sec, 0)).String()
	for _, zero := range []string{"m0s", "h0m"} { // 1h0m0s becomes 1h
		if strings.HasSuffix(ago, zero) {
			ago = ago[:len(ago)-2]
		}
	}
	return fmt.Sprintf("it was last used %s ago", ago)
}

func (s *sysvScene) segment(id string) sysv.ShmSegment {
	s.Helper()
	m, err := s.host.ShmStat(atoi(s, id))
	s.check(err)
	return m
}

// died is the reason for a process in a role that is gone.
func died(role string, w *kerneltest.Worker) string {
	return fmt.Sprintf("its %s, process %d, is gone", role, w.PID)
}

const unattached = "nobody has it attached: nattch is 0"

// possibleUser is the reason for a process that is older than the last use of an object.
func (s *sysvScene) possibleUser(pid, uid int, lastUse time.Time) string {
	began := "started before its last use"
	// the reason shows whole seconds
	if start := s.bootTime().Add(time.Duration(s.end(pid).Start) * time.Second / sys.ClockTick); start.After(lastUse) {
		began = "started at about the time of its last use"
	}
	return fmt.Sprintf("could still know it: %d/%s, user %s, %s", pid, s.end(pid).Comm,
		account.NewUsers(true).User(uint32(uid)), began)
}

// All reasons for an orphan are shown. One of them names the users whose processes were looked at.
func TestOrphanSaysWhoseProcessesWereLookedAt(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newSysVScene(t)
		creator := kerneltest.Start(t, "create-segment")
		creator.Finish()
		ref := "shm:" + creator.Words[0]
		want := relate.Judgement{Verdict: relate.Orphan, Reasons: []string{unattached, died("creator", creator),
			"none of the processes of " + account.NewUsers(true).User(uint32(os.Getuid())) +
				" is older than its last use, bystanders aside", s.lastUsed(s.segment(creator.Words[0]).CTime)}}
		if diff := gocmp.Diff(want, s.verdicts(schema.Shm)[ref]); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

func TestSegmentOfADeadCreatorIsAnOrphan(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newSysVScene(t)
		creator := kerneltest.Start(t, "create-segment")
		creator.Finish()
		s.wantVerdict("shm:"+creator.Words[0], relate.Orphan, unattached, died("creator", creator),
			s.lastUsed(s.segment(creator.Words[0]).CTime))
	})
}

func TestSegmentWhoseCreatorLivesIsIdle(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newSysVScene(t)
		creator := kerneltest.Start(t, "create-segment")
		s.wantVerdict("shm:"+creator.Words[0], relate.Idle, unattached,
			fmt.Sprintf("its creator lives: %d/%s", creator.PID, s.end(creator.PID).Comm))
	})
}

// workForkAttached makes and attaches a segment. It has a child, which inherits the mapping (man 2 shmat), and ends.
func workForkAttached(j *kerneltest.Job) {
	a := kernel.NewAdmin()
	id, err := a.ShmGet(sysv.KeyPrivate, 4096, createIPC|0o600)
	j.Check(err)
	_, err = a.ShmAttach(id, false)
	j.Check(err)
	j.Ready(id, forkSleeper(j))
	j.Wait()
}

func TestSegmentOfADeadCreatorThatAChildHasAttachedIsLive(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newSysVScene(t)
		creator := kerneltest.Start(t, "fork-attached")
		child := atoi(t, creator.Words[1])
		defer unix.Kill(child, unix.SIGKILL)
		creator.Finish()
		s.wantVerdict("shm:"+creator.Words[0], relate.Live,
			fmt.Sprintf("%d/%s has it attached", child, s.end(child).Comm))
	})
}

func TestSegmentThatAStoppedProcessHasAttachedIsLive(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newSysVScene(t)
		creator := kerneltest.Start(t, "create-segment")
		user := kerneltest.Start(t, "attach", creator.Words[0])
		creator.Finish()
		s.check(unix.Kill(user.PID, unix.SIGSTOP))
		kerneltest.Eventually(t, "it is stopped", func() bool {
			text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", user.PID))
			s.check(err)
			p, err := process.ParseProcStat(text)
			s.check(err)
			return p.State == 'T'
		})
		s.wantVerdict("shm:"+creator.Words[0], relate.Live,
			fmt.Sprintf("%d/%s has it attached, and is stopped", user.PID, s.end(user.PID).Comm),
			"only stopped processes use it: they go on when somebody sends SIGCONT")
	})
}

func TestRemovedSegmentWithOneHolderIsLive(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newSysVScene(t)
		user := kerneltest.Start(t, "attach-own")
		s.check(s.admin.ShmRemove(atoi(t, user.Words[0])))
		who := fmt.Sprintf("%d/%s", user.PID, s.end(user.PID).Comm)
		s.wantVerdict("shm:"+user.Words[0], relate.Live, who+" has it attached",
			"it is removed already: its memory goes when "+who+" lets go, and removing it again cannot help")
	})
}

// A server maps what its client made, removed and detached. The client is to be asked, not the server.
func TestRemovedSegmentThatAServerMapsForItsCreator(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newSysVScene(t)
		id := s.id(s.admin.ShmGet(sysv.KeyPrivate, 4096, createIPC|0o600))
		server := kerneltest.Start(t, "attach", fmt.Sprint(id))
		s.check(s.admin.ShmRemove(id))
		who := fmt.Sprintf("%d/%s", server.PID, s.end(server.PID).Comm)
		s.wantVerdict(fmt.Sprint("shm:", id), relate.Live, who+" has it attached",
			"it is removed already: its memory goes when "+who+" lets go, and removing it again cannot help; "+
				"ask its creator "+
				fmt.Sprintf("first, process %d, which lives and does not map it", os.Getpid()))
	})
}

// A younger process has the pid of the creator. It does not know the segment.
func TestSegmentWhoseCreatorsPidIsReused(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newSysVScene(t)
		creator := kerneltest.Start(t, "create-segment")
		creator.Finish()
		m := s.segment(creator.Words[0])
		kerneltest.Eventually(t, "a process may be seen to be younger",
			func() bool { return time.Since(time.Unix(m.CTime, 0)) > proc.StartDoubt+100*time.Millisecond })
		var young *kerneltest.Worker
		for range 100 { // the Go runtime of the test may start a thread in between, which takes the number
			s.check(os.WriteFile("/proc/sys/kernel/ns_last_pid", fmt.Append(nil, creator.PID-1), 0))
			if young = kerneltest.Start(t, "wait"); young.PID == creator.PID {
				break
			}
			young.Kill()
		}
		if young.PID != creator.PID {
			t.Fatal("no process got the creator's pid in 100 attempts")
		}
		sinceBoot := time.Duration(s.end(young.PID).Start) * time.Second / sys.ClockTick
		started := s.bootTime().Add(sinceBoot).In(s.now.Location())
		layout := time.TimeOnly
		if started.Format(time.DateOnly) != s.now.Format(time.DateOnly) {
			layout = time.DateTime
		}
		end := s.end(young.PID)
		s.wantVerdict("shm:"+creator.Words[0], relate.Orphan, unattached,
			fmt.Sprintf("pid %d of its creator belongs to a younger process, %d/%s, started %s", creator.PID,
				creator.PID, end.Comm, started.Format(layout)),
			s.lastUsed(m.CTime))
	})
}

func (s *sysvScene) bootTime() time.Time {
	boot, err := sys.BootTime()
	s.check(err)
	return boot
}

func TestFreshSegmentIsSuspect(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newSysVScene(t)
		creator := kerneltest.Start(t, "create-segment")
		creator.Finish()
		ref, made := "shm:"+creator.Words[0], time.Unix(s.segment(creator.Words[0]).CTime, 0)
		gone := died("creator", creator)
		at := func(age, grace time.Duration) relate.Judgement {
			return verdictsAt(s.host, made.Add(age), schema.Shm, grace)[ref]
		}
		s.wantJudgement("4m old", at(4*time.Minute, 0), relate.Suspect, unattached, gone,
			"it was last used 4m ago, within the grace time of 5m")
		s.wantJudgement("5m old", at(5*time.Minute, 0), relate.Orphan, unattached, gone,
			"it was last used 5m ago, longer than the grace time of 5m")
		s.wantJudgement("4m old, 1m of grace", at(4*time.Minute, time.Minute), relate.Orphan, unattached, gone,
			"it was last used 4m ago, longer than the grace time of 1m")
		s.wantJudgement("made this second", at(999*time.Millisecond, NoGrace), relate.Suspect, unattached, gone,
			"it was last used less than a second ago")
		s.wantJudgement("made in the future", at(-time.Hour, NoGrace), relate.Suspect, unattached, gone,
			"its last use is 1h ahead of the clock, which was set since")
	})
}

func TestSegmentThatAnOlderDaemonOfItsOwnerCouldKnowIsSuspect(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newSysVScene(t)
		daemon := kerneltest.Start(t, "wait")
		creator := kerneltest.Start(t, "create-segment")
		creator.Finish()
		s.wantVerdict("shm:"+creator.Words[0], relate.Suspect, unattached, died("creator", creator),
			s.possibleUser(daemon.PID, os.Getuid(), time.Unix(s.segment(creator.Words[0]).CTime, 0)))
		daemon.Kill()
		s.wantVerdict("shm:"+creator.Words[0], relate.Orphan, unattached, died("creator", creator),
			s.lastUsed(s.segment(creator.Words[0]).CTime))
	})
}

// Older processes of other users do not matter, unless one of their ids is the owner's.
func TestSegmentAndOlderProcessesOfOtherUsers(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		if os.Getuid() != 0 || !mayBecome(1234) {
			t.Skip("needs processes of two users")
		}
		s := newSysVScene(t)
		other := kerneltest.StartAs(t, &syscall.Credential{Uid: 1234, Gid: 1234}, "wait")
		creator := kerneltest.Start(t, "create-segment")
		creator.Finish()
		s.wantVerdict("shm:"+creator.Words[0], relate.Orphan, unattached, died("creator", creator),
			s.lastUsed(s.segment(creator.Words[0]).CTime))
		theirs := kerneltest.StartAs(t, &syscall.Credential{Uid: 1234, Gid: 1234}, "create-segment")
		theirs.Finish()
		s.wantVerdict("shm:"+theirs.Words[0], relate.Suspect, unattached, died("creator", theirs),
			s.possibleUser(other.PID, 1234, time.Unix(s.segment(theirs.Words[0]).CTime, 0)))
	})
}

// mayBecome reports true if this user namespace has the uid.
func mayBecome(uid int) bool {
	text, err := os.ReadFile("/proc/self/uid_map")
	if err != nil {
		return false
	}
	m, err := process.ParseIDMap(text)
	if err != nil {
		return false
	}
	_, ok := m.Inside(uint32(uid))
	return ok
}
