package collect

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/account"
	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/schema"
)

// examine runs the doctor now, and returns its findings.
func (s *sysvScene) examine() []schema.Finding {
	s.Helper()
	return ExamineSnapshot(s.host, New(s.host, time.Now).Take(DoctorRequest())).Findings
}

// findingsOn are the findings of a kind on an object. With ref "" they are the findings without an object.
func findingsOn(findings []schema.Finding, kind, ref string) []schema.Finding {
	return slices.DeleteFunc(slices.Clone(findings), func(f schema.Finding) bool {
		return f.Kind != kind || ref != "" && !slices.ContainsFunc(f.Refs,
			func(r schema.Ref) bool { return r.String() == ref })
	})
}

// sysctl sets a limit of the private IPC namespace. An ordinary user may do so since Linux 6.10.
func (s *sysvScene) sysctl(name, text string) {
	s.Helper()
	err := os.WriteFile("/proc/sys/"+strings.ReplaceAll(name, ".", "/"), []byte(text), 0o644)
	if err != nil && s.otherUser() != nil {
		s.Fatal(err)
	}
	if err != nil {
		s.Skipf("needs to set limits of an IPC namespace, which this kernel refuses: %v", err)
	}
}

// untilRefused calls make until it fails. It returns the error's name in the manual.
func untilRefused(tb testing.TB, make func(n int) error) (errno string) {
	tb.Helper()
	for n := range 1000 {
		if err := make(n); err != nil {
			var no unix.Errno
			if !errors.As(err, &no) {
				tb.Fatal(err)
			}
			return unix.ErrnoName(no)
		}
	}
	tb.Fatal("a thousand, and no end")
	return ""
}

// The doctor names the error at a limit. The kernel then returns this error.
func TestDoctorNamesTheErrorAtEachLimit(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newSysVScene(t)
		page, key := sys.PageSize(), uint32(0)
		made := func(make func(key uint32) (int, error)) func(int) error {
			return func(int) error {
				key++
				_, err := make(key)
				return err
			}
		}
		segment := func(pages uint64) func(int) error {
			return made(func(key uint32) (int, error) { return s.admin.ShmGet(key, pages*page, createIPC|0o600) })
		}
		set := made(func(key uint32) (int, error) { return s.admin.SemGet(key, 6, createIPC|0o600) })
		for _, c := range []struct {
			ref, call string
			sysctls   []string
			fill      func(int) error
		}{
			{"limit:MSGMNI", "msgget", []string{"kernel.msgmni=12"},
				made(func(key uint32) (int, error) { return s.admin.MsgGet(key, createIPC|0o600) })},
			{"limit:SHMALL", "shmget", []string{"kernel.shmall=20"}, segment(2)},
			{"limit:SHMMNI", "shmget", []string{"kernel.shmall=4096", "kernel.shmmni=25"}, segment(1)},
			{"limit:SEMMNS", "semget", []string{"kernel.sem=100 60 100 30"}, set},
			{"limit:SEMMNI", "semget", []string{"kernel.sem=100 6000 100 12"}, set},
		} {
			if found := findingsOn(s.examine(), "limit", c.ref); len(found) != 0 {
				t.Errorf("%s before its limit: %+v", c.ref, found)
			}
			for _, line := range c.sysctls {
				name, text, _ := strings.Cut(line, "=")
				s.sysctl(name, text)
			}
			s.wantCritical(c.ref, c.call+" fails with "+untilRefused(t, c.fill))
		}
		s.sysctl("fs.mqueue.queues_max", "3")
		w := kerneltest.StartAs(t, s.otherUser(), "fill-queues")
		s.wantCritical("limit:MQUMNI", "mq_open fails with "+w.Words[0])
	})
}

// wantCritical fails unless there is a critical finding with this text.
func (s *sysvScene) wantCritical(ref, says string) {
	s.Helper()
	found := findingsOn(s.examine(), "limit", ref)
	if len(found) != 1 || found[0].Severity != schema.Critical || !strings.Contains(found[0].Says, says) ||
		found[0].Advice == "" {
		s.Errorf("%s: want that %s, got %+v", ref, says, found)
	}
}

