package actions

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/schema"
)

// posix returns the Ref of a POSIX object.
func (m *machine) posix(kind schema.Kind, name string) schema.Ref {
	m.t.Helper()
	file, err := posixKinds()[kind].stat(m.host, name)
	m.ok(err)
	return schema.Ref{Kind: kind, Name: name, Gen: file.Ino}
}

// queue makes a queue with this number of messages. Nobody has it open.
func (m *machine) queue(name string, messages int) schema.Ref {
	m.t.Helper()
	fd, err := m.admin.MqOpen(name, unix.O_RDWR|unix.O_CREAT|unix.O_EXCL, 0o600, nil)
	m.ok(err)
	defer unix.Close(fd)
	for range messages {
		m.ok(m.admin.MqSend(fd, []byte("x"), 0))
	}
	return m.posix(schema.PMsg, name)
}

// workMqOpen opens a queue and waits.
func workMqOpen(j *kerneltest.Job) {
	_, err := kernel.NewAdmin().MqOpen(j.Args[0], unix.O_RDWR, 0, nil)
	j.Check(err)
	j.Ready()
	j.Wait()
}

func TestAnUnusedPosixQueueIsRemoved(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		m := live(t)
		r := m.queue("/jobs", 2)
		p := m.removal(r)
		want := []string{
			"Remove 1 object",
			fmt.Sprintf("pmsg:/jobs: POSIX message queue /jobs (owner %s) loses its name; nobody uses it, "+
				"so that it is gone at once; its 2 messages are lost", ownName()),
			"  verdict: " + p.Steps[0].Verdict,
			"  same as: ipcrm --posix-mqueue /jobs",
			undoNote,
		}
		if diff := cmp.Diff(want, p.Lines()); diff != "" || p.Live() != 0 {
			t.Errorf("%d live\n%s", p.Live(), diff)
		}
		// The verdict also gives the age. It is unknown if the kernel does not tell which namespaces were made
		// together.
		if word, _, _ := strings.Cut(p.Steps[0].Verdict, ": "); word != "suspect" && word != "unknown" {
			t.Errorf("the verdict on a queue that is not five minutes old: %q", p.Steps[0].Verdict)
		}
		if diff := cmp.Diff([]string{"done pmsg:/jobs: removed"}, m.run(p)); diff != "" {
			t.Error(diff)
		}
		if _, err := m.host.PosixQueueStat("/jobs"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("after the removal: %v", err)
		}
	})
}

func TestAPosixQueueInUseAsksForItsName(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		m := live(t)
		r := m.queue("/jobs", 0)
		w := kerneltest.Start(t, "mq-open", "/jobs")
		p := m.removal(r)
		if len(p.Steps) != 1 || p.Steps[0].Confirm != "/jobs" || !p.Steps[0].Live {
			t.Fatalf("got %+v", p.Steps)
		}
		comm, err := proc.StatOf(m.host, w.PID)
		m.ok(err)
		if diff := cmp.Diff([]string{fmt.Sprintf("%s (pid %d) has it open", comm.Comm, w.PID)},
			p.Steps[0].Affected); diff != "" {
			t.Error(diff)
		}
		want := []string{"done pmsg:/jobs: its name is gone; its memory is free when the last process that " +
			"uses it is done"}
		if diff := cmp.Diff(want, m.run(p)); diff != "" {
			t.Error(diff)
		}
	})
}

func TestAPosixNameThatIsAnothersByNowIsRefused(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		m := live(t)
		r := m.queue("/jobs", 0)
		p := m.removal(r)
		m.ok(m.admin.PosixMsgRemove("/jobs"))
		other := m.queue("/jobs", 1)
		m.refused(p, r, "changed since it was shown: it is gone, or another object has its name: look at it again")
		p = m.removal(r)
		want := []Refusal{{r, fmt.Sprintf("it is not the object that was shown: inode was %d, is %d: look at it again",
			r.Gen, other.Gen)}}
		if diff := cmp.Diff(want, p.Refused); diff != "" {
			t.Error(diff)
		}
		if _, err := m.host.PosixQueueStat("/jobs"); err != nil {
			t.Errorf("the other queue: %v", err)
		}
	})
}

func TestAPosixQueueUsedSinceThePlanIsRefused(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		m := live(t)
		r := m.queue("/jobs", 0)
		p := m.removal(r)
		fd, err := m.admin.MqOpen("/jobs", unix.O_WRONLY, 0, nil)
		m.ok(err)
		m.ok(m.admin.MqSend(fd, []byte("x"), 0))
		m.ok(unix.Close(fd))
		m.refused(p, r, "changed since it was shown: content was 0, is 1")
	})
}

