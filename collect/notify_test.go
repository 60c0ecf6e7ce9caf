package collect

import (
	"math"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/fdinfo"
	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/schema"
)

// compareThese compares only the wanted objects, and the edges at them. The test process has more objects of these
// kinds: every Go program has an epoll instance and an eventfd.
func (s *scene) compareThese(kind schema.Kind, want map[string]cells, edges []string) {
	s.Helper()
	s.compareIf(kind, func(ref string) bool { return want[ref] != nil }, want, edges)
}

// compareIf compares the objects whose Refs keep accepts, and the edges at them.
func (s *scene) compareIf(kind schema.Kind, keep func(ref string) bool, want map[string]cells, edges []string) {
	s.Helper()
	slices.Sort(edges)
	kerneltest.EventuallySame(s, func() string {
		rows, all := table(s.take(kind, schema.Pipe), kind)
		var got []string
		for ref := range rows {
			if !keep(ref) {
				delete(rows, ref)
			}
		}
		for _, e := range all {
			if words := strings.Fields(e); keep(words[0]) || keep(words[2]) {
				got = append(got, e)
			}
		}
		return gocmp.Diff(want, rows) + gocmp.Diff(edges, got)
	})
}

// keep closes a new descriptor when the test ends.
func (s *scene) keep(fd int, err error) int {
	s.Helper()
	s.check(err)
	s.Cleanup(func() { unix.Close(fd) })
	return fd
}

// descriptorRef is the Ref of an object without a number that this process has open.
func (s *scene) descriptorRef(kind schema.Kind, fd int) string {
	return string(kind) + ":" + strconv.Itoa(s.self.PID) + "/" + strconv.Itoa(fd)
}

// holdsRef is the edge from this process to one of its descriptors.
func (s *scene) holdsRef(ref string, fd int) string {
	return "proc:" + strconv.Itoa(s.self.PID) + " holds " + ref + " fd " + strconv.Itoa(fd) + " observed"
}

// give starts a process that holds a copy of a descriptor as its descriptor 3. The process ends with the test.
func (s *scene) give(fd int) schema.Endpoint {
	s.Helper()
	cat := exec.Command("cat")
	cat.ExtraFiles = []*os.File{dup(s, fd)}
	in, err := cat.StdinPipe()
	s.check(err)
	s.check(cat.Start())
	cat.ExtraFiles[0].Close()
	s.Cleanup(func() { in.Close(); cat.Wait() })
	st, err := os.ReadFile("/proc/" + strconv.Itoa(cat.Process.Pid) + "/stat")
	s.check(err)
	p, err := process.ParseProcStat(st)
	s.check(err)
	return schema.Endpoint{PID: p.PID, Comm: "cat", FD: 3, Start: p.Start}
}

// sleeps starts a thread of this process that sleeps in a call on a descriptor.
func (s *scene) sleeps(fd int, call string, sleep func()) schema.Endpoint {
	tids := make(chan int)
	done := make(chan struct{})
	go func() {
		runtime.LockOSThread()
		tids <- unix.Gettid()
		sleep()
		close(done)
	}()
	e := s.self
	e.TID, e.FD, e.Mode = <-tids, fd, call
	s.Cleanup(func() { <-done })
	return e
}

func ends(e ...schema.Endpoint) schema.Value { return schema.Endpoints(e, false) }

// edge is a relation in the words of table.
func edge(from, rel, to, via string) string {
	return from + " " + rel + " " + to + " " + via + " observed"
}

func procRef(e schema.Endpoint) string { return e.Ref().String() }

func (s *scene) at(fd int) schema.Endpoint {
	e := s.self
	e.FD = fd
	return e
}

// eventfdRef is the Ref with the number that fdinfo shows.
func (s *scene) eventfdRef(fd int) (ref string, id schema.Value) {
	text, err := os.ReadFile("/proc/self/fdinfo/" + strconv.Itoa(fd))
	s.check(err)
	_, rest, ok := strings.Cut(string(text), "eventfd-id: ")
	n, err := strconv.ParseInt(strings.Fields(rest + " ")[0], 10, 64)
	if !ok || err != nil {
		s.Fatalf("no number in %q", text)
	}
	return "eventfd:" + strconv.FormatInt(n, 10), schema.Int(n)
}