// otherUser is a user other than root. It is nil in a user namespace with only one user.
func (s *sysvScene) otherUser() *syscall.Credential {
	if text, err := os.ReadFile("/proc/self/uid_map"); err != nil || !strings.HasSuffix(string(text), " 4294967295\n") {
		return nil
	}
	return &syscall.Credential{Uid: 54321, Gid: 54321}
}

// workFillQueues makes POSIX queues until the kernel refuses one, and prints the error.
func workFillQueues(j *kerneltest.Job) {
	errno := ""
	for n := 0; errno == ""; n++ {
		_, err := kernel.NewAdmin().MqOpen(fmt.Sprintf("/fill%d", n), create, 0o600, nil)
		var no unix.Errno
		if errors.As(err, &no) {
			errno = unix.ErrnoName(no)
		}
	}
	j.Ready(errno)
	j.Wait()
}

// workFillDescriptors opens files until the kernel refuses one, and prints the error.
func workFillDescriptors(j *kerneltest.Job) {
	runtime.LockOSThread()
	j.Check(unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 40, Max: 40}))
	for {
		_, err := unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		var no unix.Errno
		if errors.As(err, &no) {
			j.Ready(unix.ErrnoName(no))
			j.Wait()
		}
	}
}

func TestDoctorNamesTheErrorOfDescriptors(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newSysVScene(t)
		w := kerneltest.Start(t, "fill-descriptors")
		s.wantCritical(fmt.Sprintf("proc:%d", w.PID), "open, socket, pipe, mq_open and shm_open fail with "+w.Words[0])
	})
}

// The limit on the bytes of a user's queues (RLIMIT_MSGQUEUE) is reached before the limit on their number.
func TestDoctorNamesTheErrorOfQueueBytes(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newSysVScene(t)
		other := s.otherUser()
		if other == nil {
			t.Skip("needs root: it takes all the bytes of a user's queues, which the tests beside it make queues of")
		}
		w := kerneltest.StartAs(t, other, "fill-queues")
		s.wantCritical("pmsg:/fill0", "mq_open fails with "+w.Words[0])
		s.equal("the error", "EMFILE", w.Words[0])
	})
}

func TestDoctorOnDevShm(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newSysVScene(t)
		s.check(unix.Mount("tmpfs", "/dev/shm", "tmpfs", 0, "size=1m,nr_inodes=30"))
		t.Cleanup(func() { unix.Unmount("/dev/shm", unix.MNT_DETACH) })
		says := func() (all []string) {
			for _, f := range findingsOn(s.examine(), "dev-shm", "") {
				all = append(all, string(f.Severity)+": "+f.Says)
			}
			return all
		}
		const small = "warning: /dev/shm is small, 1 MiB: programs that share memory between workers (PyTorch's " +
			"DataLoader, NCCL, databases, browsers) run into ENOSPC or die of SIGBUS"
		s.equal("an empty one", []string{small}, says())

		fd := s.opened(s.admin.ShmOpen("/sparse", create, 0o600))
		s.check(unix.Ftruncate(fd, 1<<20))
		s.equal("a file that fits", []string{small}, says())
		s.check(unix.Ftruncate(fd, 3<<20))
		s.equal("one that promises too much", []string{small,
			"warning: files of /dev/shm promise 3 MiB more than they have, and only 1 MiB are free: who touches the " +
				"rest gets SIGBUS"}, says())
		s.check(os.Remove("/dev/shm/sparse"))
		unix.Close(fd)

		s.check(os.WriteFile("/dev/shm/most", make([]byte, 960<<10), 0o600))
		s.equal("nearly full", []string{small,
			"warning: /dev/shm is nearly full (93 %): soon write fails with ENOSPC, and touching mapped memory for " +
				"the first time is SIGBUS"}, says())
		rest := s.opened(s.admin.ShmOpen("/rest", create, 0o600))
		errno := untilRefused(t, func(int) error { _, err := unix.Write(rest, make([]byte, 4096)); return err })
		s.equal("full", []string{
			"critical: /dev/shm is full (100 %): write fails with " + errno +
				", and touching mapped memory for the first time is SIGBUS", small}, says())

		// Empty files use up the inodes.
		errno = untilRefused(t, func(n int) error {
			fd, err := s.admin.ShmOpen(fmt.Sprint("/n", n), create, 0o600)
			unix.Close(fd)
			return err
		})
		s.wantCritical("limit:SHMFSI", "shm_open and sem_open fail with "+errno)
	})
}