// workMapShm maps shared memory, closes its descriptor and waits.
func workMapShm(j *kerneltest.Job) {
	fd, err := kernel.NewAdmin().ShmOpen(j.Args[0], unix.O_RDWR, 0)
	j.Check(err)
	_, err = unix.Mmap(fd, 0, 4096, unix.PROT_READ, unix.MAP_SHARED)
	j.Check(err)
	j.Check(unix.Close(fd))
	j.Ready()
	j.Wait()
}

func TestMappedPosixSharedMemoryOnlyLosesItsName(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		m := live(t)
		m.ok(m.admin.PosixShmCreate("/cache", 8192, 0o600))
		w := kerneltest.Start(t, "map-shm", "/cache")
		p := m.removal(m.posix(schema.PShm, "/cache"))
		comm, err := proc.StatOf(m.host, w.PID)
		m.ok(err)
		want := []string{
			"Remove 1 object",
			fmt.Sprintf("pshm:/cache: POSIX shared memory /cache (owner %s) loses its name; it goes away, "+
				"and its memory is free, when the last process that uses it has closed and unmapped it; "+
				"until then they go on, apart from those that open it later", ownName()),
			fmt.Sprintf("  affects: %s (pid %d) has it mapped", comm.Comm, w.PID),
			"  not saved: what those that use it write later: the copy is made right before the removal",
			"  same as: ipcrm --posix-shmem /cache",
			undoNote,
		}
		if diff := cmp.Diff(want, p.Lines()); diff != "" || p.Steps[0].Confirm != "/cache" {
			t.Error(diff, p.Steps)
		}
		want = []string{"done pshm:/cache: its name is gone; its memory is free when the last process that " +
			"uses it is done"}
		if diff := cmp.Diff(want, m.run(p)); diff != "" {
			t.Error(diff)
		}
		snap := m.survey(newPlan(m.Planner, "", ""), []schema.Ref{{Kind: schema.PShm}}, removalNeeds).snap
		left := snap.Objects[schema.PShm]
		if len(left) != 1 || left[0].Ref.Name != "" {
			t.Fatalf("left: %+v", left)
		}
		refused := []Refusal{{left[0].Ref,
			"it has no name any more and goes away with the last process that uses it: end those with ipctop signal " +
				"TERM --to holders " + left[0].Ref.String()}}
		if diff := cmp.Diff(refused, m.removal(left[0].Ref).Refused); diff != "" {
			t.Error(diff)
		}
	})
}

// Any user chooses a name. An admin copies a command from a plan or from the journal: a shell must read the name as one
// word.
func TestEquivalentsAreQuoted(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		m := live(t)
		names := []string{"/we ird$(x)", "/a;b", "/it's", "/tab\there"}
		for _, name := range names {
			m.ok(m.admin.PosixShmCreate(name, 1, 0o600))
		}
		m.ok(m.admin.PosixMsgCreate("/a b", 0o600))
		m.ok(m.admin.PosixSemCreate("/*", 0, 0o600))
		p := m.removal(m.posix(schema.PShm, names[0]), m.posix(schema.PShm, names[1]), m.posix(schema.PShm, names[2]),
			m.posix(schema.PShm, names[3]),
			m.posix(schema.PMsg, "/a b"), m.posix(schema.PSem, "/*"))
		want := []string{
			`ipcrm --posix-shmem '/we ird$(x)'`, `ipcrm --posix-shmem '/a;b'`, `ipcrm --posix-shmem '/it'\''s'`,
			`ipcrm --posix-shmem $'/tab\011here'`,
			`ipcrm --posix-mqueue '/a b'`, `ipcrm --posix-semaphore '/*'`,
		}
		var got []string
		for _, s := range p.Steps {
			got = append(got, s.Equivalent)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		m.ok(NewDirect(m.host, func() *Journal { return m.journal }, false).RemovePosixShm(names[0]))
		if l := m.journalled(); len(l) != 1 || l[0]["equivalent"] != want[0] {
			t.Errorf("%v", l)
		}
	})
}

func TestWhatNoShmOpenMadeIsRefused(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		m := live(t)
		m.ok(os.Symlink("/etc/passwd", "/dev/shm/link"))
		r := m.posix(schema.PShm, "/link")
		want := []Refusal{{r, "it is no regular file, so that no POSIX call has made it: look at /dev/shm/link and " +
			"remove it with rm or rmdir"}}
		if diff := cmp.Diff(want, m.removal(r).Refused); diff != "" {
			t.Error(diff)
		}
	})
}

func TestAPosixSemaphoreIsRemoved(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		m := live(t)
		m.ok(m.admin.PosixSemCreate("/gate", 1, 0o600))
		if diff := cmp.Diff([]string{"done psem:/gate: removed"},
			m.run(m.removal(m.posix(schema.PSem, "/gate")))); diff != "" {
			t.Error(diff)
		}
		if left, err := m.host.AllPosixSems(false); err != nil || len(left) != 0 {
			t.Errorf("left: %v (%v)", left, err)
		}
	})
}