// An eventfd that two processes share is one object, even with several descriptors. A reader of an empty eventfd waits.
func TestEventFDs(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newScene(t)
		full := s.keep(unix.Eventfd(41, unix.EFD_CLOEXEC|unix.EFD_SEMAPHORE))
		again := s.keep(unix.FcntlInt(uintptr(full), unix.F_DUPFD_CLOEXEC, 0))
		cat := s.give(full)
		empty := s.keep(unix.Eventfd(0, unix.EFD_CLOEXEC))
		reader := s.sleeps(empty, "read", func() { unix.Read(empty, make([]byte, 8)) })
		t.Cleanup(func() { unix.Write(empty, []byte{1, 0, 0, 0, 0, 0, 0, 0}) })

		fullRef, fullID := s.eventfdRef(full)
		emptyRef, emptyID := s.eventfdRef(empty)
		s.compareThese(schema.EventFD, map[string]cells{
			fullRef: {"id": fullID, "count": schema.Int(41), "semaphore": schema.Bool(true),
				"holders": ends(s.at(full), s.at(again), cat), "waiters": ends()},
			emptyRef: {"id": emptyID, "count": schema.Int(0), "semaphore": schema.Bool(false),
				"holders": ends(s.at(empty)),
				"waiters": ends(reader)},
		}, []string{
			s.holdsRef(fullRef, full), s.holdsRef(fullRef, again), edge(procRef(cat), "holds", fullRef, "fd 3"),
			s.holdsRef(emptyRef, empty), edge(procRef(reader), "waits_on", emptyRef, "read fd "+strconv.Itoa(empty)),
		})
	})
}

// A count of more than 63 bits must not become negative.
func TestEventFDOfTheLargestCount(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newScene(t)
		fd := s.keep(unix.Eventfd(0, unix.EFD_CLOEXEC))
		_, err := unix.Write(fd, []byte{0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
		s.check(err)
		ref, _ := s.eventfdRef(fd)
		rows, _ := table(s.take(schema.EventFD), schema.EventFD)
		if diff := gocmp.Diff(schema.Int(math.MaxInt64), rows[ref]["count"]); diff != "" {
			t.Error(diff)
		}
	})
}

// Another process changes the count. The new count is shown at once, although its holder has not run since the last
// snapshot.
func TestEventFDOfAnIdleHolder(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newScene(t)
		fd := s.keep(unix.Eventfd(1, unix.EFD_CLOEXEC))
		cat := s.give(fd)
		h, err := kernel.Open("")
		s.check(err)
		c := New(h, time.Now)
		ref, _ := s.eventfdRef(fd)
		count := func() (seen uint64) {
			snap := c.Take(Request{Want: map[schema.Kind]schema.Need{schema.EventFD: 0}})
			for _, o := range snap.Objects[schema.EventFD] {
				for _, u := range o.Row.(*kinds.EventFDRow).Uses {
					if o.Ref.String() == ref && u.Process.PID == cat.PID {
						e, err := fdinfo.ParseEventFD(u.Process.Info[u.FD.ID()].Text)
						s.check(err)
						seen = e.Count
					}
				}
			}
			return seen
		}
		kerneltest.Eventually(t, "the holder to be seen", func() bool { return count() == 1 })
		_, err = unix.Write(fd, []byte{6, 0, 0, 0, 0, 0, 0, 0})
		s.check(err)
		if got := count(); got != 7 {
			t.Errorf("count %d, want 7", got)
		}
	})
}

// An ordinary user sees an eventfd that he shares with a foreign process. He also sees that there may be more holders.
func TestEventFDsOfForeignProcesses(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root, to become another user: a user namespace of an ordinary user has one uid only")
	}
	kerneltest.InNamespace(t, func() {
		s := newScene(t)
		mine := s.keep(unix.Eventfd(5, unix.EFD_CLOEXEC))
		s.give(mine)
		ref, _ := s.eventfdRef(mine)
		s.check(syscall.Setresuid(1000, 1000, 1000))
		s.check(unix.Prctl(unix.PR_SET_DUMPABLE, 1, 0, 0, 0))
		rows, _ := table(s.take(schema.EventFD), schema.EventFD)
		want := []schema.Value{schema.Int(5), schema.Endpoints([]schema.Endpoint{s.at(mine)}, true)}
		if diff := gocmp.Diff(want, []schema.Value{rows[ref]["count"], rows[ref]["holders"]}); diff != "" {
			t.Error(diff)
		}
	})
}