func TestDoctorOnHeldMemory(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newSysVScene(t)
		if found := findingsOn(s.examine(), "held", ""); len(found) != 0 {
			t.Errorf("nothing is held: %+v", found)
		}
		fd := s.opened(s.admin.ShmOpen("/gone", create, 0o600))
		_, err := unix.Write(fd, make([]byte, 3*4096))
		s.check(err)
		maps := kerneltest.Start(t, "map-shm", "/gone")
		var st unix.Stat_t
		s.check(unix.Fstat(fd, &st))
		s.check(os.Remove("/dev/shm/gone"))
		unix.Close(fd)
		id := s.id(s.admin.ShmGet(1, 4*4096, createIPC|0o600))
		attached := kerneltest.Start(t, "attach", fmt.Sprint(id))
		s.check(s.admin.ShmRemove(id))

		found := findingsOn(s.examine(), "held", fmt.Sprint("shm:", id))
		if len(found) != 1 {
			t.Fatalf("%+v", found)
		}
		comm := s.end(maps.PID).Comm
		file := fmt.Sprintf("pshm:%d@%s", st.Ino, schema.FormatDev(st.Dev))
		s.equal("the finding", schema.Finding{Kind: "held", Severity: schema.Info, Proof: schema.Observed,
			Refs: found[0].Refs, Advice: found[0].Advice,
			Says: "16 KiB of memory are deleted but still held: 1 file of /dev/shm, 1 segment of System V",
			Evidence: []string{
				fmt.Sprintf("12 KiB: %s (/dev/shm/gone, unlinked), held by %d/%s", file, maps.PID, comm),
				fmt.Sprintf("4 KiB: shm:%d (removed, 1 attach), held by %d/%s; made by process %d, which lives and "+
					"does not map it",
					id, attached.PID, comm, os.Getpid()),
			}}, found[0])
		if !strings.Contains(found[0].Advice, "end or restart the creator: a server that maps it for its clients") {
			t.Error(found[0].Advice)
		}
	})
}

// workZombies has ended children that it does not reap.
func workZombies(j *kerneltest.Job) {
	for range argument(j, 0) {
		j.Check(exec.Command("true").Start())
	}
	j.Ready()
	j.Wait()
}

func TestDoctorOnZombies(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newSysVScene(t)
		few, many := kerneltest.Start(t, "zombies", "1"), kerneltest.Start(t, "zombies", "12")
		comm := s.end(few.PID).Comm
		says := func() []string {
			var all []string
			for _, f := range findingsOn(s.examine(), "zombies", "") {
				all = append(all, string(f.Severity)+": "+f.Says)
			}
			return all
		}
		want := []string{fmt.Sprintf("warning: %d/%s has not waited for 12 zombies", many.PID, comm),
			fmt.Sprintf("info: %d/%s has not waited for 1 zombie", few.PID, comm)}
		kerneltest.Eventually(t, "thirteen zombies", func() bool { return slices.Equal(want, says()) })
	})
}

func TestDoctorOnFullQueues(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newSysVScene(t)
		s.sysctl("kernel.msgmnb", "10")
		id := s.id(s.admin.MsgGet(1, createIPC|0o600))
		ref := fmt.Sprint("msg:", id)
		s.check(s.admin.MsgSend(id, 1, make([]byte, 9), 0))
		state := func() string {
			found := findingsOn(s.examine(), "queue", ref)
			if len(found) != 1 {
				return fmt.Sprintf("%+v", found)
			}
			return string(found[0].Severity) + ": " + found[0].Says + "; " + strings.Join(found[0].Evidence, "; ")
		}
		s.equal("nearly full", "info: "+ref+
			" is nearly full (90 %): soon msgsnd blocks, or fails with EAGAIN; it holds 9 bytes in 1 message, "+
			"and takes 10 bytes (qbytes); nobody has ever received from it", state())
		sender := kerneltest.Start(t, "send", fmt.Sprint(id))
		tid := s.sleepsIn(sender.PID)
		s.equal("with a sender", fmt.Sprintf("warning: %s is full: a thread sleeps in msgsnd until somebody "+
			"receives; it holds 9 bytes in 1 message, and takes 10 bytes (qbytes); nobody has ever received from "+
			"it; %d/%s, thread %d, sleeps in msgsnd",
			ref, sender.PID, s.end(sender.PID).Comm, tid), state())
	})
}

func TestDoctorOnForcedRemoval(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newSysVScene(t)
		id := s.id(s.admin.ShmGet(1, 4096, createIPC|0o600))
		if found := findingsOn(s.examine(), "rmid-forced", ""); len(found) != 0 {
			t.Errorf("0 is nothing to tell: %+v", found)
		}
		s.sysctl("kernel.shm_rmid_forced", "1")
		found := findingsOn(s.examine(), "rmid-forced", fmt.Sprint("shm:", id))
		if len(found) != 1 || found[0].Severity != schema.Warning {
			t.Errorf("%+v", found)
		}
		// Now the segment is there that the finding warns of.
		data, err := s.admin.ShmAttach(id, false)
		s.check(err)
		s.check(s.admin.ShmDetach(data))
		_, err = s.admin.ShmAttach(id, false)
		if !sys.Gone(err) {
			t.Errorf("after its last detach: %v", err)
		}
	})
}

func TestDoctorCountsOrphans(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newSysVScene(t) // The moment of the scene is in an hour, so that no object is too young.
		now := func() []schema.Finding {
			snap := New(s.host, func() time.Time { return s.now }).Take(DoctorRequest())
			return findingsOn(ExamineSnapshot(s.host, snap).Findings, "leak", "")
		}
		creator := kerneltest.Start(t, "create-segment")
		if found := now(); len(found) != 0 {
			t.Errorf("while the creator lives: %+v", found)
		}
		creator.Finish()
		found := now()
		if len(found) != 1 {
			t.Fatalf("%+v", found)
		}
		ref := "shm:" + creator.Words[0]
		owner := account.NewUsers(true).User(uint32(os.Getuid()))
		s.equal("the finding", schema.Finding{Kind: "leak", Severity: schema.Warning, Proof: schema.Observed,
			Refs: found[0].Refs,
			Says: "an orphan among the System V shared memory segments: nobody uses it, and nobody is left who " +
				"could know it", // its page was never touched, so there is nothing to win
			Evidence: []string{ref + " of " + owner},
			Advice:   "`ipctop leaks` tells of each why, and the command that removes it"}, found[0])
		s.equal("its object", ref, found[0].Refs[0].String())
		s.files(func() {
			s.check(unix.Mkfifo("/dev/shm/fifo", 0o600))
			s.check(os.WriteFile("/dev/shm/file", make([]byte, os.Getpagesize()), 0o600))
		})
		want := map[string][]string{
			ref: {ref + " of " + owner}, "pshm:/file": {"pshm:/file of " + owner + ", " + inWords(os.Getpagesize())},
			s.fifoRef("/dev/shm/fifo"): {s.fifoRef("/dev/shm/fifo") + " /dev/shm/fifo of " + owner}}
		got := map[string][]string{}
		for _, f := range now() {
			got[f.Refs[0].String()] = f.Evidence
		}
		s.equal("the evidence", want, got)

		req := DoctorRequest()
		req.Grace = NoGrace
		snap := New(s.host, func() time.Time { return s.now }).Take(req)
		found = findingsOn(ExamineSnapshot(s.host, snap).Findings, "leak", "")
		if len(found) != 3 || !strings.HasPrefix(found[0].Advice, "`ipctop leaks --grace 0s` tells") {
			t.Errorf("without a grace time: %+v", found)
		}
	})
}

// inWords writes whole KiB as a finding does.
func inWords(bytes int) string { return fmt.Sprintf("%d KiB", bytes/1024) }

// workExamine prints the findings of the doctor with the rights of this process.
func workExamine(j *kerneltest.Job) {
	host, err := kernel.Open("")
	j.Check(err)
	snap := ExamineSnapshot(host, New(host, time.Now).Take(DoctorRequest()))
	said := map[string]string{}
	for _, f := range snap.Findings {
		said[f.Kind] += string(f.Severity) + ": " + f.Says + "; " + strings.Join(f.Evidence, "; ")
	}
	for _, f := range snap.Faults {
		said["not seen: "+f.Source] = ""
	}
	text, err := json.Marshal(said)
	j.Check(err)
	j.Ready(string(text))
}

// An ordinary user sees no holder of an unlinked file, and no unlinked file. But everybody can see that /dev/shm uses
// more memory than its files have.
func TestDoctorOfAnOrdinaryUser(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root: an ordinary user's namespace holds one uid only, so nothing in it is foreign")
	}
	kerneltest.InNamespace(t, func() {
		s := newSysVScene(t)
		s.check(unix.Mount("tmpfs", "/dev/shm", "tmpfs", 0, "size=32m"))
		t.Cleanup(func() { unix.Unmount("/dev/shm", unix.MNT_DETACH) })
		fd := s.opened(s.admin.ShmOpen("/gone", create, 0o600))
		_, err := unix.Write(fd, make([]byte, 2<<20))
		s.check(err)
		s.check(os.Remove("/dev/shm/gone"))
		w := kerneltest.StartAs(t, s.otherUser(), "examine")
		var said map[string]string
		s.check(json.Unmarshal([]byte(strings.Join(w.Words, " ")), &said))
		s.equal("what is held", "info: /dev/shm holds more than its files; 2 MiB more are in use of /dev/shm "+
			"(statfs) than its files and what is named here: deleted and held by processes that could not "+
			"be looked into", said["held"])
		for _, source := range []string{"fd", "maps"} {
			if _, ok := said["not seen: "+source]; !ok {
				t.Errorf("it does not say that it cannot see %s: %v", source, said)
			}
		}

		found := findingsOn(s.examine(), "held", "")
		if len(found) != 1 || len(found[0].Refs) != 1 || !strings.HasPrefix(found[0].Says,
			"2 MiB of memory are deleted but still held: 1 file") {
			t.Errorf("root: %+v", found)
		}
		s.check(os.Mkdir("/dev/shm/dir", 0o700))
		s.check(os.WriteFile("/dev/shm/dir/x", make([]byte, 3<<20), 0o600))
		found = findingsOn(s.examine(), "held", "")
		want := "3 MiB more are in use of /dev/shm (statfs) than its files and what is named here: " +
			"in its directories, or deleted and held by processes that could not be looked into"
		if len(found) != 1 || found[0].Evidence[len(found[0].Evidence)-1] != want {
			t.Errorf("with a directory: %+v", found)
		}
		_, err = unix.Write(fd, make([]byte, 6<<20))
		s.check(err)
		if found = findingsOn(s.examine(), "held", ""); len(found) != 1 || found[0].Severity != schema.Warning {
			t.Errorf("a quarter of /dev/shm: %+v", found)
		}
	})
}

// With many full queues the first ones have a finding each, and one finding counts the others.
func TestDoctorOnManyFullQueues(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newSysVScene(t)
		s.sysctl("kernel.msgmnb", "10")
		for n := range 14 {
			s.check(s.admin.MsgSend(s.id(s.admin.MsgGet(uint32(n+1), createIPC|0o600)), 1, make([]byte, 10), 0))
		}
		found := findingsOn(s.examine(), "queue", "")
		if len(found) != 11 {
			t.Fatalf("%d findings: %+v", len(found), found)
		}
		last := found[10]
		s.equal("the last", []any{schema.Info, "4 more queues are full or nearly so", 4},
			[]any{last.Severity, last.Says, len(last.Refs)})
	})
}
